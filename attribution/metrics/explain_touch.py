"""`explain touch`: where a touch came from, by which rule, whose it is and why, and where its credit went."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, func, select

from attribution import clock
from attribution.channels.origin import ORIGIN_FIELDS, PLACEMENT_FIELDS
from attribution.identifiers import KIND_NAMES, VISITOR
from attribution.identity.accounts import accounts_of, members_of
from attribution.identity.evidence import Evidence
from attribution.identity.observed import chunks
from attribution.journeys.people import accounts_of_deals
from attribution.ledger.allocate import MILLION
from attribution.loading.flags import REASONS
from attribution.metrics.answer import Row
from attribution.metrics.decision_rows import decision_rows
from attribution.metrics.evidence_of import behind_touch, tie_to_account, unused_rows
from attribution.metrics.evidence_rows import journey_sets
from attribution.metrics.person_records import MAX_RECORDS, leads_of, tie_deals
from attribution.money import money_text
from attribution.sorted_sets import as_set, union
from attribution.sources.fields import PURPOSES, SIGNALS
from attribution.store.identifiers import spelled
from attribution.store.keys import find, one_text_hash
from attribution.store.schema import (
    agent,
    conversion,
    credit_set,
    deal,
    deal_contact,
    entry,
    identifier,
    lead,
    membership,
    origin,
    page,
    placement,
    touch,
    touch_flag,
    touch_key,
)
from attribution.store.settings import Settings

_OF_DEALS: Final = ("revenue", "pipeline")
# the goal that speaks for a kind of conversion
_GOALS: Final = {"won": "revenue", "created": "pipeline", "lead": "leads", "mql": "mql", "sqo": "sqo"}


def touch_row(connection: Connection, settings: Settings, key: str, warnings: list[str]) -> Row | None:
    """Return the evidence of one touch, or None where there is no such touch.

    Returns:
        a row of `touch origin rule placement identifiers chains company credits unused_evidence decisions`;
        `company` is where its person belonged then, whose deals it may count for; a credit names its goal,
        conversion, model, weight (0 to 1) and money in the conversion's own currency.
    """
    one = read_touch(connection, key)
    if one is None:
        return None
    identifiers: list[Row] = []
    chains: list[str] = []
    unused: list[Row] = []
    decisions: list[Row] = []
    credits: list[Row] = []
    company: str | None = None
    whose = whose_touch(connection, settings, one, warnings)
    if whose is None:
        warnings.append(_why_nobodys(connection, one))
    else:
        evidence, credits, company = whose.evidence, whose.credits, whose.company
        chains = [evidence.story(one.visitor, target) for target in whose.targets]
        unused = unused_rows(evidence)
        decisions = decision_rows(connection, evidence.decisions)
        identifiers = [
            {
                "kind": node.kind,
                "value": node.value,
                "evidence": evidence.sentences(node.number, one.visitor),
            }
            for node in sorted(evidence.nodes.values(), key=lambda node: (node.kind, node.value))
            if node.person > 0
        ]
    if not credits:
        warnings.append("no credit went to this touch under the configured lookback, scope and kinds")
    return {
        "touch": _touch_fields(one),
        "origin": {name: value for name in ORIGIN_FIELDS if (value := getattr(one, name)) is not None},
        "rule": one.rule,
        "placement": {name: getattr(one, f"placed_{name}") for name in PLACEMENT_FIELDS},
        "identifiers": identifiers,
        "chains": chains,
        "company": company,
        "credits": credits,
        "unused_evidence": unused,
        "decisions": decisions,
    }


def _why_nobodys(connection: Connection, one: Any) -> str:
    """Say why a touch, given its row, belongs to no person."""
    if consent_words(one.consent)["analytics"] == "denied":
        return "this touch has no visitor (consent to analytics was denied): it belongs to no person"
    reason = connection.execute(select(touch_flag.c.reason).where(touch_flag.c.n == one.n)).scalar()
    if reason is not None:
        return f"this touch is flagged ({REASONS[reason]}): it is stored, and enters no journey"
    return "this touch is nobody's: it names no visitor and nobody else"


class Whose(NamedTuple):
    """The person of a touch: evidence tied up to `targets` (deals, else leads), and where its credit went.

    `company` is where the person belonged at the time of the touch.
    """

    evidence: Evidence
    targets: list[Hashable]
    credits: list[Row]
    company: str | None


def whose_touch(connection: Connection, settings: Settings, one: Any, warnings: list[str]) -> Whose | None:
    """Return whose a touch is, given its row; None where it is nobody's."""
    if one.visitor is None:
        return None
    evidence, person = behind_touch(connection, settings, one.visitor, one.at, warnings)
    targets: list[Hashable] = [*tie_deals(connection, evidence, person)]
    credits = _credits(connection, settings, one.n, _conversions_of(connection, settings, person))
    deals = {f"deal {credit['key']}": credit["key"] for credit in credits if credit["goal"] in _OF_DEALS}
    for target, key in deals.items():
        if target not in targets:  # it counts on the members of a company
            number = connection.execute(select(deal.c.deal_id).where(deal.c.key == key)).scalar_one()
            accounts = accounts_of_deals(connection, np.array([number]))
            tie_to_account(connection, evidence, target, [int(n) for n in accounts if n])
            targets.append(target)
    if not targets:
        targets += [number for _, number in leads_of(connection, person, MAX_RECORDS)]
    return Whose(evidence, targets, credits, _company_then(connection, person, one.at))


