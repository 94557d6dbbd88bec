"""A walk over the items of serialised R, in bounded memory and without recursion, that notes what code they hold.

R evaluates a promise when whoever reads the file first touches the value (CVE-2024-27322). Functions, their bytecode
and other language run when the model that holds them is used; formulas are language too, so that what counts is the
names that are called. Source: ``src/main/serialize.c`` (``ReadItem_Recursive``, ``ReadBC``), R 4.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from modelaudit.formats.weights.r_data.source import COMPLEX, INTEGER, RAW, REAL, Source
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import keep_time

FUNCTIONS: Final = "r-functions"
OBJECTS: Final = "r-objects"
_DEEPEST: Final = 200_000
_MOST_MENTIONS: Final = 5_000
_STRINGS_LOOKED_AT: Final = 16
_NAME_SHOWN: Final = 200

_SYMBOL, _PAIRS, _CLOSURE, _ENVIRONMENT, _PROMISE, _CALL, _DOTS = 1, 2, 3, 4, 5, 6, 17
_CHARACTERS, _STRINGS, _LIST, _EXPRESSIONS, _BYTECODE, _POINTER, _WEAK, _S4 = 9, 16, 19, 20, 21, 22, 23, 25
_ALTREP, _ATTRIBUTED_PAIRS, _ATTRIBUTED_CALL, _REFERENCE = 238, 239, 240, 255
_SHARED, _SHARED_FIRST = 243, 244
_NAMED: Final = frozenset({247, 248, 249})  # what a hook stands for, a package, a namespace
_NOTHING: Final = frozenset({0, 241, 242, 250, 251, 252, 253, 254})
_UNBOUND: Final = 252
_NUMBERS: Final = {10: INTEGER, 13: INTEGER, 14: REAL, 15: COMPLEX, 24: RAW}
_BUILT_IN: Final = frozenset({7, 8})
_LINKED: Final = frozenset({_PAIRS, _CALL, _CLOSURE, _PROMISE, _DOTS})
_HAS_ATTRIBUTES, _HAS_TAG, _ACTIVE_BINDING = 1 << 9, 1 << 10, 1 << 27

# How the language that an item lies in comes to run, from what never does to what does on its own.
DATA: Final = ""
LANGUAGE: Final = "language"
FUNCTION: Final = "function"
PROMISE: Final = "promise"

_QUALIFIED: Final = frozenset({"::", ":::"})
_CALLERS: Final = frozenset({
    "do.call", "match.fun", "get", "get0", "mget", "getExportedValue", "getFromNamespace", "getAnywhere", "eval",
    "evalq", "lapply", "sapply", "vapply", "mapply", "tapply", "apply", "rapply", "Map", "Reduce", "Filter", "Find",
    "Position", "Recall", "outer", "Vectorize", "as.name", "as.symbol", "call", "as.call", "tryCatch",
})  # fmt: skip


@dataclass(slots=True)
class _Call:
    """One call as its parts are read.

    Attributes:
        name: what is called, once it was read.
        names: the call whose name this one works out, such as ``base::system``.
        package: the first operand of ``::``.
    """

    name: str = ""
    names: _Call | None = None
    package: str = ""


@dataclass(slots=True)
class _Value:
    """Whether a promise has its value already, which stands before its expression."""

    known: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an item stands: the language around it, its part in what holds it, and what that is."""

    code: str = DATA
    part: str = ""
    call: _Call | None = None
    value: _Value | None = None


_Task = Callable[[], None]
_DATA: Final = _Place()


