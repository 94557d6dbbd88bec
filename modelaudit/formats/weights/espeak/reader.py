"""Read pronunciation dictionaries of eSpeak NG, such as ``en_dict``: words in hash chains, then groups of rules.

Source: ``LoadDictionary`` and ``InitGroups`` of ``src/libespeak-ng/dictionary.c``, and ``compiledict.c``, of
https://github.com/espeak-ng/espeak-ng, version 1.52.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.windows import read_all_bytes

FORMAT: Final = "espeak"
_HEADER: Final = struct.Struct("<II")
_CHAINS: Final = 1024
# Bytes that structure the rules (``translate.h``).
_GROUP_START, _GROUP_END, _LETTERS, _REPLACEMENTS = 6, 7, 18, 20
_WORD_BYTES: Final = 4
_DEADLINE_STEP: Final = 4096


def recognises(head: Head) -> bool:
    """Whether the file states 1024 hash chains, and an offset of rules that leaves room for them and for a rule."""
    if head.content is not None or len(head.data) < _HEADER.size:
        return False
    chains, rules = _HEADER.unpack_from(head.data)
    if chains != _CHAINS or not _HEADER.size + _CHAINS <= rules < head.window.size:
        return False
    # The last chain ends before the rules, and they begin with a group or have none.
    return head.window.read(rules - 1, 2) in (b"\0\6", b"\0\7")


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of words and of groups of rules.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the file is larger than the limit on documents.
    """
    data = read_all_bytes(window, limits.document_bytes)
    walker = _DictionaryWalker(data)
    damage: DamagedError | None = None
    try:
        walker.walk()
    except DamagedError as error:
        damage = error
    claim_parsed(window, 0, walker.position)
    yield Outline(FORMAT, facts=(("words", str(walker.words)), ("groups", str(walker.groups))))
    if damage is not None:
        raise damage


class _DictionaryWalker:
    """A traversal of a dictionary.

    Attributes:
        position: behind the last part that was read completely.
        words: how many words there are.
        groups: how many groups of rules there are.
    """

    def __init__(self, data: bytes) -> None:
        self.position = 0
        self.words = 0
        self.groups = 0
        self._data = data

    def walk(self) -> None:
        """Read the whole file. Raises ``DamagedError``."""
        _, rules = _HEADER.unpack_from(self._data)
        self.position = _HEADER.size
        for _ in range(_CHAINS):
            self._skip_chain()
        if self.position != rules:
            raise DamagedError(f"the rules are stated to begin at {rules}, the words end elsewhere", self.position)
        while (start := self._get_byte(self.position)) == _GROUP_START:
            if self.groups % _DEADLINE_STEP == 0:
                check_deadline()
            self.groups += 1
            self.position = self._find_group_end(self.position + 1) + 1
        if start == _GROUP_END and not self.groups:
            self.position += 1
        if self._get_byte(self.position) != 0:
            raise DamagedError("a group of rules has no start", self.position)
        self.position += 1
        if self.position != len(self._data):
            raise DamagedError(f"{len(self._data) - self.position} bytes follow the rules", self.position)

    def _skip_chain(self) -> None:
        """Skip the words of a hash chain, each of which begins with its length. Raises ``DamagedError`` at the end."""
        check_deadline()
        while length := self._get_byte(self.position):
            # The length includes itself and that of the word in the next byte.
            if self.position + length > len(self._data) or self._get_byte(self.position + 1) & 0x3F > length:
                raise DamagedError("a word ends beyond the file, or beyond its entry", self.position)
            self.position += length
            self.words += 1
        self.position += 1

    def _find_group_end(self, position: int) -> int:
        """Return where a group ends, whose kind or name is at ``position``. Raises ``DamagedError`` without an end."""
        kind = self._get_byte(position)
        if kind == _REPLACEMENTS:
            # Texts up to a word of zeros, from a multiple of four on.
            aligned = (position + _WORD_BYTES) & -_WORD_BYTES
            return self._find(bytes((_GROUP_END,)), self._find(bytes(_WORD_BYTES), aligned))
        position = position + 2 if kind == _LETTERS else self._find(b"\0", position) + 1
        while self._get_byte(position) != _GROUP_END:
            position = self._find(b"\0", position) + 1
        return position

    def _get_byte(self, position: int) -> int:
        """Return the byte at a position. Raises ``DamagedError`` behind the end."""
        if position >= len(self._data):
            raise DamagedError("the file ends within a part", len(self._data))
        return self._data[position]

    def _find(self, wanted: bytes, position: int) -> int:
        """Return where bytes occur next. Raises ``DamagedError`` if they do not."""
        found = self._data.find(wanted, position)
        if found < 0:
            raise DamagedError("a group of rules has no end", position)
        return found
