"""The distinct rows of some columns over all blocks of a file: each row of the file is a code into them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attribution.store.columns import Ints
from attribution.store.keys import distinct

Codes = npt.NDArray[np.int32]
_UNSETTLED = 1_000_000  # rows that may wait to be told apart from those of earlier blocks


class Distinct:
    """Takes columns block by block, told apart by a hash; holds each distinct row once.

    What was told apart is numbered for good: a file takes four bytes a row, and its distinct rows.
    """

    def __init__(self) -> None:
        self.codes: list[Codes] = []
        self._hashes = np.zeros(0, np.int64)
        self._rows: list[pa.Table] = []
        self._waiting: list[tuple[Ints, pa.Table, Ints]] = []
        self._unsettled = 0

    def add(self, hashes: Ints, columns: pa.Table) -> None:
        """Take a block: int64[n] hashes of n rows."""
        codes, first = distinct(hashes)
        self._waiting.append((hashes[first], columns.take(pa.array(first)), codes))
        self._unsettled += len(first)
        if self._unsettled > max(_UNSETTLED, len(self._hashes) // 2):
            self._settle()

    def close(self) -> tuple[Codes, Ints, pa.Table]:
        """Return the codes of all rows, and hashes and columns of what they point to."""
        self._settle()
        return np.concatenate(self.codes), self._hashes, self.rows

    @property
    def rows(self) -> pa.Table:
        """The distinct rows, once all blocks are there."""
        self._settle()
        return pa.concat_tables(self._rows, promote_options="permissive")

    def _settle(self) -> None:
        if not self._waiting:
            return
        known = len(self._hashes)
        everything = np.concatenate([self._hashes, *(hashes for hashes, _, _ in self._waiting)])
        numbers, first = distinct(everything)  # in order of appearance: those known keep theirs
        rows = pa.concat_tables([rows for _, rows, _ in self._waiting], promote_options="permissive")
        self._rows.append(rows.take(pa.array(first[known:] - known)))
        self._hashes = everything[first]
        start = known
        for hashes, _, codes in self._waiting:
            self.codes.append(numbers[start : start + len(hashes)][codes].astype(np.int32))
            start += len(hashes)
        self._waiting, self._unsettled = [], 0

    def numbers(
        self, used: npt.NDArray[np.bool_], name: str, number: Callable[[Ints, pa.Table], Ints]
    ) -> npt.NDArray[np.int64]:
        """Number distinct rows.

        Args:
            used: bool[d], which of them are wanted.
            name: the column without which there is nothing to number.
            number: given hashes and rows, each once, returns their numbers.

        Returns:
            int64[d]; 0 where the column is missing, or the row is not wanted.
        """
        self._settle()
        rows = self.rows
        there = np.flatnonzero(used & np.asarray(pc.is_valid(rows.column(name))))
        found = np.zeros(rows.num_rows, np.int64)
        if len(there):
            found[there] = number(self._hashes[there], rows.take(pa.array(there)))
        return found
