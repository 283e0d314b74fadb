"""What open leads are expected to bring: learned once, whatever the period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from attribution.errors import InputError
from attribution.ledger.allocate import MILLION
from attribution.metrics.kpi_intervals import Bounds
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import NOBODY, Parts
from attribution.metrics.predict.features import open_at
from attribution.metrics.predict.forecast import Forecast, forecast
from attribution.metrics.predict.learn import one_thread, require_library
from attribution.metrics.predict.months import months_text
from attribution.metrics.predict.past import Past
from attribution.metrics.predict.reading import any_credits, read_past, told
from attribution.metrics.predict.reliability import reliability, sentence
from attribution.metrics.predict.ways_out import with_way_out
from attribution.store.columns import Ints

EXPECTED: Final = "expected_revenue"


class _Expected(NamedTuple):
    """What was learned, and of which `lead_id` each open lead of the forecast is."""

    past: Past
    forecast: Forecast
    lead_id: Ints


def expected_revenue(measures: Measures) -> Parts | None:
    cells = _spread(measures)
    return None if cells is None else Parts(NOBODY, cells["record"], cells["group"], cells["minor"])


def open_leads(measures: Measures) -> Parts | None:
    cells = _spread(measures)
    return None if cells is None else Parts(NOBODY, cells["record"], cells["group"], cells["share"])


def expected_bounds(
    measures: Measures, groups: Sequence[int], level: float, seed: int = 0
) -> dict[int, Bounds] | None:
    """Return the bounds of what is expected of an open lead on average, as `attribution predict` has them.

    They are percentiles over as many draws as that makes; their conversions are the leads learned from that
    were won.

    Args:
        measures: of the question.
        groups: those that are shown.
        level: the share of intervals that are to hold the expectation.
        seed: another one gives other draws.

    Returns:
        By group, in minor units per millionth of a lead; None where nothing can be predicted.
    """
    cells, learned = _spread(measures), _learned(measures)
    if cells is None or learned is None:
        return None

    def draw() -> Forecast:
        with one_thread():
            return forecast(learned.past, seed=seed)

    drawn = measures.once(f"predicted, drawn by {seed}", draw)
    place = pd.Index(learned.lead_id).get_indexer(pd.Index(cells["record"]))
    group = cells["group"] if measures.dimensions.by else np.where(cells["group"] >= 0, 0, -1)
    found = {}
    for one in groups:
        mine = group == one
        share = cells["share"][mine]
        if not share.sum() or not len(drawn.drawn):
            found[one] = Bounds(None, None, drawn.wins, drawn.winners)
            continue
        sums = drawn.drawn[:, place[mine]] @ (share / MILLION)
        value = float(cells["minor"][mine].sum())
        low, high = np.quantile(sums, [(1 - level) / 2, (1 + level) / 2])
        # percentiles of few draws may leave the figure itself out
        low, high = (float(bound) / int(share.sum()) for bound in (min(low, value), max(high, value)))
        bounds = Bounds(low, high, drawn.wins, drawn.winners)
        found[one] = bounds._replace(low=None, high=None) if bounds.too_few else bounds
    return found


def _spread(measures: Measures) -> dict[str, Ints] | None:
    """Return `record group share minor` of the leads that are open now and were created in the period."""
    found = _predicted(measures)
    if found is None:
        return None
    leads = measures.dimensions.leads
    created = leads["created"].to_numpy(np.int64)
    ids = leads["lead_id"].to_numpy(np.int64)[measures.in_period(created)]
    found = found[found["record"].isin(ids)]
    cells = measures.spread("leads", found["record"].to_numpy(np.int64))
    if cells is None:
        return None
    frame = pd.DataFrame(dict(zip(("record", "group", "share"), cells, strict=True))).merge(
        found, on="record"
    )
    whole = frame.pop("minor").to_numpy(np.int64)
    frame["minor"] = whole * frame["share"].to_numpy(np.int64) // MILLION
    # what rounding down left over goes to the first group of each lead, so that groups add up
    rest = whole - frame.groupby("record")["minor"].transform("sum").to_numpy(np.int64)
    frame["minor"] += np.where(frame.duplicated("record"), 0, rest)
    return {name: frame[name].to_numpy(np.int64) for name in frame.columns}


def _predicted(measures: Measures) -> pd.DataFrame | None:
    """Return `record minor` of every open lead; None, with a warning, where nothing can be predicted."""
    found = _learned(measures)
    if found is None:
        return None
    minor = found.forecast.leads["minor"].to_numpy(np.int64)
    return pd.DataFrame({"record": found.lead_id, "minor": minor})


def _learned(measures: Measures) -> _Expected | None:
    return measures.once("predicted", lambda: _learn(measures))


def _learn(measures: Measures) -> _Expected | None:
    """Learn, and say up to when predictions look and how far they were right."""
    currency = measures.asked.question.currency
    if currency is not None:
        measures.warn(
            f"predicted_lead_value is left empty in {currency}: it is learned of the revenue of all deals, "
            "in the reporting currency; leave --currency out"
        )
        return None
    try:
        require_library()
        credited = any_credits(measures.connection)
        past = read_past(measures.connection, credited, None, dimensions=measures.dimensions)
        with one_thread(), with_way_out(past):
            found = forecast(past, draws=0)
    except InputError as error:
        measures.warn(f"predicted_lead_value is left empty: {error}")
        return None
    for text in told(past):
        measures.warn(text)
    measures.warn(
        f"predicted_lead_value is the revenue expected of open leads within {months_text(past.horizon)} of "
        "the last run"
    )
    if len(open_at(past.records, past.as_of)):
        measures.warn(_reliability(past, credited.currency))
    rows = found.leads["lead"].to_numpy(np.int64)
    return _Expected(past, found, past.records.leads["lead_id"].to_numpy(np.int64)[rows])


def _reliability(past: Past, currency: str) -> str:
    try:
        with one_thread():
            return sentence(reliability(past), currency)
    except InputError as error:
        return f"how reliable predictions are is not known: {error}"


MEASURES: Final[dict[str, Measure]] = {EXPECTED: expected_revenue, "open_leads": open_leads}
