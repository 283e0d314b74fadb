"""Which of the wanted names a JSON file has, how it spells them, and of what type they are.

Learnt from rows that were decoded one by one, so that the blocks that follow can be read as columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from attribution.sources.paths import KEYS, TYPED, VALUES, Decimals, Step, Whole

__all__ = ["NewNames", "Shape", "Wanted", "wanted_by"]


@dataclass
class Wanted:
    """What is wanted of a value: the value itself, or what stands in it.

    Attributes:
        fields: of an object, by their names in small letters; of the objects in an array too.
        keys: those of them that are keys of records, where it is an array of records.
        records: what is wanted of each record of such an array.
    """

    fields: dict[str, Wanted] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    records: Wanted | None = None

    @property
    def items(self) -> Wanted:
        """What is wanted of each item of an array."""
        if self.records is None:
            return self
        for name, more in self.fields.items():
            if name not in self.keys:
                self.records.fields.setdefault(name, more)
        return self.records

    def into(self, name: str) -> Wanted:
        """Return what is wanted of a field, made where nothing was so far."""
        return self.fields.setdefault(name, Wanted())


def wanted_by(paths: Iterable[tuple[Step, ...]]) -> Wanted:
    """Return what several paths need of a row."""
    root = Wanted()
    for steps in paths:
        here = [root]
        for step in steps:
            here = [one.into(step.name) for one in here]
            if step.key is not None and not step.key.isdecimal():
                here = [at for one in here for at in _of_record(one, step.key)]
    return root


def _of_record(one: Wanted, key: str) -> list[Wanted]:
    """Return where the value of a key may stand: in records, or in an object with that field."""
    if one.records is None:
        one.records = Wanted({name: Wanted() for name in KEYS})
    one.keys.add(key)
    values = [one.records.into(name) for name in VALUES]
    for value in [*values, one.into(key)]:
        for name in TYPED:
            value.into(name)
    return [*values, one.into(key)]


@dataclass
class Shape:
    """What was met in one place of the rows.

    Attributes:
        kinds: of its plain values: str, Whole, Decimals or bool.
        fields: of its objects, by their names as the file spells them.
        items: of its arrays.
        is_text: whether text or nothing stands where more is wanted; a later text may be JSON.
        guessed: spellings of names that were met somewhere, but not here.
    """

    kinds: set[type] = field(default_factory=set)
    fields: dict[str, Shape] = field(default_factory=dict)
    items: Shape | None = None
    is_text: bool = False
    guessed: set[str] = field(default_factory=set)

    def learn(self, value: Any, wanted: Wanted) -> None:
        """Take in one value."""
        if isinstance(value, dict):
            for name, inner in value.items():
                more = wanted.fields.get(name) or wanted.fields.get(name.strip().lower())
                if more is not None:
                    known = self.fields.get(name)
                    if known is None:
                        known = self.fields[name] = Shape()
                    known.learn(inner, more)
        elif isinstance(value, list):
            if self.items is None:
                self.items = Shape()
            for one in value:
                self.items.learn(one, wanted.items)
        else:
            if value is not None:
                self.kinds.add(type(value))
            self.is_text |= bool(wanted.fields) and (value is None or isinstance(value, str))

    def leads(self, steps: tuple[Step, ...]) -> bool:
        """Tell whether any value has something on a path."""
        if not steps or self.is_text:
            return True
        if self.items is not None and self.items.leads(steps):
            return True
        step, rest = steps[0], steps[1:]
        inner = [shape for name, shape in self.fields.items() if name.strip().lower() == step.name]
        if step.key is None:
            return any(one.leads(rest) for one in inner)
        if any(one.is_text for one in inner):
            return True
        if step.key.isdecimal():
            return any(one.items is not None and one.items.leads(rest) for one in inner)
        return any(one.items is not None or one.leads((Step(step.key), *rest)) for one in inner)

    def arrow(self) -> pa.DataType | None:
        """Return the type of a column of it; None where its values are of several types."""
        nested = [self.fields or self.guessed, self.items, self.kinds]
        if sum(map(bool, nested)) > 1:
            return None
        if self.items is not None:
            inner = self.items.arrow()
            return None if inner is None else pa.list_(inner)
        if self.fields or self.guessed:
            kinds = {name: shape.arrow() for name, shape in self.fields.items()}
            kinds |= {name: pa.string() for name in self.guessed if name not in kinds}
            return None if None in kinds.values() else pa.struct(list(kinds.items()))
        return _ARROW.get(frozenset(self.kinds))

    def not_met(self, wanted: Wanted) -> Iterator[tuple[Shape, str]]:
        """Yield the wanted names that no row had so far, each with the place that lacks it."""
        if self.items is not None:
            yield from self.items.not_met(wanted.items)
        if self.items is not None or (self.kinds and not self.fields):
            return
        met: dict[str, list[Shape]] = {}
        for name, shape in self.fields.items():
            met.setdefault(name.strip().lower(), []).append(shape)
        for name, more in wanted.fields.items():
            for shape in met.get(name, ()):
                yield from shape.not_met(more)
            if name not in met and not (name in KEYS and met.keys() & set(KEYS)):
                yield self, name


_ARROW: Final[Mapping[frozenset[type], pa.DataType]] = {
    frozenset(): pa.string(),  # nothing but null
    frozenset({str}): pa.string(),
    frozenset({Whole}): pa.int64(),
    frozenset({Decimals}): pa.float64(),
    frozenset({Whole, Decimals}): pa.float64(),
    frozenset({bool}): pa.bool_(),
}


_LINES: Final = 50  # that are learnt from, for each new name


class NewNames:
    """Tells whether a block of text may hold wanted names that the rows before it did not have.

    A name that occurs, and is met in another place than wanted, is read there under the spellings that occur.
    """

    def __init__(self) -> None:
        self._spellings: dict[str, set[str]] = {}

    def are_in(self, data: bytes, root: Shape, wanted: Wanted) -> bool:
        """Tell whether any wanted name that was never met occurs, in a spelling that is not read."""
        return bool(self._marks(data.lower(), data, root, wanted))

    def lines(self, data: bytes, root: Shape, wanted: Wanted) -> Iterator[bytes]:
        """Yield some of the lines that hold such names; a line may come twice."""
        small = data.lower()
        for mark in self._marks(small, data, root, wanted):
            place = -1
            for _ in range(_LINES):
                place = small.find(mark.encode(), place + 1)
                if place < 0:
                    break
                end = data.find(b"\n", place)
                yield data[data.rfind(b"\n", 0, place) + 1 : end if end >= 0 else len(data)]

    def _marks(self, small: bytes, data: bytes, root: Shape, wanted: Wanted) -> list[str]:
        """Return what occurs of such names; `small` is the data in small letters (those of ASCII)."""
        found = []
        for mark in sorted({_mark(name) for _, name in root.not_met(wanted)}):
            occurs = small.count(mark.encode())
            if occurs and occurs != sum(data.count(one.encode()) for one in self._spellings.get(mark, ())):
                found.append(mark)
        return found

    def add(self, text: str, root: Shape, wanted: Wanted) -> None:
        """Note the spellings in a block whose rows were learnt, of names that none of its rows has there."""
        lacking = list(root.not_met(wanted))
        small = text.lower()
        for mark in {_mark(name) for _, name in lacking}:
            if mark in small:
                pattern = re.compile(re.escape(mark), re.IGNORECASE)
                self._spellings.setdefault(mark, set()).update(pattern.findall(text))
        for place, name in lacking:
            if _mark(name).endswith('"'):
                place.guessed.update(one.strip('"') for one in self._spellings.get(_mark(name), ()))


def _mark(name: str) -> str:
    """Return what occurs where a name does: the name in quotes, the first step of a path."""
    plain = re.split(r"[.\[]", name)[0]
    return f'"{name}"' if plain == name else f'"{name[: len(plain) + 1]}'
