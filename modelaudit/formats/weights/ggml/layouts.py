"""Parse the preamble of GGML files: hyperparameters and vocabulary, which each program lays out in its own way.

The magic number ``ggml`` does not identify the program, so the reader tries the layouts of all known programs. Sources:
``llama.cpp`` before August 2023 (``llama_file_loader``), ``whisper.cpp`` (``whisper_model_load``,
``whisper_vad_init_with_params`` and, in ``parakeet.cpp`` beside it, ``parakeet_model_load``), the examples ``gpt-2``,
``gpt-j`` and ``gpt-neox`` of ``ggml``, ``bloomz.cpp``, ``rwkv.cpp`` (``rwkv_file_format.inc``).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.gguf.cursor import GgufCursor
from modelaudit.formats.weights.gguf.types import BLOCK_SIZES, BlockSizes
from modelaudit.wire.base import DamagedError, LimitReachedError

# The magic numbers are 32-bit integers, so their letters are in reverse order in the file.
UNVERSIONED_MAGIC: Final = b"lmgg"
MAGICS: Final = {UNVERSIONED_MAGIC: "ggml", b"fmgg": "ggmf", b"tjgg": "ggjt", b"algg": "ggla"}
_MAX_WORDS: Final = 5_000_000
_MAX_WORD_BYTES: Final = 4096
_MAX_NUMBER: Final = 1 << 24
"""Of the hyperparameters: sizes of a vocabulary, a context, an embedding, and counts."""
# ``GGML_QNT_VERSION_FACTOR``: the file type is this times the version of quantisation, plus the type.
_QUANTISATION_VERSION_FACTOR: Final = 1000
# Before version 3 of ggjt, these types had scales of 32 bits instead of 16.
_CHANGED_BLOCKS: Final = {2: ("Q4_0", 32, 20), 3: ("Q4_1", 32, 24), 8: ("Q8_0", 32, 36), 9: ("Q8_1", 32, 40)}
OLD_BLOCK_SIZES: Final[BlockSizes] = {**BLOCK_SIZES, **_CHANGED_BLOCKS}
"""Block sizes of files written before May 2023."""
_VERSIONS_WITH_OLD_BLOCKS: Final = frozenset({("ggmf", 1), ("ggjt", 1), ("ggjt", 2)})
# The version of quantisation that changed the blocks.
_VERSION_OF_NEW_BLOCKS: Final = 2


class Layout(Struct, frozen=True):
    """The order of the parts before the tensors, as one program writes them.

    Attributes:
        name: of the program, for reports.
        number_names: names of the 32-bit numbers after magic number and version. The number ``words`` is the size of
            the vocabulary.
        has_filters: filters of a spectrogram follow: their rows and columns, and a number of 32 bits for each cell.
        repeats_word_count: the vocabulary begins with its size, a second time.
        has_scores: each word has a score.
        aligns_tensors: tensors start at multiples of 32 bytes.
        has_kind: the kind of the model, a text, precedes the numbers.
        layer_numbers: how many further numbers each of the ``layers`` has.
        last_numbers: how many numbers follow those of the layers.
        has_window: the samples of a window follow the filters, and a number for each of the ``durations``.
        has_scalars: tensors may have no dimension.
        tensors: of which the loader needs exactly so many: a base, and how many more for each of a number, by its name.
    """

    name: str
    number_names: tuple[str, ...]
    has_filters: bool = False
    repeats_word_count: bool = False
    has_scores: bool = False
    aligns_tensors: bool = False
    has_kind: bool = False
    layer_numbers: int = 0
    last_numbers: int = 0
    has_window: bool = False
    has_scalars: bool = False
    tensors: tuple[tuple[str, int], ...] = ()

    def count_tensors(self, numbers: dict[str, int]) -> int | None:
        """Return how many tensors the loader needs; ``None`` if it depends on more than ``numbers``."""
        return sum(numbers.get(name, 1) * count for name, count in self.tensors) if self.tensors else None


_LLAMA: Final = ("words", "embedding", "multiple", "heads", "layers", "rotation", "type")
_GPT: Final = ("words", "context", "embedding", "heads", "layers")
_LAYOUTS_WITHOUT_VERSION: Final = (
    Layout("gpt-2", (*_GPT, "type"), repeats_word_count=True),
    Layout("gpt-j", (*_GPT, "rotation", "type"), repeats_word_count=True),
    Layout("llama", _LLAMA),
    # Its numbers are ``words``, then ``audio context`` to ``audio layers`` and ``text context`` to ``text layers``.
    Layout("whisper", ("words", *(f"{part} {size}" for part in ("audio", "text") for size in _GPT[1:]), "mels", "type"),
           has_filters=True, repeats_word_count=True,
           tensors=(("base", 11), ("audio layers", 15), ("text layers", 24))),
    Layout("gpt-neox", (*_GPT, "rotation", "residual", "type")),
    Layout("bloom", ("words", "embedding", "multiple", "heads", "layers", "type")),
    Layout("parakeet", ("words", *(f"audio {size}" for size in _GPT[1:]), "mels", "type", "transform", "subsampling",
                        "channels", "kernel", "prediction", "prediction layers", "durations", "tokens in a step"),
           has_filters=True, repeats_word_count=True, has_window=True, has_scalars=True,
           tensors=(("base", 19), ("audio layers", 29), ("prediction layers", 3))),
    # A detector of voice: channels in and out and the kernel of each layer, then the sizes of the two last layers.
    Layout("silero-vad", ("major version", "minor version", "patch version", "window", "context", "layers"),
           has_kind=True, layer_numbers=3, last_numbers=4, has_scalars=True,
           tensors=(("base", 7), ("layers", 2))),
)  # fmt: skip
_LAYOUTS_BY_VERSION: Final = {
    ("ggmf", 1): Layout("llama", _LLAMA, has_scores=True),
    # ``vocabulary``, not ``words``: rwkv.cpp does not store the words.
    ("ggmf", 100): Layout("rwkv", ("vocabulary", "embedding", "layers", "type")),
    ("ggmf", 101): Layout("rwkv", ("vocabulary", "embedding", "layers", "type")),
    **{("ggjt", version): Layout("llama", _LLAMA, has_scores=True, aligns_tensors=True) for version in (1, 2, 3)},
    ("ggla", 1): Layout("adapter", ("rank", "alpha"), aligns_tensors=True),
}


def list_layouts(magic: str, version: int) -> tuple[Layout, ...]:
    """Return the layouts that a file of this magic number and version may have; none for an unknown version."""
    if magic == "ggml":
        return _LAYOUTS_WITHOUT_VERSION
    layout = _LAYOUTS_BY_VERSION.get((magic, version))
    return (layout,) if layout is not None else ()


def choose_block_sizes(magic: str, version: int, numbers: dict[str, int]) -> BlockSizes:
    """Return the block sizes of packed numbers that a file uses: those from before May 2023, or the present ones.

    Args:
        magic: a value of ``MAGICS``.
        version: of the file; 0 for ``ggml``, which states a version of quantisation instead.
        numbers: as ``read_preamble`` returns them.
    """
    if magic == "ggml":
        quantisation_version = numbers.get("type", 0) // _QUANTISATION_VERSION_FACTOR
        return BLOCK_SIZES if quantisation_version >= _VERSION_OF_NEW_BLOCKS else OLD_BLOCK_SIZES
    return OLD_BLOCK_SIZES if (magic, version) in _VERSIONS_WITH_OLD_BLOCKS else BLOCK_SIZES


def read_preamble(cursor: GgufCursor, layout: Layout) -> dict[str, int]:
    """Move the cursor over everything before the tensors, and return the numbers at the start by name.

    Raises:
        DamagedError: the file is truncated, a number or a word is too large, or the two word counts differ.
        LimitReachedError: the vocabulary has more than five million words.
        WindowError: the window could not return the requested bytes.
    """
    if layout.has_kind:
        _, _, length = cursor.read_text("the kind of the model", max_bytes=0)
        if not 0 < length <= _MAX_WORD_BYTES:
            raise DamagedError(f"the kind of the model takes {length} bytes", cursor.offset)
    numbers = {name: cursor.read_u32(f"the number of {name}") for name in layout.number_names}
    absurd = next((name for name, number in numbers.items() if number > _MAX_NUMBER), None)
    if absurd is not None:
        raise DamagedError(f"the number of {absurd} is {numbers[absurd]}, which no model has", cursor.offset)
    _skip_further_numbers(cursor, layout, numbers)
    if not layout.has_kind:
        _skip_vocabulary(cursor, layout, numbers)
    return numbers


def _skip_further_numbers(cursor: GgufCursor, layout: Layout, numbers: dict[str, int]) -> None:
    """Skip what only models of voices have before the vocabulary. Raises ``DamagedError`` at the end of the file."""
    further = layout.layer_numbers * numbers.get("layers", 0) + layout.last_numbers
    cursor.skip(further * 4, "the numbers of the layers")
    if layout.has_filters:
        rows, columns = cursor.read_u32("the rows of the filters"), cursor.read_u32("the columns of the filters")
        cursor.skip_data(rows * columns * 4, "the filters")
    if layout.has_window:
        cursor.skip_data(cursor.read_u32("the size of the window") * 4, "the window")
        cursor.skip(numbers["durations"] * 4, "the durations")


def _skip_vocabulary(cursor: GgufCursor, layout: Layout, numbers: dict[str, int]) -> None:
    """Skip the words and their scores.

    Raises:
        DamagedError: it ends beyond the file, a word is too long, or the two word counts differ.
        LimitReachedError: it has more than five million words.
        WindowError: the window could not return the requested bytes.
    """
    word_count = cursor.read_u32("the number of words") if layout.repeats_word_count else numbers.get("words", 0)
    # whisper.cpp adds words that the file does not store, so there the two counts may differ.
    if layout.repeats_word_count and not layout.has_filters and word_count != numbers["words"]:
        raise DamagedError(f"the vocabulary states {word_count} words, the header {numbers['words']}", cursor.offset)
    # A word takes at least its length and its score, of four bytes each. This refuses a forged count before the loop.
    least_word_bytes = 8 if layout.has_scores else 4
    cursor.require_bytes(word_count * least_word_bytes, "the vocabulary")
    if word_count > _MAX_WORDS:
        raise LimitReachedError(f"its vocabulary has more than {_MAX_WORDS} words", cursor.offset)
    for _ in range(word_count):
        offset = cursor.offset
        _, _, length = cursor.read_text("a word", max_bytes=0)
        if length > _MAX_WORD_BYTES:
            detail = f"a word of the vocabulary takes {length} bytes, more than {_MAX_WORD_BYTES}"
            raise DamagedError(detail, offset)
        cursor.mark_data(length)
        if layout.has_scores:
            cursor.skip(4, "the score of a word")
