"""How often a 90 % interval holds the truth: `python -m benchmarks.coverage` prints it per model and size.

Many small made-up years with a known law: people come through channels, some buy, some again and again,
deals are lognormal, and big for the same people. The truth is what a model credits to a channel in such
a year on average. Beside ours stand the same draws read in other ways, and a bootstrap of the buyers alone,
which knows nothing of the chance of how many there were. Channels with too few conversions are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from attribution.journeys.columns import FloatArray, Journeys, offsets_of
from attribution.models.base import AttributionModel
from attribution.models.registry import get_model
from attribution.trust.bca import Spread, bca_bounds, bca_interval, spread
from attribution.trust.bootstrap import bootstrap
from attribution.trust.intervals import Intervals

CHANNELS = ("Search", "Email", "Social", "Referral")
COMMON = (0.4, 0.3, 0.2, 0.1)
PERSUADES = np.array([0.10, 0.25, 0.05, 0.20])  # to buy, a touch
LEVEL = 0.9

_INFINITE = 1e9


def small_world(people: int, seed: int, *, sigma: float = 1.0) -> Journeys:
    """Return a year: one journey for each deal, and one for each of the others; all deals of some size.

    Args:
        people: who came.
        seed: of everything.
        sigma: of the logarithm of a deal, beside what its person brings to it (0.4).
    """
    rng = np.random.default_rng(seed)
    visits = 1 + rng.poisson(1.5, people)
    channel = rng.choice(len(CHANNELS), visits.sum(), p=COMMON)
    left = np.multiply.reduceat(1 - PERSUADES[channel], np.cumsum(visits) - visits)
    buys = rng.random(people) > left
    deals = np.where(buys, rng.geometric(0.6, people), 0)
    size = np.exp(rng.normal(0, 0.4, people))
    who = np.repeat(np.arange(people), np.maximum(deals, 1))
    # somebody's next deal comes after other touches than the first
    lengths = np.where(np.diff(who, prepend=-1) > 0, visits[who], 1 + rng.poisson(1.5, len(who)))
    offsets = offsets_of(lengths)
    codes = rng.choice(len(CHANNELS), offsets[-1], p=COMMON)
    codes[np.repeat(np.diff(who, prepend=-1) > 0, lengths)] = channel
    n = len(codes)
    value = 1e5 * size[who] * np.exp(rng.normal(0, sigma, len(who)))
    return Journeys(
        offsets=offsets, at=np.arange(n), channel=codes.astype(np.int32), kind=np.zeros(n, np.int16),
        placement=np.arange(n), touch=np.arange(n), person=np.repeat(who, lengths),
        converted_at=offsets[1:], value=np.rint(value).astype(np.int64),
        converted=buys[who], channels=CHANNELS,
    )  # fmt: skip


def expected(model: AttributionModel, people: int, worlds: int, sigma: float = 1.0) -> FloatArray:
    """Return what a model credits to each channel on average, over worlds that are not judged."""
    sums = np.zeros(len(CHANNELS))
    for seed in range(worlds):
        journeys = small_world(people, 10**6 + seed, sigma=sigma)
        sums += unit_sums(model.fit(journeys), journeys).sum(axis=0)
    return sums / worlds


def unit_sums(model: AttributionModel, journeys: Journeys) -> FloatArray:
    """Return [U, G]: what each person's journeys credit to each channel."""
    credit = np.repeat(journeys.value * journeys.converted, journeys.lengths) * model.shares(journeys)
    sums = np.zeros((int(journeys.person.max()) + 1, len(CHANNELS)))
    np.add.at(sums, (journeys.person, journeys.channel), credit)
    return sums


def ways(found: Intervals, sums: FloatArray, seed: int) -> Mapping[str, tuple[FloatArray, FloatArray]]:
    """Return the bounds that other ways make of the same draws, and those of the buyers alone."""
    point, samples = found.credited, found.samples
    low, high = np.quantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    positive = np.maximum(point, 1.0)
    reach = np.exp(1.6449 * samples.std(axis=0) / positive)
    bought = sums[sums.any(axis=1)]
    times = np.random.default_rng(seed).multinomial(len(bought), np.full(len(bought), 1 / len(bought)), 400)
    centred = bought - bought.mean(axis=0)
    whose, which = np.nonzero(sums)
    found_spread = spread(sums[whose, which], which, len(point))
    normal = Spread(found_spread.acceleration, np.full(len(point), _INFINITE))
    return {
        "ours": (found.low, found.high),
        "BCa, normal": bca_bounds(point, samples, normal, LEVEL),
        "log scale": (point / reach, point * reach),
        "percentiles": (low, high),
        "buyers alone, BCa": bca_interval(point, times @ bought, centred, LEVEL),
    }


def coverage(
    name: str, people: int, worlds: int, *, draws: int = 400, sigma: float = 1.0
) -> dict[str, tuple[float, float]]:
    """Return for each way how often its interval holds the truth, and how wide it is beside the truth."""
    model = get_model(name)
    truth = expected(model, people, 10 * worlds, sigma)
    held: dict[str, list[FloatArray]] = {}
    for seed in range(worlds):
        journeys = small_world(people, seed, sigma=sigma)
        found = bootstrap([model], journeys, level=LEVEL, draws=draws, seed=seed)[model.label]
        sums = unit_sums(model.fit(journeys), journeys)
        for way, (low, high) in ways(found, sums, seed).items():
            inside = np.stack((1.0 * ((low <= truth) & (truth <= high)), (high - low) / truth))
            held.setdefault(way, []).append(inside[:, ~found.too_few])
    means = {way: np.concatenate(parts, axis=1).mean(axis=1) for way, parts in held.items()}
    return {way: (float(inside), float(width)) for way, (inside, width) in means.items()}


@click.command()
@click.option("--models", default="first_touch,linear,markov", show_default=True)
@click.option("--sizes", default="50,100,200,300", show_default=True, help="Numbers of people.")
@click.option("--worlds", default=300, show_default=True, help="How many years of each size.")
@click.option("--sigma", default=1.0, show_default=True, help="Of the logarithm of a deal.")
def main(models: str, sizes: str, worlds: int, sigma: float) -> None:
    """Print the table."""
    table = Table(title=f"How often a {LEVEL:.0%} interval holds the truth (and its width beside it)")
    rows = []
    for name in models.split(","):
        for people in (int(text) for text in sizes.split(",")):
            rows.append((name, people, coverage(name, people, worlds, sigma=sigma)))
    for heading in ("model", "people", *rows[0][2]):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name, people, found in rows:
        table.add_row(name, str(people), *(f"{inside:.1%} ({width:.2f})" for inside, width in found.values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
