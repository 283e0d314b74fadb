"""How often a 90 % interval of a KPI holds its expectation: `python -m benchmarks.kpi_coverage` prints it.

Small made-up years with a known law: companies send leads, some of them several; leads become deals, more of
them in some channels, bigger ones in bigger companies, or are lost. The truth is what each KPI is in such a
year on average, over years that are not judged. Judged are channels that win thirty deals or more in a
year; figures that are `too few` all the same are left out, and counted.
"""

from __future__ import annotations

from typing import NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from attribution.clock import DAY
from attribution.journeys.columns import FloatArray
from attribution.metrics.kpi_intervals import Intervals
from attribution.metrics.measures.parts import Parts
from attribution.store.columns import Ints

LEVEL = 0.9
MILLION = 1_000_000
CHANNELS = 3
LEADS = 1.6  # of a company, on average
LEAST = 30.0  # deals of a channel: of fewer nothing is promised
COMMON = (0.5, 0.3, 0.2)
WINS = np.array([0.25, 0.35, 0.2])  # of the leads of each channel
SPEND = np.array([300_000_00, 100_000_00, 50_000_00], np.int64)

KPIS = {
    "leads": ("leads", None), "won_deals": ("won", None), "revenue": ("revenue", None),
    "lead_value": ("revenue", "leads"), "win_rate": ("won", "decided"),
    "average_deal_size": ("revenue", "won"),
    "cost_per_lead": ("spend", "leads"), "cost_per_acquisition": ("spend", "won"),
    "roas": ("revenue", "spend"),
}  # fmt: skip


class Year(NamedTuple):
    """One made-up year: the parts of its measures, who each record is drawn with, days from lead to won."""

    parts: dict[str, Parts]
    unit: Ints
    won: Ints
    micros: Ints


def deals(companies: int) -> FloatArray:
    """Return how many deals each channel wins in a year on average."""
    return np.asarray(companies * LEADS * np.array(COMMON) * WINS)


def year(companies: int, seed: int) -> Year:
    """Make a year of so many companies on average."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(companies)
    of_company = 1 + rng.poisson(LEADS - 1, n)
    company = np.repeat(np.arange(n), of_company)
    size = np.exp(rng.normal(0, 0.5, n))
    channel = rng.choice(CHANNELS, len(company), p=COMMON).astype(np.int64)
    won = rng.random(len(company)) < WINS[channel]
    lost = ~won & (rng.random(len(company)) < 0.4)
    amount = np.rint(1e6 * size[company] * np.exp(rng.normal(0, 0.8, len(company)))).astype(np.int64)
    lead = np.arange(len(company))
    ones = np.full(len(company), MILLION)
    decided = won | lost
    parts = {
        "leads": Parts("lead", lead, channel, ones),
        "won": Parts("lead", lead[won], channel[won], ones[won]),
        "decided": Parts("lead", lead[decided], channel[decided], ones[decided]),
        "revenue": Parts("lead", lead[won], channel[won], amount[won]),
        "spend": Parts.of_groups(dict(enumerate(SPEND.tolist()))),
    }
    took = (np.exp(rng.normal(3.5, 0.7, len(company))) * DAY).astype(np.int64)
    return Year(parts, company, lead[won], took[won])


def figures(made: Year) -> dict[str, FloatArray]:
    """Return each KPI by channel, and the median days to win of the whole."""
    sums = {name: np.zeros(CHANNELS) for name in made.parts}
    for name, parts in made.parts.items():
        for group, value in parts.sums().items():
            sums[name][group] = value
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {
            name: sums[top] if below is None else sums[top] / sums[below]
            for name, (top, below) in KPIS.items()
        }
    found["time_to_won"] = (
        np.array([float(np.median(made.micros))]) if len(made.micros) else np.array([np.nan])
    )
    return found


def expected(companies: int, years: int) -> dict[str, FloatArray]:
    """Return what each KPI is on average, over years that are not judged."""
    drawn = [figures(year(companies, 10**6 + seed)) for seed in range(years)]
    return {
        name: np.nanmean(np.where(np.isfinite(all_), all_, np.nan), axis=0)
        for name in drawn[0]
        if (all_ := np.array([one[name] for one in drawn])) is not None
    }


def coverage(companies: int, years: int) -> dict[str, tuple[float, float, float]]:
    """Return for each KPI how often its interval holds the truth, its width, and how many were too few."""
    truth = expected(companies, 20 * years)
    held: dict[str, list[tuple[bool, float]]] = {name: [] for name in truth}
    few = dict.fromkeys(truth, 0)
    for seed in range(years):
        made = year(companies, seed)
        judged = Intervals(lambda _kind, records, unit=made.unit: unit[records], LEVEL, seed=seed)
        for name, (top, below) in KPIS.items():
            bounds = judged.of(made.parts[top], made.parts[below] if below else None, list(range(CHANNELS)))
            for group, one in bounds.items():
                if deals(companies)[group] < LEAST:
                    continue
                if one.low is None or one.high is None:
                    few[name] += 1
                    continue
                right = truth[name][group]
                held[name].append((one.low <= right <= one.high, (one.high - one.low) / right))
        one = judged.of_median("lead", made.won, made.micros, np.full(len(made.won), MILLION))
        if one.low is None or one.high is None:
            few["time_to_won"] += 1
        else:
            right = truth["time_to_won"][0]
            held["time_to_won"].append((one.low <= right <= one.high, (one.high - one.low) / right))
    return {
        name: (*np.array(pairs, float).mean(axis=0).tolist(), few[name] / (len(pairs) + few[name]))
        for name, pairs in held.items()
        if pairs
    }


@click.command()
@click.option("--sizes", default="150,300,1000", show_default=True, help="Numbers of companies.")
@click.option("--years", default=200, show_default=True, help="How many years of each size.")
def main(sizes: str, years: int) -> None:
    """Print the table."""
    table = Table(title=f"How often a {LEVEL:.0%} interval holds the truth (its width beside it; too few)")
    found = {int(size): coverage(int(size), years) for size in sizes.split(",")}
    table.add_column("KPI")
    for size in found:
        won = [f"{count:.0f}" for count in deals(size) if count >= LEAST]
        table.add_column(f"{size:,} companies: {', '.join(won)} deals by channel", justify="right")
    for name in next(iter(found.values())):
        cells = [
            f"{one[name][0]:.1%} ({one[name][1]:.2f}; {one[name][2]:.0%})" if name in one else ""
            for one in found.values()
        ]
        table.add_row(name, *cells)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
