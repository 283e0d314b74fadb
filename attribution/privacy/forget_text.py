"""Traces of somebody in texts: in free columns, and in rows that did not load."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from attribution.channels.origin import ORIGIN_FIELDS, PLACEMENT_FIELDS
from attribution.identifiers import EMAIL, PHONE
from attribution.loading.tombstones import mentions, telephones
from attribution.privacy.forget_receipt import Receipt
from attribution.store import schema
from attribution.store.identifiers import comparable

ERASED: Final = "(erased)"
_LONG: Final = 8  # an id of fewer characters is looked for in columns of ids only: `v1` stands in many a text
_ENDING: Final = 2  # how many digits end a telephone number in every spelling
_NO_DIGIT: Final = re.compile(r"[^0-9]+")
_EDGE: Final = re.compile(r"[._-]")  # may belong to an address, or stand beside it in the name of a file
_ADDRESS: Final = re.compile(r"[^\s\"'<>;,:()\[\]/?&=]+@[\w.-]*\w")

# where people write what they like, and what addresses of pages hold
_TEXTS: Final[Mapping[Table, tuple[str, ...]]] = {
    schema.adjustment: ("reason",),
    schema.batch: ("file",),
    schema.decision: ("who", "why", "undone_by", "undone_why"),
    schema.evidence_source: ("source",),
    schema.lead: ("response_outcome",),
    schema.page: ("path", "query"),
    schema.origin: (*ORIGIN_FIELDS, "rule"),
    schema.placement: PLACEMENT_FIELDS,
    schema.rejected_row: ("file",),
    schema.spend_name: ("reported", "name"),
}
_MASKED: Final = (schema.page, schema.origin, schema.placement)  # telephone numbers were masked on the way in
_AT_ONCE: Final = 300  # conditions in a statement: databases take some hundreds


class Traces:
    """What somebody is known by, to be found in texts.

    Args:
        known: kind and value, as compared, of each identifier.
        region: of telephone numbers without a country.

    >>> traces = Traces([(EMAIL, "ella@acme.com")], None)
    >>> traces.scrubbed("refund for Ella+shop@acme.com, not for bella@acme.com")
    'refund for (erased), not for bella@acme.com'
    """

    def __init__(self, known: Iterable[tuple[int, str]], region: str | None) -> None:
        self.known = frozenset(known)
        self.region = region

    @cached_property
    def needles(self) -> tuple[str, ...]:
        """What is looked for in any text, in small letters: addresses, telephone numbers, long ids."""
        found = {value.lower() for kind, value in self.known if kind in (EMAIL, PHONE) or len(value) >= _LONG}
        return tuple(sorted(found))

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if not self.needles:
            return None
        either = "|".join(map(re.escape, self.needles))
        return re.compile(rf"(?<![\w.+-])(?:{either})(?![\w-]|\.\w)", re.IGNORECASE)

    def scrubbed(self, text: str) -> str:
        """Return a text without what names the person."""

        def address(found: re.Match[str]) -> str:
            known = comparable(EMAIL, found[0], self.region)
            return ERASED if (EMAIL, known) in self.known else found[0]

        text = self._without_numbers(_ADDRESS.sub(address, text))
        return text if self._pattern is None else self._pattern.sub(ERASED, text)

    @cached_property
    def _endings(self) -> frozenset[str]:
        return frozenset(value[-_ENDING:] for kind, value in self.known if kind == PHONE)

    def _without_numbers(self, text: str) -> str:
        kept, done = [], 0
        for start, end in telephones(text) if self._endings else ():
            number = text[start:end]
            if start < done or _NO_DIGIT.sub("", number)[-_ENDING:] not in self._endings:
                continue
            if (PHONE, comparable(PHONE, number, self.region)) in self.known:
                kept += [text[done:start], ERASED]
                done = end
        return "".join((*kept, text[done:]))

    def scrubbed_name(self, name: str) -> str:
        """Return the name of a file without the person: dots, dashes and `_` may stand beside what names it.

        >>> Traces([(EMAIL, "ella@acme.com")], None).scrubbed_name("leads_Ella+shop@acme.com.csv")
        'leads_(erased).csv'
        """

        def address(found: re.Match[str]) -> str:
            text = found[0]
            edges = [edge.start() for edge in _EDGE.finditer(text)]
            for start in (0, *(edge + 1 for edge in edges)):
                for end in (len(text), *reversed(edges)):
                    if (EMAIL, comparable(EMAIL, text[start:end], self.region)) in self.known:
                        return text[:start] + ERASED + text[end:]
            return text

        return self._in_names.sub(ERASED, _ADDRESS.sub(address, self.scrubbed(name)))

    @cached_property
    def _in_names(self) -> re.Pattern[str]:
        either = "|".join(map(re.escape, self.needles)) or "(?!)"
        return re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])", re.IGNORECASE)

    def in_row(self, table: str, message: str, raw: str) -> bool:
        """Tell whether a row that did not load names the person."""
        if mentions(lambda kind, value: (kind, value) in self.known, self.region, table, message, raw):
            return True
        return any(self.scrubbed(text) != text for text in (message, raw))

    def in_bytes(self, content: bytes) -> bool:
        """Tell whether a file names the person, as far as it is plain text."""
        small = content.lower()
        return any(needle.encode() in small for needle in self.needles)


def sweep_rejected(connection: Connection, traces: Traces, receipt: Receipt) -> None:
    """Remove rows that did not load and name the person."""
    rejected = schema.rejected_row
    rows = connection.execute(
        select(rejected.c.rejected_id, rejected.c.table_name, rejected.c.message, rejected.c.raw)
    )
    found = [number for number, *row in rows if traces.in_row(*row)]
    for start in range(0, len(found), 10_000):
        part = found[start : start + 10_000]
        connection.execute(delete(rejected).where(rejected.c.rejected_id.in_(part)))
    receipt.add("rejected_row", "removed: rows that did not load", len(found))


def scrub(connection: Connection, traces: Traces, receipt: Receipt) -> dict[int, str]:
    """Blank the person out of free texts.

    Returns:
        By the number of an import, what its file was called, where that named the person.
    """
    files: dict[int, str] = {}
    for table, names in _TEXTS.items():
        (key,) = table.primary_key.columns
        columns = [table.c[name] for name in names]
        count = 0
        for number, *texts in _suspects(connection, key, columns, traces):
            changed: dict[str, str | int] = {
                name: clean
                for name, text in zip(names, texts, strict=True)
                if text is not None and (clean := _clean(traces, name, text)) != text
            }
            if changed:
                count += 1
                if table is schema.batch:
                    files[number] = texts[0]
                if "hash" in table.c:  # of the text as it was
                    changed["hash"] = int.from_bytes(secrets.token_bytes(8), "little", signed=True)
                connection.execute(update(table).where(key == number).values(changed))
        receipt.add(table.name, "blanked out of texts", count)
    _drop_names(connection, traces, receipt)
    _scrub_settings(connection, traces, receipt)
    return files


def _drop_names(connection: Connection, traces: Traces, receipt: Receipt) -> None:
    """Remove what platforms call their campaigns, where that names the person; a run learns it anew."""
    table = schema.platform_name
    rows = connection.execute(select(table.c.hash, table.c.platform, table.c.key, table.c.name)).all()
    found = [row for row in rows if any(traces.scrubbed(text) != text for text in (row.key, row.name))]
    for row in found:
        mine = and_(table.c.hash == row.hash, table.c.platform == row.platform)
        connection.execute(delete(table).where(mine))
    receipt.add(table.name, "removed: names that name the person", len(found))


def _clean(traces: Traces, name: str, text: str) -> str:
    return traces.scrubbed_name(text) if name == "file" else traces.scrubbed(text)


def _suspects(
    connection: Connection, key: Column[Any], columns: list[Column[Any]], traces: Traces
) -> list[tuple[Any, ...]]:
    """Read the rows worth a closer look: addresses and telephone numbers may be written in several ways."""
    # whatever stands between the digits of a number, the last ones stand together; where most numbers were
    # masked on the way in, more of them, as two stand in every other address of a page
    digits = 2 * _ENDING if key.table in _MASKED else _ENDING
    numbers = {value[-digits:] for kind, value in traces.known if kind == PHONE}
    words = ["@", *traces.needles, *sorted(numbers)]
    text: ColumnElement[str] = literal("")
    for column in columns:
        text = text + "\x1f" + func.coalesce(column, "")
    found: dict[Any, tuple[Any, ...]] = {}
    for start in range(0, len(words), _AT_ONCE):
        part = words[start : start + _AT_ONCE]
        suspect = or_(*(text.icontains(word, autoescape=True) for word in part))
        found |= {row[0]: tuple(row) for row in connection.execute(select(key, *columns).where(suspect))}
    return list(found.values())


def _scrub_settings(connection: Connection, traces: Traces, receipt: Receipt) -> None:
    setting = schema.setting
    count = 0
    for name, value in connection.execute(select(setting)).all():
        kept = " ".join(word for word in value.split() if traces.scrubbed(word) == word)
        if not name.startswith("_") and kept != value:
            count += 1
            mine = setting.c.name == name
            connection.execute(
                update(setting).where(mine).values(value=kept) if kept else delete(setting).where(mine)
            )
    receipt.add("setting", "taken out of lists", count)
