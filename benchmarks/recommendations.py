"""How often advice is given on nothing: `python -m benchmarks.recommendations` prints it.

Made-up years in which every campaign breaks even: customers come to each by chance, as many as its spend pays
for on average, with deals whose sizes are skewed. Whatever `recommend` calls `scale` or `cut` there is wrong;
it may do so in at most one year of ten where 90 % is asked for. Beside it the years in which one campaign
brings twice its spend and one a quarter of it: how often those are found.

Deals may close long after the touch: then what the year's last touches bring is not known at its end.
"""

from __future__ import annotations

from typing import NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from attribution.clock import DAY
from attribution.ledger.allocate import MILLION
from attribution.metrics.credit_lags import Lags
from attribution.metrics.kpi_intervals import Intervals
from attribution.metrics.measures.parts import Parts
from attribution.metrics.recommend import draws_for
from attribution.metrics.recommend_rule import CUT, SCALE, UNKNOWN, Judged, Verdict, judge, row_level
from attribution.metrics.recommend_spend import USUAL
from attribution.store.columns import Ints

LEVEL = 0.9
TYPICAL = 100_000.0  # minor units a deal, on average
DAYS = 365


class Year(NamedTuple):
    """One made-up year: who brought what to which campaign, and what each cost."""

    unit: Ints
    campaign: Ints
    value: Ints
    spend: Ints
    come: float = 1.0  # which part of what the spend brings has come, if it comes as fast as what has


def year(
    expected: Ints, returns: tuple[float, ...], spread: float, seed: int, split: int = 1, lag: float = 0.0
) -> Year:
    """Make a year.

    Args:
        expected: customers that each campaign has on average.
        returns: value over spend of the first campaigns; of the others it is 1.
        spread: standard deviation of the logarithm of a deal.
        seed: chooses one of many.
        split: among how many campaigns, drawn like those of customers, a deal's value is spread evenly.
        lag: days from touch to closing on average, exponential; the year's end is that of the knowledge.
    """
    rng = np.random.default_rng(seed)
    customers = rng.poisson(expected)
    campaign = np.repeat(np.arange(len(expected)), customers)
    deals = 1 + rng.poisson(0.2, len(campaign))  # some come again
    unit = np.repeat(np.arange(len(campaign)), deals)
    value = TYPICAL * np.exp(rng.normal(-(spread**2) / 2, spread, len(unit)))
    if split > 1:
        unit, value = np.repeat(unit, split), np.repeat(value / split, split)
        others = rng.choice(len(expected), len(unit), p=expected / expected.sum())
        spend = expected * 1.2 * TYPICAL
        return Year(unit, others, np.rint(value).astype(np.int64), np.rint(spend).astype(np.int64))
    factor = np.ones(len(expected))
    factor[: len(returns)] = returns
    spend = expected * 1.2 * TYPICAL / factor
    made = Year(unit, campaign[unit], np.rint(value).astype(np.int64), np.rint(spend).astype(np.int64))
    return made if lag == 0 else _seen(made, lag, rng)


def _seen(made: Year, lag: float, rng: np.random.Generator) -> Year:
    """Return what `recommend` looks at of a year at its end: money is spent evenly, and touched as evenly."""
    touched = rng.uniform(0, DAYS, len(made.unit))
    took = rng.exponential(lag, len(made.unit))
    closed = touched + took <= DAYS
    micros, age = ((days[closed] * DAY).astype(np.int64) for days in (took, DAYS - touched))
    lags = Lags.of(micros, np.full(len(age), MILLION), np.maximum(age, micros))
    judged = int(DAYS - (lags.within(USUAL) or 0) / DAY)
    kept = closed & (touched < judged)
    come = lags.come(np.arange(DAYS - judged, DAYS) * DAY).mean()
    spend = np.rint(made.spend * judged / DAYS).astype(np.int64)
    return Year(made.unit[kept], made.campaign[kept], made.value[kept], spend, float(come))


def advice(made: Year, seed: int, level: float = LEVEL) -> list[Verdict]:
    """Judge each campaign of a year as `recommend` does."""
    rows = len(made.spend)
    each = row_level(level, rows)
    judged = Intervals(lambda _kind, records: made.unit[records], each, draws_for(each), seed)
    deals = np.arange(len(made.unit))
    value = Parts("deal", deals, made.campaign, made.value)
    bounds = judged.of(value, None, list(range(rows)))
    brought = np.bincount(made.unit * rows + made.campaign, made.value)
    lump = float(brought @ brought / brought.sum())
    sums = value.sums()
    return [
        judge(
            Judged(sums.get(g, 0), int(made.spend[g]), b.low, b.high, b.conversions, made.come),
            target=0, level=each, lump=lump,
        )
        for g, b in bounds.items()
    ]  # fmt: skip


@click.command()
@click.option("--years", default=200, show_default=True)
def main(years: int) -> None:
    """Print how often advice is wrong where all campaigns break even, and how often what differs is found."""
    console = Console()
    table = Table(title=f"Advice at {LEVEL:.0%} over {years} years")
    for name in (
        "rows",
        "each",
        "spread",
        "lag",
        "wrong",
        "scale",
        "cut",
        "2.0 found",
        "0.25 found",
        "no data",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for rows, each, spread, lag in (
        (5, 5, 0.8, 0), (5, 20, 0.8, 0), (5, 100, 0.8, 0), (20, 5, 0.8, 0), (20, 20, 0.8, 0),
        (20, 20, 1.2, 0), (20, 60, 0.8, 0), (60, 30, 0.8, 0), (60, 30, 1.2, 0), (5, 20, 0.8, 60),
        (5, 100, 0.8, 60), (5, 400, 0.8, 60), (20, 60, 0.8, 60), (20, 60, 0.8, 150),
    ):  # fmt: skip
        expected = np.full(rows, each)
        null = [[v.advice for v in advice(year(expected, (), spread, s, lag=lag), s)] for s in range(years)]
        other = [
            [v.advice for v in advice(year(expected, (2, 0.25), spread, s, lag=lag), s)] for s in range(years)
        ]
        table.add_row(
            f"{rows}", f"{each}", f"{spread}", f"{lag}",
            f"{np.mean([SCALE in one or CUT in one for one in null]):.1%}",
            f"{np.mean([SCALE in one for one in null]):.1%}", f"{np.mean([CUT in one for one in null]):.1%}",
            f"{np.mean([one[0] == SCALE for one in other]):.0%}",
            f"{np.mean([one[1] == CUT for one in other]):.0%}",
            f"{np.mean([a == UNKNOWN for one in null for a in one]):.0%}",
        )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
