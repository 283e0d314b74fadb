"""What nobody knows to have arrived: it is told again as it was, whatever changes in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from platforms.faults import GATEWAY
from stories import AGAIN, YESTERDAY, Story, World

from attribution.engine import Store

Tell = Callable[..., Story]

OFTEN = 5  # how often a request is made at most before it is left to the next `send`


@pytest.fixture
def tell(sqlite_store: Store, tmp_path: Path) -> Iterator[Tell]:
    """A function that makes a world of few deals and one platform, which has been told nothing."""
    worlds: list[World] = []
    with pytest.MonkeyPatch.context() as patch:

        def begin(name: str, deals: int = 3) -> Story:
            worlds.append(World(sqlite_store, tmp_path, deals, patch, [name]))
            return worlds[-1].alone()

        yield begin
        for world in worlds:
            world.close()


def changed(story: Story) -> None:
    """Refund half of one deal, and lose another; then send until all is told."""
    world = story.world
    world.refund([world.deals[0]])
    world.put([world.deals[1]], "lost", YESTERDAY)
    world.run()
    for _ in range(4):
        story.send()


@pytest.mark.parametrize("name", ["google_ads", "meta", "ga4"])
def test_what_was_cut_and_then_put_off_at_once_is_still_in_doubt(tell: Tell, name: str) -> None:
    story = tell(name)
    story.send("applied, reset", *["busy"] * (OFTEN - 1))
    changed(story)
    assert story.believed() == story.held()


@pytest.mark.parametrize("name", ["google", "microsoft"])
def test_what_was_cut_and_then_put_off_by_the_next_send_is_still_in_doubt(tell: Tell, name: str) -> None:
    story = tell(name)
    story.send(*["applied, reset"] * OFTEN)
    story.send(*["busy"] * OFTEN)
    changed(story)
    assert story.believed() == story.held()


def test_what_a_killed_sender_left_and_is_then_put_off_is_still_in_doubt(tell: Tell) -> None:
    story = tell("google_ads")
    story.die("after it was applied")
    story.send(*["throttled"] * OFTEN)
    changed(story)
    assert story.believed() == story.held()


def test_what_a_killed_sender_left_and_nobody_comes_to_is_still_in_doubt(tell: Tell) -> None:
    story = tell("ga4")  # of which each request is one conversion
    story.send(*["html"] * OFTEN, wait=False)  # the first one waits
    story.die("after it was applied")  # the second one is there
    assert list(story.held()) == [story.world.deals[1].transaction]
    story.send(*["busy"] * OFTEN)  # nobody comes to the second one
    changed(story)
    assert story.believed() == story.held()


@pytest.mark.parametrize("name", ["google_ads", "ga4"])
def test_what_a_gateway_gave_up_on_is_in_doubt(tell: Tell, name: str) -> None:
    story = tell(name)
    story.send(*[GATEWAY] * OFTEN)
    changed(story)
    assert story.believed() == story.held()


@pytest.mark.parametrize("name", ["google", "meta"])
def test_what_was_cut_and_may_not_be_told_again_is_not_withdrawn(tell: Tell, name: str) -> None:
    story = tell(name)
    world = story.world
    story.send(*["applied, reset"] * OFTEN)
    denied = "analytics:granted;ad_user_data:denied"
    rows = [
        (f"late{one.n}", one.visitor, "2026-11-03T09:00:00Z", "https://acme.test/", denied)
        for one in world.deals
    ]
    world.add("touches", rows, "touch_id", "visitor_id", "at", "url", "consent")
    world.run()
    story.send()
    changed(story)
    states = story.outbox("transaction_id", "state").set_index("transaction_id")["state"].to_dict()
    assert "withdrawn" not in [states[key] for key in story.held()]


def test_an_adjustment_is_of_the_time_that_was_told(tell: Tell) -> None:
    story = tell("microsoft")
    story.send()
    [deal, *_] = story.world.deals
    story.world.put([deal], "won", AGAIN)
    story.world.refund([deal])
    story.world.run()
    story.send()
    assert story.live()[deal.key] == ["5 GBP"], story.platform.words


def test_an_adjustment_is_of_the_click_that_was_told(tell: Tell) -> None:
    story = tell("microsoft")
    story.send()
    [deal, *_] = story.world.deals
    rows = [("late", deal.visitor, "2026-11-01T09:00:00Z", "https://acme.test/?msclkid=Late", "granted")]
    story.world.add("touches", rows, "touch_id", "visitor_id", "at", "url", "consent")
    story.world.refund([deal])
    story.world.run()
    story.send()
    assert story.live()[deal.key] == ["5 GBP"], story.platform.words


@pytest.mark.parametrize("name", ["google_ads", "microsoft"])
def test_what_comes_back_at_the_same_time_is_another_conversion(tell: Tell, name: str) -> None:
    story = tell(name)
    story.send()
    deal = story.world.deals[1]
    for status in ("lost", "won"):
        story.world.put([deal], status, YESTERDAY)
        story.world.run()
        story.send()
    assert story.live()[deal.key] == ["10.2 GBP"], story.platform.words


def test_an_answer_that_nobody_can_ask_about_is_no_acceptance(tell: Tell) -> None:
    story = tell("google")
    story.platform.fails = 1.0  # what is taken is not counted in the end
    story.send("applied, no json")
    story.platform.fails = 0.0
    for _ in range(3):
        story.send()
    assert story.believed() == story.held()
    assert len(story.live()) == 3


def test_a_limit_that_is_told_with_403_is_none_of_access(tell: Tell) -> None:
    story = tell("salesforce", 8)  # the eighth has an id of Salesforce
    answer = story.send("throttled")
    assert story.send().totals["accepted"] == 1
    assert [note for note in answer.warnings if "lets nobody in" in note] == []
