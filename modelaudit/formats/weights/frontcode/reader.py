"""Read front-coded dictionaries (``SMFC1``): words in order, each as what differs from the one before, and base forms.

Source: ``simplemma/strategies/dictionaries/frontcode.py`` of simplemma 2.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.windows import read_all_bytes

FORMAT: Final = "frontcode"
_MAGIC: Final = b"SMFC1"
# In the place of the number of bytes that the base form leaves off: it is that of the word before, or spelt out.
_SAME_AS_BEFORE: Final = 254
_SPELT_OUT: Final = 255
_LONGEST_NUMBER: Final = 5
# A larger byte is a part of a longer number.
_LARGEST_BYTE: Final = 0x7F
_DEADLINE_STEP: Final = 4096


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of words.

    Raises:
        DamagedError: a word is truncated or refers to more than the one before has, or there are more or fewer words.
        WindowError: the file is larger than the limit on documents.
    """
    data = read_all_bytes(window, limits.document_bytes)
    walker = _WordWalker(data)
    damage: DamagedError | None = None
    try:
        walker.walk()
    except DamagedError as error:
        damage = error
    claim_parsed(window, 0, walker.position)
    yield Outline(FORMAT, facts=(("words", str(walker.words)),))
    if damage is not None:
        raise damage


class _WordWalker:
    """A traversal of the words.

    Attributes:
        position: behind the last word that was read completely.
        words: how many words were read.
    """

    def __init__(self, data: bytes) -> None:
        self.position = 0
        self.words = 0
        self._data = data

    def walk(self) -> None:
        """Read all words. Raises ``DamagedError``."""
        size = len(self._data)
        count, position = self._read_number(len(_MAGIC) + 1)
        self.position = position
        length = 0
        while position < size:
            if self.words % _DEADLINE_STEP == 0:
                check_deadline()
            position, length = self._skip_short_word(position, length) or self._skip_word(position, length)
            self.position = position
            self.words += 1
            if self.words > count:
                break
        if self.words != count:
            raise DamagedError(f"the dictionary states {count} words, it has {self.words} or more", self.position)

    def _skip_short_word(self, position: int, length_before: int) -> tuple[int, int] | None:
        """As ``_skip_word``, in fewer steps: ``None`` for a word with a longer number, or one that is damaged.

        A dictionary has millions of words, nearly all of which are short.
        """
        data = self._data
        try:
            shared, added = data[position], data[position + 1]
            end = position + 2 + added
            trimmed = data[end]
            end += 1
            if trimmed != _SAME_AS_BEFORE:
                form = data[end]
                end += 1 + form
                if form > _LARGEST_BYTE:
                    return None
        except IndexError:
            return None
        length = shared + added
        if max(shared, added) > _LARGEST_BYTE or shared > length_before or end > len(data):
            return None
        return (end, length) if trimmed <= length or trimmed >= _SAME_AS_BEFORE else None

    def _skip_word(self, position: int, length_before: int) -> tuple[int, int]:
        """Skip a word and its base form, and return where they end, and how many bytes the word has.

        Raises:
            DamagedError: the word shares more bytes than the one before has, or ends beyond the file.
        """
        start = position
        shared, position = self._read_number(position)
        added, position = self._read_number(position)
        position += added
        length = shared + added
        trimmed = self._get_byte(position)
        position += 1
        if trimmed != _SAME_AS_BEFORE:
            added, position = self._read_number(position)
            position += added
        is_possible = trimmed <= length or trimmed >= _SAME_AS_BEFORE
        if shared > length_before or not is_possible or position > len(self._data):
            raise DamagedError("a word refers to more bytes than there are", start)
        return position, length

    def _read_number(self, position: int) -> tuple[int, int]:
        """Read a number of seven bits a byte, and return it and where it ends. Raises ``DamagedError``."""
        number = 0
        for index in range(_LONGEST_NUMBER):
            byte = self._get_byte(position + index)
            number |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return number, position + index + 1
        raise DamagedError(f"a number has more than {_LONGEST_NUMBER} bytes", position)

    def _get_byte(self, position: int) -> int:
        """Return the byte at a position. Raises ``DamagedError`` behind the end."""
        if position >= len(self._data):
            raise DamagedError("the file ends within a word", len(self._data))
        return self._data[position]
