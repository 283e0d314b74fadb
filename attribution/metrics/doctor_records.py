"""Checks of what was imported: rows that did not load, and records that do not fit together."""

from __future__ import annotations

from typing import Final

from sqlalchemy import exists, func, select

from attribution.identifiers import LEAD
from attribution.metrics.findings import Finding, Look
from attribution.metrics.known_days import known
from attribution.metrics.selection import select_journeys
from attribution.store.schema import (
    adjustment,
    contact_of_deal,
    deal,
    deal_contact,
    identifier,
    lead,
    meeting,
    rejected_row,
    stage,
)
from attribution.store.settings import RAN_AT

CONFLICT: Final = "conflict"
_MEND_LEAD: Final = "import the leads, or mend lead_id"
_NAME_CONTACTS: Final = "name the contacts in lead_id or emails, or import deal_contacts"


def data_end(look: Look) -> list[Finding]:
    """Tell whether data end long before the last run: what came after looks like nothing."""
    if not look.settings.internal(RAN_AT):
        return []
    days = known(look.connection, select_journeys(look.connection))
    if not days.stale or days.latest is None:
        return []
    gap = (days.last_run - days.latest).days
    told = f"nothing is dated after {days.latest}, {gap:,} days before the last run on {days.last_run}"
    return [Finding("notice", gap, told, "import what has come since, then run again")]


def rejected_rows(look: Look) -> list[Finding]:
    """Name the reasons for which rows did not load, each with where to look."""
    reasons = (
        select(
            rejected_row.c.table_name, rejected_row.c.code, func.count(), func.min(rejected_row.c.rejected_id)
        )
        .where(rejected_row.c.code != CONFLICT)
        .group_by(rejected_row.c.table_name, rejected_row.c.code)
        .order_by(func.count().desc(), rejected_row.c.table_name, rejected_row.c.code)
    )
    return [
        Finding(
            "warning",
            int(count),
            f"{table}: {code}: {_first(look, int(first))}",
            "mend the rows in the file and import it again; all of them are in rejected/ beside the store",
        )
        for table, code, count, first in look.connection.execute(reasons)
    ]


def conflicts(look: Look) -> list[Finding]:
    """Name tables whose rows came again with other content and were kept out."""
    tables = (
        select(rejected_row.c.table_name, func.count(), func.min(rejected_row.c.rejected_id))
        .where(rejected_row.c.code == CONFLICT)
        .group_by(rejected_row.c.table_name)
        .order_by(rejected_row.c.table_name)
    )
    return [
        Finding(
            "warning",
            int(count),
            f"{table}: {_first(look, int(first))}",
            "the row that came first was kept; give a row with other content an id of its own",
        )
        for table, count, first in look.connection.execute(tables)
    ]


def _first(look: Look, number: int) -> str:
    one = look.connection.execute(select(rejected_row).where(rejected_row.c.rejected_id == number)).one()
    where = f"{one.file}:{one.line}" if one.line is not None else one.file
    return f"{one.message} (first at {where})"


def dangling_references(look: Look) -> list[Finding]:
    """Name records that refer to what no file has brought."""
    known_lead = exists().where(lead.c.identifier_id == deal.c.lead)
    leads = select(deal.c.key).where(deal.c.lead.is_not(None), ~known_lead).order_by(deal.c.key)
    known_deal = exists().where(deal.c.key == adjustment.c.deal_key)
    adjustments = select(adjustment.c.key).where(~known_deal).order_by(adjustment.c.key)
    known_lead = exists().where(lead.c.identifier_id == meeting.c.holder)
    meetings = (
        select(meeting.c.key)
        .join(identifier, identifier.c.identifier_id == meeting.c.holder)
        .where(identifier.c.kind == LEAD, ~known_lead)
        .order_by(meeting.c.key)
    )
    known_deal = exists().where(deal.c.key == contact_of_deal.c.deal_key)
    contacts = select(contact_of_deal.c.deal_key).where(~known_deal).distinct()
    found = [
        *look.finding("warning", leads, "deals whose lead is in no leads file", _MEND_LEAD),
        *look.finding(
            "warning", adjustments, "adjustments of deals that are in no deals file",
            "their amounts are in no total: import the deals, or mend deal_id",
        ),
        *look.finding(
            "warning", contacts.order_by(contact_of_deal.c.deal_key),
            "deals that have contacts and are in no deals file", "import the deals, or mend deal_id",
        ),
        *look.finding("warning", meetings, "meetings with leads that are in no leads file", _MEND_LEAD),
    ]  # fmt: skip
    for name, table in (("deal", deal), ("lead", lead)):
        known = exists().where(table.c.key == stage.c.object_key)
        stages = select(stage.c.object_key).where(stage.c.object == name, ~known)
        found += look.finding(
            "warning", stages.order_by(stage.c.object_key), f"stages of {name}s that are in no {name}s file",
            f"import the {name}s, or mend id",
        )  # fmt: skip
    return found


def adjustment_currency(look: Look) -> list[Finding]:
    """Name adjustments that cannot be added to their deal."""
    wrong = (
        select(adjustment.c.key)
        .join(deal, deal.c.key == adjustment.c.deal_key)
        .where(deal.c.currency.is_not(None), deal.c.currency != adjustment.c.currency)
        .order_by(adjustment.c.key)
    )
    return look.finding(
        "error", wrong, "adjustments in another currency than their deal",
        "they are left out of every total: give their amounts in the deal's currency",
    )  # fmt: skip


def deals_without_people(look: Look) -> list[Finding]:
    """Name deals that no lead and no e-mail ties to people."""
    contact = exists().where(deal_contact.c.deal_id == deal.c.deal_id)
    person = exists().where(deal_contact.c.deal_id == deal.c.deal_id, deal_contact.c.role < 2)
    account_only = select(deal.c.key).where(contact, ~person).order_by(deal.c.key)
    nobody = select(deal.c.key).where(~contact).order_by(deal.c.key)
    return [
        *look.finding(
            "notice", account_only, "deals with neither lead nor e-mails count on their account's members",
            _NAME_CONTACTS,
        ),
        *look.finding("warning", nobody, "deals with neither lead, e-mails nor account", _NAME_CONTACTS),
    ]  # fmt: skip


def closed_before_created(look: Look) -> list[Finding]:
    """Name deals whose closing lies before their creation: ordinary in CRMs, and bad for durations."""
    deals = select(deal.c.key).where(deal.c.closed_at < deal.c.created_at).order_by(deal.c.key)
    return look.finding(
        "notice",
        deals,
        "deals closed before they were created",
        "their durations are left out; mend the dates",
    )
