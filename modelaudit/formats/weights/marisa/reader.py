"""Read tries of marisa, and the dictionaries of OpenCC that begin with one.

A trie is a tree in level order as bits (LOUDS), with the label of each node. Labels of more than one byte are in a
further trie or, at last, in a list of texts (the tail). A dictionary of OpenCC has the values of all words behind it.
Sources: ``louds-trie.cc`` and ``bit-vector.cc`` of https://github.com/s-yata/marisa-trie, version 0.3;
``src/MarisaDict.cpp`` and ``src/SerializedValues.cpp`` of https://github.com/BYVoid/OpenCC, version 1.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.weights.marisa.vectors import BitVector, read_bit_vector, read_flat_vector, read_vector
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.record_cursor import RecordCursor

FORMAT: Final = "marisa"
_MAGIC: Final = b"We love Marisa.\0"
_OPENCC_MAGIC: Final = b"OPENCC_MARISA_0.2.5"
_CACHE_ENTRY_BYTES: Final = 12
_TRAILER: Final = struct.Struct("<II")
# The number of tries, how large the cache is, the kind of tail, and the order of nodes (``marisa/base.h``).
_CONFIGURATION_BITS: Final = 0xFFFFF
_MOST_TRIES: Final = 127
_U16: Final = struct.Struct("<H")
_COUNTS: Final = struct.Struct("<II")


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of words and of nested tries.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        LimitReachedError: more tries are nested than marisa can write.
        WindowError: the window could not return the requested bytes.
    """
    cursor = RecordCursor(window)
    facts: dict[str, int] = {}
    damage: DamagedError | None = None
    try:
        is_opencc = cursor.peek(len(_OPENCC_MAGIC)) == _OPENCC_MAGIC
        cursor.skip(len(_OPENCC_MAGIC) if is_opencc else 0, "the magic number")
        cursor.skip(len(_MAGIC), "the magic number")
        _read_tries(cursor, facts)
        if is_opencc:
            _read_values(cursor, facts["words"])
        cursor.require_end()
    except DamagedError as error:
        damage = error
    cursor.claim_consumed()
    yield Outline(FORMAT, facts=tuple((name, str(value)) for name, value in facts.items()))
    if damage is not None:
        raise damage


def _read_tries(cursor: RecordCursor, facts: dict[str, int]) -> None:
    """Read the trie and all tries nested in it, and record the number of words and of tries.

    The parts behind a nested trie follow in the opposite order.

    Raises:
        DamagedError: a part contradicts another.
        LimitReachedError: more tries are nested than marisa can write.
    """
    roots: list[int] = []
    has_next = True
    while has_next:
        if len(roots) == _MOST_TRIES:
            raise LimitReachedError(f"more than {_MOST_TRIES} tries are nested", cursor.offset)
        louds, terminals, has_next = _read_nodes(cursor)
        # Only the first trie has words of its own.
        if (terminals.size or terminals.ones) and roots:
            raise DamagedError("a nested trie has words of its own", cursor.offset)
        facts.setdefault("words", terminals.ones)
        roots.append(louds.count_ones_from(2))
    facts["tries"] = len(roots)
    for depth, children in enumerate(reversed(roots), 1):
        entries = read_vector(cursor, _CACHE_ENTRY_BYTES, "the cache")
        if entries.bit_count() != 1:
            raise DamagedError(f"a cache has {entries} entries, which is no power of two", cursor.offset)
        stated_children, configuration = cursor.read(_TRAILER, "the end of a trie")
        # The lowest seven bits are the number of tries from this one on.
        has_own_depth = configuration & _MOST_TRIES == depth
        if stated_children != children or configuration > _CONFIGURATION_BITS or not has_own_depth:
            raise DamagedError("the end of a trie states another number of nodes or of tries", cursor.offset)


def _read_nodes(cursor: RecordCursor) -> tuple[BitVector, BitVector, bool]:
    """Read a trie up to its tail.

    Returns:
        The tree as bits, the flags of nodes at which a word ends, and whether a further trie follows.

    Raises:
        DamagedError: the parts have different numbers of nodes.
    """
    start = cursor.offset
    louds = read_bit_vector(cursor, "the tree")
    terminals = read_bit_vector(cursor, "the ends of words")
    links = read_bit_vector(cursor, "the links")
    nodes = read_vector(cursor, 1, "the labels")
    extras = read_flat_vector(cursor, "the longer links")
    # A one for each node, a zero behind the children of each, one behind the root, and one at the end.
    if (louds.size, louds.ones, links.size, extras) != (2 * nodes + 2, nodes, nodes, links.ones):
        raise DamagedError("the parts of a trie state different numbers of nodes or links", start)
    if terminals.size not in (0, nodes + 1):
        raise DamagedError("a trie states another number of nodes for the ends of words", start)
    tail = read_vector(cursor, 1, "the tail")
    tail_ends = read_bit_vector(cursor, "the ends of texts in the tail", has_index=False)
    if tail_ends.size not in (0, tail):
        raise DamagedError(f"the tail has {tail} bytes and {tail_ends.size} flags", cursor.offset)
    return louds, terminals, bool(links.ones) and not tail


def _read_values(cursor: RecordCursor, words: int) -> None:
    """Read the values of a dictionary of OpenCC: texts, then the number of values of each word and their lengths.

    Raises:
        DamagedError: there are not as many words as in the trie, or lengths and texts differ.
    """
    start = cursor.offset
    count, size = cursor.read(_COUNTS, "the numbers of values")
    if count != words:
        raise DamagedError(f"the dictionary has values for {count} words of {words}", start)
    texts = cursor.take(size, "the values")
    cursor.mark_name(texts.replace(b"\0", b"\n"))
    cursor.require_bytes(_U16.size * count, "the lengths of the values")
    position = 0
    for _ in range(count):
        (values,) = cursor.read(_U16, "the number of values")
        for (length,) in cursor.read_rows(_U16, values, "the lengths of the values"):
            position += length
            if texts.find(b"\0", position - length) != position - 1:
                raise DamagedError("a value ends elsewhere than its length states", cursor.offset)
    if position != size:
        raise DamagedError(f"the lengths of the values sum up to {position} of {size} bytes", cursor.offset)
