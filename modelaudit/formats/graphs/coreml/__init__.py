"""Read Core ML models: their layers and operators, classes of the application, linked models, and weight files."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "coreml",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\x08", b"\x12")),),
    ),
    Declaration(
        "coreml",
        read=f"{__name__}.reader:read_weights",
        recognise=f"{__name__}.reader:recognises_weights",
        signs=(Sign((b"\2\0\0\0",), offset=4),),
        fallback=20,
    ),
)
