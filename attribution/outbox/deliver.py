"""The loop that sends: take what is due, tell it, write down what became of it.

What is about to be sent is marked and committed first, with a time after which its sender counts as gone: a
kill, a cut connection or a full disk leaves it marked, and it is sent again, with the same transaction id, by
which the destination knows what it has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pandas as pd
from sqlalchemy import ColumnElement, Connection, bindparam, exists, or_, select, update

from attribution import clock
from attribution.destinations.conversion import Conversion
from attribution.destinations.destination import Destination
from attribution.destinations.request import Outcome, Reply, Request, Verdict
from attribution.outbox.queue import Line, of_line
from attribution.outbox.records import conversions_of
from attribution.outbox.states import ENDED, State
from attribution.sources.masking import mask_text
from attribution.store.columns import read_frame
from attribution.store.database import Database
from attribution.store.schema import delivery

LEASE: Final = 15 * clock.MINUTE  # after which a sender counts as gone
ATTEMPTS: Final = 12  # over most of a day
_FIRST_WAIT: Final = clock.MINUTE
_LONGEST_WAIT: Final = 6 * clock.HOUR
_AT_ONCE: Final = 10_000  # what is read together
_REQUESTS, _FEWEST = 20, 100  # that a lease covers
# what may be otherwise tomorrow; all other refusals are for good
_PASSING: Final = frozenset({"no_consent", "no_match_key", "future", "currency"})
_STATES: Final = {
    Verdict.ACCEPTED: State.ACCEPTED, Verdict.DUPLICATE: State.ACCEPTED, Verdict.CONFIRMED: State.CONFIRMED,
    Verdict.REJECTED: State.REJECTED,
}  # fmt: skip

Progress = Callable[[str, int, int | None], None]
Records = Callable[[Connection, pd.DataFrame], list[Conversion]]  # deliveries as what is told


class CutError(Exception):
    """The connection broke, and nothing says whether the request was read."""


class Sender(Protocol):
    """Takes a request to its destination."""

    def send(self, request: Request) -> Reply:
        """Return what came back.

        Raises:
            CutError: nothing did.
        """
        ...

    def clean(self, text: str) -> str:
        """Return what a destination says without any secret."""
        ...


@dataclass
class Delivered:
    """How many deliveries ended how."""

    counts: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, state: State, code: str, number: int = 1) -> None:
        """Count some that ended alike."""
        if number:
            self.counts[state] = self.counts.get(state, 0) + number
        if number and code:
            self.reasons[code] = self.reasons.get(code, 0) + number


def deliver(
    db: Database,
    destination: Destination,
    line: Line,
    sender: Sender,
    *,
    limit: int | None = None,
    retry: bool = False,
    progress: Progress | None = None,
    records: Records = conversions_of,
) -> Delivered:
    """Send what is due to a destination.

    Args:
        db: the store.
        destination: which writes requests and reads replies.
        line: whose deliveries.
        sender: takes requests there.
        limit: how many at most.
        retry: what was refused for good or given up is tried again, once its reason is mended.
        progress: called with what is done, how much, and of how many.
        records: makes of deliveries what is told.
    """
    done, left, last = Delivered(), limit, 0
    most = min(max(_FEWEST, _REQUESTS * destination.most), _AT_ONCE)  # what a lease is long enough for
    _reconsider(db, line, [State.HELD, *ENDED] if retry else [State.HELD])
    while left is None or left > 0:
        rows = _take(db, line, most if left is None else min(most, left), last)
        if not len(rows):
            return done
        last = int(rows["delivery_id"].max())
        with db.read() as connection:
            conversions = records(connection, rows)
        _tell(db, destination, sender, rows, conversions, done)
        left = None if left is None else left - len(rows)
        if progress is not None:
            progress(f"told {destination.label}", sum(done.counts.values()), None)
    return done


def superseded(but: Collection[State] = (State.WITHDRAWN,)) -> ColumnElement[bool]:
    """Return the condition that there is a newer delivery of the same conversion.

    Args:
        but: newer ones in these states are none.
    """
    newer = delivery.alias()
    return exists().where(
        newer.c.destination == delivery.c.destination,
        newer.c.account == delivery.c.account,
        newer.c.action == delivery.c.action,
        newer.c.conversion_id == delivery.c.conversion_id,
        newer.c.delivery_id > delivery.c.delivery_id,
        newer.c.state.not_in(list(but)),
    )


def _reconsider(db: Database, line: Line, states: Sequence[State]) -> None:
    """Queue again what could not be sent the last time: consent may have come in.

    What was told anew since, with another value, is not told with the old one.
    """
    with db.write() as connection:
        connection.execute(
            update(delivery)
            .where(of_line(line), or_(*(delivery.c.state == state for state in states)), ~superseded())
            .values(state=str(State.QUEUED), attempts=0, due_at=clock.now_micros(), settled_at=None)
        )


def _take(db: Database, line: Line, most: int, after: int = 0) -> pd.DataFrame:
    """Mark what is due as under way, and return it; what others have marked is theirs until they are gone."""
    now = clock.now_micros()
    due = or_(delivery.c.state == State.QUEUED, delivery.c.state == State.SENT)
    with db.write() as connection:
        rows = read_frame(
            connection,
            select(delivery)
            .where(of_line(line), due, delivery.c.due_at <= now, delivery.c.delivery_id > after)
            .order_by(delivery.c.delivery_id)
            .limit(most),
        )
        if not len(rows):
            return rows
        connection.execute(
            update(delivery)
            .where(delivery.c.delivery_id == bindparam("of"))
            .values(state=str(State.SENT), due_at=now + LEASE),
            [{"of": key} for key in rows["delivery_id"].tolist()],
        )
    return rows


def _tell(
    db: Database,
    destination: Destination,
    sender: Sender,
    rows: pd.DataFrame,
    conversions: Sequence[Conversion],
    done: Delivered,
) -> None:
    """Send some deliveries, and write down what became of each."""
    now = clock.now_micros()
    keys = {id(one): key for one, key in zip(conversions, rows["delivery_id"].tolist(), strict=True)}
    attempts = dict(zip(rows["delivery_id"].tolist(), rows["attempts"].tolist(), strict=True))
    refused, sendable = [], []
    for one in conversions:
        why = destination.refusal(one, now)
        if why is None:
            sendable.append(one)
            continue
        state = State.HELD if why.code in _PASSING else State.REJECTED
        refused.append(_ended(keys[id(one)], state, why.code, why.words, digest=one.digest))
        done.add(state, why.code)
    _record(db, refused)
    for request in destination.requests(sendable):
        for told, digest, outcomes in _sent(destination, sender, request):
            changes = []
            for one, outcome in zip(told, outcomes, strict=True):
                key = keys[id(one)]
                change = _change(key, outcome, attempts[key] + 1, one.digest or digest)
                change |= {"new_attempts": attempts[key] + 1, "new_sent_at": clock.now_micros()}
                change["new_words"] = mask_text(sender.clean(outcome.words)) or None  # it may quote people
                changes.append(change)
                done.add(State(change["new_state"]), outcome.code)
            _record(db, changes)


def _sent(
    destination: Destination, sender: Sender, request: Request
) -> Iterator[tuple[Sequence[Conversion], str, list[Outcome]]]:
    """Send a request; where it is refused for some conversion that is not named, halve it until it is."""
    digest = hashlib.sha256(json.dumps(request.body, sort_keys=True, default=str).encode()).hexdigest()
    try:
        outcomes = destination.outcomes(request, sender.send(request))
    except CutError as error:
        yield (
            request.conversions,
            digest,
            [Outcome(Verdict.RETRY, "cut", str(error))] * len(request.conversions),
        )
        return
    if len(outcomes) != len(request.conversions):
        words = f"the reply tells of {len(outcomes)} conversions, {len(request.conversions)} were sent"
        outcomes = [Outcome(Verdict.RETRY, "malformed", words)] * len(request.conversions)
    pairs = list(zip(request.conversions, outcomes, strict=True))
    clear = [pair for pair in pairs if pair[1].verdict is not Verdict.UNCLEAR]
    if clear:
        yield [told for told, _ in clear], digest, [outcome for _, outcome in clear]
    unclear = [told for told, outcome in pairs if outcome.verdict is Verdict.UNCLEAR]
    if len(unclear) == 1 and len(pairs) == 1:
        raise AssertionError(f"{destination.name} calls the fate of a single conversion unclear")
    half = (len(unclear) + 1) // 2
    for part in (unclear[:half], unclear[half:]):
        if part:
            for smaller in destination.requests(part):
                yield from _sent(destination, sender, smaller)


def _change(key: int, outcome: Outcome, attempts: int, digest: str) -> dict[str, Any]:
    """Return what is written down of an outcome."""
    now = clock.now_micros()
    if outcome.verdict is not Verdict.RETRY:
        return _ended(key, _STATES[outcome.verdict], outcome.code, outcome.words, outcome.reference, digest)
    if attempts >= ATTEMPTS:
        return _ended(key, State.DEAD, outcome.code, outcome.words, digest=digest)
    wait = min(_FIRST_WAIT * 2 ** (attempts - 1), _LONGEST_WAIT)
    if outcome.after_seconds is not None:
        wait = max(wait, round(outcome.after_seconds * clock.SECOND))
    # whether a cut request was read nobody knows: until it is told again, it counts as under way
    state = State.SENT if outcome.code in ("cut", "malformed") else State.QUEUED
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


def _record(db: Database, changes: Sequence[Mapping[str, Any]]) -> None:
    if not changes:
        return
    names = [name.removeprefix("new_") for name in changes[0] if name.startswith("new_")]
    statement = (
        update(delivery)
        .where(delivery.c.delivery_id == bindparam("of"), delivery.c.state == State.SENT)
        .values({name: bindparam(f"new_{name}") for name in names})
    )
    with db.write() as connection:
        connection.execute(statement, list(changes))
