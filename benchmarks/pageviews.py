"""Page views at full size: `python -m benchmarks.pageviews` imports ten million and cuts them into sessions.

Each figure is a whole process, from start to exit: reading Parquet, parsing addresses, interning, storing the
views, cutting sessions, classifying where they came from, and making a touch of each; then one view more. The
peer is DuckDB on the same file: window functions cut the sessions, with the same gap and the same tags, and
write them to a table. It neither keeps the views nor knows channels, visitors or repeated rows.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measured, ask, attribution, run

_ONE = "visitor_id,at,url,referrer\n1000000000.1735689600,2025-07-01T12:00:00Z,https://www.acme.com/,\n"


@click.command()
@click.option("--views", default=10_000_000, show_default=True, help="Page views.")
@click.option("--store", default=None, help="URL of an empty PostgreSQL store; default SQLite.")
def main(views: int, store: str | None) -> None:
    """Print the table."""
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="attribution-bench-") as folder:
        file, one = Path(folder) / "views.parquet", Path(folder) / "one.csv"
        url = store or f"sqlite:///{Path(folder) / 'bench.db'}"
        console.print(f"{views:,} page views ...")
        run(sys.executable, "-m", "benchmarks.pageviews_data", str(file), str(views))
        one.write_text(_ONE, encoding="utf-8")
        attribution(url, "config", "set", "own_domains", "acme.com")
        steps = {
            "import, cut into sessions": attribution(url, "import", "pageviews", str(file)),
            "import the same file again": attribution(url, "import", "pageviews", str(file)),
            "import one view more": attribution(url, "import", "pageviews", str(one)),
        }
        peer = ask(sys.executable, "-m", "benchmarks.pageviews_peer", str(file), folder, seconds=1_800)
    table = Table("step", title="Whole processes")
    for head in ("seconds", "CPU s", "peak MB"):
        table.add_column(head, justify="right")
    for name, step in steps.items():
        _row(table, name, step)
    if isinstance(peer, str):
        table.add_row("DuckDB, window functions", peer, "", "")
    else:
        table.add_row(
            f"DuckDB, window functions: {peer.found['sessions']:,} sessions",
            f"{peer.seconds:.1f}", f"{peer.cpu_seconds:.1f}", f"{peer.peak_mb:.0f}",
        )  # fmt: skip
    console.print(table)


def _row(table: Table, name: str, step: Measured) -> None:
    table.add_row(name, f"{step.seconds:.1f}", f"{step.cpu_seconds:.1f}", f"{step.peak_mb:.0f}")


if __name__ == "__main__":
    main()
