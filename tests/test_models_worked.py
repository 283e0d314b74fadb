"""The numbers worked by hand in the definitions of the models, as money through `attribute`.

A deal of 1,000.00; touches on days 0, 10 and 20; it closes on day 20. The lead is created on day 10, the deal
on day 15. All credits are exact cents.
"""

from collections.abc import Mapping
from decimal import Decimal

import pandas as pd
import pytest

import attribution as at
from attribution.models.base import AttributionModel
from attribution.models.custom import Custom

DAY_ZERO = pd.Timestamp("2026-01-01T09:00:00Z")
CHANNELS = ("Paid Search", "Email", "Direct", "Referral", "Organic Search")


def day(number: float) -> pd.Timestamp:
    """Return an instant so many days after the first touch."""
    return DAY_ZERO + pd.Timedelta(days=number)


def credits(
    model: str | AttributionModel,
    days: tuple[float, ...] = (0, 10, 20),
    milestones: Mapping[str, float | None] | None = None,
    value: str = "1000.00",
    channels: tuple[str, ...] = CHANNELS,
) -> list[str]:
    """Return what each touch of one deal is credited, as text."""
    touches = pd.DataFrame(
        {"person_id": "ella", "at": [day(d) for d in days], "channel": channels[: len(days)]}
    )
    reached = {"lead": 10, "opportunity": 15} if milestones is None else milestones
    deal = {"conversion_id": "D1", "person_id": "ella", "at": day(days[-1]), "value": value}
    deal |= {f"{name}_at": pd.NaT if d is None else day(d) for name, d in reached.items()}
    result = at.attribute(touches, pd.DataFrame([deal]), models=[model], currency="EUR")
    (label,) = result.models
    credited = result.credits[label]
    assert sum(credited) == Decimal(value)
    return [str(amount) for amount in credited]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("first_touch", ["1000.00", "0.00", "0.00"]),
        ("last_touch", ["0.00", "0.00", "1000.00"]),
        ("last_non_direct", ["0.00", "1000.00", "0.00"]),
        ("linear", ["333.34", "333.33", "333.33"]),
        ("time_decay:half_life=10d", ["142.86", "285.71", "571.43"]),
        ("position_based", ["400.00", "200.00", "400.00"]),
        ("j_shaped", ["200.00", "200.00", "600.00"]),
        ("inverse_j", ["600.00", "200.00", "200.00"]),
        ("lead_creation", ["0.00", "1000.00", "0.00"]),
        ("u_shaped", ["400.00", "400.00", "200.00"]),
        ("w_shaped", ["300.00", "600.00", "100.00"]),
        # first and close hold 0.225 each, the touch of day 10 twice that; no touch is left for
        # the rest of 0.1, so it goes to them pro rata: 1 : 2 : 1
        ("full_path", ["250.00", "500.00", "250.00"]),
        ("u_shaped:preset=marketo", ["500.00", "500.00", "0.00"]),
        ("u_shaped:first=0.3,lead=0.5", ["300.00", "500.00", "200.00"]),
        ("linear:ignore=Direct", ["500.00", "500.00", "0.00"]),
        ("shapley", ["333.34", "333.33", "333.33"]),
    ],
)
def test_a_deal_of_one_thousand(spec: str, expected: list[str]) -> None:
    """Largest remainder to the cent, ties to the earlier touch."""
    assert credits(spec) == expected


@pytest.mark.parametrize(
    ("spec", "one", "two"),
    [
        ("position_based", "1000.00", ["500.00", "500.00"]),
        ("j_shaped", "1000.00", ["250.00", "750.00"]),
        ("inverse_j", "1000.00", ["750.00", "250.00"]),
        # all later milestones lie on the touch of day 10; the rest has no touch and follows them
        ("u_shaped", "1000.00", ["500.00", "500.00"]),
        ("w_shaped", "1000.00", ["333.33", "666.67"]),
        ("full_path", "1000.00", ["250.00", "750.00"]),
        ("lead_creation", "1000.00", ["0.00", "1000.00"]),
    ],
)
def test_short_journeys(spec: str, one: str, two: list[str]) -> None:
    """A single touch has everything; of two, shares follow the ratio of what they hold."""
    assert credits(spec, days=(10,)) == [one]
    assert credits(spec, days=(0, 10)) == two


