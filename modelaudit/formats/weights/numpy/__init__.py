"""NumPy arrays, and the compressed files of old joblib."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import ANY_CONTENT, Declaration, EmbeddedStart, Magic, Sign
from modelaudit.model.defect_kind import DefectKind


class NpyDefect(DefectKind):
    """Defects in the header of a NumPy array."""

    DUPLICATE_KEY = "duplicate-key"
    NEGATIVE_LENGTH = "negative-length"
    SIZE_OVERFLOW = "size-overflow"


class ZFileDefect(DefectKind):
    """Defects of a compressed joblib file."""

    EXPANSION_RATIO = "expansion-ratio"
    SIZE_MISMATCH = "size-mismatch"


DECLARATIONS: Final = (
    Declaration(
        "npy",
        read=f"{__name__}.npy:read",
        recognise=Magic((b"\x93NUMPY",), in_containers=True),
        extensions=(".npy",),
        embedded=EmbeddedStart(magic=(b"\x93NUMPY",)),
        defects=(NpyDefect,),
    ),
    Declaration(
        "joblib",
        read=f"{__name__}.zfile:read",
        recognise=f"{__name__}.zfile:recognises",
        signs=(Sign((b"ZF",), contents=ANY_CONTENT),),
    ),
    # The outline of a compressed joblib file has the format ``compressed``, so its defects are declared there.
    Declaration("compressed", defects=(ZFileDefect,)),
)
