"""Zarr, versions 2 and 3: arrays whose metadata are JSON and whose chunks are files of their own."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration
from modelaudit.model.structure import DefectKind


class ZarrDefect(DefectKind):
    """Defects in the metadata of a Zarr array."""

    EXPANSION_RATIO = "expansion-ratio"
    NEGATIVE_LENGTH = "negative-length"
    SIZE_MISMATCH = "size-mismatch"
    SIZE_OVERFLOW = "size-overflow"


DECLARATIONS: Final = (Declaration("zarr", interpreter=f"{__name__}.interpreter:INTERPRETER", defects=(ZarrDefect,)),)
