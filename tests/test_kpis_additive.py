"""What is counted or paid once adds up: by any dimension, parts and unattributed are the whole."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from attribution.engine import Store
from attribution.metrics.dimensions import ALL
from attribution.metrics.kpi_catalogue import KPIS

# who came in two ways is in both groups; rows of mailings do not name the list that they went to
NOT_ADDITIVE: Final = {("visitors", "numerator"), ("list_growth", "denominator")}
CONDITIONS: Final = ("source", "owner")
CHANNELS: Final = ("google&utm_medium=cpc", "news&utm_medium=email", "bing&utm_medium=cpc")


def _tables(seed: int) -> dict[str, list[str]]:
    """Draw a shop: some leads nobody saw coming, deals of all kinds, refunds, contracts, meetings.

    Deals may lack the day of their creation, name people by e-mails alone, or be deleted.
    """
    rng = np.random.default_rng(seed)
    day = [f"2025-{month:02d}-{day:02d}" for month in (1, 2, 3) for day in range(1, 29)]

    def some(*values: str) -> str:
        return values[int(rng.integers(len(values)))]

    touches = [
        f"t{i},v{rng.integers(8)},{some(*day)}T08:00:00Z,{some('session', 'session', 'click')},"
        f"https://s.test/{some('a', 'b')}?utm_source={some(*CHANNELS)}&utm_campaign={some('x', 'y', '')},"
        f"{some('1', '3', '')},{some('2', '60')}"
        for i in range(20)
    ]
    leads = [
        f"L{i},{some(*day)},{some(f'v{i}', '')},{some('Ann', 'Bob', '')},{some('Retail', '')},"
        f"{some('acme.test', '')},{some('q@x.test', '')},{some('2025-02-01', '')},2025-02-01T08:00:00Z,"
        f"{some('2025-02-01T08:01:00Z', '2025-02-02T08:00:00Z', '')},{some('meeting', '')}"
        for i in range(8)
    ]
    deals = [
        f"D{i},{some('won', 'won', 'won', 'lost', 'deleted')},"
        f"{some(*day[:40], *[''] * 10)},{some(*day[40:])},"
        f"{rng.integers(1, 9999) / 100},{some('GBP', 'GBP', 'USD')},"
        f"{some(f'L{rng.integers(8)}', '')},{some('new', 'renewal')},"
        f"{rng.integers(1, 9999) / 100},{some('month', 'quarter', 'year')},{some('2025-03-15', '')},"
        f"{some('p@x.test;q@x.test', 'q@x.test', '')}"
        for i in range(9)
    ]
    meetings = [f"m{i},L{rng.integers(9)},{some(*day)},{some('2025-03-20', '')}" for i in range(6)]
    return {
        "touches": ["touch_id,visitor_id,at,kind,url,page_views,engaged_seconds", *touches],
        "leads": [
            "lead_id,created_at,visitor_id,owner,industry,account,email,mql_at,requested_at,responded_at,"
            "response_outcome",
            *leads,
        ],
        "deals": [
            "deal_id,status,created_at,closed_at,amount,currency,lead_id,kind,recurring_amount,"
            "recurring_interval,recurring_until,emails",
            *deals,
        ],
        "adjustments": ["adjustment_id,deal_id,at,amount,currency", *_refunds(deals)],
        "meetings": ["meeting_id,lead_id,booked_at,held_at", *meetings],
        "spend": ["date,cost,currency,source,medium,campaign", "2025-02-01,10.01,GBP,google,cpc,x"],
        "social_stats": ["date,source,campaign,likes,clicks", "2025-02-01,google,x,3,1", "2025-02-02,fb,,2,"],
        "email_stats": [
            "date,campaign,delivered,opens,subscribes", "2025-02-01,x,10,3,1", "2025-02-02,z,7,1,",
        ],
        "rates": ["date,currency,rate", *(f"{one},USD,0.777" for one in day[::7])],
    }  # fmt: skip


def _refunds(deals: list[str]) -> list[str]:
    first = deals[0].split(",")
    return [f"A1,{first[0]},2025-03-27,-0.03,{first[5]}"]


def _sums(rows: list[dict[str, Any]]) -> Mapping[tuple[str, ...], list[Any]]:
    """Return the exact sums of both sides of each figure, None where a side is unknown."""
    out: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for row in rows:
        for side in ("numerator", "denominator"):
            if (row["kpi"], side) not in NOT_ADDITIVE:
                out[row["kpi"], row.get("stage") or "", side].append(row[side])
    return {key: _sum(values) for key, values in out.items()}


def _sum(values: list[Any]) -> Any:
    if any(value is None for value in values):
        return None
    return sum(
        Fraction(value) if isinstance(value, str) else Fraction(round(value * 10**6)) for value in values
    )


@given(
    st.integers(0, 2**32), st.sampled_from(["linear", "last_touch"]), st.sampled_from(["period", "cohort"])
)
@settings(max_examples=3, phases=(Phase.explicit, Phase.generate))  # an example takes seconds
def test_parts_are_the_whole(seed: int, model: str, basis: str) -> None:
    """Both sides of every figure, by each dimension that it can be cut by; a part alone is the same part."""
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        store.config_set("reporting_currency", "GBP")
        for name, lines in _tables(seed).items():
            path = Path(folder) / f"{name}.csv"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            assert store.import_table(name, path).totals["rejected"] == 0
        store.run(models=[model], goals=["revenue", "leads"])
        asked: dict[str, Any] = {"model": model, "basis": basis, "start": "2025-01-01", "end": "2025-03-31"}
        whole = _sums(store.kpis(**asked).rows)
        asked_for = {name for name, kpi in KPIS.items() if not kpi.on_request}
        assert {kpi for kpi, _, _ in whole} == asked_for - {"benchmark"}
        compared = set()
        for dim in ALL:
            rows = [row for row in store.kpis(dim, **asked).rows if row[dim] != "(no lead)"]
            for key, value in _sums(rows).items():
                if value is not None:
                    assert value == whole[key], (dim, key)
                    compared.add(key[0])
            if dim in CONDITIONS:
                value = rows[0][dim]
                of_one = _sums([row for row in rows if row[dim] == value])
                alone = _sums(store.kpis(where=[f"{dim}={value}"], **asked).rows)
                # what a dimension alone has no row for is nothing of it
                assert {key: alone[key] for key in of_one} == of_one, (dim, value)
        assert compared == asked_for - {"benchmark", "visitors"}
        store.kpis(names="lead_value,win_rate", interval=0.9, draws=100, **asked)  # whoever is drawn is known
