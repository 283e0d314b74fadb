"""The contract of models: the registry, parameters as text, and the public kit of checks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import numpy as np
import pytest

from attribution.defaults import DEFAULT_MODELS
from attribution.errors import ModelError, NotFittedError, UnknownNameError
from attribution.journeys.columns import FloatArray, IntArray, Journeys
from attribution.models import registry
from attribution.models.base import AttributionModel
from attribution.models.parameters import (
    check_value,
    parameter_defaults,
    parameter_types,
    parse_value,
    value_text,
)
from attribution.models.registry import get_model, list_models, make_model, model_class
from attribution.models.rules import Linear, TimeDecay
from attribution.testing import CheckFailure, check_model, model_checks, sample_journeys


def requires(model: type[AttributionModel]) -> set[str]:
    """Return the parameters that have no default."""
    return set(parameter_types(model)) - set(parameter_defaults(model))


VARIANTS = (
    "linear:ignore=Direct;Email", "time_decay:half_life=12h", "position_based:first=0,last=0.25",
    "u_shaped:preset=ruler", "w_shaped:preset=marketo,ignore=Direct", "full_path:first=0,close=0.5",
    "custom:weights=first=0.25;SQO=0.25;demo booked=0.25;middle=0.25",
    "custom:weights=mql=0.5;close=0.5,channel_factors=Email=0;Direct=0.5,kind_factors=session=2.5",
    "markov:order=2", "markov:by=campaign,reward=value", "shapley:by=source/medium",
    "shapley_rate:by=touch_kind,reward=conversions",
)  # fmt: skip
ALONE = [name for name in list_models() if not requires(model_class(name))]


@pytest.mark.parametrize("spec", [*ALONE, *VARIANTS])
def test_every_model_passes_every_check(spec: str) -> None:
    """All that the registry knows, so a new model cannot forget to."""
    model = get_model(spec)
    assert check_model(model) == [name for name, _ in model_checks(model)]


def test_models_without_defaults_are_checked_with_parameters() -> None:
    """None falls through between the two lists."""
    assert {*ALONE, *(spec.partition(":")[0] for spec in VARIANTS)} == set(list_models())


@dataclass(frozen=True, kw_only=True)
class Even(AttributionModel):
    """A good model, for others to go wrong from."""

    name: ClassVar[str] = "even"

    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.ones(journeys.n_touches)


@dataclass(frozen=True, kw_only=True)
class Rounding(Even):
    power: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "power", round(self.power))


@dataclass(frozen=True, kw_only=True)
class Unstorable(Even):
    depth: Any = field(default_factory=lambda: {1, 2})


@dataclass(frozen=True, kw_only=True)
class Mislabelled(Even):
    half: str = "7d"

    @property
    def label(self) -> str:
        return "even:halves=7d"


@dataclass(frozen=True, kw_only=True)
class ForgetsItsFit(Even):
    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        raise RuntimeError("no data")


@dataclass(frozen=True, kw_only=True)
class Meddling(Even):
    def _weights(self, journeys: Journeys) -> FloatArray:
        journeys.at[:] = 0
        return np.ones(journeys.n_touches)


@dataclass(frozen=True, kw_only=True)
class Negative(Even):
    def _weights(self, journeys: Journeys) -> FloatArray:
        return -np.ones(journeys.n_touches)


@dataclass(frozen=True, kw_only=True)
class ByPlaceInTheTable(Even):
    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.arange(journeys.n_touches) + 1.0


@dataclass(frozen=True, kw_only=True)
class ByName(Even):
    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.array([len(name) for name in journeys.channels])[journeys.channel].astype(float)


@dataclass(frozen=True, kw_only=True)
class NeedsTouches(Even):
    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.full(journeys.n_touches, journeys.at.max() + 1.0)


class Undecorated(Even):
    depth: int = 2


@dataclass(frozen=True, kw_only=True)
class MovesMilestones(Even):
    def _weights(self, journeys: Journeys) -> FloatArray:
        journeys.milestones["lead"][:] = -1
        return np.ones(journeys.n_touches)


@dataclass(frozen=True, kw_only=True)
class MeddlesWhenItLearns(Even):
    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        journeys.channel.sort()
        return {}


@dataclass(frozen=True, kw_only=True)
class ByChance(Even):
    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.random.default_rng().random(journeys.n_touches)


@dataclass(frozen=True, kw_only=True)
class LooksFurther(Even):
    """It wants the lead's touch and says so nowhere, so a store would not give it."""

    def _weights(self, journeys: Journeys) -> FloatArray:
        weights = np.ones(journeys.n_touches)
        lead = journeys.milestones["lead"]
        weights[lead[lead >= 0]] = 2.0
        return weights


