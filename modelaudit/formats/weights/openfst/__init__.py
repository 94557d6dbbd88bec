"""OpenFst: transducers of speech and of text normalisation."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic

DECLARATIONS: Final = (
    Declaration(
        "openfst",
        read=f"{__name__}.reader:read",
        recognise=Magic((b"\xd6\xfd\xb2\x7e\x06\x00\x00\x00vector", b"\x5c\xf3\xb2\x7e\x01\x00\x00\x00")),
        extensions=(".fst", ".far"),
    ),
)
