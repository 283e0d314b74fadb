"""What a touch says of its own origin: the classifier's inputs, and its answer.

An *origin* is one distinct set of these fields; a *placement* is what the rules make of it.
Millions of touches share a few thousand origins, so classification runs once per origin.
"""

from __future__ import annotations

from typing import Final

TOUCH_KINDS: Final = (
    "session", "click", "impression", "email", "event", "offline", "call", "chat", "form", "meeting",
)  # fmt: skip

# given by the input table itself; a given value is final
EXPLICIT_FIELDS: Final = (
    "kind", "channel", "source", "medium", "campaign", "ad_group", "ad", "keyword",
    "platform", "campaign_id", "ad_group_id", "ad_id", "keyword_id", "network",
)  # fmt: skip

# read from the landing URL's query: our name <- accepted parameter names, in order of preference
URL_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "utm_source": ("utm_source",),
    "utm_medium": ("utm_medium",),
    "utm_campaign": ("utm_campaign",),
    "utm_content": ("utm_content",),
    "utm_term": ("utm_term",),
    "utm_id": ("utm_id",),
    "url_campaign_id": ("campaignid",),
    "url_ad_group_id": ("adgroupid",),
    "url_ad_id": ("creative", "_bt"),
    "url_keyword": ("keyword", "_bk"),
    "url_match_type": ("matchtype", "_bm"),
    "url_network": ("network",),
    "gad_source": ("gad_source",),
}

# click ids, in the order in which one is preferred when a URL carries several
CLICK_IDS: Final = (
    "gclid", "gbraid", "wbraid", "dclid", "msclkid", "fbclid", "li_fat_id", "ttclid", "twclid",
    "rdt_cid", "epik", "sccid", "yclid", "qclid", "irclickid", "mc_eid",
)  # fmt: skip

# `click_id_kinds`: the kinds present, in the order of CLICK_IDS, joined by ";"
DERIVED_FIELDS: Final = ("click_id_kinds", "referrer_host", "landing_host")

ORIGIN_FIELDS: Final = (*EXPLICIT_FIELDS, *URL_FIELDS, *DERIVED_FIELDS)

PLACEMENT_FIELDS: Final = ("channel", "source", "medium", "campaign", "ad_group", "ad", "keyword")
