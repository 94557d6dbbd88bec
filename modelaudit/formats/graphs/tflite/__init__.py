"""Read TensorFlow Lite models: FlatBuffers of operators, tensors and the buffers that hold their data."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic
from modelaudit.model.defect_kind import DefectKind


class TfliteDefect(DefectKind):
    """Defects of a TensorFlow Lite model."""

    INDEX_OUTSIDE = "index-outside"
    NEGATIVE_LENGTH = "negative-length"


DECLARATIONS: Final = (
    Declaration(
        "tflite",
        read=f"{__name__}.reader:read",
        recognise=Magic((b"TFL3",), offset=4),
        extensions=(".tflite",),
        defects=(TfliteDefect,),
    ),
)
