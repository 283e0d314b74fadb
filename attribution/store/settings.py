"""What a store is configured to do: declared once, kept in the store as text.

Every setting has a parser that refuses what cannot be meant, so that a bad value is told when it is
set and never when a report is wanted.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from attribution import clock
from attribution.channels.origin import TOUCH_KINDS
from attribution.defaults import DEFAULT_KINDS, DEFAULT_MODELS
from attribution.errors import InputError, UnknownNameError
from attribution.money import minor_digits
from attribution.store.channel_settings import RULES_IN_FILES, parse_rules, parse_sources, rules_text
from attribution.store.identity_settings import (
    parse_blocked,
    parse_free_mail,
    parse_limits,
    parse_region,
    parse_role_mailboxes,
)
from attribution.store.model_settings import MODEL_SETTINGS, models_text, parse_model, parse_models
from attribution.store.schema import setting

FINGERPRINT: Final = "_fingerprint"  # of the content that was imported; the engine's own
RAN_AT: Final = "_ran_at"  # when the last run ended, in microseconds; also one that had nothing to post
SCOPES: Final = ("contacts", "account", "primary")
_DOMAIN: Final = re.compile(r"[\w-]+(\.[\w-]+)*(:\d+)?")


@dataclass(frozen=True)
class Goal:
    """What counts as a conversion, and whether its money or its number is asked for."""

    name: str
    kind: str  # of conversion: goals of one kind share journeys and ledger entries
    money: bool
    label: str


GOALS: Final = {
    goal.name: goal
    for goal in (
        Goal("revenue", "won", True, "Revenue of won deals"),
        Goal("deals", "won", False, "Won deals"),
        Goal("pipeline", "created", True, "Amount of created deals"),
        Goal("opportunities", "created", False, "Created deals"),
        Goal("leads", "lead", False, "Leads"),
        Goal("mql", "mql", False, "Marketing qualified leads"),
        Goal("sqo", "sqo", False, "Sales qualified opportunities"),
    )
}


def _names(allowed: Mapping[str, object] | tuple[str, ...], what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        names = text.replace(",", " ").split()
        for name in names:
            if name not in allowed:
                raise UnknownNameError(what, name, list(allowed))
        if not names:
            raise InputError(f"no {what} given; allowed: {', '.join(allowed)}")
        return " ".join(name for name in allowed if name in names)  # one spelling for one set

    return parse


def _one_of(allowed: Mapping[str, object] | tuple[str, ...], what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.strip() not in allowed:
            raise UnknownNameError(what, text.strip(), list(allowed))
        return text.strip()

    return parse


def parse_lookback(text: str) -> str:
    """Check a lookback window: a duration such as `90d`, or `none` for all touches ever."""
    text = text.strip().lower()
    return text if text == "none" else clock.duration_text(clock.parse_duration(text))


def _currency(text: str) -> str:
    minor_digits(text)
    return text


def _timezone(text: str) -> str:
    clock.zone(text)
    return text


def _domains(text: str) -> str:
    names = dict.fromkeys(text.replace(",", " ").lower().split())
    for name in names:
        if not _DOMAIN.fullmatch(name):
            raise InputError(
                f"{name!r} is not a domain; allowed are names such as acme.com, without https:// and path"
            )
    return " ".join(names)


def _whole(text: str) -> str:
    if not text.strip().isdecimal() or not 0 < int(text) < 10**9:
        raise InputError(f"{text!r} is no number of people; allowed are whole numbers from 1")
    return str(int(text))


def _duration(text: str) -> str:
    return clock.duration_text(clock.parse_duration(text))


def _grace(text: str) -> str:
    return clock.duration_text(clock.parse_duration(text, least=0))


@dataclass(frozen=True)
class Declaration:
    """One setting: its parser, its default (None = not set) and what it means."""

    name: str
    parse: Callable[[str], str]
    default: str | None
    meaning: str
    restates: bool = False  # changing it makes posted results stale: the next run looks at everything


SETTINGS: Final = {
    d.name: d
    for d in (
        Declaration(
            "reporting_currency", _currency, None,
            "ISO 4217 code that reports add up in; fixed at the first run "
            "(default: the only currency there is)",
            restates=True,
        ),
        Declaration(
            "timezone", _timezone, "UTC", "IANA zone of the days in reports and of bare dates in imports",
            restates=True,  # the day of a closing decides its exchange rate
        ),
        Declaration("region", parse_region, None, "country of phone numbers without a prefix, such as GB"),
        Declaration(
            "own_domains", _domains, None, "your own sites: referrals among them are no new source",
        ),
        Declaration(
            "channel_rules", parse_rules, None,
            "your own channel rules, before or after those of the package: [[channel_rule]] tables in a file",
        ),
        Declaration(
            "handback_hosts", _domains, None,
            "further payment and login pages, which hand visitors back: no source; -HOST takes one out",
        ),
        Declaration(
            "sources", parse_sources, None,
            "further hosts with their category, as forum.acme.io=social or HOST=NAME:CATEGORY",
        ),
        Declaration("models", parse_models, " ".join(DEFAULT_MODELS), "models that `run` posts credits for"),
        Declaration("model", parse_model, "linear", "the model that reports show when none is named"),
        Declaration(
            "goals", _names(GOALS, "goal"), "revenue deals leads", "goals that `run` posts credits for",
        ),
        Declaration(
            "goal", _one_of(GOALS, "goal"), "revenue", "the goal that reports show when none is named",
        ),
        Declaration("lookback", parse_lookback, "365d", "how long before a conversion a touch counts"),
        Declaration(
            "impression_lookback", parse_lookback, "1d", "the same for impressions, where --kinds names them",
            restates=True,  # it is no part of a credit set's name
        ),
        Declaration(
            "scope", _one_of(SCOPES, "scope"), "contacts",
            "whose touches count for a deal: contacts, account (all its members) or primary",
        ),
        Declaration(
            "identity_limits", parse_limits, "user=1 contact=1 email=5 phone=5 lead=20 visitor=100",
            "how many identifiers of a kind one person may hold, of contacts in each CRM; those not named "
            "keep their defaults",
        ),
        Declaration(
            "shared_people", _whole, "5",
            "a phone or e-mail that ties more people than these within `shared_within` is shared: it ties "
            "nobody",
        ),
        Declaration("shared_within", _duration, "30d", "the time in which `shared_people` are counted"),
        Declaration(
            "role_mailboxes", parse_role_mailboxes, None,
            "further mailboxes that several people read, beside info, sales and the like; -NAME takes one "
            "out",
        ),
        Declaration(
            "free_mail", parse_free_mail, None,
            "further domains of mail providers, which are no company's; -DOMAIN takes one out",
        ),
        Declaration(
            "blocked_identifiers", parse_blocked, None,
            "further values that name nobody, beside null, unknown and the like",
        ),
        Declaration(
            "call_grace", _grace, "24h",
            "how long after its lease a call to a tracking number is still its visitor's",
        ),
        Declaration(
            "session_gap", _duration, "30m", "a longer pause between page views ends a session",
        ),
        Declaration(
            "kinds", _names(TOUCH_KINDS, "touch kind"), " ".join(DEFAULT_KINDS),
            "kinds of touch that enter journeys",
        ),
    )
}  # fmt: skip


class Settings:
    """The settings of one store, read and written through a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        rows = connection.execute(select(setting.c.name, setting.c.value)).all()
        self._stored: dict[str, str] = {row.name: row.value for row in rows}

    def get(self, name: str) -> str | None:
        """Return a setting's value, or its default."""
        return self._stored.get(name, declaration(name).default)

    def require(self, name: str) -> str:
        """Return a setting's value where a default exists."""
        value = self.get(name)
        if value is None:
            raise InputError(
                f"setting {name} has no value; set one with: attribution config set {name} VALUE"
            )
        return value

    def is_set(self, name: str) -> bool:
        """Tell whether the store holds a value of its own."""
        return name in self._stored

    def set(self, name: str, value: str) -> str:
        """Check and keep a value; returns it as kept."""
        parsed = declaration(name).parse(value)
        self.put_raw(name, parsed)
        return parsed

    def internal(self, name: str) -> str | None:
        """Return a value that the engine keeps for itself (its name starts with `_`)."""
        return self._stored.get(name)

    def put_raw(self, name: str, value: str) -> None:
        """Keep a value that was checked elsewhere."""
        known = update(setting).where(setting.c.name == name).values(value=value)
        if not self._connection.execute(known).rowcount:
            self._connection.execute(insert(setting).values(name=name, value=value))
        self._stored[name] = value


