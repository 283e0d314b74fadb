"""`attribute`: milestones from columns of the conversions, dimensions from columns of the touches."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from attribution.errors import InputError, UnknownNameError
from attribution.frames.result import Attribution
from attribution.journeys.columns import FloatArray, Journeys
from attribution.library import attribute
from attribution.models.base import AttributionModel
from attribution.models.custom import Custom

TOUCHES = pd.DataFrame(
    {
        "person_id": ["p", "p", "p", "q", "q"],
        "at": ["2026-01-01T00:00Z", "2026-01-11T00:00Z", "2026-01-21T00:00Z",
               "2026-01-02T00:00Z", "2026-01-03T00:00Z"],
        "touch_id": ["a", "b", "c", "d", "e"],
        "channel": ["Paid Search", "Email", "Direct", "Email", "Direct"],
        "source": ["google", None, "", "news", None],
        "medium": ["cpc", "email", None, "email", None],
    }
)  # fmt: skip
DEALS = pd.DataFrame(
    {
        "conversion_id": ["D1", "D2"],
        "person_id": ["p", "q"],
        "at": ["2026-01-21T00:00Z", "2026-01-21T00:00Z"],
        "value": ["1000.00", "10.00"],
        "lead_at": ["2026-01-11T00:00Z", None],
        "opportunity_at": ["2026-01-16T00:00Z", ""],
        "Demo Booked_at": pd.to_datetime(["2026-01-20T23:59Z", "2026-01-02T00:00Z"]),
    }
)


def credited(result: Attribution, model: str) -> dict[str, Decimal]:
    frame = result.credits
    return dict(zip(frame["touch_id"], frame[model], strict=True))


def test_columns_of_conversions_are_milestones() -> None:
    """The worked deal, and one that reached none: the first touch has what the others would have."""
    demo = Custom(weights={"demo booked": 1.0})
    result = attribute(TOUCHES, DEALS, models=["u_shaped", "w_shaped", "full_path", "lead_creation", demo])
    d = Decimal
    assert credited(result, "u_shaped") == {
        "a": d("400.00"), "b": d("400.00"), "c": d("200.00"), "d": d("8.00"), "e": d("2.00"),
    }  # fmt: skip
    assert credited(result, "w_shaped") == {
        "a": d("300.00"), "b": d("600.00"), "c": d("100.00"), "d": d("9.00"), "e": d("1.00"),
    }  # fmt: skip
    assert list(credited(result, "full_path").values()) == list(map(d, ("250", "500", "250", "5", "5")))
    assert list(credited(result, "lead_creation").values()) == list(map(d, ("0", "1000", "0", "0", "10")))
    assert list(credited(result, demo.label).values()) == list(map(d, ("0", "1000", "0", "10", "0")))
    assert result.notes == ()
    assert result.journeys.milestones["lead"].tolist() == [1, -1]


def test_a_milestone_without_a_column_is_noted() -> None:
    """It is missing in every journey; one sentence for all models that look at it."""
    result = attribute(TOUCHES, DEALS, models=["linear", "u_shaped:preset=ruler", "w_shaped:preset=ruler"])
    assert result.notes == (
        "conversions has no column mql_at: for u_shaped:preset=ruler, w_shaped:preset=ruler the milestone "
        "mql is missing in every journey",
    )
    assert list(credited(result, "u_shaped:preset=ruler").values())[:3] == [Decimal(800), *[Decimal(100)] * 2]


def test_models_that_look_at_nothing_read_no_milestones() -> None:
    """A column that nobody asked for may hold anything."""
    result = attribute(TOUCHES, DEALS.assign(lead_at="soon"), models=["linear"])
    assert result.journeys.milestones == {}


@pytest.mark.parametrize("bad", ["soon", "2026-01-11T00:00", 7])
def test_a_milestone_time_that_is_none_is_refused(bad: str | int) -> None:
    """With the name of the column."""
    with pytest.raises(InputError, match="conversions: lead_at"):
        attribute(TOUCHES, DEALS.assign(lead_at=bad), models=["u_shaped"])


@dataclass(frozen=True, kw_only=True)
class ByDimension(AttributionModel):
    """Each touch weighs the length of its name in a dimension."""

    name: ClassVar[str] = "by_dimension"

    by: str = "source"

    @property
    def dimensions(self) -> tuple[str, ...]:
        return (self.by,)

    def _weights(self, journeys: Journeys) -> FloatArray:
        codes, names = journeys.dimension(self.by)
        return np.array([*map(len, names), 0], float)[codes]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("source", ["google", "", "", "news", ""]),
        ("source/medium", ["google / cpc", "(not set) / email", "", "news / email", ""]),
        ("medium / channel",
         ["cpc / Paid Search", "email / Email", "(not set) / Direct", "email / Email", "(not set) / Direct"]),
        ("channel", ["Paid Search", "Email", "Direct", "Email", "Direct"]),
        ("touch_kind", ["session"] * 5),
    ],
)  # fmt: skip
def test_columns_of_touches_are_dimensions(by: str, names: list[str]) -> None:
    """One column, or several joined; blanks have no name, blanks in between are `(not set)`."""
    journeys = attribute(TOUCHES, DEALS, models=[ByDimension(by=by)]).journeys
    codes, texts = journeys.dimension(by)
    assert [texts[code] if code >= 0 else "" for code in codes.tolist()] == names


def test_a_dimension_without_a_column_is_refused() -> None:
    """The columns there are are named."""
    with pytest.raises(UnknownNameError, match="unknown column of touches 'sauce'; did you mean 'source'"):
        attribute(TOUCHES, DEALS, models=[ByDimension(by="sauce/medium")])


def test_a_session_lends_the_dimensions_of_what_it_absorbs() -> None:
    """A click with the session's click id fills its blanks, for models too."""
    touches = pd.DataFrame(
        {
            "person_id": "p",
            "at": ["2026-01-01T00:00Z", "2026-01-01T00:01Z"],
            "kind": ["click", "session"],
            "click_id": "x",
            "source": ["google", None],
        }
    )
    journeys = attribute(touches, DEALS[:1], models=[ByDimension()]).journeys
    assert (journeys.n_touches, journeys.dimension("source").names) == (1, ("google",))
    assert journeys.dimension("source").codes.tolist() == [0]


@dataclass(frozen=True, kw_only=True)
class Counting(ByDimension):
    """Learns how many touches and milestones there are."""

    name: ClassVar[str] = "counting"
    needs_fit: ClassVar[bool] = True

    @property
    def milestones(self) -> tuple[str, ...]:
        return ("lead",)

    def _fit(self, journeys: Journeys) -> dict[str, int]:
        return {
            "named": int((journeys.dimension(self.by).codes >= 0).sum()),
            "leads": int((journeys.milestones["lead"] >= 0).sum()),
            "journeys": journeys.n_journeys,
        }


def test_models_learn_from_the_same_columns() -> None:
    """Journeys of people who never converted have dimensions, and no milestones."""
    touches = pd.concat([TOUCHES, TOUCHES[:1].assign(person_id="r", touch_id="f")])
    result = attribute(touches, DEALS, models=[Counting()])
    assert dict(result.models["counting"].fitted) == {"named": 3, "leads": 1, "journeys": 3}
