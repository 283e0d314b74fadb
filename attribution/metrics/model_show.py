"""What a model learned, beside what the ledger credits by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from attribution import clock
from attribution.channels.names import name_key
from attribution.errors import InputError, UnknownNameError
from attribution.journeys.columns import FloatArray
from attribution.journeys.people import DEAL_KINDS
from attribution.labels import NOT_SET, UNATTRIBUTED
from attribution.ledger.allocate import MILLION
from attribution.ledger.credit_sets import stored_model
from attribution.ledger.fits import Fit, latest_fit
from attribution.metrics.answer import Answer, Row
from attribution.metrics.credits import Question, credits_by_group
from attribution.metrics.dimensions import MARKETING, Dimensions, parse_by
from attribution.metrics.report import count
from attribution.metrics.selection import Selection, select_credits, stale_warnings
from attribution.models.base import AttributionModel
from attribution.money import minor_digits, money_text
from attribution.store.database import Database

WHATS: Final = ("channels", "transitions")
TWO_FIGURES: Final = (
    "`..._by_effect` is what the literature tabulates: all of it, in the ratio of the removal effects; "
    "`..._credited` is what the ledger holds and reports show. They differ because a deal is shared "
    "among the channels of its own journey only: one that saw a single channel is credited to it, however "
    "small that channel's effect"
)


def model_show(
    db: Database,
    model: str,
    *,
    what: str = "channels",
    goal: str | None = None,
    lookback: str | None = None,
    scope: str | None = None,
    kinds: str | None = None,
) -> Answer:
    """Show a model's figures for each channel (or what else it was told to look at).

    Args:
        db: the store.
        model: its name, with parameters where they are not the defaults.
        what: `channels`, or `transitions` of a model that has them.
        goal, lookback, scope, kinds: which credits; the store's own by default.

    Returns:
        For `channels`: the dimension, what the model learned of it (`removal_effect ...` or `phi ...`), and
        `conversions_credited`, `value_credited`. For `transitions`: `source target count probability`.
        `totals` tells of the whole corpus, the fit's number and time.

    Raises:
        UnknownNameError, ModelError: no such model, parameter or `what`.
        InputError: it was never run, or has no transitions.
    """
    if what not in WHATS:
        raise UnknownNameError("table of a model", what, WHATS)
    with db.read() as connection:
        selection = select_credits(
            connection, model=model, goal=goal, lookback=lookback, scope=scope, kinds=kinds
        )
        known = stored_model(connection, selection.credit_set_id)
        fit = latest_fit(connection, selection.credit_set_id)
        shown = _Shown(connection, selection, known, fit)
        table = shown.channels() if what == "channels" else shown.transitions()
        stale = stale_warnings(connection, selection)
    rows, totals, columns, warnings = table
    return Answer(
        verb="model show",
        store=db.label,
        **selection.envelope(),
        rows=rows,
        totals=totals,
        warnings=[*stale, *warnings],
        columns=columns,
        title=f"What {selection.model} learned" if known.needs_fit else f"What {selection.model} credits",
    )


_Table = tuple[list[Row], Row, dict[str, str], list[str]]


class _Shown:
    """One model's tables."""

    def __init__(
        self, connection: Connection, selection: Selection, model: AttributionModel, fit: Fit | None
    ) -> None:
        self.connection, self.selection, self.model, self.fit = connection, selection, model, fit
        self.money = selection.goal.kind in DEAL_KINDS

    def channels(self) -> _Table:
        by = next(iter(self.model.dimensions), "channel")
        dims = parse_by(by.replace("/", ","), MARKETING)
        dimensions = Dimensions(self.connection, dims, ())
        found = credits_by_group(self.connection, self.selection, dimensions, Question())
        credited: dict[str, tuple[str, int, int]] = {}
        for group in {*found.value, *found.share}:
            name = together(dimensions.names(group).values())
            credited[name_key(name)] = (name, found.share.get(group, 0), found.value.get(group, 0))
        learned = self._learned()
        rows: list[Row] = []
        for name, figures in learned.items():
            shown, share, value = credited.pop(name_key(name), (name, 0, 0))
            rows.append({by: shown} | figures | self._credited(share, value))
        blank: Row = dict.fromkeys(next(iter(learned.values()), {}), None)
        rows += [
            {by: shown} | blank | self._credited(share, value)
            for shown, share, value in sorted(credited.values(), key=lambda one: (-one[2], one[0]))
            if share or value
        ]
        extra = self._credited(sum(found.share.values()), sum(found.value.values()))
        units = {name: self._unit(name) for name in blank}
        columns = {by: "text"} | units | {"conversions_credited": "count"}
        if self.money:
            columns["value_credited"] = "money"
        return rows, self._sums() | extra | self._corpus(), columns, self._warnings()

    def transitions(self) -> _Table:
        columns = {"source": "text", "target": "text", "count": "count", "probability": "ratio"}
        if self.fit is None and self.model.needs_fit:
            return [], {}, columns, self._warnings()
        frame = self.model.transitions()
        if frame is None:
            raise InputError(
                f"{self.selection.model} has no transitions; a model that has them is markov, and "
                "`attribution paths` shows those of the journeys that converted"
            )
        rows = [
            dict(zip(columns, (a, b, count(round(c * MILLION)), d), strict=True))
            for a, b, c, d in frame.itertuples(index=False)
        ]
        return rows, self._corpus(), columns, self._warnings()

    def _learned(self) -> dict[str, Row]:
        """Return what the model says of each name, largest first; a model may have no such table."""
        frame = None if self.fit is None else self.model.channels()
        if frame is None or not len(frame):
            return {}
        order = np.argsort(-frame.iloc[:, 0].to_numpy(), kind="stable")
        shown = self._columns(frame)
        columns = {name: self._column(name, frame[name].to_numpy(np.float64)) for name in shown}
        names = frame.index.tolist()
        return {names[i]: {name: columns[name][i] for name in shown} for i in order.tolist()}

    def _columns(self, frame: pd.DataFrame) -> list[str]:
        # without money every conversion is worth one, and effects on value say nothing new
        return [name for name in frame.columns if self.money or "value" not in name]

    def _unit(self, name: str) -> str:
        """Return how a column is shown; what is worth something is a count where the goal has no money."""
        units = {"ratio": "ratio", "conversions": "count", "value": "money" if self.money else "count"}
        return units.get(self.model.units.get(name, "number"), "factor")

    def _column(self, name: str, figures: FloatArray) -> list[Any]:
        unit = self._unit(name)
        if unit in ("ratio", "factor"):
            each = self.money and self.model.units.get(name) == "value_each"
            scale = 10 ** minor_digits(self.selection.currency) if each else 1
            return [float(one) / scale for one in figures.tolist()]
        return [
            self._shown(unit, part) for part in _whole_parts(figures * (MILLION if unit == "count" else 1))
        ]

    def _shown(self, unit: str, amount: int) -> Any:
        return count(amount) if unit == "count" else money_text(amount, self.selection.currency)

    def _credited(self, share: int, value: int) -> Row:
        row: Row = {"conversions_credited": count(share)}
        return row | {"value_credited": money_text(value, self.selection.currency)} if self.money else row

    def _sums(self) -> Row:
        """Return what the columns of the model's own table add up to, where they add up to something."""
        frame = None if self.fit is None else self.model.channels()
        if frame is None:
            return {}
        shown = {name: self._unit(name) for name in self._columns(frame)}
        return {
            name: self._shown(unit, round(float(frame[name].sum()) * (MILLION if unit == "count" else 1)))
            for name, unit in shown.items()
            if unit in ("count", "money")
        }

    def _corpus(self) -> Row:
        """Return what the fit saw, and which it is."""
        if self.fit is None:
            return {}
        learned, trust = self.fit.learned, self.fit.trust
        row: Row = {}
        if "conversion_probability" in learned:
            row["conversion_probability"] = learned["conversion_probability"]
        return row | {
            "conversions": trust["conversions"],
            "journeys": trust["journeys"],
            "rank_agreement": trust["rank_agreement"],
            "fit": self.fit.number,
            "fitted_at": clock.iso(self.fit.fitted_at),
            "fitted_as_of": clock.iso(self.fit.as_of),
        }

    def _warnings(self) -> list[str]:
        if not self.model.needs_fit:
            return []
        if self.fit is None:
            return [f"{self.selection.model} has learned nothing yet: there was no conversion with a touch"]
        warnings = [str(text) for text in self.fit.trust["warnings"]]
        if self.fit.trust["journeys"] == self.fit.trust["conversions"]:
            warnings.append(
                "all journeys converted: without those that did not, a model cannot tell what leads nowhere; "
                "import the touches of visitors who did not convert too"
            )
        frame = self.model.channels()
        if frame is not None and "phi" in frame and (frame["phi"] < 0).any():
            warnings.append(
                "a channel whose phi is negative gets no credit where others are: journeys with it do worse"
            )
        return warnings + ([TWO_FIGURES] if self.model.transitions() is not None else [])


def together(parts: Iterable[str]) -> str:
    """Write the names of several dimensions as one, as models do; one that stands for all of them once.

    >>> together(["google", "cpc"]), together(["(not set)", "(not set)"])
    ('google / cpc', '(not set)')
    """
    names = list(parts)
    alike = len(set(names)) == 1 and names[0] in (NOT_SET, UNATTRIBUTED)
    return names[0] if alike else " / ".join(names)


def _whole_parts(figures: FloatArray) -> list[int]:
    """Round figures so that they add up to their rounded sum: what is left goes to the largest remainders.

    >>> _whole_parts(np.array([33.4, 33.4, -10.4])), _whole_parts(np.array([1.5, 1.5]))
    ([33, 33, -10], [2, 1])
    """
    whole = np.floor(figures)
    left = round(float(figures.sum())) - int(whole.sum())
    order = np.argsort(-(figures - whole), kind="stable")
    whole[order[:left]] += 1
    return [int(part) for part in whole]
