from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.codecs import DEFLATE
from modelaudit.wire.deadline import Deadline
from modelaudit.wire.windows import (
    Budget,
    DecompressedWindow,
    SubWindow,
    TimedWindow,
    get_budget,
    iterate_chunks,
    read_all_bytes,
)


def _compress_deflate(data: bytes) -> bytes:
    """Return ``data`` as raw deflate."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _open_decompressed_window(
    bytes_window, packed: bytes, size: int, limits: Limits | None = None
) -> DecompressedWindow:
    """Return a window on the content of ``packed`` (raw deflate), which has ``size`` bytes according to its container."""
    limits = limits or Limits()
    parent = bytes_window(packed)
    return DecompressedWindow(SubWindow(parent, 0, len(packed), get_budget(parent, limits)), DEFLATE, size, limits)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=60), start=st.integers(0, 80), length=st.integers(0, 80), offset=st.integers(-5, 90))
def test_sub_window_reads_slice_of_parent(data, start, length, offset, bytes_window):
    window = SubWindow(bytes_window(data), start, length, Budget(Limits(), 1))
    part = data[start : start + length]
    assert window.size == len(part)
    assert window.read(offset, 7) == (part[offset : offset + 7] if offset >= 0 else b"")


@settings(max_examples=100, deadline=None)
@given(
    data=st.binary(max_size=3000),
    reads=st.lists(st.tuples(st.integers(0, 3200), st.integers(0, 500)), max_size=6),
    size_error=st.integers(-10, 10),
)
def test_decompressed_window_returns_the_content_at_any_offset_despite_a_wrong_stated_size(
    data, reads, size_error, bytes_window
):
    with _open_decompressed_window(bytes_window, _compress_deflate(data), max(0, len(data) + size_error)) as window:
        for offset, length in reads:
            assert window.read(offset, length) == data[offset : offset + length]
        assert b"".join(iterate_chunks(window)) == data
        assert window.size == len(data)


def test_decompressed_window_states_the_given_size_without_reading_its_parent(bytes_window):
    parent = bytes_window(_compress_deflate(bytes(10 << 20)))
    limits = Limits()
    with DecompressedWindow(SubWindow(parent, 0, parent.size, Budget(limits, 1)), DEFLATE, 10 << 20, limits) as window:
        assert window.size == 10 << 20
        assert parent.bytes_read == 0


def test_read_of_a_decompressed_window_beyond_the_damage_raises_window_error(bytes_window):
    data = bytes(range(256)) * 100
    packed = _compress_deflate(data)
    with _open_decompressed_window(bytes_window, packed[: len(packed) // 2], len(data)) as window:
        before_damage = window.read(0, len(data))
        assert 0 < len(before_damage) < len(data)
        assert data.startswith(before_damage)
        with pytest.raises(WindowError) as raised:
            window.read(len(before_damage), 1)
        assert raised.value.reason is UnreadReason.DAMAGED
        assert window.read(0, 10) == data[:10]


def test_decompressed_window_stops_at_the_limit_of_the_expansion_ratio(bytes_window):
    limits = Limits(expansion_floor=1000, expansion_ratio=10)
    with _open_decompressed_window(bytes_window, _compress_deflate(bytes(100_000)), 100_000, limits) as window:
        assert len(window.read(0, 100_000)) == max(1000, 10 * len(_compress_deflate(bytes(100_000))))
        with pytest.raises(WindowError) as raised:
            window.read(99_000, 1)
        assert raised.value.reason is UnreadReason.LIMIT


def test_decompressed_windows_with_one_expansion_budget_share_its_bytes(bytes_window):
    limits = Limits(expanded_bytes=150)
    inner = _compress_deflate(bytes(100))
    with _open_decompressed_window(bytes_window, inner + inner, 100, limits) as first:
        assert first.read(0, 100) == bytes(100)
        assert get_budget(first, limits) is first.budget
        stored = SubWindow(bytes_window(inner), 0, len(inner), first.budget)
        with DecompressedWindow(stored, DEFLATE, 100, limits) as second, pytest.raises(WindowError) as raised:
            second.read(0, 100)
        assert raised.value.reason is UnreadReason.LIMIT


def test_too_long_read_of_a_decompressed_window_raises_window_error_with_reason_limit(bytes_window):
    with _open_decompressed_window(bytes_window, _compress_deflate(b"x"), 1) as window:
        with pytest.raises(WindowError) as refused:
            window.read(0, Limits().read_bytes + 1)
        assert refused.value.reason is UnreadReason.LIMIT


def test_chunks_of_a_window_cover_the_requested_bytes_in_order(bytes_window):
    assert list(iterate_chunks(bytes_window(b"abcdefg"), 1, 6, 2)) == [b"bc", b"de", b"f"]


def test_read_all_bytes_of_a_window_over_the_limit_raises_window_error_with_reason_limit(bytes_window):
    assert read_all_bytes(bytes_window(b"x" * 10), 10) == b"x" * 10
    with pytest.raises(WindowError) as raised:
        read_all_bytes(bytes_window(b"x" * 11), 10)
    assert raised.value.reason is UnreadReason.LIMIT


def test_sub_window_longer_than_its_parent_ends_where_the_parent_ends(bytes_window):
    with _open_decompressed_window(bytes_window, _compress_deflate(b"short"), 1000) as window:
        part = SubWindow(window, 2, 500, window.budget)
        assert part.size == 500
        assert part.read(0, 500) == b"ort"
        assert part.size == 3
        assert SubWindow(window, 9, 5, window.budget).size == 0


class BytesWindow:
    """A window on the three bytes ``abc``."""

    size = 3

    def read(self, offset: int, length: int) -> bytes:
        return b"abc"[offset : offset + length]


def test_window_reads_normally_before_deadline() -> None:
    window = TimedWindow(BytesWindow(), Deadline(1e6))
    assert (window.size, window.read(1, 2)) == (3, b"bc")


def test_window_read_after_the_deadline_raises_window_error_with_reason_limit() -> None:
    with pytest.raises(WindowError) as caught:
        TimedWindow(BytesWindow(), Deadline(-1)).read(0, 1)
    assert caught.value.reason is UnreadReason.LIMIT


def test_timed_window_has_the_same_budget_as_the_window_that_it_wraps() -> None:
    budget = Budget(Limits(), 3)
    inner = SubWindow(BytesWindow(), 0, 3, budget)
    assert get_budget(TimedWindow(inner, Deadline(0)), Limits()) is budget
    assert get_budget(TimedWindow(BytesWindow(), Deadline(0)), Limits()) is not budget
