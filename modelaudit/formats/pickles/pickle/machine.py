"""The pickle machine: executes every opcode symbolically, and imports, calls and constructs nothing.

A pickle is a program for a stack machine (``pickletools``; PEP 307, 3154 and 574 for protocols 2, 4 and 5). ``Machine``
reads what CPython's ``_pickle`` would read and keeps, in place of objects, a note of what made them. Its parts:

* ``ByteSource`` reads the bytes; ``Stack`` holds values and marks; ``Memo`` holds numbered values.
* ``Recorder`` gathers events and defects; ``NestedConstants`` those constants that begin like a file.
* ``ArrayTracker`` and ``StorageTracker`` know what NumPy, joblib and torch put into pickles.
* ``Skimmer`` and ``DeferredStretches``, for large files, skip plain data and execute them later if need be.

To find the meaning of an opcode, look up its ``pickletools`` name in ``_HANDLERS`` at the end: it names the method
``handle_...`` or, for families of constants, the function that makes the handler.
"""

from __future__ import annotations

import functools
import pickletools
import struct
from collections.abc import Callable
from typing import Final

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.formats.pickles.pickle.arrays import ArrayPayload, ArrayTracker
from modelaudit.formats.pickles.pickle.constants import (
    decode_constant,
    decode_line,
    decode_memo_index,
    truncate_constant,
)
from modelaudit.formats.pickles.pickle.memo import Memo
from modelaudit.formats.pickles.pickle.names import find_constructed_class, resolve_call, resolve_global
from modelaudit.formats.pickles.pickle.nested import CHARACTER_CODINGS, OPENED, NestedConstants
from modelaudit.formats.pickles.pickle.recorder import Recorder
from modelaudit.formats.pickles.pickle.skimmer import Skimmer, is_worth_skimming
from modelaudit.formats.pickles.pickle.source import LONGEST_FIXED_OPCODE, ByteSource
from modelaudit.formats.pickles.pickle.stack import Stack
from modelaudit.formats.pickles.pickle.storages import StorageTracker
from modelaudit.formats.pickles.pickle.stretches import DeferredStretches
from modelaudit.formats.pickles.pickle.values import (
    Container,
    PlainStretch,
    StackValue,
    TruncatedConstant,
    find_acting_attributes,
    unpack_tuple,
)
from modelaudit.model.artifact import Window
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import STATE_OWNER, Act, CallResult, Embedded, Name, Unknown
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import check_deadline

_ENCODE: Final = Name("_codecs", "encode")
_LATIN_1: Final = ("latin1", "latin-1")
_HIGHEST_PROTOCOL: Final = 5
_ITEMS_RECORDED: Final = 64
_BETWEEN_CHECKS: Final = 0x7
_NDARRAY: Final = CallResult(Name("numpy", "ndarray"), called=False)
_PERSISTENT_OBJECT: Final = "persistent object"

Handler = Callable[["Machine"], bool | None]
"""Executes one opcode, whose byte has been read already. ``True`` ends the program."""


