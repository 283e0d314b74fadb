"""The files of each platform's template: the lines they begin with, and how a conversion is written.

Times are UTC, and so said where a template can say it. Contacts are hashed; names of people are left out. A
text that a spreadsheet would run is written with an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from attribution import clock
from attribution.clock import SECOND
from attribution.destinations import hashing
from attribution.destinations.conversion import Change, Conversion, Signal
from attribution.destinations.destination import ANY_CLICK
from attribution.destinations.meta import fbc
from attribution.destinations.values import millis
from attribution.report.csv_text import disarmed

Row = Sequence[str | None]
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.-]+")  # calls nothing, even as `-abc`: a click id stays what it is
_SAID: Final = {Signal.GRANTED: "Granted", Signal.DENIED: "Denied"}
_ZONE: Final = ("Parameters:TimeZone=+0000",)


@dataclass(frozen=True)
class Sheet:
    """What a file looks like.

    Attributes:
        holds: `conversions` or `adjustments`; a part of its name.
        top: the lines before the first conversion, the header among them.
        row: writes one conversion, a cell for each column.
    """

    holds: str
    top: tuple[tuple[str, ...], ...]
    row: Callable[[Conversion], Row]


def file_text(sheet: Sheet, lot: Sequence[Conversion]) -> str:
    """Write a file as CSV.

    >>> print(file_text(GOOGLE_ADJUSTMENTS, [Conversion("=1", "won", 0, change=Change.RETRACTED)]))
    Parameters:TimeZone=+0000
    Order ID,Conversion Name,Adjustment Time,Adjustment Type,Adjusted Value,Adjusted Value Currency
    '=1,won,1970-01-01 00:00:01,RETRACT,,
    <BLANKLINE>
    """
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
    lines.writerows(sheet.top)
    lines.writerows([_cell(cell) for cell in sheet.row(conversion)] for conversion in lot)
    return file.getvalue()


def _cell(text: str | None) -> str:
    text = text or ""
    return text if _TOKEN.fullmatch(text) else disarmed(text)


def _value(conversion: Conversion) -> str:
    return "" if conversion.value is None else f"{conversion.value:f}"


def _new_value(conversion: Conversion) -> tuple[str, str | None]:
    """Return the value and currency of a restatement; a retraction has none."""
    if conversion.change is Change.RETRACTED:
        return "", ""
    return _value(conversion), conversion.currency


def _changed_at(conversion: Conversion) -> int:
    """Return when a conversion changed: an adjustment of the conversion's own second counts as earlier."""
    least = conversion.at + SECOND
    return max(conversion.changed_at or least, least)


def _seconds(micros: int) -> str:
    return clock.from_micros(micros).strftime("%Y-%m-%d %H:%M:%S")


def hashed_email(conversion: Conversion) -> str:
    """Return the first address, hashed; empty where there is none."""
    return next(iter(hashing.all_hashed(conversion.contact.emails, hashing.plain_email)), "")


def hashed_phone(conversion: Conversion, plain: Callable[[str], str] = hashing.e164) -> str:
    """Return the first number, hashed; empty where there is none."""
    return next(iter(hashing.all_hashed(conversion.contact.phones, plain)), "")


def _google(conversion: Conversion) -> Row:
    consent = conversion.consent
    return (
        conversion.clicks.get("gclid"), conversion.action, _seconds(conversion.at), _value(conversion),
        conversion.currency, conversion.transaction_id, _SAID.get(consent.ad_user_data),
        _SAID.get(consent.ad_personalization),
    )  # fmt: skip


# "Import conversions from ad clicks" (support.google.com/google-ads/answer/7014069): the five columns of its
# template, and three that the page allows: the order id, by which a repeat is dropped and a change is told,
# and what was agreed to. An offset stands for the zone's name, +0000 for UTC.
GOOGLE: Final = Sheet(
    "conversions",
    (
        _ZONE,
        (
            "Google Click ID", "Conversion Name", "Conversion Time", "Conversion Value",
            "Conversion Currency", "Order ID", "Ad User Data", "Ad Personalization",
        ),
    ),
    _google,
)  # fmt: skip


def _google_adjustment(conversion: Conversion) -> Row:
    kind = "RETRACT" if conversion.change is Change.RETRACTED else "RESTATE"
    changed = _seconds(_changed_at(conversion))
    return (conversion.transaction_id, conversion.action, changed, kind, *_new_value(conversion))


# "Adjust your conversions" (support.google.com/google-ads/answer/7686280): of conversions with an order id.
# The words are RESTATE and RETRACT here, RESTATEMENT and RETRACTION in the API.
GOOGLE_ADJUSTMENTS: Final = Sheet(
    "adjustments",
    (
        _ZONE,
        (
            "Order ID", "Conversion Name", "Adjustment Time", "Adjustment Type", "Adjusted Value",
            "Adjusted Value Currency",
        ),
    ),
    _google_adjustment,
)  # fmt: skip


def _microsoft(conversion: Conversion) -> Row:
    return (
        conversion.clicks.get("msclkid"), conversion.action, _seconds(conversion.at), _value(conversion),
        conversion.currency,
    )  # fmt: skip


