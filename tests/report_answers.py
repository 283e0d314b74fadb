"""Answers with realistic figures, made by hand, that the tests of charts and report draw."""

from __future__ import annotations

import dataclasses
from typing import Any

import networkx as nx

from attribution.metrics.answer import Answer

HOSTILE = "<script>alert('x')</script><!--"

_REPORT = [
    ("Organic Search", "182450.00", "12000.00", 412, 38.5, 12),
    ("Paid Search", "156300.50", "48210.35", 388, 31.25, 20),
    ("Email", "88120.00", "3100.00", 190, 19.75, 31),
    ("Paid Social", "61075.25", "39870.00", 275, 12.5, 18),
    ("Referral", "40210.00", "0.00", 88, 8.0, 6),
    ("Direct", "35980.75", "0.00", 160, 9.0, 14),
    ("Display", "4100.00", "22940.10", 31, 1.5, 9),
    ("Mobile Push Notifications", "1250.00", "400.00", 6, 0.5, 2),
    ("Paid Video", "0.00", "8650.00", 4, 0.0, 1),
    ("(unattributed)", "27500.00", "0.00", 52, 6.0, 0),
]


def _answer(verb: str, rows: list[dict[str, Any]], columns: dict[str, str], **more: Any) -> Answer:
    common = {
        "store": "sqlite:///demo.db", "as_of": "2026-04-01T08:00:00Z", "currency": "GBP", "model": "linear",
        "goal": "revenue", "lookback": "365d", "scope": "contacts",
    }  # fmt: skip
    return Answer(verb=verb, rows=rows, columns=columns, **{**common, **more})


def _row(value: str, spend: str, leads: float, conversions: float, assisted: int) -> dict[str, Any]:
    cost = float(spend)
    roi = (float(value) - cost) / cost if cost else None
    return {
        "value": value, "spend": spend, "leads": leads, "conversions": conversions, "assisted": assisted,
        "roi": roi,
    }  # fmt: skip


_COLUMNS = {
    "value": "money", "spend": "money", "leads": "count", "conversions": "count", "assisted": "count",
    "roi": "ratio",
}  # fmt: skip


def report(**more: Any) -> Answer:
    rows = [{"channel": name, **_row(*rest)} for name, *rest in _REPORT]
    totals = _row("596986.50", "135170.45", 1606, 127.0, 113)
    return _answer("report", rows, {"channel": "text", **_COLUMNS}, totals=totals, **more)


def campaigns(**more: Any) -> Answer:
    names = [
        ("Paid Search", "Brand | Exact | United Kingdom", "98300.50", "11200.00", 201, 20.25, 9),
        ("Email", "Spring newsletter", "60120.00", "1800.00", 120, 12.0, 20),
        ("Paid Social", "Lookalike 2% – webinar sign-ups, second wave", "41075.25", "22870.00", 175, 8.5, 11),
        (
            "Paid Search",
            "Generic | Broad | Attribution software comparison",
            "38000.00",
            "31010.35",
            160,
            8,
            8,
        ),
        ("Display", HOSTILE, "4100.00", "22940.10", 31, 1.5, 9),
    ]
    rows = [{"channel": ch, "campaign": camp, **_row(*rest)} for ch, camp, *rest in names]
    return _answer("report", rows, {"channel": "text", "campaign": "text", **_COLUMNS}, **more)


def keywords(**more: Any) -> Answer:
    names = [
        ("acme crm", "52100.00", "4100.00", 101, 10.0, 4),
        ("marketing attribution software", "21400.00", "14010.00", 62, 4.5, 5),
        ("which ad brought the sale", "8100.50", "3020.10", 20, 2.0, 1),
    ]
    rows = [{"keyword": name, **_row(*rest)} for name, *rest in names]
    return _answer("report", rows, {"keyword": "text", **_COLUMNS}, **more)


