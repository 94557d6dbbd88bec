"""FAISS: indexes of vectors, flat, in a graph, or in lists."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "faiss",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"Ix", b"IH", b"Iw")),),
        extensions=(".faiss",),
    ),
)
