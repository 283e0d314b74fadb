"""What destinations were told of somebody who is erased: nothing more is told, and what was is nobody's."""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, Text, cast, literal, select, update

from attribution.privacy.forget_receipt import Receipt
from attribution.store.schema import conversion, delivery

_ENDED = ("accepted", "confirmed", "withdrawn")
_ERASED = "erased-"


def forget_deliveries(connection: Connection, receipt: Receipt) -> None:
    """Take what is frozen out of the outbox, and its ids and words with it.

    What a destination has stays there, to be erased there: its own rules say how.
    """
    frozen = delivery.c.conversion_id.in_(
        select(conversion.c.conversion_id).where(conversion.c.frozen.is_not(None))
    )
    known = delivery.c.transaction_id.not_like(f"{_ERASED}%")
    # what is under way or was refused too: told again under another name it would count twice
    open_ = delivery.c.state.not_in(_ENDED)
    connection.execute(update(delivery).where(frozen, known, open_).values(state="withdrawn"))
    name = literal(_ERASED) + cast(cast(delivery.c.delivery_id, BigInteger), Text)
    blank = {"touch": None, "words": None, "reference": None, "digest": None}
    done = connection.execute(update(delivery).where(frozen, known).values(transaction_id=name, **blank))
    receipt.add(
        delivery.name, "taken out of the outbox; destinations keep what they were told", done.rowcount
    )
