"""How far each model's credit is from what the channels truly did: `python -m benchmarks.truth`.

Simulated companies (`benchmarks/truth_worlds.py`) are attributed with every model there is, and the shares
of the channels are compared with the simulation's own truth. People are known in a simulation, so nothing of
what is measured is a matter of identity resolution, of classification or of lost clicks: it is the model.

    error     mean over the channels of |share of credit - share of contribution|, in percentage points
    spread    standard deviation of the error from company to company
    order     Kendall's tau-b between the channels' credit and their contribution: 1 is the same order
    idle      share of the credit that goes to channels which do nothing, in percent, where there are any

A channel's contribution is the expected revenue less what would be expected if its visits took place and
had no influence (`attribution/simulate/truth.py`). Contributions below nought count as nought, and they are
divided by their sum, because credits share out all revenue and contributions do not. `error if absent` has
the answer to another question as its truth: what would be lost if the visits did not take place at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import click
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import kendalltau

from attribution.journeys.columns import Journeys
from attribution.models.base import AttributionModel
from attribution.models.parameters import parameter_defaults, parameter_types
from attribution.models.registry import get_model, list_models, model_class
from attribution.simulate.world import CHANNELS
from benchmarks.truth_worlds import WORLDS, Sample, draw, names_of_milestones

VARIANTS = ("linear:ignore=Direct", "markov:order=3")  # beside every model with its usual parameters
EVEN = "(all channels the same)"  # what somebody would say who has seen no data
REMOVAL = "removal-effect share"  # the figure of the literature, which no split of deals adds up to

Floats = npt.NDArray[np.float64]


class Measure(NamedTuple):
    """How far credit is from truth; see the module's text."""

    error: float
    order: float
    idle: float


def shares(values: Floats) -> Floats:
    """Return values as shares of their sum, those below nought as nought.

    >>> shares(np.array([3.0, -1.0, 1.0])).tolist()
    [0.75, 0.0, 0.25]
    """
    values = np.clip(np.asarray(values, np.float64), 0.0, None)
    whole = values.sum()
    return values / whole if whole else values


def measure(credit: Floats, contribution: Floats) -> Measure:
    """Compare what channels were credited with what they contributed, both in any unit.

    >>> measure(np.array([50, 30, 20]), np.array([60, 40, 0]))
    Measure(error=13.33..., order=1.0, idle=20.0)
    """
    credited, true = shares(credit), shares(contribution)
    order = kendalltau(credited, true).statistic  # NaN where all channels tie, as in an even split
    return Measure(
        error=100 * float(np.abs(credited - true).mean()),
        order=float(order),
        idle=100 * float(credited[true == 0].sum()) if (true == 0).any() else np.nan,
    )


def models(chosen: str) -> list[AttributionModel]:
    """Return the models named, separated by blanks; for nothing all that need no choice, and the variants."""
    return [get_model(spec) for spec in chosen.split() or (*_ready(), *VARIANTS)]


def _ready() -> list[str]:
    """Name the models whose parameters all have defaults: `custom` is whatever somebody makes of it."""
    classes = {name: model_class(name) for name in list_models()}
    return [
        name
        for name, made in classes.items()
        if parameter_types(made).keys() == parameter_defaults(made).keys()
    ]


def credits(model: AttributionModel, journeys: Journeys) -> Iterator[tuple[str, Floats]]:
    """Yield what a model credits to each of `CHANNELS`, under its name; a second figure under another one."""
    if model.needs_fit:
        model.fit(journeys)
    bought = journeys.take(journeys.converted)
    worth = model.shares(bought) * np.repeat(bought.value, bought.lengths)
    yield model.label, np.bincount(bought.channel, worth, len(CHANNELS))
    if model.name == "markov":
        table: Callable[[], pd.DataFrame] = model.channels  # type: ignore[attr-defined]
        found = table()["removal_effect"].reindex(CHANNELS, fill_value=0.0)
        yield f"{model.label}, {REMOVAL}", found.to_numpy(np.float64)


def all_credits(sample: Sample, chosen: list[AttributionModel]) -> list[tuple[str, Floats]]:
    """Return what all models credit, and an even split."""
    found = [(EVEN, np.ones(len(CHANNELS)))]
    for model in chosen:
        found += credits(model, sample.journeys)
    return found


def compare(sample: Sample, chosen: list[AttributionModel]) -> pd.DataFrame:
    """Return a row a model with its measures in one company."""
    rows = []
    for label, credit in all_credits(sample, chosen):
        muted, absent = measure(credit, sample.contribution), measure(credit, sample.lost_if_absent)
        rows.append((label, *muted, absent.error))
    return pd.DataFrame(rows, columns=["model", *Measure._fields, "error_if_absent"])


