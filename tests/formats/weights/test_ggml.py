"""GGML, the format of llama.cpp before GGUF."""

from __future__ import annotations

import pytest
from builders.ggml_files import (
    LLAMA,
    build_adapter,
    build_aligned_model,
    build_llama_model,
    build_parakeet_model,
    build_tensor,
    build_vocabulary,
    build_voice_detector,
    encode_u32s,
)
from builders.payloads import EVAL_ONE
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason


def get_facts(reading) -> dict[str, str]:
    """Return the facts of the one GGML outline."""
    (outline,) = (each for each in reading.of(Outline) if each.format == "ggml")
    return dict(outline.facts)


@check_each(
    "file, layout, tensors",
    [("llama.bin", "llama", 2), ("llama.ggmf.bin", "llama", 2), ("llama.ggjt2.bin", "llama", 2), ("adapter.bin", "adapter", 1),
     ("whisper.bin", "whisper", 50), ("gpt-2.bin", "gpt-2", 2), ("gpt-j.bin", "gpt-j", 2), ("rwkv.bin", "rwkv", 2),
     ("parakeet.bin", "parakeet", 51), ("silero-vad.bin", "silero-vad", 9)],
)  # fmt: skip
def test_ggml_file_is_read_in_the_layout_that_its_program_writes(file, layout, tensors, read_fixture):
    stated = get_facts(read_fixture(f"ggml/benign/{file}"))
    assert (stated["layout"], stated["tensors"]) == (layout, str(tensors))


@pytest.mark.parametrize("build", [build_parakeet_model, build_voice_detector])
def test_changed_sizes_before_the_tensors_of_a_ggml_voice_model_are_reported(build, read_bytes):
    data = build()
    assert read_bytes(data, "x").unread == []
    # The numbers that state how many others follow: of filters and samples, durations and words; of a text and layers.
    counts = {build_parakeet_model: (56, 64, 68, 96, 128), build_voice_detector: (4, 38)}[build]
    for offset in counts:
        for changed in (0, 1, 9, 2**31, 2**32 - 1):
            if encode_u32s(changed) != data[offset : offset + 4]:
                reading = read_bytes(data[:offset] + encode_u32s(changed) + data[offset + 4 :], "x")
                assert reading.unread or reading.kinds(), (offset, changed)
    for end in (10, 40, len(data) - 1, len(data) - 16 - len("layers.1.weight") - 16):
        assert read_bytes(data[:end], "x").unread


def test_outline_of_ggml_states_the_embedding_size_of_a_model_and_the_rank_of_an_adapter(read_bytes):
    assert get_facts(read_bytes(build_aligned_model(3), "x"))["embedding"] == str(LLAMA[1])
    assert get_facts(read_bytes(build_adapter(), "x"))["rank"] == "8"


def test_absurd_hyperparameter_of_ggml_is_reported_as_damaged(read_bytes):
    data = build_adapter()
    rank_offset = 8
    assert read_bytes(data[:rank_offset] + b"\xff\xff\xff\x01" + data[rank_offset + 4 :], "x").reasons() == {
        UnreadReason.DAMAGED,
        UnreadReason.UNCLAIMED,
    }


def test_ggml_tensor_name_with_control_characters_is_unclaimed(read_bytes):
    preamble = b"lmgg" + encode_u32s(*LLAMA) + build_vocabulary()
    assert read_bytes(preamble + build_tensor("weight", (4,), 0, bytes(16)), "x").unclaimed("x") == ""
    assert read_bytes(preamble + build_tensor("we\x04\x01ht", (4,), 0, bytes(16)), "x").unclaimed("x")


@pytest.mark.parametrize(("version", "block_bytes", "wrong_bytes"), [(1, 20, 18), (2, 20, 18), (3, 18, 20)])
def test_byte_size_of_a_ggml_quantised_block_depends_on_the_file_version(version, block_bytes, wrong_bytes, read_bytes):
    # A tensor of one block of the type 2 (Q4_0), 32 numbers.
    reading = read_bytes(build_aligned_model(version, 2, bytes(block_bytes), (32,)), "x")
    assert (reading.kinds(), reading.unread) == (set(), [])
    wrong = read_bytes(build_aligned_model(version, 2, bytes(wrong_bytes), (32,)), "x")
    assert wrong.kinds() or wrong.unread


@pytest.mark.parametrize(("quantisation_version", "block_bytes", "wrong_bytes"), [(1, 20, 18), (2, 18, 20)])
def test_ggml_quantisation_version_is_read_from_the_ftype_field_if_the_header_has_none(
    quantisation_version, block_bytes, wrong_bytes, read_bytes
):
    # The file type is a thousand times the version, plus the type 2.
    preamble = b"lmgg" + encode_u32s(*LLAMA[:-1], 1000 * quantisation_version + 2) + build_vocabulary()
    reading = read_bytes(preamble + build_tensor("a", (32,), 2, bytes(block_bytes)), "x")
    assert (reading.kinds(), reading.unread) == (set(), [])
    # A block of the size that the other version has
    wrong = read_bytes(preamble + build_tensor("a", (32,), 2, bytes(wrong_bytes)), "x")
    assert wrong.kinds() or wrong.unread


def test_absence_for_a_ggml_file_of_an_unknown_version_advises_to_convert_it(read_bytes):
    # The version 9 of ggjt, and a file without a version that fits no layout.
    for data in (b"tjgg" + encode_u32s(9) + bytes(64), b"lmgg" + b"\xff" * 64):
        reading = read_bytes(data, "x")
        (detail,) = reading.details
        assert "convert it to GGUF" in detail


def test_bytes_after_the_tensors_of_a_ggml_file_are_read_as_an_artifact(read_bytes):
    reading = read_bytes(build_llama_model() + EVAL_ONE, "x")
    assert reading.evaluates
    assert reading.kinds() == {"trailing-data"}


def test_truncated_ggml_tensor_is_reported_as_damaged(read_bytes):
    assert read_bytes(build_llama_model()[:-5], "x").reasons() == {UnreadReason.DAMAGED}


def test_pickle_after_damage_in_a_ggml_file_is_read(read_bytes):
    # The size of the tensor is unknown, because no type has the number 200.
    assert read_bytes(build_llama_model(build_tensor("a", kind=200)) + EVAL_ONE, "x").evaluates


def test_huge_dimensions_of_a_ggml_tensor_do_not_overflow_to_a_small_size(read_bytes):
    assert read_bytes(build_llama_model(build_tensor("a", (2**31,) * 4)), "x").kinds() == {"size-overflow"}
    assert read_bytes(build_llama_model(build_tensor("a", (2**30,) * 2)), "x").reasons() == {UnreadReason.DAMAGED}


def test_ggml_file_with_a_too_long_token_is_reported_as_damaged(read_bytes):
    word, score = encode_u32s(5000) + bytes(5000), bytes(4)
    preamble = b"tjgg" + encode_u32s(3, 1, *LLAMA[1:])
    assert read_bytes(preamble + word + score, "x").reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([build_llama_model(), build_aligned_model(3), build_adapter()]),
    st.integers(0, 200),
    st.binary(max_size=8),
)
def test_mutated_ggml_files_never_crash_the_reader(read_bytes, data, position, replaced):
    # Any error that the reader does not report as damage or as a limit fails the test.
    # The magic number, the first four bytes, stays, so that the file remains GGML.
    start = max(4, position)
    read_bytes(data[:start] + replaced + data[start + len(replaced) :], "x")
