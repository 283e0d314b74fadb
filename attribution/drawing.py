"""What draws: `plot` of what the engine answers, from wherever it is called.

Charts stand above the answers that they draw, so an answer cannot import them. It names who draws instead,
as pandas names its plotting backend, and that is loaded when the first chart is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import altair as alt

    Chart = alt.Chart | alt.LayerChart

CHARTS: Final = "attribution.report.charts"


def plot(thing: Any, *args: Any, **options: Any) -> Chart:
    """Draw an answer or a result, as :func:`attribution.report.charts.plot` does."""
    chart: Chart = import_module(CHARTS).plot(thing, *args, **options)
    return chart
