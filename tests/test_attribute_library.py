"""`attribute`: two frames in, frames out, exact to the cent, without a store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import InputError, UnknownNameError
from attribution.journeys.columns import FloatArray, Journeys
from attribution.library import attribute
from attribution.models.base import AttributionModel
from attribution.models.rules import TimeDecay

D = Decimal


def touch(touch_id: str, at: str, person_id: str | None = "p", **more: Any) -> dict[str, Any]:
    return {"touch_id": touch_id, "person_id": person_id, "at": at, **more}


def touches(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def deals(*rows: tuple[Any, Any, str, Any], **more: Any) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["conversion_id", "person_id", "at", "value"]).assign(**more)


PATH = touches(
    touch("a", "2026-01-01T00:00:00Z", channel="Paid Search", campaign="brand"),
    touch("b", "2026-01-11T01:00:00+01:00", channel="Email", campaign=None),
    touch("c", "2026-01-21T00:00:00Z", channel="Direct", campaign=""),
)
DEAL = deals(("D1", "p", "2026-01-21T00:00:00Z", "1000.00"))


def table(frame: pd.DataFrame) -> dict[Any, list[Any]]:
    return {key: list(row) for key, row in zip(frame.index, frame.itertuples(index=False), strict=True)}


def test_a_deal_of_one_thousand_is_split_as_worked_by_hand() -> None:
    """Touches on days 0, 10 and 20; a column a model, headed by its label; money as exact decimals."""
    result = attribute(PATH, DEAL, models=["linear", TimeDecay(half_life="10d"), "position_based"])
    assert list(result.models) == ["linear", "time_decay:half_life=10d", "position_based"]
    found = result.by("channel")
    assert found.columns.tolist() == list(result.models)
    assert found.index.name == "channel"
    assert table(found) == {
        "Paid Search": [D("333.34"), D("142.86"), D("400.00")],
        "Direct": [D("333.33"), D("571.43"), D("400.00")],
        "Email": [D("333.33"), D("285.71"), D("200.00")],
        "(unattributed)": [D("0.00"), D("0.00"), D("0.00")],
    }


def test_several_dimensions_make_an_index_of_several_levels() -> None:
    """Blank values stand under `(none)`."""
    found = attribute(PATH, DEAL, models=["linear"]).by(["campaign", "channel"])
    assert found.index.names == ["campaign", "channel"]
    assert table(found) == {
        ("brand", "Paid Search"): [D("333.34")],
        ("(none)", "Direct"): [D("333.33")],
        ("(none)", "Email"): [D("333.33")],
        ("(unattributed)", "(unattributed)"): [D("0.00")],
    }


def test_what_has_no_touch_is_unattributed_and_never_lost() -> None:
    """An unknown person, nobody at all, and a touch after the conversion; the last row is theirs."""
    found = attribute(
        touches(
            touch("a", "2026-02-01T00:00:00Z", channel="Email"),
            touch("x", "2026-01-01T00:00:00Z", None, channel="Email"),
        ),
        deals(
            ("D1", "p", "2026-01-31T00:00:00Z", 7), ("D2", "who", "2026-03-01T00:00:00Z", 11),
            ("D3", None, "2026-03-01T00:00:00Z", -2), ("D4", "p", "2026-03-01T00:00:00Z", 100),
        ),
        models=["first_touch"],
    )  # fmt: skip
    assert table(found.by("channel")) == {"Email": [D("100.00")], "(unattributed)": [D("16.00")]}
    assert found.notes == (
        "1 touches without a person_id: in no journey",
        "1 conversions without a person_id: under (unattributed)",
    )
    assert found.credits["conversion_id"].tolist() == ["D1", "D2", "D3", "D4"]
    assert found.credits["channel"].tolist() == ["(unattributed)"] * 3 + ["Email"]
    assert found.credits["touch_id"].isna().tolist() == [True, True, True, False]
    assert found.credits["first_touch"].tolist() == [D("7.00"), D("11.00"), D("-2.00"), D("100.00")]


def test_the_credits_are_one_row_for_each_conversion_and_touch() -> None:
    """In the order of conversions, then of time; two conversions of a person each have their journey."""
    two = deals(("D2", "p", "2026-01-12T00:00:00Z", "0.01"), ("D1", "p", "2026-01-22T00:00:00Z", "-1"))
    credits = attribute(PATH.iloc[::-1], two, models=["last_touch", "linear"]).credits
    assert credits["conversion_id"].tolist() == ["D2", "D2", "D1", "D1", "D1"]
    assert credits["touch_id"].tolist() == ["a", "b", "a", "b", "c"]
    assert credits["at"].iloc[1] == datetime(2026, 1, 11, tzinfo=UTC)
    assert credits["last_touch"].tolist() == [D("0.00"), D("0.01"), D("0.00"), D("0.00"), D("-1.00")]
    assert credits["linear"].tolist() == [D("0.01"), D("0.00"), D("-0.34"), D("-0.33"), D("-0.33")]


def test_the_window_ends_at_the_conversion_and_includes_both_ends() -> None:
    """A lookback of ten days from the day of the second touch; `none` takes all."""
    at_b = deals(("D", "p", "2026-01-11T00:00:00Z", 1))

    def first(lookback: str) -> list[Any]:
        return attribute(PATH, at_b, ["first_touch"], lookback).credits["touch_id"].tolist()

    assert first("10d") == ["a", "b"]
    assert first("9d") == ["b"]
    assert first("none") == ["a", "b"]
    with pytest.raises(InputError, match="'ten days' is not a duration"):
        first("ten days")


def test_touches_of_one_instant_follow_their_ids_by_code_point() -> None:
    """Capitals before small letters; without ids, the order of rows."""
    same = "2026-01-01T00:00:00Z"
    rows = touches(
        touch("b", same, channel="1"), touch("a", same, channel="2"), touch("Z", same, channel="3")
    )
    deal = deals(("D", "p", "2026-01-02T00:00:00Z", 1))
    assert attribute(rows, deal, ["linear"]).credits["touch_id"].tolist() == ["Z", "a", "b"]
    assert attribute(rows.drop(columns="touch_id"), deal, ["linear"]).credits["touch_id"].tolist() == [
        0,
        1,
        2,
    ]


def test_impressions_have_a_lookback_of_their_own() -> None:
    """One day, whatever that of the others is; and they count only when asked for."""
    rows = touches(
        touch("old", "2026-01-01T00:00:00Z", kind="impression"),
        touch("new", "2026-01-02T00:00:00Z", kind="impression"),
        touch("visit", "2026-01-02T12:00:00Z", kind=None),
    )
    deal = deals(("D", "p", "2026-01-03T00:00:00Z", 1))

    def counted(**options: Any) -> list[Any]:
        return attribute(rows, deal, ["linear"], **options).credits["touch_id"].tolist()

    assert counted() == ["visit"]
    assert counted(kinds=["session", "impression"]) == ["new", "visit"]
    assert counted(kinds=["session", "impression"], lookback="1h") == ["new"]


def test_a_click_and_its_session_are_one_touch_whose_blanks_are_filled() -> None:
    """The earlier of two clicks fills first, and what the session knows stays."""
    rows = touches(
        touch("s", "2026-01-01T00:10:00Z", kind="session", campaign="x", channel=None, source="web"),
        touch("c2", "2026-01-01T00:20:00Z", kind="click", campaign="x", channel="Display", source="ad"),
        touch("c1", "2026-01-01T00:00:00Z", kind="click", campaign="x", channel="Paid Search", source="ad"),
        touch("c3", "2026-01-01T00:41:00Z", kind="click", campaign="x", channel="Email", source="ad"),
    )
    credits = attribute(rows, deals(("D", "p", "2026-01-02T00:00:00Z", 2)), ["linear"]).credits
    assert credits["touch_id"].tolist() == ["s", "c3"]
    assert credits["channel"].tolist() == ["Paid Search", "Email"]
    assert credits["source"].tolist() == ["web", "ad"]


def test_a_click_id_joins_click_and_session() -> None:
    """However far apart they are; blank ones join nothing."""
    rows = touches(
        touch("s", "2026-01-05T00:00:00Z", kind="session", click_id="gclid:1"),
        touch("c", "2026-01-01T00:00:00Z", kind="click", click_id="gclid:1"),
        touch("d", "2026-01-01T00:00:00Z", kind="click", click_id=""),
    )
    result = attribute(rows, deals(("D", "p", "2026-01-06T00:00:00Z", 2)), ["linear"])
    assert result.credits["touch_id"].tolist() == ["d", "s"]
    assert result.dimensions == ("kind",)


@pytest.mark.parametrize(
    "at",
    [
        pd.Series(pd.to_datetime(["2026-01-01T00:00:00.000001Z"])),
        pd.Series(pd.to_datetime(["2026-01-01T05:30:00.000001+05:30"])),
        pd.Series(["2026-01-01 00:00:00.000001Z"]),
        pd.Series(["20260101T010000.000001+0100"]),
        pd.Series([datetime(2026, 1, 1, 1, 0, 0, 1, timezone(timedelta(hours=1)))], dtype=object),
        pd.Series([datetime(2026, 1, 1, 0, 0, 0, 1, UTC)], dtype="timestamp[us, UTC][pyarrow]"),
    ],
)
def test_aware_times_of_any_make_are_the_same_instant(at: pd.Series) -> None:
    """To the microsecond."""
    rows = pd.DataFrame({"person_id": ["p"], "at": at})
    assert attribute(rows, DEAL, ["linear"]).journeys.at.tolist() == [1_767_225_600_000_001]


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (
            ["2026-01-01T00:00:00"],
            "touches: at has times without an offset, such as 2026-01-01T00:00:00.*tz_localize",
        ),
        (["2026-01-01"], "times without an offset, such as 2026-01-01;"),
        (pd.to_datetime(["2026-01-01"]), "times without an offset, such as 2026-01-01 00:00:00;"),
        ([datetime(2026, 1, 1)], "times without an offset"),
        ([date(2026, 1, 1)], "times without an offset"),
        ([1_767_225_600], "holds numbers; .*unit='s', utc=True"),
        ([None], "at is missing in row 0"),
        (["2026-13-01T00:00:00Z"], "a value that is no time"),
        (["yesterday"], "times without an offset, such as yesterday"),
    ],
)
def test_times_that_do_not_name_an_instant_are_refused(at: Any, message: str) -> None:
    """The sentence says what to do."""
    with pytest.raises(InputError, match=message):
        attribute(pd.DataFrame({"person_id": ["p"], "at": at}), DEAL)


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        (0.29, "GBP", "0.29"),
        (1234567890.12, "GBP", "1234567890.12"),
        ("1234.5", None, "1234.50"),
        (D("7.000"), "GBP", "7.00"),
        (7, "JPY", "7"),
        (7.0, "JPY", "7"),
        (0.125, "KWD", "0.125"),
        (np.int16(300), "GBP", "300.00"),
        ("1e3", "GBP", "1000.00"),
        (10**16, "GBP", "10000000000000000.00"),
    ],
)
def test_values_are_exact_in_the_decimals_of_their_currency(
    value: Any, currency: str | None, expected: str
) -> None:
    """A float counts as what it prints as."""
    found = attribute(
        PATH, deals(("D", "p", "2026-02-01T00:00:00Z", value)), ["last_touch"], currency=currency
    )
    assert str(found.by("channel")["last_touch"].iloc[0]) == expected
    assert found.currency == currency


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.1 + 0.2, r"value of 'd1' cannot be used: 0\.30000000000000004 has more decimals than GBP has"),
        ("0.001", "value of 'd1' cannot be used: 0.001 has more decimals"),
        (D("0.001"), "has more decimals than GBP"),
        ("£5", "'£5' is not a plain number"),
        ("1,000", "is not a plain number"),
        (float("inf"), "is not a plain number"),
        (None, "value of 'd1' is missing"),
        (float("nan"), "value of 'd1' is missing"),
        (True, "true and false"),
        (10**17, "out of range"),
    ],
)
def test_values_that_are_not_exact_are_refused(value: Any, message: str) -> None:
    """Never rounded in silence."""
    with pytest.raises(InputError, match=message):
        attribute(PATH, deals(("d1", "p", "2026-02-01T00:00:00Z", value), currency="GBP"))


def test_one_currency_for_all() -> None:
    """From the column or the option, the same where both say it."""
    assert attribute(PATH, DEAL.assign(currency="GBP"), currency="GBP").currency == "GBP"
    two = pd.concat([DEAL, DEAL.assign(conversion_id="D2")])
    for column, option, message in (
        (["GBP", "EUR"], None, "conversions are in EUR, GBP; allowed is one currency"),
        (["GBP", "GBP"], "EUR", "conversions are in EUR, GBP"),
        (["GBP", None], None, "currency of 'D2' is missing"),
        (["Pounds", "Pounds"], None, "unknown currency 'Pounds'"),
    ):
        with pytest.raises(InputError, match=message):
            attribute(PATH, two.assign(currency=column), currency=option)


@pytest.mark.parametrize(
    ("rows", "conversions", "message"),
    [
        (PATH.drop(columns="at"), DEAL, "touches has no column 'at'"),
        (PATH, DEAL.drop(columns="value"), "conversions has no column 'value'"),
        (PATH.assign(touch_id="t"), DEAL, "touches: touch_id 't' occurs twice"),
        (PATH.assign(touch_id=["a", "", "c"]), DEAL, "touches: touch_id is empty in row 1"),
        (PATH, pd.concat([DEAL, DEAL]), "conversions: conversion_id 'D1' occurs twice"),
        (PATH, DEAL.assign(conversion_id=None), "conversions: conversion_id is empty in row 0"),
        (PATH.assign(person_id=1), DEAL, "person_id is int64 in touches and str in conversions"),
        (PATH.assign(kind="visit"), DEAL, "unknown touch kind 'visit'"),
        (PATH.assign(linear=1), DEAL, "touches has a column 'linear', which is a column of the answer"),
        (
            [1, 2],
            DEAL,
            "touches is a list; allowed are a pandas DataFrame and anything with the Arrow C interface",
        ),
    ],
)
def test_frames_that_cannot_be_used_are_refused(rows: Any, conversions: Any, message: str) -> None:
    """In one sentence that names the column."""
    with pytest.raises(InputError, match=message):
        attribute(rows, conversions)


def test_options_that_cannot_be_used_are_refused() -> None:
    """Models, kinds and dimensions."""
    with pytest.raises(UnknownNameError, match="unknown dimension 'chanel'; did you mean 'channel'"):
        attribute(PATH, DEAL).by("chanel")
    with pytest.raises(InputError, match="'linear' is asked for twice"):
        attribute(PATH, DEAL, models=["linear", "linear"])
    with pytest.raises(InputError, match="no model was asked for"):
        attribute(PATH, DEAL, models=[])
    with pytest.raises(InputError, match="unknown touch kind 'sessions'"):
        attribute(PATH, DEAL, kinds=["sessions"])
    with pytest.raises(InputError, match="kinds is the text 'session'"):
        attribute(PATH, DEAL, kinds="session")


def test_anything_with_the_arrow_interface_is_a_frame() -> None:
    """An Arrow table, dictionary-encoded and in chunks, gives the same as pandas."""
    arrow = pa.Table.from_pandas(PATH.assign(channel=PATH["channel"].astype("category")))
    arrow = pa.concat_tables([arrow.slice(0, 1), arrow.slice(1)])
    result = attribute(arrow, pa.Table.from_pandas(DEAL.assign(value=[D("1000.00")])))
    pd.testing.assert_frame_equal(result.by("channel"), attribute(PATH, DEAL).by("channel"))


def test_columns_of_arrow_types_are_the_same_columns() -> None:
    """What pandas reads with `dtype_backend="pyarrow"`."""
    result = attribute(
        PATH.convert_dtypes(dtype_backend="pyarrow"), DEAL.convert_dtypes(dtype_backend="pyarrow")
    )
    pd.testing.assert_frame_equal(result.by("channel"), attribute(PATH, DEAL).by("channel"))


def test_the_frames_given_are_not_changed() -> None:
    """Neither of them, nor their index."""
    rows, conversions = PATH.set_index(np.array([5, 5, 5])), DEAL.set_index(np.array([9]))
    before = rows.copy(), conversions.copy()
    assert len(attribute(rows, conversions).credits) == 3
    pd.testing.assert_frame_equal(rows, before[0])
    pd.testing.assert_frame_equal(conversions, before[1])


def test_no_touches_and_no_conversions_are_frames_too() -> None:
    """All value is unattributed; nothing is nothing."""
    none = attribute(PATH.iloc[:0], DEAL, ["linear"])
    assert table(none.by("channel")) == {"(unattributed)": [D("1000.00")]}
    assert len(none.credits) == 1
    nothing = attribute(PATH, DEAL.iloc[:0], ["linear"])
    assert table(nothing.by(["channel"])) == {("(unattributed)",): [D("0.00")]}
    assert len(nothing.credits) == 0


@dataclass(frozen=True, kw_only=True)
class Learner(AttributionModel):
    """Remembers what it was shown."""

    name: ClassVar[str] = "learner"
    needs_fit: ClassVar[bool] = True

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        return {"converted": journeys.converted.tolist(), "lengths": journeys.lengths.tolist()}

    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.ones(journeys.n_touches)


def test_a_model_that_learns_sees_those_who_never_converted_too() -> None:
    """One journey each, up to the last touch of all; nobody without a person id."""
    rows = pd.concat(
        [PATH, touches(touch("x", "2026-03-01T00:00:00Z", "q"), touch("y", "2026-03-02T00:00:00Z", None))]
    )
    model = Learner()
    result = attribute(rows, DEAL, [model])
    assert result.journeys.n_journeys == 1
    assert not model.is_fitted  # what is given stays as it is, and can be given again
    assert dict(result.models["learner"].fitted) == {"converted": [True, False], "lengths": [3, 1]}


PEOPLE = st.sampled_from(["p", "q", None, ""])
DAYS = st.integers(1, 28).map(lambda day: f"2026-01-{day:02d}T00:00:00Z")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(PEOPLE, DAYS, st.sampled_from(["Email", "Direct", None])), max_size=12),
    st.lists(st.tuples(PEOPLE, DAYS, st.integers(-(10**6), 10**6)), max_size=6),
)
def test_every_model_sums_to_the_total_exactly(
    rows: list[tuple[Any, str, Any]], conversions: list[tuple[Any, str, int]]
) -> None:
    """By any dimension and in the credits, whatever is missing."""
    given_touches = pd.DataFrame(rows, columns=["person_id", "at", "channel"], dtype=object)
    given_deals = pd.DataFrame(
        [(f"D{i}", who, at, D(minor).scaleb(-2)) for i, (who, at, minor) in enumerate(conversions)],
        columns=["conversion_id", "person_id", "at", "value"], dtype=object,
    )  # fmt: skip
    result = attribute(given_touches, given_deals)
    total = sum((D(minor) for _, _, minor in conversions), D(0)).scaleb(-2)
    for frame in (result.by("channel"), result.credits[list(result.models)]):
        for label in result.models:
            assert sum(frame[label], D(0)) == total
