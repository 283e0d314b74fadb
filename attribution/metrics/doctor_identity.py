"""What deserves a look in who is who: evidence that does not count, what is shared, very large people."""

from __future__ import annotations

from typing import Final

import numpy as np
from sqlalchemy import func, or_, select, union_all

from attribution.identifiers import EMAIL, KIND_NAMES, PHONE
from attribution.identity.deciding import without_effect
from attribution.identity.decisions import standing
from attribution.identity.graph import ALWAYS, Demotion
from attribution.identity.naming import ERASED, named
from attribution.identity.rules import Rules
from attribution.metrics.findings import EXAMPLES, Finding, Look, listed
from attribution.metrics.person_records import known_as
from attribution.sorted_sets import as_set
from attribution.store.columns import packed, read_ints, unpack
from attribution.store.identifiers import A_ROLES, spelled
from attribution.store.keys import look_up
from attribution.store.schema import (
    affiliation,
    contact,
    demoted_edge,
    edge,
    identifier,
    membership,
    passed_over,
)

MANY: Final = 50  # identifiers of one person, of whatever kinds
_KINDS: Final = 16
_SHAREABLE: Final = (EMAIL, PHONE)
_LOOK: Final = (
    "see whether they are one: attribution identity show; attribution identity split parts two people"
)
_LEAVE_BLANK: Final = "leave the column empty where nothing is known"
_WHY: Final = {
    Demotion.LIMIT: (
        "warning",
        "observations do not count, since one person would hold more than anybody has",
        "two people may have used one e-mail, phone or browser; `explain` shows who is who",
    ),
    Demotion.SHARED: (
        "notice",
        "observations tie nobody, since a mailbox or phone in them is several people's",
        "give the leads an e-mail or phone of their own where they have one",
    ),
    Demotion.EXCLUDED: ("notice", "observations do not count, since they are said to be of two people", ""),
    Demotion.BLOCKED: ("notice", "observations do not count, since one end is said to be nobody's", ""),
}


def unused_evidence(look: Look) -> list[Finding]:
    """Name the evidence that is kept and not used, by reason."""
    counts = (
        select(demoted_edge.c.reason, func.count())
        .group_by(demoted_edge.c.reason)
        .order_by(demoted_edge.c.reason)
    )
    found = []
    for reason, count in look.connection.execute(counts).all():
        severity, what, hint = _WHY[Demotion(reason)]
        found.append(Finding(severity, count, f"{what}: {listed(_examples(look, reason))}", hint))
    return found


def _examples(look: Look, reason: int) -> list[str]:
    one, other = identifier.alias(), identifier.alias()
    ties = (
        select(one.c.kind, spelled(one), other.c.kind, spelled(other))
        .select_from(demoted_edge)
        .join(edge, edge.c.edge_id == demoted_edge.c.edge_id)
        .join(one, one.c.identifier_id == edge.c.a)
        .join(other, other.c.identifier_id == edge.c.b)
        .where(demoted_edge.c.reason == reason)
        .order_by(demoted_edge.c.edge_id)
        .limit(EXAMPLES + 1)
    )
    return [
        f"{KIND_NAMES[kind]} {value} with {KIND_NAMES[another]} {its}"
        for kind, value, another, its in look.connection.execute(ties)
    ]


def shared_identifiers(look: Look) -> list[Finding]:
    """Name the phones and e-mails that evidence showed to be several people's; those of roles stand apart."""
    people = Rules.of(look.settings).shared_people
    ties = union_all(
        *(
            select(end.label("i"))
            .join_from(demoted_edge, edge, edge.c.edge_id == demoted_edge.c.edge_id)
            .where(demoted_edge.c.reason == int(Demotion.SHARED))
            for end in (edge.c.a, edge.c.b)
        )
    ).subquery()
    counts = select(ties.c.i, func.count().label("ties")).group_by(ties.c.i).subquery()
    found = (
        select(spelled(), counts.c.ties)
        .join_from(counts, identifier, identifier.c.identifier_id == counts.c.i)
        .where(identifier.c.kind.in_(_SHAREABLE))
        .order_by(counts.c.ties.desc(), spelled())
    )
    at_roles = found.where(identifier.c.trait == A_ROLES, identifier.c.kind == EMAIL)
    # the other end of such a tie may be an e-mail too: only what has many ties is shared itself
    crowded = found.where(
        or_(identifier.c.kind == PHONE, identifier.c.trait != A_ROLES), counts.c.ties > people
    )
    return [
        *look.finding(
            "notice", crowded, f"phones and e-mails that more than {people} people share",
            "where one is a single person's, raise the setting shared_people",
        ),
        *look.finding(
            "notice", at_roles, "mailboxes of roles, which tie nobody",
            "where one is a single person's, add -NAME to the setting role_mailboxes",
        ),
    ]  # fmt: skip


def shared_browsers(look: Look) -> list[Finding]:
    """Name the visitors whose touches are split by time."""
    # all but the first of several stretches begin some time
    later = select(membership.c.identifier_id).where(membership.c.since != ALWAYS[0])
    split = (
        select(identifier.c.value).where(identifier.c.identifier_id.in_(later)).order_by(identifier.c.value)
    )
    return look.finding(
        "notice",
        split,
        "visitors that several people used",
        "each has the touches from a login of theirs to the next login of another",
    )


