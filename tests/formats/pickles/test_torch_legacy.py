from __future__ import annotations

import io
import pickle
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.archives.zip.layout import detect_layout
from modelaudit.formats.pickles.pickle.legacy import locate_storages
from modelaudit.model.artifact import TORCH_TAR
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import TensorData, UnreadReason
from modelaudit.wire.deadline import Deadline, apply_deadline


@pytest.fixture(scope="module", autouse=True)
def _import_torch() -> None:
    """Import torch when a test runs, not when it is collected."""
    global torch
    torch = pytest.importorskip("torch", reason="installed by make test unless TORCH= leaves it out")


def save_in_legacy_layout(value: object) -> bytes:
    """Return the file that torch writes for ``value`` in the layout before zip."""
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def test_storages_of_a_legacy_torch_file_are_read_to_their_last_byte(read_bytes) -> None:
    reading = read_bytes(save_in_legacy_layout({"a": torch.ones(3), "b": torch.zeros(2, 2, dtype=torch.int64)}), "m.pt")
    (program,) = reading.of(PickleProgram)
    assert program.layout == "torch-legacy"
    assert sorted((claim.types, claim.counts, claim.stored_size) for claim in program.storages) == [
        (("FloatStorage",), (3,), 12),
        (("LongStorage",), (4,), 32),
    ]
    (data,) = reading.of(TensorData)
    # Before the bytes of each storage, torch writes the number of its elements in eight bytes.
    assert data.size == (8 + 12) + (8 + 32)
    assert reading.unread == []


@check_each("dtype", ["float16", "bfloat16", "float64", "complex64", "bool", "uint8", "int8", "int16", "int32"])
def test_legacy_torch_file_of_float_complex_bool_or_integer_numbers_is_read_completely(read_bytes, dtype: str) -> None:
    reading = read_bytes(save_in_legacy_layout({"a": torch.zeros(5, dtype=getattr(torch, dtype))}), "m.pt")
    assert reading.unread == []


def test_bytes_after_the_last_storage_of_a_legacy_torch_file_are_unclaimed(read_bytes) -> None:
    reading = read_bytes(save_in_legacy_layout({"a": torch.ones(3)}) + b"more", "m.pt")
    assert reading.unread == [("m.pt", UnreadReason.UNCLAIMED)]


def test_truncated_storage_of_a_legacy_torch_file_is_reported_as_damaged(read_bytes) -> None:
    reading = read_bytes(save_in_legacy_layout({"a": torch.ones(3)})[:-1], "m.pt")
    assert reading.unread == [("m.pt", UnreadReason.DAMAGED), ("m.pt", UnreadReason.UNCLAIMED)]
    assert reading.of(PickleProgram)[0].storages[0].stored_size is None


def test_storage_keys_that_are_not_read_by_the_deadline_are_reported_as_unread(bytes_window) -> None:
    keys = bytes_window(pickle.dumps(["0"] * 10_000, 2))
    with apply_deadline(Deadline(0)):
        storages = locate_storages(bytes_window(bytes(100)), keys, 0, [], Limits())
    assert storages.unread is not None
    assert storages.unread.reason is UnreadReason.LIMIT


def test_tensor_end_of_a_storage_is_the_end_of_the_farthest_tensor_in_it(read_bytes) -> None:
    reading = read_bytes(
        save_in_legacy_layout({"a": torch.zeros(10)[2:5], "b": torch.zeros(1).expand(7), "c": torch.tensor(1.0)}),
        "m.pt",
    )
    # Tensor "a" ends after the fifth float of its storage. Tensor "b" repeats the only one.
    assert sorted(claim.tensor_end for claim in reading.of(PickleProgram)[0].storages) == [4, 4, 20]


def test_member_names_of_an_old_torch_tar_give_the_layout_torch_tar() -> None:
    layout = detect_layout(["sys_info", "pickle", "tensors", "storages"])
    assert layout.name == "torch-tar"
    assert [layout.decide_content_type(name) for name in ("storages", "tensors", "pickle")] == [
        TORCH_TAR,
        TORCH_TAR,
        None,
    ]


@pytest.mark.parametrize("name", ["storages", "tensors"])
def test_torch_tar_member_with_an_invalid_count_or_record_is_reported_as_damaged(read_bytes, name: str) -> None:
    # A count of None, a count of -1, one record that is None, and no record where one is stated.
    for data in (b"\x80\x02N.", b"\x80\x02J\xff\xff\xff\xff.", b"\x80\x02K\x01.\x80\x02N.", b"\x80\x02K\x01."):
        reading = read_bytes(data, f"m.pt!{name}", content=TORCH_TAR)
        assert UnreadReason.DAMAGED in reading.reasons()


def test_torch_tar_tensor_with_too_many_dimensions_is_reported_as_damaged(read_bytes) -> None:
    # The count 1, a pickle of key, storage and type, and the number of dimensions.
    data = b"\x80\x02K\x01.\x80\x02K\x01K\x02N\x87." + struct.pack("<i4x", 2**30)
    assert UnreadReason.DAMAGED in read_bytes(data, "m.pt!tensors", content=TORCH_TAR).reasons()


@given(st.binary(max_size=120))
@settings(max_examples=200, deadline=None)
def test_torch_tar_records_of_any_bytes_are_read_without_error(read_bytes, data: bytes) -> None:
    for name in ("storages", "tensors"):
        # A pickle of the number of records, 3. The test fails if this raises.
        read_bytes(b"\x80\x02K\x03." + data, f"m.pt!{name}", content=TORCH_TAR)


@given(st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_legacy_torch_file_with_one_wrong_byte_is_read_without_error(read_bytes, offset: int, value: int) -> None:
    data = bytearray(save_in_legacy_layout({"a": torch.ones(3)}))
    data[offset % len(data)] = value
    # The test fails if this raises.
    read_bytes(bytes(data), "m.pt", Limits(artifact_cpu_seconds=10))
