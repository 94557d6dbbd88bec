"""The JSON Schema of the report; ``MODELAUDIT_UPDATE_GOLDEN=1`` writes the published file anew."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from modelaudit.model.finding import Finding
from modelaudit.model.report import AuditReport
from modelaudit.reports.json_report import render_json
from modelaudit.reports.json_schema import build_discovery_schema, build_report_schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "report-v1.schema.json"


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads(build_report_schema())


def test_published_json_schema_equals_the_schema_built_from_the_code() -> None:
    if os.environ.get("MODELAUDIT_UPDATE_GOLDEN"):
        PUBLISHED.write_bytes(build_report_schema())
    assert PUBLISHED.read_bytes() == build_report_schema()


def test_published_json_schema_of_discovery_equals_the_schema_built_from_the_code() -> None:
    published = PUBLISHED.with_name("discovery-v1.schema.json")
    if os.environ.get("MODELAUDIT_UPDATE_GOLDEN"):
        published.write_bytes(build_discovery_schema())
    assert published.read_bytes() == build_discovery_schema()


def test_schema_is_valid_and_has_an_identifier(schema: Any) -> None:
    from jsonschema import Draft202012Validator  # seconds to import

    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == "urn:modelaudit:report:v1"
    assert all(definition["title"] for definition in [schema, *schema["$defs"].values()])


def test_schema_requires_every_field_of_a_finding_and_takes_descriptions_from_docstrings(schema: Any) -> None:
    finding = schema["$defs"]["Finding"]
    assert finding["required"] == [field.name for field in fields(Finding)]
    assert "independent of the wording" in finding["properties"]["key"]["description"]
    assert "Attributes" not in json.dumps(schema)


def test_example_reports_match_the_schema(schema: Any, any_report: AuditReport) -> None:
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema).iter_errors(json.loads(render_json(any_report)))
    assert [error.message for error in errors] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "modelaudit/report/v2"),
        (("decision", "verdict"), "fine"),
        (("findings", 0, "severity"), "dreadful"),
        (("decision", "coverage", "artifacts", 0, "size"), "7714"),
        (("license", "state"), None),
        (("opinions",), {}),
    ],
)
def test_report_with_a_wrong_value_is_invalid(
    schema: Any, failing: AuditReport, path: tuple[str | int, ...], value: object
) -> None:
    report = json.loads(render_json(failing))
    *parents, last = path
    parent = report
    for step in parents:
        parent = parent[step]
    parent[last] = value
    from jsonschema import Draft202012Validator

    assert not Draft202012Validator(schema).is_valid(report)
