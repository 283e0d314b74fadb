"""The two parts of an expectation: the chance that a lead is won in time, and what it brings if it is.

The chance is a logistic regression, the amount a Poisson regression with a log link, which finds the mean
of any amount that is not negative, zeros too (Gourieroux, Monfort and Trognon, Pseudo Maximum Likelihood
Methods, 1984); both are drawn towards the average (ridge). Where the amounts of a stage say as much on months
that the regression did not see, those stand in its place.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from attribution.errors import InputError
from attribution.journeys.columns import FloatArray
from attribution.metrics.predict.features import STAGES
from attribution.store.columns import Ints

PRIOR_WINS: Final = 10.0  # calibration and amounts are drawn to what they were as by so many wins
_STEPS: Final = 500
_ENOUGH: Final = 1e-5  # of the slope for an example: chances are then right to four digits
_FEWEST_OF_KIND: Final = 50  # examples of a category; rarer ones are one
_CATEGORIES: Final = ("named", "first", "last", "industry")
_INSTALL: Final = "uv pip install 'closed-loop-attribution[predict]'"


def require_library() -> None:
    """Raise InputError where scikit-learn is not installed.

    Raises:
        InputError: with the command that installs it.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise InputError(
            f"predictions need scikit-learn, which is not installed; install it with: {_INSTALL}"
        ) from None


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which linear algebra keeps to one thread.

    Hundreds of small fits: threads that wait for each other make them up to twenty times as slow on a machine
    that does something else too, and sums come out in the same order.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits


@dataclass(frozen=True)
class Encoding:
    """How what is known becomes numbers, learned from the examples of the training months.

    Attributes:
        kept: the values of each category that are common enough, in alphabetical order.
        mean, scale: float64[F].
    """

    kept: dict[str, list[str]]
    mean: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, examples: pd.DataFrame, without: Sequence[str]) -> Encoding:
        """Learn the categories and the scale of the numbers."""
        kept = {}
        for name in _CATEGORIES:
            if name not in without:
                counts = examples[name].value_counts()
                kept[name] = sorted(counts.index[counts >= _FEWEST_OF_KIND].astype(str))
        raw = _columns(examples, kept)
        scale = raw.std(axis=0)
        return cls(kept, raw.mean(axis=0), np.where(scale > 0, scale, 1.0))

    def matrix(self, examples: pd.DataFrame) -> FloatArray:
        """Return float64[n, F]."""
        return np.ascontiguousarray((_columns(examples, self.kept) - self.mean) / self.scale)


def _columns(examples: pd.DataFrame, kept: dict[str, list[str]]) -> FloatArray:
    age, since = (np.log1p(examples[name].to_numpy(np.float64).clip(0)) for name in ("age", "since"))
    touches, recent = (np.log1p(examples[name].to_numpy(np.float64)) for name in ("touches", "recent"))
    # what waits long is ever less likely: log-odds fall with the days themselves, up to a year
    days, waited = (examples[name].to_numpy(np.float64).clip(0, 365) for name in ("age", "since"))
    columns = [age, age**2, since, since**2, days, waited, touches, recent, recent > 0]
    for stage in STAGES[1:]:
        there = (examples["stage"] == stage).to_numpy(np.float64)
        columns += [there, there * since, there * waited]
    columns += [(examples[name] == value).to_numpy(np.float64) for name, of in kept.items() for value in of]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


@dataclass(frozen=True)
class Sample:
    """Examples as they are learned from and judged by.

    Attributes:
        x: float64[n, F].
        stage: int64[n], codes into STAGES.
        wins: int64[n], won deals within the horizon.
        value: float64[n], minor units.
        weight: float64[n], how many examples each stands for.
        unit: int64[n], who it is drawn with.
    """

    x: FloatArray
    stage: Ints
    wins: Ints
    value: FloatArray
    weight: FloatArray
    unit: Ints

    @property
    def won(self) -> Any:
        """Which were won."""
        return self.wins > 0


@dataclass
class Fit:
    """What was learned: coefficients with the constant first, and what calibration moved.

    Attributes:
        chance: float64[1 + F].
        amount: float64[1 + F] of the logarithm of the amount over `typical`; None: by stage.
        by_stage: float64[4], minor units.
        typical: minor units.
        shift: added to the log-odds.
        factor: on the amount.
    """

    chance: FloatArray
    amount: FloatArray | None
    by_stage: FloatArray
    typical: float
    shift: float = 0.0
    factor: float = 1.0

    def chances(self, x: FloatArray) -> FloatArray:
        """Return the calibrated chance of a win of each."""
        return np.asarray(expit(self.chance[0] + x @ self.chance[1:] + self.shift))

    def amounts(self, x: FloatArray, stage: Ints) -> FloatArray:
        """Return the expected amount of each, were it won."""
        if self.amount is None:
            return np.asarray(self.by_stage[stage] * self.factor)
        # nothing that was ever learned from lies further out than e^3 from the typical amount
        power = (self.amount[0] + x @ self.amount[1:]).clip(-3, 3)
        return np.asarray(self.typical * np.exp(power) * self.factor)

    def expected(self, x: FloatArray, stage: Ints) -> FloatArray:
        """Return the expected revenue of each."""
        return np.asarray(self.chances(x) * self.amounts(x, stage))


