"""The difference between what a destination should have and what it has, put into the outbox.

One row of the outbox is one thing told. What was never told is changed in place; what is there is restated or
retracted by a new row; what is under way is waited for; what was refused for good is told again only when it
has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, insert, select, update

from attribution import clock
from attribution.destinations.conversion import Change
from attribution.outbox.states import ENDED, OPEN, THERE, State
from attribution.outbox.wanted import NO_TOUCH
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints, read_frame, temporary
from attribution.store.schema import delivery, touch

Texts = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]

_NONE: Final = np.iinfo(np.int64).min  # a value that is none
_TOLD: Final = (
    "delivery_id", "conversion_id", "touch", "split", "at", "transaction_id", "revision", "change",
    "value_minor", "currency", "share_millionths", "model", "state", "digest",
)  # fmt: skip
_NUMBERS: Final = (
    "delivery_id", "touch", "at", "revision", "value_minor", "share_millionths",
)  # fmt: skip
_CHANGES: Final = (Change.RESTATED, Change.RETRACTED)
_WORTH: Final = ("value_minor", "currency")
_SAID: Final = (*_WORTH, "touch", "at", "share_millionths", "model")
_TEXTS: Final = ("currency", "model")
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
    postponed: int = 0  # until what is there the other way, whole or in parts, is taken back


def queue(
    connection: Connection, line: Line, wanted: pd.DataFrame, now: int, *, retry: bool = False
) -> Queued:
    """Put into the outbox what a destination is to be told.

    Args:
        connection: the writer's.
        line: of the destination.
        wanted: as :func:`attribution.outbox.wanted.wanted` returns it; where it has a `digest` of what is
            told, it is by this that a change is seen.
        now: microseconds.
        retry: what was refused for good or given up is told again, although nothing of it has changed.
    """
    told, wanted = _slots(_told(connection, line), wanted)
    wanted, postponed = _one_way(told, wanted)
    slot = wanted["slot"]
    last = told.drop_duplicates("slot", keep="last").set_index("slot").reindex(slot)
    there = told[told["state"].isin(THERE)].drop_duplicates("slot", keep="last").set_index("slot")
    there = there.reindex(slot)
    mine = wanted.set_index("slot")
    known = last["delivery_id"].notna().to_numpy()
    has = there["delivery_id"].notna().to_numpy()
    keeps = mine["keeps_value"].to_numpy(bool)
    refused = np.isin(_texts(last["state"]), ENDED) & (not retry)
    mine = _with(mine, last, keeps & known & refused, _WORTH)  # nor is it told again for a new guess
    mine = _with(mine, there, keeps & has, _WORTH)
    change, cannot = _changes(line, mine, there, has)
    mine = _with(mine, there, change == Change.RETRACTED, _WORTH)
    mine = mine.assign(change=change, transaction_id=_transactions(connection, line, mine))
    mine = mine if line.revives else _again(told, mine)
    # of what is there it is told by the click, the instant and the name that it was told by
    mine = _with(mine, there, has & np.isin(change, _CHANGES), ("transaction_id", "touch", "at"))

    same = _alike(mine, last) & (change == _texts(last["change"]))
    state = _texts(last["state"])
    unsent, ended = np.isin(state, OPEN), np.isin(state, ENDED)
    made = (change != "") & ~unsent & (state != State.SENT) & ~(ended & same & (not retry))
    amended = (change != "") & unsent & ~same
    withdrawn = (change == "") & unsent
    rows = mine.assign(
        revision=_revisions(told, mine["transaction_id"]),
        delivery_id=last["delivery_id"].fillna(0).to_numpy(np.int64),
    )
    back_first = rows[made].sort_values("change", key=lambda of: of != Change.RETRACTED, kind="stable")
    _insert(connection, line, back_first, now)
    _amend(connection, rows[amended], now)
    _withdraw(connection, rows["delivery_id"][withdrawn], now)
    new, restated, retracted = (int((made & (change == one)).sum()) for one in Change)
    return Queued(
        new,
        restated,
        retracted,
        amended=int(amended.sum()),
        withdrawn=int(withdrawn.sum()),
        without_value=int((made & (change == Change.NEW) & mine["value_minor"].isna().to_numpy()).sum()),
        cannot_change=int(cannot.sum()),
        postponed=postponed,
    )


def _changes(line: Line, mine: pd.DataFrame, there: pd.DataFrame, has: Mask) -> tuple[Texts, Mask]:
    """Return what each is to be told as (empty: nothing), and of which it cannot be told."""
    active, begins = (mine[name].to_numpy(bool) for name in ("active", "begins"))
    was_retracted = has & (_texts(there["change"]) == Change.RETRACTED)
    is_there = has & ~was_retracted
    same = _alike(mine, there, _WORTH)
    change = np.full(len(mine), "", object)
    change[~has & begins] = Change.NEW
    change[is_there & active & ~same] = Change.RESTATED
    change[is_there & ~active] = Change.RETRACTED
    change[was_retracted & begins] = Change.RESTATED if line.revives else Change.NEW
    cannot = has & np.isin(change, [one for one in _CHANGES if one not in line.changes])
    change[cannot] = ""
    return change, cannot


def _alike(mine: pd.DataFrame, theirs: pd.DataFrame, names: Sequence[str] = ()) -> Mask:
    """Tell which rows say the same as the ones beside them; with a digest it alone decides."""
    if "digest" in mine:
        told: Mask = _texts(mine["digest"]) == _texts(theirs["digest"])
        return told
    alike = np.ones(len(mine), bool)
    for name in names or _SAID:
        column = _texts if name in _TEXTS else _ints
        alike &= column(mine[name]) == column(
            theirs[name].fillna(NO_TOUCH) if name == "touch" else theirs[name]
        )
    return alike


def _with(rows: pd.DataFrame, others: pd.DataFrame, where: Mask, names: Sequence[str]) -> pd.DataFrame:
    """Take some columns of the rows beside them, where it is said."""
    if not where.any():
        return rows
    taken = {}
    for name in names:
        values = rows[name].to_numpy(object, copy=True)
        values[where] = others[name].astype(object).where(others[name].notna(), None).to_numpy(object)[where]
        taken[name] = values
    if "touch" in taken:
        touches = taken["touch"]
        taken["touch"] = np.array([NO_TOUCH if n is None else int(n) for n in touches.tolist()], np.int64)
    return rows.assign(**taken)


def _told(connection: Connection, line: Line) -> pd.DataFrame:
    """Return everything ever told of a line, in the order in which it was queued."""
    columns = [delivery.c[name] for name in _TOLD]
    statement = select(*columns).where(of_line(line)).order_by(delivery.c.delivery_id)
    found = read_frame(connection, statement)
    # whole numbers stay some where others are missing
    return found.astype(dict.fromkeys(_NUMBERS, "Int64"))


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


def _one_way(told: pd.DataFrame, wanted: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Begin nothing of what a destination has the other way, whole or in parts, until that is taken back.

    Returns:
        What is wanted, and how many are not begun for that.
    """
    maybe = told[told["state"].isin((*THERE, State.SENT))].drop_duplicates("slot", keep="last")
    there = maybe[(maybe["change"] != Change.RETRACTED) | (maybe["state"] == State.SENT)]
    parts, whole = (there.loc[there["split"] == n, "conversion_id"] for n in (1, 0))
    doubled = np.where(
        wanted["split"] == 1, wanted["conversion_id"].isin(whole), wanted["conversion_id"].isin(parts)
    )
    begins = wanted["begins"].to_numpy(bool)
    return wanted.assign(begins=begins & ~doubled), int((begins & doubled).sum())


