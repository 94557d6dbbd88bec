"""Declare Jinja templates."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration

DECLARATIONS: Final = (
    Declaration(
        "jinja",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        extensions=TEXT_EXTENSIONS,
    ),
)
