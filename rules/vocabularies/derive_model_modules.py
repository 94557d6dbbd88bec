"""Derive the list of modules that define the models of transformers and diffusers, from wheels.

::

    python -m pip download --no-deps transformers diffusers
    python rules/vocabularies/derive_model_modules.py transformers-*.whl diffusers-*.whl

An adapter names the module of its base model (``auto_mapping.parent_library`` of PEFT). The program reads the names in
the wheels and imports nothing. Wheels of several releases give one list.
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

FILE = Path(__file__).resolve().parent / "python-names" / "model-modules.yaml"
WHY = "a module of the library itself that defines a model; its import makes classes"
MODEL_FILES = re.compile(r"transformers/models/\w+/modeling_\w+\.py|diffusers/models/(?:\w+/)*\w+\.py")


def main() -> None:
    """Write the list from the wheels that the arguments name."""
    wheels = [Path(argument) for argument in sys.argv[1:]]
    names: set[str] = set()
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            names.update(_name_module(each) for each in archive.namelist() if MODEL_FILES.fullmatch(each))
    releases = ", ".join(sorted(" ".join(wheel.name.split("-")[:2]) for wheel in wheels))
    lines = [f"# Derived by ../derive_model_modules.py from {releases}; do not edit by hand.", "library: model-modules"]
    lines += ["trusted:", "  alike:", f"    - why: {WHY}", "      names:"]
    FILE.write_text("\n".join([*lines, *(f"        - {name}" for name in sorted(names))]) + "\n", encoding="utf-8")


def _name_module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


if __name__ == "__main__":
    main()
