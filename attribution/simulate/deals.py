"""Step five: what sales makes of it. Deals, their stages, second deals, refunds, and deals from nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from attribution.money import minor_digits
from attribution.simulate.columns import Bools, Ints, Texts, days_text, frame, local, pick, texts, utc
from attribution.simulate.leads import Leads
from attribution.simulate.people import OWNERS, People, account_name
from attribution.simulate.truth import Odds, decided_at
from attribution.simulate.visits import Visits
from attribution.simulate.world import DAY, World

INTERVALS: Final = ("", "month", "quarter", "year")
_PER_YEAR: Final = np.array([1, 12, 4, 1])
_KINDS: Final = ("new", "renewal", "expansion")


@dataclass(frozen=True)
class Deals:
    """Deals in the order of their creation; `closed_at` is -1 while open, `person` -1 where nobody was seen.

    `kind` counts in new, renewal, expansion; `interval` in none, month, quarter, year.
    """

    deal_id: Texts
    person: Ints
    account: Ints
    created_at: Ints
    closed_at: Ints
    won: Bools
    price_major: Ints
    kind: Ints
    interval: Ints


def deals(
    world: World, rng: np.random.Generator, crowd: People, seen: Visits, made: Leads, chances: Odds
) -> Deals:
    """Let the odds decide which leads' deals are won."""
    rows = np.flatnonzero(made.stage == 3)
    person, visit = made.person[rows], made.visit[rows]
    columns = {
        "person": person,
        "account": crowd.account[person],
        "created_at": seen.at[visit] + crowd.to_deal[person],
        "decided_at": decided_at(crowd, person, seen.at[visit]),
        "won": rng.random(len(rows)) < chances.won[visit],
        "price_major": crowd.price_major[person],
        "kind": np.zeros(len(rows), dtype=np.int64),
        "interval": rng.choice(4, len(rows), p=[0.45, 0.3, 0.13, 0.12]),
    }
    first = pd.DataFrame(columns)
    both = pd.concat(
        [first, _second_deals(world, rng, first), _untracked(world, rng, crowd)], ignore_index=True
    )
    both = both[both["created_at"] < world.end_second]
    both = both.sort_values(["created_at", "account", "kind"], kind="stable", ignore_index=True)
    closed = np.where(both["decided_at"] < world.end_second, both["decided_at"], -1)
    return Deals(
        deal_id=texts([f"D-{number:04d}" for number in range(1, len(both) + 1)]),
        person=both["person"].to_numpy(),
        account=both["account"].to_numpy(),
        created_at=both["created_at"].to_numpy(),
        closed_at=closed,
        won=both["won"].to_numpy() & (closed >= 0),
        price_major=both["price_major"].to_numpy(),
        kind=both["kind"].to_numpy(),
        interval=both["interval"].to_numpy(),
    )


def _second_deals(world: World, rng: np.random.Generator, first: pd.DataFrame) -> pd.DataFrame:
    """Let some customers renew or take more, months later."""
    bought = first["won"] & (first["decided_at"] < world.end_second) & (rng.random(len(first)) < 0.28)
    second = first[bought].copy()
    count = len(second)
    second["created_at"] = second["decided_at"] + rng.integers(50 * DAY, 190 * DAY, count)
    second["decided_at"] = second["created_at"] + rng.integers(9 * DAY, 40 * DAY, count)
    second["won"] = rng.random(count) < 0.9
    share = rng.uniform(0.4, 1.0, count)
    second["price_major"] = (second["price_major"] * share / 50).astype(np.int64) * 50 + 50
    second["kind"] = rng.choice([1, 2], count, p=[0.6, 0.4])
    return second


def _untracked(world: World, rng: np.random.Generator, crowd: People) -> pd.DataFrame:
    """Make deals of which no touch, form or call is known: a dinner, a fair in another country."""
    count = max(2, round(world.n_people * 0.0085))
    created = world.start_second + rng.integers(0, world.days * DAY, count)
    return pd.DataFrame(
        {
            "person": np.full(count, -1, dtype=np.int64),
            "account": len(crowd.size_account) + np.arange(count),  # beyond all accounts that have people
            "created_at": created,
            "decided_at": created + rng.integers(12 * DAY, 50 * DAY, count),
            "won": rng.random(count) < 0.7,
            "price_major": np.rint(rng.lognormal(np.log(6500), 0.5, count) / 50).astype(np.int64) * 50,
            "kind": np.zeros(count, dtype=np.int64),
            "interval": rng.choice(4, count, p=[0.5, 0.3, 0.1, 0.1]),
        }
    )


