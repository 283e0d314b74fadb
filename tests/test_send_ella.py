"""Ella's deal, told to every destination there is, and all that happens to it afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ella_shop import CORRECTED, DEAL, EMAIL, OPPORTUNITY, REFUNDED, Ella, Told, telling

from attribution import clock
from attribution.destinations.file import TEMPLATES
from attribution.destinations.registry import destination_names, get_destination
from attribution.engine import Store

# printf %s ella.marsh@example.com | sha256sum; the next of ellamarsh@example.com, +442079460018, 442079460018
MAIL = "05f6a63eb1a944863811fb01941ec34ee99773eb0a9a28cd9865223a24d17027"
BARE = "b000b15c247789d70f5c2b4645b88b3f5f74c8a71d305d7b336860ea5a2471d5"
PHONE = "faad3b10918e39b5f4d5334f1e1e128719608e8bd3ad3b963dc30187b4518e23"
DIGITS = "99a4599795d24445a5be21117f375c1bbe9e795daf7f62666686ce081e1f32dc"
WON = 1_749_737_109  # date -u -d 2025-06-12T14:05:09Z +%s
PAGE = "https://acme.test/demo"
ID = "4711:revenue"
MS_CLICK = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
LINKEDIN_CLICK = "11111111-2222-4333-8444-555555555555"
MONEY = {"value": 5000.0, "currency": "GBP"}
FILES = [f"file:{template}" for template in TEMPLATES]
NAMES = [name for name in destination_names() if name != "file"] + FILES
Requests = list[tuple[str, Any]]


def google(value: float, **changed: str) -> Requests:
    """What Google is told: an event like any other, whether it is new or not."""
    event = {
        "transactionId": ID, "eventTimestamp": "2025-06-12T14:05:09Z", "eventSource": "OTHER",
        "conversionValue": value, "currency": "GBP", "adIdentifiers": {"gclid": "Gc-4"},
        "userData": {"userIdentifiers": [{"emailAddress": MAIL}, {"phoneNumber": PHONE}]},
        "consent": {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"},
    } | changed  # fmt: skip
    account = {"accountType": "GOOGLE_ADS", "accountId": "1234567890"}
    to = {"operatingAccount": account, "productDestinationId": "987"}
    return [("/v1/events:ingest", {"destinations": [to], "events": [event], "encoding": "HEX"})]


def webhook(value: str, change: str, revision: int, at: str | None) -> Requests:
    """What a receiver of one's own is told."""
    event = {
        "id": f"{ID}:{revision}", "type": f"conversion.{change}", "transaction_id": ID,
        "revision": revision, "change": change, "action": "won", "at": "2025-06-12T14:05:09Z",
        "changed_at": at, "value": value, "currency": "GBP",
        "click": {"kind": "gclid", "id": "Gc-4", "at": "2025-04-02T09:30:00Z"},
        "contact": {"emails_sha256": [MAIL], "phones_sha256": [PHONE]},
        "consent": {"ad_user_data": "granted", "ad_personalization": "granted"}, "model": None,
        "share": None,
    }  # fmt: skip
    return [("/single", event)]


def plain(value: str, change: str, revision: int, at: str) -> Requests:
    """What a plain file holds."""
    head = (
        "transaction_id,revision,change,action,at,changed_at,value,currency,click_kind,click_id,clicked_at,"
        "emails_sha256,phones_sha256,ad_user_data,ad_personalization,model,share"
    )
    row = (
        f"{ID},{revision},{change},Won deal,2025-06-12T14:05:09Z,{at},{value},GBP,gclid,Gc-4,"
        f"2025-04-02T09:30:00Z,{MAIL},{PHONE},granted,granted,,"
    )
    return [("plain-conversions.csv", [head, row])]


def written(value: float, name: Callable[[str], str], blank: Any, day: bool = False) -> dict[str, Any]:
    """What a CRM is told: of 16 visits 5 are of Paid Search, which was met before the 5 of Paid Social."""
    first, last = "2025-03-03T10:15:00.000Z", "2025-04-14T07:30:00.000Z"
    fields = {
        "first_touch_at": first[:10] if day else first, "first_channel": "Organic Search",
        "first_source": "google", "first_campaign": blank, "first_keyword": blank,
        "last_touch_at": last[:10] if day else last, "last_channel": "Email", "last_source": "news",
        "last_campaign": blank, "last_keyword": blank, "touches": 16, "credited_channel": "Paid Search",
        "credited_campaign": blank, "credited_value": value, "credited_currency": "GBP", "model": "linear",
    }  # fmt: skip
    return {name(field): told for field, told in fields.items()}


