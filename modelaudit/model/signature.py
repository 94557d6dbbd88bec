"""Signatures of models: who signed which files, and what became of the check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SignatureMethod(StrEnum):
    """How a bundle shows whose signature it holds (OpenSSF Model Signing 1.0, section 4.1)."""

    KEY = "key"
    CERTIFICATE = "certificate"
    SIGSTORE = "sigstore"
    """A certificate of a few minutes for an identity, and an entry of a public log."""


class SignatureState(StrEnum):
    """The result of checking one signature."""

    VERIFIED = "verified"
    UNCHECKED = "unchecked"
    """No trusted signer of its method was given, so that the signature proves nothing."""
    REFUSED = "refused"
    """It is malformed, or of no trusted signer, or does not fit its statement."""


@dataclass(frozen=True, slots=True)
class SignedTime:
    """A time that somebody other than the signer states.

    Attributes:
        time: UTC, ``2026-11-28T20:00:00Z``.
        source: who states it: ``log entry`` or ``time stamp``.
    """

    time: str
    source: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Who made a signature.

    Attributes:
        method: how that was shown.
        name: the fingerprint of a key, the subject of a certificate, or an identity.
        issuer: of the certificate or of the identity; empty for a key.
        trust: the option or the line of the policy that names the signer as trusted.
        time: when it was made; ``None`` where no trusted source states a time.
    """

    method: SignatureMethod
    name: str
    issuer: str = ""
    trust: str = ""
    time: SignedTime | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a model, from a file beside it or from elsewhere.

    Attributes:
        record: the file that holds it, relative to the model; of one outside of the model, its name alone.
        state: whether it was verified.
        method: ``None`` where the bundle is malformed.
        reason: one sentence: why it is refused, or what is missing for a check; empty if it was verified.
        signer: ``None`` unless it was verified.
        covered: how many files it covers.
        uncovered: the files that it does not cover and does not leave out either, sorted.
        left_out: the files under its list of ignored paths, sorted.
        ignored_paths: that list.
        differing: the files whose ranges differ from the statement, sorted; digests of whole files are claims.
        sha256: of the file that holds it, in hexadecimal; empty where not all of it was read.
        detached: whether that file lies outside of the model.
    """

    record: str
    state: SignatureState
    method: SignatureMethod | None = None
    reason: str = ""
    signer: Signer | None = None
    covered: int = 0
    uncovered: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    ignored_paths: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    sha256: str = ""
    detached: bool = False
