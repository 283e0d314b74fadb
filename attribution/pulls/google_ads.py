"""Google Ads: cost by day of campaigns, ads and keywords (Google Ads API, REST, GAQL).

Campaigns without ads of their own (Performance Max) are in the campaigns only; reports count what campaigns
cost beyond their ads, so that pulling all levels counts nothing twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from attribution.pulls.credentials import BASE_URL, LOGIN_URL, Credentials, Need
from attribution.pulls.days import spans
from attribution.pulls.forms import CUSTOMER
from attribution.pulls.http import Client, Fault, Waits
from attribution.pulls.oauth import Token, login_client, refresh_form
from attribution.pulls.source import Account, Page, Record, Source, Stream, flat

VERSION: Final = "v26"
BASE: Final = "https://googleads.googleapis.com"
LOGIN: Final = "https://oauth2.googleapis.com"

_COMMON: Final = (
    "segments.date", "segments.ad_network_type", "customer.id", "customer.currency_code", "campaign.id",
    "campaign.name", "metrics.cost_micros", "metrics.impressions", "metrics.clicks",
)  # fmt: skip
_GROUP: Final = ("ad_group.id", "ad_group.name")
_LEVELS: Final[dict[str, tuple[str, tuple[str, ...], int]]] = {  # resource, fields, days of a page
    "campaigns": ("campaign", (), 7),
    "ads": ("ad_group_ad", (*_GROUP, "ad_group_ad.ad.id", "ad_group_ad.ad.name"), 3),
    "keywords": (
        "keyword_view",
        (*_GROUP, "ad_group_criterion.criterion_id", "ad_group_criterion.keyword.text"),
        3,
    ),
}


class GoogleAds(Source):
    """The client."""

    name: ClassVar[str] = "google_ads"
    label: ClassVar[str] = "Google Ads"
    needs: ClassVar[tuple[Need, ...]] = (
        Need("developer_token", "from the API Center of a manager account"),
        Need("client_id", "of an OAuth client of a Google Cloud project"),
        Need("client_secret", "of the same client"),
        Need("refresh_token", "of a user who may read the accounts, for the scope auth/adwords"),
        Need(
            "customer_ids",
            "numbers of the accounts, with commas between them",
            secret=False,
            form=CUSTOMER.each(),
        ),
        Need(
            "login_customer_id",
            "the manager account that the user comes in by",
            required=False,
            secret=False,
            form=CUSTOMER,
        ),
    )
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream("campaigns", ("spend",), "what campaigns cost by day", by="day"),
        Stream("ads", ("spend",), "what ads cost by day", by="day"),
        Stream("keywords", ("spend",), "what keywords cost by day", by="day"),
    )

    def __init__(self, credentials: Credentials, waits: Waits) -> None:
        self._credentials = credentials
        login = credentials.value(LOGIN_URL) or LOGIN
        self._login = login_client(self.label, credentials, login, waits)
        self._token = Token(self._login, "/token", self._form)
        self._http = Client(
            self.label,
            credentials.value(BASE_URL) or BASE,
            waits=waits,
            headers=self._headers,
            renew=self._token.renew,
            secrets=lambda: [*credentials.secrets.values(), *self._token.secrets],
            fault=_fault,
        )

    def close(self) -> None:
        """Close the connections."""
        self._login.close()
        self._http.close()

    def accounts(self) -> Iterable[Account]:
        """Those that were named."""
        for text in self._credentials.words("customer_ids"):
            yield Account(text.replace("-", ""))

    def pages(self, stream: str, account: Account, start: str | None, end: str) -> Iterator[Page]:
        """Yield the figures of some days at a time."""
        resource, fields, days = _LEVELS[stream]
        select = ", ".join((*_COMMON, *fields))
        for span in spans(start, end, days):
            query = (
                f"SELECT {select} FROM {resource} "
                f"WHERE segments.date BETWEEN '{span.first}' AND '{span.last}'"
            )
            yield Page({"spend": list(self._rows(account.id, query))}, span.last.isoformat())

    def _rows(self, customer: str, query: str) -> Iterator[Record]:
        body = {"query": query}
        while True:
            answer = self._http.post(f"/{VERSION}/customers/{customer}/googleAds:search", body)
            yield from (flat(row) for row in answer.get("results", ()))
            token = answer.get("nextPageToken")
            if not token:
                return
            body = {"query": query, "pageToken": token}

    def _headers(self) -> Mapping[str, str]:
        headers = {
            "Authorization": f"Bearer {self._token.get().reveal()}",
            "developer-token": self._credentials.secret("developer_token").reveal(),
        }
        manager = self._credentials.value("login_customer_id")
        return headers | ({"login-customer-id": manager.replace("-", "")} if manager else {})

    def _form(self) -> Mapping[str, str]:
        return refresh_form(self._credentials, "client_id", "client_secret")


def _fault(status: int, body: Any, headers: Mapping[str, str]) -> Fault | None:
    """Read the sentences in `details`: the one above them says only that there are some."""
    error = body.get("error") if isinstance(body, dict) else None
    if status < 400 or not isinstance(error, dict):
        return None
    words, after = [], None
    for detail in error.get("details", ()):
        for one in detail.get("errors", ()):
            words.append(str(one.get("message", "")))
            delay = one.get("details", {}).get("quotaErrorDetails", {}).get("retryDelay", "")
            if found := re.fullmatch(r"(\d+(?:\.\d+)?)s", str(delay)):
                after = float(found[1])
    text = "; ".join(words) or str(error.get("message", ""))
    again = status == 429 or status >= 500
    return Fault(text, again=again, after=after, token=status == 401, code=str(error.get("status", "")))
