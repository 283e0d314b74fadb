"""Deciding: that identifiers are two people, one person, or nobody's; and taking a decision back.

A decision is obeyed at once: people are resolved again in the same transaction. Nothing is deleted: what is
taken back stays on record, with who took it back, when and why.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection, insert, select, update

from attribution.errors import InputError
from attribution.identifiers import EMAIL, KIND_NAMES, PHONE
from attribution.identity.decisions import EXCLUDE, JOIN, SPLIT, Decision, record, recorded, standing
from attribution.identity.evidence import day_text, people_of
from attribution.identity.naming import Named, named
from attribution.identity.observed import people_at_any_time
from attribution.identity.resolve import resolve
from attribution.identity.rules import Rules
from attribution.store.schema import decision, identifier, unresolved
from attribution.store.settings import Settings

_KEYED: Final = (KIND_NAMES[EMAIL], KIND_NAMES[PHONE])


class By(NamedTuple):
    """Who decides, why, and when (microseconds)."""

    who: str
    why: str
    at: int


class Outcome(NamedTuple):
    """What became of a wish: decisions recorded or taken back (none: nothing was to do), and sentences."""

    decisions: list[Decision]
    told: list[str]


def split(connection: Connection, settings: Settings, a: Named, b: Named, by: By) -> Outcome:
    """Let two identifiers be two people's; a join of exactly these two is taken back first.

    Args:
        connection: the writer's.
        settings: the store's.
        a, b: identifiers of one person.
        by: who says so.

    Raises:
        InputError: both are one identifier.
    """
    _require_two(a, b, "split from")
    desk = _Desk(connection, settings, by)
    desk.take_back_of(JOIN, a, b)
    if not desk.share(a, b):
        if not desk.done:
            desk.told.append(f"{a} and {b} are two people already: nothing to do")
        return desk.outcome()
    desk.record(SPLIT, a, b)
    return desk.outcome()


def join(connection: Connection, settings: Settings, a: Named, b: Named, by: By) -> Outcome:
    """Let two identifiers be one person's, beyond limits; a split of exactly these two is taken back first.

    Whoever they are now, by all evidence, is one. A browser stands for whose it is at the time.

    Raises:
        InputError: both are one identifier; or another decision or a rule keeps them apart, and joining them
            would have no effect.
    """
    _require_two(a, b, "joined with")
    desk = _Desk(connection, settings, by)
    desk.take_back_of(SPLIT, a, b)
    if desk.share(a, b):
        if not desk.done:
            desk.told.append(f"{a} and {b} are one person already: nothing to do")
        return desk.outcome()
    desk.refuse_excluded(a, b)
    desk.refuse_apart(a, b)
    desk.record(JOIN, a, b)
    if not desk.share(a, b):
        raise InputError(desk.why_not_one(a, b))
    return desk.outcome()


def exclude(connection: Connection, settings: Settings, a: Named, by: By) -> Outcome:
    """Let an identifier be nobody's: what names it ties nobody together."""
    desk = _Desk(connection, settings, by)
    before = [one for one in standing(connection) if one.verb == EXCLUDE and one.a == a.number]
    if before:
        desk.told.append(f"{a} is nobody's already, by {desk.told_of(before[0])}: nothing to do")
        return desk.outcome()
    desk.record(EXCLUDE, a)
    return desk.outcome()


def undo(connection: Connection, settings: Settings, number: int, by: By) -> Outcome:
    """Take a decision back; it stays on record.

    Raises:
        InputError: there is no such decision.
    """
    desk = _Desk(connection, settings, by)
    decisions = {one.number: one for one in recorded(connection)}
    if number not in decisions:
        last = f"they are numbered 1 to {max(decisions)}" if decisions else "none was ever made"
        raise InputError(
            f"there is no decision {number}: {last}; `attribution identity decisions` lists them"
        )
    one = decisions[number]
    if not one.stands:
        when = day_text(one.undone_at or 0, settings.require("timezone"))
        desk.told.append(f"decision {number} was taken back by {one.undone_by} on {when}: nothing to do")
        return desk.outcome()
    desk.take_back(one)
    return desk.outcome()


def without_effect(connection: Connection, decisions: Iterable[Decision]) -> list[Decision]:
    """Return the joins among standing decisions that others keep from having any effect."""
    joins = [one for one in decisions if one.verb == JOIN and one.stands and one.b is not None]
    people = people_at_any_time(connection, (end for one in joins for end in one.ends))
    return [one for one in joins if one.b is not None and not people[one.a] & people[one.b]]


def _require_two(a: Named, b: Named, verb: str) -> None:
    if a.number == b.number:
        raise InputError(f"{a} was given twice and cannot be {verb} itself; give two identifiers")


