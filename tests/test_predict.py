"""Expected revenue of open leads: near the truth, the same every time, refused where the past is thin."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from freezegun import freeze_time
from openpyxl import load_workbook
from small_shop import open_shop
from sqlalchemy import select

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from attribution.cli import cli  # noqa: E402
from attribution.engine import Store  # noqa: E402
from attribution.errors import InputError, UnknownNameError  # noqa: E402
from attribution.metrics.answer import Answer  # noqa: E402
from attribution.metrics.predict.expected import expected_revenue  # noqa: E402
from attribution.metrics.predict.learn import Sample, learn  # noqa: E402
from attribution.metrics.predict.past import slices  # noqa: E402
from attribution.money import money_text  # noqa: E402
from attribution.store.schema import lead  # noqa: E402
from benchmarks.lead_world import START, fill, world, worth  # noqa: E402

pytest.importorskip("sklearn")

Csv = Callable[[str, str], Path]
DAYS = 420
DAY = (START + pd.Timedelta(days=DAYS - 1)).date()
LEADS = 900
QUICK: dict[str, Any] = {"as_of": DAY, "horizon": 2, "draws": 12}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A made-up company of fourteen months."""
    folder = tmp_path_factory.mktemp("company")
    with Store.open(f"sqlite:///{folder / 'store.db'}") as store:
        with freeze_time(f"{DAY}T23:59:59.999999Z"):
            fill(store, world(LEADS, DAYS, 3), DAYS, folder)
        yield store


@pytest.fixture(scope="module")
def answer(company: Store) -> Answer:
    """What its open leads are expected to bring."""
    return company.predict(**QUICK)


def test_a_row_is_an_open_lead(answer: Answer) -> None:
    """Each once, the most valuable first, within the bounds of what it may bring; the total is their sum."""
    assert list(answer.columns) == [
        "lead_id", "stage", "age_days", "channel", "industry", "owner", "open_amount", "chance", "value",
        "outcome_low", "outcome_high",
    ]  # fmt: skip
    assert all(list(row) == list(answer.columns) for row in answer.rows)
    truth = worth(world(LEADS, DAYS, 3), DAYS, 60.0, futures=1)
    assert sorted(row["lead_id"] for row in answer.rows) == sorted(truth["lead_id"])
    values = [Decimal(row["value"]) for row in answer.rows]
    assert values == sorted(values, reverse=True)
    assert (answer.totals["leads"], Decimal(answer.totals["value"])) == (len(values), sum(values))
    for row in answer.rows:
        assert 0 <= Decimal(row["outcome_low"]) <= Decimal(row["value"]) <= Decimal(row["outcome_high"])
        assert row["open_amount"] == "0.00"  # its deals tell none
    total = answer.totals
    assert 0 < Decimal(total["low"]) < Decimal(total["value"]) < Decimal(total["high"])
    assert answer.title == "Expected revenue of open leads within 2 months"
    assert (answer.currency, answer.goal, answer.model) == ("GBP", "revenue", None)


def test_what_platforms_are_told_of_leads_is_the_same(company: Store) -> None:
    """The expected revenue of each open lead, as of the last run."""
    with company.db.read() as connection:
        found = expected_revenue(connection)
        found_keys = connection.execute(select(lead.c.lead_id, lead.c.key))
        keys = {row.lead_id: row.key for row in found_keys}
    rows = company.predict(draws=4).rows
    assert {keys[number]: money_text(minor, found.currency) for number, minor in found.minor.items()} == {
        row["lead_id"]: row["value"] for row in rows
    }


def test_it_is_near_the_truth(answer: Answer) -> None:
    """In all and for each channel and stage that is worth something, by the law that made the company."""
    truth = worth(world(LEADS, DAYS, 3), DAYS, 2 * 365.25 / 12, futures=300)
    both = answer.to_frame().merge(truth, on="lead_id", suffixes=("", "_code"))
    value, right = both["value"].astype(float), both["worth"]
    assert value.sum() == pytest.approx(right.sum(), rel=0.25)
    assert np.corrcoef(value, right)[0, 1] > 0.95
    mean = value.groupby([both["stage"], both["channel"]]).mean()
    for stage in ("mql", "opportunity"):
        assert mean[stage, "Email"] < mean[stage, "Paid Search"] < mean[stage, "Referral"]
    assert value[both["stage"] == "lead"].mean() < value[both["stage"] == "mql"].mean()


def test_the_chart_of_leads_has_no_line(company: Store, answer: Answer) -> None:
    """What one may bring is told, not drawn: the bounds are no bounds of the bar. A group's are."""
    drawn = answer.plot().to_dict()
    bars = max(drawn["datasets"].values(), key=len)
    assert {(bar["low"], bar["high"]) for bar in bars} == {(None, None)}
    assert "most of them bring nothing" in " ".join(drawn["title"]["subtitle"])
    grouped = company.predict("stage", **QUICK).plot().to_dict()
    assert all(bar["low"] < bar["high"] for bar in max(grouped["datasets"].values(), key=len))
    assert "where the expectation lies" in " ".join(grouped["title"]["subtitle"])


