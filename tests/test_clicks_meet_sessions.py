"""A click that a platform logged knows no visitor: it and the touch with its click id are one touch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from dumps import counts, rows
from ledger_books import credits, entries, load, wipe
from sqlalchemy import select

from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.engine import Store
from attribution.store.schema import touch

DEAL = """
    deal_id,status,created_at,closed_at,amount,currency,lead_id
    D,won,2026-03-04T10:00:00Z,2026-03-05T10:00:00Z,100,EUR,L
    """
LEAD = "lead_id,created_at,visitor_id\nL,2026-03-04T09:00:00Z,v2"
SESSION = """
    touch_id,visitor_id,at,kind,url
    s2,v2,2026-03-03T09:00:00Z,session,https://www.acme.com/?gclid=CjB
    """
HEAD = "touch_id,visitor_id,at,kind,platform,campaign_id,campaign,ad_group,click_id"
CLICK = f"{HEAD}\nc2,,2026-03-03T08:59:58Z,click,google,111,Brand,,gclid:CjB"
SPEND = """
    date,cost,currency,platform,campaign_id,campaign,channel
    2026-03-03,10,EUR,google,111,Brand,
    """
BOOKS = {"deals": DEAL, "leads": LEAD, "touches": SESSION, "spend": SPEND}


def run(store: Store) -> None:
    """Credit the deal."""
    store.run(models=["linear"], goals=["revenue"])


def campaign(store: Store, name: str = "s2") -> dict[str, str | None]:
    """Return the placement that a touch has credit under."""
    (placement,) = {one.placement for one in entries(store) if one.touch == name}
    return dict(zip(PLACEMENT_FIELDS, placement, strict=True))


@pytest.fixture(autouse=True)
def euros(request: pytest.FixtureRequest) -> None:
    """Let stores of these tests report in euros."""
    for name in ("store", "sqlite_store"):
        if name in request.fixturenames:
            request.getfixturevalue(name).config_set("reporting_currency", "EUR")


def test_spend_meets_the_session_through_the_click(store: Store) -> None:
    """Worked out: 10 spent on Brand, 100 won by the session of its click: a return of 900 %, once counted."""
    load(store, **BOOKS)
    load(store, touches=CLICK)
    run(store)
    assert credits(store, "D") == {"s2": 10_000}
    assert campaign(store)["campaign"] == "Brand"
    answer = store.report(by=["campaign"], goal="revenue", model="linear")
    shown = [(row["campaign"], row["spend"], row["value"], row["roi"]) for row in answer.rows]
    assert shown == [("Brand", "10.00", "100.00", 9.0)]


def test_in_any_order_and_with_runs_in_between(sqlite_store: Store) -> None:
    """Session, click and spend may come in any order, with a run after each: the same figures at the end."""
    parts = (("touches", SESSION), ("touches", CLICK), ("spend", SPEND))
    for order in permutations(parts):
        wipe(sqlite_store)
        load(sqlite_store, deals=DEAL, leads=LEAD)
        for table, text in order:
            load(sqlite_store, **{table: text})
            run(sqlite_store)
        assert credits(sqlite_store, "D") == {"s2": 10_000}
        held = [(one.placement[3], one.share) for one in entries(sqlite_store) if one.touch == "s2"]
        assert sum(share for name, share in held if name == "Brand") == 1_000_000
        assert sum(share for name, share in held if name != "Brand") == 0


def test_a_click_log_that_comes_later_corrects_the_ledger(store: Store) -> None:
    """What was posted under no campaign is taken back, and posted under Brand; a third run posts nothing."""
    load(store, **BOOKS)
    run(store)
    assert campaign(store)["campaign"] is None
    load(store, touches=CLICK)
    run(store)
    posted = [(one.placement[3], one.minor) for one in entries(store) if one.touch == "s2"]
    assert sorted(posted, key=repr) == [("Brand", 10_000), (None, -10_000), (None, 10_000)]
    run(store)
    assert len([one for one in entries(store) if one.touch == "s2"]) == 3


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("c,v2,2026-03-03T08:59:58Z,click,google,111,Brand,,gclid:CjB", {"s2": 10_000}),
        ("c,v2,2026-03-03T08:59:58Z,click,google,111,Brand,,GCLID:CjB", {"s2": 10_000}),
        ("c,gclid:CjB,2026-03-03T08:59:58Z,click,google,111,Brand,,gclid:CjB", {"s2": 10_000}),
        ("c,,2026-02-03T08:59:58Z,impression,google,111,Brand,,gclid:CjB", {"s2": 10_000}),
        ("c,,2026-03-03T08:59:58Z,click,google,111,Brand,,gclid:CjX", {"s2": 10_000}),
        ("c,v2,2026-03-03T08:59:58Z,click,google,111,Brand,,", {"c": 5_000, "s2": 5_000}),
    ],
    ids=["same visitor", "capitals", "the id as visitor", "impression", "another click", "no click id"],
)
def test_whose_click_it_is(
    sqlite_store: Store, row: str, expected: dict[str, int], request: pytest.FixtureRequest
) -> None:
    """One touch wherever the click id is the same; what else is the visitor's own stays a touch."""
    load(sqlite_store, **BOOKS)
    load(sqlite_store, touches=f"{HEAD}\n{row}")
    run(sqlite_store)
    assert credits(sqlite_store, "D") == expected
    alone = request.node.callspec.id in ("another click", "no click id")
    assert campaign(sqlite_store)["campaign"] == (None if alone else "Brand")


