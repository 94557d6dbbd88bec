"""Read the models of Zemberek: probabilities in ranks behind perfect hashes, and words.

Each part follows its count, in big-endian order, so that the size of the file follows from them. Sources:
``zemberek/lm/compression`` and ``zemberek/core`` of https://github.com/Loodos/zemberek-python, version 0.2.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.ledger import SHORT_NAME_BYTES
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "zemberek"
_COUNT: Final = struct.Struct(">I")
_LENGTH: Final = struct.Struct(">H")
# Version, type, base of the logarithm, and order.
_HEADER: Final = struct.Struct(">IIdI")
_MOST_ORDERS: Final = 16
_MOST_HASHES: Final = 1_000_000
_MOST_LEVELS: Final = 256
_MOST_RANK_BYTES: Final = 4
# Of an array of n-grams: their number, and the bytes of a fingerprint, of a probability and of a back-off.
_ARRAY: Final = struct.Struct(">4I")
_DOUBLE_BYTES: Final = 8
_INT_BYTES: Final = 4
_WEIGHTS: Final = b"\xca\xfe\xbe\xef"


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the order, and the numbers of n-grams, words or weights.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    is_weights = window.read(0, len(_WEIGHTS)) == _WEIGHTS
    yield from outline_records(window, FORMAT, _read_weights if is_weights else _read_language_model)


def _read_weights(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read weights of words beside fingerprints, and the hash that finds them. Raises ``DamagedError``."""
    cursor.skip(len(_WEIGHTS), "the magic number")
    numbers = _read_count(cursor, "the number of values")
    facts["weights"] = str(numbers // 2)
    cursor.skip_data(_INT_BYTES * numbers, "the weights")
    keys = _skip_hash(cursor)
    if numbers != 2 * keys:
        raise DamagedError(f"{keys} keys do not have {numbers} values", cursor.offset)
    cursor.require_end()


def _read_language_model(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the n-grams of each order, their hashes, and the words. Raises ``DamagedError``."""
    *_, order = cursor.read(_HEADER, "the header")
    if not 0 < order <= _MOST_ORDERS:
        raise DamagedError(f"the order {order} is not between 1 and {_MOST_ORDERS}", cursor.offset)
    counts = [_read_count(cursor, "the number of n-grams") for _ in range(order)]
    facts.update(order=str(order), ngrams=str(sum(counts)))
    for _ in range(order + order - 1):  # probabilities of each order, and back-offs of all but the last
        cursor.skip_data(_DOUBLE_BYTES * _read_count(cursor, "the number of values"), "the values")
    for count in counts:
        _skip_ngrams(cursor, count)
    for count in counts[1:]:
        _skip_paged_hash(cursor, count)
    words = _read_count(cursor, "the number of words")
    facts["words"] = str(words)
    _read_words(cursor, words)
    cursor.require_end()


def _read_count(cursor: RecordCursor, what: str) -> int:
    """Read an unsigned number of 32 bits. Raises ``SizeBeyondEndError`` at the end."""
    return int(cursor.read(_COUNT, what)[0])


def _skip_ngrams(cursor: RecordCursor, expected: int) -> None:
    """Skip the fingerprints and ranks of the n-grams of one order. Raises ``DamagedError``."""
    count, *sizes = cursor.read(_ARRAY, "the sizes of n-grams")
    if count != expected or max(sizes) > _MOST_RANK_BYTES:
        raise DamagedError(f"{count} n-grams of {sizes} bytes are not {expected}", cursor.offset)
    cursor.skip_data(count * sum(sizes), "the n-grams")


def _skip_paged_hash(cursor: RecordCursor, expected: int) -> None:
    """Skip the hashes of the pages of one order, which have ``expected`` keys in all. Raises ``DamagedError``."""
    cursor.skip(3 * _INT_BYTES, "the masks")
    pages = _read_count(cursor, "the number of hashes")
    if pages > _MOST_HASHES:
        raise DamagedError(f"{pages} hashes are more than {_MOST_HASHES}", cursor.offset)
    cursor.skip_data(_INT_BYTES * pages, "the offsets")
    keys = sum(_skip_hash(cursor) for _ in range(pages))
    if keys != expected:
        raise DamagedError(f"the hashes have {keys} keys for {expected} n-grams", cursor.offset)


def _skip_hash(cursor: RecordCursor) -> int:
    """Skip a hash of several levels, and return the number of its keys. Raises ``DamagedError``."""
    levels = _read_count(cursor, "the number of levels")
    if levels > _MOST_LEVELS:
        raise DamagedError(f"{levels} levels are more than {_MOST_LEVELS}", cursor.offset)
    first = expected = 0
    for level in range(levels):
        keys = _read_count(cursor, "the number of keys")
        first = first if level else keys
        if level and keys != expected:
            raise DamagedError(f"{keys} keys are not the {expected} that failed at the level before", cursor.offset)
        cursor.skip_data(_read_count(cursor, "the number of buckets"), "the seeds")
        expected = _read_count(cursor, "the number of failed keys")
        cursor.skip_data(_INT_BYTES * expected, "the failed keys")
    if expected:
        raise DamagedError(f"{expected} keys failed at the last level", cursor.offset)
    return first


def _read_words(cursor: RecordCursor, count: int) -> None:
    """Read words behind their lengths. Raises ``DamagedError``."""
    cursor.require_bytes(_LENGTH.size * count, "the words")
    for _ in range(count):
        (length,) = cursor.read(_LENGTH, "the length of a word")
        word = cursor.take(length, "a word")
        if length > SHORT_NAME_BYTES:
            cursor.mark_name(word)
