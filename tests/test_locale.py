"""Figures as a reader is used to: in texts, on axes and in pages; the words stay English."""

from __future__ import annotations

import dataclasses

import pytest
import report_answers
import vl_convert

from attribution.errors import InputError
from attribution.report import charts
from attribution.report.figures import count_figure, day_figure, money_figure, percent_figure, read_in
from attribution.report.output import answer_bytes

GAP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("locale", "money", "short", "percent", "count"),
    [
        (None, "£1,234.50", "£1,234", "23.3%", "1,234.5"),
        ("en_GB", "£1,234.50", "£1,234", "23.3%", "1,234.5"),
        ("de-DE", f"1.234,50{GAP}£", f"1.234{GAP}£", f"23,3{GAP}%", "1.234,5"),
        ("sv", f"1{GAP}234,50{GAP}GBP", f"1{GAP}234{GAP}GBP", f"23,3{GAP}%", f"1{GAP}234,5"),
        ("hi_IN", "£1,234.50", "£1,234", "23.3%", "1,234.5"),
    ],
)
def test_figures(locale: str | None, money: str, short: str, percent: str, count: str) -> None:
    """One figure in each unit; outside the block it is English again."""
    with read_in(locale):
        assert money_figure("1234.50", "GBP") == money
        assert money_figure("1234.50", "GBP", short=True) == short
        assert percent_figure(0.2333) == percent
        assert count_figure(1234.5) == count
    assert money_figure("1234.50", "GBP") == "£1,234.50"


@pytest.mark.parametrize(
    ("locale", "money", "written"),
    [
        (None, ("53.34", "RSD"), f"RSD{GAP}53.34"),
        (None, ("1000.345", "IQD"), f"IQD{GAP}1,000.345"),
        (None, ("1234", "JPY"), "¥1,234"),
        (None, ("-0.05", "ALL"), f"-ALL{GAP}0.05"),
        ("de_DE", ("53.34", "RSD"), f"53,34{GAP}RSD"),
        ("nb_NO", ("-53.345", "IQD"), f"-53,345{GAP}IQD"),
    ],
)
def test_money_has_the_decimals_of_its_currency(
    locale: str | None, money: tuple[str, str], written: str
) -> None:
    """As ISO 4217 has them, like every other figure here: none is rounded away, and sums add up."""
    with read_in(locale):
        assert money_figure(*money).replace("\u2212", "-") == written


def test_days() -> None:
    """A day is written out, so that no one takes it for a month."""
    with read_in("fr"):
        assert day_figure("2026-03-01T12:00:00Z") == "1 mars 2026"


def test_axes_and_labels_of_charts() -> None:
    """The axis speaks as the bars do, with the sign where the reader looks for it."""
    answer = dataclasses.replace(report_answers.report(), currency="EUR")
    with read_in("de_DE"):
        revenue = vl_convert.vegalite_to_svg(charts.revenue_by_channel(answer).to_dict())
        roi = vl_convert.vegalite_to_svg(charts.roi_by_channel(answer).to_dict())
    assert f"182.450{GAP}€" in revenue
    assert f"100k{GAP}€" in revenue
    assert "1.000%" in roi.replace(GAP, "")


def test_a_page_is_written_for_its_reader() -> None:
    """Tables and charts of one page agree."""
    with read_in("de_DE"):
        page = answer_bytes(report_answers.report(), "html").decode()
    assert f"182.450,00{GAP}£" in page
    assert "£182,450" not in page


def test_an_unknown_locale_is_said() -> None:
    """With examples of what is one."""
    with (
        pytest.raises(InputError, match=r"locale 'klingon_XX' is not known; .*de_DE or fr"),
        read_in("klingon_XX"),
    ):
        pass
