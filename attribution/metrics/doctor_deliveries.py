"""What destinations were told: what they refused, what waits, and what they took without counting it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, and_, func, or_, select

from attribution import clock
from attribution.metrics.findings import Finding, Look
from attribution.store.schema import delivery

LONG: Final = clock.DAY  # that a delivery waits until it counts as stuck
_STATES: Final = (
    (
        "rejected", "warning", "{count} conversions were refused by {label}",
        "attribution send --status has their words; what they lack is mended at the source",
    ),
    (
        "dead", "error", "{count} conversions could not be told to {label}, however often it was tried",
        "attribution send --status has the reason; mend it, then send with --retry",
    ),
    (
        "held", "notice", "{count} conversions cannot be told to {label} as they are",
        "they are tried again by every attribution send; mostly consent is missing",
    ),
)  # fmt: skip


def stuck_deliveries(look: Look) -> list[Finding]:
    """Count what was refused, given up or held, and what should have left long ago."""
    found = []
    for state, severity, words, hint in _STATES:
        for destination, code, count in _counts(look, delivery.c.state == state):
            about = words.format(count=count, label=destination)
            found.append(Finding(severity, count, f"{about}: {code or 'no reason given'}", hint))
    late = clock.now_micros() - LONG
    waiting = and_(delivery.c.state.in_(["queued", "sent"]), delivery.c.queued_at < late)
    for destination, code, count in _counts(look, waiting):
        why = f" ({code})" if code else ""
        found.append(
            Finding(
                "warning", count, f"{count} conversions have been waiting for {destination} for a day{why}",
                f"type: attribution send {destination}",
            )
        )  # fmt: skip
    return found


def uncounted_deliveries(look: Look) -> list[Finding]:
    """Count what destinations that tell took, and did not count, all or in part."""
    accepted = delivery.c.state == "accepted"
    in_part = and_(accepted, delivery.c.reference.is_not(None), delivery.c.code.is_not(None))
    found = [
        Finding(
            "warning", count,
            f"{count} conversions were accepted by {destination} in requests of which it counted a part, and "
            f"does not say which: {code}",
            "attribution send --status says how many failed for which reason",
        )
        for destination, code, count in _counts(look, in_part)
    ]  # fmt: skip
    known = select(delivery.c.destination).where(delivery.c.state == "confirmed").distinct()
    late = clock.now_micros() - LONG
    silent = and_(
        accepted,
        or_(delivery.c.settled_at.is_(None), delivery.c.settled_at < late),
        or_(delivery.c.reference.is_(None), delivery.c.code.is_(None)),
        delivery.c.destination.in_(known),
    )
    found += [
        Finding(
            "notice", count, f"{count} conversions were accepted by {destination}, and not counted yet",
            "accepted is not counted: compare with the conversions that the platform shows",
        )
        for destination, _, count in _counts(look, silent)
    ]  # fmt: skip
    return found


def _counts(look: Look, which: Any) -> list[tuple[str, str, int]]:
    statement: Select[Any] = (
        select(delivery.c.destination, func.coalesce(delivery.c.code, ""), func.count())
        .where(which)
        .group_by(delivery.c.destination, delivery.c.code)
        .order_by(delivery.c.destination, delivery.c.code)
    )
    return [(str(name), str(code), int(count)) for name, code, count in look.connection.execute(statement)]
