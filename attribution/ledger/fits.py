"""What models learned, kept: a fit is made once, numbered, and used until somebody asks for another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from attribution import clock
from attribution.store.columns import next_id
from attribution.store.schema import model_fit


@dataclass(frozen=True)
class Fit:
    """One fit of one model to one kind of journeys.

    Attributes:
        number: 1, 2, ... of its credit set.
        fitted_at: when, in microseconds; `as_of`: the last instant of the journeys that it saw.
        fingerprint: of the data that the store held.
        learned: what the model's `fitted` says.
        trust: how far it can be trusted, as :func:`attribution.ledger.learn.learn` tells.
    """

    number: int
    fitted_at: int
    as_of: int
    fingerprint: int
    learned: dict[str, Any]
    trust: dict[str, Any]


def latest_fit(connection: Connection, credit_set_id: int) -> Fit | None:
    """Return the newest fit of a credit set's model, None where there is none."""
    row = connection.execute(
        select(
            model_fit.c.number, model_fit.c.fitted_at, model_fit.c.as_of, model_fit.c.fingerprint,
            model_fit.c.learned, model_fit.c.trust,
        )
        .where(model_fit.c.credit_set_id == credit_set_id)
        .order_by(model_fit.c.number.desc())
        .limit(1)
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    return Fit(row[0], row[1], row[2], row[3], json.loads(row[4]), json.loads(row[5]))


def keep_fit(
    connection: Connection,
    credit_set_id: int,
    *,
    as_of: int,
    fingerprint: int,
    learned: dict[str, Any],
    trust: dict[str, Any],
) -> Fit:
    """Keep a fit as the newest of its credit set."""
    last = select(func.coalesce(func.max(model_fit.c.number), 0))
    number = int(connection.execute(last.where(model_fit.c.credit_set_id == credit_set_id)).scalar_one()) + 1
    fit = Fit(number, clock.now_micros(), as_of, fingerprint, learned, trust)
    connection.execute(
        insert(model_fit).values(
            fit_id=next_id(connection, model_fit.c.fit_id),
            credit_set_id=credit_set_id,
            number=number,
            fitted_at=fit.fitted_at,
            as_of=as_of,
            fingerprint=fingerprint,
            learned=json.dumps(learned),
            trust=json.dumps(trust),
        )
    )
    return fit