def declaration(name: str) -> Declaration:
    """Return the declaration of a setting."""
    if name not in SETTINGS:
        raise UnknownNameError("setting", name, SETTINGS)
    return SETTINGS[name]


def read_file(path: Path) -> dict[str, str]:
    """Read settings from a TOML file: top-level keys with texts or lists of texts; models may be tables.

    Raises:
        InputError: no TOML, an unknown setting, or a value that cannot be meant.
    """
    try:
        content_text = path.read_text(encoding="utf-8")
        content = tomllib.loads(content_text)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a TOML file: {error}") from None
    values = {}
    for name, value in content.items():
        if name == RULES_IN_FILES:
            name = "channel_rules"
        declared = declaration(name)
        try:
            if name == "channel_rules":
                text = rules_text(value, content_text.splitlines())
            else:
                text = models_text(value) if name in MODEL_SETTINGS else _text(name, value)
            values[name] = declared.parse(text)
        except InputError as error:
            raise InputError(f"{path}: {name}: {error}") from None
    return values


def _text(name: str, value: object) -> str:
    if name == "sources" and isinstance(value, dict):
        value = [f"{host}={category}" for host, category in value.items()]
    items: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        raise InputError(f"{name} is {value!r}; allowed are text in quotation marks or a list of such texts")
    return " ".join(items)
