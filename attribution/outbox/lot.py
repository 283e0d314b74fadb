"""Deliveries that are taken together: held while they are told, written down, and given back.

They are marked and committed before anything leaves, with a time after which whoever took them counts as
gone. Who is still at it holds them longer; who comes after that time writes nothing down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd
from sqlalchemy import ColumnElement, and_, bindparam, or_, select, update

from attribution import clock
from attribution.destinations.conversion import Conversion
from attribution.destinations.destination import Destination
from attribution.destinations.request import Outcome, Verdict
from attribution.outbox.queue import Line, of_line
from attribution.outbox.states import THERE, State
from attribution.outbox.telling import Told
from attribution.sources.masking import mask_text
from attribution.store.columns import read_frame
from attribution.store.database import Database
from attribution.store.schema import delivery

LEASE: Final = 15 * clock.MINUTE  # after which a sender counts as gone
ATTEMPTS: Final = 12  # over most of a day
_FIRST_WAIT: Final = clock.MINUTE
_LONGEST_WAIT: Final = 6 * clock.HOUR
_LONGEST_ASKED: Final = 86_400.0  # seconds that a destination may ask for
_REFERENCE: Final = re.compile(r"[\w.:/=+-]{1,300}")
# what may be otherwise tomorrow; all other refusals are for good
_PASSING: Final = frozenset({"no_consent", "no_match_key", "future", "currency"})
_STATES: Final = {
    Verdict.ACCEPTED: State.ACCEPTED, Verdict.DUPLICATE: State.ACCEPTED, Verdict.CONFIRMED: State.CONFIRMED,
    Verdict.REJECTED: State.REJECTED,
}  # fmt: skip


@dataclass
class Delivered:
    """How many deliveries ended how.

    Attributes:
        counts: by state.
        reasons: how many were not taken for what: by state and code, with the words of the first.
        told: how many left for the destination, however that ended.
        closed: why the destination takes nothing more now; empty: it took what was due.
        shut_out: whether that is because it lets nobody in.
    """

    counts: dict[str, int] = field(default_factory=dict)
    reasons: dict[tuple[State, str], tuple[int, str]] = field(default_factory=dict)
    told: int = 0
    closed: str = ""
    shut_out: bool = False

    def add(self, state: State, code: str, number: int = 1, words: str = "") -> None:
        """Count some that ended alike."""
        if not number:
            return
        self.counts[state] = self.counts.get(state, 0) + number
        if code:
            before, first = self.reasons.get((state, code), (0, words))
            self.reasons[state, code] = (before + number, first)


def take(db: Database, line: Line, most: int, after: int, since: int | None) -> tuple[pd.DataFrame, int]:
    """Mark what is due as under way; what others have marked is theirs until they are gone.

    Returns:
        The deliveries, and until when they are ours.
    """
    now = clock.now_micros()
    lease = now + LEASE
    due = or_(delivery.c.state == State.QUEUED, delivery.c.state == State.SENT)
    statement = select(delivery).where(
        of_line(line), due, delivery.c.due_at <= now, delivery.c.delivery_id > after
    )
    if since is not None:
        statement = statement.where(delivery.c.at >= since)
    with db.write() as connection:
        rows = read_frame(connection, statement.order_by(delivery.c.delivery_id).limit(most))
        if len(rows):
            mine = delivery.c.delivery_id.in_(rows["delivery_id"].tolist())
            connection.execute(update(delivery).where(mine).values(state=str(State.SENT), due_at=lease))
    return rows, lease


@dataclass
class Lot:
    """Deliveries that were taken together, and what is written down of them.

    Attributes:
        db: the store.
        lease: until when they are ours; after that they are somebody else's, and so is what is written.
        keys: delivery_id by the identity of its conversion.
        attempts: so far, by delivery_id.
        clean: makes of a destination's words what may be kept.
        done: what is counted.
        untold: deliveries of which nothing was written down yet.
        doubtful: those that had left when their sender was gone: they may be there.
    """

    db: Database
    lease: int
    keys: Mapping[int, int]
    attempts: Mapping[int, int]
    clean: Callable[[str], str]
    done: Delivered
    untold: set[int]
    doubtful: set[int]

    def refuse(self, destination: Destination, conversions: Sequence[Conversion]) -> list[Conversion]:
        """Write down what cannot be sent at all; return the others."""
        now, refused, sendable = clock.now_micros(), [], []
        for one in conversions:
            why = destination.refusal(one, now)
            if why is None:
                sendable.append(one)
                continue
            key = self.keys[id(one)]
            state = State.HELD if why.code in _PASSING else State.REJECTED
            if state is State.HELD and key in self.doubtful:  # nobody may change what may be there
                state = State.SENT
            change = _ended(key, state, why.code, why.words, digest=one.digest)
            if state is State.SENT:
                change |= {"new_due_at": now + _LONGEST_WAIT, "new_settled_at": None}
            refused.append(change)
            self.done.add(state, why.code, words=why.words)
        self._write(refused)
        return sendable

    def write(self, told: Told) -> None:
        """Write down what became of some."""
        changes = []
        for one, outcome in zip(told.conversions, told.outcomes, strict=True):
            key = self.keys[id(one)]
            attempt = self.attempts[key] + 1
            doubtful = told.doubtful or key in self.doubtful
            change = _change(key, outcome, attempt, one.digest or told.digest, doubtful)
            said = {name: self._kept(change[name]) for name in ("new_words", "new_code")}
            reference = change["new_reference"]  # it is what one asks by: as it is, or not at all
            if reference and not _REFERENCE.fullmatch(reference):
                said["new_reference"] = None
            changes.append(change | said | {"new_attempts": attempt, "new_sent_at": clock.now_micros()})
            state = State(change["new_state"])
            code = "" if state in THERE else said["new_code"] or ""  # a duplicate is as good as taken
            self.done.add(state, code, words=said["new_words"] or "")
        self._write(changes)

    def _kept(self, text: str | None) -> str | None:
        """Return what may be kept of a destination's words, which may quote people."""
        return self.clean(mask_text(text)) if text else None

    def begin(self, keys: Collection[int]) -> None:
        """Write down that some are about to leave: from now on they may be there."""
        self._update(keys, sent_at=clock.now_micros())

    def hold(self) -> bool:
        """Go on being at it; tell whether all that is untold is still ours."""
        now = clock.now_micros()
        if now < self.lease - LEASE // 4 * 3 or not self.untold:
            return True
        held = self._update(self.untold, due_at=now + LEASE)
        self.lease = now + LEASE
        return held == len(self.untold)

    def give_back(self, but: Collection[int] = ()) -> None:
        """Leave what was not told as it was taken."""
        untold, now = self.untold.difference(but), clock.now_micros()
        self._update(untold & self.doubtful, due_at=now)  # it is under way as it was
        self._update(untold - self.doubtful, state=str(State.QUEUED), due_at=now)

    def _update(self, keys: Collection[int], **values: Any) -> int:
        """Change deliveries that are still ours; return how many are."""
        if not keys:
            return 0
        mine = and_(
            delivery.c.delivery_id.in_(sorted(keys)),
            delivery.c.state == State.SENT,
            delivery.c.due_at == self.lease,
        )
        with self.db.write() as connection:
            return connection.execute(update(delivery).where(mine).values(**values)).rowcount

    def _write(self, changes: Sequence[Mapping[str, Any]]) -> None:
        _record(self.db, changes, self.lease)
        self.untold.difference_update(change["of"] for change in changes)


