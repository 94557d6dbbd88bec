"""Ways past the scanner that its own source suggested, in files too large to keep as fixtures: none may pass again.

Each of these passed once: what a loader does in it was proven with the loader, and then mended as a mechanism.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import modelaudit

CODE = "open('marker', 'w')"
WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
BYTES_STATE = (3, "|", None, None, None, -1, -1, 0)
OBJECT_STATE = (3, "|", None, None, None, -1, -1, 63)


class Global(str):
    """A dotted name to import."""


class Entry(int):
    """A memo entry to read."""


class Assembler:
    """Writes opcodes; every object made is put into the memo and taken off the stack."""

    def __init__(self, protocol: int = 4) -> None:
        self.data = bytearray((0x80, protocol))
        self.count = 0

    def push(self, value: object) -> Assembler:
        if isinstance(value, Global):
            module, _, name = value.rpartition(".")
            self.push(module).push(name).data += b"\x93"
        elif isinstance(value, Entry):
            self.data += b"j" + struct.pack("<I", value)
        elif value is None or isinstance(value, bool):
            self.data += {None: b"N", True: b"\x88", False: b"\x89"}[value]
        elif isinstance(value, str):
            self.data += b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        elif isinstance(value, bytes):
            self.data += b"B" + struct.pack("<I", len(value)) + value
        elif isinstance(value, int):
            self.data += b"J" + struct.pack("<i", value)
        else:
            opening, closing = {tuple: (b"(", b"t"), list: (b"](", b"e"), dict: (b"}(", b"u")}[type(value)]
            self.data += opening
            for each in [part for pair in value.items() for part in pair] if isinstance(value, dict) else value:
                self.push(each)
            self.data += closing
        return self

    def kept(self) -> Entry:
        self.data += b"r" + struct.pack("<I", self.count) + b"0"
        self.count += 1
        return Entry(self.count - 1)

    def keep(self, value: object) -> Entry:
        return self.push(value).kept()

    def call(self, function: object, *arguments: object, opcode: bytes = b"R", state: object = None) -> Entry:
        self.push(function).push(arguments).data += opcode
        if state is not None:
            self.push(state).data += b"b"
        return self.kept()

    def build(self, target: object, state: object) -> None:
        self.push(target).push(state).data += b"b0"


def numbers_dtype(a: Assembler) -> Entry:
    return a.call(Global("numpy.dtype"), "u1", False, True, state=BYTES_STATE)


def array_state(dtype: Entry, length: int) -> dict[str, object]:
    return {"subclass": Global("numpy.ndarray"), "shape": (length,), "order": "C", "dtype": dtype,
            "allow_mmap": False, "numpy_array_alignment_bytes": 16}  # fmt: skip


def changed_in_plain_data() -> bytes:
    """The shape of joblib's array is changed by plain opcodes: what seems its bytes is the program."""
    a = Assembler(3)
    dtype = numbers_dtype(a)
    wrapper = a.call(Global(WRAPPER), opcode=b"\x81")
    state = a.keep(array_state(dtype, 70_000))
    a.data += b"("
    a.push(state).push("shape").data += b"K\x01\x85s"
    for _ in range(200):
        a.push("plain text")
    a.data += b"1"
    a.push(wrapper).push(state).data += b"b"
    hidden = b"\0cbuiltins\nexec\nX" + struct.pack("<I", len(CODE)) + CODE.encode() + b"\x85R."
    return bytes(a.data) + b"\x0b" + b"\xff" * 11 + hidden.ljust(70_000, b"\xff") + b"."


def key_of_unusual_length() -> bytes:
    """The key that has NumPy read any address is spelled with an opcode for long texts."""
    a = Assembler()
    state = a.keep({})
    key = b"__array_interface__"
    a.data += b"("
    a.push(state).data += b"\x8d" + struct.pack("<Q", len(key)) + key
    a.push({"data": (16, False), "shape": (4,), "typestr": "<i8", "version": 3}).data += b"s"
    for _ in range(8000):
        a.push("plain text")
    a.data += b"1"
    a.call(Global("numpy.poly1d"), a.call(Global("argparse.Namespace"), state=state))
    return bytes(a.data) + b"N."


def index_of_many_digits() -> bytes:
    """A memo index longer than what is kept of a line."""
    a = Assembler()
    for index, text in ((1, "collections"), (2, "OrderedDict"), (10, "builtins"), (20, "exec")):
        a.push(text).data += b"p%d\n0" % index
    for index in (1, 2):
        a.data += b"g" + (b"%d" % index).rjust(4096, b"0") + b"0\n"
    a.data += b"\x93"
    a.push(CODE).data += b"\x85R0N."
    return bytes(a.data)


