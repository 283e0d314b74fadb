"""Step four: who raises a hand. Leads by form, call, chat, badge and from a list, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from attribution.simulate.columns import Ints, Texts, frame, local, pick, texts, utc
from attribution.simulate.people import INDUSTRIES, OWNERS, People, phone
from attribution.simulate.truth import DEAL, MQL, SQO, Odds
from attribution.simulate.visits import CHANNEL_OF_SLOT, Visits
from attribution.simulate.world import CHANNELS, DAY, World

FORM, CALL, CHAT, BADGE, LIST = range(5)
OUTCOMES: Final = ("reached", "voicemail", "no answer")
_OFFLINE: Final = CHANNELS.index("Offline")


@dataclass(frozen=True)
class Leads:
    """Leads in the order of their creation; times in seconds since the epoch, -1 where it never happened.

    `visit` is the row of the visit that did it, `asked_at` when they filled the form or rang, `way` how.
    `stage` is 0 for a mere lead, 1 marketing qualified, 2 sales qualified, 3 a deal.
    """

    lead_id: Texts
    person: Ints
    visit: Ints
    way: Ints
    asked_at: Ints
    created_at: Ints
    responded_at: Ints
    mql_at: Ints
    sqo_at: Ints
    stage: Ints
    phone: Texts
    of_person: Ints  # the row of each person's lead, or -1


def leads(world: World, rng: np.random.Generator, crowd: People, seen: Visits, chances: Odds) -> Leads:
    """Let the odds decide at which visit each person becomes a lead, if at all."""
    did = np.flatnonzero(rng.random(len(seen.at)) < chances.hazard)
    person, first = np.unique(seen.person[did], return_index=True)
    visit = did[first]
    count = len(person)

    way = rng.choice([FORM, CALL, CHAT, LIST], count, p=[0.75, 0.16, 0.07, 0.02])
    way = np.where(CHANNEL_OF_SLOT[seen.slot[visit]] == _OFFLINE, BADGE, way)
    last = world.end_second - 1
    asked = np.minimum(last, seen.at[visit] + rng.integers(120, 1500, count))
    pause = np.where((way == CALL) | (way == CHAT), rng.integers(120, 2400, count), 0)
    first_seen = seen.at[np.searchsorted(seen.person, person)]
    created = np.where(way == LIST, first_seen - rng.integers(3 * DAY, 30 * DAY, count), asked + pause)
    created = np.minimum(last, created)
    order = np.lexsort((person, created))
    person, visit, way, asked, created = (c[order] for c in (person, visit, way, asked, created))

    # the longer nobody calls back, the fewer are reached
    wait = np.clip(rng.lognormal(np.log(4000), 1.9, count), 40, 6 * DAY).astype(np.int64)
    lucky = rng.random(count) * 1000
    stage = (lucky < MQL).astype(np.int64) + (lucky < SQO) + (lucky < DEAL)
    deal_at = seen.at[visit] + crowd.to_deal[person]
    mql = created + ((deal_at - created) * rng.uniform(0.1, 0.4, count)).astype(np.int64)
    sqo = created + ((deal_at - created) * rng.uniform(0.5, 0.9, count)).astype(np.int64)
    answered = rng.random(count) < np.where(way == LIST, 0.0, 0.9)
    numbered = np.flatnonzero(crowd.has_phone[person] | (way == CALL))
    phones = np.full(count, "", dtype=object)
    phones[numbered] = [phone(number) for number in range(len(numbered))]
    of_person = np.full(len(crowd.account), -1, dtype=np.int64)
    of_person[person] = np.arange(count)
    return Leads(
        lead_id=texts([f"L-{number:04d}" for number in range(1, count + 1)]),
        person=person,
        visit=visit,
        way=way,
        asked_at=np.where(way == LIST, -1, asked),
        created_at=created,
        responded_at=_known(world, asked + wait, answered),
        mql_at=_known(world, mql, stage >= 1),
        sqo_at=_known(world, sqo, stage >= 2),
        stage=stage,
        phone=phones,
        of_person=of_person,
    )


def lead_table(
    world: World, rng: np.random.Generator, crowd: People, seen: Visits, made: Leads, visitor: Texts
) -> pd.DataFrame:
    """Write the leads as the CRM exports them.

    Args:
        visitor: the visitor id of every visit.
    """
    count = len(made.person)
    account = crowd.account[made.person]
    by_form = made.way == FORM
    has_visitor = np.isin(made.way, (FORM, CHAT)) & (rng.random(count) < 0.78)
    has_email = (made.way != CALL) | (rng.random(count) < 0.6)
    dropped = (made.stage == 0) & (rng.random(count) < 0.6)
    dropped_at = _known(
        world, made.created_at + (rng.exponential(12, count) * DAY).astype(np.int64) + 7200, dropped
    )
    responded = made.responded_at >= 0
    outcome = pick(OUTCOMES, rng.choice(len(OUTCOMES), count, p=[0.7, 0.2, 0.1]))
    # the CRM and the web form write their times differently
    in_local = rng.random(count) < np.where(by_form, 0.5, 0.4)
    east = crowd.second_account[account].astype(np.int64)
    created = np.where(in_local, texts(local(made.created_at, east)), texts(utc(made.created_at)))
    return frame(
        {
            "lead_id": made.lead_id,
            "created_at": created,
            "visitor_id": np.where(has_visitor, visitor[made.visit], ""),
            "email": np.where(has_email, crowd.emails[made.person], ""),
            "phone": made.phone,
            "account": crowd.accounts[account],
            "owner": pick(OWNERS, crowd.owner_account[account]),
            "industry": pick(INDUSTRIES, crowd.industry_account[account]),
            "mql_at": utc_or_blank(made.mql_at),
            "sqo_at": utc_or_blank(made.sqo_at),
            "disqualified_at": utc_or_blank(dropped_at),
            "requested_at": utc_or_blank(made.asked_at),
            "responded_at": utc_or_blank(made.responded_at),
            "response_outcome": np.where(responded, outcome, ""),
            "consent": np.where(crowd.consented[made.person], "granted", ""),
        }
    )


def meeting_table(world: World, rng: np.random.Generator, made: Leads) -> pd.DataFrame:
    """Book a meeting with most qualified leads; a fifth of them are not held."""
    rows = np.flatnonzero((made.mql_at >= 0) & (rng.random(len(made.person)) < 0.8))
    booked = made.mql_at[rows] + rng.integers(1800, DAY, len(rows))
    day = booked // DAY + rng.integers(1, 11, len(rows))
    day += np.where((day + 3) % 7 >= 5, 2, 0)
    held = (
        day * DAY + rng.choice([10, 11, 13, 14, 15, 16], len(rows)) * 3600 + rng.choice([0, 1800], len(rows))
    )
    kept = rng.random(len(rows)) < 0.82
    known = booked < world.end_second
    rows, booked, held = rows[known], booked[known], _known(world, held, kept)[known]
    return frame(
        {
            "meeting_id": texts([f"M-{number:04d}" for number in range(1, len(rows) + 1)]),
            "lead_id": made.lead_id[rows],
            "booked_at": texts(utc(booked)),
            "held_at": utc_or_blank(held),
        }
    )


def utc_or_blank(seconds: Ints) -> Texts:
    """Write times in UTC; a negative one is missing."""
    return np.where(seconds >= 0, texts(utc(np.maximum(seconds, 0))), "")


def _known(world: World, at: Ints, happened: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Ints:
    """Keep what has happened before the watching stops."""
    return np.where(happened & (at < world.end_second), at, -1)