@dataclass(frozen=True, kw_only=True)
class NeedsAMilestone(Even):
    """It takes for granted that every journey has its lead; -1 is the last touch of all."""

    @property
    def milestones(self) -> tuple[str, ...]:
        return ("lead",)

    def _weights(self, journeys: Journeys) -> FloatArray:
        weights = np.full(journeys.n_touches, np.nan)
        weights[np.repeat((journeys.milestones["lead"] >= 0), journeys.lengths)] = 1.0
        return weights


@dataclass(frozen=True, kw_only=True)
class ByTheCrowd(Even):
    """It counts channels as it credits, which belongs in a fit."""

    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.bincount(journeys.channel + 1)[journeys.channel + 1].astype(float)


@dataclass(frozen=True, kw_only=True)
class Taught(Even):
    """A good model that learns, for others to go wrong from."""

    needs_fit: ClassVar[bool] = True

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        counts = np.bincount(journeys.channel + 1, minlength=len(journeys.channels) + 1)
        return dict(zip(("", *journeys.channels), counts.tolist(), strict=True))

    def _weights(self, journeys: Journeys) -> FloatArray:
        worth = [self.fitted.get(name, 0.0) for name in ("", *journeys.channels)]
        return np.array(worth, float)[journeys.channel + 1]


@dataclass(frozen=True, kw_only=True)
class LearnsFromTheFirst(Taught):
    """Which journey comes first is chance."""

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        return Taught._fit(self, journeys.take(np.arange(20)))


@dataclass(frozen=True, kw_only=True)
class LearnsCodes(Taught):
    """Codes are other ones tomorrow."""

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        return {"counts": np.bincount(journeys.channel + 1, minlength=6).tolist()}

    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.array([*self.fitted["counts"], 0], float)[journeys.channel + 1]


@dataclass(frozen=True, kw_only=True)
class NoChannelIsTheLast(Taught):
    """A touch without a channel has the code -1, which is also how the last element is asked for."""

    def _weights(self, journeys: Journeys) -> FloatArray:
        worth = [self.fitted.get(name, 0.0) for name in journeys.channels]
        return np.array(worth, float)[journeys.channel]


@dataclass(frozen=True, kw_only=True)
class KnowsNoNewChannel(Taught):
    def _weights(self, journeys: Journeys) -> FloatArray:
        worth = [self.fitted[name] if name != "in no touch" else 0.0 for name in ("", *journeys.channels)]
        return np.array(worth, float)[journeys.channel + 1]


@dataclass(frozen=True, kw_only=True)
class LearnsArrays(Taught):
    """What JSON cannot hold, a store cannot keep."""

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        return {name: np.float32(times) for name, times in Taught._fit(self, journeys).items()}


@dataclass(frozen=True, kw_only=True)
class LearnsNothingAtAll(Taught):
    """NaN is no JSON, though Python writes it."""

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        return {**Taught._fit(self, journeys), "rate": float("nan")}


@dataclass(frozen=True, kw_only=True)
class LearnsIntegerKeys(Taught):
    """JSON makes every key a text."""

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        return {1: Taught._fit(self, journeys)}  # type: ignore[dict-item]

    def _weights(self, journeys: Journeys) -> FloatArray:
        of_first_order = self.fitted[1]  # type: ignore[index]
        worth = [of_first_order.get(name, 0.0) for name in ("", *journeys.channels)]
        return np.array(worth, float)[journeys.channel + 1]


@dataclass(frozen=True, kw_only=True)
class RefitsWrongly(Taught):
    """A shortcut for the bootstrap that forgets the draw."""

    def _refits(self, journeys: Journeys, draws: IntArray) -> Iterator[Mapping[str, Any]]:
        yield from (self._fit(journeys) for _ in draws)


