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
from array import array
from collections.abc import Callable
from typing import Final

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.formats.pickles.pickle.arrays import MAKERS_OF_ARRAYS, ArrayPayload, ArrayTracker
from modelaudit.formats.pickles.pickle.attributes import find_acting_attributes, find_attributes, find_called_items
from modelaudit.formats.pickles.pickle.constants import (
    decode_constant,
    decode_line,
    decode_memo_index,
    truncate_constant,
)
from modelaudit.formats.pickles.pickle.indices import MemoReads
from modelaudit.formats.pickles.pickle.memo import NEVER_READ, Memo
from modelaudit.formats.pickles.pickle.names import (
    find_constructed_class,
    imports_module,
    resolve_call,
    resolve_global,
    takes_module,
)
from modelaudit.formats.pickles.pickle.nested import CHARACTER_CODINGS, DIRECT_CODINGS, Coding, NestedConstants
from modelaudit.formats.pickles.pickle.number_runs import NUMBER_LAYOUTS, NUMBER_OPCODES, are_numbers, read_numbers
from modelaudit.formats.pickles.pickle.recorder import Recorder
from modelaudit.formats.pickles.pickle.skimmer import LONGEST_SETTING, Skimmer, is_worth_skimming
from modelaudit.formats.pickles.pickle.source import LONGEST_FIXED_OPCODE, ByteSource
from modelaudit.formats.pickles.pickle.stack import Stack
from modelaudit.formats.pickles.pickle.storages import StorageTracker
from modelaudit.formats.pickles.pickle.stretches import DeferredStretches
from modelaudit.formats.pickles.pickle.sweeper import Sweeper
from modelaudit.formats.pickles.pickle.unpickled_files import is_followed
from modelaudit.formats.pickles.pickle.values import (
    FORGOTTEN,
    Container,
    PlainStretch,
    StackValue,
    TruncatedConstant,
    unpack_tuple,
)
from modelaudit.languages.kernel_keys import KERNEL_KEYS
from modelaudit.model.artifact import Window
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import (
    ITEMS_RECORDED,
    STATE_OWNER,
    UNKNOWN_ARGUMENTS,
    Act,
    CallResult,
    Embedded,
    Name,
    Unknown,
)
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import SHORT_NAME_BYTES

_ENCODE: Final = Name("_codecs", "encode")
_CREATE_ARRAY: Final = Name("dill._dill", "_create_array")
_LATIN_1: Final = ("latin1", "latin-1")
_HIGHEST_PROTOCOL: Final = 5
_MANY_NUMBERS: Final = 64  # that are followed by a check at once
_OPCODES_BETWEEN_CHECKS: Final = 32  # of time, stack and memory
_DATA_RANGES_KEPT: Final = 200_000
# Kinds of constants that are data. Text after its length may be a name, and has to be UTF-8.
_DATA_KINDS: Final = frozenset({"bytes", "latin"})
# How a loader gets the content of a constant that begins like a file, by its kind and coding.
_FORMS: Final[dict[str, dict[Coding | None, str]]] = {
    "bytes": {Coding.RAW: "bytes"},
    "str": {Coding.LATIN_1: "characters"},
}
_NDARRAY: Final = CallResult(Name("numpy", "ndarray"), called=False)
_PERSISTENT_OBJECT: Final = "persistent object"

INVALID_NAME: Final = Unknown("a name that is not text")
"""The operand of an import that every loader rejects, because its module or its name is not text in UTF-8."""

Handler = Callable[["Machine"], bool | None]
"""Executes one opcode, whose byte has been read already. ``True`` ends the program."""


