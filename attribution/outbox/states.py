"""States of a delivery, and which may follow which.

queued ──> sent ──> accepted ──> confirmed
  │  ^      │ │        │
  │  └──────┘ └────────┴──> rejected, dead (tried too often)
  ├──> held (asked again by the next `send`)
  └──> withdrawn

What was accepted is sent again where the destination says later that it should be. What may be there although
nobody says so stays sent: it is not changed, withdrawn, held or given up until there is an answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a delivery stands."""

    QUEUED = "queued"
    SENT = "sent"  # under way, or nobody knows whether it was read: told again after its time, as it was
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"  # and counted
    REJECTED = "rejected"  # for good, by the destination or by a rule of it that we know
    HELD = "held"  # cannot be sent as it is, and may be one day: consent, a currency
    WITHDRAWN = "withdrawn"  # was not sent, and need not be any more
    DEAD = "dead"  # tried too often


THERE: Final = (State.ACCEPTED, State.CONFIRMED)  # the destination has it
OPEN: Final = (State.QUEUED, State.HELD)  # it was never told: may be changed in place
ENDED: Final = (State.REJECTED, State.DEAD)
