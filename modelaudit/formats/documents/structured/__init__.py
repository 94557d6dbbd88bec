"""Declare JSON, YAML and any other text."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration
from modelaudit.model.defect_kind import DefectKind
from modelaudit.wire.defects import TextDefect


class DocumentDefect(DefectKind):
    """Defects of a JSON or YAML document."""

    DUPLICATE_KEY = "duplicate-key"
    NOT_JSON = "not-json"
    NOT_YAML = "not-yaml"


DECLARATIONS: Final = (
    Declaration(
        "json",
        read=f"{__name__}.reader:read_json",
        recognise=f"{__name__}.reader:recognises_json",
        fallback=140,
        extensions=TEXT_EXTENSIONS,
        defects=(DocumentDefect, TextDefect),
    ),
    Declaration(
        "yaml",
        read=f"{__name__}.reader:read_yaml",
        recognise=f"{__name__}.reader:recognises_yaml",
        fallback=150,
        extensions=TEXT_EXTENSIONS,
        defects=(DocumentDefect, TextDefect),
    ),
    Declaration(
        "text",
        read=f"{__name__}.reader:read_text",
        recognise="modelaudit.wire.text:looks_like_text",
        fallback=190,
        extensions=TEXT_EXTENSIONS,
        defects=(TextDefect,),
    ),
    Declaration(
        "text",
        read=f"{__name__}.marred_text:read_marred_text",
        recognise="modelaudit.wire.text:resembles_text",
        fallback=210,
        extensions=TEXT_EXTENSIONS,
    ),
)
