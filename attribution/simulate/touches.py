"""Step six: what the website, the mailings and the telephone wrote down: touches, and who was behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from attribution.simulate.catalogue import BING_ADS, LOGIN, NEWSLETTER, NURTURE, SITE, SLOTS
from attribution.simulate.columns import Bools, Ints, Texts, at_work, codes, frame, local, texts, utc
from attribution.simulate.deals import Deals
from attribution.simulate.leads import BADGE, CALL, CHAT, FORM, Leads
from attribution.simulate.people import People
from attribution.simulate.visits import CHANNEL_OF_SLOT, Visits
from attribution.simulate.world import CHANNELS, DAY, World

KINDS: Final = ("session", "offline", "call", "chat", "click", "email")
SESSION, OFFLINE, CALLED, CHATTED, CLICKED, MAILED = range(len(KINDS))
COLUMNS: Final = (
    "touch_id", "visitor_id", "at", "kind", "url", "referrer", "channel", "source", "medium", "campaign",
    "platform", "campaign_id", "click_id", "page_views", "engaged_seconds", "user_agent", "consent",
)  # fmt: skip
_OFFLINE_CHANNEL: Final = CHANNELS.index("Offline")
_PREFIX: Final = {"gclid": "EAIaIQobChMI", "msclkid": "", "fbclid": "IwY2xjawF", "li_fat_id": ""}

# the newsletter has one campaign a quarter, all others have one for ever
_CAMPAIGNS: Final = np.array(
    [
        [f"newsletter-q{quarter}" if number == NEWSLETTER else slot.campaign for quarter in (1, 2, 3, 4)]
        for number, slot in enumerate(SLOTS)
    ],
    dtype=object,
)
_TAGGED: Final = np.vectorize(lambda name: name.replace(" ", "+"), otypes=[object])(_CAMPAIGNS)
_MISTYPED: Final = np.vectorize(lambda name: name.title().replace(" ", "+"), otypes=[object])(_CAMPAIGNS)


@dataclass(frozen=True)
class Rows:
    """Touches in columns, in the order of time; a session and its twin share their `click`."""

    person: Ints
    at: Ints
    kind: Ints
    slot: Ints
    device: Ints
    click: Ints

    def take(self, rows: Ints) -> Rows:
        """Return some of the rows, in the order given."""
        columns = (self.person, self.at, self.kind, self.slot, self.device, self.click)
        return Rows(*(column[rows] for column in columns))


def visitor_ids(world: World, person: Ints, device: Ints, at_stand: Bools) -> Texts:
    """Name the browser of each visit; at a stand it is the badge that was scanned."""
    number, inverse = np.unique(person * 4 + device, return_inverse=True)
    names = codes(number, world.seed)
    browser = texts([f"v{name}" for name in names])[inverse]
    badge = texts([f"badge-{name}" for name in names])[inverse]
    return np.where(at_stand, badge, browser)


def rows(
    world: World, rng: np.random.Generator, crowd: People, seen: Visits, made: Leads, sold: Deals
) -> Rows:
    """Put visits, nurture mails, log-ins, calls, chats and clicks reported twice into the order of time."""
    kind = np.where(CHANNEL_OF_SLOT[seen.slot] == _OFFLINE_CHANNEL, OFFLINE, SESSION)
    parts = [(seen.person, seen.at, kind, seen.slot, seen.device)]
    parts += [_nurtured(rng, crowd, seen, made, sold), _logins(world, rng, sold), _spoken(seen, made)]
    person, at, kind, slot, device = (np.concatenate(column) for column in zip(*parts, strict=True))
    keep = np.flatnonzero(at < world.end_second)
    whole = Rows(person, at, kind, slot, device, np.arange(len(person))).take(keep)

    # the advertising platform and the mailing tool report some clicks that the website saw too
    chance = rng.random(len(keep))
    bing = (whole.kind == SESSION) & np.isin(whole.slot, BING_ADS) & (chance < 0.3)
    mail = (whole.kind == SESSION) & (whole.slot == NEWSLETTER) & (chance < 0.2)
    twins = whole.take(np.flatnonzero(bing | mail))
    ahead = rng.integers(4, 25, len(twins.at))
    twin_kind = np.where(twins.slot == NEWSLETTER, MAILED, CLICKED)
    twins = Rows(twins.person, twins.at - ahead, twin_kind, twins.slot, twins.device, twins.click)
    names = ("person", "at", "kind", "slot", "device", "click")
    both = Rows(*(np.concatenate([getattr(whole, name), getattr(twins, name)]) for name in names))
    return both.take(np.lexsort((both.kind, both.person, both.at)))


def _nurtured(
    rng: np.random.Generator, crowd: People, seen: Visits, made: Leads, sold: Deals
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Send mails to leads while their deal is open; they read them where they first came from."""
    count = crowd.nurture[made.person]
    lead = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(lead)) - np.repeat(np.cumsum(count) - count, count)
    day = made.created_at[lead] // DAY + 2 + number * 6 + rng.integers(0, 4, len(lead))
    slot = np.array(NURTURE)[np.minimum(number, len(NURTURE) - 1)]
    device = np.where(made.way[lead] == BADGE, 0, seen.device[made.visit[lead]])
    at = at_work(rng, day, weekends=0.6)
    return made.person[lead], at, np.full(len(lead), SESSION), slot, device


