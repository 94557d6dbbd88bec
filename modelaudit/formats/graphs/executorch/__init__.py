"""Read ExecuTorch programs (``.pte``): FlatBuffers of operators and delegates, with segments of data after them."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign
from modelaudit.model.defect_kind import DefectKind


class ExecutorchDefect(DefectKind):
    """Defects of an ExecuTorch program."""

    INDEX_OUTSIDE = "index-outside"


DECLARATIONS: Final = (
    Declaration(
        "executorch",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"ET",), offset=4),),
        extensions=(".pte",),
        defects=(ExecutorchDefect,),
    ),
)