class Machine:
    """One unpickler over the bytes of a window from ``start``.

    Where a loader would raise, the machine records a defect, puts an ``Unknown`` in the place of the missing value and
    goes on: other loaders may not stop there.

    Attributes:
        source: the bytes, and the offset of the current opcode.
        stack: values and marks.
        memo: numbered values.
        recorder: events, defects, uses of names and the fault.
        nested: constants that begin like a file.
        arrays: NumPy dtypes and the arrays of joblib.
        storages: the storages of torch.
        stretches: plain data that were skipped; ``None`` where nothing is skipped.
        protocol: as PROTO states it; 0 without one.
        opcodes: how many were executed.
        result: the value at STOP.
    """

    def __init__(
        self, window: Window, start: int, limits: Limits, stream: int = 0, *, skips_plain_data: bool = False
    ) -> None:
        self.source = ByteSource(window, start)
        self.limits = limits
        self.recorder = Recorder(self.source, limits, stream)
        self.memo = Memo()
        self.nested = NestedConstants()
        self.storages = StorageTracker()
        self.arrays = ArrayTracker(self.source, self.recorder)
        self.protocol = 0
        self.opcodes = 0
        self.result: StackValue = None
        self.stretches: DeferredStretches | None = None
        self._skimmer: Skimmer | None = None
        if skips_plain_data and is_worth_skimming(window.size - start):
            # A partial of the parts, not a method: a cycle with the machine would keep its memo until the next
            # garbage collection.
            execute = functools.partial(_execute_stretch, window, limits, self.recorder)
            self.stretches = DeferredStretches(self.memo, window, limits, execute)
            self._skimmer = Skimmer(self.source, self.stretches, self.nested)
        self.stack = Stack(self.recorder, self.stretches)
        self.push = self.stack.values.append
        self._frame_end = 0
        self._skips_plain_data = skips_plain_data

    def execute(self, until: Callable[[Machine], bool] | None = None) -> None:
        """Execute the program to its STOP, or to where ``until`` returns true, which is asked after every opcode.

        Raises:
            DamagedError: the bytes end, hold no opcode, or a bound of ``Limits`` is reached, before STOP.
            WindowError: the window could not return the requested bytes.
        """
        source, values, handlers = self.source, self.stack.values, HANDLERS
        stack_bound = self.limits.pickle_stack
        record_offset = source.trail.append
        while True:
            if source.position + LONGEST_FIXED_OPCODE > len(source.buffer):
                source.refill()
            position = source.opcode_position = source.position
            source.position = position + 1
            self.opcodes += 1
            record_offset(source.base + position)
            if handlers[source.buffer[position]](self):
                return
            if until is not None and until(self):
                return
            if not self.opcodes & _BETWEEN_CHECKS:
                check_deadline()
                if len(values) > stack_bound:
                    raise LimitReachedError(f"more than {stack_bound} values on the pickle stack", source.opcode_offset)

    def find_frame_end(self) -> int:
        """Return the offset where the last frame that was opened ends; 0 before the first."""
        if self.stretches is None:
            return self._frame_end
        return max(self._frame_end, self.stretches.find_frame_end(self.source.offset))

    # -- framing ------------------------------------------------------------------------------------------------------

    def handle_proto(self) -> None:
        """PROTO."""
        self.protocol = self.source.read_bytes(1)[0]
        if self.protocol > _HIGHEST_PROTOCOL:
            self.recorder.record_defect(PickleDefect.PROTOCOL_UNKNOWN, f"protocol {self.protocol} does not exist")

    def handle_frame(self) -> None:
        """FRAME."""
        source = self.source
        size = int.from_bytes(source.read_bytes(8), "little")
        left = source.size - source.offset
        self._frame_end = source.offset + size
        if size > left:
            self.recorder.record_defect(PickleDefect.FRAME_TOO_LONG, f"a frame of {size} bytes where {left} are left")

    def handle_stop(self) -> bool:
        """STOP."""
        self.result = self.stack.pop()
        return True

    def handle_invalid(self) -> None:
        """Any byte that is no opcode."""
        byte = self.source.buffer[self.source.opcode_position]
        raise DamagedError(f"byte 0x{byte:02x} is no pickle opcode", self.source.opcode_offset)

    # -- stack --------------------------------------------------------------------------------------------------------

    def handle_mark(self) -> None:
        """MARK."""
        self.stack.marks.append(len(self.stack.values))
        if self._skimmer is not None:
            stretch = self._skimmer.skip_stretch()
            if stretch is not None and self.stretches is not None:
                self.stretches.defer(stretch)
                self.push(stretch)

    def handle_pop(self) -> None:
        """POP, which removes a mark where that is on top."""
        marks = self.stack.marks
        if marks and marks[-1] == len(self.stack.values):
            marks.pop()
        else:
            self.stack.pop()

    def handle_pop_mark(self) -> None:
        """POP_MARK."""
        self.stack.pop_mark_unexpanded()

    def handle_dup(self) -> None:
        """DUP."""
        value = self.stack.peek()
        self.push(value)
        if isinstance(value, Name):
            self.recorder.uses[value] += 1

    # -- memo ---------------------------------------------------------------------------------------------------------

    def handle_memoize(self) -> None:
        """MEMOIZE: write the top of the stack under the number of entries.

        Objects are memoized as often as they are made, so the general ``write_memo`` is left to unusual memos.
        """
        memo, stretches = self.memo, self.stretches
        if stretches is not None and stretches.unplaced:
            stretches.place_in_memo()
        index = memo.size
        if memo.sparse or index >= self.limits.pickle_memo:
            self.write_memo(index)
            return
        value = self.stack.peek()
        memo.append(value)
        if stretches is not None:
            stretches.watch_entry(index, value)

    def write_memo(self, index: int) -> None:
        """Write the top of the stack to the memo under ``index``."""
        if self.stretches is not None:
            self.stretches.place_in_memo()
            self.stretches.execute_all_before_overwriting(index)
        bound = self.limits.pickle_memo
        if self.memo.size >= bound:
            raise LimitReachedError(f"more than {bound} memo entries", self.source.opcode_offset)
        if index > bound:
            self.recorder.record_defect(
                PickleDefect.MEMO_INDEX, f"memo index {index} makes a loader reserve that many slots"
            )
        value = self.stack.peek()
        self.memo[index] = value
        if self.stretches is not None:
            self.stretches.watch_entry(index, value)

    def push_memo(self, index: int) -> None:
        """Push the memo's entry ``index``."""
        if self.stretches is not None and self.stretches.unplaced:
            self.stretches.place_in_memo()
        try:
            value = self.memo[index]
        except KeyError:
            self.recorder.record_defect(PickleDefect.MEMO_MISSING, f"memo entry {index} is read before it is written")
            self.push(Unknown(f"memo entry {index}, never written"))
            return
        if type(value) is PlainStretch:
            self.stack.expand([value])
            value = self.memo[index]
        self.push(value)
        if type(value) is Name:
            self.recorder.uses[value] += 1

    def read_memo_index(self, width: int) -> int:
        """Read the index of a GET or PUT: ``width`` bytes, or a line where that is 0."""
        source = self.source
        if width == 1 and source.position < len(source.buffer):
            source.position += 1
            return source.buffer[source.position - 1]
        if width:
            return int.from_bytes(source.read_bytes(width), "little")
        line, is_whole = self.read_line()
        if not is_whole:
            raise DamagedError("a memo index of thousands of digits", source.opcode_offset)
        return decode_memo_index(self.recorder, line)

    # -- containers ---------------------------------------------------------------------------------------------------

    def handle_dict(self) -> None:
        """DICT."""
        container = Container("dict")
        self._set_items("DICT", container, self.stack.pop_mark())
        self.push(container)

    def handle_setitem(self) -> None:
        """SETITEM."""
        value = self.stack.pop()
        key = self.stack.pop()
        self._set_items("SETITEM", self.stack.peek(), [key, value])

    def handle_setitems(self) -> None:
        """SETITEMS."""
        pairs = self.stack.pop_mark_unexpanded()
        target = self.stack.peek()
        if type(target) is not Container:
            self.recorder.record_event(Act.SET_ITEM, "SETITEMS", target, tuple(pairs[:_ITEMS_RECORDED]))
        elif len(pairs) == 1 and type(pairs[0]) is PlainStretch:
            target.has_unseen_items = True
        else:
            # Plain data next to something else must be expanded: their last value may be its key.
            self._set_items("SETITEMS", target, self.stack.expand(pairs))

    def _set_items(self, opcode: str, target: StackValue, pairs: list[StackValue]) -> None:
        if not pairs:
            return  # every loader does nothing at all, whatever the target
        if len(pairs) % 2:
            self.recorder.record_defect(PickleDefect.ODD_ITEMS, f"{opcode} with a key that has no value")
        if type(target) is not Container:
            self.recorder.record_event(Act.SET_ITEM, opcode, target, tuple(pairs[:_ITEMS_RECORDED]))
        elif target.type == "dict":
            self._set_dict_items(opcode, target, pairs)
        elif target.type == "list":
            target.extend(pairs[1::2])
        else:
            self.recorder.record_defect(
                PickleDefect.WRONG_TARGET, f"{opcode} on a {target.type}, which has no items to set"
            )

    def _set_dict_items(self, opcode: str, target: Container, pairs: list[StackValue]) -> None:
        if target.is_state:
            self.arrays.check_changed_state(target)
        can_act = False
        for index in range(0, len(pairs) - 1, 2):
            can_act = target.set_item(pairs[index], pairs[index + 1]) or can_act
        if can_act and target.is_state:
            # An object may hold its state by reference, and then gets these attributes too.
            sets = find_acting_attributes(target)
            self.recorder.record_event(Act.SET_STATE, opcode, STATE_OWNER, (target,), sets)

    def handle_append(self) -> None:
        """APPEND."""
        self._extend("APPEND", [self.stack.pop()])

    def handle_appends(self) -> None:
        """APPENDS."""
        self._extend("APPENDS", self.stack.pop_mark_unexpanded())

    def handle_additems(self) -> None:
        """ADDITEMS."""
        self._extend("ADDITEMS", self.stack.pop_mark_unexpanded())

    def _extend(self, opcode: str, values: list[StackValue]) -> None:
        target = self.stack.peek()
        if not values:
            return
        if type(target) is not Container:
            self.recorder.record_event(Act.SET_ITEM, opcode, target, tuple(values[:_ITEMS_RECORDED]))
        elif target.type == ("set" if opcode == "ADDITEMS" else "list"):
            target.extend(values)
        else:
            self.recorder.record_defect(
                PickleDefect.WRONG_TARGET, f"{opcode} on a {target.type}, which takes no such items"
            )

    # -- names --------------------------------------------------------------------------------------------------------

    def handle_global(self) -> None:
        """GLOBAL."""
        module = self._read_name()
        self.push(self._import_global("GLOBAL", module, self._read_name()))

    def handle_stack_global(self) -> None:
        """STACK_GLOBAL."""
        qualname = self.stack.pop()
        module = self.stack.pop()
        self.push(self._import_global("STACK_GLOBAL", module, qualname))

    def handle_inst(self) -> None:
        """INST."""
        module = self._read_name()
        found = self._import_global("INST", module, self._read_name())
        self._call("INST", found, tuple(self.stack.pop_mark()))

    def _import_global(self, opcode: str, module: StackValue, qualname: StackValue) -> Name | Unknown:
        if not isinstance(module, str) or not isinstance(qualname, str):
            unknown = Unknown("a name that is only known when the file is loaded")
            self.recorder.record_event(Act.IMPORT, opcode, unknown)
            return unknown
        found = resolve_global(module, qualname, self.protocol)
        self.recorder.record_event(Act.IMPORT, opcode, found)
        self.recorder.uses[found] += 1
        return found

    def _read_name(self) -> str | None:
        line, is_whole = self.read_line()
        try:
            return line.decode("utf-8") if is_whole else None
        except UnicodeDecodeError:
            return None

    def read_line(self) -> tuple[bytes, bool]:
        """Read up to the next newline; returns the first bytes, and whether these are the whole line."""
        line = self.source.read_line()
        if line is None or not line[2]:
            # The unpickler in Python, the base of joblib's and dill's, drops the last byte in place of a newline.
            self.recorder.record_defect(PickleDefect.UNENDED_LINE, "a line that breaks off with the file")
        if line is None:
            raise DamagedError("the pickle ends inside a line", self.source.opcode_offset)
        return line[0], line[1]

    # -- persistent ids -----------------------------------------------------------------------------------------------

    def handle_persid(self) -> None:
        """PERSID."""
        line, is_whole = self.read_line()
        if not (line.isascii() and line.decode("ascii").isprintable()):
            self.recorder.record_defect(PickleDefect.TEXT_INVALID, "a persistent id that is not printable ASCII")
        self._load_persistent("PERSID", line.decode("ascii", "replace") if is_whole else truncate_constant("str", line))

    def handle_binpersid(self) -> None:
        """BINPERSID."""
        self._load_persistent("BINPERSID", self.stack.pop())

    def _load_persistent(self, opcode: str, persistent_id: StackValue) -> None:
        value = Unknown(_PERSISTENT_OBJECT)
        self.recorder.record_event(Act.PERSISTENT_LOAD, opcode, value, (persistent_id,))
        parts = unpack_tuple(persistent_id)
        self.storages.record_persistent_id(parts, value, self.source.opcode_offset)
        if len(parts) > 1 and parts[0] == "module" and isinstance(parts[1], Name):
            # torch before zip refers to the class of a module this way, with its source (torch.serialization).
            self.recorder.uses[parts[1]] += 1
            self.push(parts[1])
        else:
            self.push(value)

    # -- calls --------------------------------------------------------------------------------------------------------

    def handle_reduce(self) -> None:
        """REDUCE: ``callable(*arguments)``."""
        arguments = self.stack.pop()
        self._call("REDUCE", self.stack.pop(), unpack_tuple(arguments))

    def handle_obj(self) -> None:
        """OBJ: a call of a class with the values above the mark."""
        values = self.stack.pop_mark()
        if not values:
            self.recorder.record_defect(PickleDefect.STACK_UNDERFLOW, "OBJ without a class")
            values = [Unknown("a class missing from the stack")]
        self._call("OBJ", values[0], tuple(values[1:]))

    def handle_newobj(self) -> None:
        """NEWOBJ: ``cls.__new__(cls, *arguments)``."""
        arguments = self.stack.pop()
        self._call("NEWOBJ", self.stack.pop(), unpack_tuple(arguments), Act.CONSTRUCT)

    def handle_newobj_ex(self) -> None:
        """NEWOBJ_EX: ``cls.__new__(cls, *arguments, **keywords)``."""
        keywords = self.stack.pop()
        arguments = self.stack.pop()
        cls = self.stack.pop()
        self._call("NEWOBJ_EX", cls, (*unpack_tuple(arguments), keywords), Act.CONSTRUCT)

    def _call(self, opcode: str, callee: StackValue, arguments: tuple[StackValue, ...], act: Act = Act.CALL) -> None:
        """Record ``callee(*arguments)`` and push a value that represents what it returns."""
        recorder = self.recorder
        gives = resolve_call(callee, arguments) if act is Act.CALL else None
        recorder.record_event(act, opcode, callee, arguments, gives=gives)
        if isinstance(callee, Name):
            recorder.uses[callee] -= 1
        recorder.record_code(arguments)
        if callee == _ENCODE and len(arguments) > 1 and isinstance(arguments[0], Embedded) and arguments[1] in _LATIN_1:
            self.push(arguments[0])  # the bytes that protocols 0 to 2 write as characters
        elif gives is not None and not isinstance(arguments[0], CallResult):
            recorder.uses[gives] += 1
            self.push(gives)
        else:
            made = CallResult(_find_maker(callee, arguments), act is Act.CALL)
            self.arrays.record_call(callee, arguments, made)
            self.storages.record_call(callee, arguments)
            self.push(made)

    # -- state --------------------------------------------------------------------------------------------------------

    def handle_build(self) -> None:
        """BUILD: ``obj.__setstate__(state)`` or ``obj.__dict__.update(state)``."""
        state = self.stack.pop()
        target = self.stack.peek()
        self.recorder.record_event(Act.SET_STATE, "BUILD", target, (state,), find_acting_attributes(state))
        if isinstance(state, Container):
            state.is_state = True
            for _, part in state.iterate_items():
                if isinstance(part, Container):
                    part.is_state = True
        payload = self.arrays.record_state(target, state, self.opcodes, self.find_frame_end)
        if payload is None:
            return
        if payload.is_pickle:
            self._execute_array_of_objects(payload)
        else:
            self.source.skip_to(payload.end)
            self.stack.values[-1] = _NDARRAY

    def _execute_array_of_objects(self, payload: ArrayPayload) -> None:
        """Execute the pickle that joblib keeps inside this one; its result takes the place of the wrapper."""
        source = self.source
        inner = Machine(source.window, payload.start, self.limits, skips_plain_data=self._skips_plain_data)
        inner.recorder.share_records(self.recorder)
        inner.recorder.codes = self.recorder.codes
        inner.nested, inner.storages = self.nested, self.storages
        # In this pickle, joblib reads no arrays from between the opcodes: it unpickles it with ``pickle.load``.
        inner.arrays.reads_payloads = False
        inner.execute()
        self.opcodes += inner.opcodes
        if self.recorder.fault is None:
            self.recorder.fault = inner.recorder.fault
        end = inner.source.offset
        self.arrays.check_frame_of_objects(inner.find_frame_end(), end)
        source.skip_to(end)
        self.stack.values[-1] = inner.result

    # -- buffers ------------------------------------------------------------------------------------------------------

    def handle_bytearray8(self) -> None:
        """BYTEARRAY8."""
        _push_bytes8(self)
        self.stack.values[-1] = TruncatedConstant("bytearray", "bytearray(")

    def handle_next_buffer(self) -> None:
        """NEXT_BUFFER: bytes that the caller of the loader supplies."""
        self.push(Unknown("an out-of-band buffer"))

    def handle_readonly_buffer(self) -> None:
        """READONLY_BUFFER has no effect that matters here."""


