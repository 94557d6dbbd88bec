"""Derive the JSON Schema of policy files from their shape and the words of the rule set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from modelaudit.catalogue.policies import POLICY_SHAPE
from modelaudit.catalogue.policy_file import REQUIREMENT_ALIASES
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.finding import CheckFamily
from modelaudit.model.policy import Requirement

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

_HEAD: Final = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:modelaudit:policy:v1",
    "title": "Policy of modelaudit (modelaudit.yaml)",
}


def build_policy_schema(catalogue: Catalogue) -> str:
    """Build the schema (draft 2020-12), encoded as JSON with sorted keys.

    A file that the schema refuses is refused by ``load_policy`` too. The other direction does not hold: licences,
    territories, files and contradictions are beyond a schema.
    """
    schema: dict[str, Json] = POLICY_SHAPE.build_json_schema()
    for part in _walk(schema):
        _remove_null(part)
    families = {rule.rule.check for rule in catalogue.findings.values()}
    definitions = _require_mapping(schema["$defs"])
    gates = _require_mapping(_require_mapping(definitions["GatesFile"])["properties"])
    for family in set(CheckFamily) - families:
        gates.pop(family, None)
    _require_mapping(definitions["CheckFamily"])["enum"] = [str(each) for each in CheckFamily if each in families]
    conditions = _require_mapping(definitions["Requirement"])["enum"]
    if isinstance(conditions, list):
        conditions.extend(REQUIREMENT_ALIASES)
        conditions.remove(str(Requirement.RULES_AGE))  # it has a number of days, and so a form of its own
    fields: list[Json] = [*sorted(catalogue.clauses.fields)]
    _require_mapping(_require_mapping(schema["properties"])["field"])["enum"] = fields
    return f"{json.dumps(schema | _HEAD, indent=2, sort_keys=True)}\n"


def _walk(value: Json) -> Iterator[dict[str, Json]]:
    """Yield every mapping of a schema, inner ones first."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in list(children):
        yield from _walk(child)
    if isinstance(value, dict):
        yield value


def _remove_null(part: dict[str, Json]) -> None:
    """Remove the alternative ``null``, with which the shape marks keys that are left out; files cannot state it."""
    alternatives = part.get("anyOf")
    if isinstance(alternatives, list) and {"type": "null"} in alternatives:
        part.pop("anyOf")
        for each in alternatives:
            if isinstance(each, dict) and each != {"type": "null"}:
                part |= each
    if part.get("default", False) in (None, ""):
        del part["default"]
    description = part.get("description")
    if isinstance(description, str):
        part["description"] = " ".join(description.replace("``", "`").split())


def _require_mapping(value: Json) -> dict[str, Json]:
    """Return ``value`` as a mapping; pydantic types every part of a schema as any JSON value."""
    if not isinstance(value, dict):
        raise TypeError(f"a JSON Schema holds {type(value).__name__} where it holds a mapping")
    return value
