"""What each KPI can be cut by: the dimensions that everything it is made of is known by, and its bases.

What else is asked for is left empty, with a warning. That these words are true of the measures is tested.
"""

from __future__ import annotations

from typing import Final

from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.metrics.dimensions import ALL, MARKETING
from attribution.metrics.kpi_catalogue import Kpi
from attribution.metrics.measures.context import BASES
from attribution.metrics.measures.durations import STAGES

# what a measure counts -> the dimensions that this is known by
KNOWN_BY: Final = {
    "lead": tuple(dim for dim in ALL if dim != "deal_kind"),
    "deal": ALL,
    "spend": PLACEMENT_FIELDS,
    "session": MARKETING,
    "post": ("source", "campaign"),
    "mailing": ("campaign",),
}
_COUNTED: Final = {
    "lead": (
        "leads", "mql", "sqo", "converted_leads", "meetings_booked", "meetings_attended", "requests",
        "requests_with_outcome", "timed_requests", "requests_within_target", "expected_revenue", "open_leads",
    ),
    "deal": (
        "opportunities", "won_deals", "valued_deals", "customers", "decided", "decided_won", "revenue",
        "deal_revenue", "customer_revenue", "revenue_customers", "customer_months",
        "monthly_recurring_revenue", "mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churned",
    ),
    "spend": ("spend",),
    "session": ("sessions", "visitors", "new_visitors", "known_sessions", "bounced_sessions"),
    "post": ("engagement", "engagement_clicks"),
    "mailing": (
        "mails_delivered", "mails_opened", "mail_clicks", "mail_forwards", "list_change", "list_at_start",
    ),
}  # fmt: skip
COUNTED: Final = {measure: kind for kind, measures in _COUNTED.items() for measure in measures}
_OF_NO_LEAD: Final = ("session", "post", "mailing")


def counted(kpi: Kpi) -> tuple[str, ...]:
    """Return the kinds of record that a KPI is made of, as :data:`KNOWN_BY` names them.

    >>> from attribution.metrics.kpi_catalogue import KPIS
    >>> counted(KPIS["lead_value"])
    ('deal', 'lead')
    """
    kinds = [COUNTED[measure] for measure in kpi.measures] + [STAGES[stage][1] for stage in kpi.stages]
    return tuple(dict.fromkeys(kinds))


def dimensions_of(kpi: Kpi) -> tuple[str, ...]:
    """Return the dimensions that a KPI can be cut by whole; of durations, those that every stage is known by.

    >>> from attribution.metrics.kpi_catalogue import KPIS
    >>> dimensions_of(KPIS["open_rate"])
    ('campaign',)
    """
    return tuple(dim for dim in ALL if all(dim in KNOWN_BY[kind] for kind in counted(kpi)))


def bases_of(kpi: Kpi) -> tuple[str, ...]:
    """Return the bases that make a difference to a KPI: what belongs to no lead is always of its period.

    >>> from attribution.metrics.kpi_catalogue import KPIS
    >>> bases_of(KPIS["sessions"]), bases_of(KPIS["cost_per_lead"])
    (('period',), ('period', 'cohort'))
    """
    return tuple(BASES[:1]) if set(counted(kpi)) <= {*_OF_NO_LEAD} else tuple(BASES)
