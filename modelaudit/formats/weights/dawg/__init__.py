"""DAWG: sets of words as graphs in double arrays, and the tables of pymorphy beside them."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "dawg",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\0",), unit=4), Sign(path=("paradigms.array",))),
        extensions=(".dawg", ".intdawg"),
    ),
)