class Walk:
    """Reads one object with everything in it.

    Attributes:
        mentions: what it calls, without repetition, in order.
    """

    def __init__(self, source: Source) -> None:
        self.mentions: list[Mention] = []
        self._source = source
        self._references: list[str] = []
        self._waiting: list[_Task] = []
        self._seen: set[tuple[str, str, str]] = set()

    def run(self) -> None:
        """Walk to the end of the object.

        Raises:
            DamagedError: the items break off or are none.
            LimitReachedError: they nest too deep.
            WindowError: from the window.
        """
        self._then(lambda: self._item(_DATA))
        while self._waiting:
            keep_time()
            if len(self._waiting) > _DEEPEST:
                raise LimitReachedError(f"more than {_DEEPEST} items are open at once", self._source.offset)
            self._waiting.pop()()

    def _then(self, *tasks: _Task) -> None:
        """What is read next, in this order."""
        self._waiting.extend(reversed(tasks))

    def _items(self, *places: _Place) -> None:
        for place in reversed(places):
            self._waiting.append(lambda place=place: self._item(place))  # type: ignore[misc]

    def _note(self, vocabulary: str, use: str, name: str, detail: str = "") -> None:
        key = (vocabulary, use, name)
        if key in self._seen or len(self.mentions) >= _MOST_MENTIONS:
            return
        self._seen.add(key)
        where = Location(offset=self._source.offset)
        self.mentions.append(Mention(vocabulary, use, name[:_NAME_SHOWN], where, detail))

    def _length(self) -> int:
        length = self._source.integer()
        if length == -1:
            upper, lower = self._source.integer(), self._source.integer() & 0xFFFF_FFFF
            length = (upper << 32) + lower
        if length < 0:
            raise DamagedError(f"a vector has {length} elements", self._source.offset)
        return length

    def _item(self, place: _Place) -> None:
        flags = self._source.integer() & 0xFFFF_FFFF
        kind = flags & 0xFF
        attributes = (_DATA,) if flags & _HAS_ATTRIBUTES else ()
        if place.value is not None and place.part == "value":
            place.value.known = kind != _UNBOUND
        if kind in _LINKED:
            self._linked(kind, flags, place, attributes)
        elif kind in (_SYMBOL, _REFERENCE):
            self._named(kind, flags, place)
        elif kind in _NUMBERS:
            self._source.skip(_NUMBERS[kind], self._length())
            self._items(*attributes)
        elif kind in (_STRINGS, _LIST, _EXPRESSIONS, _CHARACTERS):
            self._items(*attributes)
            self._texts_or_list(kind, place)
        elif kind not in _NOTHING:
            self._rare(kind, place, attributes)

    def _named(self, kind: int, flags: int, place: _Place) -> None:
        """A name, or an object that occurred before, which may be one."""
        if kind == _SYMBOL:
            name = self._characters()
            self._references.append(name)
        else:
            index = flags >> 8 or self._source.integer()
            if not 0 < index <= len(self._references):
                raise DamagedError(f"a reference names object {index} of {len(self._references)}", self._source.offset)
            name = self._references[index - 1]
        self._symbol(name, place)

    def _texts_or_list(self, kind: int, place: _Place) -> None:
        if kind == _STRINGS:
            self._strings(place)
        elif kind == _CHARACTERS:
            self._string_after_flags()
        else:
            part = "frame" if place.part == "table" else ""
            code = place.code or (LANGUAGE if kind == _EXPRESSIONS else DATA)
            self._elements(self._length(), _Place(code, part))

    def _rare(self, kind: int, place: _Place, attributes: tuple[_Place, ...]) -> None:
        if kind == _ENVIRONMENT:
            self._source.integer()
            self._references.append("")
            self._items(_DATA, _Place(part="frame"), _Place(part="table"), _DATA)
        elif kind in _NAMED:
            self._source.integer()
            for _ in range(self._length()):
                self._characters()
            self._references.append("")
        elif kind == _BYTECODE:
            self._source.integer()
            code = place.code if place.code in (FUNCTION, PROMISE) else FUNCTION
            self._items(*attributes)
            self._then(lambda: self._compiled(code))
        elif kind in _BUILT_IN:
            self._symbol(self._source.text(max(0, self._source.integer())), place)
            self._items(*attributes)
        elif kind == _ALTREP:
            self._items(_Place(part="representation", call=_Call()), _DATA, _DATA)
        elif kind in (_POINTER, _WEAK):
            self._references.append("")
            self._items(*((_DATA, _DATA) if kind == _POINTER else ()), *attributes)
        elif kind == _S4:
            self._items(*attributes)
        else:
            raise DamagedError(f"{kind} is no type of R", self._source.offset)

    def _linked(self, kind: int, flags: int, place: _Place, attributes: tuple[_Place, ...]) -> None:
        """A cell of two, or what R stores like one: a call, a function, a promise."""
        tag = (_DATA,) if flags & _HAS_TAG else ()
        if kind == _CALL:
            code = place.code or LANGUAGE
            call = _Call(names=place.call if place.part == "head" else None)
            self._items(*attributes, *tag, _Place(code, "head", call), _Place(code, "rest", call))
        elif kind == _CLOSURE:
            code = PROMISE if place.code == PROMISE else FUNCTION
            self._items(*attributes, *tag, _Place(code), _Place(code))
        elif kind == _PROMISE:
            self._promise(place, attributes, tag)
        elif place.part == "rest":
            self._items(*attributes, *tag, _Place(place.code, "argument", place.call), place)
        elif place.part == "frame":
            if flags & _ACTIVE_BINDING:
                self._note(OBJECTS, "variable", "active binding")
            self._items(*attributes, *tag, _Place(part="variable"), place)
        elif place.part == "representation":
            self._items(*attributes, *tag, place, place)
        else:
            first = _Place(place.code, "variable" if kind == _DOTS else "")
            self._items(*attributes, *tag, first, place if kind == _DOTS else _Place(place.code))

    def _promise(self, place: _Place, attributes: tuple[_Place, ...], tag: tuple[_Place, ...]) -> None:
        """Arguments that a function was given lie as promises in its environment; anywhere else R never writes one."""
        if place.part == "variable":
            code = FUNCTION
        else:
            code = PROMISE
            self._note(OBJECTS, "value", "promise")
        value = _Value()
        self._items(*attributes, *tag, _Place(part="value", value=value), _Place(code, "expression", None, value))

    def _characters(self) -> str:
        flags = self._source.integer()
        if flags & 0xFF != _CHARACTERS:
            raise DamagedError(f"type {flags & 0xFF} stands where a text has to", self._source.offset)
        if flags & _HAS_ATTRIBUTES:
            raise DamagedError("a text has attributes, which R has not written for many years", self._source.offset)
        return self._string_after_flags()

    def _string_after_flags(self) -> str:
        length = self._source.integer()
        return self._source.text(length) if length > 0 else self._empty(length)

    def _empty(self, length: int) -> str:
        if length < -1:
            raise DamagedError(f"a text has {length} bytes", self._source.offset)
        return ""

    def _strings(self, place: _Place) -> None:
        for number in range(self._length()):
            text = self._characters()
            if number < _STRINGS_LOOKED_AT and place.code and place.part in ("head", "argument"):
                self._symbol(text, place)

    def _symbol(self, name: str, place: _Place) -> None:
        if not name or place.call is None:
            if name and place.part == "expression":
                self._note(FUNCTIONS, f"{place.code}-argument", name)
            return
        call = place.call
        if place.part == "head":
            self._called(name, place)
        elif place.part == "representation":
            if not call.name:
                call.name = name
                self._note("r-altrep", "representation", name)
        elif place.part == "argument" and call.name in _QUALIFIED:
            if not call.package:
                call.package = name
                return
            if call.names is not None:
                call.names.name = name
            self._note(FUNCTIONS, f"{place.code}-{'call' if call.names else 'argument'}", name, f"of {call.package}")
        elif place.part == "argument" and call.name in _CALLERS:
            self._note(FUNCTIONS, f"{place.code}-argument", name, f"given to {call.name}")

    def _called(self, name: str, place: _Place) -> None:
        if place.call is not None:
            place.call.name = name
        self._note(FUNCTIONS, f"{place.code}-call", name)

    def _elements(self, left: int, place: _Place) -> None:
        """The elements of a list, one at a time, so that a stated length alone costs nothing."""
        if left:
            self._then(lambda: self._item(place), lambda: self._elements(left - 1, place))

    def _compiled(self, code: str) -> None:
        """Bytecode: its numbers, then the constants that they work on, the source of the function among them."""
        self._then(lambda: self._item(_DATA), lambda: self._constants(self._length(), code))

    def _constants(self, left: int, code: str) -> None:
        if not left:
            return
        kind = self._source.integer()
        self._then(lambda: self._constants(left - 1, code))
        if kind == _BYTECODE:
            self._then(lambda: self._compiled(code))
        elif kind in (_PAIRS, _CALL, _SHARED, _SHARED_FIRST, _ATTRIBUTED_CALL, _ATTRIBUTED_PAIRS):
            self._shared(kind, _Place(code))
        else:
            # Instructions find a function by its name among the constants, in which variables stand too.
            self._then(lambda: self._item(_Place(code, "argument", _Call("get")) if kind == _SYMBOL else _Place(code)))

    def _shared(self, kind: int, place: _Place) -> None:
        """Language among the constants of bytecode, in which a cell may stand for one that occurred before."""
        if kind == _SHARED:
            self._source.integer()
            return
        if kind == _SHARED_FIRST:
            self._source.integer()
            kind = self._source.integer()
        attributed = kind in (_ATTRIBUTED_CALL, _ATTRIBUTED_PAIRS)
        if kind in (_CALL, _ATTRIBUTED_CALL):
            call = _Call(names=place.call if place.part == "head" else None)
            first, rest = _Place(place.code, "head", call), _Place(place.code, "rest", call)
        elif kind in (_PAIRS, _ATTRIBUTED_PAIRS):
            part = "argument" if place.part == "rest" else ""
            first, rest = _Place(place.code, part, place.call), place
        else:
            self._then(lambda: self._item(place))
            return
        before: list[_Task] = [lambda: self._item(_DATA)] * (2 if attributed else 1)  # attributes, tag
        self._then(
            *before,
            lambda: self._shared(self._source.integer(), first),
            lambda: self._shared(self._source.integer(), rest),
        )
