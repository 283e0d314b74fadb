"""LinkedIn through the Conversions API: events by click id and by hashed address.

https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads-reporting/conversions-api
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from attribution.destinations import hashing, replies
from attribution.destinations.access import ACCESS_TOKEN, Access
from attribution.destinations.conversion import Contact, Conversion
from attribution.destinations.destination import Destination, lots, merged
from attribution.destinations.request import Outcome, Refusal, Reply, Request, Verdict
from attribution.destinations.values import millis
from attribution.pulls.credentials import Need
from attribution.pulls.forms import YEAR_MONTH, Form, matching
from attribution.pulls.linkedin import VERSION

_URN: Final = "urn:lla:llaPartnerConversion:"
_INDEX: Final = re.compile(r"\bIndex:\s*(\d+)")


class LinkedIn(Destination):
    """LinkedIn: conversions by `li_fat_id` and by hashed address; no phones, and nothing is changed."""

    name: ClassVar[str] = "linkedin"
    label: ClassVar[str] = "LinkedIn"
    base_url: ClassVar[str] = "https://api.linkedin.com"
    settings: ClassVar[tuple[Need, ...]] = (
        Need(
            "api_version",
            f"YYYYMM, where {VERSION} is served no longer",
            required=False,
            secret=False,
            form=YEAR_MONTH,
        ),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need(
            "access_token",
            "from an app with access to the Conversions API, for rw_conversions; it lasts 60 days",
        ),
    )
    access: ClassVar[Access] = Access(ACCESS_TOKEN)
    action_form: ClassVar[Form | None] = matching(f"a number, digits only, or {_URN}NUMBER", rf"({_URN})?\d+")
    most: ClassVar[int] = 5_000
    click_kinds: ClassVar[tuple[str, ...]] = ("li_fat_id",)
    age_days: ClassVar[int | None] = 90

    @property
    def account(self) -> str:
        """Nothing: a conversion's number says whose it is."""
        return ""

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.clicks.get("li_fat_id") or _emails(conversion.contact):
            return None
        return Refusal(
            "no_match_key",
            "nothing says who it was: LinkedIn needs a click id (li_fat_id) or an e-mail address",
        )

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write one request for each 5,000 conversions."""
        headers = {
            "LinkedIn-Version": self.setting("api_version") or VERSION,
            "X-Restli-Protocol-Version": "2.0.0",
            "X-RestLi-Method": "BATCH_CREATE",
        }
        for lot in lots(conversions, self.most):
            body = {"elements": [_element(conversion) for conversion in lot]}
            yield Request("POST", "/rest/conversionEvents", body, lot, headers)

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: each conversion has a status, or one that is refused is named by its index."""
        body = replies.mapping(reply.body)
        if 200 <= reply.status < 300:
            if reply.body in (None, "", {}):  # created, and nothing to say of it
                return [Outcome(Verdict.ACCEPTED)] * len(request.conversions)
            elements = replies.mappings(body.get("elements"))
            if len(elements) != len(request.conversions):
                return replies.malformed(request, reply)
            return [_outcome(element) for element in elements]
        code, words = _told(body, reply.status)
        if not replies.passing(reply):
            last = len(request.conversions)
            places = {int(place) for place in _INDEX.findall(words) if int(place) < last}
            if places:
                guilty = {place: Outcome(Verdict.REJECTED, code, words) for place in places}
                return replies.but_for(request, guilty, code, words)
        return replies.whole(request, reply, code, words)


def _element(conversion: Conversion) -> dict[str, Any]:
    action = conversion.action
    found: dict[str, Any] = {
        "conversion": action if action.startswith("urn:") else f"{_URN}{action}",
        "conversionHappenedAt": millis(conversion.at),
        "eventId": conversion.transaction_id,
        "user": _user(conversion),
    }
    if conversion.value is not None:
        # a text: a number is refused
        found["conversionValue"] = {"currencyCode": conversion.currency, "amount": f"{conversion.value:f}"}
    return merged(found, conversion.details)


def _user(conversion: Conversion) -> dict[str, Any]:
    """Return who it was: one match key of each kind; the list of them has to be there, empty or not."""
    contact = conversion.contact
    keys = [{"idType": "SHA256_EMAIL", "idValue": email} for email in _emails(contact)[:1]]
    if click := conversion.clicks.get("li_fat_id"):
        keys.append({"idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "idValue": click})
    found: dict[str, Any] = {"userIds": keys}
    if info := _info(contact):
        found["userInfo"] = info
    if contact.external_ids:
        found["externalIds"] = [contact.external_ids[0]]  # of several LinkedIn takes one
    return found


def _emails(contact: Contact) -> list[str]:
    return hashing.all_hashed(contact.emails, hashing.plain_email)


def _info(contact: Contact) -> dict[str, str]:
    """Return the name, in the clear as LinkedIn wants it; without both parts it is refused."""
    first, last, country = contact.first_name.strip(), contact.last_name.strip(), contact.country.strip()
    if not (first and last):
        return {}
    found = {"firstName": first, "lastName": last}
    return found | ({"countryCode": country.upper()} if len(country) == 2 else {})


def _outcome(element: Mapping[str, Any]) -> Outcome:
    status = element.get("status")
    status = status if isinstance(status, int) else 0
    if 200 <= status < 300:
        return Outcome(Verdict.ACCEPTED, reference=str(element.get("id") or ""))
    code, words = _told(replies.mapping(element.get("error")), status)
    again = replies.passing(Reply(status))
    return Outcome(Verdict.RETRY if again else Verdict.REJECTED, code, words)


def _told(error: Mapping[str, Any], status: int) -> tuple[str, str]:
    code = error.get("serviceErrorCode") or error.get("code") or status
    return str(code), str(error.get("message") or "")
