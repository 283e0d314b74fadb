"""A believable, seeded B2B company with known channel effects: files to try, test and measure the engine on.

One generator of random numbers goes through the steps of the story in a fixed order, so that equal
settings give equal files. What every channel truly brings is worked out beside it
(:mod:`attribution.simulate.truth`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from attribution.simulate.columns import frame, texts
from attribution.simulate.counts import email_table, rate_table, social_table
from attribution.simulate.deals import adjustment_table, deal_table, deals, stage_table
from attribution.simulate.ella import add_ella
from attribution.simulate.leads import lead_table, leads, meeting_table
from attribution.simulate.mess import add_mess
from attribution.simulate.people import people
from attribution.simulate.simulated import Simulated
from attribution.simulate.spend import spend_table
from attribution.simulate.touches import (
    CALLED,
    CHATTED,
    OFFLINE,
    SESSION,
    Rows,
    campaigns,
    identity_table,
    rows,
    touch_table,
    visitor_ids,
)
from attribution.simulate.truth import odds, truth
from attribution.simulate.visits import CHANNEL_OF_SLOT, visits
from attribution.simulate.world import CHANNEL_EFFECTS, CHANNELS, ChannelEffect, ChannelMix, World

__all__ = ["CHANNEL_EFFECTS", "ChannelEffect", "ChannelMix", "Simulated", "World", "simulate"]


def simulate(world: World) -> Simulated:
    """Make a company's tables, and the truth behind them.

    >>> made = simulate(World(seed=7, n_people=50))
    >>> sorted(made.tables)[:4], made.truth["channel"].tolist()[:2]
    (['adjustments', 'calls', 'deals', 'email_stats'], ['Paid Search', 'Paid Social'])
    """
    rng = np.random.default_rng(world.seed)
    crowd = people(world, rng)
    seen = visits(world, rng, crowd)
    chances = odds(crowd, seen, world.effects)
    made = leads(world, rng, crowd, seen, chances)
    sold = deals(world, rng, crowd, seen, made, chances)
    touched = rows(world, rng, crowd, seen, made, sold)

    at_stand = CHANNEL_OF_SLOT[seen.slot] == CHANNELS.index("Offline")
    tables = {"touches": touch_table(world, rng, crowd, touched)}
    tables["identities"] = identity_table(world, rng, crowd, made, touched, tables["touches"])
    visitor = visitor_ids(world, seen.person, seen.device, at_stand)
    tables["leads"] = lead_table(world, rng, crowd, seen, made, visitor)
    tables["deals"] = deal_table(world, rng, crowd, made, sold)
    tables["stages"] = stage_table(world, rng, made, sold)
    tables["adjustments"] = adjustment_table(world, rng, tables["deals"], sold)
    tables["spend"] = spend_table(world, rng, touched)
    tables["meetings"] = meeting_table(world, rng, made)
    tables["email_stats"] = email_table(world, rng)
    tables["social_stats"] = social_table(world, rng)
    tables["rates"] = rate_table(world, rng)

    answers = _answers(touched, tables["touches"])
    named = texts([f"p{person}" for person in made.person.tolist()])
    lead_people = frame({"lead_id": made.lead_id, "person": named})
    if world.mess:
        add_mess(world, rng, tables)
    if world.story:
        told, her_lead = add_ella(world, tables)
        answers = pd.concat([answers, told], ignore_index=True)
        lead_people = pd.concat([lead_people, her_lead], ignore_index=True)
    known = truth(world, crowd, seen)
    return Simulated(
        world=world,
        tables=tables,
        truth=_counted(known.channels, touched),
        answers=answers,
        lead_people=lead_people,
        expected_minor=known.expected_minor,
        baseline_minor=known.baseline_minor,
    )


def _answers(touched: Rows, table: pd.DataFrame) -> pd.DataFrame:
    """Say who is behind each touch, and what brought it, also where the browser told no referrer."""
    spoken = (touched.kind == CALLED) | (touched.kind == CHATTED)
    channel = np.where(spoken, "Offline", texts(list(CHANNELS))[CHANNEL_OF_SLOT[touched.slot]])
    channel = np.where(
        touched.kind == CHATTED, "Direct", channel
    )  # a chat on the page says no more than that
    return frame(
        {
            "touch_id": table["touch_id"],
            "person": texts([f"p{person}" for person in touched.person.tolist()]),
            "channel": channel,
            "campaign": np.where(spoken, "", campaigns(touched)),
        }
    )


def _counted(channels: pd.DataFrame, touched: Rows) -> pd.DataFrame:
    """Count each channel's touches as the tables have them: visits, nurture mails and stands."""
    counted = np.isin(touched.kind, (SESSION, OFFLINE))
    counts = np.bincount(CHANNEL_OF_SLOT[touched.slot[counted]], minlength=len(CHANNELS))
    return channels.assign(touches=counts)
