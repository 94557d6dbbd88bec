"""Build files of Python packages, ``pyproject.toml`` and ``setup.cfg``: code that an installation runs."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration

DECLARATIONS: Final = (
    Declaration(
        "python-build",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        extensions=TEXT_EXTENSIONS,
    ),
)
