"""Build the verifier as one file: a zip archive that Python runs, with nothing but this package's own modules.

It needs the package ``cryptography`` beside the standard library. Equal sources give equal bytes with
one version of Python, so that its digest can be published.
"""

from __future__ import annotations

import ast
import io
import py_compile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PACKAGE: Final = "modelaudit"
ENTRY: Final = "modelaudit.cli.standalone"
_LAZY: Final = ("modelaudit.integrity.signers", "modelaudit.attested", "modelaudit.cli.conditions",
                "modelaudit.sealed", "modelaudit.verifying", "modelaudit.reports.verification")  # fmt: skip
"""Modules that the entry imports only when it needs them."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MAIN: Final = f"import sys\n\nfrom {ENTRY} import main\n\nsys.exit(main())\n"


def build_verifier() -> bytes:
    """Build the archive from the modules of this installation."""
    root = Path(__file__).resolve().parent
    buffer = io.BytesIO(b"#!/usr/bin/env python3\n")
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(_collect(root)):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


def _collect(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file of the archive: every module as source and compiled."""
    yield "__main__.py", _MAIN.encode()
    for module in sorted(list_modules(root)):
        path = _find_source(root, module)
        name = path.relative_to(root.parent).as_posix()
        yield name, path.read_bytes()
        # Another version of Python finds another magic number in it, and compiles the source instead.
        yield f"{name}c", _compile(path, name)


def _compile(path: Path, name: str) -> bytes:
    """Compile a module, so that the verifier starts in half the time."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "module.pyc")
        py_compile.compile(
            str(path), str(target), name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
        return target.read_bytes()


def list_modules(root: Path) -> set[str]:
    """List the modules that the verifier loads: the entry, and what each of them imports at its top level."""
    known: set[str] = set()
    pending = [ENTRY, *_LAZY]
    while pending:
        module = pending.pop()
        if module in known:
            continue
        known.add(module)
        pending += _list_imports(root, module)
        package = module.rpartition(".")[0]
        if package:
            pending.append(package)
    return known


def _list_imports(root: Path, module: str) -> Iterator[str]:
    """Yield the modules of this package that a module imports when it is loaded."""
    tree = ast.parse(_find_source(root, module).read_bytes())
    for node in _walk_top_level(tree.body):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            base = node.module or ""
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.partition(".")[0] == PACKAGE and _is_module(root, name):
                yield name


def _walk_top_level(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run when a module is loaded; those for type checkers and in functions do not."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.Try):
            yield from _walk_top_level(node.body)


def _is_module(root: Path, name: str) -> bool:
    """Whether a dotted name is a module of this package."""
    path = root.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _find_source(root: Path, module: str) -> Path:
    """Return the file of a module."""
    path = root.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
