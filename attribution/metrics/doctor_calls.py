"""Calls that nobody could be tied to, and leases that contradict one another."""

from __future__ import annotations

from typing import Final

import numpy as np
from sqlalchemy import func, or_, select

from attribution.loading.call_ties import Why, match, read_calls
from attribution.metrics.findings import EXAMPLES, Finding, Look, listed
from attribution.store.schema import lease, tracking_number

_HIDDEN: Final = -1  # beside the members of Why
_UNHEARD_OF: Final = -2
_REASONS: Final = (
    (
        Why.FALLBACK,
        "warning",
        "the pool had run dry, and the fallback number was shown to everybody",
        "add numbers to the pool",
    ),
    (
        Why.AMBIGUOUS,
        "warning",
        "two leases of the number began at one instant",
        "lease a number to one visitor at a time",
    ),
    (
        Why.NO_LEASE,
        "notice",
        "nobody held the number at the time",
        "import the leases of that time; where people write numbers down and call later, raise call_grace",
    ),
    (_HIDDEN, "notice", "the caller hid their number, and nobody held the one they called", ""),
    (
        _UNHEARD_OF,
        "notice",
        "the number is in neither `leases` nor `tracking_numbers`",
        "import what the number is for, or to whom it was leased",
    ),
)


def calls_of_nobody(look: Look) -> list[Finding]:
    """Name the calls that tie no visitor, by reason; those to numbers in print are as they should be."""
    calls = read_calls(look.connection)
    calls = calls[calls["visitor"] == 0]
    if calls.empty:
        return []
    why = match(look.connection, look.settings, calls).why
    stored = select(tracking_number.c.key, tracking_number.c.pool)
    pool_of = {row.key: row.pool for row in look.connection.execute(stored)}
    number = calls["tracking_number"]
    lone = why == Why.NEVER_LEASED
    why[lone & number.isin([key for key, pool in pool_of.items() if pool]).to_numpy()] = Why.NO_LEASE
    why[lone & ~number.isin(list(pool_of)).to_numpy()] = _UNHEARD_OF
    why[np.isin(why, (Why.NO_LEASE, _UNHEARD_OF)) & (calls["caller"] == 0).to_numpy()] = _HIDDEN
    found = []
    for reason, severity, what, hint in _REASONS:
        keys = sorted(calls["key"][why == reason])
        if keys:
            found.append(Finding(severity, len(keys), f"{what}: {listed(keys[: EXAMPLES + 1])}", hint))
    return found


def overlapping_leases(look: Look) -> list[Finding]:
    """Name numbers that one visitor was shown while another still held them."""
    number, order = lease.c.tracking_number, (lease.c.leased_at, lease.c.visitor)
    pairs = select(
        lease.c.tracking_number,
        lease.c.released_at,
        func.lead(lease.c.leased_at).over(partition_by=number, order_by=order).label("next_at"),
        (func.lead(lease.c.visitor).over(partition_by=number, order_by=order) != lease.c.visitor).label(
            "other"
        ),
    ).subquery()
    still_on = or_(pairs.c.released_at.is_(None), pairs.c.released_at > pairs.c.next_at)
    overlaps = select(pairs.c.tracking_number).where(pairs.c.next_at.is_not(None), pairs.c.other, still_on)
    count = look.count(overlaps)
    what = "leases of a number that began while another visitor still held it"
    hint = "a call then is held to be of the later visitor; import the ends of leases in released_at"
    numbers = look.examples(overlaps.distinct().order_by(pairs.c.tracking_number))
    return [Finding("warning", count, f"{what}: {numbers}", hint)] if count else []
