"""Page views into the store: each once, in any order and any batches the same sessions and touches."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dumps import counts, dump, names, rows
from hypothesis import given
from hypothesis import strategies as st
from ledger_books import entries, load, wipe
from pageview_books import SITE, brief, sessions, write
from worlds import examples

from attribution.engine import Store
from attribution.loading import pageviews

VIEWS = """
    visitor_id,at,url,referrer,user_agent,email
    v1,2026-03-03T09:00:00Z,https://www.acme.com/?gclid=A1,https://www.google.com/,Mozilla/5.0,
    v1,2026-03-03T09:10:00Z,https://www.acme.com/b,https://www.acme.com/,Mozilla/5.0,
    v1,2026-03-03T09:20:00Z,https://www.acme.com/thanks,https://www.acme.com/b,Mozilla/5.0,ella@acme.test
    v2,2026-03-03T09:00:00Z,https://www.acme.com/,,Mozilla/5.0,
    """

_MINUTES = st.sampled_from((0, 1, 10, 29, 30, 31, 61, 62, 92, 93))
_WAYS = st.sampled_from(
    (
        ("/", ""), ("/a", f"{SITE}/"), ("/?gclid=A1", "https://www.google.com/"),
        ("/?gclid=B2", "https://www.google.com/"), ("/", "https://www.google.com/"),
        ("/?utm_source=news&utm_medium=email&utm_campaign=spring", ""), ("/", "https://semalt.com/"),
        ("/", "https://shop.example/"),
    )
)  # fmt: skip
_AGENTS = ("Mozilla/5.0", "Googlebot/2.1")
_VIEW = st.builds(
    lambda visitor, minute, way, purpose, session, seconds: {
        "visitor_id": visitor,
        "at": (pd.Timestamp("2026-03-03T23:00:00Z") + pd.Timedelta(minutes=minute)).isoformat(),
        # one view has one browser
        "url": SITE + way[0], "referrer": way[1], "user_agent": _AGENTS[minute == 30], "purpose": purpose,
        "session_id": session, "engaged_seconds": seconds,
        "consent": "analytics:denied" if visitor == "v-no" else "",
    },
    st.sampled_from(("v1", "v1", "v2", "v-no", "unknown")), _MINUTES, _WAYS,
    st.sampled_from(("", "", "", "prefetch")), st.sampled_from(("", "", "", "s1")),
    st.sampled_from(("", "5")),
)  # fmt: skip


def test_each_view_is_stored_once(store: Store) -> None:
    """Repeated rows, in one file or another, change nothing; who was named is tied to the visitor."""
    load(store, pageviews=VIEWS)
    assert brief(store) == [("v1", "09:00:00", "Paid Search", 3), ("v2", "09:00:00", "Direct", 1)]
    before = dump(store, without=("batch", "setting"))
    again = store.import_table(
        "pageviews", "-", stdin=_csv(VIEWS.strip() + "\n" + VIEWS.strip().split("\n")[1])
    )
    assert counts(again.totals) == (5, 0, 0, 5, 0, 0)
    assert dump(store, without=("batch", "setting")) == before
    called = names(store)
    (tie,) = rows(store, "edge", "a", "b", "evidence_source_id")
    assert {called[tie[0]], called[tie[1]]} == {"v1", "ella@acme.test"}
    assert rows(store, "evidence_source", "source") == [("touch: session",)]


def _csv(text: str) -> Any:
    import io

    return io.BytesIO(("\n".join(line.strip() for line in text.strip().splitlines()) + "\n").encode())


def test_a_view_in_between(store: Store) -> None:
    """Two sessions become one when the view between them comes, and the touch of the second is gone."""
    head = "visitor_id,at,url,referrer"
    first, second, between = (
        f"v1,2026-03-03T{time}:00Z,{SITE}/,{SITE}/a" for time in ("09:00", "09:50", "09:25")
    )
    load(store, pageviews=f"{head}\n{first}\n{second}")
    assert [one.page_views for one in sessions(store)] == [1, 1]
    load(store, pageviews=f"{head}\n{between}")
    assert brief(store) == [("v1", "09:00:00", "Direct", 3)]
    assert len(rows(store, "touch_key", "n")) == 1


def test_a_touch_that_the_ledger_names_stays_as_nobodys(store: Store) -> None:
    """Credit moves to the session that there is; what was posted can still be told."""
    head = "visitor_id,at,url,referrer,email"
    views = [
        f"v1,2026-03-03T09:00:00Z,{SITE}/,https://www.bing.com/,",
        f"v1,2026-03-03T09:50:00Z,{SITE}/b,{SITE}/,ella@acme.test",
    ]
    load(
        store, pageviews="\n".join([head, *views]),
        leads="lead_id,created_at,email\nL-1,2026-03-05T00:00:00Z,ella@acme.test",
    )  # fmt: skip
    store.run(models=["last_touch"], goals=["leads"])
    second = sessions(store)[1]
    load(store, pageviews=f"{head}\nv1,2026-03-03T09:25:00Z,{SITE}/a,{SITE}/,")
    assert [(one.visitor, one.page_views, one.flag) for one in sessions(store)] == [
        ("v1", 3, None), ("v1", 1, 4),
    ]  # fmt: skip
    assert sessions(store)[1].touch_id == second.touch_id
    store.run(models=["last_touch"], goals=["leads"])
    first = sessions(store)[0].touch_id
    assert sorted((one.share, one.touch) for one in entries(store)) == sorted(
        [(1_000_000, second.touch_id), (-1_000_000, second.touch_id), (1_000_000, first)]
    )


def test_any_order_any_batches_any_repetition(store: Store) -> None:
    """The same views, shuffled, split and repeated: the same sessions, ids and all."""

    @examples(store, sqlite=15, postgresql=3)
    @given(st.lists(_VIEW, min_size=1, max_size=14), st.randoms(use_true_random=False))
    def holds(views: list[dict[str, Any]], chance: random.Random) -> None:
        wipe(store)
        _import(store, views)
        expected, stored = sessions(store), _views(store)
        assert sum(one.page_views or 0 for one in expected if one.visitor) == sum(v[0] > 0 for v in stored)

        wipe(store)
        left = views + [one for one in views if chance.random() < 0.3]
        chance.shuffle(left)
        while left:
            size = chance.randint(1, 5)
            _import(store, left[:size])
            left = left[size:]
        assert sessions(store) == expected
        assert len(_views(store)) == len(stored)
        store.run()
        assert sessions(store) == expected

    holds()


def _import(store: Store, views: list[dict[str, Any]]) -> None:
    content = pd.DataFrame(views).to_csv(index=False)
    assert store.import_table("pageviews", "-", stdin=_csv(content)).totals["rejected"] == 0


def _views(store: Store) -> list[tuple[Any, ...]]:
    return rows(store, "page_view", "visitor", "at", "hash")


def test_own_sites_may_come_later(store: Store) -> None:
    """Views first and the setting afterwards, and back again, is the same as the setting first."""

    @examples(store, sqlite=5, postgresql=1)
    @given(st.lists(_VIEW, min_size=1, max_size=12))
    def holds(views: list[dict[str, Any]]) -> None:
        wipe(store)
        store.config_set("own_domains", "shop.example")
        _import(store, views)
        store.run()
        expected = sessions(store)

        wipe(store)
        _import(store, views[::2])
        before = sessions(store)
        store.config_set("own_domains", "shop.example")
        store.run()
        store.config_set("own_domains", "other.example")
        store.run()
        assert sessions(store) == before
        store.config_set("own_domains", "shop.example")
        _import(store, views[1::2]) if views[1::2] else None
        store.run()
        assert sessions(store) == expected

    holds()


def test_large_files_are_written_in_parts(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts end between visitors, and the dictionaries of what repeats are told apart over all blocks."""
    n = 3_000
    table = pa.table(
        {
            "visitor_id": [f"v{i * 7 % 400}" for i in range(n)],
            "at": pa.array([1_770_000_000_000_000 + i * 20_000_000 for i in range(n)]).cast(
                pa.timestamp("us", "UTC")
            ),
            "url": [f"{SITE}/{i % 5}" + (f"?gclid=G{i}" if i % 9 == 0 else "") for i in range(n)],
            "referrer": ["https://www.google.com/" if i % 9 == 0 else f"{SITE}/" for i in range(n)],
        }
    )
    pq.write_table(table, tmp_path / "views.parquet")
    sqlite_store.import_table("pageviews", tmp_path / "views.parquet")
    expected = sessions(sqlite_store)
    wipe(sqlite_store)
    monkeypatch.setattr(pageviews, "_AT_ONCE", 100)
    monkeypatch.setattr("attribution.loading.distinct._UNSETTLED", 50)
    monkeypatch.setattr("attribution.loading.stored_views._MANY", 30)
    for part in (slice(0, 1_000), slice(2_000, 3_000), slice(500, 2_500)):
        write(tmp_path / "part.csv", table.slice(part.start, part.stop - part.start).to_pylist())
        sqlite_store.import_table("pageviews", tmp_path / "part.csv", timezone="UTC")
    assert sessions(sqlite_store) == expected
    assert sum(one.page_views or 0 for one in expected) == n