def hubspot(value: float) -> Requests:
    """What HubSpot is told."""
    properties = written(value, lambda field: f"attribution_{field}", "")
    return [("/crm/v3/objects/deals/batch/update", {"inputs": [{"id": DEAL, "properties": properties}]})]


def salesforce(value: float) -> Requests:
    """What Salesforce is told."""
    fields = written(value, lambda field: f"Attribution_{field.title()}__c", None)
    record = {"attributes": {"type": "Opportunity"}, "id": OPPORTUNITY, **fields}
    return [("/services/data/v62.0/composite/sobjects", {"allOrNone": False, "records": [record]})]


def pipedrive(value: float) -> Requests:
    """What Pipedrive is told: its fields are numbered in this order."""
    order = [
        "credited_value", "credited_currency", "touches", "model", "first_touch_at", "first_channel",
        "first_source", "first_campaign", "first_keyword", "last_touch_at", "last_channel", "last_source",
        "last_campaign", "last_keyword", "credited_channel", "credited_campaign",
    ]  # fmt: skip
    fields = written(value, lambda field: f"{order.index(field):040x}", None, day=True)
    return [(f"/api/v2/deals/{DEAL}", {"custom_fields": fields})]


# what each is told of the deal of 5,000; GA4 can use it for the client id that her browser has
NEW: dict[str, Requests] = {
    "google": google(5000.0),
    "google_ads": [
        (
            "/v26/customers/1234567890:uploadClickConversions",
            {
                "conversions": [
                    {
                        "conversionAction": "customers/1234567890/conversionActions/987", "gclid": "Gc-4",
                        "conversionDateTime": "2025-06-12 14:05:09+00:00", "conversionValue": 5000.0,
                        "currencyCode": "GBP", "orderId": ID,
                        "userIdentifiers": [{"hashedEmail": MAIL}, {"hashedPhoneNumber": PHONE}],
                        "consent": {"adUserData": "GRANTED", "adPersonalization": "GRANTED"},
                    }
                ],
                "partialFailure": True,
            },
        )
    ],
    "meta": [
        (
            "/v26.0/4711/events",
            {
                "data": [
                    {
                        "event_name": "Purchase", "event_time": WON, "event_id": ID,
                        "action_source": "system_generated", "event_source_url": PAGE, "custom_data": MONEY,
                        # date -u -d 2025-04-01T09:30:00Z +%s
                        "user_data": {"em": [MAIL], "ph": [DIGITS], "fbc": "fb.1.1743499800000.Fb-3"},
                    }
                ]
            },
        )
    ],
    "microsoft": [
        (
            "/CampaignManagement/v13/OfflineConversions/Apply",
            {
                "OfflineConversions": [
                    {
                        "ConversionName": "Won deal", "ConversionTime": "2025-06-12T14:05:09Z",
                        "ConversionValue": 5000.0, "ConversionCurrencyCode": "GBP",
                        "MicrosoftClickId": MS_CLICK, "HashedEmailAddress": BARE, "HashedPhoneNumber": PHONE,
                    }
                ]
            },
        )
    ],
    "linkedin": [
        (
            "/rest/conversionEvents",
            {
                "elements": [
                    {
                        "conversion": "urn:lla:llaPartnerConversion:104012",
                        "conversionHappenedAt": WON * 1000, "eventId": ID,
                        "conversionValue": {"currencyCode": "GBP", "amount": "5000.00"},
                        "user": {
                            "userIds": [
                                {"idType": "SHA256_EMAIL", "idValue": MAIL},
                                {
                                    "idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID",
                                    "idValue": LINKEDIN_CLICK,
                                },
                            ]
                        },
                    }
                ]
            },
        )
    ],
    "tiktok": [
        (
            "/open_api/v1.3/event/track/",
            {
                "event_source": "crm", "event_source_id": "C4711",
                "data": [
                    {
                        "event": "Purchase", "event_time": WON, "event_id": ID, "properties": MONEY,
                        "user": {"email": [MAIL], "phone": [PHONE], "ttclid": "E.C.P.Tt-1"},
                        "page": {"url": PAGE},
                    }
                ],
            },
        )
    ],
    "ga4": [
        (
            "/mp/collect",
            {
                "client_id": "1718281828.1740996900", "timestamp_micros": WON * 1_000_000,
                "user_data": {"sha256_email_address": [MAIL], "sha256_phone_number": [PHONE]},
                "consent": {"ad_user_data": "GRANTED", "ad_personalization": "GRANTED"},
                "events": [
                    {"name": "purchase", "params": {"transaction_id": ID, "page_location": PAGE, **MONEY}}
                ],
            },
        )
    ],
    "snapchat": [
        (
            "/v3/ab-4711/events",
            {
                "data": [
                    {
                        "event_name": "PURCHASE", "event_time": WON, "event_id": ID,
                        "action_source": "OFFLINE", "event_source_url": PAGE, "custom_data": MONEY,
                        "user_data": {"em": [MAIL], "ph": [DIGITS], "sc_click_id": "Sc-1"},
                    }
                ]
            },
        )
    ],
    "pinterest": [
        (
            "/v5/ad_accounts/549/events",
            {
                "data": [
                    {
                        "event_name": "checkout", "event_time": WON, "event_id": ID,
                        "action_source": "offline", "event_source_url": PAGE,
                        "custom_data": {"value": "5000.00", "currency": "GBP"},
                        "user_data": {"em": [MAIL], "ph": [DIGITS], "click_id": "dj0yJnU9Ep-1"},
                    }
                ]
            },
        )
    ],
    "reddit": [
        (
            "/api/v3/pixels/a2_4711/conversion_events",
            {
                "data": {
                    "events": [
                        {
                            "event_at": WON * 1000, "action_source": "OTHER", "click_id": "Rd-1",
                            "type": {"tracking_type": "PURCHASE"},
                            "metadata": {"conversion_id": ID, **MONEY},
                            "user": {"email": BARE, "phone_number": PHONE},
                        }
                    ]
                }
            },
        )
    ],
    "x": [
        (
            "/12/measurement/conversions/o8z6j",
            {
                "conversions": [
                    {
                        "conversion_time": "2025-06-12T14:05:09.000Z", "event_id": "tw-o8z6j-o8z21",
                        "identifiers": [
                            {"twclid": "Tw-1"}, {"hashed_email": MAIL}, {"hashed_phone_number": PHONE},
                        ],
                        "conversion_id": ID, "value": "5000.00", "price_currency": "GBP",
                    }
                ]
            },
        )
    ],
    "webhook": webhook("5000.00", "new", 1, None),
    "hubspot": hubspot(5000.0),
    "salesforce": salesforce(5000.0),
    "pipedrive": pipedrive(5000.0),
    "file:google": [
        (
            "google-conversions.csv",
            [
                "Parameters:TimeZone=+0000",
                "Google Click ID,Conversion Name,Conversion Time,Conversion Value,Conversion Currency,"
                "Order ID,Ad User Data,Ad Personalization",
                f"Gc-4,Won deal,2025-06-12 14:05:09,5000.00,GBP,{ID},Granted,Granted",
            ],
        )
    ],
    "file:microsoft": [
        (
            "microsoft-conversions.csv",
            [
                "Parameters:TimeZone=+0000",
                "Microsoft Click ID,Conversion Name,Conversion Time,Conversion Value,Conversion Currency",
                f"{MS_CLICK},Won deal,2025-06-12 14:05:09,5000.00,GBP",
            ],
        )
    ],
    "file:meta": [
        (
            "meta-conversions.csv",
            [
                "email,phone,fbc,event_name,event_time,value,currency,order_id",
                f"{MAIL},{DIGITS},fb.1.1743499800000.Fb-3,Won deal,2025-06-12T14:05:09Z,5000.00,GBP,{ID}",
            ],
        )
    ],
    "file:linkedin": [
        (
            "linkedin-conversions.csv",
            ["email,timestamp,eventtype,amount,currency", f"{MAIL},{WON}000,Won deal,5000.00,GBP"],
        )
    ],
    "file:tiktok": [
        (
            "tiktok-conversions.csv",
            [
                "event_type,timestamp,email,phone,order_id,value,currency",
                f"Won deal,2025-06-12T14:05:09Z,{MAIL},{PHONE},{ID},5000.00,GBP",
            ],
        )
    ],
    "file:plain": plain("5000.00", "new", 1, ""),
}  # fmt: skip


