"""Write the repositories of ``honest/`` with current libraries, each group of them in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from samples import HERE

_WRITER: Final = HERE / "honest" / "write_current.py"
_ENVIRONMENTS: Final = HERE / "honest" / "environments.yaml"
_PROSE: Final = ("README.md", "LICENSE", ".gitattributes")


def write_repositories(folder: Path) -> dict[str, list[str]]:
    """Write the repositories that ``folder`` lacks; return the files of each but those that the card adds.

    The environments stay in ``folder``. A line on standard error names each library that cannot be installed.
    """
    root = folder / "repositories"
    for name, environment in yaml.safe_load(_ENVIRONMENTS.read_text(encoding="utf-8")).items():
        python = _make_environment(folder / "environments" / name, environment)
        variables = {**os.environ, "KERAS_BACKEND": environment.get("backend", "torch")}
        command = [str(python), str(_WRITER), str(root), *environment["modules"]]
        subprocess.run(command, check=True, env=variables, cwd=folder)
    return list_written(folder)


def list_written(folder: Path) -> dict[str, list[str]]:
    """Return the files of each repository that was written, but those that the card adds."""
    return {each.name: list_files(each) for each in sorted((folder / "repositories").iterdir())}


def _make_environment(folder: Path, environment: Mapping[str, Any]) -> Path:
    """Return the interpreter of an environment, which is made unless it is there."""
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-input"]
        subprocess.run([*pip, *environment["requirements"]], check=True)
        for requirement in environment.get("alone", ()):
            if subprocess.run([*pip, "--only-binary", ":all:", requirement], check=False).returncode:
                print(f"{requirement} cannot be installed", file=sys.stderr)
        for requirement in environment.get("last", ()):
            subprocess.run([*pip, "--force-reinstall", "--no-deps", requirement], check=True)
        for pattern in environment.get("without", ()):
            for path in folder.glob(f"lib/python*/site-packages/{pattern}"):
                path.unlink()
        (folder / "complete").touch()
    return python


def list_files(folder: Path) -> list[str]:
    """Return the paths of the files of a repository but those that the card adds."""
    paths = sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())
    return [each for each in paths if each not in _PROSE]
