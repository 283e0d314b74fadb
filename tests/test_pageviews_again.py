"""Page views that are exported again with more columns, or fewer, are the same views and say more of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from dumps import counts, rows
from ledger_books import load
from pageview_books import SITE, brief, sessions, write
from sqlalchemy import text

from attribution.engine import Store
from attribution.loading.session_touches import touch_ids
from attribution.store.keys import text_hash

AGENT = "Mozilla/5.0"
ROBOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"


def export(path: Path, *, without: str = "", **more: tuple[Any, Any]) -> Path:
    """Write the two views of one visit, with further columns or without one."""
    views = [
        {
            "visitor_id": "v1", "at": "2026-03-03T09:00:00Z", "url": f"{SITE}/?gclid=1",
            "referrer": "https://www.google.com/", "user_agent": AGENT,
        },
        {
            "visitor_id": "v1", "at": "2026-03-03T09:01:00Z", "url": f"{SITE}/a",
            "referrer": f"{SITE}/", "user_agent": AGENT,
        },
    ]  # fmt: skip
    for name, values in more.items():
        for one, value in zip(views, values, strict=True):
            one[name] = value
    return write(path, [{name: one[name] for name in one if name != without} for one in views])


@pytest.fixture
def again(store: Store, tmp_path: Path) -> Callable[..., tuple[int, ...]]:
    """A function that imports the views once more; returns what was counted."""

    def imported(**more: Any) -> tuple[int, ...]:
        return counts(store.import_table("pageviews", export(tmp_path / "views.csv", **more)).totals)

    return imported


def test_a_session_id_that_comes_later(store: Store, again: Callable[..., tuple[int, ...]]) -> None:
    """One session of two views before and after; the export's own session counts, and stays known."""
    assert again() == (2, 2, 0, 0, 0, 0)
    (first,) = sessions(store)
    assert again(session_id=("s1", "s1")) == (2, 0, 2, 0, 0, 0)
    (second,) = sessions(store)
    assert (second.page_views, second.click_id, second.channel) == (2, "gclid:1", "Paid Search")
    assert first.touch_id != second.touch_id
    assert again() == (2, 0, 0, 2, 0, 0)  # what is missing takes nothing away
    assert sessions(store) == [second]
    assert again(session_id=("s1", "s2")) == (2, 0, 1, 1, 0, 0)
    assert brief(store) == [("v1", "09:00:00", "Paid Search", 1), ("v1", "09:01:00", "Direct", 1)]
    assert len(rows(store, "page_view", "at")) == 2


def test_seconds_and_consent_that_come_later(store: Store, again: Callable[..., tuple[int, ...]]) -> None:
    """One session of two views throughout; each column counts from when it is there."""
    assert again(without="user_agent") == (2, 2, 0, 0, 0, 0)
    assert again(engaged_seconds=(5, ""), consent=("analytics:granted", "")) == (2, 0, 2, 0, 0, 0)
    (one,) = sessions(store)
    assert (one.page_views, one.engaged, one.consent) == (2, 5, 0b01)
    assert rows(store, "touch", "agent_id") == [(1,)]
    assert again(engaged_seconds=("", 7), consent=("ad_user_data:denied", "")) == (2, 0, 2, 0, 0, 0)
    assert again(without="user_agent") == (2, 0, 0, 2, 0, 0)
    (one,) = sessions(store)
    assert (one.page_views, one.engaged, one.consent) == (2, 12, 0b1001)
    assert again(engaged_seconds=(6, 7)) == (2, 0, 1, 1, 0, 0)
    assert [one.engaged for one in sessions(store)] == [13]


def test_a_browser_that_turns_out_to_be_a_robot(store: Store, again: Callable[..., tuple[int, ...]]) -> None:
    """The view leaves the visit, which the run then credits no more."""
    again(without="user_agent")
    assert again(user_agent=(AGENT, ROBOT)) == (2, 0, 2, 0, 0, 0)
    assert [(one.page, one.page_views, one.flag) for one in sessions(store)] == [
        ("/", 1, None), ("/a", 1, 1),
    ]  # fmt: skip


