"""How much of deals and leads no touch explains, and why: nobody known, nobody seen, or at other times."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import BigInteger, cast, exists, func, select

from attribution.identity.graph import ALWAYS
from attribution.identity.stretches import theirs_then
from attribution.journeys.people import DEAL_KINDS, Party, accounts_of_deals, leads_of_deals, people_of
from attribution.metrics.evidence_rows import journey_sets
from attribution.metrics.findings import Finding, Look
from attribution.money import money_words
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints, read_ints, temporary
from attribution.store.keys import find
from attribution.store.schema import conversion, deal, deal_contact, journey_touch, membership, touch

Bools = npt.NDArray[np.bool_]
_NOBODY: Final = {
    "contacts": ("no lead, e-mail or account names their people", "name contacts in lead_id or emails"),
    "account": ("no lead, e-mail or account names their people", "name the company in account"),
    "primary": ("they have no lead, and the scope is primary", "name it in lead_id"),
}


def unattributed_revenue(look: Look) -> list[Finding]:
    """Tell how much revenue no touch explains, and why."""
    return _without_touch(look, "won", "deals", "warning")


def leads_without_touch(look: Look) -> list[Finding]:
    """Tell how many leads no touch explains, and why."""
    return _without_touch(look, "lead", "leads", "notice")


def _without_touch(look: Look, kind: str, what: str, severity: str) -> list[Finding]:
    """Return a finding for all conversions without a journey, and one for each reason."""
    sets = journey_sets(look.connection, look.settings, kind)
    if not sets:
        return []
    journey = exists().where(
        journey_touch.c.journey_set_id.in_(sets), journey_touch.c.conversion_id == conversion.c.conversion_id
    )
    mine = (conversion.c.kind == kind) & (conversion.c.active == 1)
    value = func.coalesce(conversion.c.reporting_minor, 0)
    all_of_it = cast(func.coalesce(func.sum(value), 0), BigInteger)
    every, total = look.connection.execute(select(func.count(), all_of_it).where(mine)).one()
    lost = read_ints(
        look.connection, select(conversion.c.object_id, value).where(mine, ~journey), ["object", "minor"]
    )
    count = len(lost["object"])
    if not count:
        return []
    currency = look.settings.get("reporting_currency")

    def share(part: Ints | Bools) -> str:
        n, minor = len(lost["minor"][part]), int(lost["minor"][part].sum())
        if kind != "won" or currency is None:
            return f"{n / every:.1%} of {what}"
        money = money_words(minor, currency)
        return f"{n / every:.1%} of {what}" + (f", {minor / total:.1%} of revenue ({money})" if total else "")

    scope = look.settings.require("scope")
    named, seen, elsewhere = _why(look, kind, lost["object"], scope)
    words, hint = _NOBODY[scope]
    reasons = (
        (~named, words, hint),
        (
            named & ~seen & ~elsewhere, "their people have no touch at all",
            "look for the evidence that ties visitors to them: forms, calls, logins in `identities`",
        ),
        (
            named & ~seen & elsewhere, "their people's touches count for the company where they were then",
            "`attribution explain touch` names the company",
        ),
        (
            named & seen,
            "their people's touches came too early, too late, or are of kinds that do not count",
            f"`attribution explain` shows one; the lookback is {look.settings.require('lookback')}",
        ),
    )  # fmt: skip
    rows = [Finding(severity, count, share(np.arange(count)), "the reasons are in the next lines")]
    rows += [
        Finding("notice", int(part.sum()), f"{why}: {share(part)}", hint)
        for part, why, hint in reasons
        if part.any()
    ]
    return rows


def _why(look: Look, kind: str, objects: Ints, scope: str) -> tuple[Bools, Bools, Bools]:
    """Return bool[n] each: whether anybody is known who would count, has a touch from then, and has any."""
    party = people_of(look.connection, kind, objects, scope)
    places = np.arange(len(objects))
    named = np.ones(len(objects), np.bool_)
    if kind in DEAL_KINDS:
        named = np.isin(places, party.position) | _named(look, objects, scope)
    seen = np.isin(places, _touched(look, party))
    ever = party._replace(
        since=np.full_like(party.since, ALWAYS[0]), until=np.full_like(party.until, ALWAYS[1])
    )
    return named, seen, np.isin(places, _touched(look, ever))


def _named(look: Look, deals: Ints, scope: str) -> Bools:
    """Tell which deals name somebody who counts, also where nothing else is known of them."""
    if scope == "primary":
        known = select(deal.c.deal_id).where(deal.c.lead.is_not(None))
        own = read_ints(look.connection, known, ["deal"])["deal"]
        return np.isin(deals, own) | (leads_of_deals(look.connection, deals) > 0)
    contacts = find(look.connection, deal_contact, deal_contact.c.deal_id, [], as_set(deals), exact=True)
    named: Bools = np.isin(deals, contacts["deal_id"])
    if scope == "account":
        named |= accounts_of_deals(look.connection, deals) > 0
    return named


def _touched(look: Look, party: Party) -> Ints:
    """Return the positions of those of whose people any touch is known, while they count."""
    with temporary(look.connection, **party._asdict()) as wanted:
        theirs = exists().where(
            membership.c.person_id == wanted.c.person,
            touch.c.visitor == membership.c.identifier_id,
            theirs_then(touch.c.at),
            touch.c.at >= wanted.c.since,
            touch.c.at < wanted.c.until,
        )
        return read_ints(look.connection, select(wanted.c.position).where(theirs).distinct(), ["i"])["i"]
