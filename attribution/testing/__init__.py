"""A kit for authors of models: the named checks that every built-in model passes too.

All of them in one test, or each as a test of its own, which names every check that fails:

    @pytest.mark.parametrize(("name", "check"), model_checks(MyModel(depth=2)))
    def test_my_model_keeps_the_contract(name, check):
        check()

A check makes fresh models from the parameters of the one it is given, fits those that want it, and tries them
on :func:`sample_journeys`, which hold the milestones and dimensions that the model names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from attribution.models.base import AttributionModel
from attribution.testing.checks import CHECKS, Unmet
from attribution.testing.samples import sample_journeys

__all__ = ["CheckFailure", "check_model", "model_checks", "sample_journeys"]


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
    """Yield the name of each check and a function that runs it, as `pytest.mark.parametrize` wants them.

    The function raises :class:`CheckFailure` where the model does not pass.

    >>> from attribution.models.rules import Linear
    >>> dict(model_checks(Linear()))["shares_sum_to_one"]()
    """
    for check in CHECKS:
        yield check.__name__.removeprefix("_"), partial(_run, check, model)


def _run(check: Callable[[AttributionModel], None], model: AttributionModel) -> None:
    name = check.__name__.removeprefix("_")
    try:
        check(model)
    except Unmet as unmet:
        raise CheckFailure(name, f"{model.name}: {unmet}") from None
    except Exception as error:  # whatever the model raises is its failure, not the kit's
        raise CheckFailure(name, f"{model.name} raised {type(error).__name__}: {error}") from error
