"""Import, run and report at 100 k and 1 M touches: `python -m benchmarks` prints time, memory and ratios.

Every figure is a whole process, from start to exit, so it holds what a user waits for.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measured, attribution, run

MODELS = "first_touch,last_touch,linear,time_decay"


def _steps(folder: Path, store: str) -> dict[str, Measured]:
    """Do the whole job once, step by step."""
    touches = str(folder / "touches.csv")
    return {
        "import touches": attribution(store, "import", "touches", touches),
        "import the same file again": attribution(store, "import", "touches", touches),
        "import leads": attribution(store, "import", "leads", str(folder / "leads.csv")),
        "import deals": attribution(store, "import", "deals", str(folder / "deals.csv")),
        "run four models, revenue and deals": attribution(
            store, "run", "--models", MODELS, "--goal", "revenue"
        ),
        "run four models, leads": attribution(store, "run", "--models", MODELS, "--goal", "leads"),
        "run again, nothing new": attribution(store, "run", "--models", MODELS),
        "report by channel": attribution(store, "report", "--by", "channel", "--model", "linear"),
        "report by campaign and keyword": attribution(
            store, "report", "--by", "campaign,keyword", "--model", "linear", "--format", "csv"
        ),
    }


_PEERS = {
    "import touches": ("DuckDB, primary key", "duckdb_import"),
    "import the same file again": ("pandas to_sql, a first load", "pandas_import"),
    "run four models, revenue and deals": ("DuckDB window functions, floats", "duckdb_run"),
}


@click.command()
@click.option("--sizes", default="100000,1000000", show_default=True, help="Numbers of touches.")
@click.option(
    "--store", default=None, help="URL of an empty PostgreSQL store, {size} being replaced; default SQLite."
)
def main(sizes: str, store: str | None) -> None:
    """Print the table."""
    console = Console(width=140)
    results: dict[int, dict[str, Measured]] = {}
    peers: dict[int, dict[str, Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="attribution-bench-") as temp:
        for size in (int(text) for text in sizes.split(",")):
            folder = Path(temp) / str(size)
            # in a process of its own: a child's peak memory is never told below its parent's
            run(sys.executable, "-m", "benchmarks.world", str(folder), str(size))
            url = store.replace("{size}", str(size)) if store else f"sqlite:///{folder / 'bench.db'}"
            console.print(f"{size:,} touches ...")
            results[size] = _steps(folder, url)
            peers[size] = {
                step: run(sys.executable, "-m", "benchmarks.peers", job, str(folder))
                for step, (_, job) in _PEERS.items()
            }
    _print(console, results, peers)


def _print(
    console: Console, results: dict[int, dict[str, Measured]], peers: dict[int, dict[str, Measured]]
) -> None:
    sizes = sorted(results)
    table = Table("step", title="Whole processes; seconds, peak MB, and a peer in the same run")
    for size in sizes:
        table.add_column(f"{size:,} s", justify="right")
        table.add_column("MB", justify="right")
    if len(sizes) > 1:
        table.add_column("growth", justify="right")
    table.add_column("peer", style="dim")
    table.add_column("peer s", justify="right")
    table.add_column("ours / peer", justify="right")
    for step in results[sizes[0]]:
        cells = [step]
        for size in sizes:
            cells += [f"{results[size][step].seconds:.2f}", f"{results[size][step].peak_mb:.0f}"]
        if len(sizes) > 1:
            cells.append(f"{results[sizes[-1]][step].seconds / results[sizes[0]][step].seconds:.1f}x")
        if step in _PEERS:
            peer = peers[sizes[-1]][step]
            ratio = results[sizes[-1]][step].seconds / peer.seconds
            cells += [_PEERS[step][0], f"{peer.seconds:.2f}", f"{ratio:.2f}"]
        else:
            cells += ["", "", ""]
        table.add_row(*cells)
    console.print(table)


if __name__ == "__main__":
    main()
