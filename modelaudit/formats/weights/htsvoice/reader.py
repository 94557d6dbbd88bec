"""Read voices of the HTS engine: a head of lines, and behind it the parts whose ranges the head states.

The ranges follow each other without a gap up to the end of the file. A part is a window of numbers in text, decision
trees in text, or numbers: for each tree the number of its leaves, then a vector of floats for each leaf. The head gives
the length of the vectors. Source: ``lib/HTS_model.c`` of hts_engine API 1.10, https://hts-engine.sourceforge.net.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.languages.unlisted_text import report_commands_in_data
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

_LONGEST_HEAD: Final = 64 * 1024
_LONGEST_TEXT: Final = 16 * MIB
_MOST_STATES: Final = 100
_END_OF_HEAD: Final = b"[DATA]\n"
_SECTIONS: Final = ("GLOBAL", "STREAM", "POSITION")
# The name of a section, or a key with the stream that it is about, and its value in printable ASCII.
_SECTION: Final = defer_pattern(rb"\[([A-Z]+)\]")
_SETTING: Final = defer_pattern(rb"([A-Z][A-Z0-9_]*)(?:\[([A-Z0-9]+)\])?:([ -~]*)")
_RANGE: Final = defer_pattern(rb"(\d{1,12})-(\d{1,12})")
_NUMBER: Final = defer_pattern(r"\d{1,6}")
# Numbers of a window: how many, and each.
_WINDOW: Final = defer_pattern(rb"\d{1,4}(?: -?\d{1,9}\.?\d{0,9})+\n?")
# A question with the patterns that answer it, the head of a tree, a bracket, a node with its question and what follows
# no and yes, or the only leaf of a tree.
_LEAF: Final = rb"(?:-?\d++|\"[\w.-]++\")"
_TREE_LINE: Final = (
    rb"QS [!-~]++ \{ \"[^\"\n{}\x00-\x1f]++\"(?:, ?\"[^\"\n{}\x00-\x1f]++\")*+ \}|\{[!-~]{0,99}\}\[\d{1,3}\]|[{}]"
    rb"|[ ]*+-?\d++ ++[!-~]++ ++%(leaf)s ++%(leaf)s[ ]*+|[ ]*+%(leaf)s[ ]*+" % {b"leaf": _LEAF}
)
_TREES: Final = defer_pattern(rb"(?:(?:" + _TREE_LINE + rb")?+\n)*+")
_COUNT_BYTES: Final = 4
_FLOAT_BYTES: Final = 4


class _Head(Struct, frozen=True):
    """The settings of the head.

    Attributes:
        settings: by key and stream; the stream is empty for those of the whole voice.
        ranges: (first offset, offset behind the last, key, stream) of each part, in the order of the offsets.
    """

    settings: dict[tuple[str, str], str]
    ranges: list[tuple[int, int, str, str]]

    def get_number(self, key: str, stream: str = "") -> int:
        """Return the number in a setting. Raises ``DamagedError`` if it has none."""
        value = self.settings.get((key, stream), "")
        if _NUMBER.fullmatch(value) is None:
            raise DamagedError(f"{key} of the head is not a number", 0)
        return int(value)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the streams and the number of leaves, and an absence for a command in the head.

    Raises:
        DamagedError: the head has another form, its ranges leave a gap, or a part does not fill its range.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, "htsvoice", _read_voice)
    # Any two bytes may occur among the numbers behind the head.
    head_end = max(0, window.read(0, _LONGEST_HEAD).find(_END_OF_HEAD))
    yield from report_commands_in_data(artifact.path, window, head_end)


def _read_voice(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the head and the parts. Raises ``DamagedError``."""
    start = cursor.peek(_LONGEST_HEAD)
    end = start.find(_END_OF_HEAD)
    if end < 0:
        raise DamagedError("the head has no end", 0)
    head = _parse_head(start[:end].split(b"\n")[:-1])
    facts["streams"] = head.settings.get(("STREAM_TYPE", ""), "")
    cursor.skip(end + len(_END_OF_HEAD), "the head")
    first = cursor.offset
    for begin, behind, key, stream in head.ranges:
        check_deadline()
        if first + begin != cursor.offset:
            raise DamagedError(f"the range of {key} does not begin where the one before it ends", cursor.offset)
        if key.endswith("_PDF"):
            _skip_vectors(cursor, behind - begin, _count_trees(head, key), _measure_vector(head, key, stream))
        else:
            _skip_text(cursor, behind - begin, _WINDOW if key == "STREAM_WIN" else _TREES, key)
    cursor.require_end()


