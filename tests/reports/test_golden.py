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


@check_each("name", EXAMPLES)
@check_each("format", list(REPORTS))
def test_output_equals_golden_file(format: str, name: str, examples: dict[str, Callable[[], AuditReport]]) -> None:
    file = GOLDEN / f"{name}{REPORTS[format].endings[0]}"
    output = render(examples[name](), format)
    if os.environ.get(UPDATE):
        file.write_bytes(output)
    assert file.is_file(), f"there is no golden/{file.name}: look at the report, then run with {UPDATE}=1 to record it"
    assert output.decode() == file.read_text(encoding="utf-8")
