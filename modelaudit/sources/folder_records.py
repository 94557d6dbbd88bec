"""Apply the records that programs leave in a folder: what they claim of its files, and which files are records alone.

The Hub's client leaves records of a download, and git those of a checkout. Each is recognised by its exact layout and
form, never by the name of its folder alone. What does not have that form stays a file of the model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from modelaudit.model.address import read_file_path
from modelaudit.model.artifact import Artifact, Snapshot, Window
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, sort_claims
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.source_fact import SourceFact
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.claims import ListedFile
from modelaudit.sources.local import FolderAbsences

_PIECE_BYTES = 1 << 20
_MOST_NAMES = 3
"""The number of files that a note names."""


class FolderRecords(Struct):
    """The statements of the records in a folder, as far as they have been read.

    Attributes:
        root: the absolute folder.
        artifacts: its files by path, without bookkeeping.
        limits: bounds on the records.
        linked_folders: folders to which links lead. A loader may take any file of them for one of the model.
        claims: of each file, by path.
        listed: the files that a record lists, by path; one that is not there is absent.
        facts: other facts about files.
        notes: one line each.
        bookkeeping: the number of files in each folder of records.
        recognised: the paths of the files that have the form of records; a tree digest leaves those at the root out.
        expects_claims: whether each file of the folder should have a claim.
        commit: of the Hub, from which the folder was downloaded; ``None`` for any other folder.
    """

    root: str
    artifacts: dict[str, Artifact]
    limits: Limits
    linked_folders: frozenset[str] = frozenset()
    claims: defaultdict[str, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    listed: dict[str, tuple[ListedFile, str]] = field(default_factory=dict)
    facts: list[SourceFact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bookkeeping: Counter[str] = field(default_factory=Counter)
    recognised: set[str] = field(default_factory=set)
    expects_claims: bool = False
    commit: str | None = None

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """Return the bytes of a file; ``None`` if it is larger, missing, or cannot be read."""
        artifact = self.artifacts.get(path)
        return None if artifact is None else read_small_artifact(artifact, most_bytes)

    def find_folders(self, name: str) -> list[str]:
        """Find the folders with a path that ends in ``name``, such as ``.git``, by the files in them; outermost only.

        Returns:
            What precedes ``name`` in each path: empty, or a folder with a slash.
        """
        mark = f"/{name}/"
        prefixes = {f"/{path}".partition(mark)[0] for path in self.artifacts if mark in f"/{path}"}
        return sorted(prefix[1:] + "/" if prefix else "" for prefix in prefixes)

    def list_below(self, folder: str) -> list[str]:
        """List the paths of the files below a folder; ``folder`` is empty or ends with a slash."""
        return [path for path in self.artifacts if path.startswith(folder)]

    def recognise(self, paths: Iterable[str]) -> None:
        """Note that files have the form of records. In a folder to which a link leads, they are files of the model."""
        self.recognised.update(path for path in paths if not self._is_linked(path))

    def set_aside(self, paths: Iterable[str], folder: str) -> None:
        """Take files out of the model, because they are bookkeeping of the folder of records ``folder``."""
        for path in paths:
            if not self._is_linked(path) and self.artifacts.pop(path, None) is not None:
                self.bookkeeping[folder] += 1

    def _is_linked(self, path: str) -> bool:
        """Whether a file lies in a folder to which a link leads, or below one."""
        if not self.linked_folders:
            return False
        parts = path.split("/")
        return any("/".join(parts[:length]) in self.linked_folders for length in range(1, len(parts)))


def read_small_artifact(artifact: Artifact, most_bytes: int) -> bytes | None:
    """Return the bytes of an artifact; ``None`` if it is larger or cannot be read."""
    if artifact.open is None or artifact.obstacle is not None or artifact.size > most_bytes:
        return None
    try:
        with artifact.open() as window:
            return b"".join(iterate_pieces(window, most_bytes))
    except WindowError:
        return None


def iterate_pieces(window: Window, most_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of a window in order, up to ``most_bytes``. Raises ``WindowError``."""
    end = min(window.size, most_bytes)
    for offset in range(0, end, _PIECE_BYTES):
        yield window.read(offset, min(_PIECE_BYTES, end - offset))


def name_some(paths: Iterable[str]) -> str:
    """Return the number of some paths with the first of them, for a note."""
    in_order = sorted(paths)
    shown = ", ".join(map(repr, in_order[:_MOST_NAMES]))
    return f"{len(in_order)}: {shown}" + (", …" if len(in_order) > _MOST_NAMES else "")


def add_listed_claims(artifact: Artifact, listed: ListedFile | None, claims: Iterable[Claim]) -> Artifact:
    """Return the artifact with further claims beside its own, and with a contradiction of a listed size.

    Args:
        artifact: a file on disk.
        listed: what a listing states for it; ``None`` if none lists it.
        claims: the further claims.
    """
    obstacle = artifact.obstacle
    sizes = () if listed is None else (listed.size, listed.other_size)
    other_sizes = [size for size in sizes if size not in (None, artifact.size)]
    if obstacle is None and other_sizes:
        # A server may state thousands of digits.
        other_size = str(other_sizes[0])[:20]
        detail = f"it has {artifact.size} bytes, and its source lists it with {other_size}, so the content may differ"
        obstacle = Unread(UnreadReason.CONTENT_ABSENT, detail)
    all_claims = sort_claims((*artifact.claims, *claims))
    is_changed = obstacle is not artifact.obstacle or all_claims != artifact.claims
    return replace(artifact, claims=all_claims, obstacle=obstacle) if is_changed else artifact


def apply_records(records: FolderRecords, snapshot: Snapshot) -> Snapshot:
    """Return the snapshot of a folder with what its records state, and without bookkeeping."""
    artifacts = [
        add_listed_claims(artifact, records.listed.get(path, (None, ""))[0], records.claims.get(path, ()))
        for path, artifact in records.artifacts.items()
    ]
    artifacts += _list_absent_files(records)
    notes = list(records.notes)
    if records.bookkeeping:
        folders = ", ".join(
            f"{folder!r} ({count} file{'s' * (count > 1)})" for folder, count in sorted(records.bookkeeping.items())
        )
        notes.append(f"bookkeeping that was recognised, and not read as files of the model: {folders}")
    return replace(
        snapshot,
        artifacts=tuple(sorted(artifacts, key=lambda artifact: artifact.path)),
        notes=(*snapshot.notes, *notes),
        facts=tuple(records.facts),
        bookkeeping=tuple(sorted(records.bookkeeping)),
        records=frozenset(map(read_file_path, records.recognised)),
        expects_claims=records.expects_claims,
        recorded_commit=records.commit,
    )


def _list_absent_files(records: FolderRecords) -> Iterator[Artifact]:
    """Yield an artifact without content for each listed file that is not there; those of a folder are bounded."""
    absences = FolderAbsences(records.limits.folder_absences)
    artifacts: list[Artifact] = []
    for path, (listed, detail) in sorted(records.listed.items()):
        if path in records.artifacts:
            continue
        obstacle = Unread(UnreadReason.CONTENT_ABSENT, detail)
        artifact = Artifact(path, listed.size or 0, None, sort_claims(records.claims.get(path, ())), obstacle)
        if not absences.count_if_too_many(artifact, len(artifacts)):
            artifacts.append(artifact)
    absences.report_counted(artifacts)
    yield from artifacts
