"""Nothing is advised on money that is known to be missing, nor on what nobody knows the place of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_shop import open_shop

from attribution.engine import Store
from attribution.metrics.answer import Answer
from attribution.metrics.recommend_spend import nameless

Csv = Callable[[str, str], Path]
SPEND = "date,cost,currency,kind,platform,source,medium,campaign,ad"


def shop(
    store: Store, csv: Csv, touches: dict[str, int], *spend: str, us: str = "GBP", rates: str = ""
) -> Store:
    """Fill a store: touches as `source,medium,campaign,ad` with how many customers of 100.00 each has."""
    lines = ["touch_id,visitor_id,at,source,medium,campaign,ad"]
    leads, deals = ["lead_id,created_at,visitor_id"], []
    for touch, count in touches.items():
        currency = us if "us" in touch.split(",") else "GBP"
        for _ in range(count):
            n = len(leads)
            lines.append(f"t{n},v{n},2025-01-01T09:00:00Z,{touch}")
            leads.append(f"L{n},2025-01-02T00:00:00Z,v{n}")
            deals.append(f"D{n},won,2025-01-03T00:00:00Z,2025-02-01T00:00:00Z,100.00,{currency},L{n}")
    return open_shop(
        store, csv, touches="\n".join(lines), leads="\n".join(leads),
        deals="\n".join(["deal_id,status,created_at,closed_at,amount,currency,lead_id", *deals]),
        spend="\n".join([SPEND, *spend]), adjustments="adjustment_id,deal_id,at,amount,currency",
        rates=f"date,currency,rate\n{rates}",
    )  # fmt: skip


def told(answer: Answer) -> dict[str, tuple[object, ...]]:
    dims = list(answer.columns)[: list(answer.columns).index("spend")]
    return {
        " / ".join(row[dim] for dim in dims): (row["spend"], row["value"], row["roi"], row["advice"])
        for row in answer.rows
    }


CAMPAIGNS = {"google,cpc,uk,": 40, "google,cpc,us,": 60}
UK = "2025-01-01,1000.00,GBP,media,,google,cpc,uk,"
US = "2025-01-01,500.00,GBP,media,,google,cpc,us,"


def test_value_without_a_rate(store: Store, csv: Csv) -> None:
    """60 deals in dollars for 500.00: what they are worth is not known, and not nothing."""
    answer = shop(store, csv, CAMPAIGNS, UK, US, us="USD").recommend("campaign", model="linear")
    assert told(answer) == {
        "uk": ("1000.00", "4000.00", 3.0, "scale"), "us": ("500.00", "0.00", None, "not enough data"),
    }  # fmt: skip
    us = answer.rows[1]
    assert us["because"] == "value without a rate: import rates, then run again"
    assert (us["low"], us["high"]) == (None, None)
    assert (
        "revenue leaves out 6,000.00 USD (of us): no rate within 7 days; import rates, then run again"
    ) in answer.warnings
    assert any("the advice of all 1 together" in text for text in answer.warnings)


def test_spend_without_a_rate(store: Store, csv: Csv) -> None:
    """6,000.00 for 500.00 and 50,000 dollars: at 0.80 a loss, and without a rate nobody knows."""
    dollars = "2025-01-02,50000.00,USD,media,,google,cpc,us,"
    only = "2025-01-02,10.00,USD,media,,google,cpc,more,"
    opened = shop(store, csv, CAMPAIGNS, UK, US, dollars, only)
    answer = opened.recommend("campaign", model="linear")
    assert told(answer) == {
        "uk": ("1000.00", "4000.00", 3.0, "scale"), "us": ("500.00", "6000.00", None, "not enough data"),
        "more": ("0.00", "0.00", None, "not enough data"),
    }  # fmt: skip
    assert answer.rows[1]["because"].startswith("spend without a rate")
    assert any(text.startswith("spend leaves out 50,010.00 USD (of more, us): ") for text in answer.warnings)


def test_with_rates_both_are_judged(sqlite_store: Store, csv: Csv) -> None:
    """At 0.80 the deals are 4,800.00, and 50,500.00 less a fifth of the dollars are 40,500.00."""
    dollars = "2025-01-02,50000.00,USD,media,,google,cpc,us,"
    opened = shop(
        sqlite_store, csv, CAMPAIGNS, UK, US, dollars, us="USD",
        rates="2025-01-01,USD,0.80\n2025-01-30,USD,0.80",
    )  # fmt: skip
    assert told(opened.recommend("campaign", model="linear"))["us"] == (
        "40500.00", "4800.00", 4800 / 40500 - 1, "cut",
    )  # fmt: skip


def test_remainders_and_fees(store: Store, csv: Csv) -> None:
    """1,200.00 on a campaign, of which 700.00 on ad x; 300.00 on a day of no ads; a fee of 800.00."""
    opened = shop(
        store, csv, {"google,cpc,c,x": 60},
        "2025-01-01,1200.00,GBP,media,google_ads,google,cpc,c,",
        "2025-01-01,700.00,GBP,media,google_ads,google,cpc,c,x",
        "2025-01-02,300.00,GBP,media,google_ads,google,cpc,c,",
        "2025-01-01,800.00,GBP,fee,,,,,",
    )  # fmt: skip
    answer = opened.recommend("campaign,ad", model="linear")
    assert told(answer) == {
        "(not set) / (not set)": ("800.00", "0.00", -1.0, "not enough data"),
        "c / x": ("700.00", "6000.00", 6000 / 700 - 1, "scale"),
        "c / (other)": ("500.00", "0.00", -1.0, "not enough data"),
        "c / (not set)": ("300.00", "0.00", -1.0, "not enough data"),
    }  # fmt: skip
    assert [row["because"] for row in answer.rows if row["ad"] != "x"] == [
        "these are fees for no campaign and ad in particular: no value can be set against them",
        "no touch is credited to (other): it is what finer rows leave of a total",
        "this was spent without saying on which ad, and value is known by it: the two do not meet here",
    ]
    by_channel = told(opened.recommend("channel", model="linear"))
    assert by_channel["Paid Search"][::3] == ("1500.00", "scale")
    assert by_channel["(not set)"][3] == "not enough data"
    # a fee of a campaign is part of what the campaign cost
    assert told(opened.recommend("campaign", model="linear"))["c"][0] == "1500.00"


def test_what_has_no_name_on_either_side_meets(sqlite_store: Store, csv: Csv) -> None:
    """A podcast without campaigns: its touches name none either, those of others are not its own."""
    opened = shop(
        sqlite_store, csv, {"google,cpc,c,x": 20, "podcast,audio,,": 30},
        "2025-01-01,9000.00,GBP,media,,podcast,audio,,",
    )  # fmt: skip
    assert told(opened.recommend("source,campaign", model="linear")) == {
        "podcast / (not set)": ("9000.00", "3000.00", -6000 / 9000, "cut")
    }
    assert told(opened.recommend("campaign", model="linear"))["(not set)"][3] == "not enough data"


@pytest.mark.parametrize(
    ("names", "fees", "judged"),
    [
        ({"campaign": "a", "ad": "x"}, False, True),
        ({"campaign": "a", "ad": "x"}, True, True),
        ({"campaign": "a", "ad": "(not set)"}, False, False),  # a / y has value
        ({"campaign": "b", "ad": "(not set)"}, False, True),
        ({"campaign": "b", "ad": "(not set)"}, True, False),
        ({"campaign": "(other)", "ad": "(other)"}, False, False),
    ],
)
def test_what_is_judged(names: dict[str, str], fees: bool, judged: bool) -> None:
    """Unattributed value is nobody's name."""
    valued = [{"campaign": "a", "ad": "y"}, {"campaign": "b", "ad": "(not set)"}]
    valued.append(dict.fromkeys(("campaign", "ad"), "(unattributed)"))
    assert (7 in nameless({7: names}, valued, {7} if fees else set())) is not judged
