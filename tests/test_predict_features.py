"""What predictions learn from is what was known then: nothing looks past the month-end asked about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_shop import open_shop

from attribution import clock
from attribution.clock import DAY
from attribution.engine import Store
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.facts import NEVER
from attribution.metrics.predict.features import (
    are_deals_told_late,
    is_told_late,
    known_at,
    open_at,
    outcome,
)
from attribution.metrics.predict.months import month_ends, read_horizon, usual_horizon
from attribution.metrics.predict.reading import any_credits
from attribution.metrics.predict.records import Records, read_records, tied_from

Csv = Callable[[str, str], Path]

JANUARY = clock.day_bounds(date(2025, 1, 31), "UTC")[1]
FEBRUARY = clock.day_bounds(date(2025, 2, 28), "UTC")[1]

# A is won in February, B was lost in January, C is disqualified in February, D comes then, E waits
LEADS = """
    lead_id,created_at,visitor_id,industry,mql_at,sqo_at,disqualified_at
    A,2025-01-10T12:00:00Z,va,Retail,2025-01-20T12:00:00Z,2025-02-03T12:00:00Z,
    B,2025-01-05T12:00:00Z,vb,Retail,,,
    C,2025-01-05,vc,,,,2025-02-05
    D,2025-02-02T12:00:00Z,vd,,,,
    E,2025-01-31,,Retail,,,
    """
DEALS = """
    deal_id,status,created_at,closed_at,amount,currency,lead_id
    DA,won,2025-01-25T12:00:00Z,2025-02-10T12:00:00Z,100.00,GBP,A
    DB,lost,2025-01-06T12:00:00Z,2025-01-20T12:00:00Z,,,B
    DE,open,2025-01-31,2025-01-31,,,E
    """
ADJUSTMENTS = """
    adjustment_id,deal_id,at,amount,currency
    R,DA,2025-02-20T12:00:00Z,-20.00,GBP
    """
STAGES = """
    object,id,stage,at
    lead,A,Contacted,2025-01-12T12:00:00Z
    deal,DA,Proposal,2025-01-30T12:00:00Z
    deal,DA,Negotiation,2025-02-04T12:00:00Z
    """
TOUCHES = """
    touch_id,visitor_id,at,url,channel
    t1,va,2025-01-09T12:00:00Z,,Email
    t2,va,2025-01-28T12:00:00Z,,Paid Search
    t3,va,2025-02-03T12:00:00Z,,Referral
    t4,v9,2024-12-08T12:00:00Z,,Display
    t5,vc,2024-12-24T12:00:00Z,,Direct
    """
# that v9 is A's browser comes out in February
IDENTITIES = """
    visitor_id,lead_id,at
    v9,A,2025-02-05T12:00:00Z
    """
SPEND = "date,cost,currency,source\n2025-01-05,1.00,GBP,google"
ALL = {
    "leads": LEADS, "deals": DEALS, "adjustments": ADJUSTMENTS, "stages": STAGES, "touches": TOUCHES,
    "identities": IDENTITIES, "spend": SPEND,
}  # fmt: skip


def _records(store: Store, csv: Csv, **tables: str) -> Records:
    shop = open_shop(store, csv, **(ALL | tables))
    with shop.db.read() as connection:
        instants = np.array([JANUARY, FEBRUARY])
        return read_records(connection, Dimensions(connection, ()), any_credits(connection), instants)


def _known(records: Records, at: int) -> pd.DataFrame:
    """What was known, by the CRM's id in place of row numbers."""
    frame = known_at(records, at)
    keys = records.leads["key"].to_numpy()[frame.pop("lead").to_numpy()]
    return frame.set_index(pd.Index(keys))


def test_what_was_known_in_january(store: Store, csv: Csv) -> None:
    """A has an offer out, six days old; its third touch, its other browser and its victory are not known."""
    found = _known(_records(store, csv), JANUARY)
    assert found.index.tolist() == ["A", "C", "E"]
    a = found.loc["A"]
    assert a[["stage", "named", "first", "last", "industry"]].tolist() == [
        "opportunity", "proposal", "Email", "Paid Search", "Retail",
    ]  # fmt: skip
    assert (a["touches"], a["recent"]) == (2, 2)
    assert round(a["age"], 3) == 21.5
    assert round(a["since"], 3) == 1.5  # the offer
    c = found.loc["C"]
    assert c[["stage", "named", "first", "industry"]].tolist() == ["lead", "(none)", "Direct", "(none)"]
    assert (c["touches"], c["recent"], c["age"]) == (1, 0, 26)
    # an open deal with a closing date is open; created at the end of the day that is asked about
    e = found.loc["E"]
    assert e[["stage", "touches", "age", "since", "first"]].tolist() == ["opportunity", 0, 0, 0, "(none)"]


def test_what_was_known_in_february(store: Store, csv: Csv) -> None:
    """A is won, C disqualified; the other browser is A's from the end of February on."""
    records = _records(store, csv)
    assert _known(records, FEBRUARY).index.tolist() == ["D", "E"]
    touches = records.touches[records.touches["lead"] == 0]
    assert touches["seen"].tolist() == [FEBRUARY, JANUARY, JANUARY, touches["at"].tolist()[-1]]
    assert [records.channels[code] for code in touches["channel"]] == [
        "Display", "Email", "Paid Search", "Referral",
    ]  # fmt: skip


