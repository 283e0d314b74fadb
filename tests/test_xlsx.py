"""Spreadsheets: read back by another package, with formulas, formats, and names that stay names."""

from __future__ import annotations

import dataclasses
import io
import sys
from typing import Any

import pytest
import report_answers
from openpyxl import load_workbook

from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.report.output import answer_bytes, form_of
from attribution.report.workbook import money_format

COLUMNS = {
    "channel": "text", "kpi": "text", "value": "mixed", "unit": "text", "numerator": "part",
    "denominator": "part", "low": "mixed", "high": "mixed", "conversions": "count", "too_few": "text",
}  # fmt: skip


def kpi(channel: str, name: str, value: Any, unit: str, top: Any, below: Any, **more: Any) -> dict[str, Any]:
    return {
        "channel": channel, "kpi": name, "value": value, "unit": unit, "numerator": top, "denominator": below,
        "low": None, "high": None, "conversions": 12, "too_few": False,
    } | more  # fmt: skip


def kpis(*rows: dict[str, Any], **more: Any) -> Answer:
    given: dict[str, Any] = {
        "verb": "kpis", "store": "sqlite:///shop.db", "as_of": "2026-04-01T00:00:00Z", "currency": "GBP",
        "model": "linear", "lookback": "365d", "columns": COLUMNS, "warnings": ["spend of autumn is missing"],
    }  # fmt: skip
    return Answer(**{**given, **more, "rows": list(rows)})


def opened(answer: Answer, *, values: bool = False, **options: Any) -> Any:
    """Open a workbook again, its formulas or the values that they came with."""
    return load_workbook(io.BytesIO(answer_bytes(answer, "xlsx", **options)), data_only=values)


def cells(sheet: Any) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_one_sheet_a_family_with_formulas_and_their_values() -> None:
    """85,000 over 60 leads is a formula of its two cells, and shows 1,416.67 where nothing calculates."""
    answer = kpis(
        kpi("Email", "lead_value", "1416.67", "money", "85000.00", 60),
        kpi("Email", "cost_per_lead", None, "money", "10.00", 0, too_few=None),
        kpi("Email", "leads", 60, "count", 60, None),
        kpi("Email", "roi", -0.25, "ratio", "-25.00", "100.00", low=-0.5, high=0.125),
    )
    book = opened(answer)
    assert book.sheetnames == ["About", "Value", "Cost", "Funnel", "Return"]
    value = cells(book["Value"])
    assert value[0] == [
        "Channel",
        "KPI",
        "Numerator",
        "Denominator",
        "Value",
        "Unit",
        "Conversions",
        "Too few",
    ]
    assert value[1][:5] == ["Email", "Lead value", 85000, 60, '=IF(D2=0,"",C2/D2)']
    assert cells(book["Cost"])[1][4] == '=IF(D2=0,"",C2/D2)'  # a zero denominator leaves the cell empty
    assert cells(book["Funnel"])[1][3] == "=C2"  # a count has no denominator, and so no column of it
    kept = opened(answer, values=True)
    assert round(kept["Value"]["E2"].value, 2) == 1416.67
    assert kept["Cost"]["E2"].value in (None, "")
    assert kept["Funnel"]["D2"].value == 60
    assert kept["Return"]["E2"].value == -0.25


def test_a_figure_that_is_more_than_its_parts_is_no_formula_of_them() -> None:
    """A lifetime value has a lifespan in it: the division of its cells would be another figure."""
    book = opened(kpis(kpi("Email", "lead_value", "900.00", "money", "100.00", 2)))
    assert book["Value"]["E2"].value == 900


def test_formats_by_unit_and_currency() -> None:
    """Pounds have two decimals, yen none; ratios are percent; the header stays and filters."""
    rows = (
        kpi("Email", "roi", -0.25, "ratio", "-25.00", "100.00"),
        kpi("Fax", "roi", -0.5, "ratio", "-5.00", "10.00", too_few=True, conversions=3),
    )
    sheet = opened(kpis(*rows))["Return"]
    assert sheet["C2"].number_format == '"£"#,##0.00;-"£"#,##0.00'
    assert sheet["E2"].number_format == "0.0%"
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("C2", "A1:H3")
    assert [sheet["E2"].font.italic, sheet["E3"].font.italic] == [False, True]
    assert cells(sheet)[2][-1] == "too few"
    assert money_format("JPY") == '"¥"#,##0;-"¥"#,##0'
    assert money_format("KWD").count("000") == 2
    assert money_format(None) == "#,##0.00"


