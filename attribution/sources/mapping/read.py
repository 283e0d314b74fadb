"""Mapping files (TOML) into :class:`SystemMapping`; what is wrong in one is told with its line.

label = "Acme Ads"
about = "The daily cost report of Acme Ads"

[spend]
about = "its CSV report"

[spend.columns]
date = "Day"
platform = { value = "acme" }
cost = [{ from = "Cost (micros)", unit = "micro" }, "Cost"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from attribution.clock import zone
from attribution.errors import InputError, UnknownNameError
from attribution.money import currency_codes
from attribution.sources.mapping.declared import (
    EPOCHS,
    IDS,
    NUMBERS,
    UNITS,
    Extra,
    LeaveOut,
    Names,
    Section,
    SystemMapping,
    Take,
)
from attribution.sources.mapping.lines import Lines
from attribution.sources.tables import TABLES, Column

ACCOUNT_ZONE: Final = "account"
_TAKE: Final = (
    "from", "value", "single", "end", "in_name", "starts", "number", "whole", "unit", "epoch", "form", "utc",
    "day", "before", "after", "id", "words", "otherwise", "lookup", "prefix", "only", "where", "tell",
)  # fmt: skip
_SECTION: Final = (
    "about", "columns", "leave_out", "timezone", "separator", "header", "find_header", "each", "footer",
    "quotes", "also",
)  # fmt: skip
_LEAVE_OUT: Final = ("column", "is", "unless", "starts", "missing", "because")
_EXTRA: Final = ("about", "key", "other_keys", "columns", "latest")
_MAPPING: Final = ("label", "about", "extends", "with", *TABLES)


@cache
def names_built_in() -> tuple[str, ...]:
    """Return the names of the package's mappings, in alphabetical order."""
    folder = files(__package__) / "systems"
    found = (path.name for path in folder.iterdir() if path.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in found))


def built_in() -> Mapping[str, SystemMapping]:
    """Return the mappings of the package, by name."""
    return {name: _packaged(name) for name in names_built_in()}


@cache
def _packaged(name: str) -> SystemMapping:
    text = (files(__package__) / "systems" / f"{name}.toml").read_text(encoding="utf-8")
    return parse_mapping(name, text)


def get_mapping(name: str) -> SystemMapping:
    """Return a mapping of the package by name, or read somebody's own file.

    Raises:
        UnknownNameError: neither a name nor a file that is there.
        InputError: the file cannot be read as a mapping; says which line is wrong.

    >>> get_mapping("google_ads").label
    'Google Ads'
    """
    if name.strip().lower() in names_built_in():
        return _packaged(name.strip().lower())
    path = Path(name)
    if path.suffix.lower() != ".toml" and not path.exists():
        raise UnknownNameError("mapping (or file of your own, such as ours.toml)", name, names_built_in())
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{name}: the mapping cannot be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise InputError(f"{name}: the mapping is not UTF-8; save the file as UTF-8") from None
    return parse_mapping(path.stem, text, file=name)


def parse_mapping(name: str, text: str, *, file: str | None = None) -> SystemMapping:
    """Read a mapping.

    Args:
        name: of the mapping.
        text: TOML.
        file: how messages call it, where it is somebody's own; default the name.

    Raises:
        InputError: not TOML, or something that no mapping has; says which line is wrong.

    >>> mapping = parse_mapping("ours", '[rates.columns]\\ndate = "Day"\\ncurrency = "Code"\\nrate = "Mid"')
    >>> mapping.section("rates").sources
    ('day', 'code', 'mid')
    """
    return _Reader(name, text, file or name, is_own=file is not None).mapping()


