"""Read Core ML models: their layers and operators, classes of the application, linked models, and weight files."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("coreml", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),
    Declaration(
        "coreml",
        read=f"{__name__}.reader:read_weights",
        recognise=f"{__name__}.reader:recognises_weights",
        fallback=20,
    ),
)
