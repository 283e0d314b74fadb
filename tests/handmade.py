"""Rows put into a store by hand, one at a time: what an import and a run would have left there."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from attribution import identifiers
from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.clock import to_micros
from attribution.identity.graph import ALWAYS
from attribution.identity.resolve import IDENTITY_VERSION
from attribution.identity.rules import Rules
from attribution.store import schema
from attribution.store.database import Database
from attribution.store.keys import one_text_hash


def at(text: str) -> int:
    """Read an instant such as `2024-03-01 10:00` (UTC) into microseconds."""
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


class Handmade:
    """A store filled row by row; methods return the number of the row."""

    def __init__(self, url: str = "sqlite://") -> None:
        self.db = Database.open(url)
        self._numbers: dict[str, int] = {}
        self._seen: dict[Any, int] = {}
        self._kinds: dict[int, str] = {}
        self.put("batch", table_name="deals", file="deals.csv", imported_at=0, read=0, accepted=0, updated=0,
                 duplicate=0, conflict=0, rejected=0)  # fmt: skip
        # people are put in by hand: all evidence is taken up
        self.setting("_resolved_rules", f"{IDENTITY_VERSION} {Rules().fingerprint}")
        self.setting("_resolved_edge", str(10**9))

    def put(self, table: str, **values: Any) -> int:
        """Insert a row; its number is the next of that table, unless it is keyed otherwise."""
        known = schema.metadata.tables[table]
        number = self._numbers[table] = self._numbers.get(table, 0) + 1
        keys = [column.name for column in known.primary_key.columns]
        if len(keys) == 1 and keys[0] not in values and keys[0] != "hash":
            values[keys[0]] = number
        if "hash" in known.c and "hash" not in values:
            values["hash"] = zlib.crc32(repr((table, number)).encode())
        for name in ("digest", "batch_id"):
            if name in known.c:
                values.setdefault(name, 1)
        with self.db.write() as connection:
            connection.execute(insert(known).values(**values))
        return number if table == "setting" else int(values.get(keys[0], number))

    def _once(self, key: Any, table: str, **values: Any) -> int:
        if key not in self._seen:
            self._seen[key] = self.put(table, **values)
        return self._seen[key]

    def identifier(self, kind: str, value: str) -> int:
        """Return the number of an identifier, new or known."""
        number = {name: n for n, name in identifiers.KIND_NAMES.items()}[kind]
        keyed = kind in ("email", "phone")
        known = self._once((kind, value), "identifier", kind=number, value=None if keyed else value)
        if keyed:
            self._once(("contact", known), "contact", identifier_id=known, value=value)
        self._kinds[known] = kind
        return known

    def edge(self, a: int, b: int, when: str, source: str) -> int:
        """Tie two identifiers."""
        number = self._once(("source", source), "evidence_source", source=source)
        if self._kinds.get(b) == "account":
            return self.put("affiliation", identifier_id=a, account=b, at=at(when), evidence_source_id=number)
        return self.put("edge", a=min(a, b), b=max(a, b), at=at(when), evidence_source_id=number)

    def person(self, *members: int) -> int:
        """Make one person of some identifiers."""
        for member in members:
            self.put(
                "membership", identifier_id=member, person_id=min(members),
                since=ALWAYS[0], until=ALWAYS[1],
            )  # fmt: skip
        return min(members)

    def placement(self, channel: str, **fields: str) -> int:
        """Return the number of a placement, new or known."""
        values = dict.fromkeys(PLACEMENT_FIELDS) | {"channel": channel} | fields
        return self._once(("placement", *values.items()), "placement", **values)

    def touch(self, touch_id: str, when: str, visitor: int | None, channel: str = "Direct", *,
              kind: str | None = None, consent: int = 0, **fields: str) -> int:  # fmt: skip
        """Put a touch with an origin of its own."""
        where = self.placement(channel, **fields)
        origin = self.put(
            "origin", placement_id=where, rule=f"rule of {channel}", kind=kind or "session", **fields
        )
        n = self.put(
            "touch", touch_id=touch_id, at=at(when), visitor=visitor, origin_id=origin, consent=consent
        )
        self.put("touch_key", hash=one_text_hash(touch_id), n=n)
        return n

    def lead(self, key: str, when: str, **values: Any) -> int:
        """Put a lead; returns its identifier's number."""
        number = self.identifier("lead", key)
        self.put("lead", key=key, identifier_id=number, created_at=at(when), created_at_end=at(when),
                 consent=0, **values)  # fmt: skip
        return number

    def deal(self, key: str, *, status: str = "won", created: str | None = None, closed: str | None = None,
             amount: int | None = None, currency: str | None = "GBP", lead: int | None = None,
             contacts: tuple[int, ...] = (), **values: Any) -> int:  # fmt: skip
        """Put a deal; `amount` in minor units."""
        deal_id = self.put(
            "deal", key=key, status=status, created_at=at(created) if created else None,
            created_at_end=at(created) if created else None, closed_at=at(closed) if closed else None,
            amount_minor=amount, currency=currency, lead=lead, **values,
        )  # fmt: skip
        for number, role in [(lead, 0)] * (lead is not None) + [(number, 1) for number in contacts]:
            self.put("deal_contact", deal_id=deal_id, identifier_id=number, role=role)
        return deal_id

    def conversion(self, kind: str, object_id: int, key: str, when: str, value: int = 0,
                   currency: str | None = "GBP", active: int = 1,
                   reporting: int | None = -1) -> int:  # fmt: skip
        """Put a conversion; its reporting value is its own, unless told."""
        return self.put(
            "conversion", kind=kind, object_id=object_id, key=key, at=at(when), active=active,
            currency=currency, value_minor=value, reporting_minor=value if reporting == -1 else reporting,
        )  # fmt: skip

    def journey_set(self, kind: str, lookback: str = "365d", scope: str = "contacts",
                    kinds: str = "session click email event offline") -> int:  # fmt: skip
        """Return the number of a journey set, new or known."""
        values = {"kind": kind, "lookback": lookback, "scope": scope, "kinds": kinds}
        return self._once(("journey_set", *values.values()), "journey_set", **values)

    def credit_set(self, journey_set: int, label: str) -> int:
        """Return the number of a model's credit set, new or known."""
        return self._once(
            ("credit_set", journey_set, label), "credit_set", journey_set_id=journey_set, model=label,
            version=1, parameters="{}", label=label, seen_touch=10**6, seen_change=10**6,
        )  # fmt: skip

    def journey(self, journey_set: int, conversion: int, *touches: int) -> None:
        """Store a journey: its touches in order."""
        with self.db.read() as connection:
            rows = {
                row.n: row
                for row in connection.execute(
                    schema.touch.join(
                        schema.origin, schema.origin.c.origin_id == schema.touch.c.origin_id
                    ).select()
                )
            }
        for position, n in enumerate(touches):
            self.put(
                "journey_touch", journey_set_id=journey_set, conversion_id=conversion, position=position,
                touch=n, at=rows[n].at, placement_id=rows[n].placement_id, person_id=rows[n].visitor,
            )  # fmt: skip

    def run(self, when: str) -> int:
        """Record a run."""
        return self.put("run", posted_at=at(when), options="{}", versions="{}", fingerprint=0, entries=0)

    def entry(self, credit_set: int, conversion: int, run: int, when: str, touch: int, placement: int,
              amount: int, share: int, reason: int = 1, reporting: int | None = -1) -> None:  # fmt: skip
        """Post an entry."""
        self.put(
            "entry", credit_set_id=credit_set, conversion_id=conversion, run_id=run, effective_at=at(when),
            touch=touch, placement_id=placement, amount_minor=amount, share_millionths=share, reason=reason,
            reporting_minor=amount if reporting == -1 else reporting,
        )  # fmt: skip

    def setting(self, name: str, value: str) -> None:
        """Keep a setting."""
        self.put("setting", name=name, value=value)


