"""Read PaddlePaddle programs, in binary form and in JSON, and the parameter files beside them."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "paddle",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        interpreter=f"{__name__}.reader:INTERPRETER",
    ),
    Declaration(
        "paddle",
        read=f"{__name__}.reader:read_parameters",
        recognise=f"{__name__}.reader:recognises_parameters",
        fallback=30,
    ),
)
