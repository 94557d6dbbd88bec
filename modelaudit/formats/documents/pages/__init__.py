"""Declare HTML pages, SVG drawings, and messages whose parts are pages."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign

MESSAGE_EXTENSIONS: Final = (".mht", ".mhtml", ".eml")
"""Extensions of saved messages."""

EXTENSIONS: Final = (".html", ".htm", ".xhtml", ".xht", ".shtml", ".shtm", ".stm", ".mht", ".mhtml", ".svg")
"""Extensions of pages and drawings."""

DECLARATIONS: Final = (
    Declaration(
        "markup",
        read=f"{__name__}.messages:read",
        recognise=f"{__name__}.messages:recognises",
        signs=(Sign(path=MESSAGE_EXTENSIONS, is_text=True), Sign(is_text=True, holds=(b"mime-version:",))),
        fallback=60,
        extensions=TEXT_EXTENSIONS,
    ),
    Declaration(
        "markup",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(
            Sign(path=EXTENSIONS, is_text=True),
            Sign(among=b"\xef\t\n\v\f\r <", is_text=True, holds=(b"html", b"svg")),
        ),
        fallback=160,
        extensions=TEXT_EXTENSIONS,
    ),
)