class Machine:
    """One unpickler over the bytes of a window from ``start``.

    ``stream`` is the number of the program in its artifact; ``skips_plain_data`` allows skipping plain data in a large
    program. ``limits`` bound the stack, the memo, the events and the opcodes.

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
        has_stopped: the program was executed to its STOP.
        data_ranges: the start and the end of each constant of bytes, or of a line of text, that is not short; at most
            ``_DATA_RANGES_KEPT`` numbers.
    """

    def __init__(
        self,
        window: Window,
        start: int,
        limits: Limits,
        stream: int = 0,
        *,
        skips_plain_data: bool = False,
        nested: NestedConstants | None = None,
        reads: MemoReads | None = None,
        memo: Memo | None = None,
    ) -> None:
        self.source = ByteSource(window, start)
        reads = MemoReads(window, start) if reads is None else reads
        self.limits = limits
        self.recorder = Recorder(self.source, limits, stream)
        self.memo = Memo() if memo is None else memo
        # Given by the pickle around this one. The skimmer below records in the same object.
        self.nested = NestedConstants() if nested is None else nested
        self.storages = StorageTracker()
        self.arrays = ArrayTracker(self.source, self.recorder)
        self.protocol = 0
        self.opcodes = 0
        self.result: StackValue = None
        self.has_stopped = False
        self.data_ranges = array("Q")
        self.stretches: DeferredStretches | None = None
        self._skimmer: Skimmer | None = None
        if skips_plain_data and is_worth_skimming(window.size - start):
            # A partial of the parts, not a method: a cycle with the machine would keep its memo until the next
            # garbage collection.
            execute = functools.partial(_execute_stretch, window, limits, self.recorder, reads)
            self.stretches = DeferredStretches(self.memo, window, limits, execute)
            self._skimmer = Skimmer(self.source, self.stretches, self.nested)
        self.stack = Stack(self.recorder, self.stretches)
        self.push = self.stack.values.append
        self.sweeper = Sweeper(limits.pickle_value_bytes, self.stack.values, self.memo, reads, self.recorder)
        self._frame_end = 0
        self._next_check = _OPCODES_BETWEEN_CHECKS  # the number of opcodes before it
        self._skips_plain_data = skips_plain_data

    def execute(self, until: Callable[[Machine], bool] | None = None) -> None:
        """Execute the program to its STOP, or to where ``until`` returns true, which is asked after every opcode.

        Raises:
            DamagedError: the bytes end, hold no opcode, or a bound of ``Limits`` is reached, before STOP.
            WindowError: the window could not return the requested bytes.
        """
        source, handlers, record_offset = self.source, HANDLERS, self.source.trail.append
        while True:
            for _ in range(_OPCODES_BETWEEN_CHECKS):
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
            self._check_bounds()

    def execute_stretch(self, end: int) -> None:
        """Execute the opcodes of a stretch up to the offset ``end``, and those of numbers in a row at once.

        Raises:
            DamagedError: a bound of ``Limits`` is reached.
            WindowError: the window could not return the requested bytes.
        """
        source, handlers, push_all = self.source, HANDLERS, self.stack.values.extend
        while source.base + source.position < end:
            if source.position + LONGEST_FIXED_OPCODE > len(source.buffer):
                source.refill()
            position = source.position
            if source.buffer[position] in NUMBER_OPCODES and (numbers := read_numbers(source, end)):
                # Numbers that are read at once are passed over: the bound on opcodes does not count them.
                self.opcodes += 1
                push_all(numbers)
                if len(numbers) >= _MANY_NUMBERS:
                    self._check_bounds()
            else:
                source.opcode_position = position
                source.position = position + 1
                self.opcodes += 1
                source.trail.append(source.base + position)
                if handlers[source.buffer[position]](self):
                    return
            if self.opcodes >= self._next_check:
                self._check_bounds()

    def _check_bounds(self) -> None:
        """Check the time, the stack and the opcodes, and drop values if there are many."""
        source, sweeper = self.source, self.sweeper
        stack_bound, opcode_bound = self.limits.pickle_stack, self.limits.pickle_opcodes
        self._next_check = self.opcodes + _OPCODES_BETWEEN_CHECKS
        check_deadline()
        if self.opcodes > sweeper.next_opcode or source.base + source.position > sweeper.next_offset:
            self._sweep_values()
        if len(self.stack.values) > stack_bound:
            raise LimitReachedError(f"more than {stack_bound} values on the pickle stack", source.opcode_offset)
        if self.opcodes > opcode_bound:
            raise LimitReachedError(f"more than {opcode_bound} opcodes in the pickle", source.opcode_offset)

    def _sweep_values(self) -> None:
        """Drop the values that can matter no more, or those that take too much memory."""
        stretches = () if self.stretches is None else self.stretches.iterate_values()
        others = (*stretches, list(self.storages.iterate_sizes()), self.arrays.dtypes.get_fields())
        self.sweeper.sweep(self.opcodes, self.source.opcode_offset, others)

    def release_values(self) -> None:
        """Drop the stack and the memo, whose values only the program needs."""
        self.stack.values.clear()
        self.memo.clear()
        self.stretches = None

    def find_frame_end(self) -> int:
        """Return the offset where the last frame that was opened ends; 0 before the first."""
        if self.stretches is None:
            return self._frame_end
        return max(self._frame_end, self.stretches.find_frame_end(self.source.offset))

    # -- framing ------------------------------------------------------------------------------------------------------

    def handle_proto(self) -> None:
        """PROTO: read the number of the protocol."""
        self.protocol = self.source.read_bytes(1)[0]
        if self.protocol > _HIGHEST_PROTOCOL:
            self.recorder.record_defect(PickleDefect.PROTOCOL_UNKNOWN, f"protocol {self.protocol} does not exist")

    def handle_frame(self) -> None:
        """FRAME: read the length of a frame, whose bytes are opcodes that follow here."""
        source = self.source
        size = int.from_bytes(source.read_bytes(8), "little")
        bytes_left = source.size - source.offset
        self._frame_end = source.offset + size
        if size > bytes_left:
            detail = f"a frame of {size} bytes where {bytes_left} are left"
            self.recorder.record_defect(PickleDefect.FRAME_TOO_LONG, detail)

    def record_data(self, start: int, length: int) -> None:
        """Record that a constant is data, which nothing interprets as an instruction or a name."""
        if length > SHORT_NAME_BYTES and len(self.data_ranges) < _DATA_RANGES_KEPT:
            self.data_ranges.extend((start, start + length))

    def list_long_constants(self) -> list[tuple[int, int]]:
        """Return the (start, end) of the constants of bytes that are too long for a setting, in order."""
        bounds = iter(self.data_ranges)
        executed = [each for each in zip(bounds, bounds, strict=True) if each[1] - each[0] > LONGEST_SETTING]
        return sorted([*executed, *(self._skimmer.long_constants if self._skimmer is not None else ())])

    def handle_stop(self) -> bool:
        """STOP: end the program; the top of the stack is its result."""
        self.result = self.stack.pop()
        self.has_stopped = True
        return True

    def handle_invalid(self) -> None:
        """Raise ``DamagedError`` for a byte that is not an opcode."""
        byte = self.source.buffer[self.source.opcode_position]
        raise DamagedError(f"byte 0x{byte:02x} is not a pickle opcode", self.source.opcode_offset)

    # -- stack --------------------------------------------------------------------------------------------------------

    def handle_mark(self) -> None:
        """MARK: set a mark, and skip the plain data after it if they are worth skipping."""
        self.stack.marks.append(len(self.stack.values))
        if self._skimmer is not None:
            stretch = self._skimmer.skip_stretch()
            if stretch is not None and self.stretches is not None:
                self.stretches.defer(stretch)
                self.push(stretch)

    def handle_pop(self) -> None:
        """POP: remove the top value, or the last mark if no value is above it."""
        marks = self.stack.marks
        if marks and marks[-1] == len(self.stack.values):
            marks.pop()
        else:
            self.stack.pop()

    def handle_pop_mark(self) -> None:
        """POP_MARK: remove the last mark and the values above it."""
        self.stack.pop_mark_unexpanded()

    def handle_dup(self) -> None:
        """DUP: push the top value again."""
        value = self.stack.peek()
        self.push(value)
        if isinstance(value, Name):
            # Each copy of a name may be called or kept.
            self.recorder.uses[value] += 1

    # -- memo ---------------------------------------------------------------------------------------------------------

    def handle_memoize(self) -> None:
        """MEMOIZE: write the top value to the memo under the number of entries.

        This opcode is as frequent as objects are, so the slower ``write_memo`` is called only for unusual memos.
        """
        memo, stretches = self.memo, self.stretches
        if stretches is not None and stretches.unplaced:
            stretches.place_in_memo()
        index = memo.size
        has_entries_out_of_order = memo.sparse or index != len(memo.dense)
        if has_entries_out_of_order or index >= self.limits.pickle_memo:
            self.write_memo(index)
            return
        value = self.stack.peek()
        memo.append(value)
        if stretches is not None:
            stretches.watch_entry(index, value)

    def write_memo(self, index: int) -> None:
        """Write the top value to the memo under ``index``.

        Raises:
            LimitReachedError: the memo is full.
        """
        stretches = self.stretches
        if stretches is not None:
            if stretches.unplaced:
                stretches.place_in_memo()
            stretches.execute_all_before_overwriting(index)
        bound = self.limits.pickle_memo
        if self.memo.size >= bound:
            raise LimitReachedError(f"more than {bound} memo entries", self.source.opcode_offset)
        if index > bound:
            self.recorder.record_defect(
                PickleDefect.MEMO_INDEX, f"memo index {index} makes a loader reserve that many slots"
            )
        value = self.stack.peek()
        self.memo[index] = value
        if stretches is not None:
            stretches.watch_entry(index, value)

    def push_memo(self, index: int) -> None:
        """Push the entry ``index`` of the memo; a missing entry is a defect and becomes an ``Unknown``."""
        if self.stretches is not None and self.stretches.unplaced:
            self.stretches.place_in_memo()
        try:
            value = self.memo[index]
        except KeyError:
            self.recorder.record_defect(PickleDefect.MEMO_MISSING, f"memo entry {index} is read before it is written")
            self.push(Unknown(f"memo entry {index}, never written"))
            return
        if type(value) is PlainStretch:
            # Executing the stretch replaces its entries in the memo by their values.
            self.stack.expand([value])
            value = self.memo[index]
        if value is NEVER_READ:
            self.recorder.record_bound("an opcode reads a memo entry in an unusual way, after its value was dropped")
            value = FORGOTTEN
        self.push(value)
        if type(value) is Name:
            # Each copy of a name may be called or kept.
            self.recorder.uses[value] += 1

    def read_memo_index(self, width: int) -> int:
        """Read the index of a GET or PUT: ``width`` bytes, or a line of digits where that is 0."""
        source = self.source
        # BINPUT is frequent, so it skips the call of ``read_bytes``.
        if width == 1 and source.position < len(source.buffer):
            source.position += 1
            return source.buffer[source.position - 1]
        if width:
            return int.from_bytes(source.read_bytes(width), "little")
        line, is_whole = self.read_line()
        if not is_whole:
            raise DamagedError("a memo index has thousands of digits", source.opcode_offset)
        return decode_memo_index(self.recorder, line)

    # -- containers ---------------------------------------------------------------------------------------------------

    def handle_dict(self) -> None:
        """DICT: push a mapping of the keys and values above the mark."""
        container = Container("dict")
        self._set_items("DICT", container, self.stack.pop_mark())
        self.push(container)

    def handle_setitem(self) -> None:
        """SETITEM: set one item of the mapping below its key and value."""
        value = self.stack.pop()
        key = self.stack.pop()
        self._set_items("SETITEM", self.stack.peek(), [key, value])

    def handle_setitems(self) -> None:
        """SETITEMS: set the items above the mark on the mapping below it."""
        pairs = self.stack.pop_mark_unexpanded()
        target = self.stack.peek()
        if type(target) is not Container:
            self._record_items("SETITEMS", target, pairs)
        elif len(pairs) == 1 and type(pairs[0]) is PlainStretch and target.type == "dict" and not target.is_state:
            target.add_unseen_items(pairs[0])
        else:
            # Plain data next to another value must be expanded, because their last value may be its key. On a state,
            # or on a target that has no keys, the plain items themselves may be a contradiction.
            self._set_items("SETITEMS", target, self.stack.expand(pairs))

    def _set_items(self, opcode: str, target: StackValue, pairs: list[StackValue]) -> None:
        """Set items on ``target``; ``pairs`` are keys and values in turn. On an object, that is an event."""
        if not pairs:
            return  # every loader does nothing at all, whatever the target
        if len(pairs) % 2:
            self.recorder.record_defect(PickleDefect.ODD_ITEMS, f"{opcode} with a key that has no value")
        if type(target) is not Container:
            self._record_items(opcode, target, pairs)
            return
        self._record_keys(target, pairs)
        if target.type == "dict":
            self._set_dict_items(opcode, target, pairs)
        elif target.type == "list":
            # The keys are indices, and only the values matter.
            self.recorder.handed.record_growth(target, pairs[1::2])
            target.extend(pairs[1::2])
        else:
            self.recorder.record_defect(
                PickleDefect.WRONG_TARGET, f"{opcode} on a {target.type}, which has no items to set"
            )

    def _record_items(self, opcode: str, target: StackValue, pairs: list[StackValue]) -> None:
        """Record the items that are set on an object: the first, and further ones that Python or an opcode may call.

        The last value of plain data may be the key of the value after them.
        """
        pairs = self.stack.expand(pairs) if len(pairs) > 1 else pairs
        self._record_keys(target, pairs)
        self.recorder.handed.record_own_items(target, pairs)
        self.recorder.record_event(Act.SET_ITEM, opcode, target, tuple(pairs[:ITEMS_RECORDED]))
        further = find_called_items(pairs[ITEMS_RECORDED:])
        for start in range(0, len(further), ITEMS_RECORDED):
            items = tuple(further[start : start + ITEMS_RECORDED])
            self.recorder.record_event(Act.SET_ITEM, opcode, target, items)

    def _record_keys(self, target: StackValue, pairs: list[StackValue]) -> None:
        """Record the items by which a loader may download or run code; ``pairs`` are keys and values in turn."""
        if are_numbers(pairs):
            return
        self.recorder.traced.record_items(target, pairs)
        for index in range(0, len(pairs) - 1, 2):
            key = pairs[index]
            if type(key) is str:
                if key in KERNEL_KEYS:
                    self.recorder.record_setting(key, pairs[index + 1])
                elif key[:2] == "__":
                    self.recorder.unpickled.record_item(target, key, pairs[index + 1])
            elif type(key) is PlainStretch:
                self.recorder.unpickled.record_skipped_items()

    def _set_dict_items(self, opcode: str, target: Container, pairs: list[StackValue]) -> None:
        """Set items of a mapping; record an event if an object has the mapping as its state and an item can act."""
        if target.is_state:
            self.arrays.check_changed_state(target)
        if are_numbers(pairs):
            target.set_numbers(pairs)
            return
        self.recorder.handed.record_items(target, pairs)
        can_act = False
        for index in range(0, len(pairs) - 1, 2):
            key, value = pairs[index], pairs[index + 1]
            can_act = target.set_item(key, value) or can_act
        if can_act and target.is_state:
            # An object may hold its state by reference, and then gets these attributes too.
            set_attributes = find_acting_attributes(target)
            self.recorder.record_event(Act.SET_STATE, opcode, STATE_OWNER, (target,), set_attributes)

    def handle_append(self) -> None:
        """APPEND: append the top value to the list below it."""
        self._extend("APPEND", [self.stack.pop()])

    def handle_appends(self) -> None:
        """APPENDS: append the values above the mark to the list below it."""
        self._extend("APPENDS", self.stack.pop_mark_unexpanded())

    def handle_additems(self) -> None:
        """ADDITEMS: add the values above the mark to the set below it."""
        self._extend("ADDITEMS", self.stack.pop_mark_unexpanded())

    def _extend(self, opcode: str, values: list[StackValue]) -> None:
        """Add ``values`` to the list or set on top of the stack. On an object, that is an event."""
        target = self.stack.peek()
        if type(target) is not Container:
            # The unpickler in Python calls ``extend`` of an object even without values; that in C does not.
            if values or opcode == "APPENDS":
                self.recorder.handed.record(Act.SET_ITEM, target, values)
                self.recorder.record_event(Act.SET_ITEM, opcode, target, tuple(values[:ITEMS_RECORDED]))
        elif not values:
            return
        elif target.type == ("set" if opcode == "ADDITEMS" else "list"):
            self.recorder.handed.record_growth(target, values)
            target.extend(values)
        else:
            self.recorder.record_defect(
                PickleDefect.WRONG_TARGET, f"{opcode} on a {target.type}, which takes no such items"
            )

    # -- names --------------------------------------------------------------------------------------------------------

    def handle_global(self) -> None:
        """GLOBAL: push the global that two lines name, its module and its name."""
        module = self._read_name()
        self.push(self._import_global("GLOBAL", module, self._read_name()))

    def handle_stack_global(self) -> None:
        """STACK_GLOBAL: push the global that the two top values name, its module and its name."""
        qualname = self.stack.pop()
        module = self.stack.pop()
        self.push(self._import_global("STACK_GLOBAL", module, qualname))

    def handle_inst(self) -> None:
        """INST: call the class that two lines name with the values above the mark."""
        module = self._read_name()
        callee = self._import_global("INST", module, self._read_name())
        self._call("INST", callee, tuple(self.stack.pop_mark()))

    def _import_global(self, opcode: str, module: StackValue, qualname: StackValue) -> Name | Unknown:
        """Record the import of a global and return it; an ``Unknown`` if a part of its name is not text."""
        if not isinstance(module, str) or not isinstance(qualname, str):
            is_invalid = _cannot_be_text(module) or _cannot_be_text(qualname)
            unknown = INVALID_NAME if is_invalid else Unknown("a name that is only known when the file is loaded")
            self.recorder.record_event(Act.IMPORT, opcode, unknown)
            return unknown
        name = resolve_global(module, qualname, self.protocol)
        self.recorder.record_event(Act.IMPORT, opcode, name)
        self.recorder.uses[name] += 1
        return name

    def _read_name(self) -> StackValue:
        """Read a line with a module or a name, which is truncated if it is too long to keep; ``None`` if not UTF-8.

        At the end of the file, the unpickler in Python takes nothing for a line, and imports the module all the same.
        """
        line, is_whole = self.read_line(may_be_missing=True)
        try:
            return line.decode("utf-8") if is_whole else truncate_constant("str", line)
        except UnicodeDecodeError:
            return None

    def read_line(self, *, may_be_missing: bool = False) -> tuple[bytes, bool]:
        """Return the first bytes of the line up to the next newline, and whether these are the whole line.

        Raises:
            DamagedError: no byte is left, unless the line ``may_be_missing``.
        """
        found = self.source.read_line()
        # A line that may be missing counts as a whole, empty line.
        line, is_whole, has_newline = found or (b"", may_be_missing, False)
        if not has_newline:
            # The unpickler in Python, the base of joblib's and dill's, drops the last byte in place of a newline.
            self.recorder.record_defect(PickleDefect.UNENDED_LINE, "a line that breaks off with the file")
        if found is None and not may_be_missing:
            raise DamagedError("the pickle ends before an argument that is a line of text", self.source.opcode_offset)
        return line, is_whole

    # -- persistent ids -----------------------------------------------------------------------------------------------

    def handle_persid(self) -> None:
        """PERSID: push an object that only the loader knows; a line of text is its id."""
        line, is_whole = self.read_line(may_be_missing=True)
        if not (line.isascii() and line.decode("ascii").isprintable()):
            self.recorder.record_defect(PickleDefect.TEXT_INVALID, "a persistent id that is not printable ASCII")
        self._load_persistent("PERSID", line.decode("ascii", "replace") if is_whole else truncate_constant("str", line))

    def handle_binpersid(self) -> None:
        """BINPERSID: push an object that only the loader knows; the top value is its id."""
        self._load_persistent("BINPERSID", self.stack.pop())

    def _load_persistent(self, opcode: str, persistent_id: StackValue) -> None:
        """Record the persistent id and push an ``Unknown`` for its object, or the class that an id of torch holds."""
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
        """REDUCE: push the result of ``callable(*arguments)``, the two top values."""
        arguments = self.stack.pop()
        self._call("REDUCE", self.stack.pop(), unpack_tuple(arguments))

    def handle_obj(self) -> None:
        """OBJ: call the class that is the first value above the mark with the other values."""
        values = self.stack.pop_mark()
        if not values:
            self.recorder.record_defect(PickleDefect.STACK_UNDERFLOW, "OBJ without a class")
            values = [Unknown("a class missing from the stack")]
        self._call("OBJ", values[0], tuple(values[1:]))

    def handle_newobj(self) -> None:
        """NEWOBJ: push the result of ``cls.__new__(cls, *arguments)``, the two top values."""
        arguments = self.stack.pop()
        self._call("NEWOBJ", self.stack.pop(), unpack_tuple(arguments), Act.CONSTRUCT)

    def handle_newobj_ex(self) -> None:
        """NEWOBJ_EX: push the result of ``cls.__new__(cls, *arguments, **keywords)``, the three top values."""
        keywords = self.stack.pop()
        arguments = self.stack.pop()
        cls = self.stack.pop()
        self._call("NEWOBJ_EX", cls, (*unpack_tuple(arguments), keywords), Act.CONSTRUCT)

    def _call(self, opcode: str, callee: StackValue, arguments: tuple[StackValue, ...], act: Act = Act.CALL) -> None:
        """Record ``callee(*arguments)`` and push a value that represents what it returns."""
        recorder = self.recorder
        # The global that the call returns, such as a ``getattr``.
        returned_global = resolve_call(callee, arguments) if act is Act.CALL else None
        recorder.traced.record_call(opcode, callee, arguments, self.source.opcode_offset)
        recorder.record_event(act, opcode, callee, arguments, returned_global=returned_global)
        if isinstance(callee, Name):
            # A name whose count is above 0 at the end was stored, passed on or dropped.
            recorder.uses[callee] -= 1
        recorder.record_code(arguments)
        if callee == _CREATE_ARRAY and act is Act.CALL and arguments and arguments[0] in MAKERS_OF_ARRAYS:
            self._make_array_of_dill(arguments)
            return
        has_embedded_content = len(arguments) > 1 and isinstance(arguments[0], Embedded)
        if has_embedded_content and callee == _ENCODE and arguments[1] in _LATIN_1:
            self.push(_encode_characters(arguments[0]))  # the bytes that protocols 0 to 2 write as characters
        elif returned_global is not None and not isinstance(arguments[0], CallResult):
            # An attribute of an object is also named after its class, but its value is unknown and not a global.
            recorder.uses[returned_global] += 1
            if imports_module(callee):
                recorder.record_event(Act.IMPORT, opcode, returned_global)
            elif takes_module(callee) and isinstance(arguments[0], Name):
                recorder.uses[arguments[0]] -= 1  # the look-up needs the module, and keeps nothing of it
            self.push(returned_global)
        else:
            maker = _find_maker(callee, arguments)
            if maker is not callee and isinstance(callee, Name) and isinstance(maker, Name):
                recorder.uses[maker] -= 1  # the class that a function of copyreg constructs
            result = CallResult(maker, act is Act.CALL)
            self.arrays.record_call(callee, arguments, result)
            self.storages.record_call(callee, arguments, result)
            self.push(result)

    def _make_array_of_dill(self, arguments: tuple[StackValue, ...]) -> None:
        """Do what ``_create_array(f, args, state, npdict)`` of dill does, by the opcodes that pickle has for it.

        It calls ``f``, the function of NumPy that makes arrays, and sets the state of the array, then its attributes by
        ``array.__dict__.update(npdict)``.
        """
        padded = (*arguments, UNKNOWN_ARGUMENTS, UNKNOWN_ARGUMENTS)[: max(3, len(arguments))]
        maker, own_arguments, state, *others = padded
        self._call("REDUCE", maker, unpack_tuple(own_arguments))
        if state is not None:
            self.push(state)
            self.handle_build()
        for attributes in others:
            if isinstance(attributes, Container) and attributes.type == "dict":
                self._record_attributes(self.stack.peek(), attributes)
            elif attributes is not None:
                self.push(attributes)
                self.handle_build()

    # -- state --------------------------------------------------------------------------------------------------------

    def handle_build(self) -> None:
        """BUILD: set the top value as the state of the object below it, by ``__setstate__`` or in its ``__dict__``.

        In a file of joblib, the array that follows takes the place of the object.
        """
        state = self.stack.pop()
        target = self.stack.peek()
        self._record_attributes(target, state)
        payload = self.arrays.record_state(target, state, self.opcodes, self.find_frame_end)
        if payload is None:
            return
        if payload.is_pickle:
            self._execute_array_of_objects(payload)
        else:
            self.source.skip_to(payload.end)
            self.stack.values[-1] = _NDARRAY

    def _record_attributes(self, target: StackValue, state: StackValue) -> None:
        """Record that a state sets the attributes of an object."""
        if type(state) is Container and state.type == "dict" and self.recorder.unpickled.has_mappings:
            self._execute_followed_items(state)
        self.recorder.unpickled.record_state(target, state)
        self.recorder.handed.record_state(target, state)
        self.recorder.traced.record_state(target, state)
        self.recorder.record_event(Act.SET_STATE, "BUILD", target, (state,), find_attributes(target, state))
        if isinstance(state, Container):
            state.mark_as_state()

    def _execute_followed_items(self, state: Container) -> None:
        """Execute the plain data in the mappings that a class may unpickle out of a state."""
        skipped = [
            part
            for key, part in state.iterate_items()
            if is_followed(key) and type(part) is Container and part.type == "dict" and part.unseen
        ]
        for part in skipped:
            stretches, part.unseen = part.unseen, ()
            for stretch in stretches:
                self._set_items("SETITEMS", part, self.stack.expand([stretch]))

    def _execute_array_of_objects(self, payload: ArrayPayload) -> None:
        """Execute the pickle that joblib keeps inside this one; its result takes the place of the wrapper."""
        source = self.source
        inner = Machine(
            source.window,
            payload.start,
            self.limits,
            skips_plain_data=self._skips_plain_data,
            nested=self.nested,
            reads=self.sweeper.reads,
        )
        inner.recorder.share_records(self.recorder)
        inner.recorder.codes = self.recorder.codes
        inner.storages = self.storages
        # In this pickle, joblib reads no arrays from between the opcodes: it unpickles it with ``pickle.load``.
        inner.arrays.reads_payloads = False
        inner.execute()
        self.opcodes += inner.opcodes
        if self.recorder.fault is None:
            self.recorder.fault = inner.recorder.fault
        end = inner.source.offset
        self.arrays.check_frame_of_objects(inner.find_frame_end(), end)
        self.arrays.check_result_of_objects(inner.result)
        source.skip_to(end)
        self.stack.values[-1] = inner.result

    # -- buffers ------------------------------------------------------------------------------------------------------

    def handle_bytearray8(self) -> None:
        """BYTEARRAY8: push a bytearray, whose content is skipped after the test for a nested file."""
        _handle_bytes8(self)
        self.stack.values[-1] = TruncatedConstant("bytearray", "bytearray(")

    def handle_next_buffer(self) -> None:
        """NEXT_BUFFER: push bytes that the caller of the loader supplies, which are unknown here."""
        self.push(Unknown("an out-of-band buffer"))

    def handle_readonly_buffer(self) -> None:
        """READONLY_BUFFER: make the top buffer read-only, which changes nothing that the machine keeps.

        Of an object of a class, it runs ``__buffer__``.
        """
        self.recorder.handed.record(Act.SET_ITEM, Name("builtins", "memoryview"), self.stack.values[-1:])


