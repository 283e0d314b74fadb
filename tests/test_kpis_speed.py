"""How soon inquiries are answered: median and quartiles, the share within a target, and with an outcome."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from small_shop import open_shop

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.answer import Answer

Csv = Callable[[str, str], Path]

# L-1 (search and e-mail) waited 2 minutes, L-2 (search) exactly 3, L-3 and L-4 10 and 60; L-5 waits still;
# L-6 is said to have been answered before it asked, L-7 never asked
LEADS = """
    lead_id,created_at,visitor_id,owner,requested_at,responded_at,response_outcome
    L-1,2025-01-11T00:00:00Z,v1,Ann,2025-01-11T08:00:00Z,2025-01-11T08:02:00Z,meeting
    L-2,2025-01-06T00:00:00Z,v2,Bob,2025-01-06T08:00:00Z,2025-01-06T08:03:00Z,meeting
    L-3,2025-01-20T00:00:00Z,,Bob,2025-01-20T08:00:00Z,2025-01-20T08:10:00Z,
    L-4,2025-01-21T00:00:00Z,,Bob,2025-01-31T23:30:00Z,2025-02-01T00:30:00Z,no interest
    L-5,2025-01-22T00:00:00Z,,Cid,2025-01-22T08:00:00Z,,
    L-6,2025-02-22T00:00:00Z,,Cid,2025-02-22T08:00:00Z,2025-02-22T07:00:00Z,meeting
    L-7,2025-01-23T00:00:00Z,,Dee,,,
    """
NAMES = ["inbound_response_time", "response_within_target", "response_outcome_rate"]
JANUARY = {"start": "2025-01-01", "end": "2025-01-31"}


@pytest.fixture
def shop(sqlite_store: Store, csv: Csv) -> Store:
    """The shop with these leads."""
    return open_shop(sqlite_store, csv, leads=LEADS)


def _rows(answer: Answer) -> dict[str, dict[str, Any]]:
    return {row["kpi"]: row for row in answer.rows}


def test_the_whole(store: Store, csv: Csv) -> None:
    """Of 2, 3, 10 and 60 minutes; 2 of 5 within three minutes; 4 of 6 with an outcome."""
    answer = open_shop(store, csv, leads=LEADS).kpis(names=NAMES)
    rows = _rows(answer)
    time = rows["inbound_response_time"]
    assert (time["stage"], time["unit"], time["denominator"]) == ("request_to_response", "minutes", 4)
    assert [time["lower_quartile"], time["value"], time["upper_quartile"]] == [2.5, 6.5, 35.0]
    assert time["negative"] == 1
    within = rows["response_within_target"]
    assert (within["value"], within["numerator"], within["denominator"]) == (0.4, 2, 5)
    outcome = rows["response_outcome_rate"]
    assert (outcome["numerator"], outcome["denominator"]) == (4, 6)
    assert any("1 inquiries were answered before" in warning for warning in answer.warnings)
    assert any("1 of request_to_response ended before" in warning for warning in answer.warnings)


def test_an_answer_that_reached_nobody_has_no_outcome(store: Store, csv: Csv) -> None:
    """However it is written; that they declined is an outcome."""
    said = ["No answer", "no-answer", " voicemail", "Left_Voicemail", "busy", "", "declined", "reached"]
    rows = [
        f"L-{i},2025-01-11T00:00:00Z,2025-01-11T08:00:00Z,2025-01-11T08:02:00Z,{outcome}"
        for i, outcome in enumerate(said)
    ]
    leads = "\n".join(["lead_id,created_at,requested_at,responded_at,response_outcome", *rows])
    row = open_shop(store, csv, leads=leads).kpis(names="response_outcome_rate").rows[0]
    assert (row["numerator"], row["denominator"]) == (2, 8)


def test_a_request_counts_when_it_was_made(shop: Store) -> None:
    """L-4 asked on the last evening of January and was answered in February."""
    rows = _rows(shop.kpis(names=NAMES, **JANUARY))
    assert rows["inbound_response_time"]["denominator"] == 4
    assert rows["response_within_target"]["denominator"] == 5
    rows = _rows(shop.kpis(names=NAMES, start="2025-02-01"))
    assert rows["inbound_response_time"]["value"] is None
    assert rows["response_within_target"]["value"] is None
    assert rows["response_outcome_rate"]["value"] == 1.0


def test_another_target(shop: Store) -> None:
    """A wait that is as long as the target is within it."""
    values = {
        target: _rows(shop.kpis(names="response_within_target", target=target))["response_within_target"]
        for target in ("179s", "3m", "10m", "1h")
    }
    assert [row["numerator"] for row in values.values()] == [1, 2, 3, 4]
    with pytest.raises(InputError, match="soon' is not a duration"):
        shop.kpis(target="soon")


def test_by_owner_and_channel(shop: Store) -> None:
    """Plain dimensions are the lead's; channels are credited by the journey to it."""
    rows = {(row["owner"], row["kpi"]): row["value"] for row in shop.kpis("owner", names=NAMES).rows}
    assert rows["Bob", "inbound_response_time"] == 10.0
    assert rows["Bob", "response_within_target"] == pytest.approx(1 / 3)
    assert rows["Cid", "response_within_target"] == 0.0
    rows_ = shop.kpis("channel", names=NAMES, model="linear").rows
    found = {(row["channel"], row["kpi"]): row for row in rows_}
    assert found["Paid Search", "inbound_response_time"]["value"] == 3.0  # 2 minutes by half, 3 by one
    assert found["Email", "inbound_response_time"]["value"] == 2.0
    within = found["(unattributed)", "response_within_target"]
    assert (within["numerator"], within["denominator"]) == (0, 3)


def test_cohort_and_days(sqlite_store: Store, csv: Csv) -> None:
    """A cohort's inquiries count whenever they were made; bare dates are a day's begin and end."""
    shop = open_shop(
        sqlite_store,
        csv,
        leads="""
        lead_id,created_at,requested_at,responded_at
        L-1,2025-01-11T00:00:00Z,2025-03-01,2025-03-01
        L-2,2025-02-06T00:00:00Z,2025-03-01T12:00:00Z,2025-03-01
        """,
    )
    row = shop.kpis(names="inbound_response_time", basis="cohort", **JANUARY).rows[0]
    assert (row["denominator"], row["value"]) == (1, pytest.approx(1440))
    row = shop.kpis(names="inbound_response_time").rows[0]
    assert row["value"] == pytest.approx(1080)


def test_an_interval_of_the_median(sqlite_store: Store, csv: Csv) -> None:
    """In the unit of the figure."""
    rows = [
        f"L-{i},2025-01-11T00:00:00Z,2025-01-11T08:00:00Z,2025-01-11T08:{i + 1:02d}:00Z" for i in range(20)
    ]
    leads = "\n".join(["lead_id,created_at,requested_at,responded_at", *rows])
    row = open_shop(sqlite_store, csv, leads=leads).kpis(names="inbound_response_time", interval=0.9).rows[0]
    assert row["value"] == 10.5
    assert 1 <= row["low"] < 10.5 < row["high"] <= 20


def test_on_the_command_line(shop: Store, tmp_path: Path) -> None:
    """The target is an option, and minutes are shown with one decimal."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    arguments = ["--store", url, "kpis", "--kpi", ",".join(NAMES), "--target", "1h"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0
    assert "80.0%" in result.output
    assert "6.5" in result.output
