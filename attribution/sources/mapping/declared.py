"""What a mapping may say. Everything is data; :mod:`attribution.sources.mapping.apply` obeys it.

A mapping is one system (`hubspot`), with a section for each canonical table that its files can become. A
column of the table is taken from the first of several places that has a value in the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from attribution.errors import InputError, UnknownNameError
from attribution.sources.tables import get_table

# the names of a file's column: exact after trimming and in small letters; dots lead into objects, and
# NAME[KEY] into arrays of records (attribution/sources/paths.py)
Names = tuple[str, ...]

UNITS: Final = {"micro": 6, "milli": 3, "hundredth": 2}  # how many decimals a whole number hides
EPOCHS: Final = {"seconds": 6, "milliseconds": 3, "microseconds": 0}  # decimals down to the microsecond
NUMBERS: Final = ("1,234.56", "1.234,56", "1 234,56")  # how people write amounts
IDS: Final = ("salesforce",)  # 15 characters become the 18 that its API writes


@dataclass(frozen=True)
class Take:
    """One place that a column may come from, and what is done to the value on the way, in this order.

    Attributes:
        names: columns of the file, the first that has a value counts; empty where `value` is given.
        value: the same for every row.
        single: the first of the columns that the file has counts in all rows, with a value or without: counts
            of two kinds are never mixed.
        end: columns that say when what a date begins has ended, the first that has a value counts. A row of
            more than a day is rejected: a report of a month has no day to put its cost on.
        in_name: the value is the currency that stands in the column's name, in rows where that column has a
            value. CURRENCY in a name, as in `Amount spent (CURRENCY)`, stands for any.
        starts: how values begin, in lower case; what begins otherwise is no value, or goes on to the next
            place. Ids of several kinds of records in one column are told apart so.
        number: one of NUMBERS, what amounts look like, with currency signs or without; `-`, `--` and `n/a`
            are no value, `(12.50)` is negative. What looks otherwise goes on as it is, to be told of.
        whole: a count; decimals, as estimates have them, are cut.
        unit: one of UNITS; an amount in millionths becomes a plain decimal. Millionths with decimals are
            plain money in truth: such a row is rejected.
        epoch: one of EPOCHS; a number since 1970 becomes an instant.
        form: how a date is written, as `%d/%m/%Y`, where that is not ISO 8601. A file with a date that can
            only be meant with month and day the other way round is refused.
        utc: an instant of UTC, as reports by the hour have it: its day in the store's time zone counts.
        day: of a time only the day counts; a day is what its column says a bare date is.
        before: what stands before the first one of these characters, as in `Closed won (Sales)`.
        after: what stands after the last one of these characters, as in `customers/1/campaigns/2`.
        id: one of IDS; ids that a system writes in two ways become the one of its API.
        words: lower-case word to value; "" is no value, which goes on to the next place. So does a word that
            is not here, which is told of where no other place has a value.
        otherwise: what any other word stands for.
        lookup: `FILE.COLUMN` of a file given with the import; the value is its key.
        prefix: what is put before the value.
        only: column of the table to words, lower case: only rows count in which that column, which stands
            further up in the table, has one of them. A CRM's close date is a closing only once it is closed.
        where: tests as `leave_out` has them, of other columns of the file; only rows count that pass them
            all. A column that the file does not have is one without values.
        tell: what to tell of rows that get their value here.
    """

    names: Names = ()
    value: str | None = None
    single: bool = False
    end: Names = ()
    in_name: bool = False
    starts: str | None = None
    number: str | None = None
    whole: bool = False
    unit: str | None = None
    epoch: str | None = None
    form: str | None = None
    utc: bool = False
    day: bool = False
    before: str | None = None
    after: str | None = None
    id: str | None = None
    words: Mapping[str, str] | None = None
    otherwise: str | None = None
    lookup: str | None = None
    prefix: str = ""
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    where: tuple[LeaveOut, ...] = ()
    tell: str | None = None


@dataclass(frozen=True)
class LeaveOut:
    """Rows that are none of the table's: deleted records, lines of totals.

    Attributes:
        names: columns of the file, the first that the file has counts; without any, the rule says nothing
            (with `missing`: every row is meant).
        words: lower-case values; with `unless`, all other values (no value too).
        starts: how the value begins, in lower case.
        missing: whether rows are meant that have no value in any of the columns.
        because: what these rows are, for the notice; nothing in tests of a place.
    """

    names: Names
    because: str
    words: frozenset[str] = frozenset()
    unless: bool = False
    starts: str | None = None
    missing: bool = False


@dataclass(frozen=True)
class Extra:
    """A second file that an import may need.

    Attributes:
        key: columns that hold the key, the first that the file has counts.
        other_keys: further columns whose values are keys too, where `key` has no such value: names of stages
            beside their ids.
        columns: what is looked up, each with the places that it may come from, best first; these may look up
            in files that stand further up: an ad's campaign in the file of campaigns.
        latest: columns that say which of several rows of a key counts: the largest.
        about: what it is for.
    """

    key: Names
    columns: Mapping[str, tuple[Take, ...]]
    about: str
    latest: Names = ()
    other_keys: Names = ()


@dataclass(frozen=True)
class Section:
    """How a system's file becomes one canonical table.

    Attributes:
        table: its name.
        about: which files are meant, in a sentence.
        columns: of the table, each with the places that it may come from, best first.
        leave_out: rows that are none of the table's.
        timezone: of times without an offset; None: what `--timezone` says. `account` as a zone means that the
            system writes days of a zone that only its user knows.
        separator: between columns, where it is no comma.
        header: the names of the columns, for text files without a header: those whose first line names none
            of the columns that are read.
        quotes: whether values in text parted by tabs may stand in quotes, as spreadsheets write them.
        find_header: whether lines may stand above the header.
        each: columns of the file that hold several values parted by `;` or `,`: such a row becomes one row
            for each of them. The first that the file has counts.
        own: columns that somebody's own mapping file declares: where a file has none of their places, that is
            told.
        footer: how lines below the rows begin, in small letters: `©`. Only lines are meant that are no rows.
        also: tables that the same files say something of, as of contacts beside deals.
    """

    table: str
    about: str
    columns: Mapping[str, tuple[Take, ...]]
    leave_out: tuple[LeaveOut, ...] = ()
    timezone: str | None = None
    separator: str = ","
    header: tuple[str, ...] = ()
    find_header: bool = False
    each: Names = ()
    own: frozenset[str] = frozenset()
    footer: Names = ()
    quotes: bool = True
    also: Names = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """All columns of files that it reads, each once."""
        return tuple(dict.fromkeys(self._names()))

    def _names(self) -> Iterator[str]:
        for takes in self.columns.values():
            for take in takes:
                yield from take.names
                yield from take.end
                for test in take.where:
                    yield from test.names
        for rule in self.leave_out:
            yield from rule.names
        yield from self.each

    def missing(
        self, found: set[str], given: set[str], files: Iterable[str] | None = None
    ) -> list[tuple[str, list[str]]]:
        """Return the required columns that nothing in a file can fill, with the names that could.

        Args:
            found: the file's columns.
            given: columns whose value was given with the import.
            files: further files that were given with it; None: any.
        """
        there = None if files is None else frozenset(files)
        lacking = []
        for name in get_table(self.table).required:
            takes = self.columns.get(name, ())
            if name not in given and not can_fill(takes, found, there):
                lacking.append((name, [known for take in takes for known in take.names]))
        return lacking


def looked_up(takes: Iterable[Take]) -> list[str]:
    """Return the further files that some places look up in, each once."""
    return list(dict.fromkeys(take.lookup.partition(".")[0] for take in takes if take.lookup is not None))


def can_fill(takes: Iterable[Take], found: set[str], files: frozenset[str] | None = None) -> bool:
    """Tell whether any of several places is in a file that has these columns (and `files` to look up in)."""
    return any(
        # what stands for what a column lacks says nothing where there is no such column
        (take.value is not None and all(found & {*test.names} for test in take.where))
        or (
            found & {*take.names}
            and (files is None or take.lookup is None or take.lookup.partition(".")[0] in files)
        )
        for take in takes
    )


@dataclass(frozen=True)
class SystemMapping:
    """All sections of one system.

    Attributes:
        name: as typed.
        label: as people write it.
        about: what it reads, in a sentence or two.
        sections: by table.
        extras: files that may be given with an import, by name.
    """

    name: str
    label: str
    about: str
    sections: Mapping[str, Section]
    extras: Mapping[str, Extra] = field(default_factory=dict)

    def section(self, table: str) -> Section:
        """Return how the system's files become a table.

        Raises:
            UnknownNameError: the mapping has no such section.
        """
        get_table(table)  # an unknown table is told as such
        try:
            return self.sections[table]
        except KeyError:
            raise UnknownNameError(f"table of the mapping {self.name}", table, self.sections) from None

    def extra(self, name: str) -> Extra:
        """Return what a file given with `--with NAME=FILE` is."""
        if not self.extras:
            raise InputError(
                f"--with {name}=... was given, and the mapping {self.name} needs no further file"
            )
        try:
            return self.extras[name]
        except KeyError:
            raise UnknownNameError(f"file of the mapping {self.name}", name, self.extras) from None
