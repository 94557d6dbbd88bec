"""Declare HTML pages, SVG drawings, and messages whose parts are pages."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration

DECLARATIONS: Final = (
    Declaration(
        "markup",
        read=f"{__name__}.messages:read",
        recognise=f"{__name__}.messages:recognises",
        fallback=60,
        extensions=TEXT_EXTENSIONS,
    ),
    Declaration(
        "markup",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        fallback=160,
        extensions=TEXT_EXTENSIONS,
    ),
)
