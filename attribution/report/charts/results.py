"""What `attribute` found, as the answer that a store would give, so that the same charts draw it."""

from __future__ import annotations

from typing import Any

from attribution.frames.result import Attribution
from attribution.metrics.answer import Answer, Row


def as_answer(result: Attribution, by: str) -> Answer:
    """Return the value credited to each value of a dimension, a column a model, the values as text.

    Raises:
        UnknownNameError: no such dimension.
    """
    frame = result.by(by)
    models = list(result.models)
    rows: list[Row] = [
        {by: str(name)} | {model: str(value) for model, value in zip(models, values, strict=True)}
        for name, values in zip(frame.index, frame.itertuples(index=False), strict=True)
    ]
    rows = [row for row in rows if any(float(row[model]) for model in models)]
    given: dict[str, Any] = {"store": "", "as_of": "", "currency": result.currency}
    if len(models) == 1:
        for row in rows:
            row["value"] = row.pop(models[0])
        return Answer(
            verb="report", model=models[0], rows=rows, columns={by: "text", "value": "money"}, **given
        )
    return Answer(verb="compare", rows=rows, columns={by: "text"} | dict.fromkeys(models, "money"), **given)
