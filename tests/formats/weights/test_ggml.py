"""GGML before GGUF."""

from __future__ import annotations

import pytest
from builders.ggml_files import LLAMA, adapter, aligned, llama, numbers, tensor, words
from builders.payloads import EVAL_ONE
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason


def facts(reading) -> dict[str, str]:
    (outline,) = (each for each in reading.of(Outline) if each.format == "ggml")
    return dict(outline.facts)


@check_each(
    "file, layout, tensors",
    [("llama.bin", "llama", 2), ("llama.ggmf.bin", "llama", 2), ("llama.ggjt2.bin", "llama", 2), ("adapter.bin", "adapter", 1),
     ("whisper.bin", "whisper", 2), ("gpt-2.bin", "gpt-2", 2), ("gpt-j.bin", "gpt-j", 2), ("rwkv.bin", "rwkv", 2)],
)  # fmt: skip
def test_the_program_is_told_by_what_fits(file, layout, tensors, read_fixture):
    told = facts(read_fixture(f"ggml/benign/{file}"))
    assert (told["layout"], told["tensors"]) == (layout, str(tensors))


def test_the_numbers_of_the_network_are_told(read_bytes):
    assert facts(read_bytes(aligned(3), "x"))["embedding"] == str(LLAMA[1])
    assert facts(read_bytes(adapter(), "x"))["rank"] == "8"


@pytest.mark.parametrize(("version", "size"), [(1, 20), (2, 20), (3, 18)])
def test_packed_numbers_shrank_in_version_3(version, size, read_bytes):
    assert not read_bytes(aligned(version, 2, bytes(size), (32,)), "x").kinds()
    other = read_bytes(aligned(version, 2, bytes(38 - size), (32,)), "x")
    assert other.kinds() or other.unread


@pytest.mark.parametrize("quantisation", [1000, 2000])
def test_files_without_a_version_say_it_in_their_type(quantisation, read_bytes):
    front = b"lmgg" + numbers(*LLAMA[:-1], quantisation + 2) + words()
    size = 18 if quantisation == 2000 else 20
    assert not read_bytes(front + tensor("a", (32,), 2, bytes(size)), "x").kinds()


def test_a_version_that_is_not_known_is_told_with_what_to_do(read_bytes):
    for data in (b"tjgg" + numbers(9) + bytes(64), b"lmgg" + b"\xff" * 64):
        reading = read_bytes(data, "x")
        (detail,) = reading.details
        assert "convert it to GGUF" in detail


def test_what_follows_the_tensors_is_read(read_bytes):
    reading = read_bytes(llama() + EVAL_ONE, "x")
    assert reading.evaluates
    assert reading.kinds() == {"trailing-data"}
    assert read_bytes(llama()[:-5] + b"", "x").reasons() == {UnreadReason.DAMAGED}


def test_a_pickle_behind_the_damage_is_read(read_bytes):
    assert read_bytes(llama(tensor("a", kind=200)) + EVAL_ONE, "x").evaluates


def test_sizes_are_held_against_the_file_exactly(read_bytes):
    assert read_bytes(llama(tensor("a", (2**31,) * 4)), "x").kinds() == {"size-overflow"}
    assert read_bytes(llama(tensor("a", (2**30,) * 2)), "x").reasons() == {UnreadReason.DAMAGED}
    long = numbers(5000) + bytes(5000)
    assert read_bytes(b"tjgg" + numbers(3, 1, *LLAMA[1:]) + long + bytes(4), "x").reasons() == {UnreadReason.DAMAGED}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([llama(), aligned(3), adapter()]), st.integers(0, 200), st.binary(max_size=8))
def test_whatever_the_bytes_it_ends(read_bytes, data, position, replaced):
    read_bytes(data[:4] + data[4:position] + replaced + data[max(4, position) + len(replaced) :], "x")
