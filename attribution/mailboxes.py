"""What an e-mail address says besides who: that a role reads it, or which company it is of."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from attribution.channels.hosts import registrable_domain

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

# domains of mail providers: everybody's, so no company's
FREE_MAIL: Final = frozenset(
    line
    for line in (files("attribution") / "free_mail.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)


def amended(built_in: Collection[str], words: str) -> frozenset[str]:
    """Return a built-in list with what a store adds to it, and without what stands there with a minus.

    >>> sorted(amended({"info", "hello"}, "vertrieb -hello"))
    ['info', 'vertrieb']
    """
    said = words.lower().split()
    gone = {word.removeprefix("-") for word in said if word.startswith("-")}
    return (frozenset(built_in) | {word for word in said if not word.startswith("-")}) - gone


def role_mailboxes_among(emails: pa.Array, roles: Collection[str]) -> pa.BooleanArray:
    """Tell which normalised addresses are read by whoever has a role.

    >>> role_mailboxes_among(pa.array(["info@acme.com", "ella@acme.com"]), ROLE_MAILBOXES).to_pylist()
    [True, False]
    """
    local = pc.replace_substring_regex(emails, "@.*$", "")
    return pc.is_in(local, value_set=pa.array(sorted(roles), pa.string()))


def companies_of(emails: pa.Array, providers: Collection[str]) -> pa.StringArray:
    """Return the domain that an address's company registered; null for a provider's, and for none.

    >>> companies_of(pa.array(["ella@mail.acme.co.uk", "ella@gmail.com", "ella@pc"]), FREE_MAIL).to_pylist()
    ['acme.co.uk', None, None]
    """
    hosts = pc.replace_substring_regex(emails, "^.*@", "").dictionary_encode()
    domains = [registrable_domain(host) for host in hosts.dictionary.to_pylist()]
    kept = [
        None if domain in providers or host in providers else domain
        for host, domain in zip(hosts.dictionary.to_pylist(), domains, strict=True)
    ]
    return pa.array(kept, pa.string()).take(hosts.indices)
