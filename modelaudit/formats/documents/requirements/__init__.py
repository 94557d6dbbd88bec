"""Declare requirements files, the lists of packages that pip installs."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration

DECLARATIONS: Final = (
    Declaration(
        "requirements",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        fallback=110,
        extensions=TEXT_EXTENSIONS,
    ),
)
