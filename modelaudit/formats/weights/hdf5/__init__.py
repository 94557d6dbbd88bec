"""HDF5: a tree of groups, datasets and attributes, parsed here without the HDF5 library."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import ANY_CONTENT, Declaration, EmbeddedStart, Sign
from modelaudit.model.defect_kind import DefectKind


class Hdf5Defect(DefectKind):
    """Defects of an HDF5 file."""

    DATA_BEYOND_END = "data-beyond-end"
    EXPANSION_RATIO = "expansion-ratio"
    SIZE_MISMATCH = "size-mismatch"
    TRAILING_DATA = "trailing-data"


EXTENSIONS: Final = (".h5", ".hdf5", ".hdf", ".he5", ".keras", ".mat", ".nc")
"""Extensions of files in which the signature is searched for beyond the first bytes."""

DECLARATIONS: Final = (
    Declaration(
        "hdf5",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(holds=(b"\x89hdf\r\n\x1a\n",), contents=ANY_CONTENT), Sign(path=EXTENSIONS, contents=ANY_CONTENT)),
        extensions=(".h5", ".hdf5"),
        embedded=EmbeddedStart(magic=(b"\x89HDF\r\n\x1a\n",)),
        defects=(Hdf5Defect,),
    ),
)