def test_groups_sum_up(company: Store, answer: Answer) -> None:
    """By channel and stage: the leads and value of all; its bounds are of the expectation."""
    grouped = company.predict("channel,stage", **QUICK)
    assert list(grouped.columns) == ["channel", "stage", "leads", "value", "low", "high"]
    assert sum(row["leads"] for row in grouped.rows) == len(answer.rows)
    assert sum(Decimal(row["value"]) for row in grouped.rows) == Decimal(answer.totals["value"])
    assert grouped.totals | {"open_amount": "0.00"} == answer.totals
    for row in grouped.rows:
        assert 0 <= Decimal(row["low"]) <= Decimal(row["value"]) <= Decimal(row["high"])


def test_reliability(company: Store, answer: Answer) -> None:
    """Predicted beside observed by fifth, on months that were not learned from; told in a sentence too."""
    judged = company.predict(judge=True, **QUICK)
    assert judged == answer.beside["reliability"]  # every prediction has it beside it
    assert list(judged.columns) == ["fifth", "leads", "chance", "won", "predicted", "observed", "held"]
    assert [row["fifth"] for row in judged.rows] == [1, 2, 3, 4, 5]
    for name in ("predicted", "observed"):
        whole = sum(Decimal(row[name]) for row in judged.rows)
        assert whole == pytest.approx(Decimal(judged.totals[name]), abs=Decimal("0.05"))
    assert judged.totals["ratio"] == pytest.approx(1, abs=0.4)
    assert judged.totals["calibration_error"] < 0.4
    assert judged.rows[-1]["won"] > 0.3 > judged.rows[0]["won"]
    assert min(row["held"] for row in judged.rows) > 0.8  # where 0.9 is claimed
    assert judged.warnings[-1].startswith("reliability: at the 2 latest month-ends whose outcome is known")


def test_the_same_data_predict_the_same(tmp_path: Path, company: Store, answer: Answer) -> None:
    """Whatever was imported first; another seed draws other bounds, and the same values."""
    with Store.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        made = world(LEADS, DAYS, 3)
        shuffled = made.sample(frac=1, random_state=1)
        fill(other, shuffled, DAYS, tmp_path, ("deals", "touches", "leads"))
        again = other.predict(**QUICK)
    assert again.rows == answer.rows
    seeded = company.predict(seed=1, **QUICK)
    assert [row["value"] for row in seeded.rows] == [row["value"] for row in answer.rows]
    assert seeded.totals["low"] != answer.totals["low"]


def test_it_knows_no_future(tmp_path: Path, answer: Answer) -> None:
    """Two more months in the store: what is predicted as of the same day is the same."""
    with Store.open(f"sqlite:///{tmp_path / 'later.db'}") as later:
        fill(later, world(LEADS, DAYS, 3), DAYS + 60, tmp_path)
        again = later.predict(**QUICK)
    assert again.rows == answer.rows


def test_the_past_is_too_thin(company: Store, sqlite_store: Store, tmp_path: Path) -> None:
    """Too few months, or too few wins: each is told with what is there and what is needed."""
    with pytest.raises(
        InputError, match=r"too short to predict 2 months ahead: 3 month-ends .* needed are 8"
    ) as refused:
        company.predict(as_of=(START + pd.Timedelta(days=170)).date(), horizon=2)
    last = DAY.isoformat()
    assert str(refused.value).endswith(
        f"the last record of leads and deals is of {last}; there is enough for: attribution predict "
        f"--as-of {last} --horizon 2"
    )
    fill(sqlite_store, world(60, DAYS, 1), DAYS, tmp_path)
    with pytest.raises(
        InputError,
        match=r"too thin to predict: .* to learn from, \d+ were won .* are 30; .*a longer history is needed",
    ):
        sqlite_store.predict(as_of=DAY, horizon=1)
    with pytest.raises(InputError, match="nothing has been run"):
        Store.open("sqlite://").predict()


def test_nothing_is_open(sqlite_store: Store, csv: Csv) -> None:
    """No row, and a sentence."""
    leads = "lead_id,created_at,disqualified_at\nL-1,2025-01-11,2025-01-12"
    shop = open_shop(sqlite_store, csv, leads=leads)
    found = shop.predict()
    assert found.rows == []
    nothing = dict.fromkeys(("open_amount", "value", "low", "high"), "0.00")
    assert found.totals == {"leads": 0} | nothing
    assert "no lead is open: each was disqualified, or has a deal won or lost" in found.warnings