def _logins(world: World, rng: np.random.Generator, sold: Deals) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Let customers log in now and then."""
    customer = np.flatnonzero(sold.won & (sold.person >= 0) & (sold.kind == 0))
    count = rng.poisson(0.8, len(customer))
    deal = np.repeat(customer, count)
    day = sold.closed_at[deal] // DAY + 1 + rng.integers(0, 60, len(deal))
    device = rng.choice(4, len(deal), p=[0.7, 0.2, 0.1, 0.0])
    return (
        sold.person[deal],
        at_work(rng, day, 0.2),
        np.full(len(deal), SESSION),
        np.full(len(deal), LOGIN),
        device,
    )


def _spoken(seen: Visits, made: Leads) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Write down the calls and chats that made somebody a lead."""
    lead = np.flatnonzero((made.way == CALL) | (made.way == CHAT))
    kind = np.where(made.way[lead] == CALL, CALLED, CHATTED)
    visit = made.visit[lead]
    return made.person[lead], made.asked_at[lead], kind, seen.slot[visit], seen.device[visit]


def touch_table(world: World, rng: np.random.Generator, crowd: People, all_rows: Rows) -> pd.DataFrame:
    """Write the touches as the website's tracking exports them."""
    count = len(all_rows.at)
    kind, slot = all_rows.kind, all_rows.slot
    session, offline = kind == SESSION, kind == OFFLINE
    twin = (kind == CLICKED) | (kind == MAILED)
    named = twin | offline
    campaign = campaigns(all_rows)
    clicks = _click_values(all_rows)
    url = np.full(count, "", dtype=object)
    url[session] = _urls(world, rng, all_rows, clicks)[session]
    pages = np.minimum(rng.geometric(0.45, count), 7)
    engaged = np.minimum(rng.lognormal(np.log(12), 1.2, count) * pages, 3000).astype(np.int64)
    # somebody abroad for a week writes another offset
    east = crowd.second_account[crowd.account[all_rows.person]].astype(np.int64)
    east = np.where(rng.random(count) < 0.05, 1 - east, east)
    at = np.where(twin, texts(utc(all_rows.at)), texts(local(all_rows.at, east)))
    width = max(6, len(str(count)))
    bing = kind == CLICKED
    table = {
        "touch_id": texts([f"t{number:0{width}d}" for number in range(1, count + 1)]),
        "visitor_id": visitor_ids(world, all_rows.person, all_rows.device, offline),
        "at": at,
        "kind": texts(list(KINDS))[kind],
        "url": url,
        "referrer": np.where(session & (rng.random(count) < 0.93), _column("referrer")[slot], ""),
        "channel": np.where(offline, "Offline", ""),
        "source": np.where(named, _column("source")[slot], ""),
        "medium": np.where(named, _column("medium")[slot], ""),
        "campaign": np.where(named, campaign, ""),
        "platform": np.where(bing, _column("platform")[slot], ""),
        "campaign_id": np.where(bing, _column("campaign_id")[slot], ""),
        "click_id": np.where(bing, "msclkid:" + clicks, ""),
        "page_views": np.where(session, pages.astype(str).astype(object), ""),
        "engaged_seconds": np.where(session, engaged.astype(str).astype(object), ""),
        "user_agent": np.full(count, "", dtype=object),
        "consent": np.where(crowd.consented[all_rows.person], "granted", ""),
    }
    return frame(table)


def campaigns(all_rows: Rows) -> Texts:
    """Return each touch's campaign as planned; the newsletter's ends in its quarter."""
    return _CAMPAIGNS[all_rows.slot, _quarter(all_rows)]


def _quarter(all_rows: Rows) -> Ints:
    month: Ints = all_rows.at.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
    return month // 3


def _column(name: str) -> Texts:
    return texts([getattr(slot, name) for slot in SLOTS])


def _click_values(all_rows: Rows) -> Texts:
    """Make the value of each row's click id; a session and its twin have the same."""
    paid = np.flatnonzero(_column("click_id")[all_rows.slot] != "")
    values = np.full(len(all_rows.slot), "", dtype=object)
    prefix = texts([_PREFIX.get(slot.click_id, "") for slot in SLOTS])[all_rows.slot[paid]]
    halves = (codes(all_rows.click[paid], 101), codes(all_rows.click[paid], 202))
    values[paid] = prefix + texts([left + right for left, right in zip(*halves, strict=True)])
    return values


