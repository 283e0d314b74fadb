"""The classifier at full size: `python -m benchmarks.channels` places 1 M distinct URLs on one core.

In the worst case no two visits share their tags and referrer, so that nothing is placed twice; websites have
some ten thousand sets of them. The peer splits URLs and queries with urllib, and places nothing.
Memory is what the work needed beside the URLs.
"""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table

from benchmarks.measure import ask


@click.command()
@click.option("--urls", default=1_000_000, show_default=True, help="Distinct URLs.")
def main(urls: int) -> None:
    """Print the table."""
    table = Table("visits", title=f"{urls:,} distinct URLs on one core")
    for head in ("distinct origins", "seconds", "CPU s", "URLs a second", "MB"):
        table.add_column(head, justify="right")
    jobs = {
        "tags and referrer of each its own": ("place", urls),
        "20,000 sets of tags and referrers": ("place", 20_000),
        "urllib: split only": ("urllib", urls),
    }
    for name, (job, sets) in jobs.items():
        told = ask(sys.executable, "-m", "benchmarks.channels_jobs", job, str(urls), str(sets))
        if isinstance(told, str):
            table.add_row(name, told)
            continue
        origins = told.found.get("origins")
        table.add_row(
            name, "" if origins is None else f"{origins:,}", f"{told.seconds:.1f}", f"{told.cpu_seconds:.1f}",
            f"{urls / told.cpu_seconds:,.0f}", f"{told.peak_mb:.0f}",
        )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
