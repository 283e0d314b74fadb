"""How right predictions are: `python -m benchmarks.predictions [--olist FOLDER]` prints it.

On made-up companies whose leads are won by a known law (`lead_world.py`): what `predict` expects of all open
leads beside what they are truly worth, how often its intervals hold that, and the reliability that it reports
of itself. On a company of `attribution.simulate` and on the Olist funnel, whose law it does not know: the
reliability.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from attribution.engine import Store
from attribution.errors import InputError
from attribution.simulate import World, simulate
from benchmarks.lead_world import START, fill, world, worth

DAYS = 730
MONTH = 365.25 / 12
ZONE = "America/Sao_Paulo"


def made_up(n_leads: int, seeds: int, console: Console) -> None:
    """Compare with the known law."""
    table = Table(title=f"{n_leads:,} leads in {DAYS} days, {seeds} companies; intervals at 90 %")
    for name in ("seed", "open", "expected", "truth", "ratio", "holds total", "holds leads", "by value",
                 "reliability", "error"):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    held = []
    for seed in range(seeds):
        made = world(n_leads, DAYS, seed)
        with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
            fill(store, made, DAYS, Path(folder))
            day = (START + pd.Timedelta(days=DAYS - 1)).date()
            answer = store.predict(as_of=day, horizon=3)
            judged = store.predict(as_of=day, horizon=3, judge=True)
        truth = worth(made, DAYS - 1e-9, 3 * MONTH)
        both = answer.to_frame().merge(truth[["lead_id", "worth"]], on="lead_id", validate="one_to_one")
        assert len(both) == len(truth) == len(answer.rows)
        low, high = (both[name].astype(float).to_numpy() for name in ("low", "high"))
        value = both["worth"].to_numpy()
        inside = (low <= value) & (value <= high)
        whole = float(value.sum())
        held.append(float(answer.totals["low"]) <= whole <= float(answer.totals["high"]))
        table.add_row(
            f"{seed}", f"{len(both)}", answer.totals["value"], f"{whole:.2f}",
            f"{float(answer.totals['value']) / whole:.2f}", "yes" if held[-1] else "no",
            f"{inside.mean():.0%}", f"{value[inside].sum() / whole:.0%}",
            f"{judged.totals['ratio']:.2f}", f"{judged.totals['calibration_error']:.2f}",
        )  # fmt: skip
    console.print(table)
    console.print(f"the interval of the total held the truth in {np.mean(held):.0%} of {seeds} companies")


def shown(store: Store, title: str, console: Console, **options: object) -> None:
    """Print how reliable a store's predictions were."""
    try:
        answer = store.predict(judge=True, **options)
    except InputError as error:
        console.print(f"{title}: {error}")
        return
    table = Table(title=f"{title}: {answer.title}")
    for name in answer.columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in answer.rows:
        table.add_row(*(f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values()))
    console.print(table)
    totals = answer.totals
    console.print(f"observed / predicted {totals['ratio']:.2f}, error {totals['calibration_error']:.2f}")
    for warning in answer.warnings:
        console.print(f"note: {warning}")


def simulated(console: Console, n_people: int) -> None:
    """Judge predictions of a simulated company."""
    made = simulate(
        World(seed=5, start=date(2022, 1, 1), days=1095, n_people=n_people, mess=False, story=False)
    )
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        store.config_set("reporting_currency", made.world.currency)
        for path in made.write(folder):
            if path.stem in ("touches", "identities", "leads", "deals", "stages", "adjustments", "rates"):
                store.import_table(path.stem, path, timezone="UTC")
        store.run(models=["last_touch"], goals=["revenue"])
        for horizon in (None, 1):
            shown(store, "simulated company", console, as_of="2024-12-30", horizon=horizon)


def olist(console: Console, folder: Path) -> None:
    """Judge predictions of the Olist funnel, as converted by docs/examples/olist/convert.py."""
    with tempfile.TemporaryDirectory() as work, Store.open(f"sqlite:///{work}/store.db") as store:
        store.config_update({"timezone": ZONE, "lookback": "none"})
        for name in ("touches", "leads", "deals"):
            store.import_table(name, folder / f"{name}.csv", timezone=ZONE)
        store.run(models=["last_touch"], goals=["revenue"])
        for day in ("2018-07-31", "2018-08-31"):
            shown(store, f"Olist as of {day}", console, as_of=day, horizon=1)


@click.command()
@click.option("--leads", default=3000, show_default=True)
@click.option("--seeds", default=10, show_default=True)
@click.option("--people", default=6000, show_default=True, help="Of the simulated company.")
@click.option("--olist", "folder", type=click.Path(path_type=Path), help="Converted tables of Olist.")
def main(leads: int, seeds: int, people: int, folder: Path | None) -> None:
    """Print how right predictions are."""
    console = Console(width=160)
    if seeds:
        made_up(leads, seeds, console)
    if people:
        simulated(console, people)
    if folder is not None:
        olist(console, folder)


if __name__ == "__main__":
    main()
