"""Read a weight of an exported program: numbers, unless another member declares it a pickle.

``torch.export.load`` reads ``data/weights/weight_0`` as plain numbers, or passes it to ``torch.load`` without
restrictions, depending on the archive's own configuration (``use_pickle`` in
``torch/export/pt2_archive/_package.py``). The reader reports both where both are possible.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.formats.pickles.pickle.recognition import starts_pickle
from modelaudit.model.artifact import TORCH_WEIGHT, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import TensorData
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.ledger import claim_data
from modelaudit.wire.sniff import detect_strong_magic


def recognises(head: Head) -> bool:
    """Whether the archive's layout makes this member a weight, and it does not begin like a format of its own."""
    return head.content == TORCH_WEIGHT and detect_strong_magic(head.data) is None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the size of the numbers, and what the pickle reader finds if the bytes are a pickle that imports anything.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    from modelaudit.formats.pickles.pickle import reader as pickle  # a weight is hardly ever a pickle

    yield TensorData(window.size)
    readings = list(pickle.read(artifact, window, limits)) if starts_pickle(window, 0, limits) else []
    # Numbers may begin like a pickle by chance, but then import nothing.
    if any(isinstance(reading, PickleProgram) and reading.events for reading in readings):
        yield from readings
    else:
        claim_data(window)
