"""Declare XML and the model formats written in it: PMML and OpenVINO graphs."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign
from modelaudit.model.defect_kind import DefectKind
from modelaudit.wire.defects import XmlDefect


class MarkupDefect(DefectKind):
    """Defects of a model written in XML."""

    WEIGHTS_INVALID = "weights-invalid"
    WEIGHTS_SIZE = "weights-size"


# White space, ``<`` as each encoding writes it, and any byte outside ASCII: marks, and bytes that decoding leaves out.
_FIRST_BYTES: Final = b"\t\n\v\f\r\x1c\x1d\x1e\x1f <\0\x4c" + bytes(range(0x80, 0x100))


DECLARATIONS: Final = (
    Declaration(
        "xml",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(among=_FIRST_BYTES, holds=(b"<", b"\x6c\x6f\xa7\x94")),),
        fallback=170,
        extensions=TEXT_EXTENSIONS,
        defects=(MarkupDefect, XmlDefect),
    ),
)