def test_pieces_of_what_is_known_in_any_order(sqlite_store: Store, tmp_path: Path) -> None:
    """Three exports, each with another column: the same in all six orders, and in one file."""
    exports: list[dict[str, Any]] = [
        {"session_id": ("s1", "s1"), "without": "user_agent"}, {"engaged_seconds": (5, 6)},
        {"consent": ("analytics:granted", ""), "purpose": ("", "")},
    ]  # fmt: skip
    found = set()
    for number, order in enumerate(permutations(range(3))):
        with Store.open(f"sqlite:///{tmp_path / f'{number}.db'}") as store:
            for which in order:
                store.import_table("pageviews", export(tmp_path / "views.csv", **exports[which]))
            found.add(tuple(sessions(store)))
    (only,) = found
    assert [(one.page_views, one.engaged, one.consent) for one in only] == [(2, 11, 1)]
    header = "visitor_id,at,url,referrer,user_agent,session_id,engaged_seconds,consent"
    one = f"v1,2026-03-03T09:00:00Z,{SITE}/?gclid=1,https://www.google.com/"
    two = f"v1,2026-03-03T09:01:00Z,{SITE}/a,{SITE}/"
    lines = [f"{one},,s1,,", f"{two},{AGENT},,6,", f"{one},{AGENT},,5,analytics:granted", f"{two},,s1,,"]
    path = tmp_path / "both.csv"
    path.write_text("\n".join([header, *lines, lines[0]]) + "\n")
    answer = sqlite_store.import_table("pageviews", path)
    assert counts(answer.totals) == (5, 2, 2, 1, 0, 0)
    assert tuple(sessions(sqlite_store)) == only


def test_nobodys_views_of_one_second_are_several_peoples(sqlite_store: Store) -> None:
    """Who denied analytics cannot be told from another: what differs at all is another view."""
    load(
        sqlite_store,
        pageviews=f"""
        visitor_id,at,url,user_agent,consent
        ,2026-03-03T09:00:00Z,{SITE}/,Mozilla/5.0,analytics:denied
        ,2026-03-03T09:00:00Z,{SITE}/,Mozilla/4.0,analytics:denied
        ,2026-03-03T09:00:00Z,{SITE}/,Mozilla/4.0,analytics:denied
        """,
    )
    assert len(sessions(sqlite_store)) == 2


def test_views_of_an_older_store(store: Store, again: Callable[..., tuple[int, ...]]) -> None:
    """Their hashes are of other things: they are found by what they say, and the session keeps its touch."""
    again()
    with store.db.write() as connection:
        connection.execute(text("UPDATE page_view SET hash = hash / 2 + 7"))
        connection.execute(text("DELETE FROM setting WHERE name = '_page_views_keyed'"))
    assert again() == (2, 0, 0, 2, 0, 0)
    assert again(engaged_seconds=(5, 6)) == (2, 0, 2, 0, 0, 0)
    assert len(rows(store, "page_view", "at")) == 2


def test_a_store_that_was_cut_another_way_is_cut_anew(store: Store) -> None:
    """Sessions of an older version, of which nothing tells what they were: they go, the right ones come."""
    load(
        store,
        pageviews=f"""
        visitor_id,at,url,referrer,session_id
        v1,2026-03-03T09:00:00Z,{SITE}/?gclid=C1,https://www.google.com/,
        v1,2026-03-03T09:00:00Z,{SITE}/en,{SITE}/,
        v2,2026-03-03T09:00:00Z,{SITE}/?gclid=C2,https://www.google.com/,s1
        """,
    )
    expected = sessions(store)
    assert [one.page_views for one in expected] == [2, 1]
    of_v1 = np.array(
        [view for view, session in rows(store, "page_view", "hash", "session") if session is None]
    )
    ids = touch_ids(of_v1)
    older = ids.filter(pc.invert(pc.is_in(ids, pa.array([one.touch_id for one in expected]))))
    with store.db.write() as connection:  # as if the other view of that second had been the first
        old = {"id": older[0].as_py(), "key": int(text_hash(older)[0]), "was": expected[0].touch_id}
        connection.execute(
            text(
                "UPDATE touch_key SET hash = :key, digest = 5 "
                "WHERE n = (SELECT n FROM touch WHERE touch_id = :was)"
            ),
            old,
        )
        connection.execute(text("UPDATE touch SET touch_id = :id WHERE touch_id = :was"), old)
        connection.execute(text("UPDATE setting SET value = '1 x' WHERE name = '_sessions_cut_by'"))
    assert sessions(store) != expected
    store.run()
    assert sessions(store) == expected
    store.run()
    assert sessions(store) == expected