def _execute_stretch(
    window: Window, limits: Limits, recorder: Recorder, reads: MemoReads, stretch: PlainStretch, memo: Memo
) -> list[StackValue]:
    """Execute a skipped stretch over its view of the memo; return the values that it leaves on the stack."""
    machine = Machine(window, stretch.start, limits, reads=reads, memo=memo)
    # Constants in a stretch were recorded when it was skipped, so those of this machine are dropped.
    machine.recorder.share_records(recorder)
    machine.execute_stretch(stretch.end)
    return machine.stack.values


def _encode_characters(constant: StackValue) -> StackValue:
    """Return the bytes that a constant becomes when its characters are encoded as Latin-1.

    A string of Python 2 has no certain characters: the loader decodes it in a coding of its own.
    """
    if type(constant) is not Embedded:
        return constant
    return Embedded(constant.offset, constant.length, "bytes" if constant.form == "characters" else "")


def _cannot_be_text(value: StackValue) -> bool:
    """Whether a value is certain not to be a text when the file is loaded."""
    return value is None or isinstance(value, int | float | bytes | Container)


def _find_maker(callee: StackValue, arguments: tuple[StackValue, ...]) -> Name | Unknown:
    """Return the class or function that made the result of a call, or an ``Unknown`` that describes the callee."""
    if isinstance(callee, Name):
        return find_constructed_class(callee, arguments)
    if isinstance(callee, Unknown):
        return callee
    if isinstance(callee, CallResult):
        return Unknown(f"the result of {callee.maker}" if isinstance(callee.maker, Name) else callee.maker.why)
    kind = callee.type if isinstance(callee, Container | TruncatedConstant) else type(callee).__name__
    return Unknown(f"a {kind}")


