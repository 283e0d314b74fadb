"""What KPIs are made of: counts of leads, deals and customers, revenue and spend, by group.

Two bases. `period` counts what happened in the period. `cohort` follows the leads created in it,
whatever became of them and whenever; only spend is that of the period.

Marketing dimensions are credited by the model: a lead by the journey to it, a deal by the journey to its
closing (or creation). Plain dimensions and no dimensions count each record once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, select

from attribution.errors import UnknownNameError
from attribution.ledger.allocate import MILLION
from attribution.metrics.credits import Question, credits_by_group, entries_by_object, sums
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.facts import NEVER
from attribution.metrics.selection import (
    JourneySelection,
    Selection,
    find_credits,
    run_command,
    with_goal,
)
from attribution.metrics.spend import Spend, spend_by_group
from attribution.money import money_text
from attribution.sorted_sets import as_set, difference
from attribution.store.columns import Ints, read_ints
from attribution.store.schema import conversion

BASES: Final = ("period", "cohort")
Mask = npt.NDArray[np.bool_]

# whose journeys credit a measure
_GOAL_OF: Final = {
    "leads": "leads", "converted_leads": "leads", "mql": "mql", "sqo": "sqo",
    "opportunities": "opportunities", "decided": "opportunities", "decided_won": "opportunities",
    "won_deals": "revenue", "valued_deals": "revenue", "customers": "revenue", "revenue": "revenue",
}  # fmt: skip
_OF_LEADS: Final = ("leads", "converted_leads", "mql", "sqo")


@dataclass(frozen=True)
class Asked:
    """What the measures are of."""

    journeys: JourneySelection
    model: str
    question: Question
    basis: str = "period"


class Measures:
    """Measures by group, counted when first asked for; `warnings` says what could not be."""

    def __init__(self, connection: Connection, asked: Asked, dimensions: Dimensions) -> None:
        if asked.basis not in BASES:
            raise UnknownNameError("basis", asked.basis, BASES)
        self.connection, self.asked, self.dimensions = connection, asked, dimensions
        self.warnings: list[str] = []
        self.without_lead: dict[str, int] = {}  # cohort: what deals without a lead amount to
        self._found: dict[str, dict[int, int] | None] = {}
        self._credits: dict[str, Selection | None] = {}
        self._cells: dict[int, pd.DataFrame] = {}

    def get(self, name: str) -> dict[int, int] | None:
        """Return a measure by group: minor units for money, millionths for counts; None where unknown."""
        if name not in self._found:
            special: dict[str, Callable[[], dict[int, int] | None]] = {
                "revenue": self._revenue,
                "spend": self._spend,
            }
            self._found[name] = special[name]() if name in special else self._counted(name)
        return self._found[name]

    def warn(self, text: str) -> None:
        """Say something once."""
        if text not in self.warnings:
            self.warnings.append(text)

    # --- which records ------------------------------------------------------------------------------

    def in_period(self, at: Ints) -> Mask:
        """Tell which instants lie in the period; what never happened does not."""
        period = self.asked.question.period
        inside: Mask = at != NEVER
        if period.start is not None:
            inside &= at >= period.start
        return inside if period.end is None else inside & (at <= period.end)

    def lead_ids(self, name: str) -> Ints:
        """Return the leads that a measure counts."""
        leads = self.dimensions.leads
        column = {"leads": "created", "mql": "mql", "sqo": "sqo"}.get(name)
        at = np.asarray(leads[column] if column else self.converted_at(), np.int64)
        return leads["lead_id"].to_numpy()[self._counts(at, leads["created"].to_numpy(np.int64))]

    def deal_ids(self, name: str) -> Ints:
        """Return the deals that a measure counts."""
        deals = self.dimensions.deals
        won = (deals["status"] == "won").to_numpy(bool)
        status = won
        if name == "opportunities":
            status = np.ones(len(deals), bool)
        elif name == "decided":
            status = won | (deals["status"] == "lost").to_numpy(bool)
        elif name == "customers":
            status = self._first_won(won)
        elif name == "valued_deals":  # an average leaves out on both sides what lacks a rate
            status = won & ~deals["deal_id"].isin(self._unrated()).to_numpy(bool)
        only = self.asked.question.currency
        if only is not None:
            status = status & (deals["currency"] == only).to_numpy(bool)
        at = deals["created" if name == "opportunities" else "closed"].to_numpy(np.int64)
        counted = status & self._counts(at, deals["lead_created"].to_numpy(np.int64))
        if self.asked.basis == "cohort":
            lost = status & self.in_period(at) & (deals["lead_id"].to_numpy() < 0)
            kept = self.dimensions.record_groups("won", deals["deal_id"].to_numpy(np.int64)[lost]) >= 0
            self.without_lead[name] = int(kept.sum()) * MILLION
        return deals["deal_id"].to_numpy()[counted]

    def _unrated(self) -> Ints:
        """Return the won deals whose money nothing converts; none where one currency alone is asked for."""
        if self.asked.question.currency is not None:
            return np.empty(0, np.int64)
        statement = select(conversion.c.object_id).where(
            conversion.c.kind == "won", conversion.c.reporting_minor.is_(None), conversion.c.active == 1
        )
        return read_ints(self.connection, statement, ["deal_id"])["deal_id"]

    def converted_at(self) -> pd.Series[int]:
        """Return when each lead reached its first opportunity, `NEVER` where it has not."""
        deals, leads = self.dimensions.deals, self.dimensions.leads
        first = deals[deals["lead_id"] >= 0].groupby("lead_id")["created"].min()
        at = pd.Index(first.index).get_indexer(leads["lead_id"].to_numpy())
        values = np.append(first.to_numpy(np.int64), NEVER)  # -1 finds the last
        return pd.Series(values[at], index=leads.index)

    def _counts(self, at: Ints, lead_created: Ints) -> Mask:
        happened: Mask = at != NEVER
        return self.in_period(at) if self.asked.basis == "period" else happened & self.in_period(lead_created)

    def _first_won(self, won: Mask) -> Mask:
        """Mark each customer's first won deal; a customer is an account, else a person, else the deal."""
        deals, leads = self.dimensions.deals, self.dimensions.leads
        rows = pd.Index(leads["lead_id"]).get_indexer(deals["lead_id"].to_numpy())
        person = np.append(leads["person_id"].to_numpy(np.int64), -1)[rows]
        accounts = deals["account"].tolist()
        ids = zip(accounts, person.tolist(), deals["deal_id"].tolist(), strict=True)
        customer = [(0, a) if a is not None else (1, p) if p >= 0 else (2, d) for a, p, d in ids]
        frame = pd.DataFrame({"customer": pd.factorize(pd.Series(customer, dtype=object))[0]})
        frame = frame.assign(closed=deals["closed"].to_numpy(np.int64), row=np.arange(len(deals)))[won]
        first = frame.sort_values(["closed", "row"]).drop_duplicates("customer")["row"].to_numpy()
        out = np.zeros(len(deals), bool)
        out[first] = True
        return out

    # --- how they are spread over groups ------------------------------------------------------------

    def _counted(self, name: str) -> dict[int, int] | None:
        of_leads = name in _OF_LEADS
        ids = self.lead_ids(name) if of_leads else self.deal_ids(name)
        cells = self.spread(_GOAL_OF[name], ids)
        return None if cells is None else sums(*cells[1:])

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

    def _credited(self, goal: str, ids: Ints) -> pd.DataFrame | None:
        """Return the credits of some records, `(unattributed)` for those that the ledger does not know."""
        of = self.credits(goal, required=goal in ("leads", "revenue"))
        if of is None and goal in ("leads", "revenue"):
            return None
        if of is None:
            return self._by_lead(goal, ids)
        if of.credit_set_id not in self._cells:
            keys = self.dimensions.touch_keys
            self._cells[of.credit_set_id] = entries_by_object(self.connection, of, keys, Question())
        cells = self._cells[of.credit_set_id]
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
        if goal not in self._credits:
            journeys = with_goal(self.connection, self.asked.journeys, goal)
            found = find_credits(self.connection, journeys, self.asked.model)
            if found is None and required:
                self.warn(
                    f"figures of {goal} are left empty: they were not run for {self.asked.model}; "
                    f"run: {run_command(journeys, self.asked.model)}"
                )
            self._credits[goal] = found
        return self._credits[goal]

    # --- money --------------------------------------------------------------------------------------

    def _revenue(self) -> dict[int, int] | None:
        of = self.credits("revenue", required=True)
        if of is None:
            return None
        if self.asked.basis == "cohort":
            return self._cohort_revenue(of)
        credited = credits_by_group(self.connection, of, self.dimensions, self.asked.question)
        self._warn_unrated("revenue", credited.no_rate)
        return credited.value

    def _cohort_revenue(self, of: Selection) -> dict[int, int]:
        asked, dims = self.asked.question, self.dimensions
        always = Question(currency=asked.currency)
        cells = entries_by_object(self.connection, of, dims.touch_keys, always)
        deals = dims.deals
        followed = deals["deal_id"][self.in_period(deals["lead_created"].to_numpy(np.int64))]
        cells = cells[cells["object_id"].isin(followed)]
        groups = dims.touch_groups({key: cells[key].to_numpy() for key in dims.touch_keys}, len(cells))
        groups = dims.add(groups, dims.record_groups("won", cells["object_id"].to_numpy()))
        leadless = entries_by_object(self.connection, of, (), asked)
        lost = leadless["object_id"].isin(deals["deal_id"][deals["lead_id"] < 0]).to_numpy(bool)
        lost = lost & (dims.record_groups("won", leadless["object_id"].to_numpy(np.int64)) >= 0)
        self.without_lead["revenue"] = int(leadless["value"][lost].sum())
        return sums(groups, cells["value"].to_numpy(np.int64))

    def _spend(self) -> dict[int, int] | None:
        if self.dimensions.not_of_spend:
            names = ", ".join(self.dimensions.not_of_spend)
            self.warn(f"spend and its ratios are left empty: spend is not known by {names}")
            return None
        spent: Spend = spend_by_group(
            self.connection,
            self.dimensions,
            self.asked.question.period,
            timezone=self.asked.journeys.timezone,
            into=self.asked.journeys.currency,
            only=self.asked.question.currency,
        )
        self._warn_unrated("spend", spent.no_rate)
        return spent.by_group

    def _warn_unrated(self, what: str, amounts: dict[str, int]) -> None:
        if amounts:
            money = ", ".join(f"{money_text(minor, c)} {c}" for c, minor in sorted(amounts.items()))
            self.warn(f"{what} leaves out {money}: no rate within 7 days; import rates, then run again")


def _lead_ids(deals: pd.DataFrame, ids: Ints) -> Ints:
    """Return the lead of each deal, -1 where there is none."""
    rows = pd.Index(deals["deal_id"]).get_indexer(pd.Index(ids))
    found: Ints = deals["lead_id"].to_numpy(np.int64)[rows]
    return found
