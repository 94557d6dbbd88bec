"""The reader of a weight in an exported program, which is numbers unless another member calls it a pickle.

``torch.export.load`` takes ``data/weights/weight_0`` for plain numbers, or hands it to ``torch.load`` with all that
this allows, as the archive's own configuration says (``use_pickle`` in ``torch/export/pt2_archive/_package.py``). So
both are told where both are possible.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.formats.pickles.pickle import reader as pickle
from modelaudit.formats.pickles.pickle.reader import starts_pickle
from modelaudit.model.artifact import TORCH_WEIGHT, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import TensorData
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.sniff import strong_magic


def recognises(head: Head) -> bool:
    """The layout says so, and the bytes do not begin as a format of their own."""
    return head.content == TORCH_WEIGHT and strong_magic(head.data) is None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the size, and what the bytes would do as a pickle if they would do anything.

    Raises:
        WindowError: from the window.
    """
    yield TensorData(window.size)
    if not starts_pickle(window, 0, limits):
        return
    found = list(pickle.read(artifact, window, limits))
    # Numbers may begin like a pickle by chance; they do not go on to import anything.
    if any(isinstance(item, PickleProgram) and item.events for item in found):
        yield from found
