"""The checks: each a function that raises :class:`Unmet` where a model breaks one promise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from attribution.errors import NotFittedError
from attribution.journeys.columns import Dimension, FloatArray, Journeys
from attribution.ledger.allocate import allocate
from attribution.models.base import DIRECT, AttributionModel
from attribution.models.parameters import parameter_defaults, parameter_types
from attribution.models.registry import make_model, read_parameters
from attribution.notation import value_text
from attribution.testing.samples import SAMPLE_CHANNELS, sample_journeys

_TOLERANCE = 1e-9


class Unmet(Exception):
    """An expectation that the model did not meet."""


def _expect(met: Any, otherwise: str) -> None:
    if not met:
        raise Unmet(otherwise)


def _again(model: AttributionModel) -> AttributionModel:
    return type(model)(**{name: getattr(model, name) for name in parameter_types(type(model))})


def _sample(model: AttributionModel, seed: int = 0) -> Journeys:
    return sample_journeys(seed, milestones=model.milestones, dimensions=model.dimensions)


def _ready(model: AttributionModel, journeys: Journeys) -> AttributionModel:
    """Return a fresh copy of the model, fitted on journeys if it wants a fit."""
    fresh = _again(model)
    return fresh.fit(journeys) if fresh.needs_fit else fresh


def _shares(model: AttributionModel, journeys: Journeys) -> FloatArray:
    """Return the shares of a fresh copy of the model, fitted on the same journeys if it wants a fit."""
    return _ready(model, journeys).shares(journeys)


def _expect_same(one: FloatArray, other: FloatArray, otherwise: str) -> None:
    _expect(one.shape == other.shape and (np.abs(one - other) <= _TOLERANCE).all(), otherwise)


def _constructor_only_stores(model: AttributionModel) -> None:
    given = {name: getattr(model, name) for name in parameter_types(type(model))}
    # the defaults too: they show a constructor whose change of a value is lost on the changed one
    for values in (given, given | dict(parameter_defaults(type(model)))):
        made = type(model)(**values)
        for name, value in values.items():
            stored = getattr(made, name)
            _expect(type(stored) is type(value) and stored == value, f"{name}={value!r} became {stored!r}")
    lost = [name for name in _annotated(type(model)) if name not in given]
    _expect(not lost, f"{', '.join(lost)} is no parameter without @dataclass(frozen=True, kw_only=True)")
    made = type(model)(**given)
    _expect(made == model, "made again from its parameters it is not equal to itself; is it a dataclass?")
    _expect(not made.is_fitted, "a new one is fitted already")


def _annotated(cls: type) -> list[str]:
    """Return what the class itself declares to be of a type, but for what belongs to the class."""
    declared = vars(cls).get("__annotations__", {})
    return [name for name, kind in declared.items() if "ClassVar" not in str(kind) and name[0] != "_"]


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
    _expect(fresh.fit(_sample(model)) is fresh, "fit() does not return the model itself")
    _expect(fresh.is_fitted, "it is not fitted after fit()")
    _expect(fresh == model, "fit() changed its parameters")


def _fit_can_be_stored(model: AttributionModel) -> None:
    journeys = _sample(model)
    fresh = _again(model).fit(journeys)
    again = fresh.with_fitted(json.loads(json.dumps(dict(fresh.fitted), allow_nan=False)))
    same = np.array_equal(again.shares(journeys), fresh.shares(journeys))
    _expect(same, "other shares when what it learned is stored as JSON and read again")


def _refits_on_draws(model: AttributionModel) -> None:
    journeys = _sample(model)
    n = journeys.n_journeys
    draws = np.random.default_rng(2).multinomial(n, np.full(n, 1 / n), size=2)
    for times, refitted in zip(draws, _again(model).refits(journeys, draws), strict=True):
        taken = _again(model).fit(journeys.take(np.repeat(np.arange(n), times)))
        apart = np.abs(refitted.shares(journeys) - taken.shares(journeys)).max()
        _expect(apart <= _TOLERANCE, "refits() on a draw is not fit() on the journeys drawn")


def _unfitted_raises(model: AttributionModel) -> None:
    if not model.needs_fit:
        return
    try:
        _again(model).shares(_sample(model))
    except NotFittedError:
        return
    raise Unmet("shares() of a model that needs a fit and has none must raise NotFittedError")


def _inputs_unchanged(model: AttributionModel) -> None:
    journeys, kept = _sample(model), _sample(model)
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


def _same_answer_twice(model: AttributionModel) -> None:
    journeys = _sample(model)
    ready = _ready(model, journeys)
    shares = ready.shares(journeys)
    _expect_same(ready.shares(journeys), shares, "other shares when it is asked again")
    _expect_same(_shares(model, journeys), shares, "other shares from another one of equal parameters")


def _looks_only_at_what_it_names(model: AttributionModel) -> None:
    journeys = _sample(model)
    offered = replace(
        journeys,
        milestones={name: at for name, at in journeys.milestones.items() if name in model.milestones},
        dimensions={name: one for name, one in journeys.dimensions.items() if name in model.dimensions},
    )
    _expect_same(
        _shares(model, offered), _shares(model, journeys),
        "other shares without the milestones and dimensions that it does not name",
    )  # fmt: skip


def _shares_sum_to_one(model: AttributionModel) -> None:
    samples = [_sample(model, seed) for seed in range(3)]
    nowhere = np.full(samples[0].n_journeys, -1)
    samples.append(replace(samples[0], milestones=dict.fromkeys(samples[0].milestones, nowhere)))
    samples.append(replace(samples[0], converted=np.ones(samples[0].n_journeys, np.bool_)))
    samples.append(replace(samples[0], converted=np.zeros(samples[0].n_journeys, np.bool_)))
    for journeys in samples:
        _expect_sum_of_one(_shares(model, journeys), journeys)


def _expect_sum_of_one(shares: FloatArray, journeys: Journeys) -> None:
    _expect(shares.shape == (journeys.n_touches,), f"shares have the shape {shares.shape}")
    _expect(np.isfinite(shares).all() and (shares >= 0).all(), "a share is negative or not finite")
    sums = np.add.reduceat(shares, journeys.first)
    _expect((np.abs(sums - 1) <= _TOLERANCE).all(), f"the shares of a journey sum to {sums.min()}")


def _one_touch_gets_all(model: AttributionModel) -> None:
    journeys = _sample(model)
    single = journeys.offsets[:-1][journeys.lengths == 1]
    _expect((_shares(model, journeys)[single] == 1).all(), "the only touch of a journey has not all of it")


def _order_of_journeys_irrelevant(model: AttributionModel) -> None:
    journeys = _sample(model)
    moved = np.random.default_rng(1).permutation(journeys.n_journeys)
    shuffled = journeys.take(moved)
    # touch numbers lead each touch back to where it stood
    back = np.empty(journeys.n_touches)
    back[shuffled.touch] = _shares(model, shuffled)
    _expect_same(
        back[journeys.touch], _shares(model, journeys), "other shares when the journeys come in another order"
    )


def _each_journey_by_itself(model: AttributionModel) -> None:
    # a store credits only the journeys that changed, under a fit that stands
    journeys = _sample(model)
    ready = _ready(model, journeys)
    some = np.arange(journeys.n_journeys) % 3 == 1
    _expect_same(
        ready.shares(journeys.take(some)), ready.shares(journeys)[np.repeat(some, journeys.lengths)],
        "other shares of a journey when other journeys are beside it; what all teach belongs in _fit",
    )  # fmt: skip


def _channel_names_irrelevant(model: AttributionModel) -> None:
    journeys = _sample(model)
    written = " ".join(value_text(value) for value in model.params().values())
    # names that mean something stay; the others fall in alphabet where they rose
    names = tuple(
        name if name == DIRECT or name in written else f"renamed {len(SAMPLE_CHANNELS) - i}"
        for i, name in enumerate(journeys.channels)
    )
    renamed = _shares(model, replace(journeys, channels=names))
    _expect_same(renamed, _shares(model, journeys), "other shares when channels have other names")


def _channel_codes_irrelevant(model: AttributionModel) -> None:
    journeys = _sample(model)
    ready = _ready(model, journeys)
    # as another reading numbers them: a store meets its channels in another order every time
    channel = _renumbered(Dimension(journeys.channel, journeys.channels))
    dimensions = {name: _renumbered(one) for name, one in journeys.dimensions.items()}
    again = replace(journeys, channel=channel.codes, channels=channel.names, dimensions=dimensions)
    _expect_same(
        ready.shares(again), ready.shares(journeys),
        "other shares when channels have other codes than at the fit; codes lead to names in `channels`, and "
        "-1 to none",
    )  # fmt: skip


def _renumbered(dimension: Dimension) -> Dimension:
    codes, names = dimension
    moved = np.where(codes < 0, -1, len(names) - codes).astype(np.int32)
    return Dimension(moved, ("in no touch", *reversed(names)))


def _channels_unseen_by_the_fit(model: AttributionModel) -> None:
    journeys = _sample(model)
    ready = _ready(model, journeys.take(journeys.lengths == 1))  # one name each; then all become new ones
    new = replace(
        journeys,
        channels=tuple(f"new {name}" for name in journeys.channels),
        dimensions={
            name: Dimension(codes, tuple(f"new {one}" for one in names))
            for name, (codes, names) in journeys.dimensions.items()
        },
    )
    _expect_sum_of_one(ready.shares(new), new)


def _empty_journeys(model: AttributionModel) -> None:
    journeys = _sample(model)
    ready = _again(model).fit(journeys)
    for empty in (journeys.take(np.flatnonzero(journeys.lengths == 0)), journeys.take(np.zeros(0, np.int64))):
        _expect(ready.shares(empty).shape == (0,), "journeys without touches must have no shares")


def _ledger_conserves(model: AttributionModel) -> None:
    journeys = _sample(model)
    credits = allocate(_shares(model, journeys), journeys.offsets, journeys.value)
    sums = np.add.reduceat(credits, journeys.first)
    _expect((sums == journeys.value[journeys.nonempty]).all(), "credits do not add up to the value")


CHECKS: tuple[Callable[[AttributionModel], None], ...] = (
    _constructor_only_stores,
    _params_round_trip,
    _label_round_trips,
    _fit_returns_self,
    _unfitted_raises,
    _inputs_unchanged,
    _same_answer_twice,
    _looks_only_at_what_it_names,
    _shares_sum_to_one,
    _one_touch_gets_all,
    _order_of_journeys_irrelevant,
    _each_journey_by_itself,
    _channel_names_irrelevant,
    _channel_codes_irrelevant,
    _channels_unseen_by_the_fit,
    _empty_journeys,
    _fit_can_be_stored,
    _refits_on_draws,
    _ledger_conserves,
)
