from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modelaudit.model.structure import UnreadReason

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
FORMATS = ("zip", "torch-zip", "safetensors", "json", "yaml", "markdown", "text")


def _paths(kind: str) -> list[str]:
    return sorted(
        str(path.relative_to(FIXTURES))
        for name in FORMATS
        for path in (FIXTURES / name / kind).glob("*")
        if path.is_file()
    )


def test_every_fixture_is_what_the_script_builds():
    result = subprocess.run(
        [sys.executable, str(FIXTURES / "build.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert result.stdout == ""
    assert result.returncode == 0


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["benign", "malicious", "truncated", "bomb"])
def test_every_format_has_every_kind(name, kind):
    assert any((FIXTURES / name / kind).iterdir())


@pytest.mark.parametrize("path", _paths("benign"))
def test_benign_files_are_read_whole_and_without_defect(path, read_fixture):
    reading = read_fixture(path)
    assert reading.structures
    assert reading.kinds() <= ({"not-utf-8"} if "latin-1" in path else set())
    assert [path for path, _ in reading.unread if not path.endswith(".py")] == []


@pytest.mark.parametrize("path", _paths("truncated"))
def test_truncated_files_are_read_up_to_the_damage(path, read_fixture):
    reading = read_fixture(path)
    told = UnreadReason.DAMAGED in reading.reasons() or "front-matter-invalid" in reading.kinds()
    assert told, (reading.unread, reading.kinds())


@pytest.mark.parametrize("path", _paths("bomb"))
def test_bombs_stay_within_bounds(path, read_fixture):
    reading = read_fixture(path)
    assert reading.structures or reading.unread


@pytest.mark.parametrize(
    "path", ["zip/bomb/ratio.zip", "zip/bomb/overlapping.zip", "zip/bomb/nested.zip", "torch-zip/bomb/ratio.pt",
             "json/bomb/deep.json", "yaml/bomb/deep.yaml"]
)  # fmt: skip
def test_a_reached_bound_is_named(path, read_fixture):
    assert UnreadReason.LIMIT in read_fixture(path).reasons()


def test_the_fixtures_are_small():
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()) < 2 * 1024 * 1024