@pytest.mark.parametrize(
    ("row", "touches"),
    [
        ("m,v2,2026-03-03T08:59:58Z,click,meta,7,FB,,fbclid:F6", 1),
        ("m,v2,2026-03-03T08:29:00Z,click,meta,7,FB,,fbclid:F6", 2),
        ("m,v2,2026-03-03T08:59:58Z,click,tiktok,7,TT,,ttclid:T6", 2),
    ],
    ids=["at once", "half an hour before", "a kind that it has not"],
)
def test_an_address_with_two_click_ids(sqlite_store: Store, row: str, touches: int) -> None:
    """The fbclid beside the gclid is not kept, its kind is: Meta's click is the session, naming nothing."""
    session = SESSION.replace("?gclid=CjB", "?gclid=CjB&fbclid=F6")
    load(sqlite_store, **(BOOKS | {"touches": session}))
    load(sqlite_store, touches=f"{HEAD}\n{row}")
    run(sqlite_store)
    assert len(credits(sqlite_store, "D")) == touches
    assert campaign(sqlite_store)["campaign"] is None


def test_only_blanks_are_filled_and_by_the_earliest_click(sqlite_store: Store) -> None:
    """What the session's own tags say stays; of two clicks with one id the earlier fills a blank first."""
    session = SESSION.replace("?gclid=CjB", "?gclid=CjB&utm_source=google&utm_medium=cpc&utm_campaign=Own")
    clicks = [
        "c3,,2026-03-03T08:59:59Z,click,google,111,Brand,Later,gclid:CjB",
        "c2,,2026-03-03T08:59:58Z,click,google,111,Brand,First,gclid:CjB",
    ]
    load(sqlite_store, **(BOOKS | {"touches": session}))
    load(sqlite_store, touches="\n".join([HEAD, *clicks]))
    run(sqlite_store)
    assert {name: campaign(sqlite_store)[name] for name in ("campaign", "ad_group")} == {
        "campaign": "Own", "ad_group": "First",
    }  # fmt: skip


