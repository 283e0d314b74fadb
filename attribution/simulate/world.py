"""What a simulated company is made from: its settings, and what each channel truly does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Final

from attribution.errors import InputError, UnknownNameError
from attribution.money import minor_digits

DAY: Final = 86_400

# the channels that the company uses; a visit belongs to exactly one
CHANNELS: Final = (
    "Paid Search", "Paid Social", "Display", "Organic Search", "Organic Social", "Email",
    "Referral", "AI Assistant", "Offline", "Direct",
)  # fmt: skip
MIXED: Final = tuple(channel for channel in CHANNELS if channel != "Offline")  # those that visits come from


@dataclass(frozen=True)
class ChannelEffect:
    """What one visit through a channel adds to the odds of becoming a lead, and of a deal being won.

    `lead` and `win` are thousandths of log-odds, whole numbers, so that sums of them are exact.
    """

    channel: str
    lead: int
    win: int


CHANNEL_EFFECTS: Final = (
    ChannelEffect("Paid Search", 800, 250),
    ChannelEffect("Paid Social", 200, 50),
    ChannelEffect("Display", 100, 0),
    ChannelEffect("Organic Search", 450, 150),
    ChannelEffect("Organic Social", 100, 0),
    ChannelEffect("Email", 650, 350),
    ChannelEffect("Referral", 700, 400),
    ChannelEffect("AI Assistant", 600, 250),
    ChannelEffect("Offline", 1000, 300),
    ChannelEffect("Direct", 0, 0),  # the yardstick: whoever comes by themselves
)


@dataclass(frozen=True, kw_only=True)
class ChannelMix:
    """How often people come through a channel, as factors of its usual weights.

    Args:
        channel: one of `CHANNELS`, Offline excepted: who meets the company at an event is drawn apart.
        first, later: factors among first and among later visits, not negative.
        keen: a further factor for people who are keener than most, whatever they see: a channel that
            finds those who would have bought anyway.
    """

    channel: str
    first: float = 1.0
    later: float = 1.0
    keen: float = 1.0


@dataclass(frozen=True, kw_only=True)
class World:
    """The settings of a simulated company; equal settings make equal tables, byte for byte.

    Args:
        seed: chooses one company among many; not negative.
        start: the first day, in UTC.
        days: how long the company is watched, 30 to 3,650 days.
        n_people: how many people may come across it, at least 10; about two thirds of them visit it.
        currency: what it reports and advertises in.
        second_currency: what the continental accounts pay in.
        second_rate: units of `currency` for one of `second_currency`, about which the daily rates move.
        effects: what each channel does; one that is not named does nothing.
        mix: how often people come through each channel; one that is not named keeps its usual weight.
        mess: with typing errors, duplicates, robots and bad rows, as in a real export.
        story: with Ella, whose journey the documentation tells; her dates count from `start`.

    Raises:
        InputError: a setting that cannot be used.

    >>> World(seed=7, n_people=5)
    Traceback (most recent call last):
    attribution.errors.InputError: n_people is 5; allowed is at least 10
    """

    seed: int
    start: date = date(2025, 1, 1)
    days: int = 365
    n_people: int = 1500
    currency: str = "GBP"
    second_currency: str = "EUR"
    second_rate: Decimal = Decimal("0.85")
    effects: tuple[ChannelEffect, ...] = CHANNEL_EFFECTS
    mix: tuple[ChannelMix, ...] = ()
    mess: bool = True
    story: bool = True

    def __post_init__(self) -> None:
        """Refuse settings that make no company."""
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; allowed is 0 or more")
        if not 30 <= self.days <= 3650:
            raise InputError(f"days is {self.days}; allowed are 30 to 3650")
        if self.n_people < 10:
            raise InputError(f"n_people is {self.n_people}; allowed is at least 10")
        for code in (self.currency, self.second_currency):
            minor_digits(code)
        if self.currency == self.second_currency:
            raise InputError(
                f"currency and second_currency are both {self.currency}; give two different ones"
            )
        if not (self.second_rate.is_finite() and self.second_rate > 0):
            raise InputError(f"second_rate is {self.second_rate}; allowed is a positive decimal such as 0.85")
        _check_channels("effects", [effect.channel for effect in self.effects], CHANNELS)
        _check_channels("mix", [mixed.channel for mixed in self.mix], MIXED)
        self._check_mix()

    def _check_mix(self) -> None:
        for mixed in self.mix:
            factors = (mixed.first, mixed.later, mixed.keen)
            if not all(isfinite(factor) and factor >= 0 for factor in factors):
                raise InputError(
                    f"mix of {mixed.channel} is first={mixed.first}, later={mixed.later}, keen={mixed.keen}; "
                    "allowed are factors of 0 or more"
                )
        for when in ("first", "later"):
            if sum(getattr(mixed, when) * mixed.keen == 0 for mixed in self.mix) == len(MIXED):
                raise InputError(f"mix leaves no channel for {when} visits; allowed is to shut all but one")

    @property
    def start_second(self) -> int:
        """The world's first second, since the epoch."""
        return int(datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC).timestamp())

    @property
    def end_second(self) -> int:
        """The second at which the watching stops; nothing is known of what comes after."""
        return self.start_second + self.days * DAY

    @property
    def size(self) -> float:
        """How large the company is, the bundled one being 1."""
        return self.n_people / 1500


def _check_channels(what: str, names: list[str], allowed: tuple[str, ...]) -> None:
    for name in names:
        if name not in allowed:
            raise UnknownNameError("channel", name, allowed)
    if len(set(names)) < len(names):
        raise InputError(
            f"{what} name a channel twice: {', '.join(names)}; give one {what.removesuffix('s')} a channel"
        )
