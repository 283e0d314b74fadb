"""What an answer is of: the options that were given, beyond the credit set that its envelope names.

A figure of some leads, of some days or at a margin cannot be told from one of everything by looking at it.
So every answer carries what was asked, and every door shows it: :func:`tells_what_was_asked` is put on what
answers, and :func:`in_words` is what people read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import wraps
from inspect import Signature, signature
from os import PathLike, fspath
from typing import Any, Final, NamedTuple, ParamSpec

from attribution.metrics.answer import Answer

P = ParamSpec("P")

# the store, what rows and titles show, what the envelope has resolved, and functions
_SHOWN: Final = (
    "db", "by", "names", "model", "models", "goal", "lookback", "scope", "as_of", "judge", "progress",
    "waits",
)  # fmt: skip
# as the command line has them
_NAMES: Final = {"start": "from", "end": "to", "name": "destination", "listed": "list"}
_PARTS: Final = ("margin", "interval", "target")  # 60% is 0.6; a target may be a duration too


def tells_what_was_asked(answers: Callable[P, Answer]) -> Callable[P, Answer]:
    """Let a function tell in its answer, and in those beside it, which options it was given.

    Those that change nothing, being what the function takes by itself, are left out.

    >>> @tells_what_was_asked
    ... def leads(db: str, *, start: str | None = None, margin: str | None = None) -> Answer:
    ...     return Answer(verb="leads", store=db, as_of="")
    >>> leads("", start="2025-01-01", margin="60%").asked
    {'from': '2025-01-01', 'margin': 0.6}
    """
    known = signature(answers)

    @wraps(answers)
    def told(*args: P.args, **kwargs: P.kwargs) -> Answer:
        kwargs.update({name: tuple(v) for name, v in kwargs.items() if isinstance(v, Iterator)})
        found = answers(*args, **kwargs)
        asked = _given(known, known.bind(*args, **kwargs).arguments)
        beside = {name: replace(other, asked=asked) for name, other in found.beside.items()}
        return replace(found, asked=asked, beside=beside)

    return told


def _given(known: Signature, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are not what they are by themselves, as values of JSON."""
    asked = {}
    for name, parameter in known.parameters.items():  # in one order, whatever the caller's
        value = _plain(name, options.get(name))
        if name in _SHOWN or value in (None, False, "", []) or value == _plain(name, parameter.default):
            continue
        asked[_NAMES.get(name, name)] = value
    return asked


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()[:10]
    if isinstance(value, PathLike):
        return fspath(value)
    if name in _PARTS and isinstance(value, str):
        return _part(value)
    if name == "where" and isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, (tuple, list, set, frozenset)) else value


def _part(text: str) -> float | str:
    """Read a share as a number; what is none stays as it is."""
    try:
        number = Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        return text.strip()
    return float(number / 100 if text.strip().endswith("%") else number)


# --- what people read ---------------------------------------------------------------------------------


class Told(NamedTuple):
    """One option in words: `margin` is `Margin`, `60 %`."""

    option: str
    heading: str
    words: str


_AGAINST: Final = {"previous": "the period before", "year": "the same days a year earlier"}
_BASIS: Final = {"cohort": "cohort: the leads created in the period, whenever their deals closed"}
_WORDS: Final[Mapping[str, tuple[str, Callable[[Any], str]]]] = {
    "where": ("Only", lambda value: where_text(value)),
    "basis": ("Basis", lambda value: _BASIS.get(value, value)),
    "every": ("Every", str),
    "against": ("Compared with", lambda value: _AGAINST.get(value, value)),
    "margin": ("Margin", lambda value: percent_text(value)),
    "stage": ("Converted at", str),
    "unique": ("Leads", lambda _: "people, each once"),
    "target": ("Target", lambda value: value if isinstance(value, str) else f"ROI {percent_text(value)}"),
    "interval": ("Interval", lambda value: percent_text(value)),
    "currency": ("Only currency", lambda value: f"{value}, in its own amounts"),
    "date": ("Credit counts", lambda value: "when the touch was" if value == "touch" else value),
    "restate": ("Refunds count", lambda _: "at their deal's closing"),
    "kinds": ("Kinds of touch", lambda value: ", ".join(value) if isinstance(value, list) else value),
    "censored": ("Durations", lambda _: "those still on their way count too"),
    "transform": ("Journeys", str),
    "horizon": ("Horizon", lambda value: f"{value} month{'' if str(value) == '1' else 's'}"),
    "split": ("Split", lambda _: "each touch by itself"),
    "retry": ("Retry", lambda _: "what was refused or given up too"),
}


def in_words(asked: Mapping[str, Any]) -> list[Told]:
    """Say what was asked, the period first.

    >>> asked = {"margin": 0.6, "from": "2025-01-01", "where": ["channel=Email", "channel=Direct"]}
    >>> [f"{told.heading}: {told.words}" for told in in_words(asked)]
    ['Period: from 2025-01-01 on', 'Only: channel Email or Direct', 'Margin: 60 %']
    """
    period = period_text(asked.get("from"), asked.get("to"))
    told = [Told("period", "Period", period)] if period else []
    names = [name for name in _WORDS if name in asked]
    names += [name for name in asked if name not in (*_WORDS, "from", "to")]
    for name in names:
        heading, words = _WORDS.get(name, (name.replace("_", " ").capitalize(), str))
        told.append(Told(name, heading, words(asked[name])))
    return told


def where_text(conditions: list[str]) -> str:
    """Write conditions: values of one dimension are alternatives, dimensions go together.

    >>> where_text(["channel=Email", "owner=Ann Lee", "channel=Direct"])
    'channel Email or Direct, and owner Ann Lee'
    """
    found: dict[str, list[str]] = {}
    for condition in conditions:
        name, _, value = condition.partition("=")
        found.setdefault(name.strip(), []).append(value.strip())
    return ", and ".join(f"{name} {' or '.join(values)}" for name, values in found.items())


def percent_text(part: Any) -> str:
    """Write a share as it stands in a sentence.

    >>> percent_text(0.6), percent_text(0.075)
    ('60 %', '7.5 %')
    """
    return f"{float(part) * 100:.10g} %"


def period_text(start: date | str | None, end: date | str | None) -> str | None:
    """Say from which to which day, None where that is all time.

    >>> period_text("2025-01-01", None), period_text("2025-01-01", "2025-03-31")
    ('from 2025-01-01 on', '2025-01-01 to 2025-03-31')
    """
    if start is None and end is None:
        return None
    if start is None:
        return f"up to {end}"
    return f"from {start} on" if end is None else f"{start} to {end}"
