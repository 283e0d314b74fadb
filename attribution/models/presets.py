"""What vendors mean by "U", "W" and "full path": shares of milestones, as data.

The names are the same and the models are not: the second arm of a U is the touch that made the lead, the one
that made it a qualified lead, or the last one. Only what a vendor's own pages say is in the table. (The
numbers are theirs; whose touches and which of them count is this engine's, as for every model.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

MIDDLE: Final = "middle"  # what all touches without a milestone share


class Preset(NamedTuple):
    """Shares of milestones and of `middle`, summing to 1, and the page that says so."""

    shares: Mapping[str, float]
    source: str
    between: bool = False  # the middle are only the touches before the last milestone


_HUBSPOT = "blog.hubspot.com/customers/a-closer-look-at-attribution-models-in-hubspot"
_MARKETO = "experienceleague.adobe.com/en/docs/marketo-measure: Marketo Measure Attribution Models"
_RULER = "ruleranalytics.com/multi-touch-attribution"
_SALESFORCE = "help.salesforce.com/s/articleView?id=mktg.mc_mi_mta_models.htm"
_FULL_PATH = {"first": 0.225, "lead": 0.225, "opportunity": 0.225, "close": 0.225, MIDDLE: 0.1}
_W = {"first": 0.3, "lead": 0.3, "opportunity": 0.3, MIDDLE: 0.1}

PRESETS: Final[Mapping[str, Mapping[str, Preset]]] = {
    "u_shaped": {
        "hubspot": Preset({"first": 0.4, "lead": 0.4, MIDDLE: 0.2}, _HUBSPOT),
        "marketo": Preset({"first": 0.5, "lead": 0.5}, _MARKETO),
        "ruler": Preset({"first": 0.4, "mql": 0.4, MIDDLE: 0.2}, _RULER),
        "salesforce": Preset({"first": 0.4, "close": 0.4, MIDDLE: 0.2}, _SALESFORCE),
    },
    "w_shaped": {
        "hubspot": Preset(_W, _HUBSPOT),
        "marketo": Preset(_W, _MARKETO, between=True),
        "ruler": Preset({"first": 0.3, "mql": 0.3, "close": 0.3, MIDDLE: 0.1}, _RULER),
    },
    "full_path": {
        "hubspot": Preset(_FULL_PATH, _HUBSPOT),
        "marketo": Preset(_FULL_PATH, _MARKETO),
        "ruler": Preset(_FULL_PATH, _RULER),
    },
}
