"""Declare XML and the model formats written in it: PMML and OpenVINO graphs."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration
from modelaudit.model.defect_kind import DefectKind
from modelaudit.wire.defects import XmlDefect


class MarkupDefect(DefectKind):
    """Defects of a model written in XML."""

    WEIGHTS_INVALID = "weights-invalid"
    WEIGHTS_SIZE = "weights-size"


DECLARATIONS: Final = (
    Declaration(
        "xml",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        fallback=170,
        extensions=TEXT_EXTENSIONS,
        defects=(MarkupDefect, XmlDefect),
    ),
)
