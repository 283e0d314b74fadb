"""What `doctor` says of destinations: what they refused, what waits, what they did not count or keep.

Only where a conversion stands now is looked at: what was refused once and taken later is no fault any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, or_, select

from attribution import clock
from attribution.destinations.conversion import Change
from attribution.destinations.destination import Destination
from attribution.destinations.file import TEMPLATES, File
from attribution.destinations.registry import get_destination
from attribution.errors import InputError
from attribution.metrics.doctor import Check
from attribution.metrics.findings import Finding, Look
from attribution.money import money_words
from attribution.outbox.standing import newer
from attribution.outbox.states import THERE, State
from attribution.outbox.wanted import MONEY_KINDS
from attribution.store.schema import conversion, delivery

LONG: Final = clock.DAY  # that a delivery waits until it counts as stuck
_LIST: Final = "`attribution send {name} --status --list` names them with its words"
_REFUSED: Final = {  # code -> severity and what to do; others: warning, and mend it
    "not_its_id": ("notice", "nothing is to be done where these ids are of another system"),
    "too_old": ("notice", "nothing can be done for these; send sooner, or leave them out with --since"),
    "not_restated": ("notice", "it keeps what it has: correct it there by hand, or leave it"),
    "not_retracted": ("notice", "it keeps what it has: correct it there by hand, or leave it"),
    "before_click": ("warning", "mind the time zones of what you import"),
}
_MEND: Final = _LIST + "; mend what they lack, then: attribution send {name} --retry"
_UNCHANGEABLE: Final = ("not_restated", "not_retracted")
_PASSING: Final = frozenset({"cut", "malformed", "unreachable", "408", "425", "429"})  # and all from 500 on
_WRONG: Final = (State.QUEUED, State.SENT, State.HELD, State.REJECTED, State.DEAD)


def stuck_deliveries(look: Look) -> list[Finding]:
    """Count what was refused, given up or held, and what should have left long ago."""
    groups = _groups(look)
    found: list[Finding] = []
    for group in groups:
        if group.state == State.REJECTED:
            severity, hint = _REFUSED.get(group.code, ("warning", _MEND))
            about = f"{_were(group.number)} refused by {group.destination}: {_why(group)}"
        elif group.state == State.DEAD:
            severity, hint = "error", _MEND
            about = (
                f"{_conversions(group.number)} could not be told to {group.destination}, however often it "
                f"was tried: {_why(group)}"
            )
        elif group.state == State.HELD:
            words = group.words or _LIST
            severity, hint = "notice", f"{words}; every attribution send looks at them again"
            about = f"{_conversions(group.number)} cannot be told to {group.destination} now: {_why(group)}"
        else:
            continue
        found.append(Finding(severity, group.number, about, hint.replace("{name}", group.destination)))
    waiting = [group for group in groups if group.state in (State.QUEUED, State.SENT)]
    for name in dict.fromkeys(group.destination for group in waiting):
        mine = [group for group in waiting if group.destination == name]
        found += _waiting(name, mine, _last_taken(look, name))
    return found


def _groups(look: Look) -> Sequence[Any]:
    """Return how many conversions stand where with a destination, and why."""
    mine, now = delivery.c, clock.now_micros()
    by = (mine.destination, mine.state, mine.code)
    statement = (
        select(
            mine.destination,
            mine.state,
            func.coalesce(mine.code, "").label("code"),
            func.count().label("number"),
            func.count(case((mine.queued_at < now - LONG, 1))).label("old"),
            func.count(case((mine.due_at <= now, 1))).label("due"),
            func.min(mine.due_at).label("due_at"),
            func.max(mine.sent_at).label("sent_at"),
            func.max(mine.words).label("words"),
            func.min(mine.transaction_id).label("example"),
        )
        .where(mine.state.in_(_WRONG), _stands())
        .group_by(*by)
        .order_by(*by)
    )
    return look.connection.execute(statement).all()


def _last_taken(look: Look, name: str) -> int:
    taken = and_(delivery.c.destination == name, delivery.c.state.in_(THERE))
    return look.connection.execute(select(func.max(delivery.c.sent_at)).where(taken)).scalar_one() or 0


def _waiting(name: str, groups: Sequence[Any], last_taken: int) -> list[Finding]:
    """Tell of what waits for a destination: everything, where it took nothing the last time."""
    failed = max(
        (group for group in groups if group.code), key=lambda group: group.sent_at or 0, default=None
    )
    if failed is not None and (failed.sent_at or 0) > last_taken:
        number = sum(group.number for group in groups)
        words = f": {failed.words}" if failed.words else ""
        detail = (
            f"{_conversions(number)} {_wait(number)} for {name}, which took nothing when it was told the "
            f"last time, at {clock.iso(failed.sent_at)}: {failed.code}{words}"
        )
        return [Finding("warning", number, detail, _what_to_do(name, failed.code, failed.due_at))]
    found = []
    for group in groups:
        hint = _what_to_do(name, group.code, group.due_at)
        why = f": {_why(group)}" if group.code else f", such as {group.example}"
        if group.old:
            has = "has" if group.old == 1 else "have"
            words = f"{_conversions(group.old)} {has} been waiting for {name} for a day{why}"
            found.append(Finding("warning", group.old, words, hint))
        elif group.due and not group.code:
            words = f"{_conversions(group.due)} {_wait(group.due)} for {name} and {_was(group.due)} not told"
            found.append(Finding("notice", group.due, f"{words} yet{why}", hint))
    return found


def _what_to_do(name: str, code: str, due_at: int) -> str:
    if not code:
        return (
            f"type: attribution send {name}; where that ends with an error, "
            f"`attribution destinations check {name}` says what is missing"
        )
    if code in _PASSING or (code.isdigit() and int(code) >= 500):
        return f"it may pass; after {clock.iso(due_at)} type: attribution send {name}"
    return (
        f"`attribution destinations check {name}` tries whether you are let in and says what is missing; "
        f"mend that, then: attribution send {name}"
    )


# --- what is there, and was not counted -----------------------------------------------------------------


def uncounted_deliveries(look: Look) -> list[Finding]:
    """Count what destinations that tell took, and did not count, all or in part."""
    mine = delivery.c
    names = look.connection.execute(select(mine.destination).distinct()).scalars()
    telling = [name for name in names if _tells(look, name)]
    accepted = and_(mine.destination.in_(telling), mine.state == State.ACCEPTED, _stands())
    in_part = and_(accepted, mine.reference.is_not(None), mine.code.is_not(None))
    by = (mine.destination, mine.code)
    parts = select(*by, func.count()).where(in_part).group_by(*by).order_by(*by)
    found = [
        Finding(
            "warning", count,
            f"{_were(count)} accepted by {name} in requests of which it counted a part, and does not say "
            f"which: {code}",
            f"`attribution send {name} --status` says how many failed for which reason",
        )
        for name, code, count in look.connection.execute(parts)
    ]  # fmt: skip
    late = clock.now_micros() - LONG
    silent = (
        select(mine.destination, func.count(), func.min(mine.transaction_id))
        .where(
            accepted,
            or_(mine.settled_at.is_(None), mine.settled_at < late),
            or_(mine.reference.is_(None), mine.code.is_(None)),
        )
        .group_by(mine.destination)
        .order_by(mine.destination)
    )
    for name, count, example in look.connection.execute(silent).all():
        none = "" if _confirmed(look, name) else "; it has confirmed none at all"
        found.append(
            Finding(
                "warning", count,
                f"{_were(count)} accepted by {name} over a day ago and {_was(count)} not confirmed, such as "
                f"{example}{none}",
                f"accepted is not counted: compare with the conversions that the platform shows; each "
                f"`attribution send {name}` asks again, for seven days",
            )
        )  # fmt: skip
    return found


def _tells(look: Look, name: str) -> bool:
    """Say whether a destination tells later what it counted: by what it is, or since it did."""
    kind = _kind(name)
    return (kind is not None and kind.answers_after is not None) or _confirmed(look, name)


def _confirmed(look: Look, name: str) -> bool:
    counted = and_(delivery.c.destination == name, delivery.c.state == State.CONFIRMED)
    return look.connection.execute(select(delivery.c.delivery_id).where(counted).limit(1)).first() is not None


# --- what is there, and changed since -------------------------------------------------------------------


@dataclass
class _Kept:
    """What a destination keeps that the ledger has otherwise: minor units by currency."""

    number: int = 0
    more: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    less: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    example: str = ""

    def sums(self) -> str:
        """Write the differences, empty where nothing of it has a value."""
        told = [f"{money_words(minor, code)} more" for code, minor in sorted(self.more.items()) if minor]
        told += [f"{money_words(minor, code)} less" for code, minor in sorted(self.less.items()) if minor]
        return " and ".join(told)


def outdated_deliveries(look: Look) -> list[Finding]:
    """Add up what destinations keep of deals that changed, where they cannot be told.

    Whole values are compared with what the deal is worth now. Of credited ones only deals that are won no
    more count: what a model credits moves with every run.
    """
    kept: dict[str, _Kept] = {}
    for row in look.connection.execute(_changed()):
        needed = Change.RETRACTED if row.gone else Change.RESTATED
        if not row.refused and needed in _changes(row.destination, row.account):
            continue  # the next send tells it
        mine = kept.setdefault(row.destination, _Kept())
        mine.number += row.number
        mine.example = min(filter(None, (mine.example, row.example)))
        if row.had is not None and row.had == row.has:
            mine.more[row.had] += row.more
            mine.less[row.has] += row.less
        else:
            if row.had is not None:
                mine.more[row.had] += row.was
            if row.has is not None:
                mine.less[row.has] += row.value
    found = []
    for name, of in sorted(kept.items()):
        about = f"({_conversions(of.number)}, such as {of.example}): it cannot be told"
        sums = of.sums()
        detail = f"{name} keeps {sums} than the ledger has {about}"
        if not sums:
            detail = f"{name} keeps what is no conversion any more {about}"
        hint = "change it there by hand, or mind it when you compare its reports with the ledger"
        found.append(Finding("notice", of.number, detail, hint))
    return found


def _changed() -> Any:
    """Return what is there with another value than it has now, and of which nothing newer is under way."""
    there = delivery.c
    was, value = func.coalesce(there.value_minor, 0), _value()
    has = case((conversion.c.active == 1, conversion.c.currency))
    gone = conversion.c.active == 0
    whole = and_(conversion.c.kind.in_(MONEY_KINDS), there.model.is_(None), there.split == 0)
    differs = or_(was != value, func.coalesce(there.currency, "") != func.coalesce(has, ""))
    refused = and_(newer(_is_refused), ~newer(_is_no_refusal))
    each = (
        select(
            there.destination, there.account, there.transaction_id, there.currency.label("had"),
            has.label("has"), case((gone, 1), else_=0).label("gone"),
            case((refused, 1), else_=0).label("refused"), was.label("was"), value.label("value"),
        )
        .select_from(delivery.join(conversion, conversion.c.conversion_id == there.conversion_id))
        .where(
            there.state.in_(THERE),
            there.change != Change.RETRACTED,
            conversion.c.frozen.is_(None),
            or_(gone, and_(whole, differs)),
            or_(_stands(), refused),
        )
        .subquery("each")
        .c
    )  # fmt: skip
    by = (each.destination, each.account, each.had, each.has, each.gone, each.refused)
    return (
        select(
            *by, func.count().label("number"), func.min(each.transaction_id).label("example"),
            _sum(each.was).label("was"), _sum(each.value).label("value"),
            _sum(case((each.was > each.value, each.was - each.value), else_=0)).label("more"),
            _sum(case((each.value > each.was, each.value - each.was), else_=0)).label("less"),
        )
        .group_by(*by)
        .order_by(*by)
    )  # fmt: skip


def _stands() -> ColumnElement[bool]:
    """Return the condition that nothing newer was queued of a delivery's conversion, and not withdrawn."""
    return ~newer(lambda later: later.state != State.WITHDRAWN)


