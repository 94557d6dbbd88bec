"""Compare the bytes that decisions bind with those of the scanned model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field

from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.policy.subjects import Matches, find_bound_files

_DIGITS_SHOWN: Final = 12
_WITHOUT_BYTES: Final = (UnreadReason.LINK_DANGLING, UnreadReason.LINK_OUTSIDE, UnreadReason.NOT_REGULAR)


def digest_statement(unread: Unread) -> str | None:
    """Compute the SHA-256 of the words on an entry that has no bytes, such as the target of a link to nowhere.

    It differs once the link names another target or the entry is of another kind. ``None`` for an entry with bytes that
    could not be read: nothing would show that they change.
    """
    if unread.reason not in _WITHOUT_BYTES:
        return None
    return hashlib.sha256(f"{unread.reason}\n{unread.detail}".encode("utf-8", "surrogatepass")).hexdigest()


class ScannedModel(Struct, frozen=True):
    """The model that decisions are compared with.

    Attributes:
        name: its id on the Hub, or the name of the file or folder, as the report states it.
        commit: the commit that the Hub resolved; ``None`` for local bytes, whatever their path states.
        altered: addresses of the files whose bytes differ from the digest of their source.
        compute_digest: returns the SHA-256 of the file at an address, of the tree for an empty one; ``None`` if a byte
            could not be read.
        digests: the SHA-256 of each file by its path, and of the tree under the empty one, as far as they are known
            without reading anything again.
        is_checked_completely: whether every family of checks ran, so that a missing subject is gone.
    """

    name: str
    commit: str | None
    altered: frozenset[str]
    compute_digest: Callable[[str], str | None]
    digests: Mapping[str, str] = field(default_factory=dict)
    is_checked_completely: bool = True

    def explain_difference(self, binding: str, path: str) -> str:
        """Explain how the file, or the model for an empty path, differs from the bound one; empty if it does not."""
        return next(filter(None, (self._explain_one(each, path) for each in binding.split())), "")

    def keep_bound(self, binding: str, matches: Matches, is_model: bool) -> str:
        """Keep the matches in files whose bytes are bound, if there are any, and return the address to compare.

        A publisher chooses the names that a fingerprint is made of, so findings of several files may share one.
        """
        paths = find_bound_files(matches, is_model)
        if len(paths) == 1:
            return paths[0]
        bound = [path for path in paths if not self.explain_difference(binding, path)]
        matches.keep_files(bound or paths)
        return (*bound, *paths)[0]

    def _explain_one(self, binding: str, path: str) -> str:
        """Explain how the bytes at ``path`` differ from one digest or commit; empty if they do not."""
        algorithm, _, wanted = binding.partition(":")
        place = path or "the model"
        if algorithm == "commit":
            if self.commit is None:
                return "It binds a commit, and local bytes have none; bind it to their SHA-256."
            if self.commit != wanted:
                shown = self.commit[:_DIGITS_SHOWN]
                return f"The model is at commit {shown}, and the decision binds {wanted[:_DIGITS_SHOWN]}."
            altered = path in self.altered if path else self.altered
            return f"The bytes of {place} are not those of the commit." if altered else ""
        digest = self.compute_digest(path)
        if digest is None:
            return f"The SHA-256 of {place} could not be computed, so nothing shows that the bytes are the same."
        if digest != wanted:
            shown = digest[:_DIGITS_SHOWN]
            return f"The SHA-256 of {place} is {shown}…, and the decision binds {wanted[:_DIGITS_SHOWN]}…."
        return ""


def explain_other_terms(binding: str, digest: str) -> str:
    """Explain how all that states the terms of a model differs from what a decision binds; empty if it does not."""
    wanted = binding.partition(":")[2]
    if digest == wanted:
        return ""
    shown = f"is {digest[:_DIGITS_SHOWN]}…" if digest else "is not known"
    return f"The SHA-256 of the terms {shown}, and the decision binds {wanted[:_DIGITS_SHOWN]}…."
