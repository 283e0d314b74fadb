"""Identifiers as people write them: `email:ella@acme.com`, or a bare value where one kind alone has it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, or_, select

from attribution.errors import InputError
from attribution.identifiers import ACCOUNT, KIND_NAMES, LEAD, VISITOR
from attribution.store.identifiers import A_STAND_IN, KEYED, comparable, find_identifiers, spelled
from attribution.store.schema import contact, identifier
from attribution.store.settings import Settings

ERASED: Final = "(erased)"  # an identifier that is held no more, where a decision once named it
_KINDS: Final = {name: kind for kind, name in KIND_NAMES.items()}
_STOOD_FOR: Final = (VISITOR, LEAD)
_NEAR: Final = 3
_SHOWN: Final = 4
_PERSONAL: Final = tuple(kind for kind in KIND_NAMES if kind != ACCOUNT)


class Named(NamedTuple):
    """An identifier of the store: its number, and its kind and value in words."""

    number: int
    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    @property
    def written(self) -> str:
        """As the command line takes it.

        >>> Named(1, "contact", "hubspot:12").written
        'contact:hubspot:12'
        """
        return f"{self.kind}:{self.value}"


def find_named(connection: Connection, settings: Settings, text: str) -> Named:
    """Return the identifier of a person that a text means: `KIND:VALUE`, or a bare value.

    Args:
        connection: inside a transaction.
        settings: the store's.
        text: as typed; the value is compared as on import, so `email:Ella@ACME.com` finds `ella@acme.com`.

    Raises:
        InputError: nobody is known by it (what is near is offered), several kinds of identifier have the
            value, or it is a company.
    """
    kind_name, colon, value = text.strip().partition(":")
    if colon and kind_name in _KINDS:
        kind = _KINDS[kind_name]
        found = _with_value(connection, settings, [kind], value)
        if not found:
            raise InputError(
                f"no {kind_name} {value!r} in this store; values are compared as on import, and are those of "
                f"touches, identities, leads and deals{_offered(connection, settings, [kind], value)}"
            )
    else:
        found = _with_value(connection, settings, KIND_NAMES, text.strip())
        personal = [one for one in found if one.kind != KIND_NAMES[ACCOUNT]]
        if len(personal) > 1:
            raise InputError(
                f"{text!r} is the value of several identifiers; name one of them: "
                f"{', '.join(one.written for one in personal)}"
            )
        found = personal or found
        if not found:
            kinds = [KIND_NAMES[kind] for kind in _PERSONAL]
            meant = [f"{kind}:{value}" for kind in get_close_matches(kind_name.lower(), kinds, n=1)]
            meant += [one.written for one in _with_value(connection, settings, _PERSONAL, value)]
            if colon and meant:
                raise InputError(
                    f"unknown kind of identifier {kind_name!r}; did you mean {meant[0]!r}? "
                    f"Allowed: {', '.join(kinds)}"
                )
            raise InputError(
                f"nobody in this store is known by {text!r}; write KIND:VALUE with a kind of "
                f"{', '.join(kinds)}, such as email:ella@acme.com"
                f"{_offered(connection, settings, _PERSONAL, text.strip())}"
            )
    (one,) = found
    if one.kind == KIND_NAMES[ACCOUNT]:
        raise InputError(
            f"{one} is a company, which ties deals to its people and is no person itself; "
            "name an identifier of a person, such as email:ella@acme.com"
        )
    return one


def _offered(connection: Connection, settings: Settings, kinds: Iterable[int], text: str) -> str:
    """Write identifiers of some kinds that are near a text, as the end of a sentence.

    They are those that differ in case only, and of the neighbours in order the most alike.
    """
    kinds = frozenset(kinds)
    near: list[str] = []
    for table, of_these in ((contact, kinds & {*KEYED}), (identifier, kinds - {*KEYED})):
        if not of_these:
            continue
        value = (comparable(min(kinds), text, settings.get("region")) or text) if len(kinds) == 1 else text
        column = table.c.value
        every = select(identifier.c.kind, column).where(identifier.c.kind.in_(of_these))
        if table is contact:
            every = every.join(contact, contact.c.identifier_id == identifier.c.identifier_id)
        else:  # what stands for somebody who was erased is nobody's to name
            every = every.where(or_(identifier.c.trait != A_STAND_IN, identifier.c.kind.not_in(_STOOD_FOR)))
        for part in (
            every.where(func.lower(column) == value.lower()).limit(_NEAR),
            every.where(column > value).order_by(column).limit(_NEAR),
            every.where(column < value).order_by(column.desc()).limit(_NEAR),
        ):
            near += [f"{KIND_NAMES[kind]}:{one}" for kind, one in connection.execute(part)]
    if not near:
        return ""
    alike = sorted(dict.fromkeys(near), key=lambda one: -_likeness(text, one.partition(":")[2]))
    return f"; near it are {', '.join(alike[:_SHOWN])}"


def _likeness(text: str, value: str) -> float:
    return SequenceMatcher(None, text.lower(), value.lower()).ratio()


def _with_value(
    connection: Connection, settings: Settings, kinds: Iterable[int], value: str
) -> list[Named]:  # fmt: skip
    numbers = [int(find_identifiers(connection, settings, kind, [value])[0]) for kind in kinds]
    found = named(connection, [number for number in numbers if number])
    return [found[number] for number in numbers if number in found]


def named(connection: Connection, numbers: Iterable[int]) -> dict[int, Named]:
    """Return identifiers by their numbers; those that the store does not hold are left out."""
    wanted = sorted(set(numbers))
    found: dict[int, Named] = {}
    for start in range(0, len(wanted), 500):
        statement = select(identifier.c.identifier_id, identifier.c.kind, spelled())
        part = statement.where(identifier.c.identifier_id.in_(wanted[start : start + 500]))
        for number, kind, value in connection.execute(part.order_by(identifier.c.identifier_id)):
            found[int(number)] = Named(int(number), KIND_NAMES[kind], ERASED if value is None else str(value))
    return found
