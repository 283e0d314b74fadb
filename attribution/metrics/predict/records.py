"""What the CRM and the touches say of every lead, each with the instant from which it was known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import sparse
from sqlalchemy import Connection, Subquery, and_, func, select
from sqlalchemy.sql import Select

from attribution.defaults import DEFAULT_KINDS
from attribution.identity.stretches import theirs_then
from attribution.ledger.rates import Rates, days_in_zone
from attribution.metrics.credits import Question, entries_by_time
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.facts import NEVER
from attribution.metrics.measures.units import units_of_records
from attribution.metrics.selection import Selection
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints, read_frame, read_ints
from attribution.store.keys import look_up
from attribution.store.schema import (
    conversion,
    deal,
    demoted_edge,
    edge,
    lead,
    membership,
    origin,
    placement,
    stage,
    touch,
)

EARLIEST: Final = -(2**62)


@dataclass(frozen=True)
class Records:
    """Leads in the order of the CRM's ids, and what happened to them; `lead` is a row of `leads`.

    Attributes:
        leads: `key` (the CRM's id), `lead_id created mql sqo disqualified unit` (int64, `NEVER` for what has
            not happened), `owner industry account` (text or None).
        deals: `lead created closed won deal_id minor` (int64; `closed` is `NEVER` while open, `won` 0 or 1),
            of leads that are known; `minor` is what an open one is to bring as it was last imported, in the
            reporting currency, 0 where that is not known, and of all that are decided.
        money: `lead closed at value` (int64): what won deals were worth, as the ledger has it; `closed` of
            the deal, `at` of the entry, so that a refund has its own time.
        stages: `lead at` (int64), `of_deal` (bool) and `stage` (text), of the lead and of its deals.
        touches: `lead at seen` (int64) and `channel` (codes into `channels`), by lead, time and channel:
            `seen` is from when evidence tied the touch to the lead.
        channels: in alphabetical order.
        unrated: how many won deals nothing converts.
    """

    leads: pd.DataFrame
    deals: pd.DataFrame
    money: pd.DataFrame
    stages: pd.DataFrame
    touches: pd.DataFrame
    channels: list[str]
    unrated: int


def latest(records: Records, until: int) -> int | None:
    """Return the last instant up to another one at which the CRM says that something happened."""
    found = [
        records.leads[["created", "mql", "sqo", "disqualified"]].to_numpy(np.int64).ravel(),
        records.deals[["created", "closed"]].to_numpy(np.int64).ravel(),
        records.stages["at"].to_numpy(np.int64),
    ]
    at = np.concatenate(found)
    at = at[at <= until]
    return int(at.max()) if len(at) else None


def read_records(
    connection: Connection, dimensions: Dimensions, credited: Selection, instants: Ints
) -> Records:
    """Read them.

    Args:
        connection: inside a transaction.
        dimensions: which hold the leads and deals.
        credited: a credit set of revenue, whose entries are money and when it counts.
        instants: int64[L], ascending: at which anybody will ask what was known.
    """
    leads = _leads(connection, dimensions)
    ids = leads["lead_id"].to_numpy(np.int64)
    rows = np.arange(len(ids))
    deals, money, unrated = _deals(connection, dimensions, credited, ids, int(instants[-1]))
    touches, channels = _touches(connection, leads, instants)
    return Records(
        leads.drop(columns="identifier_id"),
        deals,
        money,
        _stages(connection, leads, dimensions.deals, ids, rows),
        touches,
        channels,
        unrated,
    )


def _leads(connection: Connection, dimensions: Dimensions) -> pd.DataFrame:
    frame = dimensions.leads[["lead_id", "identifier_id", "created", "mql", "sqo"]].copy()
    texts = dimensions.leads[["owner", "industry", "account"]]
    own = read_frame(connection, select(lead.c.key).order_by(lead.c.lead_id))["key"]
    gone = read_ints(
        connection,
        select(func.coalesce(lead.c.disqualified_at, NEVER)).order_by(lead.c.lead_id),
        ["disqualified"],
    )
    known, units = units_of_records(connection, dimensions, "lead")
    frame = frame.assign(
        key=own.astype(object).to_numpy(),
        disqualified=gone["disqualified"],
        unit=look_up(known, units, frame["lead_id"].to_numpy(np.int64)),
    )
    # by the CRM's own id: the same data are in the same order whatever was imported first
    return pd.concat([frame, texts], axis=1).sort_values("key", ignore_index=True)


def _deals(
    connection: Connection, dimensions: Dimensions, credited: Selection, lead_ids: Ints, as_of: int
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return deals and their money by lead, and how many won ones have no rate."""
    unrated = read_ints(
        connection,
        select(conversion.c.object_id).where(
            conversion.c.kind == "won", conversion.c.active == 1, conversion.c.reporting_minor.is_(None),
            conversion.c.currency.is_not(None),
        ),
        ["deal_id"],
    )["deal_id"]  # fmt: skip
    all_ = dimensions.deals
    decided = all_["status"].isin(["won", "lost"]).to_numpy(bool)
    frame = pd.DataFrame(
        {
            "lead": look_up(lead_ids, np.arange(len(lead_ids)), all_["lead_id"].to_numpy(np.int64)),
            "created": all_["created"].to_numpy(np.int64),
            # what an open deal has for a closing is a wish
            "closed": np.where(decided, all_["closed"].to_numpy(np.int64), NEVER),
            "won": ((all_["status"] == "won") & ~all_["deal_id"].isin(unrated)).to_numpy(np.int64),
            "deal_id": all_["deal_id"].to_numpy(np.int64),
        }
    )
    frame["minor"] = look_up(*_open_amounts(connection, credited, as_of), frame["deal_id"].to_numpy(), 0)
    frame = frame[frame["lead"] >= 0].reset_index(drop=True)
    cells = entries_by_time(connection, credited, (), Question())
    money = cells.groupby(["object_id", "at"])["value"].sum().reset_index()
    money = money.merge(frame[["deal_id", "lead", "closed"]], left_on="object_id", right_on="deal_id")
    return frame, money[["lead", "closed", "at", "value"]], len(unrated)


