"""Malicious pickles that once passed the scan, in files too large to keep as fixtures; none may pass again.

Each was found by reading the scanner's source, and loading it was shown to run the code in it. ``CODE`` is inert.
"""

from __future__ import annotations

import itertools
import pickle
import struct
from pathlib import Path

import pytest

import modelaudit

CODE = "open('marker', 'w')"
WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
BYTES_STATE = (3, "|", None, None, None, -1, -1, 0)
"""The state of a NumPy dtype of bytes: version, byte order, subarray, names, fields, size, alignment, flags."""
OBJECT_STATE = (3, "|", None, None, None, -1, -1, 63)
"""The state of a dtype whose elements are references to Python objects, as its flags say."""


NONE_AND_STOP = pickle.NONE + pickle.STOP
"""The end of a pickle whose result is ``None``."""


class Global(str):
    """A dotted name that the pickle imports."""


class Entry(int):
    """The index of an object in the memo."""


class Assembler:
    """Writes the opcodes of a pickle.

    Attributes:
        data: the bytes written so far, from PROTO on.
        count: the number of memo entries.
    """

    def __init__(self, protocol: int = 4) -> None:
        self.data = bytearray((0x80, protocol))
        self.count = 0

    def push(self, value: object) -> Assembler:
        """Write the opcodes that push a value: a ``Global`` is imported, an ``Entry`` is read from the memo."""
        if isinstance(value, Global):
            module, _, name = value.rpartition(".")
            self.push(module).push(name).data += pickle.STACK_GLOBAL
        elif isinstance(value, Entry):
            self.data += pickle.LONG_BINGET + struct.pack("<I", value)
        elif value is None or isinstance(value, bool):
            self.data += {None: pickle.NONE, True: pickle.NEWTRUE, False: pickle.NEWFALSE}[value]
        elif isinstance(value, str):
            self.data += pickle.BINUNICODE + struct.pack("<I", len(value.encode())) + value.encode()
        elif isinstance(value, bytes):
            self.data += pickle.BINBYTES + struct.pack("<I", len(value)) + value
        elif isinstance(value, int):
            self.data += pickle.BININT + struct.pack("<i", value)
        else:
            opening, closing = {
                tuple: (pickle.MARK, pickle.TUPLE),
                list: (pickle.EMPTY_LIST + pickle.MARK, pickle.APPENDS),
                dict: (pickle.EMPTY_DICT + pickle.MARK, pickle.SETITEMS),
            }[type(value)]
            items = itertools.chain.from_iterable(value.items()) if isinstance(value, dict) else value
            self.data += opening
            for item in items:
                self.push(item)
            self.data += closing
        return self

    def move_to_memo(self) -> Entry:
        """Put the object on the stack into the memo, and take it off the stack."""
        self.data += pickle.LONG_BINPUT + struct.pack("<I", self.count) + pickle.POP
        self.count += 1
        return Entry(self.count - 1)

    def memoize(self, value: object) -> Entry:
        """Put a value into the memo, and leave nothing on the stack."""
        return self.push(value).move_to_memo()

    def call(self, function: object, *arguments: object, opcode: bytes = pickle.REDUCE, state: object = None) -> Entry:
        """Call a function, or create an object with the opcode NEWOBJ; set its state, and put it into the memo."""
        self.push(function).push(arguments).data += opcode
        if state is not None:
            self.push(state).data += pickle.BUILD
        return self.move_to_memo()

    def set_state(self, target: object, state: object) -> None:
        """Set the state of an object, and take it off the stack."""
        self.push(target).push(state).data += pickle.BUILD + pickle.POP


def call_byte_dtype(assembler: Assembler) -> Entry:
    """Make a NumPy dtype of bytes, and return its memo entry."""
    return assembler.call(Global("numpy.dtype"), "u1", False, True, state=BYTES_STATE)


def build_wrapper_state(dtype: Entry, length: int) -> dict[str, object]:
    """Build the state of joblib's wrapper of an array with ``length`` elements, whose bytes follow in the file."""
    return {"subclass": Global("numpy.ndarray"), "shape": (length,), "order": "C", "dtype": dtype,
            "allow_mmap": False, "numpy_array_alignment_bytes": 16}  # fmt: skip


