"""How what a source has to be told has to look: account numbers, versions, folders."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BETWEEN: Final = str.maketrans("", "", "- \t")  # what people put between digits


@dataclass(frozen=True)
class Form:
    """How a value has to look.

    Attributes:
        words: what is allowed, as it is said after "allowed is".
        read: from a value, without spaces around it, to what is sent of it; None: it does not fit.
        advice: what may be done, besides mending the value: said before "mend".
    """

    words: str
    read: Callable[[str], str | None]
    advice: str = ""

    def each(self) -> Form:
        """Return the form of several such values with commas between them.

        >>> DIGITS.each().read("1, 2 3,"), DIGITS.each().read("1, b")
        ('1,23', None)
        """

        def read(text: str) -> str | None:
            found = [self.read(word) for part in text.split(",") if (word := part.strip())]
            known = [word for word in found if word is not None]
            return ",".join(known) if known and len(known) == len(found) else None

        return Form(f"{self.words}; several with commas between them", read)


def matching(words: str, pattern: str, write: Callable[[str], str] = str) -> Form:
    """Return the form of a text that a pattern matches as a whole, in capitals or small letters.

    Args:
        words: what is allowed.
        pattern: a regular expression.
        write: from the text to what is sent of it.

    >>> matching("a letter", "[a-z]", str.upper).read("b")
    'B'
    """
    compiled = re.compile(pattern, re.ASCII | re.IGNORECASE)
    return Form(words, lambda text: write(text) if compiled.fullmatch(text) else None)


def digits(words: str, pattern: str) -> Form:
    r"""Return the form of a number, whatever people put between its digits.

    >>> digits("two digits", r"\d{2}").read("1-2")
    '12'
    """
    compiled = re.compile(pattern, re.ASCII)

    def read(text: str) -> str | None:
        plain = text.translate(_BETWEEN)
        return plain if compiled.fullmatch(plain) else None

    return Form(words, read)


def _folder(text: str) -> str | None:
    try:
        return text if Path(text).expanduser().is_dir() else None
    except (OSError, RuntimeError):  # too long a name; the home of nobody
        return None


DIGITS: Final = digits("a number, digits only", r"\d+")
CUSTOMER: Final = digits("ten digits, as in 123-456-7890", r"\d{10}")  # an account of Google Ads
WORD: Final = matching("one word of letters, digits, - and _", r"[\w-]+")
CURRENCY: Final = matching("three letters, as in EUR", "[a-z]{3}", str.upper)
FOLDER: Final = Form("a folder that there is", _folder, "make it, or ")
# a second release of a month has its number behind a point
YEAR_MONTH: Final = matching("a year and a month, as in 202603", r"20\d\d(0[1-9]|1[0-2])(\.\d\d)?")
