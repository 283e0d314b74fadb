"""Where visits come from: every ad, search engine, partner and mailing of the company.

A *source of visits* (:class:`Slot`) is what an analyst would call a placement, with its weight among first
and among later visits: people discover by advertisements and searches, and come back by name or by e-mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SITE: Final = "https://www.larkspur-metrics.com"

_ADS = ("/product", "/attribution-software", "/product")
_BRAND = ("/", "/pricing", "/", "/demo")
_CONTENT = ("/guides/closed-loop", "/webinar", "/guides/closed-loop")
_ARTICLES = ("/blog/what-is-attribution", "/blog/roi-by-channel", "/blog/what-is-attribution", "/product")
_NEWS = ("/blog/roi-by-channel", "/webinar", "/customers")
_NURTURE = ("/customers", "/pricing", "/demo")
_HOME = ("/", "/", "/", "/pricing", "/product")


@dataclass(frozen=True)
class Slot:
    """One source of visits.

    `first` and `later` are weights among first and among later visits. `click_minor` is what a click costs on
    average, in hundredths; 0 where nobody pays by the click. `share_clicked` is clicks by impressions.
    `click_id` is the parameter that the platform adds to the landing URL.
    """

    channel: str
    first: float
    later: float
    pages: tuple[str, ...] = _HOME
    referrer: str = ""
    source: str = ""
    medium: str = ""
    campaign: str = ""
    ad_group: str = ""
    ad: str = ""
    keyword: str = ""
    platform: str = ""
    campaign_id: str = ""
    ad_group_id: str = ""
    click_id: str = ""
    click_minor: int = 0
    share_clicked: float = 0.0


def _google(
    campaign: str,
    ids: tuple[str, str],
    group: str,
    ad: str,
    keyword: str,
    weights: tuple[float, float],
    **more: float,
) -> Slot:
    return Slot(
        "Paid Search", *weights, pages=_BRAND if campaign.startswith("brand") else _ADS,
        referrer="https://www.google.com/", source="google", medium="cpc", campaign=campaign,
        ad_group=group, ad=ad, keyword=keyword, platform="google_ads", campaign_id=ids[0],
        ad_group_id=ids[1], click_id="gclid",
        click_minor=int(more["cost"]), share_clicked=more["clicked"],
    )  # fmt: skip


def _bing(keyword: str, weights: tuple[float, float], cost: int) -> Slot:
    return Slot(
        "Paid Search", *weights, pages=_ADS, referrer="https://www.bing.com/", source="bing", medium="cpc",
        campaign="bing-search-uk", ad_group="bing-attribution", ad="bing-a", keyword=keyword,
        platform="microsoft_ads", campaign_id="21001", ad_group_id="2100101", click_id="msclkid",
        click_minor=cost, share_clicked=0.03,
    )  # fmt: skip


def _linkedin(
    campaign: str, ids: tuple[str, str], group: str, ad: str, weights: tuple[float, float], cost: int
) -> Slot:
    return Slot(
        "Paid Social", *weights, pages=_CONTENT, referrer="https://www.linkedin.com/", source="linkedin",
        medium="paid-social", campaign=campaign, ad_group=group, ad=ad, platform="linkedin_ads",
        campaign_id=ids[0], ad_group_id=ids[1], click_id="li_fat_id", click_minor=cost, share_clicked=0.006,
    )  # fmt: skip


def _meta(
    campaign: str, ids: tuple[str, str], group: str, ad: str, weights: tuple[float, float], cost: int
) -> Slot:
    return Slot(
        "Paid Social", *weights, pages=_CONTENT, referrer="https://l.facebook.com/", source="facebook",
        medium="paid_social", campaign=campaign, ad_group=group, ad=ad, platform="meta_ads",
        campaign_id=ids[0], ad_group_id=ids[1], click_id="fbclid", click_minor=cost, share_clicked=0.011,
    )  # fmt: skip


def _display(
    campaign: str, ids: tuple[str, str], group: str, ad: str, weights: tuple[float, float], cost: int
) -> Slot:
    return Slot(
        "Display", *weights, pages=("/product", "/"), referrer="https://www.trade-journal-weekly.com/",
        source="adnet", medium="display", campaign=campaign, ad_group=group, ad=ad, platform="google_ads",
        campaign_id=ids[0], ad_group_id=ids[1], click_minor=cost, share_clicked=0.002,
    )  # fmt: skip


def _organic(channel: str, referrer: str, first: float, later: float) -> Slot:
    return Slot(channel, first, later, pages=_ARTICLES, referrer=referrer)


_BRAND_IDS, _GENERIC, _VALUE = ("11001", "1100101"), ("11002", "1100201"), ("11002", "1100202")
_REPORTING, _RIVALS = ("11003", "1100301"), ("11004", "1100401")
_CMO, _PAPER = ("31001", "3100101"), ("31002", "3100201")
_LOOKALIKE, _LAUNCH = ("41001", "4100101"), ("41002", "4100201")
_PROSPECTING, _RETURN = ("51001", "5100101"), ("51002", "5100201")

SLOTS: Final = (
    _google("brand-uk", _BRAND_IDS, "brand-exact", "brand-a", "larkspur metrics",
            (18, 92), cost=1100, clicked=0.21),
    _google("brand-uk", _BRAND_IDS, "brand-exact", "brand-a", "larkspur pricing",
            (5, 45), cost=1100, clicked=0.2),
    _google("generic-attribution-uk", _GENERIC, "attribution", "attr-a", "marketing attribution software",
            (52, 14), cost=3000, clicked=0.044),
    _google("generic-attribution-uk", _GENERIC, "attribution", "attr-a", "attribution tool",
            (20, 7), cost=3000, clicked=0.045),
    _google("generic-attribution-uk", _GENERIC, "attribution", "attr-b", "marketing attribution software",
            (28, 9), cost=3000, clicked=0.045),
    _google("generic-attribution-uk", _GENERIC, "attribution", "attr-b", "attribution tool",
            (22, 7), cost=3000, clicked=0.043),
    _google("generic-attribution-uk", _VALUE, "lead-value", "value-a", "lead value calculator",
            (30, 10), cost=3000, clicked=0.046),
    _google("generic-reporting-eu", _REPORTING, "roi-report", "roi-a", "marketing roi report",
            (30, 9), cost=2600, clicked=0.045),
    _google("generic-reporting-eu", _REPORTING, "roi-report", "roi-a", "campaign reporting",
            (18, 5), cost=2600, clicked=0.045),
    _bing("marketing attribution software", (30, 14), 1700),
    _bing("roi software", (20, 9), 1700),
    _linkedin("li-cmo-awareness", _CMO, "cmo-uk", "video-30s", (62, 18), 7500),
    _linkedin("li-cmo-awareness", _CMO, "cmo-uk", "carousel", (36, 11), 7500),
    _linkedin("li-whitepaper", _PAPER, "heads-of-marketing", "paper-cover", (70, 20), 7500),
    _meta("b2b-lookalike", _LOOKALIKE, "lookalike-1pc", "story-a", (62, 14), 2300),
    _meta("b2b-lookalike", _LOOKALIKE, "lookalike-1pc", "feed-b", (40, 9), 2300),
    _meta("Spring Launch", _LAUNCH, "launch", "launch-a", (36, 9), 2600),
    _display("display-prospecting", _PROSPECTING, "b2b", "300x250", (46, 12), 4500),
    _display("display-prospecting", _PROSPECTING, "b2b", "728x90", (34, 10), 4500),
    _display("display-return", _RETURN, "seen", "160x600", (0, 42), 4500),
    _organic("Organic Search", "https://www.google.com/", 250, 150),
    _organic("Organic Search", "https://www.google.co.uk/", 60, 30),
    _organic("Organic Search", "https://www.bing.com/", 38, 20),
    _organic("Organic Search", "https://duckduckgo.com/", 28, 16),
    _organic("Organic Search", "https://www.google.de/", 12, 6),
    _organic("Organic Search", "https://www.ecosia.org/", 8, 3),
    _organic("Organic Social", "https://www.linkedin.com/", 18, 14),
    _organic("Organic Social", "https://t.co/", 14, 7),
    _organic("Organic Social", "https://www.reddit.com/", 8, 3),
    Slot("Organic Social", 16, 8, pages=_ARTICLES, referrer="https://l.facebook.com/", click_id="fbclid"),
    _organic("Referral", "https://partners.crm-gardeners.com/", 40, 16),
    _organic("Referral", "https://www.martech-reviews.co.uk/attribution", 34, 16),
    _organic("Referral", "https://blog.revops-weekly.com/", 26, 12),
    _organic("AI Assistant", "https://chatgpt.com/", 50, 28),
    _organic("AI Assistant", "https://www.perplexity.ai/", 15, 9),
    _organic("AI Assistant", "https://gemini.google.com/", 9, 6),
    _organic("AI Assistant", "https://claude.ai/", 8, 5),
    # the campaign's name ends in the quarter of the visit: newsletter-q1
    Slot("Email", 10, 150, pages=_NEWS, source="newsletter", medium="email", campaign="newsletter"),
    Slot("Email", 0, 0, pages=_NURTURE, source="crm", medium="email", campaign="nurture-welcome"),
    Slot("Email", 0, 0, pages=_NURTURE, source="crm", medium="email", campaign="nurture-cases"),
    Slot("Email", 0, 0, pages=_NURTURE, source="crm", medium="email", campaign="nurture-demo"),
    Slot("Direct", 95, 215),
    Slot("Direct", 0, 0, pages=("/login",)),
    Slot("Offline", 0, 0, source="event", medium="stand", campaign="growth-forum"),
    Slot("Offline", 0, 0, source="event", medium="stand", campaign="revops-summit"),
    Slot("Offline", 0, 0, source="event", medium="stand", campaign="b2b-expo"),
)  # fmt: skip

# its landing page lost the tracking snippet: money out, clicks in, and nobody to see afterwards
SILENT: Final = _google(
    "competitors-uk", _RIVALS, "rivals", "rival-a", "other attribution tools",
    (0, 0), cost=1500, clicked=0.045
)  # fmt: skip


def _where(field: str, value: str) -> tuple[int, ...]:
    return tuple(number for number, slot in enumerate(SLOTS) if getattr(slot, field) == value)


NEWSLETTER: Final = _where("source", "newsletter")[0]
NURTURE: Final = _where("source", "crm")
EVENTS: Final = _where("channel", "Offline")
LOGIN: Final = next(number for number, slot in enumerate(SLOTS) if slot.pages == ("/login",))
SPRING: Final = _where("campaign", "Spring Launch")[0]
AFTER_SPRING: Final = _where("campaign", "b2b-lookalike")[0]
BING_ADS: Final = _where("medium", "cpc")[-2:]
