"""`explain`: the evidence behind one deal, lead or touch; who was tied to whom, and where the money went."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, Final

import networkx as nx
import numpy as np
from sqlalchemy import Column, Connection, Table, func, select

from attribution import clock
from attribution.errors import InputError, UnknownNameError
from attribution.identity.consent import consent_of, consent_words
from attribution.identity.evidence import people_of
from attribution.identity.network import network_of
from attribution.metrics import evidence_rows as read
from attribution.metrics.answer import Answer, Row
from attribution.metrics.decision_rows import decision_rows
from attribution.metrics.evidence_of import Behind, about, behind_deal, behind_lead, unused_rows
from attribution.metrics.evidence_rows import Counting
from attribution.metrics.explain_touch import read_touch, touch_row, whose_touch
from attribution.money import money_text
from attribution.store.database import Database
from attribution.store.identifiers import spelled
from attribution.store.schema import adjustment, conversion, deal, identifier, lead, touch
from attribution.store.settings import Settings

KINDS: Final = ("deal", "lead", "touch")
MAX_IDENTIFIERS: Final = 500


def explain(db: Database, what: str, key: str) -> Answer:
    """Return the evidence of one object: a single row, nested.

    Args:
        db: the store.
        what: `deal`, `lead` or `touch`.
        key: its id, as the files had it.

    Returns:
        an answer of one row; `deal` rows hold `deal identifiers touches milestones unattributed`, with
        `touches` in time order and in each the weight and the credit of every model of the configured
        lookback, scope and kinds.

    Raises:
        UnknownNameError: `what` is something else.
        InputError: there is no such object.
    """
    if what not in KINDS:
        raise UnknownNameError("object to explain", what, KINDS)
    with db.read() as connection:
        settings = Settings(connection)
        warnings: list[str] = []
        row, currency = _BUILDERS[what](connection, settings, key, warnings)
        goal = {"deal": "revenue", "lead": "leads"}.get(what)
        return Answer(
            verb="explain",
            store=db.label,
            as_of=clock.iso(clock.now_micros()),
            currency=currency,
            model=" ".join(_labels(row)) or None,
            goal=goal,
            lookback=settings.require("lookback"),
            scope=settings.require("scope"),
            rows=[row],
            totals=_totals(row),
            warnings=warnings,
            columns=dict.fromkeys(row, "mixed"),
            title=f"{what.capitalize()} {key}",
        )


def evidence_graph(db: Database, what: str, key: str) -> nx.MultiGraph[str]:
    """Return the evidence behind a deal, a lead or a touch as a graph, up to the record that it leads to.

    Nodes and edges are those of :func:`attribution.identity.network.network_of`.

    Raises:
        UnknownNameError: `what` is something else.
        InputError: there is no such object.
    """
    if what not in KINDS:
        raise UnknownNameError("object to explain", what, KINDS)
    warnings: list[str] = []
    with db.read() as connection:
        settings = Settings(connection)
        ends: list[Hashable]
        if what == "touch":
            one = read_touch(connection, key)
            if one is None:
                raise _no_touch(connection, key)
            whose = whose_touch(connection, settings, one, warnings)
            if whose is None:
                nobody: nx.MultiGraph[str] = nx.MultiGraph()
                nobody.graph.update(about(db, [*warnings, "this touch is nobody's"]))
                return nobody
            evidence, ends = whose.evidence, whose.targets
            evidence.tie(f"touch {key}", "its visitor", [one.visitor])
        else:
            record = _record(connection, deal if what == "deal" else lead, key, what)
            behind = (behind_deal if what == "deal" else behind_lead)(connection, settings, record, warnings)
            evidence, ends = behind.evidence, [behind.target]
    return network_of(
        evidence, ends=tuple(ends), title=f"What ties people to {what} {key}", about=about(db, warnings)
    )


def _deal(
    connection: Connection, settings: Settings, key: str, warnings: list[str]
) -> tuple[Row, str | None]:
    one = _record(connection, deal, key, "deal")
    behind = behind_deal(connection, settings, one, warnings)
    record = read.lead_of_deal(connection, one)
    everybody = behind.everybody
    milestones = {
        "lead": _lead_milestone(connection, record),
        "opportunity": read.last_touch(connection, everybody, one.created_at_end),
        "won": read.last_touch(connection, everybody, one.closed_at) if one.status == "won" else None,
    }
    end = one.closed_at if one.closed_at is not None else clock.now_micros()
    won = _conversion(connection, "won", one.deal_id)
    currency = one.currency or settings.get("reporting_currency")
    touches, credits = _journey(connection, settings, "won", won, behind.counting, end, milestones, warnings)
    row = {
        "deal": _deal_fields(connection, one, won, record, currency),
        "identifiers": _identifiers(behind, warnings),
        "touches": read.touch_rows(touches, credits, milestones, currency or ""),
        "milestones": read.milestone_rows(milestones),
        "unattributed": {"weights": credits.weights(0), "credits": credits.money(0, currency or "")},
        "unused_evidence": unused_rows(behind.evidence),
        "decisions": decision_rows(connection, behind.evidence.decisions),
    }
    return row, currency


def _lead(
    connection: Connection, settings: Settings, key: str, warnings: list[str]
) -> tuple[Row, str | None]:
    record = _record(connection, lead, key, "lead")
    behind = behind_lead(connection, settings, record, warnings)
    milestones = {"lead": _lead_milestone(connection, record)}
    own = _conversion(connection, "lead", record.lead_id)
    end = record.created_at_end
    touches, credits = _journey(connection, settings, "lead", own, behind.counting, end, milestones, warnings)
    people = np.array([one.person for one in behind.counting], np.int64)
    deals = read.deals_of_lead(connection, record)
    row = {
        "lead": _lead_fields(connection, record)
        | {"consent": consent_words(consent_of(connection, people).state[0])}
        | {"deals": [one.key for one in deals]},
        "identifiers": _identifiers(behind, warnings),
        "touches": read.touch_rows(touches, credits, milestones, None),
        "milestones": read.milestone_rows(milestones),
        "unattributed": {"weights": credits.weights(0), "credits": credits.weights(0)},
        "unused_evidence": unused_rows(behind.evidence),
        "decisions": decision_rows(connection, behind.evidence.decisions),
    }
    return row, settings.get("reporting_currency")


def _touch(
    connection: Connection, settings: Settings, key: str, warnings: list[str]
) -> tuple[Row, str | None]:
    row = touch_row(connection, settings, key, warnings)
    if row is None:
        raise _no_touch(connection, key)
    return row, settings.get("reporting_currency")


def _no_touch(connection: Connection, key: str) -> InputError:
    few = connection.execute(select(touch.c.touch_id).order_by(touch.c.n).limit(3)).scalars()
    return _unknown("touch", key, _count(connection, touch), list(few))


_Builder = Callable[[Connection, Settings, str, list[str]], tuple[Row, str | None]]
_BUILDERS: Final[dict[str, _Builder]] = {"deal": _deal, "lead": _lead, "touch": _touch}


def _journey(
    connection: Connection,
    settings: Settings,
    kind: str,
    own: Any | None,
    people: list[Counting],
    end: int,
    milestones: dict[str, read.Seen | None],
    warnings: list[str],
) -> tuple[list[read.Seen], read.Credits]:
    """Read a conversion's touches: those with credit, the milestones, and calls, chats, forms, meetings."""
    sets = read.journey_sets(connection, settings, kind)
    credits = read.Credits([], {}, {})
    numbers = {one.n for one in milestones.values() if one is not None}
    placed: dict[int, dict[str, str | None]] = {}
    kinds = set(read.MILESTONE_KINDS)
    if own is not None and sets:
        credits = read.credits_of(connection, sets, own.conversion_id)
        placed = read.journey_of(connection, sets, own.conversion_id)
        numbers |= set(placed) | (credits.touches - {0})
    if not credits.labels:
        kinds |= set(settings.require("kinds").split())
        if own is not None or kind == "lead":
            warnings.append(
                f"no credits are posted yet for the configured lookback {settings.require('lookback')} and "
                f"scope {settings.require('scope')}; run `attribution run`"
            )
    lookback = settings.require("lookback")
    start = None if lookback == "none" else end - clock.parse_duration(lookback)
    shown = {one.n: one for one in read.touches_of(connection, people, start, end, kinds)}
    shown.update((one.n, one) for one in read.touches_by_number(connection, numbers - set(shown)))
    final = [replace(one, placement=placed.get(one.n, one.placement)) for one in shown.values()]
    return sorted(final, key=lambda one: one.order), credits


