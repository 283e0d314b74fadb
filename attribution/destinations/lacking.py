"""What several destinations refuse alike: a conversion that lacks what their kind of it needs."""

from __future__ import annotations

from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.request import Refusal


def no_value(conversion: Conversion) -> Refusal | None:
    """Refuse a restatement without the new value."""
    if conversion.change is not Change.RESTATED or conversion.value_minor is not None:
        return None
    return Refusal("no_value", "a restatement needs the new value; retract it where it has none")


def no_share(conversion: Conversion) -> Refusal | None:
    """Refuse a new conversion of an action that takes credits from outside, where it has none."""
    if conversion.change is not Change.NEW or conversion.share_millionths is not None:
        return None
    return Refusal("no_share", "an externally attributed conversion needs its credit: send --value credited")
