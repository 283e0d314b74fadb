"""Platforms that show apart, and do not count, what comes with a code of their page of tests."""

from __future__ import annotations

from typing import ClassVar

from attribution.destinations import values
from attribution.destinations.destination import Destination
from attribution.destinations.request import Request
from attribution.pulls.credentials import Need


class TrialSetting(Destination):
    """A destination with such a code among its settings, which is sent under the setting's own name.

    Attributes:
        trial_setting: its name.
    """

    trial_setting: ClassVar[str] = "test_event_code"

    @property
    def account(self) -> str:
        """As without the code, and marked: what was tried is told once more when it counts."""
        return f"{super().account}:{self.trial_setting}" if self.trial_code() else super().account

    def trial(self, request: Request) -> Request | None:
        """Return the request where it has the code already."""
        return request if self.trial_code() else None

    @property
    def untried(self) -> str:
        """That the code is missing."""
        return f"set {self.trial_setting}, and one is sent that is shown there and does not count"

    def trial_code(self) -> dict[str, str]:
        """Return the field of a body that holds the code, nothing where none is set."""
        return values.told({self.trial_setting: self.setting(self.trial_setting)})


def trial_need(name: str, page: str) -> Need:
    """Return the setting that holds the code.

    Args:
        name: of the setting.
        page: where the code stands.

    >>> trial_need("test_id", "the event testing").about
    'from the event testing: events are shown there and do not count'
    """
    about = f"from {page}: events are shown there and do not count"
    return Need(name, about, required=False, secret=False)
