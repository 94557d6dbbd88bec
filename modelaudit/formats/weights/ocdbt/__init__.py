"""OCDBT, the key-value store of tensorstore, where Orbax keeps checkpoints."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("ocdbt", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),
    Declaration(
        "ocdbt", read=f"{__name__}.reader:read_data", recognise=f"{__name__}.reader:recognises_data", fallback=200
    ),
)
