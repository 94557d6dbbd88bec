"""What lies on the machine's stack: inert Python constants, names, results, and containers kept only in outline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from modelaudit.model.pickle import (
    COMPUTED_KEY,
    UNKNOWN_ARGUMENTS,
    Embedded,
    Holding,
    Made,
    Name,
    Plain,
    Unknown,
    Value,
)

TEXT_SHOWN: Final = 120
_DEPTH_SHOWN: Final = 3
_NODES_SHOWN: Final = 200
_ENTRIES_KEPT: Final = 64
_PLAIN_KEPT: Final = 8
_ACTING_KEPT: Final = 256


class Box:
    """A mutable container, in outline: however much a file puts into it, little is kept.

    Names are reported when they are imported and calls when they are made, so what lies in a container matters in two
    ways only: as the arguments of a call, which are few, and as the attributes that a state sets.

    Attributes:
        entries: the first entries: values of a sequence, (key, value) pairs of a mapping.
        acting: (key, value) pairs of a mapping whose value is a name, a result or unknown, or whose key is computed;
            all of them, up to a bound that an ``Unknown`` then stands for.
        size: how many entries there are in truth.
        unseen: whether there are more, all of them plain, that nobody looked at.
        is_state: whether an object took this mapping for its state, and may hold on to it.
    """

    __slots__ = ("acting", "entries", "is_state", "size", "type", "unseen")

    def __init__(self, type_: str) -> None:
        self.type = type_
        self.entries: Sequence[object] = ()
        self.acting: list[tuple[Slot, Slot]] | tuple[()] = ()
        self.size = 0
        self.is_state = False
        self.unseen = False

    def put(self, key: Slot, value: Slot) -> bool:
        """Put ``value`` under ``key`` in a mapping; returns whether the pair may act."""
        self.size += 1
        kind = type(value)
        acts = kind in _ACTING or (type(key) not in _INERT and kind not in _INERT)
        if acts or (type(key) is str and key in TELLING and (kind is Box or key in RUN_AS_SOURCE)):
            self.acting = self.acting or []
            if len(self.acting) < _ACTING_KEPT:
                self.acting.append((key, value))
            elif len(self.acting) == _ACTING_KEPT:
                self.acting.append((Unknown("more"), Unknown("more attributes than are kept")))
            return True
        self._keep((key, value), kind in _INERT)
        return False

    def extend(self, values: Iterable[Slot]) -> None:
        """Append ``values`` to a sequence or a set."""
        for value in values:
            if type(value) is Stretch:
                self.unseen = True
            else:
                self.size += 1
                self._keep(value, type(value) in _INERT)

    def fill(self, values: list[Slot]) -> None:
        """Make this the tuple of ``values``, of which every one may matter while there are few."""
        self.entries = tuple(values[:_ENTRIES_KEPT])
        self.size = len(values)

    def _keep(self, entry: object, inert: bool) -> None:
        if len(self.entries) < (_PLAIN_KEPT if inert else _ENTRIES_KEPT):
            if type(self.entries) is list:
                self.entries.append(entry)
            else:
                self.entries = [*self.entries, entry]

    def pairs(self) -> Iterator[tuple[Slot, Slot]]:
        """(key, value) of what is kept, what may act first; sequences have their index as key."""
        yield from self.acting
        for index, entry in enumerate(self.entries):
            yield entry if self.type == "dict" else (index, entry)  # type: ignore[misc]


class Truncated:
    """A constant too long to keep: its type and its beginning."""

    __slots__ = ("start", "type")

    def __init__(self, type_: str, start: str) -> None:
        self.type = type_
        self.start = start


class Stretch:
    """The values that a stretch of plain opcodes leaves above a mark, as yet not looked at one by one.

    Attributes:
        start: offset of its first opcode in the window; ``end`` of the first one behind it.
        first: entries of the memo before it, once they were counted.
        values: what it leaves on the stack, once it was followed.
        frame: where the last frame ends that is opened in it, once that was looked for; 0 where none is.
        reads: the memo entries that it reads, once they were looked for.
    """

    __slots__ = ("end", "first", "frame", "reads", "start", "values")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.first: int | None = None
        self.values: list[Slot] | None = None
        self.frame: int | None = None
        self.reads: frozenset[int] | None = None


Slot = str | bytes | int | float | bool | None | Name | Unknown | Made | Embedded | Box | Truncated | Stretch

_ACTING: Final = frozenset({Name, Unknown, Made})
_INERT: Final = frozenset({str, bytes, int, float, bool, type(None), Truncated, Embedded})

REPLACED: Final = "__dict__"
"""Set as an attribute, as the state of slots is, this replaces all attributes of an object by those in a mapping."""

MEMORY_VIEWS: Final = frozenset({"__array_interface__", "__array_struct__", "__cuda_array_interface__"})
"""Attributes that have numpy and its like read the memory they name, whatever the address: plain data is enough."""


RUN_AS_SOURCE: Final = frozenset({"_parse_arg_template"})
"""Attributes whose text a loader runs as source: scipy makes the methods of a distribution out of this one."""

TELLING: Final = MEMORY_VIEWS | RUN_AS_SOURCE | {REPLACED}
"""Keys under which plain data is told."""


def shown(slots: Iterable[Slot], nodes: int = _NODES_SHOWN) -> tuple[Value, ...]:
    """Slots as frozen values of at most ``nodes`` parts in all. For people and for the arguments of calls."""
    budget = [nodes]
    return tuple(_shown(slot, _DEPTH_SHOWN, budget) for slot in slots)


def acting(state: Slot) -> tuple[tuple[str, Value], ...]:
    """The attributes that a state sets to anything that may act: a mapping's, or those of a tuple and its mappings.

    Nothing is left out for brevity: what is decided here must not depend on what is shown.
    """
    if not isinstance(state, Box):
        return (("", _shown(state, 1, [9])),) if type(state) in _ACTING else ()
    found: list[tuple[str, Value]] = []
    mapping = state.type == "dict"
    for key, value in state.pairs():
        special = mapping and (key in MEMORY_VIEWS or key in RUN_AS_SOURCE or type(key) not in _INERT)
        if key == REPLACED and isinstance(value, Box):
            found += acting(value)
        elif mapping and key in RUN_AS_SOURCE and type(value) is str:
            found.append((_key_text(key), Plain(value)))  # whole: what is run is judged, not what is shown
        elif type(value) in _ACTING or special:
            found.append((_key_text(key), _shown(value, 1, [9])))
        elif state.type == "tuple" and isinstance(value, Box) and value.type == "dict":
            found += acting(value)
    return tuple(found)


def _shown(slot: Slot, depth: int, budget: list[int]) -> Value:
    budget[0] -= 1
    if isinstance(slot, Name | Unknown | Made | Embedded):
        return slot
    if isinstance(slot, Truncated):
        return Plain(f"{slot.start}…")
    if isinstance(slot, Stretch):
        return Plain("<plain data>")
    if not isinstance(slot, Box):
        return Plain(_int_text(slot) if type(slot) is int else _constant_text(slot))
    if depth == 0 or budget[0] <= 0:
        return Plain(f"<{slot.type} of {'more than ' if slot.unseen else ''}{slot.size}>")
    entries: list[tuple[str, Value]] = []
    for key, value in slot.pairs():
        if budget[0] <= 0:
            break
        entries.append((_key_text(key), _shown(value, depth - 1, budget)))
    return Holding(slot.type, tuple(entries))


def items_of(slot: Slot) -> tuple[Slot, ...]:
    """The entries kept of a tuple of arguments, in order."""
    if isinstance(slot, Box) and slot.type == "tuple":
        return tuple(value for _, value in slot.pairs())
    return (UNKNOWN_ARGUMENTS,)


def _key_text(key: Slot) -> str:
    if isinstance(key, str):
        return _bounded(key)
    return _int_text(key) if type(key) is int else COMPUTED_KEY


def _constant_text(constant: str | bytes | float | bool | None) -> str:
    if isinstance(constant, str | bytes):
        constant = constant[: TEXT_SHOWN + 1]
    return _bounded(repr(constant))


def _int_text(number: int) -> str:
    # Beyond 4300 digits CPython refuses the conversion, and nobody reads a number that long.
    return str(number) if number.bit_length() < 256 else f"<int of {number.bit_length()} bits>"


def _bounded(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…"
