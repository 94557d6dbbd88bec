"""GGUF, the format of llama.cpp: header, metadata, the table of tensors, and the tensors."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic
from modelaudit.model.defect_kind import DefectKind


class TensorDefect(DefectKind):
    """Defects in a table of tensors, which GGUF and GGML share."""

    DUPLICATE_TENSOR = "duplicate-tensor"
    MALFORMED_TENSOR = "malformed-tensor"
    SIZE_OVERFLOW = "size-overflow"
    TRAILING_DATA = "trailing-data"
    UNKNOWN_DTYPE = "unknown-dtype"


class GgufDefect(DefectKind):
    """Defects of GGUF that GGML cannot have."""

    ALIGNMENT_INVALID = "alignment-invalid"
    DUPLICATE_KEY = "duplicate-key"
    HOLE_BETWEEN_TENSORS = "hole-between-tensors"
    METADATA_TYPE = "metadata-type"
    MISALIGNED_TENSOR = "misaligned-tensor"
    NESTED_ARRAY = "nested-array"
    OVERLAPPING_TENSORS = "overlapping-tensors"


DECLARATIONS: Final = (
    Declaration(
        "gguf",
        read=f"{__name__}.reader:read",
        recognise=Magic((b"GGUF",)),
        extensions=(".gguf", ".ggml", ".ggjt"),
        defects=(GgufDefect, TensorDefect),
    ),
)
