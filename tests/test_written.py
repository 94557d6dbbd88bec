"""Files that real libraries wrote, bundled: they are what the list beside them says, are read whole and alarm nobody."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

import modelaudit
from modelaudit.model.finding import Severity

WRITTEN = Path(__file__).parents[1] / "fixtures/written"


class Written(NamedTuple):
    path: Path
    library: str
    sha256: str
    told: frozenset[str]


def listed() -> list[Written]:
    """What every ``written/<library>/files.yaml`` lists: name, library with version, digest, and rules that may speak."""
    return [
        Written(file.parent / name, row["library"], row["sha256"], frozenset(row.get("told", ())))
        for file in sorted(WRITTEN.glob("*/files.yaml"))
        for name, row in yaml.safe_load(file.read_text(encoding="utf-8"))["files"].items()
    ]


@pytest.mark.parametrize("written", listed(), ids=lambda each: each.path.relative_to(WRITTEN).as_posix())
def test_what_a_library_writes_is_read_whole_and_alarms_nobody(written: Written) -> None:
    assert hashlib.sha256(written.path.read_bytes()).hexdigest() == written.sha256
    assert "==" in written.library
    report = modelaudit.scan(written.path, second_opinion=False)
    told = {finding.rule for finding in report.findings if not finding.rule.startswith("license/")}
    assert told == written.told
    assert not [each for each in report.findings if each.severity in (Severity.HIGH, Severity.CRITICAL)]
    assert report.coverage.open_absences == ()
    assert report.exit_code == 0


def test_nothing_lies_there_unlisted() -> None:
    files = {path for path in WRITTEN.rglob("*") if path.is_file() and path.name not in ("files.yaml", "write.py")}
    assert files == {each.path for each in listed()}
