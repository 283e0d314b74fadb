"""What counts where nobody says otherwise: the same in a store, in a notebook and on the command line."""

from __future__ import annotations

from typing import Final

DEFAULT_KINDS: Final = ("session", "click", "email", "event", "offline")
DEFAULT_MODELS: Final = (
    "first_touch", "last_touch", "last_non_direct", "linear", "time_decay", "position_based",
)  # fmt: skip
