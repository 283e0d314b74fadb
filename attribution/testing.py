"""A kit for authors of models: the named checks that every built-in model passes too.

from attribution.testing import check_model

def test_my_model_keeps_the_contract():
    check_model(MyModel())
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from attribution.channels.origin import TOUCH_KINDS
from attribution.clock import DAY
from attribution.errors import NotFittedError
from attribution.journeys.build import build
from attribution.journeys.columns import Dimension, FloatArray, Journeys
from attribution.ledger.allocate import allocate
from attribution.models.base import DIRECT, AttributionModel
from attribution.models.parameters import parameter_defaults, parameter_types
from attribution.models.registry import make_model, read_parameters
from attribution.notation import value_text

_CHANNELS = (DIRECT, "Email", "Organic Search", "Paid Search", "Referral")
_CAMPAIGNS = ("autumn", "brand", "launch", "spring")
_MILESTONES = ("lead", "mql", "sqo", "opportunity", "close")
_TOLERANCE = 1e-9


class CheckFailure(AssertionError):
    """A model broke its contract; `check` is the name of the check that found it."""

    def __init__(self, check: str, message: str) -> None:
        self.check = check
        super().__init__(f"{check}: {message}")


def check_model(model: AttributionModel) -> list[str]:
    """Run all checks on a model and return the names of those passed, which is all of them.

    Raises:
        CheckFailure: the first one that the model does not pass.

    >>> from attribution.models.rules import Linear
    >>> check_model(Linear())[:3]
    ['constructor_only_stores', 'params_round_trip', 'label_round_trips']
    """
    passed = []
    for name, check in model_checks(model):
        check()
        passed.append(name)
    return passed


def model_checks(model: AttributionModel) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the name of each check and a function that runs it, as `pytest.mark.parametrize` wants them."""
    for check in _CHECKS:
        yield check.__name__.removeprefix("_"), partial(_run, check, model)


