"""Two attribution models of an outsider: by what people did, and by what their channels came to."""

from attribution_engagement.conversion_rate import ConversionRate
from attribution_engagement.engagement import Engagement

__all__ = ["ConversionRate", "Engagement"]
