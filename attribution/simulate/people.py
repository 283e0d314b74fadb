"""Step one: who there is. Accounts with one to four people each, what they would pay, and how long they take.

All of it is drawn before anything happens, so that it is the same whatever the channels do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from attribution.simulate.columns import Bools, Ints, Texts, texts
from attribution.simulate.world import DAY, World

FIRST: Final = (
    "Alex", "Amara", "Bea", "Ben", "Chloe", "Connor", "Dan", "Dora", "Elif", "Ewan", "Farah", "Freya",
    "George", "Hana", "Imran", "Ines", "Jess", "Karl", "Leila", "Leo", "Mark", "Nadia", "Noor", "Oscar",
    "Owen", "Priya", "Quinn", "Rosa", "Sam", "Tara", "Uma", "Victor", "Wendy", "Xavier", "Yusuf", "Zoe",
    "Maya", "Hugo", "Ada", "Piotr",
)  # fmt: skip
LAST: Final = (
    "Abbott", "Archer", "Bauer", "Brook", "Clarke", "Cole", "Dixon", "Drew", "Evans", "Fischer", "Frost",
    "Grant", "Gray", "Hart", "Hughes", "Innes", "Ivers", "Jones", "Judd", "Kerr", "Khan", "Lang", "Lowe",
    "Marsh", "Moore", "Nolan", "North", "Okafor", "Page", "Patel", "Quigley", "Reid", "Shah", "Turner",
    "Usher", "Vogel", "Walsh", "Xu", "Young", "Zeller", "Novak",
)  # fmt: skip
_HEADS: Final = (
    "Alder", "Amber", "Ash", "Birch", "Cedar", "Copper", "Dover", "Elm", "Fern", "Glen", "Granite",
    "Harrow", "Heron", "Iron", "Juniper", "Kestrel", "Linden", "Norfolk", "Oak", "Osprey", "Poplar",
    "Quarry", "Rowan", "Sable", "Stone", "Thorn", "Upton", "Vale", "Willow", "Yew",
)  # fmt: skip
_TAILS: Final = (
    "bank", "bridge", "brook", "cliff", "combe", "croft", "dale", "field", "fold", "ford", "gate",
    "grove", "hall", "ham", "heath", "hill", "holme", "hurst", "low", "marsh", "mead", "mere", "mill",
    "moor", "port", "ridge", "shaw", "stead", "wick", "wood",
)  # fmt: skip
_ENDS: Final = ("Group", "Holdings", "Labs", "Partners", "Systems", "Trading", "Works", "Studios")
INDUSTRIES: Final = (
    "Manufacturing", "Education", "Retail", "Energy", "Software", "Finance", "Healthcare", "Logistics",
)  # fmt: skip
OWNERS: Final = ("hannah", "oyelaran", "miles", "sofia", "tom")

# ranges that Ofcom keeps free for drama: nobody's phone rings
_DRAMA: Final = tuple(
    f"+44{area}"
    for area in ("1134960", "1144960", "1154960", "1164960", "1174960", "1184960", "1214960", "1314960")
)


@dataclass(frozen=True)
class People:
    """The people, in columns; `*_account` columns have one value an account.

    `keen` is thousandths of log-odds to become a lead, whatever they see. `price_major` is what they would
    pay in their account's currency. `to_deal` and `to_close` are seconds from visit to deal, and on to its
    decision. `nurture` is how many mails they read as a lead.
    """

    account: Ints
    member: Ints
    first_day: Ints
    keen: Ints
    price_major: Ints
    to_deal: Ints
    to_close: Ints
    nurture: Ints
    free_mail: Bools
    consented: Bools
    has_phone: Bools
    second_account: Bools
    industry_account: Ints
    owner_account: Ints
    first_member: Ints
    size_account: Ints
    stride: int

    @cached_property
    def accounts(self) -> Texts:
        """The accounts' names; every account has its own."""
        return texts([account_name(number, self.stride) for number in range(len(self.size_account))])

    @cached_property
    def emails(self) -> Texts:
        """The people's e-mail addresses; nobody shares one."""
        hosts = [
            f"{name.lower().replace(' ', '-')}.{'de' if second else 'co.uk'}"
            for name, second in zip(self.accounts.tolist(), self.second_account.tolist(), strict=True)
        ]
        # two people of one account have different names
        number = (self.account * 611 + self.member * 177) % (len(FIRST) * len(LAST))
        columns = (number.tolist(), self.account.tolist(), self.free_mail.tolist())
        made = []
        for person, (name, account, free) in enumerate(zip(*columns, strict=True)):
            first, last = FIRST[name % len(FIRST)].lower(), LAST[name // len(FIRST)].lower()
            made.append(f"{first}{last}{person}@gmail.com" if free else f"{first}.{last}@{hosts[account]}")
        return texts(made)


def account_name(number: int, stride: int) -> str:
    """Name an account; `stride`, odd, shuffles the names, and no two accounts share one.

    >>> account_name(1, 1007), account_name(7201, 1007)
    ('Cedarcroft Studios', 'Cedarcroft Studios 2')
    """
    kinds = len(_HEADS) * len(_TAILS) * len(_ENDS)
    again, number = divmod(number, kinds)
    number, end = divmod(number * stride % kinds, len(_ENDS))
    head, tail = divmod(number, len(_TAILS))
    more = f" {again + 1}" if again else ""
    return f"{_HEADS[head]}{_TAILS[tail]} {_ENDS[end]}{more}"


def phone(number: int) -> str:
    """Return the n-th phone number.

    >>> phone(960), phone(8001)
    ('+441134960960', '+447400000001')
    """
    block, last = divmod(number, 1000)
    return f"{_DRAMA[block]}{last:03d}" if block < len(_DRAMA) else f"+447400{number - 8000:06d}"


def people(world: World, rng: np.random.Generator) -> People:
    """Draw the people of a world and their accounts."""
    n = world.n_people
    sizes = rng.choice(4, n, p=[0.55, 0.25, 0.13, 0.07]) + 1
    account = np.repeat(np.arange(n), sizes)[:n]
    accounts = int(account[-1]) + 1
    size_account = np.bincount(account, minlength=accounts)
    first_member = np.cumsum(size_account) - size_account
    member = np.arange(n) - first_member[account]

    # colleagues come to look after the first of them did
    start_day = rng.integers(0, world.days, accounts)
    first_day = start_day[account] + np.where(member > 0, rng.exponential(18, n), 0).astype(np.int64)
    deal_size = rng.lognormal(np.log(6900), 0.52, accounts)
    price = np.clip(deal_size[account] * rng.lognormal(0, 0.25, n), 900, 35_000)
    return People(
        account=account,
        member=member,
        first_day=first_day,
        keen=np.rint(rng.normal(0, 550, n)).astype(np.int64),
        price_major=np.rint(price / 50).astype(np.int64) * 50,
        to_deal=np.rint(rng.lognormal(np.log(7), 0.7, n) * DAY).astype(np.int64),
        to_close=np.rint(rng.lognormal(np.log(25), 0.55, n) * DAY).astype(np.int64),
        nurture=np.minimum(rng.poisson(0.8, n), 4),
        free_mail=rng.random(n) < 0.12,
        consented=rng.random(n) < 0.8,
        has_phone=rng.random(n) < 0.22,
        second_account=rng.random(accounts) < 0.13,
        industry_account=rng.integers(0, len(INDUSTRIES), accounts),
        owner_account=rng.choice(len(OWNERS), accounts, p=[0.28, 0.25, 0.22, 0.16, 0.09]),
        first_member=first_member,
        size_account=size_account,
        stride=int(rng.choice([1007, 1511, 2003, 2503, 3011])),
    )
