"""A destination with all that it needs, and what each goal counts as there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from attribution.destinations.crm import Crm
from attribution.destinations.destination import Destination
from attribution.destinations.file import File
from attribution.destinations.registry import destination_names, get_destination
from attribution.destinations.request import Request
from attribution.errors import InputError
from attribution.metrics.answer import Row
from attribution.outbox.file_sender import FileSender, shown_file
from attribution.outbox.queue import Line
from attribution.outbox.sender import HttpSender, shown, way_in
from attribution.pulls.credentials import Credentials, Need, load_credentials, unclaimed
from attribution.pulls.http import Waits
from attribution.store.settings import GOALS

SECTIONS: Final = "send_"  # what the section of a destination begins with
_ACTION: Final = "action_{}"


@dataclass(frozen=True)
class Target:
    """A destination with all that it has to be told, and a line for each goal."""

    destination: Destination
    credentials: Credentials
    lines: Mapping[str, Line]  # by goal

    @property
    def writes_back(self) -> bool:
        """Whether it is a CRM, whose records are written on, and no platform that counts conversions."""
        return isinstance(self.destination, Crm)

    def sender(self, waits: Waits | None) -> HttpSender | FileSender:
        """Return what takes requests there.

        Raises:
            InputError: a secret cannot be used, or there is no such folder.
        """
        if isinstance(self.destination, File):
            return FileSender(self.destination)
        return HttpSender(self.destination, self.credentials, waits)

    def shown(self, request: Request) -> Row:
        """Return a request as a dry run prints it, secrets hidden."""
        if isinstance(self.destination, File):
            return shown_file(self.destination, request)
        return shown(self.destination, request, self.credentials)


def prepared(name: str) -> Target:
    """Find what a destination needs, and what each goal counts as there.

    Raises:
        UnknownNameError: no such destination.
        InputError: something is missing; says where it may stand.
    """
    kind = get_destination(name)
    actions = _actions(kind)
    credentials = load_credentials(
        f"{SECTIONS}{name}",
        (*kind.settings, *kind.secrets, *actions),
        # what a template of files counts goals as is known when it is made
        any_of=() if kind.actions or issubclass(kind, File) else [need.name for need in actions],
        others=[f"{SECTIONS}{other}" for other in destination_names()],
    )
    way_in(kind.access, credentials)
    values = credentials.values
    settings = {need.name: values[need.name] for need in kind.settings if need.name in values}
    destination = kind(settings)
    named = {goal: credentials.value(_ACTION.format(goal)) or "" for goal in GOALS}
    actions_by_goal = destination.actions_for({goal: action for goal, action in named.items() if action})
    chosen = {goal: actions_by_goal.get(goal, "") for goal in GOALS}
    lines = {
        goal: Line(name, destination.account, action, goal, destination.changes, destination.revives)
        for goal, action in chosen.items()
        if action
    }
    if not lines:
        raise credentials.lacking([_ACTION.format("revenue")])
    _told_once(name, list(lines))
    return Target(destination, credentials, lines)


def unclaimed_names() -> list[str]:
    """Tell of variables and sections that look like a destination's and are of none, a sentence for each.

    Raises:
        InputError: the file of credentials cannot be used.
    """
    names: dict[str, list[str]] = {}
    for name in destination_names():
        try:
            kind = get_destination(name)
            needs = (*kind.settings, *kind.secrets, *_actions(kind))
        except InputError:  # another package's, which says elsewhere what is wrong with it
            needs = ()
        names[f"{SECTIONS}{name}"] = [need.name for need in needs]
    return unclaimed(SECTIONS, names)


def is_action(name: str) -> bool:
    """Tell whether a name is that of an action.

    >>> is_action("action_revenue"), is_action("customer_id")
    (True, False)
    """
    return name in map(_ACTION.format, GOALS)


def _actions(kind: type[Destination]) -> tuple[Need, ...]:
    """Return what says what each goal counts as there; the example, `revenue`, is the first."""
    return tuple(
        Need(
            _ACTION.format(goal),
            f"what {of.label.lower()} count as there",
            required=False,
            secret=False,
            form=kind.action_form,
        )
        for goal, of in GOALS.items()
    )


def _told_once(name: str, goals: Sequence[str]) -> None:
    """Refuse goals that are of the same leads or deals: each would count twice."""
    of_kind: dict[str, str] = {}
    for goal in goals:
        other = of_kind.setdefault(GOALS[goal].kind, goal)
        if other != goal:
            raise InputError(
                f"{name}: {_ACTION.format(other)} and {_ACTION.format(goal)} are of the same deals, each of "
                "which would count twice; name one of them"
            )
