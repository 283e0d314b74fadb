"""Page views and flagged touches of somebody: told, erased, and removed with old strangers."""

from __future__ import annotations

from typing import Any

from dumps import dump, names, rows
from erasure import held
from freezegun import freeze_time
from ledger_books import load
from pageview_books import SITE, brief, sessions

from attribution.engine import Store

ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
VIEWS = f"""
    visitor_id,at,url,referrer,user_agent,email,session_id
    secret-visitor,2026-03-03T09:00:00Z,{SITE}/?gclid=SecretClick,https://www.google.com/,SecretBrowser/5.0,,
    secret-visitor,2026-03-03T09:10:00Z,{SITE}/only-ella-saw,{SITE}/,SecretBrowser/5.0,ella@acme.test,
    secret-visitor,2026-03-03T09:20:00Z,{SITE}/pricing,{SITE}/,{ROBOT},,
    secret-visitor,2026-03-04T09:00:00Z,{SITE}/pricing,{SITE}/,SecretBrowser/5.0,,secret-session
    other,2026-03-03T09:00:00Z,{SITE}/pricing,,Mozilla/5.0,,
    """
SECRETS = {
    "secret-visitor", "ella@acme.test", "gclid:SecretClick", "SecretClick", "/only-ella-saw",
    "SecretBrowser/5.0", "secret-session",
}  # fmt: skip


def test_everything_about_a_person_is_told(store: Store) -> None:
    """Views with their page, origin and browser; the robot's visit among the touches, with its flag."""
    load(store, pageviews=VIEWS)
    (document,) = store.export_person(email="ella@acme.test").rows
    views = document["page_views"]
    assert [one["page"] for one in views] == [
        "www.acme.com/", "www.acme.com/only-ella-saw", "www.acme.com/pricing", "www.acme.com/pricing",
    ]  # fmt: skip
    assert views[0]["click_id"] == "gclid:SecretClick"
    assert views[0]["origin"]["referrer_host"] == "www.google.com"
    assert [one["flag"] for one in document["touches"]] == [None, "crawler", None]
    assert "page views" in document["identifiers"][1]["sources"]


def test_nothing_is_left_of_whoever_is_forgotten(store: Store) -> None:
    """No view, no page, no browser, no name; their visits are a stand-in's, and the robot's is nobody's."""
    load(store, pageviews=VIEWS)
    store.run()
    before = [(one.at, one.channel, one.page_views) for one in sessions(store)]
    receipt = store.forget(email="ella@acme.test")
    told = {row["where"]: row["rows"] for row in receipt.rows}
    assert (told["page_view"], told["touch_flag"]) == (4, 1)
    assert held(store, SECRETS, set()) == []
    assert rows(store, "page_view", "visitor") == [
        (number,) for number, name in names(store).items() if name == "other"
    ]  # fmt: skip
    assert rows(store, "touch_flag", "visitor", "reason") == [(None, 1)]
    assert sorted((one.at, one.channel, one.page_views) for one in sessions(store)) == sorted(before)
    after = dump(store, without=("batch", "setting"))
    again = store.import_table("pageviews", "-", stdin=_csv(VIEWS))
    assert (again.totals["accepted"], again.totals["duplicate"]) == (0, 5)
    assert dump(store, without=("batch", "setting")) == after
    assert held(store, SECRETS, set()) == []


def test_nothing_is_left_in_the_file(sqlite_store: Store) -> None:
    """Not in free pages of the database either."""
    load(sqlite_store, pageviews=VIEWS)
    sqlite_store.run()
    sqlite_store.forget(visitor="secret-visitor")
    assert sqlite_store.db.path is not None
    sqlite_store.close()
    left = b"".join(
        path.read_bytes() for path in sqlite_store.db.path.parent.glob(f"{sqlite_store.db.path.name}*")
    )
    for secret in SECRETS:
        assert secret.encode() not in left, secret


def test_who_comes_back_is_somebody_new(store: Store) -> None:
    """What is dated after the erasure loads, as of a visitor without a past."""
    with freeze_time("2026-03-10T00:00:00Z"):
        load(store, pageviews=VIEWS)
        store.forget(visitor="secret-visitor")
    load(store, pageviews=f"visitor_id,at,url\nsecret-visitor,2026-03-11T09:00:00Z,{SITE}/")
    assert ("secret-visitor", "09:00:00", "Direct", 1) in brief(store)
    assert len([one for one in brief(store) if one[0] == "secret-visitor"]) == 1


@freeze_time("2026-06-01T12:00:00Z")
def test_old_strangers_go_with_their_views(store: Store) -> None:
    """A visit goes as a whole, over midnight too; robots are counted nowhere; whoever is known stays."""
    load(
        store,
        pageviews=f"""
        visitor_id,at,url,referrer,user_agent,email
        old,2026-03-01T23:50:00Z,{SITE}/,https://www.google.com/,Mozilla/5.0,
        old,2026-03-02T00:10:00Z,{SITE}/b,{SITE}/,Mozilla/5.0,
        old,2026-03-02T09:00:00Z,{SITE}/c,,Mozilla/5.0,
        gone,2026-02-01T09:00:00Z,{SITE}/,,Mozilla/5.0,
        bot,2026-02-01T09:00:00Z,{SITE}/,,{ROBOT},
        ella,2026-02-01T09:00:00Z,{SITE}/,,Mozilla/5.0,ella@acme.test
        """,
    )
    store.config_set("timezone", "UTC")
    answer = store.retain(anonymous="91d")  # from the second of March on
    removed = {row["what"]: row["removed"] for row in answer.rows}
    assert (removed["touches"], removed["visitors"], removed["page_views"]) == (2, 2, 4)
    assert brief(store) == [("ella", "09:00:00", "Direct", 1), ("old", "09:00:00", "Direct", 1)]
    assert rows(store, "touch_flag", "n") == []
    assert len(rows(store, "page_view", "at")) == 2
    assert set(names(store).values()) == {"ella", "ella@acme.test", "old"}
    assert rows(store, "touch_count", "touches", "visitors") == [(1, 1), (1, 1)]


def _csv(text: str) -> Any:
    import io

    return io.BytesIO(("\n".join(line.strip() for line in text.strip().splitlines()) + "\n").encode())
