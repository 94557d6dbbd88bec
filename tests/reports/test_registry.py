from __future__ import annotations

import subprocess
import sys

import pytest
from support.cases import check_each

from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport
from modelaudit.reports import REPORTS, detect_format, render


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("report.html", "html"),
        ("out/REPORT.HTM", "html"),
        ("report.json", "json"),
        ("bom.cdx.json", "cyclonedx"),
        ("a.b/bom.CDX.JSON", "cyclonedx"),
        ("scan.txt", "table"),
    ],
)
def test_format_is_detected_from_file_name(path: str, format: str) -> None:
    assert detect_format(path) == format


@pytest.mark.parametrize("path", ["report", "report.pdf", "html", "report.json.bak", ""])
def test_unknown_ending_is_refused_with_valid_endings(path: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        detect_format(path)
    assert all(ending in str(caught.value) for each in REPORTS.values() for ending in each.endings)
    assert "\n" not in str(caught.value)


def test_unknown_format_is_refused_with_list(passing: AuditReport) -> None:
    with pytest.raises(ConfigurationError, match="table, json, html, cyclonedx"):
        render(passing, "pdf")


@check_each("format", list(REPORTS))
def test_renderers_are_pure_functions(format: str, any_report: AuditReport) -> None:
    first = render(any_report, format)
    assert first == render(any_report, format)
    assert first.decode("utf-8").endswith("\n")


def test_registry_imports_no_renderer() -> None:
    heavy = ("rich", "jinja2", "cyclonedx", "pydantic")
    script = f"import sys, modelaudit.reports; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