# -- handlers that differ in one parameter --------------------------------------------------------------------------


def _make_constant_handler(value: StackValue) -> Handler:
    """Make the handler that pushes ``value``."""

    def push_value(machine: Machine) -> None:
        machine.push(value)

    return push_value


def _make_number_handler(layout: str) -> Handler:
    """Make the handler of a number that ``struct`` unpacks with ``layout``."""
    number = struct.Struct(layout)
    unpack, size = number.unpack_from, number.size

    def push_number(machine: Machine) -> None:
        source = machine.source
        position = source.position
        if position + size > len(source.buffer):
            machine.push(unpack(source.read_bytes(size))[0])
        else:
            machine.push(unpack(source.buffer, position)[0])
            source.position = position + size

    return push_number


def _make_line_handler(kind: str) -> Handler:
    """Make the handler of a constant that is a line; ``kind`` as in ``decode_line``."""

    def push_line(machine: Machine) -> None:
        source = machine.source
        start = source.offset
        line, is_whole = machine.read_line()
        if kind in ("str", "quoted"):
            # The content is the line without its newline and its quotes.
            quote_length = 1 if kind == "quoted" else 0
            content_start = start + quote_length
            length = source.offset - start - 1 - 2 * quote_length
            content = line[quote_length : quote_length + length]
            machine.record_data(content_start, length)
            # A line is text, so its own bytes are never the file; the bytes that its characters represent may be.
            if machine.nested.record_constant(content, content_start, length, is_text=True) in CHARACTER_CODINGS:
                machine.push(Embedded(content_start, length))
                return
        machine.push(decode_line(machine.recorder, kind, line) if is_whole else truncate_constant(kind, line))

    return push_line


