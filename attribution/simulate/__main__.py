"""`python -m attribution.simulate DIR --seed 7`: write a made company's tables into a folder."""

from __future__ import annotations

from datetime import date, datetime

import click

from attribution.errors import AttributionEngineError
from attribution.simulate import World, simulate


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@click.option("--seed", type=int, required=True, help="chooses one company among many")
@click.option("--people", type=int, default=1500, show_default=True, help="how many people there are")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default="2025-01-01", show_default=True)
@click.option("--days", type=int, default=365, show_default=True, help="how long the company is watched")
@click.option("--currency", default="GBP", show_default=True, help="what it reports in (ISO 4217)")
@click.option(
    "--format",
    "fmt",
    type=click.Choice(["csv", "csv.gz", "jsonl", "parquet"]),
    default="csv",
    show_default=True,
)
def main(directory: str, seed: int, people: int, start: datetime, days: int, currency: str, fmt: str) -> None:
    """Write a made company's tables into DIR, one file a table.

    Example: python -m attribution.simulate demo-data --seed 7 --people 1500
    """
    first: date = start.date()
    try:
        world = World(seed=seed, start=first, days=days, n_people=people, currency=currency)
        files = simulate(world).write(directory, fmt)
    except AttributionEngineError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(2) from None
    for file in files:
        click.echo(file)


if __name__ == "__main__":
    main()
