"""Models of scikit-learn that skops keeps in a ZIP archive with a schema."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign
from modelaudit.model.defect_kind import DefectKind


class SkopsDefect(DefectKind):
    """Defects of the schema of a skops archive."""

    DUPLICATE_KEY = "duplicate-key"
    DUPLICATE_NODE_ID = "duplicate-node-id"


DECLARATIONS: Final = (
    Declaration(
        "skops",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(path=("schema.json",), is_text=True),),
        fallback=80,
        extensions=TEXT_EXTENSIONS,
        defects=(SkopsDefect,),
    ),
)
