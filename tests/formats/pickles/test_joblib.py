"""Files of joblib: what the library writes, and files that its loader and ``pickle`` read differently."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import zlib

import joblib
import numpy as np
import pytest
from builders import joblib_files
from builders.numpy_files import OBJECT, build_object_array, push_dtype
from builders.pickles import push_call, push_name, push_text
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import TensorData, UnreadReason
from modelaudit.wire.streams import COMPRESSED

_VALUES = {
    "numbers": np.arange(12.0).reshape(3, 4),
    "fortran": np.asfortranarray(np.ones((2, 3))),
    "objects": np.array(["a", None, {"k": [1, 2]}], dtype=object),
    "record": np.zeros(3, [("a", "i4"), ("b", "U3"), ("c", "f8", (2,))]),
    "object-record": np.array([(1, "a")], [("a", "i4"), ("b", "O")]),
    "dates": np.array(["2020-01-01"], "M8[D]"),
    "empty": np.zeros((0, 3)),
    "scalar": np.array(5),
    "matrix": np.ones((1, 2)).view(np.matrix),
    "nested": {"w": np.ones(3, "f4"), "o": np.array([{"x": np.ones(2)}], dtype=object), "n": [np.arange(n) for n in range(5)]},
    "shared": [np.ones(2)] * 3,
    "no-array": {"a": 1},
}  # fmt: skip
_SYSTEM = push_call(push_name("posix", "system"), push_text("echo inert"))
_FLOAT = push_dtype("f8", 0, "<")


def dump_with_joblib(value: object, **options: object) -> bytes:
    """Return what ``joblib.dump`` writes for ``value``."""
    file = io.BytesIO()
    joblib.dump(value, file, **options)
    return file.getvalue()


@check_each("protocol", range(6))
@check_each("name", _VALUES)
def test_pickle_machine_reads_a_joblib_file_to_its_end(name, protocol, read_bytes):
    data = dump_with_joblib(_VALUES[name], protocol=protocol)
    reading = read_bytes(data)
    (program,) = reading.of(PickleProgram)
    assert [(stream.start, stream.end, stream.complete) for stream in program.streams] == [(0, len(data), True)]
    assert not reading.unread
    assert not reading.defects()


@check_each("codec", ["zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
@check_each("name", ["nested", "object-record"])
def test_pickle_machine_reads_a_compressed_joblib_file(name, codec, read_bytes):
    reading = read_bytes(dump_with_joblib(_VALUES[name], compress=(codec, 3)), "x.joblib")
    assert [path for path, structure in reading.structures if isinstance(structure, PickleProgram)] == [
        "x.joblib!content"
    ]
    assert not reading.unread
    assert not reading.defects()


@pytest.mark.parametrize("pack", [bz2.compress, gzip.compress, zlib.compress])
def test_pickle_machine_reads_a_twice_compressed_joblib_file(pack, read_bytes):
    reading = read_bytes(pack(dump_with_joblib(_VALUES["nested"], compress=("xz", 1))))
    assert len(reading.facts(COMPRESSED)) == 2
    assert reading.of(PickleProgram)[0].streams[0].complete
    assert not reading.unread


def test_calls_in_the_pickle_of_a_joblib_object_array_are_found(read_bytes):
    data = dump_with_joblib([np.ones(5), np.array([complex(1, 2)], dtype=object), np.ones(5)])
    assert {"builtins.complex", "numpy._core.multiarray._reconstruct"} <= read_bytes(data).called


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("compress", [False, True])
def test_call_after_a_joblib_array_of_numbers_is_found(aligned, compress, read_bytes):
    wrapper = b"\x80\x04(" + joblib_files.push_array_wrapper(_FLOAT, aligned=aligned)
    array = joblib_files.append_aligned_data(wrapper, bytes(24)) if aligned else wrapper + bytes(24)
    data = array + _SYSTEM + b"t."
    reading = read_bytes(zlib.compress(data) if compress else data)
    assert reading.called == {"numpy.dtype", "posix.system"}
    assert not reading.unread


def test_call_after_a_joblib_array_of_objects_is_found(read_bytes):
    data = b"\x80\x04(" + joblib_files.push_array_wrapper(OBJECT) + build_object_array(b"N") + _SYSTEM + b"t."
    reading = read_bytes(data)
    assert "posix.system" in reading.called
    assert not reading.unread


def test_call_in_opcodes_that_joblib_takes_for_array_numbers_is_found(read_bytes):
    # An array of bytes that are opcodes: joblib loads them as numbers, pickle executes them.
    program = b"cposix\nsystem\n(Vecho inert\ntR."
    shape = b"K" + bytes([len(program)]) + b"\x85"
    data = b"\x80\x04" + joblib_files.push_array_wrapper(push_dtype("u1"), shape, aligned=False) + program + b"."
    assert read_bytes(data).called == {"numpy.dtype", "posix.system"}


@check_each("start", [b"R", b"\x93", b"cx\ny\n", b"c\n\nR", b"\x81b", b"0", b"\x00", b"}}}"])
def test_joblib_array_numbers_that_form_opcodes_by_chance_are_not_taken_for_a_call(start, read_bytes):
    data = b"\x80\x04(" + joblib_files.push_array_wrapper(_FLOAT, aligned=False) + (start + b"\xff" * 24)[:24] + b"t."
    assert read_bytes(data).called == {"numpy.dtype"}


def test_call_that_runs_under_pickle_load_but_not_under_joblib_is_found(read_fixture):
    assert "posix.system" in read_fixture("joblib/malicious/other-memo.joblib").called


@pytest.mark.parametrize(
    # Opcodes that push a state and BUILD: without attributes, without a shape, with text as the dtype, with two shapes,
    # and ``None``.
    ("state", "reason"),
    [
        (b"}b", "its dtype is unknown"),
        (b"}(" + push_text("dtype") + _FLOAT + push_text("shape") + b"Nub", "its shape is unknown"),
        (b"}(" + push_text("dtype") + push_text("f8") + push_text("shape") + b"K\x03\x85ub", "its dtype is unknown"),
        (
            b"}("
            + push_text("dtype")
            + _FLOAT
            + push_text("shape")
            + b"K\x03\x85"
            + push_text("shape")
            + b"K\x04\x85ub",
            "how many",
        ),
        (b"Nb", "how many"),
    ],
)
def test_joblib_array_is_reported_as_unread_if_its_size_cannot_be_determined(state, reason, read_bytes):
    data = (
        b"\x80\x04"
        + joblib_files.push_instance(push_name("joblib.numpy_pickle", "NumpyArrayWrapper"))
        + state
        + bytes(24)
        + b"."
    )
    reading = read_bytes(data)
    assert reading.reasons() == {UnreadReason.NO_READER, UnreadReason.UNCLAIMED}
    assert reason in reading.details[0]


@pytest.mark.parametrize(
    # Opcodes that push what joblib never writes in place of ``(3,)``: a list, ``torch.Size``, and a number by a call.
    "shape",
    [
        b"]K\x03a",
        push_call(push_name("torch", "Size"), b"K\x03\x85"),
        push_call(push_name("builtins", "int"), push_text("3")) + b"\x85",
    ],
)
def test_joblib_array_whose_shape_is_not_a_tuple_of_literal_integers_has_a_defect(shape, read_bytes):
    state = b"}(" + push_text("dtype") + _FLOAT + push_text("shape") + shape + b"ub"
    wrapper = joblib_files.push_instance(push_name("joblib.numpy_pickle", "NumpyArrayWrapper"))
    # The call after the numbers takes its names from the memo, so that no pickle begins there.
    names = push_text("posix") + b"\x94" + push_text("system") + b"\x94"
    data = b"\x80\x04(" + names + wrapper + state + bytes(24) + b"h\x00h\x01\x93" + push_text("echo inert") + b"\x85Rt."
    assert "forged-state" in read_bytes(data).kinds()


@pytest.mark.parametrize("state", [b"Nb", b"}(" + push_text("dtype") + push_text("f8") + b"ub"])
def test_joblib_array_with_none_as_its_state_or_text_as_its_dtype_has_a_defect(state, read_bytes):
    wrapper = joblib_files.push_instance(push_name("joblib.numpy_pickle", "NumpyArrayWrapper"))
    assert "forged-state" in read_bytes(b"\x80\x04" + wrapper + state + bytes(24) + b".").kinds()


def test_array_after_a_second_state_of_the_same_joblib_wrapper_is_reported_as_unread(read_bytes):
    # The second BUILD is on the same wrapper, which the memo returns.
    wrapper = joblib_files.push_instance(push_name("joblib.numpy_pickle", "NumpyArrayWrapper")) + b"\x94"
    first = b"\x80\x04(" + joblib_files.push_array_wrapper(_FLOAT, instance=wrapper, aligned=False) + bytes(24)
    second = joblib_files.push_array_wrapper(_FLOAT, instance=b"h\x00", aligned=False) + bytes(24)
    reading = read_bytes(first + second + b"t.")
    assert reading.reasons() == {UnreadReason.NO_READER, UnreadReason.UNCLAIMED}


@pytest.mark.parametrize("size", [100, 100_000])
def test_pickle_frame_that_covers_the_bytes_of_a_joblib_array_is_a_defect(size, read_bytes):
    # In a large file, the frame begins inside plain data that the machine skips.
    text = push_text("x" * 60)
    plain_data = text * (size // len(text))
    framed = b"(" + plain_data + b"u" + joblib_files.push_array_wrapper(_FLOAT) + b"0" + _SYSTEM + b"0"
    data = b"\x80\x04}(" + push_text("k") + b"N\x95" + struct.pack("<Q", len(framed)) + framed
    reading = read_bytes(data + joblib_files.append_aligned_data(b"", bytes(24)) + b".")
    assert "forged-state" in reading.kinds()
    assert UnreadReason.NO_READER in reading.reasons()


def test_large_file_that_joblib_writes_has_no_defect(read_bytes):
    value = [
        {f"key-{n}": f"value-{n}" for n in range(20_000)},
        np.ones(3),
        {n: "x" * 40 for n in range(5_000)},
        np.ones(2),
    ]
    for protocol in (2, 4, 5):
        reading = read_bytes(dump_with_joblib(value, protocol=protocol))
        assert not reading.unread
        assert not reading.defects()


@pytest.mark.parametrize("attribute", ["read", "read_array", "safe_get_numpy_array_alignment_bytes", "__class__"])
def test_joblib_array_wrapper_with_an_unknown_attribute_has_a_defect(attribute, read_bytes):
    extra = push_text(attribute) + push_name("collections", "OrderedDict")
    data = (
        joblib_files.append_aligned_data(b"\x80\x04" + joblib_files.push_array_wrapper(_FLOAT, extra=extra), bytes(24))
        + b"."
    )
    assert "forged-state" in read_bytes(data).kinds()


@check_each("file", ["/etc/x.npy", "../x.npy", "a/b.npy", "..", "", "C:x.npy", "\\\\host\\x.npy", "x\0.npy"])
def test_joblib_reference_to_a_side_file_by_a_path_or_an_invalid_file_name_is_a_defect(file, read_bytes):
    assert read_bytes(b"\x80\x04" + joblib_files.push_file_wrapper(file) + b".").kinds() == {"side-file-outside"}


@pytest.mark.parametrize("cls", ["NDArrayWrapper", "ZNDArrayWrapper"])
def test_joblib_reference_to_a_side_file_in_the_same_folder_is_no_defect(cls, read_bytes):
    reading = read_bytes(b"\x80\x04" + joblib_files.push_file_wrapper("x.pkl_01.npy", cls) + b".")
    assert not reading.kinds()
    assert not reading.unread


@pytest.mark.parametrize("spaces", [0, 1])
def test_zfile_of_old_joblib_is_decompressed(spaces, read_bytes):
    pickled = b"\x80\x04" + _SYSTEM + b"."
    # The header of a ZFile: magic, and the length of the content as hexadecimal text.
    header = b"ZF" + hex(len(pickled)).encode().ljust(19) + b" " * spaces
    assert read_bytes(header + zlib.compress(pickled)).called == {"posix.system"}


@pytest.mark.parametrize("spaces", [0, 1])
def test_array_in_a_joblib_zfile_counts_as_tensor_data_and_bytes_after_it_are_unclaimed(spaces, read_bytes):
    numbers = np.arange(100.0).tobytes()
    reading = read_bytes(
        b"ZF" + hex(len(numbers)).encode().ljust(19) + b" " * spaces + zlib.compress(numbers) + b"\xff\xfe\xfd"
    )
    assert reading.of(TensorData) == [TensorData(800)]
    assert reading.reasons() == {UnreadReason.UNCLAIMED}
    assert "3 bytes belong to no part of the joblib format" in reading.details[0]


def test_joblib_array_larger_than_its_file_is_reported_as_damaged(read_fixture):
    assert read_fixture("joblib/bomb/large-array.joblib").reasons() == {
        UnreadReason.DAMAGED,
        UnreadReason.UNCLAIMED,
    }


def test_joblib_object_array_that_is_memory_mapped_is_a_defect(read_fixture):
    assert "forged-state" in read_fixture("joblib/malicious/mapped-objects.joblib").kinds()


def test_joblib_file_with_many_defects_of_one_kind_still_reports_the_other_kind(read_fixture):
    assert read_fixture("joblib/malicious/crowded-out.joblib").kinds() == {"memo-index", "forged-state"}


_COMPLETE_FILE = dump_with_joblib(_VALUES["nested"])


@given(noise=st.binary(max_size=40), offset=st.integers(0, len(_COMPLETE_FILE)))
@settings(max_examples=200, deadline=None)
def test_mutated_joblib_files_are_read_without_error(read_bytes, noise, offset):
    # The test fails if this raises.
    read_bytes(_COMPLETE_FILE[:offset] + noise + _COMPLETE_FILE[offset + len(noise) :])


@given(length=st.integers(1, len(_COMPLETE_FILE) - 1))
@example(length=1)
@example(length=2)
@example(length=3)
@settings(max_examples=60, deadline=None)
def test_truncated_joblib_file_is_reported_as_damaged_or_as_without_a_reader_if_only_proto_is_left(read_bytes, length):
    reading = read_bytes(_COMPLETE_FILE[:length])
    # PROTO, the first opcode, takes two bytes, and no other opcode tells that they begin a pickle.
    expected = UnreadReason.DAMAGED if length > 2 else UnreadReason.NO_READER
    assert expected in {unread.reason for _, unread in reading.inner.unread}


def test_array_of_objects_whose_pickle_makes_another_object_is_a_defect(read_bytes):
    array = dump_with_joblib(np.array([None, "a"], dtype=object))
    assert not read_bytes(array).defects()
    start = array.rindex(b"ub") + 2
    for inner in (b"}", b"N", b"cbuiltins\nobject\n)\x81", b"cnumpy\nndarray\n"):
        reading = read_bytes(array[:start] + b"\x80\x02" + inner + b"..")
        assert "forged-state" in reading.kinds()
