"""Read bytes as the pipeline does, without applying rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.pickle import Act, Name, PickleEvent, PickleProgram
from modelaudit.model.structure import Defect, Unread, UnreadReason
from modelaudit.pipeline import ArtifactReading
from modelaudit.wire.base import Reader
from support.fixtures import FIXTURES, fixture_path


class BytesWindow:
    """A window that rejects every read that a window may reject, and counts the bytes read."""

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


class Reading:
    """The structures and absences of one artifact and its members, with their paths, as the pipeline reads them."""

    def __init__(self, limits: Limits) -> None:
        self.inner = ArtifactReading(limits)

    @property
    def formats(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for path, format_ in self.inner.formats:
            found[path].append(format_)
        return found

    @property
    def structures(self) -> list[tuple[str, object]]:
        return list(self.inner.structures)

    @property
    def unread(self) -> list[tuple[str, UnreadReason]]:
        # The pipeline turns a bug in a reader into an absence; a test must see it.
        failed = [unread.detail for _, unread in self.inner.unread if unread.reason is UnreadReason.READER_FAILED]
        assert not failed, failed
        # The pipeline, not the reader under test, reports artifacts that no reader recognises.
        return [(path, unread.reason) for path, unread in self.inner.unread if not _is_unrecognised(unread)]

    @property
    def details(self) -> list[str]:
        assert not any("\n" in unread.detail for _, unread in self.inner.unread)
        return [unread.detail for _, unread in self.inner.unread]

    def of(self, kind: type) -> list[object]:
        return [structure for _, structure in self.structures if isinstance(structure, kind)]

    @property
    def events(self) -> list[PickleEvent]:
        """The events of all pickles."""
        programs = [structure for _, structure in self.inner.structures if isinstance(structure, PickleProgram)]
        return [event for program in programs for event in program.events]

    @property
    def called(self) -> set[str]:
        """The names that pickles call."""
        return {str(each.subject) for each in self.events if each.act is Act.CALL and isinstance(each.subject, Name)}

    @property
    def evaluates(self) -> bool:
        """Whether the payload that most hostile fixtures carry was found, be it only imported before damage."""
        return "builtins.eval" in {str(event.subject) for event in self.events}

    def facts(self, format_: str) -> list[dict[str, str]]:
        """Return the facts of every outline of a format, in the order of reading."""
        outlines = [each for each in self.of(Outline) if each.format == format_]
        return [dict(outline.facts) for outline in outlines]

    def defects(self, path: str | None = None) -> list[Defect]:
        found = (s.defects for p, s in self.structures if hasattr(s, "defects") and path in (None, p))
        return [defect for defects in found for defect in defects]

    def kinds(self, path: str | None = None) -> set[str]:
        return {defect.kind for defect in self.defects(path)}

    def reasons(self) -> set[UnreadReason]:
        return {reason for _, reason in self.unread}


def _is_unrecognised(unread: Unread) -> bool:
    return unread.reason is UnreadReason.EMPTY or (
        unread.reason is UnreadReason.NO_READER
        and (unread.format != "" or "bytes of an unknown format" in unread.detail)
    )


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
    artifact = Artifact(path, len(data), lambda: nullcontext(window), content=content)
    if only is None:
        reading.inner.read(artifact, window)
    else:
        reading.inner.read_as(only, artifact, window)
    assert reading.unread is not None
    return reading


@pytest.fixture(scope="session")
def read_bytes() -> ReadBytes:
    return _read_bytes


@pytest.fixture(scope="session")
def read_fixture() -> Callable[[str], Reading]:
    return lambda path: _read_bytes(fixture_path(path).read_bytes(), Path(path).name)


@pytest.fixture(scope="session")
def bytes_window() -> type[BytesWindow]:
    return BytesWindow


@pytest.fixture(scope="session")
def fixtures() -> Path:
    return FIXTURES
