"""What advertising cost, out of the platforms' APIs: to the cent, by day, restated while it is corrected."""

from __future__ import annotations

import io
import json
import logging
import re
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from loopback import CLOSED, Answer, Asked, Loopback, Patience
from sqlalchemy import text

from attribution.engine import Store
from attribution.errors import PullAccessError
from attribution.pulls import linkedin, microsoft
from attribution.pulls.pull import StreamResult, pull

Serve = Callable[..., AbstractContextManager[Loopback]]
TODAY = "2026-11-20T12:00:00Z"
COST = "SELECT sum(cost_minor), count(*), min(day), max(day) FROM spend"


def pulled(store: Store, source: str, patience: Patience | None = None, **options: Any) -> list[StreamResult]:
    """Pull, on the twentieth of November."""
    waits = (patience or Patience()).waits()
    with freeze_time(TODAY):
        return pull(store.db, source, waits=waits, **options)


def read(store: Store, query: str) -> list[tuple[Any, ...]]:
    """Ask the store."""
    with store.db.read() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def number(day: str) -> int:
    """A day as the store has it."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


def days(first: str, last: str) -> list[str]:
    """All days from one to another."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


# --- Google Ads -----------------------------------------------------------------------------------------

GOOGLE = {
    "developer_token": "dev-word", "client_id": "id", "client_secret": "word", "refresh_token": "rt-word",
    "customer_ids": "123-456-7890", "login_customer_id": "111-111-1111",
}  # fmt: skip


class GoogleAccount:
    """One campaign with one ad, which costs the same every day; two rows an answer."""

    def __init__(self) -> None:
        self.micros = {"campaign": 10_004_000, "ad_group_ad": 7_003_000, "keyword_view": 7_003_000}

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        if asked.path == "/token":
            assert asked.body["refresh_token"] == "rt-word"
            return {"access_token": "at-word", "expires_in": 3599, "token_type": "Bearer"}
        assert asked.path == "/v26/customers/1234567890/googleAds:search"
        assert asked.headers["authorization"] == "Bearer at-word"
        assert (asked.headers["developer-token"], asked.headers["login-customer-id"]) == (
            "dev-word",
            "1111111111",
        )
        query = asked.body["query"]
        resource = re.findall(r" FROM (\w+) ", query)[0]
        first, last = re.findall(r"BETWEEN '(.*)' AND '(.*)'", query)[0]
        rows = [self._row(resource, day) for day in days(first, last)]
        place = int(asked.body.get("pageToken", "0"))
        token = {"nextPageToken": str(place + 2)} if place + 2 < len(rows) else {}
        return {"results": rows[place : place + 2], "fieldMask": "campaign.id", **token}

    def _row(self, resource: str, day: str) -> dict[str, Any]:
        row: dict[str, Any] = {
            "customer": {"resourceName": "customers/1234567890", "id": "1234567890", "currencyCode": "EUR"},
            "campaign": {"resourceName": "customers/1234567890/campaigns/5", "id": "5", "name": "Brand"},
            "metrics": {"clicks": "4", "costMicros": str(self.micros[resource]), "impressions": "100"},
            "segments": {"date": day, "adNetworkType": "SEARCH"},
        }
        if resource != "campaign":
            row["adGroup"] = {"resourceName": "customers/1/adGroups/6", "id": "6", "name": "Shoes"}
        if resource == "ad_group_ad":
            row["adGroupAd"] = {
                "resourceName": "customers/1/adGroupAds/6~7",
                "ad": {"id": "7", "name": "Red"},
            }
        if resource == "keyword_view":
            row["adGroupCriterion"] = {"criterionId": "8", "keyword": {"text": "red shoes"}}
            row["keywordView"] = {"resourceName": "customers/1/keywordViews/6~8"}
        return row


def test_google_ads(store: Store, serve: Serve) -> None:
    """All levels over the days that were asked for, and what campaigns cost beyond their ads counted once."""
    with serve("google_ads", GoogleAccount(), **GOOGLE) as server:
        results = pulled(store, "google_ads", since="2026-11-11")
    assert [(r.account, r.stream, r.state, r.pages, r.records) for r in results] == [
        ("1234567890", "campaigns", "done", 2, 9),
        ("1234567890", "ads", "done", 3, 9),
        ("1234567890", "keywords", "done", 3, 9),
    ]
    assert [(r.start, r.upto) for r in results] == [("2026-11-11", "2026-11-19")] * 3
    # 9 days: 90.036, 63.027 and 63.027; each page is right to the cent
    assert read(store, COST) == [(9004 + 6303 + 6303, 27, number("2026-11-11"), number("2026-11-19"))]
    rows = store_report(store)
    assert rows == "90.04"
    assert server.paths().count("/token") == 1


