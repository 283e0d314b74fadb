"""DuckDB cuts page views into sessions: `python -m benchmarks.pageviews_peer FILE FOLDER`, told as JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measure import tell

# what a view says of where it came from: its tags and click id, or a referrer that is no page of the site
_SESSIONS = """
CREATE TABLE session AS
WITH said AS (
    SELECT visitor_id, "at", url, user_agent,
           regexp_extract(url, 'gclid=([^&]+)', 1) AS click,
           CASE WHEN contains(url, 'utm_source=') THEN regexp_extract(url, '(utm_source=[^#]*?)(&gclid|$)', 1)
                WHEN referrer IS NULL OR contains(referrer, '.acme.com/') OR contains(referrer, 'stripe.com/')
                THEN NULL
                ELSE regexp_extract(referrer, '//([^/]+)', 1) END AS place
    FROM read_parquet('FILE')
), timed AS (
    SELECT *, coalesce("at" - lag("at") OVER own > INTERVAL 30 MINUTE, true) AS pause,
           lag(place IGNORE NULLS) OVER own AS before, lag(nullif(click, '') IGNORE NULLS) OVER own AS clicked
    FROM said WINDOW own AS (PARTITION BY visitor_id ORDER BY "at")
), numbered AS (
    SELECT *, sum(CASE WHEN pause OR (place IS NOT NULL AND (place IS DISTINCT FROM before
                                      OR (click <> '' AND click IS DISTINCT FROM clicked)))
                       THEN 1 ELSE 0 END) OVER (PARTITION BY visitor_id ORDER BY "at") AS number
    FROM timed
)
SELECT visitor_id, min("at") AS "at", arg_min(url, "at") AS url, arg_min(place, "at") AS place,
       arg_min(user_agent, "at") AS user_agent, arg_min(click, "at") AS click, count(*) AS page_views
FROM numbered GROUP BY visitor_id, number
"""


def sessions(file: str, folder: str) -> dict[str, Any]:
    """Cut sessions and write them to a table."""
    with duckdb.connect(str(Path(folder) / "peer.duckdb")) as connection:
        connection.execute(_SESSIONS.replace("FILE", file))
        (count,) = connection.execute("SELECT count(*) FROM session").fetchone() or (0,)
    return {"sessions": count}


if __name__ == "__main__":
    tell(lambda: sessions(*sys.argv[1:3]))
