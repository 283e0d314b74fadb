"""Crawlers, referrer spam and early fetches: stored, counted, and in no journey."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from dumps import dump, names, rows
from ledger_books import load, wipe
from pageview_books import SITE, sessions
from sqlalchemy import text

from attribution.channels import crawlers, spam
from attribution.channels.crawlers import crawlers_among
from attribution.channels.spam import SpamList, is_spam, spam_among, spam_list
from attribution.engine import Store
from attribution.loading import flags

ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
NEW_ROBOT = "Mozilla/5.0 (compatible; Snuffler/1.0)"

TOUCHES = f"""
    touch_id,visitor_id,at,kind,url,referrer,user_agent,email
    t1,v1,2026-03-01T09:00:00Z,session,{SITE}/?gclid=A1,https://www.google.com/,{BROWSER},
    t2,v1,2026-03-02T09:00:00Z,session,{SITE}/,https://www.bing.com/,{NEW_ROBOT},
    t3,v1,2026-03-03T09:00:00Z,session,{SITE}/,https://traffic.semalt.com/x,{BROWSER},
    t4,bot,2026-03-03T09:00:00Z,form,{SITE}/contact,,{ROBOT},ella@acme.test
    t5,v1,2026-03-04T09:00:00Z,form,{SITE}/contact,,{BROWSER},ella@acme.test
    """
LEADS = "lead_id,created_at,email\nL-1,2026-03-05T00:00:00Z,ella@acme.test"


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that exchanges the lists for others, as a new version of them would."""

    def exchange(
        version: str, patterns: tuple[str, ...] | None = None, hosts: frozenset[str] | None = None
    ) -> None:
        found = patterns if patterns is not None else crawlers._patterns()
        monkeypatch.setattr(crawlers, "_patterns", lambda: found)
        monkeypatch.setattr(flags, "crawlers_version", lambda: version)
        if hosts is not None:
            listed = SpamList(version, hosts)
            is_spam.cache_clear()
            monkeypatch.setattr(spam, "spam_list", lambda: listed)
            monkeypatch.setattr(flags, "spam_list", lambda: listed)
            monkeypatch.setattr("attribution.loading.session_origins.spam_list", lambda: listed)

    yield exchange
    is_spam.cache_clear()


def flagged(store: Store) -> dict[str, tuple[str | None, str]]:
    """Return visitor and reason by touch id."""
    called = dict(rows(store, "touch", "n", "touch_id"))
    known = names(store)
    return {
        called[n]: (known.get(visitor), flags.REASONS[reason])
        for n, visitor, reason in rows(store, "touch_flag", "n", "visitor", "reason")
    }


def journey(store: Store) -> list[str]:
    """Run, and return the touches of the lead's journey."""
    store.run(models=["linear"], goals=["leads"])
    called = dict(rows(store, "touch", "n", "touch_id"))
    return sorted(called[n] for (n,) in rows(store, "journey_touch", "touch"))


def test_flagged_touches_enter_no_journey(store: Store) -> None:
    """They are stored without their visitor, who stands in the flag; a robot's form ties nobody."""
    load(store, touches=TOUCHES, leads=LEADS)
    assert flagged(store) == {"t3": ("v1", "spam"), "t4": ("bot", "crawler")}
    assert journey(store) == ["t1", "t2"]
    visitors = dict(rows(store, "touch", "touch_id", "visitor"))
    assert [visitors[key] is None for key in ("t1", "t3", "t4")] == [False, True, True]
    before = dump(store, without=("batch", "setting"))
    store.import_table("touches", "-", stdin=_csv(TOUCHES))
    assert dump(store, without=("batch", "setting")) == before


def _csv(text: str) -> object:
    import io

    return io.BytesIO(("\n".join(line.strip() for line in text.strip().splitlines()) + "\n").encode())


def test_a_newer_list_flags_and_takes_back(store: Store, lists: Callable[..., None]) -> None:
    """At the next run: a robot that was not known, a spammer that is none any more, and all of it back."""
    load(store, touches=TOUCHES, leads=LEADS)
    assert journey(store) == ["t1", "t2"]
    first = dump(store, without=("batch", "setting", "run", "entry", "change", "credit_set"))
    old, hosts = crawlers._patterns(), spam_list().hosts

    lists("2", (*old, "Snuffler"), frozenset({"bing.com"}))
    assert journey(store) == ["t1", "t3"]
    assert flagged(store) == {"t2": ("v1", "crawler"), "t4": ("bot", "crawler")}

    lists("3", ("Snuffler",), frozenset({"bing.com"}))
    assert journey(store) == ["t1", "t3"]  # the robot's form has told nothing, and that stays
    assert flagged(store) == {"t2": ("v1", "crawler")}

    lists("4", old, hosts)
    assert journey(store) == ["t1", "t2"]
    assert dump(store, without=("batch", "setting", "run", "entry", "change", "credit_set")) == first


