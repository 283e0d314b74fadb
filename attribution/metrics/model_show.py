"""What a model learned, beside what the ledger credits by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from attribution import clock
from attribution.errors import InputError, UnknownNameError
from attribution.ledger.allocate import allocate
from attribution.ledger.credit_sets import stored_model
from attribution.ledger.fits import Fit, latest_fit
from attribution.metrics.answer import Answer, Row
from attribution.metrics.credits import Question, credits_by_group
from attribution.metrics.dimensions import MARKETING, Dimensions, name_key, parse_by
from attribution.metrics.report import count
from attribution.metrics.selection import Selection, select_credits, stale_warnings
from attribution.models.base import AttributionModel
from attribution.models.corpus import NONE
from attribution.money import minor_digits, money_text
from attribution.store.database import Database

WHATS: Final = ("channels", "transitions")
TWO_FIGURES: Final = (
    "`conversions` and `value` are what the literature tabulates: all of it, in the ratio of the removal "
    "effects; `..._credited` is what the ledger holds and reports show. They differ because a deal is shared "
    "among the channels of its own journey only: one that saw a single channel is credited to it, however "
    "small that channel's effect"
)

# how the columns of a model's own table are shown; `money` and `count` are scaled to their total
_UNITS: Final = {
    "removal_effect": "ratio", "removal_effect_value": "ratio", "conversions": "count", "value": "money",
    "raw": "money", "total": "money",
}  # fmt: skip


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
        self.money = selection.goal.kind in ("won", "created")

    def channels(self) -> _Table:
        by = next(iter(self.model.dimensions), "channel")
        dims = parse_by(by.replace("/", ","), MARKETING)
        dimensions = Dimensions(self.connection, dims, ())
        found = credits_by_group(self.connection, self.selection, dimensions, Question())
        credited: dict[str, tuple[str, int, int]] = {}
        for group in {*found.value, *found.share}:
            name = " / ".join(dimensions.names(group).values())
            credited[name_key(name)] = (name, found.share.get(group, 0), found.value.get(group, 0))
        learned = self._learned()
        rows = []
        for name, figures in learned.items():
            key = name_key(name.replace(NONE, "(not set)"))
            shown, share, value = credited.pop(key, (name, 0, 0))
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
        return rows, self._corpus() | extra, columns, self._warnings()

    def transitions(self) -> _Table:
        make = getattr(self.model, "transitions", None)
        if make is None:
            raise InputError(
                f"{self.selection.model} has no transitions; a model that has them is markov, and "
                "`attribution paths` shows those of the journeys that converted"
            )
        if self.fit is None:
            return [], {}, dict.fromkeys(("source", "target"), "text"), self._warnings()
        frame: pd.DataFrame = make()
        columns = {"source": "text", "target": "text", "count": "count", "probability": "ratio"}
        rows = [
            dict(zip(columns, (a, b, count(round(c * 1_000_000)), d), strict=True))
            for a, b, c, d in frame.itertuples(index=False)
        ]
        return rows, self._corpus(), columns, self._warnings()

    def _learned(self) -> dict[str, Row]:
        """Return what the model says of each name, largest first; a model may have no such table."""
        make = getattr(self.model, "channels", None)
        if self.fit is None or make is None:
            return {}
        frame: pd.DataFrame = make()
        if not len(frame):
            return {}
        order = np.argsort(-frame.iloc[:, 0].to_numpy(), kind="stable")
        columns = {name: self._column(name, frame[name]) for name in frame.columns if self._is_shown(name)}
        names = frame.index.tolist()
        return {names[i]: {name: values[i] for name, values in columns.items()} for i in order.tolist()}

    def _is_shown(self, name: str) -> bool:
        return self.money or "value" not in name

    def _unit(self, name: str) -> str:
        unit = _UNITS.get(name, "factor")
        counts = not self.money or getattr(self.model, "reward", "value") == "conversions"
        return "count" if unit == "money" and counts and name != "value" else unit

    def _column(self, name: str, values: pd.Series[Any]) -> list[Any]:
        figures = values.to_numpy(np.float64)
        unit = self._unit(name)
        if unit in ("ratio", "factor"):
            scale = 10 ** minor_digits(self.selection.currency) if self._in_money(name) else 1
            return [float(one) / scale for one in figures.tolist()]
        # parts are whole minor units (of counts: millionths) that add up to the total
        whole = figures * (1_000_000 if unit == "count" else 1)
        parts = _whole_parts(whole)
        return [count(p) if unit == "count" else money_text(p, self.selection.currency) for p in parts]

    def _in_money(self, name: str) -> bool:
        return name in ("phi", "standard_error") and self._unit("raw") == "money"

    def _credited(self, share: int, value: int) -> Row:
        row: Row = {"conversions_credited": count(share)}
        return row | {"value_credited": money_text(value, self.selection.currency)} if self.money else row

    def _corpus(self) -> Row:
        if self.fit is None:
            return {}
        learned: Mapping[str, Any] = self.fit.learned
        row: Row = {}
        if "conversion_probability" in learned:
            row["conversion_probability"] = learned["conversion_probability"]
        trust = self.fit.trust
        row |= {"conversions": trust["conversions"], "journeys": trust["journeys"]}
        value = learned.get("value", learned.get("total") if self._unit("total") == "money" else None)
        if self.money and value is not None:
            row["value"] = money_text(round(value), self.selection.currency)
        return row | {
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
        return warnings + ([TWO_FIGURES] if hasattr(self.model, "transitions") else [])


def _whole_parts(figures: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    """Round figures so that they add up to their rounded sum; negative ones are rounded by themselves."""
    total = figures.sum()
    if not len(figures) or (figures < 0).any() or total <= 0:
        return [round(float(figure)) for figure in figures]
    parts = allocate(figures / total, np.array([0, len(figures)]), np.array([round(float(total))]))
    return [int(part) for part in parts]
