"""One file, several tables: an export of contacts says who became a lead, and who is the same person."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attribution.errors import InputError
from attribution.sources import files
from attribution.sources.layout import refuse_missing
from attribution.sources.mapping.layout import SectionLayout
from attribution.sources.mapping.read import get_mapping
from attribution.sources.tables import get_table


def tables_named(text: str) -> list[str]:
    """Return the canonical tables of `leads,identities`, each once.

    Raises:
        UnknownNameError: one of them is none.

    >>> tables_named("leads, identities")
    ['leads', 'identities']
    """
    return [get_table(name.strip()).name for name in dict.fromkeys(text.split(","))]


def further_tables(mapping: str, tables: Iterable[str], path: str | Path) -> list[str]:
    """Return the tables of a mapping that a file says something of too, besides those that were named."""
    system, named = get_mapping(mapping), list(tables)
    also = dict.fromkeys(name for table in named for name in system.section(table).also)
    return [name for name in also if name not in named and _fits(_Strict(system, system.section(name)), path)]


class _Strict(SectionLayout):
    """A layout that refuses files of which every row would be left out too."""

    def require(self, found: Iterable[str]) -> None:
        """Raise InputError where no row could become one of the table's."""
        names = list(found)
        super().require(names)
        for rule in self.section.leave_out:
            if rule.missing and not set(rule.names) & set(names):
                refuse_missing(self.section.table, rule.names[:1], names, rule.because)


def _fits(layout: SectionLayout, path: str | Path) -> bool:
    """Tell whether some row of a file could load."""
    try:
        files.read(path, layout).close()
    except InputError:
        return False
    return True
