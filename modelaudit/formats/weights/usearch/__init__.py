"""USearch: indexes of vectors in a graph of neighbours."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "usearch",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        # The file has room for the vectors that it counts, at a byte or more each; or its vectors have no bytes.
        signs=(Sign(unit=1), Sign((bytes(4),), offset=4)),
        extensions=(".usearch",),
    ),
)
