"""One conversion as every destination is told of it, before it is written in any platform's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from attribution.money import to_major

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Change(StrEnum):
    """What a destination is to do with a conversion."""

    NEW = "new"
    RESTATED = "restated"  # it has it already, with another value
    RETRACTED = "retracted"  # it has it already, and there is none any more


class Signal(StrEnum):
    """What somebody said of a purpose."""

    GRANTED = "granted"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to, of the purposes that advertising asks for."""

    ad_user_data: Signal = Signal.UNKNOWN
    ad_personalization: Signal = Signal.UNKNOWN

    def said(self, user_data: str, personalization: str, mark: str = "") -> dict[str, str]:
        """Return what was said, as Google's interfaces have it: in capitals, and nothing where nothing was.

        Args:
            user_data, personalization: what the two purposes are called.
            mark: what every word begins with.

        >>> Consent(Signal.GRANTED).said("adUserData", "adPersonalization", "CONSENT_")
        {'adUserData': 'CONSENT_GRANTED'}
        """
        of = {user_data: self.ad_user_data, personalization: self.ad_personalization}
        return {
            name: f"{mark}{signal.upper()}" for name, signal in of.items() if signal is not Signal.UNKNOWN
        }


@dataclass(frozen=True, slots=True)
class Contact:
    """Who converted, in the clear: hashed by each platform's rules when a request is written, and never kept.

    Attributes:
        emails: as people write them.
        phones: E.164, `+442079460000`; numbers whose country nobody knows are left out.
        external_ids: keys by which both sides know somebody, such as a user id.
        first_name, last_name, city, region, postal_code: as people write them; empty: not known.
        country: ISO 3166 in two letters.
    """

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    external_ids: tuple[str, ...] = ()
    first_name: str = ""
    last_name: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """The visit that the credited click began, as far as it is known.

    Attributes:
        url, referrer, user_agent, ip_address, locale: empty where not known.
        client_ids: what a platform's script calls the browser: `_ga`, `fbp`, `ttp`, ...
    """

    url: str = ""
    referrer: str = ""
    user_agent: str = ""
    ip_address: str = ""
    locale: str = ""
    client_ids: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Conversion:
    """One conversion for one destination.

    Attributes:
        transaction_id: the same for all that is ever said of it: what keeps it from counting twice.
        action: what the destination is to count it as, in its own words: an id, a goal's or event's name.
        at: microseconds since 1970 UTC, when it happened.
        value_minor: in minor units of `currency`; None: it has none. Of a change, the new value.
        currency: ISO 4217.
        change: whether it is new there.
        changed_at: microseconds, when the change happened; None unless it is one.
        revision: 1, 2, ...: counts what was ever said of the transaction.
        clicks: kind -> click id (`gclid`, `fbclid`, ...), those that the destination gave.
        clicked_at: microseconds, when that click happened; None: not known.
        contact, visit, consent: of the person.
        source: where it happened: `web`, `phone`, `crm`, `store`, `app`, `email`, `chat`, `other`.
        share_millionths: the part of the conversion that is told, where a destination takes that; None: all.
        model: whose credit that is.
        details: further fields in the destination's own words, sent as they are; of a CRM, all.
        digest: of what is told, where it is by this that a change is seen; empty: by value and currency.

    >>> won = Conversion("D-1:won", "987", 1_767_225_600_000_000, 1_999, "GBP", clicks={"gclid": "abc"})
    >>> won.value, won.change
    (Decimal('19.99'), <Change.NEW: 'new'>)
    """

    transaction_id: str
    action: str
    at: int
    value_minor: int | None = None
    currency: str | None = None
    change: Change = Change.NEW
    changed_at: int | None = None
    clicks: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    clicked_at: int | None = None
    contact: Contact = field(default_factory=Contact)
    visit: Visit = field(default_factory=Visit)
    consent: Consent = field(default_factory=Consent)
    source: str = "crm"
    share_millionths: int | None = None
    model: str | None = None
    details: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    revision: int = 1
    digest: str = ""

    @property
    def value(self) -> Decimal | None:
        """The value in major units, exactly."""
        if self.value_minor is None or self.currency is None:
            return None
        return to_major(self.value_minor, self.currency)

    @property
    def share(self) -> Decimal | None:
        """The part of the conversion that is told, with six places; None: all of it."""
        return None if self.share_millionths is None else Decimal(self.share_millionths).scaleb(-6)

    def click_kind(self, kinds: Iterable[str]) -> str:
        """Return the first of some kinds that there is a click id of, empty where there is none."""
        return next((kind for kind in kinds if self.clicks.get(kind)), "")
