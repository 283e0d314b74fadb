"""The companies in which models are compared with the truth: what is different in each, and its journeys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from attribution.journeys.columns import BoolArray, IntArray, Journeys, offsets_of
from attribution.models.base import AttributionModel
from attribution.simulate.catalogue import LOGIN
from attribution.simulate.deals import Deals, deals
from attribution.simulate.leads import Leads, leads
from attribution.simulate.people import People, people
from attribution.simulate.touches import OFFLINE, SESSION, Rows, rows
from attribution.simulate.truth import expected_minor, odds, truth, value_minor
from attribution.simulate.visits import CHANNEL_OF_SLOT, Visits, visits
from attribution.simulate.world import CHANNEL_EFFECTS, CHANNELS, ChannelEffect, ChannelMix, World

MICROS = 1_000_000
EMAIL = CHANNELS.index("Email")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of company: a sentence, what its channels do, and how often people come through them.

    `nurture` is whether leads get mails, which they get because they are leads; `goal` is what is
    credited, `revenue` or `leads`. The truth is what channels contribute to revenue, whatever is credited.
    """

    told: str
    effects: tuple[ChannelEffect, ...] = CHANNEL_EFFECTS
    mix: tuple[ChannelMix, ...] = ()
    nurture: bool = True
    goal: str = "revenue"

    def world(self, seed: int, n_people: int) -> World:
        """Return the settings of one company of this kind."""
        return World(
            seed=seed, n_people=n_people, effects=self.effects, mix=self.mix, mess=False, story=False
        )


