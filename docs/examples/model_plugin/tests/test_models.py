"""Both models: the contract that all models keep, and numbers worked by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from attribution_engagement import ConversionRate, Engagement

import attribution as at
from attribution.errors import ModelError, NotFittedError
from attribution.journeys.columns import Journeys
from attribution.testing import model_checks

MODELS = [
    Engagement(),
    Engagement(effort={"form": 2.5}, fade=1.0, ignore=("Direct",)),
    ConversionRate(),
    ConversionRate(prior=0.5),
]
CHECKS = [
    pytest.param(check, id=f"{model.label}-{name}") for model in MODELS for name, check in model_checks(model)
]


@pytest.mark.parametrize("check", CHECKS)
def test_the_contract_of_models(check: Callable[[], None]) -> None:
    """Each check is a test of its own, so that all that fail are named."""
    check()


def test_effort_and_fading() -> None:
    """A form after a session: 1 x 0.5 to 4 x 1."""
    journeys = Journeys.from_paths([[(0, "Email"), (1, "Direct")]])
    form = journeys.kinds.index("form")
    journeys = replace(journeys, kind=np.array([0, form], np.int16))
    assert Engagement(fade=0.5).shares(journeys).tolist() == [0.5 / 4.5, 4 / 4.5]
    assert Engagement(effort={}, fade=1.0).shares(journeys).tolist() == [0.5, 0.5]


def test_conversion_rates() -> None:
    """Two of four journeys convert; Email is in two of which both do, Direct in three of which one does."""
    paths = [[(0, "Email"), (1, "Email")], [(0, "Email"), (1, "Direct")], [(0, "Direct")], [(0, "Direct")]]
    corpus = Journeys.from_paths(paths, converted=[True, True, False, False])
    model = ConversionRate(prior=1.0).fit(corpus)
    assert model.fitted == {"common": 0.5, "rates": {"Email": 2.5 / 3, "Direct": 1.5 / 4}}
    assert model.shares(corpus)[2:4] == pytest.approx([20 / 29, 9 / 29])
    assert model.shares(Journeys.from_paths([[(0, "Fax"), (1, "Fax")]])).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("engagement:fade=0", "fade=0.0 cannot be used; allowed is above 0"),
        ("engagement:effort=form=-1", "the effort of 'form' is -1.0"),
        ("engagement:effort=much", "effort='much' cannot be used"),
        ("engagement:fading=1", "no parameter 'fading'; did you mean 'fade'"),
        ("conversion_rate:prior=0", "prior=0.0 cannot be used"),
    ],
)
def test_bad_parameters(spec: str, words: str) -> None:
    """Ranges are ours to check, types are checked for us."""
    with pytest.raises(ModelError, match=words):
        at.get_model(spec)


def test_found_by_name() -> None:
    """The entry points are announced."""
    assert {"engagement", "conversion_rate"} <= set(at.list_models())
    assert at.get_model("engagement:effort=form=5;call=9,fade=0.9") == Engagement(
        effort={"form": 5.0, "call": 9.0}, fade=0.9
    )
    with pytest.raises(NotFittedError):
        at.get_model("conversion_rate").shares(Journeys.from_paths([[(0, "Email")]]))
