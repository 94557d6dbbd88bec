"""Compare parsed dtype descriptions and pickled dtype states with NumPy itself."""

from __future__ import annotations

import itertools
import pickle
import string
import warnings

import numpy as np
import pytest
from builders.numpy_files import OBJECT, build_field, push_array, push_dtype
from builders.pickles import build_stream, push_call, push_name, push_text
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.structure import UnreadReason
from modelaudit.wire.numpy_types import UNKNOWN_DTYPE, count_array_bytes, parse_description, parse_type_text

_SPELLED = [
    *(f"{order}{kind}{size}" for order, kind, size in itertools.product(
        ["", "<", ">", "=", "|"], string.ascii_letters + "?", ["", "0", "1", "2", "3", "4", "8", "16", "32", "64"])),
    *np._core.numerictypes.sctypeDict,
    *("M8[ns]", "m8[25us]", "M8[D/2]", "datetime64[s]", "f8[s]", "i4,O", "2i4", "(2,)O", "O,", " O", "O ", "4O", ""),
]  # fmt: skip
_SIMPLE = st.sampled_from(
    ["?", "i1", "<u2", ">i4", "i8", "f2", ">f8", "c16", "S5", "U3", "V7", "M8[ms]", "m8", "O", "g", "S0"]
)
_NAMES = st.lists(st.text("abcdé", min_size=1, max_size=4), min_size=1, max_size=4, unique=True)


@st.composite
def _draw_dtypes(draw: st.DrawFn, depth: int = 2) -> np.dtype:
    """Draw any dtype that NumPy writes, with at most ``depth`` levels of subarrays and structures."""
    form = draw(st.sampled_from(["simple", "simple", "subarray", "structure"] if depth else ["simple"]))
    if form == "simple":
        return np.dtype(draw(_SIMPLE))
    if form == "subarray":
        element = draw(_draw_dtypes(depth - 1).filter(lambda dtype: dtype.itemsize > 0))
        return np.dtype((element, draw(st.lists(st.integers(1, 3), max_size=2).map(tuple))))
    fields = [(field_name, draw(_draw_dtypes(depth - 1))) for field_name in draw(_NAMES)]
    return np.dtype(fields, align=draw(st.booleans()))


