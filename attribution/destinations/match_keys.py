"""Who converted, in words that Meta, Pinterest and Snapchat have in common: `em`, `ph`, `fn`, ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attribution.destinations import hashing
from attribution.destinations.conversion import Conversion

VISITOR: Final = frozenset({"client_ip_address", "client_user_agent"})  # enough to go by, but only together


def person(
    conversion: Conversion,
    phone: Callable[[str], str] = hashing.phone_digits,
    postal_code: Callable[[str], str] = hashing.name,
) -> dict[str, Any]:
    """Return the hashes of a contact, a list for each field, and what is known of the browser.

    What is not known is empty.

    Args:
        conversion: whose contact and visit.
        phone: how a number is written before it is hashed.
        postal_code: how a postal code is.

    >>> from attribution.destinations.conversion import Contact
    >>> found = person(Conversion("1", "won", 0, contact=Contact(country="GB")))
    >>> found["country"][0][:6], found["em"], found["client_user_agent"]
    ('0b4072', [], '')
    """
    contact, visit = conversion.contact, conversion.visit
    return {
        "em": hashing.all_hashed(contact.emails, hashing.plain_email),
        "ph": hashing.all_hashed(contact.phones, phone),
        "fn": hashing.all_hashed([contact.first_name], hashing.name),
        "ln": hashing.all_hashed([contact.last_name], hashing.name),
        "ct": hashing.all_hashed([contact.city], hashing.letters),
        "st": hashing.all_hashed([contact.region], hashing.letters),
        "zp": hashing.all_hashed([contact.postal_code], postal_code),
        "country": hashing.all_hashed([contact.country], hashing.country),
        "external_id": hashing.all_hashed(contact.external_ids, str.strip),
        "client_ip_address": visit.ip_address,
        "client_user_agent": visit.user_agent,
    }