def _is_refused(later: Any) -> ColumnElement[bool]:
    return and_(later.state == State.REJECTED, func.coalesce(later.code, "").in_(_UNCHANGEABLE))


def _is_no_refusal(later: Any) -> ColumnElement[bool]:
    return and_(later.state != State.WITHDRAWN, ~_is_refused(later))


def _value() -> Any:
    """Return what a deal is worth now; nothing where it is won no more, or has no currency."""
    counts = and_(conversion.c.active == 1, conversion.c.currency.is_not(None))
    return case((counts, conversion.c.value_minor), else_=0)


def _sum(of: Any) -> Any:
    return cast(func.sum(of), BigInteger)


def _changes(name: str, account: str) -> Collection[Change]:
    """Return what can be told of a conversion that a destination has; all where nobody knows."""
    kind = _kind(name)
    if kind is not None and issubclass(kind, File):
        kind = TEMPLATES.get(account)  # which is what the account of a file is
    return tuple(Change) if kind is None else kind.changes


def _kind(name: str) -> type[Destination] | None:
    try:
        return get_destination(name)
    except InputError:  # another package's that is not installed any more
        return None


# --- words ----------------------------------------------------------------------------------------------


def _why(group: Any) -> str:
    return f"{group.code or 'no reason given'}, such as {group.example}"


def _conversions(number: int) -> str:
    return f"{number:,} conversion{'' if number == 1 else 's'}"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _were(number: int) -> str:
    return f"{_conversions(number)} {_was(number)}"


def _wait(number: int) -> str:
    return "waits" if number == 1 else "wait"


CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("stuck_deliveries", stuck_deliveries),
    ("uncounted_deliveries", uncounted_deliveries),
    ("outdated_deliveries", outdated_deliveries),
)
