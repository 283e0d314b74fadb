"""Plain words for the names that answers carry: what a marketer reads instead of `time_decay`."""

from __future__ import annotations

from typing import Final

from attribution.metrics.kpi_catalogue import KPIS
from attribution.store.settings import GOALS

MODELS: Final = {
    "first_touch": "All the credit goes to the first touch of the customer.",
    "last_touch": "All the credit goes to the last touch before the deal closed.",
    "last_non_direct": "All the credit goes to the last touch that was not a direct visit.",
    "linear": "Every touch on the way to the deal gets the same credit.",
    "time_decay": "The closer a touch was to the end of the journey, the more credit it gets.",
    "position_based": "The first and the last touch get most of the credit, those between share the rest.",
    "j_shaped": "Most of the credit goes to the last touch, some to the first.",
    "inverse_j": "Most of the credit goes to the first touch, some to the last.",
    "lead_creation": "All the credit goes to the touch that made the person a lead.",
    "u_shaped": "The first touch and the one that made the lead get most of the credit.",
    "w_shaped": "The first touch, the one that made the lead and the one that made the deal get most.",
    "full_path": "First touch, lead, deal and closing touch share most of the credit.",
    "custom": "Moments of the sale that you chose get fixed shares, all other touches share the rest.",
    "markov": "A channel gets credit for the deals that would be lost without it, judged by all journeys.",
    "shapley": "Each deal is shared equally between the different channels that took part in it.",
    "shapley_rate": "A channel gets credit for how much it raises the odds of a deal, over all mixes.",
}

SCOPES: Final = {
    "contacts": "every contact of the deal",
    "primary": "the deal's own lead only",
    "account": "everyone in the deal's account",
}

TIMELESS: Final = ("changes", "doctor", "predict")  # verbs whose answers are of no period

COLUMNS: Final = {
    "value": "Value",
    "roi": "ROI",
    "assisted": "Assisted",
    "kpi": "KPI",
    "disagreement": "Highest minus lowest",
    "disagreement_share": "… as share of the total",
    "ad_group": "Ad group",
    "change_points": "Change in percentage points",
}

# what a column of one verb is called, where its name alone does not say it
_OF_VERB: Final = {
    "recommend": {
        "young": "Too young", "low": "ROI at least", "high": "ROI at most", "because": "Why",
    },
    "predict": {
        "value": "Expected revenue", "low": "At least", "high": "At most", "age_days": "Age in days",
        "chance": "Predicted chance", "open_amount": "Open deals", "outcome_low": "Brings at least",
        "outcome_high": "Brings at most", "held": "Within bounds",
    },
}  # fmt: skip


def column_label(name: str, verb: str) -> str:
    """Return a column's name in words, as it stands in the answers of a verb.

    >>> column_label("low", "recommend"), column_label("ad_group", "recommend")
    ('ROI at least', 'Ad group')
    """
    return _OF_VERB.get(verb, {}).get(name) or label(name)


def label(name: str) -> str:
    """Return a column's or KPI's name in words.

    >>> label("landing_page"), label("roi"), label("cost_per_lead")
    ('Landing page', 'ROI', 'Cost per lead (CPL)')
    """
    if name in COLUMNS:
        return COLUMNS[name]
    if name in KPIS:
        return KPIS[name].label
    return name.replace("_", " ").capitalize()


def model_label(text: str | None) -> str:
    """Return a model's label in words, its parameters in brackets.

    >>> model_label("last_non_direct"), model_label("time_decay:half_life=14d")
    ('Last non-direct', 'Time decay (half life = 14d)')
    """
    name, _, parameters = (text or "no model").partition(":")
    words = "Last non-direct" if name == "last_non_direct" else name.replace("_", " ").capitalize()
    if not parameters:
        return words
    return f"{words} ({parameters.replace('_', ' ').replace('=', ' = ').replace(',', ', ')})"


def model_meaning(text: str | None) -> str:
    """Return one sentence on what a model does, empty for a model that this package does not know."""
    return MODELS.get((text or "").partition(":")[0], "")


def value_label(goal: str | None) -> str:
    """Name what the credited value of a goal is.

    >>> value_label("revenue"), value_label("leads"), value_label(None)
    ('Revenue', 'Leads', 'Revenue')
    """
    return "Revenue" if goal in (None, "revenue") else GOALS[goal].label if goal in GOALS else label(goal)


def lookback_label(text: str | None) -> str:
    """Say how far back touches count.

    >>> lookback_label("365d"), lookback_label("none")
    ('up to 365 days before the conversion', 'all before the conversion')
    """
    if text is None or text == "none":
        return "all before the conversion"
    units = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    return f"up to {text[:-1]} {units[text[-1]]} before the conversion" if text[-1] in units else text
