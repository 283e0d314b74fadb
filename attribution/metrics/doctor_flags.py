"""Touches that enter no journey: robots, referrer spam, pages that nobody had asked for."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select

from attribution.loading import hostless, recut
from attribution.metrics.findings import EXAMPLES, Finding, Look, listed
from attribution.store.schema import (
    FLAG_CRAWLER,
    FLAG_PREFETCH,
    FLAG_SPAM,
    agent,
    origin,
    touch,
    touch_flag,
)

_WHY: Final = {
    FLAG_CRAWLER: ("crawler", "a robot says so in its user agent"),
    FLAG_SPAM: ("spam", "the referrer is a site that nobody came from"),
    FLAG_PREFETCH: ("prefetch", "a browser fetched the page before anybody asked for it"),
}
_OWN: Final = "attribution config set own_domains ..., with your own sites; then: attribution run"
_STAY: Final = "nothing to do: they are stored, and in no journey"


def flagged_touches(look: Look) -> list[Finding]:
    """Tell how many touches are in no journey, by reason, and what most of them say."""
    statement = select(touch_flag.c.reason, func.count()).group_by(touch_flag.c.reason)
    counts = {int(reason): int(count) for reason, count in look.connection.execute(statement)}
    found = []
    for reason, (name, words) in _WHY.items():
        if reason in counts:
            said = _said(look, reason)
            detail = f"{name}: {words}" + (f" ({said})" if said else "")
            found.append(Finding("notice", counts[reason], detail, _STAY))
    if recut.is_behind(look.settings):
        words = "rules, sites or lists changed since sessions were cut and touches flagged"
        found.append(Finding("notice", 1, words, "they are taken up by the next `attribution run`"))
    return found


def urls_without_host(look: Look) -> list[Finding]:
    """Tell of sessions that pages of the site itself may have begun, as addresses have no host."""
    seen = hostless.stored_without_host(look.connection, look.settings)
    return [
        Finding("warning", sum(sessions for _, sessions in seen), words.partition(";")[0], _OWN)
        for words in hostless.urls_without_host(look.settings, seen)
    ]


def _said(look: Look, reason: int) -> str:
    """Return the user agents or hosts that most touches of a reason have."""
    if reason == FLAG_PREFETCH:
        return ""
    of_agent = reason == FLAG_CRAWLER
    text = agent.c.user_agent if of_agent else origin.c.referrer_host
    named = (
        touch.join(agent, agent.c.agent_id == touch.c.agent_id)
        if of_agent
        else touch.join(origin, origin.c.origin_id == touch.c.origin_id)
    )
    statement = (
        select(text)
        .select_from(named.join(touch_flag, touch_flag.c.n == touch.c.n))
        .where(touch_flag.c.reason == reason)
        .group_by(text)
        .order_by(func.count().desc(), text)
        .limit(EXAMPLES + 1)
    )
    return listed(look.connection.execute(statement).scalars())
