"""The rules of identity as data: whom evidence may make one person, and where it must not.

A store whose rules change resolves everything again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from attribution.clock import DAY
from attribution.identifiers import CONTACT, EMAIL, LEAD, PHONE, USER, VISITOR
from attribution.identity.graph import Bools

# which identifier gives way where not all of them can be one person's: the one further back
RANKS: Final[Mapping[int, int]] = MappingProxyType(
    {USER: 0, LEAD: 1, CONTACT: 1, EMAIL: 2, PHONE: 3, VISITOR: 4}
)

# how many identifiers of a kind one person may hold; of contacts so many in each CRM
LIMITS: Final[Mapping[int, int]] = MappingProxyType(
    {USER: 1, CONTACT: 1, EMAIL: 5, PHONE: 5, LEAD: 20, VISITOR: 100}
)

# mailboxes of a role, which several people read
ROLE_MAILBOXES: Final = frozenset(
    {
        "abuse", "accounting", "accounts", "admin", "administrator", "billing", "career", "careers",
        "contact", "customerservice", "donotreply", "enquiries", "enquiry", "feedback", "finance", "hello",
        "help", "helpdesk", "hostmaster", "hr", "info", "inquiries", "invoice", "invoices", "it", "jobs",
        "legal", "mail", "marketing", "media", "news", "newsletter", "no-reply", "noreply", "office",
        "order", "orders", "postmaster", "press", "privacy", "purchasing", "reception", "recruiting",
        "sales", "security", "service", "services", "shop", "support", "team", "webmaster",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """What may be one person.

    Attributes:
        limits: kind to how many of it one person may hold.
        role_mailboxes: the parts of e-mail addresses before the @ that are no person's.
        shared_people: a phone or e-mail that ties more people than these ...
        shared_within: ... within so many microseconds is a switchboard or a shared mailbox.
    """

    limits: Mapping[int, int] = field(default_factory=lambda: LIMITS, hash=False)
    role_mailboxes: frozenset[str] = ROLE_MAILBOXES
    shared_people: int = 5
    shared_within: int = 30 * DAY

    @property
    def fingerprint(self) -> str:
        """A text that is another one where any rule is."""
        said = (
            sorted(self.limits.items()),
            sorted(self.role_mailboxes),
            self.shared_people,
            self.shared_within,
        )
        return xxhash.xxh3_64_hexdigest(repr(said).encode())

    def is_role_mailbox(self, email: str) -> bool:
        """Tell whether an address is read by whoever has a role.

        >>> Rules().is_role_mailbox("info@acme.com"), Rules().is_role_mailbox("ella@acme.com")
        (True, False)
        """
        return bool(self.role_mailboxes_among(pa.array([email]))[0])

    def role_mailboxes_among(self, emails: pa.Array) -> Bools:
        """Do what :meth:`is_role_mailbox` does for many; bool[n]."""
        local = pc.replace_substring_regex(emails, "@.*$", "")
        known = pc.is_in(local, value_set=pa.array(sorted(self.role_mailboxes), pa.string()))
        found: Bools = known.to_numpy(zero_copy_only=False)
        return found
