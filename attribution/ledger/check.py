"""The invariant: in every credit set the entries of a conversion add up to it, to the minor unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, Select, and_, case, cast, func, or_, select

from attribution.errors import LedgerError
from attribution.ledger.allocate import MILLION
from attribution.store import schema
from attribution.store.columns import Ints, temporary

conversion, credit_set, entry, journey_set = (
    schema.conversion, schema.credit_set, schema.entry, schema.journey_set,
)  # fmt: skip


@dataclass(frozen=True)
class Imbalance:
    """A conversion whose entries do not add up."""

    credit_set_id: int
    model: str
    kind: str
    key: str
    value_minor: int
    entries_minor: int
    share_millionths: int


def check_conservation(
    connection: Connection,
    credit_set_ids: Sequence[int] | None = None,
    *,
    conversion_ids: Ints | None = None,
    limit: int = 20,
) -> list[Imbalance]:
    """Find conversions whose entries do not add up to their value, reporting value and share of one whole.

    Args:
        connection: inside a transaction.
        credit_set_ids: which to check; None: every one that has read all changes so far.
        conversion_ids: only these; None: all of them. One that has no entry at all is found too.
        limit: how many to name at most.
    """
    if credit_set_ids is None:
        credit_set_ids = _current(connection)
    if not credit_set_ids:
        return []
    if conversion_ids is None:
        return _imbalances(connection, credit_set_ids, None, limit)
    with temporary(connection, wanted=conversion_ids) as wanted:
        return _imbalances(connection, credit_set_ids, select(wanted.c.wanted), limit)


def _imbalances(
    connection: Connection, credit_set_ids: Sequence[int], wanted: Select[tuple[int]] | None, limit: int
) -> list[Imbalance]:
    totals = select(
        entry.c.credit_set_id,
        entry.c.conversion_id,
        cast(func.sum(entry.c.amount_minor), BigInteger).label("amount"),
        cast(func.sum(func.coalesce(entry.c.reporting_minor, 0)), BigInteger).label("reporting"),
        cast(func.sum(entry.c.share_millionths), BigInteger).label("share"),
    ).where(entry.c.credit_set_id.in_(credit_set_ids))
    if wanted is not None:
        totals = totals.where(entry.c.conversion_id.in_(wanted))
    sums = totals.group_by(entry.c.credit_set_id, entry.c.conversion_id).subquery()
    whole = case((conversion.c.active == 1, MILLION), else_=0)
    statement = (
        select(
            credit_set.c.credit_set_id, credit_set.c.label, conversion.c.kind, conversion.c.key,
            conversion.c.value_minor, func.coalesce(sums.c.amount, 0), func.coalesce(sums.c.share, 0),
        )
        .select_from(credit_set)
        .join(journey_set, journey_set.c.journey_set_id == credit_set.c.journey_set_id)
        .join(conversion, conversion.c.kind == journey_set.c.kind)
        .join(
            sums,
            and_(
                sums.c.credit_set_id == credit_set.c.credit_set_id,
                sums.c.conversion_id == conversion.c.conversion_id,
            ),
            isouter=True,
        )
        .where(
            credit_set.c.credit_set_id.in_(credit_set_ids),
            or_(
                func.coalesce(sums.c.amount, 0) != conversion.c.value_minor,
                func.coalesce(sums.c.reporting, 0) != func.coalesce(conversion.c.reporting_minor, 0),
                func.coalesce(sums.c.share, 0) != whole,
            ),
        )
        .limit(limit)
    )  # fmt: skip
    if wanted is not None:
        statement = statement.where(conversion.c.conversion_id.in_(wanted))
    return [Imbalance(*row) for row in connection.execute(statement)]


def require_conservation(
    connection: Connection, credit_set_ids: Sequence[int], conversion_ids: Ints | None
) -> None:
    """Refuse a run that leaves conversions whose entries do not add up; the error rolls the transaction back.

    Raises:
        LedgerError: names the first conversion.
    """
    wrong = check_conservation(connection, credit_set_ids, conversion_ids=conversion_ids, limit=1)
    if wrong:
        first = wrong[0]
        raise LedgerError(
            f"{first.kind} {first.key} under {first.model} would hold {first.entries_minor} of "
            f"{first.value_minor} minor units; nothing was posted: please report this"
        )


def _current(connection: Connection) -> list[int]:
    latest = select(func.coalesce(func.max(schema.change.c.change_id), 0)).scalar_subquery()
    touch = select(func.coalesce(func.max(schema.touch.c.n), 0)).scalar_subquery()
    return list(
        connection.execute(
            select(credit_set.c.credit_set_id).where(
                credit_set.c.seen_change >= latest, credit_set.c.seen_touch >= touch
            )
        ).scalars()
    )
