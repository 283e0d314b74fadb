"""The rules of identity as data: whom evidence may make one person, and where it must not.

The settings of a store amend them, and a store whose rules change resolves everything again. Which mailboxes
are a role's and which domains a provider's is data beside it (:mod:`attribution.mailboxes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import xxhash

from attribution import clock
from attribution.clock import DAY
from attribution.identifiers import CONTACT, EMAIL, KIND_NAMES, LEAD, PHONE, USER, VISITOR
from attribution.store.settings import Settings

# which identifier gives way where not all of them can be one person's: the one further back
RANKS: Final[Mapping[int, int]] = MappingProxyType(
    {USER: 0, LEAD: 1, CONTACT: 1, EMAIL: 2, PHONE: 3, VISITOR: 4}
)

# how many identifiers of a kind one person may hold; of contacts so many in each CRM
LIMITS: Final[Mapping[int, int]] = MappingProxyType(
    {USER: 1, CONTACT: 1, EMAIL: 5, PHONE: 5, LEAD: 20, VISITOR: 100}
)
_KINDS: Final = {name: kind for kind, name in KIND_NAMES.items()}


@dataclass(frozen=True)
class Rules:
    """What may be one person.

    Attributes:
        limits: kind to how many of it one person may hold.
        shared_people: a phone or e-mail that ties more people than these ...
        shared_within: ... within so many microseconds is a switchboard or a shared mailbox.
        blocked: further values that name nobody, in lower case.
    """

    limits: Mapping[int, int] = field(default_factory=lambda: LIMITS, hash=False)
    shared_people: int = 5
    shared_within: int = 30 * DAY
    blocked: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Return the rules of a store."""
        said = (pair.split("=") for pair in settings.require("identity_limits").split())
        return cls(
            limits={**LIMITS, **{_KINDS[kind]: int(count) for kind, count in said}},
            shared_people=int(settings.require("shared_people")),
            shared_within=clock.parse_duration(settings.require("shared_within")),
            blocked=frozenset((settings.get("blocked_identifiers") or "").split()),
        )

    @property
    def fingerprint(self) -> str:
        """A text that is another one where any rule is."""
        said = (sorted(self.limits.items()), self.shared_people, self.shared_within, sorted(self.blocked))
        return xxhash.xxh3_64_hexdigest(repr(said).encode())
