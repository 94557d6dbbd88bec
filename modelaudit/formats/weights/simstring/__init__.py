"""SimString: collections of strings, and their indexes of n-grams in hash tables of CDB++."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic, Sign

DECLARATIONS: Final = (
    # The number behind the magic word shows the order of bytes.
    Declaration("simstring", read=f"{__name__}.strings:read", recognise=Magic((b"SSDB\x71\x53\x44\x62",))),
    Declaration(
        "simstring",
        read=f"{__name__}.tables:read",
        recognise=f"{__name__}.tables:recognises",
        signs=(Sign((b"CDB+",)),),
    ),
)
