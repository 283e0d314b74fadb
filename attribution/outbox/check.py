"""`destinations`: which there are, and whether one is set up: by a request that counts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Final

from attribution import clock
from attribution.destinations.conversion import Consent, Contact, Conversion, Signal, Visit
from attribution.destinations.destination import Destination
from attribution.destinations.registry import destination_names, get_destination
from attribution.errors import AttributionEngineError, InputError
from attribution.metrics.answer import Answer, Row
from attribution.outbox.target import Target, is_action, prepared, unclaimed_names
from attribution.outbox.telling import CutError
from attribution.pulls.credentials import LackingError
from attribution.pulls.http import Waits

READY: Final = "ready"
_LISTED: Final = dict.fromkeys(("destination", "label", "state", "needs", "clicks"), "text") | {
    "age_days": "count",
    "changes": "text",
    "reason": "text",  # last, since it may be long
}
_CHECKED: Final = dict.fromkeys(("destination", "step", "result", "words"), "text")


def destination_list() -> Answer:
    """Return what can be told, what each needs, and whether it has that.

    Returns:
        A row for each destination. `state` is `ready` or `not set up`, and `reason` says why it is not: the
        names of what is missing (`action_GOAL`: no goal counts as anything there), or the sentence about what
        is there and cannot be used. What is said of a destination that there is not is among the warnings.
    """
    rows: list[Row] = []
    for name in destination_names():
        try:
            kind = get_destination(name)
        except InputError as error:  # another package's, which cannot be used
            rows.append(dict.fromkeys(_LISTED, "") | {"destination": name, "label": name, "age_days": None,
                        "state": "not set up", "reason": str(error)})  # fmt: skip
            continue
        reason = _reason(kind.name)
        needs = [need.name if need.required else f"({need.name})" for need in (*kind.settings, *kind.secrets)]
        rows.append(
            {
                "destination": kind.name,
                "label": kind.label,
                "state": "not set up" if reason else READY,
                "needs": " ".join(needs),
                "clicks": " ".join(kind.click_kinds),
                "age_days": kind.age_days,
                "changes": ", ".join(sorted(kind.changes)),
                "reason": reason,
            }
        )
    ready = sum(row["state"] == READY for row in rows)
    return _answer("Destinations", rows, _LISTED, {"ready": ready}, _unclaimed())


def check(name: str, waits: Waits | None = None) -> Answer:
    """Try whether a destination lets us in; nothing is counted there.

    Args:
        name: of the destination.
        waits: how to wait for a token.

    Returns:
        A row for each step: `settings`, and `request` where the platform has a test mode; of a CRM one for
        each object that is written on, whose properties are asked for. `result` is `ok`, `refused` (with what
        is missing or malformed, or with the platform's words) or `not tried`.

    Raises:
        UnknownNameError: no such destination.
    """
    label = get_destination(name).label
    try:
        target = prepared(name)
    except InputError as error:
        found = [("settings", "refused", str(error)), ("request", "not tried", "the settings come first")]
    else:
        label = target.destination.label  # of a file the template's
        actions = ", ".join(f"{goal} as {line.action}" for goal, line in target.lines.items())
        found = [("settings", "ok", actions)]
        # of a CRM each object has properties of its own; elsewhere one request tells of all
        tried = [line.action for line in target.lines.values()]
        for action in tried if target.writes_back else tried[:1]:
            step = action if target.writes_back else "request"
            found.append((step, *_tried(target, action, waits)))
    rows: list[Row] = [
        {"destination": name, "step": step, "result": result, "words": words} for step, result, words in found
    ]
    refused = sum(row["result"] == "refused" for row in rows)
    return _answer(label, rows, _CHECKED, {"refused": refused})


def _answer(
    title: str,
    rows: list[Row],
    columns: Mapping[str, str],
    totals: Mapping[str, int],
    warnings: Sequence[str] = (),
) -> Answer:
    return Answer(
        verb="destinations",
        store="",
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals=dict(totals),
        warnings=list(warnings),
        columns=dict(columns),
        title=title,
    )


def _reason(name: str) -> str | None:
    """Return why a destination cannot be sent to, None where it can."""
    try:
        prepared(name).sender(None).close()  # it looks at addresses, folders and keys, and asks nobody
    except LackingError as error:
        return "lacks " + ", ".join("action_GOAL" if is_action(word) else word for word in error.names)
    except AttributionEngineError as error:
        return str(error)
    return None


def _unclaimed() -> list[str]:
    try:
        return unclaimed_names()
    except InputError:  # the file cannot be used, as each row says
        return []


def _tried(target: Target, action: str, waits: Waits | None) -> tuple[str, str]:
    """Return the result of a request that counts nothing, and the words."""
    destination = target.destination
    [request] = destination.requests([_example(destination, action)])
    harmless = destination.trial(request)
    if harmless is None:
        return "not tried", destination.untried
    try:
        sender = target.sender(waits)
    except InputError as error:
        return "refused", str(error)
    with closing(sender):
        try:
            [outcome] = destination.outcomes(harmless, sender.send(harmless))
        except (CutError, AttributionEngineError) as error:
            return "refused", sender.clean(str(error))
        if outcome.verdict in ("accepted", "confirmed", "duplicate"):
            return "ok", "the test request was accepted"
        return "refused", sender.clean(f"{outcome.code}: {outcome.words}")


def _example(destination: Destination, action: str) -> Conversion:
    """Return a conversion of nobody, of an hour ago."""
    now = clock.now_micros()
    return Conversion(
        f"attribution-check-{now // clock.SECOND}",
        action,
        now - clock.HOUR,
        100,
        "USD",
        clicks=dict.fromkeys(destination.click_kinds[:1], "attribution-check"),
        contact=Contact(emails=("check@example.com",)),
        visit=Visit(user_agent="attribution-check", client_ids={"_ga": f"1.{now // clock.SECOND}"}),
        consent=Consent(Signal.GRANTED, Signal.GRANTED),
    )
