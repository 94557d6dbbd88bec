"""Read Caffe networks and solvers, as protobuf text (``.prototxt``) and in binary form (``.caffemodel``)."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("caffe", read=f"{__name__}.reader:read_text", recognise=f"{__name__}.reader:recognises_text"),
    Declaration(
        "caffe",
        read=f"{__name__}.reader:read_binary",
        recognise=f"{__name__}.reader:recognises_binary",
    ),
)
