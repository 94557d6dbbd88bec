"""Read Caffe networks and solvers, as protobuf text (``.prototxt``) and in binary form (``.caffemodel``)."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import FIRST_OF_PROTOBUF_TEXT, Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "caffe",
        read=f"{__name__}.reader:read_text",
        recognise=f"{__name__}.recognition:recognises_text",
        signs=(Sign(among=FIRST_OF_PROTOBUF_TEXT, is_text=True),),
    ),
    Declaration(
        "caffe",
        read=f"{__name__}.reader:read_binary",
        recognise=f"{__name__}.recognition:recognises_binary",
        signs=(Sign((b"\n", b"\x12", b"\xa2\6")),),
    ),
)
