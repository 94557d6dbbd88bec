"""Describe files that are written to cost memory or time, and write long runs of equal or numbered items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

INCOMPLETE: Final = frozenset({3})
INCOMPLETE_OR_FAIL: Final = frozenset({1, 3})
ANSWERED: Final = frozenset({0, 1, 3})
"""Exit codes of a scan that ends with an answer; 0 only for a file that hides nothing and may be read whole."""

_STEP: Final = 50_000
Writer = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class HostileFile:
    """A file or folder that is written to cost memory or time.

    Attributes:
        name: the file name, which ends as its format asks for.
        write: writes the file or folder to a path.
        exit_codes: the exit codes that a scan of it may end with.
        options: further options of the scan.
    """

    name: str
    write: Writer
    exit_codes: frozenset[int]
    options: tuple[str, ...] = ()


def write_repeated(start: bytes, item: bytes, count: int, end: bytes = b"") -> Writer:
    """Return a writer of ``count`` copies of ``item`` between ``start`` and ``end``."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(start)
            for first in range(0, count, _STEP):
                file.write(item * min(_STEP, count - first))
            file.write(end)

    return write


def write_numbered(start: bytes, make_item: Callable[[int], bytes], count: int, end: bytes = b"") -> Writer:
    """Return a writer of ``count`` items, each made from its number, between ``start`` and ``end``."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(start)
            for first in range(0, count, _STEP):
                file.write(b"".join(map(make_item, range(first, min(count, first + _STEP)))))
            file.write(end)

    return write
