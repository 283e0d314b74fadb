"""What people agreed to: for each purpose the latest thing that they said counts.

Touches, leads and refusals (of visitors who denied analytics, whose touches are nobody's) carry consent. What
was said in a browser that several people used was said by whoever's it was then. A purpose of which nobody
said anything is unknown; saying nothing takes nothing back.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, func, select

from attribution.identity.graph import Bools, Ints
from attribution.identity.stretches import stretches_of
from attribution.sources.fields import PURPOSES, SIGNALS
from attribution.store.columns import read_ints, temporary
from attribution.store.schema import identifier, lead, refusal, touch

UNKNOWN, GRANTED, DENIED = (SIGNALS[name] for name in ("unknown", "granted", "denied"))
SIGNAL_NAMES: Final = {number: name for name, number in SIGNALS.items()}
_COLUMNS: Final = ("position", "consent", "at")


class Consent(NamedTuple):
    """What people agreed to, a column for each of :data:`attribution.sources.fields.PURPOSES`.

    Attributes:
        state: int64[n, 3], 0 unknown, 1 granted, 2 denied.
        since: int64[n, 3], microseconds: when what counts was said; 0 where nothing was.
    """

    state: Ints
    since: Ints


def consent_of(connection: Connection, people: Ints) -> Consent:
    """Return what people agreed to: for each purpose the latest signal; of two at one instant, denied.

    Args:
        connection: inside a transaction.
        people: int64[n] person numbers, as resolved; an identifier that no evidence names is its own person.
    """
    numbers, place = np.unique(people, return_inverse=True)
    place = place.reshape(len(people))
    state, since = (np.zeros((len(numbers), len(PURPOSES)), np.int64) for _ in range(2))
    found = _signals(connection, numbers)
    for column in range(len(PURPOSES)):
        signal = signals_of(found["consent"])[:, column]
        said = np.flatnonzero(signal != UNKNOWN)
        order = said[np.lexsort((signal[said], found["at"][said], found["position"][said]))]
        position = found["position"][order]
        last = np.flatnonzero(np.diff(position, append=-1) != 0)  # DENIED is the larger of two at one instant
        state[position[last], column] = signal[order[last]]
        since[position[last], column] = found["at"][order[last]]
    return Consent(state[place], since[place])


def may_send(connection: Connection, people: Ints) -> Bools:
    """Return bool[n]: of whom anything may be told to an advertising platform: `ad_user_data` is granted.

    Arguments as of :func:`consent_of`.
    """
    granted: Bools = consent_of(connection, people).state[:, PURPOSES.index("ad_user_data")] == GRANTED
    return granted


def signals_of(packed: npt.NDArray[np.integer]) -> Ints:
    """Unpack consent as stored: int64[n, 3], a column a purpose.

    >>> signals_of(np.array([0b100001])).tolist()
    [[1, 0, 2]]
    """
    shifts = 2 * np.arange(len(PURPOSES))
    unpacked: Ints = packed.astype(np.int64)[:, None] >> shifts & 0b11
    return unpacked


def consent_words(state: Ints) -> dict[str, str]:
    """Write one person's state as purpose -> signal.

    >>> consent_words(np.array([1, 2, 0]))
    {'analytics': 'granted', 'ad_user_data': 'denied', 'ad_personalization': 'unknown'}
    """
    return {name: SIGNAL_NAMES[signal] for name, signal in zip(PURPOSES, state.tolist(), strict=True)}


def _signals(connection: Connection, people: Ints) -> dict[str, Ints]:
    """Return what people said: index into `people`, packed consent, and the last time that they said so."""
    found = [{name: np.zeros(0, np.int64) for name in _COLUMNS}]
    mine = stretches_of(connection, people)
    with temporary(connection, **mine._asdict()) as wanted:
        number = wanted.c.identifier
        refused = wanted.join(identifier, identifier.c.identifier_id == number).join(
            refusal, refusal.c.identifier_hash == identifier.c.hash
        )
        for source, consent, at in (
            (wanted.join(touch, touch.c.visitor == number), touch.c.consent, touch.c.at),
            (wanted.join(lead, lead.c.identifier_id == number), lead.c.consent, lead.c.created_at),
            (refused, refusal.c.consent, refusal.c.at),
        ):
            statement = (
                select(wanted.c.position, consent, func.max(at))
                .select_from(source)
                .where(consent != 0, at >= wanted.c.since, at < wanted.c.until)
                .group_by(wanted.c.position, consent)
            )
            found.append(read_ints(connection, statement, _COLUMNS))
    return {name: np.concatenate([rows[name] for rows in found]) for name in _COLUMNS}
