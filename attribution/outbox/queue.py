"""The difference between what a destination should have and what it has, put into the outbox.

One row of the outbox is one thing told. What was never told is changed in place; what is there is restated or
retracted by a new row; what is under way is waited for; what was refused for good is told again only when it
has changed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, bindparam, insert, or_, select, update

from attribution.destinations.conversion import Change
from attribution.outbox.states import ENDED, OPEN, THERE, State
from attribution.outbox.wanted import NO_TOUCH
from attribution.store.columns import Ints, read_frame
from attribution.store.schema import delivery

_NONE: Final = np.iinfo(np.int64).min  # a value that is none
_TOLD: Final = (
    "conversion_id", "transaction_id", "revision", "change", "value_minor", "currency", "state", "digest",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What deliveries are told apart by: a destination, its account, and what they count as there.

    Attributes:
        destination, account, action: as the destination has them.
        goal: whose conversions; part of their transaction ids.
        changes: what can be told of a conversion that is there.
        revives: whether what was retracted can be restated; otherwise it comes back as another transaction.
    """

    destination: str
    account: str
    action: str
    goal: str
    changes: Collection[Change] = (Change.RESTATED, Change.RETRACTED)
    revives: bool = True


@dataclass(frozen=True)
class Queued:
    """How many deliveries were made of each kind, and how many could not be told."""

    new: int = 0
    restated: int = 0
    retracted: int = 0
    amended: int = 0  # they had not been sent yet
    withdrawn: int = 0
    cannot_change: int = 0  # it is there with another value, and there is no way to tell


def queue(connection: Connection, line: Line, wanted: pd.DataFrame, now: int) -> Queued:
    """Put into the outbox what a destination is to be told.

    Args:
        connection: the writer's.
        line: of the destination.
        wanted: as :func:`attribution.outbox.wanted.wanted` returns it; where it has a `digest` of what is
            told, it is by this that a change is seen.
        now: microseconds.
    """
    told = _told(connection, line)
    last = told.drop_duplicates("conversion_id", keep="last").set_index("conversion_id")
    there = told[told["state"].isin(THERE)].drop_duplicates("conversion_id", keep="last")
    there = there.set_index("conversion_id")
    taken_back = told[told["state"].isin(THERE) & (told["change"] == Change.RETRACTED)]
    generation = taken_back.groupby("conversion_id").size()

    ids = wanted["conversion_id"]
    value, currency = _ints(wanted["value_minor"]), _texts(wanted["currency"])
    active, begins = (wanted[name].to_numpy(bool) for name in ("active", "begins"))
    has = ids.isin(there.index).to_numpy()
    has_value, has_currency, has_change = _of(there, ids)
    was_retracted = has & (has_change == Change.RETRACTED)
    digest = _texts(wanted["digest"]) if "digest" in wanted else None
    same = (value == has_value) & (currency == has_currency)
    if digest is not None:
        same = digest == _digests(there, ids)

    target = np.full(len(ids), "", object)
    target[~has & begins] = Change.NEW
    target[has & ~was_retracted & active & ~same] = Change.RESTATED
    target[has & ~was_retracted & ~active] = Change.RETRACTED
    target[was_retracted & begins] = Change.RESTATED if line.revives else Change.NEW
    cannot = has & (target != "") & (target != Change.NEW) & ~np.isin(target, list(line.changes))
    target[cannot] = ""
    kept = target == Change.RETRACTED  # what is taken back is told with what it was
    value, currency = np.where(kept, has_value, value), np.where(kept, has_currency, currency)

    state = _texts(ids.map(last["state"]))
    last_value, last_currency, last_change = _of(last, ids)
    as_last = (value == last_value) & (currency == last_currency)
    if digest is not None:
        as_last = digest == _digests(last, ids)
    as_last &= target == last_change
    unsent, ended = np.isin(state, OPEN), np.isin(state, ENDED)
    made = (target != "") & ~unsent & (state != State.SENT) & ~(ended & as_last)
    amended = (target != "") & unsent & ~as_last
    withdrawn = (target == "") & unsent

    base = np.array([f"{key}:{line.goal}" for key in wanted["key"].tolist()], object)
    number = ids.map(generation).fillna(0).to_numpy(np.int64) + 1
    renamed = (number > 1) & (not line.revives)
    base[renamed] = [f"{name}:{n}" for name, n in zip(base[renamed], number[renamed], strict=True)]
    revision = ids.map(last["revision"]).fillna(0).to_numpy(np.int64) + 1
    rows = wanted.assign(
        transaction_id=base, revision=revision, change=target, told_value=value, told_currency=currency,
        digest=digest,
    )  # fmt: skip
    _insert(connection, line, rows[made], now)
    _amend(connection, line, rows[amended], now)
    _withdraw(connection, line, ids[withdrawn], now)
    new, restated, retracted = (int((made & (target == change)).sum()) for change in Change)
    return Queued(new, restated, retracted, int(amended.sum()), int(withdrawn.sum()), int(cannot.sum()))