def build_array_with_shape_changed_by_opcodes() -> bytes:
    """Change the shape of a joblib array by plain opcodes, so that the bytes after the new shape are read as opcodes."""
    assembler = Assembler(3)
    dtype = call_byte_dtype(assembler)
    wrapper = assembler.call(Global(WRAPPER), opcode=pickle.NEWOBJ)
    state = assembler.memoize(build_wrapper_state(dtype, 70_000))
    assembler.data += pickle.MARK
    # The shape becomes (1,).
    assembler.push(state).push("shape").data += pickle.BININT1 + b"\x01" + pickle.TUPLE1 + pickle.SETITEM
    for _ in range(200):
        assembler.push("plain text")
    assembler.data += pickle.POP_MARK
    assembler.push(wrapper).push(state).data += pickle.BUILD
    # joblib aligns the data: a byte with the length of the padding, and the padding.
    padding = b"\x0b" + b"\xff" * 11
    # The array has one byte of data now; the program begins after that byte.
    hidden = Assembler()
    hidden.data = bytearray(b"\0" + pickle.GLOBAL + b"builtins\nexec\n")
    hidden.push(CODE).data += pickle.TUPLE1 + pickle.REDUCE + pickle.STOP
    return bytes(assembler.data) + padding + hidden.data.ljust(70_000, b"\xff") + pickle.STOP


def build_key_by_long_opcode() -> bytes:
    """Push the key that makes NumPy read any address with BINUNICODE8, the opcode for long texts."""
    assembler = Assembler()
    state = assembler.memoize({})
    key = b"__array_interface__"
    assembler.data += pickle.MARK
    assembler.push(state).data += pickle.BINUNICODE8 + struct.pack("<Q", len(key)) + key
    # The array begins at the address 16.
    assembler.push({"data": (16, False), "shape": (4,), "typestr": "<i8", "version": 3}).data += pickle.SETITEM
    for _ in range(8000):
        assembler.push("plain text")
    assembler.data += pickle.POP_MARK
    assembler.call(Global("numpy.poly1d"), assembler.call(Global("argparse.Namespace"), state=state))
    return bytes(assembler.data) + NONE_AND_STOP


def build_memo_index_of_many_digits() -> bytes:
    """Read memo entries by indices of 4,097 digits, of which the scanner keeps 4,096.

    The whole indices, 10 and 20, select ``builtins.exec``; without the last digit they select
    ``collections.OrderedDict``.
    """
    assembler = Assembler()
    for index, text in ((1, "collections"), (2, "OrderedDict"), (10, "builtins"), (20, "exec")):
        assembler.push(text).data += pickle.PUT + b"%d\n" % index + pickle.POP
    for index in (1, 2):
        assembler.data += pickle.GET + (b"%d" % index).rjust(4096, b"0") + b"0\n"
    assembler.data += pickle.STACK_GLOBAL
    assembler.push(CODE).data += pickle.TUPLE1 + pickle.REDUCE + pickle.POP + NONE_AND_STOP
    return bytes(assembler.data)


def build_memo_with_a_hole() -> bytes:
    """Overwrite memo entry 5 by every further MEMOIZE.

    Its index is the number of entries. Entry 5 exists already, so the number stays 5.
    """
    assembler = Assembler()
    assembler.push("a").data += pickle.BINPUT + b"\x00" + pickle.POP
    assembler.push("b").data += pickle.BINPUT + b"\x05" + pickle.POP
    assembler.data += pickle.MARK
    for text in ("x", "y", "z", "list", *(f"plain text {index}" for index in range(4000)), "exec"):
        assembler.push(text).data += pickle.MEMOIZE
    assembler.data += pickle.POP_MARK
    # The text of entry 5 is "exec", which was put there last.
    assembler.push("builtins").data += pickle.BINGET + b"\x05" + pickle.STACK_GLOBAL
    assembler.push(CODE).data += pickle.TUPLE1 + pickle.REDUCE + pickle.POP + NONE_AND_STOP
    return bytes(assembler.data)


def build_dtype_state_from_a_call() -> bytes:
    """Give a dtype, made by a partial, a forged state that is the result of a call."""
    assembler = Assembler()
    dtype = assembler.call(assembler.call(Global("functools.partial"), Global("numpy.dtype"), "V8", False, True))
    objects = assembler.call(Global("numpy.dtype"), "O", False, True, state=OBJECT_STATE)
    forged = [3, "|", None, ("o",), {"o": (objects, 0)}, 8, 1, 0]
    assembler.set_state(dtype, assembler.call(Global("builtins.tuple"), forged))
    array = assembler.call(Global("numpy._core.numeric._frombuffer"), b"A" * 8, dtype, (1,), "C")
    assembler.call(Global("builtins.str"), array)
    return bytes(assembler.data) + NONE_AND_STOP