def _execute_stretch(
    window: Window, limits: Limits, recorder: Recorder, stretch: PlainStretch, memo: Memo
) -> list[StackValue]:
    """Execute a skipped stretch over its view of the memo; returns the values that it leaves."""
    machine = Machine(window, stretch.start, limits)
    machine.memo = memo
    # Constants in a stretch were recorded when it was skipped, so those of this machine are dropped.
    machine.recorder.share_records(recorder)
    source, end = machine.source, stretch.end
    machine.execute(until=lambda _: source.base + source.position >= end)
    return machine.stack.values


def _find_maker(callee: StackValue, arguments: tuple[StackValue, ...]) -> Name | Unknown:
    """Return what made the result of a call."""
    if isinstance(callee, Name):
        return find_constructed_class(callee, arguments)
    if isinstance(callee, Unknown):
        return callee
    if isinstance(callee, CallResult):
        return Unknown(f"the result of {callee.maker}" if isinstance(callee.maker, Name) else callee.maker.why)
    kind = callee.type if isinstance(callee, Container | TruncatedConstant) else type(callee).__name__
    return Unknown(f"a {kind}")


# -- handlers that differ in one parameter --------------------------------------------------------------------------


def _push_constant(value: StackValue) -> Handler:
    def push(machine: Machine) -> None:
        machine.push(value)

    return push


