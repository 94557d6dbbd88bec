"""Resolve the path of a fixture, whether it is committed or built.

Fixtures are named by their path below the folder of fixtures, as the rule files name them:
``pickle/malicious/os-system.pkl``.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"
"""The folder with every fixture that a builder makes."""
WRITTEN = ROOT / "fixtures/written"
"""The files that real libraries wrote; ``written/`` in the name of a fixture."""


def fixture_path(name: str) -> Path:
    """Return the path of the fixture or of the folder of fixtures with this name."""
    folder, _, rest = name.partition("/")
    return WRITTEN / rest if folder == "written" else FIXTURES / name


def fixture_name(path: Path) -> str:
    """Return the name of the fixture at a path that ``fixture_path`` returned."""
    if path.is_relative_to(WRITTEN):
        return f"written/{path.relative_to(WRITTEN).as_posix()}"
    return path.relative_to(FIXTURES).as_posix()
