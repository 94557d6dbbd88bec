"""Models compiled for a device: code of its own that nobody can judge, named so that no one takes it for data.

Source: ``printPlanVersion`` in the samples of TensorRT, for its tag and version; the RKNN toolkit writes its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.readers.base import DamagedError, Head, Reader, Reading

ENGINES: Final = "engines"
_TAGS: Final = {b"ftrt": "TensorRT", b"ptrt": "TensorRT", b"RKNN": "RKNN"}
_SMALLEST: Final = 28
_VERSION: Final = 24


def recognises(head: Head) -> bool:
    """The tag that an engine begins with."""
    return head.content is None and head.data[:4] in _TAGS


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield which engine it is.

    Raises:
        DamagedError: it is shorter than its header.
        WindowError: from the window.
    """
    start = window.read(0, _SMALLEST)
    name = _TAGS[start[:4]]
    is_versioned = start[:8] == b"ftrt\0\0\0\0" and len(start) == _SMALLEST
    version = ".".join(str(each) for each in start[_VERSION:]) if is_versioned else ""
    facts = (("engine", name), *((("version", version),) if version else ()))
    yield Outline("engine", (Mention(ENGINES, "engine", name, Location(offset=0), version),), facts)
    if len(start) < _SMALLEST:
        raise DamagedError("it is shorter than its header", len(start))


READER: Final = Reader("engine", recognises, read)
