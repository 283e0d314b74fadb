"""What a system that can be pulled from offers: streams, and pages of records with how far each came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Protocol

from attribution.errors import InputError
from attribution.pulls.credentials import Credentials, Need
from attribution.pulls.http import Waits

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Stream:
    """One kind of record of a source.

    Attributes:
        name: as typed after `--only`.
        tables: the canonical tables that it fills.
        about: what it is, in a few words.
        by: records change at an instant, or figures belong to a day.
    """

    name: str
    tables: tuple[str, ...]
    about: str
    by: Literal["time", "day"] = "time"


@dataclass(frozen=True)
class Account:
    """What is pulled from: a portal, an organisation, an advertising account.

    Attributes:
        id: the system's own.
        fixed: values by column, of rows that have none: the currency of a CRM that has only one.
    """

    id: str
    fixed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """Records that are stored together, or not at all.

    Attributes:
        rows: by canonical table; what they are mapped by is the source's mapping.
        cursor: how far the stream came with them: all that changed before it, or all days up to it.
        notes: what to tell.
    """

    rows: Mapping[str, Sequence[Record]]
    cursor: str | None
    notes: tuple[str, ...] = ()

    @property
    def records(self) -> int:
        """How many records of the first table: others say more of the same ones."""
        return len(next(iter(self.rows.values()), ()))


class Source(Protocol):
    """A client of one system.

    Attributes:
        name: as typed, and the name of its mapping.
        label: as people write it.
        needs: what it has to be told.
        streams: in the order in which they are pulled.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    needs: ClassVar[tuple[Need, ...]]
    streams: ClassVar[tuple[Stream, ...]]

    def __init__(self, credentials: Credentials, waits: Waits) -> None: ...

    def accounts(self) -> Iterable[Account]:
        """Ask what can be pulled from; the first request that needs the credentials."""
        ...

    def pages(self, stream: str, account: Account, start: str | None, end: str) -> Iterator[Page]:
        """Yield what changed since an instant (None: everything), or the figures of days.

        Args:
            stream: a name of `streams`.
            account: one of `accounts`.
            start: an instant as :func:`instant` writes it, or a day.
            end: the present, or the last day.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a record whose names say the way into it, as mappings have them.

    >>> flat({"id": 1, "properties": {"amount": "2"}, "tags": ["a"]})
    {'id': 1, 'properties.amount': '2', 'tags': ['a']}
    """
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def instant(text: str) -> str:
    """Write an instant that a platform wrote so that later ones sort after it.

    Raises:
        InputError: it is none.

    >>> instant("2026-11-20T10:00:00.5Z"), instant("2026-11-20T10:00:00.000+0000")
    ('2026-11-20T10:00:00.500000Z', '2026-11-20T10:00:00.000000Z')
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is no instant; allowed is ISO 8601, such as 2026-11-20T10:00:00Z"
        ) from None
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def number(text: Any, what: str) -> int:
    """Read a whole number that a platform or a user wrote.

    Raises:
        InputError: it is none.
    """
    try:
        return int(text)
    except (TypeError, ValueError):
        raise InputError(f"{what} {text!r} is no number; allowed are digits") from None