def adjusted_by_google_ads(value: float, day: int) -> Requests:
    """What the Google Ads API is told of a change: by the order id alone."""
    adjustment = {
        "conversionAction": "customers/1234567890/conversionActions/987", "adjustmentType": "RESTATEMENT",
        "adjustmentDateTime": f"2025-06-{day} 15:00:00+00:00", "orderId": ID,
        "restatementValue": {"adjustedValue": value, "currencyCode": "GBP"},
    }  # fmt: skip
    path = "/v26/customers/1234567890:uploadConversionAdjustments"
    return [(path, {"conversionAdjustments": [adjustment], "partialFailure": True})]


def adjusted_by_microsoft(value: float, day: int) -> Requests:
    """What Microsoft is told of a change: by click, goal and time."""
    adjustment = {
        "ConversionName": "Won deal", "ConversionTime": "2025-06-12T14:05:09Z", "MicrosoftClickId": MS_CLICK,
        "AdjustmentType": "Restate", "AdjustmentTime": f"2025-06-{day}T15:00:00Z", "AdjustmentValue": value,
        "AdjustmentCurrencyCode": "GBP",
    }  # fmt: skip
    path = "/CampaignManagement/v13/OfflineConversionAdjustments/Apply"
    return [(path, {"OfflineConversionAdjustments": [adjustment]})]


