"""Jupyter notebooks: the code and shell commands of their cells, and the scripts that they show in a browser."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "notebook",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(path=(".ipynb",), is_text=True),),
        fallback=90,
        extensions=TEXT_EXTENSIONS,
    ),
)
