"""Read PaddlePaddle programs, in binary form and in JSON, and the parameter files beside them."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "paddle",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\n",)),),
        interpreter=f"{__name__}.reader:INTERPRETER",
    ),
    Declaration(
        "paddle",
        read=f"{__name__}.reader:read_parameters",
        recognise=f"{__name__}.reader:recognises_parameters",
        signs=(Sign((bytes(8),)),),
        fallback=30,
    ),
)