def store_report(store: Store) -> str:
    """What the store says was spent in all."""
    answer = store.report(by=["campaign"]) if _run(store) else None
    assert answer is not None
    return str(answer.totals["spend"])


def _run(store: Store) -> bool:
    store.config_set("reporting_currency", "EUR")
    store.run()
    return True


def test_google_ads_days_are_pulled_again_while_they_move(sqlite_store: Store, serve: Serve) -> None:
    """Seven days back from the last one; figures replace what was there."""
    account = GoogleAccount()
    with serve("google_ads", account, **GOOGLE):
        first = pulled(sqlite_store, "google_ads", only=["campaigns"])[0]
        assert (first.start, first.records) == ("2026-08-22", 90)
        assert "pulled for the first time: figures from 2026-08-22 on; --since DATE" in first.notes[0]
        account.micros["campaign"] = 20_000_000
        second = pulled(sqlite_store, "google_ads", only=["campaigns"])[0]
    assert (second.start, second.upto, second.notes) == ("2026-11-13", "2026-11-19", [])
    assert (second.counts["updated"], second.counts["accepted"]) == (7, 0)
    assert read(sqlite_store, "SELECT count(*) FROM spend WHERE cost_minor = 2000") == [(7,)]
    assert read(sqlite_store, "SELECT count(*) FROM spend") == [(90,)]


def test_google_ads_that_breaks_in_the_middle_of_days(sqlite_store: Store, serve: Serve) -> None:
    """Days are stored as a whole: half of a day would be a wrong figure."""
    account = GoogleAccount()
    answers: list[str] = []

    def breaks(asked: Asked) -> Any:
        if "search" in asked.path:
            answers.append(asked.path)
            if 6 <= len(answers) < 16:
                return CLOSED
        return account(asked)

    with serve("google_ads", breaks, **GOOGLE):
        failed = pulled(sqlite_store, "google_ads", since="2026-11-06", only=["campaigns"])[0]
        assert (failed.state, failed.upto) == ("failed", "2026-11-12")
        assert read(sqlite_store, COST)[0][1:] == (7, number("2026-11-06"), number("2026-11-12"))
        answers += [""] * 20
        done = pulled(sqlite_store, "google_ads", only=["campaigns"])[0]
    assert (done.start, done.upto) == ("2026-11-06", "2026-11-19")
    assert read(sqlite_store, COST)[0][:2] == (14006, 14)


def test_google_ads_quota_says_how_long_it_lasts(sqlite_store: Store, serve: Serve) -> None:
    """In the error's details, and the sentence that is worth reading too."""
    quota = {
        "errorCode": {"quotaError": "RESOURCE_TEMPORARILY_EXHAUSTED"}, "message": "Too many requests.",
        "details": {"quotaErrorDetails": {"rateScope": "DEVELOPER", "retryDelay": "40s"}},
    }  # fmt: skip
    refused = {"errorCode": {"queryError": "BAD"}, "message": "Metrics cannot be asked of a manager account."}

    def failure(status: int, error: dict[str, Any]) -> Answer:
        return Answer(
            {"error": {"code": status, "message": "See details.", "details": [{"errors": [error]}]}}, status
        )

    patience = Patience()
    with serve("google_ads", GoogleAccount(), **GOOGLE) as server:
        server.first = [Answer({"access_token": "at-word"}), failure(429, quota)]
        done = pulled(sqlite_store, "google_ads", patience, since="2026-11-19", only=["campaigns"])[0]
        assert (done.state, patience.slept) == ("done", [40.0])
        server.first = [Answer({"access_token": "at-word"}), failure(400, refused)]
        failed = pulled(sqlite_store, "google_ads", only=["campaigns"])[0]
    assert failed.notes[-1].startswith(
        "Google Ads refuses the request (400: Metrics cannot be asked of a manager"
    )


# --- Meta -----------------------------------------------------------------------------------------------

META = {"token": "EAAB-word", "account_ids": "act_55"}