def _make_sized_handler(kind: str, layout: str) -> Handler:
    """Make the handler of a constant after its length.

    ``kind`` is as in ``decode_constant``; ``layout`` is the format of the length for ``struct``.
    """
    length = struct.Struct(layout)
    unpack_length, length_size = length.unpack_from, length.size
    is_data, is_text, may_be_file = kind in _DATA_KINDS, kind == "str", kind != "int"
    forms = _FORMS.get(kind, {})

    def push_constant(machine: Machine) -> None:
        source = machine.source
        position = source.position
        if position + length_size > len(source.buffer):
            (size,) = unpack_length(source.read_bytes(length_size))
        else:
            (size,) = unpack_length(source.buffer, position)
            source.position = position + length_size
        if size < 0:
            raise DamagedError(f"a {kind} constant has the negative length {size}", source.opcode_offset)
        start = source.base + source.position
        data, is_whole = source.read_constant(size)
        if is_data:
            machine.record_data(start, size)
        coding = machine.nested.record_constant(data, start, size, is_text) if may_be_file else None
        if coding in DIRECT_CODINGS:
            machine.push(Embedded(start, size, forms.get(coding, "")))
            return
        if is_whole:
            machine.push(decode_constant(machine.recorder, kind, data))
            return
        constant = truncate_constant(kind, data)
        constant.extent = (start, size) if is_text else None
        machine.push(constant)

    return push_constant


