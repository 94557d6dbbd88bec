"""Store fetched files in the Hub cache as huggingface_hub does: a blob named by its digest, and a link to it.

Source: ``file_download.py`` of huggingface_hub 2.4, whose own functions make the links and take the locks.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub._local_folder import _create_cachedir_tag
from huggingface_hub.file_download import _chmod_and_move, _create_symlink
from huggingface_hub.utils._fixes import WeakFileLock
from msgspec import Struct

from modelaudit.sources.cache import CachedCommit, is_file
from modelaudit.sources.partial import PartialFile
from modelaudit.sources.windows import FileState


class BlobStore(Struct, frozen=True):
    """The blobs of one repository in the cache, and the links of one commit to them."""

    cached_commit: CachedCommit

    @property
    def folder(self) -> str:
        """The folder of the blobs."""
        return f"{self.cached_commit.repository}/blobs"

    def prepare(self) -> None:
        """Make the folders. Raises ``OSError``."""
        for folder in (self.folder, self.cached_commit.snapshot, self._locks):
            Path(folder).mkdir(parents=True, exist_ok=True)
        _create_cachedir_tag(Path(self.cached_commit.repository).parent)

    def find_blob(self, names: Iterable[str]) -> str | None:
        """Return the first of the names that is the name of a blob; ``None`` if none is."""
        return next((name for name in names if is_file(f"{self.folder}/{name}")), None)

    @contextmanager
    def lock(self, blob: str, seconds: float) -> Iterator[None]:
        """Take the lock by which the client keeps two processes from fetching the same blob.

        Raises:
            TimeoutError: another process holds it for longer than ``seconds``.
        """
        with WeakFileLock(f"{self._locks}/{blob}.lock", timeout=seconds):
            yield

    def link(self, name: str, blob: str) -> None:
        """Make the file ``name`` of the commit a link to a blob of the cache, or a copy where links are impossible."""
        self._link(name, blob, is_new=False)

    def store(self, partial: PartialFile, blob: str, name: str | None) -> FileState | None:
        """Move a complete file to its place in the cache, and return its state there. A blob that is there stays.

        Args:
            partial: the file.
            blob: the name of the blob.
            name: the file of the commit that becomes a link to the blob; ``None`` for none.

        Returns:
            The state; ``None`` if the bytes at that place may be others than those that were written.

        Raises:
            OSError: it cannot be stored.
        """
        path = f"{self.folder}/{blob}"
        is_new = not os.path.lexists(path)
        if is_new:
            _chmod_and_move(Path(partial.path), Path(path))
        if name is not None:
            self._link(name, blob, is_new=is_new)
            path = f"{self.cached_commit.snapshot}/{name}"
        written, state = partial.read_state(), FileState.from_stat(os.stat(path))  # noqa: PTH116 - a path of text
        return state if state == written else None

    def _link(self, name: str, blob: str, *, is_new: bool) -> None:
        """Make the link, or move or copy the blob. Raises ``OSError``, also if a link leads out of the snapshot."""
        pointer = f"{self.cached_commit.snapshot}/{name}"
        folder = Path(pointer).parent
        if os.path.realpath(folder) != str(folder):
            raise OSError(errno.ELOOP, "a folder of the snapshot is a link", str(folder))
        folder.mkdir(parents=True, exist_ok=True)
        if not os.path.exists(pointer):  # noqa: PTH110 - a path of text
            _create_symlink(f"{self.folder}/{blob}", pointer, new_blob=is_new)

    @property
    def _locks(self) -> str:
        """The folder of the client's locks for the repository."""
        cache, _, repository = self.cached_commit.repository.rpartition("/")
        return f"{cache}/.locks/{repository}"
