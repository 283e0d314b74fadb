"""Who is who in a store: new evidence is taken up, and people change where it says so.

A person is a function of all evidence of its cluster (what any evidence ties together, used or not), so a
batch works out the clusters that it meets, as a whole, and no others: that equals resolving everything
from nothing. Rules that changed do resolve everything.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, delete, func, select

from attribution.identity import memberships
from attribution.identity.accounts import moving
from attribution.identity.decisions import NO_DECISIONS, in_force
from attribution.identity.graph import Ints
from attribution.identity.memberships import Memberships
from attribution.identity.people import clusters, disputes, find_people
from attribution.identity.reading import Nearby, Said, read_around, read_everything, read_graph
from attribution.identity.rules import Rules
from attribution.loading.call_ties import is_grace_behind, retie_if_grace_changed
from attribution.loading.evidence import RESOLVED_AFFILIATION, RESOLVED_EDGE
from attribution.sorted_sets import as_set, intersection, union
from attribution.store import schema
from attribution.store.columns import FEW, insert_columns, read_few, read_ints, remove
from attribution.store.identifiers import are_marks_behind, find_identifiers, mark_again
from attribution.store.identity_settings import LIMITED
from attribution.store.keys import find
from attribution.store.schema import affiliation, change, demoted_edge, edge, membership, unresolved
from attribution.store.settings import Settings

IDENTITY_VERSION: Final = 3  # of the rules; recorded with each run
_EDGES: Final = RESOLVED_EDGE
_AFFILIATIONS: Final = RESOLVED_AFFILIATION
_RULES: Final = "_resolved_rules"


def resolve(connection: Connection, settings: Settings) -> int:
    """Take up the evidence that came since the last time; returns how many people changed.

    Logs each person that gained or lost something, so that runs look at their conversions again.
    """
    rules = Rules.of(settings)
    retie_if_grace_changed(connection, settings)
    marked_anew = mark_again(connection, settings)
    version = f"{IDENTITY_VERSION} {rules.fingerprint}"
    everything = marked_anew or settings.internal(_RULES) != version
    new = _new_evidence(connection, settings, everything)
    if not (everything or len(new.seeds)):
        return 0
    decisions = in_force(connection) if new.decided else NO_DECISIONS
    said = Said(decisions, _nobody(connection, settings, rules))
    nearby = read_everything(connection, said) if everything else read_around(connection, new.seeds, said)
    wanted, demoted = _people(connection, nearby, rules, said)
    about = None if everything else union(nearby.nodes, new.seeds)
    changed = memberships.replace(connection, wanted, about)
    _demote(connection, demoted, nearby.edges)
    if new.credited:  # where nothing was ever credited, everything is looked at
        log = union(union(changed, new.touched), moving(connection, nearby.nodes))
        insert_columns(connection, change, {"kind": schema.CHANGE_PERSON, "ref": log})
        if marked_anew:  # whose company is whose, which no person tells
            insert_columns(connection, change, {"kind": [schema.CHANGE_ALL], "ref": 0})
    if new.again:
        connection.execute(delete(unresolved))
    for name, value in ((_EDGES, new.edge), (_AFFILIATIONS, new.affiliation), (_RULES, version)):
        if settings.internal(name) != str(value):
            settings.put_raw(name, str(value))
    return len(intersection(changed, wanted.everybody))


def is_behind(connection: Connection, settings: Settings) -> bool:
    """Tell whether evidence came, or rules changed, that nobody has taken up yet."""
    version = f"{IDENTITY_VERSION} {Rules.of(settings).fingerprint}"
    worked_out = select(membership.c.identifier_id).limit(1)
    if is_grace_behind(settings):
        return True
    if (are_marks_behind(settings) or settings.internal(_RULES) != version) and (
        connection.execute(worked_out).first() is not None
    ):
        return True
    for name, column in ((_EDGES, edge.c.edge_id), (_AFFILIATIONS, affiliation.c.affiliation_id)):
        last = connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one()
        if int(last) > int(settings.internal(name) or 0):
            return True
    return connection.execute(select(unresolved.c.identifier_id).limit(1)).first() is not None


class _New(NamedTuple):
    """What came since the last time.

    Attributes:
        seeds: int64, identifiers whose clusters must be worked out.
        touched: int64, identifiers and companies that evidence ties.
        again: whether somebody asked for some of the seeds.
        decided: whether anybody ever decided who is who.
        credited: whether anything was ever credited.
        edge, affiliation: the last number of each.
    """

    seeds: Ints
    touched: Ints
    again: bool
    decided: bool
    credited: bool
    edge: int
    affiliation: int


def _new_evidence(connection: Connection, settings: Settings, everything: bool) -> _New:
    numbers = (
        edge.c.edge_id, affiliation.c.affiliation_id, unresolved.c.identifier_id,
        schema.decision.c.decision_id, schema.credit_set.c.credit_set_id,
    )  # fmt: skip
    newest = (select(func.coalesce(func.max(number), 0)).scalar_subquery() for number in numbers)
    newest_edge, newest_affiliation, asked, decided, credited = connection.execute(select(*newest)).one()
    last = {_EDGES: int(newest_edge), _AFFILIATIONS: int(newest_affiliation)}
    seen = {name: int(settings.internal(name) or 0) for name in last}
    again = np.zeros(0, np.int64)
    if asked:
        again = read_ints(connection, select(unresolved.c.identifier_id), ["i"])["i"]
    ends, touched = [again], again[:0]
    if last[_EDGES] > seen[_EDGES] and not everything:
        if last[_EDGES] - seen[_EDGES] <= FEW:
            few = np.arange(seen[_EDGES] + 1, last[_EDGES] + 1)
            found = read_few(connection, edge.c.edge_id, ("a", "b"), few)
        else:
            many = select(edge.c.a, edge.c.b).where(edge.c.edge_id > seen[_EDGES])
            found = read_ints(connection, many, ["a", "b"])
        ends += [found["a"], found["b"]]
    if last[_AFFILIATIONS] > seen[_AFFILIATIONS]:
        named = select(affiliation.c.identifier_id, affiliation.c.account)
        pairs = read_ints(
            connection, named.where(affiliation.c.affiliation_id > seen[_AFFILIATIONS]), ["i", "account"]
        )
        # these tie nobody together, but a deal may count on a company's members: each is a person, even where
        # nothing else is known of it
        ends.append(pairs["i"])
        touched = union(pairs["i"], pairs["account"])
    return _New(
        as_set(np.concatenate(ends)), touched, len(again) > 0, decided > 0, credited > 0, last[_EDGES],
        last[_AFFILIATIONS],
    )  # fmt: skip


def _nobody(connection: Connection, settings: Settings, rules: Rules) -> Ints:
    """Return the identifiers of the store that the settings say name nobody."""
    from attribution.identifiers import KIND_NAMES

    if not rules.blocked:
        return np.zeros(0, np.int64)
    found = [
        find_identifiers(connection, settings, kind, sorted(rules.blocked))
        for kind, name in KIND_NAMES.items()
        if name in LIMITED
    ]
    numbers = as_set(np.concatenate(found))
    return numbers[numbers > 0]


def _people(
    connection: Connection, nearby: Nearby, rules: Rules, said: Said
) -> tuple[Memberships, dict[str, Ints]]:
    """Return who is who in some clusters, and the edges that are not used."""
    cluster = clusters(nearby.outline)
    disputed = disputes(nearby.outline, rules, cluster)
    open_to_rules = disputed[cluster]
    plain = np.flatnonzero(~open_to_rules)
    nodes = nearby.nodes
    simple = Memberships.plain(nodes[plain], nodes[cluster[plain]])
    chosen = np.flatnonzero(open_to_rules)
    if not len(chosen):
        return simple, {"edge_id": chosen, "reason": chosen}
    graph, edges = read_graph(connection, nearby, chosen, said)
    found = find_people(graph, rules)
    mine = nodes[chosen]
    theirs = np.flatnonzero(~graph.blocked[found.node])  # what is nobody's makes nobody
    node, since, until, person = (
        values[theirs] for values in (found.node, found.since, found.until, found.person)
    )
    settled = Memberships.of(mine[node], since, until, mine[person])
    numbers, reason = edges[found.demoted], found.reason
    return simple.with_(settled), {"edge_id": numbers[numbers > 0], "reason": reason[numbers > 0]}


def _demote(connection: Connection, demoted: dict[str, Ints], edges: Ints | None) -> None:
    """Keep which of some edges (None: of all) do not count, and why."""
    if edges is None:
        connection.execute(delete(demoted_edge))
    else:
        before = find(connection, demoted_edge, demoted_edge.c.edge_id, ["reason"], edges, exact=True)
        if {*zip(*before.values(), strict=True)} == {*zip(*demoted.values(), strict=True)}:
            return
        remove(connection, demoted_edge.c.edge_id, before["edge_id"])
    order = np.argsort(demoted["edge_id"])
    insert_columns(connection, demoted_edge, {name: values[order] for name, values in demoted.items()})