def _make_empty_container_handler(kind: str) -> Handler:
    """Make the handler that pushes an empty container."""

    def push_empty_container(machine: Machine) -> None:
        machine.push(Container(kind))

    return push_empty_container


def _make_marked_container_handler(kind: str) -> Handler:
    """Make the handler that pushes a container of the values above the mark."""

    def push_container_of_marked(machine: Machine) -> None:
        container = Container(kind)
        # A tuple may be the arguments of a call, so its plain data are executed.
        if kind == "tuple":
            container.fill(machine.stack.pop_mark())
        else:
            values = machine.stack.pop_mark_unexpanded()
            machine.recorder.handed.record_growth(container, values)
            container.extend(values)
        machine.push(container)

    return push_container_of_marked


def _make_tuple_handler(count: int) -> Handler:
    """Make the handler that pushes a tuple of the ``count`` top values."""

    def push_tuple(machine: Machine) -> None:
        values = [machine.stack.pop() for _ in range(count)]
        container = Container("tuple")
        container.fill(values[::-1])
        machine.push(container)

    return push_tuple


def _make_get_handler(width: int) -> Handler:
    """Make the handler of a GET with an index of ``width`` bytes, or of a line of digits where that is 0."""

    def push_memo_entry(machine: Machine) -> None:
        source = machine.source
        position = source.position
        # BINGET is as frequent as values are that occur again.
        if width == 1 and position < len(source.buffer):
            source.position = position + 1
            machine.push_memo(source.buffer[position])
        else:
            machine.push_memo(machine.read_memo_index(width))

    return push_memo_entry


