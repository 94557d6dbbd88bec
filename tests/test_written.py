"""Files that real libraries wrote, bundled: they are what the list beside them says, are read whole and alarm nobody."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from support.fixtures import WRITTEN

import modelaudit
from modelaudit.model.finding import Severity


class Written(NamedTuple):
    path: Path
    library: str
    digests: dict[Path, str]
    told: frozenset[str]


def listed() -> list[Written]:
    """What every ``written/<library>/files.yaml`` lists: name, library with version, digest, and rules that may speak.

    A folder is scanned as a whole, and has the digests of its files under ``files``.
    """
    return [
        Written(file.parent / name, row["library"], digests(file.parent / name, row), frozenset(row.get("told", ())))
        for file in sorted(WRITTEN.glob("*/files.yaml"))
        for name, row in yaml.safe_load(file.read_text(encoding="utf-8"))["files"].items()
    ]


def digests(path: Path, row: dict[str, Any]) -> dict[Path, str]:
    """The files of a row with the digest of each."""
    return {path / name: digest for name, digest in row["files"].items()} if "files" in row else {path: row["sha256"]}


@pytest.mark.parametrize("written", listed(), ids=lambda each: each.path.relative_to(WRITTEN).as_posix())
def test_what_a_library_writes_is_read_whole_and_alarms_nobody(written: Written) -> None:
    assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in written.digests} == written.digests
    assert "==" in written.library
    report = modelaudit.scan(written.path, second_opinion=False)
    told = {finding.rule for finding in report.findings if not finding.rule.startswith("license/")}
    assert told == written.told
    assert not [each for each in report.findings if each.severity in (Severity.HIGH, Severity.CRITICAL)]
    assert report.coverage.open_absences == ()
    assert report.exit_code == 0


def test_nothing_lies_there_unlisted() -> None:
    files = {path for path in WRITTEN.rglob("*") if path.is_file() and path.name not in ("files.yaml", "write.py")}
    assert files == {path for each in listed() for path in each.digests}
