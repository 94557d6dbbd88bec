"""Declare shell scripts, Git hooks, Dockerfiles and other files with commands."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "shell",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.recognition:recognises",
        fallback=130,
        extensions=TEXT_EXTENSIONS,
    ),
    Declaration(
        "text",
        read=f"{__name__}.reader:read_attributes",
        recognise=f"{__name__}.recognition:recognises_attributes",
        signs=(Sign(path=("attributes",), is_text=True),),
        fallback=135,
    ),
)
