"""Platforms that behave as the real ones say of themselves, each with a ledger of what it would hold."""

from __future__ import annotations

from platforms.base import Held, Platform
from platforms.crm import HubSpot, Pipedrive, Salesforce
from platforms.faults import Faults
from platforms.ga4 import Ga4
from platforms.google import Google
from platforms.google_ads import GoogleAds
from platforms.linkedin import LinkedIn
from platforms.meta import Meta
from platforms.microsoft import Microsoft
from platforms.pinterest import Pinterest
from platforms.reddit import Reddit
from platforms.snapchat import Snapchat
from platforms.tiktok import TikTok
from platforms.webhook import Webhook, WebhookLists
from platforms.x import X

PLATFORMS: dict[str, type[Platform]] = {
    "google": Google, "google_ads": GoogleAds, "meta": Meta, "microsoft": Microsoft, "linkedin": LinkedIn,
    "tiktok": TikTok, "ga4": Ga4, "pinterest": Pinterest, "snapchat": Snapchat, "reddit": Reddit, "x": X,
    "webhook": Webhook, "webhook_lists": WebhookLists, "hubspot": HubSpot, "salesforce": Salesforce,
    "pipedrive": Pipedrive,
}  # fmt: skip

__all__ = ["PLATFORMS", "Faults", "Held", "Platform"]