_MODELS = {
    "first_touch": (1.22, 1.18, 0.41, 1.35, 0.9, 0.7, 2.4, 1.0, 1.0),
    "last_touch": (0.81, 0.92, 1.62, 0.55, 1.1, 1.9, 0.2, 1.3, 1.0),
    "last_non_direct": (0.9, 1.02, 1.75, 0.62, 1.2, 0.1, 0.3, 1.4, 1.0),
    "linear": (1.0,) * 9,
    "time_decay:half_life=14d": (0.92, 0.97, 1.31, 0.83, 1.02, 1.3, 0.7, 1.1, 1.0),
    "position_based": (1.03, 1.05, 0.95, 0.98, 1.0, 1.1, 1.3, 1.1, 1.0),
}


def comparison(**more: Any) -> Answer:
    rows = []
    for place, (name, value, *_) in enumerate(_REPORT):
        given = {m: f"{float(value) * (f[place] if place < 8 else 1):.2f}" for m, f in _MODELS.items()}
        rows.append({"channel": name, **given, "disagreement": 0.25})
    columns = {"channel": "text", **dict.fromkeys(_MODELS, "money"), "disagreement": "ratio"}
    return _answer("compare", rows, columns, **more)


def paths(**more: Any) -> Answer:
    journeys = [
        ("Organic Search > Email", 24, "96000.00"),
        ("Paid Search", 19, "61000.00"),
        ("Paid Social > Organic Search > Email > Direct", 11, "52750.00"),
        ("Paid Search > Direct", 9, "41200.00"),
        ("Display > Paid Social > Organic Search > Referral > Email > Email > Paid Search", 4, "39000.00"),
    ]
    journeys.append(("(other)", 60, "300000.00"))
    lag = [
        ("(unattributed)", 6), ("under 1 day", 12), ("1 to 7 days", 22), ("31 to 60 days", 41),
        ("over 365 days", 46),
    ]  # fmt: skip
    length = [
        ("1 touch", 31), ("2 touches", 38), ("3 touches", 24), ("4 touches", 14), ("10 touches or more", 20),
    ]  # fmt: skip
    rows = [
        {"section": "journey", "path": p, "conversions": n, "value": v, "share": n / 127}
        for p, n, v in journeys
    ]
    for name, buckets in (("time_lag", lag), ("length", length)):
        rows += [
            {"section": name, "path": p, "conversions": n, "value": f"{n * 4700}.00", "share": n / 127}
            for p, n in buckets
        ]
    columns = {
        "section": "text", "path": "text", "conversions": "count", "value": "money", "share": "ratio",
    }  # fmt: skip
    return _answer("paths", rows, columns, **more)


def transitions() -> nx.DiGraph[str]:
    """Return a graph of steps with a step back, a loop and a hostile name."""
    push = "Mobile Push Notifications"
    steps = [
        ("(start)", "Organic Search", 60), ("(start)", push, 30), ("(start)", HOSTILE, 10),
        ("Organic Search", "Email", 55), ("Organic Search", "Organic Search", 20),
        (push, "Organic Search", 22), (HOSTILE, "Email", 10), ("Email", "(conversion)", 70),
        ("Email", "Organic Search", 9), ("Organic Search", "(conversion)", 22), (push, "(conversion)", 8),
    ]  # fmt: skip
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.graph |= {"goal": "revenue", "lookback": "365d", "currency": "GBP", "by": "channel"}
    for name in ("(start)", "Organic Search", "Email", push, HOSTILE, "(conversion)"):
        taken = sum(count for source, target, count in steps if name in (source, target))
        graph.add_node(name, label=name, conversions=min(taken, 100), value="4700.00", value_number=4700.0)
    for source, target, count in steps:
        out = sum(taken for begin, _, taken in steps if begin == source)
        graph.add_edge(
            source, target, count=count, conversions=count, value=f"{count * 4700}.00",
            value_number=count * 4700.0, probability=count / out,
        )  # fmt: skip
    return graph


_KPI_COLUMNS = {"kpi": "text", "value": "mixed", "unit": "text", "numerator": "mixed", "denominator": "mixed"}


