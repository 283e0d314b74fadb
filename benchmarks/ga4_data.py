"""Writes GA4 events as BigQuery exports them: `python -m benchmarks.ga4_data FOLDER EVENTS`.

Two files with the same events: `events.jsonl` (whole numbers in quotes, what is null left out, as BigQuery
writes JSON) and `events.parquet`. A quarter of them are page views; sessions have one to nine.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.json as pa_json
import pyarrow.parquet as pq

_START: Final = 1_735_689_600_000_000
_CHUNK: Final = 50_000
_OTHERS: Final = ("user_engagement", "scroll", "click")
_LANDINGS: Final = (  # query, referrer, what GA4 collected, the campaign that it knows of the click
    ("", None, None, None),
    (
        "",
        "https://www.google.com/",
        {"manual_source": "google", "manual_medium": "organic", "manual_campaign_name": "(organic)"},
        None,
    ),
    (
        "?utm_source=newsletter&utm_medium=email&utm_campaign=may_{n}",
        None,
        {"manual_source": "newsletter", "manual_medium": "email", "manual_campaign_name": "may_{n}"},
        None,
    ),
    ("?gclid=Cj0KCQjw{id}", "https://www.google.com/", {"gclid": "Cj0KCQjw{id}"}, "{n}"),
    (
        "",
        "https://blog.example.org/post-{n}",
        {
            "manual_source": "blog.example.org",
            "manual_medium": "referral",
            "manual_campaign_name": "(referral)",
        },
        None,
    ),
)
_REST: Final = {
    "event_bundle_sequence_id": "-1093284109",
    "stream_id": "4421883012",
    "platform": "WEB",
    "privacy_info": {"analytics_storage": "Yes", "ads_storage": "Yes", "uses_transient_token": "No"},
    "user_properties": [],
    "is_active_user": True,
    "items": [],
    "device": {
        "category": "desktop",
        "mobile_brand_name": "Google",
        "mobile_model_name": "Chrome",
        "operating_system": "Windows",
        "operating_system_version": "Windows 10",
        "language": "en-us",
        "is_limited_ad_tracking": "No",
        "web_info": {"browser": "Chrome", "browser_version": "124.0.6367.119", "hostname": "www.acme.com"},
    },
    "geo": {
        "city": "Lyon",
        "country": "France",
        "continent": "Europe",
        "region": "Auvergne-Rhone-Alpes",
        "sub_continent": "Western Europe",
        "metro": "(not set)",
    },
    "traffic_source": {"name": "(direct)", "medium": "(none)", "source": "(direct)"},
}


def _events(count: int) -> Iterator[str]:
    """Yield events as lines of JSON."""
    draw, made, number = random.Random(1), 0, 0
    rest = json.dumps(_REST, separators=(",", ":"))[1:]
    while made < count:
        number += 1
        visitor = f"{1_000_000_000 + draw.randrange(400_000)}.{1_700_000_000 + number % 7_000_000}"
        at, session = _START + number * 97_000_000, 1_735_689_600 + number * 97
        query, referrer, collected, campaign = (
            _filled(one, number) for one in draw.choices(_LANDINGS, (40, 30, 10, 15, 5))[0]
        )
        page = f"https://www.acme.com/{draw.randrange(400)}/page{query}"
        for view in range(draw.choice((1, 1, 2, 3, 9))):
            for event in (
                ("page_view", "session_start", *_OTHERS[:2]) if view == 0 else ("page_view", *_OTHERS)
            ):
                if made == count:
                    return
                made, at = made + 1, at + draw.randrange(1, 30_000_000) * (event != "session_start")
                params = _params(event, session, page, referrer, draw.randrange(60_000))
                first: dict[str, Any] = {
                    "event_date": "20250101",
                    "event_timestamp": str(at),
                    "event_name": event,
                    "event_params": params,
                    "user_pseudo_id": visitor,
                    "user_first_touch_timestamp": str(_START),
                    "batch_page_id": str(at // 1000),
                }
                if number % 11 == 0:
                    first["user_id"] = f"user-{number % 50_000}"
                if collected and view == 0:
                    first["collected_traffic_source"] = collected
                if campaign:
                    first["session_traffic_source_last_click"] = {
                        "google_ads_campaign": {
                            "customer_id": "1234567890",
                            "campaign_id": str(9_000_000 + number % 40),
                            "campaign_name": f"Campaign {number % 40}",
                            "ad_group_id": str(70_000_000 + number % 300),
                            "ad_group_name": f"Group {number % 300}",
                            "account_name": "Acme",
                        }
                    }
                yield json.dumps(first, separators=(",", ":"))[:-1] + "," + rest
            referrer, page = page, f"https://www.acme.com/{draw.randrange(400)}/page"


def _filled(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, number) for name, one in value.items()}
    return value.format(n=number % 40, id=number) if isinstance(value, str) else value


def _params(event: str, session: int, page: str, referrer: str | None, spent: int) -> list[dict[str, Any]]:
    texts = {
        "page_location": page,
        "page_title": "Acme, shoes for every road",
        "session_engaged": "1",
        "content_group": "shop",
        "theme": "light",
    }
    if referrer:
        texts["page_referrer"] = referrer
    numbers = {
        "ga_session_id": session,
        "ga_session_number": 1,
        "engaged_session_event": 1,
        "batch_ordering_id": 3,
        "engagement_time_msec": spent,
    }
    found = [{"key": key, "value": {"string_value": text}} for key, text in texts.items()]
    return found + [{"key": key, "value": {"int_value": str(number)}} for key, number in numbers.items()]


def _whole(kind: pa.DataType, name: str = "") -> pa.DataType:
    """Return a type with numbers where BigQuery has them."""
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _whole(field.type, field.name)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(_whole(kind.value_type))
    return pa.int64() if name in ("int_value", "event_timestamp", "user_first_touch_timestamp") else kind


def main() -> None:
    """Write the files."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    lines = folder / "events.jsonl"
    chunk: list[str] = []
    sample = "\n".join(_events(5_000)).encode()
    schema = pa_json.read_json(pa.BufferReader(sample)).schema
    whole = pa.schema(list(_whole(pa.struct(list(schema)))))
    with lines.open("w") as file, pq.ParquetWriter(folder / "events.parquet", whole) as parquet:

        def write() -> None:
            text = "\n".join(chunk) + "\n"
            file.write(text)
            options = pa_json.ParseOptions(explicit_schema=schema)
            read = pa_json.ReadOptions(block_size=1 << 24)
            parquet.write_table(pa_json.read_json(pa.BufferReader(text.encode()), read, options).cast(whole))
            chunk.clear()

        for event in _events(count):
            chunk.append(event)
            if len(chunk) == _CHUNK:
                write()
        if chunk:
            write()


if __name__ == "__main__":
    main()
