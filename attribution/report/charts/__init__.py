"""Charts of answers, the same in `report.html` and in a notebook: pure functions from `Answer` to Altair.

    import attribution as at
    from attribution.report import charts

    with at.open("sqlite:///acme.db") as store:
        charts.plot(store.report("channel"))

Every chart carries a title with its unit, tooltips and a description for screen readers; an answer with
nothing to draw gives a chart that is one sentence (see :func:`empty_sentence`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attribution.errors import UnknownNameError
from attribution.metrics.answer import Answer
from attribution.report.charts.channels import revenue_by_channel, roi_by_channel
from attribution.report.charts.evidence import evidence
from attribution.report.charts.journeys import path_length, time_lag, top_journeys
from attribution.report.charts.kpis import kpi_by_channel, lead_value_by_channel
from attribution.report.charts.models import models_side_by_side
from attribution.report.charts.theme import Chart, empty_sentence
from attribution.report.charts.transitions import transitions

__all__ = [
    "Chart",
    "empty_sentence",
    "evidence",
    "kpi_by_channel",
    "lead_value_by_channel",
    "models_side_by_side",
    "path_length",
    "plot",
    "revenue_by_channel",
    "roi_by_channel",
    "time_lag",
    "top_journeys",
    "transitions",
]

_BY_VERB: Final[dict[str, Callable[[Answer], Chart]]] = {
    "report": revenue_by_channel,
    "compare": models_side_by_side,
    "paths": top_journeys,
    "kpis": lead_value_by_channel,
}


def plot(answer: Answer) -> Chart:
    """Draw an answer with the chart that fits its verb.

    Raises:
        UnknownNameError: the verb has no chart.

    >>> plot(Answer(verb="report", store="", as_of="", currency="GBP")).usermeta
    {'empty': 'No revenue and no spend in this period.'}
    """
    if answer.verb not in _BY_VERB:
        raise UnknownNameError("chart", answer.verb, _BY_VERB)
    return _BY_VERB[answer.verb](answer)
