"""MessagePack: a binary form of JSON that Flax and Orbax use for weights."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign
from modelaudit.model.defect_kind import DefectKind


class MsgpackDefect(DefectKind):
    """Defects of a MessagePack file."""

    DUPLICATE_KEY = "duplicate-key"
    MALFORMED_TENSOR = "malformed-tensor"
    SIZE_MISMATCH = "size-mismatch"
    SIZE_OVERFLOW = "size-overflow"
    TRAILING_DATA = "trailing-data"
    UNKNOWN_DTYPE = "unknown-dtype"
    UNKNOWN_EXTENSION = "unknown-extension"


DECLARATIONS: Final = (
    Declaration(
        "msgpack",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(among=bytes((*range(0x80, 0xA0), *range(0xDC, 0xE0)))),),
        defects=(MsgpackDefect,),
    ),
)
