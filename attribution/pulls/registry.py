"""The systems that can be pulled from, by name; a module is imported when its system is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from attribution.errors import UnknownNameError
from attribution.pulls.source import Source

_HOMES: Final = {
    "hubspot": "HubSpot",
    "salesforce": "Salesforce",
    "pipedrive": "Pipedrive",
    "google_ads": "GoogleAds",
    "meta": "Meta",
    "microsoft": "Microsoft",
    "linkedin": "LinkedIn",
}


def source_names() -> tuple[str, ...]:
    """Return all names, in the order to show them."""
    return tuple(_HOMES)


def get_source(name: str) -> type[Source]:
    """Return the client of a system.

    Raises:
        UnknownNameError: there is none of that name.

    >>> get_source("hubspot").label
    'HubSpot'
    """
    if name not in _HOMES:
        raise UnknownNameError("source", name, _HOMES)
    found: type[Source] = getattr(import_module(f"attribution.pulls.{name}"), _HOMES[name])
    return found
