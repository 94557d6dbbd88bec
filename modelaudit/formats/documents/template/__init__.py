"""Declare Jinja templates."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign
from modelaudit.model.content import JINJA

DECLARATIONS: Final = (
    Declaration(
        "jinja",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(contents=(JINJA,)), Sign(path=("jinja", ".j2", "template", "prompt", ".tmpl"))),
        extensions=TEXT_EXTENSIONS,
    ),
)