def test_who_denied_analytics_is_nobody(store: Store) -> None:
    """What came from elsewhere is a visit of somebody; what leads from page to page is put to nothing."""
    load(
        store,
        pageviews=f"""
        visitor_id,at,url,referrer,session_id,consent,email
        v1,2026-03-03T09:00:00Z,{SITE}/,https://www.google.com/,s1,denied,ella@acme.test
        v1,2026-03-03T09:01:00Z,{SITE}/b,{SITE}/,s1,denied,
        v1,2026-03-03T09:02:00Z,{SITE}/c,,s1,denied,
        """,
    )
    assert brief(store) == [(None, "09:00:00", "Organic Search", None), (None, "09:02:00", "Direct", None)]
    assert rows(store, "page_view", "visitor", "session") == [(0, None)] * 3
    assert rows(store, "identifier", "value") == []
    assert len(rows(store, "refusal", "consent")) == 4  # three times the visitor, once the address


def test_a_visitor_by_another_name(store: Store) -> None:
    """A page of somebody who is logged in: without a visitor the login stands for one, and two are two."""
    views = f"""
        at,url,user_id,session_id
        2026-03-03T09:00:00Z,{SITE}/,u1,
        2026-03-03T09:00:00Z,{SITE}/,u2,
        2026-03-03T09:05:00Z,{SITE}/b,u1,
        2026-03-03T19:00:00Z,{SITE}/b,u1,7
        2026-03-03T19:00:00Z,{SITE}/b,u2,7
        """
    load(store, pageviews=views)
    assert brief(store) == [
        ("u1", "09:00:00", "Direct", 2), ("u1", "19:00:00", "Direct", 1),
        ("u2", "09:00:00", "Direct", 1), ("u2", "19:00:00", "Direct", 1),
    ]  # fmt: skip


