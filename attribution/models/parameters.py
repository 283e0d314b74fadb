"""A model's parameters are its dataclass fields: their types, their checks, and how they are written as text.

How a value is written is in :mod:`attribution.notation`; here is the way back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Mapping as MappingOrigin  # what get_origin() answers for Mapping[...]
from dataclasses import MISSING, fields
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from attribution.errors import ModelError
from attribution.notation import unescaped, value_text

_NONE = "none"
_TRUTH = {"true": True, "false": False}
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", NoneType: _NONE}


@cache
def parameter_types(cls: type) -> Mapping[str, Any]:
    """Return the declared type of every parameter of a model class, in the order of declaration.

    >>> from attribution.models.rules import TimeDecay
    >>> dict(parameter_types(TimeDecay))
    {'ignore': tuple[str, ...], 'half_life': <class 'str'>}
    """
    hints = get_type_hints(cls)
    return MappingProxyType({one.name: hints[one.name] for one in fields(cls) if one.init})


@cache
def parameter_defaults(cls: type) -> Mapping[str, Any]:
    """Return the default of every parameter that has one.

    >>> from attribution.models.rules import TimeDecay
    >>> dict(parameter_defaults(TimeDecay))
    {'ignore': (), 'half_life': '7d'}
    """
    found: dict[str, Any] = {}
    for one in fields(cls):
        if one.init and one.default is not MISSING:
            found[one.name] = one.default
        elif one.init and one.default_factory is not MISSING:
            found[one.name] = one.default_factory()
    return MappingProxyType(found)


def parse_value(model_name: str, name: str, declared: Any, text: str) -> Any:
    """Read a parameter from text; the way back of :func:`attribution.notation.value_text`.

    Raises:
        ModelError: the text is no value of the declared type.

    >>> parse_value("position_based", "first", float, "0.5")
    0.5
    >>> parse_value("linear", "ignore", tuple[str, ...], "Direct;Email")
    ('Direct', 'Email')
    >>> parse_value("custom", "weights", Mapping[str, float], "first=0.3;middle=0.7")
    {'first': 0.3, 'middle': 0.7}
    """
    try:
        value = _parsed(declared, text.strip())
    except (ValueError, KeyError):
        raise _refused(model_name, name, declared, text) from None
    check_value(model_name, name, declared, value)
    return value


def check_value(model_name: str, name: str, declared: Any, value: Any) -> None:
    """Refuse a value that is not of its declared type; an int is a float, a bool is neither.

    Raises:
        ModelError: it is not.

    >>> check_value("position_based", "first", float, "0.5")
    Traceback (most recent call last):
        ...
    attribution.errors.ModelError: position_based: first='0.5' cannot be used; allowed is a number
    """
    if not _fits(declared, value):
        raise _refused(model_name, name, declared, value)


def _refused(model_name: str, name: str, declared: Any, value: Any) -> ModelError:
    return ModelError(f"{model_name}: {name}={value!r} cannot be used; allowed is {_described(declared)}")


def _parsed(declared: Any, text: str) -> Any:
    origin, choices = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        return _parsed_as_first(choices, text)
    if origin is Literal:
        return next((choice for choice in choices if value_text(choice) == text), text)
    if declared is tuple or origin is tuple:
        return tuple(_parsed(_item_type(declared), item.strip()) for item in text.split(";") if item.strip())
    if declared is NoneType:
        return {_NONE: None}[text.lower()]
    if declared is bool:
        return _TRUTH[text.lower()]
    if declared is int or declared is float:
        return declared(text)
    if origin is MappingOrigin:
        return _parsed_mapping(choices[1], text)
    return unescaped(text)


def _parsed_mapping(declared: Any, text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in filter(None, (piece.strip() for piece in text.split(";"))):
        key, equals, value = item.partition("=")
        key = unescaped(key.strip())
        if not equals or key in found:
            raise ValueError(item)
        found[key] = _parsed(declared, value.strip())
    return found


def _parsed_as_first(choices: tuple[Any, ...], text: str) -> Any:
    # text fits everything, so it is tried last
    for choice in sorted(choices, key=lambda one: one is str):
        try:
            return _parsed(choice, text)
        except (ValueError, KeyError):
            continue
    raise ValueError(text)


def _fits(declared: Any, value: Any) -> bool:
    origin, choices = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        return any(_fits(choice, value) for choice in choices)
    if origin is Literal:
        return any(type(choice) is type(value) and choice == value for choice in choices)
    if declared is tuple or origin is tuple:
        return isinstance(value, tuple) and all(_fits(_item_type(declared), item) for item in value)
    if origin is MappingOrigin:
        return isinstance(value, Mapping) and all(
            isinstance(key, str) and _fits(choices[1], item) for key, item in value.items()
        )
    if declared is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if declared is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(declared, type) and declared is not Any:  # Any is a class since Python 3.11
        return isinstance(value, declared)
    return True  # a type that only its own model can judge, in _check


def _item_type(declared: Any) -> Any:
    arguments = get_args(declared)
    return arguments[0] if arguments else str


def _described(declared: Any) -> str:
    origin, choices = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        return " or ".join(_described(choice) for choice in choices)
    if origin is Literal:
        return "one of " + ", ".join(value_text(choice) for choice in choices)
    if declared is tuple or origin is tuple:
        return f"a tuple of {_described(_item_type(declared))} (as text: items with ; between)"
    if origin is MappingOrigin:
        return f"a name and {_described(choices[1])} each (as text: name=0.5;other=0.5)"
    return _WORDS.get(declared, str(declared))