def meta_row(day: str, spend: str, level: str) -> dict[str, Any]:
    """One row of insights."""
    row = {
        "account_id": "55", "account_currency": "USD", "campaign_id": "1", "campaign_name": "Spring",
        "spend": spend, "impressions": "10", "clicks": "3", "date_start": day, "date_stop": day,
    }  # fmt: skip
    return row | (
        {"adset_id": "2", "adset_name": "All", "ad_id": "3", "ad_name": "Red"} if level == "ad" else {}
    )


def meta(asked: Asked) -> Any:
    """Answer three rows at a time; the address of the next page would go elsewhere, with the token in it."""
    assert asked.path == "/v26.0/act_55/insights"
    assert asked.headers["authorization"] == "Bearer EAAB-word"
    assert "access_token" not in asked.query
    span = json.loads(asked.query["time_range"])
    rows = [meta_row(day, "1.15", asked.query["level"]) for day in days(span["since"], span["until"])]
    place = int(asked.query.get("after", "0"))
    paging: dict[str, Any] = {"cursors": {"before": str(place), "after": str(place + 3)}}
    if place + 3 < len(rows):
        paging["next"] = "https://graph.example.com/v26.0/act_55/insights?access_token=EAAB-word&after=9"
    return {"data": rows[place : place + 3], "paging": paging}


def test_meta(store: Store, serve: Serve) -> None:
    """Two levels, to the cent."""
    with serve("meta", meta, **META) as server:
        results = pulled(store, "meta", since="2026-11-10")
    assert [(r.stream, r.state, r.pages, r.records) for r in results] == [
        ("campaigns", "done", 2, 10),
        ("ads", "done", 2, 10),
    ]
    assert read(store, COST)[0][:2] == (2300, 20)
    assert read(store, "SELECT DISTINCT currency FROM spend") == [("USD",)]
    assert len(server.asked) == 8


def limited(code: int, **further: Any) -> Answer:
    """A refusal, as Meta writes them."""
    headers = {"x-business-use-case-usage": json.dumps({"55": [{"estimated_time_to_regain_access": 2}]})}
    return Answer({"error": {"message": "limit", "code": code, **further}}, 400, headers)


@pytest.mark.parametrize("answer", [limited(17), limited(80004), limited(99, is_transient=True)])
def test_meta_limits_are_waited_for(sqlite_store: Store, serve: Serve, answer: Answer) -> None:
    """They come as 400, with the minutes in a header."""
    patience = Patience()
    with serve("meta", meta, **META) as server:
        server.first = [answer]
        (result,) = pulled(sqlite_store, "meta", patience, since="2026-11-19", only=["ads"])
    assert (result.state, patience.slept) == ("done", [120.0])


def test_meta_week_that_is_too_much_is_asked_for_by_day(sqlite_store: Store, serve: Serve) -> None:
    """Each day is stored by itself."""

    def weak(asked: Asked) -> Any:
        span = json.loads(asked.query["time_range"])
        if span["since"] != span["until"]:
            return Answer({"error": {"message": "Please reduce the amount of data", "code": 1}}, 500)
        return meta(asked)

    with serve("meta", weak, **META):
        (result,) = pulled(sqlite_store, "meta", since="2026-11-17", only=["ads"])
    assert (result.state, result.pages, result.records) == ("done", 3, 3)


def test_meta_token_that_ran_out(sqlite_store: Store, serve: Serve) -> None:
    """Meta repeats it in its sentence; we do not."""
    bad = Answer({"error": {"message": "Error validating access token EAAB-word", "code": 190}}, 400)
    with (
        serve("meta", lambda asked: bad, **META),
        pytest.raises(PullAccessError, match=r"Error validating access token \*\*\*"),
    ):
        pulled(sqlite_store, "meta")


# --- Microsoft ------------------------------------------------------------------------------------------

MICROSOFT = {
    "developer_token": "dev-word", "client_id": "id", "refresh_token": "rt-word", "customer_id": "9",
    "account_ids": "188",
}  # fmt: skip
REPORT = (
    '\ufeff"TimePeriod","AccountId","CurrencyCode","CampaignId","CampaignName","Impressions","Clicks","Spend"\r\n'
    '"2026-11-18","188","USD","5","Brand, exact","12","3","4.65"\r\n'
    '"2026-11-19","188","USD","5","Brand, exact","20","4","6.95"\r\n'
)


