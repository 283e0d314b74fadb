"""Whole rows of each table: types, defaults, rules across columns, and that no row is lost."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.channels.origin import ORIGIN_FIELDS
from attribution.clock import DAY
from attribution.sources.batch import RawBatch, Rejection
from attribution.sources.parse import Parsed, ParseOptions, parse
from attribution.sources.tables import TABLES, get_table
from attribution.sources.visit import parse_visit

Row = dict[str, str | None]
MAY_3 = 19_846 * DAY
TOUCH: Row = {"touch_id": "t1", "visitor_id": "v1", "at": "2024-05-03T00:00:00Z"}
WON: Row = {
    "deal_id": "d1",
    "status": "won",
    "created_at": "2024-05-01",
    "closed_at": "2024-05-03",
    "amount": "5000",
    "currency": "GBP",
}


def parsed(table: str, *rows: Row, options: ParseOptions | None = None) -> Parsed:
    names = [name for name in get_table(table).names if any(name in row for row in rows)]
    columns = pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})
    raw = RawBatch(columns, np.arange(2, 2 + len(rows), dtype=np.int64))
    return parse(raw, get_table(table), options or ParseOptions())


def row_of(table: str, row: Row, options: ParseOptions | None = None) -> dict[str, object]:
    result = parsed(table, row, options=options)
    assert result.rejected == []
    only: dict[str, object] = result.columns.to_pylist()[0]
    return only


def rejection(table: str, row: Row) -> Rejection:
    result = parsed(table, row)
    assert result.columns.num_rows == 0
    assert len(result.rejected) == 1
    return result.rejected[0]


def test_a_full_touch() -> None:
    """Every given column arrives, typed; the URL's parameters and hosts stand beside it."""
    row = row_of(
        "touches",
        {
            **TOUCH,
            "kind": "Click",
            "url": "https://www.acme.com/a?utm_source=News&fbclid=f1",
            "referrer": "https://t.co/x",
            "campaign": " Spring ",
            "campaign_id": "11",
            "click_id": "GCLID:Cj0",
            "page_views": "3",
            "engaged_seconds": "41.9",
            "consent": "analytics:granted;ad_user_data:denied",
            "cost": "0.5",
            "currency": "gbp",
        },
    )
    expected = {
        "touch_id": "t1",
        "visitor_id": "v1",
        "at": MAY_3,
        "kind": "click",
        "campaign": "Spring",
        "campaign_id": "11",
        "click_id": "gclid:Cj0",
        "click_id_kinds": "gclid;fbclid",
        "page_views": 3,
        "engaged_seconds": 41,
        "consent": 0b1001,
        "cost_minor": 50,
        "currency": "GBP",
        "utm_source": "News",
        "referrer_host": "t.co",
        "landing_host": "www.acme.com",
        "landing_path": "/a",
    }
    assert {name: value for name, value in row.items() if value is not None} == expected
    assert set(ORIGIN_FIELDS) | {"landing_path", "query", "user_agent"} <= set(row)


def test_a_bare_touch_has_every_column() -> None:
    """Columns that the file does not have are there, null, with their types; the kind is session."""
    schema = parsed("touches", TOUCH).columns.schema
    assert schema.field("at").type == schema.field("cost_minor").type == pa.int64()
    assert schema.field("page_views").type == schema.field("engaged_seconds").type == pa.int64()
    assert schema.field("consent").type == pa.int8()
    assert all(schema.field(name).type == pa.string() for name in ORIGIN_FIELDS)
    assert row_of("touches", TOUCH)["kind"] == "session"
    assert row_of("touches", {**TOUCH, "at": "2024-05-03"})["at"] == MAY_3


