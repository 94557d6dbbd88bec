"""The bytes of a tensor, which its loader copies into memory as numbers whatever they are."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import TensorData
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.sniff import detect_strong_magic


def recognises(head: Head) -> bool:
    """The container says so, and the bytes do not begin as a format that another loader of the container would read.

    The layout of torch may be only feigned: ``numpy.load`` takes ``a/data/0`` of the same archive for an array if it
    begins as one, and unpickles it. Magic numbers under four bytes are too weak a sign against random weights.
    """
    return head.content == TENSOR_STORAGE and detect_strong_magic(head.data) is None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the size. The numbers themselves are not read: no value of theirs makes a loader do anything else."""
    yield TensorData(window.size)