def test_nothing_after_the_day_is_looked_at(store: Store, csv: Csv, make_url: Callable[[], str]) -> None:
    """Whatever comes in February, what was known at the end of January is the same."""
    before = _known(_records(store, csv), JANUARY)
    others = {
        "leads": LEADS.replace("2025-02-03T12:00:00Z", "").replace(",,,2025-02-05", ",2025-02-01,2025-02-02,")
        + "F,2025-02-09,vf,,,,\n",
        "deals": DEALS.replace("DA,won", "DA,lost").replace("02-10T12:00:00Z,100.00,GBP", "02-11T12:00:00Z,,")
        + "DC,won,2025-02-03T12:00:00Z,2025-02-04T12:00:00Z,900.00,GBP,C\n",
        "adjustments": "adjustment_id,deal_id,at,amount,currency\nR,DC,2025-02-20T12:00:00Z,-1.00,GBP",
        "stages": STAGES.replace("Negotiation,2025-02-04", "Signed,2025-02-24")
        + "lead,C,Won over,2025-02-01T00:00:00Z\n",
        "touches": TOUCHES + "t6,vc,2025-02-01T00:00:00Z,,Email\nt7,v8,2025-01-03T00:00:00Z,,Email\n",
        "identities": IDENTITIES + "v8,C,2025-02-01T00:00:00Z\n",
    }
    with Store.open(make_url()) as other:
        after = _known(_records(other, csv, **others), JANUARY)
    pd.testing.assert_frame_equal(before, after)


def test_outcome(store: Store, csv: Csv) -> None:
    """100.00 until the refund of 20.00 is in; what closed before or after the window is none of it."""
    records = _records(store, csv)
    rows = open_at(records, JANUARY)

    def brought(after: int, until: int) -> tuple[list[int], list[int]]:
        wins, value = outcome(records, rows, after, until)
        return wins.tolist(), value.tolist()

    assert brought(JANUARY, JANUARY + 15 * DAY) == ([1, 0, 0], [100_00, 0, 0])
    assert brought(JANUARY, FEBRUARY) == ([1, 0, 0], [80_00, 0, 0])
    assert brought(JANUARY, JANUARY + 5 * DAY) == ([0, 0, 0], [0, 0, 0])
    assert brought(FEBRUARY, FEBRUARY + 30 * DAY) == ([0, 0, 0], [0, 0, 0])


def _made(industries: list[str | None], closed: list[int], won: list[int]) -> Records:
    n = len(industries)
    leads = pd.DataFrame(
        {
            "key": [f"L{i}" for i in range(n)], "created": 0, "mql": NEVER, "sqo": NEVER,
            "disqualified": NEVER, "industry": pd.Series(industries, dtype=object),
        }
    )  # fmt: skip
    deals = pd.DataFrame({"lead": range(len(closed)), "created": 1, "closed": closed, "won": won})
    return Records(leads, deals, pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), [], 0)


def test_an_industry_that_is_filled_in_afterwards() -> None:
    """Known of both winners and of one open lead in three: written once they were won."""
    assert is_told_late(_made(["a", "b", "c", None, None], [5, 5], [1, 1]), 10)
    assert not is_told_late(_made(["a", "b", "c", "d", "e"], [5, 5], [1, 1]), 10)
    assert not is_told_late(_made(["a", "b", None], [], []), 10)


@pytest.mark.parametrize(("won", "late"), [([1] * 10, True), ([1] * 9 + [0], False), ([], False)])
def test_deals_that_are_recorded_once_won(won: list[int], late: bool) -> None:
    """Where all deals are won, an open one is a win that is about to be told."""
    made = _made([None] * 12, [5] * len(won), won)
    assert are_deals_told_late(made, 10) is late


def test_evidence_ties_through_others_and_from_its_time_on() -> None:
    """1-2 is seen at 10, 2-3 at 30: 1 and 3 are tied at the first instant from 30 on; 4 never is."""
    a, b, at = np.array([1, 2]), np.array([2, 3]), np.array([10, 30])
    start, end = np.array([1, 1, 1, 1]), np.array([1, 2, 3, 4])
    found = tied_from(a, b, at, start, end, np.array([5, 20, 30, 40]))
    assert found[1:].tolist() == [20, 30, NEVER]
    assert found[0] < 0  # an identifier is its own, always


def test_month_ends_are_those_of_the_reporting_timezone() -> None:
    """In São Paulo January ends three hours later than in UTC."""
    last = clock.day_bounds(date(2025, 2, 28), "UTC")[1]
    assert month_ends(JANUARY - DAY, last, "UTC").tolist() == [JANUARY, FEBRUARY]
    assert month_ends(JANUARY - DAY, last, "America/Sao_Paulo").tolist() == [JANUARY + 3 * clock.HOUR]


def test_the_usual_horizon() -> None:
    """Four of five deals close within 61 days, which are just over two months; without any it is one."""
    days = [10, 20, 30, 61, 400]
    made = _made([None] * 5, [day * DAY for day in days], [1] * 5)
    assert usual_horizon(made, 500 * DAY) == int(np.ceil(np.quantile(days, 0.8) / (365.25 / 12)))
    assert usual_horizon(made, 61 * DAY) == 2
    assert usual_horizon(made, DAY) == 1
    assert read_horizon(None) is None