@pytest.mark.parametrize(
    ("spec", "milestones", "expected"),
    [
        # the lead's 0.4 goes to the first touch, which is the only milestone there is
        ("u_shaped", {"lead": None}, ["800.00", "100.00", "100.00"]),
        # 0.9 by two; the rest of 0.1 is the last touch's
        ("w_shaped", {"lead": 10, "opportunity": None}, ["450.00", "450.00", "100.00"]),
        ("w_shaped", {"lead": None, "opportunity": 15}, ["450.00", "450.00", "100.00"]),
        ("w_shaped", {"lead": None, "opportunity": None}, ["900.00", "50.00", "50.00"]),
        # 0.9 by first and close, the rest for the middle
        ("full_path", {"lead": None, "opportunity": None}, ["450.00", "100.00", "450.00"]),
        # 0.9 by first, lead and close, no touch without a milestone
        ("full_path", {"lead": 10, "opportunity": None}, ["333.34", "333.33", "333.33"]),
        ("lead_creation", {"lead": None}, ["0.00", "0.00", "1000.00"]),
    ],
)
def test_missing_milestones(spec: str, milestones: Mapping[str, float | None], expected: list[str]) -> None:
    """Their shares go to the milestones present, pro rata."""
    assert credits(spec, milestones=milestones) == expected


@pytest.mark.parametrize(
    ("spec", "milestones", "expected"),
    [
        # all three on the first touch: 0.9, and the rest by two
        ("w_shaped", {"lead": 0, "opportunity": 5}, ["900.00", "50.00", "50.00"]),
        # lead and opportunity on the closing touch
        ("w_shaped", {"lead": 20, "opportunity": 20}, ["300.00", "100.00", "600.00"]),
        ("full_path", {"lead": 20, "opportunity": 20}, ["225.00", "100.00", "675.00"]),
        ("u_shaped", {"lead": 9.999}, ["800.00", "100.00", "100.00"]),
        ("u_shaped", {"lead": 19}, ["400.00", "400.00", "200.00"]),
        # created before anybody came: no touch at or before it
        ("u_shaped", {"lead": -1}, ["800.00", "100.00", "100.00"]),
        ("lead_creation", {"lead": -1}, ["0.00", "0.00", "1000.00"]),
    ],
)
def test_where_milestones_lie(spec: str, milestones: Mapping[str, float | None], expected: list[str]) -> None:
    """The touch of a milestone is the last one at or before it; several on one touch add up."""
    assert credits(spec, milestones=milestones) == expected


def test_five_touches_with_four_milestones() -> None:
    """0.225 each for days 0, 10, 20 and 40; the touch between has the tenth that is left."""
    found = credits("full_path", (0, 10, 20, 30, 40), {"lead": 10, "opportunity": 25})
    assert found == ["225.00", "225.00", "225.00", "100.00", "225.00"]
    assert credits("w_shaped", (0, 10, 20, 30, 40), {"lead": 10, "opportunity": 25}) == [
        "300.00", "300.00", "300.00", "50.00", "50.00",
    ]  # fmt: skip
    assert credits("position_based", (0, 10, 20, 30, 40)) == [
        "400.00", "66.67", "66.67", "66.66", "400.00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # first and mql 40/40, the rest by the other two
        ("u_shaped:preset=ruler", ["400.00", "100.00", "400.00", "100.00"]),
        # first, mql and close 30/30/30, one touch is left for the tenth
        ("w_shaped:preset=ruler", ["300.00", "100.00", "300.00", "300.00"]),
        ("u_shaped", ["400.00", "400.00", "100.00", "100.00"]),
        ("u_shaped:preset=marketo", ["500.00", "500.00", "0.00", "0.00"]),
    ],
)
def test_vendors_mean_different_things(spec: str, expected: list[str]) -> None:
    """Four touches; the lead on day 10, its qualification on day 20."""
    assert credits(spec, (0, 10, 20, 30), {"lead": 10, "mql": 20, "opportunity": 25}) == expected


def test_custom_shares_and_factors() -> None:
    """Half for the lead touch, a fifth for the closing one, 0.3 for the first, which is the middle."""
    weights = {"lead": 0.5, "close": 0.2, "middle": 0.3}
    assert credits(Custom(weights=weights)) == ["300.00", "500.00", "200.00"]
    # Direct counts half: 0.3 : 0.5 : 0.1, nine parts
    halved = Custom(weights=weights, channel_factors={"Direct": 0.5})
    assert credits(halved) == ["333.33", "555.56", "111.11"]
    assert credits("custom:weights=lead=0.5;close=0.2;middle=0.3") == ["300.00", "500.00", "200.00"]