class _Desk:
    """What is being decided, and what there is to tell; evidence that came since is taken up before."""

    def __init__(self, connection: Connection, settings: Settings, by: By) -> None:
        self.connection, self.settings, self.by = connection, settings, by
        self.done: list[int] = []
        self.told: list[str] = []
        resolve(connection, settings)
        self._idle = {one.number for one in without_effect(connection, standing(connection))}

    def outcome(self) -> Outcome:
        """Return what was done; joins that it left without effect are told."""
        known = {one.number: one for one in recorded(self.connection)}
        for one in without_effect(self.connection, known.values()):
            if one.number not in self._idle:
                self.told.append(f"{self.told_of(one)} has no effect any more")
        return Outcome([known[number] for number in self.done], self.told)

    def record(self, verb: str, a: Named, b: Named | None = None) -> None:
        """Keep a decision and obey it."""
        other = None if b is None else b.number
        number = record(
            self.connection, verb, a.number, other, at=self.by.at, who=self.by.who, why=self.by.why
        )
        self.done.append(number)
        self._obey(a.number, *(() if b is None else (b.number,)))

    def take_back(self, one: Decision) -> None:
        """Take a decision back, and resolve what it was about again."""
        self.connection.execute(
            update(decision)
            .where(decision.c.decision_id == one.number)
            .values(undone_at=self.by.at, undone_by=self.by.who, undone_why=self.by.why)
        )
        self.done.append(one.number)
        self._obey(*one.ends)

    def take_back_of(self, verb: str, a: Named, b: Named) -> bool:
        """Take back what was decided of exactly these two; returns whether there was anything."""
        pair = {a.number, b.number}
        found = [one for one in standing(self.connection) if one.verb == verb and one.ends == pair]
        for one in found:
            self.told.append(f"{self.told_of(one)} is taken back")
            self.take_back(one)
        return bool(found)

    def share(self, a: Named, b: Named) -> bool:
        """Tell whether two identifiers are one person's, at any time."""
        people = people_at_any_time(self.connection, [a.number, b.number])
        return bool(people[a.number] & people[b.number])

    def refuse_excluded(self, a: Named, b: Named) -> None:
        """Raise where one of two is said to be nobody's."""
        for one in standing(self.connection):
            for end in (a, b):
                if one.verb == EXCLUDE and one.a == end.number:
                    raise InputError(
                        f"{end} is nobody's, by {self.told_of(one)}; first take that back: {_undo(one)}"
                    )

    def refuse_apart(self, a: Named, b: Named) -> None:
        """Raise where a split of others among their identifiers keeps two people apart."""
        splits = [one for one in standing(self.connection) if one.verb == SPLIT]
        ends = {end for one in splits for end in one.ends}
        people = people_at_any_time(self.connection, ends)
        now = people_of(self.connection, [a.number, b.number], self.by.at)
        mine, theirs = now[a.number], now[b.number]
        for one in splits:
            first, second = people[one.a], people[one.a if one.b is None else one.b]
            if (mine in first and theirs in second) or (theirs in first and mine in second):
                raise InputError(
                    f"{a} and {b} cannot be one person while {self.told_of(one)} keeps apart what belongs to "
                    f"them; first take that back: {_undo(one)}"
                )

    def why_not_one(self, a: Named, b: Named) -> str:
        """Say which rule keeps two identifiers apart that no decision does."""
        rules = Rules.of(self.settings)
        for one in (a, b):
            if one.value.lower() in rules.blocked:
                return (
                    f"{one} cannot be joined: the setting blocked_identifiers says that it names nobody; "
                    "take it out there first"
                )
        traits = dict(
            self.connection.execute(
                select(identifier.c.identifier_id, identifier.c.trait).where(
                    identifier.c.identifier_id.in_([a.number, b.number])
                )
            ).all()
        )
        for one in (a, b):
            if one.kind == KIND_NAMES[EMAIL] and traits[one.number]:
                name = one.value.partition("@")[0]
                return (
                    f"{one} cannot be joined: mailboxes called {name} are several people's; where that is "
                    f"not so, add -{name} to the setting role_mailboxes"
                )
        kept = " or ".join(str(one) for one in (a, b) if one.kind in _KEYED)
        return (
            f"{a} and {b} cannot be joined: {kept} ties more than {rules.shared_people} people within "
            f"{self.settings.require('shared_within')} and is taken for shared; raise the setting "
            "shared_people, or join the people by other identifiers"
        )

    def told_of(self, one: Decision) -> str:
        """Name a decision in a sentence: what it says, who said so, when and why."""
        names = named(self.connection, one.ends)
        ends = [str(names.get(end, "an identifier that was erased")) for end in (one.a, one.b) if end]
        words = {SPLIT: "split {} from {}", JOIN: "join {} with {}", EXCLUDE: "exclude {}"}[one.verb]
        when = day_text(one.at, self.settings.require("timezone"))
        return f"decision {one.number} ({words.format(*ends)}; {one.who}, {when}: {one.why})"

    def _obey(self, *numbers: int) -> None:
        there = unresolved.c.identifier_id
        known = set(self.connection.execute(select(there).where(there.in_(numbers))).scalars())
        fresh = [{"identifier_id": number} for number in sorted({*numbers} - known)]
        if fresh:
            self.connection.execute(insert(unresolved), fresh)
        resolve(self.connection, self.settings)


def _undo(one: Decision) -> str:
    return f"attribution identity undo {one.number} --why ..."
