"""GGML, the format of llama.cpp before GGUF."""

from __future__ import annotations

import pytest
from builders.ggml_files import (
    LLAMA,
    build_adapter,
    build_aligned_model,
    build_llama_model,
    build_tensor,
    build_vocabulary,
    encode_u32s,
)
from builders.payloads import EVAL_ONE
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason


def get_facts(reading) -> dict[str, str]:
    (outline,) = (each for each in reading.of(Outline) if each.format == "ggml")
    return dict(outline.facts)


@check_each(
    "file, layout, tensors",
    [("llama.bin", "llama", 2), ("llama.ggmf.bin", "llama", 2), ("llama.ggjt2.bin", "llama", 2), ("adapter.bin", "adapter", 1),
     ("whisper.bin", "whisper", 2), ("gpt-2.bin", "gpt-2", 2), ("gpt-j.bin", "gpt-j", 2), ("rwkv.bin", "rwkv", 2)],
)  # fmt: skip
def test_layout_that_fits_identifies_the_program(file, layout, tensors, read_fixture):
    stated = get_facts(read_fixture(f"ggml/benign/{file}"))
    assert (stated["layout"], stated["tensors"]) == (layout, str(tensors))


def test_hyperparameters_are_facts_of_the_outline(read_bytes):
    assert get_facts(read_bytes(build_aligned_model(3), "x"))["embedding"] == str(LLAMA[1])
    assert get_facts(read_bytes(build_adapter(), "x"))["rank"] == "8"


@pytest.mark.parametrize(("version", "size"), [(1, 20), (2, 20), (3, 18)])
def test_block_size_of_packed_numbers_depends_on_version(version, size, read_bytes):
    assert not read_bytes(build_aligned_model(version, 2, bytes(size), (32,)), "x").kinds()
    other = read_bytes(build_aligned_model(version, 2, bytes(38 - size), (32,)), "x")
    assert other.kinds() or other.unread


@pytest.mark.parametrize("quantisation", [1000, 2000])
def test_file_type_states_the_version_of_unversioned_files(quantisation, read_bytes):
    front = b"lmgg" + encode_u32s(*LLAMA[:-1], quantisation + 2) + build_vocabulary()
    size = 18 if quantisation == 2000 else 20
    assert not read_bytes(front + build_tensor("a", (32,), 2, bytes(size)), "x").kinds()


def test_unknown_version_is_unread_with_advice_to_convert(read_bytes):
    for data in (b"tjgg" + encode_u32s(9) + bytes(64), b"lmgg" + b"\xff" * 64):
        reading = read_bytes(data, "x")
        (detail,) = reading.details
        assert "convert it to GGUF" in detail


def test_bytes_after_the_tensors_are_an_artifact(read_bytes):
    reading = read_bytes(build_llama_model() + EVAL_ONE, "x")
    assert reading.evaluates
    assert reading.kinds() == {"trailing-data"}
    assert read_bytes(build_llama_model()[:-5] + b"", "x").reasons() == {UnreadReason.DAMAGED}


def test_pickle_after_damage_is_read(read_bytes):
    assert read_bytes(build_llama_model(build_tensor("a", kind=200)) + EVAL_ONE, "x").evaluates


def test_tensor_sizes_are_computed_without_wrapping(read_bytes):
    assert read_bytes(build_llama_model(build_tensor("a", (2**31,) * 4)), "x").kinds() == {"size-overflow"}
    assert read_bytes(build_llama_model(build_tensor("a", (2**30,) * 2)), "x").reasons() == {UnreadReason.DAMAGED}
    long = encode_u32s(5000) + bytes(5000)
    assert read_bytes(b"tjgg" + encode_u32s(3, 1, *LLAMA[1:]) + long + bytes(4), "x").reasons() == {
        UnreadReason.DAMAGED
    }


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([build_llama_model(), build_aligned_model(3), build_adapter()]),
    st.integers(0, 200),
    st.binary(max_size=8),
)
def test_mutated_files_end_in_a_reading(read_bytes, data, position, replaced):
    read_bytes(data[:4] + data[4:position] + replaced + data[max(4, position) + len(replaced) :], "x")
