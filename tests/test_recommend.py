"""What to scale, hold and cut: by a rule that is printed, and never on noise."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from small_shop import open_shop

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from attribution.cli import cli  # noqa: E402
from attribution.engine import Store  # noqa: E402
from attribution.errors import InputError, UnknownNameError  # noqa: E402
from attribution.metrics.answer import Answer  # noqa: E402
from attribution.metrics.recommend import draws_for, read_target_return  # noqa: E402
from attribution.metrics.recommend_rule import Judged, judge, lump_bounds, row_level  # noqa: E402
from benchmarks.recommendations import advice, year  # noqa: E402

Csv = Callable[[str, str], Path]

# 30 customers of 100.00 each by `good`, 30 by `dear`, 12 by `even`, 3 by `small`, 5 that nothing was spent on
CAMPAIGNS = {"good": 30, "dear": 30, "even": 12, "small": 3}
SPEND = """
    date,cost,currency,source,medium,campaign
    2025-01-05,1000.00,GBP,google,cpc,good
    2025-01-05,9000.00,GBP,google,cpc,dear
    2025-01-05,1200.00,GBP,google,cpc,even
    2025-01-05,250.00,GBP,google,cpc,small
    2025-01-05,2000.00,GBP,google,cpc,waste
    2025-01-05,90.00,GBP,google,cpc,young
    """


def _shop(store: Store, csv: Csv, spend: str = SPEND) -> Store:
    names = [name for name, count in CAMPAIGNS.items() for _ in range(count)]
    tags = [f"utm_source=google&utm_medium=cpc&utm_campaign={name}" for name in names]
    tags += ["utm_source=news&utm_medium=email&utm_campaign=letter"] * 5
    touches, leads, deals = ["touch_id,visitor_id,at,url"], ["lead_id,created_at,visitor_id"], []
    for i, tag in enumerate(tags):
        touches.append(f"t{i},v{i},2025-01-06T09:00:00Z,https://shop.test/?{tag}")
        leads.append(f"L-{i},2025-01-07T00:00:00Z,v{i}")
        deals.append(f"D-{i},won,2025-01-08T00:00:00Z,2025-01-20T00:00:00Z,100.00,GBP,L-{i}")
    return open_shop(
        store, csv, touches="\n".join(touches), leads="\n".join(leads), spend=spend,
        deals="\n".join(["deal_id,status,created_at,closed_at,amount,currency,lead_id", *deals]),
        adjustments="adjustment_id,deal_id,at,amount,currency",
    )  # fmt: skip


def _advice(answer: Answer, dim: str = "campaign") -> dict[str, str]:
    return {row[dim]: row["advice"] for row in answer.rows}


def test_advice_by_campaign(store: Store, csv: Csv) -> None:
    """Three times the spend is scaled, a third is cut; 12 that break even are held, 3 are too few.

    `waste` brought nothing for 2,000.00, which twenty customers would pay for: even the five that none could
    stand for are too little. For `young` they are not.
    """
    answer = _shop(store, csv).recommend("campaign", model="linear")
    assert list(answer.columns) == [
        "campaign", "spend", "young", "value", "roi", "low", "high", "conversions", "advice", "because",
    ]  # fmt: skip
    assert all(list(row) == list(answer.columns) for row in answer.rows)
    assert _advice(answer) == {
        "dear": "cut", "waste": "cut", "even": "hold", "good": "scale", "small": "not enough data",
        "young": "not enough data",
    }  # fmt: skip
    rows = {row["campaign"]: row for row in answer.rows}
    assert [row["spend"] for row in answer.rows] == [
        "9000.00", "2000.00", "1200.00", "1000.00", "250.00", "90.00",
    ]  # fmt: skip
    good, waste = rows["good"], rows["waste"]
    assert (good["value"], good["roi"], good["conversions"]) == ("3000.00", 2.0, 30)
    # all deals are alike, so that the bounds are those of a Poisson number of them, at 1 - 0.1 / 6
    low, high = lump_bounds(3000_00, 100_00, 1 - 0.1 / 6)
    assert good["low"] == pytest.approx(min(low / 1000_00 - 1, good["low"]))
    assert 0 < good["low"] <= low / 1000_00 - 1 < 2 < high / 1000_00 - 1 <= good["high"]
    assert (waste["value"], waste["roi"], waste["low"]) == ("0.00", -1.0, None)
    most = -np.log(0.1 / 12) * 100_00
    assert waste["high"] == pytest.approx(most / 2000_00 - 1)
    assert waste["because"] == (
        "0 conversions, fewer than 10; but for this spend even the most that so little can stand for is an "
        f"ROI of {100 * waste['high']:.0f} %, below the target of 0 %"
    )
    assert rows["small"]["low"] is rows["small"]["high"] is None
    assert answer.totals == {
        "spend": "13540.00", "young": "0.00", "value": "7500.00", "roi": 7500 / 13540 - 1,
    }  # fmt: skip


def test_what_is_told_beside(store: Store, csv: Csv) -> None:
    """The rule with its figures, spend that brought nothing, and value that cost nothing."""
    told = _shop(store, csv).recommend("campaign", model="linear").warnings
    assert any(
        text.startswith("rule: scale where the interval of ROI lies wholly above the target of 0%")
        and "judged at 98.33% each, so that the advice of all 6 together holds at 90%" in text
        for text in told
    )
    assert "2,090.00 GBP was spent on what brought nothing: waste, young" in told
    assert "500.00 GBP of value cost nothing and is not judged: letter" in told


def test_target_and_margin(sqlite_store: Store, csv: Csv) -> None:
    """At a margin of 40 % 3,000.00 are 1,200.00 of 1,000.00; a return of 400 % is not met by any."""
    shop = _shop(sqlite_store, csv)
    earned = {row["campaign"]: row for row in shop.recommend("campaign", model="linear", margin="40%").rows}
    assert (earned["good"]["value"], earned["good"]["roi"]) == ("1200.00", pytest.approx(0.2))
    assert earned["good"]["advice"] == "hold"
    assert earned["even"]["advice"] == "cut"
    assert _advice(shop.recommend("campaign", model="linear", target="400%"))["good"] == "cut"


def test_too_few_in_the_whole_store(sqlite_store: Store, csv: Csv) -> None:
    """Of four deals nobody can tell anything, whatever was spent."""
    shop = open_shop(sqlite_store, csv, rates="date,currency,rate\n2025-02-20,USD,0.80")
    answer = shop.recommend(model="linear")
    assert set(_advice(answer, "channel").values()) == {"not enough data"}
    assert answer.rows[0]["because"].endswith("too few in the whole store to tell what a customer brings")


def test_nothing_was_spent(sqlite_store: Store, csv: Csv) -> None:
    """No row."""
    shop = _shop(sqlite_store, csv, spend="date,cost,currency,source")
    answer = shop.recommend("channel", model="linear")
    assert answer.rows == []
    assert answer.totals == {"spend": "0.00", "young": "0.00", "value": "0.00", "roi": None}


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"by": "owner"}, UnknownNameError, "unknown dimension 'owner'"),
        ({"by": "landing_page"}, InputError, "spend is not known by it; name channel"),
        ({"by": ()}, InputError, "no dimension given"),
        ({"target": "much"}, InputError, "allowed is a return above -1"),
        ({"target": -1}, InputError, "allowed is a return above -1"),
        ({"margin": 1.5}, InputError, "above 0 and up to 1"),
        ({"interval": "all"}, InputError, "between 0 and 1"),
        ({"model": "markov"}, InputError, "attribution run --model markov --goal revenue"),
    ],
)
def test_bad_options(
    sqlite_store: Store, csv: Csv, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    """Each says what is allowed."""
    shop = open_shop(sqlite_store, csv)
    with pytest.raises(error, match=text):
        shop.recommend(**({"model": "linear"} | options))


def test_command_line(sqlite_store: Store, csv: Csv) -> None:
    """The verb prints what the method answers."""
    shop = _shop(sqlite_store, csv)
    arguments = ["--store", shop.db.label, "recommend", "--by", "campaign", "--model", "linear"]
    done = CliRunner().invoke(cli, [*arguments, "--format", "json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == shop.recommend("campaign", model="linear").rows
    done = CliRunner().invoke(cli, arguments)
    assert "not enough data" in done.stdout
    assert "note: rule: scale where" in done.stderr


def test_the_wider_bounds_count() -> None:
    """What people drawn again leave open, and what lumps as large as the store's leave open."""
    row = Judged(3000.0, 1000, 2000.0, 4000.0, 30)
    assert judge(row, target=0, level=0.9, lump=1.0).advice == "scale"
    assert judge(row, target=0, level=0.9, lump=1500.0).advice == "hold"
    assert judge(Judged(300.0, 1000, 200.0, 990.0, 30), target=0, level=0.9, lump=400.0).advice == "hold"
    assert judge(Judged(-50.0, 1000, None, None, 9), target=0, level=0.9, lump=100.0).advice == "cut"
    assert lump_bounds(-50.0, 100.0, 0.9) == lump_bounds(0.0, 100.0, 0.9)


