"""Views of one instant, clicks told again, names in two spellings, spam in between: one visit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ledger_books import credits, load
from pageview_books import SITE, brief, sessions, write

from attribution.engine import Store
from attribution.loading.session_origins import Cutting, Places
from attribution.loading.sessions import UNKNOWN, Views, cut

GOOGLE = "https://www.google.com/"


def view(visitor: str, time: str, url: str, referrer: str = "") -> dict[str, Any]:
    """Return a page view on the third of March."""
    return {"visitor_id": visitor, "at": f"2026-03-03T{time}Z", "url": f"{SITE}{url}", "referrer": referrer}


def imported(store: Store, tmp_path: Path, *rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Import page views, and return `visitor time channel pages` of the sessions."""
    answer = store.import_table("pageviews", write(tmp_path / "views.csv", rows))
    assert answer.totals["rejected"] == 0, answer.warnings
    return brief(store)


def test_of_one_second_the_arrival_is_the_first(store: Store, tmp_path: Path) -> None:
    """A click and the page that it was sent on to in one second, of twenty visitors: twenty sessions."""
    rows = [
        one
        for number in range(20)
        for one in (
            view(f"v{number:02}", "09:00:00", f"/?gclid=C{number}", GOOGLE),
            view(f"v{number:02}", "09:00:00", "/en", f"{SITE}/"),
            view(f"v{number:02}", "09:03:00", "/en/p", f"{SITE}/en"),
        )
    ]
    expected = [(f"v{number:02}", "09:00:00", "Paid Search", 3) for number in range(20)]
    random.Random(1).shuffle(rows)
    assert imported(store, tmp_path, *rows[:25]) is not None
    assert imported(store, tmp_path, *rows[25:]) == expected


@pytest.mark.parametrize("turned", [False, True])
def test_what_says_most_of_one_second_is_the_first(sqlite_store: Store, tmp_path: Path, turned: bool) -> None:
    """A named campaign, a bare click, another site, nothing, a page of the site: in that order."""
    rows = [
        view("v1", "09:00:00", "/a", f"{SITE}/"),
        view("v1", "09:00:00", "/b"),
        view("v1", "09:00:00", "/c", "https://news.example/"),
        view("v2", "09:00:00", "/d?gclid=G1", GOOGLE),
        view("v2", "09:00:00", "/e?gclid=G1&utm_source=google&utm_medium=cpc&utm_campaign=Brand", GOOGLE),
    ]
    found = imported(sqlite_store, tmp_path, *(rows[::-1] if turned else rows))
    assert found == [("v1", "09:00:00", "Referral", 3), ("v2", "09:00:00", "Paid Search", 2)]
    assert [(one.page, one.campaign) for one in sessions(sqlite_store)] == [("/c", None), ("/e", "Brand")]


def test_a_click_that_a_redirect_tells_again_is_the_session(store: Store, tmp_path: Path) -> None:
    """The redirect dropped the tags and kept the gclid: one touch, and all of the money on it."""
    found = imported(
        store, tmp_path,
        view("v1", "09:00:00", "/?utm_source=google&utm_medium=cpc&utm_campaign=Brand&gclid=G1", GOOGLE),
        view("v1", "09:00:01", "/en?gclid=G1", GOOGLE),
        view("v1", "09:01:00", "/en/p", f"{SITE}/en"),
        # the tagged page again, without its click id, is the same place
        view("v1", "09:02:00", "/?utm_source=google&utm_medium=cpc&utm_campaign=Brand"),
        view("v1", "09:03:00", "/?gclid=G2", GOOGLE),
        view("v1", "09:04:00", "/?gclid=G1", GOOGLE),
    )  # fmt: skip
    assert found == [
        ("v1", "09:00:00", "Paid Search", 4), ("v1", "09:03:00", "Paid Search", 1),
        ("v1", "09:04:00", "Paid Search", 1),
    ]  # fmt: skip
    assert [one.click_id for one in sessions(store)] == ["gclid:G1", "gclid:G2", "gclid:G1"]


