"""Long loops of numpy beside each other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def both(one: Callable[[], A], other: Callable[[], B]) -> tuple[A, B]:
    """Return what two calls answer, made at the same time: numpy lets go of the interpreter in long loops.

    >>> both(lambda: 1, lambda: "a")
    (1, 'a')
    """
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(one)
        second = other()
        return first.result(), second