def build_array_that_continues_the_memo() -> bytes:
    """Read outer memo entries in the pickle of an array of objects; ``pickle.load`` uses one memo for both."""
    assembler = Assembler()
    assembler.memoize("numpy.testing._private.utils")
    assembler.memoize("runstring")
    dtype = assembler.call(Global("numpy.dtype"), "O8", False, True, state=OBJECT_STATE)
    wrapper = assembler.call(Global(WRAPPER), opcode=pickle.NEWOBJ)
    assembler.push(wrapper).push(build_wrapper_state(dtype, 1)).data += pickle.BUILD
    inner = Assembler()
    # In a memo of its own, these would be the entries 0 and 1.
    inner.push("collections").data += pickle.MEMOIZE + pickle.POP
    inner.push("OrderedDict").data += pickle.MEMOIZE + pickle.POP
    inner.data += pickle.BINGET + b"\x00" + pickle.BINGET + b"\x01" + pickle.STACK_GLOBAL
    inner.push(CODE).data += pickle.EMPTY_DICT + pickle.TUPLE2 + pickle.REDUCE + pickle.STOP
    return bytes(assembler.data) + bytes(inner.data) + pickle.STOP


def build_container_with_replaced_add_method() -> bytes:
    """Replace the method of a container that adds an item, and then set an item, which calls it."""
    assembler = Assembler()
    state = {"add_module": Global("operator.truediv"), "_modules": {}}
    container = assembler.call(Global("torch.nn.modules.container.ModuleDict"), opcode=pickle.NEWOBJ, state=state)
    assembler.push(container).push(1).push(0).data += pickle.SETITEM + pickle.POP
    return bytes(assembler.data) + NONE_AND_STOP


def build_state_that_replaces_the_dictionary() -> bytes:
    """Replace the dictionary of an object by a state for slots, and then call the object, which calls the entry."""
    assembler = Assembler()
    caller = assembler.call(Global("numpy.vectorize"), Global("builtins.list"))
    assembler.set_state(caller, (None, {"__dict__": {"pyfunc": Global("operator.getitem"), "excluded": [0, 1]}}))
    assembler.call(caller, ["a"], 0)
    return bytes(assembler.data) + NONE_AND_STOP


@pytest.mark.parametrize(
    ("build_pickle", "exit_code"),
    [
        (build_array_with_shape_changed_by_opcodes, 1), (build_key_by_long_opcode, 1), (build_memo_index_of_many_digits, 3), (build_memo_with_a_hole, 1),
        (build_dtype_state_from_a_call, 1), (build_array_that_continues_the_memo, 1), (build_container_with_replaced_add_method, 1),
        (build_state_that_replaces_the_dictionary, 1),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)  # fmt: skip
def test_pickle_with_a_hidden_call_that_once_passed_the_scan_no_longer_passes(
    build_pickle, exit_code: int, tmp_path: Path
) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(build_pickle())
    report = modelaudit.scan(path, second_opinion=False)
    findings = [f"{finding.rule}: {finding.message}" for finding in report.findings]
    assert report.exit_code == exit_code, (findings, report.decision.reasons)


def test_scan_of_a_call_with_nested_shared_tuples_ends_within_the_deadline(tmp_path: Path) -> None:
    """Each tuple contains the one before 64 times; a copy of every level would have 64**6 items."""
    assembler = Assembler()
    inner: object = (0,) * 64
    for _ in range(5):
        inner = (assembler.memoize(inner),) * 64
    assembler.call(Global("builtins.list"), (assembler.memoize(inner),) * 40)
    path = tmp_path / "model.pkl"
    path.write_bytes(bytes(assembler.data) + NONE_AND_STOP)
    assert path.stat().st_size < 8192
    report = modelaudit.scan(path, second_opinion=False)
    # A scan that ran out of time would report an absence.
    assert (report.exit_code, report.coverage.open_absences) == (0, ())
    assert {finding.rule for finding in report.findings} == {"license/undeclared"}
    (artifact,) = report.coverage.artifacts
    assert artifact.formats == ("pickle",)
