"""`explain`: the evidence behind one deal, lead or touch; who was tied to whom, and where the money went."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, func, select

from attribution import clock
from attribution.errors import InputError, UnknownNameError
from attribution.identity.evidence import Evidence, account_members, people_of
from attribution.metrics import evidence_rows as read
from attribution.metrics.answer import Answer, Row
from attribution.metrics.explain_touch import touch_row
from attribution.money import money_text
from attribution.store.database import Database
from attribution.store.schema import adjustment, conversion, deal, identifier, lead, touch
from attribution.store.settings import Settings

KINDS: Final = ("deal", "lead", "touch")
MAX_PEOPLE: Final = 200  # of one deal: an account may have thousands of members
MAX_IDENTIFIERS: Final = 500
_ROLES: Final = {0: "CRM deal", 1: "CRM deal contact", 2: "CRM deal account"}


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


def _deal(
    connection: Connection, settings: Settings, key: str, warnings: list[str]
) -> tuple[Row, str | None]:
    one = _record(connection, deal, key, "deal")
    roles = read.contacts_of(connection, one)
    named = list(roles)
    for number, role in roles.items():
        if role == 2:  # neither lead nor e-mails: whoever belongs to its account
            named += account_members(connection, number)
    people = _few(people_of(connection, named).values(), warnings)
    record = read.lead_of_deal(connection, one)
    milestones = {
        "lead": _lead_milestone(connection, record),
        "opportunity": read.last_touch(connection, people, one.created_at_end),
        "won": read.last_touch(connection, people, one.closed_at) if one.status == "won" else None,
    }
    end = one.closed_at if one.closed_at is not None else clock.now_micros()
    won = _conversion(connection, "won", one.deal_id)
    currency = one.currency or settings.get("reporting_currency")
    touches, credits = _journey(connection, settings, "won", won, people, end, milestones, warnings)
    evidence = _evidence(connection, settings, people, warnings)
    target = f"deal {one.key}"
    for role, source in _ROLES.items():
        evidence.tie(target, source, [number for number, held in roles.items() if held == role])
    row = {
        "deal": _deal_fields(connection, one, won, record, currency),
        "identifiers": _identifiers(evidence, target, warnings),
        "touches": read.touch_rows(touches, credits, milestones, currency or ""),
        "milestones": read.milestone_rows(milestones),
        "unattributed": {"weights": credits.weights(0), "credits": credits.money(0, currency or "")},
    }
    return row, currency


def _lead(
    connection: Connection, settings: Settings, key: str, warnings: list[str]
) -> tuple[Row, str | None]:
    record = _record(connection, lead, key, "lead")
    people = sorted(set(people_of(connection, [record.identifier_id]).values()))
    milestones = {"lead": _lead_milestone(connection, record)}
    own = _conversion(connection, "lead", record.lead_id)
    end = record.created_at_end
    touches, credits = _journey(connection, settings, "lead", own, people, end, milestones, warnings)
    evidence = _evidence(connection, settings, people, warnings)
    target = record.identifier_id
    deals = read.deals_of_lead(connection, record)
    row = {
        "lead": _lead_fields(connection, record) | {"deals": [one.key for one in deals]},
        "identifiers": _identifiers(evidence, target, warnings),
        "touches": read.touch_rows(touches, credits, milestones, None),
        "milestones": read.milestone_rows(milestones),
        "unattributed": {"weights": credits.weights(0), "credits": credits.weights(0)},
    }
    return row, settings.get("reporting_currency")


def _touch(
    connection: Connection, settings: Settings, key: str, warnings: list[str]
) -> tuple[Row, str | None]:
    row = touch_row(connection, settings, key, warnings)
    if row is None:
        few = connection.execute(select(touch.c.touch_id).order_by(touch.c.n).limit(3)).scalars()
        raise _unknown("touch", key, _count(connection, touch), list(few))
    return row, settings.get("reporting_currency")


_Builder = Callable[[Connection, Settings, str, list[str]], tuple[Row, str | None]]
_BUILDERS: Final[dict[str, _Builder]] = {"deal": _deal, "lead": _lead, "touch": _touch}


def _journey(
    connection: Connection,
    settings: Settings,
    kind: str,
    own: Any | None,
    people: list[int],
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


def _evidence(connection: Connection, settings: Settings, people: list[int], warnings: list[str]) -> Evidence:
    evidence = Evidence.load(connection, people, zone=settings.require("timezone"))
    if evidence.cut:
        warnings.append(
            "a person here has more than 5,000 observations; the chains are drawn from the first 5,000"
        )
    return evidence


def _identifiers(evidence: Evidence, target: Any, warnings: list[str]) -> list[Row]:
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
    return read.last_touch(connection, people, record.created_at_end)


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


def _few(people: Iterable[int], warnings: list[str]) -> list[int]:
    few = sorted(set(people))
    if len(few) > MAX_PEOPLE:
        warnings.append(f"{len(few):,} people belong to this deal; the first {MAX_PEOPLE} are shown")
    return few[:MAX_PEOPLE]


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
    statement = select(identifier.c.value).where(identifier.c.identifier_id == number)
    return connection.execute(statement).scalar_one_or_none()
