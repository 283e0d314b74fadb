"""The KPI catalogue: each figure is one declaration, and every door is made from it.

A measure is a name that :mod:`attribution.metrics.kpi_measures` knows how to count; a KPI is one measure,
or one over another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from attribution.errors import UnknownNameError

_ARTICLES: Final = "lead-generation KPI articles"


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One figure, in words and as measures.

    `unit` is that of the value: money, ratio (shown as percent), count, days or factor. `denominator` None
    makes a count; `less_spend` takes the spend off the numerator. A `denominator` of zero gives null.
    """

    name: str
    label: str
    formula: str
    unit: str
    grain: str  # what one unit of it is
    numerator: str = ""
    denominator: str | None = None
    less_spend: bool = False
    zero_rule: str = "null where the denominator is zero"
    source: str = _ARTICLES


def _count(name: str, label: str, formula: str, grain: str) -> Kpi:
    return Kpi(
        name=name, label=label, formula=formula, unit="count", grain=grain, numerator=name,
        zero_rule="0 where there is none", source="CRM records",
    )  # fmt: skip


KPIS: Final = {
    kpi.name: kpi
    for kpi in (
        _count("leads", "Leads", "lead records created", "lead"),
        _count("mql", "Marketing qualified leads", "leads that became marketing qualified", "lead"),
        _count("sqo", "Sales qualified opportunities", "leads that became sales qualified", "lead"),
        _count("opportunities", "Opportunities", "deals created", "deal"),
        _count("won_deals", "Won deals", "deals closed as won", "deal"),
        _count("customers", "New customers", "accounts, else persons, at their first won deal", "customer"),
        Kpi(
            name="lead_conversion_rate", label="Lead conversion rate", unit="ratio", grain="lead",
            formula="leads that reached an opportunity / leads",
            numerator="converted_leads", denominator="leads",
        ),
        Kpi(
            name="lead_value", label="Lead value", unit="money", grain="lead",
            formula="sales value / leads", numerator="revenue", denominator="leads",
        ),
        Kpi(
            name="cost_per_lead", label="Cost per lead (CPL)", unit="money", grain="lead",
            formula="spend / new leads", numerator="spend", denominator="leads",
        ),
        Kpi(
            name="cost_per_mql", label="Cost per MQL", unit="money", grain="lead",
            formula="spend / marketing qualified leads", numerator="spend", denominator="mql",
        ),
        Kpi(
            name="cost_per_sqo", label="Cost per SQO", unit="money", grain="lead",
            formula="spend / sales qualified opportunities", numerator="spend", denominator="sqo",
        ),
        Kpi(
            name="cost_per_acquisition", label="Cost per acquisition (CPA)", unit="money", grain="deal",
            formula="spend / won deals", numerator="spend", denominator="won_deals",
        ),
        Kpi(
            name="customer_acquisition_cost", label="Customer acquisition cost (CAC)", unit="money",
            grain="customer", formula="spend / new customers", numerator="spend", denominator="customers",
        ),
        Kpi(
            name="roi", label="Return on investment (ROI)", unit="ratio", grain="spend",
            formula="(value - spend) / spend", numerator="revenue", denominator="spend", less_spend=True,
            zero_rule="null where nothing was spent; -100 % where spend brought nothing",
        ),
        Kpi(
            name="roas", label="Return on ad spend (ROAS)", unit="factor", grain="spend",
            formula="value / spend", numerator="revenue", denominator="spend",
        ),
        Kpi(
            name="average_deal_size", label="Average deal size", unit="money", grain="deal",
            formula="revenue won / won deals", numerator="revenue", denominator="valued_deals",
        ),
        Kpi(
            name="win_rate", label="Win rate", unit="ratio", grain="deal",
            formula="won / (won + lost)", numerator="decided_won", denominator="decided",
        ),
        Kpi(
            name="time_to_conversion", label="Time to conversion", unit="days", grain="stage",
            formula="median and quartiles of the days from one stage to the next, of those that reached it",
            zero_rule="null where nobody reached the stage; a stage before the one it follows is left out",
        ),
    )
}  # fmt: skip

# measures in minor units of the answer's currency; the others are counts in millionths
MONEY_MEASURES: Final = frozenset({"revenue", "spend"})


def choose(names: str | Iterable[str]) -> list[Kpi]:
    """Return KPIs by name, all of them where none is named.

    Raises:
        UnknownNameError: no such KPI.

    >>> [kpi.label for kpi in choose("roi,roas")]
    ['Return on investment (ROI)', 'Return on ad spend (ROAS)']
    """
    given = [names] if isinstance(names, str) else list(names)
    wanted = [name.strip() for text in given for name in text.split(",") if name.strip()]
    for name in wanted:
        if name not in KPIS:
            raise UnknownNameError("KPI", name, KPIS)
    return [KPIS[name] for name in dict.fromkeys(wanted)] or list(KPIS.values())
