"""The destinations by name: those that come along, and those that other packages announce as entry points.

A package adds one with `[project.entry-points."attribution.destinations"]`, the key being its name. A module
is imported when its destination is asked for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Any, Final

from attribution.destinations.destination import Destination
from attribution.errors import InputError, UnknownNameError

ENTRY_POINT_GROUP: Final = "attribution.destinations"

_HOMES: Final = {
    "google": "Google",
    "google_ads": "GoogleAds",
    "meta": "Meta",
    "microsoft": "Microsoft",
    "linkedin": "LinkedIn",
    "tiktok": "TikTok",
    "ga4": "Ga4",
    "snapchat": "Snapchat",
    "pinterest": "Pinterest",
    "reddit": "Reddit",
    "x": "X",
    "file": "File",
    "webhook": "Webhook",
    "hubspot": "HubSpot",
    "salesforce": "Salesforce",
    "pipedrive": "Pipedrive",
}


def destination_names() -> tuple[str, ...]:
    """Return all names, in the order to show them: what comes along first.

    >>> destination_names()[:1]
    ('google',)
    """
    return (*_HOMES, *sorted(_outsiders().keys() - _HOMES.keys()))


def get_destination(name: str) -> type[Destination]:
    """Return a destination, which is made with its settings.

    Raises:
        UnknownNameError: there is none of that name.
        InputError: another package's cannot be used.

    >>> get_destination("meta").label
    'Meta'
    """
    if name in _HOMES:
        found: type[Destination] = getattr(import_module(f"attribution.destinations.{name}"), _HOMES[name])
        return found
    outsiders = _outsiders()
    if name not in outsiders:
        raise UnknownNameError("destination", name, [*_HOMES, *sorted(outsiders)])
    return _loaded(outsiders[name])


def _outsiders() -> dict[str, EntryPoint]:
    """Return what others announce; a name that comes along stays what it is."""
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def _loaded(point: EntryPoint) -> type[Destination]:
    try:
        loaded = point.load()
    except Exception as error:  # an outsider's module may fail in any way, and its author must know how
        raise InputError(
            f"destination {point.name!r} of {point.value} cannot be imported ({type(error).__name__}: "
            f"{error}); install what it lacks, or uninstall {_package(point)}"
        ) from error
    return _required(loaded, point)


def _required(loaded: Any, point: EntryPoint) -> type[Destination]:
    """Return what an entry point led to, if it can be used as a destination of that name."""
    wanted = f"entry point {point.value} must be a Destination whose name is {point.name!r}"
    if not (isinstance(loaded, type) and issubclass(loaded, Destination)):
        raise InputError(f"{wanted}; it is {loaded!r}")
    if getattr(loaded, "name", None) != point.name:
        raise InputError(f"{wanted}; its name is {getattr(loaded, 'name', None)!r}")
    if isabstract(loaded):
        raise InputError(f"{wanted}; it lacks {', '.join(sorted(loaded.__abstractmethods__))}")
    return loaded


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
