"""Attribution without a store: two frames in, frames out; the journeys, models and cents of the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from attribution.defaults import DEFAULT_KINDS, DEFAULT_MODELS
from attribution.errors import InputError
from attribution.frames.codes import Column, blanks, encode
from attribution.frames.corpus import frame_corpus
from attribution.frames.journeys import (
    LookedAt,
    make_journeys,
    milestone_column,
    select,
)
from attribution.frames.read import as_frame, read_amounts, require_columns
from attribution.frames.result import Attribution
from attribution.journeys.columns import IntArray
from attribution.ledger.allocate import LARGEST_TOTAL
from attribution.ledger.credit import credit
from attribution.models.base import AttributionModel
from attribution.models.registry import get_models
from attribution.money import minor_digits

_DIGITS_WITHOUT_CURRENCY = 2
_NOT_DIMENSIONS = ("person_id", "at", "touch_id", "click_id")


def attribute(
    touches: Any,
    conversions: Any,
    models: Sequence[str | AttributionModel] = DEFAULT_MODELS,
    lookback: str = "365d",
    kinds: Sequence[str] = DEFAULT_KINDS,
    *,
    currency: str | None = None,
) -> Attribution:
    """Credit the value of conversions to the touches that led to them.

    The touches with `T - lookback <= at <= T` count, in order of time, then of `touch_id`. A click or
    e-mail and a session with the same `click_id`, or of the same `campaign` within 30 minutes, are one
    touch: the session stays, the other fills its blanks.

    Args:
        touches: a frame (pandas, or anything with the Arrow C interface) with `person_id`, `at` (aware, or
            text with an offset), optionally `touch_id`, `kind` (default session) and `click_id`; every
            other column is a dimension, among them `channel`, which some models look at. A model can look
            at any column, or at several together (`source/medium`).
        conversions: a frame with `conversion_id`, `person_id`, `at`, `value` in major units (floats count
            as what they print as) and optionally `currency`, one for all. A column `<name>_at` (`lead_at`,
            `opportunity_at`, `mql_at`, or any stage's) is the time of a milestone, which models such as
            `u_shaped` look at: its touch is the last one at or before it. A blank is a milestone that was
            not reached; so are all of them where there is no such column, which `notes` says.
        models: names, texts such as `time_decay:half_life=14d`, or instances; one that learns and has not
            been fitted is fitted on all these journeys and on those of people who never converted.
        lookback: a duration such as 90d, or `none` for all touches; impressions have one day.
        kinds: the kinds of touch that count.
        currency: where `conversions` has no such column; it decides how many decimals a value may have
            (two where none is given).

    Raises:
        InputError: a column, time, value, id or currency cannot be used.
        ModelError: a model cannot.

    >>> touches = pd.DataFrame({
    ...     "person_id": ["ella", "ella"], "at": ["2026-01-05T10:00:00Z", "2026-02-20T10:00:00Z"],
    ...     "channel": ["Organic Search", "Email"],
    ... })
    >>> deals = pd.DataFrame({
    ...     "conversion_id": ["D1"], "person_id": ["ella"], "at": ["2026-04-20T12:00:00Z"], "value": [5000],
    ... })
    >>> result = attribute(touches, deals, models=["first_touch", "linear"])
    >>> print(result.by("channel").reset_index().to_string(index=False))
           channel  first_touch  linear
    Organic Search      5000.00 2500.00
             Email         0.00 2500.00
    (unattributed)         0.00    0.00
    """
    touches, conversions = as_frame(touches, "touches"), as_frame(conversions, "conversions")
    require_columns(touches, "touches", ("person_id", "at"))
    require_columns(conversions, "conversions", ("conversion_id", "person_id", "at", "value"))
    chosen = _models(models)
    dimensions = tuple(str(name) for name in touches.columns if name not in _NOT_DIMENSIONS)
    _refuse_clashes(dimensions, chosen)
    _refuse_bad_ids(conversions["conversion_id"], "conversions")
    if "touch_id" in touches.columns:
        _refuse_bad_ids(touches["touch_id"], "touches")
    currency = _currency(conversions, currency)
    digits = _DIGITS_WITHOUT_CURRENCY if currency is None else minor_digits(currency)
    value = _values(conversions, digits, currency)
    selection = select(touches, conversions, lookback, kinds)
    looked_at, unknown = _looked_at(chosen, conversions)
    journeys = make_journeys(selection, touches, value, looked_at)
    # what the frames' owner does to them later is not ours to see
    shallow = touches.copy(deep=False), conversions.copy(deep=False)
    corpus_of_these = partial(frame_corpus, *shallow, value, lookback, kinds, looked_at)
    learning = {label: model for label, model in chosen.items() if model.needs_fit and not model.is_fitted}
    if learning:
        corpus = corpus_of_these()
        # copies: the models given stay as they are
        chosen |= {label: replace(model).fit(corpus) for label, model in learning.items()}
    credited = credit(chosen, journeys)
    return Attribution(
        journeys=journeys,
        models=chosen,
        dimensions=dimensions,
        currency=currency,
        shared_equally={
            label: len(found.shared_equally) for label, found in credited.items() if len(found.shared_equally)
        },
        notes=(*selection.notes, *unknown),
        _amounts={label: found.amounts for label, found in credited.items()},
        _codes={name: selection.codes(touches[name]) for name in dimensions},
        _conversion_id=conversions["conversion_id"],
        _touch_id=touches["touch_id"] if "touch_id" in touches.columns else None,
        _digits=digits,
        _learned=tuple(learning),
        _person_id=touches["person_id"],
        _make_corpus=corpus_of_these,
    )


def _models(specs: Sequence[str | AttributionModel]) -> dict[str, AttributionModel]:
    if isinstance(specs, str | AttributionModel):
        specs = [specs]
    chosen: dict[str, AttributionModel] = {}
    for model in get_models(specs):
        if model.label in chosen:
            raise InputError(
                f"model {model.label!r} is asked for twice; name each model with its parameters once"
            )
        chosen[model.label] = model
    if not chosen:
        raise InputError("no model was asked for; name at least one, such as linear")
    return chosen


def _looked_at(
    models: Mapping[str, AttributionModel], conversions: pd.DataFrame
) -> tuple[LookedAt, list[str]]:
    """Return what the models look at, and a sentence for each milestone that there is no column of."""
    times: dict[str, IntArray] = {}
    unknown: dict[str, list[str]] = {}
    for label, model in models.items():
        for name in model.milestones:
            found = milestone_column(conversions, name)
            if found is None:
                unknown.setdefault(name, []).append(label)
            else:
                times[name] = found
    notes = [
        f"conversions has no column {name}_at: for {', '.join(labels)} the milestone {name} is missing "
        "in every journey"
        for name, labels in unknown.items()
    ]
    dimensions = dict.fromkeys(name for model in models.values() for name in model.dimensions)
    return LookedAt(times, tuple(dimensions)), notes


def _refuse_clashes(dimensions: tuple[str, ...], models: Mapping[str, AttributionModel]) -> None:
    taken = [name for name in dimensions if name in models or name == "conversion_id"]
    if taken:
        raise InputError(f"touches has a column {taken[0]!r}, which is a column of the answer; rename it")


def _refuse_bad_ids(ids: Column, what: str) -> None:
    empty = np.flatnonzero(blanks(ids))
    if empty.size:
        raise InputError(f"{what}: {ids.name} is empty in row {int(empty[0])}; give every row its own id")
    if not ids.is_unique:
        twice = ids[ids.duplicated()].iloc[0]
        raise InputError(f"{what}: {ids.name} {twice!r} occurs twice; ids must differ, so drop or rename one")


def _currency(conversions: pd.DataFrame, given: str | None) -> str | None:
    if "currency" not in conversions.columns:
        return given
    codes, found = encode(conversions["currency"])
    named = sorted({*map(str, found), *([given] if given else [])})
    if len(named) > 1:
        raise InputError(
            f"conversions are in {', '.join(named)}; allowed is one currency, so "
            "convert them or attribute each apart"
        )
    if len(found) and given is None and (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        name = conversions["conversion_id"].iloc[row]
        raise InputError(
            f"currency of {name!r} is missing while others have {named[0]}; give every conversion one"
        )
    return named[0] if named else None


def _values(conversions: pd.DataFrame, digits: int, currency: str | None) -> IntArray:
    whose = currency or "an amount without a currency"
    value = read_amounts(conversions["value"], digits, conversions["conversion_id"], whose)
    # int64 sums of any of them must stay exact; the float only decides whether to look closer
    if (
        np.abs(value.astype(np.float64)).sum() > LARGEST_TOTAL / 2
        and sum(map(abs, value.tolist())) > LARGEST_TOTAL
    ):
        raise InputError(
            "the values of all conversions sum to more than 2**62 minor units; attribute them in parts"
        )
    return value
