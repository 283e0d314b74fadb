"""What all measures share: which records count in the period asked for, and how the model spreads them.

Two bases. `period` counts what happened in the period. `cohort` follows the leads created in it,
whatever became of them and whenever; only spend is that of the period.

Marketing dimensions are credited by the model: a lead by the journey to it, a deal by the journey to its
closing (or creation). Plain dimensions and no dimensions count each record once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection

from attribution.errors import UnknownNameError
from attribution.ledger.allocate import MILLION
from attribution.metrics.credits import Question, entries_by_object
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.facts import NEVER, first_records
from attribution.metrics.measures.parts import Parts
from attribution.metrics.measures.units import units_of_records
from attribution.metrics.selection import (
    JourneySelection,
    Period,
    Selection,
    find_credits,
    run_command,
    with_goal,
)
from attribution.sorted_sets import as_set, difference
from attribution.store.columns import Ints
from attribution.store.database import remembered
from attribution.store.keys import look_up

BASES: Final = ("period", "cohort")
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """What the measures are of."""

    journeys: JourneySelection
    model: str
    question: Question
    basis: str = "period"
    unique: bool = False  # leads are people, each at its first record of all times
    stage: str = "opportunity"  # what a lead has to reach to be converted
    horizon_months: int = 60  # up to which lifetimes are looked at
    target_minutes: float = 3.0  # within which an inquiry should be answered


@dataclass
class Kept:
    """What was read of the ledger: the same for every period."""

    warnings: list[str] = field(default_factory=list)
    credits: dict[str, Selection | None] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)  # what else a measure read once


Measure = Callable[["Measures"], Parts | None]
T = TypeVar("T")


class Measures:
    """Measures of one period, made when first asked for; `warnings` says what could not be."""

    def __init__(
        self,
        connection: Connection,
        asked: Asked,
        dimensions: Dimensions,
        known: Mapping[str, Measure],
        kept: Kept | None = None,
    ) -> None:
        if asked.basis not in BASES:
            raise UnknownNameError("basis", asked.basis, BASES)
        self.connection, self.asked, self.dimensions = connection, asked, dimensions
        self._known = known
        self.without_lead: dict[str, int] = {}  # cohort: what deals without a lead amount to
        self.no_rate: dict[str, dict[str, int]] = {}  # revenue or spend -> currency -> what nothing converts
        self.kept = kept or Kept()
        self._found: dict[str, Parts | None] = {}

    def during(self, period: Period) -> Measures:
        """Return the same measures of another period."""
        asked = replace(self.asked, question=replace(self.asked.question, period=period))
        return Measures(self.connection, asked, self.dimensions, self._known, self.kept)

    def parts(self, name: str) -> Parts | None:
        """Return the parts of a measure; None where it is unknown."""
        if name not in self._found:
            self._found[name] = self._known[name](self)
        return self._found[name]

    def get(self, name: str) -> dict[int, int] | None:
        """Return a measure by group: minor units for money, millionths for counts; None where unknown."""
        parts = self.parts(name)
        return None if parts is None else parts.sums()

    def once(self, key: str, read: Callable[[], T]) -> T:
        """Return what was made before for any period of this question under a key, else make it."""
        if key not in self.kept.tables:
            self.kept.tables[key] = read()
        found: T = self.kept.tables[key]
        return found

    def units(self, kind: str, records: Ints) -> Ints:
        """Return who each record is drawn with, where intervals are made."""
        known, units = remembered(
            self.connection, ("units", kind), lambda: units_of_records(self.connection, self.dimensions, kind)
        )
        return look_up(known, units, records)

    @property
    def warnings(self) -> list[str]:
        """What could not be told, in sentences."""
        return self.kept.warnings

    def warn(self, text: str) -> None:
        """Say something once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def in_period(self, at: Ints) -> Mask:
        """Tell which instants lie in the period; what never happened does not."""
        period = self.asked.question.period
        inside: Mask = at != NEVER
        if period.start is not None:
            inside &= at >= period.start
        return inside if period.end is None else inside & (at <= period.end)

    def lead_created(self) -> Ints:
        """Return when each deal's lead was created, by which cohorts follow it; of a person, its first."""
        leads, deals = self.dimensions.leads, self.dimensions.deals
        if not self.asked.unique:
            return deals["lead_created"].to_numpy(np.int64)
        first = leads["created"].to_numpy(np.int64)[first_records(leads)]
        rows = pd.Index(leads["lead_id"]).get_indexer(deals["lead_id"].to_numpy())
        found: Ints = np.append(first, NEVER)[rows]  # -1 finds the last
        return found

    def counts(self, at: Ints, lead_created: Ints) -> Mask:
        """Tell what counts: what happened in the period, or ever to the leads created in it."""
        happened: Mask = at != NEVER
        return self.in_period(at) if self.asked.basis == "period" else happened & self.in_period(lead_created)

    # --- how they are spread over groups ------------------------------------------------------------

    def spread(self, goal: str, ids: Ints) -> tuple[Ints, Ints, Ints] | None:
        """Spread records over groups, each one million in all (less where conditions leave some out).

        Args:
            goal: whose journeys credit the records, where a marketing dimension is asked for.
            ids: lead_id or deal_id, as the goal has it.

        Returns:
            Parallel arrays of records, groups (-1 = left out) and millionths; None where it is unknown.
        """
        dims = self.dimensions
        kind = with_goal(self.connection, self.asked.journeys, goal).goal.kind
        if kind not in ("won", "created") and "deal_kind" in dims.plain:
            self.warn("figures of leads are left empty: a lead has no deal_kind")
            return None
        if not dims.touch_keys:
            share = np.full(len(ids), MILLION, np.int64)
            groups = dims.touch_groups({}, len(ids))
            return ids, dims.add(groups, dims.record_groups(kind, ids)), share
        cells = self._credited(goal, ids)
        if cells is None:
            return None
        groups = dims.touch_groups({key: cells[key].to_numpy() for key in dims.touch_keys}, len(cells))
        found = cells["object_id"].to_numpy(np.int64)
        return found, dims.add(groups, dims.record_groups(kind, found)), cells["share"].to_numpy(np.int64)

    def spread_as(self, goal: str, ids: Ints, others: Ints) -> tuple[Ints, Ints, Ints] | None:
        """Spread records as others are that they belong to; those that belong to nobody are unattributed.

        Args:
            goal: whose journeys credit the others, where a marketing dimension is asked for.
            ids: records of any kind, each once.
            others: lead_id or deal_id of each, as the goal has it; repeats allowed, negative: nobody's.

        Returns:
            As :meth:`spread`, of `ids`.
        """
        spread = self.spread(goal, as_set(others[others >= 0]))
        if spread is None:
            return None
        cells = pd.DataFrame(dict(zip(("other", "group", "share"), spread, strict=True)))
        owned = pd.DataFrame({"id": ids, "other": others}).merge(cells, on="other")
        alone = ids[others < 0]
        dims, kind = self.dimensions, with_goal(self.connection, self.asked.journeys, goal).goal.kind
        nowhere = np.zeros(len(alone), np.int64)
        groups = dims.touch_groups(dict.fromkeys(dims.touch_keys, nowhere), len(alone))
        groups = dims.add(groups, dims.record_groups(kind, np.full(len(alone), -1)))
        return (
            np.r_[owned["id"].to_numpy(np.int64), alone],
            np.r_[owned["group"].to_numpy(np.int64), groups],
            np.r_[owned["share"].to_numpy(np.int64), np.full(len(alone), MILLION)],
        )

    def _credited(self, goal: str, ids: Ints) -> pd.DataFrame | None:
        """Return the credits of some records, `(unattributed)` for those that the ledger does not know."""
        of = self.credits(goal, required=goal in ("leads", "revenue"))
        if of is None and goal in ("leads", "revenue"):
            return None
        if of is None:
            return self._by_lead(goal, ids)
        keys = self.dimensions.touch_keys
        cells = remembered(
            self.connection,
            ("entries", of.credit_set_id, keys),
            lambda: _in_order(entries_by_object(self.connection, of, keys, Question()), keys),
        )
        cells = cells[(cells["share"] != 0) & cells["object_id"].isin(ids)]
        unknown = difference(ids, cells["object_id"].to_numpy())
        rest = pd.DataFrame({"object_id": unknown, "share": MILLION}).reindex(
            columns=cells.columns, fill_value=0
        )
        return pd.concat([cells, rest.astype(np.int64)], ignore_index=True)

    def _by_lead(self, goal: str, ids: Ints) -> pd.DataFrame | None:
        """Credit records of a goal that was not run by the journey to their lead."""
        of_leads = goal in ("mql", "sqo")
        deals = self.dimensions.deals
        lead_ids = ids if of_leads else _lead_ids(deals, ids)
        cells = self._credited("leads", as_set(lead_ids))
        if cells is None:
            return None
        self.warn(
            f"{goal} are credited by the journeys to their leads, because that goal was not run; "
            f"run: {run_command(with_goal(self.connection, self.asked.journeys, goal), self.asked.model)}"
        )
        own = pd.DataFrame({"own": ids, "object_id": lead_ids})
        joined = own.merge(cells, on="object_id")
        return joined.assign(object_id=joined["own"]).drop(columns="own")

    def credits(self, goal: str, *, required: bool) -> Selection | None:
        """Return the model's credit set of a goal; where it is required and missing, that is told."""
        if goal not in self.kept.credits:
            journeys = with_goal(self.connection, self.asked.journeys, goal)
            found = find_credits(self.connection, journeys, self.asked.model)
            if found is None and required:
                self.warn(
                    f"figures of {goal} are left empty: they were not run for {self.asked.model}; "
                    f"run: {run_command(journeys, self.asked.model)}"
                )
            self.kept.credits[goal] = found
        return self.kept.credits[goal]


def _in_order(cells: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Put credits in one order whatever groups are asked for: what is left over of a share goes by it."""
    last_first = [*(cells[key] for key in keys), -cells["share"], cells["object_id"]]
    order = np.lexsort([column.to_numpy(np.int64) for column in last_first])
    return cells.iloc[order].reset_index(drop=True)


def _lead_ids(deals: pd.DataFrame, ids: Ints) -> Ints:
    """Return the lead of each deal, -1 where there is none."""
    rows = pd.Index(deals["deal_id"]).get_indexer(pd.Index(ids))
    found: Ints = deals["lead_id"].to_numpy(np.int64)[rows]
    return found
