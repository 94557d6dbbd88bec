"""Make the outline of a compressed file of any codec."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modelaudit.model.outline import Outline
from modelaudit.model.structure import Defect

COMPRESSED: Final = "compressed"
"""The format name under which rules match the defects of all codecs."""


def outline_stream(
    codec: str, streams: int, stored_size: int, content_size: int, defects: Iterable[Defect] = ()
) -> Outline:
    """Return the outline of a compressed file.

    Args:
        codec: ``gzip``, ``bzip2``, ``xz``, ``lzma``, ``zlib``, ``lz4``, ``zstd`` or ``joblib``.
        streams: how many streams or frames follow one another to make the content.
        stored_size: bytes that they take.
        content_size: bytes of the content, as far as it was expanded.
        defects: contradictions found while it was expanded.
    """
    sizes = (("streams", streams), ("stored bytes", stored_size), ("content bytes", content_size))
    facts = (("codec", codec), *((name, str(number)) for name, number in sizes))
    return Outline(COMPRESSED, facts=facts, defects=tuple(defects))
