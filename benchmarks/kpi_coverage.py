"""How often a 90 % interval of a KPI holds its expectation: `python -m benchmarks.kpi_coverage` prints it.

Small made-up years with a known law: companies send leads, some of them several; leads become deals, more of
them in some channels, bigger ones in bigger companies, or are lost. The truth is what each KPI is in such a
year on average, over years that are not judged. Judged are channels that win thirty deals or more in a
year; figures that are `too few` all the same are left out, and counted.

A second table is of shares near 0 and 1, and of what few accounts bring: deals that stand alone, and a dozen
on average of each account, whose own chance and own size of a deal differ from the next one's.
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


SHARES = ("win_rate",)  # of those above
DOZEN = 12


class Case(NamedTuple):
    """Deals of some accounts, by themselves.

    Attributes:
        share: won of these, on average.
        accounts: how many.
        deals: of an account, on average; 1: each has one.
        alike: correlation of the outcomes within an account.
    """

    share: float
    accounts: int
    deals: int = 1
    alike: float = 0.0


CASES = (
    *(Case(share, alone) for share in (0.75, 0.9, 0.95, 0.97) for alone in (40, 100)),
    *(Case(0.03, alone) for alone in (40, 100, 400, 1000, 2000)),
    *(
        Case(share, n, DOZEN, alike)
        for share in (0.95, 0.97, 0.03)
        for n in (30, 100)
        for alike in (0.0, 0.1, 0.3)
    ),
)
SIZED = (Case(1.0, 10, DOZEN), Case(1.0, 30, DOZEN), Case(1.0, 100, DOZEN))


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
            whole = made.parts[below] if below else None
            bounds = judged.of(made.parts[top], whole, list(range(CHANNELS)), share=name in SHARES)
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


class Held(NamedTuple):
    """How often an interval held the truth, had no width, and was not made; its width on average."""

    right: float
    width: float
    nothing: float
    too_few: float


def case_coverage(case: Case, years: int, *, sized: bool = False) -> Held:
    """Judge the win rate of some deals, or else their average size, over so many years."""
    found: list[tuple[bool, float]] = []
    spread = 0.7  # of the logarithm of an account's usual deal
    truth = float(np.exp(spread**2 / 2)) if sized else case.share
    for seed in range(years):
        rng = np.random.default_rng(seed)
        one = case.deals == 1
        per = np.ones(case.accounts, np.int64) if one else 1 + rng.poisson(case.deals - 1, case.accounts)
        unit = np.repeat(np.arange(case.accounts), per)
        if case.alike:
            sure = 1 / case.alike - 1
            chance = rng.beta(case.share * sure, (1 - case.share) * sure, case.accounts)[unit]
        else:
            chance = np.full(len(unit), case.share)
        won = rng.random(len(unit)) < chance
        usual = np.exp(rng.normal(0, spread, case.accounts))[unit]
        deal, nowhere = np.arange(len(unit)), np.zeros(len(unit), np.int64)
        every = Parts("deal", deal, nowhere, np.full(len(unit), MILLION))
        value = np.rint(MILLION * usual).astype(np.int64) if sized else np.full(len(unit), MILLION)
        part = Parts("deal", deal[won], nowhere[won], value[won])
        judged = Intervals(lambda _kind, records, unit=unit: unit[records], LEVEL, seed=seed)
        bounds = judged.of(part, every, [0], share=not sized)[0]
        if bounds.low is not None and bounds.high is not None:
            found.append((bounds.low <= truth <= bounds.high, bounds.high - bounds.low))
    if not found:
        return Held(np.nan, np.nan, np.nan, 1.0)
    right, width = np.array(found, np.float64).T
    return Held(right.mean(), width.mean() / truth, (width == 0).mean(), 1 - len(found) / years)


def print_cases(console: Console, years: int) -> None:
    """Print the table of shares and of few accounts."""
    table = Table(title=f"The same of {years} years each, of shares near 0 and 1 and of few accounts")
    for column in ("figure", "accounts", "deals", "alike", "holds the truth", "width", "no width", "too few"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for case, sized in (*((case, False) for case in CASES), *((case, True) for case in SIZED)):
        held = case_coverage(case, years, sized=sized)
        made = [f"{held.right:.1%}", f"{held.width:.2f}", f"{held.nothing:.1%}"]
        table.add_row(
            "average deal size" if sized else f"win rate of {case.share:.0%}",
            str(case.accounts), str(case.accounts * case.deals), f"{case.alike:g}",
            *(made if held.too_few < 1 else [""] * 3), f"{held.too_few:.0%}",
        )  # fmt: skip
    console.print(table)


@click.command()
@click.option("--sizes", default="150,300,1000", show_default=True, help="Numbers of companies.")
@click.option("--years", default=200, show_default=True, help="How many years of each size.")
@click.option("--only-cases", is_flag=True, help="Only the table of shares and of few accounts.")
def main(sizes: str, years: int, only_cases: bool) -> None:
    """Print the tables."""
    console = Console(width=150)
    if not only_cases:
        print_years(console, sizes, years)
    print_cases(console, years)


def print_years(console: Console, sizes: str, years: int) -> None:
    """Print the table of whole years."""
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
    console.print(table)


if __name__ == "__main__":
    main()
