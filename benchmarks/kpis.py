"""KPIs and the report at full size: `python -m benchmarks.kpis`, on 1 M touches, 50 k deals, a year's spend.

Each figure is a whole process, from start to exit, import and run not among them (`python -m benchmarks`).
The peer is what an analyst's notebook does with the same files: pandas reads them, gives each lead and deal
to its last tagged visit, and divides by source; no channels, no intervals, no checks.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measured, attribution, run
from benchmarks.world import DAYS, START

_SOURCES = ("google", "bing", "linkedin", "facebook")  # those of the world that cost money
_CAMPAIGNS = 200


@click.command()
@click.option("--touches", default=1_000_000, show_default=True, help="Touches; a twentieth as many deals.")
@click.option("--store", default=None, help="URL of an empty PostgreSQL store; default SQLite.")
def main(touches: int, store: str | None) -> None:
    """Print the table."""
    console = Console(width=110)
    with tempfile.TemporaryDirectory(prefix="attribution-bench-") as temp:
        folder = Path(temp)
        url = store or f"sqlite:///{folder / 'bench.db'}"
        console.print(f"{touches:,} touches ...")
        run(sys.executable, "-m", "benchmarks.world", str(folder), str(touches))
        _spend(folder)
        for table in ("touches", "leads", "deals", "spend"):
            attribution(url, "import", table, str(folder / f"{table}.csv"))
        attribution(url, "run")
        steps = {
            "all KPIs by channel": attribution(url, "kpis", "--by", "channel"),
            "all KPIs by channel, with intervals": attribution(
                url, "kpis", "--by", "channel", "--interval", "0.9"
            ),
            "KPIs by month": attribution(url, "kpis", "--every", "month", "--format", "csv"),
            "the report as a page": attribution(url, "report", "--html", str(folder / "report.html")),
        }
        peer = run(sys.executable, "-m", "benchmarks.kpis_peer", str(folder))
    table = Table("step", title="Whole processes")
    for head in ("seconds", "CPU s", "peak MB", "ours / peer"):
        table.add_column(head, justify="right")
    for name, step in steps.items():
        _row(table, name, step, f"{step.seconds / peer.seconds:.2f}")
    _row(table, "peer: pandas, five figures by source", peer, "")
    console.print(table)


def _spend(folder: Path, seed: int = 2) -> None:
    """Write spend.csv: what each campaign of a platform cost on each day."""
    rng = np.random.default_rng(seed)
    campaign, day = (part.ravel() for part in np.meshgrid(np.arange(_CAMPAIGNS), np.arange(DAYS)))
    platform = campaign % 6  # as the world's touches have it
    paid = platform < len(_SOURCES)
    campaign, day, platform = campaign[paid], day[paid], platform[paid]
    dates = pd.Series(pd.to_datetime(START.replace(tzinfo=None)) + pd.to_timedelta(day, unit="D"))
    pennies = rng.integers(1_000, 60_000, len(day))
    pd.DataFrame(
        {
            "date": dates.dt.strftime("%Y-%m-%d"),
            "source": np.array(_SOURCES)[platform],
            "medium": np.where(platform < 2, "cpc", "paid-social"),
            "campaign": "campaign " + pd.Series(campaign).astype(str),
            "cost": [f"{amount / 100:.2f}" for amount in pennies.tolist()],
            "currency": "GBP",
            "impressions": rng.integers(100, 10_000, len(day)),
            "clicks": rng.integers(1, 300, len(day)),
        }
    ).to_csv(folder / "spend.csv", index=False)  # fmt: skip


def _row(table: Table, name: str, step: Measured, ratio: str) -> None:
    table.add_row(name, f"{step.seconds:.1f}", f"{step.cpu_seconds:.1f}", f"{step.peak_mb:.0f}", ratio)


if __name__ == "__main__":
    main()
