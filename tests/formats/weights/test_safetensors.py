from __future__ import annotations

import json
import struct
from contextlib import nullcontext

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.fixtures import FIXTURES

from modelaudit.formats.registry import find_reader
from modelaudit.formats.weights.safetensors.reader import DTYPE_BITS
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.structure import UnreadReason

# Defects that the library accepts and the text of the format forbids.
STRICTER = {"duplicate-key", "header-start"}


def _make_file(header: object, data: bytes = b"") -> bytes:
    """Return a file with ``header``, as JSON or as the given bytes, and ``data`` as its tensors."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _make_tensor(dtype="F32", shape=(2,), start=0, end=8) -> dict[str, object]:
    """Return the entry of one tensor in a header."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def _is_accepted_by_library(data: bytes) -> bool:
    """Whether the ``safetensors`` library loads the file."""
    try:
        safetensors.deserialize(data)
    except (safetensors.SafetensorError, OSError):
        return False
    return True


@check_each(
    "path",
    # Each file is named after its defect, except those with notes: their metadata are the attack.
    sorted(path for path in (FIXTURES / "safetensors/malicious").iterdir() if not path.stem.startswith("notes-")),
)
def test_malicious_safetensors_fixture_has_the_defect_that_its_name_states(path, read_fixture):
    reading = read_fixture(f"safetensors/malicious/{path.name}")
    assert path.stem in reading.kinds(path.name)
    assert path.stem in STRICTER or not _is_accepted_by_library(path.read_bytes())


def test_safetensors_defects_over_the_bound_are_only_counted_and_long_tensor_names_are_cut(read_bytes):
    # The entry of a tensor lacks its dtype, its shape and its offsets.
    header = {f"{number}{'n' * 5000}": {} for number in range(300)}
    defects = read_bytes(_make_file(header), "m.safetensors").defects()
    assert [defect.kind for defect in defects] == ["malformed-tensor"] * 51
    assert defects[-1].detail == "250 more defects of this kind"
    assert all(len(defect.detail) < 300 for defect in defects)


@pytest.mark.parametrize("path", sorted((FIXTURES / "safetensors/benign").iterdir()), ids=lambda path: path.stem)
def test_safetensors_library_accepts_each_benign_fixture(path):
    assert _is_accepted_by_library(path.read_bytes())


@pytest.mark.parametrize("folder", ["truncated", "bomb"])
def test_safetensors_library_refuses_each_broken_fixture_and_the_reader_reports_it(folder, read_fixture):
    for path in (FIXTURES / "safetensors" / folder).iterdir():
        assert not _is_accepted_by_library(path.read_bytes())
        reading = read_fixture(f"safetensors/{folder}/{path.name}")
        assert reading.defects() or UnreadReason.DAMAGED in reading.reasons()


def test_file_that_the_safetensors_library_writes_has_no_defect(read_bytes):
    tensors = {"a": np.zeros((2, 3), np.float32), "b": np.ones(5, np.int64), "c": np.zeros((), np.uint8)}
    reading = read_bytes(safetensors.numpy.save(tensors, {"format": "np"}))
    (facts,) = reading.facts("safetensors")
    assert facts["tensors"] == "3"
    assert (reading.defects(), reading.unread) == ([], [])


def test_safetensors_reader_does_not_read_the_numbers_of_tensors(bytes_window):
    window = bytes_window(safetensors.numpy.save({"a": np.zeros(1 << 20, np.float32)}))
    artifact = Artifact("f", window.size, lambda: nullcontext(window))
    assert list(find_reader("safetensors").read(artifact, window, Limits()))
    assert window.bytes_read < 1000


def test_bytes_after_the_last_safetensors_tensor_are_read_as_an_artifact(read_fixture):
    formats = read_fixture("safetensors/malicious/trailing-data.safetensors").formats
    assert ["pickle"] in formats.values()


@check_each("dtype", sorted(DTYPE_BITS))
def test_width_of_each_safetensors_dtype_equals_that_of_the_library(dtype, read_bytes):
    # Eight numbers of n bits take n bytes.
    size = DTYPE_BITS[dtype]
    data = _make_file({"a": _make_tensor(dtype, (8,), 0, size)}, bytes(size))
    assert _is_accepted_by_library(data)
    assert read_bytes(data).kinds() == set()


def test_safetensors_header_with_too_many_bytes_or_values_is_reported_as_unread(read_bytes):
    data = _make_file({"a": _make_tensor()}, bytes(8))
    assert read_bytes(data, limits=Limits(header_bytes=20)).reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}
    assert read_bytes(data, limits=Limits(document_nodes=3)).reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}


def test_bytes_of_no_known_format_under_a_safetensors_name_are_reported_as_damaged(read_bytes):
    reading = read_bytes(b"\x00\x01\x02\x03\xff\xfe\x00\x00 nothing", "m.safetensors")
    assert reading.formats["m.safetensors"] == ["safetensors"]
    assert reading.reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**65) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
