"""`import --list`: the mappings there are, and what each makes."""

from __future__ import annotations

from attribution import clock
from attribution.metrics.answer import Answer
from attribution.sources.mapping.declared import Section, looked_up
from attribution.sources.mapping.read import built_in, get_mapping


def list_mappings(name: str | None = None) -> Answer:
    """List the mappings of the package, a row for each canonical table.

    Args:
        name: only this one; or the path of a mapping of one's own, which is checked so.

    Raises:
        UnknownNameError: there is no such mapping.
        InputError: somebody's own mapping cannot be read; says which line is wrong.
    """
    mappings = built_in() if name is None else {name: get_mapping(name)}
    rows = [
        {
            "mapping": mapping.name,
            "table": section.table,
            "reads": f"{mapping.label}: {section.about or mapping.about}",
            "with": ", ".join(_looked_up(section)),
        }
        for mapping in mappings.values()
        for section in mapping.sections.values()
    ]
    return Answer(
        verb="import",
        store="",
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals={},
        warnings=[],
        columns={"mapping": "text", "table": "text", "reads": "text", "with": "text"},
        title="Mappings",
    )


def _looked_up(section: Section) -> list[str]:
    """Return the further files that a section can use."""
    return looked_up(take for takes in section.columns.values() for take in takes)
