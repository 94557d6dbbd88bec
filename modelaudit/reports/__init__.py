"""Outputs: pure functions that render a report to bytes, one module per report format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from modelaudit.model.errors import ConfigurationError

if TYPE_CHECKING:
    from modelaudit.model.report import AuditReport  # only some commands render a report


class ReportFormat(Struct, frozen=True):
    """One format of a written report.

    Attributes:
        name: the name for ``-o NAME``.
        endings: lower-case file name endings that select the format; the longest that matches wins.
        module: the module of its renderer, imported on first use.
        function: the name of the renderer in that module, ``AuditReport -> bytes``.
        summary: one phrase for the help text.
        names_model: whether its renderer also takes the name of this model in a run of several models.
        is_bill: whether it is a bill of materials, whose findings are optional.
        has_parts: whether ``NAME:PART`` renders one part of it; its renderer also takes the name of that part.
        is_partial: whether it shows a part of the report alone, without the text of each finding and absence; tests
            demand these texts of every other format.
    """

    name: str
    endings: tuple[str, ...]
    module: str
    function: str
    summary: str
    names_model: bool = False
    is_bill: bool = False
    has_parts: bool = False
    is_partial: bool = False

    def load_renderer(self) -> Callable[..., bytes]:
        """Import the module and return its renderer."""
        renderer: Callable[..., bytes] = getattr(import_module(self.module), self.function)
        return renderer


_FORMATS = (
    ReportFormat("table", (".txt",), "modelaudit.reports.terminal", "render_table", "plain text for a terminal"),
    ReportFormat("json", (".json",), "modelaudit.reports.json_report", "render_json", "the whole report as data"),
    ReportFormat("html", (".html", ".htm"), "modelaudit.reports.html", "render_html", "one page to read and sign"),
    ReportFormat(
        "cyclonedx",
        (".cdx.json",),
        "modelaudit.reports.cyclonedx",
        "render_cyclonedx",
        "CycloneDX 1.6 AI-SBOM",
        is_bill=True,
    ),
    ReportFormat(
        "cyclonedx-1.7",
        (".cdx17.json",),
        "modelaudit.reports.cyclonedx",
        "render_cyclonedx_17",
        "CycloneDX 1.7 AI-SBOM",
        is_bill=True,
    ),
    ReportFormat("spdx", (".spdx.json",), "modelaudit.reports.spdx", "render_spdx", "SPDX 3.0.1 AI-SBOM"),
    ReportFormat(
        "sarif",
        (".sarif", ".sarif.json"),
        "modelaudit.reports.sarif",
        "render_sarif",
        "for code scanning, SARIF 2.1.0",
        names_model=True,
    ),
    ReportFormat(
        "sarif-all",
        (".all.sarif",),
        "modelaudit.reports.sarif",
        "render_sarif_all",
        "with accepted results suppressed",
        names_model=True,
    ),
    ReportFormat(
        "junit",
        (".junit.xml", ".xml"),
        "modelaudit.reports.junit",
        "render_junit",
        "test suites, JUnit XML",
        names_model=True,
    ),
    ReportFormat(
        "markdown",
        (".md",),
        "modelaudit.reports.markdown",
        "render_markdown",
        "the summary of a job",
        names_model=True,
    ),
    ReportFormat(
        "comment",
        (".comment.md",),
        "modelaudit.reports.markdown",
        "render_comment",
        "a comment that a later run replaces",
        names_model=True,
    ),
    ReportFormat(
        "annotations",
        (".annotations.txt",),
        "modelaudit.reports.github_annotations",
        "render_annotations",
        "workflow commands of GitHub, at most ten",
        names_model=True,
    ),
    ReportFormat(
        "elements",
        (".elements.txt",),
        "modelaudit.reports.element_lists",
        "render_elements",
        "minimum elements of G7, EU AI Act, OWASP; elements:g7 for one list",
        has_parts=True,
        is_partial=True,
    ),
    ReportFormat(
        "elements-json",
        (".elements.json",),
        "modelaudit.reports.element_lists",
        "render_elements_json",
        "the same as data",
        has_parts=True,
        is_partial=True,
    ),
    ReportFormat(
        "csv", (".csv",), "modelaudit.reports.csv_report", "render_csv", "one row for each file", is_partial=True
    ),
)

REPORTS: Mapping[str, ReportFormat] = MappingProxyType({each.name: each for each in _FORMATS})
"""Every report format by its name."""


def find_format(name: str) -> ReportFormat | None:
    """Find a format by its name, or by ``NAME:PART`` if it has parts; ``None`` if there is none."""
    name, colon, part = name.partition(":")
    found = REPORTS.get(name)
    return found if found is not None and (not colon or (found.has_parts and part)) else None


def render(report: AuditReport, format: str, model: str = "", *, bom_findings: bool = True) -> bytes:
    """Render a report in the named format.

    Args:
        report: the report to render.
        format: a key of ``REPORTS``, or ``elements:g7`` for one part of a format that has parts.
        model: the name of this model in a run of several; empty for the name in the report. It is no part
            of the report, so that the same bytes in another folder give the same report.
        bom_findings: whether a bill of materials lists the findings as vulnerabilities.

    Raises:
        ConfigurationError: there is no such format, or the report has no such part.
    """
    chosen = find_format(format)
    if chosen is None:
        raise ConfigurationError(f"There is no report format {format!r}; choose one of: {', '.join(REPORTS)}.")
    renderer = chosen.load_renderer()
    if part := format.partition(":")[2]:
        return renderer(report, part)
    if chosen.is_bill:
        return renderer(report, bom_findings=bom_findings)
    return renderer(report, model) if model and chosen.names_model else renderer(report)


def detect_format(path: str) -> str:
    """Detect the report format from the ending of a file name, in upper or lower case.

    Raises:
        ConfigurationError: no format has this ending.
    """
    names_by_ending = {ending: each.name for each in _FORMATS for ending in each.endings}
    matching = [ending for ending in names_by_ending if path.lower().endswith(ending)]
    if not matching:
        known = ", ".join(f"{ending} ({name})" for ending, name in names_by_ending.items())
        raise ConfigurationError(
            f"No report format has the ending of {path!r}; use one of {known}, or state the format as -o FORMAT=FILE."
        )
    # "sbom.cdx.json" also ends with ".json".
    return names_by_ending[max(matching, key=len)]
