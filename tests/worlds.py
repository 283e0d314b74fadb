"""Small random companies: so few visitors, dates and ids that everything collides with everything."""

from __future__ import annotations

import io
import os

from hypothesis import settings
from hypothesis import strategies as st

from attribution.engine import Store

Row = dict[str, str]
World = dict[str, list[Row]]

COLUMNS = {
    "identities": "visitor_id,email,phone,user_id,lead_id,account,at,source",
    "touches": "touch_id,visitor_id,at,kind,url,campaign,ad_group,click_id,consent,email,user_id",
    "leads": "lead_id,created_at,visitor_id,email,account,mql_at,sqo_at",
    "deals": "deal_id,status,created_at,closed_at,amount,currency,lead_id,emails,account",
    "adjustments": "adjustment_id,deal_id,at,amount,currency",
    "rates": "date,currency,rate",
    "meetings": "meeting_id,lead_id,booked_at,held_at",
    "calls": "call_id,at,tracking_number,caller",
    "leases": "tracking_number,visitor_id,leased_at,released_at",
    "tracking_numbers": "tracking_number,fallback,source",
}

DIGITS = {"GBP": 2, "JPY": 0, "KWD": 3}
# on both sides of the usual lookback, at one microsecond, in two offsets, and as bare dates
TIMES = (
    "2025-01-01T12:00:00Z", "2025-01-01T12:10:00Z", "2025-01-01T13:10:00+01:00",
    "2025-01-01T12:10:00.000001Z", "2025-01-02", "2024-01-01", "2023-06-01T00:00:00Z", "2025-03-01",
    "2025-03-01T23:59:59.999999Z", "2025-03-02T00:00:00Z", "2025-04-01",
)  # fmt: skip
CLOSINGS = ("2025-01-02", "2025-03-01", "2025-03-02T09:00:00Z", "2026-02-28")
VISITORS, EMAILS, PHONES = ("v1", "v2", "v3"), ("a@x.test", "b@x.test", "c@y.test"), ("+442079460018",)
# shown to visitors; leased around the instants above: over, within a day of its end, still on
NUMBERS = ("+448081570001", "+448081570002")
LEASES = (
    ("2025-01-01T11:00:00Z", "2025-01-01T12:05:00Z"), ("2025-01-01T12:05:00Z", ""),
    ("2024-12-31T11:00:00Z", "2024-12-31T12:05:00Z"), ("2025-02-28", "2025-02-28"), ("2023-01-01", ""),
)  # fmt: skip
USERS, LEADS, ACCOUNTS = ("u1", "u2"), ("L1", "L2"), ("x.com", "y.com")
PAID = "https://acme.com/?utm_source=google&utm_medium=cpc"
MAILED = "https://acme.com/?utm_medium=email&utm_campaign=May"


def examples(store: Store, *, sqlite: int, postgresql: int) -> settings:
    """Return how many examples to try; `ATTRIBUTION_EXAMPLES=20` tries twenty times as many."""
    factor = int(os.environ.get("ATTRIBUTION_EXAMPLES", "1"))
    return settings(max_examples=factor * (sqlite if store.db.dialect == "sqlite" else postgresql))