class _Reader:
    """Reads one file, knowing where it is to tell."""

    def __init__(self, name: str, text: str, file: str, *, is_own: bool) -> None:
        self.name, self.file, self._lines = name, file, Lines(text)
        self.is_own = is_own
        try:
            self.data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{file}: this is no TOML: {error}; mend that line") from None

    def fault(self, at: tuple[str, ...], says: str) -> InputError:
        """Return an error about what stands at a path of names."""
        return InputError(f"{self.file}, line {self._lines.of(at)}: {says}")

    def mapping(self) -> SystemMapping:
        self.only(self.data, _MAPPING, (), "mapping")
        base = self.base()
        extras = dict(base.extras) if base is not None else {}
        for name, value in self.table(self.data.get("with", {}), ("with",)).items():
            extras[name] = self.extra(("with", name), value, extras)
        sections = dict(base.sections) if base is not None else {}
        own = [name for name in self.data if name in TABLES]
        for name in own:
            sections[name] = self.section(name, extras, sections.get(name))
        if not own:
            raise self.fault(
                (), f"no table is mapped; give one, such as [spend.columns]; allowed: {', '.join(TABLES)}"
            )
        return SystemMapping(
            self.name,
            self.text(self.data, "label", ()) or (base.label if base is not None else self.name),
            self.text(self.data, "about", ()) or (base.about if base is not None else ""),
            sections,
            extras,
        )

    def base(self) -> SystemMapping | None:
        """Return the mapping of the package that this one begins with."""
        name = self.text(self.data, "extends", ())
        if name is not None and name not in names_built_in():
            raise self.fault(("extends",), str(UnknownNameError("mapping", name, names_built_in())))
        return _packaged(name) if name is not None else None

    def section(self, name: str, extras: Mapping[str, Extra], base: Section | None) -> Section:
        at, table = (name,), TABLES[name]
        data = self.table(self.data[name], at)
        self.only(data, _SECTION, at, "section")
        begin = base if base is not None else Section(name, "", {})
        columns = dict(begin.columns)
        own = self.table(data.get("columns", {}), (*at, "columns"))
        for column, places in own.items():
            here = (*at, "columns", column)
            if column not in table.names:
                raise self.fault(here, str(UnknownNameError(f"column of {name}", column, table.names)))
            earlier = table.names[: table.names.index(column)]
            columns[column] = tuple(
                self.take(here, place, extras, table.column(column), earlier) for place in _as_list(places)
            )
        lacking = [column for column in table.required if column not in columns]
        if lacking:
            raise self.fault(
                (*at, "columns"),
                f"the columns {', '.join(lacking)} of {name} come from nowhere; every row needs them: "
                f'say where they stand, as in {lacking[0]} = "THEIR COLUMN"; [] where it is given with --set',
            )
        timezone = self.text(data, "timezone", at)
        if timezone not in (None, ACCOUNT_ZONE):
            try:
                zone(str(timezone))
            except InputError as error:
                raise self.fault((*at, "timezone"), str(error)) from None
        rules = tuple(
            self.leave_out((*at, "leave_out", str(number)), one)
            for number, one in enumerate(_as_list(data.get("leave_out", [])))
        )
        separator = self.text(data, "separator", at)
        if separator is not None and len(separator) != 1:
            raise self.fault((*at, "separator"), f"this is {separator!r}; allowed is one character")
        return Section(
            name,
            self.text(data, "about", at) or begin.about,
            columns,
            (*begin.leave_out, *rules),
            timezone or begin.timezone,
            separator or begin.separator,
            self.names(data, "header", at) or begin.header,
            self.flag(data, "find_header", at, begin.find_header),
            self.names(data, "each", at) or begin.each,
            frozenset(own) if self.is_own else frozenset(),
            self.names(data, "footer", at) or begin.footer,
            self.flag(data, "quotes", at, begin.quotes),
            self.also(data, at) or begin.also,
        )

    def also(self, data: Mapping[str, Any], at: tuple[str, ...]) -> Names:
        """Read of which other tables of the mapping the same files speak."""
        base = self.base()
        mapped = [*self.data, *(base.sections if base is not None else ())]
        others = [name for name in TABLES if name in mapped and name != at[0]]
        for name in (named := self.names(data, "also", at)):
            if name not in others:
                raise self.fault((*at, "also"), str(UnknownNameError("table of this mapping", name, others)))
        return named

    def take(
        self,
        at: tuple[str, ...],
        given: Any,
        extras: Mapping[str, Extra],
        column: Column | None = None,
        earlier: Sequence[str] = (),
    ) -> Take:
        """Read a place; `earlier` are the columns of the table before its own."""
        if isinstance(given, str):
            given = {"from": given}
        data = self.table(given, at, 'a column such as "Day", or a table such as { from = "Day" }')
        self.only(data, _TAKE, at, "place")
        names, value = self.names(data, "from", at), self.text(data, "value", at)
        if bool(names) == (value is not None):
            raise self.fault(at, "a place needs either from = THEIR COLUMN or value = THE SAME FOR EVERY ROW")
        lookup = self.text(data, "lookup", at)
        if lookup is not None:
            file, _, other = lookup.partition(".")
            if file not in extras or other not in extras[file].columns:
                known = [f"{file}.{other}" for file, extra in extras.items() for other in extra.columns]
                raise self.fault(at, str(UnknownNameError("lookup", lookup, known)))
        words, otherwise = self.words(data, at), self.text(data, "otherwise", at)
        if otherwise is not None and words is None:
            raise self.fault(at, "otherwise says what words mean that are not in words = { ... }; give those")
        for meaning in (value, otherwise, *(words or {}).values()):
            if column is not None and column.choices and meaning not in (None, "", *column.choices):
                raise self.fault(at, str(UnknownNameError(column.name, str(meaning), column.choices)))
        only = {
            name: frozenset(_known(self.string(word, (*at, "only"))) for word in _as_list(listed))
            for name, listed in self.table(data.get("only", {}), (*at, "only")).items()
        }
        for name in only:
            if name not in earlier:
                what = "column that stands further up in the table"
                raise self.fault(at, str(UnknownNameError(what, name, earlier)))
        starts = self.text(data, "starts", at)
        return Take(
            names=names,
            value=value,
            single=self.flag(data, "single", at),
            end=self.names(data, "end", at),
            in_name=self.flag(data, "in_name", at),
            starts=starts and starts.lower(),
            number=self.choice(data, "number", at, NUMBERS),
            whole=self.flag(data, "whole", at),
            unit=self.choice(data, "unit", at, UNITS),
            epoch=self.choice(data, "epoch", at, EPOCHS),
            form=self.text(data, "form", at),
            utc=self.flag(data, "utc", at),
            day=self.flag(data, "day", at),
            before=self.text(data, "before", at),
            after=self.text(data, "after", at),
            id=self.choice(data, "id", at, IDS),
            words=words,
            otherwise=otherwise,
            lookup=lookup,
            prefix=self.text(data, "prefix", at) or "",
            only=only,
            where=tuple(self.leave_out(at, one, is_test=True) for one in _as_list(data.get("where", []))),
            tell=self.text(data, "tell", at),
        )

    def words(self, data: Mapping[str, Any], at: tuple[str, ...]) -> Mapping[str, str] | None:
        """Read what words mean; None where a place says nothing of words."""
        if "words" not in data:
            return None
        listed = self.table(data["words"], (*at, "words"))
        return {_known(word): self.string(meaning, (*at, "words")) for word, meaning in listed.items()}

    def leave_out(self, at: tuple[str, ...], given: Any, *, is_test: bool = False) -> LeaveOut:
        """Read a rule; a test of a place has no `because`."""
        data = self.table(given, at)
        self.only(data, _LEAVE_OUT[:-1] if is_test else _LEAVE_OUT, at, "test" if is_test else "rule")
        names, because = self.names(data, "column", at), self.text(data, "because", at)
        missing, starts = self.flag(data, "missing", at), self.text(data, "starts", at)
        tests = [name for name in ("is", "unless", "starts") if name in data]
        if not names or (because is None and not is_test) or len(tests) + missing != 1:
            needs, example = "column, because, and", ', because = "deleted"'
            if is_test:
                needs, example = "column and", ""
            raise self.fault(
                at,
                f"this needs {needs} one of is, unless, starts and missing = true, as in "
                f'{{ column = "Deleted", is = "yes"{example} }}',
            )
        words = (*self.names(data, "is", at), *self.names(data, "unless", at))
        return LeaveOut(
            names,
            because or "",
            frozenset(words),
            unless="unless" in data,
            starts=starts and starts.lower(),
            missing=missing,
        )

    def extra(self, at: tuple[str, ...], given: Any, earlier: Mapping[str, Extra]) -> Extra:
        data = self.table(given, at)
        self.only(data, _EXTRA, at, "file")
        key = self.names(data, "key", at)
        listed = self.table(data.get("columns", {}), (*at, "columns"))
        if not key or not listed:
            raise self.fault(at, 'a file needs key = "THEIR ID" and at least one of its columns')
        columns = {
            name: tuple(self.take((*at, "columns", name), place, earlier) for place in _as_list(places))
            for name, places in listed.items()
        }
        about, latest = self.text(data, "about", at) or "", self.names(data, "latest", at)
        return Extra(key, columns, about, latest, self.names(data, "other_keys", at))

    def only(self, data: Mapping[str, Any], allowed: Iterable[str], at: tuple[str, ...], what: str) -> None:
        """Raise where there is a name that nothing reads."""
        for name in data:
            if name not in allowed:
                raise self.fault((*at, name), str(UnknownNameError(f"name in a {what}", name, allowed)))

    def table(self, given: Any, at: tuple[str, ...], allowed: str = "a table") -> Mapping[str, Any]:
        if not isinstance(given, dict):
            raise self.fault(at, f"this is {given!r}; allowed is {allowed}")
        return given

    def string(self, given: Any, at: tuple[str, ...]) -> str:
        if not isinstance(given, str):
            raise self.fault(at, f"this is {given!r}; allowed is a text, so put it in quotes")
        return given

    def text(self, data: Mapping[str, Any], name: str, at: tuple[str, ...]) -> str | None:
        return None if name not in data else self.string(data[name], (*at, name))

    def flag(self, data: Mapping[str, Any], name: str, at: tuple[str, ...], default: bool = False) -> bool:
        given = data.get(name, default)
        if not isinstance(given, bool):
            raise self.fault((*at, name), f"this is {given!r}; allowed is true or false, without quotes")
        return given

    def names(self, data: Mapping[str, Any], name: str, at: tuple[str, ...]) -> Names:
        listed = (self.string(one, (*at, name)) for one in _as_list(data.get(name, [])))
        found = tuple(_known(spelt) for one in listed for spelt in _spelt(one))
        if "" in found:
            raise self.fault((*at, name), 'this is ""; allowed is the name of a column')
        return found

    def choice(
        self, data: Mapping[str, Any], name: str, at: tuple[str, ...], allowed: Iterable[str]
    ) -> str | None:
        given = self.text(data, name, at)
        if given is not None and given not in allowed:
            raise self.fault((*at, name), str(UnknownNameError(name, given, allowed)))
        return given


def _as_list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _spelt(name: str) -> Sequence[str]:
    """Return a name, or the names that it stands for: one with each currency."""
    return [name.replace("CURRENCY", code) for code in currency_codes()] if "CURRENCY" in name else [name]


def _known(name: str) -> str:
    """Return a name as files' headers are compared."""
    return name.strip().lower()
