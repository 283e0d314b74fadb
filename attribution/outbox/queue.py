"""The difference between what a destination should have and what it has, put into the outbox.

One row of the outbox is one thing told. What was never told is changed in place; what is there is restated or
retracted by a new row; what is under way is waited for; what was refused for good is told again only when it
has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, bindparam, insert, select, update

from attribution.destinations.conversion import Change
from attribution.outbox.states import ENDED, OPEN, THERE, State
from attribution.outbox.wanted import NO_TOUCH
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints, read_frame, temporary
from attribution.store.schema import delivery, touch

Texts = npt.NDArray[np.object_]

_NONE: Final = np.iinfo(np.int64).min  # a value that is none
_TOLD: Final = (
    "delivery_id", "conversion_id", "touch", "split", "transaction_id", "revision", "change", "value_minor",
    "currency", "state", "digest",
)  # fmt: skip
_SLOT: Final = ["conversion_id", "part"]  # a conversion as a whole, or a touch's part of it
_MARK: Final = 12  # digits that name a touch in a transaction id: platforms take short ones only


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
    without_value: int = 0  # of the new ones
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
    told, wanted = _slots(_told(connection, line), wanted)
    wanted = _one_way(told, wanted, Change.RETRACTED in line.changes)
    last = told.drop_duplicates("slot", keep="last").set_index("slot")
    there = told[told["state"].isin(THERE)].drop_duplicates("slot", keep="last").set_index("slot")
    taken_back = told[told["state"].isin(THERE) & (told["change"] == Change.RETRACTED)]
    generation = taken_back.groupby("slot").size()

    slot = wanted["slot"]
    last_value, last_currency, last_change = _of(last, slot)
    keeps = wanted["keeps_value"].to_numpy(bool) & slot.isin(last.index).to_numpy()
    value = np.where(keeps, last_value, _ints(wanted["value_minor"]))
    currency = np.where(keeps, last_currency, _texts(wanted["currency"]))
    active, begins = (wanted[name].to_numpy(bool) for name in ("active", "begins"))
    has = slot.isin(there.index).to_numpy()
    has_value, has_currency, has_change = _of(there, slot)
    was_retracted = has & (has_change == Change.RETRACTED)
    digest = _texts(wanted["digest"]) if "digest" in wanted else None
    same = (value == has_value) & (currency == has_currency)
    if digest is not None:
        same = digest == _digests(there, slot)

    target = np.full(len(wanted), "", object)
    target[~has & begins] = Change.NEW
    target[has & ~was_retracted & active & ~same] = Change.RESTATED
    target[has & ~was_retracted & ~active] = Change.RETRACTED
    target[was_retracted & begins] = Change.RESTATED if line.revives else Change.NEW
    cannot = has & (target != "") & (target != Change.NEW) & ~np.isin(target, list(line.changes))
    target[cannot] = ""
    kept = target == Change.RETRACTED  # what is taken back is told with what it was
    value, currency = np.where(kept, has_value, value), np.where(kept, has_currency, currency)

    state = _texts(slot.map(last["state"]))
    as_last = (value == last_value) & (currency == last_currency)
    if digest is not None:
        as_last = digest == _digests(last, slot)
    as_last &= target == last_change
    unsent, ended = np.isin(state, OPEN), np.isin(state, ENDED)
    made = (target != "") & ~unsent & (state != State.SENT) & ~(ended & as_last)
    amended = (target != "") & unsent & ~as_last
    withdrawn = (target == "") & unsent

    base = _transactions(connection, line, wanted)
    number = slot.map(generation).fillna(0).to_numpy(np.int64) + 1
    renamed = (number > 1) & (not line.revives)
    base[renamed] = [f"{name}:{n}" for name, n in zip(base[renamed], number[renamed], strict=True)]
    revision = slot.map(last["revision"]).fillna(0).to_numpy(np.int64) + 1
    rows = wanted.assign(
        transaction_id=base, revision=revision, change=target, told_value=value, told_currency=currency,
        digest=digest, delivery_id=slot.map(last["delivery_id"]).fillna(0).astype(np.int64),
    )  # fmt: skip
    _insert(connection, line, rows[made], now)
    _amend(connection, rows[amended], now)
    _withdraw(connection, rows["delivery_id"][withdrawn], now)
    new, restated, retracted = (int((made & (target == change)).sum()) for change in Change)
    without_value = int((made & (target == Change.NEW) & (value == _NONE)).sum())
    return Queued(
        new, restated, retracted, int(amended.sum()), int(withdrawn.sum()), without_value, int(cannot.sum())
    )


def _told(connection: Connection, line: Line) -> pd.DataFrame:
    """Return everything ever told of a line, in the order in which it was queued."""
    columns = [delivery.c[name] for name in _TOLD]
    statement = select(*columns).where(of_line(line)).order_by(delivery.c.delivery_id)
    return read_frame(connection, statement)


def _slots(told: pd.DataFrame, wanted: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Number what is told by itself, and add to what is wanted what was told and is wanted no more.

    Conversions are told as a whole or by touches; who changes from one to the other takes back what is there.
    """
    told, wanted = (
        rows.assign(part=rows["touch"].fillna(NO_TOUCH).astype(np.int64).where(rows["split"] == 1, NO_TOUCH))
        for rows in (told, wanted)
    )
    both = pd.concat([told[_SLOT], wanted[_SLOT]], ignore_index=True)
    slot = both.groupby(_SLOT, sort=False).ngroup().to_numpy(np.int64)
    told, wanted = told.assign(slot=slot[: len(told)]), wanted.assign(slot=slot[len(told) :])
    gone = told[~told["slot"].isin(wanted["slot"]) & told["conversion_id"].isin(wanted["conversion_id"])]
    if len(gone):
        gone = gone.drop_duplicates("slot", keep="last")
        whole = wanted.drop_duplicates("conversion_id").set_index("conversion_id")
        known = {name: whole[name].reindex(gone["conversion_id"]).to_numpy() for name in ("key", "at")}
        kept = gone[["conversion_id", "touch", "split", "slot", "part", "value_minor", "currency"]]
        unwanted = kept.assign(
            **known, active=False, begins=False, keeps_value=False, share_millionths=None, model=None
        )
        wanted = pd.concat([wanted, unwanted.assign(touch=kept["touch"].fillna(NO_TOUCH).astype(np.int64))])
    return told, wanted.reset_index(drop=True)