def test_about_says_what_the_figures_are_of() -> None:
    """Store, date, period, model, window, warnings, and each figure in words with its source columns."""
    answer = kpis(kpi("Email", "roi", 1.0, "ratio", "5.00", "5.00"))
    asked = {"from": "2025-01-01", "to": "2025-03-31", "where": ["owner=Ann"], "margin": 0.6}
    about = cells(opened(dataclasses.replace(answer, asked=asked))["About"])
    told = {row[0]: row[1] for row in about if row[0]}
    assert told["Store"] == "sqlite:///shop.db"
    assert [told[name] for name in ("Period", "Only", "Margin")] == [
        "2025-01-01 to 2025-03-31", "owner Ann", "60 %",
    ]  # fmt: skip
    assert (told["Currency"], told["Model"]) == ("GBP", "Linear")
    assert told["Touches counted"] == "up to 365 days before the conversion"
    assert ["spend of autumn is missing"] in [[cell for cell in row if cell] for row in about]
    roi = next(row for row in about if row[0] == "Return on investment (ROI)")
    words = "(value at 60 % margin - spend) / spend"
    assert roi[1:6] == [words, "roi", "revenue x 60 % - spend", "spend", "ratio"]
    assert roi[7] == "null where nothing was spent; -100 % where spend brought nothing"


@pytest.mark.parametrize(
    "name",
    [
        '=HYPERLINK("http://evil.test")',
        "+1",
        "@SUM(A1)",
        "-2+3",
        "{=A1}",
        "http://evil.test",
        "00123",
        "a\x07b",
    ],
)
def test_names_are_never_formulas_links_or_numbers(name: str) -> None:
    """A campaign may be called anything: the cell is a text, whole."""
    rows = [{"channel": "Email", "campaign": name, "value": "1.00", "spend": "0.00", "roi": None}]
    columns = {"channel": "text", "campaign": "text", "value": "money", "spend": "money", "roi": "ratio"}
    answer = Answer(
        verb="report", store="", as_of="", currency="GBP", rows=rows, columns=columns, warnings=[name]
    )
    sheet = opened(answer)["Report"]
    assert (sheet["B2"].data_type, sheet["B2"].hyperlink) == ("s", None)
    assert sheet["B2"].value == name or "\x07" in name
    about = [cell for row in opened(answer)["About"].iter_rows() for cell in row if cell.value == name]
    assert all(cell.data_type == "s" for cell in about)


def test_a_report_has_roi_as_a_formula_and_totals_that_are_sums() -> None:
    """The totals stand under a blank row, where sorting and filtering leave them."""
    answer = report_answers.report()
    book = opened(answer)
    head, *rows = cells(book["Report"])
    last = len(answer.rows) + 1
    assert head[:3] == ["Channel", "Revenue", "Spend"]
    assert rows[0][head.index("ROI")] == '=IF(C2=0,"",(B2-C2)/C2)'
    assert rows[-1][:2] == ["Total", f"=SUM(B2:B{last})"]
    assert rows[-2] == [None] * len(head)
    totals = cells(opened(answer, values=True)["Report"])[-1]
    assert totals[1] == float(answer.totals["value"])


def test_paths_have_a_sheet_a_section() -> None:
    """Journeys, time lag, path length and steps."""
    assert opened(report_answers.paths()).sheetnames[:2] == ["About", "Journey"]


def test_long_texts_are_shortened_and_too_many_rows_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell holds 32,767 characters; what no sheet holds is sent to CSV."""
    answer = kpis(kpi("x" * 40_000, "leads", 1, "count", 1, None))
    text = opened(answer)["Funnel"]["A2"].value
    assert len(text) == 32_767
    assert text.endswith("…")
    monkeypatch.setattr("attribution.report.workbook._ROWS", 1)
    with pytest.raises(InputError, match=r"2 rows do not fit a sheet, which holds 1; .*--format csv"):
        answer_bytes(dataclasses.replace(answer, rows=answer.rows * 2), "xlsx")


def test_the_same_answer_is_the_same_file() -> None:
    """No date of writing in it."""
    answer = kpis(kpi("Email", "leads", 1, "count", 1, None))
    assert answer_bytes(answer, "xlsx") == answer_bytes(answer, "xlsx")


def test_without_the_package_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is read."""
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(InputError, match=r"pip install 'closed-loop-attribution\[xlsx\]'"):
        form_of("kpis.xlsx")
