"""Read trees of LemmaGen: the number of bytes, and nodes that lead to each other by their positions.

A rule is the number of letters to remove and the text to add. A leaf has the position of its rule and more letters of
the word, an inner node also a table of letters with the position of a node for each. The nodes follow each other
without a gap, zeros up to a multiple of eight bytes follow the last one, and another node leads to each but the first.
Source: ``definitions.h`` and ``lemmagen.cpp`` of https://github.com/vpodpecan/lemmagen3, version 3.5.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import claim_data
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "lemmagen"
_SIZE: Final = struct.Struct("<I")
# The kind of a node, and the position of its rule.
_NODE: Final = struct.Struct("<BI")
_ENTRY: Final = struct.Struct("<BI")
_RULE_BYTES: Final = 3
_HAS_LETTERS, _IS_INNER, _IS_WHOLE_WORD = 1, 2, 4
_KINDS: Final = frozenset({_HAS_LETTERS, _HAS_LETTERS | _IS_WHOLE_WORD, _IS_INNER, _HAS_LETTERS | _IS_INNER})
_ALIGNMENT: Final = 8
_RULE, _OTHER = 1, 2
_DEADLINE_STEP: Final = 4096


def recognises(head: Head) -> bool:
    """Whether the number of bytes is that of the file, and an inner node whose positions lie in it begins the tree."""
    if head.content is not None or len(head.data) < _SIZE.size + _NODE.size + 1:
        return False
    (size,) = _SIZE.unpack_from(head.data)
    kind, rule = _NODE.unpack_from(head.data, _SIZE.size)
    if size != head.window.size - _SIZE.size or size % _ALIGNMENT or kind not in (_IS_INNER, _IS_INNER | _HAS_LETTERS):
        return False
    start = _SIZE.size + _NODE.size
    if kind & _HAS_LETTERS:
        start += 1 + head.data[start]
    entries = head.data[start + 1 : start + 1 + _ENTRY.size * (head.data[start] if start < len(head.data) else 0)]
    if not entries or len(entries) % _ENTRY.size:
        return False
    return _NODE.size < rule < size and all(position < size for _, position in _ENTRY.iter_unpack(entries))


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of nodes.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes, or the tree is larger than the limit for one read.
    """
    yield from outline_records(window, FORMAT, _read_tree)


def _read_tree(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the tree, and claim it. Raises ``DamagedError``."""
    size = cursor.read_u32("the number of bytes")
    data = cursor.take(size, "the tree")
    cursor.mark_data(size)
    try:
        facts["nodes"] = str(_Tree(data, cursor.offset - size).read())
    finally:
        claim_data(cursor.window, cursor.offset - size, cursor.offset)
    cursor.require_end()


class _Tree:
    """The nodes of a tree.

    Attributes:
        data: the nodes, and the zeros behind them.
        start: the position of the first one in the file, in bytes.
    """

    def __init__(self, data: bytes, start: int) -> None:
        self.data, self.start = data, start
        # _RULE or _OTHER where a node begins, and 0 elsewhere.
        self._kinds = bytearray(len(data))
        # The positions of rules and of other nodes, as often as nodes lead there.
        self._rules, self._nodes = array("I"), array("I")

    def read(self) -> int:
        """Return the number of nodes. Raises ``DamagedError``."""
        position, count = 0, 0
        while not self._is_padding(position):
            if count % _DEADLINE_STEP == 0:
                check_deadline()
            position = self._read_node(position)
            count += 1
        if position > len(self.data):
            raise DamagedError("the last node ends behind the tree", self.start + len(self.data))
        # Only a rule without letters looks like the padding.
        while position + _RULE_BYTES <= len(self.data) and position in self._rules:
            self._kinds[position] = _RULE
            position, count = position + _RULE_BYTES, count + 1
        self._check_aims(count)
        return count

    def _is_padding(self, position: int) -> bool:
        """Whether only zeros follow, and fewer than the alignment asks for."""
        return position > len(self.data) - _ALIGNMENT and not self.data[position:].strip(b"\0")

    def _read_node(self, position: int) -> int:
        """Record a node and its aims, and return where it ends. Raises ``DamagedError``."""
        data = self.data
        kind = data[position]
        self._kinds[position] = _OTHER if kind & ~_IS_WHOLE_WORD else _RULE
        try:
            if not kind & ~_IS_WHOLE_WORD:
                return self._pass_letters(position + _RULE_BYTES, data[position + 2])
            if kind not in _KINDS:
                raise DamagedError(f"the kind of node {kind} is unknown", self.start + position)
            self._rules.append(_NODE.unpack_from(data, position)[1])
            position += _NODE.size
            if kind & _HAS_LETTERS:
                position = self._pass_letters(position + 1, data[position])
            if not kind & _IS_INNER:
                return position
            end = position + 1 + _ENTRY.size * data[position]
            self._nodes.extend([aim for _, aim in _ENTRY.iter_unpack(data[position + 1 : end]) if aim])
        except (IndexError, struct.error):
            raise DamagedError("a node is cut off", self.start + position) from None
        return end

    def _pass_letters(self, position: int, length: int) -> int:
        """Return where a text ends. Raises ``DamagedError`` if a zero lies in it, which no text of a word has."""
        end = position + length
        if 0 in self.data[position:end]:
            raise DamagedError("a text holds a zero", self.start + position)
        return end

    def _check_aims(self, count: int) -> None:
        """Raise ``DamagedError`` unless each position leads to a node of its kind, and to each node but the first."""
        kinds = self._kinds
        rules, nodes = set(self._rules), set(self._nodes)
        check_deadline()
        if any(aim >= len(kinds) or kinds[aim] != _RULE for aim in rules):
            raise DamagedError("the position of a rule leads to something else", self.start)
        if any(aim >= len(kinds) or not kinds[aim] for aim in nodes):
            raise DamagedError("the position of a node leads to something else", self.start)
        if len(rules | nodes) != count - 1 or 0 in nodes:
            raise DamagedError("no other node leads to a node, or one leads to the first", self.start)
