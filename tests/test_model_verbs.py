"""`attribution model`: what there is, what was learned, how far to trust it; from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from attribution.cli import cli
from attribution.models.registry import list_models

# twelve deals of 100.00 through Email, four of them through Direct first; eight visitors of Direct who went
BUYERS = range(12)
FILES = {
    "touches": "touch_id,visitor_id,at,channel,campaign\n"
    + "".join(f"e{i},v{i},2025-05-02T09:00:00Z,Email,spring\n" for i in BUYERS)
    + "".join(f"d{i},v{i},2025-05-01T09:00:00Z,Direct,\n" for i in (*range(4), *range(20, 28))),
    "leads": "lead_id,created_at,visitor_id\n" + "".join(f"L{i},2025-05-02T10:00:00Z,v{i}\n" for i in BUYERS),
    "deals": "deal_id,status,created_at,closed_at,amount,currency,lead_id\n"
    + "".join(f"D{i},won,2025-05-03,2025-05-{10 + i},100.00,GBP,L{i}\n" for i in BUYERS),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs the command line on a store with the deals, under two models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATTRIBUTION_STORE", raising=False)

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(cli, list(args))

    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        assert invoke("import", name, f"{name}.csv").exit_code == 0
    result = invoke("run", "--models", "linear,markov", "--goal", "revenue")
    assert result.exit_code == 0, result.output
    return invoke


def answer(result: Result) -> dict[str, Any]:
    """Return the envelope of a JSON answer."""
    assert result.exit_code == 0, result.output
    envelope: dict[str, Any] = json.loads(result.stdout)
    return envelope


def test_every_model_is_listed_with_its_parameters() -> None:
    """Without a store: name, defaults, whether it learns, in words that need no Python."""
    rows = answer(CliRunner().invoke(cli, ["model", "list", "--format", "json"]))["rows"]
    assert [row["model"] for row in rows] == list(list_models())
    assert not any("`" in row["about"] or not row["about"] for row in rows)
    markov = next(row for row in rows if row["model"] == "markov")
    assert markov["parameters"] == "ignore=, by=channel, reward=conversions, order=1"
    assert (markov["learns"], markov["package"]) == ("yes", "attribution")


def test_both_figures_of_a_channel_stand_side_by_side(run: Callable[..., Result]) -> None:
    """Without Email nothing converts, without Direct 8 of 12 do: effects 1 and 1/3, so 9 and 3 of 12.

    The ledger splits four deals 3 : 1 and leaves eight to Email: 11 and 1.
    """
    found = answer(run("model", "show", "markov", "--format", "json"))
    assert [list(row.values()) for row in found["rows"]] == [
        ["Email", pytest.approx(1), 9, pytest.approx(1), "900.00", 11, "1100.00"],
        ["Direct", pytest.approx(1 / 3), 3, pytest.approx(1 / 3), "300.00", 1, "100.00"],
    ]
    totals = found["totals"]
    assert totals["conversion_probability"] == pytest.approx(12 / 20)
    assert (totals["conversions"], totals["journeys"]) == (12, 20)
    assert (totals["conversions_by_effect"], totals["value_by_effect"]) == (12, "1200.00")
    assert any("They differ because" in text for text in found["warnings"])
    steps = answer(run("model", "show", "markov", "--transitions", "--format", "json"))["rows"]
    assert {"source": "Direct", "target": "(null)", "count": 8, "probability": pytest.approx(8 / 12)} in steps


def test_intervals_hold_their_figure_and_few_conversions_have_none(run: Callable[..., Result]) -> None:
    """Direct is in four conversions only: its bounds are not shown, and a note says so."""
    result = run("model", "trust", "linear", "markov", "--draws", "200", "--seed", "1", "--format", "json")
    rows = {(row["model"], row["channel"]): row for row in answer(result)["rows"]}
    assert len(rows) == 4
    email = rows["linear", "Email"]
    assert (email["value"], email["in_conversions"], email["rank"]) == ("1000.00", 12, 1)
    assert float(email["low"]) < 1000 < float(email["high"])
    direct = rows["markov", "Direct"]
    assert (direct["value"], direct["low"], direct["high"], direct["too_few"]) == ("100.00", None, None, True)
    assert "under linear too few conversions" in result.stdout
    again = run("model", "trust", "linear", "markov", "--draws", "200", "--seed", "1", "--format", "json")
    assert again.stdout == result.stdout
    by_campaign = answer(
        run("model", "trust", "linear", "--by", "campaign", "--draws", "100", "--format", "json")
    )
    assert {row["campaign"]: row["value"] for row in by_campaign["rows"]} == {
        "spring": "1000.00", "(not set)": "200.00",
    }  # fmt: skip


def bring(run: Callable[..., Result], tables: dict[str, str]) -> None:
    """Import more tables, written as CSV."""
    for name, text in tables.items():
        Path(f"more-{name}.csv").write_text(text, encoding="utf-8")
        assert run("import", name, f"more-{name}.csv").exit_code == 0


def test_what_a_fit_moves_is_a_table(run: Callable[..., Result]) -> None:
    """Two of those who went come back through Direct and buy: Direct converts by itself now."""
    more = {
        "leads": "lead_id,created_at,visitor_id\nL20,2025-05-20,v20\nL21,2025-05-20,v21\n",
        "deals": "deal_id,status,created_at,closed_at,amount,currency,lead_id\n"
        "D20,won,2025-05-20,2025-06-01,100.00,GBP,L20\nD21,won,2025-05-20,2025-06-01,100.00,GBP,L21\n",
    }
    bring(run, more)
    result = run("model", "fit", "markov", "--goal", "revenue", "--format", "json")
    # P = 14/20; without Email 2/20, without Direct 8/20: 6/7 and 3/7, so four deals are split 2 : 1
    assert [list(row.values()) for row in answer(result)["rows"]] == [
        ["markov", "revenue", "Direct", "2025-05", "100.00", "133.32", "33.32"],
        ["markov", "revenue", "Email", "2025-05", "1100.00", "1066.68", "-33.32"],
    ]
    assert "fit 2, of 14 conversions and 6 journeys without one" in result.stdout


def test_doctor_names_fits_that_rest_on_little(run: Callable[..., Result]) -> None:
    """The finding says which, and what to type."""
    rows = answer(run("doctor", "--format", "json"))["rows"]
    assert [(row["severity"], row["hint"]) for row in rows if row["check"] == "fits"] == [
        ("notice", "attribution model trust markov --goal revenue")
    ]


def test_what_cannot_be_meant_is_one_sentence(run: Callable[..., Result]) -> None:
    """Exit 2, and what is allowed."""
    for args, words in (
        (("show", "marcov"), "unknown model 'marcov'; did you mean 'markov'?"),
        (("show", "markov:order=0"), "order=0 cannot be used; allowed are 1 to 8"),
        (("show", "markov:ordr=2"), "markov has no parameter 'ordr'"),
        (("fit", "linear"), "linear learns nothing"),
        (("trust", "linear", "--draws", "10"), "allowed are 100 and more"),
        (("trust", "linear", "--interval", "90"), "an interval of 90.0 cannot be made; allowed are shares"),
        (("trust", "linear", "--by", "owner"), "unknown dimension 'owner'"),
        (("fit", "markov", "--as-of", "now"), "--as-of 'now' is not a day"),
    ):
        result = run("model", *args)
        assert (result.exit_code, words in result.stderr) == (2, True), (args, result.stderr)
        assert len(result.stderr.strip().splitlines()) == 1


def test_counts_of_deals_are_judged_as_counts(run: Callable[..., Result]) -> None:
    """`deals` shares journeys and fit with `revenue`; its figures are deals, and add up to twelve."""
    rows = answer(
        run("model", "trust", "linear", "markov", "--goal", "deals", "--draws", "100", "--format", "json")
    )
    found = {(row["model"], row["channel"]): row["value"] for row in rows["rows"]}
    assert found == {
        ("linear", "Email"): 10, ("linear", "Direct"): 2, ("markov", "Email"): 11, ("markov", "Direct"): 1,
    }  # fmt: skip


def test_a_channel_that_the_fit_never_saw_is_named(run: Callable[..., Result]) -> None:
    """It gets nothing until the model learns again, and whoever runs it is told so."""
    more = {
        "touches": "touch_id,visitor_id,at,channel\nn1,new,2025-06-01T09:00:00Z,Podcast\n"
        "n2,new,2025-06-02T09:00:00Z,Email\n",
        "leads": "lead_id,created_at,visitor_id\nLn,2025-06-03,new\n",
        "deals": "deal_id,status,created_at,closed_at,amount,currency,lead_id\n"
        "Dn,won,2025-06-03,2025-06-04,90,GBP,Ln\n",
    }
    bring(run, more)
    result = run("run", "--model", "markov", "--goal", "revenue")
    assert "markov, goal revenue, learned before it saw Podcast" in result.stderr
    assert "attribution model fit markov" in result.stderr
    assert run("model", "fit", "markov", "--goal", "revenue").exit_code == 0
    assert "learned before" not in run("run", "--model", "markov", "--goal", "revenue", "--full").stderr