def _revisions(told: pd.DataFrame, transactions: pd.Series) -> Ints:
    """Return how often each transaction will have been told."""
    most = told.groupby("transaction_id")["revision"].max()
    return transactions.map(most).fillna(0).to_numpy(np.int64) + 1


def _transactions(connection: Connection, line: Line, wanted: pd.DataFrame) -> Texts:
    """Return the names that conversions are known by there: of the deal or lead, the goal and the touch."""
    base = np.array([f"{key}:{line.goal}" for key in wanted["key"].tolist()], object)
    split = (wanted["split"] == 1).to_numpy()
    if split.any():
        marks = _marks(connection, wanted["part"].to_numpy(np.int64)[split])
        base[split] = [f"{name}:{mark}" for name, mark in zip(base[split], marks, strict=True)]
    return base


def _again(told: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    """Have what was taken back for good come back under another name, and a second later.

    Some destinations know a conversion by its click and its time.
    """
    taken_back = told[told["state"].isin(THERE) & (told["change"] == Change.RETRACTED)]
    times = taken_back.groupby("slot").size().reindex(wanted.index).fillna(0).to_numpy(np.int64)
    back = times > 0
    if not back.any():
        return wanted
    names = wanted["transaction_id"].to_numpy(object, copy=True)
    names[back] = [f"{name}:{n + 1}" for name, n in zip(names[back], times[back], strict=True)]
    return wanted.assign(transaction_id=names, at=_ints(wanted["at"]) + times * clock.SECOND)


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


def _ints(values: pd.Series) -> Ints:
    found: Ints = values.astype(object).where(values.notna(), _NONE).to_numpy(np.int64)
    return found


def _texts(values: pd.Series) -> npt.NDArray[np.str_]:
    return values.astype(object).where(values.notna(), "").to_numpy(str)


def _values(rows: pd.DataFrame) -> list[dict[str, object]]:
    named = ("conversion_id", "transaction_id", "revision", *_WORTH, "at", "share_millionths", "model")
    digest = _given(rows["digest"]) if "digest" in rows else [None] * len(rows)
    columns = {name: _given(rows[name]) for name in named} | {
        "digest": digest,
        "touch": [None if n == NO_TOUCH else n for n in rows["touch"].tolist()],
        "split": (rows["split"] == 1).astype(int).tolist(),
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
    # who was asked to wait waits
    due_at = case((delivery.c.state == State.QUEUED, delivery.c.due_at), else_=now)
    changed: dict[str, object] = {name: bindparam(f"new_{name}") for name in given}
    connection.execute(
        update(delivery)
        .where(delivery.c.delivery_id == bindparam("of"))
        .values(changed | {"state": str(State.QUEUED), "due_at": due_at}),
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
