"""Declare formats that are recognised but not decoded: TensorRT, RKNN, CNTK and RAR."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration(
        "tensorrt",
        read=f"{__name__}.reader:TENSORRT.read",
        recognise=f"{__name__}.reader:TENSORRT.recognises",
    ),
    Declaration(
        "rknn",
        read=f"{__name__}.reader:RKNN.read",
        recognise=f"{__name__}.reader:RKNN.recognises",
    ),
    Declaration("cntk", read=f"{__name__}.reader:CNTK.read", recognise=f"{__name__}.reader:CNTK.recognises"),
    Declaration("rar", read=f"{__name__}.reader:RAR.read", recognise=f"{__name__}.reader:RAR.recognises"),
)
