"""Who is who in a store: new evidence is taken up, and people change where it says so.

A person is a function of all evidence of its cluster (what any evidence ties together, used or not), so a
batch works out the clusters that it meets, as a whole, and no others: that equals resolving everything
from nothing. Rules that changed do resolve everything.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Table, func, select

from attribution.identifiers import ACCOUNT, CONTACT, EMAIL
from attribution.identity.graph import Bools, Graph, Ints, People
from attribution.identity.people import find_people
from attribution.identity.rules import Rules
from attribution.store import schema
from attribution.store.columns import insert_columns, read_frame, read_ints, remove, temporary
from attribution.store.keys import find, look_up, row_hash, text_hash
from attribution.store.settings import Settings

IDENTITY_VERSION: Final = 2  # of the rules; recorded with each run
_WATERMARK: Final = "_resolved_edge"
_RULES: Final = "_resolved_rules"
_ROW: Final = ("identifier_id", "since", "until", "person_id", "cluster_id")

change, demoted_edge, edge, identifier, membership = (
    schema.change, schema.demoted_edge, schema.edge, schema.identifier, schema.membership,
)  # fmt: skip

Rows = dict[str, Ints]


def resolve(connection: Connection, settings: Settings) -> int:
    """Take up the evidence that came since the last time; returns how many people changed.

    Logs each person that gained or lost something, so that runs look at their conversions again.
    """
    rules = Rules()
    in_force = f"{IDENTITY_VERSION} {rules.fingerprint}"
    everything = settings.internal(_RULES) != in_force
    seen = 0 if everything else int(settings.internal(_WATERMARK) or 0)
    last = int(connection.execute(select(func.coalesce(func.max(edge.c.edge_id), 0))).scalar_one())
    if last == seen and not everything:
        return 0
    evidence = _new_evidence(connection, seen, last)
    nodes = evidence.people if everything else _of_clusters(connection, evidence.people)
    ties = evidence.ties if everything else _ties_among(connection, nodes)
    found = find_people(_graph(connection, nodes, ties, rules), rules)
    wanted = {
        "identifier_id": nodes[found.node], "since": found.since, "until": found.until,
        "person_id": nodes[found.person], "cluster_id": nodes[found.cluster],
    }  # fmt: skip
    rows = _among(connection, membership, _ROW[0], list(_ROW[1:]), nodes)
    changed = _rewrite(connection, rows, wanted)
    _demote(connection, ties["edge_id"], found)
    _log(connection, np.union1d(np.union1d(changed.before, changed.now), evidence.touched))
    settings.put_raw(_WATERMARK, str(last))
    settings.put_raw(_RULES, in_force)
    return len(changed.now)


class _Evidence(NamedTuple):
    """What is new.

    Attributes:
        ties: `edge_id a b at`, evidence between people's identifiers.
        people: identifiers, ascending: the ends of ties, and whom evidence ties to a company.
        touched: both ends of evidence that names a company.
    """

    ties: Rows
    people: Ints
    touched: Ints


def _new_evidence(connection: Connection, seen: int, last: int) -> _Evidence:
    new = read_ints(
        connection,
        select(edge.c.edge_id, edge.c.a, edge.c.b, edge.c.at)
        .where(edge.c.edge_id > seen, edge.c.edge_id <= last)
        .order_by(edge.c.edge_id),
        ["edge_id", "a", "b", "at"],
    )
    accounts = _accounts(connection, seen)
    companies = np.isin(new["a"], accounts) | np.isin(new["b"], accounts)
    # evidence that names a company ties nobody together, but a deal may count on that company's members:
    # each is a person, even where nothing else is known of it
    touched = np.unique(np.concatenate([new["a"][companies], new["b"][companies]]))
    ties = {name: values[~companies] for name, values in new.items()}
    people = np.unique(
        np.concatenate([ties["a"], ties["b"], np.setdiff1d(touched, accounts, assume_unique=True)])
    )
    return _Evidence(ties, people, touched)


def _accounts(connection: Connection, seen: int) -> Ints:
    """Return the account identifiers among the ends of new edges."""
    ends = [
        select(column.label("i")).join(identifier, identifier.c.identifier_id == column)
        .where(edge.c.edge_id > seen, identifier.c.kind == ACCOUNT)
        for column in (edge.c.a, edge.c.b)
    ]  # fmt: skip
    return read_ints(connection, ends[0].union(ends[1]), ["i"])["i"]


def _of_clusters(connection: Connection, identifiers: Ints) -> Ints:
    """Return all identifiers of the clusters that some are in, and those that are in none yet."""
    met = np.unique(
        _among(connection, membership, "identifier_id", ["cluster_id"], identifiers)["cluster_id"]
    )
    members = _among(connection, membership, "cluster_id", ["identifier_id"], met)["identifier_id"]
    return np.union1d(identifiers, members)


def _among(connection: Connection, table: Table, key: str, names: list[str], wanted: Ints) -> Rows:
    return find(connection, table, table.c[key], names, wanted, exact=True)


def _ties_among(connection: Connection, nodes: Ints) -> Rows:
    """Return the evidence between identifiers of whole clusters: what starts in one ends in it."""
    ties = _among(connection, edge, "a", ["edge_id", "b", "at"], nodes)
    inside = np.isin(ties["b"], nodes)  # the others name a company
    return {name: values[inside] for name, values in ties.items()}


def _graph(connection: Connection, nodes: Ints, ties: Rows, rules: Rules) -> Graph:
    found = find(connection, identifier, identifier.c.identifier_id, ["kind", "hash"], nodes)
    known = {name: look_up(found["identifier_id"], found[name], nodes) for name in ("kind", "hash")}
    named = nodes[np.isin(known["kind"], (EMAIL, CONTACT))]
    with temporary(connection, wanted=named) as probe:
        texts = read_frame(
            connection,
            select(identifier.c.identifier_id, identifier.c.kind, identifier.c.value).join(
                probe, probe.c.wanted == identifier.c.identifier_id
            ),
        )
    a, b = np.searchsorted(nodes, ties["a"]), np.searchsorted(nodes, ties["b"])
    # what is hashed here is content: numbers depend on what was imported first
    one, other = known["hash"][a], known["hash"][b]
    key = row_hash({"one": np.minimum(one, other), "other": np.maximum(one, other)}, len(a))
    shared, system = np.zeros(len(nodes), np.bool_), np.zeros(len(nodes), np.int64)
    place = np.searchsorted(nodes, texts["identifier_id"].to_numpy(np.int64))
    is_email = texts["kind"].to_numpy() == EMAIL
    shared[place[is_email]] = rules.role_mailboxes_among(pa.array(texts["value"][is_email], pa.string()))
    contacts = pa.array(texts["value"][~is_email], pa.string())
    system[place[~is_email]] = text_hash(pc.replace_substring_regex(contacts, ":.*$", ""))
    return Graph(
        a=a, b=b, at=ties["at"], key=key, forced=np.zeros(len(a), np.bool_), kind=known["kind"],
        system=system, shared=shared, blocked=np.zeros(len(nodes), np.bool_),
        apart=np.zeros((0, 2), np.int64),
    )  # fmt: skip


class _Changed(NamedTuple):
    """People who had something that somebody else has now, and people who have something new; ascending."""

    before: Ints
    now: Ints


def _rewrite(connection: Connection, rows: Rows, wanted: Rows) -> _Changed:
    """Replace the memberships of the identifiers for which they differ."""
    old, new = _marks(rows, wanted), _marks(wanted, rows)
    stale = np.union1d(rows["identifier_id"][old], wanted["identifier_id"][new])
    if not len(stale):
        return _Changed(stale, stale)
    gone = np.isin(rows["identifier_id"], stale)
    remove(connection, membership.c.identifier_id, np.unique(rows["identifier_id"][gone]))
    fresh = np.isin(wanted["identifier_id"], stale)
    insert_columns(connection, membership, {name: values[fresh] for name, values in wanted.items()})
    # a cluster that grew without anybody changing is no news
    old, new = _marks(rows, wanted, _ROW[:-1]), _marks(wanted, rows, _ROW[:-1])
    return _Changed(np.unique(rows["person_id"][old]), np.unique(wanted["person_id"][new]))


def _marks(rows: Rows, others: Rows, names: tuple[str, ...] = _ROW) -> Bools:
    """Return which rows are not among the others."""
    mine = row_hash({name: rows[name] for name in names}, len(rows["since"]))
    theirs = row_hash({name: others[name] for name in names}, len(others["since"]))
    return ~np.isin(mine, theirs)


def _demote(connection: Connection, edges: Ints, found: People) -> None:
    """Keep which edges do not count, and why."""
    columns = {"edge_id": edges[found.demoted], "reason": found.reason}
    before = _among(connection, demoted_edge, "edge_id", ["reason"], edges)
    if {*zip(*before.values(), strict=True)} == {*zip(*columns.values(), strict=True)}:
        return
    remove(connection, demoted_edge.c.edge_id, before["edge_id"])
    insert_columns(connection, demoted_edge, columns)


def _log(connection: Connection, identifiers: Ints) -> None:
    insert_columns(connection, change, {"kind": schema.CHANGE_PERSON, "ref": identifiers})
