"""OCDBT, the key-value store of tensorstore, where Orbax keeps checkpoints."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "ocdbt",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\x0c\xdb",)),),
    ),
    Declaration(
        "ocdbt",
        read=f"{__name__}.reader:read_data",
        recognise=f"{__name__}.reader:recognises_data",
        signs=(Sign(path=("d/",)),),
        fallback=200,
    ),
)
