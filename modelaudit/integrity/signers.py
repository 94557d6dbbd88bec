"""Read the keys and certificates of trusted signers, and accept bundles by them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from modelaudit.integrity.bundles import Bundle
from modelaudit.integrity.keys import check_signature, fingerprint_key, load_public_key
from modelaudit.integrity.strict_json import shorten
from modelaudit.integrity.user_files import load_trust
from modelaudit.integrity.verifiers import Verifier
from modelaudit.model.errors import ConfigurationError, SignatureError
from modelaudit.model.signature import SignatureMethod, Signer
from modelaudit.model.trust import REQUIRED, TrustedSigner

if TYPE_CHECKING:
    from modelaudit.integrity.trusted_times import TimeSources

_KEY_CHARACTERS: Final = 16
"""Of a fingerprint in a message."""


def load_verifier(trusted: TrustedSigner) -> Verifier:
    """Read the files of a trusted signer.

    Raises:
        ConfigurationError: a file is missing, too large, or not what its option takes; or keyless verification is not
            installed.
    """
    if not all(getattr(trusted, field) for field in REQUIRED[trusted.method]):
        # An empty issuer would accept that of any service.
        raise ConfigurationError(f"{trusted.origin}: the signer lacks a file, an identity or an issuer; name each")
    if trusted.method is SignatureMethod.KEY:
        return _KeyVerifier(trusted)
    if trusted.method is SignatureMethod.CERTIFICATE:
        from modelaudit.integrity.certificate_verifier import CertificateVerifier  # X.509 takes a while to load

        return CertificateVerifier(trusted)
    assert trusted.trusted_root is not None
    try:
        from modelaudit.integrity.keyless import KeylessVerifier  # sigstore takes a while to load
    except ImportError as error:
        raise ConfigurationError(
            f"{trusted.root_origin}: the signature of an identity is checked with the package sigstore; install "
            "modelaudit-gate[sigstore]"
        ) from error
    return KeylessVerifier(trusted)


class _KeyVerifier:
    """Accepts the signatures of one key."""

    method = SignatureMethod.KEY

    def __init__(self, trusted: TrustedSigner) -> None:
        assert trusted.public_key is not None
        self._key = load_trust(trusted.public_key, trusted.origin, load_public_key)
        self._times: TimeSources | None = None
        if trusted.trusted_root is not None:
            from modelaudit.integrity.trusted_times import load_time_sources  # most verify without one

            self._times = load_time_sources(trusted)
        self.origin = trusted.origin

    def verify(self, bundle: Bundle, now: datetime) -> Signer:
        """Return the key as the signer. Raises ``SignatureError``."""
        fingerprint = fingerprint_key(self._key)
        try:
            check_signature(bundle.envelope, self._key)
        except SignatureError as error:
            if bundle.key_hint and bundle.key_hint != fingerprint:
                hint, own = bundle.key_hint[:_KEY_CHARACTERS], fingerprint[:_KEY_CHARACTERS]
                raise SignatureError(f"it names the key {shorten(hint)}…, and {self.origin} is {own!r}…") from error
            raise
        time = self._times.find_time(bundle) if self._times else None
        return Signer(SignatureMethod.KEY, f"key {fingerprint}", trust=self.origin, time=time)
