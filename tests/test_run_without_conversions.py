"""Money spent with nothing to show for it stays in the table; a currency once reported in stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attribution.engine import Store
from attribution.errors import InputError

Csv = Callable[[str, str], Path]


def test_spend_alone_is_reported(store: Store, csv: Csv) -> None:
    """A run that has nothing to post is a run: the report shows the spend, and a return of -100 %."""
    store.import_table(
        "spend", csv("spend", "date,source,medium,cost,currency\n2025-01-05,google,cpc,12.50,GBP")
    )
    store.run()
    (row,) = store.report("channel").rows
    assert (row["channel"], row["spend"], row["roi"]) == ("Paid Search", "12.50", -1.0)


def test_the_reporting_currency_stays_after_the_first_run(store: Store, csv: Csv) -> None:
    """Credits are in it: another one would relabel them."""
    deal = "deal_id,status,closed_at,amount,currency\nD,won,2025-02-01,100.00,EUR"
    store.import_table("deals", csv("deals", deal))
    store.config_set("reporting_currency", "GBP")
    store.config_set("reporting_currency", "EUR")  # before the first run anything goes
    store.run()
    with pytest.raises(InputError, match="since the first run"):
        store.config_set("reporting_currency", "JPY")
    assert store.report("channel").totals["value"] == "100.00"


def test_the_commonest_currency_is_suggested(store: Store, csv: Csv) -> None:
    """Two pounds and a euro: report in pounds."""
    rows = "\n".join(f"D{i},won,2025-02-01,1.00,{code}" for i, code in enumerate(["GBP", "EUR", "GBP"]))
    store.import_table("deals", csv("deals", f"deal_id,status,closed_at,amount,currency\n{rows}"))
    with pytest.raises(InputError, match=r"\(GBP, EUR\).*reporting_currency GBP"):
        store.run()


def test_rates_of_another_time_restate_nothing(store: Store, csv: Csv) -> None:
    """A new rate concerns the deals that close within a week of it; the others are not looked at."""
    store.config_set("reporting_currency", "GBP")
    rows = "D1,won,2025-02-01,100.00,EUR\nD2,won,2025-06-01,100.00,EUR"
    store.import_table("deals", csv("deals", f"deal_id,status,closed_at,amount,currency\n{rows}"))
    store.import_table("rates", csv("rates", "date,currency,rate\n2025-01-31,EUR,0.80"))
    store.run(models=["linear"], goals=["revenue"])
    store.import_table("rates", csv("later", "date,currency,rate\n2025-05-30,EUR,0.90"))
    answer = store.run(models=["linear"], goals=["revenue"])
    assert [row["conversions"] for row in answer.rows] == [1]
    assert store.report("channel").totals["value"] == "170.00"


def test_a_refused_file_leaves_no_store_behind(
    tmp_path: Path, csv: Csv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typing error must not make later questions answer that nothing was run."""
    from click.testing import CliRunner

    from attribution.cli import cli

    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["import", "deals", str(csv("deals", "a,b\n1,2"))])
    assert result.exit_code == 2
    assert not (tmp_path / "attribution.db").exists()