def sample_journeys(seed: int = 0, n: int = 200) -> Journeys:
    """Return journeys as they come: empty, single, long, all Direct, at one instant, refunded, not converted.

    >>> journeys = sample_journeys(seed=1, n=50)
    >>> journeys.n_journeys, bool((journeys.lengths == 0).any()), bool((journeys.value < 0).any())
    (50, True, True)
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 9, n)
    lengths[: min(n, 4)] = (0, 1, 2, 3)[: min(n, 4)]
    total = int(lengths.sum())
    conversion = np.repeat(np.arange(n), lengths)
    channel = rng.integers(0, len(_CHANNELS), total)
    channel[np.isin(conversion, np.arange(5, n, 10))] = 0
    day = rng.integers(0, 90, total)
    day[np.isin(conversion, np.arange(6, n, 10))] = 30
    first = np.cumsum(lengths) - lengths
    milestones = {}
    for name in _MILESTONES:
        held = (lengths > 0) & (rng.random(n) < 0.7)
        milestones[name] = np.where(held, first + rng.integers(0, np.maximum(lengths, 1)), -1)
    value = rng.integers(-50_000, 500_000, n)
    value[:: max(n // 10, 1)] = 0
    value[1 :: max(n // 10, 2)] *= np.int64(-1)
    if n:
        value[-1] = -12_345
    return build(
        conversion=conversion, at=day * DAY + rng.integers(0, 3, total), channel=channel.astype(np.int32),
        kind=np.zeros(total, np.int16), placement=channel, touch=np.arange(total),
        person=conversion, converted_at=np.full(n, 100 * DAY), value=value, channels=_CHANNELS,
        kinds=TOUCH_KINDS, converted=rng.random(n) < 0.8, tie_rank=np.arange(total), milestones=milestones,
        dimensions={"campaign": Dimension(rng.integers(-1, 4, total).astype(np.int32), _CAMPAIGNS)},
    )  # fmt: skip


def _run(check: Callable[[AttributionModel], None], model: AttributionModel) -> None:
    name = check.__name__.removeprefix("_")
    try:
        check(model)
    except _Unmet as unmet:
        raise CheckFailure(name, f"{model.name}: {unmet}") from None
    except Exception as error:  # whatever the model raises is its failure, not the kit's
        raise CheckFailure(name, f"{model.name} raised {type(error).__name__}: {error}") from error


class _Unmet(Exception):
    """An expectation that the model did not meet."""


def _expect(met: Any, otherwise: str) -> None:
    if not met:
        raise _Unmet(otherwise)


def _again(model: AttributionModel) -> AttributionModel:
    return type(model)(**{name: getattr(model, name) for name in parameter_types(type(model))})


def _shares(model: AttributionModel, journeys: Journeys) -> FloatArray:
    """Return the shares of a fresh copy of the model, fitted on the same journeys if it wants a fit."""
    fresh = _again(model)
    return (fresh.fit(journeys) if fresh.needs_fit else fresh).shares(journeys)


def _constructor_only_stores(model: AttributionModel) -> None:
    given = {name: getattr(model, name) for name in parameter_types(type(model))}
    # the defaults too: they show a constructor whose change of a value is lost on the changed one
    for values in (given, given | dict(parameter_defaults(type(model)))):
        made = type(model)(**values)
        for name, value in values.items():
            stored = getattr(made, name)
            _expect(type(stored) is type(value) and stored == value, f"{name}={value!r} became {stored!r}")
    made = type(model)(**given)
    _expect(made == model, "made again from its parameters it is not equal to itself; is it a dataclass?")
    _expect(not made.is_fitted, "a new one is fitted already")


def _params_round_trip(model: AttributionModel) -> None:
    stored = json.loads(json.dumps(model.params()))
    _expect(stored.keys() == parameter_types(type(model)).keys(), f"params() are {sorted(stored)}")
    made = make_model(type(model), stored)
    _expect(made == model, f"params() stored as JSON and read again make {made!r}, not {model!r}")


def _label_round_trips(model: AttributionModel) -> None:
    name, colon, text = model.label.partition(":")
    _expect(name == model.name, f"the label {model.label!r} does not start with the name")
    made = make_model(type(model), read_parameters(type(model), text) if colon else {})
    _expect(made == model, f"the label {model.label!r} makes {made!r}, not {model!r}")


def _fit_returns_self(model: AttributionModel) -> None:
    fresh = _again(model)
    _expect(fresh.fit(sample_journeys()) is fresh, "fit() does not return the model itself")
    _expect(fresh.is_fitted, "it is not fitted after fit()")
    _expect(fresh == model, "fit() changed its parameters")


def _fit_can_be_stored(model: AttributionModel) -> None:
    journeys = sample_journeys()
    fresh = _again(model).fit(journeys)
    again = fresh.with_fitted(json.loads(json.dumps(dict(fresh.fitted))))
    same = np.array_equal(again.shares(journeys), fresh.shares(journeys))
    _expect(same, "other shares when what it learned is stored as JSON and read again")


def _refits_on_draws(model: AttributionModel) -> None:
    journeys = sample_journeys()
    draws = np.random.default_rng(2).multinomial(journeys.n_journeys, np.full(200, 1 / 200), size=2)
    for times, refitted in zip(draws, _again(model).refits(journeys, draws), strict=True):
        taken = _again(model).fit(journeys.take(np.repeat(np.arange(200), times)))
        apart = np.abs(refitted.shares(journeys) - taken.shares(journeys)).max()
        _expect(apart <= _TOLERANCE, "refits() on a draw is not fit() on the journeys drawn")


def _unfitted_raises(model: AttributionModel) -> None:
    if not model.needs_fit:
        return
    try:
        _again(model).shares(sample_journeys())
    except NotFittedError:
        return
    raise _Unmet("shares() of a model that needs a fit and has none must raise NotFittedError")


def _inputs_unchanged(model: AttributionModel) -> None:
    journeys, kept = sample_journeys(), sample_journeys()
    fresh = _again(model)
    fresh.fit(journeys).shares(journeys)
    for name in Journeys.__dataclass_fields__:
        pairs = _pairs(getattr(kept, name), getattr(journeys, name))
        _expect(all(np.array_equal(a, b) for a, b in pairs), f"it changed the column {name} of the journeys")


def _pairs(before: Any, after: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the arrays of a column of journeys, of two journeys: milestones and dimensions hold several."""
    if not isinstance(before, Mapping):
        yield before, after
    else:
        for name in before:
            is_array = isinstance(before[name], np.ndarray)
            yield from (
                [(before[name], after[name])] if is_array else zip(before[name], after[name], strict=True)
            )


