"""Read the references of a repository in the Hub cache: ``refs/<branch or tag>`` holds the id of a commit."""

from __future__ import annotations

import os
import stat

from modelaudit.sources.target import is_commit

_MOST_BYTES = 1024
# A pipe must not block the scan. A link is followed, as the client does.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def locate_reference(revision: str) -> str:
    """Return the path of the record of a branch or tag, below the folder of the repository."""
    return f"refs/{revision}"


def read_reference(repository: str, revision: str) -> str | None:
    """Return the commit that a branch or tag leads to; ``None`` unless the record holds the id of one and no more.

    The client looks for a snapshot with the exact text as its name. So a further line end is another snapshot.

    Args:
        repository: the folder of the repository in the cache.
        revision: the branch or tag.
    """
    text = read_reference_text(repository, revision)
    return text if text is not None and is_commit(text) else None


def read_reference_text(repository: str, revision: str) -> str | None:
    """Return the text of a reference, up to a bound; ``None`` if it is not a regular file of text."""
    try:
        descriptor = os.open(f"{repository}/{locate_reference(revision)}", _FLAGS)
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, _MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        os.close(descriptor)
