"""Identifiers: what a visitor, a lead or a company is known by, in one comparable form.

A value is normalised before it is stored, so that two spellings of one e-mail address or telephone
number are one identifier. Kinds are small integers in the store and these words everywhere else.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import phonenumbers

VISITOR: Final = 1
EMAIL: Final = 2
PHONE: Final = 3
USER: Final = 4
LEAD: Final = 5
ACCOUNT: Final = 6
CONTACT: Final = 7

KIND_NAMES: Final = {
    VISITOR: "visitor",
    EMAIL: "email",
    PHONE: "phone",
    USER: "user",
    LEAD: "lead",
    ACCOUNT: "account",
    CONTACT: "contact",
}

# which kind a column of `identities` and `leads` holds; the strongest kind comes first
COLUMN_KINDS: Final = {
    "lead_id": LEAD,
    "contact_id": CONTACT,
    "user_id": USER,
    "email": EMAIL,
    "phone": PHONE,
    "visitor_id": VISITOR,
    "account": ACCOUNT,
}

# what software and people write where they know nothing: never an identifier
BLOCKED: Final = frozenset(
    {
        "anonymous", "guest", "null", "none", "undefined", "nan", "true", "false", "0", "-1",
        "[object object]", "n/a", "na", "unknown", "(not set)", "(none)",
    }
)  # fmt: skip
ZEROS: Final = "^[0-]*$"
LONGEST: Final = 200
_DOTLESS: Final = frozenset({"gmail.com", "googlemail.com"})  # these providers ignore dots before the @
_NOT_DIGITS: Final = re.compile(r"[^0-9+]")


def normalise(kind: int, value: str, region: str | None = None) -> str | None:
    """Return a value in the form in which identifiers are compared, None where nothing is left of it.

    Args:
        kind: one of the kind numbers of this module.
        value: the value as received.
        region: ISO 3166 code of the country that numbers without a prefix belong to.

    >>> normalise(EMAIL, " Ella.Fitz+news@Gmail.com ")
    'ellafitz@gmail.com'
    >>> normalise(PHONE, "020 7946 0018", "GB")
    '+442079460018'
    """
    value = value.strip()
    if is_blocked(value) or (kind == EMAIL and "@" not in value):
        return None
    if kind == EMAIL:
        value = _email(value)
    elif kind == PHONE:
        value = _phone(value, region)
    elif kind == ACCOUNT:
        value = value.lower()
    return None if is_blocked(value) else value


def why_nobody(kind: int, value: str) -> str:
    """Say what is wrong with a value of which nothing is left: the placeholder itself, or in words.

    >>> why_nobody(PHONE, "N/A"), why_nobody(PHONE, "00-00"), why_nobody(EMAIL, "ella")
    ('n/a', 'zeros', 'no @ in it')
    """
    value = value.strip().lower()
    if value in BLOCKED:
        return value
    if re.match(ZEROS, value):
        return "zeros" if value else "blank"
    if len(value) > LONGEST:
        return f"longer than {LONGEST} characters"
    return "no @ in it" if kind == EMAIL and "@" not in value else "no number in it"


def is_blocked(value: str) -> bool:
    """Tell whether a value names nobody: a placeholder, zeros, nothing at all, or no identifier's length.

    >>> is_blocked("N/A"), is_blocked("000-000"), is_blocked("v-1")
    (True, True, False)
    """
    return value.lower() in BLOCKED or re.match(ZEROS, value) is not None or len(value) > LONGEST


def _email(value: str) -> str:
    """Lower-case an address and drop the aliasing that providers ignore: plus tags, Gmail's dots."""
    value = value.rpartition("<")[2].rstrip("> ")  # Ella Fitz <ella@fitz.example>
    local, at, domain = value.lower().rpartition("@")
    if not at:
        return value.lower()
    local = local.partition("+")[0] or local
    if domain in _DOTLESS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


@lru_cache(maxsize=100_000)
def _phone(value: str, region: str | None) -> str:
    """Write a number as E.164; one that cannot be a number keeps its digits."""
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return _NOT_DIGITS.sub("", value)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=100_000)
def e164(value: str, region: str | None = None) -> str | None:
    """Return a telephone number with its country, None where it is none or the country is not known.

    >>> e164("020 7946 0018", "GB"), e164("020 7946 0018"), e164("+44 12", "GB")
    ('+442079460018', None, None)
    """
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
