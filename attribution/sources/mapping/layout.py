"""What the files of a mapping look like, and what stands in the further files given with an import."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution.errors import InputError
from attribution.sources import files
from attribution.sources.layout import refuse_missing
from attribution.sources.mapping.apply import LookUps, first_there, take_column
from attribution.sources.mapping.convert import tidy_times
from attribution.sources.mapping.declared import Extra, Section, SystemMapping, looked_up
from attribution.sources.tables import get_table


@dataclass(frozen=True)
class SectionLayout:
    """The layout of a section's files.

    Attributes:
        system: of whom.
        section: of it.
        fixed: columns of the table whose value was given with the import.
        further: files to look up in that were given with it; None: any.
    """

    system: SystemMapping
    section: Section
    fixed: frozenset[str] = frozenset()
    further: frozenset[str] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the section reads."""
        return self.section.sources

    @property
    def separator(self) -> str:
        """Between columns."""
        return self.section.separator

    @property
    def header(self) -> tuple[str, ...]:
        """Of files without one."""
        return self.section.header

    @property
    def find_header(self) -> bool:
        """Whether lines may stand above it."""
        return self.section.find_header

    @property
    def is_nested(self) -> bool:
        """Yes: other systems' records are."""
        return True

    @property
    def quotes(self) -> bool:
        """Whether values in text parted by tabs may stand in quotes."""
        return self.section.quotes

    def require(self, found: Iterable[str]) -> None:
        """Raise InputError where nothing in the file can fill a required column."""
        names = list(found)
        lacking = self.section.missing(set(names), set(self.fixed), self.further)
        if not lacking:
            return
        ways = "; ".join(
            f"{name} is read from {' or '.join(_shown(places))}" if places else f"no file says {name}"
            for name, places in lacking
        )
        table = get_table(self.section.table)
        # an id or a day that is the same for all rows would make one row or one day of them
        examples = [name for name, _ in lacking if table.column(name).kind not in ("id", "date", "instant")]
        files = [
            f"--with {file}=FILE"
            for file in looked_up(take for name, _ in lacking for take in self.section.columns.get(name, ()))
            if file not in (self.further or ())
        ]
        hint = (
            f"with the mapping {self.system.name} {ways}; export what is missing, "
            + (f"or look it up ({' or '.join(files)}), " if files else "")
            + (f"or give one value to all rows with --set {examples[-1]}=VALUE" if examples else "")
        )
        hint = hint.removesuffix(", ")
        refuse_missing(self.section.table, [name for name, _ in lacking], names, hint)


def _shown(places: Iterable[str]) -> list[str]:
    """Return the first few names of columns, those with a currency once."""
    return list(dict.fromkeys(re.sub(r"\([a-z]{3}\)$", "(CURRENCY)", place) for place in places))[:6]


@dataclass(frozen=True)
class ExtraLayout:
    """The layout of a file given with `--with`."""

    name: str
    extra: Extra
    separator: str = ","
    header: tuple[str, ...] = ()
    find_header: bool = False
    is_nested: bool = True
    quotes: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Key, columns, and what tells the latest row."""
        extra = self.extra
        columns = (name for takes in extra.columns.values() for take in takes for name in take.names)
        return tuple(dict.fromkeys([*extra.key, *extra.other_keys, *columns, *extra.latest]))

    def require(self, found: Iterable[str]) -> None:
        """Raise InputError where the key is absent."""
        names = list(found)
        keys = (*self.extra.key, *self.extra.other_keys)
        if not set(keys) & set(names):
            hint = f"the file given as {self.name} is {self.extra.about}, with the key {' or '.join(keys)}"
            refuse_missing(self.name, keys[:1], names, hint)


def read_look_ups(system: SystemMapping, given: Mapping[str, str | Path]) -> LookUps:
    """Read the files given with an import: `FILE.COLUMN` -> key -> value.

    Raises:
        UnknownNameError: the mapping knows no file of that name.
        InputError: a file cannot be read, or lacks its key.
    """
    found: dict[str, dict[str, str]] = {}
    for name in given:
        system.extra(name)  # a name that is unknown is told before any file is read
    for name in (name for name in system.extras if name in given):  # a file may look up in those before it
        extra, path = system.extras[name], given[name]
        rows = _rows_of(files.read(path, ExtraLayout(name, extra)))
        places = (extra.key, *((other,) for other in extra.other_keys))
        keys = [key for place in places if (key := first_there(place, rows)) is not None]
        frame = pd.DataFrame({"key": keys[0].to_pandas()})
        if frame["key"].isna().all():
            raise InputError(f"{path}: no row has a key ({' or '.join(extra.key)}); export the file again")
        latest = first_there(extra.latest, rows)
        order = np.arange(len(frame))
        if latest is not None:
            order = tidy_times(latest).to_pandas().fillna("").argsort(kind="stable").to_numpy()
        for column, takes in extra.columns.items():
            values = take_column(takes, rows, found).to_pandas()
            known: dict[str, str] = {}
            for key in reversed(keys):  # what the first key says counts
                pairs = pd.DataFrame({"key": key.to_pandas(), "value": values}).iloc[order].dropna()
                known |= dict(zip(pairs["key"].tolist(), pairs["value"].tolist(), strict=True))
            found[f"{name}.{column}"] = known
    return found


def _rows_of(reader: files.Reader) -> pa.Table:
    blocks = [batch.columns for batch in reader]
    if not blocks:
        raise InputError(f"{reader.name}: the file holds no row; export it again")
    return pa.concat_tables(blocks, promote_options="default").combine_chunks()
