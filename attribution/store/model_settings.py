"""The settings that name models: a list of texts, which a TOML file may write as tables too.

Kept is one text, models apart by blanks, so that `config list` prints what `config set` takes. The names and
parameters are checked by the registry, which stands above the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attribution.errors import InputError
from attribution.notation import in_list, spec_text

MODEL_SETTINGS: Final = ("model", "models")


def parse_models(text: str) -> str:
    """Read models apart by blanks; bare names may be told apart by commas too.

    >>> parse_models("linear, first_touch time_decay:half_life=14d linear")
    'linear first_touch time_decay:half_life=14d'
    """
    # `time_decay:half_life=14d,other=1` holds commas of its own
    names: list[str] = []
    for piece in text.split():
        names += [piece.strip(",")] if ":" in piece else piece.split(",")
    names = [name for name in names if name]
    if not names:
        raise InputError("no model given; name one or more, such as: linear time_decay:half_life=14d")
    return " ".join(dict.fromkeys(names))


def parse_model(text: str) -> str:
    """Read one model; it has no neighbour, so a blank behind its colon is part of a value.

    >>> parse_model("linear:ignore=Organic Search")
    'linear:ignore=Organic%20Search'
    """
    names = parse_models(in_list(text)).split()
    if len(names) > 1:
        raise InputError(f"{text!r} names several models; allowed is one, such as {names[0]}")
    return names[0]


def models_text(value: Any) -> str:
    """Return the text of one model or a list, as TOML holds them.

    Raises:
        InputError: an item is neither a text nor a table that names a model.

    >>> models_text(["linear", {"name": "time_decay", "half_life": "14d", "ignore": ["Organic Search"]}])
    'linear time_decay:half_life=14d,ignore=Organic%20Search'
    """
    if isinstance(value, list):
        return " ".join(in_one_piece for item in value if (in_one_piece := _item(item)))
    return value if isinstance(value, str) else _item(value)


def _item(item: Any) -> str:
    if isinstance(item, str):
        return in_list(item)  # blanks before a colon tell names apart, behind it they are a value's
    if not isinstance(item, Mapping):
        raise InputError(
            f"{item!r} is no model; allowed are a name, text such as 'time_decay:half_life=14d', or a table "
            "such as {name = 'time_decay', half_life = '14d'}"
        )
    name = item.get("name")
    if not isinstance(name, str) or not name or set(name) & set(": ,"):
        raise InputError(
            f"the table {dict(item)!r} has no bare model name under `name`; write it as "
            "{name = 'time_decay', half_life = '14d'}"
        )
    params = {param: value for param, value in item.items() if param != "name"}
    for param, value in params.items():
        if not _writable(value):
            raise InputError(
                f"{name}: {param} is {value!r}; allowed are text, a number, true or false, a list of them, "
                "or a table of them"
            )
    return in_list(spec_text(name, params))


def _writable(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return all(_is_plain(item) for item in value.values()) if isinstance(value, dict) else _is_plain(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)  # bool is an int