def _any(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


def _maybe(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("", *values))


def _rows(**columns: st.SearchStrategy[str]) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries(columns)


def money(currency: str, minor: int) -> str:
    """Write minor units as the plain decimal of an import."""
    digits = DIGITS[currency]
    sign, units = "-" * (minor < 0), str(abs(minor)).rjust(digits + 1, "0")
    return f"{sign}{units[:-digits]}.{units[-digits:]}" if digits else sign + units


def identity_rows() -> st.SearchStrategy[Row]:
    """Return rows of evidence."""
    return _rows(
        visitor_id=_maybe(*VISITORS), email=_maybe(*EMAILS), phone=_maybe(*PHONES), user_id=_maybe(*USERS),
        lead_id=_maybe(*LEADS), account=_maybe(*ACCOUNTS), at=_any(*TIMES), source=_maybe("form", "call"),
    ).filter(_ties_two)  # fmt: skip


def _ties_two(row: Row) -> bool:
    return sum(bool(value) for name, value in row.items() if name not in ("at", "source")) >= 2


def touch_rows() -> st.SearchStrategy[Row]:
    """Return touches without an id."""
    return _rows(
        visitor_id=_any(*VISITORS), at=_any(*TIMES),
        kind=_any("session", "session", "click", "email", "call", "impression"),
        url=_maybe(PAID, MAILED), campaign=_maybe("May", "may", "June"), ad_group=_maybe("one", "two"),
        click_id=_maybe("gclid:1"), consent=_maybe("", "", "granted", "denied"),
        email=_maybe("", "", *EMAILS), user_id=_maybe("", "", *USERS),
    )  # fmt: skip


def lead_rows() -> st.SearchStrategy[Row]:
    """Return leads without an id."""
    return _rows(
        created_at=_any(*TIMES), visitor_id=_maybe(*VISITORS), email=_maybe(*EMAILS),
        account=_maybe(*ACCOUNTS), mql_at=_maybe(*TIMES), sqo_at=_maybe(*TIMES),
    )  # fmt: skip


@st.composite
def deal_rows(draw: st.DrawFn) -> Row:
    """Return a deal without an id."""
    currency = draw(_any("GBP", "GBP", "JPY", "KWD"))
    status = draw(_any("won", "won", "won", "lost", "open"))
    minor = draw(st.sampled_from((0, 1, 2, 7, 1000, 99_999, 10**12 + 1)))
    return {
        "status": status,
        "created_at": draw(_maybe(*TIMES)),
        "closed_at": draw(_any(*CLOSINGS)) if status != "open" else "",
        "amount": money(currency, minor),
        "currency": currency,
        "lead_id": draw(_maybe(*LEADS)),
        "emails": ";".join(draw(st.lists(_any(*EMAILS), max_size=2))),
        "account": draw(_maybe(*ACCOUNTS)),
    }


@st.composite
def adjustment_rows(draw: st.DrawFn, deals: dict[str, str]) -> Row:
    """Return an adjustment of one of the deals (id -> currency), without an id."""
    deal = draw(st.sampled_from(sorted(deals)))
    minor = draw(st.sampled_from((-1, 1, -7, -99_999, 250, -(10**12))))
    return {
        "deal_id": deal,
        "at": draw(_any(*TIMES, *CLOSINGS)),
        "amount": money(deals[deal], minor),
        "currency": deals[deal],
    }


def call_rows() -> st.SearchStrategy[Row]:
    """Return calls without an id."""
    return _rows(at=_any(*TIMES), tracking_number=_any(*NUMBERS), caller=_maybe(*PHONES, "withheld"))


def meeting_rows() -> st.SearchStrategy[Row]:
    """Return meetings without an id."""
    return _rows(lead_id=_any(*LEADS), booked_at=_any(*TIMES), held_at=_maybe(*TIMES))


@st.composite
def lease_rows(draw: st.DrawFn) -> list[Row]:
    """Return leases, each once."""
    drawn = draw(st.sets(st.tuples(_any(*NUMBERS), _any(*VISITORS), st.sampled_from(LEASES)), max_size=3))
    rows = [
        {"tracking_number": number, "visitor_id": visitor, "leased_at": since, "released_at": until}
        for number, visitor, (since, until) in sorted(drawn)
    ]
    keys = [tuple(row.values())[:3] for row in rows]
    return [row for row, key in zip(rows, keys, strict=True) if keys.count(key) == 1]


def _named(draw: st.DrawFn, column: str, prefix: str, rows: st.SearchStrategy[Row], size: int) -> list[Row]:
    drawn = draw(st.lists(rows, max_size=size))
    return [{column: f"{prefix}{i + 1}", **row} for i, row in enumerate(drawn)]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return tables whose rows agree with each other: an id appears once."""
    deals = _named(draw, "deal_id", "D", deal_rows(), 3)
    world: World = {
        "identities": draw(st.lists(identity_rows(), max_size=5)),
        "touches": _named(draw, "touch_id", "t", touch_rows(), 8),
        "leads": _named(draw, "lead_id", "L", lead_rows(), 2),
        "deals": deals,
        "adjustments": [],
        "meetings": _named(draw, "meeting_id", "m", meeting_rows(), 2),
        "calls": _named(draw, "call_id", "c", call_rows(), 3),
        "leases": draw(lease_rows()),
        "tracking_numbers": [
            {
                "tracking_number": number,
                "fallback": draw(_maybe("yes", "no")),
                "source": draw(_maybe("times")),
            }
            for number in sorted(draw(st.sets(_any(*NUMBERS))))
        ],
        "rates": [
            {"date": day, "currency": currency, "rate": rate}
            for currency, rate in (("JPY", "0.005123"), ("KWD", "2.5505"))
            for day in sorted(draw(st.sets(_any("2025-01-02", "2025-02-21", "2025-02-23", "2025-03-01"))))
        ],
    }
    if deals:
        currencies = {row["deal_id"]: row["currency"] for row in deals}
        world["adjustments"] = _named(draw, "adjustment_id", "A", adjustment_rows(currencies), 3)
    return world


def import_rows(store: Store, table: str, rows: list[Row]) -> None:
    """Import rows as one file; every one must load."""
    names = COLUMNS[table].split(",")
    lines = [",".join(names), *(",".join(row.get(name, "") for name in names) for row in rows)]
    answer = store.import_table(table, "-", stdin=io.BytesIO("\n".join(lines).encode()))
    assert answer.totals["rejected"] == answer.totals["conflict"] == 0, (rows, answer)


def import_world(store: Store, world: World) -> None:
    """Import all tables, each as one file."""
    for table, rows in world.items():
        if rows:
            import_rows(store, table, rows)


def won_values(world: World) -> dict[str, int]:
    """Work out what each won deal is worth in minor units, refunds taken off: the CRM's own figure."""
    return {
        deal["deal_id"]: sum(
            int(text.replace(".", ""))
            for text in (
                deal["amount"],
                *(row["amount"] for row in world["adjustments"] if row["deal_id"] == deal["deal_id"]),
            )
        )
        for deal in world["deals"]
        if deal["status"] == "won"
    }