def test_ignored_channels_give_way_to_the_others() -> None:
    """A channel set aside has nothing, unless the journey would have no touch left."""
    assert credits("u_shaped:ignore=Direct") == ["500.00", "500.00", "0.00"]
    assert credits("position_based:ignore=Email") == ["500.00", "0.00", "500.00"]
    assert credits("last_touch:ignore=Direct", channels=("Direct",) * 3) == ["0.00", "0.00", "1000.00"]


@pytest.mark.parametrize("spec", ["linear", "u_shaped", "full_path", "time_decay:half_life=10d"])
def test_a_refund_mirrors_the_sale(spec: str) -> None:
    """What a sale gave, its refund takes, cent by cent."""
    gave, takes = credits(spec), credits(spec, value="-1000.00")
    assert [Decimal(amount) for amount in takes] == [-Decimal(amount) for amount in gave]


def test_markov_worked_by_hand() -> None:
    """Paths A > B and A won, B lost: RE(A) = 3/4, RE(B) = 1/2, so A > B is shared 3 : 2.

    Start to A 2/3, to B 1/3; A to B 1/2, A converts 1/2; B converts 1/2. P = 2/3 (1/2 + 1/4) + 1/6 = 2/3.
    Without A: 1/3 x 1/2 = 1/6, so RE(A) = 3/4. Without B: 2/3 x 1/2 = 1/3, so RE(B) = 1/2.
    """
    touches = pd.DataFrame(
        {
            "person_id": ["p", "p", "q", "r"],
            "at": [day(0), day(1), day(0), day(0)],
            "channel": ["A", "B", "A", "B"],
        }
    )
    deals = pd.DataFrame(
        {"conversion_id": ["P", "Q"], "person_id": ["p", "q"], "at": day(2), "value": ["1000.00", "500.00"]}
    )
    result = at.attribute(touches, deals, models=["markov"])
    model = result.models["markov"]
    found = model.channels()  # type: ignore[attr-defined]
    assert found["removal_effect"].to_dict() == pytest.approx({"A": 3 / 4, "B": 1 / 2}, abs=1e-12)
    assert found["conversions_by_effect"].to_dict() == pytest.approx({"A": 1.2, "B": 0.8}, abs=1e-12)
    # the journey A > B is shared 3 : 2, the other has only A
    assert [str(amount) for amount in result.credits["markov"]] == ["600.00", "400.00", "500.00"]
    assert result.by("channel")["markov"].to_dict() == {
        "A": Decimal("1100.00"), "B": Decimal("400.00"), "(unattributed)": Decimal("0.00"),
    }  # fmt: skip


def test_shapley_worked_by_hand() -> None:
    """Distinct channels share equally, a channel's touches share its part: A > B > A is 1/4, 1/2, 1/4."""
    assert credits("shapley", channels=("A", "B", "A")) == ["250.00", "500.00", "250.00"]


def test_shapley_rate_worked_by_hand() -> None:
    """Two buyers over A > B (900 each), one over B (300), and one who met A and did not buy.

    v(A) = 0, v(B) = 300, v(AB) = 2100 / 4 = 525. phi(A) = (0 + 225) / 2 = 112.5, phi(B) = (300 + 525) / 2 =
    412.5; so A > B is shared 3 : 11.
    """
    touches = pd.DataFrame(
        {
            "person_id": ["p", "p", "q", "q", "r", "s"],
            "at": [day(0), day(1), day(0), day(1), day(0), day(0)],
            "channel": ["A", "B", "A", "B", "A", "B"],
        }
    )
    deals = pd.DataFrame(
        {
            "conversion_id": ["P", "Q", "S"],
            "person_id": ["p", "q", "s"],
            "at": day(2),
            "value": [900, 900, 300],
        }
    )
    result = at.attribute(touches, deals, models=["shapley_rate"])
    found = result.models["shapley_rate"].channels()  # type: ignore[attr-defined]
    assert found["phi"].to_dict() == pytest.approx({"A": 11_250, "B": 41_250}, abs=1e-6)  # cents
    assert found["raw"].to_dict() == pytest.approx({"A": 45_000, "B": 165_000}, abs=1e-6)
    assert found["total"].to_dict() == pytest.approx({"A": 45_000, "B": 165_000}, abs=1e-6)
    # 900 x 3/14 and x 11/14
    assert [str(c) for c in result.credits["shapley_rate"]] == [
        "192.86",
        "707.14",
        "192.86",
        "707.14",
        "300.00",
    ]