def _make_put_handler(width: int) -> Handler:
    """Make the handler of a PUT with an index of ``width`` bytes."""

    def write_memo_entry(machine: Machine) -> None:
        machine.write_memo(machine.read_memo_index(width))

    return write_memo_entry


def _make_extension_handler(width: int) -> Handler:
    """Make the handler of a code of the extension registry (``copyreg.add_extension``) in ``width`` bytes."""

    def push_extension(machine: Machine) -> None:
        code = int.from_bytes(machine.source.read_bytes(width), "little")
        unknown = Unknown(f"extension code {code}")
        machine.recorder.record_event(Act.EXTENSION, f"EXT{width}", unknown)
        machine.push(unknown)

    return push_extension


_handle_bytes8: Final = _make_sized_handler("bytes", "<Q")

_HANDLERS: Final[dict[str, Handler]] = {
    "PROTO": Machine.handle_proto,
    "FRAME": Machine.handle_frame,
    "STOP": Machine.handle_stop,
    "MARK": Machine.handle_mark,
    "POP": Machine.handle_pop,
    "POP_MARK": Machine.handle_pop_mark,
    "DUP": Machine.handle_dup,
    "NONE": _make_constant_handler(None),
    "NEWTRUE": _make_constant_handler(True),
    "NEWFALSE": _make_constant_handler(False),
    "INT": _make_line_handler("int"),
    "LONG": _make_line_handler("int"),
    "FLOAT": _make_line_handler("float"),
    "STRING": _make_line_handler("quoted"),
    "UNICODE": _make_line_handler("str"),
    **{name: _make_number_handler(layout) for name, layout in NUMBER_LAYOUTS.items()},
    "LONG1": _make_sized_handler("int", "<B"),
    "LONG4": _make_sized_handler("int", "<i"),
    "BINSTRING": _make_sized_handler("latin", "<i"),
    "SHORT_BINSTRING": _make_sized_handler("latin", "<B"),
    "BINBYTES": _make_sized_handler("bytes", "<I"),
    "SHORT_BINBYTES": _make_sized_handler("bytes", "<B"),
    "BINBYTES8": _handle_bytes8,
    "BINUNICODE": _make_sized_handler("str", "<I"),
    "SHORT_BINUNICODE": _make_sized_handler("str", "<B"),
    "BINUNICODE8": _make_sized_handler("str", "<Q"),
    "BYTEARRAY8": Machine.handle_bytearray8,
    "NEXT_BUFFER": Machine.handle_next_buffer,
    "READONLY_BUFFER": Machine.handle_readonly_buffer,
    "EMPTY_LIST": _make_empty_container_handler("list"),
    "EMPTY_DICT": _make_empty_container_handler("dict"),
    "EMPTY_SET": _make_empty_container_handler("set"),
    "EMPTY_TUPLE": _make_empty_container_handler("tuple"),
    "LIST": _make_marked_container_handler("list"),
    "TUPLE": _make_marked_container_handler("tuple"),
    "FROZENSET": _make_marked_container_handler("frozenset"),
    "DICT": Machine.handle_dict,
    "TUPLE1": _make_tuple_handler(1),
    "TUPLE2": _make_tuple_handler(2),
    "TUPLE3": _make_tuple_handler(3),
    "APPEND": Machine.handle_append,
    "APPENDS": Machine.handle_appends,
    "ADDITEMS": Machine.handle_additems,
    "SETITEM": Machine.handle_setitem,
    "SETITEMS": Machine.handle_setitems,
    "GET": _make_get_handler(0),
    "BINGET": _make_get_handler(1),
    "LONG_BINGET": _make_get_handler(4),
    "PUT": _make_put_handler(0),
    "BINPUT": _make_put_handler(1),
    "LONG_BINPUT": _make_put_handler(4),
    "MEMOIZE": Machine.handle_memoize,
    "GLOBAL": Machine.handle_global,
    "STACK_GLOBAL": Machine.handle_stack_global,
    "INST": Machine.handle_inst,
    "EXT1": _make_extension_handler(1),
    "EXT2": _make_extension_handler(2),
    "EXT4": _make_extension_handler(4),
    "PERSID": Machine.handle_persid,
    "BINPERSID": Machine.handle_binpersid,
    "REDUCE": Machine.handle_reduce,
    "OBJ": Machine.handle_obj,
    "NEWOBJ": Machine.handle_newobj,
    "NEWOBJ_EX": Machine.handle_newobj_ex,
    "BUILD": Machine.handle_build,
}


def _build_handler_table() -> list[Handler]:
    """Return the handler of each of the 256 bytes."""
    table: list[Handler] = [Machine.handle_invalid] * 256
    for opcode in pickletools.opcodes:
        table[ord(opcode.code)] = _HANDLERS[opcode.name]
    return table


HANDLERS: Final = _build_handler_table()
"""Handler by opcode byte; building it fails if an opcode of the running Python has no handler."""


def is_opcode(byte: int) -> bool:
    """Whether a byte is the opcode of any protocol."""
    return HANDLERS[byte] is not Machine.handle_invalid
