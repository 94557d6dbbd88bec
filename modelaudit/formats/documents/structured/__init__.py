"""Declare JSON, YAML and any other text."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign
from modelaudit.model.defect_kind import DefectKind
from modelaudit.wire.defects import TextDefect


class DocumentDefect(DefectKind):
    """Defects of a JSON or YAML document."""

    DUPLICATE_KEY = "duplicate-key"
    NOT_JSON = "not-json"
    NOT_YAML = "not-yaml"


JSON_NAMES: Final = (".json", ".jsonl", ".ndjson", ".ipynb", ".geojson", ".jsonc", ".json5", ".jsonnet", ".libsonnet",
               ".zarray", ".zgroup", ".zattrs", ".zmetadata")  # fmt: skip
"""Ends of the names of JSON files."""

YAML_NAMES: Final = (".yaml", ".yml")
"""Ends of the names of YAML files."""

YAML_FILES: Final = frozenset(
    {"mlmodel", "mlproject", ".clang-format", "citation.cff", ".condarc", "user-data", "procfile"}
)
"""Names of YAML files without an extension."""

DECLARATIONS: Final = (
    Declaration(
        "json",
        read=f"{__name__}.reader:read_json",
        recognise=f"{__name__}.recognition:recognises_json",
        signs=(Sign(path=JSON_NAMES, is_text=True), Sign(among=b"\xef\xbb\xbf \t\r\n{[", is_text=True)),
        fallback=140,
        extensions=TEXT_EXTENSIONS,
        defects=(DocumentDefect, TextDefect),
    ),
    Declaration(
        "yaml",
        read=f"{__name__}.reader:read_yaml",
        recognise=f"{__name__}.recognition:recognises_yaml",
        signs=(Sign(path=(*YAML_NAMES, *YAML_FILES), is_text=True),),
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
