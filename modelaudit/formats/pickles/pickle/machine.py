"""The state of the pickle machine and the bytes it is fed from. What each opcode does is in ``opcodes``."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.formats.pickles.pickle.arrays import Arrays, note_call
from modelaudit.formats.pickles.pickle.code import outline_of_call
from modelaudit.formats.pickles.pickle.listing import listing_of
from modelaudit.formats.pickles.pickle.memo import Memo
from modelaudit.formats.pickles.pickle.names import looked_up
from modelaudit.formats.pickles.pickle.nested import Coding, Nested, coding_of
from modelaudit.formats.pickles.pickle.storages import Storages
from modelaudit.formats.pickles.pickle.values import Box, Slot, Truncated, items_of, shown
from modelaudit.model.artifact import Window
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, Embedded, Holding, Made, Name, PickleEvent, Plain, Unknown, Value
from modelaudit.model.structure import CodeOutline, Defect, DefectKind, Location
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import keep_time

_CHUNK: Final = 1 << 18
_MARGIN: Final = 16
CONSTANT_KEPT: Final = 4096
_DEFECTS_KEPT: Final = 100
_NESTED_KEPT: Final = 10_000
_CODES_KEPT: Final = 100
_ENCODE: Final = Name("_codecs", "encode")
_LATIN_1: Final = ("latin1", "latin-1")
_LISTED: Final = 8
_BETWEEN_CHECKS: Final = 0x7
_EVENTS_LISTED: Final = 2000
# Functions of copyreg that make an object of the class they are given first.
_CLASS_FIRST: Final = frozenset({"copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__"})
# Short words are arguments that change what a call does (an encoding, an attribute); longer text is content.
_WORD = re.compile(r"'[A-Za-z_][\w.\-]{0,31}'|None|True|False")

_WORD_LENGTH: Final = 32
_BRIEF: Final = frozenset({Name, Made})
_BRIEF_ARGUMENTS: Final = 8
_NUMBERS: Final = frozenset({int, float, bytes})

# Loaders go on after these.
_TOLERATED: Final = frozenset(
    {
        "ambiguous-number",
        PickleDefect.UNENDED_LINE,
        PickleDefect.FORGED_STATE,
        PickleDefect.MEMO_INDEX,
        "side-file-outside",
    }
)
Handler = Callable[["Machine"], bool | None]


class Machine:
    """One unpickler: stack, marks and memo, over the bytes of a window from ``start``.

    It reads what CPython's ``_pickle`` would read and keeps, in place of objects, what made them. Where a loader
    would raise, it records a defect, puts an ``Unknown`` in the place of the missing value and goes on: other loaders
    may not stop there.

    Attributes:
        events: acts in order; identical ones are kept once.
        nested: constants that begin like a file of their own.
        codes: outlines of the code objects that calls make of their tables.
        fault: offset of the opcode at which a loader would have raised.
        nested_dropped: how many more of those there were than are kept.
        uses: how often each name was put on the stack and not called.
        result: the value at STOP.
        arrays: what the program says of arrays and dtypes.
        storages: what it says of the storages of torch.
        frame: where the last frame that was opened ends.
    """

    def __init__(self, window: Window, start: int, limits: Limits, stream: int = 0) -> None:
        self.window = window
        self.limits = limits
        self.stream = stream
        self.size = window.size
        self.base = start
        self.buffer = b""
        self.pos = 0
        self.op = 0
        self.stack: list[Slot] = []
        self.marks: list[int] = []
        self.memo = Memo()
        self.protocol = 0
        self.opcodes = 0
        self.events: list[PickleEvent] = []
        self.defects: list[Defect] = []
        self.told: Counter[str] = Counter()
        self.fault: int | None = None
        self.result: Slot = None
        self.nested: list[Nested] = []
        self.nested_dropped = 0
        self.codes: list[CodeOutline] = []
        self.uses: Counter[Name] = Counter()
        self.seen: set[tuple[object, ...]] = set()
        self.arrays = Arrays()
        self.storages = Storages()
        self.frame = 0
        self.dispatch: list[Handler] = []
        self.trail: deque[int] = deque(maxlen=_LISTED)

    @property
    def offset(self) -> int:
        """Where the machine stands in the window."""
        return self.base + self.pos

    def run(self, dispatch: list[Handler], until: Callable[[Machine], bool] | None = None) -> None:
        """Follow the program to its STOP, or to where ``until`` says, which is asked after every opcode.

        Raises:
            DamagedError: the bytes end, are no opcode, or a bound of ``Limits`` is reached, before STOP.
            WindowError: the bytes cannot be had.
        """
        self.dispatch = dispatch
        stack_bound = self.limits.pickle_stack
        passed = self.trail.append
        while True:
            if self.pos + _MARGIN > len(self.buffer):
                self._refill()
            pos = self.op = self.pos
            self.pos = pos + 1
            self.opcodes += 1
            passed(self.base + pos)
            if dispatch[self.buffer[pos]](self):
                return
            if until is not None and until(self):
                return
            if not self.opcodes & _BETWEEN_CHECKS:
                keep_time()
                if len(self.stack) > stack_bound:
                    raise LimitReachedError(f"more than {stack_bound} values on the pickle stack", self.at)

    @property
    def at(self) -> int:
        """The offset of the opcode that is being followed."""
        return self.base + self.op

    def _refill(self) -> None:
        self.base += self.pos
        self.pos = 0
        self.buffer = self.window.read(self.base, min(_CHUNK, max(0, self.size - self.base)))
        if not self.buffer:
            raise DamagedError("the pickle ends without its STOP opcode", self.base)

    # -- bytes ------------------------------------------------------------------------------------------------------

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes, which fit in one chunk."""
        pos = self.pos
        data = self.buffer[pos : pos + length]
        if len(data) != length:
            data = self.window.read(self.base + pos, min(length, max(0, self.size - self.base - pos)))
            if len(data) < length:
                self._truncated(length)
        self.pos = pos + length
        return data

    def take_constant(self, length: int) -> tuple[bytes, bool]:
        """The beginning of the next ``length`` bytes, and whether that is all; the rest is passed over unread."""
        pos = self.pos
        if length <= CONSTANT_KEPT and pos + length <= len(self.buffer):
            self.pos = pos + length
            return self.buffer[pos : pos + length], True
        if self.offset + length > self.size:
            self._truncated(length)
        kept = self.take(min(length, CONSTANT_KEPT))
        self.pos += length - len(kept)
        if self.pos > len(self.buffer):
            self.base, self.pos, self.op, self.buffer = self.base + self.pos, 0, self.op - self.pos, b""
        return kept, length <= CONSTANT_KEPT

    def note_nested(self, data: bytes, offset: int, length: int, is_text: bool) -> Coding | None:
        """Remember a constant of ``length`` bytes at ``offset`` if it begins, with ``data``, like a file of its own."""
        coding = coding_of(data, length, is_text)
        if coding and len(self.nested) < _NESTED_KEPT:
            self.nested.append(Nested(offset, length, coding))
        elif coding:
            self.nested_dropped += 1
        return coding

    def take_line(self) -> tuple[bytes, bool]:
        """The bytes up to the next newline, without it, and whether they were kept whole."""
        end = self.buffer.find(b"\n", self.pos)
        if end >= 0 and end - self.pos <= CONSTANT_KEPT:
            line = self.buffer[self.pos : end]
            self.pos = end + 1
            return line, True
        start = at = self.offset
        while at < self.size:
            chunk = self.window.read(at, min(_CHUNK, self.size - at))
            found = chunk.find(b"\n")
            if found >= 0:
                at += found + 1
                break
            if not chunk:
                break
            at += len(chunk)
        else:
            # The unpickler written in Python, which joblib and dill build on, drops the last byte for a newline.
            self.defect(PickleDefect.UNENDED_LINE, "a line that breaks off with the file")
        if at == start:
            raise DamagedError("the pickle ends inside a line", self.at)
        if at - start - 1 > CONSTANT_KEPT:
            return self.take_constant(at - start)
        return self.take(at - start)[:-1], True

    def _truncated(self, length: int) -> None:
        left = max(0, self.size - self.offset)
        raise DamagedError(f"an opcode asks for {length} bytes where {left} are left", self.at)

    def go_to(self, offset: int) -> None:
        """Go on at ``offset``, which lies further on."""
        self.base, self.pos, self.op, self.buffer = offset, 0, self.at - offset, b""

    def frame_end(self) -> int:
        """Where the last frame that was opened ends."""
        return self.frame

    def inside(self, start: int) -> Machine:
        """The machine for a pickle that begins inside this one; it reports where this one does."""
        inner = type(self)(self.window, start, self.limits, self.stream)
        inner.events, inner.defects, inner.uses, inner.seen = self.events, self.defects, self.uses, self.seen
        inner.nested, inner.codes, inner.storages = self.nested, self.codes, self.storages
        inner.told = self.told
        return inner

    # -- stack ------------------------------------------------------------------------------------------------------

    def pop(self) -> Slot:
        """The top of the stack; an ``Unknown`` where there is none above the last mark."""
        floor = self.marks[-1] if self.marks else 0
        if len(self.stack) <= floor:
            self.defect(PickleDefect.STACK_UNDERFLOW, "an opcode takes a value that is not on the stack")
            return Unknown("a value missing from the stack")
        return self.stack.pop()

    def top(self) -> Slot:
        """The top of the stack, left there."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            self.stack.append(self.pop())
        return self.stack[-1]

    def pop_mark(self) -> list[Slot]:
        """The values above the last mark, which is removed; all values where there is no mark."""
        if self.marks:
            mark = self.marks.pop()
        else:
            self.defect(PickleDefect.MARK_MISSING, "an opcode needs a mark and there is none")
            mark = 0
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def pop_mark_unseen(self) -> list[Slot]:
        """As ``pop_mark``, for opcodes to which plain data is all the same: ``Stretch`` may be among the values."""
        return self.pop_mark()

    def followed(self, values: list[Slot]) -> list[Slot]:
        """``values`` with what they are in place of every ``Stretch``."""
        return values

    def marked(self) -> None:
        """Called when a mark was set."""

    def memoize(self) -> None:
        """Write the top of the stack to the memo under the next index, which is the number of its entries."""
        self.remember(len(self.memo))

    def recall(self, index: int) -> None:
        """Push the memo's entry ``index``."""
        try:
            value = self.memo[index]
            self.stack.append(value)
            if type(value) is Name:
                self.uses[value] += 1
        except KeyError:
            self.defect(PickleDefect.MEMO_MISSING, f"memo entry {index} is read before it is written")
            self.stack.append(Unknown(f"memo entry {index}, never written"))

    def remember(self, index: int) -> None:
        """Write the top of the stack to the memo."""
        if len(self.memo) >= self.limits.pickle_memo:
            raise LimitReachedError(f"more than {self.limits.pickle_memo} memo entries", self.at)
        if index > self.limits.pickle_memo:
            self.defect(PickleDefect.MEMO_INDEX, f"memo index {index} makes a loader reserve that many slots")
        self.memo[index] = self.top()

    # -- what is reported -------------------------------------------------------------------------------------------

    def defect(self, kind: DefectKind, detail: str) -> None:
        """Record a contradiction. But for a few kinds, every loader would raise here."""
        if self.fault is None and kind not in _TOLERATED:
            self.fault = self.at
        # Counted by kind: many of a harmless one must not crowd out another.
        self.told[kind] += 1
        if self.told[kind] <= _DEFECTS_KEPT:
            self.defects.append(Defect(kind, detail, Location(offset=self.at)))

    def act(
        self,
        act: Act,
        opcode: str,
        subject: Slot,
        arguments: tuple[Slot, ...] = (),
        sets: tuple[tuple[str, Value], ...] = (),
        gives: Name | None = None,
    ) -> None:
        """Record an act of the loader, once for each subject and each combination of telling arguments."""
        brief = _brief(act, subject, arguments) if gives is None else None
        if brief is not None:
            if brief in self.seen:
                return
            self.seen.add(brief)
        # A file may act very often; what is kept of each act shrinks before what is kept in all grows too large.
        nodes = 200 if len(self.events) < 1000 else 20
        seen, *given = shown((subject, *arguments), nodes)
        values = tuple(given)
        key = (act, seen, tuple(_telling(value) for value in values), sets, gives)
        if key in self.seen:
            return
        if len(self.events) >= self.limits.pickle_events:
            raise LimitReachedError(f"more than {self.limits.pickle_events} different acts", self.at)
        self.seen.add(key)
        listed = len(self.events) < _EVENTS_LISTED
        listing = tuple(listing_of(self.window, self.trail, (self.base, self.buffer))) if listed else ()
        self.events.append(PickleEvent(act, self.at, opcode, seen, values, self.stream, sets, listing, gives))

    def called(self, opcode: str, callee: Slot, arguments: Slot | list[Slot], act: Act = Act.CALL) -> None:
        """Record ``callee(*arguments)`` and push what it returns."""
        given = tuple(arguments) if isinstance(arguments, list) else items_of(arguments)
        gives = looked_up(callee, given) if act is Act.CALL else None
        self.act(act, opcode, callee, given, gives=gives)
        if isinstance(callee, Name):
            self.uses[callee] -= 1
        code = outline_of_call(given, self.at)
        if code is not None and len(self.codes) < _CODES_KEPT:
            self.codes.append(code)
        if callee == _ENCODE and len(given) > 1 and isinstance(given[0], Embedded) and given[1] in _LATIN_1:
            self.stack.append(given[0])  # the bytes that protocols 0 to 2 write as characters
        elif gives is not None and not isinstance(given[0], Made):
            self.uses[gives] += 1
            self.stack.append(gives)
        else:
            made = Made(_maker(callee, given), act is Act.CALL)
            note_call(self, callee, given, made)
            self.storages.called(callee, given)
            self.stack.append(made)