def memo_with_a_hole() -> bytes:
    """MEMOIZE takes the number of entries for its index, and overwrites one that is there already for ever."""
    a = Assembler()
    a.push("a").data += b"q\x000"
    a.push("b").data += b"q\x050("
    for text in ("x", "y", "z", "list", *(f"plain text {index}" for index in range(4000)), "exec"):
        a.push(text).data += b"\x94"
    a.data += b"1"
    a.push("builtins").data += b"h\x05\x93"
    a.push(CODE).data += b"\x85R0N."
    return bytes(a.data)


def state_out_of_a_call() -> bytes:
    """A dtype made by a partial takes a forged state that a call makes."""
    a = Assembler()
    dtype = a.call(a.call(Global("functools.partial"), Global("numpy.dtype"), "V8", False, True))
    objects = a.call(Global("numpy.dtype"), "O", False, True, state=OBJECT_STATE)
    forged = [3, "|", None, ("o",), {"o": (objects, 0)}, 8, 1, 0]
    a.build(dtype, a.call(Global("builtins.tuple"), forged))
    array = a.call(Global("numpy._core.numeric._frombuffer"), b"A" * 8, dtype, (1,), "C")
    a.call(Global("builtins.str"), array)
    return bytes(a.data) + b"N."


def other_memo_in_an_array() -> bytes:
    """To pickle.load, the pickle inside an array of objects counts on in the memo of the one around."""
    a = Assembler()
    a.keep("numpy.testing._private.utils")
    a.keep("runstring")
    dtype = a.call(Global("numpy.dtype"), "O8", False, True, state=OBJECT_STATE)
    wrapper = a.call(Global(WRAPPER), opcode=b"\x81")
    a.push(wrapper).push(array_state(dtype, 1)).data += b"b"
    inner = Assembler()
    inner.push("collections").data += b"\x940"
    inner.push("OrderedDict").data += b"\x940h\x00h\x01\x93"
    inner.push(CODE).data += b"}\x86R."
    return bytes(a.data) + bytes(inner.data) + b"."


def item_set_by_what_was_given() -> bytes:
    """A container whose way to add an item was replaced is given one."""
    a = Assembler()
    given = {"add_module": Global("operator.truediv"), "_modules": {}}
    target = a.call(Global("torch.nn.modules.container.ModuleDict"), opcode=b"\x81", state=given)
    a.push(target).push(1).push(0).data += b"s0"
    return bytes(a.data) + b"N."


def dictionary_of_slots() -> bytes:
    """The state of slots replaces the dictionary of an object that calls what lies in it."""
    a = Assembler()
    caller = a.call(Global("numpy.vectorize"), Global("builtins.list"))
    a.build(caller, (None, {"__dict__": {"pyfunc": Global("operator.getitem"), "excluded": [0, 1]}}))
    a.call(caller, ["a"], 0)
    return bytes(a.data) + b"N."


@pytest.mark.parametrize(
    ("write", "exit_code"),
    [
        (changed_in_plain_data, 3), (key_of_unusual_length, 1), (index_of_many_digits, 3), (memo_with_a_hole, 1),
        (state_out_of_a_call, 1), (other_memo_in_an_array, 1), (item_set_by_what_was_given, 1),
        (dictionary_of_slots, 1),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)  # fmt: skip
def test_large_detour_is_found_within_limits(write, exit_code: int, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(write())
    report = modelaudit.scan(path, second_opinion=False)
    told = [f"{finding.rule}: {finding.message}" for finding in report.findings]
    assert report.exit_code == exit_code, (told, report.decision.reasons)


def test_call_with_shared_tuples_is_cheap(tmp_path: Path) -> None:
    """Sixty-four times sixty-four and so on: a copy of the arguments would never end."""
    a = Assembler()
    inner: object = (0,) * 64
    for _ in range(5):
        inner = (a.keep(inner),) * 64
    a.call(Global("builtins.list"), *[a.keep(inner)] * 40)
    path = tmp_path / "model.pkl"
    path.write_bytes(bytes(a.data) + b"N.")
    assert path.stat().st_size < 8192
    report = modelaudit.scan(path, second_opinion=False)
    # A scan that ran out of time would say so.
    assert (report.exit_code, report.coverage.open_absences) == (0, ())
    assert {finding.rule for finding in report.findings} == {"license/undeclared"}
    (artifact,) = report.coverage.artifacts
    assert artifact.formats == ("pickle",)
