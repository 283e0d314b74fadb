"""Credit sets: one model over one kind of journeys, and how far it has read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from attribution.journeys.read import Window
from attribution.ledger.affected import Watermark
from attribution.ledger.fits import latest_fit
from attribution.models.base import AttributionModel
from attribution.models.registry import make_model, model_class
from attribution.store.columns import next_id
from attribution.store.schema import credit_set, journey_set


@dataclass(frozen=True)
class CreditSet:
    """A model, ready for a run.

    Attributes:
        number: its key.
        model: with its fit, where it has one.
        seen: how far it has read; nothing, where a model that learns has not yet.
        holds: whether entries may have been posted.
        is_fitted: whether the model is ready to give shares.
    """

    number: int
    model: AttributionModel
    seen: Watermark
    holds: bool
    is_fitted: bool


@dataclass(frozen=True)
class CreditSets:
    """The credit sets of a run over one set of journeys."""

    journey_set_id: int
    members: list[CreditSet]


def credit_sets(
    connection: Connection, kind: str, window: Window, models: Sequence[AttributionModel]
) -> CreditSets:
    """Find or make the journey set of a window, and the credit set of each model over it."""
    same = {"kind": kind, "lookback": window.lookback, "scope": window.scope, "kinds": window.kinds}
    number = connection.execute(
        select(journey_set.c.journey_set_id).where(
            *(journey_set.c[name] == value for name, value in same.items())
        )
    ).scalar()
    if number is None:
        number = next_id(connection, journey_set.c.journey_set_id)
        connection.execute(insert(journey_set).values(journey_set_id=number, **same))
    members = []
    for model in models:
        parameters = json.dumps(model.params(), sort_keys=True)
        row: tuple[int, int, int] | None = connection.execute(
            select(credit_set.c.credit_set_id, credit_set.c.seen_touch, credit_set.c.seen_change).where(
                credit_set.c.journey_set_id == number,
                credit_set.c.model == model.name,
                credit_set.c.version == model.version,
                credit_set.c.parameters == parameters,
            )
        ).one_or_none()
        if row is None:
            made = next_id(connection, credit_set.c.credit_set_id)
            connection.execute(
                insert(credit_set).values(
                    credit_set_id=made,
                    journey_set_id=number,
                    model=model.name,
                    version=model.version,
                    parameters=parameters,
                    label=model.label,
                    seen_touch=0,
                    seen_change=0,
                )
            )
            row = (made, 0, 0)
        members.append(_member(connection, model, *row))
    return CreditSets(number, members)


def _member(
    connection: Connection, model: AttributionModel, number: int, touch: int, change: int
) -> CreditSet:
    seen = Watermark(touch, change)
    holds = seen != Watermark()
    if not model.needs_fit:
        return CreditSet(number, model, seen, holds, True)
    fit = latest_fit(connection, number)
    if fit is None:  # there was nothing to learn from, so everything is new to it
        return CreditSet(number, model, Watermark(), holds, False)
    return CreditSet(number, model.with_fitted(fit.learned), seen, holds, True)


def stored_model(connection: Connection, credit_set_id: int) -> AttributionModel:
    """Return the model of a credit set with the parameters that it was run with, and its newest fit.

    Raises:
        UnknownNameError: the package that it came from is not installed any more.
    """
    name, parameters = connection.execute(
        select(credit_set.c.model, credit_set.c.parameters).where(credit_set.c.credit_set_id == credit_set_id)
    ).one()
    model = make_model(model_class(name), json.loads(parameters))
    fit = latest_fit(connection, credit_set_id)
    return model if fit is None else model.with_fitted(fit.learned)