def _identifiers(behind: Behind, warnings: list[str]) -> list[Row]:
    evidence, target = behind.evidence, behind.target
    nodes = sorted(evidence.nodes.values(), key=lambda node: (node.person, node.kind, node.value))
    mine = [node for node in nodes if node.person > 0]
    if len(mine) > MAX_IDENTIFIERS:
        warnings.append(f"{len(mine):,} identifiers; the first {MAX_IDENTIFIERS} are shown")
    return [
        {
            "kind": node.kind,
            "value": node.value,
            "evidence": evidence.sentences(node.number, target),
            "chain": evidence.story(node.number, target) if node.number != target else str(node),
        }
        for node in mine[:MAX_IDENTIFIERS]
    ]


def _deal_fields(
    connection: Connection, one: Any, won: Any | None, record: Any | None, currency: str | None
) -> Row:
    statement = select(adjustment).where(adjustment.c.deal_key == one.key)
    changes = connection.execute(statement.order_by(adjustment.c.at, adjustment.c.key)).all()
    same = sum(row.amount_minor for row in changes if row.currency == one.currency)
    net = won.value_minor if won is not None and won.active else (one.amount_minor or 0) + same
    return {
        "deal_id": one.key,
        "status": one.status,
        "kind": one.kind,
        "owner": one.owner,
        "account": _value(connection, one.account),
        "lead_id": record.key if record is not None else _value(connection, one.lead),
        "created_at": _iso(one.created_at),
        "closed_at": _iso(one.closed_at),
        "amount": _money(one.amount_minor, currency),
        "currency": currency,
        "adjustments": [
            {
                "adjustment_id": row.key,
                "at": clock.iso(row.at),
                "amount": money_text(row.amount_minor, row.currency),
                "currency": row.currency,
                "reason": row.reason,
            }
            for row in changes
        ],
        "value": _money(net, currency),
        "recurring_amount": _money(one.recurring_minor, currency),
        "recurring_interval": one.recurring_interval,
        "recurring_from": _iso(one.recurring_from),
        "recurring_until": _iso(one.recurring_until),
    }


