"""What precedes the tensors in files of GGML: numbers of the network and its vocabulary, differently for each program.

The magic number ``ggml`` tells no program, so that the layouts of those that are known are tried. Sources:
``llama.cpp`` before August 2023 (``llama_file_loader``), ``whisper.cpp`` (``whisper_model_load``), the examples
``gpt-2``, ``gpt-j`` and ``gpt-neox`` of ``ggml``, ``bloomz.cpp``, ``rwkv.cpp`` (``rwkv_file_format.inc``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelaudit.formats.weights.gguf.cursor import GgufCursor
from modelaudit.formats.weights.gguf.types import BLOCK_SIZES, BlockSizes
from modelaudit.wire.base import DamagedError, LimitReachedError

UNVERSIONED: Final = b"lmgg"
MAGICS: Final = {UNVERSIONED: "ggml", b"fmgg": "ggmf", b"tjgg": "ggjt", b"algg": "ggla"}
_MAX_WORDS: Final = 5_000_000
_MAX_WORD_BYTES: Final = 4096
_QUANTISATION_VERSION_FACTOR: Final = 1000
# Until version 3 of ggjt, these had scales of 32 bits in place of 16.
_CHANGED_BLOCKS: Final = {2: ("Q4_0", 32, 20), 3: ("Q4_1", 32, 24), 8: ("Q8_0", 32, 36), 9: ("Q8_1", 32, 40)}
OLD_BLOCK_SIZES: Final[BlockSizes] = {**BLOCK_SIZES, **_CHANGED_BLOCKS}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a program lays out what precedes the tensors.

    Attributes:
        number_names: what the numbers of 32 bits mean; the vocabulary has as many words as ``words`` says.
        has_filters: whether the filters of a spectrogram follow, with their numbers.
        repeats_word_count: whether the number of words stands before them again.
        has_scores: whether each word has a score.
        aligns_tensors: whether tensors start at multiples of 32 bytes.
    """

    name: str
    number_names: tuple[str, ...]
    has_filters: bool = False
    repeats_word_count: bool = False
    has_scores: bool = False
    aligns_tensors: bool = False


_LLAMA: Final = ("words", "embedding", "multiple", "heads", "layers", "rotation", "type")
_GPT: Final = ("words", "context", "embedding", "heads", "layers")
_UNVERSIONED: Final = (
    Layout("gpt-2", (*_GPT, "type"), repeats_word_count=True),
    Layout("gpt-j", (*_GPT, "rotation", "type"), repeats_word_count=True),
    Layout("llama", _LLAMA),
    Layout("whisper", ("words", *(f"{part} {size}" for part in ("audio", "text") for size in _GPT[1:]), "mels", "type"),
           has_filters=True, repeats_word_count=True),
    Layout("gpt-neox", (*_GPT, "rotation", "residual", "type")),
    Layout("bloom", ("words", "embedding", "multiple", "heads", "layers", "type")),
)  # fmt: skip
_VERSIONED: Final = {
    ("ggmf", 1): Layout("llama", _LLAMA, has_scores=True),
    ("ggmf", 100): Layout("rwkv", ("vocabulary", "embedding", "layers", "type")),
    ("ggmf", 101): Layout("rwkv", ("vocabulary", "embedding", "layers", "type")),
    **{("ggjt", version): Layout("llama", _LLAMA, has_scores=True, aligns_tensors=True) for version in (1, 2, 3)},
    ("ggla", 1): Layout("adapter", ("rank", "alpha"), aligns_tensors=True),
}


def list_layouts(magic: str, version: int) -> tuple[Layout, ...]:
    """Those that a file of this magic number and version may have; none for a version that is not known."""
    if magic == "ggml":
        return _UNVERSIONED
    found = _VERSIONED.get((magic, version))
    return (found,) if found is not None else ()


def choose_block_sizes(magic: str, version: int, numbers: dict[str, int]) -> BlockSizes:
    """The sizes of packed numbers, which changed in May 2023."""
    if magic == "ggml":
        return BLOCK_SIZES if numbers.get("type", 0) // _QUANTISATION_VERSION_FACTOR >= 2 else OLD_BLOCK_SIZES
    return OLD_BLOCK_SIZES if (magic, version) in (("ggmf", 1), ("ggjt", 1), ("ggjt", 2)) else BLOCK_SIZES


def read_preamble(cursor: GgufCursor, layout: Layout) -> dict[str, int]:
    """Pass what precedes the tensors, and return its numbers.

    Raises:
        DamagedError: the file breaks off, or a word is longer than any.
        LimitReachedError: the vocabulary has more words than are followed.
        WindowError: from the window.
    """
    numbers = {name: cursor.read_u32(f"the number of {name}") for name in layout.number_names}
    if layout.has_filters:
        rows, columns = cursor.read_u32("the rows of the filters"), cursor.read_u32("the columns of the filters")
        cursor.skip(rows * columns * 4, "the filters")
    count = cursor.read_u32("the number of words") if layout.repeats_word_count else numbers.get("words", 0)
    if layout.repeats_word_count and not layout.has_filters and count != numbers["words"]:
        raise DamagedError("the number of words contradicts itself", cursor.offset)
    cursor.need(count * (8 if layout.has_scores else 4), "the vocabulary")
    if count > _MAX_WORDS:
        raise LimitReachedError(f"its vocabulary has more than {_MAX_WORDS} words", cursor.offset)
    for _ in range(count):
        offset = cursor.offset
        length = cursor.read_text("a word", 0)[2]
        if length > _MAX_WORD_BYTES:
            raise DamagedError(f"a word of the vocabulary takes {length} bytes", offset)
        if layout.has_scores:
            cursor.skip(4, "the score of a word")
    return numbers
