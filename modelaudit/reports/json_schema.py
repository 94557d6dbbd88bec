"""Derive the JSON Schema of the report from its value types and their docstrings."""

from __future__ import annotations

import re

from pydantic import TypeAdapter

from modelaudit.model.discovery import SCHEMA as DISCOVERY_SCHEMA
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import SCHEMA
from modelaudit.reports.canonical_json import Json, encode_canonical
from modelaudit.reports.discovery_json import DiscoveryDocument
from modelaudit.reports.json_report import get_report_adapter

_ID = "urn:modelaudit:report:v1"
_DISCOVERY_ID = "urn:modelaudit:discovery:v1"
_ATTRIBUTE_NAME = defer_pattern(r"^    (\w+): ", re.MULTILINE)
"""The name that begins an entry of a docstring's ``Attributes:``, such as ``    path: the file``."""
_ADDED_FIELDS = frozenset(
    {
        *(
            "approver_role",
            "byte_counts",
            "further_files",
            "licensor",
            "missing_file",
            "missing_parts",
            "outcome",
            "role",
            "rules_date",
            "rules_number",
        ),
        *("unclaimed_bytes", "unopened", "unopened_files"),
    }
)
"""Fields that reports have contained only since version 1 of the form was published."""
_STRING_ENCODING = (
    "In every string the replacement character is an escape: U+FFFD and four hexadecimal digits encode a surrogate"
    " (a byte ff of a file name that is not UTF-8 is U+FFFD dcff), and U+FFFD twice encodes U+FFFD."
)


def build_report_schema() -> bytes:
    """Build the JSON Schema (draft 2020-12) of a report, encoded as canonical JSON."""
    schema: dict[str, Json] = get_report_adapter().json_schema(mode="serialization")
    created: Json = {"format": "date-time", "title": "Created", "type": "string"}
    schema = _complete_schema(schema, _ID, SCHEMA, f"Model audit report ({SCHEMA})")
    schema["description"] = f"{schema['description']} {_STRING_ENCODING}"
    _require_mapping(schema["properties"])["created"] = created
    return encode_canonical(schema)


def build_discovery_schema() -> bytes:
    """Build the JSON Schema (draft 2020-12) of what ``modelaudit discover --json`` prints, as canonical JSON."""
    schema: dict[str, Json] = TypeAdapter(DiscoveryDocument).json_schema(mode="serialization")
    title = f"Models that a code base loads ({DISCOVERY_SCHEMA})"
    return encode_canonical(_complete_schema(schema, _DISCOVERY_ID, DISCOVERY_SCHEMA, title))


def _complete_schema(schema: dict[str, Json], id_: str, name: str, title: str) -> dict[str, Json]:
    """Describe the fields of a schema, and name it.

    Args:
        schema: as pydantic derives it.
        id_: of the schema.
        name: the only value of the field ``schema``.
        title: of the schema.
    """
    definitions = _require_mapping(schema.pop("$defs"))
    for definition in [schema, *map(_require_mapping, definitions.values())]:
        _move_attribute_texts(definition)
    properties = _require_mapping(schema["properties"])
    properties["schema"] = {"const": name, "description": "The name and version of this form.", "title": "Schema"}
    return schema | {
        "$defs": definitions,
        "$id": id_,
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
    }


def _require_mapping(value: Json) -> dict[str, Json]:
    """Return ``value`` as a mapping; pydantic types every part of a schema as any JSON value."""
    if not isinstance(value, dict):
        raise TypeError(f"a JSON Schema holds {type(value).__name__} where it holds a mapping")
    return value


def _move_attribute_texts(definition: dict[str, Json]) -> None:
    """Move each text under ``Attributes:`` to its field, and require every field of the first reports."""
    docstring = str(definition.get("description", "")).replace("``", "`")
    text, _, attributes = docstring.partition("\n\nAttributes:\n")
    if text:
        definition["description"] = " ".join(text.split())
    fields = definition.get("properties")
    if not isinstance(fields, dict):
        return
    definition["required"] = [name for name in fields if name not in _ADDED_FIELDS]
    # A split by a pattern with a group gives the text before the first name, then a name and its text in turn.
    _, *names_and_texts = _ATTRIBUTE_NAME.split(attributes)
    for name, description in zip(names_and_texts[::2], names_and_texts[1::2], strict=True):
        field = fields.get(name)
        if isinstance(field, dict):
            field["description"] = " ".join(description.split())
