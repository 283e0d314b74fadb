"""Meta: what campaigns and ads of Facebook and Instagram cost by day (Graph API, Insights).

The next page is asked for by its cursor and not by the address that comes with it, which has the token in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, ClassVar, Final

from attribution.errors import PullError
from attribution.pulls.credentials import BASE_URL, Credentials, Need
from attribution.pulls.days import Span, spans
from attribution.pulls.forms import matching
from attribution.pulls.http import Client, Fault, Waits
from attribution.pulls.source import Account, Page, Record, Source, Stream

VERSION: Final = "v26.0"
BASE: Final = "https://graph.facebook.com"
_DAYS: Final = 7  # of a page
_LIMIT: Final = 500
_COMMON: Final = (
    "account_id,account_currency,campaign_id,campaign_name,spend,impressions,clicks,inline_link_clicks"
)
_LEVELS: Final = {
    "campaigns": ("campaign", _COMMON),
    "ads": ("ad", f"{_COMMON},adset_id,adset_name,ad_id,ad_name"),
}
# limits of the app, of the user, of an account and of a use; and what Meta calls a passing fault
_LATER: Final = frozenset({2, 4, 17, 32, 341, 613, *range(80000, 80015)})
_TOKEN: Final = frozenset({102, 190})
# the platform writes act_ before the number
_ACCOUNT: Final = matching("a number, digits only, with act_ before it or not", r"(act_)?\d+")
_TOO_MUCH: Final = "reduce the amount of data"


class Meta(Source):
    """The client."""

    name: ClassVar[str] = "meta"
    label: ClassVar[str] = "Meta"
    needs: ClassVar[tuple[Need, ...]] = (
        Need("token", "the access token of a system user, with the permission ads_read"),
        Need(
            "account_ids",
            "numbers of the ad accounts, with commas between them",
            secret=False,
            form=_ACCOUNT.each(),
        ),
    )
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream("campaigns", ("spend",), "what campaigns cost by day", by="day"),
        Stream("ads", ("spend",), "what ads cost by day", by="day"),
    )

    def __init__(self, credentials: Credentials, waits: Waits) -> None:
        self._credentials = credentials
        token = credentials.secret("token")
        self._http = Client(
            self.label,
            credentials.value(BASE_URL) or BASE,
            waits=waits,
            headers=lambda: {"Authorization": f"Bearer {token.reveal()}"},
            secrets=lambda: [token],
            fault=_fault,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def accounts(self) -> Iterable[Account]:
        """Those that were named."""
        for text in self._credentials.words("account_ids"):
            yield Account(text.removeprefix("act_"))

    def pages(self, stream: str, account: Account, start: str | None, end: str) -> Iterator[Page]:
        """Yield the figures of a week at a time, of a day where a week is too much at once."""
        for span in spans(start, end, _DAYS):
            try:
                yield self._page(stream, account, span)
            except PullError as error:
                if _TOO_MUCH not in str(error) or span.first == span.last:
                    raise
                for day in spans(span.first.isoformat(), span.last.isoformat(), 1):
                    yield self._page(stream, account, day)

    def _page(self, stream: str, account: Account, span: Span) -> Page:
        return Page({"spend": list(self._rows(stream, account.id, *span))}, span.last.isoformat())

    def _rows(self, stream: str, account: str, first: date, last: date) -> Iterator[Record]:
        level, fields = _LEVELS[stream]
        asked = {
            "level": level,
            "fields": fields,
            "time_increment": "1",
            "time_range": json.dumps({"since": first.isoformat(), "until": last.isoformat()}),
            "limit": str(_LIMIT),
        }
        while True:
            answer = self._http.get(f"/{VERSION}/act_{account}/insights", asked)
            yield from answer.get("data", ())
            paging = answer.get("paging", {})
            after = paging.get("cursors", {}).get("after")
            if not after or "next" not in paging:
                return
            asked = asked | {"after": after}


def _fault(status: int, body: Any, headers: Mapping[str, str]) -> Fault | None:
    """Read `{"error": {"code": ..., "is_transient": ...}}`: the status says little."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return None
    words, code = str(error.get("error_user_msg") or error.get("message", "")), error.get("code")
    if code in _TOKEN or status == 401:
        return Fault(words, token=True, code=str(code))
    if _TOO_MUCH in words:
        return Fault(words, code=str(code))
    again = code in _LATER or error.get("is_transient") is True or status >= 500
    return Fault(words, again=again, after=_regained(headers) if again else None, code=str(code))


def _regained(headers: Mapping[str, str]) -> float | None:
    """Read in how many seconds requests are accepted again, where a header says it in minutes."""
    try:
        uses = json.loads(headers.get("x-business-use-case-usage", "{}"))
        minutes = [one.get("estimated_time_to_regain_access", 0) for use in uses.values() for one in use]
        return max(float(most) for most in minutes) * 60 or None
    except (ValueError, AttributeError, TypeError):
        return None
