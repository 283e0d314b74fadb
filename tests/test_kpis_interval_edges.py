"""Intervals where draws say too little: shares near 0 and 1, few accounts, and medians by campaign."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import binomtest

from attribution.engine import Store
from attribution.metrics.kpi_intervals import Bounds, Figure, Intervals, _middles
from attribution.metrics.measures.durations import quantile
from attribution.metrics.measures.parts import Parts
from attribution.store.columns import Ints
from attribution.trust.draws import draw_times
from attribution.trust.shares import share_bounds

Csv = Callable[[str, str], Path]
ONE = 1_000_000


def _alone(_kind: str, records: Ints) -> Ints:
    return records * 7919 + 13


def _by_dozen(_kind: str, records: Ints) -> Ints:
    return records // 12


def _parts(records: Ints, kind: str = "deal", value: int = ONE) -> Parts:
    return Parts(kind, records, np.zeros(len(records), np.int64), np.full(len(records), value))


def _rate(won: Ints, decided: Ints, units: Callable[[str, Ints], Ints] = _alone) -> Bounds:
    return Intervals(units, 0.9).of(_parts(won), _parts(decided), [0], share=True)[0]


@pytest.mark.parametrize(("won", "of"), [(12, 12), (39, 40), (40, 40), (95, 100), (391, 400)])
def test_alone_it_is_the_interval_of_wilson(won: int, of: int) -> None:
    """Who stands alone has no design effect: SciPy's interval of a proportion."""
    found = _rate(np.arange(won), np.arange(of))
    right = binomtest(won, of).proportion_ci(0.9, "wilson")
    assert (found.low, found.high) == pytest.approx((right.low, right.high))
    assert not found.too_few


def test_the_draws_stay_where_both_sides_are_known() -> None:
    """Ten that won and ten that lost: bounds are those of any other ratio."""
    judged, won, of = Intervals(_alone, 0.9), _parts(np.arange(90)), _parts(np.arange(100))
    assert judged.of(won, of, [0], share=True) == judged.of(won, of, [0])
    some = _parts(np.arange(91))
    assert judged.of(some, of, [0], share=True) != judged.of(some, of, [0])


def test_accounts_that_win_all_their_deals() -> None:
    """Thirty accounts of twelve deals each, all won: about as sure as thirty deals, far from 360."""
    low = _rate(np.arange(360), np.arange(360), _by_dozen).low
    thirty, many = (binomtest(n, n).proportion_ci(0.9, "wilson").low for n in (30, 360))
    assert low is not None
    assert low == pytest.approx(thirty, abs=0.01)
    assert low < many - 0.05


def test_failures_in_one_account_or_in_three() -> None:
    """Three lost deals in one account tell less than three in three accounts."""
    of = np.arange(360)
    together, apart = (
        _rate(np.setdiff1d(of, lost), of, _by_dozen) for lost in (np.array([0, 1, 2]), np.array([0, 12, 24]))
    )
    assert together.low is not None
    assert apart.low is not None
    assert together.low < apart.low < 357 / 360 < 1


def test_both_ends_are_the_same() -> None:
    """What three of a hundred have, ninety-seven lack."""
    one = sparse.csc_array(np.r_[np.ones(3), np.zeros(97)][:, None])
    whole, n = sparse.csc_array(np.ones((100, 1))), np.array([100.0])
    low, high = share_bounds(one, whole, n, 0.9)
    other_low, other_high = share_bounds(sparse.csc_array(whole - one), whole, n, 0.9)
    assert (low[0], high[0]) == pytest.approx((1 - other_high[0], 1 - other_low[0]))


