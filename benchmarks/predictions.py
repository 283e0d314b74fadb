"""How right predictions are: `python -m benchmarks.predictions [--olist FOLDER]` prints it.

On made-up companies whose leads are won by a known law (`lead_world.py`): what `predict` expects of all open
leads beside what they are truly worth, how often its interval holds that, how often the bounds of a single
lead hold what it brings, what the amounts of open deals are good for, and the reliability that it reports of
itself. On a company of `attribution.simulate` and on the Olist funnel, whose law it does not know: the
reliability.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import click
import numpy as np
import pandas as pd
from freezegun import freeze_time
from rich.console import Console
from rich.table import Table

from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.simulate import World, simulate
from benchmarks.lead_world import START, fill, world, worth

DAYS = 730
MONTH = 365.25 / 12
AHEAD = 3  # months
LEVELS = (0.9, 0.8)
MONEY = ("open_amount", "value", "outcome_low", "outcome_high")
# how the amounts that open deals tell differ from what they bring: the logarithm's deviation, times too high
TOLD = (
    ("exact", 0.0, 1.0),
    ("off by 30 %", 0.3, 1.0),
    ("off by 30 %, a quarter too high", 0.3, 1.25),
    ("half too high", 0.0, 1.5),
)
ZONE = "America/Sao_Paulo"


def predicted(made: pd.DataFrame, draws: int) -> tuple[Answer, list[pd.DataFrame]]:
    """Predict the open leads of a made-up company, and set beside them what they are worth and brought.

    Returns:
        The answer, and a frame for each of LEVELS.
    """
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        with freeze_time(START + pd.Timedelta(days=DAYS)):  # nothing later is known: amounts are those of now
            fill(store, made, DAYS, Path(folder))
        # a chance has no level, bounds of leads no draws
        answers = [store.predict(horizon=AHEAD, interval=level, draws=4) for level in LEVELS[1:]]
        answers.insert(0, store.predict(horizon=AHEAD, interval=LEVELS[0], draws=draws))
    truth = worth(made, DAYS, AHEAD * MONTH).drop(columns=["stage", "channel"])
    found = []
    for answer in answers:
        both = answer.to_frame().merge(truth, on="lead_id", validate="one_to_one")
        assert len(both) == len(truth) == len(answer.rows)
        found.append(both.astype(dict.fromkeys(MONEY, float)))
    return answers[0], found


def made_up(n_leads: int, seeds: int, console: Console) -> None:
    """Compare with the known law."""
    table = Table(title=f"{n_leads:,} leads in {DAYS} days, {seeds} companies; bounds at 90 %")
    for name in ("seed", "open", "expected", "truth", "ratio", "holds total", "reliability", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    held, outcomes, rules = [], [], []
    for seed in range(seeds):
        answer, frames = predicted(world(n_leads, DAYS, seed), 64)
        plain = frames[0]
        judged = answer.beside["reliability"].totals
        whole = float(plain["worth"].sum())
        held.append(float(answer.totals["low"]) <= whole <= float(answer.totals["high"]))
        table.add_row(
            f"{seed}", f"{len(plain)}", answer.totals["value"], f"{whole:.2f}",
            f"{float(answer.totals['value']) / whole:.2f}", "yes" if held[-1] else "no",
            f"{judged['ratio']:.2f}", f"{judged['calibration_error']:.2f}",
        )  # fmt: skip
        outcomes += [("none told", *held) for held in map(held_of, LEVELS, frames)]
        for name, stray, hope in TOLD:
            own = predicted(world(n_leads, DAYS, seed, stray=stray, hope=hope), 4)[1]
            outcomes += [(name, *held) for held in map(held_of, LEVELS, own)]
            rules += [(name, rule, *off_by(own[0], value)) for rule, value in by_rule(own[0], plain).items()]
    console.print(table)
    console.print(f"the interval of the total held the truth in {np.mean(held):.0%} of {seeds} companies")
    summary(console, "share of leads whose bounds hold what they brought", outcomes,
            ["amounts of open deals", "level", "all", "chance of 5 % or more", "open deal"])  # fmt: skip
    summary(console, "leads with an open deal: error (of what they are worth) and expected / worth", rules,
            ["amounts of open deals", "rule", "error", "ratio"])  # fmt: skip


def held_of(level: float, both: pd.DataFrame) -> tuple[float, float, float, float]:
    """Return how often bounds of a level hold what came: of all leads, those with a chance, with a deal."""
    near = 0.006  # half a penny
    above = both["outcome_low"] - near <= both["brought"]
    inside = above & (both["brought"] <= both["outcome_high"] + near)
    some, deal = both["chance"] >= 0.05, both["stage"] == "opportunity"
    return level, float(inside.mean()), float(inside[some].mean()), float(inside[deal].mean())


def by_rule(own: pd.DataFrame, plain: pd.DataFrame) -> dict[str, pd.Series[float]]:
    """Return what is expected of leads by several uses of the amount of their open deal."""
    chance, amount = own["chance"], own["open_amount"]
    usual = plain.set_index("lead_id")["value"].reindex(own["lead_id"]).to_numpy() / chance
    return {
        "not used": chance * usual,
        "it instead (what predict does)": own["value"],
        "the lower of both": chance * np.minimum(usual, amount),
        "halfway (geometric mean)": chance * np.sqrt(usual * amount),
    }


def off_by(both: pd.DataFrame, value: pd.Series[float]) -> tuple[float, float]:
    """Return the error, and what is expected, over what they are worth: of leads with an open deal."""
    there = both["open_amount"] > 0
    value, right = value[there], both["worth"][there]
    return float((value - right).abs().sum() / right.sum()), float(value.sum() / right.sum())


def summary(console: Console, title: str, found: list[tuple[object, ...]], names: list[str]) -> None:
    """Print means over companies."""
    frame = pd.DataFrame(found, columns=names)
    means = frame.groupby(names[:2], sort=False).mean().reset_index()
    table = Table(title=title)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for row in means.itertuples(index=False):
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    console.print(table)


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
