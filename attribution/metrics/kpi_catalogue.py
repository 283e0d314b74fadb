"""The KPI catalogue: each figure is one declaration, and every door is made from it.

A measure is a name of :data:`attribution.metrics.measures.registry.MEASURES`; a KPI is one measure, or one
over another, or the durations of some stages. KPIs of one family can be asked for together.
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
    makes a sum; a `denominator` of zero gives null.

    Attributes:
        family: those that are asked for, and shown, together.
        grain: what one unit of it is.
        numerator, denominator: measures.
        stages: instead of those, the durations whose medians it is.
        less_spend: the spend, which is the denominator, is taken off the numerator.
        of_earnings: revenue is valued at its margin.
    """

    name: str
    label: str
    formula: str
    unit: str
    grain: str
    family: str
    numerator: str = ""
    denominator: str | None = None
    stages: tuple[str, ...] = ()
    less_spend: bool = False
    of_earnings: bool = False
    zero_rule: str = "null where the denominator is zero"
    source: str = _ARTICLES

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that it is made of."""
        return tuple(name for name in (self.numerator, self.denominator) if name)


def _count(name: str, label: str, formula: str, grain: str, family: str = "funnel") -> Kpi:
    return Kpi(
        name=name, label=label, formula=formula, unit="count", grain=grain, family=family, numerator=name,
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
            name="lead_conversion_rate", family="funnel", label="Lead conversion rate", unit="ratio",
            grain="lead",
            formula="leads that reached an opportunity / leads",
            numerator="converted_leads", denominator="leads",
        ),
        Kpi(
            name="lead_value", family="value", label="Lead value", unit="money", grain="lead",
            formula="sales value / leads", numerator="revenue", denominator="leads",
        ),
        Kpi(
            name="cost_per_lead", family="cost", label="Cost per lead (CPL)", unit="money", grain="lead",
            formula="spend / new leads", numerator="spend", denominator="leads",
        ),
        Kpi(
            name="cost_per_mql", family="cost", label="Cost per MQL", unit="money", grain="lead",
            formula="spend / marketing qualified leads", numerator="spend", denominator="mql",
        ),
        Kpi(
            name="cost_per_sqo", family="cost", label="Cost per SQO", unit="money", grain="lead",
            formula="spend / sales qualified opportunities", numerator="spend", denominator="sqo",
        ),
        Kpi(
            name="cost_per_acquisition", family="cost", label="Cost per acquisition (CPA)", unit="money",
            grain="deal",
            formula="spend / won deals", numerator="spend", denominator="won_deals",
        ),
        Kpi(
            name="customer_acquisition_cost", family="cost", label="Customer acquisition cost (CAC)",
            unit="money", grain="customer", formula="spend / new customers",
            numerator="spend", denominator="customers",
        ),
        Kpi(
            name="roi", family="return", label="Return on investment (ROI)", unit="ratio", grain="spend",
            formula="(value - spend) / spend", numerator="revenue", denominator="spend", less_spend=True,
            of_earnings=True,
            zero_rule="null where nothing was spent; -100 % where spend brought nothing",
        ),
        Kpi(
            name="roas", family="return", label="Return on ad spend (ROAS)", unit="factor", grain="spend",
            formula="value / spend", numerator="revenue", denominator="spend", of_earnings=True,
        ),
        Kpi(
            name="average_deal_size", family="value", label="Average deal size", unit="money", grain="deal",
            formula="revenue won / won deals", numerator="revenue", denominator="valued_deals",
        ),
        Kpi(
            name="win_rate", family="funnel", label="Win rate", unit="ratio", grain="deal",
            formula="won / (won + lost)", numerator="decided_won", denominator="decided",
        ),
        Kpi(
            name="time_to_conversion", family="speed", label="Time to conversion", unit="days", grain="stage",
            formula="median and quartiles of the days from one stage to the next, of those that reached it",
            stages=("first_touch_to_lead", "lead_to_opportunity", "opportunity_to_won", "lead_to_won"),
            zero_rule="null where nobody reached the stage; a stage before the one it follows is left out",
        ),
    )
}  # fmt: skip

# measures in minor units of the answer's currency; the others are counts in millionths
MONEY_MEASURES: Final = frozenset({"revenue", "spend"})


FAMILIES: Final = tuple(dict.fromkeys(kpi.family for kpi in KPIS.values()))


def choose(names: str | Iterable[str]) -> list[Kpi]:
    """Return KPIs by name or family, all of them where none is named.

    Raises:
        UnknownNameError: no such KPI.

    >>> [kpi.label for kpi in choose("roi,roas")]
    ['Return on investment (ROI)', 'Return on ad spend (ROAS)']
    >>> [kpi.name for kpi in choose("return")]
    ['roi', 'roas']
    """
    given = [names] if isinstance(names, str) else list(names)
    wanted = [name.strip() for text in given for name in text.split(",") if name.strip()]
    found: dict[str, Kpi] = {}
    for name in wanted:
        if name not in KPIS and name not in FAMILIES:
            raise UnknownNameError("KPI", name, [*KPIS, *FAMILIES])
        found |= {kpi.name: kpi for kpi in KPIS.values() if name in (kpi.name, kpi.family)}
    return list(found.values()) or list(KPIS.values())