def test_credited_deals_count_as_deals() -> None:
    """Forty deals of which a channel is credited a fifth each are no fewer."""
    every = _parts(np.arange(40), value=ONE // 5)
    found = Intervals(_alone, 0.9).of(every, every, [0], share=True)[0]
    assert found == _rate(np.arange(40), np.arange(40))
    assert found.edge


def test_conversions_of_leads_of_another_period_are_no_share() -> None:
    """One that converted and is not among the leads: a ratio of two sums, whatever is near 100 %."""
    judged = Intervals(_alone, 0.9)
    converted, leads = _parts(np.arange(1, 41), "lead"), _parts(np.arange(40), "lead")
    assert judged.of(converted, leads, [0], share=True) == judged.of(converted, leads, [0])
    held, booked = _parts(np.arange(40), "meeting"), _parts(np.arange(40), "lead")
    assert judged.of(held, booked, [0], share=True) == judged.of(held, booked, [0])


def test_only_the_groups_at_an_edge_change() -> None:
    """Two groups, one of them all won; many figures at once find the same."""
    group = np.repeat([0, 5], 40)
    decided = Parts("deal", np.arange(80), group, np.full(80, ONE))
    won = Parts("deal", np.arange(60), group[:60], np.full(60, ONE))
    judged = Intervals(_alone, 0.9)
    found = judged.of_all({"rate": Figure(won, decided, share=True), "won": Figure(won, None)}, [5, 0])
    plain = judged.of(won, decided, [5, 0])
    assert found["rate"][5] == plain[5]
    assert (plain[0].low, plain[0].high) == (1.0, 1.0)
    assert found["rate"][0] == _rate(np.arange(40), np.arange(40))
    assert found["won"] == judged.of(won, None, [5, 0])


def test_conversions_of_few_accounts_are_too_few() -> None:
    """Nine accounts with a hundred deals tell of nine; ten are enough."""
    for accounts, few in ((1, True), (9, True), (10, False)):
        deals = np.arange(accounts * 12)
        amounts = Parts("deal", deals, np.zeros(len(deals), np.int64), 100_00 + deals)
        judged = Intervals(_by_dozen, 0.9)
        for found in (
            judged.of(amounts, _parts(deals), [0])[0],
            judged.of(amounts, None, [0])[0],
            judged.of(_parts(deals), _parts(deals), [0], share=True)[0],
            judged.of_median("deal", deals, deals, np.full(len(deals), ONE)),
        ):
            assert (found.conversions, found.units, found.too_few) == (len(deals), accounts, few)
            assert (found.low is None, found.high is None) == (few, few)


def test_a_median_is_that_of_records() -> None:
    """Cells of one deal are one deal: three deals in five campaigns each are three."""
    judged = Intervals(_alone, 0.9)
    deals = np.arange(12)
    whole = judged.of_median("deal", deals, deals * 10, np.full(12, ONE))
    cells = np.repeat(deals, 5)
    assert judged.of_median("deal", cells, cells * 10, np.full(60, ONE // 5)) == whole
    three = np.repeat(np.arange(3), 5)
    found = judged.of_median("deal", three, three * 10, np.full(15, ONE // 5))
    assert (found.conversions, found.too_few, found.low) == (3, True, None)


@pytest.mark.parametrize("seed", range(20))
def test_a_median_lies_within_its_interval(seed: int) -> None:
    """Of few distinct durations too, where many tie: figure and draws are Hyndman and Fan's type 2."""
    rng = np.random.default_rng(seed)
    took = rng.integers(0, 4, 10 + seed) * 30
    weight = np.full(len(took), ONE)
    found = Intervals(lambda _kind, records: records + 1000 * seed, 0.9).of_median(
        "deal", np.arange(len(took)), took, weight
    )
    median = quantile(took, weight, 2, unit=1)
    assert found.low is not None
    assert found.high is not None
    assert median is not None
    assert found.low <= median <= found.high


def test_the_draws_of_a_median_are_of_type_2() -> None:
    """Every draw by itself, over several runs of rows: as the median of the drawn, each as often as it is."""
    units = np.arange(700) // 2
    lower, upper = _middles(units, np.ones(700), 100, 3)
    times = draw_times(units, 100, 3).astype(int)
    for draw, (low, high) in enumerate(itertools.islice(zip(lower, upper, strict=True), 100)):
        assert (low + high) / 2 == np.median(np.repeat(np.arange(700), times[:, draw]))


def _deals(accounts: int, each: int) -> str:
    rows = ["deal_id,status,created_at,closed_at,amount,currency,account"]
    for i, j in itertools.product(range(accounts), range(each)):
        rows.append(f"D{i}-{j},won,2025-01-02,2025-01-{10 + i % 9},{100 + i}.00,GBP,a{i}.test")
    return "\n".join(rows)


def test_a_store(store: Store, csv: Csv) -> None:
    """Twelve deals won of twelve are not 100 % for sure; twenty of one account say nothing."""
    store.config_set("reporting_currency", "GBP")
    store.import_table("deals", csv("deals", _deals(12, 1)))
    store.run(models=["linear"])
    names = ["win_rate", "average_deal_size"]
    answer = store.kpis(names=names, interval=0.9)
    win, size = answer.rows
    assert any("fewer than 10 accounts or people have, or lack" in text for text in answer.warnings)
    assert not any("or lack" in text for text in store.kpis(names=names[1], interval=0.9).warnings)
    assert (win["value"], win["high"], win["too_few"]) == (1.0, 1.0, False)
    assert win["low"] == pytest.approx(12 / (12 + 1.6448536**2))
    assert float(size["low"]) < 105.5 < float(size["high"])


def test_a_store_of_one_account(sqlite_store: Store, csv: Csv) -> None:
    """Twenty deals, all of one account: every figure is too few, its median too."""
    sqlite_store.config_set("reporting_currency", "GBP")
    sqlite_store.import_table("deals", csv("deals", _deals(1, 20)))
    sqlite_store.run(models=["linear"])
    names = ["win_rate", "average_deal_size", "time_to_conversion"]
    rows: list[dict[str, Any]] = sqlite_store.kpis(names=names, interval=0.9).rows
    rows = [row for row in rows if row["conversions"]]
    assert [row["kpi"] for row in rows] == ["win_rate", "average_deal_size", "time_to_conversion"]
    for row in rows:
        assert (row["conversions"], row["too_few"], row["low"], row["high"]) == (20, True, None, None)
