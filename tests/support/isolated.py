"""Make an environment that holds some distributions alone, without a request: from those of the tests."""

from __future__ import annotations

import shutil
import venv
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement


def make_environment(place: Path, *names: str) -> Path:
    """Make a virtual environment with distributions and what they require, and return its interpreter."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(place)
    [packages] = place.glob("lib/python*/site-packages")
    pending, copied = list(names), set[str]()
    while pending:
        name = pending.pop()
        if name in copied:
            continue
        copied.add(name)
        found = distribution(name)
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:  # programs lie outside of the packages
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(Path(str(found.locate_file(file))), packages / file)
        requirements = map(Requirement, found.requires or ())
        pending += [each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    return place / "bin/python"