def _company_then(connection: Connection, person: int, at: int) -> str | None:
    """Return the name of the company to which a person belonged at an instant."""
    known = accounts_of(connection, np.array([person]))
    for account in known.account[(known.since <= at) & (at < known.until)].tolist():
        name = select(identifier.c.value).where(identifier.c.identifier_id == account)
        return str(connection.execute(name).scalar_one())
    return None


def read_touch(connection: Connection, key: str) -> Any | None:
    """Return the row of a touch with all that it names, None where there is none."""
    statement = (
        select(
            touch,
            origin.c.rule,
            *(origin.c[name] for name in ORIGIN_FIELDS),
            *(placement.c[name].label(f"placed_{name}") for name in PLACEMENT_FIELDS),
            page.c.host,
            page.c.path,
            page.c.query,
            agent.c.user_agent,
            identifier.c.kind.label("visitor_kind"),
            spelled().label("visitor_value"),
        )
        .join_from(touch, origin, origin.c.origin_id == touch.c.origin_id)
        .join(placement, placement.c.placement_id == origin.c.placement_id)
        .outerjoin(page, page.c.page_id == touch.c.page_id)
        .outerjoin(agent, agent.c.agent_id == touch.c.agent_id)
        .outerjoin(identifier, identifier.c.identifier_id == touch.c.visitor)
        .where(touch.c.touch_id == key)
    )
    # the hash is indexed and the text is not; the text decides
    number = select(touch_key.c.n).where(touch_key.c.hash == one_text_hash(key))
    quick = connection.execute(statement.where(touch.c.n.in_(number))).first()
    return quick if quick is not None else connection.execute(statement).first()


def _touch_fields(one: Any) -> Row:
    return {
        "touch_id": one.touch_id,
        "at": clock.iso(one.at),
        "kind": one.kind or "session",
        "visitor": one.visitor_value if one.visitor_kind == VISITOR else None,
        "of": f"{KIND_NAMES[one.visitor_kind]} {one.visitor_value}" if one.visitor is not None else None,
        "page": f"{one.host or ''}{one.path or ''}" + (f"?{one.query}" if one.query else "") or None,
        "click_id": one.click_id,
        "page_views": one.page_views,
        "engaged_seconds": one.engaged_seconds,
        "user_agent": one.user_agent,
        "consent": consent_words(one.consent),
        "cost": money_text(one.cost_minor, one.currency) if one.cost_minor is not None else "0.00",
        "cost_currency": one.currency,
    }


def consent_words(bits: int) -> dict[str, str]:
    """Write stored consent as purpose -> signal.

    >>> consent_words(2)
    {'analytics': 'denied', 'ad_user_data': 'unknown', 'ad_personalization': 'unknown'}
    """
    names = {number: name for name, number in SIGNALS.items()}
    return {purpose: names[bits >> 2 * place & 3] for place, purpose in enumerate(PURPOSES)}


def _credits(connection: Connection, settings: Settings, n: int, conversions: list[int]) -> list[Row]:
    """Return what the ledger gave a touch, under the configured window.

    The ledger is keyed by conversion, so only the conversions that can hold the touch are read.
    """
    sets = [number for kind in _GOALS for number in journey_sets(connection, settings, kind)]
    statement = (
        select(
            conversion.c.kind,
            conversion.c.key,
            conversion.c.currency,
            credit_set.c.credit_set_id,
            credit_set.c.label,
            func.sum(entry.c.share_millionths).label("share"),
            func.sum(entry.c.amount_minor).label("amount"),
        )
        .join_from(entry, credit_set, credit_set.c.credit_set_id == entry.c.credit_set_id)
        .join(conversion, conversion.c.conversion_id == entry.c.conversion_id)
        .where(entry.c.touch == n, credit_set.c.journey_set_id.in_(sets))
        .group_by(
            conversion.c.kind,
            conversion.c.key,
            conversion.c.currency,
            credit_set.c.credit_set_id,
            credit_set.c.label,
        )
    )
    rows = [
        row
        for part in chunks(conversions)
        for row in connection.execute(statement.where(entry.c.conversion_id.in_(part)))
        if row.share or row.amount
    ]
    return [
        {
            "goal": _GOALS[row.kind],
            "key": row.key,
            "model": row.label,
            "weight": int(row.share) / MILLION,
            "credit": money_text(row.amount, row.currency) if row.currency else int(row.share) / MILLION,
            "currency": row.currency,
        }
        for row in sorted(rows, key=lambda row: (row.kind, row.key, row.credit_set_id))
    ]


def _conversions_of(connection: Connection, settings: Settings, person: int) -> list[int]:
    """Return the conversions that a person's touches may count for, those of its companies too."""
    accounts = as_set(accounts_of(connection, np.array([person])).account)
    people = np.array([person])
    if settings.require("scope") == "account":
        people = union(people, members_of(connection, accounts).person)
    members = find(connection, membership, membership.c.person_id, ["identifier_id"], people, exact=True)
    own = union(members["identifier_id"], people)  # an identifier alone is its own person
    named = find(
        connection,
        deal_contact,
        deal_contact.c.identifier_id,
        ["deal_id"],
        union(own, accounts),
        exact=True,
    )["deal_id"]
    mine = find(connection, lead, lead.c.identifier_id, ["lead_id"], own, exact=True)["lead_id"]
    found = []
    for kinds, numbers in ((("won", "created"), named), (("lead", "mql", "sqo"), mine)):
        for part in chunks(as_set(numbers).tolist()):
            statement = select(conversion.c.conversion_id).where(
                conversion.c.kind.in_(kinds), conversion.c.object_id.in_(part)
            )
            found += [int(number) for number in connection.execute(statement).scalars()]
    return found
