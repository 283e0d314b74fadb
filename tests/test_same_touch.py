"""A click and the session that it opened are one touch, and the session knows what both knew."""

from __future__ import annotations

from ledger_books import credits, entries, load

from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.engine import Store

WHO = "visitor_id,email,at\nv1,a@x.test,2025-01-01\nv2,b@x.test,2025-01-01"
DEAL = "deal_id,status,closed_at,amount,currency,emails\nD,won,2025-06-30,10.00,GBP,a@x.test;b@x.test"
HEADER = "touch_id,visitor_id,at,kind,url,campaign,ad_group,keyword,click_id"


def _run(store: Store, *rows: str, kinds: str | None = None, lookback: str | None = None) -> dict[str, int]:
    load(store, touches="\n".join([HEADER, *rows]), identities=WHO, deals=DEAL)
    store.run(models=["linear"], goals=["revenue"], kinds=kinds, lookback=lookback)
    return credits(store, "D")


def _placement(store: Store, touch: str) -> dict[str, str | None]:
    (placement,) = {entry.placement for entry in entries(store) if entry.touch == touch}
    return dict(zip(PLACEMENT_FIELDS, placement, strict=True))


def test_a_shared_click_id_makes_one_touch_however_far_apart(store: Store) -> None:
    """The session stays; what it left blank is filled from the click, what it knew is kept."""
    assert _run(
        store,
        "click,v1,2025-06-01T12:00:00Z,click,,Brand,Shoes,red shoes,gclid:abc",
        "visit,v1,2025-06-03T09:00:00Z,session,https://acme.com/?gclid=abc&utm_campaign=Spring,,,,",
        "other,v1,2025-06-04T09:00:00Z,session,https://acme.com/?gclid=xyz,,,,",
    ) == {"visit": 500, "other": 500}
    placement = _placement(store, "visit")
    assert placement["channel"] == "Paid Search"
    assert placement["campaign"] == "Spring"
    assert (placement["ad_group"], placement["keyword"]) == ("Shoes", "red shoes")
    assert _placement(store, "other")["ad_group"] is None


def test_one_campaign_within_half_an_hour_makes_one_touch(store: Store) -> None:
    """Thirty minutes to the microsecond, before or after, whatever the campaign's capitals."""
    rows = (
        "mail-in,v1,2025-06-01T12:00:00Z,email,,May,,,",
        "visit-in,v1,2025-06-01T12:30:00Z,session,,MAY,,,",
        "visit-first,v1,2025-06-02T12:00:00Z,session,,May,,,",
        "mail-later,v1,2025-06-02T12:30:00Z,email,,May,,,",
        "mail-out,v1,2025-06-03T12:00:00Z,email,,May,,,",
        "visit-out,v1,2025-06-03T12:30:00.000001Z,session,,May,,,",
    )
    assert list(_run(store, *rows)) == ["visit-in", "visit-first", "mail-out", "visit-out"]


def test_other_people_other_campaigns_and_blanks_stay_apart(store: Store) -> None:
    """Two contacts of a deal, two campaigns, or two touches that name no campaign are not the same touch."""
    rows = (
        "mail-a,v1,2025-06-01T12:00:00Z,email,,May,,,",
        "visit-b,v2,2025-06-01T12:05:00Z,session,,May,,,",
        "visit-june,v1,2025-06-01T12:06:00Z,session,,June,,,",
        "click-blank,v1,2025-06-02T12:00:00Z,click,,,,,",
        "visit-blank,v1,2025-06-02T12:00:01Z,session,,,,,",
    )
    assert _run(store, *rows) == dict.fromkeys(
        ["mail-a", "visit-b", "visit-june", "click-blank", "visit-blank"], 200
    )


def test_of_two_clicks_the_earlier_fills_the_blank_in_any_import_order(store: Store) -> None:
    """Both go into the nearest session; its ad group is the first click's, its keyword the second's."""
    for row in (
        "click-2,v1,2025-06-01T12:01:00Z,click,,May,two,shoes,",
        "click-1,v1,2025-06-01T12:00:00Z,click,,May,one,,",
    ):
        load(store, touches=f"{HEADER}\n{row}")
    assert _run(
        store,
        "visit,v1,2025-06-01T12:02:00Z,session,,May,,,",
        "visit-2,v1,2025-06-01T12:20:00Z,session,,May,,,",
    ) == {"visit": 500, "visit-2": 500}
    placement = _placement(store, "visit")
    assert (placement["ad_group"], placement["keyword"]) == ("one", "shoes")


def test_of_two_sessions_at_one_instant_the_first_by_id_absorbs(store: Store) -> None:
    """Which one is filled never depends on which was imported first."""
    load(store, touches=f"{HEADER}\nvisit-b,v1,2025-06-01T12:00:00Z,session,,May,,,")
    load(store, touches=f"{HEADER}\nvisit-a,v1,2025-06-01T12:00:00Z,session,,May,,,")
    assert _run(store, "click,v1,2025-06-01T12:01:00Z,click,,May,one,,") == {"visit-a": 500, "visit-b": 500}
    assert _placement(store, "visit-a")["ad_group"] == "one"
    assert _placement(store, "visit-b")["ad_group"] is None


def test_a_touch_that_does_not_count_fills_nothing(store: Store) -> None:
    """A click before the window, or of a kind that was not asked for, leaves the session as it is."""
    rows = (
        "click,v1,2025-06-20T23:50:00Z,click,,May,one,,",
        "visit,v1,2025-06-21T00:10:00Z,session,,May,,,",
    )
    # the window opens at the last microsecond of 20 June
    assert _run(store, *rows, lookback="10d") == {"visit": 1000}
    assert _placement(store, "visit")["ad_group"] is None


def test_clicks_alone_stay_where_sessions_are_not_asked_for(store: Store) -> None:
    """With `kinds` click only, the click is the touch."""
    rows = (
        "click,v1,2025-06-20T12:00:00Z,click,,May,one,,",
        "visit,v1,2025-06-20T12:10:00Z,session,,May,,,",
    )
    assert _run(store, *rows, kinds="click") == {"click": 1000}