BROKEN = [
    (Rounding(power=0.3), "constructor_only_stores"),
    (Undecorated(), "constructor_only_stores"),
    (Unstorable(), "params_round_trip"),
    (Mislabelled(), "label_round_trips"),
    (ForgetsItsFit(), "fit_returns_self"),
    (Meddling(), "inputs_unchanged"),
    (MovesMilestones(), "inputs_unchanged"),
    (MeddlesWhenItLearns(), "inputs_unchanged"),
    (Negative(), "inputs_unchanged"),
    (ByChance(), "same_answer_twice"),
    (LooksFurther(), "looks_only_at_what_it_names"),
    (NeedsAMilestone(), "inputs_unchanged"),
    (ByPlaceInTheTable(), "order_of_journeys_irrelevant"),
    (LearnsFromTheFirst(), "order_of_journeys_irrelevant"),
    (ByTheCrowd(), "each_journey_by_itself"),
    (ByName(), "channel_names_irrelevant"),
    (LearnsCodes(), "channel_codes_irrelevant"),
    (NoChannelIsTheLast(), "channel_codes_irrelevant"),
    (KnowsNoNewChannel(), "channels_unseen_by_the_fit"),
    (NeedsTouches(), "empty_journeys"),
    (LearnsArrays(), "fit_can_be_stored"),
    (LearnsNothingAtAll(), "fit_can_be_stored"),
    (LearnsIntegerKeys(), "fit_can_be_stored"),
    (RefitsWrongly(), "refits_on_draws"),
]


@pytest.mark.parametrize(
    ("model", "check"), BROKEN, ids=lambda one: one if isinstance(one, str) else type(one).__name__
)
def test_a_bad_model_is_found_by_the_check_of_that_name(model: AttributionModel, check: str) -> None:
    """Each of these breaks one promise."""
    with pytest.raises(CheckFailure) as failure:
        check_model(model)
    assert failure.value.check == check
    assert model.name in str(failure.value)


@pytest.mark.parametrize("model", [Even(), Taught()])
def test_the_models_that_others_go_wrong_from_are_good(model: AttributionModel) -> None:
    """So it is the one broken promise that is found."""
    assert check_model(model)


def test_sample_journeys_hold_what_a_model_names() -> None:
    """Milestones and dimensions beside those that are always there; about two in three are reached."""
    journeys = sample_journeys(milestones=["demo booked", "lead"], dimensions=["source/medium", "touch_kind"])
    assert set(journeys.milestones) == {"lead", "mql", "sqo", "opportunity", "close", "demo booked"}
    assert set(journeys.dimensions) == {"campaign", "source/medium"}
    assert 0.5 < (journeys.milestones["demo booked"] >= 0).mean() < 0.8
    assert {-1, 0} <= set(journeys.channel.tolist())
    assert len(set(journeys.kind.tolist())) > 5
    journeys.check()


def test_the_check_of_shares_names_a_negative_weight() -> None:
    """A check can be run by itself."""
    with pytest.raises(CheckFailure, match=r"shares_sum_to_one: even raised ModelError: .* the weight -1\.0"):
        dict(model_checks(Negative()))["shares_sum_to_one"]()


@dataclass(frozen=True, kw_only=True)
class Learned(AttributionModel):
    """A model that learns how often each channel occurs."""

    name: ClassVar[str] = "learned"
    needs_fit: ClassVar[bool] = True

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        known = journeys.channel[journeys.channel >= 0]
        counts = np.bincount(known, minlength=len(journeys.channels))
        return dict(zip(journeys.channels, counts.tolist(), strict=True))

    def _weights(self, journeys: Journeys) -> FloatArray:
        # the code -1, no channel, meets the 0 at the end
        return np.array([*(self.fitted.get(name, 0) for name in journeys.channels), 0], float)[
            journeys.channel
        ]


def test_a_model_that_learns_wants_a_fit_first() -> None:
    """Then it holds what it learned, beside its parameters and not among them."""
    model = Learned()
    journeys = Journeys.from_paths([[(0, "Email"), (1, "Email"), (2, "Direct")]])
    for ask in (lambda: model.shares(journeys), lambda: model.fitted):
        with pytest.raises(NotFittedError, match="learned has not been fitted"):
            ask()
    assert model.fit(journeys) is model
    assert model.is_fitted
    assert dict(model.fitted) == {"Email": 2, "Direct": 1}
    assert model.shares(journeys).tolist() == [0.4, 0.4, 0.2]
    assert model.params() == {"ignore": []}
    assert check_model(Learned())