def deal_table(
    world: World, rng: np.random.Generator, crowd: People, made: Leads, sold: Deals
) -> pd.DataFrame:
    """Write the deals as the CRM exports them: with several contacts, and not always with their lead."""
    count = len(sold.person)
    tracked = sold.person >= 0
    lead = np.full(count, "", dtype=object)
    lead[tracked] = made.lead_id[made.of_person[sold.person[tracked]]]
    no_lead = tracked & (rng.random(count) < 0.1)
    second = np.zeros(count, dtype=bool)
    second[tracked] = crowd.second_account[sold.account[tracked]]
    owner = rng.integers(0, len(OWNERS), count)
    owner[tracked] = crowd.owner_account[sold.account[tracked]]

    only_day = rng.random(count) < 0.3
    closed = np.maximum(sold.closed_at, 0)
    day = texts(days_text(closed))
    closed_at = np.where(only_day, day, texts(local(closed, second.astype(np.int64))))
    digits = np.where(second, minor_digits(world.second_currency), minor_digits(world.currency))
    recurs = sold.won & (sold.interval > 0)
    recurring_minor = sold.price_major * 10**digits // _PER_YEAR[sold.interval]
    ends = sold.closed_at + rng.integers(70 * DAY, 200 * DAY, count)
    ended = recurs & (rng.random(count) < 0.12) & (ends < world.end_second)
    return frame(
        {
            "deal_id": sold.deal_id,
            "status": np.where(sold.closed_at < 0, "open", np.where(sold.won, "won", "lost")),
            "created_at": texts(utc(sold.created_at)),
            "closed_at": np.where(sold.closed_at >= 0, closed_at, ""),
            "amount": amounts(sold.price_major * 10**digits, digits),
            "currency": np.where(second, world.second_currency, world.currency),
            "lead_id": np.where(no_lead, "", lead),
            "emails": _contacts(rng, crowd, sold, no_lead),
            "account": texts([account_name(number, crowd.stride) for number in sold.account.tolist()]),
            "owner": pick(OWNERS, owner),
            "kind": pick(_KINDS, sold.kind),
            "recurring_amount": np.where(recurs, amounts(recurring_minor, digits), ""),
            "recurring_interval": np.where(recurs, pick(INTERVALS, sold.interval), ""),
            "recurring_from": np.where(recurs, day, ""),
            "recurring_until": np.where(ended, texts(days_text(np.maximum(ends, 0))), ""),
        }
    )


def amounts(minor: Ints, digits: Ints) -> Texts:
    """Write minor units as plain decimals.

    >>> amounts(np.array([123450, 7]), np.array([2, 0])).tolist()
    ['1234.50', '7']
    """
    made = [
        f"{number // 10**places}.{number % 10**places:0{places}d}" if places else str(number)
        for number, places in zip(minor.tolist(), digits.tolist(), strict=True)
    ]
    return texts(made)


def _contacts(rng: np.random.Generator, crowd: People, sold: Deals, no_lead: Bools) -> Texts:
    """List the contacts of each deal: mostly the lead's person, and often colleagues."""
    named = (rng.random(len(sold.person)) < 0.92) | no_lead
    keen = rng.random((len(sold.person), 4)) < 0.65
    emails = crowd.emails.tolist()
    made = []
    for row, (person, account) in enumerate(zip(sold.person.tolist(), sold.account.tolist(), strict=True)):
        if person < 0:
            made.append("")
            continue
        first = int(crowd.first_member[account])
        colleagues = [
            emails[first + member]
            for member in range(int(crowd.size_account[account]))
            if first + member != person and keen[row, member]
        ]
        made.append(";".join(([emails[person]] if named[row] else []) + colleagues))
    return texts(made)


def stage_table(world: World, rng: np.random.Generator, made: Leads, sold: Deals) -> pd.DataFrame:
    """Write when leads were first spoken to and how deals went on."""
    spoken = np.flatnonzero(made.responded_at >= 0)
    ends = np.where(sold.closed_at >= 0, sold.closed_at, sold.created_at + 40 * DAY)
    took = ends - sold.created_at
    parts = [("lead", made.lead_id[spoken], "contacted", made.responded_at[spoken])]
    parts.append(("deal", sold.deal_id, "discovery", sold.created_at))
    for stage, share in (("proposal", 0.42), ("negotiation", 0.78)):
        at = sold.created_at + (took * np.clip(rng.normal(share, 0.06, len(took)), 0.05, 0.95)).astype(
            np.int64
        )
        rows = np.flatnonzero((at < world.end_second) & (sold.kind == 0))
        parts.append(("deal", sold.deal_id[rows], stage, at[rows]))
    frames = [
        frame({"object": what, "id": ids, "stage": stage, "at": texts(utc(at))})
        for what, ids, stage, at in parts
    ]
    return pd.concat(frames, ignore_index=True)


def adjustment_table(
    world: World, rng: np.random.Generator, table: pd.DataFrame, sold: Deals
) -> pd.DataFrame:
    """Give some money back, weeks after a deal was won."""
    at = sold.closed_at + rng.integers(10 * DAY, 60 * DAY, len(sold.person))
    rows = np.flatnonzero(sold.won & (at < world.end_second) & (rng.random(len(at)) < 0.055))
    tenths = rng.integers(1, 4, len(rows))
    currency = table["currency"].to_numpy(dtype=object)[rows]
    digits = np.array([minor_digits(code) for code in currency], dtype=np.int64)
    refund = sold.price_major[rows] * 10**digits * tenths // 10
    reason = np.where(tenths == 1, "goodwill", np.where(tenths == 2, "contract reduced", "seats returned"))
    return frame(
        {
            "adjustment_id": texts([f"A-{number:03d}" for number in range(1, len(rows) + 1)]),
            "deal_id": sold.deal_id[rows],
            "at": texts(utc(at[rows])),
            "amount": texts([f"-{amount}" for amount in amounts(refund, digits)]),
            "currency": currency,
            "reason": reason,
        }
    )
