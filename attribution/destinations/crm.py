"""What the CRMs have in common: fields that are written on their deals and leads, and what those are called.

A conversion is one deal or lead of the CRM. Its `transaction_id` is the CRM's own id and the goal, its
`action` the object that is written on, and its `details` hold the fields by our names. What is taken back
(`retracted`) is written empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.destination import Destination
from attribution.destinations.request import Outcome, Refusal, Reply, Request, Verdict
from attribution.errors import InputError, UnknownNameError
from attribution.pulls.credentials import Need

NO_PROPERTY: Final = "no_property"
API_VERSION: Final = "api_version"  # a setting that is no part of what properties are called
_SHOWN: Final = 4  # names in a message
_DEAL_GOALS: Final = frozenset({"revenue", "deals", "pipeline", "opportunities"})


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    INSTANT = "date and time"  # microseconds since 1970 UTC
    COUNT = "whole number"
    AMOUNT = "number"  # a Decimal


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is written.

    Attributes:
        kind: what it holds.
        about: what it is.
        deals_only: whether leads have none.
    """

    kind: Kind
    about: str
    deals_only: bool = False


FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "first_touch_at": Field(Kind.INSTANT, "when the first touch was"),
        "first_channel": Field(Kind.TEXT, "its channel"),
        "first_source": Field(Kind.TEXT, "its source"),
        "first_campaign": Field(Kind.TEXT, "its campaign"),
        "first_keyword": Field(Kind.TEXT, "its keyword"),
        "last_touch_at": Field(Kind.INSTANT, "when the last touch before the conversion was"),
        "last_channel": Field(Kind.TEXT, "its channel"),
        "last_source": Field(Kind.TEXT, "its source"),
        "last_campaign": Field(Kind.TEXT, "its campaign"),
        "last_keyword": Field(Kind.TEXT, "its keyword"),
        "touches": Field(Kind.COUNT, "how many touches the journey has"),
        "credited_channel": Field(Kind.TEXT, "the channel that the model credits most to"),
        "credited_campaign": Field(Kind.TEXT, "the campaign that the model credits most to"),
        "credited_value": Field(Kind.AMOUNT, "what the model credits to all touches, after refunds", True),
        "credited_currency": Field(Kind.TEXT, "its currency, ISO 4217", True),
        "model": Field(Kind.TEXT, "the model"),
    }
)


