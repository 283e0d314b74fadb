"""The KPI catalogue: each figure is one declaration, and every door is made from it.

A measure is a name of :data:`attribution.metrics.measures.registry.MEASURES`; a KPI is one measure, or one
over another, or the durations of some stages. KPIs of one family can be asked for together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from attribution.errors import UnknownNameError

_ARTICLES: Final = "lead-generation KPI articles"


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One figure, in words and as measures.

    `unit` is that of the value: money, ratio (shown as percent), count, days, minutes, months or factor. A
    `denominator` None makes a sum; a `denominator` of zero gives null.

    Attributes:
        family: those that are asked for, and shown, together.
        grain: what one unit of it is.
        numerator, denominator: measures.
        stages: instead of those, the durations whose medians it is.
        less_spend: the spend, which is the denominator, is taken off the numerator.
        of_earnings: revenue is valued at its margin.
        times: what the quotient is multiplied by: `lifetime_months` or `lifetime_years` of customers.
        on_request: left out where no KPI is named: it takes its time, or needs more than the store.
        above_one: of a rate that cannot pass 100 % but by what its period cuts off, what to say of that.
        nets: it compares the last day of a period with the day before the first, so that of several periods
            together it is no sum of theirs: what came in one and went in the next was never there.
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
    times: str = ""
    on_request: bool = False
    above_one: str = ""
    nets: bool = False
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


def _traffic(name: str, label: str, formula: str) -> Kpi:
    return Kpi(
        name=name, label=label, formula=formula, unit="count", grain="session", family="traffic",
        numerator=name, zero_rule="0 where there is none", source="touches",
    )  # fmt: skip


def _statistic(name: str, label: str, formula: str) -> Kpi:
    return Kpi(
        name=name, label=label, formula=formula, unit="count", grain="post", family="engagement",
        numerator=name, zero_rule="0 where there is none", source="social_stats",
    )  # fmt: skip


def _mailing(name: str, label: str, formula: str, numerator: str) -> Kpi:
    return Kpi(
        name=name, label=label, formula=formula, unit="ratio", grain="mailing", family="email_performance",
        numerator=numerator, denominator="mails_delivered", source="email_stats",
        zero_rule="null where nothing was delivered",
    )  # fmt: skip


def _recurring(name: str, label: str, formula: str, *, nets: bool = True) -> Kpi:
    return Kpi(
        name=name, label=label, formula=formula, unit="money", grain="customer", family="recurring",
        numerator=name, zero_rule="0 where nothing recurs", nets=nets,
    )  # fmt: skip


KPIS: Final = {
    kpi.name: kpi
    for kpi in (
        _count("leads", "Leads", "lead records created", "lead"),
        _count("mql", "Marketing qualified leads", "leads that became marketing qualified", "lead"),
        _count("sqo", "Sales qualified opportunities", "leads that became sales qualified", "lead"),
        _count(
            "opportunities", "Opportunities",
            "deals created; those that do not say when, at their closing", "deal",
        ),
        _count("won_deals", "Won deals", "deals closed as won", "deal"),
        _count("customers", "New customers", "accounts, else persons, at their first won deal", "customer"),
        Kpi(
            name="lead_conversion_rate", family="funnel", label="Lead conversion rate", unit="ratio",
            grain="lead",
            formula="leads that reached an opportunity / leads",
            numerator="converted_leads", denominator="leads",
            above_one="a lead conversion rate passes 100 %: in a period, the leads that convert may be older "
            "than those that come in; --basis cohort follows the same leads",
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
            formula="revenue of the deals won in the period / these deals",
            numerator="deal_revenue", denominator="valued_deals",
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
        Kpi(
            name="inbound_response_time", family="speed", label="Inbound response time", unit="minutes",
            grain="lead",
            formula="median and quartiles of the minutes from an inquiry to its answer, of those answered",
            stages=("request_to_response",),
            zero_rule="null where nobody was answered; an answer before its inquiry is left out",
        ),
        Kpi(
            name="response_within_target", family="speed", label="Answered within the target", unit="ratio",
            grain="lead",
            formula="inquiries answered within `--target` (3 minutes) / inquiries, those never answered too",
            numerator="requests_within_target", denominator="timed_requests",
            zero_rule="null where nobody asked; an answer before its inquiry is left out",
        ),
        Kpi(
            name="response_outcome_rate", family="speed", label="Inquiries with an outcome", unit="ratio",
            grain="lead",
            formula="inquiries with an outcome other than that nobody was reached / inquiries; the usual "
            "goal is 70 %",
            numerator="requests_with_outcome", denominator="requests",
        ),
        _count("meetings_booked", "Meetings booked", "meetings booked", "meeting", "meetings"),
        _count("meetings_attended", "Meetings attended", "meetings that were held", "meeting", "meetings"),
        Kpi(
            name="attendance_rate", family="meetings", label="Attendance rate", unit="ratio", grain="meeting",
            formula="meetings held / meetings booked",
            numerator="meetings_attended", denominator="meetings_booked",
            above_one="an attendance rate passes 100 %: in a period, the meetings that are held may have "
            "been booked before it",
        ),
        _traffic("sessions", "Sessions", "visits: sessions, and clicks that no session stands for"),
        _traffic("visitors", "Visitors", "browsers that came; in two ways: in both, once in the total"),
        _traffic("new_visitors", "New visitors", "browsers whose first session ever it was"),
        Kpi(
            name="bounce_rate", family="traffic", label="Bounce rate", unit="ratio", grain="session",
            formula="sessions of one page, under 10 engaged seconds and without a lead / sessions whose page "
            "views are known",
            numerator="bounced_sessions", denominator="known_sessions",
            zero_rule="null where no page views are known",
        ),
        _statistic("engagement", "Engagement", "likes + comments + shares"),
        _statistic("engagement_clicks", "Engagement clicks", "clicks from social posts to the site"),
        _mailing("open_rate", "Open rate", "opens / mails delivered", "mails_opened"),
        _mailing("click_through_rate", "Click-through rate", "clicks / mails delivered", "mail_clicks"),
        _mailing("forward_rate", "Forward rate", "forwards / mails delivered", "mail_forwards"),
        Kpi(
            name="list_growth", family="email_performance", label="List growth", unit="ratio",
            grain="mailing",
            formula="(subscribes - unsubscribes) / the list's size before the period, else on its first day",
            numerator="list_change", denominator="list_at_start",
            zero_rule="null where the list's size at the start is not known", source="email_stats",
        ),
        Kpi(
            name="average_revenue_per_customer", family="value", unit="money", grain="customer",
            label="Average revenue per customer (ARPC)",
            formula="revenue / customers, of those whose deals brought more than nothing in the period",
            numerator="customer_revenue", denominator="revenue_customers",
        ),
        Kpi(
            name="monthly_revenue_per_customer", family="value", unit="money", grain="customer",
            label="Monthly revenue per customer (ARPC per month)",
            formula="revenue / months, of customers with revenue in the period: their months in it, from the "
            "first won deal to the end of the last contract or the last run",
            numerator="customer_revenue", denominator="customer_months",
        ),
        Kpi(
            name="customer_lifetime_value", family="value", unit="money", grain="customer",
            label="Customer lifetime value (CLTV)",
            formula="ARPC per month x mean lifetime in months of all customers with contracts, up to "
            "`--horizon` (60), those still active censored",
            numerator="customer_revenue", denominator="customer_months", times="lifetime_months",
            zero_rule="null where no customer has revenue, or no won deal recurs",
        ),
        Kpi(
            name="cltv_article", family="value", unit="money", grain="lead",
            label="Customer lifetime value (as the articles have it)",
            formula="lead value x lifetime in years",
            numerator="revenue", denominator="leads", times="lifetime_years",
            zero_rule="null where there are no leads, or no won deal recurs",
        ),
        Kpi(
            name="benchmark", family="benchmark", unit="ratio", grain="lead",
            label="Lead conversion rate beside its industry's",
            formula="lead conversion rate, beside the average of `--benchmark FILE` and the difference",
            numerator="converted_leads", denominator="leads",
            above_one="a lead conversion rate passes 100 %: in a period, the leads that convert may be older "
            "than those that come in; --basis cohort follows the same leads",
        ),
        _recurring(
            "monthly_recurring_revenue", "Monthly recurring revenue (MRR)",
            "recurring amounts that run on the last day of the period, by the month; a renewal takes the "
            "place of its contract", nets=False,
        ),
        _recurring(
            "mrr_new", "MRR: new",
            "MRR of customers who had none on the last day before the period, those who came back too",
        ),
        _recurring("mrr_expansion", "MRR: expansion", "what customers pay more than before the period"),
        _recurring("mrr_contraction", "MRR: contraction", "what customers pay less who still pay"),
        _recurring("mrr_churned", "MRR: churned", "MRR before it of customers who have none at its end"),
        Kpi(
            name="predicted_lead_value", family="prediction", label="Predicted lead value", unit="money",
            grain="lead", on_request=True,
            formula="expected revenue of open leads / open leads, as `attribution predict` has them",
            numerator="expected_revenue", denominator="open_leads",
            zero_rule="null where no lead is open, or the past is too thin to learn from",
            source="the store's own past",
        ),
    )
}  # fmt: skip

# measures in minor units of the answer's currency; the others are counts in millionths
MONEY_MEASURES: Final = frozenset({
    "revenue", "deal_revenue", "customer_revenue", "spend", "expected_revenue",
    "monthly_recurring_revenue", "mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churned",
})  # fmt: skip


FAMILIES: Final = tuple(dict.fromkeys(kpi.family for kpi in KPIS.values()))


def choose(names: str | Iterable[str]) -> list[Kpi]:
    """Return KPIs by name or family, all of them where none is named.

    Raises:
        UnknownNameError: no such KPI.

    >>> [kpi.label for kpi in choose("roi,roas")]
    ['Return on investment (ROI)', 'Return on ad spend (ROAS)']
    >>> [kpi.name for kpi in choose("return")]
    ['roi', 'roas']
    >>> [kpi.name for kpi in choose("Win Rate")]
    ['win_rate']
    """
    given = [names] if isinstance(names, str) else list(names)
    wanted = [name.strip() for text in given for name in text.split(",") if name.strip()]
    found: dict[str, Kpi] = {}
    for name in wanted:
        key = _written(name)
        if key not in KPIS and key not in FAMILIES:
            more = f"; or a family of them: {', '.join(FAMILIES)}; what each is: attribution kpis --list"
            raise UnknownNameError("KPI", name, KPIS, near=_meant(key), more=more)
        found |= {kpi.name: kpi for kpi in KPIS.values() if key in (kpi.name, kpi.family)}
    return list(found.values()) or [kpi for kpi in KPIS.values() if not kpi.on_request]


def _written(name: str) -> str:
    """Return a name as the catalogue writes it, without capitals, blanks and hyphens."""
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


# what the articles and dashboards of others call them; those of labels, such as `(CAC)`, are read from these
_ALSO: Final = {
    "arr": "monthly_recurring_revenue", "clv": "customer_lifetime_value", "ltv": "customer_lifetime_value",
    "arpu": "average_revenue_per_customer", "arpa": "average_revenue_per_customer",
    "acv": "average_deal_size", "aov": "average_deal_size", "ctr": "click_through_rate",
    "conversion_rate": "lead_conversion_rate", "cvr": "lead_conversion_rate", "churn": "mrr_churned",
    "revenue": "value", "close_rate": "win_rate", "sales_cycle": "time_to_conversion",
    "lead_response_time": "inbound_response_time", "show_rate": "attendance_rate", "visits": "sessions",
}  # fmt: skip


def _meant(key: str) -> str | None:
    """Return the KPI or family that somebody calls so, None where nobody does."""
    short = {
        _written(kpi.label.rpartition("(")[2].removesuffix(")")): kpi.name
        for kpi in reversed(KPIS.values())
        if kpi.label.endswith(")")
    }
    labels = {_written(kpi.label.partition(" (")[0]): kpi.name for kpi in reversed(KPIS.values())}
    alike = get_close_matches(key, [*KPIS, *FAMILIES], n=1)
    return (labels | _ALSO | short).get(key) or next(iter(alike), None)
