"""Closed-loop marketing attribution: which ad brought which pound.

`attribute` splits the value of conversions over the touches that led to them, without a store;
`open` opens a store and offers the verbs of the command line as methods. Names are imported when they
are first used, so that the command line answers `--help` at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attribution.engine import Store
    from attribution.engine import open_store as open
    from attribution.errors import AttributionEngineError
    from attribution.frames.result import Attribution
    from attribution.journeys.columns import Journeys
    from attribution.library import attribute
    from attribution.metrics.answer import Answer
    from attribution.models.base import AttributionModel
    from attribution.models.custom import Custom
    from attribution.models.markov import Markov
    from attribution.models.milestones import FullPath, LeadCreation, UShaped, WShaped
    from attribution.models.position import InverseJ, JShaped, PositionBased
    from attribution.models.registry import get_model, list_models
    from attribution.models.rules import FirstTouch, LastNonDirect, LastTouch, Linear, TimeDecay
    from attribution.models.shapley import Shapley, ShapleyRate

_HOMES = {
    "Answer": "attribution.metrics.answer",
    "Attribution": "attribution.frames.result",
    "AttributionEngineError": "attribution.errors",
    "AttributionModel": "attribution.models.base",
    "Custom": "attribution.models.custom",
    "FirstTouch": "attribution.models.rules",
    "FullPath": "attribution.models.milestones",
    "InverseJ": "attribution.models.position",
    "JShaped": "attribution.models.position",
    "Journeys": "attribution.journeys.columns",
    "LastNonDirect": "attribution.models.rules",
    "LastTouch": "attribution.models.rules",
    "LeadCreation": "attribution.models.milestones",
    "Linear": "attribution.models.rules",
    "Markov": "attribution.models.markov",
    "PositionBased": "attribution.models.position",
    "Shapley": "attribution.models.shapley",
    "ShapleyRate": "attribution.models.shapley",
    "Store": "attribution.engine",
    "TimeDecay": "attribution.models.rules",
    "UShaped": "attribution.models.milestones",
    "WShaped": "attribution.models.milestones",
    "attribute": "attribution.library",
    "get_model": "attribution.models.registry",
    "list_models": "attribution.models.registry",
    "open": "attribution.engine",
}

__all__ = [
    "Answer",
    "Attribution",
    "AttributionEngineError",
    "AttributionModel",
    "Custom",
    "FirstTouch",
    "FullPath",
    "InverseJ",
    "JShaped",
    "Journeys",
    "LastNonDirect",
    "LastTouch",
    "LeadCreation",
    "Linear",
    "Markov",
    "PositionBased",
    "Shapley",
    "ShapleyRate",
    "Store",
    "TimeDecay",
    "UShaped",
    "WShaped",
    "attribute",
    "get_model",
    "list_models",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'attribution' has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), "open_store" if name == "open" else name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