def test_with_analytics_denied_a_touch_has_no_visitor() -> None:
    """Given or not, the visitor is not stored; without the denial it is needed."""
    for consent in ("denied", "analytics:denied;ad_user_data:granted"):
        assert row_of("touches", {**TOUCH, "consent": consent})["visitor_id"] is None
        assert row_of("touches", {**TOUCH, "visitor_id": None, "consent": consent})["visitor_id"] is None
    for given_consent in (None, "granted", "ad_user_data:denied"):
        told = rejection("touches", {**TOUCH, "visitor_id": None, "consent": given_consent})
        assert told.code == "missing_value"
        assert "visitor_id is missing" in told.message


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        (None, 0),
        ("granted", 0b010101),
        ("DENIED", 0b101010),
        ("unknown", 0),
        ("ad_personalization:granted", 0b010000),
        (" analytics : granted ; ad_user_data : denied ;", 0b1001),
    ],
)
def test_consent(text: str | None, bits: int) -> None:
    """Two bits a purpose: 0 unknown, 1 granted, 2 denied."""
    row = {"lead_id": "l", "created_at": "2024-05-03", "consent": text}
    assert row_of("leads", row)["consent"] == bits


def test_leads_have_both_ends_of_a_bare_creation_date() -> None:
    """The start for durations, the end for choosing touches; a time is both."""
    row = row_of("leads", {"lead_id": "l", "created_at": "2024-05-03", "mql_at": "2024-05-03"})
    assert (row["created_at"], row["created_at_end"]) == (MAY_3, MAY_3 + DAY - 1)
    assert row["mql_at"] == MAY_3 + DAY - 1
    row = row_of("leads", {"lead_id": "l", "created_at": "2024-05-03T00:00Z", "requested_at": "2024-05-03"})
    assert row["created_at"] == row["created_at_end"] == row["requested_at"] == MAY_3
    assert row_of("deals", {"deal_id": "d", "status": "open"})["created_at_end"] is None


def test_bare_dates_are_days_of_the_given_zone_else_of_the_store() -> None:
    """--timezone wins over the store's reporting timezone."""
    row: Row = {"lead_id": "l", "created_at": "2024-05-03"}
    hour = DAY // 24
    paris, london = ParseOptions(store_timezone="Europe/Paris"), ParseOptions("Europe/London", "Europe/Paris")
    assert row_of("leads", row, paris)["created_at"] == MAY_3 - 2 * hour
    assert row_of("leads", row, london)["created_at"] == MAY_3 - hour


def test_a_won_deal() -> None:
    """Amounts in minor units, contacts tidied."""
    row = row_of(
        "deals",
        {
            **WON,
            "emails": " a@x-io.test ;; b@x-io.test;",
            "kind": "New",
            "recurring_amount": "270.83",
            "recurring_interval": "month",
            "recurring_from": "2024-05-03",
        },
    )
    assert (row["amount_minor"], row["recurring_minor"], row["currency"]) == (500_000, 27_083, "GBP")
    assert (row["emails"], row["kind"], row["recurring_interval"]) == (
        "a@x-io.test;b@x-io.test",
        "new",
        "month",
    )
    assert row["closed_at"] == row["recurring_from"] == MAY_3 + DAY - 1


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"deal_id": None}, "missing_value", "deal_id is missing; every row of deals needs one"),
        ({"status": None}, "missing_value", "status is missing"),
        ({"status": "closed"}, "not_allowed", "status is 'closed'; allowed: open, won, lost"),
        ({"closed_at": None}, "missing_value", "a won or lost deal needs one"),
        ({"status": "lost", "closed_at": None}, "missing_value", "closed_at is missing"),
        ({"amount": None}, "missing_value", "amount is missing; a won deal needs one"),
        ({"currency": None}, "missing_value", "currency is missing; a row with amount needs one"),
        ({"status": "open", "currency": None}, "missing_value", "currency is missing"),
        ({"currency": "EURO"}, "unknown_currency", "currency is 'EURO'"),
        ({"amount": "5,000"}, "bad_amount", "amount is '5,000'; allowed is a plain decimal"),
        ({"amount": "5.001"}, "too_many_decimals", "amount is '5.001'"),
        ({"amount": "1" + "0" * 20}, "amount_out_of_range", "amount is"),
        ({"recurring_amount": "5"}, "missing_value", "recurring_interval is missing"),
        ({"recurring_interval": "week", "recurring_amount": "5"}, "not_allowed", "month, quarter, year"),
        ({"closed_at": "3/5/2024"}, "bad_time", "closed_at is '3/5/2024'; allowed is ISO 8601"),
        ({"closed_at": "2024-05-03T10:00"}, "naive_time", "--timezone"),
        ({"deal_id": "d" * 2_001}, "too_long", "allowed are up to 2,000 characters"),
    ],
)
def test_what_rejects_a_deal(change: Row, code: str, says: str) -> None:
    """One code and one sentence a row, with its line and its text."""
    told = rejection("deals", {**WON, **change})
    assert (told.line, told.code) == (2, code)
    assert says in told.message
    assert json.loads(told.raw) == {name: value for name, value in {**WON, **change}.items() if value}