_SIZES = st.sampled_from([0, 1, 2, 3, 4, 8, 12, 16, 24, 2**32, 2**63, 2**64 - 1, 2**64])
_TENSOR = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*DTYPE_BITS, "F31", 3]),
        "shape": st.lists(_SIZES, max_size=3) | _JSON,
        "data_offsets": st.lists(_SIZES, min_size=2, max_size=2) | _JSON,
    }
)
_HEADER = st.dictionaries(st.sampled_from(["a", "b", "c", "__metadata__"]), _TENSOR | _JSON, max_size=3)


def _compare_with_library(data: bytes, read_bytes) -> None:
    """Check that the reader reports a fault of every file that the library refuses, and no other than stricter ones."""
    reading = read_bytes(data, "m.safetensors", only=find_reader("safetensors"))
    faults = reading.kinds("m.safetensors") | set(reading.reasons())
    if _is_accepted_by_library(data):
        assert faults <= STRICTER, (faults, reading.details)
    else:
        assert faults, reading.details


@settings(max_examples=300, deadline=None)
@given(header=_HEADER, data=st.binary(max_size=40))
@example(header={"a": _make_tensor("U8", [1], 1, 0)}, data=b"")
def test_reader_and_safetensors_library_accept_the_same_generated_headers(header, data, read_bytes):
    _compare_with_library(_make_file(header, data), read_bytes)


@st.composite
def _consistent_headers(draw):
    """Draw a header whose tensors follow one another without gaps, and the offset where the last one ends."""
    header, end = {}, 0
    for name in draw(st.lists(st.text("ab\u00e9", min_size=1), max_size=4, unique=True)):
        dtype = draw(st.sampled_from(sorted(DTYPE_BITS)))
        shape = draw(st.lists(st.integers(0, 4), max_size=3))
        bits = int(np.prod(shape, dtype=int)) * DTYPE_BITS[dtype]
        size = (bits + 7) // 8
        header[name] = _make_tensor(dtype, shape, end, end + size)
        end += size
    return header, end


@settings(max_examples=300, deadline=None)
@given(consistent_header=_consistent_headers(), data=st.data())
def test_safetensors_reader_and_library_agree_on_mutated_files_unless_the_reader_is_stricter(
    consistent_header, data, read_bytes
):
    header, data_size = consistent_header
    mutated = bytearray(_make_file(header, bytes(data_size)))
    for _ in range(data.draw(st.integers(0, 2))):
        # Only the header is mutated: neither the reader nor the library reads the data.
        position = data.draw(st.integers(0, len(mutated) - data_size - 1))
        mutated[position] = data.draw(st.sampled_from(b'0123456789"{}[]:, aF\\\x00\xff'))
    header_text = bytes(mutated[8 : len(mutated) - data_size])
    if _has_tensor_as_list(header_text):
        return
    _compare_with_library(bytes(mutated), read_bytes)


def _has_tensor_as_list(text: bytes) -> bool:
    """Whether the header has a tensor as ``[dtype, shape, offsets]``, which the library accepts and no writer makes."""
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and any(isinstance(item, list) for item in value.values())


@settings(max_examples=200, deadline=None)
@given(sample=st.binary(max_size=200))
@example(sample=b"\x02\0\0\0\0\0\0\0{}")
@example(sample=struct.pack("<Q", 2**63) + b"{")
@example(sample=struct.pack("<Q", 9) + b'{"a":"\xff"}')
def test_random_bytes_never_crash_the_safetensors_reader(sample, read_bytes):
    # Any error that the reader does not report as damage or as a limit fails the test.
    read_bytes(sample, "m.safetensors")


@check_each(
    "text",
    [
        # Halves of surrogate pairs, a whole pair, and an escaped backslash.
        rb'{"__metadata__":{"a":"\ud800"}}',
        rb'{"__metadata__":{"a":"\udc00"}}',
        rb'{"__metadata__":{"a":"\ud83d\ude00"}}',
        rb'{"__metadata__":{"a":"\\ud800"}}',
        b'{"__metadata__":null}',
        b'{"__metadata__":{"a":"b","a":"c"}}',
        b'{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}',
        b'{"a":{"dtype":"F32","shape":[0.0],"data_offsets":[0,0]}}',
        b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"extra":1e999}}',
        b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"extra":1}}',
        b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"extra":NaN}}',
        b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"extra":' + b"9" * 5000 + b"}}",
        b'{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,0]}}',
        b'{"a":{"dtype":"F32","shape":[0,18446744073709551616],"data_offsets":[0,0]}}',
        b'{"a":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}}',
        # The library accepts 127 levels where it ignores the value.
        b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"extra":' + b"[" * 125 + b"]" * 125 + b"}}",
        b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"extra":' + b"[" * 126 + b"]" * 126 + b"}}",
        b'{"a":' + b"[" * 126 + b"]" * 126 + b"}",
        b'{"a":' + b"[" * 130 + b"]" * 130 + b"}",
        b"{}",
        b"{} \n",
        b"{}x",
        b"[]",
        b"",
        b"\xef\xbb\xbf{}",
    ],
)
def test_reader_accepts_no_unusual_header_that_the_safetensors_library_refuses(text, read_bytes):
    _compare_with_library(_make_file(text), read_bytes)