def ella(url: str = "sqlite://") -> Handmade:
    """Return the store of the story that must always work: Ella's two sessions, her call, her deal."""
    store = Handmade(url)
    store.setting("reporting_currency", "GBP")
    visitor = store.identifier("visitor", "v1")
    phone = store.identifier("phone", "+442079460018")
    lead = store.lead("L-7", "2024-05-03 12:00", phone=phone, industry="Software", owner="Sam")
    store.edge(visitor, phone, "2024-05-03 11:00", "identities: call")
    store.edge(phone, lead, "2024-05-03 12:00", "CRM lead")
    store.person(visitor, phone, lead)
    search = store.touch(
        "t1", "2024-04-01 09:00", visitor, "Organic Search", source="google", medium="organic"
    )
    email = store.touch("t2", "2024-05-03 10:50", visitor, "Email", kind="session", campaign="spring")
    store.touch("t3", "2024-05-03 11:00", visitor, "Direct", kind="call")
    deal = store.deal("D-12", created="2024-05-10 00:00", closed="2024-07-01 17:00", amount=500000, lead=lead)
    won = store.conversion("won", deal, "D-12", "2024-07-01 17:00", 500000)
    became = store.conversion("lead", 1, "L-7", "2024-05-03 12:00", currency=None, reporting=0)
    run = store.run("2024-07-02 06:00")
    places = (
        store.placement("Organic Search", source="google", medium="organic"),
        store.placement("Email", campaign="spring"),
    )
    for kind, conversion, value, when in (
        ("won", won, 500000, "2024-07-01 17:00"),
        ("lead", became, 0, "2024-05-03 12:00"),
    ):
        journeys = store.journey_set(kind)
        store.journey(journeys, conversion, search, email)
        for label, first in (("first_touch", 1_000_000), ("last_touch", 0), ("linear", 500_000)):
            credits = store.credit_set(journeys, label)
            for touch, place, share in ((search, places[0], first), (email, places[1], 1_000_000 - first)):
                if share:
                    amount = value * share // 1_000_000
                    store.entry(credits, conversion, run, when, touch, place, amount, share)
    return store