def _told(connection: Connection, line: Line) -> pd.DataFrame:
    """Return everything ever told of a line, in the order in which it was queued."""
    columns = [delivery.c[name] for name in _TOLD]
    statement = select(*columns).where(of_line(line)).order_by(delivery.c.delivery_id)
    return read_frame(connection, statement)


def of_line(line: Line) -> ColumnElement[bool]:
    """Return the condition that a delivery is of a line."""
    return and_(
        delivery.c.destination == line.destination,
        delivery.c.account == line.account,
        delivery.c.action == line.action,
    )


def _of(rows: pd.DataFrame, ids: pd.Series) -> tuple[Ints, npt.NDArray[np.str_], npt.NDArray[np.str_]]:
    """Return value, currency and change of some deliveries for each conversion; empty where there is none."""
    found = rows.reindex(ids.to_numpy())
    return (
        _ints(found["value_minor"]),
        _texts(found["currency"]),
        _texts(found["change"]),
    )


def _digests(rows: pd.DataFrame, ids: pd.Series) -> npt.NDArray[np.str_]:
    """Return the digests of some deliveries for each conversion; empty where there is none."""
    return _texts(rows.reindex(ids.to_numpy())["digest"])


def _ints(values: pd.Series) -> Ints:
    found: Ints = values.astype(object).where(values.notna(), _NONE).to_numpy(np.int64)
    return found


def _texts(values: pd.Series) -> npt.NDArray[np.str_]:
    return values.astype(object).where(values.notna(), "").to_numpy(str)


def _values(rows: pd.DataFrame) -> list[dict[str, object]]:
    touches = rows["touch"].tolist()
    return [
        {
            "conversion_id": key, "touch": None if touch == NO_TOUCH else touch, "at": at,
            "value_minor": None if value == _NONE else value, "currency": currency or None,
            "share_millionths": share, "change": str(change), "transaction_id": transaction,
            "revision": revision, "digest": digest,
        }
        for key, touch, at, value, currency, share, change, transaction, revision, digest in zip(
            rows["conversion_id"].tolist(), touches, rows["at"].tolist(), rows["told_value"].tolist(),
            rows["told_currency"].tolist(), rows["share_millionths"].tolist(), rows["change"].tolist(),
            rows["transaction_id"].tolist(), rows["revision"].tolist(), rows["digest"].tolist(), strict=True,
        )
    ]  # fmt: skip


def _insert(connection: Connection, line: Line, rows: pd.DataFrame, now: int) -> None:
    if not len(rows):
        return
    fixed = {
        "destination": line.destination, "account": line.account, "action": line.action,
        "state": str(State.QUEUED), "due_at": now, "queued_at": now,
    }  # fmt: skip
    connection.execute(insert(delivery), [fixed | row for row in _values(rows)])


def _amend(connection: Connection, line: Line, rows: pd.DataFrame, now: int) -> None:
    """Change what was never sent."""
    if not len(rows):
        return
    given = ("touch", "at", "value_minor", "currency", "share_millionths", "change", "digest")
    statement = (
        update(delivery)
        .where(
            of_line(line),
            delivery.c.conversion_id == bindparam("of"),
            or_(*(delivery.c.state == state for state in OPEN)),
        )
        .values(
            {name: bindparam(f"new_{name}") for name in given} | {"state": str(State.QUEUED), "due_at": now}
        )
    )
    connection.execute(
        statement,
        [
            {f"new_{name}": row[name] for name in given} | {"of": row["conversion_id"]}
            for row in _values(rows)
        ],
    )


def _withdraw(connection: Connection, line: Line, ids: pd.Series, now: int) -> None:
    if not len(ids):
        return
    statement = (
        update(delivery)
        .where(
            of_line(line),
            delivery.c.conversion_id == bindparam("of"),
            or_(*(delivery.c.state == state for state in OPEN)),
        )
        .values(state=str(State.WITHDRAWN), settled_at=now)
    )
    connection.execute(statement, [{"of": key} for key in ids.tolist()])
