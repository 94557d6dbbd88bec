"""Read the Python sources out of a wheel or a source distribution. Nothing is installed, imported or built.

The names of modules follow the rules of the import system: a package hides a module of the same name, and a compiled
module hides a source. A name that the archive gives two contents is refused, since the file system decides which one
counts. What is refused has a reason, so that no absence passes for a decision.
"""

from __future__ import annotations

import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MAX_SOURCE = 2 << 20
"""The most bytes of one source."""
MAX_SOURCES = 256 << 20
"""The most bytes of all sources of one archive."""
MAX_MEMBERS = 100_000
_MANIFEST = "manifest.json"
_COMPILED = (".so", ".pyd", ".dll", ".dylib")
# Files beside the packages that Python reads when it starts: https://docs.python.org/3/library/site.html
_STARTED = (".pth", "sitecustomize.py", "usercustomize.py")
# Folders of a source distribution that hold no package, beside the one that does.
_PACKAGE_ROOTS = ("src", "python-package", "python", "lib")


class ArchiveRefusedError(Exception):
    """The archive cannot be read within the bounds; the text is one line."""


@dataclass(slots=True)
class Sources:
    """The sources of one release.

    Attributes:
        texts: the bytes of each module, by its full name.
        packages: the names of the modules that are packages.
        refused: the reason why a module is not read, by its full name.
        compiled: the names of the modules that are compiled.
        paths: the path of each module in the archive.
    """

    texts: dict[str, bytes] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    compiled: set[str] = field(default_factory=set)
    paths: dict[str, str] = field(default_factory=dict)

    def list_roots(self) -> set[str]:
        """Return the names of the top-level packages and modules."""
        return {name.partition(".")[0] for name in (*self.texts, *self.refused, *self.compiled)}

    def restrict(self, roots: Iterable[str]) -> None:
        """Leave out whatever is not below the packages ``roots``: it belongs to another library, or to none."""
        kept = frozenset(roots)
        for names in (self.texts, self.refused, self.paths):
            for name in [each for each in names if each.partition(".")[0] not in kept]:
                del names[name]
        self.compiled = {name for name in self.compiled if name.partition(".")[0] in kept}
        self.packages &= self.texts.keys()

    def save(self, path: Path) -> None:
        """Write the sources and the reasons into an archive of their own."""
        manifest = {"refused": self.refused, "compiled": sorted(self.compiled), "packages": sorted(self.packages)}
        part = path.with_suffix(".part")
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_MANIFEST, json.dumps(manifest | {"paths": self.paths}))
            for name, text in self.texts.items():
                archive.writestr(name, text)
        part.replace(path)

    @staticmethod
    def load(path: Path) -> Sources:
        """Read what ``save`` wrote."""
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read(_MANIFEST))
            texts = {name: archive.read(name) for name in archive.namelist() if name != _MANIFEST}
        return Sources(
            texts, set(manifest["packages"]), manifest["refused"], set(manifest["compiled"]), manifest["paths"]
        )


def read_archive(path: Path) -> Sources:
    """Read the sources of a wheel, a ``.tar.gz`` or a ``.zip``.

    Raises:
        ArchiveRefusedError: the archive is damaged, or has more members or bytes than are read.
    """
    sources = Sources()
    try:
        for member, size, content in _iterate_members(path):
            _add_member(member, size, content, sources)
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError, zipfile.BadZipFile, RuntimeError) as error:
        raise ArchiveRefusedError(f"{path.name}: it cannot be read ({error})") from None
    return sources