def _change(key: int, outcome: Outcome, attempts: int, digest: str, doubtful: bool) -> dict[str, Any]:
    """Return what is written down of an outcome."""
    now = clock.now_micros()
    if outcome.verdict is not Verdict.RETRY:
        return _ended(key, _STATES[outcome.verdict], outcome.code, outcome.words, outcome.reference, digest)
    if attempts >= ATTEMPTS and not doubtful:
        return _ended(key, State.DEAD, outcome.code, outcome.words, digest=digest)
    wait = min(_FIRST_WAIT * 2 ** min(attempts - 1, ATTEMPTS), _LONGEST_WAIT)
    if outcome.after_seconds is not None:
        wait = max(wait, round(min(outcome.after_seconds, _LONGEST_ASKED) * clock.SECOND))
    # what may be there is neither changed nor given up: until it is told again, it counts as under way
    state = State.SENT if doubtful else State.QUEUED
    return _row(key, state, outcome.code, outcome.words, "", digest, due_at=now + wait, settled_at=None)


def _ended(
    key: int, state: State, code: str, words: str, reference: str = "", digest: str = ""
) -> dict[str, Any]:
    now = clock.now_micros()
    return _row(key, state, code, words, reference, digest, due_at=now, settled_at=now)


def _row(
    key: int,
    state: State,
    code: str,
    words: str,
    reference: str,
    digest: str,
    *,
    due_at: int,
    settled_at: int | None,
) -> dict[str, Any]:
    return {
        "of": key, "new_state": str(state), "new_code": code or None, "new_words": words or None,
        "new_reference": reference or None, "new_digest": digest or None, "new_due_at": due_at,
        "new_settled_at": settled_at,
    }  # fmt: skip


def _ours(lease: int) -> ColumnElement[bool]:
    """Return the condition that a delivery is still ours to write down."""
    mine = delivery.c.delivery_id == bindparam("of")
    return and_(mine, delivery.c.state == State.SENT, delivery.c.due_at == lease)


def _record(db: Database, changes: Sequence[Mapping[str, Any]], lease: int) -> None:
    if not changes:
        return
    names = [name.removeprefix("new_") for name in changes[0] if name.startswith("new_")]
    statement = (
        update(delivery).where(_ours(lease)).values({name: bindparam(f"new_{name}") for name in names})
    )
    with db.write() as connection:
        connection.execute(statement, list(changes))