def _push_number(layout: str) -> Handler:
    """Make the handler of a number that ``struct`` unpacks with ``layout``."""
    number = struct.Struct(layout)
    unpack, size = number.unpack_from, number.size

    def push(machine: Machine) -> None:
        source = machine.source
        position = source.position
        if position + size > len(source.buffer):
            machine.push(unpack(source.read_bytes(size))[0])
        else:
            machine.push(unpack(source.buffer, position)[0])
            source.position = position + size

    return push


def _push_line(kind: str) -> Handler:
    """Make the handler of a constant that is a line of text."""

    def push(machine: Machine) -> None:
        source = machine.source
        start = source.offset
        line, is_whole = machine.read_line()
        if kind in ("str", "quoted"):
            quote = 1 if kind == "quoted" else 0
            length = source.offset - start - 1 - 2 * quote
            head = line[quote : quote + length]
            if machine.nested.record_constant(head, start + quote, length, is_text=True) in CHARACTER_CODINGS:
                machine.push(Embedded(start + quote, length))
                return
        machine.push(decode_line(machine.recorder, kind, line) if is_whole else truncate_constant(kind, line))

    return push


def _push_sized(kind: str, layout: str) -> Handler:
    """Make the handler of a constant whose length precedes it as ``layout``."""
    length = struct.Struct(layout)

    def push(machine: Machine) -> None:
        source = machine.source
        (size,) = length.unpack(source.read_bytes(length.size))
        if size < 0:
            raise DamagedError(f"a {kind} constant with the negative length {size}", source.opcode_offset)
        start = source.base + source.position
        data, is_whole = source.read_constant(size)
        if kind != "int" and machine.nested.record_constant(data, start, size, kind == "str") in OPENED:
            machine.push(Embedded(start, size))
            return
        machine.push(decode_constant(machine.recorder, kind, data) if is_whole else truncate_constant(kind, data))

    return push


