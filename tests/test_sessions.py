"""Page views become sessions: each case worked out by hand, on a day of one visitor of www.acme.com."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pageview_books import SITE, brief, sessions, write

from attribution.engine import Store
from attribution.errors import InputError
from attribution.loading.sessions import UNKNOWN, Views, cut, sessions_of

MINUTE = 60_000_000
GAP = 30 * MINUTE


def view(time: str, url: str = "/", referrer: str = f"{SITE}/", **more: Any) -> dict[str, Any]:
    """Return a page view of v1 on the third of March."""
    at = time if "T" in time else f"2026-03-03T{time}Z"
    return {"visitor_id": "v1", "at": at, "url": f"{SITE}{url}", "referrer": referrer, **more}


def imported(store: Store, tmp_path: Path, *rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Import page views, and return `visitor time channel pages` of the sessions."""
    answer = store.import_table("pageviews", write(tmp_path / "views.csv", rows))
    assert answer.totals["rejected"] == 0, answer.warnings
    return brief(store)


def test_thirty_minutes_of_silence_are_still_the_session(sqlite_store: Store, tmp_path: Path) -> None:
    """A pause of exactly half an hour ends nothing; a second more does."""
    found = imported(
        sqlite_store, tmp_path,
        view("09:00:00", referrer="https://www.google.com/"), view("09:30:00"), view("10:00:01"),
    )  # fmt: skip
    assert found == [("v1", "09:00:00", "Organic Search", 2), ("v1", "10:00:01", "Direct", 1)]


def test_midnight_ends_nothing(sqlite_store: Store, tmp_path: Path) -> None:
    """A session is a visit, not a day."""
    found = imported(
        sqlite_store, tmp_path,
        view("2026-03-03T23:50:00Z", referrer=""), view("2026-03-04T00:10:00Z"),
    )  # fmt: skip
    assert found == [("v1", "23:50:00", "Direct", 2)]


def test_a_new_campaign_starts_a_session(sqlite_store: Store, tmp_path: Path) -> None:
    """Two minutes after an organic visit; the campaign's own pages then belong to it."""
    found = imported(
        sqlite_store, tmp_path,
        view("09:00:00", referrer="https://www.google.com/"),
        view("09:01:00", "/a"),
        view("09:02:00", "/?utm_source=news&utm_medium=email&utm_campaign=spring", referrer=""),
        view("09:03:00", "/a"),
        view("09:04:00", "/?utm_source=news&utm_medium=email&utm_campaign=summer", referrer=""),
    )  # fmt: skip
    assert found == [
        ("v1", "09:00:00", "Organic Search", 2), ("v1", "09:02:00", "Email", 2),
        ("v1", "09:04:00", "Email", 1),
    ]  # fmt: skip
    assert [one.campaign for one in sessions(sqlite_store)] == [None, "spring", "summer"]


def test_the_page_of_a_click_reloaded_is_the_same_click(sqlite_store: Store, tmp_path: Path) -> None:
    """The same gclid stays in the address bar; another one is another click, of the same advertisement."""
    google = {"referrer": "https://www.google.com/"}
    found = imported(
        sqlite_store, tmp_path,
        view("09:00:00", "/?gclid=A1", **google),
        view("09:01:00", "/?gclid=A1", **google),
        view("09:02:00", "/b"),
        view("09:03:00", "/?gclid=A1", **google),
        view("09:04:00", "/?gclid=B2", **google),
    )  # fmt: skip
    assert found == [("v1", "09:00:00", "Paid Search", 4), ("v1", "09:04:00", "Paid Search", 1)]
    assert [one.click_id for one in sessions(sqlite_store)] == ["gclid:A1", "gclid:B2"]


