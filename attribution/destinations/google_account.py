"""Which Google Ads account: what both ways to Google Ads have to be told."""

from __future__ import annotations

from typing import Final

from attribution.pulls.credentials import Need
from attribution.pulls.forms import CUSTOMER

ACCOUNT: Final = (
    Need(
        "customer_id",
        "the Google Ads account that owns the conversion action, digits only",
        secret=False,
        form=CUSTOMER,
    ),
    Need(
        "login_customer_id",
        "the manager account that you log in by",
        required=False,
        secret=False,
        form=CUSTOMER,
    ),
)
