"""Build the verifier as one file: a zip archive that Python runs, with nothing but this package's own modules.

It needs the package ``cryptography`` beside the standard library. Equal sources give equal bytes with one version of
Python, so that its digest can be published.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelaudit.model.errors import InternalError

PACKAGE: Final = "modelaudit"
ENTRY: Final = "modelaudit.cli.standalone"
_STRUCTS: Final = "modelaudit.model.plain_structs"
STAND_INS: Final = {
    "msgspec/__init__.py": f"from {_STRUCTS} import Struct, field\n\nfrom msgspec import structs\n".encode(),
    "msgspec/structs.py": f"from {_STRUCTS} import force_setattr, replace\n".encode(),
}
"""Modules in the place of a library in compiled code, which one file for all platforms cannot carry."""
NOT_CARRIED: Final = frozenset({
    *("modelaudit.options", "modelaudit.pipeline"),  # of the public API, which the verifier does not call
    *("modelaudit.sources.hub", "modelaudit.sources.ownership"),  # requests, and the verifier makes none
    *("modelaudit.integrity.certificate_verifier", "modelaudit.integrity.keyless", "modelaudit.integrity.time_stamps"),
})  # fmt: skip
"""Modules that functions of the verifier's modules import for a need that it does not have; it takes a key alone."""
_OLDEST: Final = (3, 11)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MAIN: Final = f"""\
import os
import sys

if sys.version_info < {_OLDEST}:
    sys.stderr.write("verify: error: Python {".".join(map(str, _OLDEST))} or newer is needed; run it with that\\n")
    sys.exit(4)
try:
    here = os.path.realpath(os.getcwd())
except OSError:
    here = ""
library = os.path.dirname(os.__file__)
end = sys.path.index(library) if library in sys.path else len(sys.path)
sys.path[:end] = [each for each in sys.path[:end] if os.path.realpath(each) != here]
from {ENTRY} import main

sys.exit(main())
"""
"""An older Python can read this much, and a traceback would end with 1, which means that the model was refused.

The working directory may be the sealed folder, and an empty part of ``PYTHONPATH`` puts it in front of the library.
"""


def build_verifier() -> bytes:
    """Build the archive from the modules of this installation. Raises ``InternalError`` if they do not compile."""
    root = Path(__file__).resolve().parent
    paths = [_find_source(root, module) for module in list_modules(root)]
    files = {path.relative_to(root.parent).as_posix(): path.read_bytes() for path in paths} | STAND_INS
    buffer = io.BytesIO(b"#!/usr/bin/env python3\n")
    buffer.seek(0, io.SEEK_END)
    # Not compressed: libraries of compression differ in their bytes, and it starts faster.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted({"__main__.py": _MAIN.encode(), **files, **_compile(files)}.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def _compile(files: dict[str, bytes]) -> dict[str, bytes]:
    """Compile modules, so that the verifier starts in half the time.

    An interpreter of its own does it, because the compiled bytes depend on which other modules a process has loaded.
    Another version of Python finds another magic number in them, and compiles the source instead.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        options = ("-q", "-b", "--invalidation-mode", "unchecked-hash", "-s", folder, folder)
        command = [sys.executable, "-I", "-S", "-m", "compileall", *options]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            raise InternalError(f"the verifier cannot be compiled by {sys.executable}; install modelaudit-gate again")
        return {f"{name}c": Path(folder, f"{name}c").read_bytes() for name in files}


def list_modules(root: Path) -> set[str]:
    """List the modules that the verifier may load: entry, structs, and what each imports, but for ``NOT_CARRIED``."""
    known: set[str] = set()
    pending = [ENTRY, _STRUCTS]
    while pending:
        module = pending.pop()
        if not module or module in known or module in NOT_CARRIED:
            continue
        known.add(module)
        imported = iterate_imports(ast.parse(_find_source(root, module).read_bytes()))
        pending += [name for name in imported if name.partition(".")[0] == PACKAGE and _is_module(root, name)]
        pending.append(module.rpartition(".")[0])
    return known


def iterate_imports(node: ast.AST) -> Iterator[str]:
    """Yield every name that a module imports, also in its functions, but not for type checkers alone."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    is_for_checkers = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    for child in () if is_for_checkers else ast.iter_child_nodes(node):
        yield from iterate_imports(child)


def _is_module(root: Path, name: str) -> bool:
    """Whether a dotted name is a module of this package."""
    path = root.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _find_source(root: Path, module: str) -> Path:
    """Return the file of a module."""
    path = root.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
