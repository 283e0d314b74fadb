"""What open leads are expected to bring: learned once, whatever the period."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from attribution.errors import InputError
from attribution.ledger.allocate import MILLION
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import NOBODY, Parts
from attribution.metrics.predict.forecast import forecast
from attribution.metrics.predict.learn import one_thread, require_library
from attribution.metrics.predict.reading import any_credits, read_past, told
from attribution.store.columns import Ints


def expected_revenue(measures: Measures) -> Parts | None:
    cells = _spread(measures)
    return None if cells is None else Parts(NOBODY, cells["record"], cells["group"], cells["minor"])


def open_leads(measures: Measures) -> Parts | None:
    cells = _spread(measures)
    return None if cells is None else Parts(NOBODY, cells["record"], cells["group"], cells["share"])


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

    def read() -> pd.DataFrame | None:
        try:
            require_library()
            credited = any_credits(measures.connection)
            past = read_past(measures.connection, credited, None, dimensions=measures.dimensions)
            with one_thread():
                leads = forecast(past, draws=0).leads
        except InputError as error:
            measures.warn(f"predicted_lead_value is left empty: {error}")
            return None
        for text in told(past):
            measures.warn(text)
        rows = leads["lead"].to_numpy(np.int64)
        ids = past.records.leads["lead_id"].to_numpy(np.int64)[rows]
        return pd.DataFrame({"record": ids, "minor": leads["minor"].to_numpy(np.int64)})

    return measures.once("predicted", read)


MEASURES: Final[dict[str, Measure]] = {"expected_revenue": expected_revenue, "open_leads": open_leads}
