"""Read the vectors and the words of navec, by the numbers that state their size.

Vectors are the numbers of words, of dimensions, of parts and of centroids, then the centroids of each part as 32-bit
floats, and for each word the index of a centroid for each part as a byte. Words are their number, a count for each, and
the words in UTF-8, each behind a line feed but the first.
Source: ``navec/pq.py`` and ``navec/vocab.py`` of https://github.com/natasha/navec, version 0.10.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.record_cursor import RecordCursor, outline_records
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

FORMAT: Final = "navec"
_SIZES: Final = struct.Struct("<4I")
_COUNT: Final = struct.Struct("<I")
_NUMBER_BYTES: Final = 4
_MOST_CENTROIDS: Final = 256
_FIRST_BYTES: Final = 64
_FEWEST_WORDS: Final = 100
"""Of a file that is recognised: a few bytes in front of any text could be the counts of fewer words."""


def recognises(head: Head) -> bool:
    """Whether the first numbers give the size of the file, or text begins behind as many numbers as the first one."""
    if head.content is not None or len(head.data) < _SIZES.size:
        return False
    return _measure_vectors(head.data) == head.window.size or _is_words(head.data, head.window)


def _measure_vectors(start: bytes) -> int | None:
    """Return the size of a file of vectors that begins with these bytes; ``None`` if it begins another file."""
    words, dimensions, parts, centroids = _SIZES.unpack_from(start)
    if words < _FEWEST_WORDS or 0 in (dimensions, parts) or not 0 < centroids <= _MOST_CENTROIDS or dimensions % parts:
        return None
    return int(_SIZES.size + _NUMBER_BYTES * centroids * dimensions + words * parts)


def _is_words(start: bytes, window: Window) -> bool:
    """Whether text begins behind the counts of the words."""
    (count,) = _COUNT.unpack_from(start)
    end = _COUNT.size + _NUMBER_BYTES * count
    if count < _FEWEST_WORDS or end >= window.size:
        return False
    words = window.read(end, min(_FIRST_BYTES, window.size - end)).decode("utf-8", "replace")
    # Only the last character may be cut, and no word is empty.
    return (
        "\ufffd" not in words[:-1]
        and words[:1] != "\n"
        and "\n\n" not in words
        and words.replace("\n", "").isprintable()
    )


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the numbers of words, dimensions, parts and centroids, and the words as a text.

    Raises:
        DamagedError: the file contradicts itself.
        WindowError: the window could not return the requested bytes.
    """
    start = window.read(0, _SIZES.size)
    is_vectors = _measure_vectors(start) == window.size
    yield from outline_records(window, FORMAT, _read_vectors if is_vectors else _read_words)
    if not is_vectors:
        words = SubWindow(window, *_locate_words(start, window.size), get_budget(window, limits))
        yield Artifact(join_member(artifact.path, "words"), words.size, make_opener(words))


def _locate_words(start: bytes, size: int) -> tuple[int, int]:
    """Return where the words begin, and their size in bytes."""
    begin = _COUNT.size + _NUMBER_BYTES * _COUNT.unpack_from(start)[0]
    return begin, size - begin


def _read_vectors(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the vectors. Raises ``DamagedError`` if they are not the rest of the file."""
    words, dimensions, parts, centroids = cursor.read(_SIZES, "the sizes of the vectors")
    facts.update(words=str(words), dimensions=str(dimensions), parts=str(parts), centroids=str(centroids))
    cursor.skip_data(_NUMBER_BYTES * centroids * dimensions, "the centroids")
    cursor.skip_data(words * parts, "the indexes")
    cursor.require_end()


def _read_words(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the words. Raises ``DamagedError`` if there are not as many as counts."""
    count = cursor.read_u32("the number of words")
    facts["words"] = str(count)
    cursor.skip_data(_NUMBER_BYTES * count, "the counts")
    words = cursor.take(cursor.left, "the words")
    try:
        words.decode()
    except UnicodeDecodeError as error:
        raise DamagedError("a word is not in UTF-8", cursor.offset - len(words) + error.start) from error
    if words.count(b"\n") != count - 1 or b"\0" in words:
        raise DamagedError(f"the text is not {count} words", cursor.offset - len(words))
    cursor.mark_data(len(words))
    cursor.require_end()