def adjusted_in_googles_file(value: float, day: int) -> Requests:
    """What a file of adjustments for Google holds."""
    lines = [
        "Parameters:TimeZone=+0000",
        "Order ID,Conversion Name,Adjustment Time,Adjustment Type,Adjusted Value,Adjusted Value Currency",
        f"{ID},Won deal,2025-06-{day} 15:00:00,RESTATE,{value:.2f},GBP",
    ]
    return [("google-adjustments.csv", lines)]


def adjusted_in_microsofts_file(value: float, day: int) -> Requests:
    """What a file of adjustments for Microsoft holds."""
    lines = [
        "Type,Status,Id,Parent Id,Client Id,Name,Adjustment Currency Code,Adjustment Time,Adjustment Type,"
        "Adjustment Value,Conversion Name,Conversion Time,Microsoft Click Id",
        "Format Version,,,,,6.0,,,,,,,",
        f"Offline Conversion,,,,,,GBP,6/{day}/2025 3:00:00 PM,Restate,{value:.2f},Won deal,"
        f"6/12/2025 2:05:09 PM,{MS_CLICK}",
    ]
    return [("microsoft-adjustments.csv", lines)]


# what those are told that can be told of a change: its value, and the day of June on which it was sent
RESTATED: dict[str, Callable[[float, int], Requests]] = {
    "google": lambda value, day: google(value, lastUpdatedTimestamp=f"2025-06-{day}T15:00:00Z"),
    "google_ads": adjusted_by_google_ads,
    "microsoft": adjusted_by_microsoft,
    "webhook": lambda value, day: webhook(f"{value:.2f}", "restated", day - 11, f"2025-06-{day}T15:00:00Z"),
    "hubspot": lambda value, day: hubspot(value),
    "salesforce": lambda value, day: salesforce(value),
    "pipedrive": lambda value, day: pipedrive(value),
    "file:google": adjusted_in_googles_file,
    "file:microsoft": adjusted_in_microsofts_file,
    "file:plain": lambda value, day: plain(f"{value:.2f}", "restated", day - 11, f"2025-06-{day}T15:00:00Z"),
}


