"""Traffic: sessions, visitors, new ones and bounces, by where each session itself came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_shop import open_shop

from attribution.engine import Store
from attribution.metrics.answer import Answer

Csv = Callable[[str, str], Path]

SEARCH = "https://shop.test/a?utm_source=google&utm_medium=cpc&utm_campaign=brand"
MAIL = "https://shop.test/b?utm_source=news&utm_medium=email&utm_campaign=spring"
# v1: search (one short page), mail 9 days later (a lead was made in it); v2: search twice, the second long;
# v3: mail, one page and 10 seconds; somebody who may not be known: search; an impression and a form are none
TOUCHES = f"""
    touch_id,visitor_id,at,kind,url,page_views,engaged_seconds,consent
    t1,v1,2025-01-01T09:00:00Z,session,{SEARCH},1,5,
    t2,v1,2025-01-10T09:00:00Z,session,{MAIL},1,,
    t3,v2,2025-01-05T09:00:00Z,session,{SEARCH},1,0,
    t4,v2,2025-02-05T09:00:00Z,session,{SEARCH},7,300,
    t5,v3,2025-02-06T09:00:00Z,session,{MAIL},1,10,
    t6,,2025-02-07T09:00:00Z,session,{SEARCH},,,denied
    t7,v4,2025-02-07T09:00:00Z,impression,{SEARCH},,,
    t8,v1,2025-01-10T09:05:00Z,form,{MAIL},,,
    """
LEADS = """
    lead_id,created_at,visitor_id,owner
    L-1,2025-01-10T09:20:00Z,v1,Ann
    L-2,2025-01-06T00:00:00Z,v2,Bob
    L-3,2025-01-20T00:00:00Z,,Bob
    """
JANUARY = {"start": "2025-01-01", "end": "2025-01-31"}


def _shop(store: Store, csv: Csv, touches: str = TOUCHES) -> Store:
    return open_shop(store, csv, touches=touches, leads=LEADS)


def _table(answer: Answer, dim: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in answer.rows:
        found.setdefault(row[dim], []).append(row["value"])
    return found


def test_the_whole(store: Store, csv: Csv) -> None:
    """Six sessions of three browsers; of five whose pages are known, t1 and t3 bounced."""
    shop = _shop(store, csv)
    rows = {row["kpi"]: row for row in shop.kpis(names="traffic").rows}
    assert [row["value"] for row in rows.values()] == [6, 3, 3, 0.4]
    assert (rows["bounce_rate"]["numerator"], rows["bounce_rate"]["denominator"]) == (2, 5)
    february = [row["value"] for row in shop.kpis(names="traffic", start="2025-02-01").rows]
    assert february == [3, 2, 1, 0.0]
    assert [row["value"] for row in shop.kpis(names="traffic", start="2025-03-01").rows] == [0, 0, 0, None]


def test_by_channel(store: Store, csv: Csv) -> None:
    """A session counts where it came from; v1 came in two ways, is new in the first, and one in the total."""
    answer = _shop(store, csv).kpis("channel", names="traffic")
    assert _table(answer, "channel") == {
        "Paid Search": [4, 2, 2, pytest.approx(2 / 3)], "Email": [2, 2, 1, 0.0],
    }  # fmt: skip
    assert answer.totals == {"sessions": 6, "visitors": 3, "new_visitors": 3, "bounce_rate": 0.4}


def test_by_page_kind_and_condition(sqlite_store: Store, csv: Csv) -> None:
    """Pages and kinds are the session's own; a condition leaves the others out, of the total too."""
    shop = _shop(sqlite_store, csv)
    pages = _table(shop.kpis("landing_page", names="traffic"), "landing_page")
    assert pages["shop.test/a"][:3] == [4, 2, 2]
    assert pages["shop.test/b"][:3] == [2, 2, 1]
    assert _table(shop.kpis("touch_kind", names="sessions,visitors"), "touch_kind") == {"session": [6, 3]}
    only = shop.kpis(names="traffic", where=["source=news"])
    assert [row["value"] for row in only.rows] == [2, 2, 1, 0.0]
    months = shop.kpis(names="sessions", every="month", start="2025-01-01", end="2025-02-28").rows
    assert [(row["period"], row["value"]) for row in months] == [("2025-01", 3), ("2025-02", 3)]


def test_plain_dimensions_are_left_empty(sqlite_store: Store, csv: Csv) -> None:
    """A session has no owner: null, told once."""
    answer = _shop(sqlite_store, csv).kpis("owner", names="traffic,leads")
    assert {row["value"] for row in answer.rows if row["kpi"] != "leads"} == {None}
    assert [w for w in answer.warnings if "traffic" in w] == [
        "traffic is left empty: sessions are not known by owner"
    ]


def test_clicks_and_robots(sqlite_store: Store, csv: Csv) -> None:
    """A click counts where no session of its visitor is within half an hour; a robot is never a visitor."""
    shop = _shop(
        sqlite_store,
        csv,
        f"""
        touch_id,visitor_id,at,kind,url,user_agent
        t1,v1,2025-01-01T09:00:00Z,click,{SEARCH},
        t2,v1,2025-01-01T09:30:00Z,session,{SEARCH},
        t3,v1,2025-01-01T10:00:01Z,click,{SEARCH},
        t4,v2,2025-01-01T09:30:00Z,click,{SEARCH},
        t5,v3,2025-01-01T09:30:00Z,session,{SEARCH},Googlebot/2.1 (+http://www.google.com/bot.html)
        """,
    )
    answer = shop.kpis("touch_kind", names="traffic")
    assert _table(answer, "touch_kind") == {"click": [2, 2, 1, None], "session": [1, 1, 1, None]}
    assert answer.totals["visitors"] == 2


def test_a_lead_known_by_its_day(sqlite_store: Store, csv: Csv) -> None:
    """Any session of its person that day may have made it."""
    shop = open_shop(
        sqlite_store,
        csv,
        touches=TOUCHES,
        leads="lead_id,created_at,visitor_id\nL-1,2025-01-10,v1\nL-2,2025-01-05,v2\nL-3,2025-01-06,",
    )
    assert shop.kpis(names="bounce_rate").rows[0]["numerator"] == 1  # t1


def test_touches_that_were_removed(sqlite_store: Store, csv: Csv) -> None:
    """Their daily counts are sessions, and visitors once a day."""
    shop = _shop(sqlite_store, csv)
    before = shop.kpis("channel", names="sessions").totals
    shop.retain(anonymous="1d")
    answer = shop.kpis("channel", names="traffic")
    assert answer.totals["sessions"] == before["sessions"]
    assert answer.totals["visitors"] == 3
    assert any("once a day" in warning for warning in answer.warnings)


def test_a_count_of_everything_has_no_interval(sqlite_store: Store, csv: Csv) -> None:
    """Sessions are all there are, not a sample."""
    rows = _shop(sqlite_store, csv).kpis("channel", names="traffic", interval=0.9).rows
    assert {(row["low"], row["high"], row["too_few"]) for row in rows} == {(None, None, None)}
