"""The tables, as SQLAlchemy Core objects on one MetaData; the same on SQLite and PostgreSQL.

Instants are BIGINT microseconds since 1970 UTC, money is BIGINT minor units plus a currency code,
days are integers since 1970. `..._hash` and `digest` columns are signed 64-bit xxh3 values
(:mod:`attribution.store.keys`). What is *observed* (touches, records, evidence) is kept as received;
what is *computed* (placements, memberships, conversions, journeys) can be made again from it;
the ledger (`run`, `entry`) is append-only.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, SmallInteger, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from attribution.channels.origin import ORIGIN_FIELDS, PLACEMENT_FIELDS

# The migration that makes this schema; a test holds it against the migrations' own head.
REVISION: Final = "0008"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives an INTEGER PRIMARY KEY to the row itself: no second tree.
Big: Final = BigInteger().with_variant(Integer(), "sqlite")


def _key(name: str) -> Column[int]:
    return Column(name, Big, primary_key=True, autoincrement=False)


def _big(name: str, **options: Any) -> Column[Any]:
    return Column(name, Big, **options)


def _text(name: str, **options: Any) -> Column[Any]:
    return Column(name, Text, **options)


# --- the store about itself -------------------------------------------------------------------------

setting = Table("setting", metadata, _text("name", primary_key=True), _text("value", nullable=False))

batch = Table(
    "batch",
    metadata,
    Column("batch_id", Big, primary_key=True),
    _text("table_name", nullable=False),
    _text("file", nullable=False),
    _big("imported_at", nullable=False),
    *(
        _big(name, nullable=False)
        for name in ("read", "accepted", "updated", "duplicate", "conflict", "rejected")
    ),
)

rejected_row = Table(  # rows that did not load, and conflicts: kept, explained, counted
    "rejected_row",
    metadata,
    Column("rejected_id", Big, primary_key=True),
    Column("batch_id", Big, ForeignKey("batch.batch_id"), nullable=False, index=True),
    _text("table_name", nullable=False),
    _text("file", nullable=False),
    _big("line"),
    _text("code", nullable=False),
    _text("message", nullable=False),
    _text("raw", nullable=False),
)

pull_cursor = Table(  # how far each stream of a source came; written with the rows that it came with
    "pull_cursor",
    metadata,
    _text("source", primary_key=True),
    _text("account", primary_key=True),  # what it was pulled from: a portal, an advertising account
    _text("stream", primary_key=True),
    _text("cursor"),  # an instant or a day, as text that sorts; null: the stream has none
    _text("since"),  # what was asked for; null: everything
    _big("pages", nullable=False),  # ever stored: who finds more than before was overtaken
    _big("records", nullable=False),
    _big("pulled_at", nullable=False),
)

# --- dimensions -------------------------------------------------------------------------------------

placement = Table(  # what the channel rules make of origins
    "placement",
    metadata,
    _key("placement_id"),
    _big("hash", nullable=False, unique=True),
    *(_text(name) for name in PLACEMENT_FIELDS),
)

origin = Table(  # one distinct set of classifier inputs
    "origin",
    metadata,
    _key("origin_id"),
    _big("hash", nullable=False, unique=True),
    Column("placement_id", Big, ForeignKey("placement.placement_id"), nullable=False),
    _text("rule", nullable=False),
    *(_text(name) for name in ORIGIN_FIELDS),
)

page = Table(
    "page",
    metadata,
    _key("page_id"),
    _big("hash", nullable=False, unique=True),
    _text("host"),
    _text("path"),
    _text("query"),  # only what --keep-query names
)

agent = Table(
    "agent",
    metadata,
    _key("agent_id"),
    _big("hash", nullable=False, unique=True),
    _text("user_agent", nullable=False),
    Column("crawler", SmallInteger),  # whether it is a crawler's; null: not looked up yet
)

# --- who --------------------------------------------------------------------------------------------

identifier = Table(  # kinds: attribution.identifiers
    "identifier",
    metadata,
    _key("identifier_id"),
    _big("hash", nullable=False, unique=True),  # of e-mails and phones under the store's key
    Column("kind", SmallInteger, nullable=False),
    _text("value"),  # null: an e-mail or a phone, whose clear text is in `contact`
    # of a contact which CRM it is from (a hash); 1 of an e-mail that is a role's mailbox, and of an account
    # that is called like a mail provider's domain; else 0
    _big("trait", nullable=False, server_default="0"),
    _big("company"),  # of an e-mail: the account of its domain, unless that is a provider's
)
# covering, and small: most identifiers have neither
Index(
    "ix_identifier_trait", identifier.c.trait, identifier.c.identifier_id,
    sqlite_where=identifier.c.trait != 0, postgresql_where=identifier.c.trait != 0,
)  # fmt: skip
Index(
    "ix_identifier_company", identifier.c.company, identifier.c.identifier_id, identifier.c.trait,
    sqlite_where=identifier.c.company.is_not(None), postgresql_where=identifier.c.company.is_not(None),
)  # fmt: skip

contact = Table(  # e-mails and phones in the clear: the only place, and what `forget` empties
    "contact",
    metadata,
    _key("identifier_id"),
    _text("value", nullable=False),
)

evidence_source = Table(  # "CRM lead", "identities: form", ...
    "evidence_source",
    metadata,
    _key("evidence_source_id"),
    _big("hash", nullable=False, unique=True),
    _text("source", nullable=False),
)

edge = Table(  # two identifiers belonged to one person
    "edge",
    metadata,
    _key("edge_id"),
    _big("hash", nullable=False, unique=True),
    _big("a", nullable=False),
    _big("b", nullable=False),
    _big("at", nullable=False),
    _big("evidence_source_id", nullable=False),
    # covering: who hangs together is found without reading a single edge
    Index("ix_edge_a", "a", "b", postgresql_include=["edge_id"]),
    Index("ix_edge_b", "b", "a", postgresql_include=["edge_id"]),
)

affiliation = Table(  # an identifier belonged to a company
    "affiliation",
    metadata,
    _key("affiliation_id"),
    _big("hash", nullable=False, unique=True),
    _big("identifier_id", nullable=False, index=True),
    _big("account", nullable=False, index=True),
    _big("at", nullable=False),
    _big("evidence_source_id", nullable=False),
)

decision = Table(  # what somebody who knows said of identifiers: obeyed until it is taken back
    "decision",
    metadata,
    Column("decision_id", Big, primary_key=True),
    _text("verb", nullable=False),  # split, join, exclude
    _big("a", nullable=False),
    _big("b"),  # null: an exclusion is of one identifier
    _big("at", nullable=False),
    _text("who", nullable=False),
    _text("why", nullable=False),
    _big("undone_at"),
    _text("undone_by"),
    _text("undone_why"),
)

unresolved = Table(  # identifiers to resolve again, besides those of new edges
    "unresolved",
    metadata,
    _key("identifier_id"),
)

membership = Table(  # computed: the person of each identifier that any evidence names, from when to when
    "membership",
    metadata,
    _big("identifier_id", primary_key=True, autoincrement=False),
    _big("since", primary_key=True, autoincrement=False),
    _big("until", nullable=False),  # not included; a browser that several people used has a row for each
    _big("person_id", nullable=False),  # the smallest identifier_id that is only this person's
    Index("ix_membership_person", "person_id", "identifier_id", "since", "until"),
    sqlite_with_rowid=False,
)

demoted_edge = Table(  # computed: evidence that a rule does not let count, and why
    "demoted_edge",
    metadata,
    _key("edge_id"),
    Column("reason", SmallInteger, nullable=False),  # attribution.identity.graph.Demotion
)

passed_over = Table(  # what stood where an identifier should, and named nobody
    "passed_over",
    metadata,
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    _text("value", primary_key=True),  # the placeholder, or what is wrong with the value
    _big("count", nullable=False),
)

tombstone = Table(  # who was erased: an old file must not bring them back
    "tombstone",
    metadata,
    _key("hash"),  # of an identifier, under a key that is used for nothing else
    _big("erased_at", nullable=False),
)

# --- calls ------------------------------------------------------------------------------------------

tracking_number = Table(  # numbers that calls are counted by
    "tracking_number",
    metadata,
    Column("tracking_number_id", Big, primary_key=True),
    _text("key", nullable=False, unique=True),  # E.164
    _big("digest", nullable=False),
    _text("pool"),
    Column("fallback", SmallInteger, nullable=False),  # 1: shown to everybody when its pool has run dry
    _big("origin_id", nullable=False),  # what a call to it is placed by, where no visitor is known
    _big("batch_id", nullable=False),
)

lease = Table(  # a number was shown to one visitor, and to no other, for a time
    "lease",
    metadata,
    Column("lease_id", Big, primary_key=True),
    _text("key", nullable=False, unique=True),  # number, visitor and begin
    _big("digest", nullable=False),
    _text("tracking_number", nullable=False, index=True),  # E.164
    _big("visitor", nullable=False, index=True),  # identifier_id
    _big("leased_at", nullable=False),
    _big("released_at"),  # null: not yet
    _big("batch_id", nullable=False),
)

call = Table(
    "call",
    metadata,
    Column("call_id", Big, primary_key=True),
    _text("key", nullable=False, unique=True),
    _big("digest", nullable=False),
    _big("at", nullable=False),
    _text("tracking_number", nullable=False, index=True),  # E.164
    _big("caller", index=True),  # identifier_id of a phone; null: withheld
    _big("visitor"),  # computed: identifier_id, who held the number then
    _big("duration_seconds"),
    Column("answered", SmallInteger),
    _big("batch_id", nullable=False),
)

# --- what happened ----------------------------------------------------------------------------------

touch_key = Table(  # idempotency: hash of the touch_id -> row, and the digest of its content
    "touch_key",
    metadata,
    _key("hash"),
    _big("n", nullable=False),
    _big("digest", nullable=False),
)

touch = Table(
    "touch",
    metadata,
    _key("n"),
    _text("touch_id", nullable=False),
    _big("visitor"),  # identifier_id (a caller is a phone); null: nobody's, as where analytics was denied
    _big("at", nullable=False),
    _big("origin_id", nullable=False),
    _big("page_id"),
    _text("click_id"),
    _big("page_views"),
    _big("engaged_seconds"),
    _big("agent_id"),
    Column("consent", SmallInteger, nullable=False),
    _big("cost_minor"),
    _text("currency"),
    _big("batch_id", nullable=False),
    Index("ix_touch_path", "visitor", "at", "n", "origin_id"),  # covers the reading of journeys
)

platform_click = Table(  # touches that a platform logged: clicks and impressions with a click id
    "platform_click",
    metadata,
    _key("n"),
    _big("hash", nullable=False, index=True),  # of the click id in small letters
)

touch_flag = Table(  # touches that enter no journey: stored without their visitor, who stands here
    "touch_flag",
    metadata,
    _key("n"),
    _big("visitor", index=True),  # identifier_id; null: nobody's
    Column("reason", SmallInteger, nullable=False),  # see FLAG_* below
)

FLAG_CRAWLER: Final = 1
FLAG_SPAM: Final = 2  # a referrer that is known to be made up
FLAG_PREFETCH: Final = 3  # a page that a browser fetched before anybody asked for it
FLAG_REPLACED: Final = 4  # a session that is none any more; it stays while the ledger refers to it

page_view = Table(  # what sessions are cut from
    "page_view",
    metadata,
    # of an identifier (of a visitor, else of whatever else is known of who it was); 0: nobody's
    _big("visitor", primary_key=True, autoincrement=False),
    _big("at", primary_key=True, autoincrement=False),
    _big(
        "hash", primary_key=True, autoincrement=False
    ),  # of visitor, time, page, origin and click; nobody's: of all
    _big("origin_id", nullable=False),
    _big("page_id"),
    _big("agent_id"),
    _big("session"),  # a hash of visitor and session, where the export knows its sessions
    _text("click_id"),
    _big("engaged_seconds"),
    Column("consent", SmallInteger, nullable=False),
    Column("prefetch", SmallInteger, nullable=False),  # 1: nobody had asked for the page yet
    _big("batch_id", nullable=False),
    sqlite_with_rowid=False,
)

session_origin = Table(  # computed: what sessions were cut by
    "session_origin",
    metadata,
    _key("origin_id"),
    _big("placement_id", nullable=False),
    Column("arrival", SmallInteger, nullable=False),  # attribution.channels.arrivals.Arrival
    Column("spam", SmallInteger, nullable=False),
)

touch_holder = Table(  # identifiers besides visitors that touches are of: somebody, if nothing else is known
    "touch_holder",
    metadata,
    _key("identifier_id"),
)

touch_count = Table(  # what `retain` left of touches that it removed
    "touch_count",
    metadata,
    _big("day", primary_key=True, autoincrement=False),
    _big("origin_id", primary_key=True, autoincrement=False),
    _big("touches", nullable=False),
    _big("visitors", nullable=False),
    sqlite_with_rowid=False,
)

touch_cost = Table(  # what those touches had cost
    "touch_cost",
    metadata,
    _big("day", primary_key=True, autoincrement=False),
    _big("origin_id", primary_key=True, autoincrement=False),
    _text("currency", primary_key=True),
    _big("cost_minor", nullable=False),
    sqlite_with_rowid=False,
)

refusal = Table(  # what people said who denied analytics: their touches are nobody's, their word counts
    "refusal",
    metadata,
    _key("hash"),  # of the other columns
    _big("identifier_hash", nullable=False, index=True),  # `identifier.hash`, whether that is there or not
    _big("at", nullable=False),
    Column("consent", SmallInteger, nullable=False),
)

lead = Table(
    "lead",
    metadata,
    Column("lead_id", Big, primary_key=True),
    _text("key", nullable=False, unique=True),  # the CRM's own id
    _big("digest", nullable=False),
    _big("identifier_id", nullable=False, index=True),  # the identifier of kind lead
    _big("created_at", nullable=False),
    _big("created_at_end", nullable=False),  # a bare date's last microsecond: places milestones
    _big("visitor"),
    _big("email"),
    _big("phone"),
    _big("account"),
    _text("owner"),
    _text("industry"),
    *(_big(name) for name in ("mql_at", "sqo_at", "disqualified_at", "requested_at", "responded_at")),
    _text("response_outcome"),
    Column("consent", SmallInteger, nullable=False),
    _big("batch_id", nullable=False),
)

deal = Table(
    "deal",
    metadata,
    Column("deal_id", Big, primary_key=True),
    _text("key", nullable=False, unique=True),
    _big("digest", nullable=False),
    _text("status", nullable=False),
    _big("created_at"),
    _big("created_at_end"),
    _big("closed_at"),
    _big("amount_minor"),
    _text("currency"),
    _big("lead"),  # identifier_id of kind lead
    _big("account", index=True),  # identifier_id of kind account
    _text("owner"),
    _text("kind"),
    _big("recurring_minor"),
    _text("recurring_interval"),
    _big("recurring_from"),
    _big("recurring_until"),
    _big("batch_id", nullable=False),
)

deal_contact = Table(
    "deal_contact",
    metadata,
    _big("deal_id", primary_key=True, autoincrement=False),
    _big("identifier_id", primary_key=True, autoincrement=False, index=True),
    Column("role", SmallInteger, nullable=False),  # see ROLE_* below
    Column("is_primary", SmallInteger, nullable=False, server_default="0"),  # 1: as `contact_of_deal` says
    sqlite_with_rowid=False,
)

ROLE_LEAD: Final = 0
ROLE_CONTACT: Final = 1
ROLE_ACCOUNT: Final = 2  # of a deal that names neither a lead nor e-mails

contact_of_deal = Table(  # whom files of contacts name; the deal itself may still be to come
    "contact_of_deal",
    metadata,
    Column("contact_of_deal_id", Big, primary_key=True),
    _text("key", nullable=False, unique=True),  # the deal's id and the number of the identifier
    _big("digest", nullable=False),
    _text("deal_key", nullable=False, index=True),
    _big("identifier_id", nullable=False, index=True),
    _text("role"),  # in the CRM's words
    Column("is_primary", SmallInteger, nullable=False),
    _big("batch_id", nullable=False),
)

stage = Table(
    "stage",
    metadata,
    Column("stage_id", Big, primary_key=True),
    _text("key", nullable=False, unique=True),  # object, id and stage
    _big("digest", nullable=False),
    _text("object", nullable=False),  # lead or deal
    _text("object_key", nullable=False, index=True),
    _text("stage", nullable=False),
    _big("at", nullable=False),
    _big("batch_id", nullable=False),
)

adjustment = Table(
    "adjustment",
    metadata,
    Column("adjustment_id", Big, primary_key=True),
    _text("key", nullable=False, unique=True),
    _big("digest", nullable=False),
    _text("deal_key", nullable=False, index=True),
    _big("at", nullable=False),
    _big("amount_minor", nullable=False),
    _text("currency", nullable=False),
    _text("reason"),
    _big("batch_id", nullable=False),
)

meeting = Table(
    "meeting",
    metadata,
    Column("meeting_id", Big, primary_key=True),
    _text("key", nullable=False, unique=True),
    _big("digest", nullable=False),
    _big("holder", nullable=False),  # identifier_id: of a lead, a contact or an e-mail
    _big("booked_at", nullable=False),
    _big("held_at"),
    _big("batch_id", nullable=False),
)

spend = Table(
    "spend",
    metadata,
    _key("hash"),  # of every column that is not a measure
    _big("digest", nullable=False),
    _big("day", nullable=False, index=True),
    _text("kind", nullable=False),
    _big("origin_id", nullable=False),
    _big("cost_minor", nullable=False),
    _text("currency", nullable=False),
    _big("impressions"),
    _big("clicks"),
    _big("batch_id", nullable=False),
)

spend_name = Table(  # what the user says that names of spend are elsewhere
    "spend_name",
    metadata,
    _key("hash"),  # of platform, level and reported
    _big("digest", nullable=False),
    _text("platform"),  # null: any
    _text("level", nullable=False),  # campaign, ad_group, ad, keyword
    _text("reported", nullable=False),  # the id or name that spend says
    _text("name", nullable=False),
    _big("batch_id", nullable=False),
)

platform_name = Table(  # computed: what ids and names of platforms are placed under, as of the last run
    "platform_name",
    metadata,
    _big("hash", primary_key=True, autoincrement=False),  # of reported, level and key
    _text("platform", primary_key=True),  # its source; empty: any
    Column("reported", SmallInteger, nullable=False),  # 1: a name of spend; 0: an id, of touches too
    _text("level", nullable=False),
    _text("key", nullable=False),  # the id, or the name as names are compared
    _text("name", nullable=False),
    Column("by_user", SmallInteger, nullable=False),  # 1: by spend_name; 0: spend says so itself
    sqlite_with_rowid=False,
)

email_stat = Table(
    "email_stat",
    metadata,
    _key("hash"),
    _big("digest", nullable=False),
    _big("day", nullable=False),
    _text("campaign", nullable=False),
    *(
        _big(name)
        for name in (
            "sent", "delivered", "opens", "clicks", "forwards", "subscribes", "unsubscribes", "list_size",
        )
    ),
    _big("batch_id", nullable=False),
)  # fmt: skip

social_stat = Table(
    "social_stat",
    metadata,
    _key("hash"),
    _big("digest", nullable=False),
    _big("day", nullable=False),
    _text("source", nullable=False),
    _text("campaign"),
    *(_big(name) for name in ("likes", "comments", "shares", "clicks")),
    _big("batch_id", nullable=False),
)

rate = Table(
    "rate",
    metadata,
    _key("hash"),
    _big("digest", nullable=False),
    _big("day", nullable=False),
    _text("currency", nullable=False),
    _text("rate", nullable=False),  # a decimal as written: never a float
    _big("batch_id", nullable=False),
)

# --- what must be looked at again -------------------------------------------------------------------

change = Table(  # a log of what later runs must take up; each credit set remembers how far it has read
    "change",
    metadata,
    Column("change_id", Big, primary_key=True),
    Column("kind", SmallInteger, nullable=False),  # see CHANGE_* below
    _big("ref", nullable=False),
    sqlite_autoincrement=True,  # an id must never come back: it is a watermark
)

CHANGE_ALL: Final = 0  # rates, rules or settings: everything is looked at
CHANGE_DEAL: Final = 1  # ref = deal_id
CHANGE_LEAD: Final = 2  # ref = lead_id
CHANGE_PERSON: Final = 3  # ref = an identifier of the person whose members changed
CHANGE_ADJUSTMENT: Final = 4  # ref = adjustment_id
CHANGE_RATE: Final = 5  # ref = the day of an exchange rate

# --- computed: conversions and their journeys -------------------------------------------------------

conversion = Table(
    "conversion",
    metadata,
    Column("conversion_id", Big, primary_key=True),
    _text("kind", nullable=False),  # won, created, lead, mql, sqo
    _big("object_id", nullable=False),  # deal_id or lead_id
    _text("key", nullable=False),  # the CRM's own id
    _big("at", nullable=False),
    Column("active", SmallInteger, nullable=False),  # 0: no longer a conversion (a deal that left `won`)
    # 1: somebody of its journey was erased: its journey stands, and its credits move with its value alone
    Column("frozen", SmallInteger),
    _text("currency"),
    _big("value_minor", nullable=False),  # net of adjustments; 0 for leads
    _big("reporting_minor"),  # null: no rate
    Unique("kind", "object_id"),
)

journey_set = Table(
    "journey_set",
    metadata,
    Column("journey_set_id", Big, primary_key=True),
    _text("kind", nullable=False),
    _text("lookback", nullable=False),
    _text("scope", nullable=False),
    _text("kinds", nullable=False),
    Unique("kind", "lookback", "scope", "kinds"),
)

journey_touch = Table(
    "journey_touch",
    metadata,
    _big("journey_set_id", primary_key=True, autoincrement=False),
    _big("conversion_id", primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _big("touch", nullable=False),
    _big("at", nullable=False),
    _big("placement_id", nullable=False),
    _big("person_id", nullable=False),
    sqlite_with_rowid=False,
)

# --- ledger: append-only ----------------------------------------------------------------------------

run = Table(
    "run",
    metadata,
    Column("run_id", Big, primary_key=True),
    _big("posted_at", nullable=False),
    _text(
        "options", nullable=False
    ),  # JSON: goals, models with versions and parameters, window, scope, kinds
    _text("versions", nullable=False),  # JSON: package, channel rules, identity rules
    _big("fingerprint", nullable=False),  # of the data that the run saw
    _big("entries", nullable=False),
)

credit_set = Table(
    "credit_set",
    metadata,
    Column("credit_set_id", Big, primary_key=True),
    Column("journey_set_id", Big, ForeignKey("journey_set.journey_set_id"), nullable=False),
    _text("model", nullable=False),
    Column("version", Integer, nullable=False),
    _text("parameters", nullable=False),  # JSON, sorted: all parameters, defaults too
    _text("label", nullable=False),  # the name with its non-default parameters
    _big("seen_touch", nullable=False),
    _big("seen_change", nullable=False),
    Unique("journey_set_id", "model", "version", "parameters"),
)

model_fit = Table(  # what a model learned, once and for all: a refit is a new row
    "model_fit",
    metadata,
    Column("fit_id", Big, primary_key=True),
    Column("credit_set_id", Big, ForeignKey("credit_set.credit_set_id"), nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, ... of this model
    _big("fitted_at", nullable=False),
    _big("as_of", nullable=False),  # the last instant of the journeys that it saw
    _big("fingerprint", nullable=False),  # of the data that it saw
    _text("learned", nullable=False),  # JSON: what the model's `fitted` says
    _text("trust", nullable=False),  # JSON: how far it can be trusted
    Unique("credit_set_id", "number"),
)

entry = Table(
    "entry",
    metadata,
    _big("credit_set_id", primary_key=True, autoincrement=False),
    _big("conversion_id", primary_key=True, autoincrement=False),
    _big("run_id", primary_key=True, autoincrement=False),
    _big("effective_at", primary_key=True, autoincrement=False),
    _big("touch", primary_key=True, autoincrement=False),  # 0 = (unattributed)
    _big("placement_id", primary_key=True, autoincrement=False),  # 0 = (unattributed)
    _big("amount_minor", nullable=False),
    _big("reporting_minor"),  # null: no rate
    _big("share_millionths", nullable=False),
    Column("reason", SmallInteger, nullable=False),  # attribution.ledger.reasons
    sqlite_with_rowid=False,
)

# --- what was told to others ------------------------------------------------------------------------

delivery = Table(  # the outbox: a row for each thing that a destination was told, or is to be told
    "delivery",
    metadata,
    Column("delivery_id", Big, primary_key=True),
    _text("destination", nullable=False),
    _text("account", nullable=False),  # of the destination: what is there is there by itself
    _text("action", nullable=False),  # what it counts as there
    _text("transaction_id", nullable=False),
    Column("revision", Integer, nullable=False),  # 1, 2, ...: new where value, currency or status changed
    _text("change", nullable=False),  # new, restated, retracted
    _big("conversion_id", nullable=False),
    _big("touch"),  # whose click it is told by; null: by who it was alone
    Column("split", Integer, nullable=False, server_default="0"),  # 1: it is this touch's part alone
    _big("at", nullable=False),  # of the conversion
    _big("value_minor"),  # null: it has none
    _text("currency"),
    _big("share_millionths"),  # of the conversion; null: all of it
    _text("model"),  # whose credit the value is; null: nobody's
    _text("state", nullable=False),  # attribution.outbox.states
    Column("attempts", Integer, nullable=False, server_default="0"),
    _big("due_at", nullable=False),  # not to be told or asked before; of one sent: when its sender is gone
    _text("code"),  # the destination's word, or ours for what it was never told
    _text("words"),
    _text("reference"),  # what to ask the destination by
    _text("digest"),  # of what was sent
    _big("queued_at", nullable=False),
    _big("sent_at"),
    _big("settled_at"),
    Unique("destination", "account", "action", "transaction_id", "revision"),
    Index("ix_delivery_due", "destination", "state", "due_at"),
    Index("ix_delivery_conversion", "conversion_id"),
)
