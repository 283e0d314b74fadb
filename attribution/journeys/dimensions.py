"""Dimensions that are made of several, such as `source/medium`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from attribution.journeys.columns import Dimension
from attribution.labels import NOT_SET

OWN: Final = ("channel", "touch_kind")  # every Journeys carries these
_BETWEEN: Final = " / "


def folded(names: pd.Series[Any]) -> pd.Series[Any]:
    """Return names in the form in which a model compares them: small letters, single blanks.

    >>> folded(pd.Series(["Spring  Sale", "spring sale "])).nunique()
    1
    """
    return names.astype("str").str.casefold().str.replace(r"\s+", " ", regex=True).str.strip()


def joined(parts: Sequence[Dimension]) -> Dimension:
    """Make one dimension of several; a blank part reads `(not set)`, a touch blank in all has no name.

    >>> source = Dimension(np.array([0, 0, -1], np.int32), ("google",))
    >>> medium = Dimension(np.array([0, -1, -1], np.int32), ("cpc",))
    >>> both = joined([source, medium])
    >>> both.codes.tolist(), both.names
    ([1, 0, -1], ('google / (not set)', 'google / cpc'))
    """
    if len(parts) == 1:
        return parts[0]
    group = np.zeros(len(parts[0].codes), np.int64)
    keys: list[tuple[str | None, ...]] = [()]
    for codes, names in parts:
        wide = len(names) + 1
        # few combinations occur: numbering them anew at each step keeps the numbers small
        group, found = pd.factorize(group * wide + codes + 1)
        texts = (None, *names)
        keys = [(*keys[both // wide], texts[both % wide]) for both in found.tolist()]
    texts_of = [
        _BETWEEN.join(NOT_SET if one is None else one for one in key) if any(key) else "" for key in keys
    ]
    labels = sorted(set(texts_of) - {""})
    code = {text: i for i, text in enumerate(labels)} | {"": -1}
    table = np.array([code[text] for text in texts_of], np.int32)
    return Dimension(table[group], tuple(labels))
