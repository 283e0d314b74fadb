"""The same jobs done by others, for ratios: run as `python -m benchmarks.peers JOB FOLDER`.

`duckdb` loads touches into an embedded column store with the id as primary key, and writes four models as
window functions, in floats, with identity given (one person a visitor). `pandas` loads touches into SQLite by
`DataFrame.to_sql` with a unique text id, as a notebook would.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

_CREDITS = """
CREATE OR REPLACE TABLE credits AS
WITH journey AS (
    SELECT d.deal_id, d.amount, t.touch_id, t."at",
           row_number() OVER w AS i, count(*) OVER (PARTITION BY d.deal_id) AS n,
           max(t."at") OVER (PARTITION BY d.deal_id) AS last_at
    FROM deals d JOIN leads l USING (lead_id) JOIN touches t USING (visitor_id)
    WHERE t."at" BETWEEN d.closed_at - INTERVAL 365 DAY AND d.closed_at
    WINDOW w AS (PARTITION BY d.deal_id ORDER BY t."at", t.touch_id)
), decayed AS (
    SELECT *, pow(2, -date_diff('second', "at", last_at) / (7 * 86400.0)) AS decay FROM journey
)
SELECT deal_id, touch_id,
       CASE WHEN i = 1 THEN amount ELSE 0 END AS first_touch,
       CASE WHEN i = n THEN amount ELSE 0 END AS last_touch,
       amount / n AS linear,
       amount * decay / sum(decay) OVER (PARTITION BY deal_id) AS time_decay
FROM decayed
"""


def duckdb_import(folder: Path) -> None:
    """Load touches.csv with the id as primary key."""
    import duckdb

    (folder / "peer.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(folder / "peer.duckdb")) as db:
        db.execute(
            'CREATE TABLE touches (touch_id VARCHAR PRIMARY KEY, visitor_id VARCHAR, "at" TIMESTAMPTZ, '
            "kind VARCHAR, url VARCHAR, referrer VARCHAR, page_views BIGINT)"
        )
        db.execute(f"INSERT INTO touches SELECT * FROM read_csv('{folder / 'touches.csv'}', header = true)")


def duckdb_run(folder: Path) -> None:
    """Split every deal under four models, by window functions."""
    import duckdb

    with duckdb.connect(str(folder / "peer.duckdb")) as db:
        for table in ("leads", "deals"):
            db.execute(
                f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM read_csv('{folder / f'{table}.csv'}')"
            )
        db.execute(_CREDITS)


def pandas_import(folder: Path) -> None:
    """Load touches.csv into SQLite through a frame."""
    import pandas as pd

    (folder / "peer.db").unlink(missing_ok=True)
    with sqlite3.connect(folder / "peer.db") as db:
        frame = pd.read_csv(folder / "touches.csv")
        frame["at"] = pd.to_datetime(frame["at"], utc=True).astype("int64")
        frame.to_sql("touches", db, index=False)
        db.execute("CREATE UNIQUE INDEX touch_id ON touches (touch_id)")


if __name__ == "__main__":
    {"duckdb_import": duckdb_import, "duckdb_run": duckdb_run, "pandas_import": pandas_import}[sys.argv[1]](
        Path(sys.argv[2])
    )