def read_folder(folder: Path, packages: Iterable[str]) -> Sources:
    """Read the sources of installed packages below a folder such as ``site-packages``."""
    sources = Sources()
    for package in packages:
        for file in sorted((folder / package).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                member = file.relative_to(folder).as_posix()
                content = file.read_bytes() if file.suffix == ".py" else b""
                _add_member(member, len(content), content, sources)
    return sources


def _iterate_members(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """Yield (path in the environment, bytes, content) of each member; the content of a long one is empty."""
    total = 0
    if path.name.endswith((".whl", ".zip")):
        is_wheel = path.suffix == ".whl"
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_count(len(members), path)
            for each in members:
                name = _place(each.filename, is_wheel)
                if name and not each.is_dir():
                    is_read = name.endswith(".py") and each.file_size <= MAX_SOURCE
                    total = _check_total(total + each.file_size * is_read, path)
                    content = archive.open(each).read(MAX_SOURCE + 1) if is_read else b""
                    yield name, max(each.file_size, len(content)), content
    else:
        with tarfile.open(path, "r|*") as archive_:
            for count, entry in enumerate(archive_):
                _check_count(count, path)
                name = _place(entry.name, is_wheel=False)
                if name and entry.isfile():
                    is_read = name.endswith(".py") and entry.size <= MAX_SOURCE
                    total = _check_total(total + entry.size * is_read, path)
                    file = archive_.extractfile(entry) if is_read else None
                    yield name, entry.size, file.read() if file else b""


def _check_count(count: int, path: Path) -> None:
    """Raise ``ArchiveRefusedError`` if an archive has too many members."""
    if count > MAX_MEMBERS:
        raise ArchiveRefusedError(f"{path.name}: it has more than {MAX_MEMBERS} members")


def _check_total(total: int, path: Path) -> int:
    """Return ``total``; raise ``ArchiveRefusedError`` if these are too many bytes of sources."""
    if total > MAX_SOURCES:
        raise ArchiveRefusedError(f"{path.name}: its sources take more than {MAX_SOURCES >> 20} MiB")
    return total


def _place(member: str, is_wheel: bool) -> str:
    """Return where a member is installed, relative to ``site-packages``; empty if it is not installed there."""
    parts = PurePosixPath(member.replace("\\", "/")).parts
    if not parts or member.startswith("/") or ".." in parts:
        return ""
    if is_wheel:
        if parts[0].endswith(
            ".data"
        ):  # https://packaging.python.org/en/latest/specifications/binary-distribution-format
            return "/".join(parts[2:]) if len(parts) > 2 and parts[1] in ("purelib", "platlib") else ""
        return "/".join(parts)
    inner = parts[1:]
    return "/".join(inner[1:] if inner and inner[0] in _PACKAGE_ROOTS else inner)


def _add_member(member: str, size: int, content: bytes, sources: Sources) -> None:
    """Add one installed file to the sources, or the reason why its module is refused."""
    parts = PurePosixPath(member).parts
    name = parts[-1]
    if len(parts) == 1 and name.endswith(_STARTED):
        raise ArchiveRefusedError(f"{name} would run at the start of each process")
    if name.endswith((".pyc", ".pyo")):
        # ``m.pyc`` and ``__pycache__/m.cpython-311.pyc`` can run in place of the source.
        folder = parts[:-2] if "__pycache__" in parts else parts[:-1]
        _refuse(sources, (*folder, name.partition(".")[0]), "the archive holds bytecode for it")
    elif name.endswith(_COMPILED):
        module = ".".join((*parts[:-1], name.partition(".")[0]))
        sources.compiled.add(module)
        if module in sources.texts:
            _refuse(sources, tuple(module.split(".")), "a compiled module hides its source")
    elif name.endswith(".py"):
        module = ".".join(parts)[: -len(".py")]
        is_package = name == "__init__.py"
        module = module.removesuffix(".__init__") if is_package else module
        if not all(part.isidentifier() for part in module.split(".")):
            return
        if module in sources.compiled:
            _refuse(sources, tuple(module.split(".")), "a compiled module hides its source")
        elif size > MAX_SOURCE or len(content) > MAX_SOURCE:
            _refuse(sources, tuple(module.split(".")), f"its source is longer than {MAX_SOURCE >> 20} MiB")
        elif module in sources.texts and sources.texts[module] != content:
            _refuse(sources, tuple(module.split(".")), "the archive holds two sources for it")
        elif module not in sources.refused:
            sources.texts[module] = content
            sources.paths[module] = member
            if is_package:
                sources.packages.add(module)


def _refuse(sources: Sources, parts: tuple[str, ...], reason: str) -> None:
    """Refuse a module, so that no name in it is decided."""
    module = ".".join(parts).removesuffix(".__init__")
    sources.texts.pop(module, None)
    sources.refused[module] = reason
