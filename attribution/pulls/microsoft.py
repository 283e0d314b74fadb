"""Microsoft Advertising: what campaigns, ads and keywords cost by day (Reporting API v13, REST).

A report is ordered, asked after until it is ready, and fetched as a zip archive from a host for files, which
is sent no credentials: the address is one that only its receiver knows, and is not shown.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from attribution.errors import PullError
from attribution.pulls.credentials import BASE_URL, LOGIN_URL, Credentials, Need
from attribution.pulls.days import Span, spans
from attribution.pulls.forms import DIGITS
from attribution.pulls.http import Client, Fault, Waits, checked_url, is_local
from attribution.pulls.oauth import Token, login_client, refresh_form
from attribution.pulls.source import Account, Page, Record, Source, Stream, number

VERSION: Final = "v13"
BASE: Final = "https://reporting.api.bingads.microsoft.com"
LOGIN: Final = "https://login.microsoftonline.com"
FILES: Final = (".windows.net", ".api.bingads.microsoft.com")  # hosts of reports
SCOPE: Final = "https://ads.microsoft.com/msads.manage offline_access"
MAX_UNPACKED: Final = 1 << 29  # bytes of a report
_DAYS: Final = 30  # of a report
_POLLS: Final = 90
_BETWEEN_POLLS: Final = 10.0  # seconds

_COMMON: Final = (
    "TimePeriod", "AccountId", "CurrencyCode", "CampaignId", "CampaignName", "Impressions", "Clicks", "Spend",
)  # fmt: skip
_GROUP: Final = ("AdGroupId", "AdGroupName")
_REPORTS: Final = {
    "campaigns": ("CampaignPerformanceReportRequest", _COMMON),
    "ads": ("AdPerformanceReportRequest", (*_COMMON, *_GROUP, "AdId")),
    "keywords": ("KeywordPerformanceReportRequest", (*_COMMON, *_GROUP, "KeywordId", "Keyword")),
}
_TOKEN: Final = frozenset({"AuthenticationTokenExpired", "InvalidCredentials"})
_LATER: Final = frozenset({"CallRateExceeded", "ConcurrentRequestOverLimit", "InternalError"})


class Microsoft(Source):
    """The client."""

    name: ClassVar[str] = "microsoft"
    label: ClassVar[str] = "Microsoft Advertising"
    needs: ClassVar[tuple[Need, ...]] = (
        Need("developer_token", "from the developer portal of Microsoft Advertising"),
        Need("client_id", "of an app that is registered in Microsoft Entra"),
        Need("client_secret", "of the same app, where it has one", required=False),
        Need("refresh_token", "of a user who may read the accounts, for the scope msads.manage"),
        Need("customer_id", "the number of the manager account", secret=False, form=DIGITS),
        Need(
            "account_ids",
            "numbers of the accounts, with commas between them",
            secret=False,
            form=DIGITS.each(),
        ),
    )
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream("campaigns", ("spend",), "what campaigns cost by day", by="day"),
        Stream("ads", ("spend",), "what ads cost by day", by="day"),
        Stream("keywords", ("spend",), "what keywords cost by day", by="day"),
    )

    def __init__(self, credentials: Credentials, waits: Waits) -> None:
        self._credentials, self._waits = credentials, waits
        login = credentials.value(LOGIN_URL) or LOGIN
        self._login = login_client(self.label, credentials, login, waits)
        self._token = Token(self._login, "/common/oauth2/v2.0/token", self._form)
        self._account = ""
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
        for text in self._credentials.words("account_ids"):
            yield Account(str(number(text, f"{self.label}: the account")))

    def pages(self, stream: str, account: Account, start: str | None, end: str) -> Iterator[Page]:
        """Yield the figures of a month at a time."""
        self._account = account.id
        for span in spans(start, end, _DAYS):
            yield Page({"spend": self._report(stream, account, span)}, span.last.isoformat())

    def _report(self, stream: str, account: Account, span: Span) -> list[Record]:
        kind, columns = _REPORTS[stream]
        ordered = self._http.post(
            f"/Reporting/{VERSION}/GenerateReport/Submit",
            {
                "ReportRequest": {
                    "Type": kind,
                    "ReportName": f"{stream} {span.first} {span.last}",
                    "Format": "Csv",
                    "FormatVersion": "2.0",
                    "ExcludeReportHeader": True,
                    "ExcludeReportFooter": True,
                    "ExcludeColumnHeaders": False,
                    "ReturnOnlyCompleteData": False,
                    "Aggregation": "Daily",
                    "Columns": list(columns),
                    "Scope": {"AccountIds": [int(account.id)]},
                    "Time": {
                        "CustomDateRangeStart": _day(span.first),
                        "CustomDateRangeEnd": _day(span.last),
                    },
                }
            },
        )
        url = self._ready(str(ordered["ReportRequestId"]))
        return [] if url is None else _rows_of(self._fetch(url))

    def _ready(self, report: str) -> str | None:
        """Wait for a report; returns where it is, None where it has no rows."""
        for _ in range(_POLLS):
            answer = self._http.post(f"/Reporting/{VERSION}/GenerateReport/Poll", {"ReportRequestId": report})
            status = answer.get("ReportRequestStatus") or {}
            if status.get("Status") == "Success":
                return status.get("ReportDownloadUrl") or None
            if status.get("Status") == "Error":
                raise PullError(f"{self.label} could not make the report; repeat the command later")
            self._waits.sleep(_BETWEEN_POLLS)
        raise PullError(f"{self.label} did not make the report in time; repeat the command later")

    def _fetch(self, url: str) -> bytes:
        """Fetch an archive from the host for files, without any credentials."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        local = is_local(host) and is_local(urlsplit(self._http.base_url).hostname or "")
        if not (local or (parts.scheme == "https" and host.endswith(FILES))):
            raise PullError(
                f"{self.label} names {host or 'no host'} for its report, which is none of its own"
            )
        files = Client(
            self.label, checked_url(f"{parts.scheme}://{parts.netloc}", self.label), waits=self._waits
        )
        try:
            content: bytes = files.request("GET", parts.path, query=parts.query, plain=True)
            return content
        finally:
            files.close()

    def _headers(self) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {self._token.get().reveal()}",
            "DeveloperToken": self._credentials.secret("developer_token").reveal(),
            "CustomerId": self._credentials.value("customer_id") or "",
            "CustomerAccountId": self._account,
        }

    def _form(self) -> Mapping[str, str]:
        own = ["client_secret"] if "client_secret" in self._credentials.secrets else []
        return refresh_form(self._credentials, "client_id", *own) | {"scope": SCOPE}


