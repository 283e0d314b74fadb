"""Exports whose addresses are paths: pages of one's own site look like another site until that is said."""

from __future__ import annotations

import io
from typing import Any

from pageview_books import brief

from attribution.engine import Store

HEAD = "visitor_id,at,url,referrer"
VIEWS = """
v1,2026-03-03T09:00:00Z,/,https://www.google.com/
v1,2026-03-03T09:01:00Z,/pricing,https://www.acme.com/
v1,2026-03-03T09:02:00Z,/demo,https://www.acme.com/pricing
v2,2026-03-03T09:02:00Z,/demo,https://partner.example/list
"""


def imported(store: Store, text: str) -> Any:
    return store.import_table("pageviews", "-", stdin=io.BytesIO(f"{HEAD}\n{text.strip()}\n".encode()))


def found(store: Store) -> dict[str, Any]:
    (row,) = [row for row in store.doctor().rows if row["check"] == "urls_without_host"]
    return row


def test_it_is_told_and_mended(store: Store) -> None:
    """The hosts that were seen most are named, Google is not; with the setting the visit is one session."""
    answer = imported(store, VIEWS)
    (told,) = answer.warnings
    assert "URLs have no host" in told
    assert "3 have a referrer such as www.acme.com (2), partner.example (1);" in told
    assert "`attribution config set own_domains acme.com`" in told
    assert "google" not in told
    assert brief(store)[:2] == [("v1", "09:00:00", "Organic Search", 1), ("v1", "09:01:00", "Referral", 2)]
    one = found(store)
    assert (one["severity"], one["count"]) == ("warning", 2)
    assert one["detail"].endswith("2 have a referrer such as partner.example (1), www.acme.com (1)")
    store.config_set("own_domains", "acme.com")
    store.run()
    assert brief(store)[0] == ("v1", "09:00:00", "Organic Search", 3)
    assert found(store)["severity"] == "ok"
    assert imported(store, VIEWS.replace("09:0", "11:0")).warnings == []


def test_whole_addresses_are_told_of_nothing(sqlite_store: Store) -> None:
    """The host of the page says which referrers are its own; and a search engine is nobody's own site."""
    whole = VIEWS.replace("Z,/", "Z,https://www.acme.com/")
    assert imported(sqlite_store, whole).warnings == []
    assert imported(sqlite_store, "v3,2026-03-03T09:00:00Z,/,https://www.google.com/").warnings == []
    assert found(sqlite_store)["severity"] == "ok"
