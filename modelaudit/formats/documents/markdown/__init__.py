"""Declare Markdown, and the model card in the front matter of a README."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign
from modelaudit.languages.card_defects import CardDefect
from modelaudit.wire.defects import TextDefect

EXTENSIONS: Final = (".md", ".markdown", ".mdx", ".mdc")
"""Extensions of Markdown."""

DECLARATIONS: Final = (
    Declaration(
        "markdown",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(path=EXTENSIONS, is_text=True),),
        fallback=70,
        extensions=TEXT_EXTENSIONS,
        defects=(TextDefect,),
    ),
    Declaration("card", defects=(CardDefect,)),
)