def test_without_the_library(company: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence that says how to install it."""
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(InputError, match=r"need scikit-learn.*install 'closed-loop-attribution\[predict\]'"):
        company.predict()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"by": "campaign"}, UnknownNameError, "unknown dimension 'campaign'"),
        ({"horizon": 0}, InputError, "whole months from 1 to 24"),
        ({"horizon": "soon"}, InputError, "whole months from 1 to 24"),
        ({"interval": 1.5}, InputError, "between 0 and 1"),
        ({"as_of": "today"}, InputError, "--as-of 'today' is not a day"),
        ({"draws": 6}, InputError, "multiples of 4"),
        ({"as_of": "2024-12-31"}, InputError, "lies after the last run, at 2024-02-24T23:59:59.999999Z"),
    ],
)
def test_bad_options(company: Store, options: dict[str, Any], error: type[Exception], text: str) -> None:
    """Each says what is allowed."""
    with pytest.raises(error, match=text):
        company.predict(**options)


def test_command_line(company: Store, tmp_path: Path) -> None:
    """The verb prints what the method answers, and writes it with its reliability."""
    arguments = ["--store", company.db.label, "predict", "--by", "stage", "--as-of", str(DAY)]
    done = CliRunner().invoke(cli, [*arguments, "--horizon", "2", "--format", "json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {row["stage"] for row in found["rows"]} == {"lead", "mql", "opportunity"}
    done = CliRunner().invoke(cli, [*arguments, "--horizon", "2", "--reliability"])
    assert "calibration_error" in done.stdout
    done = CliRunner().invoke(cli, [*arguments, "--horizon", "2", "--output", str(tmp_path / "p.xlsx")])
    assert done.exit_code == 0, done.output
    assert load_workbook(tmp_path / "p.xlsx").sheetnames == ["About", "Predict", "Reliability"]


def test_slices_keep_apart_what_is_known() -> None:
    """An outcome of one slice is known when the next begins: three months ahead, two lie between."""
    cut = slices(range(0, 15), 3, judged=True)
    assert (cut.train, cut.calibrate, cut.test) == (range(0, 7), range(9, 11), range(13, 15))
    assert cut.train[-1] + 3 <= cut.calibrate[0]
    assert cut.calibrate[-1] + 3 <= cut.test[0]
    last = slices(range(0, 15), 3, judged=False)
    assert (last.train, last.calibrate, len(last.test)) == (range(0, 11), range(13, 15), 0)


def test_calibration_moves_the_level() -> None:
    """Later months in which twice as many are won, for half as much: both levels follow."""
    rng = np.random.default_rng(0)
    n = 4000

    def sample(rate: float, amount: float) -> Sample:
        wins = (rng.random(n) < rate).astype(np.int64)
        return Sample(
            rng.normal(size=(n, 2)), np.zeros(n, np.int64), wins, wins * amount, np.ones(n), np.arange(n)
        )

    later = sample(0.2, 50_00)
    fit = learn(sample(0.1, 100_00), later)
    assert fit.chances(later.x).mean() == pytest.approx(0.2, abs=0.02)
    assert fit.amounts(later.x, later.stage).mean() == pytest.approx(50_00, rel=0.03)


def test_the_kpi_is_the_mean_of_the_open_leads(company: Store) -> None:
    """By channel as `predict` has it, its bounds too, within the usual horizon; asked for by name alone."""
    asked: dict[str, Any] = {"names": "predicted_lead_value", "model": "last_touch", "interval": 0.9}
    answer = company.kpis("channel", **asked)
    predicted = company.predict("channel")
    grouped = {row["channel"]: row for row in predicted.rows}
    assert {row["channel"] for row in answer.rows} == grouped.keys()
    for row in answer.rows:
        value, leads = Decimal(grouped[row["channel"]]["value"]), grouped[row["channel"]]["leads"]
        assert (Decimal(row["numerator"]), row["denominator"]) == (value, leads)
        bounds = [float(grouped[row["channel"]][name]) / leads for name in ("low", "high")]
        assert [float(row["low"]), float(row["high"])] == pytest.approx(bounds, abs=0.0101)
        assert row["conversions"] >= 30
        assert row["too_few"] is False
        assert Decimal(row["value"]) == (value / leads).quantize(Decimal("0.01"), ROUND_HALF_UP)
    whole = company.kpis(names="predicted_lead_value").rows[0]
    assert Decimal(whole["numerator"]) == sum(Decimal(row["value"]) for row in grouped.values())
    assert whole["value"] == answer.totals["predicted_lead_value"]
    assert "predicted_lead_value" not in {row["kpi"] for row in company.kpis().rows}
    horizon, reliable = answer.warnings[-2:]
    within = predicted.title.partition("leads ")[2]
    assert horizon == f"predicted_lead_value is the revenue expected of open leads {within} of the last run"
    assert reliable == predicted.warnings[-1]


def test_the_kpi_in_another_currency(company: Store) -> None:
    """What is learned is in the reporting currency: in another there is no figure, and the reason."""
    found = company.kpis(names="prediction", currency="JPY")
    assert [(row["value"], row["numerator"], row["denominator"]) for row in found.rows] == [(None,) * 3]
    assert any("left empty in JPY: it is learned of the revenue of all deals" in w for w in found.warnings)


def test_the_kpi_where_nothing_can_be_learned(sqlite_store: Store, csv: Csv) -> None:
    """Empty, and the reason in a warning."""
    shop = open_shop(sqlite_store, csv)
    found = shop.kpis("owner", names="prediction", model="linear")
    assert found.rows == []
    assert found.totals["predicted_lead_value"] is None
    assert any(text.startswith("predicted_lead_value is left empty: ") for text in found.warnings)