@pytest.fixture(scope="module")
def written_down(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A store with the story in it, to copy from."""
    path = tmp_path_factory.mktemp("ella") / "store.db"
    shutil.copyfile(sqlite_template, path)
    with pytest.MonkeyPatch.context() as patch, Store.open(f"sqlite:///{path}") as store:
        ella = Ella(store, path.parent)
        patch.setattr(clock, "now", lambda: ella.now)
        ella.fill()
    return path


@pytest.fixture
def told(request: pytest.FixtureRequest, tmp_path: Path, written_down: Path) -> Iterator[Told]:
    """A platform beside a store with the story in it; `NAME on postgresql` for one on that."""
    name, _, database = request.param.partition(" on ")
    url = f"sqlite:///{tmp_path / 'store.db'}"
    if database:
        url = request.getfixturevalue("make_postgres_url")()
    else:
        source = request.getfixturevalue("sqlite_template") if name == "salesforce" else written_down
        shutil.copyfile(source, tmp_path / "store.db")
    with Store.open(url) as store:
        ella = Ella(store, tmp_path, OPPORTUNITY if name == "salesforce" else DEAL)
        with telling(ella, name) as there:
            if database or name == "salesforce":
                ella.fill()
            yield there


def test_no_destination_is_forgotten() -> None:
    assert sorted(NEW) == sorted(NAMES)


@pytest.mark.parametrize(
    "told", [*NAMES, "google on postgresql", "hubspot on postgresql"], indirect=True, ids=str
)
def test_her_deal_arrives_is_refunded_and_corrected(told: Told) -> None:
    """5,000; then half is paid back; then it is found to have been 4,800, of which 2,300 are left."""
    name = f"{told.name}:{told.template}".rstrip(":")
    label = TEMPLATES[told.template].label if told.template else get_destination(told.name).label
    keeps = [f"1 of revenue changed since {label} took them; it has no way to be told, and keeps what it has"]
    ella = told.ella

    answer, came = told.send()
    assert came == NEW[name]
    assert (answer.totals["new"], answer.totals["accepted"], answer.warnings) == (1, 1, [])

    for instant, change, value in (
        (REFUNDED, lambda: ella.refund("2500.00"), 2500.0),
        (CORRECTED, lambda: ella.close("won", "4800.00"), 2300.0),
    ):
        ella.at(instant)
        change()
        answer, came = told.send()
        if name in RESTATED:
            assert came == RESTATED[name](value, ella.now.day)
            assert (answer.totals["restated"], answer.totals["accepted"], answer.warnings) == (1, 1, [])
        else:
            assert came == []
            assert (answer.totals["restated"], answer.totals["accepted"]) == (0, 0)
            assert answer.warnings == keeps
    assert told.send()[1] == []  # nothing is left to be said

    if told.there is not None:
        [(key, worth)] = told.held().items()
        assert key == ((MS_CLICK, "2025-06-12T14:05:09Z") if name == "microsoft" else f"{ella.deal}:revenue")
        assert worth.startswith("2300.00 GBP" if name in RESTATED else "5000.00 GBP")
        assert told.there.words == []  # it had nothing to refuse


GOOGLES, METAS = " GBP Gc-4", " GBP Fb-3"
KEEPS = "{} of revenue changed since Meta took them; it has no way to be told, and keeps what it has"
LOST, WON_AGAIN = "2025-06-13T10:00:00Z", "2025-06-13T13:00:00Z"
ONE, TWO, THREE = ID, "4712:revenue", "4713:revenue"
STEPS = ("won", "lost", "open", "won again", "deleted", "merged", "forgotten")


def by_name(again: str) -> list[dict[Any, str]]:
    """What is held after each step where conversions are known by name; `again` is what a second win is."""
    first = {ONE: "5000.00", TWO: "1200.00", THREE: "300.00"}
    merged = {again: "6200.00"}
    steps = [
        first,
        {TWO: "1200.00", THREE: "300.00"},
        {TWO: "1200.00", THREE: "300.00"},
        {again: "5000.00", TWO: "1200.00", THREE: "300.00"},
        {again: "5000.00", TWO: "1200.00"},
        merged,
        merged,
    ]
    return [{key: value + GOOGLES for key, value in step.items()} for step in steps]


def by_time() -> list[dict[Any, str]]:
    """What Microsoft holds: by click and time, the second win a second later than it was."""
    times = {
        ONE: "2025-06-12T14:05:09Z", TWO: "2025-06-12T13:00:00Z", THREE: "2025-06-12T12:00:00Z",
        f"{ONE}:2": "2025-06-13T13:00:01Z",
    }  # fmt: skip
    return [
        {(MS_CLICK, times[key]): worth.replace("Gc-4", MS_CLICK) for key, worth in step.items()}
        for step in by_name(f"{ONE}:2")
    ]


HELD: dict[str, list[dict[Any, str]]] = {
    "google": by_name(ONE),  # by its old id
    "google_ads": by_name(f"{ONE}:2"),
    "microsoft": by_time(),
    "webhook": by_name(ONE),
    # whatever happens, it keeps what it was told first
    "meta": [{key: value + METAS for key, value in ((ONE, "5000.00"), (TWO, "1200.00"), (THREE, "300.00"))}]
    * len(STEPS),
}


@pytest.mark.parametrize("told", HELD, indirect=True, ids=str)
def test_her_deals_are_lost_won_again_deleted_and_merged_and_she_is_forgotten(told: Told) -> None:
    """What the platform holds after each step; of the merged deals one is deleted, its amount the other's."""
    ella = told.ella
    ella.close("won", "1200.00", "4712", "2025-06-12T13:00:00Z")
    ella.close("won", "300.00", "4713", "2025-06-12T12:00:00Z")

    def merge() -> None:
        ella.close("deleted", "1200.00", "4712", "2025-06-12T13:00:00Z")
        ella.close("won", "6200.00", at=WON_AGAIN)

    def forget() -> None:
        ella.refund("1000.00", at="2025-06-13T18:00:00Z")  # which nobody is told any more
        assert ella.store.forget(email=EMAIL).totals["conversions_frozen"] == 3
        ella.run()

    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: ella.close("lost", "5000.00", at=LOST),
        lambda: ella.close("open", "5000.00", at=""),
        lambda: ella.close("won", "5000.00", at=WON_AGAIN),
        lambda: ella.close("deleted", "300.00", "4713", "2025-06-12T12:00:00Z"),
        merge,
        forget,
    ]
    found, warnings = {}, []
    for hour, (name, step) in enumerate(zip(STEPS, steps, strict=True)):
        ella.at(f"2025-06-13T{13 + hour}:30:00Z")
        step()
        warnings.append(told.send()[0].warnings)
        found[name] = told.held()
    assert found == dict(zip(STEPS, HELD[told.name], strict=True))
    noted = [0, 1, 1, 0, 1, 3, 0] if told.name == "meta" else [0] * len(STEPS)
    assert warnings == [[KEEPS.format(number)] if number else [] for number in noted]
    assert told.there is not None
    assert told.there.words == []


