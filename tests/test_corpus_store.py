"""What models learn from in a store: conversions, and the journeys of those who did not convert."""

from __future__ import annotations

import numpy as np
import pytest
from freezegun import freeze_time
from ledger_books import load

from attribution import clock
from attribution.engine import Store
from attribution.journeys.read import Window
from attribution.ledger.corpus import Corpus, read_corpus
from attribution.store.settings import Settings

WINDOW = Window(lookback="90d", scope="contacts", kinds="session click email event offline")

# bought converted, and came back later; open_deal may convert yet; lost did not; nobody knows stranger
TOUCHES = """
touch_id,visitor_id,at,channel,campaign,consent
b1,bought,2025-05-01T09:00:00Z,Email,,
b2,bought,2025-05-10T09:00:00Z,Direct,,
b3,bought,2025-06-20T09:00:00Z,Referral,,
o1,open_deal,2025-06-01T09:00:00Z,Email,,
l1,lost,2025-05-02T09:00:00Z,Paid Search,spring,
l2,lost,2025-05-03T09:00:00Z,Email,,
s1,stranger,2025-06-20T09:00:00Z,Direct,,
x1,long_ago,2025-01-01T09:00:00Z,Display,,
d1,,2025-06-02T09:00:00Z,Display,,denied
"""
LEADS = """
lead_id,created_at,visitor_id
Lb,2025-05-10T10:00:00Z,bought
Lo,2025-06-01T10:00:00Z,open_deal
Ll,2025-05-03T10:00:00Z,lost
"""
DEALS = """
deal_id,status,created_at,closed_at,amount,currency,lead_id
Db,won,2025-05-11,2025-06-10,90.00,GBP,Lb
Do,open,2025-06-02,,,,Lo
Dl,lost,2025-05-04,2025-06-01,,,Ll
"""


@pytest.fixture
def shop(store: Store) -> Store:
    """Return a store with a buyer, somebody undecided, a lost lead and a stranger."""
    load(store, touches=TOUCHES, leads=LEADS, deals=DEALS)
    store.run(models=["linear"], goals=["revenue", "leads"])
    return store


def corpus_of(store: Store, kind: str, window: Window = WINDOW) -> Corpus:
    """Read the corpus that a fit of now would learn from."""
    with store.db.write() as connection:
        return read_corpus(connection, Settings(connection), kind, window)


def paths(corpus: Corpus, converted: bool) -> list[list[str]]:
    """Return the channels of the journeys that converted, or did not, sorted."""
    journeys = corpus.journeys
    steps = np.split(journeys.channel, journeys.offsets[1:-1])[: journeys.n_journeys]
    return sorted(
        [journeys.channels[code] for code in path]
        for path, did in zip(steps, journeys.converted, strict=True)
        if did == converted
    )


def test_people_without_the_conversion_make_one_null_journey_each(shop: Store) -> None:
    """The lost lead and the stranger; not the buyer's later touch, the open deal, or touches too old."""
    corpus = corpus_of(shop, "won")
    assert clock.iso(corpus.as_of) == "2025-06-20T09:00:00Z"  # the last thing the store knows
    assert paths(corpus, True) == [["Email", "Direct"]]
    assert paths(corpus, False) == [["Direct"], ["Paid Search", "Email"]]
    assert corpus.journeys.value.tolist() == [9000, 0, 0]


def test_each_goal_has_null_journeys_of_its_own(shop: Store) -> None:
    """Whoever became a lead converted; the stranger did not, and who has an open deal is undecided."""
    corpus = corpus_of(shop, "lead")
    assert sorted(map(tuple, paths(corpus, True))) == [
        ("Email",), ("Email", "Direct"), ("Paid Search", "Email"),
    ]  # fmt: skip
    assert paths(corpus, False) == [["Direct"]]
    assert corpus.journeys.value.tolist() == [1, 1, 1, 0]  # leads have no money: each counts one


def test_the_window_holds_for_null_journeys_too(shop: Store) -> None:
    """With all touches ever the old visitor is there; with five weeks the lost lead is not."""
    everything = corpus_of(shop, "won", Window("none", "contacts", WINDOW.kinds))
    assert paths(everything, False) == [["Direct"], ["Display"], ["Paid Search", "Email"]]
    assert paths(corpus_of(shop, "won", Window("35d", "contacts", WINDOW.kinds)), False) == [["Direct"]]


def test_a_colleague_of_a_buyer_did_not_fail_to_buy(store: Store) -> None:
    """Also where only the lead's touches count, other contacts of a won deal make no null journey."""
    load(
        store,
        touches=TOUCHES + "c1,colleague,2025-05-05T09:00:00Z,Referral,,",
        leads="""lead_id,created_at,visitor_id,email
        Lb,2025-05-10T10:00:00Z,bought,
        Lc,2025-05-05T10:00:00Z,colleague,c@x.test""",
        deals="deal_id,status,created_at,closed_at,amount,currency,lead_id,emails\n"
        "Db,won,2025-05-11,2025-06-10,90.00,GBP,Lb,c@x.test",
    )
    store.run(models=["linear"], goals=["revenue"], scope="primary")
    nowhere = paths(corpus_of(store, "won", Window("90d", "primary", WINDOW.kinds)), False)
    assert ["Referral"] not in nowhere
    assert ["Paid Search", "Email"] in nowhere


def test_the_clock_is_not_asked(shop: Store) -> None:
    """The same data make the same corpus a year later; what is dated in the future waits."""
    with freeze_time("2026-06-20"):
        later = corpus_of(shop, "won")
    assert paths(later, False) == paths(corpus_of(shop, "won"), False)
    load(shop, touches="touch_id,visitor_id,at,channel\nf1,stranger,2199-01-01T00:00:00Z,Display")
    with freeze_time("2025-06-21"):
        assert paths(corpus_of(shop, "won"), False) == [["Direct"], ["Paid Search", "Email"]]


def test_a_visitor_who_is_known_by_now_is_one_person(shop: Store) -> None:
    """Evidence ties the stranger to the lost lead: two null journeys become one."""
    load(shop, identities="visitor_id,lead_id,at\nstranger,Ll,2025-06-21T00:00:00Z")
    shop.run(models=["linear"], goals=["revenue"])
    assert paths(corpus_of(shop, "won"), False) == [["Paid Search", "Email", "Direct"]]


def test_a_click_and_its_session_are_one_touch_in_null_journeys_too(shop: Store) -> None:
    """As in journeys that convert."""
    load(
        shop,
        touches="""touch_id,visitor_id,at,kind,channel,click_id
        c1,clicked,2025-06-01T10:00:00Z,click,Paid Search,gclid:1
        c2,clicked,2025-06-01T10:00:05Z,session,Paid Search,gclid:1""",
    )
    shop.run(models=["linear"], goals=["revenue"])
    assert ["Paid Search"] in paths(corpus_of(shop, "won"), False)
