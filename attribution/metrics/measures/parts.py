"""The parts of a measure: what adds up to it, record by record and group by group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from attribution.metrics.credits import sums
from attribution.store.columns import Ints

NOBODY = "nobody"  # whose parts no draw of people changes: what was spent


@dataclass(frozen=True)
class Parts:
    """Parts of one measure, parallel arrays of int64.

    Attributes:
        kind: of what the records are (`lead`, `deal`, `touch`, ...), or NOBODY.
        record: their numbers.
        group: -1 where a condition leaves it out.
        value: minor units for money, millionths for counts.
        together: what all groups are together, where that is not their sum.
    """

    kind: str
    record: Ints
    group: Ints
    value: Ints
    together: int | None = None

    @classmethod
    def none(cls, kind: str) -> Self:
        """Return no parts at all."""
        empty = np.empty(0, np.int64)
        return cls(kind, empty, empty, empty)

    @classmethod
    def of_groups(cls, values: dict[int, int], together: int | None = None) -> Self:
        """Return what is known by group alone, of nobody."""
        groups, found = list(values), list(values.values())
        nobody = np.full(len(groups), -1)
        return cls(NOBODY, nobody, np.array(groups, np.int64), np.array(found, np.int64), together)

    def sums(self) -> dict[int, int]:
        """Add up by group.

        >>> Parts("deal", np.array([1, 1, 2]), np.array([0, 3, 3]), np.array([40, 60, 5])).sums()
        {0: 40, 3: 65}
        """
        return sums(self.group, self.value)

    def conversions(self) -> dict[int, int]:
        """Count the records behind each group, those of value 0 not."""
        some = (self.group >= 0) & (self.value != 0)
        frame = pd.DataFrame({"group": self.group[some], "record": self.record[some]}).drop_duplicates()
        found = frame.groupby("group").size()
        return dict(zip(found.index.tolist(), found.tolist(), strict=True))

    def whole(self) -> Parts:
        """Return the same parts as of one group, what is left out left out."""
        group = np.where(self.group >= 0, 0, -1)
        return Parts(self.kind, self.record, group, self.value, self.together)

    def total(self) -> int:
        """Return what is in any group: their sum, unless it is known to be another.

        >>> Parts.of_groups({0: 2, 3: 2}).total(), Parts.of_groups({0: 2, 3: 2}, 3).total()
        (4, 3)
        """
        return sum(self.sums().values()) if self.together is None else self.together
