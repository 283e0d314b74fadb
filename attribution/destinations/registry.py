"""The destinations by name: those that come along, and those that other packages announce as entry points.

A package adds one with `[project.entry-points."attribution.destinations"]`, the key being its name. A module
is imported when its destination is asked for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Final

from attribution.destinations.destination import Destination
from attribution.errors import InputError, UnknownNameError
from attribution.outsiders import announced, load_outsider

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
    return load_outsider(outsiders[name], "destination", Destination, InputError)  # type: ignore[type-abstract]


def _outsiders() -> dict[str, EntryPoint]:
    """Return what others announce; a name that comes along stays what it is."""
    return {point.name: point for point in announced(ENTRY_POINT_GROUP)}
