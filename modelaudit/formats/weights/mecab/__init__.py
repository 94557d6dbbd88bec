"""MeCab: the compiled dictionaries, costs and categories of a tagger of words."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "mecab",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(
            Sign((b"\x66\0\0\0",), offset=4),
            Sign((b"\0",), offset=35),
            Sign(path=("matrix.bin",)),
        ),
    ),
)