def _open_amounts(connection: Connection, credited: Selection, as_of: int) -> tuple[Ints, Ints]:
    """Return open deals with an amount, and it in the reporting currency by the latest rate; else 0."""
    into = credited.currency
    statement = (
        select(deal.c.deal_id, deal.c.amount_minor, deal.c.currency)
        .where(deal.c.status == "open", deal.c.amount_minor > 0, deal.c.currency.is_not(None))
        .order_by(deal.c.deal_id)
    )
    frame = read_frame(connection, statement)
    ids, minor = (frame[name].to_numpy(np.int64) for name in ("deal_id", "amount_minor"))
    today = days_in_zone(np.array([as_of]), credited.journeys.timezone)
    value = np.zeros(len(ids), np.int64)
    for currency, rows in frame.groupby("currency").indices.items():
        converted, _ = Rates(connection, str(currency), into).convert(minor[rows], today.repeat(len(rows)))
        value[rows] = converted
    return ids, value


def _stages(
    connection: Connection, leads: pd.DataFrame, deals: pd.DataFrame, lead_ids: Ints, rows: Ints
) -> pd.DataFrame:
    """Read the stage history of leads and of their deals."""
    found = []
    of_deal = look_up(lead_ids, rows, deals["lead_id"].to_numpy(np.int64))
    deal_ids = deals["deal_id"].to_numpy(np.int64)
    for what, key, number, known, row in (
        ("lead", lead.c.key, lead.c.lead_id, lead_ids, rows),
        ("deal", deal.c.key, deal.c.deal_id, deal_ids, of_deal),
    ):
        statement: Select[tuple[int, int, str]] = (
            select(number.label("number"), stage.c.at, stage.c.stage)
            .join(stage, and_(stage.c.object == what, stage.c.object_key == key))
            .order_by(number, stage.c.at, stage.c.stage)
        )
        frame = read_frame(connection, statement)
        frame["lead"] = look_up(known, row, frame["number"].to_numpy(np.int64))
        found.append(frame[["lead", "at", "stage"]].assign(of_deal=what == "deal"))
    all_ = pd.concat(found, ignore_index=True)
    all_ = all_[all_["lead"] >= 0].astype({"lead": np.int64, "at": np.int64})
    all_["stage"] = all_["stage"].astype(str).str.strip().str.lower()
    return all_.sort_values(["lead", "at", "stage"], ignore_index=True)


