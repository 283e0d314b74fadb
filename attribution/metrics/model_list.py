"""Which models there are, what they can be told, and where they come from."""

from __future__ import annotations

import re

from attribution import clock
from attribution.metrics.answer import Answer, Row
from attribution.models.base import AttributionModel
from attribution.models.parameters import parameter_defaults, parameter_types
from attribution.models.registry import list_models, model_class
from attribution.notation import value_text


def model_list(store: str = "") -> Answer:
    """Return a row for each model: `model parameters learns about package`; needs no store."""
    return Answer(
        verb="model list",
        store=store,
        as_of=clock.iso(clock.now_micros()),
        rows=[_row(model_class(name)) for name in list_models()],
        columns=dict.fromkeys(("model", "parameters", "learns", "about", "package"), "text"),
        title="Models",
    )


def _row(model: type[AttributionModel]) -> Row:
    defaults = parameter_defaults(model)
    parameters = [
        f"{name}={value_text(defaults[name])}" if name in defaults else name
        for name in parameter_types(model)
    ]
    about = re.sub(r":\w+:`([^`]+)`", r"\1", (model.__doc__ or "").strip().partition("\n\n")[0])
    return {
        "model": model.name,
        "parameters": ", ".join(parameters),
        "learns": "yes" if model.needs_fit else "no",
        "about": " ".join(about.split()),
        "package": model.__module__.partition(".")[0],
    }
