"""Values for people: thousands, percent, dashes; nothing in the data can steer a terminal."""

from __future__ import annotations

import pytest

from attribution.cli.render import cell, clean, csv_text, headline, show_table
from attribution.metrics.answer import Answer


def answer(**options: object) -> Answer:
    """Return a small answer."""
    known: dict[str, object] = {
        "verb": "report",
        "store": "sqlite://",
        "as_of": "2025-01-01T00:00:00Z",
        "currency": "GBP",
        "rows": [{"channel": "Email", "value": "1234.50", "roi": None}],
        "totals": {"value": "1234.50", "roi": -1.0},
        "columns": {"channel": "text", "value": "money", "roi": "ratio"},
        "title": "Revenue",
    }
    return Answer(**(known | options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("1234567.50", "money", "1,234,567.50"),
        ("-0.07", "money", "-0.07"),
        ("5000", "money", "5,000"),
        (1234, "count", "1,234"),
        (2.5, "count", "2.5"),
        (1 / 3, "count", "0.3333"),
        (-1.0, "ratio", "-100.0%"),
        (0.2333, "ratio", "23.3%"),
        (3.5, "factor", "3.50"),
        (41.94, "days", "41.9"),
        (None, "money", "—"),
        ("2025-01-01T00:00:00Z", "time", "2025-01-01T00:00:00Z"),
        ({"a": 1}, "text", '{"a": 1}'),
    ],
)
def test_cells(value: object, unit: str, expected: str) -> None:
    """One value of each unit."""
    assert cell(value, unit) == expected


def test_control_characters_do_not_reach_the_terminal() -> None:
    """An escape sequence in a campaign name is shown, not obeyed."""
    assert (
        clean("\x1b[2Jspring\r\n") == "\N{REPLACEMENT CHARACTER}[2Jspring" + 2 * "\N{REPLACEMENT CHARACTER}"
    )


def test_table_has_headline_rows_and_totals(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers stand to the right, the total at the end; nothing is cut in a pipe."""
    long = "x" * 300
    show_table(answer(rows=[{"channel": long, "value": "1234.50", "roi": None}], goal="revenue"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Revenue (GBP) · goal revenue"
    assert lines[1].split() == ["channel", "value", "roi"]
    assert lines[3].split() == [long, "1,234.50", "—"]
    assert lines[-1].split() == ["Total", "1,234.50", "-100.0%"]
    assert len({len(lines[1]), len(lines[3].rstrip("—")) + 1, len(lines[-1])}) <= 2
    assert all(line == line.rstrip() for line in lines)


def test_markup_in_data_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    """`[bold]` is part of a name."""
    show_table(answer(rows=[{"channel": "[bold]a[/bold] :smile:", "value": "1.00", "roi": 0.5}]))
    assert "[bold]a[/bold] :smile:" in capsys.readouterr().out


def test_totals_beside_the_columns_and_empty_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """Sums that belong to no column stand below; no rows are said in words."""
    show_table(answer(totals={"error": 1, "ok": 2}))
    assert capsys.readouterr().out.splitlines()[-1] == "error 1, ok 2"
    show_table(answer(rows=[]))
    assert capsys.readouterr().out.splitlines()[-1] == "no rows"


def test_headline_names_each_thing_once() -> None:
    """A model that the title names is not repeated."""
    assert headline(answer(model="linear", lookback="365d")) == "Revenue (GBP) · model linear · lookback 365d"
    assert headline(answer(model="linear", title="Revenue (linear)")) == "Revenue (linear) (GBP)"


def test_csv_keeps_values_as_they_are() -> None:
    """Money is not grouped, null is empty, nested values are JSON."""
    text = csv_text(answer(rows=[{"channel": 'a,"b"', "value": "1234.50", "roi": None}]))
    assert text == 'channel,value,roi\n"a,""b""",1234.50,\n'
    assert csv_text(answer(rows=[{"x": [1]}], columns={})) == "x\n[1]\n"
