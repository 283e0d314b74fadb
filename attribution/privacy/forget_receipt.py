"""What a request for erasure removed, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

# what tables of the store are called for whoever reads a receipt; a file is called as it is
NAMES: Final[Mapping[str, str]] = {
    "adjustment": "refunds and other adjustments",
    "affiliation": "ties to companies",
    "agent": "names of browsers",
    "batch": "names of imported files",
    "call": "calls",
    "contact": "e-mails and phones in the clear",
    "contact_of_deal": "contacts from files of deal contacts",
    "deal": "deals",
    "deal_contact": "contacts of deals",
    "decision": "decisions on who is who",
    "demoted_edge": "observations that were not used",
    "edge": "observations that tie identifiers",
    "evidence_source": "sources of observations",
    "identifier": "identifiers",
    "lead": "leads",
    "lease": "leases of tracking numbers",
    "meeting": "meetings",
    "membership": "who is whose",
    "origin": "campaigns and other origins of touches",
    "page": "pages",
    "page_view": "page views",
    "platform_click": "clicks that advertising platforms logged",
    "placement": "channels and campaigns",
    "refusal": "refusals of consent",
    "rejected_row": "rows that did not load",
    "setting": "settings",
    "stage": "stages of leads",
    "touch": "touches",
    "touch_flag": "touches of robots, and others that enter no journey",
    "touch_holder": "touches without a visitor",
    "touch_key": "ids of touches",
}

NOBODY: Final = (
    "nothing is held of whoever this names, and an old file will not bring them; if they should be known, "
    "name them by another identifier, as your CRM or your site writes it"
)


class Line(NamedTuple):
    """So many rows of a table or file, and what became of them."""

    where: str
    what: str
    rows: int

    @property
    def name(self) -> str:
        """What the table holds, in plain words; the name of a file.

        >>> Line("edge", "removed", 3).name, Line("rejected/000001-leads-l.csv", "removed", 1).name
        ('observations that tie identifiers', 'rejected/000001-leads-l.csv')
        """
        return NAMES.get(self.where, self.where)


@dataclass
class Receipt:
    """What went, or would go; no value of the person is in it.

    Attributes:
        lines: a line for each table or file, in the order in which they were worked on.
        is_held: whether the store knew the person.
        tombstones: how many identifiers may not come back with an old file.
        frozen: how many conversions no run will split anew.
        notes: what else to know or to do, in sentences.
    """

    lines: list[Line] = field(default_factory=list)
    is_held: bool = False
    tombstones: int = 0
    frozen: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, where: str, what: str, rows: int) -> None:
        """Note what became of some rows; none is not worth a line, and more of the same is one with it."""
        for i, line in enumerate(self.lines):
            if (line.where, line.what) == (where, what):
                self.lines[i] = line._replace(rows=line.rows + rows)
                return
        if rows:
            self.lines.append(Line(where, what, rows))