# the template of "Import offline conversions" (help.ads.microsoft.com, 56852), which allows no other columns
MICROSOFT: Final = Sheet(
    "conversions",
    (
        _ZONE,
        (
            "Microsoft Click ID",
            "Conversion Name",
            "Conversion Time",
            "Conversion Value",
            "Conversion Currency",
        ),
    ),
    _microsoft,
)


def _microsoft_adjustment(conversion: Conversion) -> Row:
    kind = "Retract" if conversion.change is Change.RETRACTED else "Restate"
    value, currency = _new_value(conversion)
    return (
        "Offline Conversion", "", "", "", "", "", currency, _american(_changed_at(conversion)), kind, value,
        conversion.action, _american(conversion.at), conversion.clicks.get("msclkid"),
    )  # fmt: skip


def _american(micros: int) -> str:
    """Write an instant as bulk files have it, in UTC: `4/1/2020 6:50:54 PM`."""
    at = clock.from_micros(micros)
    return f"{at.month}/{at.day}/{at.year} {at.hour % 12 or 12}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"


# a bulk file, since the template above has no changes: the record "Offline Conversion", format 6.0
# (learn.microsoft.com/en-us/advertising/bulk-service/offline-conversion; column names as in Microsoft's SDK)
MICROSOFT_ADJUSTMENTS: Final = Sheet(
    "adjustments",
    (
        (
            "Type", "Status", "Id", "Parent Id", "Client Id", "Name", "Adjustment Currency Code",
            "Adjustment Time", "Adjustment Type", "Adjustment Value", "Conversion Name", "Conversion Time",
            "Microsoft Click Id",
        ),
        ("Format Version", "", "", "", "", "6.0", "", "", "", "", "", "", ""),
    ),
    _microsoft_adjustment,
)  # fmt: skip


def _meta(conversion: Conversion) -> Row:
    return (
        hashed_email(conversion), hashed_phone(conversion, hashing.phone_digits), fbc(conversion),
        conversion.action, clock.iso(conversion.at // SECOND * SECOND), _value(conversion),
        conversion.currency, conversion.transaction_id,
    )  # fmt: skip


# columns that Events Manager knows by these names when offline events are uploaded; their order is free, and
# the file that it offers for download has more of them
META: Final = Sheet(
    "conversions",
    (("email", "phone", "fbc", "event_name", "event_time", "value", "currency", "order_id"),),
    _meta,
)


def _linkedin(conversion: Conversion) -> Row:
    value = "" if conversion.value is None else f"{round(conversion.value, 2):f}"  # takes no more decimals
    return (
        hashed_email(conversion),
        str(millis(conversion.at)),
        conversion.action,
        value,
        conversion.currency,
    )


# "Conversions data manual upload template requirements" (linkedin.com/help/lms/answer/a530615): the required
# columns. Those of names, employer, title and country, which it takes in the clear only, may be left out. It
# has no id of a conversion: a file that is uploaded twice counts twice.
LINKEDIN: Final = Sheet(
    "conversions",
    (("email", "timestamp", "eventtype", "amount", "currency"),),
    _linkedin,
)


def _tiktok(conversion: Conversion) -> Row:
    return (
        conversion.action, clock.iso(conversion.at // SECOND * SECOND), hashed_email(conversion),
        hashed_phone(conversion), conversion.transaction_id, _value(conversion), conversion.currency,
    )  # fmt: skip


# "How to upload offline events in Events Manager" (ads.tiktok.com/help/article/about-events-api-for-offline):
# event type, time and one of the contacts are required, the others are of its optional columns
TIKTOK: Final = Sheet(
    "conversions",
    (("event_type", "timestamp", "email", "phone", "order_id", "value", "currency"),),
    _tiktok,
)


def _plain(conversion: Conversion) -> Row:
    contact, consent, kind = conversion.contact, conversion.consent, conversion.click_kind(ANY_CLICK)
    return (
        conversion.transaction_id, str(conversion.revision), conversion.change, conversion.action,
        clock.iso(conversion.at), _instant(conversion.changed_at), _value(conversion), conversion.currency,
        kind, conversion.clicks.get(kind), _instant(conversion.clicked_at),
        ";".join(hashing.all_hashed(contact.emails, hashing.plain_email)),
        ";".join(hashing.all_hashed(contact.phones, hashing.e164)),
        consent.ad_user_data, consent.ad_personalization, conversion.model,
        None if conversion.share is None else f"{conversion.share:f}",
    )  # fmt: skip


def _instant(micros: int | None) -> str:
    return "" if micros is None else clock.iso(micros)


PLAIN: Final = Sheet(
    "conversions",
    (
        (
            "transaction_id", "revision", "change", "action", "at", "changed_at", "value", "currency",
            "click_kind", "click_id", "clicked_at", "emails_sha256", "phones_sha256", "ad_user_data",
            "ad_personalization", "model", "share",
        ),
    ),
    _plain,
)  # fmt: skip
