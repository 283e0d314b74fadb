"""Money in several currencies: one conversion a deal, at the rate of its day, never a silent 1.0."""

from __future__ import annotations

from collections import defaultdict

from ledger_books import RULE_MODELS, credits, entries, load

from attribution.engine import Store

TOUCHES = "touch_id,visitor_id,at\nt1,v1,2025-01-01\nt2,v1,2025-01-02"
WHO = "visitor_id,email,at\nv1,a@x.test,2025-01-01"
# 28 February 2025 was a Friday
FRIDAY = "date,currency,rate\n2025-02-28,USD,0.79\n2025-02-27,USD,0.5"


def _deals(*rows: str) -> str:
    return "\n".join(
        ["deal_id,status,closed_at,amount,currency,emails", *(f"{row},a@x.test" for row in rows)]
    )


def _reporting(store: Store, model: str = "linear") -> dict[str, dict[str, int | None]]:
    """Return the reporting amount of each touch by deal; None where no entry has one."""
    sums: dict[str, dict[str, int | None]] = defaultdict(dict)
    for entry in entries(store):
        if entry.model == model and entry.kind == "won":
            so_far = sums[entry.key].get(entry.touch)
            amount = entry.reporting if so_far is None else so_far + (entry.reporting or 0)
            sums[entry.key][entry.touch] = amount
    return dict(sums)


def _prepare(store: Store, *deals: str, rates: str = FRIDAY) -> None:
    store.config_set("reporting_currency", "GBP")
    load(store, touches=TOUCHES, identities=WHO, rates=rates, deals=_deals(*deals))


def _run(store: Store) -> None:
    store.run(models=["linear"], goals=["revenue"])


def test_a_weekend_takes_fridays_rate_and_a_week_is_as_old_as_a_rate_may_be(store: Store) -> None:
    """Sunday and the Friday after use it, the Saturday after that has none, and no deal before it has one."""
    _prepare(
        store,
        "sunday,won,2025-03-02,100.00,USD",
        "week-old,won,2025-03-07,100.00,USD",
        "eight-days,won,2025-03-08,100.00,USD",
        "too-early,won,2025-02-26,100.00,USD",
        "thursday,won,2025-02-27,100.00,USD",
        "pounds,won,2025-03-08,100.00,GBP",
    )
    _run(store)
    assert _reporting(store) == {
        "sunday": {"t1": 3950, "t2": 3950},
        "week-old": {"t1": 3950, "t2": 3950},
        "eight-days": {"t1": None, "t2": None},
        "too-early": {"t1": None, "t2": None},
        "thursday": {"t1": 2500, "t2": 2500},
        "pounds": {"t1": 5000, "t2": 5000},
    }
    # its own money is shared out all the same, rate or no rate
    assert credits(store, "eight-days") == {"t1": 5000, "t2": 5000}


def test_a_deal_is_converted_once_half_up_and_then_shared(store: Store) -> None:
    """10.00 at 0.79055 is 7.9055, so 7.91: 3.96 + 3.95, not twice 3.95; half a penny rounds up."""
    _prepare(
        store,
        "D,won,2025-03-01,10.00,USD",
        "half,won,2025-03-01,0.01,EUR",
        "under,won,2025-03-01,0.01,CHF",
        rates="date,currency,rate\n2025-03-01,USD,0.79055\n2025-03-01,EUR,0.5\n2025-03-01,CHF,0.4999",
    )
    store.run(models=RULE_MODELS, goals=["revenue"])
    for model in RULE_MODELS:
        found = _reporting(store, model)
        assert {key: sum(value or 0 for value in found[key].values()) for key in found} == {
            "D": 791, "half": 1, "under": 0,
        }  # fmt: skip
    assert _reporting(store)["D"] == {"t1": 396, "t2": 395}


def test_adjustments_take_the_deals_rate_and_the_net_is_what_is_converted(store: Store) -> None:
    """Of 10.00, 5.00 are refunded: the net is 3.95275, so 3.95; the refund is what that lacks of 7.91."""
    _prepare(
        store,
        "D,won,2025-03-01,10.00,USD",
        rates="date,currency,rate\n2025-03-01,USD,0.79055\n2025-04-01,USD,0.9",
    )
    load(store, adjustments="adjustment_id,deal_id,at,amount,currency\nA,D,2025-04-01,-5.00,USD")
    _run(store)
    assert _reporting(store)["D"] == {"t1": 198, "t2": 197}
    refund = {entry.touch: entry.reporting for entry in entries(store) if entry.at.startswith("2025-04-01")}
    assert refund == {"t1": -198, "t2": -198}


