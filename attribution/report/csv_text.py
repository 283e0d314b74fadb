"""An answer as CSV that a spreadsheet can be trusted with.

Names of campaigns come out of URLs that anybody can write, and spreadsheets run a cell that begins like a
formula. Such a text is written with an apostrophe before it, as OWASP's page "CSV Injection" advises; numbers
and telephone numbers (`-5`, `+44 20 7946 0018`) can do nothing and stay as they are. JSON has every text as
it was received.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from attribution.metrics.answer import Answer

_STARTS: Final = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}",
                  "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip
_HARMLESS: Final = re.compile(r"[+-][\d .,()/-]*")
_QUOTED: Final = re.compile(r'[",;\t\r\n]')  # `;` and tabs separate cells in many a reader's country


def csv_text(answer: Answer) -> str:
    """Write the rows as CSV with a header, money and ratios as they are in the JSON."""
    names = list(answer.columns) or list(answer.rows[0] if answer.rows else {})
    lines: list[list[Any]] = [names, *([row.get(name) for name in names] for row in answer.rows)]
    return "".join(",".join(map(_field, line)) + "\n" for line in lines)


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    text = disarmed(value) if isinstance(value, str) else str(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def disarmed(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    >>> disarmed('=HYPERLINK("http://x")'), disarmed("+1+cmd"), disarmed("-12.50"), disarmed("Spring")
    ('\\'=HYPERLINK("http://x")', "'+1+cmd", '-12.50', 'Spring')
    """
    if text.lstrip().startswith(_STARTS) or text[:1] in ("\t", "\r", "\n"):
        return text if _HARMLESS.fullmatch(text) else "'" + text
    return text