def _touches(connection: Connection, leads: pd.DataFrame, instants: Ints) -> tuple[pd.DataFrame, list[str]]:
    """Read the touches of each lead's person, and from when evidence tied them to that lead."""
    pairs = _visitors(connection, leads, instants)
    kinds = [origin.c.kind.in_(DEFAULT_KINDS) | origin.c.kind.is_(None)]
    places = read_frame(
        connection,
        select(origin.c.origin_id, placement.c.channel)
        .join(placement, placement.c.placement_id == origin.c.placement_id)
        .where(*kinds)
        .order_by(origin.c.origin_id),
    )
    names = places["channel"].fillna("(not set)").astype(str)
    channels = sorted(set(names))
    codes = pd.Categorical(names, channels).codes.astype(np.int64)
    people = _people_of_leads()
    rows = pd.DataFrame(
        read_ints(
            connection,
            select(membership.c.person_id, touch.c.visitor, touch.c.at, touch.c.origin_id)
            .join(people, people.c.person_id == membership.c.person_id)
            .join(touch, touch.c.visitor == membership.c.identifier_id)
            .where(theirs_then(touch.c.at)),
            ["person", "visitor", "at", "origin_id"],
        )
    )
    rows["channel"] = look_up(places["origin_id"].to_numpy(np.int64), codes, rows["origin_id"].to_numpy())
    rows = rows[rows["channel"] >= 0].merge(pairs, on=["person", "visitor"])
    rows["seen"] = np.maximum(rows["known"].to_numpy(np.int64), rows["at"].to_numpy(np.int64))
    rows = rows.sort_values(["lead", "at", "channel"], ignore_index=True)
    return rows[["lead", "at", "seen", "channel"]], channels


def _people_of_leads() -> Subquery:
    """Select whoever is a lead, each person once."""
    return (
        select(membership.c.person_id)
        .join(lead, lead.c.identifier_id == membership.c.identifier_id)
        .distinct()
        .subquery()
    )


def _visitors(connection: Connection, leads: pd.DataFrame, instants: Ints) -> pd.DataFrame:
    """Return `lead person visitor known`: from which of the instants evidence tied a browser to a lead.

    Who is who is known today; that a browser was this lead's may have come out after it was won.
    """
    mine, theirs = membership.alias(), membership.alias()
    own = pd.DataFrame(
        read_ints(
            connection,
            select(lead.c.lead_id, lead.c.identifier_id, membership.c.person_id).join(
                membership, membership.c.identifier_id == lead.c.identifier_id
            ),
            ["lead_id", "identifier", "person"],
        )
    ).drop_duplicates()
    own["lead"] = look_up(
        leads["lead_id"].to_numpy(np.int64), np.arange(len(leads)), own["lead_id"].to_numpy(np.int64)
    )
    of_leads = _people_of_leads()
    members = pd.DataFrame(
        read_ints(
            connection,
            select(mine.c.person_id, mine.c.identifier_id).join(
                of_leads, of_leads.c.person_id == mine.c.person_id
            ),
            ["person", "visitor"],
        )
    ).drop_duplicates()
    pairs = own.merge(members, on="person")
    ties = read_ints(
        connection,
        select(edge.c.a, edge.c.b, edge.c.at)
        .join(mine, mine.c.identifier_id == edge.c.a)
        .join(theirs, and_(theirs.c.identifier_id == edge.c.b, theirs.c.person_id == mine.c.person_id))
        .join(of_leads, of_leads.c.person_id == mine.c.person_id)
        .outerjoin(demoted_edge, demoted_edge.c.edge_id == edge.c.edge_id)
        .where(demoted_edge.c.edge_id.is_(None)),
        ["a", "b", "at"],
    )
    start, end = pairs["identifier"].to_numpy(np.int64), pairs["visitor"].to_numpy(np.int64)
    pairs["known"] = tied_from(ties["a"], ties["b"], ties["at"], start, end, instants)
    return pairs[["lead", "person", "visitor", "known"]]


def tied_from(a: Ints, b: Ints, at: Ints, start: Ints, end: Ints, instants: Ints) -> Ints:
    """Return the first of some instants at which evidence known by then ties each pair, else NEVER.

    Args:
        a, b, at: int64[E], observations that two identifiers belong together, and when.
        start, end: int64[P], pairs of identifiers.
        instants: int64[L], ascending.

    >>> ties = np.array([1, 2]), np.array([2, 3]), np.array([10, 30])
    >>> one, three = np.array([1]), np.array([3])
    >>> tied_from(*ties, one, three, np.array([5, 20, 40])).tolist()
    [40]
    """
    found = np.where(start == end, EARLIEST, NEVER)
    nodes = as_set(np.concatenate([a, b, start, end]))
    ends = np.searchsorted(nodes, a), np.searchsorted(nodes, b)
    first, last = np.searchsorted(nodes, start), np.searchsorted(nodes, end)
    before = -1
    for instant in instants.tolist():
        then = at <= instant
        if int(then.sum()) == before:
            continue  # nothing new was seen since
        before = int(then.sum())
        matrix = sparse.coo_array((np.ones(before), (ends[0][then], ends[1][then])), shape=(len(nodes),) * 2)
        _, label = sparse.csgraph.connected_components(matrix, directed=False)
        found[(found == NEVER) & (label[first] == label[last])] = instant
    return found