def _maker(callee: Slot, given: tuple[Slot, ...]) -> Name | Unknown:
    if isinstance(callee, Name) and str(callee) in _CLASS_FIRST and given and isinstance(given[0], Name):
        return given[0]
    if isinstance(callee, Name | Unknown):
        return callee
    if isinstance(callee, Made):
        return Unknown(f"the result of {callee.by}" if isinstance(callee.by, Name) else callee.by.why)
    kind = callee.type if isinstance(callee, Box | Truncated) else type(callee).__name__
    return Unknown(f"a {kind}")


def _brief(act: Act, subject: Slot, arguments: tuple[Slot, ...]) -> tuple[object, ...] | None:
    """What makes an act one that was seen before, where its arguments are few and no containers."""
    if type(subject) not in _BRIEF or len(arguments) > _BRIEF_ARGUMENTS:
        return None
    parts: list[object] = [act, subject]
    for slot in arguments:
        kind = type(slot)
        if kind is str or kind is bool or slot is None:
            parts.append(slot if kind is not str or len(slot) < _WORD_LENGTH else "")  # type: ignore[arg-type]
        elif kind in _NUMBERS:
            parts.append(kind)
        else:
            return None
    return tuple(parts)


def _telling(value: Value, words: bool = True) -> object:
    if isinstance(value, Plain):
        return value.text if words and _WORD.fullmatch(value.text) else ""
    if isinstance(value, Holding):
        return (value.type, tuple((key[:2] == "__" and key, _telling(item, False)) for key, item in value.entries))
    return value
