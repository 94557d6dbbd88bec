"""fastText: vectors of words, or a classifier of texts, in full (``.bin``) or quantised (``.ftz``)."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "fasttext",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\xba\x16\x4f\x2f",)), Sign((b"\0\0", b"\1\0"), offset=2)),
        extensions=(".ftz",),
    ),
)
