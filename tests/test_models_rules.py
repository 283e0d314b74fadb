"""The rule models, as worked by hand."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from attribution.clock import DAY
from attribution.errors import ModelError
from attribution.journeys.columns import FloatArray, Journeys
from attribution.ledger.allocate import allocate
from attribution.models.base import AttributionModel
from attribution.models.position import PositionBased
from attribution.models.registry import get_model
from attribution.models.rules import LastNonDirect, Linear, TimeDecay

DEAL = Journeys.from_paths(
    [[(0, "Paid Search"), (10 * DAY, "Email"), (20 * DAY, "Direct")]], values=[100_000]
)


@pytest.mark.parametrize(
    ("spec", "minor"),
    [
        ("first_touch", [100_000, 0, 0]),
        ("last_touch", [0, 0, 100_000]),
        ("last_non_direct", [0, 100_000, 0]),
        ("linear", [33_334, 33_333, 33_333]),
        ("time_decay:half_life=10d", [14_286, 28_571, 57_143]),
        ("position_based", [40_000, 20_000, 40_000]),
        ("j_shaped", [20_000, 20_000, 60_000]),
        ("inverse_j", [60_000, 20_000, 20_000]),
        ("linear:ignore=Direct", [50_000, 50_000, 0]),
        ("last_touch:ignore=Direct;Email", [100_000, 0, 0]),
    ],
)
def test_a_deal_of_one_thousand_is_credited_as_worked_by_hand(spec: str, minor: list[int]) -> None:
    """Touches on days 0, 10 and 20."""
    assert allocate(get_model(spec).shares(DEAL), DEAL.offsets, DEAL.value).tolist() == minor


def test_last_non_direct_of_a_journey_that_is_all_direct_is_its_last_touch() -> None:
    """Several journeys at once, an empty one between them."""
    journeys = Journeys.from_paths(
        [[(0, "Direct"), (1, "Direct")], [], [(0, "Email"), (1, "Email"), (2, "Direct")]]
    )
    assert LastNonDirect().shares(journeys).tolist() == [0, 1, 0, 1, 0]


def test_a_touch_without_a_channel_is_not_direct() -> None:
    """What is unknown is not the same as a visit that came from nowhere."""
    journeys = replace(DEAL, channel=np.array([0, 1, -1], np.int32))
    assert LastNonDirect().shares(journeys).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("first", "last", "n", "shares"),
    [
        (0.4, 0.4, 1, [1]),
        (0.4, 0.4, 2, [0.5, 0.5]),
        (0.3, 0.1, 2, [0.75, 0.25]),
        (0.3, 0.1, 4, [0.3, 0.3, 0.3, 0.1]),
        (0.0, 0.0, 2, [0.5, 0.5]),
        (1.0, 0.0, 3, [1, 0, 0]),
        (0.7, 0.3, 3, [0.7, 0, 0.3]),
    ],
)
def test_position_based_shares_by_length(first: float, last: float, n: int, shares: list[float]) -> None:
    """One touch has all, two share by their ratio, the middle shares the rest."""
    journeys = Journeys.from_paths([[(day, "Email") for day in range(n)]])
    assert PositionBased(first=first, last=last).shares(journeys).tolist() == pytest.approx(shares, abs=1e-12)


def test_j_and_inverse_j_mirror_each_other() -> None:
    """Two touches share by the ratio of the ends, as `position_based` does."""
    journeys = Journeys.from_paths([[(0, "Email")], [(0, "Email"), (1, "Email")], [(0, "Email")] * 4])
    found = get_model("j_shaped").shares(journeys).round(12).tolist()
    assert found == [1, 0.25, 0.75, 0.2, 0.1, 0.1, 0.6]
    assert get_model("inverse_j").shares(journeys).round(12).tolist() == [1, 0.75, 0.25, 0.6, 0.1, 0.1, 0.2]


def test_time_decay_never_underflows_to_nothing() -> None:
    """A conversion ages after the last touch still has its shares; only a far older touch may have none."""
    journeys = Journeys.from_paths(
        [[(0, "Email"), (1, "Email")], [(0, "Email"), (20_000 * DAY, "Email")]],
        converted_at=[90_000 * DAY, 90_000 * DAY],
    )
    found = TimeDecay(half_life="1d").shares_and_fallbacks(journeys)
    assert found.values.tolist() == pytest.approx([0.5, 0.5, 0, 1])
    assert found.shared_equally.tolist() == []


def test_ignored_channels_stay_where_nothing_else_would_remain() -> None:
    """The first journey loses its Direct touch, the second has only such."""
    journeys = Journeys.from_paths([[(0, "Direct"), (1, "Email")], [(0, "Direct"), (1, "Direct")]])
    assert Linear(ignore=("Direct", "Unheard of")).shares(journeys).tolist() == [0, 1, 0.5, 0.5]


@dataclass(frozen=True, kw_only=True)
class Given(AttributionModel):
    """Weights as given, for the base to judge."""

    name: ClassVar[str] = "given"

    weights: tuple[float, ...] = ()

    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.array(self.weights)


TWO = Journeys.from_paths([[], [(0, "Email"), (1, "Email")], [(0, "Email"), (1, "Email")]])


def test_journeys_whose_weights_are_all_zero_are_shared_equally_and_named() -> None:
    """Their numbers count the empty journeys too."""
    found = Given(weights=(3.0, 1.0, 0.0, 0.0)).shares_and_fallbacks(TWO)
    assert found.values.tolist() == [0.75, 0.25, 0.5, 0.5]
    assert found.shared_equally.tolist() == [2]


def test_weights_whose_sum_is_infinite_keep_their_ratio() -> None:
    """Each is finite, so their shares are."""
    assert Given(weights=(1.5e308, 1.5e308, 1.0, 3.0)).shares(TWO).tolist() == [0.5, 0.5, 0.25, 0.75]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_weight_that_cannot_be_used_is_named_with_its_touch_and_journey() -> None:
    """Model, touch, journey and value."""

    class Raw(Given):
        def _check(self) -> None: ...

    for bad in (-1.0, np.nan, np.inf):
        model = Raw(weights=(1.0, 1.0, 1.0, 1.0))
        object.__setattr__(model, "weights", (1.0, 1.0, 1.0, bad))
        with pytest.raises(ModelError, match=f"given gave touch 1 of journey 2 the weight {bad}"):
            model.shares(TWO)
    with pytest.raises(ModelError, match=r"weights of shape \(3,\) for 4 touches"):
        Given(weights=(1.0, 1.0, 1.0)).shares(TWO)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("position_based:first=0.7,last=0.4", "sum to at most 1"),
        ("position_based:first=-0.1", "shares >= 0"),
        ("position_based:first=nan", "allowed is a number"),
        ("position_based:first=much", "allowed is a number"),
        ("inverse_j:last=0.5", "first=0.6 and last=0.5 cannot be used"),
        ("time_decay:half_life=0d", "no time at all"),
        ("time_decay:half_life=fortnight", "not a duration"),
    ],
)
def test_parameters_out_of_range_are_refused(spec: str, message: str) -> None:
    """The sentence names the model."""
    with pytest.raises(ModelError, match=f"^{spec.partition(':')[0]}.*{message}"):
        get_model(spec)


def test_no_journeys_have_no_shares() -> None:
    """Not one touch: nothing to share, nothing to fail."""
    none = Journeys.from_paths([])
    for spec in ("first_touch", "last_non_direct", "linear", "time_decay", "position_based"):
        assert get_model(spec).shares(none).shape == (0,)
