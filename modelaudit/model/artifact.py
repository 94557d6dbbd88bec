"""Where a model is and what it consists of: references, snapshots, artifacts and windows onto their bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from modelaudit.model.evidence import Statements
from modelaudit.model.structure import Unread


class DigestAlgorithm(StrEnum):
    """The digests that the Hub states for a file."""

    SHA256 = "sha256"
    GIT_BLOB = "git-sha1"


_DIGEST_LENGTH = {DigestAlgorithm.SHA256: 64, DigestAlgorithm.GIT_BLOB: 40}


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A digest of an artifact's bytes; ``value`` is lower-case hexadecimal.

    ``git-sha1`` is the id that git gives a blob: SHA-1 over ``blob <size>``, a zero byte and the bytes.
    """

    algorithm: DigestAlgorithm
    value: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]+", self.value) or len(self.value) != _DIGEST_LENGTH[self.algorithm]:
            raise ValueError(f"not a {self.algorithm} digest: {self.value!r}")


class RefKind(StrEnum):
    """What a target on the command line turned out to be."""

    FILE = "file"
    FOLDER = "folder"
    CACHE = "hub-cache"
    MODEL = "hub-model"
    DATASET = "hub-dataset"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """What the user asked for: a repository id (``org/model``), or a path as it was typed."""

    kind: RefKind
    name: str
    revision: str | None = None

    def __str__(self) -> str:
        prefix = "datasets/" if self.kind is RefKind.DATASET else ""
        return f"{prefix}{self.name}" + (f"@{self.revision}" if self.revision else "")


class Window(Protocol):
    """Bounded random access to bytes that lie in a file, behind an HTTP range or inside an archive.

    A reader never learns which. Offsets and lengths are bytes.
    """

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer only where the artifact ends.

        Raises:
            WindowError: the bytes could not be had: the disk or the network failed, the compressed
                data is damaged, or ``length`` is over the window's bound.
        """


@runtime_checkable
class WatchedWindow(Window, Protocol):
    """A window onto bytes that may change under it, such as a file on disk."""

    def changed(self) -> str | None:
        """What became of the bytes since they were listed, in one line; ``None`` if nothing did."""


TENSOR_STORAGE = "tensor-storage"
"""Content that a loader takes as numbers."""

PICKLE = "pickle"
"""Content that a loader unpickles, whatever it begins with."""

TORCHSCRIPT = "torchscript"
"""Content of a pickle whose types are defined by the code in its own archive, or a source of that code."""

TORCH_EXPORT = "torch-export"
"""Content that ``torch.export.load`` takes for a graph."""

TORCH_WEIGHT = "torch-weight"
"""Content that ``torch.export.load`` takes as numbers, or for a pickle where another member says so."""

TORCH_TAR = "torch-tar-records"
"""Content that torch reads from its old tar archives: pickles with numbers between them."""

JINJA = "jinja"
"""Content that is rendered as a template, whatever it looks like."""
"""Content that a loader renders as a template of Jinja."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a snapshot, or one member of a container.

    Attributes:
        path: POSIX path within the snapshot; a member is addressed ``model.pt!archive/data.pkl``.
            Bytes that are not UTF-8 are kept as surrogate escapes; printing escapes them.
        size: bytes, as the source states it.
        open: opens a window; closing the window is the caller's. ``None`` where there is nothing to open.
        claimed: digests that the source states for the bytes.
        obstacle: why this artifact cannot be examined at all, known before it is opened: a link that
            leads outside, a FIFO, no permission, content that is absent.
        content: what the container says the bytes are, where it knows and the bytes alone do not tell: one of the
            words above, which the reader that it is meant for knows.
        outside_names: further names that the file has on its disk and that lie outside of the folder (hard links),
            where the source is a plain folder; 0 where that is not known.
    """

    path: str
    size: int
    open: Callable[[], AbstractContextManager[Window]] | None = field(repr=False, compare=False)
    claimed: tuple[Digest, ...] = ()
    obstacle: Unread | None = None
    content: str | None = None
    outside_names: int = 0

    def __post_init__(self) -> None:
        if (self.open is None) == (self.obstacle is None):
            raise ValueError("an artifact either opens or says why it does not")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A model as it was at one moment: every artifact of it, pinned to a commit where the source has them.

    Attributes:
        commit: 40 hexadecimal digits, or ``None`` for a plain folder or file.
        origin: where the bytes came from: the Hub endpoint, or the absolute folder.
        root: the local folder (or file) that holds the artifacts, where there is one.
        notes: one line each about how the target was resolved, for the person who reads the report.
        stated: what the Hub itself says of licence and origins, beside the files; ``None`` where no Hub was asked.
    """

    ref: ModelRef
    commit: str | None
    artifacts: tuple[Artifact, ...]
    origin: str
    root: Path | None = None
    notes: tuple[str, ...] = ()
    stated: Statements | None = None