def test_a_tagged_page_without_its_click_id_is_no_other_click(sqlite_store: Store, tmp_path: Path) -> None:
    """The same placement and no click id: nothing says that anybody came anew; a click id then does."""
    tags = "utm_source=google&utm_medium=cpc&utm_campaign=brand"
    found = imported(
        sqlite_store, tmp_path,
        view("09:00:00", f"/?{tags}&gclid=A1"), view("09:01:00", f"/?{tags}"),
        view("12:00:00", f"/?{tags}"), view("12:01:00", f"/?{tags}&gclid=A1"),
    )  # fmt: skip
    assert found == [
        ("v1", "09:00:00", "Paid Search", 2), ("v1", "12:00:00", "Paid Search", 1),
        ("v1", "12:01:00", "Paid Search", 1),
    ]  # fmt: skip


def test_a_payment_page_hands_the_visitor_back(sqlite_store: Store, tmp_path: Path) -> None:
    """PayPal and a login page are no new source, and neither is another host of the same site."""
    found = imported(
        sqlite_store, tmp_path,
        view("09:00:00", referrer="https://www.bing.com/"),
        view("09:10:00", "/thanks", referrer="https://www.paypal.com/checkout"),
        view("09:11:00", "/account", referrer="https://accounts.google.com/"),
        view("09:12:00", "/", referrer="https://shop.acme.com/basket"),
    )  # fmt: skip
    assert found == [("v1", "09:00:00", "Organic Search", 4)]


def test_own_domains_continue(sqlite_store: Store, tmp_path: Path) -> None:
    """Another domain of one's own is a source until the setting says so; then the run cuts anew."""
    rows = [
        view("09:00:00", referrer="https://www.bing.com/"),
        view("09:01:00", "/b", referrer="https://acme-shop.example/"),
        view("11:00:00", "/c", referrer="https://acme-shop.example/"),
    ]
    found = imported(sqlite_store, tmp_path, *rows)
    assert found == [
        ("v1", "09:00:00", "Organic Search", 1), ("v1", "09:01:00", "Referral", 1),
        ("v1", "11:00:00", "Referral", 1),
    ]  # fmt: skip
    sqlite_store.config_set("own_domains", "acme-shop.example")
    sqlite_store.run()
    assert brief(sqlite_store) == [("v1", "09:00:00", "Organic Search", 2), ("v1", "11:00:00", "Direct", 1)]


def test_directly_and_then_by_a_campaign(sqlite_store: Store, tmp_path: Path) -> None:
    """The campaign is another session; what comes directly in the midst of one is not."""
    found = imported(
        sqlite_store, tmp_path,
        view("09:00:00", referrer=""),
        view("09:05:00", "/?utm_source=linkedin&utm_medium=paid-social", referrer=""),
        view("09:06:00", "/b", referrer=""),
    )  # fmt: skip
    assert found == [("v1", "09:00:00", "Direct", 1), ("v1", "09:05:00", "Paid Social", 2)]


def test_a_page_of_ones_own_opens_a_direct_session(sqlite_store: Store, tmp_path: Path) -> None:
    """An own-domain referrer with no open session: a tab that was left open."""
    found = imported(sqlite_store, tmp_path, view("09:00:00", "/b", referrer=f"{SITE}/a"))
    assert found == [("v1", "09:00:00", "Direct", 1)]


def test_sessions_that_the_export_knows_count(sqlite_store: Store, tmp_path: Path) -> None:
    """Neither a pause nor a campaign splits one; the same number of another visitor is another session."""
    found = imported(
        sqlite_store, tmp_path,
        view("09:00:00", session_id="7", referrer="https://www.google.com/"),
        view("11:00:00", "/?utm_source=news&utm_medium=email", session_id="7"),
        view("11:01:00", session_id="8"),
        view("11:02:00", session_id="7") | {"visitor_id": "v2"},
    )  # fmt: skip
    assert found == [
        ("v1", "09:00:00", "Organic Search", 2), ("v1", "11:01:00", "Direct", 1),
        ("v2", "11:02:00", "Direct", 1),
    ]  # fmt: skip


