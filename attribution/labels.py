"""Names for what has no name of its own: they stand in brackets, where a channel or campaign would."""

from __future__ import annotations

from typing import Final

UNATTRIBUTED: Final = "(unattributed)"  # value that no touch can be credited with
NOT_SET: Final = "(not set)"  # a touch without a name in this dimension; `(none)` is a medium
OTHER: Final = "(other)"  # spend that no finer row of a report breaks down
NO_RATE: Final = "(no rate)"  # value in a currency that cannot be converted
NO_LEAD: Final = "(no lead)"

START: Final = "(start)"  # of a journey
CONVERSION: Final = "(conversion)"
NULL: Final = "(null)"  # where journeys end that lead nowhere
ARROW: Final = " > "  # between the steps of a path
