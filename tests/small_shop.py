"""A shop with four won deals, small enough to work every figure by hand; used by the tests of figures.

D-1 is 100.01 over a paid search and an e-mail, 20.00 of it refunded in March. D-2 is 50.00 after one paid
search, D-3 is 30.00 of nobody who was ever seen, D-4 is in dollars without a rate.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attribution.engine import Store

TABLES = {
    "touches": """
        touch_id,visitor_id,at,url
        t1,v1,2025-01-01T09:00:00Z,https://shop.test/a?utm_source=google&utm_medium=cpc&utm_campaign=Brand+UK
        t2,v1,2025-01-10T09:00:00Z,https://shop.test/b?utm_source=news&utm_medium=email&utm_campaign=spring
        t3,v2,2025-01-05T09:00:00Z,https://shop.test/a?utm_source=google&utm_medium=cpc&utm_campaign=brand uk
        """,
    "leads": """
        lead_id,created_at,visitor_id,owner,industry,account,mql_at
        L-1,2025-01-11T00:00:00Z,v1,Ann,Retail,acme.test,2025-01-12T00:00:00Z
        L-2,2025-01-06T00:00:00Z,v2,Bob,Retail,,
        L-3,2025-01-20T00:00:00Z,,Bob,,,
        """,
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id,kind
        D-1,won,2025-01-15T00:00:00Z,2025-02-01T00:00:00Z,100.01,GBP,L-1,new
        D-2,won,2025-01-16T00:00:00Z,2025-02-15T00:00:00Z,50.00,GBP,L-2,new
        D-3,won,2025-02-20T00:00:00Z,2025-03-01T00:00:00Z,30.00,GBP,L-3,renewal
        D-4,won,2025-02-10T00:00:00Z,2025-02-20T00:00:00Z,10.00,USD,L-2,new
        D-5,lost,2025-02-10T00:00:00Z,2025-02-25T00:00:00Z,,,L-1,new
        """,
    "adjustments": """
        adjustment_id,deal_id,at,amount,currency
        A-1,D-1,2025-03-10T12:00:00Z,-20.00,GBP
        """,
    "spend": """
        date,cost,currency,source,medium,campaign
        2025-01-05,40.00,GBP,google,cpc,BRAND UK
        2025-01-06,25.00,GBP,facebook,paid_social,lookalike
        """,
}


def open_shop(store: Store, csv: Callable[[str, str], Path], **tables: str) -> Store:
    """Fill a store with the shop, or with other tables in the place of some, and run it."""
    store.config_set("reporting_currency", "GBP")
    for name, content in (TABLES | tables).items():
        answer = store.import_table(name, csv(name, content))
        assert answer.totals["rejected"] == 0, answer.warnings
    store.run(models=["first_touch", "last_touch", "linear"], goals=["revenue", "leads"])
    return store
