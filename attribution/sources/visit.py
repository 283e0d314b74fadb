"""One visit, as the import of touches reads it: for questions asked on the spot."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution.channels.origin import ORIGIN_FIELDS
from attribution.sources.batch import RawBatch
from attribution.sources.parse import ParseOptions, parse
from attribution.sources.tables import get_table


def parse_visit(url: str, referrer: str | None = None) -> pd.DataFrame:
    """Return the classifier's inputs of one session, a frame of one row with the columns ORIGIN_FIELDS.

    >>> parse_visit("https://acme.com/?utm_source=news", None)["utm_source"].tolist()
    ['news']
    """
    row = {
        "touch_id": "visit",
        "visitor_id": "visitor",
        "at": "2000-01-01",
        "url": url,
        "referrer": referrer or None,
    }
    columns = pa.table({name: pa.array([value], pa.string()) for name, value in row.items()})
    parsed = parse(RawBatch(columns, np.ones(1, np.int64)), get_table("touches"), ParseOptions())
    names = [name for name in ORIGIN_FIELDS if name in parsed.columns.column_names]
    origin: pd.DataFrame = parsed.columns.select(names).to_pandas().astype(object)
    return origin.where(origin.notna(), None)
