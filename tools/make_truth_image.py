"""Draw docs/images/truth.png: `python -m tools.make_truth_image [benchmarks/truth.csv]`.

The figures are those that `python -m benchmarks.truth --csv benchmarks/truth.csv` wrote.
"""

from __future__ import annotations

import sys
from pathlib import Path

import altair as alt
import pandas as pd

from attribution.report.charts import theme
from attribution.report.charts.theme import Chart
from benchmarks.truth import EVEN, WORLDS, overall

ROOT = Path(__file__).resolve().parents[1]
ROW = 25  # pixels of a model
# a stroke has no inside to fill
_SHAPES = [shape for shape in theme.SHAPES if shape != "stroke"]


def draw(found: pd.DataFrame) -> Chart:
    """Draw a row a model, best mean first: one mark a world, a bar at the mean of all worlds."""
    means = overall(found)
    names = means["model"].tolist()
    worlds = [name for name in WORLDS if name in means]
    marks = found[found["world"].isin(worlds)][["model", "world", "error"]].round(2).to_dict("records")
    bars = means[["model", "mean", "worst"]].assign(best=means[worlds].min(axis=1)).round(2)
    colour = alt.expr(f"datum.value == '{EVEN}' ? '{theme.SOFT}' : '{theme.INK}'")
    y = alt.Y(
        "model", type="nominal", scale=alt.Scale(domain=names), title=None,
        axis=alt.Axis(grid=False, labelColor=colour),
    )  # fmt: skip
    x = alt.Scale(domain=[0, float(found["error"].max()) * 1.04], nice=False)
    span = (
        alt.Chart(alt.InlineData(values=bars.to_dict("records")))
        .mark_rule(color=theme.LINE, strokeWidth=7, strokeCap="round")
        .encode(y=y, x=alt.X("best", type="quantitative", scale=x), x2="worst")
    )
    points = (
        alt.Chart(alt.InlineData(values=marks))
        .mark_point(filled=True, size=62, opacity=0.95)
        .encode(
            y=y,
            x=alt.X(
                "error", type="quantitative", scale=x,
                axis=alt.Axis(title="percentage points off, mean of the channels", tickCount=8),
            ),
            color=alt.Color(
                "world", type="nominal", scale=alt.Scale(domain=worlds, range=list(theme.SEQUENCE)),
                legend=alt.Legend(columns=len(worlds)),
            ),
            shape=alt.Shape(
                "world", type="nominal", scale=alt.Scale(domain=worlds, range=_SHAPES)
            ),
        )
    )  # fmt: skip
    mean = (
        alt.Chart(alt.InlineData(values=bars.to_dict("records")))
        .mark_tick(color=theme.INK, thickness=2.5, height=17, opacity=1)
        .encode(y=y, x=alt.X("mean", type="quantitative", scale=x))
    )
    return theme.finish(
        alt.layer(span, points, mean),
        title="The kind of world matters more than the model",
        subtitle="How far a channel's share of the credit is from its true share: left is better. "
        "A mark is a simulated world, the black line the mean of the seven.",
        description="Models by their error in seven simulated worlds, the best mean on top.",
        height=ROW * len(names),
    )


def main(source: Path) -> None:
    """Write the picture."""
    draw(pd.read_csv(source)).save(ROOT / "docs" / "images" / "truth.png", scale_factor=1.6)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "benchmarks" / "truth.csv")
