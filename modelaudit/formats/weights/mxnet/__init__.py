"""MXNet: lists of arrays in binary form, and graphs of operators in JSON."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "mxnet",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\x12\1\0\0\0\0\0\0",)),),
    ),
    Declaration("mxnet-symbol", interpreter=f"{__name__}.reader:SYMBOL_INTERPRETER"),
)