def large_people(look: Look) -> list[Finding]:
    """Name the people who hold as many identifiers of a kind as they may, or very many in all."""
    limits = {kind: limit for kind, limit in Rules.of(look.settings).limits.items() if limit > 1}
    # two numbers in one, and the rest in memory: of ten million identifiers a third of the time
    every = select(packed(membership.c.identifier_id, membership.c.person_id))
    pairs = as_set(read_ints(look.connection, every, ["i"])["i"])
    # a browser that came back to somebody counts once
    identifiers, people = unpack(pairs)
    kinds = select(identifier.c.identifier_id * _KINDS + identifier.c.kind)
    known = read_ints(look.connection, kinds, ["i"])["i"]
    kind_of = np.zeros(max(int(ids.max(initial=0)) for ids in (identifiers, known // _KINDS)) + 1, np.int8)
    kind_of[known // _KINDS] = known % _KINDS
    mine = kind_of[identifiers].astype(np.int64)
    held, of_kind = np.unique(people * _KINDS + mine, return_counts=True)
    allowed = look_up(
        np.array(list(limits)),
        np.array(list(limits.values())),
        (held % _KINDS).astype(np.int64),
        missing=2**62,
    )
    full = np.flatnonzero(of_kind >= allowed)
    everybody, counts = np.unique(people, return_counts=True)
    many = np.flatnonzero(counts >= MANY)
    at_limit = full[np.lexsort((held[full], -of_kind[full]))]
    largest = many[np.lexsort((everybody[many], -counts[many]))]
    shown = [
        *(held[at_limit] // _KINDS)[: EXAMPLES + 1].tolist(),
        *everybody[largest][: EXAMPLES + 1].tolist(),
    ]
    names = known_as(look.connection, shown)
    found = []
    if len(full):
        words = listed(
            f"{names[int(held[i]) // _KINDS]} ({of_kind[i]} of kind {KIND_NAMES[int(held[i]) % _KINDS]})"
            for i in at_limit[: EXAMPLES + 1]
        )
        text = f"people hold as many identifiers of a kind as identity_limits lets them, or more: {words}"
        found.append(Finding("notice", len(full), text, _LOOK))
    if len(many):
        words = listed(
            f"{names[int(everybody[i])]} ({counts[i]} identifiers)" for i in largest[: EXAMPLES + 1]
        )
        found.append(Finding("notice", len(many), f"people hold {MANY} identifiers or more: {words}", _LOOK))
    return found


def placeholders(look: Look) -> list[Finding]:
    """Tell what stood where an identifier should and named nobody, by kind."""
    order = (passed_over.c.kind, passed_over.c.count.desc(), passed_over.c.value)
    rows = look.connection.execute(select(passed_over).order_by(*order)).all()
    found = []
    for kind, name in KIND_NAMES.items():
        mine = [(value, count) for one, value, count in rows if one == kind]
        if mine:
            words = listed(f"{value} ({count:,})" for value, count in mine)
            text = f"values of kind {name} name nobody and were passed over: {words}"
            found.append(Finding("notice", sum(count for _, count in mine), text, _LEAVE_BLANK))
    return found


def phones_without_country(look: Look) -> list[Finding]:
    """Name the telephone numbers that match nobody who writes them with their country."""
    alone = (
        select(contact.c.value)
        .join_from(identifier, contact, contact.c.identifier_id == identifier.c.identifier_id)
        .where(identifier.c.kind == PHONE, ~contact.c.value.startswith("+"))
        .order_by(contact.c.value)
    )
    region = look.settings.get("region")
    return look.finding(
        "notice",
        alone,
        "phones have no country, and tie nobody who gives the same number in another spelling",
        "numbers that are in stay as they are; "
        + (
            "set their country before you import more: attribution config set region GB"
            if region is None
            else f"those imported from now on without a country are of the region {region}"
        ),
    )


def idle_decisions(look: Look) -> list[Finding]:
    """Name the joins that another decision, or a rule, keeps from having any effect."""
    idle = without_effect(look.connection, standing(look.connection))
    if not idle:
        return []
    names = named(look.connection, {end for one in idle for end in one.ends})
    words = listed(
        f"{one.number} ({' with '.join(str(names.get(end, ERASED)) for end in sorted(one.ends))})"
        for one in idle
    )
    return [
        Finding(
            "warning", len(idle), f"decisions that join are contradicted by others or by rules: {words}",
            "take one of them back: attribution identity decisions, attribution identity undo",
        )
    ]  # fmt: skip


def domains(look: Look) -> list[Finding]:
    """Name the company domains whose people the CRM ties to several accounts."""
    email, account = identifier.alias(), identifier.alias()
    theirs = membership.alias()
    pairs = (
        select(email.c.company.label("domain"), affiliation.c.account)
        .join_from(affiliation, theirs, theirs.c.identifier_id == affiliation.c.identifier_id)
        .join(membership, membership.c.person_id == theirs.c.person_id)
        .join(email, email.c.identifier_id == membership.c.identifier_id)
        .where(email.c.company.is_not(None), email.c.trait != A_ROLES)
        .distinct()
        .subquery()
    )
    several = (
        select(pairs.c.domain, func.count().label("accounts"))
        .group_by(pairs.c.domain)
        .having(func.count() > 1)
        .subquery()
    )
    found = (
        select(account.c.value)
        .join_from(several, account, account.c.identifier_id == several.c.domain)
        .order_by(several.c.accounts.desc(), account.c.value)
    )
    return look.finding(
        "notice",
        found,
        "company domains whose people the CRM ties to several accounts, so that a domain alone means none",
        "merge the accounts in the CRM where they are one company",
    )
