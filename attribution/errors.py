"""Every error that the engine raises on purpose.

A message says what was received, what is allowed and what to do, in one sentence that a
marketer can act on; the doors print it and exit with 2. A bad row is no error: it is kept
as data (:class:`attribution.sources.batch.Rejection`).

    AttributionEngineError
    ├── InputError            a file, an option or an argument that cannot be used   (ValueError)
    │   └── UnknownNameError  a name that is not among the allowed ones
    ├── StoreError            a store that cannot be opened, read or written
    │   ├── NewerStoreError   made by a newer version of this package
    │   └── StoreBusyError    somebody else has been writing for too long
    ├── ModelError            a model whose parameters or weights cannot be used     (ValueError)
    │   └── NotFittedError    a corpus model asked for shares before it was fitted
    ├── LedgerError           entries that would not add up: nothing was written
    └── PullError             a platform that refuses a request or goes on failing
        └── PullAccessError   it does not accept the credentials
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AttributionEngineError(Exception):
    """The root: whatever the engine raises on purpose derives from it."""


class InputError(AttributionEngineError, ValueError):
    """A file, an option or an argument that cannot be used."""


class UnknownNameError(InputError):
    """A name that is not among the allowed ones; the nearest is offered.

    Args:
        what: what was to be named.
        received: the name.
        allowed: those that there are.
        near: the one that was probably meant, where the caller knows; None: the one most like it.
        more: what else may be named, in words.

    >>> str(UnknownNameError("model", "liner", ["linear", "first_touch"]))
    "unknown model 'liner'; did you mean 'linear'? Allowed: first_touch, linear"
    """

    def __init__(
        self, what: str, received: str, allowed: Iterable[str], near: str | None = None, more: str = ""
    ) -> None:
        self.received = received
        self.allowed = sorted(set(allowed))
        alike = [near] if near else get_close_matches(received, self.allowed, n=1)
        hint = f"; did you mean {alike[0]!r}?" if alike else "."
        super().__init__(f"unknown {what} {received!r}{hint} Allowed: {', '.join(self.allowed)}{more}")


class StoreError(AttributionEngineError):
    """A store that cannot be opened, read or written."""


class NewerStoreError(StoreError):
    """A store made by a newer version of this package."""


class StoreBusyError(StoreError):
    """Somebody else has been writing to the store for longer than the time allowed."""


class ModelError(AttributionEngineError, ValueError):
    """A model whose parameters or weights cannot be used."""


class NotFittedError(ModelError):
    """A corpus model asked for shares before it was fitted."""


class LedgerError(AttributionEngineError):
    """Entries that would not add up to their conversion; nothing was written."""


class PullError(AttributionEngineError):
    """A platform that refuses a request or goes on failing; `code` is its own name for that, or nothing."""

    def __init__(self, words: str, code: str = "") -> None:
        super().__init__(words)
        self.code = code


class PullAccessError(PullError):
    """A platform that does not accept the credentials."""
