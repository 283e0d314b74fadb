"""Turn the Olist marketing funnel (real, anonymised) into canonical tables.

    python docs/examples/olist/convert.py SOURCE_DIR OUT_DIR

SOURCE_DIR holds the two CSV files of the data set `olistbr/marketing-funnel-olist` and the items sold of
`olistbr/brazilian-ecommerce` as Parquet; OUT_DIR receives touches.csv, leads.csv and deals.csv. The data
is under CC BY-NC-SA 4.0: keep what this script writes under the same licence, and out of other projects.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

LEADS = "olist_marketing_qualified_leads_dataset.csv"
DEALS = "olist_closed_deals_dataset.csv"
ITEMS = "olist_order_items.parquet"

# Olist's word -> the fields of the touch. An origin that names a network or a medium is written as the tags
# that a tracked link would carry, and the channel rules decide; what no rule could know is a channel given.
ORIGINS = {
    "paid_search": {"source": "google", "medium": "cpc"},
    "organic_search": {"source": "google", "medium": "organic"},
    "social": {"source": "social", "medium": "social"},
    "email": {"source": "email", "medium": "email"},
    "direct_traffic": {"source": "(direct)", "medium": "(none)"},
    "referral": {"source": "referral", "medium": "referral"},
    "display": {"source": "display", "medium": "display"},
    "other_publicities": {"source": "other_publicities", "channel": "Other Publicities"},
    "other": {"source": "other", "channel": "Other"},
    "unknown": {"source": "unknown", "channel": "Unknown"},  # Olist's own word
    "": {"source": "no_origin", "channel": "No Origin"},  # the cell is empty: not the same thing
}
PAGES = "https://olist.example/"


def convert(source: Path, target: Path) -> dict[str, pd.DataFrame]:
    """Write the canonical tables of a folder of Olist files; returns them by name.

    Raises:
        SystemExit: the files hold an origin that has no place in `ORIGINS`.
    """
    leads = pd.read_csv(source / LEADS, dtype=str, keep_default_na=False)
    deals = pd.read_csv(source / DEALS, dtype=str, keep_default_na=False)
    items = pd.read_parquet(source / ITEMS, columns=["seller_id", "price"])
    unknown = sorted(set(leads["origin"]) - set(ORIGINS))
    if unknown:
        raise SystemExit(f"no place for the origins {', '.join(unknown)}; add them to ORIGINS in {__file__}")

    tables = {
        "touches": _touches(leads),
        "leads": _leads(leads, deals),
        "deals": _deals(leads, deals, items),
    }
    target.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(target / f"{name}.csv", index=False)
    return tables


def _touches(leads: pd.DataFrame) -> pd.DataFrame:
    """Make the one visit of each lead: its first contact."""
    tags = pd.DataFrame([ORIGINS[origin] for origin in leads["origin"]], index=leads.index)
    return pd.DataFrame(
        {
            "touch_id": leads["mql_id"],
            "visitor_id": leads["mql_id"],
            "at": leads["first_contact_date"],
            "url": PAGES + leads["landing_page_id"],
            **{name: tags[name] for name in ("channel", "source", "medium")},
        }
    )


def _leads(leads: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    segment = deals.set_index("mql_id")["business_segment"]
    return pd.DataFrame(
        {
            "lead_id": leads["mql_id"],
            "created_at": leads["first_contact_date"],
            "visitor_id": leads["mql_id"],
            "industry": leads["mql_id"].map(segment),
        }
    )


def _deals(leads: pd.DataFrame, deals: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Make a won deal of each seller, worth what the seller then sold."""
    cents = (items["price"] * 100).round().astype("int64")  # before adding up: sums of floats drift
    sold = cents.groupby(items["seller_id"]).sum()
    worth = deals["seller_id"].map(sold).fillna(0).astype("int64")
    contacted = leads.set_index("mql_id")["first_contact_date"]
    return pd.DataFrame(
        {
            "deal_id": deals["mql_id"],
            "status": "won",
            # Olist does not say when a deal was opened: the sellers were approached at their first contact
            "created_at": deals["mql_id"].map(contacted),
            "closed_at": deals["won_date"],
            "amount": [f"{minor // 100}.{minor % 100:02}" for minor in worth],
            "currency": "BRL",
            "lead_id": deals["mql_id"],
            "owner": deals["sr_id"],
        }
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python docs/examples/olist/convert.py SOURCE_DIR OUT_DIR")
    for name, table in convert(Path(sys.argv[1]), Path(sys.argv[2])).items():
        print(f"{name}.csv: {len(table):,} rows")
