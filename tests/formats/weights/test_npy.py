"""Arrays in the format of NumPy: files that NumPy writes, files that it accepts, and bytes after an array."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.outline import Outline
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import TensorData, UnreadReason
from modelaudit.wire.base import DamagedError
from modelaudit.wire.numpy_literal import parse_literal

_EVAL = b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R."  # a pickle that evaluates "1"
_ARRAYS = {
    "float64": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.ones((2, 3))),
    "big-endian": np.arange(3, dtype=">i4"),
    "long-double": np.zeros(2, np.longdouble),
    "text": np.array(["a", "bcd"]),
    "bytes": np.array([b"a", b"bcd"]),
    "void": np.zeros(2, "V7"),
    "dates": np.array(["2020-01-01"], dtype="M8[ms]"),
    "spans": np.array([1], dtype="m8[25s]"),
    "record": np.zeros(3, [("a", "i4"), ("b", "U3"), ("c", "f8", (2,))]),
    "nested-record": np.zeros(3, [("a", [("b", "i2"), ("c", "S4")])]),
    "titled-record": np.zeros(3, [(("a title", "a"), "i4")]),
    "aligned-record": np.zeros(3, np.dtype([("a", "u1"), ("b", "f8")], align=True)),
    "unicode-name": np.zeros(2, [("größe", "f4")]),
    "many-fields": np.zeros(1, [(f"field-{number}", "f4") for number in range(5000)]),
    "scalar": np.array(5),
    "empty": np.zeros((0, 4)),
    "no-bytes": np.zeros(3, "S0"),
}
_OBJECTS = {
    "objects": np.array([None, "a", 1], dtype=object),
    "object-record": np.zeros(2, [("a", "i4"), ("b", "O")]),
    "deep-object-record": np.zeros(2, [("a", [("b", "O", (2,))])]),
}


def _write_array(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    """Return the ``.npy`` file that NumPy writes for ``array``."""
    file = io.BytesIO()
    # NumPy warns of names that only version 3.0 can store, and of metadata.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.lib.format.write_array(file, array, version)
    return file.getvalue()


def _make_file(descr: str, shape: str, data: bytes) -> bytes:
    """Return a ``.npy`` file with the given texts in its header, valid or not, and ``data`` after it."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode("latin-1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@check_each("name", _ARRAYS)
def test_arrays_that_numpy_writes_are_read_completely(name, read_bytes):
    array = _ARRAYS[name]
    reading = read_bytes(_write_array(array))
    (facts,) = reading.facts("npy")
    assert (facts["shape"], facts["item bytes"]) == (str(array.shape), str(array.itemsize))
    assert (facts["objects"], facts["order"]) == ("no", "Fortran" if np.isfortran(array) else "C")
    assert reading.of(TensorData) == [TensorData(array.nbytes)]
    assert not reading.unread
    assert not reading.defects()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_file_of_every_version_is_read(version, read_bytes):
    reading = read_bytes(_write_array(_ARRAYS["float64"], version))
    (facts,) = reading.facts("npy")
    assert facts["version"] == f"{version[0]}.{version[1]}"
    assert not reading.unread


@pytest.mark.parametrize("name", _OBJECTS)
def test_data_of_an_npy_object_array_are_read_as_a_pickle(name, read_bytes):
    reading = read_bytes(_write_array(_OBJECTS[name]), "x.npy")
    (facts,) = reading.facts("npy")
    assert facts["objects"] == "yes"
    # The pickle reaches to the end of the file, so its length gives the offset in its path.
    (program,) = reading.of(PickleProgram)
    pickle_start = len(_write_array(_OBJECTS[name])) - program.streams[0].end
    paths = [path for path, structure in reading.structures if isinstance(structure, PickleProgram)]
    assert paths == [f"x.npy!data@{pickle_start}"]
    assert "numpy._core.multiarray._reconstruct" in reading.called
    assert not reading.unread
    assert not reading.defects()


@check_each(
    "descr",
    ["'O'", "'|O'", "'<O'", "'O8'", "'|O4'", "'object'", "'object_'", "'|' 'O'", "'\\x4f'", "u'O'", "b'O'", "'i4,O'",
     "'2O'", "[('a', 'O')]", "[('a', '|i1'), ('b', [('c', 'O')])]", "('O', (2,))", "('V8', 'O')", "('O', {'a': ('O', 0)})",
     "{'names': ['a'], 'formats': ['O']}", "{'a': ('O', 0)}", "[['a', 'O']]", "'T'", "'unheard of'", "None", "7", "()"],
)  # fmt: skip
def test_npy_data_of_a_dtype_that_may_hold_objects_are_read_as_a_pickle(descr, read_bytes):
    assert read_bytes(_make_file(descr, "(1,)", _EVAL)).called == {"builtins.eval"}


@pytest.mark.parametrize("descr", ["'<f4,<f4'", "'l'", "'unheard of'"])
def test_npy_array_whose_dtype_has_an_unknown_size_is_reported_as_damaged(descr, read_bytes):
    reading = read_bytes(_make_file(descr, "(1,)", bytes(range(8))))
    assert reading.reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}
    assert not reading.of(TensorData)