def _one_way(told: pd.DataFrame, wanted: pd.DataFrame, retracts: bool) -> pd.DataFrame:
    """Begin nothing of what a destination already has the other way, whole or in parts, and would keep."""
    if retracts or not len(told):
        return wanted
    there = told[told["state"].isin((*THERE, State.SENT))]
    parts, whole = (there.loc[there["split"] == n, "conversion_id"] for n in (1, 0))
    doubled = np.where(
        wanted["split"] == 1, wanted["conversion_id"].isin(whole), wanted["conversion_id"].isin(parts)
    )
    return wanted.assign(begins=wanted["begins"] & ~doubled)


def _transactions(connection: Connection, line: Line, wanted: pd.DataFrame) -> Texts:
    """Return the names that conversions are known by there: of the deal or lead, the goal and the touch."""
    base = np.array([f"{key}:{line.goal}" for key in wanted["key"].tolist()], object)
    split = (wanted["split"] == 1).to_numpy()
    if split.any():
        marks = _marks(connection, wanted["part"].to_numpy(np.int64)[split])
        base[split] = [f"{name}:{mark}" for name, mark in zip(base[split], marks, strict=True)]
    return base


def _marks(connection: Connection, touches: Ints) -> list[str]:
    """Return a short name of each touch, of its own id: the same in any store that it is imported into."""
    with temporary(connection, number=as_set(touches[touches != NO_TOUCH])) as asked:
        statement = select(touch.c.n, touch.c.touch_id).join(asked, asked.c.number == touch.c.n)
        found = read_frame(connection, statement)
    marks = {
        n: hashlib.sha256(text.encode()).hexdigest()[:_MARK]
        for n, text in zip(found["n"].tolist(), found["touch_id"].tolist(), strict=True)
    }
    return [marks.get(n, str(n)) for n in touches.tolist()]


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
    named = ("conversion_id", "at", "share_millionths", "model", "transaction_id", "revision", "digest")
    columns = {name: _given(rows[name]) for name in named} | {
        "touch": [None if n == NO_TOUCH else n for n in rows["touch"].tolist()],
        "split": (rows["split"] == 1).astype(int).tolist(),
        "value_minor": [None if value == _NONE else value for value in rows["told_value"].tolist()],
        "currency": [code or None for code in rows["told_currency"].tolist()],
        "change": list(map(str, rows["change"].tolist())),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _given(values: pd.Series) -> list[object]:
    """Return values as Python's own, None where there is none."""
    return values.astype(object).where(values.notna(), None).tolist()


def _insert(connection: Connection, line: Line, rows: pd.DataFrame, now: int) -> None:
    if not len(rows):
        return
    fixed = {
        "destination": line.destination, "account": line.account, "action": line.action,
        "state": str(State.QUEUED), "due_at": now, "queued_at": now,
    }  # fmt: skip
    connection.execute(insert(delivery), [fixed | row for row in _values(rows)])


def _amend(connection: Connection, rows: pd.DataFrame, now: int) -> None:
    """Change what was never sent."""
    if not len(rows):
        return
    given = ("touch", "at", "value_minor", "currency", "share_millionths", "model", "change", "digest")
    changed: dict[str, object] = {name: bindparam(f"new_{name}") for name in given}
    connection.execute(
        update(delivery)
        .where(delivery.c.delivery_id == bindparam("of"))
        .values(changed | {"state": str(State.QUEUED), "due_at": now}),
        [
            {f"new_{name}": row[name] for name in given} | {"of": key}
            for row, key in zip(_values(rows), rows["delivery_id"].tolist(), strict=True)
        ],
    )


def _withdraw(connection: Connection, ids: pd.Series, now: int) -> None:
    if not len(ids):
        return
    statement = (
        update(delivery)
        .where(delivery.c.delivery_id == bindparam("of"))
        .values(state=str(State.WITHDRAWN), settled_at=now)
    )
    connection.execute(statement, [{"of": key} for key in ids.tolist()])
