"""What other packages announce as entry points, and whether it can be used as what it says it is."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import TypeVar

from attribution.errors import AttributionEngineError

T = TypeVar("T")


def announced(group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group; a package found twice on the path is there twice."""
    return tuple(entry_points(group=group))


def load_outsider(
    point: EntryPoint, what: str, base: type[T], error: type[AttributionEngineError]
) -> type[T]:
    """Import a class of another package.

    Args:
        point: which announces it; the class must have its name as `name`.
        what: it is, in words: `model`, `destination`.
        base: the class that it must derive from.
        error: what is raised.

    Raises:
        AttributionEngineError: of the given kind: it cannot be imported, or is not what it must be.
    """
    try:
        loaded = point.load()
    except Exception as failed:  # an outsider's module may fail in any way, and its author must know how
        raise error(
            f"{what} {point.name!r} of {point.value} cannot be imported ({type(failed).__name__}: {failed}); "
            f"install what it lacks, or uninstall {package_of(point)}"
        ) from failed
    wanted = wanted_of(point, base)
    if not (isinstance(loaded, type) and issubclass(loaded, base)):
        raise error(f"{wanted}; it is {loaded!r}")
    if getattr(loaded, "name", None) != point.name:
        raise error(f"{wanted}; its name is {getattr(loaded, 'name', None)!r}")
    if isabstract(loaded):
        lacking = sorted(vars(loaded)["__abstractmethods__"])
        raise error(f"{wanted}; it lacks {', '.join(lacking)}")
    return loaded


def wanted_of(point: EntryPoint, base: type) -> str:
    """Return what an entry point has to lead to, in words."""
    article = "an" if base.__name__[0] in "AEIOU" else "a"
    return f"entry point {point.value} must be {article} {base.__name__} whose name is {point.name!r}"


def package_of(point: EntryPoint) -> str:
    """Return the package that announces an entry point, to be uninstalled."""
    return point.dist.name if point.dist is not None else point.value