def by_channel(sample: Sample, chosen: list[AttributionModel]) -> pd.DataFrame:
    """Return a row a model with the percentages it credits to each channel, below the two truths."""
    lines = [("(true)", sample.contribution), ("(true if absent)", sample.lost_if_absent)]
    lines += all_credits(sample, chosen)
    return pd.DataFrame(
        [(label, *(100 * shares(values)).tolist()) for label, values in lines], columns=["model", *CHANNELS]
    )


def run(seeds: int, people: int, chosen: list[AttributionModel]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure all models in all worlds.

    Returns:
        A row a world, seed and model; and a row a world and seed with the size of the company.
    """
    wanted = names_of_milestones(chosen)
    results, sizes = [], []
    for name, kind in WORLDS.items():
        for seed in range(1, seeds + 1):
            sample = draw(kind, seed, people, wanted)
            results.append(compare(sample, chosen).assign(world=name, seed=seed))
            sizes.append({"world": name, "seed": seed} | sample.size)
    return pd.concat(results, ignore_index=True), pd.DataFrame(sizes)


def summary(results: pd.DataFrame) -> pd.DataFrame:
    """Return the means over seeds, a row a world and model, with the standard deviation of the error."""
    kinds = [*Measure._fields, "error_if_absent"]
    grouped = results.groupby(["world", "model"], sort=False)
    return grouped[kinds].mean().assign(spread=grouped["error"].std()).reset_index()


def overall(found: pd.DataFrame) -> pd.DataFrame:
    """Return a row a model: its error in each world, their mean and the worst, best mean first.

    Worlds that are looked at by leads are left out: they are another one once more.

    Args:
        found: what :func:`summary` returns.
    """
    worlds = [name for name, kind in WORLDS.items() if kind.goal == "revenue"]
    chosen = found[found["world"].isin(worlds)]
    wide = chosen.pivot(index="model", columns="world", values="error")[worlds]
    means = chosen.groupby("model")[["order", "idle", "error_if_absent"]].mean()
    both = wide.assign(mean=wide.mean(axis=1), worst=wide.max(axis=1)).join(means)
    return both.sort_values(["mean", "worst"], kind="stable").reset_index()


def table(frame: pd.DataFrame, digits: int = 1) -> str:
    """Write a frame as a table in Markdown, numbers on the right; the measure `order` has two digits."""
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame.columns]
    places = [2 if name == "order" else digits for name in frame.columns]
    lines = [[str(name).replace("_", " ") for name in frame.columns]]
    lines.append(["---:" if number else "---" for number in numeric])
    for row in frame.itertuples(index=False):
        lines.append([_cell(value, place) for value, place in zip(row, places, strict=True)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object, digits: int) -> str:
    if isinstance(value, float):
        return "—" if np.isnan(value) else f"{value:.{digits}f}"
    model, comma, what = str(value).partition(", ")
    return f"`{model}`{comma}{what}" if model[:1].isalpha() else str(value)


def print_all(found: pd.DataFrame, sizes: pd.DataFrame) -> None:
    """Print a table a world, sorted by error, and one over all worlds."""
    columns = ["model", "error", "spread", "order", "idle", "error_if_absent"]
    for name, kind in WORLDS.items():
        size = sizes[sizes["world"] == name].mean(numeric_only=True)
        what = "leads" if kind.goal == "leads" else "deals won"
        print(f"\n## {name}: {kind.told}\n")
        print(f"Means of {sizes['seed'].max()} companies: {size['touches']:,.0f} touches, ", end="")
        print(
            f"{size['conversions']:,.0f} {what}; no channel's doing: {size['baseline']:.0%} of the revenue.\n"
        )
        print(table(found[found["world"] == name].sort_values("error", kind="stable")[columns], 2))
    print("\n## All worlds: error in percentage points\n")
    print(table(overall(found)))


@click.command()
@click.option("--seeds", default=5, show_default=True, help="Companies of each kind.")
@click.option("--people", default=100_000, show_default=True, help="People of each company.")
@click.option("--models", "chosen", default="", help="Models, separated by blanks; all by default.")
@click.option("--csv", "path", default="", help="Also write the means to this file, for the chart.")
@click.option(
    "--channels", type=click.Choice(list(WORLDS)), help="Print all shares in one company of a kind."
)
def main(seeds: int, people: int, chosen: str, path: str, channels: str | None) -> None:
    """Print how far each model is from the truth in simulated worlds."""
    start = time.perf_counter()
    if channels:
        asked = models(chosen)
        sample = draw(WORLDS[channels], 1, people, names_of_milestones(asked))
        print(table(by_channel(sample, asked)))
        return
    results, sizes = run(seeds, people, models(chosen))
    found = summary(results)
    print_all(found, sizes)
    if path:
        found.round(4).to_csv(path, index=False, lineterminator="\n")
    print(f"\n{len(sizes)} companies of {people:,} people in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
