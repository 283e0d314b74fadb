"""How a model with parameters is written as one text, on the command line, in settings and above columns.

`time_decay:half_life=14d,ignore=Direct`. A tuple is written with `;` between its items, a mapping as
`name=0.3;other=0.7`, None as `none`. The signs that have a meaning there are escaped as in a URL (`%2C` for a
comma, `%3B` for a semicolon, `%3D` for an equals sign, `%25` for the escape itself), so any name survives.
A list of models, as a setting holds it, is split at blanks; there a blank within a value is written `%20`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

_BLANK = re.compile(r"\s")  # what str.split() splits at
_OUTER_BLANKS = re.compile(r"^\s+|\s+$")  # readers take blanks around a value for layout
_AROUND_SIGNS = re.compile(r"\s*([,;=])\s*")
_ESCAPES = (("%", "%25"), (",", "%2C"), (";", "%3B"), ("=", "%3D"))  # the escape sign itself comes first


def value_text(value: Any) -> str:
    """Write a parameter as the command line takes it.

    >>> value_text(0.25), value_text(("Direct", "Paid, Other")), value_text(None), value_text(True)
    ('0.25', 'Direct;Paid%2C Other', 'none', 'true')
    >>> value_text({"first": 0.3, "middle": 0.7})
    'first=0.3;middle=0.7'
    """
    if isinstance(value, Mapping):
        return ";".join(f"{value_text(name)}={value_text(value[name])}" for name in sorted(value))
    if isinstance(value, tuple | list):
        return ";".join(value_text(item) for item in value)
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        for sign, escaped in _ESCAPES:
            value = value.replace(sign, escaped)
        return _OUTER_BLANKS.sub(lambda blanks: quote(blanks[0]), value)
    return repr(float(value)) if isinstance(value, float) else str(value)


def unescaped(text: str) -> str:
    """Return a text as it was before :func:`value_text` wrote it.

    >>> unescaped("Paid%2C Other"), unescaped("Organic%20Search"), unescaped("100%")
    ('Paid, Other', 'Organic Search', '100%')
    """
    return unquote(text)


def spec_text(name: str, params: Mapping[str, Any]) -> str:
    """Write a model with the parameters given.

    >>> spec_text("time_decay", {"half_life": "14d", "ignore": ["Direct"]}), spec_text("linear", {})
    ('time_decay:half_life=14d,ignore=Direct', 'linear')
    """
    parts = [f"{param}={value_text(value)}" for param, value in params.items()]
    return f"{name}:{','.join(parts)}" if parts else name


def in_list(spec: str) -> str:
    """Return a model's text as it stands in a list that is split at blanks; it means the same.

    >>> in_list("linear:ignore=Organic Search; Direct")
    'linear:ignore=Organic%20Search;Direct'
    """
    name, colon, params = (part.strip() for part in spec.partition(":"))
    return name + colon + _BLANK.sub(lambda blank: quote(blank[0]), _AROUND_SIGNS.sub(r"\1", params))