def _urls(world: World, rng: np.random.Generator, all_rows: Rows, clicks: Texts) -> Texts:
    """Make the landing URLs; in a messy world some tags are typed in other letters."""
    page = rng.integers(0, 60, len(all_rows.slot))
    typo = (rng.random(len(page)) < (0.03 if world.mess else 0.0)) & (all_rows.slot != LOGIN)
    before = np.full((len(SLOTS), 60), "", dtype=object)
    after = np.full(len(SLOTS), "", dtype=object)
    for number, slot in enumerate(SLOTS):
        tags = f"?utm_source={slot.source}&utm_medium={slot.medium}&utm_campaign=" if slot.source else ""
        if not tags and slot.click_id:
            tags = f"?{slot.click_id}="
        before[number] = [f"{SITE}{slot.pages[draw % len(slot.pages)]}{tags}" for draw in range(60)]
        after[number] = _tail(number)
    quarter = _quarter(all_rows)
    written = np.where(typo, _MISTYPED[all_rows.slot, quarter], _TAGGED[all_rows.slot, quarter])
    made: Texts = before[all_rows.slot, page] + written + after[all_rows.slot] + clicks
    return made


def _tail(number: int) -> str:
    """Return what follows the campaign's name in a slot's URL, up to the click id's value."""
    slot = SLOTS[number]
    if not slot.source:
        return ""
    tail = f"&utm_content={slot.ad}" if slot.ad else ""
    tail += f"&utm_term={slot.keyword.replace(' ', '+')}" if slot.keyword else ""
    if slot.source == "google" and not slot.campaign.startswith("brand"):
        tail += f"&campaignid={slot.campaign_id}&adgroupid={slot.ad_group_id}&network=g"
    return tail + (f"&{slot.click_id}=" if slot.click_id else "")


def identity_table(
    world: World, rng: np.random.Generator, crowd: People, made: Leads, all_rows: Rows, table: pd.DataFrame
) -> pd.DataFrame:
    """Write what ties visitors to people: forms, calls, chats, badges, links in mails and log-ins."""
    visitor = table["visitor_id"].to_numpy(dtype=object)
    by_mail = (all_rows.kind == SESSION) & (CHANNEL_OF_SLOT[all_rows.slot] == CHANNELS.index("Email"))
    links = _first_of_device(all_rows, by_mail & (rng.random(len(visitor)) < 0.9))
    badges = np.flatnonzero((all_rows.kind == OFFLINE) & (rng.random(len(visitor)) < 0.85))
    logins = _first_of_device(all_rows, all_rows.slot == LOGIN)
    lead = made.of_person[all_rows.person]
    frames = [
        _observed(crowd, all_rows, visitor, links, "email link", 20),
        _observed(crowd, all_rows, visitor, badges, "badge", 40),
        _observed(crowd, all_rows, visitor, logins, "login", 5, user=True),
    ]
    called = np.flatnonzero(all_rows.kind == CALLED)
    calls = _observed(crowd, all_rows, visitor, called, "call", 0)
    calls["email"], calls["phone"] = "", made.phone[lead[called]]
    frames += [
        calls,
        _observed(crowd, all_rows, visitor, np.flatnonzero(all_rows.kind == CHATTED), "chat", 0),
    ]
    frames.append(_forms(crowd, made, all_rows, visitor))
    whole = pd.concat(frames, ignore_index=True)
    return whole.sort_values(["at", "visitor_id", "source"], kind="stable", ignore_index=True)


def _first_of_device(all_rows: Rows, which: Bools) -> Ints:
    """Return the first row of each person's device among some rows."""
    chosen = np.flatnonzero(which)
    _, first = np.unique(all_rows.person[chosen] * 4 + all_rows.device[chosen], return_index=True)
    return chosen[first]


def _observed(
    crowd: People,
    all_rows: Rows,
    visitor: Texts,
    chosen: Ints,
    source: str,
    later: int,
    *,
    user: bool = False,
) -> pd.DataFrame:
    people = all_rows.person[chosen]
    return frame(
        {
            "at": texts(utc(all_rows.at[chosen] + later)),
            "visitor_id": visitor[chosen],
            "email": crowd.emails[people],
            "phone": "",
            "user_id": texts([f"u{1000 + person}" for person in people.tolist()]) if user else "",
            "lead_id": "",
            "source": source,
        }
    )


def _forms(crowd: People, made: Leads, all_rows: Rows, visitor: Texts) -> pd.DataFrame:
    """Write forms and badges that made a lead: each ties the visitor to the lead and its e-mail address."""
    by_visit = np.flatnonzero((all_rows.kind == SESSION) | (all_rows.kind == OFFLINE))
    chosen = np.flatnonzero((made.way == FORM) | (made.way == BADGE))
    # a visit became row `click` of all touches, before they were put in order
    row_of = np.full(int(all_rows.click.max(initial=-1)) + 1, -1, dtype=np.int64)
    row_of[all_rows.click[by_visit]] = by_visit
    touch = row_of[made.visit[chosen]]
    badge = made.way[chosen] == BADGE
    return frame(
        {
            "at": texts(utc(made.asked_at[chosen])),
            "visitor_id": visitor[touch],
            "email": crowd.emails[made.person[chosen]],
            "phone": "",
            "user_id": "",
            "lead_id": np.where(badge, made.lead_id[chosen], ""),
            "source": np.where(badge, "badge", "form"),
        }
    )
