"""Shares become whole units that add up to the deal, to the unit."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import LedgerError
from attribution.ledger.allocate import MILLION, allocate, shares_in_millionths


def split(shares: list[float], total: int) -> list[int]:
    return allocate(np.array(shares), np.array([0, len(shares)]), np.array([total])).tolist()


def reference(shares: list[float], total: int) -> list[int]:
    """The rule in exact fractions, one touch at a time."""
    sign, amount = (-1 if total < 0 else 1), abs(total)
    micro = [round(Fraction(share) * amount * MILLION) for share in shares]
    units = [one // MILLION for one in micro]
    left = amount - sum(units)
    sharing = [i for i, share in enumerate(shares) if share > 0]
    singles = min(max(left, 0), len(sharing))
    units[max(range(len(shares)), key=lambda i: (shares[i], -i))] += left - singles
    for i in sorted(sharing, key=lambda i: (-(micro[i] % MILLION), i))[:singles]:
        units[i] += 1
    return [sign * one for one in units]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1, 1, 1], [33334, 33333, 33333]),
        ([1, 2, 4], [14286, 28571, 57143]),
        ([2, 1, 2], [40000, 20000, 40000]),
    ],
)
def test_a_deal_of_one_thousand_is_split_as_worked_by_hand(weights: list[int], expected: list[int]) -> None:
    """Linear, time decay with a half-life of ten days, and position based, of 1,000.00."""
    shares = [weight / sum(weights) for weight in weights]
    assert split(shares, 100_000) == expected
    assert split(shares, -100_000) == [-one for one in expected]


def test_shares_equal_but_for_the_last_bit_tie_to_the_earlier_touch() -> None:
    """0.1 + 0.2 is a hair more than 0.3, which must not win it the odd cent."""
    assert split([0.3, 0.1 + 0.2, 0.4], 5) == [2, 1, 2]
    assert split([0.25, np.nextafter(0.25, 1), 0.25, 0.25], 2) == [1, 1, 0, 0]


def test_a_touch_without_a_share_never_gets_a_unit() -> None:
    """Not even where shares sum to a little less than 1 and the total is large enough to show it."""
    assert split([0.0, 1 - 4e-10, 0.0], 10**10) == [0, 10**10, 0]
    assert split([0.0, 1 + 4e-10, 0.0], 10**10) == [0, 10**10, 0]


def test_empty_journeys_get_nothing_and_disturb_nobody() -> None:
    """A journey without touches lies between two that have some."""
    credits = allocate(np.array([1.0, 0.5, 0.5]), np.array([0, 0, 1, 1, 3, 3]), np.array([9, 8, 7, 5, 6]))
    assert credits.tolist() == [8, 3, 2]
    assert allocate(np.zeros(0), np.array([0]), np.zeros(0, np.int64)).tolist() == []
    assert allocate(np.zeros(0), np.array([0, 0]), np.array([5])).tolist() == []


def test_half_of_a_millionth_is_judged_by_the_exact_product() -> None:
    """The float product of these lies on a half, the exact one just beside it."""
    for share in (5e-7, 1.5e-6, 2.5e-6, 1 / 128):
        shares = [share, 1 - share]
        for total in (1, 3, 1001):
            assert split(shares, total) == reference(shares, total)


def test_millionths_of_shares_sum_to_a_million() -> None:
    """Counts are credited in millionths."""
    assert shares_in_millionths(np.full(3, 1 / 3), np.array([0, 3])).tolist() == [333334, 333333, 333333]


WEIGHTS = st.lists(st.one_of(st.integers(0, 9), st.floats(0, 1e6)), min_size=1, max_size=12)
TOTALS = st.one_of(
    st.integers(-(10**7), 10**7), st.integers(-(2**62), 2**62), st.integers(2**32 - 2, 2**32 + 2)
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(WEIGHTS, TOTALS), max_size=8))
def test_allocation_equals_the_rule_in_exact_fractions(journeys: list[tuple[list[float], int]]) -> None:
    """Whatever lies beside it, every journey is split as the reference splits it, and adds up."""
    flat: list[float] = []
    expected: list[int] = []
    for weights, total in journeys:
        sums = sum(weights)
        shares = [weight / sums if sums > 1e-200 else 1 / len(weights) for weight in weights]
        split_up = reference(shares, total)
        assert sum(split_up) == total
        flat += shares
        expected += split_up
    offsets = np.cumsum([0, *(len(weights) for weights, _ in journeys)])
    totals = np.array([total for _, total in journeys], np.int64)
    assert allocate(np.array(flat, np.float64), offsets, totals).tolist() == expected


def test_many_journeys_are_split_like_each_alone() -> None:
    """More touches than are worked on at a time, a very long journey and large totals among them."""
    rng = np.random.default_rng(7)
    lengths = rng.geometric(0.2, 60_000)
    lengths[1234] = 150_000
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    weights = rng.integers(1, 5, offsets[-1]).astype(np.float64)
    shares = weights / np.repeat(np.add.reduceat(weights, offsets[:-1]), lengths)
    totals = rng.integers(-(10**6), 10**6, len(lengths))
    totals[::100] *= 10**11
    credits = allocate(shares, offsets, totals)
    assert (np.add.reduceat(credits, offsets[:-1]) == totals).all()
    for journey in (*range(0, 60_000, 3_001), 1234, 59_999):
        own = slice(offsets[journey], offsets[journey + 1])
        assert credits[own].tolist() == split(shares[own].tolist(), int(totals[journey]))


@pytest.mark.parametrize(
    ("shares", "offsets", "totals", "message"),
    [
        ([0.5, 0.4], [0, 2], [100], r"journey 0 sum to 0\.9"),
        ([1.0, -0.5, 1.5], [0, 1, 3], [100, 100], r"journey 1 has the share -0\.5"),
        ([1.0, np.nan], [0, 1, 2], [100, 100], "journey 1 has the share nan"),
        ([np.inf], [0, 1], [100], "has the share inf"),
        ([1.0], [0, 2], [100], "do not fit together"),
        ([1.0], [0, 1], [100, 1], "do not fit together"),
        ([0.5, 0.5], [0, 3, 2], [1, 1], "offsets fall"),
        ([1.0], [0, 1], [2**62 + 1], "out of range"),
        ([1.0], [0, 1], [10.5], "give money in minor units"),
    ],
)
def test_what_cannot_add_up_is_refused(
    shares: list[float], offsets: list[int], totals: list[float], message: str
) -> None:
    """Nothing is allocated from shares or sizes that are wrong; the sentence says which."""
    with pytest.raises(LedgerError, match=message):
        allocate(np.array(shares), np.array(offsets), np.array(totals))