def _push_empty(kind: str) -> Handler:
    def push(machine: Machine) -> None:
        machine.push(Container(kind))

    return push


def _push_marked(kind: str) -> Handler:
    """Make the handler of a container of the values above the mark."""

    def push(machine: Machine) -> None:
        container = Container(kind)
        if kind == "tuple":
            container.fill(machine.stack.pop_mark())
        else:
            container.extend(machine.stack.pop_mark_unexpanded())
        machine.push(container)

    return push


def _push_tuple(count: int) -> Handler:
    def push(machine: Machine) -> None:
        values = [machine.stack.pop() for _ in range(count)]
        container = Container("tuple")
        container.fill(values[::-1])
        machine.push(container)

    return push


def _get_memo(width: int) -> Handler:
    def push(machine: Machine) -> None:
        machine.push_memo(machine.read_memo_index(width))

    return push


def _put_memo(width: int) -> Handler:
    def write(machine: Machine) -> None:
        machine.write_memo(machine.read_memo_index(width))

    return write


def _push_extension(width: int) -> Handler:
    """Make the handler of a code of the extension registry (``copyreg.add_extension``)."""

    def push(machine: Machine) -> None:
        code = int.from_bytes(machine.source.read_bytes(width), "little")
        unknown = Unknown(f"extension code {code}")
        machine.recorder.record_event(Act.EXTENSION, f"EXT{width}", unknown)
        machine.push(unknown)

    return push


