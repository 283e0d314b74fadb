"""Whether a page view says that its visitor came from somewhere: what sessions are cut by."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution.channels.classify import DIRECT, read_origins
from attribution.channels.evidence import REFERRER, EvidenceReader, Origin
from attribution.channels.rules import RuleSet, default_rules


class Arrival(IntEnum):
    """What an origin says of where its visitor came from."""

    NOTHING = 0  # no referrer, no campaign: directly, unless a session is open
    ELSEWHERE = 1  # another site
    WITHIN = 2  # the site's own page before, or a payment or login page that hands visitors back
    TAGGED = 3  # a campaign, a click id, a given channel: somebody made the link or the click known


def arrivals(
    origins: pd.DataFrame, *, own_domains: Iterable[str] = (), rules: RuleSet | None = None
) -> npt.NDArray[np.int64]:
    """Tell what origins say of where from; arguments as of :func:`attribution.channels.classify.classify`.

    Returns:
        int64[n] of :class:`Arrival`.

    >>> origins = pd.DataFrame({"landing_host": ["www.acme.com"] * 3, "utm_source": ["google", None, None],
    ...                         "referrer_host": [None, "shop.acme.com", "checkout.stripe.com"]})
    >>> arrivals(origins).tolist()
    [3, 2, 2]
    """
    chosen = rules or default_rules()
    reader = EvidenceReader(chosen, tuple(own_domains))
    direct = chosen.tables.direct_sources
    found = [_arrival(reader, direct, origin) for origin in read_origins(origins, chosen)]
    return np.array(found, np.int64)


def _arrival(reader: EvidenceReader, direct: frozenset[str], origin: Origin) -> Arrival:
    if origin.channel:  # given: final
        return Arrival.NOTHING if origin.channel == DIRECT else Arrival.TAGGED
    pieces = reader.pieces(origin)
    sources = [piece.source for piece in pieces if piece.source]
    if (pieces and not (sources and sources[0] in direct)) or origin.click_id_kinds:
        by_site = origin.referrer_host and pieces and pieces[0].label.startswith(REFERRER)
        return Arrival.ELSEWHERE if by_site and not origin.click_id_kinds else Arrival.TAGGED
    if origin.referrer_host and reader.referrer(origin.referrer_host, origin.landing_host).refused:
        return Arrival.WITHIN
    return Arrival.NOTHING
