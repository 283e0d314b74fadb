"""Why an entry was posted; numbers are stored, words are shown."""

from __future__ import annotations

from typing import Final

CLOSED: Final = 1
ADJUSTMENT: Final = 2
DEAL_CHANGED: Final = 3
LATE_TOUCH: Final = 4
PEOPLE_CHANGED: Final = 5
RECOMPUTED: Final = 6
REFIT: Final = 7
FROZEN: Final = 8

REASONS: Final[dict[int, str]] = {
    CLOSED: "closed",  # the first posting of a conversion
    ADJUSTMENT: "adjustment",  # a refund or the like, effective when it happened
    DEAL_CHANGED: "deal changed",  # its amount, status, dates or contacts, or its lead
    LATE_TOUCH: "late touch",  # a touch came in after the first posting
    PEOPLE_CHANGED: "people changed",  # evidence, a rule or a decision made others of its people
    RECOMPUTED: "recomputed",  # rates, rules or settings changed
    REFIT: "refit",  # the model learned again
    FROZEN: "frozen",  # its value changed after somebody of its journey was erased: split as it was before
}
