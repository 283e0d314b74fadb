"""LinkedIn: what campaigns and their ads cost by day of UTC (Marketing API, adAnalytics).

An answer holds 15,000 rows at most and does not say that it was cut: where so many come, fewer days are asked
for. Analytics know ids only; names and currency come from the account's own lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, ClassVar, Final
from urllib.parse import quote

from attribution.pulls.credentials import BASE_URL, LOGIN_URL, Credentials, Need, Secret
from attribution.pulls.days import Span, spans
from attribution.pulls.forms import DIGITS, YEAR_MONTH
from attribution.pulls.http import Client, Fault, Waits
from attribution.pulls.oauth import Token, login_client, refresh_form
from attribution.pulls.source import Account, Page, Record, Source, Stream, number

# each is served for a year at least (https://learn.microsoft.com/en-us/linkedin/marketing/versioning);
# `api_version` names another
VERSION: Final = "202603"
BASE: Final = "https://api.linkedin.com"
LOGIN: Final = "https://www.linkedin.com"
_DAYS: Final = 7  # of a page
_MOST: Final = 15_000  # rows of an answer
_FIELDS: Final = "dateRange,pivotValues,costInLocalCurrency,impressions,clicks"
_PIVOTS: Final = {"campaigns": "CAMPAIGN", "ads": "CREATIVE"}


class LinkedIn(Source):
    """The client."""

    name: ClassVar[str] = "linkedin"
    label: ClassVar[str] = "LinkedIn"
    needs: ClassVar[tuple[Need, ...]] = (
        Need(
            "account_ids",
            "numbers of the ad accounts, with commas between them",
            secret=False,
            form=DIGITS.each(),
        ),
        Need("token", "an access token for r_ads and r_ads_reporting, or the next three", required=False),
        Need("client_id", "of an app with access to the Advertising API", required=False),
        Need("client_secret", "of the same app", required=False),
        Need("refresh_token", "of a user who may read the accounts", required=False),
        Need(
            "api_version",
            f"YYYYMM, where {VERSION} is served no longer",
            required=False,
            secret=False,
            form=YEAR_MONTH,
        ),
    )
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream("campaigns", ("spend",), "what campaigns cost by day", by="day"),
        Stream("ads", ("spend",), "what ads (creatives) cost by day", by="day"),
    )

    def __init__(self, credentials: Credentials, waits: Waits) -> None:
        self._credentials = credentials
        login = credentials.value(LOGIN_URL) or LOGIN
        self._login = login_client(self.label, credentials, login, waits)
        self._token: Token | None = None
        if "refresh_token" in credentials.secrets:
            self._token = Token(self._login, "/oauth/v2/accessToken", self._form)
        else:
            credentials.secret("token")
        self._http = Client(
            self.label,
            credentials.value(BASE_URL) or BASE,
            waits=waits,
            headers=self._headers,
            renew=self._token.renew if self._token is not None else None,
            secrets=self._secrets,
            fault=_fault,
        )
        self._names: dict[str, dict[str, dict[str, str | None]]] = {}

    def close(self) -> None:
        """Close the connections."""
        self._login.close()
        self._http.close()

    def accounts(self) -> Iterable[Account]:
        """Those that were named."""
        for text in self._credentials.words("account_ids"):
            yield Account(str(number(text, f"{self.label}: the account")))

    def pages(self, stream: str, account: Account, start: str | None, end: str) -> Iterator[Page]:
        """Yield the figures of a week at a time, of a day where a week is too much at once."""
        names = self._names_of(account)
        for span in spans(start, end, _DAYS):
            found = self._figures(stream, account, span)
            if len(found) < _MOST or span.first == span.last:
                yield self._page(stream, found, names, span)
                continue
            for day in spans(span.first.isoformat(), span.last.isoformat(), 1):
                yield self._page(stream, self._figures(stream, account, day), names, day)

    def _page(
        self,
        stream: str,
        found: list[dict[str, Any]],
        names: Mapping[str, Mapping[str, str | None]],
        span: Span,
    ) -> Page:
        notes: tuple[str, ...] = ()
        if len(found) >= _MOST:
            notes = (
                f"{span.first}: LinkedIn gives {_MOST} rows at most; what others cost is not among them",
            )
        rows = [_row(stream, one, names) for one in found]
        return Page({"spend": rows}, span.last.isoformat(), notes)

    def _figures(self, stream: str, account: Account, span: Span) -> list[dict[str, Any]]:
        urn = quote(f"urn:li:sponsoredAccount:{account.id}", safe="")
        query = (
            f"q=analytics&pivot={_PIVOTS[stream]}&timeGranularity=DAILY"
            f"&dateRange=(start:{_day(span.first)},end:{_day(span.last)})"
            f"&accounts=List({urn})&fields={_FIELDS}"
        )
        answer = self._http.get("/rest/adAnalytics", query=query)
        found: list[dict[str, Any]] = answer["elements"]
        return found

    def _names_of(self, account: Account) -> dict[str, dict[str, str | None]]:
        """Return the account's currency, and name and campaign of all campaigns and ads by id."""
        if account.id not in self._names:
            below = f"/rest/adAccounts/{account.id}"
            names: dict[str, dict[str, str | None]] = {
                "account": {"currency": self._http.get(below)["currency"]}
            }
            for one in self._listed(f"{below}/adCampaigns", {"q": "search", "pageSize": "1000"}):
                names[f"campaign {_id(one['id'])}"] = {"name": one.get("name")}
            for one in self._listed(f"{below}/creatives", {"q": "criteria", "pageSize": "100"}):
                campaign = _id(one["campaign"]) if one.get("campaign") else None
                names[f"ad {_id(one['id'])}"] = {"name": one.get("name"), "campaign": campaign}
            self._names[account.id] = names
        return self._names[account.id]

    def _listed(self, path: str, asked: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        while True:
            answer = self._http.get(path, asked)
            yield from answer["elements"]
            token = (answer.get("metadata") or {}).get("nextPageToken")
            if not token:
                return
            asked = {**asked, "pageToken": token}

    def _headers(self) -> Mapping[str, str]:
        token = self._token.get() if self._token is not None else self._credentials.secret("token")
        return {
            "Authorization": f"Bearer {token.reveal()}",
            "LinkedIn-Version": self._credentials.value("api_version") or VERSION,
            "X-Restli-Protocol-Version": "2.0.0",
        }

    def _secrets(self) -> list[Secret]:
        return [
            *self._credentials.secrets.values(),
            *(self._token.secrets if self._token is not None else ()),
        ]

    def _form(self) -> Mapping[str, str]:
        return refresh_form(self._credentials, "client_id", "client_secret")


def _row(stream: str, figures: Mapping[str, Any], names: Mapping[str, Mapping[str, str | None]]) -> Record:
    start = figures["dateRange"]["start"]
    found = _id(figures["pivotValues"][0])
    row: dict[str, Any] = {
        "day": date(start["year"], start["month"], start["day"]).isoformat(),
        "cost_in_local_currency": figures.get("costInLocalCurrency", "0"),
        "impressions": figures.get("impressions"),
        "clicks": figures.get("clicks"),
        "currency": names["account"]["currency"],
    }
    campaign: str | None = found
    if stream == "ads":
        known = names.get(f"ad {found}", {})
        campaign = known.get("campaign")
        row |= {"creative_id": found, "creative_name": known.get("name")}
    return row | {
        "campaign_id": campaign,
        "campaign_name": names.get(f"campaign {campaign}", {}).get("name"),
    }


def _id(urn: Any) -> str:
    """Return the number at the end of `urn:li:sponsoredCampaign:1`."""
    return str(urn).rpartition(":")[2]


def _day(day: date) -> str:
    return f"(year:{day.year},month:{day.month},day:{day.day})"


def _fault(status: int, body: Any, headers: Mapping[str, str]) -> Fault | None:
    """Tell a version that is served no longer."""
    if status == 426 or (isinstance(body, dict) and body.get("code") == "NONEXISTENT_VERSION"):
        return Fault("this version of the API is served no longer; set ATTRIBUTION_LINKEDIN_API_VERSION")
    return None
