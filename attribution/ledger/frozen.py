"""Conversions of people who were erased: frozen, so that what was reported of them stays as it was.

Their journeys stand as they were kept, and in every credit set that holds entries of them the split stands:
only their value still moves (a refund, another amount, a deal that is no longer won), and it moves each touch
in proportion to what the touch held when the conversion was frozen. So the ledger is the same in whatever
order adjustments become known. What is posted on top says so by its reason; everything else is the split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, case, func, select

from attribution.journeys.columns import Journeys
from attribution.journeys.read import Window, read_journeys
from attribution.journeys.stored import stored_journeys
from attribution.ledger import reasons
from attribution.ledger.allocate import MILLION
from attribution.ledger.conversions import Conversions
from attribution.store.columns import Ints, read_ints, temporary
from attribution.store.schema import credit_set, entry, journey_set, touch

Bools = npt.NDArray[np.bool_]

_TIME: Final = ["conversion_id", "effective_at"]
_WHERE: Final = ["touch", "placement_id"]
_AMOUNTS: Final = ["amount_minor", "reporting_minor", "share_millionths"]
# by what an amount is split: what is credited of its own kind, else of the next one that is not all zero
_WEIGHTS: Final = {
    "amount_minor": ("amount_minor", "reporting_minor", "share_millionths", "ever"),
    "reporting_minor": ("reporting_minor", "amount_minor", "share_millionths", "ever"),
    "share_millionths": ("share_millionths", "amount_minor", "reporting_minor", "ever"),
}


def journeys_of(
    connection: Connection,
    kind: str,
    conversions: Conversions,
    window: Window,
    *,
    milestones: Sequence[str] = (),
    dimensions: Sequence[str] = (),
) -> tuple[Journeys, Bools]:
    """Read the journeys of conversions: as evidence has them today, and as they were kept where that stands.

    Args:
        connection: the writer's.
        kind: of conversion.
        conversions: of the kind.
        window: lookback, scope and kinds of touch.
        milestones, dimensions: as of :func:`attribution.journeys.read.read_journeys`.

    Returns:
        Journeys in the order of the conversions, and bool[C]: which of them stand. A frozen conversion that
        no model over this window has credited yet has a journey like any other.
    """
    stands = np.zeros(len(conversions), np.bool_)
    number = _journey_set(connection, kind, window) if conversions.frozen.any() else None
    if number is not None:
        mine = credit_set.c.journey_set_id == number
        credited = _holding(connection, mine, conversions.ids[conversions.frozen])
        stands = np.isin(conversions.ids, credited)
    options = {"milestones": milestones, "dimensions": dimensions}
    live = np.flatnonzero(~stands)
    journeys = read_journeys(
        connection, kind, conversions.objects[live], conversions.at[live], conversions.value_minor[live],
        window, **options,
    )  # fmt: skip
    if number is None or len(live) == len(conversions):
        return journeys, stands
    kept = np.flatnonzero(stands)
    stored = stored_journeys(
        connection, number, kind, conversions.ids[kept], conversions.objects[kept], conversions.at[kept],
        conversions.value_minor[kept], **options,
    )  # fmt: skip
    both = Journeys.concatenate([journeys, stored])
    return both.take(np.argsort(np.concatenate([live, kept]))), stands


def _journey_set(connection: Connection, kind: str, window: Window) -> int | None:
    same = {"kind": kind, "lookback": window.lookback, "scope": window.scope, "kinds": window.kinds}
    found: int | None = connection.execute(
        select(journey_set.c.journey_set_id).where(*(journey_set.c[name] == same[name] for name in same))
    ).scalar()
    return found


def held(connection: Connection, credit_set_id: int, conversions: Conversions) -> Bools:
    """Return bool[C]: the frozen conversions that a credit set holds entries of; their split stands there."""
    if not conversions.frozen.any():
        return conversions.frozen
    mine = credit_set.c.credit_set_id == credit_set_id
    return np.isin(conversions.ids, _holding(connection, mine, conversions.ids[conversions.frozen]))


def _holding(connection: Connection, which: object, conversion_ids: Ints) -> Ints:
    """Return those of some conversions that some credit sets hold entries of."""
    with temporary(connection, wanted=conversion_ids) as wanted:
        statement = (
            select(wanted.c.wanted)
            .select_from(wanted)
            .join(credit_set, which)  # type: ignore[arg-type]  # a condition on credit sets
            .join(
                entry,
                (entry.c.credit_set_id == credit_set.c.credit_set_id)
                & (entry.c.conversion_id == wanted.c.wanted),
            )
        )
        return read_ints(connection, statement.distinct(), ["i"])["i"]


def changes(
    connection: Connection, credit_set_id: int, conversions: Conversions, which: Bools
) -> pd.DataFrame:
    """Return what is to be posted for frozen conversions: what their value moved, split as it was before.

    Args:
        connection: the writer's.
        credit_set_id: whose split.
        conversions: as they are today.
        which: bool[C], of :func:`held`.

    Returns:
        Columns `conversion_id effective_at touch placement_id amount_minor reporting_minor share_millionths`.
    """
    columns = [*_TIME, *_WHERE, *_AMOUNTS]
    wanted = _worth(conversions, which)
    posted = _posted(connection, credit_set_id, conversions.ids[which])
    moved = _difference(wanted, posted)
    if moved.empty:
        return moved.reindex(columns=columns)
    rows = []
    before = dict(iter(posted[posted["conversion_id"].isin(moved["conversion_id"])].groupby("conversion_id")))
    for number, worth in wanted[wanted["conversion_id"].isin(moved["conversion_id"])].groupby(
        "conversion_id"
    ):
        rows += _one(int(str(number)), worth, before[number])
    found = pd.DataFrame(rows, columns=columns).groupby([*_TIME, *_WHERE], as_index=False)[_AMOUNTS].sum()
    return found[(found[_AMOUNTS] != 0).any(axis=1)]


def _worth(conversions: Conversions, which: Bools) -> pd.DataFrame:
    """Return by how much each conversion's value moves at each time, as its record has it today."""
    mine = which[conversions.step_of]
    of, first = conversions.step_of, conversions.step_rank == 0

    def rise(values: Ints) -> Ints:
        return values - np.where(first, 0, np.r_[np.int64(0), values[:-1]])

    frame = pd.DataFrame(
        {
            "conversion_id": conversions.ids[of],
            "effective_at": conversions.step_at,
            "amount_minor": rise(conversions.step_value_minor),
            "reporting_minor": rise(conversions.step_reporting_minor),
            "share_millionths": np.where(first & conversions.active[of], MILLION, 0),
        }
    )[mine]
    return frame.groupby(_TIME, as_index=False)[_AMOUNTS].sum()


