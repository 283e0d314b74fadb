"""Tables written by hand into a store, and the ledger read back by the names that people know."""

from __future__ import annotations

import io
from collections import defaultdict
from typing import NamedTuple

from sqlalchemy import select

from attribution import clock
from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.engine import Store
from attribution.identifiers import ACCOUNT, KIND_NAMES
from attribution.identity.graph import ALWAYS
from attribution.ledger.reasons import REASONS
from attribution.store import schema
from attribution.store.identifiers import spelled

RULE_MODELS = ["first_touch", "last_touch", "last_non_direct", "linear", "time_decay", "position_based"]
NOBODY = "(unattributed)"


class Entry(NamedTuple):
    """One entry of the ledger, with names instead of numbers."""

    run: int
    kind: str  # of conversion
    window: str  # lookback, scope and kinds
    model: str
    key: str  # the deal's or lead's own id
    at: str  # effective, ISO 8601
    touch: str  # or (unattributed)
    placement: tuple[str | None, ...]
    minor: int
    reporting: int | None
    share: int
    reason: str


def load(store: Store, **tables: str) -> None:
    """Import tables written as CSV, in the order given; every row must load."""
    for table, content in tables.items():
        lines = "\n".join(line.strip() for line in content.strip().splitlines()) + "\n"
        answer = store.import_table(table, "-", stdin=io.BytesIO(lines.encode()))
        assert answer.totals["rejected"] == 0, answer
        assert answer.totals["conflict"] == 0, answer


def entries(store: Store) -> list[Entry]:
    """Return every entry ever posted, in no particular order."""
    e, c, s, j = schema.entry, schema.conversion, schema.credit_set, schema.journey_set
    touch, placement = schema.touch, schema.placement
    statement = (
        select(
            e.c.run_id, c.c.kind, j.c.lookback, j.c.scope, j.c.kinds, s.c.label, c.c.key, e.c.effective_at,
            touch.c.touch_id, e.c.amount_minor, e.c.reporting_minor, e.c.share_millionths, e.c.reason,
            *(placement.c[name] for name in PLACEMENT_FIELDS),
        )
        .join(c, c.c.conversion_id == e.c.conversion_id)
        .join(s, s.c.credit_set_id == e.c.credit_set_id)
        .join(j, j.c.journey_set_id == s.c.journey_set_id)
        .join(touch, touch.c.n == e.c.touch, isouter=True)
        .join(placement, placement.c.placement_id == e.c.placement_id, isouter=True)
    )  # fmt: skip
    with store.db.read() as connection:
        return [
            Entry(
                run, kind, f"{lookback} {scope} {kinds}", label, key, clock.iso(at), touch_id or NOBODY,
                tuple(names), minor, reporting, share, REASONS[reason],
            )
            for run, kind, lookback, scope, kinds, label, key, at, touch_id, minor, reporting, share, reason,
            *names in connection.execute(statement)
        ]  # fmt: skip


def net(store: Store) -> dict[tuple[object, ...], tuple[int, int, int]]:
    """Return what the ledger says now: amount, reporting amount and share of whatever is not zero."""
    sums: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for entry in entries(store):
        total = sums[entry.kind, entry.window, entry.model, entry.key, entry.at, entry.touch, entry.placement]
        for i, part in enumerate((entry.minor, entry.reporting or 0, entry.share)):
            total[i] += part
    return {key: (a, b, c) for key, (a, b, c) in sums.items() if (a, b, c) != (0, 0, 0)}


def credits(
    store: Store, key: str, model: str = "linear", kind: str = "won", window: str = ""
) -> dict[str, int]:
    """Return the minor units of each touch of one conversion, those worth nothing left out.

    `window` is a part of "lookback scope kinds", where several were run.
    """
    return _by(store, "touch", "minor", key, model, kind, window)


def shares(
    store: Store, key: str, model: str = "linear", kind: str = "won", window: str = ""
) -> dict[str, int]:
    """Return the millionths of each touch of one conversion."""
    return _by(store, "touch", "share", key, model, kind, window)


def by_time(store: Store, key: str, model: str = "linear", kind: str = "won") -> dict[str, int]:
    """Return the minor units of one conversion by the time at which they take effect."""
    return _by(store, "at", "minor", key, model, kind, "")


def _by(store: Store, column: str, name: str, key: str, model: str, kind: str, window: str) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for entry in entries(store):
        if (entry.key, entry.model, entry.kind) == (key, model, kind) and window in entry.window:
            sums[getattr(entry, column)] += getattr(entry, name)
    return {value: total for value, total in sums.items() if total}


def totals(store: Store, kind: str = "won") -> dict[tuple[str, str], tuple[int, int]]:
    """Return per model and conversion the minor units and millionths that its entries add up to."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for entry in entries(store):
        if entry.kind == kind:
            sums[entry.model, entry.key][0] += entry.minor
            sums[entry.model, entry.key][1] += entry.share
    return {key: (a, b) for key, (a, b) in sums.items()}


def people(store: Store) -> set[frozenset[tuple[str, str]]]:
    """Return the people as sets of what they are known by; one that stands alone is left out.

    A browser that several people used is `v1 [since, until)` in each of them.
    """
    who, known = schema.membership, schema.identifier
    columns = (who.c.person_id, known.c.kind, spelled(known), who.c.since, who.c.until)
    statement = select(*columns).join(known, known.c.identifier_id == who.c.identifier_id)
    members: dict[int, set[tuple[str, str]]] = defaultdict(set)
    with store.db.read() as connection:
        for person, kind, value, since, until in connection.execute(statement):
            assert kind != ACCOUNT
            when = "" if (since, until) == ALWAYS else f" [{since}, {until})"
            members[person].add((KIND_NAMES[kind], value + when))
    return {frozenset(m) for m in members.values() if len(m) > 1}


def wipe(store: Store) -> None:
    """Empty a store, which is faster than making a new one."""
    names = [table.name for table in reversed(schema.metadata.sorted_tables)]
    statements = [f"DELETE FROM {name}" for name in names]  # TRUNCATE makes new files, which takes longer
    with store.db.write() as connection:
        for statement in ["; ".join(statements)] if store.db.dialect == "postgresql" else statements:
            connection.exec_driver_sql(statement)
