"""Step two: who looks at what, and when. Visits, and stands at events, before anybody is known by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attribution.simulate.catalogue import AFTER_SPRING, EVENTS, SLOTS, SPRING
from attribution.simulate.columns import Bools, Ints, at_work
from attribution.simulate.people import People
from attribution.simulate.world import CHANNELS, DAY, ChannelMix, World

MOST_VISITS = 12  # of one person, stands at events apart

CHANNEL_OF_SLOT = np.array([CHANNELS.index(slot.channel) for slot in SLOTS])


@dataclass(frozen=True)
class Visits:
    """Visits in the order of person, then time; `at` in seconds since the epoch, `number` counts from 0."""

    person: Ints
    at: Ints
    slot: Ints
    device: Ints
    number: Ints

    @property
    def channel(self) -> Ints:
        """The number of each visit's channel in `CHANNELS`."""
        return CHANNEL_OF_SLOT[self.slot]


def visits(world: World, rng: np.random.Generator, crowd: People) -> Visits:
    """Draw all visits that fall into the world's days."""
    count = np.minimum(rng.geometric(0.36, world.n_people), MOST_VISITS)
    person = np.repeat(np.arange(world.n_people), count)
    number = np.arange(len(person)) - np.repeat(np.cumsum(count) - count, count)
    gap = np.where(number > 0, rng.lognormal(np.log(8), 1.1, len(person)), 0.0)
    since = np.cumsum(gap)
    day = crowd.first_day[person] + (since - since[number == 0][person]).astype(np.int64)
    at = at_work(rng, day + world.start_second // DAY, weekends=0.45)
    slot = _slots(world, rng, number, crowd.keen[person] > 0)
    slot = np.where((slot == SPRING) & ~in_spring(at), AFTER_SPRING, slot)
    device = rng.choice(4, len(person), p=[0.76, 0.16, 0.05, 0.03])

    stands = [_stand(world, rng, crowd, event) for event in range(len(EVENTS))]
    columns = [
        np.concatenate([own, *more])
        for own, more in zip((person, at, slot, device), zip(*stands, strict=True), strict=True)
    ]
    person, at, slot, device = columns
    keep = np.flatnonzero(at < world.end_second)
    keep = keep[np.lexsort((keep, at[keep], person[keep]))]
    person = person[keep]
    begins = np.searchsorted(person, person, side="left")
    return Visits(person, at[keep], slot[keep], device[keep], np.arange(len(person)) - begins)


def _slots(world: World, rng: np.random.Generator, number: Ints, keen: Bools) -> Ints:
    drawn = np.empty(len(number), dtype=np.int64)
    mix = {mixed.channel: mixed for mixed in world.mix}
    of_slot = [mix.get(slot.channel, ChannelMix(channel=slot.channel)) for slot in SLOTS]
    sought = np.array([mixed.keen for mixed in of_slot])
    for rows, weights, factors in (
        (number == 0, [slot.first for slot in SLOTS], [mixed.first for mixed in of_slot]),
        (number > 0, [slot.later for slot in SLOTS], [mixed.later for mixed in of_slot]),
    ):
        usual = np.array(weights) * np.array(factors)
        # the keen are drawn apart only where a channel seeks them: all other worlds stay as they are
        parts = (
            ((rows, usual),)
            if (sought == 1).all()
            else ((rows & keen, usual * sought), (rows & ~keen, usual))
        )
        for chosen, odds in parts:
            drawn[chosen] = rng.choice(len(SLOTS), int(chosen.sum()), p=odds / odds.sum())
    return drawn


def in_spring(at: Ints) -> Bools:
    """Tell whether a time lies in April, May or June, when the launch is advertised."""
    month = at.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
    return (month >= 3) & (month <= 5)


def _stand(
    world: World, rng: np.random.Generator, crowd: People, event: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Let some of those who know the company meet it at one event."""
    day = event_day(world, event)
    knows = np.flatnonzero(crowd.first_day + world.start_second // DAY < day)
    there = knows[rng.random(len(knows)) < 0.022]
    at = day * DAY + rng.integers(9 * 3600, 17 * 3600, len(there))
    return there, at, np.full(len(there), EVENTS[event]), np.zeros(len(there), dtype=np.int64)


def event_day(world: World, event: int) -> int:
    """Return the day (since the epoch) of an event: a working day at a fifth, half or three quarters."""
    day = world.start_second // DAY + world.days * (22, 47, 74)[event] // 100
    weekday = (day + 3) % 7
    return day + (7 - weekday if weekday >= 5 else 0)