def test_one_campaign_spelled_twice_is_one_visit(store: Store, tmp_path: Path) -> None:
    """As spend joins take names as equal, so do sessions; another campaign is still another."""
    found = imported(
        store, tmp_path,
        view("v1", "09:00:00", "/?utm_source=news&utm_medium=email&utm_campaign=Spring+Sale"),
        view("v1", "09:05:00", "/?utm_source=news&utm_medium=email&utm_campaign=spring%2520sale"),
        view("v2", "09:00:00", "/?utm_source=fb&utm_medium=social&utm_campaign=A"),
        view("v2", "09:05:00", "/?utm_source=facebook&utm_medium=social&utm_campaign=a"),
        view("v2", "09:06:00", "/?utm_source=facebook&utm_medium=social&utm_campaign=b"),
    )  # fmt: skip
    assert found == [
        ("v1", "09:00:00", "Email", 2), ("v2", "09:00:00", "Organic Social", 2),
        ("v2", "09:06:00", "Organic Social", 1),
    ]  # fmt: skip


def test_a_spam_referrer_is_flagged_alone(store: Store, tmp_path: Path) -> None:
    """Three of the four views are the visit, and stay the visit of the click; the pause is theirs too."""
    found = imported(
        store, tmp_path,
        view("v1", "09:00:00", "/?gclid=1", GOOGLE),
        view("v1", "09:01:00", "/a", "https://semalt.com/"),
        view("v1", "09:02:00", "/b", f"{SITE}/a"),
        view("v1", "09:03:00", "/c", f"{SITE}/b"),
        view("v1", "09:30:00", "/a", "https://semalt.com/"),
        view("v1", "09:50:00", "/c", f"{SITE}/b"),
    )  # fmt: skip
    flags = [one.flag for one in sessions(store)]
    assert list(zip(found, flags, strict=True)) == [
        (("v1", "09:00:00", "Paid Search", 3), None), (("v1", "09:01:00", "Referral", 2), 2),
        (("v1", "09:50:00", "Direct", 1), None),
    ]  # fmt: skip


def test_money_follows_the_arrival(store: Store) -> None:
    """Worked out: 100.00 of one deal, linear, all of it on the one session of the click."""
    load(
        store,
        pageviews=f"""
        visitor_id,at,url,referrer,email
        v1,2026-03-03T09:00:00Z,{SITE}/?gclid=C0,{GOOGLE},
        v1,2026-03-03T09:00:00Z,{SITE}/en,{SITE}/,
        v1,2026-03-03T09:03:00Z,{SITE}/en/p,{SITE}/en,ella@acme.test
        """,
        deals="deal_id,status,closed_at,amount,currency,emails\nD,won,2026-03-05,100.00,GBP,ella@acme.test",
    )
    store.run(models=["linear"], goals=["revenue"])
    (only,) = sessions(store)
    assert credits(store, "D") == {only.touch_id: 10_000}


def _one_by_one(views: Views, gap: int) -> list[int]:
    """Cut views of one visitor as the rule is told, one after the other; returns the times of beginning."""
    found: list[int] = []
    last = place = click = 0
    rows = zip(views.at.tolist(), views.place.tolist(), views.click.tolist(), strict=True)
    for at, its_place, its_click in sorted(rows):
        if not found or at - last > gap or (
            its_place and (its_click != click if its_click else its_place != place)
        ):  # fmt: skip
            found.append(at)
            place, click = its_place, its_click
        last = at
    return found


def test_columns_cut_as_one_by_one() -> None:
    """A thousand visits at random: places, clicks and pauses in any order."""
    chance = np.random.default_rng(5)
    for _ in range(1_000):
        size = int(chance.integers(1, 14))
        none, at = np.zeros(size, np.int64), np.cumsum(chance.integers(1, 5, size))
        place = chance.integers(0, 3, size)
        click = np.where(place > 0, chance.integers(0, 3, size), 0)
        views = Views(
            none + 1, at, np.arange(size), place, none, click, none, none, none, none, none, none,
            none + UNKNOWN, none,
        )  # fmt: skip
        ordered, first = cut(views, 3)
        assert ordered.at[first].tolist() == _one_by_one(views, 3)


def test_a_campaign_with_a_name_comes_before_one_without() -> None:
    """Ranks of origins: named campaign, click, another site, nothing, within; by Arrival 3, 3, 1, 0, 2."""
    numbers = np.arange(1, 6)
    places = Places(np.array([7, 8]), np.array([7, 8]), np.array([1, 0]))
    placed, arrival = np.array([7, 8, 7, 7, 7]), np.array([3, 3, 1, 0, 2])
    rows = {"origin_id": numbers, "placement_id": placed, "arrival": arrival, "spam": numbers * 0}
    cutting = Cutting.of(rows, places)
    assert cutting.rank[1:].tolist() == [0, 1, 2, 3, 4]
    assert cutting.place[1:].tolist() == [7, 8, 7, 0, 0]
