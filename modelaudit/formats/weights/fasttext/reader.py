"""Read fastText models: the settings, the dictionary, and two matrices, each of which may be quantised.

Source: ``FastText::loadModel`` of https://github.com/facebookresearch/fastText, ``dictionary.cc``, ``densematrix.cc``,
``quantmatrix.cc`` and ``productquantizer.cc``, version 0.9.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "fasttext"
# 0 for a file without a magic number.
_VERSIONS: Final = (0, 11, 12)
_MAGIC: Final = struct.pack("<i", 793712314)  # ``FASTTEXT_FILEFORMAT_MAGIC_INT32``
_START: Final = struct.Struct("<ii")
# Twelve settings and the threshold of sampling.
_SETTINGS: Final = struct.Struct("<12id")
_DICTIONARY: Final = struct.Struct("<iiiq")
_PRUNED: Final = struct.Struct("<q")
_ENTRY_END: Final = struct.Struct("<qb")
_PRUNED_NGRAM: Final = struct.Struct("<ii")
_FLAG: Final = struct.Struct("<B")
_DENSE: Final = struct.Struct("<qq")
_QUANTISED: Final = struct.Struct("<Bqqi")
_QUANTISER: Final = struct.Struct("<iiii")
_FLOAT_BYTES: Final = 4
_CENTROIDS: Final = 256
_LOSSES: Final = {1: "hierarchical softmax", 2: "negative sampling", 3: "softmax", 4: "one against all"}
_MODELS: Final = {1: "cbow", 2: "skipgram", 3: "supervised"}
_SUPERVISED: Final = 3
_WORD, _LABEL = 0, 1
_MOST_WORDS: Final = 30_000_000
_MOST_WORD_BYTES: Final = 1 << 20
_MOST_DIMENSIONS: Final = 1 << 16
_DEADLINE_STEP: Final = 1024


class _Settings(NamedTuple):
    """The settings, in the order of the file."""

    dimensions: int
    window: int
    epochs: int
    least_count: int
    negatives: int
    word_ngrams: int
    loss: int
    model: int
    buckets: int
    shortest_ngram: int
    longest_ngram: int
    update_rate: int
    sampling: float


class _Dictionary(NamedTuple):
    """The head of the dictionary; ``pruned_ngrams`` is -1 for a dictionary that was not pruned."""

    size: int
    words: int
    labels: int
    tokens: int
    pruned_ngrams: int = -1


def recognises(head: Head) -> bool:
    """Whether the file begins with the magic number, or with settings and a dictionary of before July 2017.

    Those files have no magic number, but kinds of models and losses, and a dictionary of as many words and labels as
    it states.
    """
    if head.content is not None or head.data.startswith(_MAGIC):
        return head.content is None
    if len(head.data) < _SETTINGS.size + _DICTIONARY.size:
        return False
    settings = _Settings(*_SETTINGS.unpack_from(head.data))
    dictionary = _Dictionary(*_DICTIONARY.unpack_from(head.data, _SETTINGS.size))
    has_kinds = settings.model in _MODELS and settings.loss in _LOSSES and 0 < settings.dimensions <= _MOST_DIMENSIONS
    has_words = dictionary.words > 0 <= dictionary.labels and dictionary.tokens > 0
    return has_kinds and has_words and dictionary.size == dictionary.words + dictionary.labels


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the kind of the model and its sizes.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        LimitReachedError: the dictionary has too many words.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, FORMAT, _read_model)


def _read_model(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the whole file, and record its properties in ``facts``. Raises ``DamagedError``."""
    has_magic = cursor.peek(len(_MAGIC)) == _MAGIC
    version = cursor.read(_START, "the version")[1] if has_magic else 0
    settings = _Settings(*cursor.read(_SETTINGS, "the settings"))
    if version not in _VERSIONS or settings.model not in _MODELS or settings.loss not in _LOSSES:
        raise DamagedError("the version, the model or the loss is none that fastText writes", 0)
    facts["model"], facts["loss"] = _MODELS[settings.model], _LOSSES[settings.loss]
    facts["dimensions"] = str(settings.dimensions)
    dictionary = _read_dictionary(cursor, has_magic)
    facts["words"], facts["labels"] = str(dictionary.words), str(dictionary.labels)
    is_pruned = dictionary.pruned_ngrams >= 0
    ngrams = dictionary.pruned_ngrams if is_pruned else settings.buckets
    # Files without a magic number are older than quantisation, and have no flags for it.
    is_quantised = has_magic and _read_flag(cursor)
    if is_pruned and not is_quantised:
        raise DamagedError("the dictionary is pruned, but the matrix of words is not quantised", cursor.offset)
    facts["quantised"] = "yes" if is_quantised else "no"
    _read_matrix(cursor, is_quantised, dictionary.words + ngrams, settings.dimensions)
    has_quantised_output = has_magic and _read_flag(cursor)
    if has_quantised_output and not is_quantised:
        raise DamagedError("only the second matrix is quantised, which no loader of fastText reads", cursor.offset)
    outputs = dictionary.labels if settings.model == _SUPERVISED else dictionary.words
    _read_matrix(cursor, has_quantised_output, outputs, settings.dimensions)
    cursor.require_end()


