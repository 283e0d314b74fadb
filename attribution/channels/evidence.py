"""What one origin says about itself, ranked: given fields, URL, platform, click ids, referrer, kind of touch.

A lower-ranked piece fills a field only where its own source equals the chosen one or none is chosen yet, so
``utm_source=newsletter`` takes nothing from a referrer of google.com.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple

from attribution.channels.hosts import clean_host, is_within, registrable_domain
from attribution.channels.origin import CLICK_IDS
from attribution.channels.rules import RuleSet

LOWER_CASE: Final = frozenset((
    "kind", "source", "medium", "platform", "network", "utm_source", "utm_medium", "url_network",
    "gad_source", "click_id_kinds", "referrer_host", "landing_host",
))  # fmt: skip

Named = tuple[str | None, str | None, str | None, str | None]  # campaign, ad_group, ad, keyword
REFERRER: Final = "referrer"  # how the label of a referrer's evidence begins
NOBODY: Final[Named] = (None, None, None, None)


class Origin(NamedTuple):
    """One origin, cleaned: None for missing, the fields of LOWER_CASE in lower case."""

    kind: str | None = None
    channel: str | None = None
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    ad_group: str | None = None
    ad: str | None = None
    keyword: str | None = None
    platform: str | None = None
    campaign_id: str | None = None
    ad_group_id: str | None = None
    ad_id: str | None = None
    keyword_id: str | None = None
    network: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_content: str | None = None
    utm_term: str | None = None
    utm_id: str | None = None
    url_campaign_id: str | None = None
    url_ad_group_id: str | None = None
    url_ad_id: str | None = None
    url_keyword: str | None = None
    url_match_type: str | None = None
    url_network: str | None = None
    gad_source: str | None = None
    click_id_kinds: str | None = None
    referrer_host: str | None = None
    landing_host: str | None = None


_given: Final = attrgetter(
    "source", "medium", "campaign", "ad_group", "ad", "keyword", "campaign_id", "ad_group_id", "ad_id",
    "keyword_id",
)  # fmt: skip
_in_url: Final = attrgetter(
    "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "utm_id", "url_campaign_id",
    "url_ad_group_id", "url_ad_id", "url_keyword",
)  # fmt: skip


class Evidence(NamedTuple):
    """One piece: how a sentence names it, source, medium, names, and the ids that stand in for names."""

    label: str
    source: str | None
    medium: str | None
    names: Named = NOBODY
    ids: Named = NOBODY
    tagged: bool = False  # somebody wrote the medium: it was not concluded
    paid: bool = False  # an advertisement for certain, whatever the medium is called


class Referrer(NamedTuple):
    """A referrer's evidence, or the reason why it is none."""

    evidence: Evidence | None
    refused: str | None


