"""Crawlers by what they call themselves: the list of the package ``crawler-user-agents``.

Browsers' names are matched in columns by Arrow's regular expressions, which take linear time whatever a name
looks like.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# in one expression: with more, the automaton outgrows its memory and falls back to a slow one
_PATTERNS_AT_ONCE: Final = 100


@cache
def crawlers_version() -> str:
    """Return the version of the list."""
    return version("crawler-user-agents")


def crawlers_among(agents: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Tell which user agents are crawlers': bool[n]; give distinct ones.

    >>> crawlers_among(pa.array(["Mozilla/5.0 (compatible; Googlebot/2.1)", "Mozilla/5.0 (X11)"])).tolist()
    [True, False]
    """
    array = agents.combine_chunks() if isinstance(agents, pa.ChunkedArray) else agents
    found = np.zeros(len(array), np.bool_)
    for pattern in _patterns():
        found |= pc.match_substring_regex(array, pattern).fill_null(False).to_numpy(zero_copy_only=False)
    return found


@cache
def _patterns() -> tuple[str, ...]:
    # imported when the first agent is asked about: most commands ask about none
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    single = [str(entry["pattern"]) for entry in CRAWLER_USER_AGENTS_DATA]
    return tuple(
        "|".join(single[start : start + _PATTERNS_AT_ONCE])
        for start in range(0, len(single), _PATTERNS_AT_ONCE)
    )
