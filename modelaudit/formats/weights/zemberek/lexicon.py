"""Read the lexicon of Zemberek: items of texts and small numbers, one behind the other.

Each item states its length. It has a lemma, and may have a root, a pronunciation and a further text; then a part of
speech, and may have a second one, attributes and an index. The fields have this order, each at most once, and no text
a control character. The file has no count of its items. Source: ``lexicon.proto`` of
https://github.com/ahmetaa/zemberek-nlp.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.languages.unlisted_text import report_commands_in_data
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor, outline_records

_ITEM: Final = 0x32
_LEMMA: Final = 0x0A
_PART_OF_SPEECH: Final = 0x28
_ATTRIBUTES: Final = 0x3A
_TEXTS: Final = (_LEMMA, 0x12, 0x1A, 0x22)
_NUMBERS: Final = (_PART_OF_SPEECH, 0x30, 0x40)
_CONTINUED: Final = 0x80
"""The lowest number that takes more than one byte."""
_LONGEST_START: Final = 3
"""The bytes of the key and the length of an item; the shortest item takes more."""
_FEWEST_ITEMS: Final = 8
_CONTROLS: Final = bytes([*range(0x20), 0x7F])


def recognises(head: Head) -> bool:
    """Whether the first bytes are eight items."""
    if head.content is not None:
        return False
    cursor = RecordCursor(head.window)
    try:
        for _ in range(_FEWEST_ITEMS):
            _read_item(cursor)
    except DamagedError:
        return False
    return True


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of items, and an absence for a command in them.

    Raises:
        DamagedError: the file is truncated, or an item has another form.
        WindowError: the window could not return the requested bytes.
    """
    yield from outline_records(window, "zemberek", _read_items)
    yield from report_commands_in_data(artifact.path, window)


def _read_items(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the items to the end of the file. Raises ``DamagedError``."""
    count = 0
    while cursor.left:
        if count % 1024 == 0:
            check_deadline()
        _read_item(cursor)
        count += 1
        facts["items"] = str(count)


def _read_item(cursor: RecordCursor) -> None:
    """Read one item. Raises ``DamagedError``; the item is then not consumed, so that its bytes can be searched."""
    start = cursor.peek(_LONGEST_START)
    if len(start) < _LONGEST_START or start[0] != _ITEM:
        raise DamagedError("no item of a lexicon begins here", cursor.offset)
    length, first = start[1], 2
    if length >= _CONTINUED:
        if not 0 < start[2] < _CONTINUED:
            raise DamagedError("an item is longer than its fields can be", cursor.offset)
        length, first = length + (start[2] - 1) * _CONTINUED, 3
    item = cursor.peek(first + length)
    if len(item) < first + length or not _is_item(item[first:]):
        raise DamagedError("an item has another form than those of a lexicon", cursor.offset)
    cursor.skip(len(item), "an item")


def _is_item(item: bytes) -> bool:
    """Whether the bytes of an item are fields in their order, each of a form that the lexicon has."""
    place, last, keys = 0, 0, set()
    while place + 1 < len(item):
        key, number = item[place], item[place + 1]
        if key <= last or number >= _CONTINUED:
            return False
        last = key
        keys.add(key)
        place += 2
        if key in _NUMBERS:
            continue
        content = item[place : place + number]
        place += number
        if len(content) < number or not _is_content(key, content):
            return False
    return place == len(item) and {_LEMMA, _PART_OF_SPEECH} <= keys


def _is_content(key: int, content: bytes) -> bool:
    """Whether bytes are a text without control characters, or attributes."""
    if key == _ATTRIBUTES:
        return content.isascii()  # attributes are small numbers
    if key not in _TEXTS or content.translate(None, _CONTROLS) != content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
