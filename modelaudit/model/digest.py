"""Digests of files, and the claims about them: who states a digest, in which record, and how strong that source is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum


class DigestAlgorithm(StrEnum):
    """The algorithms of the digests that sources state for files."""

    SHA256 = "sha256"
    GIT_BLOB = "git-sha1"
    BLAKE2B = "blake2b"
    """BLAKE2b of 512 bits (RFC 7693)."""
    BLAKE3 = "blake3"
    """BLAKE3 of 256 bits."""

    @property
    def is_collision_resistant(self) -> bool:
        """Whether two files with one digest cannot be made on purpose; for SHA-1 they can (https://shattered.io)."""
        return self is not DigestAlgorithm.GIT_BLOB


_DIGEST_LENGTH = {
    DigestAlgorithm.SHA256: 64,
    DigestAlgorithm.GIT_BLOB: 40,
    DigestAlgorithm.BLAKE2B: 128,
    DigestAlgorithm.BLAKE3: 64,
}


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

    def __str__(self) -> str:
        return f"{self.algorithm} {self.value}"


class ClaimSource(StrEnum):
    """Who states a digest, in order of strength.

    Only the first three lie outside of the folder that holds the files. Who can change the files can change the others
    too, so that these detect damage and careless changes, but not an attacker who knows them.
    """

    HUB = "hub"
    """The Hub, in an answer of this scan."""
    SIGNATURE = "signature"
    LOCK = "lock"
    CACHE = "hub-cache"
    """The Hub cache: the name of a blob, or the listing of a commit that an earlier download recorded."""
    LOCAL_DIR = "local-dir"
    """The records that a download into a local folder leaves in ``.cache/huggingface``."""
    GIT = "git"
    """The index of a git checkout, or the pointer of a large file."""
    SIDECAR = "sidecar"
    """A file of checksums beside the files, such as ``SHA256SUMS``."""

    @property
    def rank(self) -> int:
        """The place in the order of strength, from 0 for the strongest."""
        return tuple(ClaimSource).index(self)


class DigestState(StrEnum):
    """The result of comparing computed digests with those that the source claims."""

    MATCH = "match"
    MATCH_SHA1 = "match-sha1"
    """Every stated digest is a SHA-1, for which collisions can be made, and all match."""
    MISMATCH = "mismatch"
    UNCLAIMED = "unclaimed"
    NOT_COMPARED = "not-compared"
    """Sources state digests, and none of an algorithm that was computed."""
    NOT_COMPUTED = "not-computed"


@dataclass(frozen=True, slots=True)
class Claim:
    """A digest that a source states for a file.

    Attributes:
        digest: the stated digest.
        source: who states it.
        record: the record that states it, relative to the model: ``trees/<commit>.json``, ``SHA256SUMS``; for the Hub
            its endpoint.
    """

    digest: Digest
    source: ClaimSource
    record: str

    @property
    def order(self) -> tuple[int, str, Digest]:
        """A sort key: the strongest source first."""
        return self.source.rank, self.record, self.digest


def list_digests(claims: Iterable[Claim]) -> tuple[Digest, ...]:
    """List the digests that claims state, sorted and without repetition."""
    return tuple(sorted({claim.digest for claim in claims}))


def sort_claims(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Sort claims, the strongest source first, and drop those that repeat another."""
    return tuple(sorted(set(claims), key=lambda claim: claim.order))


def find_contradictions(claims: Iterable[Claim], digests: Collection[Digest]) -> tuple[Claim, ...]:
    """Find the claims that state another digest than one in ``digests`` of the same algorithm."""
    computed = {digest.algorithm: digest for digest in digests}
    return tuple(each for each in claims if computed.get(each.digest.algorithm, each.digest) != each.digest)


def find_uncompared_claims(claims: Iterable[Claim], digests: Collection[Digest]) -> tuple[Claim, ...]:
    """Find the claims of algorithms that were not computed; none of a file that was not hashed, which is an absence."""
    computed = {digest.algorithm for digest in digests}
    return tuple(each for each in claims if computed and each.digest.algorithm not in computed)