def test_levels_and_draws() -> None:
    """Ten draws lie beyond each bound, as far as ten thousand reach."""
    assert row_level(0.9, 1) == 0.9
    assert row_level(0.9, 0) == 0.9
    assert [draws_for(level) for level in (0.5, 0.9, row_level(0.9, 10), 0.99999)] == [400, 400, 2000, 10_000]
    assert read_target_return("-50%") == -0.5


@pytest.mark.parametrize(
    ("rows", "each", "split", "lag"), [(5, 20, 1, 0), (12, 8, 1, 0), (5, 20, 3, 0), (5, 60, 1, 60)]
)
def test_where_everything_breaks_even_advice_is_rare(rows: int, each: int, split: int, lag: float) -> None:
    """In at most one made-up year of ten: of 40 years seven may be wrong before that is no chance (3 %)."""
    wrong = 0
    for seed in range(40):
        found = advice(year(np.full(rows, each), (), 0.8, seed, split, lag), seed)
        wrong += any(one.advice in ("scale", "cut") for one in found)
    assert wrong <= 7


def test_what_differs_is_found() -> None:
    """A campaign that brings a quarter of its spend is cut, one that brings three times as much is scaled."""
    found = [one.advice for one in advice(year(np.full(5, 40), (3, 0.25), 0.8, 1), 1)]
    assert found == ["scale", "cut", "hold", "hold", "hold"]
