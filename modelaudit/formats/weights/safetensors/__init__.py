"""Safetensors: a JSON header, then the bytes of the tensors."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign
from modelaudit.model.defect_kind import DefectKind


class SafetensorsDefect(DefectKind):
    """Defects of a safetensors file."""

    DUPLICATE_KEY = "duplicate-key"
    HEADER_START = "header-start"
    HOLE_BETWEEN_TENSORS = "hole-between-tensors"
    MALFORMED_TENSOR = "malformed-tensor"
    METADATA_TYPE = "metadata-type"
    MISALIGNED_TENSOR = "misaligned-tensor"
    OVERLAPPING_TENSORS = "overlapping-tensors"
    REVERSED_OFFSETS = "reversed-offsets"
    SIZE_MISMATCH = "size-mismatch"
    SIZE_OVERFLOW = "size-overflow"
    TRAILING_DATA = "trailing-data"
    TRUNCATED = "truncated", "reported as damaged content that was not read"
    UNKNOWN_DTYPE = "unknown-dtype"


DECLARATIONS: Final = (
    Declaration(
        "safetensors",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\0\0",), offset=6), Sign(path=(".safetensors",))),
        extensions=(".safetensors",),
        defects=(SafetensorsDefect,),
    ),
)
