"""Clicks that platforms logged, and that no visit is known of."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from attribution.metrics.findings import EXAMPLES, Finding, Look, listed
from attribution.store.columns import temporary
from attribution.store.platform_clicks import unmet
from attribution.store.schema import touch

_MEND: Final = (
    "import the sessions or page views of those days, with their landing URLs as they were: click ids are in "
    "them; who left before the page had loaded made none"
)


def clicks_without_visit(look: Look) -> list[Finding]:
    """Tell how many clicks of nobody have an id that no visitor's touch has."""
    alone = unmet(look.connection)
    if not len(alone):
        return []
    with temporary(look.connection, n=alone[: EXAMPLES + 1]) as some:
        names = select(touch.c.touch_id).join(some, some.c.n == touch.c.n).order_by(touch.c.n)
        examples = listed(look.connection.execute(names).scalars())
    detail = f"clicks and impressions of advertising platforms whose click id no visit has: {examples}"
    return [Finding("notice", len(alone), detail, _MEND)]
