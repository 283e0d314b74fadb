"""The canonical input tables, declared as data: which columns, of what kind, keyed how.

Reading, parsing, storing and documentation all follow these declarations; nothing else lists columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from attribution.channels.names import LEVELS
from attribution.channels.origin import TOUCH_KINDS
from attribution.errors import UnknownNameError
from attribution.sources.layout import refuse_missing

Kind = Literal[
    "id",  # text that identifies something: rejected when too long, never cut
    "text",
    "instant",  # -> int64 microseconds
    "date",  # -> int32 days
    "amount",  # -> int64 minor units
    "currency",
    "integer",
    "seconds",  # whole seconds; decimals are rounded down
    "rate",  # positive decimal, kept as text
    "choice",
    "yes_no",  # -> int8, 1 or 0
    "outcome",  # of a call: yes, no or what telephone systems say; -> int8, 1 where somebody answered
    "consent",  # -> int8
    "purpose",  # of a request, as browsers say it; -> int8, 1 for a page that nobody may ever see
    "url",
    "referrer",
    "click_id",
    "emails",
]

MEASURES: Final = frozenset({"amount", "integer", "rate"})


@dataclass(frozen=True)
class Column:
    """One column of an input table.

    `bare_date` says what a date without a time means: the start or the end of its day.
    """

    name: str
    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()
    bare_date: Literal["start", "end"] = "end"
    default: str | None = None

    @property
    def output(self) -> str:
        """The column's name once parsed: money says its unit, dates are days.

        >>> Column("recurring_amount", "amount").output, Column("date", "date").output
        ('recurring_minor', 'day')
        """
        if self.kind == "date":
            return "day"
        if self.kind == "amount":
            return {"recurring_amount": "recurring_minor"}.get(self.name, f"{self.name}_minor")
        return self.name


@dataclass(frozen=True)
class Table:
    """One input table.

    `key` (output names) tells rows apart. `on_change` says what a known key with new content does: `update`
    the record, be kept as a `conflict`, or `replace` what an earlier file said. `repeats` says what equal
    keys within one file do in tables without an id: they are summed (`sum`) or are a `conflict`.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    on_change: Literal["update", "conflict", "replace"] = "update"
    repeats: Literal["sum", "conflict"] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The column names as they stand in a file's header."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns without which no row can load."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def separator(self) -> str:
        """What stands between the columns of a text file."""
        return ","

    @property
    def header(self) -> tuple[str, ...]:
        """Nothing: every file has a header of its own."""
        return ()

    @property
    def find_header(self) -> bool:
        """No: the header is the first line."""
        return False

    @property
    def is_nested(self) -> bool:
        """No: every value is plain."""
        return False

    @property
    def quotes(self) -> bool:
        """Yes, in text parted by tabs too."""
        return True

    def require(self, found: Iterable[str]) -> None:
        """Raise InputError where a required column is absent, saying which and what was found."""
        names = list(found)
        missing = [name for name in self.required if name not in names]
        refuse_missing(
            self.name, missing, names, f"{self.name} needs {', '.join(self.required)}, so add or rename"
        )

    def column(self, name: str) -> Column:
        """Return a column by its name in the file; KeyError when the table has none."""
        return {column.name: column for column in self.columns}[name]


def _id(name: str, required: bool = False) -> Column:
    return Column(name, "id", required)


def _start(name: str, required: bool = False) -> Column:
    return Column(name, "instant", required, bare_date="start")


def _end(name: str, required: bool = False) -> Column:
    return Column(name, "instant", required, bare_date="end")


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "text") for name in names)


def _counts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "integer") for name in names)


def _without_id(name: str, columns: tuple[Column, ...], repeats: Literal["sum", "conflict"] = "sum") -> Table:
    key = tuple(column.output for column in columns if column.kind not in MEASURES)
    return Table(name, columns, key, "replace", repeats)


_DAY = Column("date", "date", True)
_CURRENCY = Column("currency", "currency")
_DIMENSIONS = _texts(
    "channel", "source", "medium", "campaign", "ad_group", "ad", "keyword",
    "platform", "campaign_id", "ad_group_id", "ad_id", "keyword_id", "network",
)  # fmt: skip

# who else a touch may be known to be of: then it is evidence as well
TOUCH_IDENTIFIERS: Final = ("email", "phone", "user_id", "lead_id", "contact_id")

# kinds of touch that a platform logs: with a click id they may be nobody's until its touch is known
LOGGED: Final = ("click", "impression")

