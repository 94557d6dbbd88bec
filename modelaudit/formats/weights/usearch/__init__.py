"""USearch: indexes of vectors in a graph of neighbours."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "usearch",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        extensions=(".usearch",),
    ),
)
