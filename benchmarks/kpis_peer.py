"""A notebook's KPIs, for a ratio: run as `python -m benchmarks.kpis_peer FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd


def main(folder: Path) -> None:
    """Print leads, revenue, spend, lead value and ROI by the source of the last tagged visit."""
    touches = pd.read_csv(folder / "touches.csv", usecols=["visitor_id", "at", "url"], parse_dates=["at"])
    touches["source"] = touches["url"].str.extract(r"[?&]utm_source=([^&]*)", expand=False)
    tagged = touches.dropna(subset="source").sort_values("at")
    leads = pd.read_csv(folder / "leads.csv", parse_dates=["created_at"])
    deals = pd.read_csv(folder / "deals.csv", parse_dates=["closed_at"])
    deals = deals.merge(leads[["lead_id", "visitor_id"]], on="lead_id")
    spend = pd.read_csv(folder / "spend.csv").groupby("source")["cost"].sum()
    found = {}
    for name, records, at in (("leads", leads, "created_at"), ("revenue", deals, "closed_at")):
        last = pd.merge_asof(
            records.sort_values(at),
            tagged,
            left_on=at,
            right_on="at",
            by="visitor_id",
            allow_exact_matches=True,
        )
        by = last.groupby("source", dropna=False)
        found[name] = by.size() if name == "leads" else by["amount"].sum()
    table = pd.DataFrame(found | {"spend": spend})
    table["lead_value"] = table["revenue"] / table["leads"]
    table["roi"] = (table["revenue"] - table["spend"]) / table["spend"]
    print(table.to_string())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
