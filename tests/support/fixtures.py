"""Resolve the path of a fixture, whether it is built or committed.

Fixtures are named by their path below the folder of fixtures, as the rule files name them:
``pickle/malicious/os-system.pkl``. ``fixtures/build.py`` builds all but ``written/``, which is committed.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "build/fixtures"
"""The folder with every fixture that a builder returns."""
WRITTEN = ROOT / "fixtures/written"
"""The files that real libraries wrote: ``written/`` in the name of a fixture."""


def fixture_path(name: str) -> Path:
    """Return the path of the fixture, or of the folder of fixtures, with this name."""
    folder, _, rest = name.partition("/")
    return WRITTEN / rest if folder == "written" else FIXTURES / name


def fixture_name(path: Path) -> str:
    """Return the name of the fixture at a path that ``fixture_path`` returned."""
    if path.is_relative_to(WRITTEN):
        return f"written/{path.relative_to(WRITTEN).as_posix()}"
    return path.relative_to(FIXTURES).as_posix()


def explain_missing_build() -> str:
    """Return in one line why the fixtures cannot be used and the next step; an empty string if they can."""
    fault = load_build_script().find_fault()
    return f"{fault}; run `make fixtures` (python fixtures/build.py)" if fault else ""


def load_build_script() -> ModuleType:
    """Return ``fixtures/build.py`` as a module.

    The folder around it must not be on the path: it is full of folders named after libraries, and Python would import
    those in place of a library that is not installed.
    """
    spec = spec_from_file_location("build_fixtures", ROOT / "fixtures/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