def _parse_head(lines: list[bytes]) -> _Head:
    """Parse the lines of the head. Raises ``DamagedError`` if one has another form, or a key occurs twice."""
    head = _Head({}, [])
    section = ""
    for line in lines:
        name = _SECTION.fullmatch(line)
        found = _SETTING.fullmatch(line)
        if name is not None and name[1].decode() in _SECTIONS:
            section = name[1].decode()
        elif found is not None and section:
            place = (found[1].decode(), (found[2] or b"").decode())
            if place in head.settings:
                raise DamagedError(f"{place[0]} occurs twice in the head", 0)
            head.settings[place] = found[3].decode()
            if section == "POSITION":
                head.ranges.extend((*_parse_range(each), *place) for each in found[3].split(b","))
        else:
            raise DamagedError("a line of the head is neither a section nor a setting", 0)
    head.ranges.sort()
    return head


def _parse_range(text: bytes) -> tuple[int, int]:
    """Return the first offset of a range, and the one behind its last. Raises ``DamagedError``."""
    found = _RANGE.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        raise DamagedError("a position in the head is not a range", 0)
    return int(found[1]), int(found[2]) + 1


def _count_trees(head: _Head, key: str) -> int:
    """Return the number of trees whose leaves a part has: one for each state of the sounds of a stream."""
    states = head.get_number("NUM_STATES")
    if not 0 < states <= _MOST_STATES:
        raise DamagedError(f"{states} states are not in 1 to {_MOST_STATES}", 0)
    return states if key == "STREAM_PDF" else 1


def _measure_vector(head: _Head, key: str, stream: str) -> int:
    """Return the numbers for each leaf: means, variances, and a weight of voiced sounds. Raises ``DamagedError``."""
    if key == "DURATION_PDF":
        return 2 * head.get_number("NUM_STATES")
    length = 2 * head.get_number("VECTOR_LENGTH", stream)
    if key == "GV_PDF":
        return length
    if key != "STREAM_PDF":
        raise DamagedError(f"{key} is not a part of a voice", 0)
    return length * head.get_number("NUM_WINDOWS", stream) + head.get_number("IS_MSD", stream)


def _skip_vectors(cursor: RecordCursor, size: int, trees: int, numbers: int) -> None:
    """Skip the counts and the vectors of a part. Raises ``DamagedError`` if they do not take ``size`` bytes."""
    leaves = sum(cursor.read_u32("the number of leaves") for _ in range(trees))
    if size != _COUNT_BYTES * trees + _FLOAT_BYTES * numbers * leaves:
        raise DamagedError(f"{leaves} leaves of {numbers} numbers do not take {size} bytes", cursor.offset)
    cursor.skip_data(_FLOAT_BYTES * numbers * leaves, "the numbers of the leaves")


def _skip_text(cursor: RecordCursor, size: int, pattern: re.Pattern[bytes], key: str) -> None:
    """Skip a part that is text. Raises ``DamagedError`` if it has another form; it is not consumed then."""
    if size > _LONGEST_TEXT or key not in ("STREAM_WIN", "DURATION_TREE", "STREAM_TREE", "GV_TREE"):
        raise DamagedError(f"{key} of {size} bytes is not a part of a voice", cursor.offset)
    text = cursor.peek(size)
    if len(text) < size or pattern.fullmatch(text) is None:
        raise DamagedError(f"{key} has another form than that of a voice", cursor.offset)
    cursor.skip(size, key)
