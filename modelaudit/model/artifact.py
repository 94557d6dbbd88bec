"""Model references, snapshots, artifacts and windows.

A *reference* is the target that the user names. A source resolves it to a *snapshot*: the model at one commit, or a
local folder at one moment. A snapshot consists of *artifacts*, one for each file, and an artifact opens as a *window*:
bounded random access to its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from operator import is_
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from modelaudit.model.comparison import LockComparison
from modelaudit.model.content import (
    JINJA as JINJA,
)
from modelaudit.model.content import (
    PICKLE as PICKLE,
)
from modelaudit.model.content import (
    TENSOR_STORAGE as TENSOR_STORAGE,
)
from modelaudit.model.content import (
    TORCH_EXPORT as TORCH_EXPORT,
)
from modelaudit.model.content import (
    TORCH_TAR as TORCH_TAR,
)
from modelaudit.model.content import (
    TORCH_WEIGHT as TORCH_WEIGHT,
)
from modelaudit.model.content import (
    TORCHSCRIPT as TORCHSCRIPT,
)
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, Digest, list_digests
from modelaudit.model.evidence import Statements
from modelaudit.model.provenance import Provenance
from modelaudit.model.signature import Signature
from modelaudit.model.source_fact import SourceFact
from modelaudit.model.structure import Unread


class RefKind(StrEnum):
    """The kind of model reference that a target resolves to."""

    FILE = "file"
    FOLDER = "folder"
    CACHE = "hub-cache"
    MODEL = "hub-model"
    DATASET = "hub-dataset"


class ModelRef(Struct, frozen=True):
    """The target that the user named: a repository id (``org/model``), or a path as typed."""

    kind: RefKind
    name: str
    revision: str | None = None

    @property
    def is_on_hub(self) -> bool:
        """Whether it names a repository of the Hub, and no local path."""
        return self.kind in (RefKind.MODEL, RefKind.DATASET)

    def __str__(self) -> str:
        prefix = "datasets/" if self.kind is RefKind.DATASET else ""
        return f"{prefix}{self.name}" + (f"@{self.revision}" if self.revision else "")


class Window(Protocol):
    """Bounded random access to the bytes of a file, an HTTP range or an archive member; readers see no difference.

    Offsets and lengths are bytes.
    """

    @property
    def size(self) -> int:
        """The number of bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer only where the artifact ends.

        Raises:
            WindowError: the disk or the network failed, the compressed data are damaged, or ``length`` exceeds the
                bound of the window.
        """


def describe_change(window: Window) -> str | None:
    """Describe in one line how the bytes changed since they were listed; ``None`` if they did not.

    Only some windows can know, such as one onto a file on disk: these have a method of this name.
    """
    describe: Callable[[], str | None] | None = getattr(window, "describe_change", None)
    return describe() if describe is not None else None


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a snapshot, or one member of a container.

    Attributes:
        path: address within the snapshot, as ``modelaudit.model.address`` writes it; while a source lists its files,
            their path. Bytes that are not UTF-8 are kept as surrogate escapes; printing escapes them.
        size: number of bytes that the source states.
        open: opens a window, which the caller closes; ``None`` where the artifact cannot be opened.
        claims: digests that sources state for the bytes, the strongest source first.
        obstacle: an absence that is known before it is opened: a link that leads outside, a FIFO, missing permission,
            absent content. An artifact whose size contradicts its source has ``open`` as well: it is examined all the
            same.
        content: the kind of content that the container declares, where the bytes alone do not decide it: one of the
            constants above.
        outside_hard_links: number of hard links to the file that lie outside of the scanned folder; 0 where unknown.
        digests: those of its bytes, if the source computed them and the file has not changed since.
        may_be_program: whether a tool may run it by its name, if it is text. A value of metadata and a range of bytes
            have no name for that, and a format that the bytes show decides before a name.
    """

    path: str
    size: int
    open: Callable[[], AbstractContextManager[Window]] | None = field(repr=False, compare=False)
    claims: tuple[Claim, ...] = ()
    obstacle: Unread | None = None
    content: str | None = None
    outside_hard_links: int = 0
    may_be_program: bool = True
    digests: tuple[Digest, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.open is None and self.obstacle is None:
            raise ValueError("an artifact needs an open function or an obstacle")

    @property
    def claimed(self) -> tuple[Digest, ...]:
        """The stated digests, sorted and without repetition."""
        return list_digests(self.claims)


class Snapshot(Struct, frozen=True):
    """All artifacts of a model at one moment, pinned to a commit where the source has commits.

    Attributes:
        commit: 40 hexadecimal digits, or ``None`` for a plain folder or file.
        origin: the source of the bytes: the endpoint of the Hub, or the absolute folder.
        root: the local folder or file that holds the artifacts, if any.
        notes: one line for each remark on how the target was resolved.
        expects_claims: whether a source states a digest of each file, so that a file without one is not verified.
        hub_statements: licence and lineage statements of the Hub itself; ``None`` where no Hub was asked.
        facts: what the source states about files beside their digests.
        comparison: with a lock; ``None`` if none was given.
        bookkeeping: the folders of records of git and of the Hub's client, such as ``.git``; the files that these
            programs write there are no artifacts.
        records: the paths of the files in these folders whose form shows them to be records or ordinary settings, not
            encoded as in addresses; no tree digest covers them.
        signature_records: the paths of the files that hold signatures, which no signature covers.
        uncompared_records: the paths of files of checksums that state digests of other algorithms alone, not encoded.
        signatures: each signature of the model that was found, with the result of its check.
        provenance: of a repository of the Hub; ``None`` for anything else, and for one of which only small files are
            fetched.
        recorded_commit: of the Hub, which the records of a download in a plain folder name; ``None`` without them.
        folder: the folder of the repository that the snapshot is limited to; its paths start there, and ``../`` leads
            to texts of the folders above. Empty for a whole repository.
        weights_elsewhere: where that folder holds no weights, the first file with weights outside of it, by its path in
            the repository.
    """

    ref: ModelRef
    commit: str | None
    artifacts: tuple[Artifact, ...]
    origin: str
    root: Path | None = None
    notes: tuple[str, ...] = ()
    hub_statements: Statements | None = None
    expects_claims: bool = False
    facts: tuple[SourceFact, ...] = ()
    comparison: LockComparison | None = None
    bookkeeping: tuple[str, ...] = ()
    records: frozenset[str] = frozenset()
    signature_records: frozenset[str] = frozenset()
    uncompared_records: frozenset[str] = frozenset()
    provenance: Provenance | None = None
    signatures: tuple[Signature, ...] = ()
    recorded_commit: str | None = None
    folder: str = ""
    weights_elsewhere: str = ""

    def with_artifacts(self, artifacts: Iterable[Artifact]) -> Snapshot:
        """Return a snapshot with these artifacts; this one if they are the same."""
        replaced = tuple(artifacts)
        is_same = len(replaced) == len(self.artifacts) and all(map(is_, replaced, self.artifacts))
        return self if is_same else replace(self, artifacts=replaced)
