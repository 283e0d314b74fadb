"""What `attribute()` found: credits, sums by dimension, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.drawing import plot
from attribution.errors import InputError, UnknownNameError
from attribution.frames.codes import Column
from attribution.frames.intervals import Groups, interval_frame, judge
from attribution.frames.read import to_decimals
from attribution.journeys.chunks import over_rows
from attribution.journeys.columns import CodeArray, IntArray, Journeys
from attribution.labels import UNATTRIBUTED
from attribution.models.base import AttributionModel

if TYPE_CHECKING:
    from attribution.drawing import Chart

NONE = "(none)"

_SMALL = 1 << 16


@dataclass(frozen=True, eq=False)
class Attribution:
    """What :func:`attribute` found.

    Attributes:
        journeys: one for each conversion, in the order given; `touch` holds row numbers of `touches`.
        models: label to model, in the order given.
        dimensions: by which :meth:`by` can cut.
        currency: of all amounts; None where none was given.
        shared_equally: label to the number of journeys whose weights were all zero, if any.
        notes: what was left out, in sentences.
    """

    journeys: Journeys
    models: Mapping[str, AttributionModel]
    dimensions: tuple[str, ...]
    currency: str | None
    shared_equally: Mapping[str, int]
    notes: tuple[str, ...]
    _amounts: Mapping[str, IntArray]
    _codes: Mapping[str, tuple[CodeArray, pd.Index[Any]]]
    _conversion_id: Column
    _touch_id: Column | None
    _digits: int
    _learned: tuple[str, ...]
    _person_id: Column
    _make_corpus: Callable[[], Journeys]

    def by(self, dimension: str | Sequence[str]) -> pd.DataFrame:
        """Return the value credited to each value of a dimension (or combination), a column a model.

        Rows fall by the first model; touches without a value stand under `(none)`, conversions without
        touches under `(unattributed)`, last. Every column sums to the total of all conversions, exactly.

        Raises:
            UnknownNameError: no such dimension.
        """
        names = self._known(dimension)
        group, keys = self._groups(names)
        empty = np.flatnonzero(self.journeys.lengths == 0)
        lost = int(self.journeys.value[empty].sum())
        n_groups = len(keys)
        sums = _sum_by(group, self._amounts, n_groups)
        leading = next(iter(sums.values()))
        order = sorted(range(n_groups), key=lambda i: (-int(leading[i]), keys[i]))
        rows = [*(keys[i] for i in order), (UNATTRIBUTED,) * len(names)]
        index = (
            pd.MultiIndex.from_tuples(rows, names=names)
            if not isinstance(dimension, str)
            else pd.Index([row[0] for row in rows], name=dimension)
        )
        columns = {
            label: to_decimals(np.append(found[order], lost), self._digits) for label, found in sums.items()
        }
        return pd.DataFrame(columns, index=index)

    def plot(self, by: str = "channel") -> Chart:
        """Return a chart of :meth:`by`, for a notebook: models side by side, or bars of a single one.

        Raises:
            UnknownNameError: no such dimension.
        """
        return plot(self, by=by)

    def intervals(
        self,
        dimension: str | Sequence[str] = "channel",
        *,
        level: float = 0.9,
        draws: int = 400,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Return how far the value credited to each value of a dimension can be trusted, under every model.

        People are drawn again, with all their journeys (:func:`attribution.trust.bootstrap.bootstrap`); a
        model that was fitted on these data is fitted on every draw, one that came fitted stays as it is.

        Args:
            dimension: one, or a combination.
            level: the share of intervals that are to hold the truth.
            draws: how many; a model that learns is fitted as often.
            seed: another one gives other draws.

        Returns:
            One row for each model and value, by model and falling value: the dimension, `model`, `value` as
            :meth:`by` has it, `low` and `high` (empty where `too_few`), `conversions` credited, the places
            `rank_best` to `rank_worst` that it takes in the draws (1 is the highest), and `too_few`, under 10
            conversions, or those of under 10 people. `attrs` has the `rank_agreement` of each model (in how
            many draws two values keep their order) and `warnings`, in sentences.

        Raises:
            UnknownNameError: no such dimension.
            InputError: level, draws or seed cannot be used.
        """
        names = self._known(dimension)
        of_touch, keys = self._groups(names)
        value = _sum_by(of_touch, self._amounts, len(keys))
        groups = Groups(names, of_touch, keys, value, self._digits)
        options = {"level": level, "draws": draws, "seed": seed}
        learned = [model for label, model in self.models.items() if label in self._learned]
        fixed = [model for label, model in self.models.items() if label not in self._learned]
        # who did not convert moves only what is learned: rules are judged on the conversions alone
        found = judge(fixed, self.journeys, self._person_id, groups, learning=False, **options)
        if learned:
            found |= judge(learned, self._make_corpus(), self._person_id, groups, learning=True, **options)
        return interval_frame(found, groups)

    def _known(self, dimension: str | Sequence[str]) -> list[str]:
        names = [dimension] if isinstance(dimension, str) else list(dimension)
        for name in names:
            if name not in self.dimensions:
                raise UnknownNameError("dimension", str(name), self.dimensions)
        if not names:
            raise InputError("no dimension was given; name at least one")
        return names

    def _groups(self, names: list[str]) -> tuple[IntArray, list[tuple[str, ...]]]:
        """Number the combinations that occur among the touches."""
        group = np.zeros(self.journeys.n_touches, np.int64)
        keys: list[tuple[str, ...]] = [()] if len(group) else []
        for name in names:
            codes, labels = self._codes[name]
            wide = len(labels) + 1
            found, group = _distinct(group, codes, wide, max(len(keys), 1) * wide)
            texts = [NONE, *(str(label) for label in labels)]
            keys = [(*keys[both // wide], texts[both % wide]) for both in found.tolist()]
        return group, keys

    @cached_property
    def credits(self) -> pd.DataFrame:
        """One row for each conversion and touch, the credits of every model beside each other.

        Without a `touch_id` column the row number in `touches` stands for it. A conversion without touches
        has one row with an empty touch and `(unattributed)` in every dimension, so columns sum to the total.
        """
        journeys = self.journeys
        rows_of = np.maximum(journeys.lengths, 1)
        conversion = np.repeat(np.arange(journeys.n_journeys), rows_of)
        has_touch = np.repeat(journeys.lengths > 0, rows_of)
        at = np.zeros(len(conversion), np.int64)
        at[has_touch] = journeys.at
        columns: dict[str, Any] = {
            "conversion_id": self._conversion_id.iloc[conversion].to_numpy(),
            "touch_id": self._touch_ids(has_touch),
            "at": pd.Series(at.astype("datetime64[us]")).dt.tz_localize("UTC").where(has_touch),
        }
        for name, (codes, labels) in self._codes.items():
            spread = np.full(len(conversion), len(labels) + 1)
            spread[has_touch] = np.where(codes < 0, len(labels), codes)
            texts = [*(str(label) for label in labels), NONE, UNATTRIBUTED]
            columns[name] = pd.Categorical.from_codes(spread, pd.Index(texts, dtype=object))
        for label, amounts in self._amounts.items():
            credited = journeys.value[conversion]
            credited[has_touch] = amounts
            columns[label] = to_decimals(credited, self._digits)
        return pd.DataFrame(columns)

    def _touch_ids(self, has_touch: Any) -> Any:
        if self._touch_id is None:
            numbers = np.zeros(len(has_touch), np.int64)
            numbers[has_touch] = self.journeys.touch
            return pd.arrays.IntegerArray(numbers, ~has_touch)
        ids = np.full(len(has_touch), None, object)
        ids[has_touch] = self._touch_id.to_numpy(object)[self.journeys.touch]
        return ids

    def __repr__(self) -> str:
        return (
            f"<Attribution of {self.journeys.n_journeys} conversions over {self.journeys.n_touches} touches: "
            f"{', '.join(self.models)}>"
        )


def _distinct(group: IntArray, codes: CodeArray, wide: int, size: int) -> tuple[IntArray, IntArray]:
    """Number the combinations of group and code (from -1 on): those that occur, and which each row has.

    A combination is the number `group * wide + code + 1`, less than size.
    """
    key = np.empty(len(group), np.int64)
    small = size <= max(2 * len(group), _SMALL)
    occurs = np.zeros(size if small else 0, np.bool_)

    def combine(start: int, stop: int) -> None:
        of = key[start:stop]
        np.multiply(group[start:stop], wide, out=of)
        of += codes[start:stop]
        of += 1
        if small:
            occurs[of] = True

    over_rows(len(key), combine)
    if not small:  # numbers too far apart for a table
        return np.unique(key, return_inverse=True)
    found = np.flatnonzero(occurs)
    number = np.zeros(size, np.int64)
    number[found] = np.arange(len(found))

    def renumber(start: int, stop: int) -> None:
        key[start:stop] = number.take(key[start:stop])

    over_rows(len(key), renumber)
    return found, key


def _sum_by(group: IntArray, amounts: Mapping[str, IntArray], n_groups: int) -> dict[str, IntArray]:
    """Sum integers by group, exactly: in floats as far as those hold every sum, else in halves of 26 bits."""
    parts: dict[str, list[IntArray]] = {label: [] for label in amounts}

    def add(start: int, stop: int) -> None:
        of = group[start:stop]
        for label, given in amounts.items():
            some = given[start:stop]
            if max(int(some.max()), -int(some.min())) < 2**52 // len(some):
                parts[label].append(np.bincount(of, some, n_groups).astype(np.int64))
            else:
                low = np.bincount(of, some & (2**26 - 1), n_groups).astype(np.int64)
                parts[label].append(low + (np.bincount(of, some >> 26, n_groups).astype(np.int64) << 26))

    over_rows(len(group), add)
    none = np.zeros(n_groups, np.int64)
    return {label: np.sum([none, *sums], axis=0) for label, sums in parts.items()}