def test_placeholders_are_counted_once(sqlite_store: Store) -> None:
    """A visitor called `unknown` is nobody, whom doctor counts; the same file again counts nothing."""
    views = f"visitor_id,at,url\nunknown,2026-03-03T09:00:00Z,{SITE}/\nunknown,2026-03-03T09:01:00Z,{SITE}/"
    for _ in range(2):
        load(sqlite_store, pageviews=views)
        assert rows(sqlite_store, "passed_over", "value", "count") == [("unknown", 2)]
    assert brief(sqlite_store) == [(None, "09:00:00", "Direct", None), (None, "09:01:00", "Direct", None)]


def test_rows_that_nobody_can_read(sqlite_store: Store, csv: Any) -> None:
    """Each is told with its reason; the others load."""
    answer = sqlite_store.import_table(
        "pageviews",
        csv(
            "views",
            """
            visitor_id,at,url,purpose,click_id
            ,2026-03-03T09:00:00Z,https://www.acme.com/,,
            v1,yesterday,https://www.acme.com/,,
            v1,2026-03-03 09:00,https://www.acme.com/,,
            v1,2026-03-03T09:00:00Z,https://www.acme.com/,,nonsense
            v1,2026-03-03T09:00:00Z,not a url at all,perhaps,
            """,
        ),
    )
    assert counts(answer.totals) == (5, 1, 0, 0, 0, 4)
    codes = {code for (code,) in rows(sqlite_store, "rejected_row", "code")}
    assert codes == {"missing_value", "bad_time", "naive_time", "bad_click_id"}


def test_a_touch_of_that_id_stays(sqlite_store: Store) -> None:
    """Whoever imports a touch by the id of a session keeps it: views never change imported touches."""
    load(sqlite_store, pageviews=VIEWS)
    (first, _) = sessions(sqlite_store)
    wipe(sqlite_store)
    load(
        sqlite_store, touches=f"touch_id,visitor_id,at,url\n{first.touch_id},x,2026-01-01T00:00:00Z,{SITE}/x"
    )
    load(sqlite_store, pageviews=VIEWS)
    later = VIEWS.strip().splitlines()[0] + f"\nv1,2026-03-03T09:25:00Z,{SITE}/c,{SITE}/,Mozilla/5.0,"
    load(sqlite_store, pageviews=later)
    assert brief(sqlite_store) == [("v2", "09:00:00", "Direct", 1), ("x", "00:00:00", "Direct", None)]
