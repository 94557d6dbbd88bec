"""The registry of outputs: its lookups, and that every renderer is registered and has its test and golden files."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from reports.test_golden import GOLDEN, UPDATE, list_golden_files
from support.cases import check_each

import modelaudit.reports
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport
from modelaudit.reports import REPORTS, detect_format, render

UNREGISTERED = {
    "modelaudit.reports.notebook:render_summary": "a notebook shows it; it is no document",
    "modelaudit.reports.notice_texts:render_manifest": "`modelaudit license --notices` writes it beside the texts",
    "modelaudit.reports.license_screen:render_license": "`modelaudit license` prints it; it is not a report",
    "modelaudit.reports.screen:render_screen": "the first screen of `modelaudit scan`; a file has the whole report",
}
"""Renderers of a report that are not registered, each with its reason."""
TEST_FOLDER = Path(__file__).parent


def find_renderers() -> Iterator[str]:
    """Yield ``module:function`` of every public function that takes a report first and is a renderer.

    A renderer returns bytes, or its name begins with ``render_``.
    """
    for path in sorted(Path(modelaudit.reports.__file__).parent.glob("[!_]*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or not node.args.args:
                continue
            annotation, returned = node.args.args[0].annotation, node.returns
            takes_report = annotation is not None and ast.unparse(annotation) == "AuditReport"
            returns_bytes = returned is not None and ast.unparse(returned) == "bytes"
            if takes_report and (returns_bytes or node.name.startswith("render_")):
                yield f"modelaudit.reports.{path.stem}:{node.name}"


def test_every_public_renderer_of_a_report_is_registered_except_the_license_screen() -> None:
    registered = {f"{each.module}:{each.function}" for each in REPORTS.values()}
    missing = sorted(set(find_renderers()) - registered - UNREGISTERED.keys())
    assert not missing, f"{', '.join(missing)}: add to _FORMATS in modelaudit/reports/__init__.py"


@check_each("format", list(REPORTS))
def test_every_output_has_a_test_and_golden_files(format: str) -> None:
    module = REPORTS[format].module.rpartition(".")[2]
    assert (TEST_FOLDER / f"test_{module}.py").is_file(), f"{format}: write tests/reports/test_{module}.py"
    files = [f"{name}{REPORTS[format].endings[0]}" for each, name in list_golden_files() if each == format]
    missing = [file for file in files if not (GOLDEN / file).is_file()]
    assert not missing, (
        f"{format}: {', '.join(missing)} missing below tests/reports/golden; "
        f"`{UPDATE}=1 .venv/bin/python -m pytest tests/reports` writes them"
    )


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("report.html", "html"),
        ("out/REPORT.HTM", "html"),
        ("report.json", "json"),
        ("bom.cdx.json", "cyclonedx"),
        ("a.b/bom.CDX.JSON", "cyclonedx"),
        ("bom.cdx17.json", "cyclonedx-1.7"),
        ("scan.txt", "table"),
        ("bom.spdx.json", "spdx"),
        ("x.elements.txt", "elements"),
        ("x.elements.json", "elements-json"),
        ("scan.sarif", "sarif"),
        ("scan.sarif.json", "sarif"),
        ("scan.all.sarif", "sarif-all"),
        ("TEST-model.xml", "junit"),
        ("summary.md", "markdown"),
        ("a.comment.md", "comment"),
        ("x.annotations.txt", "annotations"),
        ("files.csv", "csv"),
    ],
)
def test_report_format_is_detected_from_the_name_of_the_file(path: str, format: str) -> None:
    assert detect_format(path) == format


@pytest.mark.parametrize("path", ["report", "report.pdf", "html", "report.json.bak", ""])
def test_file_name_with_an_unknown_ending_is_refused_with_the_valid_endings(path: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        detect_format(path)
    assert all(ending in str(caught.value) for each in REPORTS.values() for ending in each.endings)
    assert "\n" not in str(caught.value)


def test_unknown_report_format_is_refused_with_the_list_of_formats(passing: AuditReport) -> None:
    with pytest.raises(ConfigurationError, match="table, json, html, cyclonedx"):
        render(passing, "pdf")


def test_import_of_the_report_registry_loads_no_rendering_library() -> None:
    heavy = ("rich", "jinja2", "cyclonedx", "pydantic", "spdx_python_model")
    script = f"import sys, modelaudit.reports; print([name for name in {heavy} if name in sys.modules])"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
