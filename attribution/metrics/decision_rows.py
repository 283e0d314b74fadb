"""Decisions about identifiers as rows: what was said, by whom, why, and whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from attribution import clock
from attribution.identity.deciding import without_effect
from attribution.identity.decisions import Decision
from attribution.identity.naming import ERASED, named
from attribution.metrics.answer import Row

COLUMNS: Final = {
    "decision": "count", "verb": "text", "one": "text", "other": "text", "state": "text", "who": "text",
    "at": "time", "why": "text", "undone_by": "text", "undone_at": "time", "undone_why": "text",
}  # fmt: skip
IN_FORCE: Final = "in force"
NO_EFFECT: Final = "no effect"
TAKEN_BACK: Final = "taken back"


def decision_rows(connection: Connection, decisions: Sequence[Decision]) -> list[Row]:
    """Return a row a decision; `state` tells whether it holds, holds in vain, or was taken back."""
    names = named(connection, {end for one in decisions for end in one.ends})
    idle = {one.number for one in without_effect(connection, decisions)}

    def word(number: int | None) -> str | None:
        if number is None:
            return None
        return names[number].written if number in names else ERASED

    return [
        {
            "decision": one.number,
            "verb": one.verb,
            "one": word(one.a),
            "other": word(one.b),
            "state": TAKEN_BACK if not one.stands else NO_EFFECT if one.number in idle else IN_FORCE,
            "who": one.who,
            "at": clock.iso(one.at),
            "why": one.why,
            "undone_by": one.undone_by,
            "undone_at": None if one.undone_at is None else clock.iso(one.undone_at),
            "undone_why": one.undone_why,
        }
        for one in decisions
    ]
