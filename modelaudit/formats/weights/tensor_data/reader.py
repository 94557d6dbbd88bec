"""Account for the bytes of a tensor, which its loader copies into memory as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.value_trees import ValueTree
from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import TensorData
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.ledger import claim_data
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.text import get_file_name

_LONGEST_TEXT: Final = 2 * MIB
_HEAD: Final = 64
# Text in ASCII, which the bytes of numbers rarely are.
_TEXT: Final = defer_pattern(rb"[\t\n\r\x20-\x7e]{8,64}\Z")


def recognises(head: Head) -> bool:
    """Whether the container states that the bytes are a tensor, and they do not begin like another format.

    The statement may be forged: if ``a/data/0`` in an archive begins like a NumPy array, ``numpy.load`` reads it as one
    and unpickles it. Magic numbers of fewer than four bytes do not count, for random weights begin with them by chance.
    """
    return head.content == TENSOR_STORAGE and detect_strong_magic(head.data) is None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the size, and what a text in place of numbers holds: ``get_extra_state`` of a module may keep one.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    claim_data(window)
    yield TensorData(window.size)
    if window.size <= _LONGEST_TEXT and _TEXT.match(window.read(0, min(window.size, _HEAD))):
        tree = ValueTree()
        tree.add_bytes((get_file_name(artifact.path),), window.read(0, window.size))
        yield from tree.interpret(artifact.path, limits)