def test_pickle_of_an_npy_object_array_is_read_even_without_a_proto_opcode(read_bytes):
    pickled_one = b"K\x01."  # the opcode for a small number, and STOP
    reading = read_bytes(_make_file("'O'", "(1,)", pickled_one))
    assert reading.of(PickleProgram)[0].streams[0].complete


def test_npy_number_array_whose_bytes_form_a_pickle_is_read_as_tensor_data(read_bytes):
    reading = read_bytes(_make_file("'|u1'", f"({len(_EVAL)},)", _EVAL))
    assert not reading.of(PickleProgram)
    assert reading.of(TensorData) == [TensorData(len(_EVAL))]


def test_consecutive_arrays_in_one_npy_file_are_all_read(read_bytes):
    several = [_ARRAYS["float64"], _OBJECTS["objects"], _ARRAYS["text"], _OBJECTS["objects"], _ARRAYS["scalar"]]
    reading = read_bytes(b"".join(map(_write_array, several)))
    assert [facts["shape"] for facts in reading.facts("npy")] == [str(array.shape) for array in several]
    assert len(reading.of(PickleProgram)) == 2
    assert not reading.unread


@pytest.mark.parametrize("first", [_ARRAYS["float64"], _OBJECTS["objects"]])
def test_pickle_after_an_npy_array_is_read(first, read_bytes):
    assert "builtins.eval" in read_bytes(_write_array(first) + _EVAL).called


def test_unknown_bytes_after_an_npy_array_are_unclaimed(read_bytes):
    reading = read_bytes(_write_array(_ARRAYS["float64"]) + b"\xff\xfe\xfd")
    assert reading.details == ["3 bytes belong to no part of the npy format: bytes 176-178"]


def test_npy_header_with_a_repeated_key_is_read_by_its_last_value(read_bytes):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'descr': 'O'}\n"
    reading = read_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + _EVAL)
    assert reading.kinds() == {"duplicate-key"}
    assert reading.called == {"builtins.eval"}


@pytest.mark.parametrize(
    ("shape", "kind"), [("(-1,)", "negative-length"), ("(0, -1)", "negative-length"), (f"({2**62}, 2)", "size-overflow"),
                        (f"(0, {2**62}, 4)", "size-overflow")]
)  # fmt: skip
def test_npy_array_of_an_invalid_shape_has_a_defect(shape, kind, read_bytes):
    reading = read_bytes(_make_file("'<f8'", shape, bytes(64)))
    assert reading.kinds() == {kind}
    assert not reading.of(TensorData)


@check_each("percentage", range(0, 100, 3))
def test_npy_file_truncated_anywhere_after_its_first_eight_bytes_is_reported_as_damaged(percentage, read_bytes):
    data = _write_array(_OBJECTS["objects"])
    length = len(data) * percentage // 100
    reading = read_bytes(data[:length])
    # Fewer than eight bytes are not recognised as an array.
    assert length < 8 or UnreadReason.DAMAGED in reading.reasons()


def test_npy_arrays_in_a_compressed_archive_are_read(read_bytes):
    file = io.BytesIO()
    np.savez_compressed(file, plain=_ARRAYS["float64"], objects=_OBJECTS["objects"])
    reading = read_bytes(file.getvalue(), "x.npz")
    outlines = [(path, structure) for path, structure in reading.structures if isinstance(structure, Outline)]
    npy_paths = {path for path, outline in outlines if outline.format == "npy"}
    assert npy_paths == {"x.npz!plain.npy", "x.npz!objects.npy"}
    assert "numpy._core.multiarray._reconstruct" in reading.called
    assert not reading.unread


_LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_LITERALS)
@settings(max_examples=200, deadline=None)
def test_npy_literal_parser_returns_the_value_whose_repr_it_parses(value):
    assert parse_literal(repr(value)) == (value, frozenset())
    assert parse_literal(f" {value!a} \n") == (value, frozenset())


@check_each(
    "text",
    # Unfinished or foreign syntax, calls, names, and numbers or nesting over the bounds.
    ["", "(", "[1", "{'a'}", "{'a': 1 'b': 2}", "1 2", "'a", "'\\x4'", "f'O'", "'''O'''", "{1: 2}", "x", "None()",
     "[" * 5000, "-" * 5000 + "1", "1" * 5000, "('a' b'b')", "(,)", "'\\N{BELL}'", "b'\\u0041'", "b'\\U00000041'"],
)  # fmt: skip
def test_npy_literal_parser_raises_an_error_for_text_that_is_not_a_plain_literal(text):
    with pytest.raises(DamagedError):
        parse_literal(text)


@given(replaced=st.binary(max_size=120), position=st.integers(0, 200), name=st.sampled_from(sorted(_OBJECTS)))
@settings(max_examples=150, deadline=None)
def test_mutated_npy_files_never_crash_the_reader(read_bytes, replaced, position, name):
    # Any error that the reader does not report as damage or as a limit fails the test.
    data = _write_array(_OBJECTS[name])
    read_bytes(data[:position] + replaced + data[position + len(replaced) :])
