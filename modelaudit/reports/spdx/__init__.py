"""Render the report as an AI-SBOM: SPDX 3.0.1 in JSON-LD, with the AI and Dataset profiles."""

from modelaudit.reports.spdx.document import render_spdx as render_spdx
