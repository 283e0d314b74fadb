"""What a destination should have: conversions of a goal with a click of it, and what they are worth now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, cast, func, or_, select, true

from attribution.metrics.predict.expected import Expected
from attribution.metrics.selection import JourneySelection, Selection
from attribution.store.columns import read_frame, read_ints, temporary
from attribution.store.schema import conversion, entry, journey_touch, touch

VALUES: Final = ("full", "credited")
NO_TOUCH: Final = -1
MONEY_KINDS: Final = ("won", "created")  # kinds of conversion that have an amount of their own
_COLUMNS: Final = (
    "conversion_id", "key", "at", "active", "value_minor", "currency", "keeps_value", "touch", "split",
    "share_millionths", "model", "begins",
)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What is sent to one destination of one goal.

    Attributes:
        click_kinds: click ids that it gave.
        value: `full`: a deal's net value; `credited`: what the model credits to touches with its clicks.
        split: whether each of these touches is told by itself; only with `credited`.
        without_click: whether conversions without a click of it are sent too, by who it was.
        since: microseconds; conversions before it are left alone.
        oldest: microseconds; conversions before it are left alone unless they were told already.
    """

    click_kinds: Sequence[str]
    value: str = "full"
    split: bool = False
    without_click: bool = False
    since: int | None = None
    oldest: int | None = None


def wanted(
    connection: Connection,
    journeys: JourneySelection,
    credits: Selection | None,
    wish: Wish,
    expected: Expected | None = None,
    told: Select[Any] | None = None,
) -> pd.DataFrame:
    """Return what a destination should have of a goal, and all else of the goal that it may have.

    Args:
        connection: inside a transaction.
        journeys: of the goal.
        credits: whose credit is told; only for `credited`.
        wish: what is asked for.
        expected: what leads are worth, where the goal is of leads.
        told: ids of conversions that were ever told; where the wish has an `oldest`.

    Returns:
        A row for each conversion of the goal, or for each touch of it that is told by itself:
        `conversion_id`, `key`, `at` (microseconds), `active` (False: it is none any more), `value_minor`,
        `currency` (null: it has none), `keeps_value` (what was told of its value stays), `touch` (whose click
        it is, the last of that destination; NO_TOUCH: it has none), `split` (whether this is the touch's part
        alone), `share_millionths` (of the conversion; null: all of it), `model` (whose credit; null:
        nobody's) and `begins`: whether it is told where the destination knows nothing of it yet.
    """
    frame = known_conversions(connection, journeys.goal.kind, wish.since, wish.oldest, told)
    if expected is not None:
        minor = frame["object_id"].map(expected.minor).astype("Int64").astype(object)
        known = minor.notna()
        frame["value_minor"] = minor.where(known, None)
        frame["currency"] = pd.Series(expected.currency, index=frame.index, dtype=object).where(known, None)
    frame = frame.assign(split=False, share_millionths=None, model=None)
    whole = wish.since is None and wish.oldest is None
    numbers = frame["conversion_id"].to_numpy(np.int64)
    with temporary(connection, number=numbers[:0] if whole else numbers) as asked:
        ids = None if whole else select(asked.c.number)
        clicks = last_clicks(connection, journeys, wish.click_kinds, ids)
        if wish.value == "credited" and credits is not None:
            frame = _credited(connection, frame, clicks, credits, wish, ids)
        else:
            frame["touch"] = frame["conversion_id"].map(clicks).fillna(NO_TOUCH).astype(np.int64)
            frame["begins"] = frame["active"] & ((frame["touch"] != NO_TOUCH) | wish.without_click)
    if wish.oldest is not None:
        frame["begins"] &= frame["at"] >= wish.oldest
    return frame[list(_COLUMNS)]


