"""Find addresses whose content its owner can replace at any time: a branch of a repository, and a file on the web.

A commit or a digest fixes the content. The tag of a release may be moved too, but its owner says that it stays.

Source: gitrevisions(7); https://docs.github.com/en/actions/reference/security/secure-use (pinning to a commit).
"""

from __future__ import annotations

from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

_FIXED: Final = defer_pattern(r"[0-9a-f]{40}|(?:sha256:)?[0-9a-f]{64}")
# The tag of a release, ``v4.48.0`` or ``release/v1``, and the begin of a commit.
_RELEASE: Final = defer_pattern(r"(?:refs/tags/.*|(?:[A-Za-z][\w-]{0,60}[-_/])?[vV]?\d[\w.+-]{0,60}|[0-9a-f]{7,64})")
# A host with the first part of the path, which names the owner on a forge: ``https://github.com/owner``.
_OWNER: Final = defer_pattern(
    r"(?:git\+)?(?:(?:https?|ssh|git|oci)://)?(?:[^/@\s]{1,200}@)?([\w-]{1,63}(?:\.[\w-]{1,63}){1,10})(?::\d{1,5})?[/:]"
    r"([\w.~-]{1,100})/"
)


def is_branch(revision: str) -> bool:
    """Whether a revision is neither a commit nor named like a release, as a branch is; so is none at all."""
    return not is_fixed(revision) and _RELEASE.fullmatch(revision) is None


def is_fixed(revision: str) -> bool:
    """Whether a revision is a commit or a digest."""
    return _FIXED.fullmatch(revision.lower()) is not None


def find_owner(address: str) -> str:
    """Return the owner of a repository or of an image, ``https://github.com/owner``; empty for any other text."""
    match = _OWNER.match(address.strip())
    return f"https://{match[1].lower()}/{match[2].lower()}" if match is not None else ""
