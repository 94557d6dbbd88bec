"""The words for digests and their sources, the form of times, and bounds on text that quotes a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from modelaudit.model.digest import Claim, ClaimSource, DigestAlgorithm

LONGEST_MESSAGE: Final = 2000
"""Characters of a message. A file controls the names and errors in it, so their length is bounded."""

TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
"""The form of a time in UTC, in reports and statements."""

ALGORITHMS: Final = {
    DigestAlgorithm.SHA256: "SHA-256",
    DigestAlgorithm.GIT_BLOB: "git blob",
    DigestAlgorithm.BLAKE2B: "BLAKE2b",
    DigestAlgorithm.BLAKE3: "BLAKE3",
}
"""The name of each algorithm."""

CLAIM_SOURCES: Final = {
    ClaimSource.HUB: "the Hub",
    ClaimSource.SIGNATURE: "a signature",
    ClaimSource.LOCK: "the lock",
    ClaimSource.CACHE: "the records of the Hub cache",
    ClaimSource.LOCAL_DIR: "the records of the download",
    ClaimSource.GIT: "git",
    ClaimSource.SIDECAR: "a file of checksums",
}
"""The phrase for each source of claims."""


def describe_claim(claim: Claim) -> str:
    """Name the source of a claim and its record: ``a file of checksums (SHA256SUMS)``."""
    source = CLAIM_SOURCES[claim.source]
    return f"{source} ({escape_unprintable(claim.record)})" if claim.record else source


def describe_strength(algorithms: Iterable[DigestAlgorithm]) -> str:
    """Name the algorithms for which no collisions can be made: ``SHA-256``; ``SHA-1 only`` without any of them."""
    names = [ALGORITHMS[each] for each in sorted(set(algorithms)) if each.is_collision_resistant]
    return ", ".join(names) or "SHA-1 only"


def describe_uncompared_claim(claim: Claim) -> str:
    """Describe a claim whose algorithm was not computed, after the name of the file."""
    return f"{describe_claim(claim)} states a {ALGORITHMS[claim.digest.algorithm]} digest, which was not compared"


def escape_unprintable(text: str) -> str:
    """Return ``text`` with unprintable characters escaped, so that a terminal does not act on them."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def escape_texts(value: object) -> object:
    """Return a JSON value with every text in it escaped, so that it is valid UTF-8 and can be printed as it is."""
    if isinstance(value, str):
        return escape_unprintable(value)
    if isinstance(value, Mapping):
        return {key: escape_texts(each) for key, each in value.items()}
    return [*map(escape_texts, value)] if isinstance(value, list | tuple) else value


def bound_message(text: str) -> str:
    """Return ``text`` on one line, cut at ``LONGEST_MESSAGE`` characters with an ellipsis."""
    # Cut before escaping, which costs time for each character; one more than the bound shows that there are more.
    line = escape_unprintable(text[: LONGEST_MESSAGE + 1])
    return line if len(line) <= LONGEST_MESSAGE else f"{line[: LONGEST_MESSAGE - 1]}…"
