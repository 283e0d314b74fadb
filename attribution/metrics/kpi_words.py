"""What a KPI is, in words that fit what was asked: at this margin, of this stage, of people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attribution.metrics.asked import percent_text
from attribution.metrics.kpi_catalogue import Kpi
from attribution.metrics.kpi_dimensions import COUNTED

_OPPORTUNITY: Final = "reached an opportunity"
_TARGET: Final = "`--target` (3 minutes)"
_HORIZON: Final = "`--horizon` (60)"
_PEOPLE: Final = ("leads", "mql", "sqo", "converted_leads")  # counted once each by `--unique`
_REVENUE: Final = ("revenue", "deal_revenue", "customer_revenue")


def formula(kpi: Kpi, asked: Mapping[str, Any]) -> str:
    """Return a KPI's formula as it was worked out.

    Args:
        kpi: which one.
        asked: the options of its answer (:mod:`attribution.metrics.asked`).

    >>> from attribution.metrics.kpi_catalogue import KPIS
    >>> formula(KPIS["roi"], {"margin": 0.6})
    '(value at 60 % margin - spend) / spend'
    >>> formula(KPIS["lead_conversion_rate"], {"stage": "won"})
    'leads that reached won / leads'
    """
    text, more = kpi.formula, []
    if "margin" in asked:
        if kpi.of_earnings:
            text = text.replace("value", f"value at {percent_text(asked['margin'])} margin", 1)
        elif {*kpi.measures} & {*_REVENUE}:
            more.append("at full value: the margin is of ROI and ROAS alone")
    if "stage" in asked:
        text = text.replace(_OPPORTUNITY, f"reached {asked['stage']}")
    if "target" in asked:
        text = text.replace(_TARGET, str(asked["target"]))
    if "horizon" in asked:
        text = text.replace(_HORIZON, str(asked["horizon"]))
    if asked.get("unique") and {*kpi.measures} & {*_PEOPLE}:
        more.append("each person once")
    if asked.get("basis") == "cohort" and _of_leads(kpi):
        more.append("of the leads created in the period")
    return "; ".join([text, *more])


def numerator(kpi: Kpi, asked: Mapping[str, Any]) -> str:
    """Return what a KPI's numerator holds, as measures and stages.

    >>> from attribution.metrics.kpi_catalogue import KPIS
    >>> numerator(KPIS["roi"], {}), numerator(KPIS["roi"], {"margin": 0.6})
    ('revenue - spend', 'revenue x 60 % - spend')
    """
    text = kpi.numerator or ", ".join(kpi.stages)
    if kpi.of_earnings and "margin" in asked:
        text += f" x {percent_text(asked['margin'])}"
    return f"{text} - {kpi.denominator}" if kpi.less_spend else text


def _of_leads(kpi: Kpi) -> bool:
    return any(COUNTED.get(measure) in ("lead", "deal") for measure in kpi.measures)