class Crm(Destination):
    """A CRM whose records are written on.

    A subclass names its objects and how a field is called and written there; of the answers it reads those
    to its requests, and what properties an object has.

    Attributes:
        objects: what can be written on -> whether that is a deal (else a lead).
        prefix: what properties begin with, unless a setting says otherwise.
        where: where properties are made, for messages.
        listed: the settings that say which fields are written, for messages.
    """

    takes_contacts: ClassVar[bool] = False
    without_click: ClassVar[bool] = True
    changes: ClassVar[frozenset[Change]] = frozenset({Change.RESTATED, Change.RETRACTED})
    revives: ClassVar[bool] = True
    objects: ClassVar[Mapping[str, bool]]
    prefix: ClassVar[str] = ""
    where: ClassVar[str]
    listed: ClassVar[str] = "`fields`"

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        # what is said wrong is told at once, what is not said when it is needed
        given = dict.fromkeys(map(self.fields_setting, self.objects))
        self._named_by = {name: self._named(self.setting(name)) for name in given if self.setting(name)}

    @property
    def account(self) -> str:
        """The first setting, and what properties are called, where that is said: others are written anew."""
        names = [need.name for need in self.settings[1:] if need.name != API_VERSION]
        told = "\n".join(map(self.setting, names))
        named = f":{hashlib.sha256(told.encode()).hexdigest()[:12]}" if told.strip() else ""
        return super().account + named

    def actions_for(self, named: Mapping[str, str]) -> dict[str, str]:
        """Return the object that each goal is written on: those that are named, else the usual ones.

        Raises:
            UnknownNameError: there is no such object.
            InputError: it is not of the goal's kind, two goals would be written on one object, or nobody can
                tell what its properties are called.
        """
        chosen = dict(named or self.actions)
        for goal, kind in chosen.items():
            mine = [name for name, of_deals in self.objects.items() if of_deals == (goal in _DEAL_GOALS)]
            if kind not in self.objects:
                raise UnknownNameError(f"object of {self.label} for action_{goal}", kind, mine)
            if kind not in mine:
                raise InputError(f"{goal} cannot be written on {kind}; allowed: {', '.join(mine)}")
        for kind in dict.fromkeys(chosen.values()):
            self.names(kind)
            goals = [goal for goal, on in chosen.items() if on == kind]
            if len(goals) > 1:
                raise InputError(
                    f"{' and '.join(goals)} would be written on the same {kind}, one over the other: "
                    f"name one of action_{', action_'.join(goals)}"
                )
        return chosen

    def fields_setting(self, kind: str) -> str:
        """Return the setting that says which fields of an object are written."""
        return "fields"

    # --- what is written --------------------------------------------------------------------------------

    def property_name(self, name: str, prefix: str) -> str:
        """Return what a field is called there, where no setting says so.

        Raises:
            InputError: nobody can tell.
        """
        return f"{prefix}{name}"

    def blank(self) -> Any:
        """Return what empties a property."""
        return None

    def written(self, kind: Kind, value: Any) -> Any:
        """Return a value, which there is, as the CRM takes it."""
        raise NotImplementedError

    def is_id(self, kind: str, text: str) -> bool:
        """Tell whether a text can be an id of an object there."""
        return text.isascii() and text.isdigit()

    def properties(self, conversion: Conversion) -> dict[str, Any]:
        """Return all properties of a deal or lead with what is to stand there."""
        empty = conversion.change is Change.RETRACTED
        found: dict[str, Any] = {}
        for name, theirs in self.names(conversion.action).items():
            value = None if empty else conversion.details.get(name)
            found[theirs] = self.blank() if value is None else self.written(FIELDS[name].kind, value)
        return found

    def names(self, kind: str) -> dict[str, str]:
        """Return what each field is called on an object."""
        deals, setting = self.objects[kind], self.fields_setting(kind)
        named = self._named_by[setting] if setting in self._named_by else self._named("")
        return {name: theirs for name, theirs in named.items() if deals or not FIELDS[name].deals_only}

    def _named(self, text: str) -> dict[str, str]:
        """Read which fields are written: names of ours, or `ours=theirs`; empty: all."""
        prefix = self.setting("prefix") or self.prefix
        if not text.strip():
            return {name: self.property_name(name, prefix) for name in FIELDS}
        found: dict[str, str] = {}
        for part in text.split(","):
            name, _, theirs = (word.strip() for word in part.partition("="))
            if not name:
                continue
            if name not in FIELDS:
                raise UnknownNameError(f"field in fields of {self.name}", name, FIELDS)
            found[name] = theirs or self.property_name(name, prefix)
        twice = sorted({theirs for theirs in found.values() if list(found.values()).count(theirs) > 1})
        if twice:
            raise InputError(f"fields of {self.name} names {', '.join(twice)} for several fields; one each")
        return found

    # --- before -------------------------------------------------------------------------------------

    def _by_consent(self, conversion: Conversion, now: int) -> Refusal | None:
        return None  # the CRM is one's own, and has the person already

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        text = crm_id(conversion)
        if self.is_id(conversion.action, text):
            return None
        return Refusal(
            "not_its_id",
            f"{text or conversion.transaction_id!r} is no id of {conversion.action} in {self.label}: it came "
            "from elsewhere, and is left alone",
        )

    def _by_time(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.change is Change.RETRACTED or conversion.details:
            return None
        return Refusal(
            "no_journey", "nothing is known any more of what brought it; the next `send` empties it"
        )

    # --- replies ------------------------------------------------------------------------------------

    def trial(self, request: Request) -> Request | None:
        """Return a request for the properties that an object has; nothing is written."""
        [kind] = dict.fromkeys(conversion.action for conversion in request.conversions)
        return self._asking(kind, request.conversions)

    def _asking(self, kind: str, conversions: tuple[Conversion, ...]) -> Request:
        """Return the request for the properties of an object."""
        raise NotImplementedError

    def _lacking(self, request: Request, there: Iterable[str]) -> list[Outcome]:
        """Say which properties an object lacks of those that would be written."""
        [kind] = dict.fromkeys(conversion.action for conversion in request.conversions)
        known = {name.lower() for name in there}
        wanted = self.names(kind).values()
        found = [name for name in wanted if name.lower() not in known]
        outcome = Outcome(Verdict.ACCEPTED)
        if found:
            rest = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            outcome = Outcome(
                Verdict.REJECTED,
                NO_PROPERTY,
                f"{kind} lack {len(found)} of {len(wanted)}: {', '.join(found[:_SHOWN])}{rest}; make them "
                f"({self.where}), or name in {self.listed} what is to be written",
            )
        return [outcome] * len(request.conversions)

    def _no_property(self, request: Request, words: str) -> list[Outcome]:
        """Return what follows where a property is missing: all wait until somebody makes it."""
        return [Outcome(Verdict.RETRY, NO_PROPERTY, self._advice(words))] * len(request.conversions)

    def _advice(self, words: str) -> str:
        """Return what is said of a missing property, and what to do about it."""
        return f"{words.rstrip('.')}; make it ({self.where}), or leave it out of {self.listed}"

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read what became of each record, or which properties there are."""
        if request.method == "GET":
            return self._tried(request, reply)
        return self._written(request, reply)

    def _tried(self, request: Request, reply: Reply) -> list[Outcome]:
        raise NotImplementedError

    def _written(self, request: Request, reply: Reply) -> list[Outcome]:
        raise NotImplementedError


def crm_id(conversion: Conversion) -> str:
    """Return the CRM's own id of a deal or lead.

    >>> crm_id(Conversion("4711:revenue", "deals", 0))
    '4711'
    """
    return conversion.transaction_id.rpartition(":")[0]


def by_object(conversions: Sequence[Conversion]) -> Iterator[tuple[str, list[Conversion]]]:
    """Sort conversions by the object that they are written on."""
    for kind in dict.fromkeys(conversion.action for conversion in conversions):
        yield kind, [conversion for conversion in conversions if conversion.action == kind]


def needs_of(prefix: str) -> tuple[Need, ...]:
    """Return the settings that CRMs with named properties have."""
    return (
        Need("prefix", f"what the properties begin with; {prefix} unless told", required=False, secret=False),
        Need(
            "fields",
            "what is written, with commas: `first_channel, touches`, or `first_channel=their_name`; "
            "all unless told",
            required=False,
            secret=False,
        ),
    )
