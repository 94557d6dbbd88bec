"""Read what ``mecab-dict-index`` compiles: dictionaries, the matrix of costs, categories of characters, and weights.

Each kind of file states counts that give its exact size, by which it is recognised: none but a dictionary has a magic
number. Sources: ``dictionary.cpp``, ``connector.cpp``, ``char_property.cpp`` and ``feature_index.cpp`` of
https://github.com/taku910/mecab, version 0.996.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor
from modelaudit.wire.text import get_file_name

FORMAT: Final = "mecab"
_MAGIC: Final = 0xEF718F77
_VERSION: Final = 102
_DICTIONARY: Final = struct.Struct("<10I32s")
_DICTIONARY_KINDS: Final = {0: "system dictionary", 1: "user dictionary", 2: "dictionary of unknown words"}
# The contexts to the left and to the right, the part of speech, the cost, the offset of the features, and a reserve.
_TOKEN: Final = struct.Struct("<HHHhII")
_UNIT_BYTES: Final = 8
_MATRIX: Final = struct.Struct("<HH")
_COST_BYTES: Final = 2
_COUNT: Final = struct.Struct("<I")
_NAME_BYTES: Final = 32
# ``char.bin`` has the categories of the characters below U+FFFF.
_CHARACTERS_BYTES: Final = 4 * 0xFFFF
_MOST_CATEGORIES: Final = 255
# A weight of 64 bits and the fingerprint of its feature.
_WEIGHT_BYTES: Final = 16
_DEADLINE_STEP: Final = 1 << 16


class _Dictionary(NamedTuple):
    """The header of a dictionary. Sizes are in bytes."""

    magic: int
    version: int
    kind: int
    words: int
    left_contexts: int
    right_contexts: int
    trie_size: int
    tokens_size: int
    features_size: int
    reserve: int
    charset: bytes


def recognises(head: Head) -> bool:
    """Whether the counts at the start give the size of the file, in the layout of one kind of file."""
    return head.content is None and _find_reader(head.data, head.window.size, head.path) is not None


def _find_reader(start: bytes, size: int, path: str) -> Callable[[RecordCursor, dict[str, str]], None] | None:
    """Return the function that reads the kind of file, or ``None`` if it is none of MeCab."""
    if len(start) < _DICTIONARY.size:
        return _read_matrix if _is_matrix(start, size, path) else None
    (first,) = _COUNT.unpack_from(start)
    # The magic number contains the size of the file.
    if first ^ size == _MAGIC and _Dictionary(*_DICTIONARY.unpack_from(start)).version == _VERSION:
        return _read_dictionary
    name = start[_COUNT.size : _COUNT.size + _NAME_BYTES]
    if not _is_padded_name(name):
        return _read_matrix if _is_matrix(start, size, path) else None
    if 0 < first <= _MOST_CATEGORIES and size == _COUNT.size + first * _NAME_BYTES + _CHARACTERS_BYTES:
        return _read_categories
    if first and size == _COUNT.size + _NAME_BYTES + first * _WEIGHT_BYTES:
        return _read_weights
    return _read_matrix if _is_matrix(start, size, path) else None


def _is_matrix(start: bytes, size: int, path: str) -> bool:
    """Whether the file is called ``matrix.bin``, and its two numbers give its size: too little without the name."""
    if len(start) < _MATRIX.size or get_file_name(path) != "matrix.bin":
        return False
    left, right = _MATRIX.unpack_from(start)
    return left > 0 and bool(size == _MATRIX.size + left * right * _COST_BYTES)


def _is_padded_name(name: bytes) -> bool:
    """Whether bytes are a name in ASCII with zeros up to their end."""
    text = name.rstrip(b"\0")
    return 0 < len(text) < len(name) and text.isascii() and text.decode().isprintable()


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the kind of the file and its counts.

    Raises:
        DamagedError: the file contradicts itself.
        WindowError: the window could not return the requested bytes.
    """
    cursor = RecordCursor(window)
    facts: dict[str, str] = {}
    damage: DamagedError | None = None
    read_kind = _find_reader(cursor.peek(_DICTIONARY.size), window.size, artifact.path)
    try:
        if read_kind is not None:
            read_kind(cursor, facts)
        cursor.require_end()
    except DamagedError as error:
        damage = error
    cursor.claim_consumed()
    yield Outline(FORMAT, facts=tuple(facts.items()))
    if damage is not None:
        raise damage


def _read_dictionary(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read a dictionary: a double array of the words, their tokens, and the features as texts.

    Raises:
        DamagedError: the parts do not add up to the file, or a token refers to something that does not exist.
    """
    header = _Dictionary(*cursor.read(_DICTIONARY, "the header"))
    facts["kind"] = _DICTIONARY_KINDS.get(header.kind, f"kind {header.kind}")
    facts["words"] = str(header.words)
    if header.kind not in _DICTIONARY_KINDS or header.reserve or not _is_padded_name(header.charset):
        raise DamagedError("the header has an unknown kind, no name of an encoding, or a number in reserve", 0)
    if header.trie_size % _UNIT_BYTES or header.tokens_size != header.words * _TOKEN.size:
        raise DamagedError(f"{header.words} words do not take {header.tokens_size} bytes of tokens", 0)
    if cursor.left != header.trie_size + header.tokens_size + header.features_size:
        raise DamagedError("the parts of the dictionary do not add up to the file", 0)
    cursor.skip_data(header.trie_size, "the words")
    for index, (left, right, *_, feature, _reserve) in enumerate(cursor.read_rows(_TOKEN, header.words, "the tokens")):
        if index % _DEADLINE_STEP == 0:
            check_deadline()
        # The matrix is addressed by the right context of the word before, and the left context of the word behind.
        if left >= header.right_contexts or right >= header.left_contexts or feature >= header.features_size:
            raise DamagedError("a token refers to a context or to features that do not exist", cursor.offset)
    if header.features_size and cursor.window.read(cursor.end - 1, 1) != b"\0":
        raise DamagedError("the last features have no zero byte at their end", cursor.end - 1)
    cursor.skip_data(header.features_size, "the features")


def _read_matrix(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the costs of each pair of contexts. Raises ``DamagedError`` if they end beyond the file."""
    left, right = cursor.read(_MATRIX, "the numbers of contexts")
    facts.update({"kind": "matrix of costs", "contexts": f"{left} x {right}"})
    cursor.skip_data(left * right * _COST_BYTES, "the costs")


def _read_categories(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the names of categories and the categories of all characters. Raises ``DamagedError`` for a bad name."""
    (count,) = cursor.read(_COUNT, "the number of categories")
    facts.update({"kind": "categories of characters", "categories": str(count)})
    for _ in range(count):
        if not _is_padded_name(cursor.take(_NAME_BYTES, "the name of a category")):
            raise DamagedError("the name of a category is not text", cursor.offset - _NAME_BYTES)
    cursor.skip_data(_CHARACTERS_BYTES, "the categories")


def _read_weights(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the weights of features. Raises ``DamagedError`` if they end beyond the file."""
    (count,) = cursor.read(_COUNT, "the number of weights")
    facts.update({"kind": "weights", "weights": str(count)})
    cursor.skip(_NAME_BYTES, "the name of the encoding")
    cursor.skip_data(count * _WEIGHT_BYTES, "the weights")
