"""Money is set against what touches of its days brought, whenever that came; the young is not judged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from freezegun import freeze_time
from small_shop import open_shop

from attribution import clock
from attribution.clock import DAY, HOUR
from attribution.engine import Store
from attribution.ledger.allocate import MILLION
from attribution.metrics.answer import Answer
from attribution.metrics.credit_lags import Lags
from attribution.metrics.recommend_spend import judged_days
from attribution.metrics.selection import JourneySelection, Period
from attribution.store.settings import GOALS

Csv = Callable[[str, str], Path]
Group = tuple[str, int, str, str]  # campaign, customers, touched on, closed on; nothing: still open


def shop(store: Store, csv: Csv, groups: list[Group], *spend: str, at: str = "2025-07-01") -> Store:
    """Fill a store with customers of 100.00 each, run on a day; touches are of 09:00, closings of 00:00."""
    touches, leads, deals = ["touch_id,visitor_id,at,url"], ["lead_id,created_at,visitor_id"], []
    for campaign, count, touched, closed in groups:
        tag = f"https://shop.test/?utm_source=google&utm_medium=cpc&utm_campaign={campaign}"
        for i in range(count):
            name = f"{campaign}{touched}{i}"
            touches.append(f"t{name},v{name},{touched}T09:00:00Z,{tag}")
            leads.append(f"L{name},{touched}T10:00:00Z,v{name}")
            end = f"won,{touched}T11:00:00Z,{closed}T00:00:00Z" if closed else f"open,{touched}T11:00:00Z,"
            deals.append(f"D{name},{end},100.00,GBP,L{name}")
    with freeze_time(at):
        return open_shop(
            store, csv, touches="\n".join(touches), leads="\n".join(leads),
            deals="\n".join(["deal_id,status,created_at,closed_at,amount,currency,lead_id", *deals]),
            spend="\n".join(["date,cost,currency,source,medium,campaign", *spend]),
            adjustments="adjustment_id,deal_id,at,amount,currency",
        )  # fmt: skip


def rows(answer: Answer) -> dict[str, dict[str, Any]]:
    return {row["campaign"]: row for row in answer.rows}


WINTER: list[Group] = [("old", 60, "2024-08-01", "2024-11-01"), ("winter", 60, "2025-01-10", "2025-04-10")]
WINTER_SPEND = ("2024-08-01,1000.00,GBP,google,cpc,old", "2025-01-05,1000.00,GBP,google,cpc,winter")


@pytest.mark.parametrize(
    ("days", "campaigns"),
    [
        ({}, {"old", "winter"}),
        ({"end": "2025-03-31"}, {"old", "winter"}),  # before its deals closed
        ({"start": "2025-01-01", "end": "2025-01-31"}, {"winter"}),
        ({"start": "2024-11-01", "end": "2024-12-31"}, set()),  # `old` closed then, nothing was spent
    ],
)
def test_deals_that_close_later_count(
    sqlite_store: Store, csv: Csv, days: dict[str, str], campaigns: set[str]
) -> None:
    """60 customers of 100.00 for 1,000.00: scaled, whether they closed in the days asked for or after."""
    found = rows(shop(sqlite_store, csv, WINTER, *WINTER_SPEND).recommend("campaign", model="linear", **days))
    assert set(found) == campaigns
    for row in found.values():
        assert (row["spend"], row["value"], row["roi"]) == ("1000.00", "6000.00", 5.0)
        assert (row["conversions"], row["advice"]) == (60, "scale")


def test_what_is_too_young_is_not_judged(store: Store, csv: Csv) -> None:
    """Half of the credit takes 91 d 15 h, half 89 d 15 h: on 1 July days up to 30 March are judged.

    `new` has 40 open deals; of `more` 900.00 of 1,000.00 are young, of `steady` 400.00 of 900.00.
    """
    opened = shop(
        store, csv, [*WINTER, ("new", 40, "2025-06-25", "")], *WINTER_SPEND,
        "2025-06-25,900.00,GBP,google,cpc,new",
        "2025-01-05,100.00,GBP,google,cpc,more", "2025-03-31,900.00,GBP,google,cpc,more",
        "2025-03-30,500.00,GBP,google,cpc,steady", "2025-06-25,400.00,GBP,google,cpc,steady",
    )  # fmt: skip
    answer = opened.recommend("campaign", model="linear")
    found = rows(answer)
    assert {name: (row["spend"], row["young"], row["advice"]) for name, row in found.items()} == {
        "old": ("1000.00", "0.00", "scale"), "winter": ("1000.00", "0.00", "scale"),
        "new": ("0.00", "900.00", "not enough data"), "more": ("100.00", "900.00", "not enough data"),
        "steady": ("500.00", "400.00", "cut"),
    }  # fmt: skip
    assert (found["new"]["roi"], found["more"]["roi"]) == (None, -1.0)
    assert found["more"]["because"] == (
        "900.00 GBP of 1,000.00 GBP is younger than the 92 days that three quarters of value come within"
    )
    assert answer.totals == {
        "spend": "2600.00", "young": "2200.00", "value": "12000.00", "roi": 9400 / 2600,
    }  # fmt: skip
    told = "\n".join(answer.warnings)
    assert (
        "three quarters of it come within 92 days of the touch: days after 2025-03-30 are not judged, nor "
        "the 2,200.00 GBP spent on them (young)"
    ) in told
    assert "advice of all 3 together holds at 90%" in told  # those that are not judged cost no certainty
    assert "500.00 GBP was spent on what brought nothing: steady" in told
    # asked about the past alone, nothing is young
    past = opened.recommend("campaign", model="linear", end="2025-03-30")
    assert not any("young)" in text for text in past.warnings)
    assert rows(past)["more"]["advice"] == "not enough data"  # 100.00 of 100.00: nobody had to come
    assert rows(past)["more"]["because"].startswith("0 conversions, fewer than 10")


@pytest.mark.parametrize(("spent", "advice"), [("400.00", "not enough data"), ("600.00", "cut")])
def test_what_is_still_to_come_counts_against_a_cut(
    sqlite_store: Store, csv: Csv, spent: str, advice: str
) -> None:
    """30 of 40 deals closed within ten days, ten took a hundred: a quarter comes later than 30 days.

    None so far may stand for -ln(0.025) deals of 100.00, 368.89, and these for 491.85 in the end: more than
    the 400.00 that were spent on `late`, less than 600.00.
    """
    groups: list[Group] = [("old", 30, "2025-01-01", "2025-01-11"), ("old", 10, "2025-01-02", "2025-04-12")]
    opened = shop(
        sqlite_store, csv, groups, "2025-01-01,500.00,GBP,google,cpc,old",
        f"2025-06-01,{spent},GBP,google,cpc,late",
    )  # fmt: skip
    late = rows(opened.recommend("campaign", model="linear"))["late"]
    assert late["advice"] == advice
    if advice == "cut":
        assert late["high"] == pytest.approx(-np.log(0.025) * 100 / 0.75 / 600 - 1)
        assert late["because"].endswith("; the upper bound allows for 25 % still to come")


def test_lags_take_back_what_was_posted_anew() -> None:
    """A credit that was reversed is none."""
    old = np.full(4, 99)
    lags = Lags.of(np.array([10, 10, 30, 20]), np.array([5, -5, 1, 3]), old)
    assert (lags.micros.tolist(), lags.upto.tolist()) == ([20, 30], [0.75, 1.0])
    nothing = Lags.of(*[np.empty(0, np.int64)] * 3)
    assert nothing.within(0.75) is None
    assert nothing.come(np.array([5])).tolist() == [0.0]


def test_young_touches_tell_of_short_lags_alone() -> None:
    """Of ten old touches five took 30: half, not 5 in 30, since twenty of age 15 say nothing of that.

    Were only nine touches old enough, nobody could tell, and all would count.
    """
    lag, age = np.repeat([10, 30, 10], [5, 5, 20]), np.repeat([99, 15], [10, 20])
    assert Lags.of(lag, np.full(30, MILLION), age).upto.tolist() == [0.5, 1.0]
    assert Lags.of(lag[1:], np.full(29, MILLION), age[1:]).upto.tolist() == [1 - 5 / 29, 1.0]


@pytest.mark.parametrize(
    ("as_of", "last"),
    [("2025-03-02T23:00:00+00:00", "2025-03-01"), ("2025-03-02T22:59:59+00:00", "2025-02-28")],
)
def test_a_day_is_judged_when_its_end_is_old_enough(as_of: str, last: str) -> None:
    """In the reporting timezone: 1 March ends in Berlin at 23:00 UTC, and a day has to pass after that."""
    instant = clock.to_micros(clock.datetime.fromisoformat(as_of))
    journeys = JourneySelection(GOALS["revenue"], "90d", "contacts", "", 1, "GBP", "Europe/Berlin", instant)
    lags = Lags(np.array([HOUR, DAY]), np.array([0.5, 1.0]))
    found = judged_days(Period(), lags, journeys)
    assert clock.day_of(found.end_day or 0) == date.fromisoformat(last)
    assert found.end == clock.day_bounds(date.fromisoformat(last), "Europe/Berlin")[1]
    assert judged_days(Period(end_day=3), lags, journeys) == Period(end_day=3)
    assert judged_days(Period(), Lags(np.empty(0, int), np.empty(0)), journeys) == Period()