def test_labels_say_what_differs_from_the_defaults() -> None:
    """And are read again as what they say."""
    assert [get_model(spec).label for spec in (*DEFAULT_MODELS, "time_decay:half_life=7d")] == [
        *DEFAULT_MODELS, "time_decay",
    ]  # fmt: skip
    model = TimeDecay(half_life="14d", ignore=("Direct", "Paid, other; 50% off"))
    assert model.label == "time_decay:ignore=Direct;Paid%2C other%3B 50%25 off,half_life=14d"
    assert get_model(model.label) == model
    assert make_model(TimeDecay, model.params()) == model


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("liner", "unknown model 'liner'; did you mean 'linear'"),
        ("linear:decay=2", "linear has no parameter 'decay'; allowed: ignore"),
        ("time_decay:half_life", "cannot be read; parameters are written once each"),
        ("time_decay:half_life=1d,half_life=2d", "cannot be read; parameters are written once each"),
        (7, "7 is no model"),
        ("custom", "custom has no default for weights; write custom:weights=..."),
    ],
)
def test_a_model_that_cannot_be_made_says_why(spec: Any, message: str) -> None:
    """Names, parameters and things that are neither."""
    with pytest.raises((UnknownNameError, ModelError), match=message):
        get_model(spec)


@pytest.mark.parametrize(
    ("declared", "value", "text"),
    [
        (float, 0.25, "0.25"),
        (int, 3, "3"),
        (bool, True, "true"),
        (str, "7d", "7d"),
        (str | None, None, "none"),
        (int | None, 4, "4"),
        (tuple[str, ...], ("a", "b"), "a;b"),
        (tuple[float, ...], (0.5, 1.0), "0.5;1.0"),
        (tuple[str, ...], (), ""),
    ],
)
def test_values_survive_being_written(declared: Any, value: Any, text: str) -> None:
    """Text and back, for every type that parameters have."""
    assert value_text(value) == text
    assert parse_value("m", "p", declared, text) == value


@pytest.mark.parametrize(
    ("declared", "value"),
    [(float, "1"), (float, True), (float, float("inf")), (int, 1.0), (int, False), (str, None),
     (str | None, 1), (tuple[str, ...], ["a"]), (tuple[str, ...], ("a", 1)), (bool, 1)],
)  # fmt: skip
def test_values_of_another_type_are_refused(declared: Any, value: Any) -> None:
    """A list is no tuple, a truth is no number."""
    with pytest.raises(ModelError, match=r"m: p=.* cannot be used; allowed is"):
        check_value("m", "p", declared, value)


def announce(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    """Pretend that other packages announce models."""
    found = tuple(EntryPoint(name, value, registry.ENTRY_POINT_GROUP) for name, value in points)
    monkeypatch.setattr(registry, "announced", lambda group: found)


def test_an_outsiders_model_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is imported when it is asked for; the same announced twice is one."""
    announce(
        monkeypatch, ("even", f"{__name__}:Even"), ("even", f"{__name__}:Even"), ("lost", "no_such:Model")
    )
    assert {"even", "linear", "lost"} <= set(list_models())
    assert get_model("even").label == "even"
    with pytest.raises(ModelError, match="'lost' of no_such:Model cannot be imported"):
        get_model("lost")


def test_two_models_of_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody replaces a built-in model in silence."""
    announce(monkeypatch, ("linear", f"{__name__}:Even"))
    with pytest.raises(ModelError, match="two models are named 'linear'; uninstall or rename"):
        get_model("linear")


def test_an_entry_point_must_be_a_model_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a function, and not a model of another name."""
    announce(monkeypatch, ("odd", f"{__name__}:Even"), ("helper", f"{__name__}:announce"))
    for name in ("odd", "helper"):
        with pytest.raises(ModelError, match=f"must be an AttributionModel whose name is '{name}'; it"):
            get_model(name)


def test_models_are_frozen_and_equal_by_their_parameters() -> None:
    """Equal parameters, equal models; what was learned does not count."""
    assert TimeDecay(half_life="1d") == TimeDecay(half_life="1d") != TimeDecay()
    assert Learned().fit(sample_journeys()) == Learned()
    with pytest.raises(AttributeError):
        Linear().ignore = ("Direct",)  # type: ignore[misc]