def _rows_of(archive: bytes) -> list[Record]:
    """Read the one file of an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            (member,) = packed.infolist()
            if member.file_size > MAX_UNPACKED:
                raise PullError(
                    f"the report has {member.file_size >> 20} MB, more than {MAX_UNPACKED >> 20} MB; "
                    "load it as a file"
                )
            text = packed.read(member).decode("utf-8-sig")
    except (zipfile.BadZipFile, ValueError, EOFError):
        raise PullError("the report of Microsoft Advertising is damaged; repeat the command") from None
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _day(day: date) -> Mapping[str, int]:
    return {"Day": day.day, "Month": day.month, "Year": day.year}


def _fault(status: int, body: Any, headers: Mapping[str, str]) -> Fault | None:
    """Read `Errors`, `OperationErrors` and `BatchErrors`, which come with 200 too."""
    if not isinstance(body, dict):
        return None
    errors = [
        one
        for name in ("Errors", "OperationErrors", "BatchErrors")
        for one in body.get(name) or ()
        if isinstance(one, dict)
    ]
    if not errors:
        return None
    code = str(errors[0].get("ErrorCode", ""))
    words = "; ".join(str(one.get("Message", "")) for one in errors)
    again = code in _LATER or status == 429 or status >= 500
    return Fault(words, again=again, token=code in _TOKEN or status == 401, code=code)
