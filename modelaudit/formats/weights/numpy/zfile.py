"""Read compressed files of joblib before 0.10: a magic number, the size of the content in hexadecimal, a zlib stream.

The content is a pickle, or the data of one array that a pickle in another file describes. Source: ``read_zfile`` in
``joblib/numpy_pickle_compat.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.pickles.pickle.recognition import starts_pickle
from modelaudit.formats.weights.numpy import ZFileDefect
from modelaudit.model.address import join_content
from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Defect, Location, Unread
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.codecs import ZLIB
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.streams import outline_stream
from modelaudit.wire.windows import DecompressedWindow, SubWindow, get_budget, make_opener

MAGIC: Final = b"ZF"
# joblib pads the size with spaces to the length of ``hex(2**64)``.
_HEADER_BYTES: Final = len(MAGIC) + len(hex(2**64))


def _parse_stated_size(head: bytes) -> int | None:
    """Return the size that the header states, parsed as joblib does; ``None`` if there is no such header.

    Python 2 wrote an ``L`` after the number.
    """
    try:
        size = int(head[len(MAGIC) : _HEADER_BYTES].decode("ascii").strip().rstrip("L"), 16)
    except ValueError:
        return None
    return size if head.startswith(MAGIC) and len(head) > _HEADER_BYTES and size >= 0 else None


def recognises(head: Head) -> bool:
    """Whether the bytes begin with the magic number and a size."""
    return _parse_stated_size(head.data) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the stream, then the content as an artifact.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    head = window.read(0, _HEADER_BYTES + 1)
    stated_size = _parse_stated_size(head) or 0
    # joblib up to 0.8.4 padded the size with one more space.
    start = _HEADER_BYTES + 1 if head.endswith(b" ") else _HEADER_BYTES
    budget = get_budget(window, limits)
    stored = SubWindow(window, start, window.size - start, budget)
    # The size that the header states is only compared with the result, and never trusted.
    with DecompressedWindow(stored, ZLIB, stated_size=0, limits=limits) as content:
        failure = content.expand()
        end = start + content.expansion.consumed
        defects: list[Defect] = []
        if content.overflowed:
            defects.append(
                Defect(
                    ZFileDefect.EXPANSION_RATIO,
                    f"the content expands beyond the limit, to more than {content.size} bytes",
                )
            )
        elif failure is None and content.size != stated_size:
            detail = f"the content takes {content.size} bytes, the header states {stated_size}"
            defects.append(Defect(ZFileDefect.SIZE_MISMATCH, detail, Location(offset=len(MAGIC))))
        claim_parsed(window, 0, start)
        claim_data(window, start, end)
        yield outline_stream("joblib", 1, end, content.size, defects)
        if failure is not None:
            yield Unread(failure.reason, str(failure), Location(offset=end))
        if content.size:
            # A pickle is recognised by its bytes; anything else is the data of an array.
            is_pickle = starts_pickle(content, 0, limits)
            kind = None if is_pickle else TENSOR_STORAGE
            yield Artifact(join_content(artifact.path), content.size, make_opener(content), content=kind)
