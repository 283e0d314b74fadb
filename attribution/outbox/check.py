"""`destinations`: which there are, and whether one is set up: by a request that counts nothing."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from attribution import clock
from attribution.destinations.conversion import Consent, Contact, Conversion, Signal, Visit
from attribution.destinations.crm import Crm
from attribution.destinations.destination import Destination
from attribution.destinations.registry import destination_names, get_destination
from attribution.errors import AttributionEngineError, InputError
from attribution.metrics.answer import Answer, Row
from attribution.outbox.deliver import CutError
from attribution.outbox.target import Target, prepared
from attribution.pulls.http import Waits

_COLUMNS: Final = ("destination", "step", "result", "words")


def destination_list() -> Answer:
    """Return what can be told, what each needs, and whether it has that."""
    rows: list[Row] = []
    for kind in map(get_destination, destination_names()):
        try:
            prepared(kind.name)
            state = "ready"
        except InputError:
            state = "not set up"
        needs = [need.name if need.required else f"({need.name})" for need in (*kind.settings, *kind.secrets)]
        rows.append(
            {
                "destination": kind.name,
                "label": kind.label,
                "state": state,
                "needs": " ".join(needs),
                "clicks": " ".join(kind.click_kinds),
                "age_days": kind.age_days,
                "changes": ", ".join(sorted(kind.changes)),
            }
        )
    return Answer(
        verb="destinations",
        store="",
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals={"ready": sum(row["state"] == "ready" for row in rows)},
        columns=dict.fromkeys(("destination", "label", "state", "needs", "clicks"), "text")
        | {"age_days": "count", "changes": "text"},
        title="Destinations",
    )


def check(name: str, waits: Waits | None = None) -> Answer:
    """Try whether a destination lets us in; nothing is counted there.

    Args:
        name: of the destination.
        waits: how to wait for a token.

    Returns:
        A row for each step: `settings`, and `request` where the platform has a test mode; of a CRM one for
        each object that is written on, whose properties are asked for. `result` is `ok`, `refused` (with the
        platform's words) or `not tried`.

    Raises:
        UnknownNameError: no such destination.
        InputError: something that it needs is missing.
    """
    target = prepared(name)
    destination = target.destination
    actions = ", ".join(f"{goal} as {line.action}" for goal, line in target.lines.items())
    rows = [{"destination": name, "step": "settings", "result": "ok", "words": actions}]
    # of a CRM each object has properties of its own; elsewhere one request tells of all
    tried = [line.action for line in target.lines.values()]
    for action in tried if isinstance(destination, Crm) else tried[:1]:
        step = action if isinstance(destination, Crm) else "request"
        rows.append({"destination": name, "step": step} | _tried(target, destination, action, waits))
    return Answer(
        verb="destinations",
        store="",
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals={"refused": sum(row["result"] == "refused" for row in rows)},
        columns=dict.fromkeys(_COLUMNS, "text"),
        title=f"{destination.label}",
    )


def _tried(target: Target, destination: Destination, action: str, waits: Waits | None) -> dict[str, str]:
    [request] = destination.requests([_example(destination, action)])
    harmless = destination.trial(request)
    if harmless is None:
        words = f"{destination.label} has no test mode that is known here; send one with --limit 1"
        return {"result": "not tried", "words": words}
    with closing(target.sender(waits)) as sender:
        try:
            [outcome] = destination.outcomes(harmless, sender.send(harmless))
        except (CutError, AttributionEngineError) as error:
            return {"result": "refused", "words": sender.clean(str(error))}
        if outcome.verdict in ("accepted", "confirmed", "duplicate"):
            return {"result": "ok", "words": "the test request was accepted"}
        return {"result": "refused", "words": sender.clean(f"{outcome.code}: {outcome.words}")}


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