def test_a_lost_deal_needs_no_amount() -> None:
    """Only a won one does; an open one needs neither amount nor closing."""
    row_of("deals", {"deal_id": "d", "status": "lost", "closed_at": "2024-05-03"})
    row_of("deals", {"deal_id": "d", "status": "open"})


def test_a_deal_closed_before_it_was_created_loads_with_a_warning() -> None:
    """Ordinary in CRMs; a deal of one day is no such case."""
    early: Row = {**WON, "created_at": "2024-05-04"}
    same: Row = {**WON, "created_at": "2024-05-03"}
    result = parsed("deals", early, same, {**early, "closed_at": "bad"})
    assert result.columns.num_rows == 2
    assert [(code, count) for code, _, count in result.warnings] == [("closed_before_created", 1)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"click_id": "Cj0"}, "bad_click_id"),
        ({"click_id": "foo:Cj0"}, "bad_click_id"),
        ({"click_id": "gclid:"}, "bad_click_id"),
        ({"click_id": "gclid:" + "x" * 2_000}, "too_long"),
        ({"consent": "yes"}, "bad_consent"),
        ({"consent": "analytics:granted;analytics:denied"}, "bad_consent"),
        ({"consent": "marketing:granted"}, "bad_consent"),
        ({"consent": ";"}, "bad_consent"),
        ({"kind": "visit"}, "not_allowed"),
        ({"page_views": "-1"}, "bad_number"),
        ({"engaged_seconds": "1:30"}, "bad_number"),
        ({"cost": "1"}, "missing_value"),
        ({"cost": "€1", "currency": "EUR"}, "bad_amount"),
    ],
)
def test_what_rejects_a_touch(change: Row, code: str) -> None:
    """Each fault has its stable code."""
    assert rejection("touches", {**TOUCH, **change}).code == code


def test_an_identity_ties_at_least_two() -> None:
    """One identifier says nothing."""
    base: Row = {"at": "2024-05-03", "source": "form"}
    assert rejection("identities", {**base, "email": "a@x-io.test"}).code == "too_few_identifiers"
    row = row_of("identities", {**base, "email": "a@x-io.test", "account": "Acme"})
    assert row["at"] == MAY_3 + DAY - 1


def test_long_text_is_cut_with_a_warning() -> None:
    """A user agent of 5,000 characters costs no touch."""
    result = parsed("touches", {**TOUCH, "user_agent": "é" * 5_000}, {**TOUCH, "user_agent": "x"})
    assert [len(agent) for agent in result.columns["user_agent"].to_pylist()] == [2_000, 1]
    assert result.warnings == [("text_cut", "user_agent was cut at 2,000 characters", 1)]


def test_spaces_around_values_are_cut_and_blank_values_missing() -> None:
    """Of every alphabet."""
    row = row_of("touches", {**TOUCH, "visitor_id": "\u00a0v1 ", "campaign": " \t "})
    assert (row["visitor_id"], row["campaign"]) == ("v1", None)