def _posted(connection: Connection, credit_set_id: int, conversion_ids: Ints) -> pd.DataFrame:
    """Sum what is posted of some conversions by time and touch.

    `later` is 1 for what came after the freezing, `ever` what a touch ever held of the conversion, `at` when
    the touch was: the earlier one ranks first.
    """
    later = case((entry.c.reason == reasons.FROZEN, 1), else_=0)
    share = entry.c.share_millionths
    sums = [
        *(func.sum(func.coalesce(entry.c[name], 0)) for name in _AMOUNTS),
        func.sum(case((share > 0, share), else_=0)),
    ]
    keys = [entry.c[name] for name in (*_TIME, *_WHERE)]
    at = func.coalesce(touch.c.at, 0)
    with temporary(connection, wanted=conversion_ids) as wanted:
        found = read_ints(
            connection,
            select(*keys, later, at, *sums)
            .select_from(wanted)
            .join(entry, entry.c.conversion_id == wanted.c.wanted)
            .outerjoin(touch, touch.c.n == entry.c.touch)
            .where(entry.c.credit_set_id == credit_set_id)
            .group_by(*keys, later, at),
            [*_TIME, *_WHERE, "later", "at", *_AMOUNTS, "ever"],
        )
    return pd.DataFrame(found)


def _difference(wanted: pd.DataFrame, posted: pd.DataFrame) -> pd.DataFrame:
    """Return where value and entries differ, by conversion and time."""
    known = posted.groupby(_TIME, as_index=False)[_AMOUNTS].sum()
    known[_AMOUNTS] = -known[_AMOUNTS]
    both = pd.concat([wanted, known]).groupby(_TIME, as_index=False)[_AMOUNTS].sum()
    return both[(both[_AMOUNTS] != 0).any(axis=1)]


def _one(number: int, worth: pd.DataFrame, posted: pd.DataFrame) -> list[tuple[int, ...]]:
    """Return what is to be posted for one conversion, before it is summed up by its key."""
    base, later = posted[posted["later"] == 0], posted[posted["later"] == 1]
    order = base.groupby(_WHERE, as_index=False)[[*_AMOUNTS, "ever"]].sum()
    order["at"] = base.groupby(_WHERE)["at"].first().to_numpy()
    order = order.sort_values(["at", *_WHERE])
    touches = list(zip(order["touch"].tolist(), order["placement_id"].tolist(), strict=True))
    rows = [(number, *row) for row in _negated(later)]
    for place, name in enumerate(_AMOUNTS):
        credited = order[name].tolist()
        weights = next((w for w in (_usable(order[n].tolist()) for n in _WEIGHTS[name]) if w), None)
        total = sum(credited)
        for at, change in _by_time(worth, base, name):
            total += change
            now = split(total, weights) if weights else [total, *[0] * (len(touches) - 1)]
            for (touch_n, placement), new, old in zip(touches, now, credited, strict=True):
                amounts = [0, 0, 0]
                amounts[place] = new - old
                rows.append((number, at, touch_n, placement, *amounts))
            credited = now
    return rows


def _by_time(worth: pd.DataFrame, base: pd.DataFrame, name: str) -> list[tuple[int, int]]:
    """Return by how much the value moved since the freezing, at which times, in order."""
    change: Counter[int] = Counter()
    for at, amount in zip(worth["effective_at"].tolist(), worth[name].tolist(), strict=True):
        change[at] += amount
    for at, amount in zip(base["effective_at"].tolist(), base[name].tolist(), strict=True):
        change[at] -= amount
    return sorted((at, amount) for at, amount in change.items() if amount)


def _negated(later: pd.DataFrame) -> list[tuple[int, ...]]:
    taken_back = later.assign(**{name: -later[name] for name in _AMOUNTS})
    columns = ["effective_at", *_WHERE, *_AMOUNTS]
    return list(taken_back[columns].itertuples(index=False, name=None))


def _usable(weights: list[int]) -> list[int] | None:
    """Return weights that something can be split by: all of one sign, and not all zero."""
    if min(weights) < 0 < max(weights) or not any(weights):
        return None
    return [abs(weight) for weight in weights]


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Split whole units in proportion to weights, by largest remainder, ties to the earlier one.

    >>> split(-3333, [5001, 5000])
    [-1667, -1666]
    """
    whole = sum(weights)
    parts = [divmod(abs(total) * weight, whole) for weight in weights]
    shares = [part for part, _ in parts]
    by_remainder = sorted(range(len(parts)), key=lambda i: -parts[i][1])
    for i in by_remainder[: abs(total) - sum(shares)]:
        shares[i] += 1
    return shares if total >= 0 else [-share for share in shares]
