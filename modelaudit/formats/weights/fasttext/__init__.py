"""fastText: vectors of words, or a classifier of texts, in full (``.bin``) or quantised (``.ftz``)."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "fasttext", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises", extensions=(".ftz",)
    ),
)
