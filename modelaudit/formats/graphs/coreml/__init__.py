"""Core ML models and the weights beside them."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("coreml", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),
    Declaration(
        "coreml", read=f"{__name__}.reader:read_weights", recognise=f"{__name__}.reader:recognises_weights", fallback=20
    ),
)
