"""Charts of answers, the same in `report.html` and in a notebook: pure functions from `Answer` to Altair.

    import attribution as at

    with at.open("sqlite:///acme.db") as store:
        store.report("channel").plot()
        store.kpis("channel", names="lead_value,roi", interval=0.9).plot("roi")

Every chart carries a title with its unit, tooltips and a description for screen readers; an answer with
nothing to draw gives a chart that is one sentence (see :func:`empty_sentence`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attribution.errors import InputError, UnknownNameError
from attribution.frames.result import Attribution
from attribution.metrics.answer import Answer
from attribution.metrics.kpi_catalogue import KPIS
from attribution.report.charts.advice import roi_with_advice
from attribution.report.charts.channels import dimensions, revenue_by_channel, roi_by_channel
from attribution.report.charts.evidence import evidence
from attribution.report.charts.funnel import funnel, funnel_rows
from attribution.report.charts.journeys import path_length, time_lag, top_journeys
from attribution.report.charts.kpis import kpi_by_channel, lead_value_by_channel
from attribution.report.charts.models import models_side_by_side
from attribution.report.charts.over_time import cohort_curves, kpi_over_time, mrr_movement, recurring_rows
from attribution.report.charts.predictions import (
    expected_revenue,
    predicted_and_observed,
    reliability_curve,
)
from attribution.report.charts.results import as_answer
from attribution.report.charts.theme import Chart, empty_sentence
from attribution.report.charts.transitions import transitions

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Chart",
    "cohort_curves",
    "drawn",
    "empty_sentence",
    "evidence",
    "expected_revenue",
    "funnel",
    "kpi_by_channel",
    "kpi_over_time",
    "lead_value_by_channel",
    "models_side_by_side",
    "mrr_movement",
    "path_length",
    "plot",
    "predicted_and_observed",
    "reliability_curve",
    "revenue_by_channel",
    "roi_by_channel",
    "roi_with_advice",
    "time_lag",
    "top_journeys",
    "transitions",
]

_LIMIT: Final = 25  # rows drawn of one figure
_MOST: Final = 12  # figures drawn of one answer


def _report(answer: Answer) -> dict[str, Chart]:
    drawn = {"value": revenue_by_channel(answer, limit=_LIMIT)}
    return drawn | ({"roi": roi_by_channel(answer)} if len(answer.rows) <= _LIMIT else {})


def _kpis(answer: Answer) -> dict[str, Chart]:
    names = list(dict.fromkeys(str(row.get("kpi")) for row in answer.rows if row.get("value") is not None))
    found: dict[str, Chart] = {}
    if "period" in answer.columns:
        if recurring_rows(answer):
            found["mrr"] = mrr_movement(answer)
        return found | {name: kpi_over_time(answer, name) for name in _drawable(names)}
    if dimensions(answer):
        colour = {"lead_value": lead_value_by_channel}
        for name in _drawable(names):
            found[name] = (
                colour[name](answer) if name in colour and len(answer.rows) <= _LIMIT
                else kpi_by_channel(answer, name, limit=_LIMIT)
            )  # fmt: skip
        return found
    if len(funnel_rows(answer)) > 1:
        found["funnel"] = funnel(answer)
    if recurring_rows(answer):
        found["mrr"] = mrr_movement(answer)
    return found


def _drawable(names: list[str]) -> list[str]:
    """Leave out durations, which have several rows a group."""
    return [name for name in names if name not in KPIS or KPIS[name].numerator][:_MOST]


def _predict(answer: Answer) -> dict[str, Chart]:
    if "fifth" in answer.columns:
        return {"reliability": reliability_curve(answer), "revenue": predicted_and_observed(answer)}
    found = {"value": expected_revenue(answer, limit=_LIMIT)}
    judged = answer.beside.get("reliability")
    return found if judged is None else found | _predict(judged)


_BY_VERB: Final[Mapping[str, Callable[[Answer], dict[str, Chart]]]] = {
    "report": _report,
    "compare": lambda answer: {"models": models_side_by_side(answer)},
    "paths": lambda answer: {
        "journeys": top_journeys(answer), "time_lag": time_lag(answer), "length": path_length(answer),
    },
    "kpis": _kpis,
    "predict": _predict,
    "recommend": lambda answer: {"roi": roi_with_advice(answer, limit=_LIMIT)},
    "cohorts": lambda answer: {
        name: cohort_curves(answer, name) for name in ("conversion_rate", "revenue_per_lead")
    },
}  # fmt: skip


def drawn(answer: Answer) -> dict[str, Chart]:
    """Return every chart that there is of an answer, by name; none where it cannot be drawn."""
    return _BY_VERB[answer.verb](answer) if answer.verb in _BY_VERB else {}


def plot(thing: Answer | Attribution, which: str | None = None, *, by: str = "channel") -> Chart:
    """Draw an answer, or what `attribute` found.

    Args:
        thing: an answer of `report`, `compare`, `kpis`, `paths`, `cohorts`, `predict` or `recommend`, or a
            result of `attribute`.
        which: of several charts: `value` or `roi` of a report; `journeys`, `time_lag` or `length` of paths;
            a KPI's name, `mrr` or `funnel` of KPIs; `value`, `reliability` or `revenue` of predictions.
            None: the first.
        by: the dimension that a result of `attribute` is cut by.

    Raises:
        InputError: no chart is made of these KPIs; the message says of which there is one.
        UnknownNameError: no chart is made for this verb, there is no such chart, or no such dimension.

    >>> plot(Answer(verb="report", store="", as_of="", currency="GBP")).usermeta
    {'empty': 'No revenue and no spend in this period.'}
    """
    answer = as_answer(thing, by) if isinstance(thing, Attribution) else thing
    found = drawn(answer)
    if not found and answer.verb == "kpis":
        raise InputError(
            'no chart is made for these KPIs; there is one of KPIs cut by a dimension (by="channel") or '
            'by time (every="month"), one of the funnel where two or more of its steps are counted, and one '
            "of recurring revenue where it moved"
        )
    if not found:
        raise UnknownNameError("verb with a chart", answer.verb, _BY_VERB)
    if which is None:
        return next(iter(found.values()))
    if which not in found:
        raise UnknownNameError("chart", which, found)
    return found[which]
