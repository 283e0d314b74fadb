"""The past of a store as examples: which months are learned from, which calibrate, which judge.

An example is one open lead at one month-end. Months of the three slices do not overlap with what came after
the slice before: between two slices lie as many month-ends as the horizon is long, less one, so that
every outcome of the earlier one was known when the later one begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution.errors import InputError
from attribution.journeys.columns import FloatArray
from attribution.metrics.predict.features import (
    STAGES,
    are_deals_told_late,
    is_told_late,
    known_at,
    open_amounts,
    outcome,
)
from attribution.metrics.predict.learn import Encoding, Fit, Sample, learn
from attribution.metrics.predict.months import MOST, months_text
from attribution.metrics.predict.records import Records
from attribution.store.columns import Ints
from attribution.store.keys import mix, text_hash

FEWEST_MONTHS: Final = 6
FEWEST_WINS: Final = 30
FEWEST_HELD_OUT: Final = 10
MOST_ALIKE: Final = 10_000  # examples with, and without, a win that are learned from; more are thinned out
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


class TooLittlePast(InputError):
    """There are too few months, or too few wins in them, to predict."""


@dataclass(frozen=True)
class Slices:
    """Numbers of month-ends: those learned from, those that calibrate, those that judge (maybe none)."""

    train: range
    calibrate: range
    test: range


def slices(known: range, horizon: int, *, judged: bool) -> Slices:
    """Cut the month-ends whose outcome is known.

    Args:
        known: numbers of month-ends that follow each other.
        horizon: months until an outcome is known.
        judged: keep the latest apart to judge; else they calibrate.

    Raises:
        TooLittlePast: too few.

    >>> cut = slices(range(0, 12), 2, judged=True)
    >>> list(cut.train), list(cut.calibrate), list(cut.test)
    ([0, 1, 2, 3, 4, 5], [7, 8], [10, 11])
    >>> slices(range(0, 12), 2, judged=False).calibrate
    range(10, 12)
    """
    gap = horizon - 1
    usable = len(known) - 2 * gap
    if usable < FEWEST_MONTHS:
        raise TooLittlePast(
            f"the past is too short to predict {months_text(horizon)} ahead: {len(known)} month-ends have a "
            f"known outcome, needed are {FEWEST_MONTHS + 2 * gap}"
        )
    held = max(usable // 4, 1)
    test = range(known.stop - held, known.stop)
    if not judged:
        return Slices(range(known.start, test.start - gap), test, range(0))
    calibrate = range(test.start - gap - held, test.start - gap)
    return Slices(range(known.start, calibrate.start - gap), calibrate, test)


@dataclass
class Past:
    """Examples of a store.

    Args:
        records: what is known of every lead.
        ends: int64[L], month-ends up to `as_of`.
        as_of: until when outcomes are known.
        horizon: months ahead.
        timezone: whose days are told.
        latest: when anything last happened in the CRM, by the last run; None: nothing did by then.
        ran_at: when the last run was; None: at `as_of`.
    """

    records: Records
    ends: Ints
    as_of: int
    horizon: int
    timezone: str = "UTC"
    latest: int | None = None
    ran_at: int | None = None
    left_out: tuple[str, ...] = field(default=(), init=False)
    kept: dict[int, pd.DataFrame] = field(default_factory=dict, repr=False)  # examples that were made before

    def __post_init__(self) -> None:
        if is_told_late(self.records, self.as_of):
            self.left_out += ("industry",)
        if are_deals_told_late(self.records, self.as_of):
            self.left_out += ("deals",)

    def known_at(self, at: int) -> pd.DataFrame:
        """Return what was known at an instant (:func:`attribution.metrics.predict.features.known_at`)."""
        return known_at(self.records, at, deals_count="deals" not in self.left_out)

    @property
    def amounts_count(self) -> bool:
        """Tell whether amounts of open deals are those of then, as far as nothing came after."""
        return "deals" not in self.left_out and (self.latest is None or self.latest <= self.as_of)

    def open_amounts(self, rows: Ints) -> tuple[Ints, Ints]:
        """Return what the open deals of leads come to, and how many tell it; 0 where it is not known."""
        if not self.amounts_count:
            return np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
        value, deals = open_amounts(self.records)
        return value[rows], deals[rows]

    @property
    def known(self) -> range:
        """The month-ends whose outcome is known, the latest of them."""
        stop = max(len(self.ends) - self.horizon, 0)
        return range(max(stop - MOST, 0), stop)

    def examples(self, of: range) -> pd.DataFrame:
        """Return what was known at some month-ends, with `wins value month`."""
        for number in of:
            if number not in self.kept:
                at, until = int(self.ends[number]), int(self.ends[number + self.horizon])
                frame = self.known_at(at)
                wins, value = outcome(self.records, frame["lead"].to_numpy(np.int64), at, until)
                self.kept[number] = frame.assign(wins=wins, value=value, month=number)
        return pd.concat([self.kept[number] for number in of], ignore_index=True)

    def sample(self, frame: pd.DataFrame, encoding: Encoding, weight: FloatArray | None = None) -> Sample:
        """Return examples as numbers."""
        return Sample(
            encoding.matrix(frame),
            stage_codes(frame),
            frame["wins"].to_numpy(np.int64),
            frame["value"].to_numpy(np.float64),
            np.ones(len(frame)) if weight is None else weight,
            self.records.leads["unit"].to_numpy(np.int64)[frame["lead"].to_numpy(np.int64)],
        )


@dataclass(frozen=True)
class Learned:
    """What was learned of some months, and what it was learned from."""

    encoding: Encoding
    fit: Fit
    train: Sample
    calibrate: Sample
    wins: int  # leads that were won in the months learned from


def needs(cut: Slices) -> list[tuple[str, range, int]]:
    """Return what each slice is for, its months, and how many leads must have been won of those open then."""
    all_ = (
        ("to learn from", cut.train, FEWEST_WINS),
        ("to calibrate on", cut.calibrate, FEWEST_HELD_OUT),
        ("to judge by", cut.test, FEWEST_HELD_OUT),
    )
    return [one for one in all_ if len(one[1])]


def learn_from(past: Past, cut: Slices) -> Learned:
    """Learn from one slice and calibrate on the next.

    Raises:
        TooLittlePast: there are too few wins in one of the slices.
    """
    counted = []
    for what, of, needed in needs(cut):
        frame = past.examples(of)
        won = int(frame.loc[frame["wins"] > 0, "lead"].nunique())
        counted.append(won)
        if won < needed:
            raise TooLittlePast(
                f"the past is too thin to predict: of the leads open at the {len(of)} month-ends {what}, "
                f"{won} were won within {months_text(past.horizon)}; needed are {needed}"
            )
    frame = past.examples(cut.train)
    frame, weight = _thinned(past, frame)
    encoding = Encoding.of(frame, past.left_out)
    train = past.sample(frame, encoding, weight)
    calibrate = past.sample(past.examples(cut.calibrate), encoding)
    return Learned(encoding, learn(train, calibrate), train, calibrate, counted[0])


def _thinned(past: Past, frame: pd.DataFrame) -> tuple[pd.DataFrame, FloatArray]:
    """Keep at most MOST_ALIKE examples with a win, and as many without, which count for all of their kind.

    Which ones is decided by the lead's id and the month, so that it is the same in every store.
    """
    won = frame["wins"].to_numpy() > 0
    weight = np.ones(len(frame))
    kept = np.ones(len(frame), bool)
    keys = text_hash(pa.array(past.records.leads["key"].tolist(), pa.string())).view(np.uint64)
    of = keys[frame["lead"].to_numpy(np.int64)]
    drawn = mix(of + frame["month"].to_numpy(np.int64).astype(np.uint64) * _GOLDEN)
    for alike in (np.flatnonzero(won), np.flatnonzero(~won)):
        if len(alike) > MOST_ALIKE:
            order = alike[np.argsort(drawn[alike], kind="stable")]
            weight[alike] = len(alike) / MOST_ALIKE
            kept[order[MOST_ALIKE:]] = False
    return frame[kept].reset_index(drop=True), weight[kept]


def stage_codes(frame: pd.DataFrame) -> Ints:
    """Return the furthest stages as codes into STAGES."""
    return np.asarray(pd.Categorical(frame["stage"], STAGES).codes, np.int64)
