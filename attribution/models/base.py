"""The contract of a model: it states weights, the base makes them shares, the ledger makes those money."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self, final

import numpy as np
import pandas as pd

from attribution.errors import ModelError, NotFittedError
from attribution.journeys.columns import BoolArray, FloatArray, IntArray, Journeys
from attribution.models.parameters import check_value, parameter_defaults, parameter_types
from attribution.notation import spec_text

DIRECT = "Direct"  # the channel of visits that say nothing of their origin


# `value` is in the unit of the journeys' values, all of them together; `value_each` is it for one journey
Unit = Literal["ratio", "number", "conversions", "value", "value_each"]


class _Considered(NamedTuple):
    """The journeys without ignored touches, and which touches stayed (None: all)."""

    journeys: Journeys
    kept: BoolArray | None


class Shares(NamedTuple):
    """The shares of all touches, and the journeys whose weights were all zero and so were shared equally."""

    values: FloatArray
    shared_equally: IntArray


@dataclass(frozen=True, kw_only=True)
class AttributionModel(ABC):
    """A model: a frozen, keyword-only dataclass whose fields are its parameters.

    The author gives it a `name` and writes :meth:`_weights`; a model that learns from all journeys sets
    `needs_fit` and writes :meth:`_fit`. Ranges of parameters are checked in :meth:`_check`. A model that
    looks at milestones, or at other dimensions than the channel, names them in properties.

    Args:
        ignore: channels whose touches are set aside first, unless the journey would have none left.

    >>> @dataclass(frozen=True, kw_only=True)
    ... class ByPosition(AttributionModel):
    ...     name: ClassVar[str] = "by_position"
    ...     def _weights(self, journeys):
    ...         starts = np.repeat(journeys.offsets[:-1], journeys.lengths)
    ...         return np.arange(journeys.n_touches) - starts + 1.0
    >>> paths = [[(0, "Email"), (1, "Email"), (2, "Direct")]]
    >>> ByPosition().shares(Journeys.from_paths(paths)).round(3).tolist()
    [0.167, 0.333, 0.5]
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    needs_fit: ClassVar[bool] = False

    ignore: tuple[str, ...] = ()
    _fitted: Mapping[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, declared in parameter_types(type(self)).items():
            check_value(self.name, name, declared, getattr(self, name))
        self._check()

    def _check(self) -> None:  # noqa: B027  # most models have nothing to add
        """Raise ModelError where a parameter, already of its declared type, is out of range."""

    @abstractmethod
    def _weights(self, journeys: Journeys) -> FloatArray:
        """Return float64[N]: one finite weight >= 0 per touch; only ratios within a journey matter.

        Touches without a channel have the code -1.
        """

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        """Learn from all journeys, converted or not; what is returned is `fitted` from then on.

        It must be something that JSON can hold (lists, not arrays), because a store keeps it, and it must
        speak of channels by name: their codes are other ones tomorrow.
        """
        return {}

    def _refits(self, journeys: Journeys, draws: IntArray) -> Iterator[Mapping[str, Any]]:
        """Yield what :meth:`_fit` learns from each draw of a bootstrap.

        Args:
            journeys: all of them.
            draws: int64[R, J], how often each journey is in each draw.
        """
        for times in draws:
            yield self._fit(journeys.take(np.repeat(np.arange(journeys.n_journeys), times)))

    @property
    def milestones(self) -> tuple[str, ...]:
        """The milestones that the model looks at: `lead`, `mql`, `sqo`, `opportunity`, or names of stages."""
        return ()

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that the model looks at beside `channel`: `campaign`, `source/medium`, ..."""
        return ()

    def unseen(self, journeys: Journeys) -> tuple[str, ...]:
        """Return the channels (or what else the model looks at) of journeys that its fit never saw."""
        return ()

    @property
    def units(self) -> Mapping[str, Unit]:
        """The units of the columns of :meth:`channels`; a column without one is a plain number."""
        return {}

    def channels(self) -> pd.DataFrame | None:
        """Return what was learned of each channel, as a table for people; None where there is none to show.

        The index holds the names of the channels (or of what else the model looks at), its name is the
        dimension; columns are float64.
        """
        return None

    def transitions(self) -> pd.DataFrame | None:
        """Return the steps that the model learned, `source target count probability`; None without any."""
        return None

    @property
    def is_fitted(self) -> bool:
        """Whether :meth:`fit` has been called."""
        return self._fitted is not None

    @property
    def fitted(self) -> Mapping[str, Any]:
        """What :meth:`fit` learned.

        Raises:
            NotFittedError: nothing yet.
        """
        if self._fitted is None:
            raise NotFittedError(f"{self.label} has not been fitted; call fit(journeys) first")
        return self._fitted

    @final
    def fit(self, journeys: Journeys) -> Self:
        """Learn from journeys and return self; a model that needs no fit learns nothing."""
        self._keep_fitted(self._fit(self._considered(journeys).journeys))
        return self

    @final
    def refits(self, journeys: Journeys, draws: IntArray) -> Iterator[Self]:
        """Yield a copy of the model fitted on each draw of a bootstrap.

        Args:
            journeys: all of them, converted or not.
            draws: int64[R, J], how often each journey is in each draw.
        """
        for fitted in self._refits(self._considered(journeys).journeys, draws):
            yield self.with_fitted(fitted)

    @final
    def with_fitted(self, fitted: Mapping[str, Any]) -> Self:
        """Return a copy that has learned what :attr:`fitted` of another one says."""
        copy = replace(self)
        copy._keep_fitted(fitted)
        return copy

    def _keep_fitted(self, fitted: Mapping[str, Any]) -> None:
        # the parameters are frozen, what was learned is not one of them
        object.__setattr__(self, "_fitted", dict(fitted))

    @final
    def shares(self, journeys: Journeys) -> FloatArray:
        """Return float64[N]: the share of each touch, summing to 1 within every journey that has touches.

        Raises:
            ModelError: a weight is negative or not finite; NotFittedError: the model wants a fit.
        """
        return self.shares_and_fallbacks(journeys).values

    @final
    def shares_and_fallbacks(self, journeys: Journeys) -> Shares:
        """Return the shares together with the journeys that fell back to equal shares (all weights zero)."""
        if self.needs_fit and self._fitted is None:
            raise NotFittedError(f"{self.label} has not been fitted; call fit(journeys) first")
        considered, kept = self._considered(journeys)
        shares = self._normalised(considered)
        if kept is None:
            return shares
        values = np.zeros(journeys.n_touches)
        values[kept] = shares.values
        return Shares(values, shares.shared_equally)

    def _considered(self, journeys: Journeys) -> _Considered:
        codes = journeys.channel_codes(self.ignore)
        kept = ~np.isin(journeys.channel, codes) if codes else None
        if kept is None or kept.all():
            return _Considered(journeys, None)
        # journeys in which nothing would remain keep all their touches
        remaining = np.diff(np.concatenate(([0], np.cumsum(kept)))[journeys.offsets])
        kept |= np.repeat(remaining == 0, journeys.lengths)
        return _Considered(journeys.keep(kept), kept)

    def _normalised(self, journeys: Journeys) -> Shares:
        given = self._weights(journeys)
        try:
            weights = np.asarray(given, np.float64)
        except (TypeError, ValueError):
            raise ModelError(
                f"{self.name} returned weights that are no numbers ({type(given).__name__}); "
                "a model returns one number per touch"
            ) from None
        if weights.shape != (journeys.n_touches,):
            raise ModelError(
                f"{self.name} returned weights of shape {weights.shape} for {journeys.n_touches} touches; "
                "a model returns one weight per touch"
            )
        if not weights.size:
            return Shares(weights, np.zeros(0, np.int64))
        self._refuse_bad(weights, journeys)
        of_touch = journeys.nonempty_of_touch
        sums = np.bincount(of_touch, weights)
        huge = np.isinf(sums)
        if huge.any():  # finite weights whose sum is not: only their ratios matter
            scale = np.where(huge, np.maximum.reduceat(weights, journeys.first), 1.0)
            weights = weights / scale.take(of_touch)
            sums = np.bincount(of_touch, weights)
        if (sums == 1.0).all():
            return Shares(weights, np.zeros(0, np.int64))
        zero = sums == 0
        if zero.any():
            weights = np.where(zero.take(of_touch), 1.0, weights)
            sums = np.where(zero, journeys.lengths[journeys.nonempty], sums)
        shares = sums.take(of_touch)
        return Shares(np.divide(weights, shares, out=shares), journeys.nonempty[zero])

    def _refuse_bad(self, weights: FloatArray, journeys: Journeys) -> None:
        # a NaN makes both comparisons false, so two passes settle the good case
        if weights.min() >= 0 and weights.max() < np.inf:
            return
        bad = int(np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))[0])
        journey = int(np.searchsorted(journeys.offsets, bad, side="right")) - 1
        raise ModelError(
            f"{self.name} gave touch {bad - int(journeys.offsets[journey])} of journey {journey} the weight "
            f"{weights[bad]}; allowed are finite numbers >= 0"
        )

    def params(self) -> dict[str, Any]:
        """Return all parameters as JSON can hold them; they are stored with the run."""
        values = ((name, getattr(self, name)) for name in parameter_types(type(self)))
        return {name: _plain(value) for name, value in values}

    @property
    def label(self) -> str:
        """The name with its non-default parameters, as the command line writes them and columns are headed.

        >>> from attribution.models.rules import TimeDecay
        >>> TimeDecay(half_life="14d").label, TimeDecay().label
        ('time_decay:half_life=14d', 'time_decay')
        """
        defaults = parameter_defaults(type(self))
        given = ((name, getattr(self, name)) for name in parameter_types(type(self)))
        return spec_text(
            self.name, {name: v for name, v in given if name not in defaults or v != defaults[name]}
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
