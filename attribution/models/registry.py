"""Models by name: the built-in ones, and those that other packages announce as entry points.

A package adds a model with `[project.entry-points."attribution.models"]`, the key being the model's
name; it is imported when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from typing import Any, TypeAlias

from attribution.errors import ModelError, UnknownNameError
from attribution.models.base import AttributionModel
from attribution.models.custom import Custom
from attribution.models.markov import Markov
from attribution.models.milestones import FullPath, LeadCreation, UShaped, WShaped
from attribution.models.parameters import parameter_defaults, parameter_types, parse_value
from attribution.models.position import InverseJ, JShaped, PositionBased
from attribution.models.rules import FirstTouch, LastNonDirect, LastTouch, Linear, TimeDecay
from attribution.models.shapley import Shapley, ShapleyRate
from attribution.outsiders import announced, load_outsider, package_of, wanted_of

ENTRY_POINT_GROUP = "attribution.models"

Known: TypeAlias = dict[str, type[AttributionModel] | EntryPoint]


_BUILT_IN: tuple[type[AttributionModel], ...] = (
    FirstTouch,
    LastTouch,
    LastNonDirect,
    Linear,
    TimeDecay,
    PositionBased,
    JShaped,
    InverseJ,
    LeadCreation,
    UShaped,
    WShaped,
    FullPath,
    Custom,
    Markov,
    Shapley,
    ShapleyRate,
)


def list_models() -> tuple[str, ...]:
    """Return the names of all models, sorted.

    >>> "linear" in list_models()
    True
    """
    return tuple(sorted(_by_name()))


def get_model(spec: str | AttributionModel) -> AttributionModel:
    """Return a model from its name, from text as the command line writes it, or as it is.

    Raises:
        UnknownNameError: no model has this name.
        ModelError: a parameter is unknown or out of range, or two packages use one name.

    >>> get_model("time_decay:half_life=14d")
    TimeDecay(ignore=(), half_life='14d')
    >>> get_model("linear").label
    'linear'
    """
    return get_models([spec])[0]


def get_models(specs: Iterable[str | AttributionModel]) -> list[AttributionModel]:
    """Do what :func:`get_model` does for several: what is installed is looked up once.

    >>> [model.label for model in get_models(["linear", "time_decay:half_life=14d"])]
    ['linear', 'time_decay:half_life=14d']
    """
    known: Known | None = None
    models = []
    for spec in specs:
        if isinstance(spec, AttributionModel):
            models.append(spec)
            continue
        if not isinstance(spec, str):
            raise ModelError(
                f"{spec!r} is no model; allowed are a name, text such as time_decay:half_life=14d, or an "
                "instance"
            )
        name, colon, text = spec.strip().partition(":")
        known = known or _by_name()
        model = _class_of(name, known)
        models.append(make_model(model, read_parameters(model, text) if colon else {}))
    return models


def model_class(name: str) -> type[AttributionModel]:
    """Return the class of a model by name, importing an outsider's if need be."""
    return _class_of(name, _by_name())


def _class_of(name: str, known: Known) -> type[AttributionModel]:
    if name not in known:
        raise UnknownNameError("model", name, known)
    found = known[name]
    if not isinstance(found, EntryPoint):
        return found
    loaded = load_outsider(found, "model", AttributionModel, ModelError)  # type: ignore[type-abstract]
    try:
        parameter_types(loaded)
    except Exception as error:
        wanted = wanted_of(found, AttributionModel)
        raise ModelError(f"{wanted}; its parameters' types cannot be read ({error})") from error
    return loaded


def make_model(model: type[AttributionModel], params: dict[str, Any]) -> AttributionModel:
    """Make a model from parameters, as :meth:`AttributionModel.params` gave them.

    >>> make_model(TimeDecay, {"half_life": "14d", "ignore": ["Direct"]}).label
    'time_decay:ignore=Direct,half_life=14d'
    """
    for name in params:
        _declared(model, name)
    for name in parameter_types(model).keys() - parameter_defaults(model).keys() - params.keys():
        raise ModelError(f"{model.name} has no default for {name}; write {model.name}:{name}=...")
    return model(**{name: tuple(v) if isinstance(v, list) else v for name, v in params.items()})


def read_parameters(model: type[AttributionModel], text: str) -> dict[str, Any]:
    """Read the part of a label behind the colon.

    >>> read_parameters(TimeDecay, "half_life=14d,ignore=Direct;Email")
    {'half_life': '14d', 'ignore': ('Direct', 'Email')}
    """
    params: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name in params:
            raise ModelError(
                f"{model.name}: {part!r} cannot be read; parameters are written once each as "
                f"{model.name}:param=value,param=value (a comma within a value as %2C)"
            )
        params[name] = parse_value(model.name, name, _declared(model, name), value)
    return params


def _declared(model: type[AttributionModel], name: str) -> Any:
    types = parameter_types(model)
    if name not in types:
        near = get_close_matches(name, types, n=1)
        hint = f"did you mean {near[0]!r}? Allowed" if near else "allowed"
        raise ModelError(f"{model.name} has no parameter {name!r}; {hint}: {', '.join(sorted(types))}")
    return types[name]


def _by_name() -> Known:
    known: Known = {model.name: model for model in _BUILT_IN}
    for point in announced(ENTRY_POINT_GROUP):
        other = known.get(point.name)
        # a package found twice on the path announces the same object twice, which is harmless
        if other is not None and not (isinstance(other, EntryPoint) and other.value == point.value):
            whose = (
                f"{other.value} of {package_of(other)}" if isinstance(other, EntryPoint) else "a built-in one"
            )
            raise ModelError(
                f"two models are named {point.name!r}; uninstall or rename {point.value} of "
                f"{package_of(point)} (the other is {whose})"
            )
        known[point.name] = point
    return known