@pytest.mark.parametrize("told", ["google", "meta"], indirect=True, ids=str)
def test_what_linear_credits_to_their_clicks(told: Told) -> None:
    """Of 16 visits Google's four have 312.50 each, Meta's three as well; and half of it after the refund."""
    worth, later = {"google": ("1250.00", "625.00"), "meta": ("937.50", "937.50")}[told.name]
    click = GOOGLES if told.name == "google" else METAS
    answer, _ = told.send(value="credited", model="linear")
    assert (told.held(), answer.warnings) == ({ID: worth + click}, [])
    told.ella.at(REFUNDED)
    told.ella.refund("2500.00")
    answer, _ = told.send(value="credited", model="linear")
    assert told.held() == {ID: later + click}
    assert answer.warnings == ([] if told.name == "google" else [KEEPS.format(1)])


@pytest.mark.parametrize("told", ["google", "meta"], indirect=True, ids=str)
def test_what_first_touch_credits_to_their_clicks(told: Told) -> None:
    """All is the search's, and nothing is told; within 90 days the first is a click of Google's."""
    ella = told.ella
    ella.run("first_touch")
    answer, came = told.send(value="credited", model="first_touch")
    assert (answer.totals["new"], came, told.held()) == (0, [], {})
    ella.store.config_set("lookback", "90d")  # from 14 March; the search was on the third
    ella.run("first_touch")
    told.send(value="credited", model="first_touch")
    assert told.held() == ({ID: "5000.00" + GOOGLES} if told.name == "google" else {})
    ella.at(REFUNDED)
    ella.refund("2500.00")
    ella.run("first_touch")
    told.send(value="credited", model="first_touch")
    assert told.held() == ({ID: "2500.00" + GOOGLES} if told.name == "google" else {})
