"""Render the report as an AI-SBOM: CycloneDX 1.6 or 1.7 (ECMA-424), as JSON."""

from modelaudit.reports.cyclonedx.document import render_cyclonedx, render_cyclonedx_17

__all__ = ["render_cyclonedx", "render_cyclonedx_17"]