_TOUCHES = (
    _id("touch_id", True),
    # required unless another identifier is given, consent is denied, or it is a platform's click with a click
    # id: a rule of the row, not of the column
    _id("visitor_id"),
    _start("at", True),
    Column("kind", "choice", choices=TOUCH_KINDS, default="session"),
    Column("url", "url"),
    Column("referrer", "referrer"),
    *_DIMENSIONS,
    Column("click_id", "click_id"),
    *_counts("page_views"),
    Column("engaged_seconds", "seconds"),
    *_texts("user_agent"),
    Column("consent", "consent"),
    Column("cost", "amount"),
    _CURRENCY,
    *(_id(name) for name in TOUCH_IDENTIFIERS),
)
_PAGEVIEWS = (
    # required unless another identifier is given or consent is denied, as in touches
    _id("visitor_id"),
    _start("at", True),
    Column("url", "url"),
    Column("referrer", "referrer"),
    *_texts("user_agent"),
    _id("session_id"),
    *_DIMENSIONS,
    Column("click_id", "click_id"),
    Column("engaged_seconds", "seconds"),
    Column("consent", "consent"),
    Column("purpose", "purpose"),
    *(_id(name) for name in TOUCH_IDENTIFIERS),
)
_IDENTITIES = (
    _id("visitor_id"),
    _id("email"),
    _id("phone"),
    _id("user_id"),
    _id("lead_id"),
    _id("contact_id"),
    _id("merged_contact_id"),
    _id("account"),
    _end("at", True),
    *_texts("source"),
)
_LEADS = (
    _id("lead_id", True),
    _start("created_at", True),
    _id("visitor_id"),
    _id("email"),
    _id("phone"),
    _id("account"),
    *_texts("owner", "industry"),
    _end("mql_at"),
    _end("sqo_at"),
    _end("disqualified_at"),
    _start("requested_at"),
    _end("responded_at"),
    *_texts("response_outcome"),
    Column("consent", "consent"),
)
_DEALS = (
    _id("deal_id", True),
    Column("status", "choice", True, ("open", "won", "lost", "deleted")),
    _start("created_at"),
    _end("closed_at"),
    Column("amount", "amount"),
    _CURRENCY,
    _id("lead_id"),
    Column("emails", "emails"),
    _id("account"),
    *_texts("owner"),
    Column("kind", "choice", choices=("new", "renewal", "expansion")),
    Column("recurring_amount", "amount"),
    Column("recurring_interval", "choice", choices=("month", "quarter", "year")),
    _end("recurring_from"),
    _end("recurring_until"),
)
_DEAL_CONTACTS = (
    _id("deal_id", True),
    # one of these is required: a rule of the row
    _id("contact_id"),
    _id("email"),
    _id("lead_id"),
    *_texts("role"),
    Column("is_primary", "yes_no"),
)
_STAGES = (
    Column("object", "choice", True, ("lead", "deal")),
    _id("id", True),
    _id("stage", True),
    _end("at", True),
)
_ADJUSTMENTS = (
    _id("adjustment_id", True),
    _id("deal_id", True),
    _end("at", True),
    Column("amount", "amount", True),
    Column("currency", "currency", True),
    *_texts("reason"),
)
_SPEND = (
    _DAY,
    Column("cost", "amount", True),
    Column("currency", "currency", True),
    Column("kind", "choice", choices=("media", "fee"), default="media"),
    *_DIMENSIONS,
    *_counts("impressions", "clicks"),
)
_SPEND_NAMES = (
    *_texts("platform"),
    Column("level", "choice", True, LEVELS),
    Column("reported", "text", True),
    Column("name", "text", True),
)
_MEETINGS = (
    _id("meeting_id", True),
    # one of these is required: a rule of the row
    _id("lead_id"),
    _id("contact_id"),
    _id("email"),
    _start("booked_at", True),
    _end("held_at"),
)
_CALLS = (
    _id("call_id", True),
    _start("at", True),
    _id("tracking_number", True),
    _id("caller"),
    Column("duration_seconds", "seconds"),
    Column("answered", "outcome"),
)
_LEASES = (
    _id("tracking_number", True),
    _id("visitor_id", True),
    _start("leased_at", True),
    _end("released_at"),
)
_TRACKING_NUMBERS = (
    _id("tracking_number", True),
    *_texts("pool"),
    Column("fallback", "yes_no"),
    *_DIMENSIONS,
)
_EMAIL_STATS = (
    _DAY,
    Column("campaign", "text", True),
    *_counts("sent", "delivered", "opens", "clicks", "forwards", "subscribes", "unsubscribes", "list_size"),
)
_SOCIAL_STATS = (
    _DAY,
    Column("source", "text", True),
    *_texts("campaign"),
    *_counts("likes", "comments", "shares", "clicks"),
)
_RATES = (_DAY, Column("currency", "currency", True), Column("rate", "rate", True))

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        Table("touches", _TOUCHES, ("touch_id",), "conflict"),
        Table("pageviews", _PAGEVIEWS, tuple(column.output for column in _PAGEVIEWS)),
        Table("identities", _IDENTITIES, tuple(column.output for column in _IDENTITIES)),
        Table("leads", _LEADS, ("lead_id",)),
        Table("deals", _DEALS, ("deal_id",)),
        Table("deal_contacts", _DEAL_CONTACTS, ("deal_id", "contact_id", "email", "lead_id")),
        Table("stages", _STAGES, ("object", "id", "stage")),
        Table("adjustments", _ADJUSTMENTS, ("adjustment_id",), "conflict"),
        _without_id("spend", _SPEND),
        Table("spend_names", _SPEND_NAMES, ("platform", "level", "reported"), "replace", "conflict"),
        Table("meetings", _MEETINGS, ("meeting_id",)),
        Table("calls", _CALLS, ("call_id",)),
        Table("leases", _LEASES, ("tracking_number", "visitor_id", "leased_at")),
        Table("tracking_numbers", _TRACKING_NUMBERS, ("tracking_number",)),
        _without_id("email_stats", _EMAIL_STATS),
        _without_id("social_stats", _SOCIAL_STATS),
        _without_id("rates", _RATES, "conflict"),
    )
}


def get_table(name: str) -> Table:
    """Return a table by name.

    Raises:
        UnknownNameError: there is no such table; the nearest name is offered.

    >>> get_table("stages").key
    ('object', 'id', 'stage')
    """
    try:
        return TABLES[name]
    except KeyError:
        raise UnknownNameError("table", name, TABLES) from None
