"""Read the n-grams of a language model, which lie packed in bits behind tables of quantized numbers.

The sizes of all parts follow from the number of n-grams of each order. Sources: ``src/lm/ngram_model_trie.c``,
``src/lm/lm_trie.c``, ``src/lm/lm_trie_quant.c`` and ``src/lm/bitarr.c`` of https://github.com/cmusphinx/pocketsphinx,
version 5.
"""

from __future__ import annotations

from typing import Final

from modelaudit.wire.base import DamagedError
from modelaudit.wire.record_cursor import RecordCursor

LANGUAGE_MODEL: Final = b"Trie Language Model"
_MOST_ORDERS: Final = 16
_LONGEST_WORD: Final = 1024
# Numbers are quantized to 16 bits: tables hold a float for each value of a probability or a back-off.
_QUANTIZED: Final = 1
_TABLE_BYTES: Final = 4 << 16
_PROBABILITY_BITS: Final = 16
_BACKOFF_BITS: Final = 16
# Probability and back-off as floats, and the place of the first bigram.
_UNIGRAM_BYTES: Final = 12
# Bits are read as words of 64 bits, so that as many follow the last n-gram.
_PACKED_END_BYTES: Final = 8


def read_language_model(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the tables, the n-grams and the words. Raises ``DamagedError``."""
    cursor.skip(len(LANGUAGE_MODEL), "the header")
    order = cursor.take(1, "the order")[0]
    if not 0 < order <= _MOST_ORDERS:
        raise DamagedError(f"the order {order} is not between 1 and {_MOST_ORDERS}", cursor.offset - 1)
    counts = [cursor.read_u32("the number of n-grams") for _ in range(order)]
    facts.update(order=str(order), ngrams=str(sum(counts)))
    if order > 1:
        if (kind := cursor.read_u32("the kind of numbers")) != _QUANTIZED:
            raise DamagedError(f"numbers of the kind {kind} are not read", cursor.offset - 4)
        cursor.skip_data(_TABLE_BYTES * (2 * (order - 2) + 1), "the tables of numbers")
    # One more unigram ends the bigrams of the last word.
    cursor.skip_data(_UNIGRAM_BYTES * (counts[0] + 1), "the unigrams")
    for index in range(1, order):
        cursor.skip_data(_count_packed_bytes(counts, index), "the n-grams")
    _read_words(cursor, counts[0])
    cursor.require_end()


def _count_packed_bytes(counts: list[int], index: int) -> int:
    """Return the bytes of the n-grams at ``index``: the last word, numbers and the place of the next order in bits."""
    bits = counts[0].bit_length() + _PROBABILITY_BITS
    if index < len(counts) - 1:
        bits += _BACKOFF_BITS + counts[index + 1].bit_length()
    return ((counts[index] + 1) * bits + 7) // 8 + _PACKED_END_BYTES


def _read_words(cursor: RecordCursor, count: int) -> None:
    """Read the words behind their length in all. Raises ``DamagedError``."""
    length = cursor.read_u32("the length of the words")
    start = cursor.offset
    cursor.require_bytes(max(length, count), "the words")
    for _ in range(count):
        cursor.read_text("a word", _LONGEST_WORD)
    if cursor.offset - start != length:
        raise DamagedError(f"{count} words take {cursor.offset - start} bytes, and not {length}", start - 4)
