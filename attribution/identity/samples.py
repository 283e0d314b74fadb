"""Evidence written by hand, for tests and examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import xxhash

from attribution.identifiers import CONTACT, KIND_NAMES
from attribution.identity.graph import Graph

_KINDS = {name: kind for kind, name in KIND_NAMES.items()}


def graph_of(
    edges: Iterable[tuple[str, str, int]],
    *,
    forced: Iterable[tuple[str, str, int]] = (),
    joined: Iterable[tuple[str, str, int]] = (),
    shared: Sequence[str] = (),
    blocked: Sequence[str] = (),
    apart: Iterable[tuple[str, str]] = (),
) -> Graph:
    """Return evidence from `(identifier, identifier, at)`, an identifier being a kind and a value.

    Identifiers are numbered in the order of their text; a contact's system is what stands before its colon.

    >>> graph = graph_of([("visitor v1", "email ella@acme.com", 5)])
    >>> graph.kind.tolist(), graph.a.tolist(), graph.b.tolist()
    ([2, 1], [1], [0])
    """
    said = [
        *((*edge, False, False) for edge in edges),
        *((*edge, True, False) for edge in forced),
        *((*edge, False, True) for edge in joined),
    ]
    apart = list(apart)
    names = names_of(((a, b, at) for a, b, at, *_ in said), *(end for pair in apart for end in pair))
    number = {name: i for i, name in enumerate(names)}
    kinds = [_KINDS[name.partition(" ")[0]] for name in names]
    systems = [
        _hash(name.partition(" ")[2].rpartition(":")[0]) if kind == CONTACT else 0
        for name, kind in zip(names, kinds, strict=True)
    ]
    keys = [_hash(f"{min(a, b)}|{max(a, b)}|{at}") for a, b, at, *_ in said]
    return Graph(
        a=np.array([number[a] for a, *_ in said], np.int64),
        b=np.array([number[b] for _, b, *_ in said], np.int64),
        at=np.array([at for _, _, at, *_ in said], np.int64),
        key=np.array(keys, np.int64),
        forced=np.array([one for *_, one, _ in said], np.bool_),
        joined=np.array([one for *_, one in said], np.bool_),
        kind=np.array(kinds, np.int64),
        system=np.array(systems, np.int64),
        shared=np.isin(names, list(shared)) if names else np.zeros(0, np.bool_),
        blocked=np.isin(names, list(blocked)) if names else np.zeros(0, np.bool_),
        apart=np.array([(number[a], number[b]) for a, b in apart], np.int64).reshape(-1, 2),
    )


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode()) >> 1


def names_of(edges: Iterable[tuple[str, str, int]], *more: str) -> list[str]:
    """Return the identifiers of edges in the order of their numbers."""
    return sorted({end for a, b, _ in edges for end in (a, b)} | set(more))