def test_a_negative_net_mirrors_a_positive_one(store: Store) -> None:
    """Refunded beyond its value, a deal is worth minus as much as the other way round."""
    _prepare(store, "D,won,2025-03-01,10.00,USD", rates="date,currency,rate\n2025-03-01,USD,0.79055")
    load(store, adjustments="adjustment_id,deal_id,at,amount,currency\nA,D,2025-04-01,-20.00,USD")
    _run(store)
    assert _reporting(store)["D"] == {"t1": -396, "t2": -395}
    assert credits(store, "D") == {"t1": -500, "t2": -500}


def test_currencies_of_no_and_of_three_decimals(store: Store) -> None:
    """1,001 yen at 0.005 are 5.005 pounds, 5.01; 1.235 dinar at 2.5 are 3.0875, 3.09."""
    _prepare(
        store,
        "yen,won,2025-03-01,1001,JPY",
        "dinar,won,2025-03-01,1.235,KWD",
        rates="date,currency,rate\n2025-03-01,JPY,0.005\n2025-03-01,KWD,2.5",
    )
    _run(store)
    assert credits(store, "yen") == {"t1": 501, "t2": 500}
    assert credits(store, "dinar") == {"t1": 618, "t2": 617}
    assert _reporting(store) == {"yen": {"t1": 251, "t2": 250}, "dinar": {"t1": 155, "t2": 154}}


def test_reporting_in_yen(store: Store) -> None:
    """Into a currency of no decimals: 9.99 pounds at 190.05 are 1,898.5995, 1,899 yen."""
    store.config_set("reporting_currency", "JPY")
    load(
        store,
        touches=TOUCHES,
        identities=WHO,
        rates="date,currency,rate\n2025-03-01,GBP,190.05",
        deals=_deals("D,won,2025-03-01,9.99,GBP"),
    )
    _run(store)
    assert _reporting(store) == {"D": {"t1": 950, "t2": 949}}


def test_a_rate_that_comes_later_is_taken_up(store: Store) -> None:
    """A deal without a rate gets its reporting amount, one that had one is corrected; its own money stays."""
    _prepare(store, "D,won,2025-03-08,100.00,USD", "sunday,won,2025-03-02,100.00,USD")
    _run(store)
    load(store, rates="date,currency,rate\n2025-03-07,USD,0.8\n2025-03-01,USD,0.7")
    _run(store)
    assert _reporting(store) == {"D": {"t1": 4000, "t2": 4000}, "sunday": {"t1": 3500, "t2": 3500}}
    later = [entry for entry in entries(store) if entry.run == 2]
    assert {(entry.minor, entry.share, entry.reason) for entry in later} == {(0, 0, "recomputed")}
    # a corrected rate replaces the first
    load(store, rates="date,currency,rate\n2025-03-07,USD,0.9")
    _run(store)
    assert _reporting(store)["D"] == {"t1": 4500, "t2": 4500}
    _run(store)
    assert {entry.run for entry in entries(store)} == {1, 2, 3}


def test_the_day_is_that_of_the_reporting_timezone(store: Store) -> None:
    """Half past midnight on Monday, UTC, is Sunday in New York; choosing that zone later restates."""
    rates = "date,currency,rate\n2025-02-28,USD,0.79\n2025-03-03,USD,0.8"
    _prepare(store, "D,won,2025-03-03T00:30:00Z,100.00,USD", rates=rates)
    _run(store)
    assert _reporting(store) == {"D": {"t1": 4000, "t2": 4000}}
    store.config_set("timezone", "America/New_York")
    _run(store)
    assert _reporting(store) == {"D": {"t1": 3950, "t2": 3950}}


def test_the_only_currency_is_the_reporting_currency_from_the_first_run_on(store: Store) -> None:
    """Pounds come first and are fixed; dollars that come later have no rate until there is one."""
    load(store, touches=TOUCHES, identities=WHO, deals=_deals("D,won,2025-03-01,10.00,GBP"))
    assert store.run(models=["linear"], goals=["revenue"]).currency == "GBP"
    load(store, deals=_deals("D2,won,2025-03-01,10.00,USD"))
    assert store.run(models=["linear"], goals=["revenue"]).currency == "GBP"
    assert _reporting(store) == {"D": {"t1": 500, "t2": 500}, "D2": {"t1": None, "t2": None}}
    # a deal whose currency is corrected is worth as much of the other one
    load(store, deals=_deals("D2,won,2025-03-01,10.00,GBP"))
    _run(store)
    assert _reporting(store)["D2"] == {"t1": 500, "t2": 500}