class EvidenceReader:
    """Reads the evidence of origins for one set of rules and own domains."""

    def __init__(self, rules: RuleSet, own_domains: Sequence[str]) -> None:
        self._rules = rules
        self._tables = rules.tables
        self._own_domains = tuple(own_domains)
        self._of_clicks = lru_cache(1_024)(self._read_clicks)
        self._referrers: dict[tuple[str, str | None], Referrer] = {}

    def pieces(self, origin: Origin) -> list[Evidence]:
        """Return the evidence of an origin, best first."""
        clicks = self._clicks(origin)
        found = []
        if any(_given(origin)):
            found.append(self._given(origin))
        if any(_in_url(origin)):
            found.append(self._url(origin, clicks))
        known = self._tables.platform_name(origin.platform) if origin.platform else ""
        platform = self._tables.platforms.get(known)
        if platform:
            source, medium = platform
            paid = bool(self._tables.paid_medium.match(medium))
            found.append(Evidence(f"platform {origin.platform}", source, medium, paid=paid))
        found += clicks
        if origin.referrer_host:
            evidence = self.referrer(origin.referrer_host, origin.landing_host).evidence
            if evidence:
                found.append(evidence)
        if origin.kind == "email":
            found.append(Evidence("a touch of kind email", None, "email"))
        return found

    def _given(self, o: Origin) -> Evidence:
        names = (o.campaign, o.ad_group, o.ad, o.keyword)
        ids = (o.campaign_id, o.ad_group_id, o.ad_id, o.keyword_id)
        source, medium = self._direct_words(o.source, o.medium)
        return Evidence("given with the touch", source, medium, names, ids, tagged=True)

    def _url(self, o: Origin, clicks: list[Evidence]) -> Evidence:
        names = (o.utm_campaign, None, o.utm_content, o.utm_term or o.url_keyword)
        ids = (o.url_campaign_id or o.utm_id, o.url_ad_group_id, o.url_ad_id, None)
        source, medium = self._direct_words(o.utm_source, o.utm_medium)
        label = "utm_source in the URL"
        if not source and clicks:
            # A URL that names no source is the link that its own click id was put on.
            source, label = clicks[0].source, clicks[0].label
        elif not source:
            named = "utm_medium" if medium else "utm_campaign" if o.utm_campaign else "campaign fields"
            label = f"{named} in the URL"
        return Evidence(label, source, medium, names, ids, tagged=True)

    def _direct_words(self, source: str | None, medium: str | None) -> tuple[str | None, str | None]:
        """Write (direct) and (none) one way; (none) without a source says nothing."""
        if medium in self._tables.direct_mediums:
            medium = "(none)" if source else None
        return "(direct)" if source in self._tables.direct_sources else source, medium

    def _clicks(self, o: Origin) -> list[Evidence]:
        if not o.click_id_kinds and o.gad_source != "1":
            return []
        return self._of_clicks(o.click_id_kinds or "", o.gad_source == "1", self._says_paid(o))

    def _read_clicks(self, kinds: str, is_ad: bool, says_paid: bool) -> list[Evidence]:
        """Return what click ids say, given whether there is a `gad_source=1` and something else says paid."""
        present = set(kinds.split(";"))
        found: list[Evidence] = []
        for kind in CLICK_IDS:
            known = self._tables.click_ids.get(kind) if kind in present else None
            if known:
                medium = "cpc" if known.paid is False and says_paid else known.medium
                found.append(Evidence(f"{kind} present", known.source, medium, paid=bool(known.paid)))
        if is_ad:
            known = self._tables.click_ids["gad_source"]
            found.append(Evidence("gad_source=1 in the URL", known.source, known.medium, paid=True))
        return found

    def _says_paid(self, o: Origin) -> bool:
        medium, campaign = o.medium or o.utm_medium, o.campaign or o.utm_campaign
        if medium and self._tables.paid_medium.match(medium):
            return True
        return bool(campaign and self._tables.paid_campaign.search(campaign.lower()))

    def referrer(self, host: str, landing: str | None) -> Referrer:
        """Return what a referrer says: nothing for the site's own and for hosts that hand visitors back."""
        key = (host, landing)
        found = self._referrers.get(key)
        if found is None:
            found = self._referrers[key] = self._read_referrer(host, landing)
        return found

    def _read_referrer(self, text: str, landing: str | None) -> Referrer:
        host = clean_host(text)
        if not host:
            return Referrer(None, None)
        if is_within(host, self._own_domains) or (landing and _same_site(host, landing)):
            return Referrer(None, f"the referrer {host} is the site's own")
        if is_within(host, self._tables.handback_hosts):
            return Referrer(None, f"the referrer {host} only hands visitors back after a payment or login")
        found = self._rules.find_source(text)
        mediums = self._tables.referrer_mediums
        medium = mediums.get(found.category, mediums["other"]) if found else mediums["other"]
        return Referrer(Evidence(f"{REFERRER} {host}", found.name if found else host, medium), None)

    def network(self, origin: Origin) -> str | None:
        """Return the Google network that is named, or that the referrer of a Google click gives away."""
        named = origin.network or origin.url_network
        found = self._tables.networks.get(named) if named else None
        if found or not origin.referrer_host or not self._google_click(origin):
            return found
        return self._referrer_network(origin.referrer_host)

    def clicked(self, origin: Origin) -> list[str]:
        """Return the sources that the click ids of an origin are of."""
        kinds = (origin.click_id_kinds or "").split(";")
        found = [self._tables.click_ids[kind].source for kind in kinds if kind in self._tables.click_ids]
        return [*found, "google"] if origin.gad_source == "1" else found

    def _google_click(self, origin: Origin) -> bool:
        return "google" in self.clicked(origin)

    def _referrer_network(self, host: str) -> str | None:
        for known, network in self._tables.referrer_networks.items():
            if is_within(host, (known,)):
                return network
        return None


def _same_site(host: str, landing: str) -> bool:
    landing = clean_host(landing)
    domain = registrable_domain(landing)
    if host == landing:
        return True
    # most are strangers, and splitting a host takes longer than this look
    return domain is not None and host.endswith(domain) and domain == registrable_domain(host)
