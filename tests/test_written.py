"""Committed files that real libraries wrote: each has the listed digest, is examined completely, and passes the scan."""

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

LISTED = yaml.load((WRITTEN / "files.yaml").read_bytes(), Loader=yaml.CSafeLoader)


class WrittenFile(NamedTuple):
    """One entry of the list ``written/files.yaml``.

    Attributes:
        path: the file, or the folder, which is scanned as a whole.
        library: the library with its version.
        digests: the SHA-256 of the file, or of each file in the folder.
        expected_rules: the rules that have a finding in it; the key ``told`` of the list.
    """

    path: Path
    library: str
    digests: dict[Path, str]
    expected_rules: frozenset[str]


@functools.cache
def list_written_files(library: str = "*") -> tuple[WrittenFile, ...]:
    """List the entries of one folder; by default, those of all folders."""
    files = []
    for folder in LISTED if library == "*" else (library,):
        for name, row in LISTED[folder].items():
            path = WRITTEN / folder / name
            files.append(WrittenFile(path, row["library"], get_digests(path, row), frozenset(row.get("told", ()))))
    return tuple(files)


def get_digests(path: Path, row: dict[str, Any]) -> dict[Path, str]:
    """Return the digest of each file of an entry; a folder has them under the key ``files``."""
    if "files" in row:
        return {path / name: digest for name, digest in row["files"].items()}
    return {path: row["sha256"]}


@pytest.mark.parametrize("folder", group_by_folder(f"written/{folder}" for folder in LISTED))
def test_file_written_by_a_library_is_examined_and_passes(folder: str) -> None:
    for written in list_written_files(folder.removeprefix("written/")):
        name = fixture_name(written.path)
        assert {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in written.digests} == written.digests
        assert "==" in written.library, name
        report = scan_fixture(name)
        rules = {finding.rule for finding in report.findings if not finding.rule.startswith("license/")}
        assert rules == written.expected_rules, name
        assert not [each for each in report.findings if each.severity in (Severity.HIGH, Severity.CRITICAL)], name
        assert report.coverage.open_absences == (), name
        assert report.exit_code == 0, name


def test_every_committed_file_that_a_library_wrote_is_listed() -> None:
    files = {
        path
        for path in WRITTEN.rglob("*")
        if path.is_file() and path.name not in ("files.yaml", "listing.py", "write.py")
    }
    assert files == {path for each in list_written_files() for path in each.digests}
