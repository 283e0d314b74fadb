"""Path tables of other packages (a row: a path, its conversions, their value, its nulls) as `Journeys`."""

import csv
import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attribution.journeys.columns import Journeys
from attribution.models.base import AttributionModel
from attribution.models.markov import Markov

# Row values carry up to 17 decimals, the tail being noise of the float that was printed. At 1e-12 a whole row
# is right to 5e-13, all 10,000 rows together to 5e-9 at worst, and their sum (7.5e16) still fits int64.
SCALE = 10**12

# A figure that a file shows with six decimals is right to half of the last one.
SIX_DECIMALS = 0.5e-6 * 1.001


class PathRow(NamedTuple):
    """A path and what became of those who took it; `value` is of all its conversions together."""

    path: tuple[str, ...]
    conversions: int
    value: Decimal
    nulls: int


def collapsed(rows: Sequence[PathRow]) -> list[PathRow]:
    """Return the rows with consecutive repeats of a channel taken as one touch."""
    return [row._replace(path=tuple(channel for channel, _ in groupby(row.path))) for row in rows]


def journeys_of(rows: Sequence[PathRow], *, nulls: bool = True, scale: int = SCALE) -> Journeys:
    """Return one journey for each conversion and null; a row's value is spread evenly, its sum kept exactly.

    Touches are a microsecond apart; values are in units of 1 / scale.
    """
    paths = Journeys.from_paths([list(enumerate(row.path)) for row in rows])
    conversions = np.array([row.conversions for row in rows], np.int64)
    lost = np.array([row.nulls if nulls else 0 for row in rows], np.int64)
    total = np.array([round(row.value * scale) for row in rows], np.int64)
    assert not total[conversions == 0].any(), "a value without a conversion"
    row_of = np.repeat(np.arange(len(rows)), conversions + lost)
    place = np.arange(len(row_of)) - np.repeat(
        np.cumsum(conversions + lost) - conversions - lost, conversions + lost
    )
    converted = place < conversions[row_of]
    each, rest = np.divmod(total, np.maximum(conversions, 1))
    value = np.where(converted, each[row_of] + (place < rest[row_of]), 0)
    journeys = paths.take(row_of)
    n = journeys.n_touches
    journeys = replace(
        journeys, value=value, converted=converted, touch=np.arange(n), placement=np.arange(n),
        person=np.repeat(np.arange(len(row_of)), journeys.lengths),
    )  # fmt: skip
    journeys.check()
    return journeys


def credited(model: AttributionModel, journeys: Journeys) -> dict[str, float]:
    """Return the conversions that a model credits to each channel."""
    return _sums(journeys, model.shares(journeys) * np.repeat(journeys.converted, journeys.lengths))


def credited_value(model: AttributionModel, journeys: Journeys, scale: int = SCALE) -> dict[str, float]:
    """Return the value that a model credits to each channel, in major units."""
    value = np.repeat(np.where(journeys.converted, journeys.value, 0), journeys.lengths)
    return {name: total / scale for name, total in _sums(journeys, model.shares(journeys) * value).items()}


def _sums(journeys: Journeys, amounts: np.ndarray) -> dict[str, float]:
    # fsum: half a million terms, and the comparison is to the tenth digit
    return {name: math.fsum(amounts[journeys.channel == code]) for code, name in enumerate(journeys.channels)}


@cache
def public_rows(vectors: Path) -> tuple[PathRow, ...]:
    """Return the data set of ChannelAttribution: 10,000 paths over 12 channels (GPL: read, never copied)."""
    with (vectors / "channelattribution_Data.csv").open(encoding="utf-8") as lines:
        return tuple(
            PathRow(
                tuple(row["path"].split(" > ")), int(row["total_conversions"]),
                Decimal(row["total_conversion_value"]), int(row["total_null"]),
            )
            for row in csv.DictReader(lines, delimiter=";")
        )  # fmt: skip


@cache
def public_journeys(vectors: Path, nulls: bool = True) -> Journeys:
    """Return that data set as 88,387 journeys, or without nulls as the 19,785 that converted."""
    return journeys_of(public_rows(vectors), nulls=nulls)


@cache
def public_markov(vectors: Path, order: int = 1, nulls: bool = True) -> Markov:
    """Return the chain of that data set."""
    return Markov(order=order).fit(public_journeys(vectors, nulls))


@cache
def nine_journeys(vectors: Path) -> Journeys:
    """Return the nine journeys of marketing-attribution-models' tests: a day between touches, 3.00 each."""
    rows = read_columns(vectors / "mam_tests_9journeys.csv", key="journey_id")
    paths = []
    for path, hours in zip(rows["journey"].values(), rows["time_till_end"].values(), strict=True):
        ago = [int(float(text)) for text in str(hours).split(" > ")]
        paths.append(
            [((100 - h) * 3_600_000_000, name) for name, h in zip(str(path).split(" > "), ago, strict=True)]
        )
    return Journeys.from_paths(paths, values=[300] * len(paths))


@cache
def readme_journeys(vectors: Path) -> Journeys:
    """Return the three journeys of pychattr's README, worth 1.00 each, all converted."""
    rows = read_columns(vectors / "pychattr_readme_data.csv", key="path")
    paths = [list(enumerate(path.split(" >>> "))) for path in rows["revenue"]]
    return Journeys.from_paths(paths, values=[100 * int(str(v)) for v in rows["revenue"].values()])


@cache
def read_columns(file: Path, key: str = "channel_name") -> dict[str, dict[str, str]]:
    """Return a table as column, then row key, then text."""
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {name: {row[key]: row[name] for row in rows} for name in rows[0]}


def numbers(file: Path, column: str, key: str = "channel_name") -> dict[str, float]:
    """Return a column of a table as numbers by row key."""
    return {name: float(text) for name, text in read_columns(file, key)[column].items()}


def furthest(ours: dict[str, float], theirs: dict[str, float]) -> float:
    """Return the largest difference of two figures for the same channels."""
    assert ours.keys() == theirs.keys()
    return max(abs(ours[name] - theirs[name]) for name in theirs)


def shares(amounts: dict[str, float]) -> dict[str, float]:
    """Return each amount as a share of all."""
    total = sum(amounts.values())
    return {name: amount / total for name, amount in amounts.items()}


def channels(model: Markov, column: str, scale: int = 1) -> dict[str, float]:
    """Return a column of the fitted channels by name; amounts in major units."""
    return {str(name): float(figure) / scale for name, figure in model.channels()[column].items()}
