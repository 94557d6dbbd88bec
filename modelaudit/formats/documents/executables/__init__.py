"""Declare executables: machine programs, installers, and scripts with an archive attached."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "executable",
        fixtures="format",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
    ),
)
