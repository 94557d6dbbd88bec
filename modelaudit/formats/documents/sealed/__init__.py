"""Declare formats that are recognised but not decoded: TensorRT, RKNN, CNTK and RAR."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "tensorrt",
        read=f"{__name__}.reader:TENSORRT.read",
        recognise=f"{__name__}.reader:TENSORRT.recognises",
        signs=(Sign((b"ftrt", b"ptrt")), Sign((b"{",), offset=4)),
    ),
    Declaration(
        "rknn",
        read=f"{__name__}.reader:RKNN.read",
        recognise=f"{__name__}.reader:RKNN.recognises",
        signs=(Sign((b"RKNN",)),),
    ),
    Declaration(
        "cntk",
        read=f"{__name__}.reader:CNTK.read",
        recognise=f"{__name__}.reader:CNTK.recognises",
        signs=(Sign((b"B\0C\0N\0", b"\x08")),),
    ),
    Declaration(
        "rar",
        read=f"{__name__}.reader:RAR.read",
        recognise=f"{__name__}.reader:RAR.recognises",
        signs=(Sign((b"Rar!\x1a\7",)),),
    ),
)
