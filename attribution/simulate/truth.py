"""Step three: what is true. How visits turn into leads and won deals, and what that is worth to the penny.

Effects are whole thousandths of log-odds. For a person with visits 1..n in time order, of channels
c(1)..c(n), with the effects lead(c) and win(c), and s(x) = 1 / (1 + exp(-x / 1000)):

    lead odds   x(i) = LEAD_BASE + keen + lead(c(i)) + min(CAP, sum over j < i of lead(c(j)) // 4)
    hazard      h(i) = s(x(i))                 becomes a lead at visit i, having not been one before
    first at i  f(i) = h(i) * product over j < i of (1 - h(j))
    persuaded   y(i) = min(CAP, sum over j <= i of win(c(j)) + nurture * win(Email))
    won         w(i) = s(WIN_BASE + keen // 2 + y(i))
    in time     t(i) = 1 if a deal that began with visit i is decided before the world ends, else 0

A lead becomes a deal with the probability of `DEAL` thousandths. What a person would pay (`value`, minor
units of the reporting currency, at the world's second rate), how long a decision takes and how many nurture
mails follow are drawn before anything happens. So the expected revenue of new business is a finite sum:

    expected = sum over people of value * DEAL / 1000 * sum over i of f(i) * w(i) * t(i)

A channel's contribution is that sum less the same sum with the channel's two effects at nought: the visits
stay, their influence goes. The baseline mutes all channels. Contributions need not add up to expected less
baseline, as channels work together. Renewals, refunds, deals without a digital trace and Ella are no part
of these figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from attribution.money import minor_digits
from attribution.simulate.columns import Floats, Ints
from attribution.simulate.people import People
from attribution.simulate.visits import Visits
from attribution.simulate.world import CHANNELS, DAY, ChannelEffect, World

LEAD_BASE: Final = -2250
WIN_BASE: Final = -50
CAP: Final = 1500
MQL: Final = 560  # thousandths of the leads; SQO and DEAL likewise, each a part of the one before
SQO: Final = 400
DEAL: Final = 360
_EMAIL: Final = CHANNELS.index("Email")


@dataclass(frozen=True)
class Odds:
    """One value a visit: `first` = f(i), `hazard` = h(i), `won` = w(i) of the module's formulas."""

    hazard: Floats
    first: Floats
    won: Floats


@dataclass(frozen=True)
class Truth:
    """The expected revenue of new business, in minor units of the reporting currency."""

    expected_minor: int
    baseline_minor: int
    channels: pd.DataFrame


def odds(crowd: People, seen: Visits, effects: tuple[ChannelEffect, ...]) -> Odds:
    """Work out every visit's odds under some effects."""
    lead, win = np.zeros(len(CHANNELS), dtype=np.int64), np.zeros(len(CHANNELS), dtype=np.int64)
    for effect in effects:
        lead[CHANNELS.index(effect.channel)], win[CHANNELS.index(effect.channel)] = effect.lead, effect.win
    keen = crowd.keen[seen.person]
    echo = _before(lead[seen.channel] // 4, seen)
    hazard = _logistic(LEAD_BASE + keen + lead[seen.channel] + np.minimum(CAP, echo))

    # a row a person, a column a visit: products run along a row
    spared = np.ones((len(crowd.account), int(seen.number.max(initial=0)) + 2))
    spared[seen.person, seen.number + 1] = 1.0 - hazard
    first = hazard * np.cumprod(spared, axis=1)[seen.person, seen.number]

    persuaded = (
        _before(win[seen.channel], seen) + win[seen.channel] + crowd.nurture[seen.person] * win[_EMAIL]
    )
    won = _logistic(WIN_BASE + keen // 2 + np.minimum(CAP, persuaded))
    return Odds(hazard, first, won)


def value_minor(world: World, crowd: People) -> Ints:
    """Return what each person would pay, in minor units of the reporting currency, rounded half up."""
    unit = 10 ** minor_digits(world.currency)
    millionths = np.where(crowd.second_account[crowd.account], int(world.second_rate * 10**6), 10**6)
    value: Ints = (crowd.price_major * unit * millionths + 500_000) // 1_000_000
    return value


def decided_at(crowd: People, person: Ints, visit_at: Ints) -> Ints:
    """Return when a deal that began with a visit is decided: never on a weekend."""
    at = visit_at + crowd.to_deal[person] + crowd.to_close[person]
    weekday = (at // DAY + 3) % 7
    return np.where(weekday >= 5, at + 2 * DAY, at)


def truth(world: World, crowd: People, seen: Visits) -> Truth:
    """Work out what each channel truly brings."""

    def expected(effects: tuple[ChannelEffect, ...]) -> int:
        return expected_minor(world, crowd, seen, odds(crowd, seen, effects))

    whole = expected(world.effects)
    given = {effect.channel: effect for effect in world.effects}
    rows = []
    for channel in CHANNELS:
        without = expected(tuple(effect for effect in world.effects if effect.channel != channel))
        effect = given.get(channel, ChannelEffect(channel, 0, 0))
        touches = int((seen.channel == CHANNELS.index(channel)).sum())
        rows.append((channel, effect.lead, effect.win, touches, without, whole - without))
    names = [
        "channel",
        "lead_log_odds",
        "win_log_odds",
        "touches",
        "expected_without_minor",
        "contribution_minor",
    ]
    return Truth(whole, expected(()), pd.DataFrame(rows, columns=names))


def expected_minor(world: World, crowd: People, seen: Visits, chances: Odds) -> int:
    """Return the expected revenue of new business under some odds."""
    in_time = decided_at(crowd, seen.person, seen.at) < world.end_second
    value = value_minor(world, crowd)[seen.person]
    return round(float(np.sum(np.where(in_time, value * chances.first * chances.won, 0.0))) * DEAL / 1000)


def _before(values: Ints, seen: Visits) -> Ints:
    """Sum a person's values over the visits before each visit."""
    sums = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(values)])
    rows = np.arange(len(values))
    before: Ints = sums[rows] - sums[rows - seen.number]
    return before


def _logistic(thousandths: Ints) -> Floats:
    return 1.0 / (1.0 + np.exp(-thousandths / 1000.0))
