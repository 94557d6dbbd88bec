"""The bytes of a tensor, which its loader copies into memory as numbers whatever they are."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import TensorData
from modelaudit.readers.base import Head, Reader, Reading

_CONTENT = "tensor-storage"


def recognises(head: Head) -> bool:
    """The container says so; bytes alone never tell numbers from anything else."""
    return head.content == _CONTENT


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the size. The numbers themselves are not read: no value of theirs makes a loader do anything else."""
    yield TensorData(window.size)


READER = Reader("tensor-storage", recognises, read)