def test_what_a_robot_said_is_taken_back(store: Store, lists: Callable[..., None]) -> None:
    """A form that a robot filled in ties nobody from the run on that knows the robot."""
    head = "touch_id,visitor_id,at,kind,url,user_agent,email,phone"
    form = f"t1,v1,2026-03-01T09:00:00Z,event,{SITE}/,{NEW_ROBOT},ella@acme.test,+442079460018"
    load(store, touches=f"{head}\n{form}", leads=LEADS)
    assert journey(store) == ["t1"]
    assert len(rows(store, "edge", "a", "b")) >= 2
    lists("2", ("Snuffler",))
    assert journey(store) == []
    called = names(store)
    ties = {frozenset((called[a], called[b])) for a, b in rows(store, "edge", "a", "b")}
    assert ties == {frozenset(("L-1", "ella@acme.test"))}


def test_a_store_of_before_is_flagged_at_the_next_run(sqlite_store: Store) -> None:
    """Nobody had looked up the agents of an older store: it has touches of robots like any other."""
    load(sqlite_store, touches=TOUCHES, leads=LEADS)
    with sqlite_store.db.write() as connection:
        for statement in (
            "UPDATE touch SET visitor = (SELECT visitor FROM touch_flag f WHERE f.n = touch.n) "
            "WHERE n IN (SELECT n FROM touch_flag)",
            "DELETE FROM touch_flag",
            "UPDATE agent SET crawler = NULL",
            "DELETE FROM setting WHERE name = '_flagged_by'",
        ):
            connection.execute(text(statement))
    assert journey(sqlite_store) == ["t1", "t2"]
    assert flagged(sqlite_store) == {"t3": ("v1", "spam"), "t4": ("bot", "crawler")}


def test_sessions_of_robots(store: Store, lists: Callable[..., None]) -> None:
    """A crawler's views make flagged sessions, apart from the visitor's own, and follow the list."""
    head = "visitor_id,at,url,referrer,user_agent,purpose,email"
    views = f"""
        {head}
        v1,2026-03-03T09:00:00Z,{SITE}/,https://www.bing.com/,{BROWSER},,
        v1,2026-03-03T09:05:00Z,{SITE}/b,{SITE}/,{BROWSER},prefetch,
        v1,2026-03-03T09:10:00Z,{SITE}/c,{SITE}/,{NEW_ROBOT},,
        v1,2026-03-03T09:20:00Z,{SITE}/d,{SITE}/,{BROWSER},,
        v2,2026-03-03T09:00:00Z,{SITE}/,https://www.darodar.com/,{BROWSER},,
        v2,2026-03-03T09:01:00Z,{SITE}/b,{SITE}/,{BROWSER},,
        v3,2026-03-03T09:00:00Z,{SITE}/,,{ROBOT},,ella@acme.test
        """
    load(store, pageviews=views)

    def told() -> list[tuple[str | None, str, int | None, int | None]]:
        return [(one.visitor, one.page or "", one.page_views, one.flag) for one in sessions(store)]

    known = [
        ("v1", "/", 3, None), ("v1", "/b", 1, 3), ("v2", "/", 1, 2), ("v2", "/b", 1, None), ("v3", "/", 1, 1),
    ]  # fmt: skip
    assert told() == known
    assert rows(store, "edge", "a") == []
    old, hosts = crawlers._patterns(), spam_list().hosts
    lists("2", ("Snuffler",), frozenset({"bing.com"}))
    store.run()
    assert told() == [
        ("v1", "/", 1, 2), ("v1", "/b", 1, 3), ("v1", "/c", 1, 1), ("v1", "/d", 1, None),
        ("v2", "/", 2, None), ("v3", "/", 1, None),
    ]  # fmt: skip
    lists("3", old, hosts)
    store.run()
    assert told() == known
    wipe(store)
    lists("2", ("Snuffler",), frozenset({"bing.com"}))
    load(store, pageviews=views)
    assert [row[-1] for row in told()] == [2, 3, 1, None, None, None]


def test_doctor_counts_flags(sqlite_store: Store) -> None:
    """By reason, with a hint of what to do about them."""
    load(sqlite_store, touches=TOUCHES)
    load(
        sqlite_store,
        pageviews=f"visitor_id,at,url,purpose\nv9,2026-03-03T09:00:00Z,{SITE}/,prefetch",
    )
    found = [row for row in sqlite_store.doctor().rows if row["check"] == "flagged_touches"]
    assert [(row["severity"], row["count"]) for row in found] == [("notice", 1), ("notice", 1), ("notice", 1)]
    assert [row["detail"].split(":")[0] for row in found] == ["crawler", "spam", "prefetch"]


def test_every_crawler_of_the_list_is_known() -> None:
    """Arrow's expressions find what the package finds, and leave browsers alone."""
    import crawleruseragents

    path = Path(crawleruseragents.__file__).with_name("crawler-user-agents.json")
    agents = [name for entry in json.loads(path.read_text()) for name in entry.get("instances", [])]
    assert len(agents) > 1_000
    assert crawlers_among(pa.array(agents)).all()
    assert crawlers_among(pa.array([BROWSER, None, ""])).tolist() == [False, False, False]


def test_spam_hosts_are_whole_hosts() -> None:
    """A host covers its subdomains and nothing that only ends like it."""
    assert spam_among(pa.array(["Semalt.com", "a.b.semalt.com", "notsemalt.com", None])).tolist() == [
        True, True, False, False,
    ]  # fmt: skip
    listed = spam_list()
    assert all(host == host.strip().lower() and "." in host for host in listed.hosts)
    assert np.unique(list(listed.hosts)).size == len(listed.hosts) > 100
