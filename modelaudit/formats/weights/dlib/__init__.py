"""dlib: predictors of the shape of objects, such as landmarks of faces, and networks with a loss layer."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "dlib", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises", signs=(Sign((b"\1\1",)),)
    ),
)