def test_spend_statistics_and_the_rest() -> None:
    """Days, money, counts and defaults of the tables without a clock."""
    row = row_of("spend", {"date": "2024-05-03", "cost": "35.02", "currency": "GBP", "clicks": "1"})
    assert (row["day"], row["cost_minor"], row["kind"], row["clicks"]) == (19_846, 3_502, "media", 1)
    assert row["impressions"] is None
    assert parsed("spend", {"date": "2024-05-03"}).columns.schema.field("day").type == pa.int32()
    row = row_of("email_stats", {"date": "2024-05-03", "campaign": "n", "sent": "10"})
    assert (row["day"], row["sent"], row["list_size"]) == (19_846, 10, None)
    row = row_of("social_stats", {"date": "2024-05-03", "source": "x", "likes": "4"})
    assert (row["likes"], row["campaign"]) == (4, None)
    row = row_of("stages", {"object": "Lead", "id": "l", "stage": "won", "at": "2024-05-03"})
    assert (row["object"], row["at"]) == ("lead", MAY_3 + DAY - 1)
    row = row_of("meetings", {"meeting_id": "m", "lead_id": "l", "booked_at": "2024-05-03"})
    assert (row["booked_at"], row["held_at"]) == (MAY_3, None)
    row = row_of(
        "adjustments",
        {"adjustment_id": "a", "deal_id": "d", "at": "2024-05-03", "amount": "-1.5", "currency": "EUR"},
    )
    assert (row["amount_minor"], row["at"]) == (-150, MAY_3 + DAY - 1)
    assert rejection("rates", {"date": "2024-05-03", "currency": "EUR", "rate": "0"}).code == "bad_rate"


def test_a_visit_is_read_as_an_import_reads_it() -> None:
    """The same fields in the same order, one row."""
    visit = parse_visit("https://a.io/?utm_source=news", "https://t.co/")
    assert list(visit.columns) == list(ORIGIN_FIELDS)
    only = visit.to_dict("records")[0]
    assert {name: value for name, value in only.items() if value is not None} == {
        "kind": "session",
        "utm_source": "news",
        "referrer_host": "t.co",
        "landing_host": "a.io",
    }


VALUES = st.sampled_from(
    [None, "2024-05-03", "2024-05-03T10:00Z", "2024-02-30", "x", "1", "-1", "1.5", "won", "lead", "GBP",
     "granted", "denied", "gclid:x", "a@x-io.test;b@x-io.test", "https://a.io/?utm_source=x", "é" * 2_001,
     "month"]
)  # fmt: skip


@settings(max_examples=150)
@given(st.sampled_from(sorted(TABLES)), st.data())
def test_every_row_is_accepted_or_rejected_once(name: str, data: st.DataObject) -> None:
    """Whatever the values are, nothing raises and no line is lost or told twice."""
    names = data.draw(st.lists(st.sampled_from(TABLES[name].names), unique=True, min_size=1))
    count = data.draw(st.integers(0, 8))
    texts = VALUES | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
    columns = {
        column: pa.array(data.draw(st.lists(texts, min_size=count, max_size=count)), pa.string())
        for column in names
    }
    lines = np.arange(10, 10 + count, dtype=np.int64)
    before = [Rejection(5, "wrong_number_of_fields", "", '""')]
    options = ParseOptions(timezone=data.draw(st.sampled_from([None, "Europe/London"])))
    result = parse(RawBatch(pa.table(columns), lines, before), TABLES[name], options)
    told = [*result.lines.tolist(), *(rejected.line for rejected in result.rejected)]
    assert sorted(told) == [5, *lines.tolist()]
    assert len(result.lines) == result.columns.num_rows
    assert all(json.loads(rejected.raw) is not None for rejected in result.rejected)
    for column in TABLES[name].columns:
        if column.kind not in ("url", "referrer"):
            assert column.output in result.columns.column_names
            nulls = result.columns[column.output].null_count
            assert not column.required or nulls == 0, column.name