def _read_dictionary(cursor: RecordCursor, has_pruning: bool) -> _Dictionary:
    """Read the words, the labels, and the numbers of the n-grams that pruning left.

    Raises:
        DamagedError: the numbers contradict each other or the entries.
        LimitReachedError: it has too many words.
    """
    start = cursor.offset
    dictionary = _Dictionary(*cursor.read(_DICTIONARY, "the head of the dictionary"))
    if has_pruning:
        dictionary = dictionary._replace(pruned_ngrams=cursor.read(_PRUNED, "the number of n-grams")[0])
    if min(dictionary.words, dictionary.labels, dictionary.tokens, dictionary.pruned_ngrams + 1) < 0:
        raise DamagedError("the dictionary states a negative number of words, labels, tokens or n-grams", start)
    if dictionary.size != dictionary.words + dictionary.labels:
        raise DamagedError("the dictionary states another size than words and labels together have", start)
    if dictionary.size > _MOST_WORDS:
        raise LimitReachedError(f"it has more than {_MOST_WORDS} words", start)
    _read_entries(cursor, dictionary)
    for _, row in cursor.read_rows(_PRUNED_NGRAM, max(0, dictionary.pruned_ngrams), "the n-grams"):
        if not 0 <= row < dictionary.pruned_ngrams:
            raise DamagedError(f"an n-gram has the row {row} of {dictionary.pruned_ngrams}", cursor.offset)
    return dictionary


def _read_entries(cursor: RecordCursor, dictionary: _Dictionary) -> None:
    """Read the words and the labels. Raises ``DamagedError`` if there are others than the dictionary states."""
    cursor.require_bytes(dictionary.size * (_ENTRY_END.size + 1), "the dictionary")
    labels = 0
    for index in range(dictionary.size):
        if index % _DEADLINE_STEP == 0:
            check_deadline()
        cursor.read_text("a word", _MOST_WORD_BYTES)
        _, kind = cursor.read(_ENTRY_END, "the end of a word")
        if kind not in (_WORD, _LABEL):
            raise DamagedError(f"an entry of the dictionary has the unknown type {kind}", cursor.offset)
        labels += kind
    if labels != dictionary.labels:
        raise DamagedError(f"the dictionary states {dictionary.labels} labels and has {labels}", cursor.offset)


def _read_flag(cursor: RecordCursor) -> bool:
    """Read a truth value. Raises ``DamagedError`` if it is neither 0 nor 1."""
    (flag,) = cursor.read(_FLAG, "a flag")
    if flag not in (0, 1):
        raise DamagedError(f"a flag is {flag}, neither 0 nor 1", cursor.offset - 1)
    return bool(flag)


def _read_matrix(cursor: RecordCursor, is_quantised: bool, rows: int, columns: int) -> None:
    """Read a matrix of ``rows`` and ``columns``. Raises ``DamagedError`` if the file states another shape."""
    start = cursor.offset
    if not is_quantised:
        _require_shape(cursor.read(_DENSE, "the shape of a matrix"), rows, columns, start)
        cursor.skip_data(rows * columns * _FLOAT_BYTES, "a matrix")
        return
    has_norms, *shape, codes = cursor.read(_QUANTISED, "the head of a matrix")
    if has_norms not in (0, 1):
        raise DamagedError(f"a flag is {has_norms}, neither 0 nor 1", start)
    _require_shape(tuple(shape), rows, columns, start)
    cursor.skip_data(codes, "the codes of a matrix")
    parts = _read_quantiser(cursor, columns)
    if codes != rows * parts:
        raise DamagedError(f"a matrix has {codes} codes in the place of {rows * parts}", start)
    if has_norms:
        cursor.skip_data(rows, "the norms of a matrix")
        _read_quantiser(cursor, 1)


def _require_shape(shape: tuple[int, ...], rows: int, columns: int, start: int) -> None:
    """Raise ``DamagedError`` unless a matrix has the shape that settings and dictionary ask for."""
    if shape != (rows, columns):
        raise DamagedError(f"a matrix has the shape {shape} in the place of {(rows, columns)}", start)


def _read_quantiser(cursor: RecordCursor, columns: int) -> int:
    """Read a product quantiser of vectors of ``columns`` numbers, and return the number of their parts.

    Raises:
        DamagedError: its numbers contradict each other.
    """
    start = cursor.offset
    sizes: tuple[int, ...] = cursor.read(_QUANTISER, "the head of a quantiser")
    dimensions, parts, part_size, last_size = sizes
    if not 0 < part_size <= columns or dimensions != columns:
        raise DamagedError(f"a quantiser splits {dimensions} numbers by {part_size}", start)
    # The last part is the rest, or as large as the others.
    if parts != -(-columns // part_size) or last_size != (columns % part_size or part_size):
        raise DamagedError(f"a quantiser states {parts} parts, the last of {last_size} numbers", start)
    cursor.skip_data(columns * _CENTROIDS * _FLOAT_BYTES, "the centroids of a quantiser")
    return parts
