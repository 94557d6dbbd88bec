"""Every output of the example reports equals a committed file; ``MODELAUDIT_UPDATE_GOLDEN=1`` writes the files anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from support.cases import check_each

from modelaudit.model.report import AuditReport
from modelaudit.reports import REPORTS, render

UPDATE = "MODELAUDIT_UPDATE_GOLDEN"
GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = ("fail", "pass", "incomplete", "allowed", "conflicting")
WITH_ALL_EXAMPLES = ("table", "json", "html", "cyclonedx")
"""The formats whose texts depend on more than the results; the others need one example."""


def list_golden_files() -> list[tuple[str, str]]:
    """Return the format and the example of each golden file; one of the formats of a module is enough."""
    modules = {each.module: each.name for each in reversed(REPORTS.values())}
    return [
        (format, name)
        for format in modules.values()
        for name in (EXAMPLES if format in WITH_ALL_EXAMPLES else EXAMPLES[:1])
    ]


@check_each("format, name", list_golden_files)
def test_output_equals_golden_file(format: str, name: str, examples: dict[str, Callable[[], AuditReport]]) -> None:
    file = GOLDEN / f"{name}{REPORTS[format].endings[0]}"
    output = render(examples[name](), format)
    if os.environ.get(UPDATE):
        file.write_bytes(output)
    assert file.is_file(), f"there is no golden/{file.name}: look at the report, then run with {UPDATE}=1 to record it"
    assert output == file.read_bytes()