def _parse_with_numpy(spelled: str) -> np.dtype | None:
    """Return the dtype that NumPy parses, or ``None`` if it refuses the text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.dtype(spelled)
        except (TypeError, ValueError, SyntaxError):
            return None


def test_parsed_type_string_never_contradicts_the_type_that_numpy_parses():
    understood = 0
    for spelled in _SPELLED:
        found, accepted = parse_type_text(spelled), _parse_with_numpy(spelled)
        if accepted is None:
            continue
        assert not (accepted.hasobject and found.holds_objects is False), spelled
        if found != UNKNOWN_DTYPE:
            meant = (accepted.kind, accepted.itemsize, accepted.hasobject)
            assert (found.kind, found.item_size, found.holds_objects) == meant, spelled
            understood += 1
    assert understood > 100


@check_each("spelled", ["f8", "<f8", "|O", "O8", "object", "U5", "M8[ns]", "?", "b1", "S0", "float16"])
def test_usual_numpy_type_strings_are_parsed(spelled):
    assert parse_type_text(spelled) != UNKNOWN_DTYPE


@given(_draw_dtypes())
@settings(max_examples=200, deadline=None)
def test_parsed_header_description_agrees_with_numpy(dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        descr = np.lib.format.dtype_to_descr(dtype)
        expected = np.lib.format.descr_to_dtype(descr)
    parsed = parse_description(descr)
    assert (parsed.item_size, parsed.holds_objects) == (expected.itemsize, expected.hasobject)


@check_each(
    "shape, item_size, expected",
    [((), 8, 8), ((2, 3), 4, 24), ((0, 5), 8, 0), ((5,), 0, 0), ((-1,), 8, None), ((2**63,), 1, None),
     ((2**62, 2), 1, None), ((0, 2**62, 4), 1, None), ((2**62,), 1, 2**62), ((3,), None, None), (("3",), 1, None)],
)  # fmt: skip
def test_byte_size_of_an_array_is_computed_from_its_shape_or_none_if_the_shape_is_invalid(shape, item_size, expected):
    assert count_array_bytes(shape, item_size) == expected


@given(_draw_dtypes(), st.integers(0, 5), st.integers(0, 2))
@settings(max_examples=300, deadline=None)
def test_arrays_pickled_by_numpy_have_no_forged_state(read_bytes, dtype, protocol, count):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = [dtype, np.zeros(count, dtype), np.zeros((1, count), dtype, order="F"), dtype]
        data = pickle.dumps(value, protocol)
    reading = read_bytes(data)
    assert not reading.kinds()
    assert not reading.unread


@check_each(
    "value",
    [np.dtype("f8", metadata={"a": 1}), np.rec.array([(1, "a")]), np.zeros(2, (np.record, [("a", "O")])),
     np.ma.array([1, 2], mask=[0, 1]), np.ma.array([None], mask=[1], dtype=object), np.float64(1), np.datetime64("2020"),
     np.zeros(1, [("a", "O")])[0], np.array(["a"], np.dtypes.StringDType()), np.random.default_rng(1),
     np.zeros(2, {"names": ["a"], "formats": ["O"], "offsets": [8], "itemsize": 24}),
     np.zeros(2, np.dtype((np.int32, {"low": (np.int16, 0), "high": (np.int16, 2)}))), [np.ones(3)] * 3, np.char.array(["a"])],
)  # fmt: skip
@check_each("protocol", range(6))
def test_other_objects_pickled_by_numpy_have_no_forged_state(value, protocol, read_bytes):
    reading = read_bytes(pickle.dumps(value, protocol))
    assert "forged-state" not in reading.kinds()
    assert not reading.unread


def _list_forged_states(read_fixture, forgery: str) -> list[str]:
    """Return the detail of each forged state in the fixture ``forged-<forgery>.npy``."""
    reading = read_fixture(f"npy/malicious/forged-{forgery}.npy")
    return [defect.detail for defect in reading.defects() if defect.kind == "forged-state"]


@check_each(
    "forgery, message",
    [
        ("flags", "its flags deny it"),
        ("field-flags", "its flags deny it"),
        ("part-flags", "its flags deny it"),
        ("part-old-version", "its flags deny it"),
        ("field-beyond", "ends at byte 1073741832 of an item of 8 bytes"),
        ("field-before", "a field at offset -1073741824"),
        ("size", "of 8 bytes has a state for -5 bytes"),
        ("part-size", "whose parts have an invalid shape or another size"),
        ("claimed-objects", "flags claim some"),
        ("pointer", "flags claim some"),
        ("no-unit", "dates without their unit"),
        ("raw-objects", "raw bytes in place of the objects"),
        ("negative-shape", "the shape (-1,)"),
        ("state-twice", "is set a second time"),
        ("state-late", "refers to it already"),
        ("fields-changed", "refers to it already"),
        ("content-twice", "set twice"),
        ("made-with-room", "made with memory"),
        ("strange-maker", "made in a way"),
    ],
)
def test_forged_array_state_whose_bytes_numpy_would_use_as_addresses_is_reported(forgery, message, read_fixture):
    assert any(message in detail for detail in _list_forged_states(read_fixture, forgery))


_DEFAULT_SIZES = b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
"""The middle of the state of a dtype: no subarray, names or fields (NONE), and -1 as size and alignment (BININT)."""
_ONE_NONE = b"](Ne"
"""Opcodes of a list with one ``None``, the content of an array of one object."""


# A type with an object needs all of the flags 1, 2, 8 and 16 (``NPY_FROM_FIELDS`` of NumPy), which are 27.
@pytest.mark.parametrize("flag", [0, 1, 2, 4, 16])
def test_dtype_state_with_incomplete_object_flags_is_reported_as_forged(flag, read_bytes):
    dtype = push_dtype("V8", flag, sizes=(8, 1), **build_field(OBJECT))
    assert "forged-state" in read_bytes(push_array(dtype, _ONE_NONE)).kinds()


# 27; with the highest bit 155, which is -101 as a signed byte.
@pytest.mark.parametrize("flag", [27, -101, 155])
def test_dtype_state_with_object_flags_that_numpy_writes_is_accepted(flag, read_bytes):
    dtype = push_dtype("V8", flag, sizes=(8, 1), **build_field(OBJECT))
    assert not read_bytes(push_array(dtype, _ONE_NONE)).kinds()


@check_each(
    "maker",
    [
        push_call(push_name("numpy", "dtype"), push_text("unheard of")),
        push_call(push_name("numpy", "dtype"), push_name("numpy", "object_")),
        push_call(push_name("numpy", "dtype"), push_name("builtins", "object")),
        push_call(push_name("numpy", "dtype"), push_call(push_name("numpy", "dtype"), push_text("O8"))),
        push_call(push_name("numpy.dtypes", "ObjectDType")),
        push_call(push_name("somepackage", "make")),
        b"N",
    ],
)
def test_dtype_state_set_on_an_object_of_unknown_type_is_reported_as_forged(maker, read_bytes):
    # NumPy takes the byte order as text or as bytes. The version 3 precedes it, and the flags 0 are last.
    for order in (push_text("|"), b"C\x01|"):
        state = b"(K\x03" + order + _DEFAULT_SIZES + b"K\x00tb"
        assert "forged-state" in read_bytes(build_stream(maker + state)).kinds()


def test_dtype_state_with_a_part_computed_by_a_call_is_reported_as_forged(read_bytes):
    dtype = push_call(push_name("numpy", "dtype"), push_text("O8"), b"\x89", b"\x88")  # NEWFALSE, NEWTRUE
    flags = push_call(push_name("builtins", "int"), push_text("0"))
    state = b"(K\x03" + push_text("|") + _DEFAULT_SIZES + flags + b"tb"
    assert "forged-state" in read_bytes(build_stream(dtype + state)).kinds()


def test_numpy_type_with_too_many_fields_leaves_an_absence_for_the_limit(read_bytes):
    many = np.zeros(2, [(f"f{number}", "f4") for number in range(100)])
    reading = read_bytes(pickle.dumps(many))
    assert reading.reasons() == {UnreadReason.LIMIT}
    assert not reading.kinds()
