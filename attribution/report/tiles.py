"""The figures at the head of the page: what came in, what went out, and what a lead costs and is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from attribution.metrics.answer import Answer, Row
from attribution.report.figures import DASH, count_figure, figure_text, money_figure, percent_figure
from attribution.report.tables import worked_out


@dataclass(frozen=True)
class Tile:
    """One figure with its name, how it was worked out, and what it means."""

    name: str
    figure: str
    worked: str
    meaning: str


def tiles(overview: Answer, kpis: Answer) -> list[Tile]:
    """Return the eight head figures; what an answer does not carry shows as a dash."""
    found: dict[str, Row] = {str(row["kpi"]): row for row in kpis.rows}
    money = overview.currency or kpis.currency
    totals = overview.totals

    def part(name: str, key: str, otherwise: Any = None) -> Any:
        value = found.get(name, {}).get(key)
        return otherwise if value is None else value

    # value and conversions of the overview mean revenue and won deals for the goal revenue only
    revenue_goal = overview.goal in (None, "revenue")
    revenue = part("lead_value", "numerator", totals.get("value") if revenue_goal else None)
    deals = part("won_deals", "value", totals.get("conversions") if revenue_goal else None)
    leads = part("leads", "value", totals.get("leads"))
    spend = part("cost_per_lead", "numerator", totals.get("spend"))
    roi = part("roi", "value", totals.get("roi") if revenue_goal else None)
    return [
        Tile("Revenue", money_figure(revenue, money), "", "What the deals won in this period are worth."),
        Tile("Spend", money_figure(spend, money), "", "What was spent on marketing in this period."),
        Tile("ROI", percent_figure(roi), "(revenue − spend) ÷ spend", "Return on what was spent."),
        Tile("Won deals", count_figure(deals), "", "Deals closed as won in this period."),
        Tile("Leads", count_figure(leads), "", "New leads in this period."),
        _per("Lead value", "What a lead is worth on average.", found.get("lead_value"), money),
        _per("Cost per lead (CPL)", "What a new lead costs on average.", found.get("cost_per_lead"), money),
        _per(
            "Cost per acquisition (CPA)", "What winning a deal costs on average.",
            found.get("cost_per_acquisition"), money,
        ),
    ]  # fmt: skip


def _per(name: str, meaning: str, row: Row | None, currency: str | None) -> Tile:
    if row is None:
        return Tile(name, DASH, "", meaning)
    return Tile(name, figure_text(row.get("value"), "money", currency), worked_out(row, currency), meaning)
