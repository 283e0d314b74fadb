"""What a destination is: rules of what it takes, and pure functions from conversions to requests and back.

Nothing here opens a connection, reads a clock or knows a secret: what a destination would send can be
printed, compared with what its vendor's own code writes, and tested without a network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attribution import clock
from attribution.channels.origin import CLICK_IDS
from attribution.clock import DAY
from attribution.destinations import hashing
from attribution.destinations.access import Access
from attribution.destinations.conversion import Change, Conversion, Signal
from attribution.destinations.request import Outcome, Refusal, Reply, Request
from attribution.errors import InputError, UnknownNameError
from attribution.pulls.credentials import Need
from attribution.pulls.forms import Form

AHEAD: Final = 60 * clock.SECOND  # by how much the clocks of others may differ from ours
# whatever any platform gave; Mailchimp's says who reads a mailing, not which advertisement was clicked
ANY_CLICK: Final = tuple(kind for kind in CLICK_IDS if kind != "mc_eid")


class Destination(ABC):
    """One place that conversions are sent to.

    A subclass says what it takes in class variables, writes requests and reads replies.

    Attributes:
        name: as typed after `send`.
        label: as people write it.
        base_url: of all its requests; a setting of the same name replaces it; empty: see :attr:`home`.
        settings: what it has to be told that is no secret: account numbers and the like.
        secrets: what lets a request in.
        access: where these stand in a request; empty: nowhere.
        most: how many conversions a request may hold.
        click_kinds: click ids that it gave, best first; empty: it has none.
        takes_contacts: whether it finds people by what they are called too.
        without_click: whether it is told conversions without a click too, unasked.
        age_days: how old a conversion may be; None: no limit is known.
        changes: what can be told of a conversion that it has.
        revives: whether what was retracted can be restated; else it comes back as another transaction.
        answers_after: microseconds after it took something that it can be asked what became of it; None:
            it never tells.
        actions: goal -> what it counts as there, where nothing else is said.
        action_form: how what a goal counts as has to look, where that is known for certain.

    Args:
        settings: by name.

    Raises:
        InputError: a required setting is missing.
        UnknownNameError: a setting that it does not have.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    base_url: ClassVar[str]
    settings: ClassVar[tuple[Need, ...]] = ()
    secrets: ClassVar[tuple[Need, ...]] = ()
    access: ClassVar[Access] = Access()
    most: ClassVar[int] = 1000
    click_kinds: ClassVar[tuple[str, ...]] = ()
    takes_contacts: ClassVar[bool] = True
    without_click: ClassVar[bool] = False
    age_days: ClassVar[int | None] = None
    changes: ClassVar[frozenset[Change]] = frozenset()
    revives: ClassVar[bool] = False
    answers_after: ClassVar[int | None] = None
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({})
    action_form: ClassVar[Form | None] = None

    def __init__(self, settings: Mapping[str, str]) -> None:
        known = {need.name: need for need in self.settings}
        for name in settings:
            if name not in known:
                raise UnknownNameError(f"setting of {self.name}", name, known)
        lacking = [need for need in self.settings if need.required and not settings.get(need.name)]
        if lacking:
            told = "; ".join(f"{need.name} ({need.about})" for need in lacking)
            raise InputError(f"{self.name} needs {told}")
        self._settings = dict(settings)

    @property
    def account(self) -> str:
        """What has conversions of its own: the first setting, without what people put between digits."""
        first = self.setting(self.settings[0].name) if self.settings else ""
        return first.replace("-", "").replace(" ", "")

    @property
    def home(self) -> str:
        """Where its requests go, unless a setting `base_url` says otherwise."""
        return self.base_url

    def setting(self, name: str) -> str:
        """Return a setting, empty where it is not given."""
        return self._settings.get(name, "")

    def actions_for(self, named: Mapping[str, str]) -> dict[str, str]:
        """Return what each goal counts as there: those that are named, else the usual ones.

        Args:
            named: goal -> what it is to count as, those that are said.
        """
        return dict(named or self.actions)

    # --- before -------------------------------------------------------------------------------------

    def refusal(self, conversion: Conversion, now: int) -> Refusal | None:
        """Say why a conversion cannot be sent, None where it can.

        A platform that refuses a whole batch for one of its events never sees that event.

        Args:
            conversion: of any age and kind.
            now: microseconds.
        """
        for rule in (self._by_consent, self._by_identity, self._by_time, self._by_change, self._by_value):
            found = rule(conversion, now)
            if found is not None:
                return found
        return None

    def _by_consent(self, conversion: Conversion, now: int) -> Refusal | None:
        said = conversion.consent.ad_user_data
        if said is Signal.GRANTED:
            return None
        return Refusal(
            "no_consent",
            f"consent to ad_user_data is {said}, and only what was granted is sent; "
            "record consent with the lead or the touch",
        )

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        if any(conversion.clicks.get(kind) for kind in self.click_kinds):
            return None
        contact = conversion.contact
        if self.takes_contacts and (
            hashing.all_hashed(contact.emails, hashing.plain_email)
            or hashing.all_hashed(contact.phones, hashing.phone_digits)
        ):
            return None
        kinds = ", ".join(self.click_kinds)
        others = "an e-mail address or a phone number" if self.takes_contacts else ""
        wanted = " or ".join(filter(None, (kinds and f"a click id ({kinds})", others)))
        return Refusal("no_match_key", f"nothing says who it was: {self.label} needs {wanted}")

    def _by_time(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.at > now + AHEAD:
            return Refusal("future", f"it is of {clock.iso(conversion.at)}, which is still to come")
        if conversion.clicked_at is not None and conversion.clicked_at > conversion.at:
            return Refusal(
                "before_click",
                f"it happened at {clock.iso(conversion.at)}, "
                f"before its click at {clock.iso(conversion.clicked_at)}",
            )
        oldest = self._oldest_days(conversion)
        if oldest is None or now - conversion.at <= oldest * DAY:
            return None
        return Refusal(
            "too_old",
            f"it is of {clock.iso(conversion.at)}; {self.label} takes conversions of the last "
            f"{oldest} days: send sooner after closing",
        )

    def _oldest_days(self, conversion: Conversion) -> int | None:
        """How old this conversion may be, where that depends on what it is."""
        return self.age_days

    def _by_change(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.change is Change.NEW or conversion.change in self.changes:
            return None
        return Refusal(
            f"not_{conversion.change}",
            f"{self.label} has no way to have a conversion {conversion.change}; it keeps what it has",
        )

    def _by_value(self, conversion: Conversion, now: int) -> Refusal | None:
        if (conversion.value_minor is None) != (conversion.currency is None):
            return Refusal("currency", "a value needs a currency, and a currency a value")
        return None

    # --- requests and replies -----------------------------------------------------------------------

    @abstractmethod
    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write requests that tell all conversions, each in one of them.

        Args:
            conversions: none of which is refused.
        """

    def trial(self, request: Request) -> Request | None:
        """Return a request such that nothing of it is counted; None: there is no way to say so.

        Args:
            request: as :meth:`requests` writes it.
        """
        return None

    @property
    def untried(self) -> str:
        """Why there is no such request, and what can be done instead."""
        return f"{self.label} has no test mode that is known here; send one with --limit 1, which counts"

    @abstractmethod
    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read what became of each conversion of a request.

        Args:
            request: as it was sent.
            reply: whatever came back, malformed or not.
        """

    # --- later --------------------------------------------------------------------------------------

    def inquiry(self, reference: str) -> Request:
        """Return a request that asks what became of what was accepted under a reference.

        Args:
            reference: of an outcome.

        Raises:
            NotImplementedError: this destination never tells; see `answers_after`.
        """
        raise NotImplementedError(f"{self.label} does not tell what became of what it took")

    def fate(self, reply: Reply) -> Outcome | None:
        """Read what became of all that was accepted under one reference.

        Args:
            reply: whatever came back to an inquiry.

        Returns:
            Confirmed, rejected, retry (to be told again), or unclear (some of it was refused, and nothing
            says which); None: nothing can be said yet.
        """
        return None


def lots(conversions: Sequence[Conversion], most: int) -> Iterator[tuple[Conversion, ...]]:
    """Cut conversions into lots that a request can hold.

    >>> [len(lot) for lot in lots([Conversion(str(n), "won", 0) for n in range(5)], 2)]
    [2, 2, 1]
    """
    for start in range(0, len(conversions), most):
        yield tuple(conversions[start : start + most])


def merged(event: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a conversion's details over what was written for it, level by level.

    >>> merged({"user": {"id": 1}, "value": 5}, {"user": {"name": "x"}, "value": 6})
    {'user': {'id': 1, 'name': 'x'}, 'value': 6}
    """
    found = dict(event)
    for name, told in details.items():
        mine = found.get(name)
        if isinstance(mine, Mapping) and isinstance(told, Mapping):
            told = merged(mine, told)
        found[name] = told
    return found