_push_bytes8: Final = _push_sized("bytes", "<Q")

_HANDLERS: Final[dict[str, Handler]] = {
    "PROTO": Machine.handle_proto, "FRAME": Machine.handle_frame, "STOP": Machine.handle_stop,
    "MARK": Machine.handle_mark, "POP": Machine.handle_pop, "POP_MARK": Machine.handle_pop_mark,
    "DUP": Machine.handle_dup,
    "NONE": _push_constant(None), "NEWTRUE": _push_constant(True), "NEWFALSE": _push_constant(False),
    "INT": _push_line("int"), "LONG": _push_line("int"), "FLOAT": _push_line("float"),
    "STRING": _push_line("quoted"), "UNICODE": _push_line("str"),
    "BININT": _push_number("<i"), "BININT1": _push_number("<B"), "BININT2": _push_number("<H"),
    "BINFLOAT": _push_number(">d"), "LONG1": _push_sized("int", "<B"), "LONG4": _push_sized("int", "<i"),
    "BINSTRING": _push_sized("latin", "<i"), "SHORT_BINSTRING": _push_sized("latin", "<B"),
    "BINBYTES": _push_sized("bytes", "<I"), "SHORT_BINBYTES": _push_sized("bytes", "<B"), "BINBYTES8": _push_bytes8,
    "BINUNICODE": _push_sized("str", "<I"), "SHORT_BINUNICODE": _push_sized("str", "<B"),
    "BINUNICODE8": _push_sized("str", "<Q"),
    "BYTEARRAY8": Machine.handle_bytearray8, "NEXT_BUFFER": Machine.handle_next_buffer,
    "READONLY_BUFFER": Machine.handle_readonly_buffer,
    "EMPTY_LIST": _push_empty("list"), "EMPTY_DICT": _push_empty("dict"), "EMPTY_SET": _push_empty("set"),
    "EMPTY_TUPLE": _push_empty("tuple"), "LIST": _push_marked("list"), "TUPLE": _push_marked("tuple"),
    "FROZENSET": _push_marked("frozenset"), "DICT": Machine.handle_dict,
    "TUPLE1": _push_tuple(1), "TUPLE2": _push_tuple(2), "TUPLE3": _push_tuple(3),
    "APPEND": Machine.handle_append, "APPENDS": Machine.handle_appends, "ADDITEMS": Machine.handle_additems,
    "SETITEM": Machine.handle_setitem, "SETITEMS": Machine.handle_setitems,
    "GET": _get_memo(0), "BINGET": _get_memo(1), "LONG_BINGET": _get_memo(4),
    "PUT": _put_memo(0), "BINPUT": _put_memo(1), "LONG_BINPUT": _put_memo(4), "MEMOIZE": Machine.handle_memoize,
    "GLOBAL": Machine.handle_global, "STACK_GLOBAL": Machine.handle_stack_global, "INST": Machine.handle_inst,
    "EXT1": _push_extension(1), "EXT2": _push_extension(2), "EXT4": _push_extension(4),
    "PERSID": Machine.handle_persid, "BINPERSID": Machine.handle_binpersid,
    "REDUCE": Machine.handle_reduce, "OBJ": Machine.handle_obj, "NEWOBJ": Machine.handle_newobj,
    "NEWOBJ_EX": Machine.handle_newobj_ex, "BUILD": Machine.handle_build,
}  # fmt: skip


def _build_table() -> list[Handler]:
    table: list[Handler] = [Machine.handle_invalid] * 256
    for opcode in pickletools.opcodes:
        table[ord(opcode.code)] = _HANDLERS[opcode.name]
    return table


HANDLERS: Final = _build_table()
"""Handler by opcode byte; building it fails if an opcode of the running Python has no handler."""


def is_opcode(byte: int) -> bool:
    """Whether a byte is the opcode of any protocol."""
    return HANDLERS[byte] is not Machine.handle_invalid
