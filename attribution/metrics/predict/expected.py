"""What each open lead is expected to bring, for those who are told values and no intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from attribution.metrics.predict.forecast import forecast
from attribution.metrics.predict.learn import one_thread, require_library
from attribution.metrics.predict.reading import any_credits, read_past
from attribution.metrics.predict.ways_out import with_way_out


@dataclass(frozen=True)
class Expected:
    """Expected revenue.

    Attributes:
        minor: int64, whole minor units by lead_id; of open leads.
        currency: the reporting currency.
    """

    minor: pd.Series[Any]
    currency: str


def expected_revenue(connection: Connection) -> Expected:
    """Predict every open lead as of the last run; see :func:`attribution.metrics.predict.predict.predict`.

    Args:
        connection: inside a transaction.

    Raises:
        InputError: scikit-learn is not installed, revenue was never run, or the past is too short or too
            thin.
    """
    require_library()
    credited = any_credits(connection)
    past = read_past(connection, credited, None)
    with one_thread(), with_way_out(past):
        leads = forecast(past, draws=0).leads
    ids = past.records.leads["lead_id"].to_numpy("int64")[leads["lead"].to_numpy("int64")]
    return Expected(pd.Series(leads["minor"].to_numpy("int64"), index=ids), credited.currency)
