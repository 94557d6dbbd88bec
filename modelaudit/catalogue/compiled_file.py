"""Keep parsed rules for the next process, as Python keeps compiled modules.

Parsing and validating a thousand files takes a third of a small scan. A compiled file is MessagePack beside the
bytecode of this module: Python decides where that is, and the file is written under the same conditions, never where
``PYTHONDONTWRITEBYTECODE`` is set. Whoever can change it can change the bytecode. As bytecode does, it names the sizes
and times of its sources (PEP 3147), which are rules and the modules that read them. It is decoded into declared types
and nothing else. A file that is old, or whose bytes are not those of the digest at its beginning, is ignored, and
replaced.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

_Value = TypeVar("_Value")
_BYTECODE: Final = __spec__.cached
"""The path at which Python keeps this module compiled."""
# A pipe or a terminal in the place of the file must not block the process.
_FLAGS: Final = os.O_NONBLOCK | os.O_NOCTTY
_DIGEST_SIZE: Final = hashlib.sha256().digest_size
_PACKAGE: Final = Path(__file__).resolve().parent.parent
_READERS: Final = (_PACKAGE / "catalogue", _PACKAGE / "model")
"""The folders of the modules that read rules, and of the types of what they make."""


class CompiledFile(Struct, Generic[_Value], frozen=True):
    """A file with a value that was made of rule files.

    Attributes:
        name: of the file, without endings.
        sources: the folder of the rule files.
        kind: the type of the value.
        also: what else the value depends on.
        simplify: returns a value that has no form in MessagePack as one that has.
        restore: takes a type and what ``simplify`` made of a value of it; returns the value.
    """

    name: str
    sources: Path
    kind: Any
    also: bytes = b""
    simplify: Callable[[object], object] | None = None
    restore: Callable[[Any, Any], object] | None = None

    def read(self) -> _Value | None:
        """Read the value; ``None`` if the file is absent, damaged or older than a source, or is not a regular file."""
        try:
            content = memoryview(_read_regular_file(self._find()))
            if hashlib.sha256(content[_DIGEST_SIZE:]).digest() != content[:_DIGEST_SIZE]:
                return None
            states, end = content[_DIGEST_SIZE : 2 * _DIGEST_SIZE], content[2 * _DIGEST_SIZE :]
            if states != self._hash_states():
                return None
            value: _Value = msgspec.msgpack.decode(end, type=self.kind, dec_hook=self.restore)
        except (OSError, msgspec.MsgspecError, ValueError):
            return None
        return value

    def read_or_make(self, make: Callable[[], _Value]) -> _Value:
        """Read the value, or make it and write it for the next process."""
        value = self.read()
        if value is None:
            sources = self.identify_sources()
            value = make()
            self.write(value, sources)
        return value

    def identify_sources(self) -> bytes:
        """Identify the sources before they are read; empty if that cannot be done.

        A source that changes while it is read makes the file old.
        """
        with suppress(OSError):
            return self._hash_states()
        return b""

    def write(self, value: _Value, sources: bytes) -> None:
        """Write the value for the next process, where Python would write bytecode.

        Without the permission to write, nothing happens: each process reads the rule files.

        Args:
            value: what was made.
            sources: as ``identify_sources`` returned it before that.
        """
        if sys.dont_write_bytecode or not sources:
            return
        with suppress(OSError):
            content = sources + msgspec.msgpack.encode(value, enc_hook=self.simplify)
            _replace_file(self._find(), hashlib.sha256(content).digest() + content)

    def _find(self) -> Path:
        """Return the path of the file. Raises ``FileNotFoundError`` where Python keeps no bytecode."""
        if _BYTECODE is None:
            raise FileNotFoundError("Python keeps no bytecode of this module")
        return Path(_BYTECODE).with_name(f"{self.name}.{sys.implementation.cache_tag}.msgpack")

    def _hash_states(self) -> bytes:
        """Hash the paths, sizes and times of change of the rule files and of the modules that read them."""
        digest = hashlib.sha256(_identify_readers() + self.also)
        for path, size, time in sorted(_list_states(os.fspath(self.sources), "ml")):
            digest.update(f"{path}\0{size}\0{time}\0".encode("utf-8", "surrogateescape"))
        return digest.digest()


@cache
def _identify_readers() -> bytes:
    """Identify the modules that read rules, this release, and the library that encodes what they make.

    Reproducible installations give all files one time, so that two releases may differ in nothing but their number.
    """
    from modelaudit import __version__  # set once the package is imported

    states = sorted(each for folder in _READERS for each in _list_states(os.fspath(folder), ".py"))
    return repr((__version__, msgspec.__version__, sys.byteorder, states)).encode("utf-8", "surrogateescape")


def _list_states(folder: str, ending: str) -> Iterator[tuple[str, int, int]]:
    """Yield the path, size and time of change of each file below a folder with this ending."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _list_states(entry.path, ending)
            elif entry.name.endswith(ending):
                state = entry.stat()
                yield entry.path, state.st_size, state.st_mtime_ns


def _read_regular_file(path: Path) -> bytes:
    """Read a file. Raises ``OSError``, also for a pipe, a device or a folder."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _FLAGS)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is not a regular file")
        return file.read()


def _replace_file(path: Path, content: bytes) -> None:
    """Write a file as a whole, so that no other process reads half of it. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        unfinished = Path(file.name)
        try:
            file.write(content)
            file.flush()
            unfinished.chmod(0o644)  # as bytecode, for every user of this installation
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