def _lead_fields(connection: Connection, record: Any) -> Row:
    times = ("created_at", "mql_at", "sqo_at", "disqualified_at", "requested_at", "responded_at")
    known = ("visitor", "email", "phone", "account")
    return {
        "lead_id": record.key,
        "owner": record.owner,
        "industry": record.industry,
        **{name: _value(connection, getattr(record, name)) for name in known},
        **{name: _iso(getattr(record, name)) for name in times},
        "response_outcome": record.response_outcome,
    }


def _lead_milestone(connection: Connection, record: Any | None) -> read.Seen | None:
    if record is None:
        return None
    people = people_of(connection, [record.identifier_id]).values()
    return read.last_touch(connection, map(Counting, people), record.created_at_end)


def _conversion(connection: Connection, kind: str, object_id: int) -> Any | None:
    statement = select(conversion).where(conversion.c.kind == kind, conversion.c.object_id == object_id)
    return connection.execute(statement).one_or_none()


def _record(connection: Connection, table: Table, key: str, what: str) -> Any:
    """Read a record by its own id, or say which ids are near."""
    found = connection.execute(select(table).where(table.c.key == key)).one_or_none()
    if found is None:
        raise _unknown(what, key, _count(connection, table), _near(connection, table.c.key, key))
    return found


def _near(connection: Connection, column: Column[Any], key: str) -> list[str]:
    """Return ids that differ in case only, and the neighbours in sort order: an index finds them."""
    same = select(column).where(func.lower(column) == key.lower()).limit(3)
    after = select(column).where(column > key).order_by(column).limit(2)
    before = select(column).where(column < key).order_by(column.desc()).limit(2)
    found = [str(k) for part in (same, before, after) for k in connection.execute(part).scalars()]
    return list(dict.fromkeys(found))[:4]


def _unknown(what: str, key: str, count: int, near: list[str]) -> InputError:
    many = f"{what}es" if what == "touch" else f"{what}s"
    if count == 0:
        return InputError(
            f"no {what} {key!r}: the store holds no {many}; import some with `attribution import`"
        )
    # touch ids have no index to find neighbours by
    like = "ids look like" if what == "touch" else "ids near it"
    return InputError(f"no {what} {key!r} among the store's {count:,} {many}; {like}: {', '.join(near)}")


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _labels(row: Row) -> list[str]:
    return list(row.get("unattributed", {}).get("weights", {}))


def _totals(row: Row) -> Row:
    if "deal" in row:
        return {"value": row["deal"]["value"]}
    return {"value": 1} if "lead" in row else {}


def _money(minor: int | None, currency: str | None) -> str:
    return money_text(minor or 0, currency) if currency else "0.00"


def _iso(at: int | None) -> str | None:
    return None if at is None else clock.iso(at)


def _value(connection: Connection, number: int | None) -> str | None:
    if number is None:
        return None
    statement = select(spelled()).where(identifier.c.identifier_id == number)
    return connection.execute(statement).scalar_one_or_none()
