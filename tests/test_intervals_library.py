"""`Attribution.intervals`: every model's figures with bounds, places and warnings, in one frame."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from attribution.errors import InputError, UnknownNameError
from attribution.frames.result import Attribution
from attribution.library import attribute
from attribution.models.markov import Markov

PEOPLE = 160
MODELS = ("linear", "markov")


def frames(seed: int = 0, *, numbers: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make touches of 160 people and 70 deals, some without a person, one person without a touch."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(PEOPLE), 1 + rng.poisson(1.5, PEOPLE))
    start = pd.Timestamp("2026-01-01", tz="UTC")
    touches = pd.DataFrame(
        {
            "person_id": who if numbers else [f"p{i}" for i in who],
            "at": start + pd.to_timedelta(rng.permutation(10**6)[: len(who)], unit="s"),
            "channel": rng.choice(["Email", "Search", "Direct", ""], len(who), p=[0.5, 0.3, 0.15, 0.05]),
            "campaign": rng.choice(["spring", "autumn"], len(who)),
        }
    )
    buyers = rng.choice(PEOPLE + 10, 70)
    deals = pd.DataFrame(
        {
            "conversion_id": [f"D{i}" for i in range(70)],
            "person_id": buyers if numbers else [f"p{i}" for i in buyers],
            "at": start + pd.Timedelta(days=20),
            "value": rng.lognormal(7, 1, 70).round(2),
        }
    )
    return touches, deals


def result(models: Any = MODELS, **more: Any) -> Attribution:
    """Attribute the frames."""
    return attribute(*frames(**more), models=models)


def test_the_frame() -> None:
    """A row for each model and channel, values as `by` has them, exact money, within bounds."""
    found = result()
    frame = found.intervals(draws=100)
    assert frame.columns.tolist() == [
        "channel", "model", "value", "low", "high", "conversions", "rank_best", "rank_worst", "too_few",
    ]  # fmt: skip
    assert frame["model"].tolist() == ["linear"] * 4 + ["markov"] * 4
    by = found.by("channel")
    for row in frame.itertuples():
        assert row.value == by.loc[row.channel, row.model]
        assert row.rank_best <= row.rank_worst
        assert row.too_few == (row.conversions < 10)
        assert row.too_few or row.low < row.value < row.high
        assert row.too_few or isinstance(row.low, Decimal)
    assert frame["value"].head(4).is_monotonic_decreasing
    assert frame.attrs["rank_agreement"].keys() == {"linear", "markov"}
    assert all(0 <= agreement <= 1 for agreement in frame.attrs["rank_agreement"].values())


def test_few_conversions_have_no_interval() -> None:
    """Nine deals: empty bounds, and sentences."""
    touches, deals = frames()
    frame = attribute(touches, deals.iloc[:9], models=["linear"]).intervals(draws=100)
    assert frame["too_few"].all()
    assert frame[["low", "high"]].isna().all(axis=None)
    assert frame["value"].notna().all()
    assert frame.attrs["warnings"][0].startswith(
        "under linear too few conversions for an interval, fewer than 10: "
    )


def test_the_order_of_rows_and_the_kind_of_ids_change_nothing() -> None:
    """Frames shuffled; people are drawn by who they are. Numbers as ids work, and draw other people."""
    touches, deals = frames()
    frame = attribute(touches, deals, models=MODELS).intervals(draws=100)
    shuffled = attribute(
        touches.sample(frac=1, random_state=1), deals.sample(frac=1, random_state=2), models=MODELS
    ).intervals(draws=100)
    pd.testing.assert_frame_equal(frame.drop(columns="value"), shuffled.drop(columns="value"))
    assert len(result(numbers=True).intervals(draws=100)) == 8
    arrow = attribute(
        touches.assign(person_id=touches["person_id"].astype("category")), deals, models=MODELS
    ).intervals(draws=100)
    pd.testing.assert_frame_equal(frame, arrow)


def test_seed_level_and_draws() -> None:
    """The same seed the same frame; another one others; a lower level is narrower."""
    found = result(["linear"])
    frame = found.intervals(draws=100)
    pd.testing.assert_frame_equal(frame, found.intervals(draws=100))
    assert not frame["low"].equals(found.intervals(draws=100, seed=1)["low"])
    narrower = found.intervals(draws=100, level=0.7)
    told = ~frame["too_few"]
    assert (narrower["high"] < frame["high"])[told].all()
    for options in ({"level": 90}, {"draws": 3}, {"seed": -4}):
        with pytest.raises(InputError):
            found.intervals(**options)


def test_several_dimensions() -> None:
    """A column each; the names of a combination are joined in sentences."""
    frame = result(["linear"]).intervals(["campaign", "channel"], draws=100)
    assert frame.columns[:3].tolist() == ["campaign", "channel", "model"]
    assert len(frame) == 8
    assert any("by campaign / channel" in text or " / Direct (" in text for text in frame.attrs["warnings"])


def test_unknown_dimension() -> None:
    """Named, with those that there are."""
    found = result(["linear"])
    with pytest.raises(UnknownNameError, match="medium"):
        found.intervals("medium")
    with pytest.raises(InputError, match="no dimension was given"):
        found.intervals([])


def test_people_who_never_converted_are_drawn_too() -> None:
    """They move what Markov learns; a fit of one's own is held, and is not fitted again."""
    touches, deals = frames()
    buyers = touches[touches["person_id"].isin(deals["person_id"])]
    all_of_them = attribute(touches, deals, models=MODELS).intervals(draws=100)
    only_buyers = attribute(buyers, deals, models=MODELS).intervals(draws=100)
    linear, markov = (all_of_them["model"] == model for model in MODELS)
    pd.testing.assert_frame_equal(all_of_them[linear], only_buyers[linear])
    assert not all_of_them[markov]["high"].equals(only_buyers[markov]["high"])
    found = attribute(touches, deals, models=["markov"])
    own = Markov().with_fitted(found.models["markov"].fitted)
    held = attribute(touches, deals, models=[own])
    assert held.by("channel").equals(found.by("channel"))
    assert not held.intervals(draws=100)["high"].equals(found.intervals(draws=100)["high"])


def test_what_becomes_of_the_frames_later_is_not_seen() -> None:
    """The people who never converted are read when asked for, from the frames as they were."""
    touches, deals = frames()
    found = attribute(touches, deals, models=["markov"])
    frame = found.intervals(draws=100)
    touches["channel"] = "Email"
    touches.loc[:, "person_id"] = "p1"
    deals["at"] = None
    pd.testing.assert_frame_equal(frame, found.intervals(draws=100))
    pd.testing.assert_frame_equal(frame, pickle.loads(pickle.dumps(found)).intervals(draws=100))


@pytest.mark.parametrize("models", [["linear"], ["markov"]])
def test_no_conversions_and_no_touches(models: list[str]) -> None:
    """An empty frame, or nothing in it, and a sentence."""
    touches, deals = frames()
    nothing = attribute(touches, deals.iloc[:0], models=models).intervals(draws=100)
    assert nothing.empty
    assert "there is nothing to judge" in nothing.attrs["warnings"][0]
    untouched = attribute(touches.iloc[:0], deals, models=models).intervals(draws=100)
    assert untouched.empty