def packed(content: str) -> bytes:
    """A zip archive with one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.csv", content)
    return file.getvalue()


class Reports:
    """Orders reports, which are ready when they are asked after for the third time."""

    def __init__(self, archive: bytes) -> None:
        self.archive, self.url, self.polls = archive, "", 0

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        if asked.path == "/common/oauth2/v2.0/token":
            return {"access_token": "at-word"}
        if asked.path == "/files/report.zip":
            assert asked.query == {"sig": "sas-word"}
            assert not {"authorization", "developertoken"} & asked.headers.keys()
            return Answer(self.archive)
        assert asked.headers["authorization"] == "Bearer at-word"
        assert (asked.headers["customerid"], asked.headers["customeraccountid"]) == ("9", "188")
        if asked.path == "/Reporting/v13/GenerateReport/Submit":
            order = asked.body["ReportRequest"]
            assert order["Scope"] == {"AccountIds": [188]}
            assert order["Time"]["CustomDateRangeEnd"] == {"Day": 19, "Month": 11, "Year": 2026}
            return {"ReportRequestId": "r-1"}
        assert asked.path == "/Reporting/v13/GenerateReport/Poll"
        self.polls += 1
        if self.polls < 3:
            return {"ReportRequestStatus": {"Status": "Pending", "ReportDownloadUrl": None}}
        return {"ReportRequestStatus": {"Status": "Success", "ReportDownloadUrl": self.url}}


def reported(store: Store, serve: Serve, reports: Reports, url: str = "") -> tuple[StreamResult, Patience]:
    """Pull what campaigns cost."""
    patience = Patience()
    with serve("microsoft", reports, **MICROSOFT) as server:
        reports.url = url or f"{server.url}/files/report.zip?sig=sas-word"
        (result,) = pulled(store, "microsoft", patience, since="2026-11-18", only=["campaigns"])
    return result, patience


def test_microsoft(store: Store, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A report is ordered, waited for and unpacked; its address is nobody else's business."""
    caplog.set_level(logging.DEBUG)
    result, patience = reported(store, serve, Reports(packed(REPORT)))
    assert (result.state, result.records, result.notes[1:]) == ("done", 2, [])
    assert read(store, COST) == [(1160, 2, number("2026-11-18"), number("2026-11-19"))]
    assert patience.slept == [10.0, 10.0]
    assert "/files/report.zip" in caplog.text
    assert "sas-word" not in caplog.text


def test_microsoft_report_without_rows(sqlite_store: Store, serve: Serve) -> None:
    """Days on which nothing was spent are pulled all the same."""
    result, _ = reported(sqlite_store, serve, Reports(packed(REPORT.splitlines()[0] + "\r\n")))
    assert (result.state, result.records, result.upto) == ("done", 0, "2026-11-19")


@pytest.mark.parametrize(
    ("archive", "url", "says"),
    [
        (b"PK no archive", "", "the report of Microsoft Advertising is damaged"),
        (packed(REPORT)[:-30], "", "the report of Microsoft Advertising is damaged"),
        (b"", "https://files.example.com/report.zip?sig=sas-word", "names files.example.com for its report"),
        (b"", "http://x.blob.core.windows.net/report.zip", "names x.blob.core.windows.net for its report"),
    ],
)
def test_microsoft_report_that_cannot_be_had(
    sqlite_store: Store, serve: Serve, archive: bytes, url: str, says: str
) -> None:
    """Nothing is stored, and the next pull asks for the same days."""
    result, _ = reported(sqlite_store, serve, Reports(archive), url)
    assert (result.state, result.upto) == ("failed", None)
    assert says in result.notes[-1]
    assert "sas-word" not in str(result.notes)


