"""Page views whose addresses have no host: nothing says which referrers are pages of the site itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, func, select

from attribution.channels.hosts import registrable_domain
from attribution.channels.rules import RuleSet
from attribution.store.dimensions import own_domains, store_rules
from attribution.store.schema import origin, session_origin, touch
from attribution.store.settings import Settings

_SHOWN: Final = 3


def urls_without_host(settings: Settings, referrers: Iterable[tuple[str, int]]) -> list[str]:
    """Say which referrers may be the site itself, where addresses have no host; empty where that is known.

    Args:
        settings: the store's; with `own_domains` all is known.
        referrers: hosts of views without a host of their own, and how many views have each.
    """
    rules = store_rules(settings)
    seen: Counter[str] = Counter()
    for host, views in referrers:
        if _may_be_own(rules, host):
            seen[host] += int(views)
    if not seen or own_domains(settings):
        return []
    most = sorted(seen.items(), key=lambda one: (-one[1], one[0]))
    shown = ", ".join(f"{host} ({views:,})" for host, views in most[:_SHOWN])
    more = ", ..." if len(most) > _SHOWN else ""
    example = registrable_domain(most[0][0]) or most[0][0]
    return [
        "URLs have no host, so that pages of your own site count as another site: "
        f"{sum(seen.values()):,} have a referrer such as {shown}{more}; if one of these is yours, say so "
        f"with `attribution config set own_domains {example}`, and the next run works the sessions out again"
    ]


def stored_without_host(connection: Connection, settings: Settings) -> list[tuple[str, int]]:
    """Return referrers that may be the site itself, of sessions without a host, and how many each began."""
    if own_domains(settings):
        return []
    which = (origin.c.landing_host.is_(None), origin.c.referrer_host.is_not(None))
    of_views = origin.join(session_origin, session_origin.c.origin_id == origin.c.origin_id)
    if connection.execute(select(origin.c.origin_id).select_from(of_views).where(*which).limit(1)).first():
        counts = (
            select(origin.c.referrer_host, func.count())
            .select_from(of_views.join(touch, touch.c.origin_id == origin.c.origin_id))
            .where(*which)
            .group_by(origin.c.referrer_host)
        )
        rules = store_rules(settings)
        found = [(str(host), int(number)) for host, number in connection.execute(counts)]
        return [(host, number) for host, number in found if _may_be_own(rules, host)]
    return []


def _may_be_own(rules: RuleSet, host: str) -> bool:
    return rules.find_source(host) is None
