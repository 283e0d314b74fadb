"""`explain touch`: where a touch came from, by which rule, whose it is and why, and where its credit went."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, func, select

from attribution import clock
from attribution.channels.origin import ORIGIN_FIELDS, PLACEMENT_FIELDS
from attribution.identity.evidence import Evidence, people_of
from attribution.ledger.allocate import MILLION
from attribution.metrics.answer import Row
from attribution.metrics.evidence_rows import journey_sets
from attribution.money import money_text
from attribution.sources.fields import PURPOSES, SIGNALS
from attribution.store.keys import one_text_hash
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
    touch_key,
)
from attribution.store.settings import Settings

# the goal that speaks for a kind of conversion
_GOALS: Final = {"won": "revenue", "created": "pipeline", "lead": "leads", "mql": "mql", "sqo": "sqo"}
_MAX_RECORDS: Final = 50  # leads and deals that one person's story ends at


def touch_row(connection: Connection, settings: Settings, key: str, warnings: list[str]) -> Row | None:
    """Return the evidence of one touch, or None where there is no such touch.

    Returns:
        a row of `touch origin rule placement identifiers chains credits`; a credit names its goal,
        conversion, model, weight (0 to 1) and money in the conversion's own currency.
    """
    one = _read(connection, key)
    if one is None:
        return None
    zone = settings.require("timezone")
    identifiers: list[Row] = []
    chains: list[str] = []
    conversions: list[int] = []
    if one.visitor is None:
        warnings.append(
            "this touch has no visitor (consent to analytics was denied): it belongs to no person"
        )
    else:
        person = people_of(connection, [one.visitor], one.at)[one.visitor]
        evidence = Evidence.load(connection, [person], keep=[one.visitor], zone=zone)
        targets = _targets(connection, evidence, person)
        chains = [evidence.story(one.visitor, target) for target in targets]
        accounts = [node.number for node in evidence.nodes.values() if node.kind == "account"]
        conversions = _conversions_of(connection, person, accounts)
        identifiers = [
            {
                "kind": node.kind,
                "value": node.value,
                "evidence": evidence.sentences(node.number, one.visitor),
            }
            for node in sorted(evidence.nodes.values(), key=lambda node: (node.kind, node.value))
            if node.person > 0
        ]
    credits = _credits(connection, settings, one.n, conversions)
    if not credits:
        warnings.append("no credit went to this touch under the configured lookback, scope and kinds")
    return {
        "touch": _touch_fields(one),
        "origin": {name: value for name in ORIGIN_FIELDS if (value := getattr(one, name)) is not None},
        "rule": one.rule,
        "placement": {name: getattr(one, f"placed_{name}") for name in PLACEMENT_FIELDS},
        "identifiers": identifiers,
        "chains": chains,
        "credits": credits,
    }


def _read(connection: Connection, key: str) -> Any | None:
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
            identifier.c.value.label("visitor_value"),
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
        "visitor": one.visitor_value,
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


def _targets(connection: Connection, evidence: Evidence, person: int) -> list[Any]:
    """Tie the person's deals into the graph; returns what chains shall end at: deals, else leads."""
    owner = func.coalesce(membership.c.person_id, deal_contact.c.identifier_id)
    named = (
        select(deal.c.key, deal_contact.c.identifier_id, deal_contact.c.role)
        .join_from(deal_contact, deal, deal.c.deal_id == deal_contact.c.deal_id)
        .outerjoin(membership, membership.c.identifier_id == deal_contact.c.identifier_id)
        .where(owner == person)
        .order_by(deal.c.key)
        .limit(_MAX_RECORDS)
    )
    targets: list[Any] = []
    for key, number, role in connection.execute(named):
        target = f"deal {key}"
        evidence.tie(target, "CRM deal" if role == 0 else "CRM deal contact", [int(number)])
        targets.append(target)
    if targets:
        return list(dict.fromkeys(targets))
    leads = (
        select(lead.c.identifier_id)
        .outerjoin(membership, membership.c.identifier_id == lead.c.identifier_id)
        .where(func.coalesce(membership.c.person_id, lead.c.identifier_id) == person)
        .order_by(lead.c.key)
        .limit(_MAX_RECORDS)
    )
    return [int(number) for number in connection.execute(leads).scalars()]


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
            credit_set.c.label,
            func.sum(entry.c.share_millionths).label("share"),
            func.sum(entry.c.amount_minor).label("amount"),
        )
        .join_from(entry, credit_set, credit_set.c.credit_set_id == entry.c.credit_set_id)
        .join(conversion, conversion.c.conversion_id == entry.c.conversion_id)
        .where(
            entry.c.touch == n,
            entry.c.conversion_id.in_(conversions),
            credit_set.c.journey_set_id.in_(sets),
        )
        .group_by(
            conversion.c.kind,
            conversion.c.key,
            conversion.c.currency,
            credit_set.c.credit_set_id,
            credit_set.c.label,
        )
        .order_by(conversion.c.kind, conversion.c.key, credit_set.c.credit_set_id)
    )
    return [
        {
            "goal": _GOALS[row.kind],
            "key": row.key,
            "model": row.label,
            "weight": int(row.share) / MILLION,
            "credit": money_text(row.amount, row.currency) if row.currency else int(row.share) / MILLION,
            "currency": row.currency,
        }
        for row in connection.execute(statement)
        if row.share or row.amount
    ]


def _conversions_of(connection: Connection, person: int, accounts: list[int]) -> list[int]:
    """Return the conversions of a person's deals and leads, and of deals that name only the account."""
    mine = select(membership.c.identifier_id).where(membership.c.person_id == person)
    named = deal_contact.c.identifier_id
    deals = select(deal_contact.c.deal_id).where(named.in_(mine) | named.in_([person, *accounts]))
    leads = select(lead.c.lead_id).where(lead.c.identifier_id.in_(mine) | (lead.c.identifier_id == person))
    statement = select(conversion.c.conversion_id).where(
        (conversion.c.kind.in_(("won", "created")) & conversion.c.object_id.in_(deals))
        | (conversion.c.kind.in_(("lead", "mql", "sqo")) & conversion.c.object_id.in_(leads))
    )
    return [int(number) for number in connection.execute(statement).scalars()]
