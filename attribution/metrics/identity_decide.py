"""`identity split`, `join`, `exclude`, `undo` and `decisions`: what people who know say of identifiers."""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, select

from attribution import clock
from attribution.errors import InputError
from attribution.identity import deciding
from attribution.identity.deciding import By, Outcome
from attribution.identity.decisions import recorded
from attribution.identity.naming import find_named
from attribution.metrics.answer import Answer
from attribution.metrics.decision_rows import COLUMNS, TAKEN_BACK, decision_rows
from attribution.store.database import Database
from attribution.store.schema import credit_set
from attribution.store.settings import Settings

FOLLOWS: Final = "the ledger follows at the next run: attribution run"


def split(db: Database, a: str, b: str, *, why: str, who: str | None = None) -> Answer:
    """Let two identifiers be two people's; a join of exactly these two is taken back first.

    Args:
        db: the store.
        a, b: identifiers, as `email:ella@acme.com`, or bare values that one kind alone has.
        why: the reason, kept with the decision.
        who: whose decision it is; the operating system's user by default.

    Returns:
        the decision that was recorded or taken back, as :func:`decisions` has it; no row where nothing was
        to do, and a sentence that says so among the warnings.

    Raises:
        InputError: an identifier is not known or not clear, both are one, or there is no reason.
    """

    def decide(connection: Connection, settings: Settings, by: By) -> Outcome:
        one, other = (find_named(connection, settings, text) for text in (a, b))
        return deciding.split(connection, settings, one, other, by)

    return _decide(db, "identity split", decide, why, who)


def join(db: Database, a: str, b: str, *, why: str, who: str | None = None) -> Answer:
    """Let two identifiers be one person's, beyond limits; arguments and answer as of :func:`split`.

    Raises:
        InputError: as of :func:`split`; or another decision or a rule keeps the two apart.
    """

    def decide(connection: Connection, settings: Settings, by: By) -> Outcome:
        one, other = (find_named(connection, settings, text) for text in (a, b))
        return deciding.join(connection, settings, one, other, by)

    return _decide(db, "identity join", decide, why, who)


def exclude(db: Database, a: str, *, why: str, who: str | None = None) -> Answer:
    """Let an identifier be nobody's: a kiosk, an agency's phone; arguments and answer as of :func:`split`."""

    def decide(connection: Connection, settings: Settings, by: By) -> Outcome:
        return deciding.exclude(connection, settings, find_named(connection, settings, a), by)

    return _decide(db, "identity exclude", decide, why, who)


def undo(db: Database, number: int, *, why: str, who: str | None = None) -> Answer:
    """Take a decision back; it stays on record. The answer is as of :func:`split`.

    Raises:
        InputError: there is no such decision, or no reason.
    """

    def decide(connection: Connection, settings: Settings, by: By) -> Outcome:
        return deciding.undo(connection, settings, number, by)

    return _decide(db, "identity undo", decide, why, who)


def decisions(db: Database) -> Answer:
    """Return every decision ever made, those taken back too.

    Returns:
        rows `decision verb one other state who at why undone_by undone_at undone_why`; `state` is `in force`,
        `no effect` (a join that other decisions or rules keep apart) or `taken back`.
    """
    with db.read() as connection:
        rows = decision_rows(connection, recorded(connection))
    return Answer(
        verb="identity decisions", store=db.label, as_of=clock.iso(clock.now_micros()), rows=rows,
        totals=dict(Counter(row["state"] for row in rows)), columns=dict(COLUMNS),
        title="Decisions about who is who",
    )  # fmt: skip


def _decide(
    db: Database,
    verb: str,
    decide: Callable[[Connection, Settings, By], Outcome],
    why: str,
    who: str | None,
) -> Answer:
    by = By(_name(who), _text(why, "reason", "--why"), clock.now_micros())
    with db.write() as connection:
        settings = Settings(connection)
        outcome = decide(connection, settings, by)
        rows = decision_rows(connection, outcome.decisions)
        posted = connection.execute(select(credit_set.c.credit_set_id).limit(1)).first() is not None
    made = [row for row in rows if row["state"] != TAKEN_BACK]
    return Answer(
        verb=verb, store=db.label, as_of=clock.iso(by.at), rows=rows,
        warnings=[*outcome.told, *([FOLLOWS] if rows and posted else [])], columns=dict(COLUMNS),
        title="Recorded" if made else "Taken back" if rows else "Nothing to do",
    )  # fmt: skip


def _name(who: str | None) -> str:
    if who is not None:
        return _text(who, "name", "--who")
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        raise InputError(
            "this system tells no name of its user; say whose decision it is: --who NAME"
        ) from None


def _text(text: str, what: str, option: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise InputError(f"{option} {text!r} holds no {what}; a decision is kept with who made it and why")
    return words