def learn(
    train: Sample, calibrate: Sample, *, regressed: bool | None = None,
    times: FloatArray | None = None, calibrate_times: FloatArray | None = None, start: Fit | None = None,
) -> Fit:  # fmt: skip
    """Fit both parts on some months and calibrate them on later ones.

    Args:
        train: of the earlier months.
        calibrate: of later ones.
        regressed: whether the amount is the regression's; None: as the later months judge.
        times: float64[n], how often each example of `train` is drawn; None: once.
        calibrate_times: the same of `calibrate`.
        start: where to begin looking.
    """
    weight = train.weight if times is None else train.weight * times
    later = calibrate.weight if calibrate_times is None else calibrate.weight * calibrate_times
    by_stage, typical = _amounts_by_stage(train, weight)
    found = Fit(_chance(train, weight, start), None, by_stage, typical)
    if regressed is not False:
        fitted = Fit(found.chance, _amount(train, weight, typical), by_stage, typical)
        if regressed or _judged(fitted, calibrate, later) < _judged(found, calibrate, later):
            found = fitted
    _calibrate(found, calibrate, later)
    return found


def _chance(train: Sample, weight: FloatArray, start: Fit | None) -> FloatArray:
    from sklearn.linear_model import LogisticRegression

    used = weight > 0
    won = train.won[used]
    if won.all() or not won.any():  # a draw may hold none
        rate = (weight @ train.won + 0.5) / (weight.sum() + 1)
        return np.asarray(np.r_[logit(rate), np.zeros(train.x.shape[1])])
    model = LogisticRegression(C=1.0, max_iter=_STEPS, tol=_ENOUGH, warm_start=True)
    if start is not None:
        model.coef_, model.intercept_ = start.chance[None, 1:].copy(), start.chance[:1].copy()
        model.classes_ = np.array([False, True])
    with _quiet():
        model.fit(train.x[used], won, sample_weight=weight[used])
    return np.asarray(np.r_[model.intercept_, model.coef_[0]])


def _amount(train: Sample, weight: FloatArray, typical: float) -> FloatArray:
    from sklearn.linear_model import PoissonRegressor

    used = train.won & (weight > 0)
    if not used.any() or typical <= 0:
        return np.zeros(1 + train.x.shape[1])
    # the penalty is beside the mean, so that of a few wins weighs as PRIOR_WINS of them
    model = PoissonRegressor(alpha=PRIOR_WINS / max(_people(train, used), 1), max_iter=_STEPS, tol=_ENOUGH)
    with _quiet():
        model.fit(train.x[used], train.value[used].clip(0) / typical, sample_weight=weight[used])
    return np.asarray(np.r_[model.intercept_, model.coef_])


def _people(of: Sample, used: Any) -> int:
    return len(pd.unique(of.unit[used]))


def _amounts_by_stage(train: Sample, weight: FloatArray) -> tuple[FloatArray, float]:
    won = train.won
    value, weight, stage = train.value[won].clip(0), weight[won], train.stage[won]
    typical = float(weight @ value / weight.sum()) if weight.sum() > 0 else 0.0
    sums = np.bincount(stage, weight * value, len(STAGES))
    counts = np.bincount(stage, weight, len(STAGES))
    return np.asarray((sums + PRIOR_WINS * typical) / (counts + PRIOR_WINS)), typical


def _judged(fit: Fit, later: Sample, weight: FloatArray) -> float:
    """Return how badly the amounts of won leads are told: the deviance of a Poisson law."""
    won = later.won
    value, told = later.value[won].clip(0), fit.amounts(later.x[won], later.stage[won])
    if not len(value) or weight[won].sum() == 0 or fit.typical <= 0:
        return 0.0
    told = told * (weight[won] @ value) / max(weight[won] @ told, 1e-9)  # calibration sets the level
    told = np.maximum(told, 1e-9)
    return float(weight[won] @ (told - value * np.log(told)) / fit.typical)


def _calibrate(fit: Fit, later: Sample, weight: FloatArray) -> None:
    """Move the level of chances and amounts to what the later months brought, as far as those tell."""
    expected = float(weight @ fit.chances(later.x))
    seen = float(weight @ later.won)
    aim = expected * (seen + PRIOR_WINS) / (expected + PRIOR_WINS) if expected > 0 else 0.0
    odds = fit.chance[0] + later.x @ fit.chance[1:]
    if 0 < aim < weight.sum():
        fit.shift = float(brentq(lambda shift: float(weight @ expit(odds + shift)) - aim, -20, 20, xtol=1e-7))
    won = later.won
    told = float(weight[won] @ fit.amounts(later.x[won], later.stage[won]))
    brought = float(weight[won] @ later.value[won].clip(0))
    prior = PRIOR_WINS * fit.typical
    if told + prior > 0:
        fit.factor = (brought + prior) / (told + prior)


class _quiet(warnings.catch_warnings):
    """Keep remarks of the solver to itself: a ridge has one optimum, and near enough is near enough."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore")
        return entered
