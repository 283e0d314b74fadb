"""What a CRM should have on its deals and leads: what brought each, and what a model credits.

What is told of a record is found twice by the same code: for all records of a goal as a digest, to see what
has changed since the CRM last took it, and in full for those that are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import BigInteger, Connection, Select, Table, and_, cast, func, or_, select

from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.crm import FIELDS
from attribution.metrics.selection import Selection
from attribution.money import to_major
from attribution.outbox.records import conversion_of
from attribution.outbox.wanted import NO_TOUCH, known_conversions
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints, read_frame, read_ints, temporary
from attribution.store.keys import find_texts, look_up, row_hash, text_hash
from attribution.store.schema import conversion, entry, journey_touch, placement

EMPTY: Final = "empty"  # the digest of a record that nothing is told of
_TOLD: Final = ("channel", "source", "campaign", "keyword")
_NAMELESS: Final = -1


def wanted_records(connection: Connection, credits: Selection, since: int | None) -> pd.DataFrame:
    """Return what a CRM should have on the deals or leads of a goal.

    Args:
        connection: inside a transaction.
        credits: the goal's journeys, and whose credit is told.
        since: microseconds; conversions before it are left alone.

    Returns:
        A row for each conversion of the goal as :func:`attribution.outbox.wanted.wanted` has them, and
        `digest`: of all that is written. Those without a journey are not `active`.
    """
    frame = known_conversions(connection, credits.goal.kind, since)
    found = _journeys(connection, credits, None)
    active = frame["active"].to_numpy(bool) & frame["conversion_id"].isin(found.index).to_numpy()
    # not `reindex`: where some are missing that makes floats of hashes
    told = found.loc[frame["conversion_id"].to_numpy()[active]]
    told = told.assign(currency=frame["currency"].to_numpy(object)[active])
    digest, worth = np.full(len(frame), EMPTY, object), np.full(len(frame), None, object)
    digest[active] = _digests(told, credits.model)
    worth[active] = told["amount"].astype(object).where(told["currency"].notna(), None).to_numpy(object)
    return frame.assign(
        active=active,
        begins=active,
        value_minor=worth,
        currency=frame["currency"].astype(object).where(active, None),
        touch=np.full(len(frame), NO_TOUCH, np.int64),
        split=False,
        share_millionths=None,
        model=None,
        digest=digest,
    )


def records_of(connection: Connection, rows: pd.DataFrame, credits: Selection) -> list[Conversion]:
    """Return the record of each delivery, in their order, with all fields that are known now.

    Args:
        connection: inside a transaction.
        rows: deliveries with their columns of :data:`attribution.store.schema.delivery`.
        credits: as they were queued by.

    Returns:
        One for each row; without fields where there is no journey any more, or somebody of it was erased.
    """
    found = _journeys(connection, credits, as_set(rows["conversion_id"].to_numpy(np.int64)))
    told = _known(connection, found.index.to_numpy(np.int64))
    found = found[found.index.isin(told.index)].assign(currency=told["currency"])
    fields = dict(zip(found.index.tolist(), _fields(connection, found, credits.model), strict=True))
    digests = dict(zip(found.index.tolist(), _digests(found, credits.model).tolist(), strict=True))
    records = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return [
        conversion_of(
            row,
            model=credits.model,
            details={} if row["change"] == Change.RETRACTED else fields.get(row["conversion_id"], {}),
            digest=EMPTY if row["change"] == Change.RETRACTED else digests.get(row["conversion_id"], EMPTY),
        )
        for row in records
    ]


@contextmanager
def _asked(connection: Connection, ids: Ints | None) -> Iterator[Table | None]:
    """Hold the conversions that are asked for; None: all are."""
    if ids is None:
        yield None
        return
    with temporary(connection, number=ids) as table:
        yield table


def _of(statement: Select[Any], column: Any, asked: Table | None) -> Select[Any]:
    # a list, not a join: SQLite would go through all journeys, and through the table for each
    return statement if asked is None else statement.where(column.in_(select(asked.c.number)))


def _journeys(connection: Connection, credits: Selection, ids: Ints | None) -> pd.DataFrame:
    """Return first and last touch, how many there are, and what is credited most, by conversion.

    Returns:
        Whole numbers by conversion_id: `first_at`, `first` (a placement), `last_at`, `last`, `touches`,
        `amount` (minor units), `channel_of` and `campaign_of` (placements so called; _NAMELESS: none), and
        the hashes of what is told of these (`..._hash`).
    """
    mine = journey_touch.c.journey_set_id == credits.journey_set_id
    of_entry = entry.c.credit_set_id == credits.credit_set_id
    with _asked(connection, ids) as asked:
        ends = (
            _of(
                select(
                    journey_touch.c.conversion_id.label("of"),
                    func.min(journey_touch.c.position).label("first"),
                    func.max(journey_touch.c.position).label("last"),
                    func.count().label("touches"),
                ).select_from(journey_touch),
                journey_touch.c.conversion_id,
                asked,
            )
            .where(mine)
            .group_by(journey_touch.c.conversion_id)
            .subquery("ends")
        )
        outer = pd.DataFrame(
            read_ints(
                connection,
                select(
                    ends.c.of, journey_touch.c.position, journey_touch.c.at, journey_touch.c.placement_id,
                    ends.c.touches,
                ).select_from(ends).join(
                    journey_touch,
                    and_(
                        mine,
                        journey_touch.c.conversion_id == ends.c.of,
                        or_(
                            journey_touch.c.position == ends.c.first,
                            journey_touch.c.position == ends.c.last,
                        ),
                    ),
                ),
                ["of", "position", "at", "placement", "touches"],
            )
        )  # fmt: skip
        places = pd.DataFrame(
            read_ints(
                connection,
                _of(
                    select(
                        journey_touch.c.conversion_id, journey_touch.c.placement_id,
                        func.min(journey_touch.c.position),
                    ).select_from(journey_touch),
                    journey_touch.c.conversion_id,
                    asked,
                ).where(mine).group_by(journey_touch.c.conversion_id, journey_touch.c.placement_id),
                ["of", "placement", "position"],
            )
        )  # fmt: skip
        credited = pd.DataFrame(
            read_ints(
                connection,
                _of(
                    select(
                        entry.c.conversion_id, entry.c.placement_id,
                        cast(func.sum(entry.c.share_millionths), BigInteger),
                        cast(func.sum(entry.c.amount_minor), BigInteger),
                    ).select_from(entry),
                    entry.c.conversion_id,
                    asked,
                ).where(of_entry, entry.c.placement_id != 0)
                .group_by(entry.c.conversion_id, entry.c.placement_id),
                ["of", "placement", "share", "amount"],
            )
        )  # fmt: skip
    outer = outer.sort_values(["of", "position"], kind="stable")
    first = outer.drop_duplicates("of", keep="first").set_index("of")
    last = outer.drop_duplicates("of", keep="last").set_index("of")
    found = pd.DataFrame(
        {
            "first_at": first["at"], "first": first["placement"], "last_at": last["at"],
            "last": last["placement"], "touches": first["touches"],
        }
    )  # fmt: skip
    names = _placements(connection, as_set(np.concatenate([outer["placement"], places["placement"]])))
    amount = credited.groupby("of")["amount"].sum()
    found["amount"] = amount.reindex(found.index).fillna(0).astype(np.int64)
    parts = credited.merge(places, on=["of", "placement"], how="left")
    parts["position"] = parts["position"].fillna(np.iinfo(np.int32).max)
    for name in ("channel", "campaign"):
        most = _most(parts, names[name]).reindex(found.index)
        found[f"{name}_of"] = most.fillna(_NAMELESS).astype(np.int64)
        found[f"{name}_hash"] = _taken(names[f"{name}_hash"], found[f"{name}_of"])
    for end in ("first", "last"):
        found[f"{end}_hash"] = _taken(names["hash"], found[end])
    return found


def _placements(connection: Connection, numbers: Ints) -> pd.DataFrame:
    """Return what is told of placements by their numbers, and hashes of it."""
    frame = find_texts(connection, placement, placement.c.placement_id, list(_TOLD), numbers)
    texts = {name: pa.array(frame[name], pa.string(), from_pandas=True) for name in _TOLD}
    hashes = {f"{name}_hash": text_hash(texts[name]) for name in ("channel", "campaign")}
    frame = frame.assign(hash=row_hash(texts, len(frame)), **hashes)
    return frame.set_index("placement_id")


def _taken(values: pd.Series[Any], numbers: pd.Series[Any]) -> Ints:
    return look_up(values.index.to_numpy(np.int64), values.to_numpy(np.int64), numbers.to_numpy(np.int64), 0)


def _most(parts: pd.DataFrame, names: pd.Series[Any]) -> pd.Series[Any]:
    """Return a placement of the name that has most credit, by conversion; of equal ones the one met first."""
    codes, _ = pd.factorize(names.to_numpy(object))  # a missing name is -1
    of_name = pd.Series(codes, index=names.index)
    rows = parts.assign(name=parts["placement"].map(of_name).fillna(-1).astype(np.int64))
    rows = rows[rows["name"] >= 0]
    sums = rows.groupby(["of", "name"], as_index=False).agg(
        share=("share", "sum"), position=("position", "min"), placement=("placement", "min")
    )
    sums = sums[sums["share"] > 0].sort_values(["of", "share", "position"], ascending=[True, False, True])
    return sums.drop_duplicates("of").set_index("of")["placement"]


def _digests(found: pd.DataFrame, model: str) -> Any:
    """Return a digest of all that is told of each record."""
    numbers = ("first_at", "first_hash", "last_at", "last_hash", "touches", "amount")
    columns: dict[str, Any] = {name: found[name].to_numpy(np.int64) for name in numbers}
    columns |= {name: found[name].to_numpy(np.int64) for name in ("channel_hash", "campaign_hash")}
    columns["currency"] = pa.array(found["currency"], pa.string(), from_pandas=True)
    columns["model"] = pa.array([model] * len(found), pa.string())
    return row_hash(columns, len(found)).astype(str).astype(object)


def _known(connection: Connection, ids: Ints) -> pd.DataFrame:
    """Return the currencies of conversions that still are some and of which nobody was erased."""
    with temporary(connection, number=ids) as asked:
        frame = read_frame(
            connection,
            select(conversion.c.conversion_id, conversion.c.currency)
            .join(asked, asked.c.number == conversion.c.conversion_id)
            .where(conversion.c.active == 1, conversion.c.frozen.is_(None)),
        )
    return frame.set_index("conversion_id")


def _fields(connection: Connection, found: pd.DataFrame, model: str) -> list[dict[str, Any]]:
    """Return all fields of each record by our names; None: there is no such thing to tell."""
    wanted = ("first", "last", "channel_of", "campaign_of")
    numbers = as_set(np.concatenate([found[name].to_numpy(np.int64) for name in wanted]))
    names = find_texts(connection, placement, placement.c.placement_id, list(_TOLD), numbers)
    names = names.set_index("placement_id")
    names = names.astype(object).where(names.notna(), None)
    columns: dict[str, list[Any]] = {"model": [model] * len(found), "touches": found["touches"].tolist()}
    for end in ("first", "last"):
        columns[f"{end}_touch_at"] = found[f"{end}_at"].tolist()
        columns |= {f"{end}_{name}": _texts(names[name], found[end]) for name in _TOLD}
    columns["credited_channel"] = _texts(names["channel"], found["channel_of"])
    columns["credited_campaign"] = _texts(names["campaign"], found["campaign_of"])
    currencies = found["currency"].astype(object).where(found["currency"].notna(), None).tolist()
    columns["credited_currency"] = currencies
    columns["credited_value"] = [
        None if currency is None else to_major(amount, currency)
        for amount, currency in zip(found["amount"].tolist(), currencies, strict=True)
    ]
    return [
        dict(zip(FIELDS, told, strict=True)) for told in zip(*(columns[name] for name in FIELDS), strict=True)
    ]


def _texts(names: pd.Series[Any], numbers: pd.Series[Any]) -> list[Any]:
    found = names.reindex(numbers.to_numpy())
    return found.astype(object).where(found.notna(), None).tolist()
