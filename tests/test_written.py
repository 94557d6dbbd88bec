"""Files that real libraries wrote, bundled: each has the digest that the list beside it gives, is read whole and passes."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from support.fixtures import WRITTEN, fixture_name
from support.scans import group_by_folder, scan_fixture

from modelaudit.model.finding import Severity

LISTS = sorted(WRITTEN.glob("*/files.yaml"))


class Written(NamedTuple):
    path: Path
    library: str
    digests: dict[Path, str]
    told: frozenset[str]


@functools.cache
def listed(library: str = "*") -> tuple[Written, ...]:
    """What every ``written/<library>/files.yaml`` lists: name, library with version, digest, and rules that may speak.

    A folder is scanned as a whole, and has the digests of its files under ``files``.
    """
    return tuple(
        Written(file.parent / name, row["library"], digests(file.parent / name, row), frozenset(row.get("told", ())))
        for file in sorted(WRITTEN.glob(f"{library}/files.yaml"))
        for name, row in yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)["files"].items()
    )


def digests(path: Path, row: dict[str, Any]) -> dict[Path, str]:
    """The files of a row with the digest of each."""
    return {path / name: digest for name, digest in row["files"].items()} if "files" in row else {path: row["sha256"]}


@pytest.mark.parametrize("folder", group_by_folder(f"written/{path.parent.name}" for path in LISTS))
def test_file_written_by_a_library_is_examined_and_passes(folder: str) -> None:
    for written in listed(folder.removeprefix("written/")):
        name = fixture_name(written.path)
        assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in written.digests} == written.digests
        assert "==" in written.library, name
        report = scan_fixture(name)
        rules = {finding.rule for finding in report.findings if not finding.rule.startswith("license/")}
        assert (name, rules) == (name, written.told)
        assert not [each for each in report.findings if each.severity in (Severity.HIGH, Severity.CRITICAL)], name
        assert report.coverage.open_absences == (), name
        assert (name, report.exit_code) == (name, 0)


def test_every_file_is_listed() -> None:
    files = {path for path in WRITTEN.rglob("*") if path.is_file() and path.name not in ("files.yaml", "write.py")}
    assert files == {path for each in listed() for path in each.digests}
