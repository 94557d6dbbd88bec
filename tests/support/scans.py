"""Scan a fixture once for all the tests of a worker that ask for its report."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

import modelaudit
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.report import AuditReport
from support.fixtures import FIXTURES, WRITTEN, fixture_path

_LIMITS = Limits(expansion_floor=4 * MIB)
"""A bomb under the usual bound expands to sixteen times as much, which takes seconds, and the same rule fires."""


@functools.cache
def scan_fixture(name: str) -> AuditReport:
    """Return the report on a fixture, without second opinions."""
    return modelaudit.scan(fixture_path(name), second_opinion=False, limits=_LIMITS)


def list_folders() -> list[str]:
    """Return the folders of fixtures that are scanned together: one for each format, and for what each library wrote."""
    built = (entry.name for entry in os.scandir(FIXTURES) if entry.is_dir())
    return sorted([*built, *(f"written/{entry.name}" for entry in os.scandir(WRITTEN) if entry.is_dir())])


def find_folder(name: str) -> str:
    """Return the one of ``list_folders`` that contains the fixture."""
    folder, _, rest = name.partition("/")
    return f"written/{rest.partition('/')[0]}" if folder == "written" else folder


def group_by_folder(folders: Iterable[str]) -> list[object]:
    """Return the parameters of a test over folders; a worker takes all tests of a folder and scans its files once."""
    return [pytest.param(folder, marks=pytest.mark.xdist_group(folder)) for folder in folders]


def scan_text(folder: Path, name: str, text: str) -> tuple[int, set[str]]:
    """Return the exit code and the rules of the security findings of a folder to which one text is added for a scan."""
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    report = modelaudit.scan(folder, second_opinion=False, checks=("security",))
    place.unlink()
    return report.exit_code, {finding.rule for finding in report.findings}
