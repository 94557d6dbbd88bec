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
    """A window over bytes in memory; it fails on a negative offset or a length beyond the limit of one read.

    Attributes:
        data: the bytes.
        size: their number.
        bytes_read: how many bytes were read so far.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.bytes_read = 0

    def read(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert 0 <= length <= Limits().read_bytes
        piece = self.data[offset : offset + length]
        self.bytes_read += len(piece)
        return piece


class Reading:
    """The structures and absences that reading one artifact and its members yields.

    Attributes:
        inner: the reading of the pipeline, which records them with their paths.
    """

    def __init__(self, limits: Limits) -> None:
        self.inner = ArtifactReading(limits)

    @property
    def formats(self) -> dict[str, list[str]]:
        """The formats of each path, in the order of reading."""
        formats_by_path: dict[str, list[str]] = defaultdict(list)
        for path, format_ in self.inner.formats:
            formats_by_path[path].append(format_)
        return formats_by_path

    @property
    def structures(self) -> list[tuple[str, object]]:
        """Every structure with its path."""
        return list(self.inner.structures)

    @property
    def unread(self) -> list[tuple[str, UnreadReason]]:
        """The reason of every absence with its path, except for artifacts of no known format."""
        # The pipeline turns a bug in a reader into an absence; a test must see it.
        failed = [unread.detail for _, unread in self.inner.unread if unread.reason is UnreadReason.READER_FAILED]
        assert not failed, failed
        # The pipeline, not the reader under test, reports artifacts that no reader recognises.
        return [(path, unread.reason) for path, unread in self.inner.unread if not _is_unrecognised(unread)]

    @property
    def details(self) -> list[str]:
        """The detail of every absence."""
        assert not any("\n" in unread.detail for _, unread in self.inner.unread)
        return [unread.detail for _, unread in self.inner.unread]

    def of(self, kind: type) -> list[object]:
        """Return the structures of one type."""
        return [structure for _, structure in self.structures if isinstance(structure, kind)]

    @property
    def events(self) -> list[PickleEvent]:
        """The events of all pickles."""
        programs = [structure for _, structure in self.inner.structures if isinstance(structure, PickleProgram)]
        return [event for program in programs for event in program.events]

    @property
    def called(self) -> set[str]:
        """The names that pickles call."""
        return {str(each.operand) for each in self.events if each.act is Act.CALL and isinstance(each.operand, Name)}

    @property
    def evaluates(self) -> bool:
        """Whether a pickle imports or calls ``builtins.eval``, the payload of most malicious fixtures."""
        return "builtins.eval" in {str(event.operand) for event in self.events}

    def facts(self, format_: str) -> list[dict[str, str]]:
        """Return the facts of every outline of a format, in the order of reading."""
        outlines = [each for each in self.of(Outline) if each.format == format_]
        return [dict(outline.facts) for outline in outlines]

    def defects(self, path: str | None = None) -> list[Defect]:
        """Return the defects at a path; without one, all defects."""
        structures = [structure for address, structure in self.structures if path is None or path == address]
        return [defect for structure in structures for defect in getattr(structure, "defects", ())]

    def kinds(self, path: str | None = None) -> set[str]:
        """Return the kinds of the defects at a path; without one, of all defects."""
        return {defect.kind for defect in self.defects(path)}

    def unclaimed(self, path: str = "file") -> str:
        """Return the ranges of the artifact at a path that no reader claims, such as ``3-7, 20-24``."""
        details = [each.detail for address, each in self.inner.unread if _is_unclaimed(address, each, path)]
        return details[0].partition(": bytes ")[2] if details else ""

    def reasons(self) -> set[UnreadReason]:
        """Return the reasons of all absences in ``unread``."""
        return {reason for _, reason in self.unread}


def _is_unclaimed(address: str, unread: Unread, path: str) -> bool:
    """Whether an absence at ``address`` is that of unclaimed bytes of the artifact at ``path``."""
    return address == path and unread.reason is UnreadReason.UNCLAIMED


def _is_unrecognised(unread: Unread) -> bool:
    """Whether an absence states that an artifact is empty or that no reader recognises its bytes."""
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
    """Read bytes as the artifact at a path.

    Args:
        data: the bytes.
        path: the path of the artifact.
        limits: the limits; by default those of a scan.
        content: the kind of content that a container declares, as ``Artifact.content``.
        only: the reader to use; by default every reader that recognises the bytes.
    """
    reading = Reading(limits or Limits())
    window = BytesWindow(data)
    artifact = Artifact(path, len(data), lambda: nullcontext(window), content=content)
    if only is None:
        reading.inner.read(artifact, window)
    else:
        reading.inner.read_as(only, artifact, window)
    assert reading.unread is not None  # ``unread`` fails if a reader raised an unexpected exception
    return reading


@pytest.fixture(scope="session")
def read_bytes() -> ReadBytes:
    """Return the function that reads bytes as an artifact; see ``_read_bytes``."""
    return _read_bytes


@pytest.fixture(scope="session")
def read_fixture() -> Callable[[str], Reading]:
    """Return a function that reads a fixture by its name."""
    return lambda path: _read_bytes(fixture_path(path).read_bytes(), Path(path).name)


@pytest.fixture(scope="session")
def bytes_window() -> type[BytesWindow]:
    """Return the class of the windows over bytes."""
    return BytesWindow


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """Return the folder with the fixtures that builders return."""
    return FIXTURES
