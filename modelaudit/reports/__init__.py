"""Pure functions from a report to bytes, one module a format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport


@dataclass(frozen=True, slots=True)
class ReportFormat:
    """One format in which a report can be written.

    Attributes:
        name: what ``-o NAME`` calls it.
        endings: file name endings that tell the format, lower-case; the longest that fits wins.
        module: where its renderer is; imported only when the format is asked for.
        function: the renderer's name in that module, ``AuditReport -> bytes``.
        summary: one phrase for the help text.
    """

    name: str
    endings: tuple[str, ...]
    module: str
    function: str
    summary: str

    def load_renderer(self) -> Callable[[AuditReport], bytes]:
        """Import the module and return its renderer."""
        found: Callable[[AuditReport], bytes] = getattr(import_module(self.module), self.function)
        return found


_FORMATS = (
    ReportFormat("table", (".txt",), "modelaudit.reports.terminal", "render_table", "plain text for a terminal"),
    ReportFormat("json", (".json",), "modelaudit.reports.json_report", "render_json", "the whole report as data"),
    ReportFormat("html", (".html", ".htm"), "modelaudit.reports.html", "render_html", "one page to read and sign"),
    ReportFormat(
        "cyclonedx", (".cdx.json",), "modelaudit.reports.cyclonedx", "render_cyclonedx", "CycloneDX 1.6 AI-SBOM"
    ),
)

REPORTS: Mapping[str, ReportFormat] = MappingProxyType({each.name: each for each in _FORMATS})
"""Every format by its name."""


def render_report(report: AuditReport, format: str) -> bytes:
    """Return ``report`` in the named format.

    Raises:
        ConfigurationError: there is no such format.
    """
    if format not in REPORTS:
        raise ConfigurationError(f"There is no report format {format!r}; the formats are {', '.join(REPORTS)}.")
    return REPORTS[format].load_renderer()(report)


def detect_format(path: str) -> str:
    """Return the name of the format that the ending of a file name tells, whatever its case.

    Raises:
        ConfigurationError: the ending tells none.
    """
    fits = [(len(ending), each.name) for each in _FORMATS for ending in each.endings if path.lower().endswith(ending)]
    if not fits:
        known = ", ".join(f"{ending} ({each.name})" for each in _FORMATS for ending in each.endings)
        raise ConfigurationError(
            f"The name {path!r} does not tell a report format; name the file with one of {known}, "
            "or state the format as -o FORMAT=FILE."
        )
    return max(fits)[1]