def test_microsoft_report_that_is_a_bomb(
    sqlite_store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size is known before it is unpacked."""
    monkeypatch.setattr(microsoft, "MAX_UNPACKED", 100)
    result, _ = reported(sqlite_store, serve, Reports(packed(REPORT)))
    assert result.state == "failed"
    assert "load it as a file" in result.notes[-1]


def test_microsoft_refuses_with_a_success(sqlite_store: Store, serve: Serve) -> None:
    """Its errors come with 200 too."""
    error = {"OperationErrors": [{"Code": 2004, "ErrorCode": "NoDataAccess", "Message": "No such account."}]}
    with serve("microsoft", Reports(b""), **MICROSOFT) as server:
        server.first = [Answer({"access_token": "at-word"}), Answer(error)]
        result = pulled(sqlite_store, "microsoft", since="2026-11-18", only=["ads"])[0]
    assert "Microsoft Advertising refuses the request (200: No such account.)" in result.notes[-1]


# --- LinkedIn -------------------------------------------------------------------------------------------

LINKEDIN = {"token": "li-word", "account_ids": "77"}


def linked(asked: Asked) -> Any:
    """Answer for an account with one campaign and two ads, one of which is in no list any more."""
    assert asked.headers["linkedin-version"] == "202603"
    assert asked.headers["authorization"] == "Bearer li-word"
    if asked.path == "/rest/adAccounts/77":
        return {"id": 77, "currency": "GBP", "name": "Acme"}
    if asked.path == "/rest/adAccounts/77/adCampaigns":
        return {"elements": [{"id": 5, "name": "Leaders"}], "metadata": {}}
    if asked.path == "/rest/adAccounts/77/creatives":
        if "pageToken" not in asked.query:
            return {"elements": [], "metadata": {"nextPageToken": "more"}}
        ad = {"id": "urn:li:sponsoredCreative:8", "campaign": "urn:li:sponsoredCampaign:5", "name": "Report"}
        return {"elements": [ad], "metadata": {}}
    assert asked.path == "/rest/adAnalytics"
    assert asked.query["accounts"] == "List(urn:li:sponsoredAccount:77)"
    found = re.findall(r"year:(\d+),month:(\d+),day:(\d+)", asked.query["dateRange"])
    first, last = (date(*map(int, one)).isoformat() for one in found)
    ids = {"CAMPAIGN": ["Campaign:5"], "CREATIVE": ["Creative:8", "Creative:9"]}[asked.query["pivot"]]
    return {
        "elements": [
            {
                "dateRange": {
                    "start": {"year": y, "month": m, "day": d},
                    "end": {"year": y, "month": m, "day": d},
                },
                "pivotValues": [f"urn:li:sponsored{one}"],
                "costInLocalCurrency": "12.335" if "Campaign" in one else "6.11",
                "impressions": 100,
                "clicks": 2,
            }
            for day in days(first, last)
            for y, m, d in [map(int, day.split("-"))]
            for one in ids
        ]
    }


def test_linkedin(store: Store, serve: Serve) -> None:
    """Names and currency come from the account's lists; an ad in no list keeps its number."""
    with serve("linkedin", linked, **LINKEDIN):
        results = pulled(store, "linkedin", since="2026-11-18")
    assert [(r.stream, r.state, r.records) for r in results] == [("campaigns", "done", 2), ("ads", "done", 4)]
    assert read(store, COST)[0][:2] == (2467 + 4 * 611, 6)
    names = "SELECT DISTINCT campaign, campaign_id, ad, ad_id FROM origin ORDER BY campaign_id, ad_id"
    assert set(read(store, names)) == {
        ("Leaders", "5", None, None), ("Leaders", "5", "Report", "8"), (None, None, None, "9"),
    }  # fmt: skip


def test_linkedin_answer_that_may_be_cut_is_asked_for_by_day(
    sqlite_store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing of what it leaves out."""
    monkeypatch.setattr(linkedin, "_MOST", 4)
    with serve("linkedin", linked, **LINKEDIN):
        (result,) = pulled(sqlite_store, "linkedin", since="2026-11-17", only=["ads"])
        assert (result.state, result.pages, result.records, result.notes[1:]) == ("done", 3, 6, [])
        monkeypatch.setattr(linkedin, "_MOST", 2)
        (result,) = pulled(sqlite_store, "linkedin", only=["ads"])
    assert "2026-11-19: LinkedIn gives 2 rows at most" in result.notes[-1]


def test_linkedin_version_that_is_over(sqlite_store: Store, serve: Serve) -> None:
    """Each lives for a year."""
    over = Answer({"status": 426, "code": "NONEXISTENT_VERSION", "message": "not active"}, 426)
    with serve("linkedin", linked, **LINKEDIN) as server:
        server.first = [Answer({"currency": "GBP"}), over]
        result = pulled(sqlite_store, "linkedin", only=["ads"])[0]
    assert "set ATTRIBUTION_LINKEDIN_API_VERSION" in result.notes[-1]
