"""Read the keys and certificates of trusted signers, and accept bundles by them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from modelaudit.integrity.bundles import Bundle
from modelaudit.integrity.certificates import (
    load_certificates,
    name_issuer,
    name_subject,
    parse_certificates,
    verify_chain,
)
from modelaudit.integrity.keys import check_signature, fingerprint_key, load_public_key, require_curve
from modelaudit.integrity.strict_json import shorten
from modelaudit.integrity.verifiers import Verifier
from modelaudit.model.errors import ConfigurationError, SignatureError
from modelaudit.model.signature import SignatureMethod, Signer
from modelaudit.model.trust import TrustedSigner

_MOST_TRUST_BYTES: Final = 4 * 1024 * 1024


def load_verifier(trusted: TrustedSigner) -> Verifier:
    """Read the files of a trusted signer.

    Raises:
        ConfigurationError: a file is missing, too large, or not what its option takes; or keyless verification is not
            installed.
    """
    if trusted.method is SignatureMethod.KEY:
        return _KeyVerifier(trusted)
    if trusted.method is SignatureMethod.CERTIFICATE:
        return _CertificateVerifier(trusted)
    from modelaudit.integrity.keyless import KeylessVerifier  # sigstore takes a while to load

    return KeylessVerifier(trusted)


def read_trust_file(path: Path, option: str) -> bytes:
    """Read a file that an option names. Raises ``ConfigurationError`` if it is missing or too large."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_TRUST_BYTES + 1)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{option}: {path} cannot be read: {cause}; check the path") from error
    if len(data) > _MOST_TRUST_BYTES:
        raise ConfigurationError(f"{option}: {path} is larger than {_MOST_TRUST_BYTES:,} bytes")
    return data


def _load(path: Path | None, option: str, load: Callable[[bytes], object]) -> object:
    """Load a file of trust, and turn a refusal of its content into an error of the option."""
    assert path is not None
    try:
        return load(read_trust_file(path, option))
    except SignatureError as error:
        raise ConfigurationError(f"{option}: {path} {error}") from error


class _KeyVerifier:
    """Accepts the signatures of one key."""

    method = SignatureMethod.KEY

    def __init__(self, trusted: TrustedSigner) -> None:
        key = _load(trusted.public_key, trusted.origin, load_public_key)
        self._key = require_curve(key)
        self._origin = trusted.origin

    def verify(self, bundle: Bundle, now: datetime) -> Signer:
        """Return the key as the signer. Raises ``SignatureError``."""
        fingerprint = fingerprint_key(self._key)
        try:
            check_signature(bundle.envelope, self._key)
        except SignatureError as error:
            if bundle.key_hint and bundle.key_hint != fingerprint:
                raise SignatureError(
                    f"it names the key {shorten(bundle.key_hint)}, and {self._origin} is the key {fingerprint}"
                ) from error
            raise
        return Signer(SignatureMethod.KEY, f"key {fingerprint}", trust=self._origin)


class _CertificateVerifier:
    """Accepts the signatures of certificates that lead to a pinned root."""

    method = SignatureMethod.CERTIFICATE

    def __init__(self, trusted: TrustedSigner) -> None:
        assert trusted.certificate_root is not None
        loaded = _load(trusted.certificate_root, trusted.origin, load_certificates)
        assert isinstance(loaded, tuple)
        self._roots = loaded
        self._trusted = trusted

    def verify(self, bundle: Bundle, now: datetime) -> Signer:
        """Return the subject of the certificate as the signer. Raises ``SignatureError``."""
        chain = parse_certificates(bundle.certificates)
        leaf = chain[0]
        try:
            key = require_curve(leaf.public_key())
        except SignatureError as error:
            raise SignatureError(f"the certificate of {name_subject(leaf)} {error}") from error
        check_signature(bundle.envelope, key)
        verify_chain(chain, self._roots, now)
        subject, issuer = leaf.subject.rfc4514_string(), leaf.issuer.rfc4514_string()
        if self._trusted.subject not in ("", subject):
            raise SignatureError(
                f"the certificate is that of {name_subject(leaf)}, and {self._trusted.origin} trusts "
                f"{shorten(self._trusted.subject)}"
            )
        if self._trusted.issuer not in ("", issuer):
            raise SignatureError(
                f"the certificate was issued by {name_issuer(leaf)}, and {self._trusted.origin} trusts "
                f"{shorten(self._trusted.issuer)}"
            )
        return Signer(SignatureMethod.CERTIFICATE, subject, issuer, self._trusted.origin)
