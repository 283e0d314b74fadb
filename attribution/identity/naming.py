"""Identifiers as people write them: `email:ella@acme.com`, or a bare value where one kind alone has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from attribution.errors import InputError
from attribution.identifiers import ACCOUNT, KIND_NAMES
from attribution.store.identifiers import find_identifiers, spelled
from attribution.store.schema import identifier
from attribution.store.settings import Settings

ERASED: Final = "(erased)"  # an identifier that is held no more, where a decision once named it
_KINDS: Final = {name: kind for kind, name in KIND_NAMES.items()}
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
        InputError: nobody is known by it, several kinds of identifier have the value, or it is a company.
    """
    kind_name, colon, value = text.strip().partition(":")
    if colon and kind_name in _KINDS:
        found = _with_value(connection, settings, [_KINDS[kind_name]], value)
        if not found:
            raise InputError(
                f"no {kind_name} {value!r} in this store; values are compared as on import, and are those of "
                "touches, identities, leads and deals"
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
            raise InputError(
                f"nobody in this store is known by {text!r}; write KIND:VALUE with a kind of "
                f"{', '.join(KIND_NAMES[kind] for kind in _PERSONAL)}, such as email:ella@acme.com"
            )
    (one,) = found
    if one.kind == KIND_NAMES[ACCOUNT]:
        raise InputError(
            f"{one} is a company, which ties deals to its people and is no person itself; "
            "name an identifier of a person, such as email:ella@acme.com"
        )
    return one


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
