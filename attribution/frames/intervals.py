"""Intervals as a frame: for every model and group the value, how far it can be trusted, and its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from attribution.frames.codes import Column, plain
from attribution.frames.read import to_decimals
from attribution.journeys.columns import BoolArray, FloatArray, IntArray, Journeys
from attribution.models.base import AttributionModel
from attribution.trust.bootstrap import bootstrap
from attribution.trust.intervals import Intervals, doubts

_LARGEST = 2.0**63 - 2048  # of the floats that an int64 holds


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups that touches are in: a code each, a name in each dimension, and what models credit.

    Attributes:
        of_touch: int64[N], of the journeys' touches.
        keys: the names, as many as there are dimensions.
        value: label of a model to int64[G], minor units, exact.
        digits: of the currency.
    """

    dimensions: Sequence[str]
    of_touch: IntArray
    keys: Sequence[tuple[str, ...]]
    value: Mapping[str, IntArray]
    digits: int


def judge(
    models: Sequence[AttributionModel],
    journeys: Journeys,
    person: Column,
    groups: Groups,
    *,
    learning: bool,
    **options: Any,
) -> dict[str, Intervals]:
    """Bootstrap journeys made of frames: people are known by their `person_id`, wherever they stand in it.

    Args:
        models: all that learn on these journeys, or none of them.
        journeys: the conversions in the order of the groups' touches, then any that did not convert;
            `placement` holds rows of the touches.
        person: the `person_id` of all touches.
        groups: of the touches of the conversions.
        learning: whether the models learn.
        options: `level`, `draws` and `seed` of the bootstrap.
    """
    if not models:
        return {}
    ids = plain(person).iloc[journeys.placement[journeys.first]].to_numpy()
    hashed = pd.util.hash_array(ids, categorize=False).view(np.int64)
    whose = journeys.person.copy()
    whose[journeys.first] = hashed
    group = np.full(journeys.n_touches, -1, np.int64)
    group[: len(groups.of_touch)] = groups.of_touch
    return bootstrap(
        models, replace(journeys, person=whose), group=group, n_groups=len(groups.keys), refit=learning,
        **options,
    )  # fmt: skip


def interval_frame(found: Mapping[str, Intervals], groups: Groups) -> pd.DataFrame:
    """Return one row for each model and group; see :meth:`attribution.library.Attribution.intervals`."""
    parts = [_rows(label, found[label], groups) for label in groups.value]
    frame = pd.concat(parts, ignore_index=True)
    names = [" / ".join(key) for key in groups.keys]
    dimension = " / ".join(groups.dimensions)
    frame.attrs["rank_agreement"] = {label: found[label].rank_agreement for label in groups.value}
    frame.attrs["warnings"] = [
        sentence for label in groups.value for sentence in doubts(found[label], label, names, dimension)
    ]
    return frame


def _rows(label: str, found: Intervals, groups: Groups) -> pd.DataFrame:
    value = groups.value[label]
    order = np.array(
        sorted(range(len(groups.keys)), key=lambda i: (-int(value[i]), groups.keys[i])), dtype=np.int64
    )
    few = found.too_few[order]
    columns: dict[str, Any] = {
        name: pd.Series([groups.keys[i][place] for i in order.tolist()], dtype=object)
        for place, name in enumerate(groups.dimensions)
    }
    columns |= {
        "model": pd.Series([label] * len(order), dtype=object),
        "value": to_decimals(value[order], groups.digits),
        "low": _bounds(found.low[order], few, groups.digits),
        "high": _bounds(found.high[order], few, groups.digits),
    }
    for name in ("conversions", "rank_best", "rank_worst", "too_few"):
        columns[name] = getattr(found, name)[order]
    return pd.DataFrame(columns)


def _bounds(minor: FloatArray, few: BoolArray, digits: int) -> Any:
    exact = np.rint(minor.clip(-_LARGEST, _LARGEST)).astype(np.int64)
    return pd.Series(to_decimals(exact, digits)).where(~few)
