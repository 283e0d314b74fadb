"""An answer as a spreadsheet: what it is of, then its rows, ratios as formulas of the cells beside them.

KPIs have one sheet a family. Every formula comes with the value that it has, so that viewers which do not
calculate show it too; it is written only where it gives the answer's own figure. Money is exact in the JSON;
a spreadsheet's numbers are floats. Texts are written as texts, whatever they begin with.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from attribution.errors import InputError
from attribution.metrics.answer import Answer, Row
from attribution.metrics.asked import in_words
from attribution.metrics.kpi_catalogue import KPIS
from attribution.metrics.kpi_words import formula, numerator
from attribution.money import minor_digits
from attribution.report.figures import currency_sign
from attribution.report.words import TIMELESS, column_label, label, lookback_label, model_label, value_label

_ROWS: Final = 1_048_575  # of a sheet, but for its header
_CELL: Final = 32_767  # characters
_WIDEST: Final = 60  # characters of a column
_TEXT_ONLY: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
# parts of a row that are counted or priced, as a KPI's own unit does not say
_FORMATS: Final = {
    "ratio": "0.0%", "factor": "0.00", "days": '#,##0.0" days"', "minutes": '#,##0.0" min"',
    "months": '#,##0.0" months"', "points": "#,##0.0",
}  # fmt: skip
_SUMMED: Final = ("report", "compare", "recommend", "predict")  # verbs whose totals stand below their rows
_OF_RATIO: Final = ("value", "spend")  # columns of a report that its ROI is made of


def workbook(answer: Answer) -> bytes:
    """Return an answer as an `.xlsx` file.

    Args:
        answer: of any verb; `kpis` get a sheet a family, `paths` one a section, others one; what stands
            beside it has one of its own.

    Raises:
        InputError: more rows than a sheet can hold.
    """
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, **_TEXT_ONLY}) as book:
        book.set_properties({"title": _heading(answer), "created": _made(answer)})
        book.set_calc_mode("auto")
        writer = _Writer(book, answer)
        writer.about()
        for name, rows in _sheets(answer):
            writer.sheet(name, rows)
        if answer.verb == "kpis" and answer.totals and len(answer.columns) > 5:
            writer.totals()
        for name, other in answer.beside.items():
            _Writer(book, other).sheet(name, other.rows)
    return buffer.getvalue()


def _made(answer: Answer) -> datetime:
    """Return when the figures are of: the same answer makes the same file."""
    try:
        return datetime.fromisoformat(answer.as_of).replace(tzinfo=None)
    except ValueError:
        return datetime(2000, 1, 1)


def _heading(answer: Answer) -> str:
    return answer.title or answer.verb


def _sheets(answer: Answer) -> list[tuple[str, list[Row]]]:
    """Split the rows over sheets, in the order in which they come."""
    key: Callable[[Row], str] | None = None
    if answer.verb == "kpis":
        key = _family
    elif answer.verb == "paths":
        key = lambda row: str(row.get("section", answer.verb))  # noqa: E731
    if key is None:
        return [(answer.verb, answer.rows)]
    found: dict[str, list[Row]] = {}
    for row in answer.rows:
        found.setdefault(key(row), []).append(row)
    if answer.verb == "kpis":
        found = {name: rows for name, rows in found.items() if name not in _unknown(answer)}
    return list(found.items()) or [(answer.verb, [])]


def _unknown(answer: Answer) -> list[str]:
    """Return the families of which no figure is known by what was asked."""
    known = dict.fromkeys(map(_family, answer.rows), False)
    for row in answer.rows:
        known[_family(row)] |= any(
            row.get(name) is not None for name in ("value", "numerator", "denominator")
        )
    return [family for family, has in known.items() if not has]


def _family(row: Row) -> str:
    kpi = KPIS.get(str(row.get("kpi")))
    return kpi.family if kpi else "kpis"


def _sheet_name(name: str, taken: Iterable[str]) -> str:
    """Return a name that a sheet may have: short, without signs, and not taken."""
    plain = "".join(" " if sign in "[]:*?/\\'_" else sign for sign in name).strip()[:28] or "rows"
    plain = plain[0].upper() + plain[1:]
    used = {other.lower() for other in taken}
    names = [plain, *(f"{plain} {i}" for i in range(2, 100))]
    return next(name for name in names if name.lower() not in used)


class _Writer:
    """The sheets of one workbook."""

    def __init__(self, book: xlsxwriter.Workbook, answer: Answer) -> None:
        self.book, self.answer = book, answer
        self._made: dict[tuple[str, bool], Format] = {}
        self._header = book.add_format(
            {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "bg_color": "#E4E7EB"}
        )
        self._strong = book.add_format({"bold": True, "font_size": 14})
        self._wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        self._top = book.add_format({"valign": "top"})

    # --- what it is of ------------------------------------------------------------------------------

    def about(self) -> None:
        """Write what the figures are figures of, what to beware of, and what each one means."""
        answer, sheet = self.answer, self.book.add_worksheet("About")
        _text(sheet, 0, 0, _heading(answer), self._strong)
        asked = {one.heading: one.words for one in in_words(answer.asked)}
        told = {
            "Store": answer.store,
            "As of": answer.as_of,
            "Period": None if answer.verb in TIMELESS else "all time",
            **asked,
            "Currency": answer.currency,
            "Model": answer.model and model_label(answer.model.replace(", ", " / ")),
            "Goal": answer.goal and answer.verb != "kpis" and value_label(answer.goal),
            "Touches counted": answer.lookback and lookback_label(answer.lookback),
            "Scope": answer.scope,
        }
        row = 2
        for name, value in told.items():
            if value:
                _text(sheet, row, 0, name, self._top)
                _text(sheet, row, 1, str(value), self._top)
                row += 1
        if answer.warnings:
            row += 1
            _text(sheet, row, 0, "Before you rely on these figures", self._header)
            for warning in answer.warnings:
                row += 1
                _text(sheet, row, 1, warning, self._wrapped)
        unknown = _unknown(answer) if answer.verb == "kpis" else []
        if unknown:
            row += 2
            _text(sheet, row, 0, "Left out", self._header)
            names = ", ".join(label(name) for name in unknown)
            _text(sheet, row, 1, f"{names}: no figure of these is known by what was asked", self._wrapped)
        self._terms(sheet, row + 2)
        for column, width in enumerate((26, 70, 34, 24, 24, 10, 12, 40, 26)):
            sheet.set_column(column, column, width)

    def _terms(self, sheet: Worksheet, row: int) -> None:
        asked = self.answer.asked
        names = dict.fromkeys(str(found.get("kpi")) for found in self.answer.rows)
        kpis = [KPIS[name] for name in names if name in KPIS]
        if not kpis:
            return
        headings = ("KPI", "Formula", "Name", "Numerator", "Denominator", "Unit", "Counted by",
                    "Where there is nothing to divide by", "Source")  # fmt: skip
        for column, heading in enumerate(headings):
            _text(sheet, row, column, heading, self._header)
        for kpi in kpis:
            row += 1
            told = (kpi.label, formula(kpi, asked), kpi.name, numerator(kpi, asked), kpi.denominator or "",
                    kpi.unit, kpi.grain, kpi.zero_rule, kpi.source)  # fmt: skip
            for column, text in enumerate(told):
                _text(sheet, row, column, text, self._wrapped)

    # --- rows ---------------------------------------------------------------------------------------

    def sheet(self, name: str, rows: Sequence[Row]) -> None:
        """Write rows under a frozen header with a filter, totals below those that add up."""
        if len(rows) > _ROWS:
            raise InputError(
                f"{len(rows):,} rows do not fit a sheet, which holds {_ROWS:,}; write them with --format csv"
            )
        sheet = self.book.add_worksheet(_sheet_name(name, self.book.sheetnames))
        columns = self._columns(rows)
        places = {column: i for i, column in enumerate(columns)}
        widths = {column: len(_title(column, self.answer)) + 3 for column in columns}
        for column, i in places.items():
            _text(sheet, 0, i, _title(column, self.answer), self._header)
        for at, row in enumerate(rows, 1):
            for column, i in places.items():
                written = self._cell(sheet, at, i, row, column, places)
                widths[column] = max(widths[column], written + 2)
        texts = sum(1 for unit in columns.values() if unit == "text")
        frozen = next((i for i, unit in enumerate(columns.values()) if unit != "text"), texts)
        sheet.freeze_panes(1, min(frozen, 4))
        if rows:
            sheet.autofilter(0, 0, len(rows), len(columns) - 1)
        for column, i in places.items():
            sheet.set_column(i, i, min(widths[column], _WIDEST))
        if self.answer.verb in _SUMMED and rows:
            self._sums(sheet, rows, places)

    def _columns(self, rows: Sequence[Row]) -> dict[str, str]:
        """Return the columns that some row of the sheet fills; a KPI's parts stand before its value."""
        columns = dict(self.answer.columns)
        if not columns and rows:
            columns = dict.fromkeys(rows[0], "text")
        if self.answer.verb == "kpis":
            kept = [name for name in columns if name not in ("numerator", "denominator", "value")]
            at = kept.index("kpi") + 1
            at += "stage" in kept
            kept[at:at] = ["numerator", "denominator", "value"]
            columns = {name: columns[name] for name in kept}
            needed = {"kpi", "value"}
            columns = {
                name: unit
                for name, unit in columns.items()
                if name in needed or any(row.get(name) is not None for row in rows)
            }
        elif self.answer.verb == "paths":
            columns.pop("section", None)
        return columns

    def _cell(
        self, sheet: Worksheet, at: int, i: int, row: Row, column: str, places: Mapping[str, int]
    ) -> int:
        """Write a cell, and return how many characters it shows."""
        value, unit = row.get(column), self._unit(row, column)
        unsure = bool(row.get("too_few")) and column == "value"
        formula = self._formula(row, column, at, places)
        if formula is not None:
            text, result = formula
            form = self._format(unit, None if isinstance(result, str) else result, unsure)
            sheet.write_formula(at, i, text, form, result)
            return 12
        if column in ("too_few", "immature", "partial"):
            return _text(sheet, at, i, column.replace("_", " ") if value else "")
        if column == "kpi" and value in KPIS:
            return _text(sheet, at, i, KPIS[value].label)
        if value is None:
            return 0
        number = _number(value, unit)
        if number is None:
            return _text(sheet, at, i, value if isinstance(value, str) else str(value))
        sheet.write_number(at, i, float(number), self._format(unit, float(number), unsure))
        return len(f"{float(number):,.2f}") + 2

    def _unit(self, row: Row, column: str) -> str:
        unit = self.answer.columns.get(column, "text")
        if unit == "mixed":
            return str(row.get("unit", "text"))
        if unit == "part":
            return "money" if isinstance(row.get(column), str) else "count"
        return unit

    def _formula(
        self, row: Row, column: str, at: int, places: Mapping[str, int]
    ) -> tuple[str, float | str] | None:
        """Return a cell's formula with its value, None where the cells beside it do not make the figure."""
        if column == "value" and {"numerator", "denominator"} & places.keys():
            parts = ("numerator", "denominator")
            top, below = (_exact(row.get(part)) for part in parts)
            one, other = (_at(at, places, part) for part in parts)
            if top is None:
                return None
            if below is None:
                same = one is not None and top == _exact(row.get("value"))
                return (f"={one}", float(top)) if same else None
            made, digits = f"{one}/{other}", self._digits(str(row.get("unit")))
        elif column == "roi" and self.answer.verb in ("report", "recommend"):
            value, below = (_exact(row.get(part)) for part in _OF_RATIO)
            one, other = (_at(at, places, part) for part in _OF_RATIO)
            if value is None or below is None:
                return None
            top, made, digits = value - below, f"({one}-{other})/{other}", None
        else:
            return None
        shown = _exact(row.get(column))
        if one is None or other is None or (below == 0) != (shown is None):
            return None
        if below == 0 or shown is None:
            return f'=IF({other}=0,"",{made})', ""
        # a figure that is more than its two parts (one with a lifespan in it, say) is no formula of them
        off = abs(top / below - shown)
        near = max(abs(shown), Fraction(1)) / 10**9 if digits is None else Fraction(1, 2 * 10**digits)
        return (f'=IF({other}=0,"",{made})', float(top / below)) if off <= near else None

    def _digits(self, unit: str) -> int | None:
        if unit != "money":
            return None
        return minor_digits(self.answer.currency) if self.answer.currency else 2

    def _sums(self, sheet: Worksheet, rows: Sequence[Row], places: Mapping[str, int]) -> None:
        """Write the totals, a sum of the column where that is what they are."""
        answer, last = self.answer, len(rows)
        bold = last + 2  # a blank row, so that sorting and filtering leave the totals alone
        _text(sheet, bold, 0, "Total", self.book.add_format({"bold": True}))
        for column, i in places.items():
            if column not in answer.totals or answer.totals[column] is None:
                continue
            unit, total = self._unit(answer.totals, column), answer.totals[column]
            formula = self._formula(answer.totals, column, bold, places)
            number = _exact(total)
            if number is None:
                continue
            form = self._format(unit, float(number), False)
            found = [_exact(row.get(column)) for row in rows]
            added = sum((part for part in found if part is not None), Fraction(0))
            if formula is not None:
                sheet.write_formula(bold, i, formula[0], form, formula[1])
            elif abs(added - number) <= abs(number) / 10**9:
                cells = f"{xl_rowcol_to_cell(1, i)}:{xl_rowcol_to_cell(last, i)}"
                sheet.write_formula(bold, i, f"=SUM({cells})", form, float(number))
            else:
                sheet.write_number(bold, i, float(number), form)

    def totals(self) -> None:
        """Write the figures of the whole, which no sum of the parts gives."""
        sheet = self.book.add_worksheet(_sheet_name("Totals", self.book.sheetnames))
        for i, heading in enumerate(("KPI", "Value")):
            _text(sheet, 0, i, heading, self._header)
        known = [(name, value) for name, value in self.answer.totals.items() if name in KPIS]
        for at, (name, value) in enumerate(known, 1):
            kpi, number = KPIS[name], _exact(value)
            _text(sheet, at, 0, kpi.label)
            if number is not None:
                sheet.write_number(at, 1, float(number), self._format(kpi.unit, float(number), False))
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, 0, 36)
        sheet.set_column(1, 1, 18)

    # --- how it looks -------------------------------------------------------------------------------

    def _format(self, unit: str, value: float | None, unsure: bool) -> Format:
        """Return the format of a figure; one that too few conversions stand behind is grey and slanted."""
        code = _FORMATS.get(unit)
        if unit == "money":
            code = money_format(self.answer.currency)
        elif code is None:
            code = "#,##0" if value is None or float(value).is_integer() else "#,##0.00"
        if (code, unsure) not in self._made:
            options: dict[str, Any] = {"num_format": code}
            if unsure:
                options |= {"italic": True, "font_color": "#6B7280"}
            self._made[code, unsure] = self.book.add_format(options)
        return self._made[code, unsure]


