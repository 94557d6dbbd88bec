"""Reads bytes the way the pipeline does, without judging them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Defect, Unread, UnreadReason
from modelaudit.readers.base import HEAD_BYTES, DamagedError, Head, LimitReachedError, Reader
from modelaudit.readers.registry import READERS

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


class BytesWindow:
    """A window that refuses what a window may refuse, and counts what is read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.read_bytes = 0

    def read(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert 0 <= length <= Limits().read_bytes
        piece = self.data[offset : offset + length]
        self.read_bytes += len(piece)
        return piece


@dataclass
class Reading:
    """All that was yielded below one artifact, with the paths."""

    limits: Limits
    formats: dict[str, list[str]] = field(default_factory=dict)
    structures: list[tuple[str, object]] = field(default_factory=list)
    unread: list[tuple[str, UnreadReason]] = field(default_factory=list)
    details: list[str] = field(default_factory=list)

    def of(self, kind: type) -> list[object]:
        return [structure for _, structure in self.structures if isinstance(structure, kind)]

    def defects(self, path: str | None = None) -> list[Defect]:
        found = (s.defects for p, s in self.structures if hasattr(s, "defects") and path in (None, p))
        return [defect for defects in found for defect in defects]

    def kinds(self, path: str | None = None) -> set[str]:
        return {defect.kind for defect in self.defects(path)}

    def reasons(self) -> set[UnreadReason]:
        return {reason for _, reason in self.unread}

    def miss(self, path: str, reason: UnreadReason, detail: str) -> None:
        self.unread.append((path, reason))
        self.details.append(detail)
        assert "\n" not in detail

    def read(self, path: str, window: Window, content: str | None, depth: int = 0) -> None:
        if window.size == 0:
            return
        head = Head(path, content, window.read(0, HEAD_BYTES), window)
        readers = [reader for reader in READERS if not reader.fallback and reader.recognises(head)]
        readers = readers or [reader for reader in READERS if reader.fallback and reader.recognises(head)][:1]
        self.formats[path] = [reader.format for reader in readers]
        for reader in readers:
            self.read_as(reader, path, window, depth)

    def read_as(self, reader: Reader, path: str, window: Window, depth: int = 0) -> None:
        artifact = Artifact(path, window.size, lambda: nullcontext(window))
        try:
            for item in reader.read(artifact, window, self.limits):
                if isinstance(item, Artifact):
                    self.read_child(item, depth)
                elif isinstance(item, Unread):
                    self.miss(path, item.reason, item.detail)
                else:
                    self.structures.append((path, item))
        except WindowError as error:
            self.miss(path, error.reason, str(error))
        except LimitReachedError as error:
            self.miss(path, UnreadReason.LIMIT, str(error))
        except DamagedError as error:
            self.miss(path, UnreadReason.DAMAGED, str(error))

    def read_child(self, child: Artifact, depth: int) -> None:
        if child.obstacle is not None:
            self.miss(child.path, child.obstacle.reason, child.obstacle.detail)
        elif depth >= self.limits.depth:
            self.miss(child.path, UnreadReason.LIMIT, "too deep")
        elif child.open is not None:
            try:
                with child.open() as window:
                    self.read(child.path, window, child.content, depth + 1)
            except WindowError as error:
                self.miss(child.path, error.reason, str(error))


ReadBytes = Callable[..., Reading]


def _read_bytes(
    data: bytes,
    path: str = "file",
    limits: Limits | None = None,
    content: str | None = None,
    only: Reader | None = None,
) -> Reading:
    reading = Reading(limits or Limits())
    window = BytesWindow(data)
    if only is None:
        reading.read(path, window, content)
    else:
        reading.read_as(only, path, window)
    return reading


@pytest.fixture(scope="session")
def read_bytes() -> ReadBytes:
    return _read_bytes


@pytest.fixture(scope="session")
def read_fixture() -> Callable[[str], Reading]:
    return lambda path: _read_bytes((FIXTURES / path).read_bytes(), Path(path).name)


@pytest.fixture(scope="session")
def bytes_window() -> type[BytesWindow]:
    return BytesWindow


@pytest.fixture(scope="session")
def fixtures() -> Path:
    return FIXTURES
