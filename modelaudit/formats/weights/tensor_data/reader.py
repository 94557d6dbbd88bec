"""Account for the bytes of a tensor, which its loader copies into memory as numbers."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import TensorData
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.ledger import claim_data
from modelaudit.wire.sniff import detect_strong_magic


def recognises(head: Head) -> bool:
    """Whether the container states that the bytes are a tensor, and they do not begin like another format.

    The statement may be forged: if ``a/data/0`` in an archive begins like a NumPy array, ``numpy.load`` reads it as one
    and unpickles it. Magic numbers of fewer than four bytes do not count, for random weights begin with them by chance.
    """
    return head.content == TENSOR_STORAGE and detect_strong_magic(head.data) is None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the size. The numbers are not read: no number makes a loader run code."""
    claim_data(window)
    yield TensorData(window.size)