def _weaker(but: str, lead: int, win: int) -> tuple[ChannelEffect, ...]:
    """Let one channel do what is said, and all others a third of what they usually do."""
    return tuple(
        ChannelEffect(usual.channel, lead, win)
        if usual.channel == but
        else ChannelEffect(usual.channel, usual.lead // 3, usual.win // 3)
        for usual in CHANNEL_EFFECTS
    )


_IDLE_DISPLAY = tuple(effect for effect in CHANNEL_EFFECTS if effect.channel != "Display")

WORLDS = {
    "ordinary": Kind(told="the company of the demo; Direct does nothing, all others something"),
    "unmailed": Kind(told="the ordinary company, which sends its leads no mails", nurture=False),
    "leads": Kind(
        told="the ordinary company by its leads: journeys end where somebody raises a hand", goal="leads"
    ),
    "alike": Kind(
        told="every visit does the same, whatever its channel",
        effects=tuple(ChannelEffect(channel, 500, 200) for channel in CHANNELS),
    ),
    "closer": Kind(
        told="Email, which comes late, does most",
        effects=_weaker("Email", 1500, 500),
        mix=(ChannelMix(channel="Email", first=0, later=2),),
    ),
    "opener": Kind(
        told="Organic Social only ever comes first, convinces, and others reap it",
        effects=_weaker("Organic Social", 200, 1400),
        mix=(ChannelMix(channel="Organic Social", first=6, later=0),),
    ),
    "bystander": Kind(
        told="Display is everywhere and does nothing",
        effects=_IDLE_DISPLAY,
        mix=(ChannelMix(channel="Display", first=6, later=6),),
    ),
    "harvester": Kind(
        told="Display does nothing, and finds those who would buy anyway",
        effects=_IDLE_DISPLAY,
        mix=(ChannelMix(channel="Display", first=2, later=2, keen=6),),
    ),
}


@dataclass(frozen=True)
class Sample:
    """One company: its journeys (value of won new business, null journeys too), and two truths a channel.

    `contribution` is lost when a channel's visits have no influence, `lost_if_absent` when they do not take
    place; float64, minor units, in the order of `CHANNELS`.
    """

    journeys: Journeys
    contribution: npt.NDArray[np.float64]
    lost_if_absent: npt.NDArray[np.float64]
    size: dict[str, float]


def names_of_milestones(models: Iterable[AttributionModel]) -> tuple[str, ...]:
    """Return the milestones that any of the models looks at."""
    return tuple(sorted({name for model in models for name in model.milestones}))


def draw(kind: Kind, seed: int, n_people: int, milestones: tuple[str, ...]) -> Sample:
    """Make a company of a kind; the same settings make the same one."""
    world = kind.world(seed, n_people)
    rng = np.random.default_rng(world.seed)
    crowd = people(world, rng)
    if not kind.nurture:
        crowd = replace(crowd, nurture=np.zeros_like(crowd.nurture))
    seen = visits(world, rng, crowd)
    chances = odds(crowd, seen, world.effects)
    made = leads(world, rng, crowd, seen, chances)
    sold = deals(world, rng, crowd, seen, made, chances)
    touched = rows(world, rng, crowd, seen, made, sold)
    # what a store counts too: visits, nurture mails and stands; a click reported twice is one touch
    counted = np.isin(touched.kind, (SESSION, OFFLINE)) & (touched.slot != LOGIN)
    touches = touched.take(np.flatnonzero(counted))
    by_leads = kind.goal == "leads"
    ends = _ends_by_leads(world, crowd, made) if by_leads else _ends_by_revenue(world, crowd, sold)
    journeys = _placed(_journeys(ends, touches), milestones, made, sold)

    known = truth(world, crowd, seen)
    whole = known.expected_minor
    absent = [whole - _without(world, crowd, seen, channel) for channel in range(len(CHANNELS))]
    size = {
        "touches": journeys.n_touches,
        "conversions": int(journeys.converted.sum()),
        "baseline": known.baseline_minor / whole,
    }
    contribution = known.channels["contribution_minor"].to_numpy(np.float64)
    return Sample(journeys, contribution, np.array(absent, np.float64), size)


class _Ends(NamedTuple):
    """How each person's journey ends: when, and whether it converted; the undecided are left out."""

    at: IntArray
    converted: BoolArray
    undecided: BoolArray
    value: IntArray


def _ends_by_revenue(world: World, crowd: People, sold: Deals) -> _Ends:
    """End journeys at the closing of a new deal won, all others at the end of the world."""
    n_people = len(crowd.account)
    new = (sold.kind == 0) & (sold.person >= 0)
    won, still_open = sold.person[new & sold.won], sold.person[new & (sold.closed_at < 0)]
    at = np.full(n_people, world.end_second)
    at[won] = sold.closed_at[new & sold.won]
    converted, undecided = np.zeros(n_people, np.bool_), np.zeros(n_people, np.bool_)
    converted[won], undecided[still_open] = True, True
    return _Ends(at, converted, undecided, np.where(converted, value_minor(world, crowd), 0))


def _ends_by_leads(world: World, crowd: People, made: Leads) -> _Ends:
    """End journeys where the lead was created, all leads being worth the same."""
    n_people = len(crowd.account)
    at = np.full(n_people, world.end_second)
    at[made.person] = made.created_at
    converted = made.of_person >= 0
    return _Ends(at, converted, np.zeros(n_people, np.bool_), converted.astype(np.int64))


def _journeys(ends: _Ends, touches: Rows) -> Journeys:
    """Make a journey of everybody who has touches before it ends."""
    counted = (touches.at <= ends.at[touches.person]) & ~ends.undecided[touches.person]
    kept = np.flatnonzero(counted)
    touches = touches.take(kept[np.lexsort((kept, touches.at[kept], touches.person[kept]))])
    everybody, of_touch = np.unique(touches.person, return_inverse=True)
    n = len(touches.at)
    return Journeys(
        offsets=offsets_of(np.bincount(of_touch, minlength=len(everybody)).astype(np.int64)),
        at=touches.at * MICROS,
        channel=CHANNEL_OF_SLOT[touches.slot].astype(np.int32),
        kind=np.zeros(n, np.int16),
        placement=np.arange(n),
        touch=np.arange(n),
        person=touches.person,
        converted_at=ends.at[everybody] * MICROS,
        value=ends.value[everybody],
        converted=ends.converted[everybody],
        channels=CHANNELS,
    )


def _placed(journeys: Journeys, names: tuple[str, ...], made: Leads, sold: Deals) -> Journeys:
    """Add the touches that hold milestones."""
    whose = journeys.person[journeys.first]  # no journey is empty
    reached = {name: _reached(name, len(made.of_person), made, sold)[whose] for name in names}
    return replace(journeys, milestones={name: _last_before(journeys, at) for name, at in reached.items()})


def _reached(name: str, n_people: int, made: Leads, sold: Deals) -> IntArray:
    """Return the second at which each person reached a milestone, -1 for never."""
    new = np.flatnonzero((sold.kind == 0) & (sold.person >= 0))
    person, at = {
        "lead": (made.person, made.created_at),
        "mql": (made.person, made.mql_at),
        "sqo": (made.person, made.sqo_at),
        "opportunity": (sold.person[new], sold.created_at[new]),
    }[name]
    reached = np.full(n_people, -1)
    reached[person] = at
    return reached


def _last_before(journeys: Journeys, second: IntArray) -> IntArray:
    """Return the last touch of each journey at or before a time, -1 where there is none."""
    before = journeys.at <= np.repeat(second, journeys.lengths) * MICROS
    counts = np.diff(np.concatenate(([0], np.cumsum(before)))[journeys.offsets])
    return np.where(counts > 0, journeys.offsets[:-1] + counts - 1, -1)


def _without(world: World, crowd: People, seen: Visits, channel: int) -> int:
    """Return the expected revenue if a channel's visits did not take place, nor its mails to leads."""
    kept = np.flatnonzero(seen.channel != channel)
    person = seen.person[kept]
    number = np.arange(len(kept)) - np.searchsorted(person, person, side="left")
    left = Visits(person, seen.at[kept], seen.slot[kept], seen.device[kept], number)
    if channel == EMAIL:
        crowd = replace(crowd, nurture=np.zeros_like(crowd.nurture))
    return expected_minor(world, crowd, left, odds(crowd, left, world.effects))
