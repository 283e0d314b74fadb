"""Checks of what models learned: whether it can be trusted, and whether it is of yesterday."""

from __future__ import annotations

import shlex
from typing import Final

from sqlalchemy import func, select

from attribution.ledger.fits import Fit, latest_fit
from attribution.metrics.findings import Finding, Look
from attribution.store.schema import conversion, credit_set, journey_set, model_fit
from attribution.store.settings import GOALS
from attribution.trust.intervals import STABLE

_OUTGROWN: Final = 0.5  # as many new conversions, compared with those learned from, ask for a refit


def fits(look: Look) -> list[Finding]:
    """Find fits that rest on too little, and fits that the store has outgrown."""
    statement = (
        select(credit_set.c.credit_set_id, credit_set.c.label, journey_set.c.kind)
        .join(journey_set, journey_set.c.journey_set_id == credit_set.c.journey_set_id)
        .where(credit_set.c.credit_set_id.in_(select(model_fit.c.credit_set_id)))
        .order_by(credit_set.c.label, journey_set.c.kind, credit_set.c.credit_set_id)
    )
    found = []
    for number, label, kind in look.connection.execute(statement).all():
        fit = latest_fit(look.connection, number)
        if fit is not None:
            goal = next(name for name, goal in GOALS.items() if goal.kind == kind)
            found += _judged(look, fit, label, kind, goal)
    return found


def _judged(look: Look, fit: Fit, label: str, kind: str, goal: str) -> list[Finding]:
    found = []
    trust = fit.trust
    if trust["warnings"]:
        stable = trust["rank_agreement"] is None or trust["rank_agreement"] >= STABLE
        severity = "notice" if stable else "warning"
        told = f"goal {goal}: {'; '.join(trust['warnings'])}"
        found.append(
            Finding(severity, 1, told, f"attribution model trust {shlex.quote(label)} --goal {goal}")
        )
    new = look.connection.execute(
        select(func.count()).where(
            conversion.c.kind == kind, conversion.c.active == 1, conversion.c.at > fit.as_of
        )
    ).scalar_one()
    if new > _OUTGROWN * trust["conversions"]:
        found.append(
            Finding(
                "notice", int(new),
                f"{label}, goal {goal}, learned from {trust['conversions']:,} conversions, and as many as "
                f"{new:,} came since",
                f"attribution model fit {shlex.quote(label)} --goal {goal}",
            )
        )  # fmt: skip
    return found
