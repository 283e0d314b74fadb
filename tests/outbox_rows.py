"""Deliveries put into the outbox by hand."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from attribution import clock
from attribution.engine import Store
from attribution.store.schema import conversion, delivery


def put(store: Store, key: str, transaction_id: str = "", *, kind: str = "won", **of: Any) -> None:
    """Put what Google was told of a deal or lead into the outbox, now."""
    now = clock.now_micros()
    with store.db.write() as connection:
        mine = (conversion.c.key == key, conversion.c.kind == kind)
        number = connection.execute(select(conversion.c.conversion_id).where(*mine)).scalar_one()
        told = {
            "destination": "google", "account": "1234567890", "action": "987", "conversion_id": number,
            "transaction_id": transaction_id or f"{key}:revenue", "revision": 1, "change": "new", "at": now,
            "currency": "GBP" if of.get("value_minor") is not None else None, "state": "queued",
            "due_at": now, "queued_at": now,
        }  # fmt: skip
        connection.execute(insert(delivery).values(**(told | of)))
