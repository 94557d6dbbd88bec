"""HDF5: a tree of groups, datasets and attributes, parsed here without the HDF5 library."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, EmbeddedStart
from modelaudit.model.defect_kind import DefectKind


class Hdf5Defect(DefectKind):
    """Defects of an HDF5 file."""

    DATA_BEYOND_END = "data-beyond-end"
    EXPANSION_RATIO = "expansion-ratio"
    SIZE_MISMATCH = "size-mismatch"
    TRAILING_DATA = "trailing-data"


DECLARATIONS: Final = (
    Declaration(
        "hdf5",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        extensions=(".h5", ".hdf5"),
        embedded=EmbeddedStart(magic=(b"\x89HDF\r\n\x1a\n",)),
        defects=(Hdf5Defect,),
    ),
)
