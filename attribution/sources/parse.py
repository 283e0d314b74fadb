"""A block of text columns into typed columns; every row ends up in one or in the rejections, once.

Output columns carry the names of :attr:`attribution.sources.tables.Column.output`; all of a table's
columns are there, null where the file has none. A row is rejected for its first fault, columns in the
table's order and then the rules across columns.

========  =====================================================================================
instant   int64 microseconds since the epoch; leads and deals add `created_at_end`, the last
          microsecond of the day where `created_at` is a bare date, else the same
date      `day`, int32 days since the epoch
amount    `..._minor`, int64 minor units of the row's `currency`
integer   int64
seconds   int64, decimals rounded down
consent   int8, never null, two bits a purpose (:func:`attribution.sources.fields.consents`)
yes_no    int8, 1 or 0; `outcome` likewise
purpose   int8, 1 where a browser fetched a page before anybody asked for it, else null
others    string; `rate` keeps its digits
========  =====================================================================================

Touches and page views give, instead of `url` and `referrer`, every name of ORIGIN_FIELDS, `landing_path` and
`query`. With analytics denied neither a touch nor a lead has a `visitor_id`, and a touch no other
identifier; what it named stands in `denied_visitor_id`, `denied_email` and so on (where any row named one):
that somebody denied
it counts, though the touch is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attribution.channels.origin import CLICK_IDS
from attribution.clock import zone
from attribution.sources import fields, numerals
from attribution.sources.batch import RawBatch, Rejection, raw_rows, sorted_by_line
from attribution.sources.checked import Checked, Mask, distinct, given, mask_of
from attribution.sources.instants import days, instants
from attribution.sources.row_rules import RULES, analytics_denied
from attribution.sources.tables import TOUCH_IDENTIFIERS, Column, Table
from attribution.sources.urls import click_id_kinds, parse_urls, referrer_hosts

__all__ = ["ParseOptions", "Parsed", "Rejection", "parse"]

_VISITS = ("touches", "pageviews")  # the tables whose URLs are read
_SHOWN_CHARACTERS = 80  # of a received value, in a message


@dataclass(frozen=True)
class ParseOptions:
    """How to read what a file leaves open.

    `timezone` (IANA) places times without an offset; None rejects them. Bare dates are days of it, else
    of `store_timezone`. `keep_query` names the URL parameters to keep besides the known ones. `fine` lets
    spend have more decimals than its currency, as reports in millionths do: what is left of a minor unit
    comes as `cost_rest` (int64 millionths), to be rounded when all rows of a day are added up.
    """

    timezone: str | None = None
    store_timezone: str = "UTC"
    keep_query: frozenset[str] = frozenset()
    fine: bool = False

    def __post_init__(self) -> None:
        zone(self.timezone or self.store_timezone)  # an unknown name is told before any row is read

    @property
    def day_zone(self) -> str:
        """The zone whose days bare dates mean."""
        return self.timezone or self.store_timezone


@dataclass(frozen=True)
class Parsed:
    """One block, typed: accepted rows with their lines in the file, all rejected rows, and warnings.

    `rejected` includes the rows that reading had rejected already. `warnings` are (code, message, count).
    """

    columns: pa.Table
    lines: npt.NDArray[np.int64]
    rejected: list[Rejection]
    warnings: list[tuple[str, str, int]]


@dataclass
class _Faults:
    """Collects the first fault of each row."""

    raw: pa.Table
    lines: npt.NDArray[np.int64]
    bad: Mask
    rejected: list[Rejection] = field(default_factory=list)

    def add(self, mask: Mask, code: str, message: str, received: pa.Array | None = None) -> None:
        rows = np.flatnonzero(mask & ~self.bad)
        if len(rows) == 0:
            return
        self.bad |= mask
        taken = [None] * len(rows) if received is None else received.take(pa.array(rows)).to_pylist()
        for row, value, raw in zip(rows.tolist(), taken, raw_rows(self.raw, rows), strict=True):
            text = message if value is None else message.replace("{received}", _shown(value))
            self.rejected.append(Rejection(int(self.lines[row]), code, text, raw))


def parse(raw: RawBatch, table: Table, options: ParseOptions) -> Parsed:
    """Parse one block of a table's rows (see the module for names and types).

    >>> from attribution.sources.tables import get_table
    >>> columns = pa.table({"date": ["2024-05-03"], "currency": ["usd"], "rate": ["0.7905"]})
    >>> parse(RawBatch(columns, np.array([2])), get_table("rates"), ParseOptions()).columns.to_pylist()
    [{'day': 19846, 'currency': 'USD', 'rate': '0.7905'}]
    """
    count = raw.columns.num_rows
    texts = {column.name: _text(raw.columns, column.name, count) for column in table.columns}
    faults = _Faults(raw.columns, raw.lines, np.zeros(count, dtype=bool))
    output: dict[str, pa.Array] = {}
    warnings: list[tuple[str, str, int]] = []
    currency = numerals.currencies(texts["currency"]).values if "currency" in texts else None
    for column in table.columns:
        received = texts[column.name]
        if column.required:
            message = f"{column.name} is missing; every row of {table.name} needs one"
            faults.add(~given(received), "missing_value", message)
        if column.kind in ("url", "referrer"):
            continue
        checked, more = _parse_column(column, received, currency, options)
        for problem in checked.problems:
            faults.add(problem.mask, problem.code, f"{column.name} is {{received}}; {problem.says}", received)
        output[column.output] = checked.values
        output.update(more)
        if column.kind == "text":
            warnings += _cut_warning(column, received)
    if table.name in _VISITS:
        output = _touches(output, texts, options)
    if table.name in RULES:
        for fault in RULES[table.name]({**texts, **output}):
            faults.add(fault.mask, fault.code, fault.message)
    if table.name == "pageviews":
        output["kind"] = pa.repeat(pa.scalar("session"), count)  # as that of the touch which it becomes
    if table.name in _VISITS or table.name == "leads":
        output = _without_the_denied(output, keep=table.name in _VISITS)
    good = ~faults.bad
    kept = pa.table(output)
    if not good.all():
        kept = kept.filter(pa.array(good))
    return Parsed(
        kept,
        raw.lines[good],
        sorted_by_line([*raw.rejected, *faults.rejected]),
        [*warnings, *_closed_before_created(kept, table)],
    )


def _text(columns: pa.Table, name: str, count: int) -> pa.Array:
    if name not in columns.column_names:
        return pa.nulls(count, pa.string())
    return fields.trim(columns.column(name).combine_chunks())


def _parse_column(
    column: Column, texts: pa.Array, currency: pa.Array | None, options: ParseOptions
) -> tuple[Checked, dict[str, pa.Array]]:
    """Parse one column; the second result holds further output columns that it gives."""
    match column.kind:
        case "instant":
            checked, ends = instants(texts, options.timezone, options.day_zone, column.bare_date)
            if column.name != "created_at":
                return checked, {}
            missing = ~given(checked.values)
            return checked, {"created_at_end": pa.array(ends, mask=missing if missing.any() else None)}
        case "date":
            return days(texts, options.day_zone), {}
        case "amount":
            assert currency is not None  # tables declare a currency beside every amount
            if options.fine:
                checked, rest = numerals.fine_amounts(texts, currency)
                return checked, {"cost_rest": rest}
            return numerals.amounts(texts, currency), {}
        case "currency":
            return numerals.currencies(texts), {}
        case "integer":
            return numerals.counts(texts), {}
        case "seconds":
            return numerals.seconds(texts), {}
        case "rate":
            return numerals.rates(texts), {}
        case "choice":
            return fields.choices(texts, column.choices, column.default), {}
        case "yes_no":
            return fields.yes_or_no(texts), {}
        case "outcome":
            return fields.yes_or_no(texts, fields.OUTCOMES), {}
        case "consent":
            return fields.consents(texts), {}
        case "purpose":
            return fields.purposes(texts), {}
        case "click_id":
            return fields.click_ids(texts), {}
        case "emails":
            return fields.emails(texts), {}
        case "id":
            return fields.ids(texts), {}
        case _:
            return Checked(fields.words(texts)), {}


def _cut_warning(column: Column, texts: pa.Array) -> Iterable[tuple[str, str, int]]:
    cut = int(fields.too_long(texts).mask.sum())
    if cut:
        yield "text_cut", f"{column.name} was cut at {fields.ID_CHARACTERS:,} characters", cut


def _touches(
    output: dict[str, pa.Array], texts: dict[str, pa.Array], options: ParseOptions
) -> dict[str, pa.Array]:
    """Add what the URL and the referrer say."""
    urls = parse_urls(texts["url"], options.keep_query)
    kind_bits = urls.kind_bits | _bits(output["click_id"])
    return {
        **output,
        "click_id": pc.coalesce(output["click_id"], urls.click_id),
        **urls.fields,
        "click_id_kinds": click_id_kinds(kind_bits),
        "referrer_host": referrer_hosts(texts["referrer"]),
        "landing_host": urls.host,
        "landing_path": urls.path,
        "query": urls.query,
    }


def _without_the_denied(output: dict[str, pa.Array], *, keep: bool) -> dict[str, pa.Array]:
    """Drop the visitor where consent denies analytics.

    A touch loses whatever else it names somebody by, and `keep`s it in columns of their own; a lead is who it
    is.
    """
    denied, nobody = analytics_denied(output["consent"]), pa.scalar(None, pa.string())
    out = dict(output)
    if not denied.any():
        return out
    mask = pa.array(denied)
    for name in ("visitor_id", *TOUCH_IDENTIFIERS) if keep else ("visitor_id",):
        if not (denied & given(output[name])).any():
            continue
        if keep:
            out[f"denied_{name}"] = pc.if_else(mask, output[name], nobody)
        out[name] = pc.if_else(mask, nobody, output[name])
    return out


def _bits(click_ids: pa.Array) -> npt.NDArray[np.int32]:
    """Return, for each `kind:VALUE`, the bit of its kind."""
    bits = np.zeros(len(click_ids), np.int32)
    if click_ids.null_count == len(click_ids):
        return bits
    kinds = pc.list_element(pc.split_pattern(click_ids.drop_null(), ":", max_splits=1), 0)
    codes, names = distinct(kinds)
    of_kind = np.array([1 << CLICK_IDS.index(name) for name in names.to_pylist()], np.int32)
    bits[given(click_ids)] = of_kind[codes]
    return bits


def _closed_before_created(columns: pa.Table, table: Table) -> Iterable[tuple[str, str, int]]:
    if table.name != "deals":
        return
    count = int(mask_of(pc.less(columns["closed_at"], columns["created_at"]).combine_chunks()).sum())
    if count:
        yield (
            "closed_before_created",
            "closed_at lies before created_at: the deals load, their durations stay empty",
            count,
        )


def _shown(value: str) -> str:
    return repr(value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "…")
