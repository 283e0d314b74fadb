"""GA4 events at full size: `python -m benchmarks.ga4` imports a million, as JSON Lines and as Parquet.

Each figure is a whole process, from start to exit: reading the file, taking some forty values out of nested
records, leaving out what is no page view, storing the views and cutting sessions of them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measured, attribution, run


@click.command()
@click.option("--events", default=1_000_000, show_default=True, help="Events of all kinds.")
def main(events: int) -> None:
    """Print the table."""
    console = Console(width=120)
    table = Table("step", title=f"Whole processes, {events:,} events")
    for head in ("file MB", "seconds", "CPU s", "peak MB"):
        table.add_column(head, justify="right")
    with tempfile.TemporaryDirectory(prefix="attribution-bench-") as folder:
        console.print(f"{events:,} events ...")
        # in a process of its own: a child's peak memory is never told below its parent's
        run(sys.executable, "-m", "benchmarks.ga4_data", folder, str(events))
        for name in ("events.jsonl", "events.parquet"):
            file, url = Path(folder) / name, f"sqlite:///{Path(folder) / name}.db"
            for what in ("pageviews", "identities"):
                step = attribution(url, "import", what, str(file), "--mapping", "ga4")
                _row(table, f"{what} from {name}", file, step)
    console.print(table)


def _row(table: Table, name: str, file: Path, step: Measured) -> None:
    table.add_row(
        name, f"{file.stat().st_size / 1e6:.0f}",
        f"{step.seconds:.1f}", f"{step.cpu_seconds:.1f}", f"{step.peak_mb:.0f}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
