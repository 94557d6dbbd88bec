"""MXNet: lists of arrays in binary form, and graphs of operators in JSON."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("mxnet", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),
    Declaration("mxnet-symbol", interpreter=f"{__name__}.reader:SYMBOL_INTERPRETER"),
)