def _shares_sum_to_one(model: AttributionModel) -> None:
    for seed in range(3):
        journeys = sample_journeys(seed)
        shares = _shares(model, journeys)
        _expect(shares.shape == (journeys.n_touches,), f"shares have the shape {shares.shape}")
        _expect(np.isfinite(shares).all() and (shares >= 0).all(), "a share is negative or not finite")
        sums = np.add.reduceat(shares, journeys.first)
        _expect((np.abs(sums - 1) <= _TOLERANCE).all(), f"the shares of a journey sum to {sums.min()}")


def _one_touch_gets_all(model: AttributionModel) -> None:
    journeys = sample_journeys()
    single = journeys.offsets[:-1][journeys.lengths == 1]
    _expect((_shares(model, journeys)[single] == 1).all(), "the only touch of a journey has not all of it")


def _order_of_journeys_irrelevant(model: AttributionModel) -> None:
    journeys = sample_journeys()
    moved = np.random.default_rng(1).permutation(journeys.n_journeys)
    shuffled = journeys.take(moved)
    # touch numbers lead each touch back to where it stood
    back = np.empty(journeys.n_touches)
    back[shuffled.touch] = _shares(model, shuffled)
    same = np.abs(back[journeys.touch] - _shares(model, journeys)) <= _TOLERANCE
    _expect(same.all(), "other shares when the journeys come in another order")


def _channel_names_irrelevant(model: AttributionModel) -> None:
    journeys = sample_journeys()
    written = " ".join(value_text(value) for value in model.params().values())
    # names that mean something stay; the others fall in alphabet where they rose
    names = tuple(
        name if name == DIRECT or name in written else f"renamed {len(_CHANNELS) - i}"
        for i, name in enumerate(journeys.channels)
    )
    same = np.abs(_shares(model, replace(journeys, channels=names)) - _shares(model, journeys)) <= _TOLERANCE
    _expect(same.all(), "other shares when channels have other names")


def _empty_journeys(model: AttributionModel) -> None:
    journeys = sample_journeys()
    ready = _again(model).fit(journeys)
    for empty in (journeys.take(np.flatnonzero(journeys.lengths == 0)), journeys.take(np.zeros(0, np.int64))):
        _expect(ready.shares(empty).shape == (0,), "journeys without touches must have no shares")


def _ledger_conserves(model: AttributionModel) -> None:
    journeys = sample_journeys()
    credits = allocate(_shares(model, journeys), journeys.offsets, journeys.value)
    sums = np.add.reduceat(credits, journeys.first)
    _expect((sums == journeys.value[journeys.nonempty]).all(), "credits do not add up to the value")


_CHECKS: tuple[Callable[[AttributionModel], None], ...] = (
    _constructor_only_stores,
    _params_round_trip,
    _label_round_trips,
    _fit_returns_self,
    _unfitted_raises,
    _inputs_unchanged,
    _shares_sum_to_one,
    _one_touch_gets_all,
    _order_of_journeys_irrelevant,
    _channel_names_irrelevant,
    _empty_journeys,
    _fit_can_be_stored,
    _refits_on_draws,
    _ledger_conserves,
)