def last_clicks(
    connection: Connection,
    journeys: JourneySelection,
    click_kinds: Sequence[str],
    ids: Select[Any] | None = None,
) -> pd.Series[Any]:
    """Return the last touch with a click id of some kinds of each conversion, by the conversion's number.

    Without kinds, the last touch: whose visit it was.

    Args:
        connection: inside a transaction.
        journeys: of the goal.
        click_kinds: as a click id begins.
        ids: of the conversions that are asked for; None: all.
    """
    if journeys.journey_set_id is None:
        return pd.Series(dtype=np.int64)
    of_ids = true() if ids is None else journey_touch.c.conversion_id.in_(ids)
    statement = (
        select(journey_touch.c.conversion_id, func.max(journey_touch.c.position))
        .join(touch, touch.c.n == journey_touch.c.touch)
        .where(journey_touch.c.journey_set_id == journeys.journey_set_id, of_kinds(click_kinds), of_ids)
        .group_by(journey_touch.c.conversion_id)
        .subquery("last")
    )
    last = select(journey_touch.c.conversion_id, journey_touch.c.touch).join(
        statement,
        and_(
            journey_touch.c.journey_set_id == journeys.journey_set_id,
            journey_touch.c.conversion_id == statement.c[0],
            journey_touch.c.position == statement.c[1],
        ),
    )
    found = read_ints(connection, last, ["conversion_id", "touch"])
    return pd.Series(found["touch"], index=found["conversion_id"])


def of_kinds(click_kinds: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a touch has a click id of some kinds."""
    if not click_kinds:
        return true()
    return or_(*(touch.c.click_id.startswith(f"{kind}:", autoescape=True) for kind in click_kinds))


def known_conversions(
    connection: Connection,
    kind: str,
    since: int | None,
    oldest: int | None = None,
    told: Select[Any] | None = None,
) -> pd.DataFrame:
    """Return the conversions of a kind that may be told, with what they are worth now.

    Args:
        connection: inside a transaction.
        kind: of conversions.
        since: microseconds; those before it are left out.
        oldest: microseconds; those before it are left out unless they are among `told`.
        told: ids of conversions.

    Returns:
        `conversion_id`, `object_id` (of the deal or lead), `key`, `at`, `active`, `value_minor` and
        `currency` (null: they have none), and `keeps_value`: whether what was told of it stays.
    """
    money = kind in MONEY_KINDS
    # of somebody who was erased nothing more is told
    mine = and_(conversion.c.kind == kind, conversion.c.frozen.is_(None))
    statement: Select[Any] = select(
        conversion.c.conversion_id, conversion.c.object_id, conversion.c.key, conversion.c.at,
        conversion.c.active, conversion.c.value_minor, conversion.c.currency,
    ).where(mine).order_by(conversion.c.conversion_id)  # fmt: skip
    if since is not None:
        statement = statement.where(conversion.c.at >= since)
    if oldest is not None and told is not None:
        statement = statement.where(or_(conversion.c.at >= oldest, conversion.c.conversion_id.in_(told)))
    frame = read_frame(connection, statement)
    frame["active"] = frame["active"] == 1
    frame["keeps_value"] = not money  # it is expected, not known: what was told is not told anew each day
    if not money:
        frame["value_minor"], frame["currency"] = None, None
    frame["value_minor"] = frame["value_minor"].where(frame["currency"].notna(), None)
    return frame


def _credited(
    connection: Connection,
    frame: pd.DataFrame,
    clicks: pd.Series[Any],
    credits: Selection,
    wish: Wish,
    ids: Select[Any] | None,
) -> pd.DataFrame:
    """Put what the model credits to a destination's clicks in the place of the whole value."""
    by = [entry.c.conversion_id, *([entry.c.touch] if wish.split else [])]
    statement = (
        select(
            *by,
            cast(func.sum(entry.c.amount_minor), BigInteger),
            cast(func.sum(entry.c.share_millionths), BigInteger),
        )
        .join(touch, touch.c.n == entry.c.touch)
        .where(entry.c.credit_set_id == credits.credit_set_id, of_kinds(wish.click_kinds))
        .where(true() if ids is None else entry.c.conversion_id.in_(ids))
        .group_by(*by)
    )
    names = ["conversion_id", *(["touch"] if wish.split else []), "amount", "share"]
    sums = pd.DataFrame(read_ints(connection, statement, names))
    if not wish.split:
        sums["touch"] = sums["conversion_id"].map(clicks).fillna(NO_TOUCH)
    found = frame.merge(sums, on="conversion_id", how="left")
    amount, share = (found[name].fillna(0).astype(np.int64) for name in ("amount", "share"))
    credited = found["touch"].notna().to_numpy()
    return found.assign(
        touch=found["touch"].fillna(NO_TOUCH).astype(np.int64),
        # without a part it stands for the whole, which is wanted no more
        split=credited & wish.split,
        active=found["active"] & (credited | (not wish.split)),
        share_millionths=share.astype(object),
        model=credits.model,
        value_minor=amount.astype(object).where(found["currency"].notna(), None),
        begins=found["active"] & (share > 0),
    )