def money_format(currency: str | None) -> str:
    """Return the number format of a currency, with as many decimals as it has.

    >>> money_format("GBP"), money_format("JPY")
    ('"£"#,##0.00;-"£"#,##0.00', '"¥"#,##0;-"¥"#,##0')
    """
    digits = minor_digits(currency) if currency else 2
    number = "#,##0" + ("." + "0" * digits if digits else "")
    sign = currency_sign(currency)
    return f'"{sign}"{number};-"{sign}"{number}' if sign else number


def _title(column: str, answer: Answer) -> str:
    if answer.verb == "compare" and answer.columns.get(column) in ("money", "count"):
        return label(column) if column.startswith("disagreement") else model_label(column)
    if column == "value" and answer.verb in ("report", "paths"):
        return value_label(answer.goal)
    return column_label(column, answer.verb)


def _at(row: int, places: Mapping[str, int], column: str) -> str | None:
    return xl_rowcol_to_cell(row, places[column]) if column in places else None


def _exact(value: Any) -> Fraction | None:
    """Read a figure of an answer; money comes as text."""
    if value is None or isinstance(value, bool):
        return None
    return Fraction(Decimal(value)) if isinstance(value, str) else Fraction(value)


def _number(value: Any, unit: str) -> Fraction | None:
    """Return what a cell holds as a number, None where it is a text."""
    if unit in ("text", "time") or isinstance(value, (bool, list, dict)):
        return None
    try:
        return _exact(value)
    except ArithmeticError:
        return None


def _text(sheet: Worksheet, row: int, column: int, text: str, form: Format | None = None) -> int:
    """Write a text as a text, and return how long it is."""
    whole = text.encode("utf-8", "replace").decode()
    sheet.write_string(row, column, whole if len(whole) <= _CELL else whole[: _CELL - 1] + "…", form)
    return min(len(whole), _CELL)