def test_without_a_visitor_only_clicks_with_an_id(sqlite_store: Store) -> None:
    """A click without a click id, and a session with one, are rejected with what to do."""
    lines = [
        "c1,,2026-03-03T09:00:00Z,click,google,,,,", "c2,,2026-03-03T09:00:00Z,session,google,,,,gclid:A",
        "c3,,2026-03-03T09:00:00Z,click,google,,,,gclid:A",
    ]  # fmt: skip
    answer = _imported(sqlite_store, "\n".join([HEAD, *lines]))
    assert counts(answer.totals) == (3, 1, 0, 0, 0, 2)
    assert rows(sqlite_store, "platform_click", "n") == [(1,)]
    (message,) = set(rows(sqlite_store, "rejected_row", "message"))
    assert "in a click or an impression that has a click_id" in message[0]


def _imported(store: Store, text: str) -> Any:
    import io

    return store.import_table("touches", "-", stdin=io.BytesIO(text.encode()))


def test_page_views_meet_the_click_too(store: Store) -> None:
    """The session of page views takes the campaign, when the click log is there and after."""
    views = """
        visitor_id,at,url,referrer
        v2,2026-03-03T09:00:00Z,https://www.acme.com/?gclid=CjB,https://www.google.com/
        """
    load(store, deals=DEAL, leads=LEAD, touches=CLICK)
    run(store)
    load(store, pageviews=views)
    run(store)
    (name,) = credits(store, "D")
    assert campaign(store, name)["campaign"] == "Brand"


def test_doctor_counts_clicks_that_met_nobody(store: Store) -> None:
    """One of two: its session never came, or the site does not keep click ids."""
    load(store, touches=f"{CLICK}\nc9,,2026-03-03T08:59:58Z,click,google,111,Brand,,gclid:CjX")
    load(store, **BOOKS)
    (found,) = [row for row in store.doctor().rows if row["check"] == "clicks_without_visit"]
    assert (found["severity"], found["count"]) == ("notice", 1)
    assert found["detail"].endswith("whose click id no visit has: c9")


def test_forget_reaches_the_click(store: Store) -> None:
    """The person's session had the click id: it goes from the click as well, and the figures stay."""
    load(store, **BOOKS)
    other = "c9,,2026-03-03T08:59:58Z,click,google,111,Brand,,gclid:CjX"
    load(store, touches=f"{CLICK}\n{other}")
    run(store)
    before = credits(store, "D")
    store.forget(lead="L")
    with store.db.read() as connection:
        clicks = connection.execute(select(touch.c.touch_id, touch.c.click_id)).all()
    left = {one.touch_id: one.click_id for one in clicks}
    assert "c2" not in left
    assert left["c9"] == "gclid:CjX"
    assert "gclid:CjB" not in left.values()
    assert len(rows(store, "platform_click", "n")) == 1
    run(store)
    assert list(credits(store, "D").values()) == list(before.values())
    assert {one.placement[3] for one in entries(store) if one.minor} == {"Brand"}
    assert counts(_imported(store, CLICK).totals) == (1, 0, 0, 1, 0, 0)


def test_retain_keeps_the_click_of_a_visit_that_stays(store: Store, retained: Callable[[], Any]) -> None:
    """A click that named nobody's visit goes with its click id; one that names a customer's visit stays."""
    load(store, touches=f"{CLICK}\nc9,,2026-03-03T08:59:58Z,click,google,111,Brand,,gclid:CjX")
    load(store, **BOOKS)
    run(store)
    retained()
    assert rows(store, "touch", "touch_id") == [("c2",), ("s2",)]
    assert len(rows(store, "platform_click", "n")) == 1
    run(store)
    assert campaign(store)["campaign"] == "Brand"


@pytest.fixture
def retained(store: Store) -> Callable[[], Any]:
    """A function that removes what is older than a day."""
    return lambda: store.retain(anonymous="1d")


def test_doctor_finds_nothing_without_clicks(sqlite_store: Store) -> None:
    """A store without click logs has none that met nobody."""
    (found,) = [row for row in sqlite_store.doctor().rows if row["check"] == "clicks_without_visit"]
    assert found["severity"] == "ok"