def kpis(**more: Any) -> Answer:
    figures: list[tuple[str, Any, str, Any, Any]] = [
        ("leads", 1606, "count", 1606, None),
        ("won_deals", 127, "count", 127, None),
        ("lead_conversion_rate", 412 / 1606, "ratio", 412, 1606),
        ("lead_value", "371.72", "money", "596986.50", 1606),
        ("cost_per_lead", "84.17", "money", "135170.45", 1606),
        ("cost_per_acquisition", "1064.33", "money", "135170.45", 127),
        ("roi", (596986.50 - 135170.45) / 135170.45, "ratio", "461816.05", "135170.45"),
        ("average_deal_size", "4700.68", "money", "596986.50", 127),
        ("win_rate", 127 / 290, "ratio", 127, 290),
        ("time_to_conversion", 41.5, "days", None, 127),
        ("cost_per_sqo", None, "money", "135170.45", 0),
    ]
    names = list(_KPI_COLUMNS)
    return _answer("kpis", [dict(zip(names, row, strict=True)) for row in figures], _KPI_COLUMNS, **more)


def kpis_by_channel(**more: Any) -> Answer:
    rows = []
    for name, value, spend, leads, won, _ in _REPORT:
        for kpi, top, bottom in (
            ("lead_value", value, leads),
            ("cost_per_lead", spend, leads),
            ("cost_per_acquisition", spend, won),
        ):
            per = f"{float(top) / bottom:.2f}" if bottom else None
            row = {"channel": name, "kpi": kpi, "value": per, "unit": "money"}
            rows.append({**row, "numerator": top, "denominator": bottom})
    return _answer("kpis", rows, {"channel": "text", **_KPI_COLUMNS}, **more)


def judged(answer: Answer) -> Answer:
    """Return KPIs with intervals of a fifth on both sides, some rows of too few conversions."""
    rows = []
    for i, row in enumerate(answer.rows):
        value, few = row["value"], i // 3 % 3 == 2
        bounds: list[Any] = [None, None]
        if value is not None and not few:
            bounds = [
                f"{float(value) * part:.2f}" if isinstance(value, str) else value * part
                for part in (0.8, 1.2)
            ]
        low, high = bounds
        rows.append({**row, "low": low, "high": high, "conversions": 3 if few else 40, "too_few": few})
    units = {"low": "mixed", "high": "mixed", "conversions": "count", "too_few": "text"}
    return dataclasses.replace(answer, rows=rows, columns=answer.columns | units)


def cohorts(**more: Any) -> Answer:
    """Three months of leads, the youngest two months old."""
    rows = []
    for month, size, ages in (("2025-11", 140, 4), ("2025-12", 120, 3), ("2026-01", 133, 2)):
        for age in range(1, ages + 1):
            revenue = 9_500 * age
            rows.append(
                {
                    "cohort": month, "age": age, "leads": size, "converted": 12 * age,
                    "conversion_rate": 12 * age / size, "revenue": f"{revenue}.00",
                    "revenue_per_lead": f"{revenue / size:.2f}",
                }
            )  # fmt: skip
    columns = {
        "cohort": "text", "age": "count", "leads": "count", "converted": "count", "conversion_rate": "ratio",
        "revenue": "money", "revenue_per_lead": "money",
    }  # fmt: skip
    return _answer("cohorts", rows, columns, **more)


def recurring(**more: Any) -> Answer:
    """Recurring revenue that grows in two of three months."""
    rows = []
    moves = {
        "new": (900, 0, 450),
        "expansion": (0, 80, 60),
        "contraction": (0, 25, 0),
        "churned": (0, 120, 75),
    }
    for i, month in enumerate(("2026-01", "2026-02", "2026-03")):
        for name, values in moves.items():
            row = {"period": month, "kpi": f"mrr_{name}", "value": f"{values[i]}.00", "unit": "money"}
            rows.append({**row, "numerator": f"{values[i]}.00", "denominator": None})
    return _answer("kpis", rows, {"period": "text", **_KPI_COLUMNS}, **more)
