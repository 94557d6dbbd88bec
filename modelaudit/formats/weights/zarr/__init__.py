"""Zarr, versions 2 and 3: arrays with metadata in JSON and one file for each chunk."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration
from modelaudit.model.defect_kind import DefectKind


class ZarrDefect(DefectKind):
    """Defects in the metadata of a Zarr array."""

    EXPANSION_RATIO = "expansion-ratio"
    NEGATIVE_LENGTH = "negative-length"
    SIZE_MISMATCH = "size-mismatch"
    SIZE_OVERFLOW = "size-overflow"


DECLARATIONS: Final = (Declaration("zarr", interpreter=f"{__name__}.interpreter:INTERPRETER", defects=(ZarrDefect,)),)
