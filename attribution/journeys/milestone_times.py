"""When a deal or lead reached its milestones, and whose touches count for each: read from the store.

A record's own time decides (`created_at`, `mql_at`, `sqo_at` of the lead, `created_at` of the deal); where it
has none, and for every other milestone, the `stages` table does. Names of stages are compared without regard
to case and blanks around them; of several spellings of one stage the earliest time counts. A stage that both
a deal and its lead reached is the deal's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Column, ColumnElement, Connection, select

from attribution.journeys.milestones import ANYBODY, UNREACHED, milestone_name
from attribution.journeys.people import DEAL_KINDS, leads_of_deals
from attribution.sorted_sets import as_set
from attribution.store import schema
from attribution.store.columns import Ints, read_frame, read_ints, temporary
from attribution.store.keys import look_up

deal, identifier, lead, membership, stage = (
    schema.deal, schema.identifier, schema.lead, schema.membership, schema.stage,
)  # fmt: skip

_OPPORTUNITY: Final = "opportunity"
_LEAD_TIMES: Final = {"lead": lead.c.created_at_end, "mql": lead.c.mql_at, "sqo": lead.c.sqo_at}


class MilestoneTimes(NamedTuple):
    """When each conversion reached a milestone (or UNREACHED), and whose touches count (None: anybody's)."""

    times: Ints
    person: Ints | None


def milestone_times(
    connection: Connection, kind: str, objects: Ints, names: Sequence[str]
) -> dict[str, MilestoneTimes]:
    """Read milestones of conversions.

    Args:
        connection: inside a transaction.
        kind: of conversion; the milestones of leads are their own, and an opportunity is none of them.
        objects: int64[J] deal or lead numbers, distinct.
        names: `lead`, `mql`, `sqo`, `opportunity` or names of stages.

    Returns:
        Each name, as given, with its times int64[J] and people: the milestones of a deal's lead count the
        touches of the lead's person, those of the deal itself the touches of all its contacts.
    """
    if kind in DEAL_KINDS:
        deals = _Deals(connection, objects)
        return {name: deals.milestone(milestone_name(name)) for name in names}
    leads = _Records(connection, "lead", objects, lead.c.lead_id, _LEAD_TIMES, lead.c.lead_id, lead.c.key)
    never = np.full(len(objects), UNREACHED)
    return {
        name: MilestoneTimes(never if key == _OPPORTUNITY else leads.times(key), None)
        for name, key in ((name, milestone_name(name)) for name in names)
    }


@dataclass
class _Records:
    """Deals or leads, how their own times are found, and how their stage history is."""

    connection: Connection
    object: str  # as `stages` calls it
    numbers: Ints  # 0 where there is none
    of_own: Column[Any]  # what the numbers are, where the own times stand
    own: Mapping[str, Column[Any]]
    of_key: Column[Any]  # what they are, where the key stands
    key: Column[Any]

    def times(self, name: str) -> Ints:
        """Return when each reached a milestone, UNREACHED where it did not."""
        found = np.full(len(self.numbers), UNREACHED)
        column = self.own.get(name)
        if column is not None:
            self._fill(found, column, self.of_own)
        spellings = self.spellings.get(name) if (found == UNREACHED).any() else None
        if spellings:
            self._fill(
                found, stage.c.at, self.of_key,
                stage.c.object == self.object, stage.c.object_key == self.key, stage.c.stage.in_(spellings),
            )  # fmt: skip
        return found

    def _fill(self, found: Ints, at: Column[Any], number: Column[Any], *where: ColumnElement[bool]) -> None:
        """Put the earliest time into every place that has none."""
        places = np.flatnonzero((found == UNREACHED) & (self.numbers > 0))
        with temporary(self.connection, position=places, number=self.numbers[places]) as wanted:
            rows = read_ints(
                self.connection,
                select(wanted.c.position, at).where(number == wanted.c.number, at.is_not(None), *where),
                ["position", "at"],
            )
        latest_first = np.argsort(-rows["at"], kind="stable")  # the last write wins: the earliest
        found[rows["position"][latest_first]] = rows["at"][latest_first]

    @cached_property
    def spellings(self) -> dict[str, list[str]]:
        names = select(stage.c.stage).where(stage.c.object == self.object).distinct()
        found: dict[str, list[str]] = {}
        for text in read_frame(self.connection, names)["stage"]:
            found.setdefault(milestone_name(text), []).append(text)
        return found


class _Deals:
    """Milestones of deals: those of each deal's lead, and its own."""

    def __init__(self, connection: Connection, deals: Ints) -> None:
        self._connection, self._deals = connection, deals
        own = {_OPPORTUNITY: deal.c.created_at_end}
        self._own = _Records(connection, "deal", deals, deal.c.deal_id, own, deal.c.deal_id, deal.c.key)

    def milestone(self, name: str) -> MilestoneTimes:
        """Return when each deal reached a milestone, and whose touches count for it."""
        if name in _LEAD_TIMES:
            return MilestoneTimes(*self._of_leads(name))
        times = self._own.times(name)
        missing = times == UNREACHED
        if name == _OPPORTUNITY or not missing.any() or name not in self._leads.spellings:
            return MilestoneTimes(times, None)
        of_leads, people = self._of_leads(name)
        return MilestoneTimes(np.where(missing, of_leads, times), np.where(missing, people, ANYBODY))

    def _of_leads(self, name: str) -> tuple[Ints, Ints]:
        people = self._people
        return np.where(people > 0, self._leads.times(name), UNREACHED), people

    @cached_property
    def _leads(self) -> _Records:
        numbers = _lead_identifiers(self._connection, self._deals)
        # by identifier: there may be touches and stages of a lead whose record is not there (yet)
        return _Records(
            self._connection, "lead", numbers, lead.c.identifier_id, _LEAD_TIMES, identifier.c.identifier_id,
            identifier.c.value,
        )  # fmt: skip

    @cached_property
    def _people(self) -> Ints:
        """The person of each deal's lead, 0 where nobody is known."""
        leads = self._leads.numbers
        pairs = select(membership.c.identifier_id, membership.c.person_id)
        with temporary(self._connection, wanted=as_set(leads)) as probe:
            found = read_ints(
                self._connection,
                pairs.join(probe, probe.c.wanted == membership.c.identifier_id),
                ["lead", "person"],
            )
        return look_up(found["lead"], found["person"], leads, missing=0)


def _lead_identifiers(connection: Connection, deals: Ints) -> Ints:
    """Return the identifier of each deal's lead, 0 where it has none."""
    with temporary(connection, position=np.arange(len(deals)), object=deals) as wanted:
        named = read_ints(
            connection,
            select(wanted.c.position, deal.c.lead).where(
                deal.c.deal_id == wanted.c.object, deal.c.lead.is_not(None)
            ),
            ["position", "lead"],
        )
    found = look_up(named["position"], named["lead"], np.arange(len(deals)), missing=0)
    unnamed = np.flatnonzero(found == 0)
    chosen = leads_of_deals(connection, deals[unnamed])
    with temporary(connection, wanted=as_set(chosen[chosen > 0])) as probe:
        records = read_ints(
            connection,
            select(lead.c.lead_id, lead.c.identifier_id).join(probe, probe.c.wanted == lead.c.lead_id),
            ["lead", "identifier"],
        )
    found[unnamed] = look_up(records["lead"], records["identifier"], chosen, missing=0)
    return found