def test_what_a_session_holds(sqlite_store: Store, tmp_path: Path) -> None:
    """Its first page and click, seconds that were counted, and the last word on consent of each purpose."""
    imported(
        sqlite_store, tmp_path,
        view("09:00:00", "/start?gclid=A1", engaged_seconds=12, consent="ad_user_data:granted"),
        view("09:01:00", "/b", engaged_seconds="", consent=""),
        view("09:02:00", "/c", engaged_seconds=30, consent="analytics:granted;ad_user_data:denied"),
        view("12:00:00", "/d"),
    )  # fmt: skip
    first, second = sessions(sqlite_store)
    assert (first.page, first.page_views, first.engaged, first.click_id) == ("/start", 3, 42, "gclid:A1")
    assert first.consent == 0b1001  # ad_user_data denied, analytics granted
    assert (second.page, second.page_views, second.engaged, second.click_id) == ("/d", 1, None, None)


def test_another_gap(sqlite_store: Store, tmp_path: Path) -> None:
    """The setting may come later: the run cuts anew, and back again to the same touches."""
    rows = [view("09:00:00", referrer=""), view("09:20:00"), view("10:10:00")]
    assert imported(sqlite_store, tmp_path, *rows) == [
        ("v1", "09:00:00", "Direct", 2),
        ("v1", "10:10:00", "Direct", 1),
    ]
    before = sessions(sqlite_store)
    for gap, pages in (("15m", [1, 1, 1]), ("1h", [3]), ("30m", [2, 1])):
        sqlite_store.config_set("session_gap", gap)
        sqlite_store.run()
        assert [one.page_views for one in sessions(sqlite_store)] == pages
    assert sessions(sqlite_store) == before
    with pytest.raises(InputError, match="soon"):
        sqlite_store.config_set("session_gap", "soon")


def views_of(*rows: tuple[int, int, int, int]) -> Views:
    """Make views of one visitor out of `minute place click stream`."""
    minute, place, click, stream = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    one, none = np.ones(len(minute), np.int64), np.zeros(len(minute), np.int64)
    return Views(
        one, minute * MINUTE, np.arange(len(minute)), place, none, click, none, stream, none, one, one, one,
        none + UNKNOWN, none,
    )  # fmt: skip


def begins(*rows: tuple[int, int, int, int]) -> list[int]:
    """Return the minutes at which sessions begin."""
    views, first = cut(views_of(*rows), GAP)
    return [int(at) // MINUTE for at in views.at[first]]


def test_back_to_the_first_campaign_is_a_third_session() -> None:
    """What counts is the session that is open, not every one that was."""
    assert begins((0, 5, 0, 0), (1, 6, 0, 0), (2, 0, 0, 0), (3, 5, 0, 0), (4, 5, 0, 0)) == [0, 1, 3]


def test_a_click_is_known_until_the_placement_changes() -> None:
    """A, nothing, A, B, B, nothing, A: three sessions of one placement."""
    clicks = (1, 0, 1, 2, 2, 0, 1)
    assert begins(*((minute, 5, click, 0) for minute, click in enumerate(clicks))) == [0, 3, 6]
    assert begins((0, 5, 1, 0), (1, 6, 0, 0), (2, 5, 1, 0)) == [0, 1, 2]


def test_robots_and_early_fetches_are_sessions_of_their_own() -> None:
    """A page that a browser fetched ahead neither splits nor lengthens the visit around it."""
    assert begins((0, 5, 0, 0), (10, 0, 0, 3), (25, 0, 0, 0), (50, 0, 0, 3)) == [0, 10, 50]


def test_views_in_any_order_are_the_same_sessions() -> None:
    """Views need not be sorted, and nobody's are put together with none."""
    views = views_of((0, 5, 0, 0), (1, 0, 0, 0), (40, 0, 0, 0), (41, 6, 9, 0))
    shuffled = views.take(np.array([2, 0, 3, 1]))
    assert sessions_of(views, GAP).digest.tolist() == sessions_of(shuffled, GAP).digest.tolist()
    assert sessions_of(views, GAP).views.tolist() == [2, 1, 1]
    assert not len(sessions_of(views.take(np.array([], np.int64)), GAP))
