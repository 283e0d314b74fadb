"""Whether a page view says that its visitor came from somewhere: what sessions are cut by."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution.channels.classify import DIRECT, read_origins
from attribution.channels.evidence import EvidenceReader, Origin
from attribution.channels.rules import RuleSet, default_rules


class Arrival(IntEnum):
    """What an origin says of where its visitor came from."""

    NOTHING = 0  # no referrer, no campaign: directly, unless a session is open
    ELSEWHERE = 1  # a campaign, a click id, another site
    WITHIN = 2  # the site's own page before, or a payment or login page that hands visitors back


def arrivals(
    origins: pd.DataFrame, *, own_domains: Iterable[str] = (), rules: RuleSet | None = None
) -> npt.NDArray[np.int64]:
    """Tell what origins say of where from; arguments as of :func:`attribution.channels.classify.classify`.

    Returns:
        int64[n] of :class:`Arrival`.

    >>> origins = pd.DataFrame({"landing_host": ["www.acme.com"] * 3, "utm_source": ["google", None, None],
    ...                         "referrer_host": [None, "shop.acme.com", "checkout.stripe.com"]})
    >>> arrivals(origins).tolist()
    [1, 2, 2]
    """
    chosen = rules or default_rules()
    reader = EvidenceReader(chosen, tuple(own_domains))
    direct = chosen.tables.direct_sources
    found = [_arrival(reader, direct, origin) for origin in read_origins(origins, chosen)]
    return np.array(found, np.int64)


def _arrival(reader: EvidenceReader, direct: frozenset[str], origin: Origin) -> Arrival:
    if origin.channel:  # given: final
        return Arrival.NOTHING if origin.channel == DIRECT else Arrival.ELSEWHERE
    pieces = reader.pieces(origin)
    sources = [piece.source for piece in pieces if piece.source]
    if (pieces and not (sources and sources[0] in direct)) or origin.click_id_kinds:
        return Arrival.ELSEWHERE
    if origin.referrer_host and reader.referrer(origin.referrer_host, origin.landing_host).refused:
        return Arrival.WITHIN
    return Arrival.NOTHING
