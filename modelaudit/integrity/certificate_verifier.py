"""Accept the signatures of certificates that lead to a pinned root."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from modelaudit.integrity.bundles import Bundle
from modelaudit.integrity.certificates import (
    MALFORMED,
    load_certificates,
    name_issuer,
    name_subject,
    parse_certificates,
    verify_chain,
)
from modelaudit.integrity.keys import check_signature, require_curve
from modelaudit.integrity.strict_json import shorten
from modelaudit.integrity.trusted_times import load_time_sources, parse_time
from modelaudit.integrity.user_files import load_trust
from modelaudit.model.errors import ConfigurationError, SignatureError
from modelaudit.model.signature import SignatureMethod, Signer
from modelaudit.model.trust import NAME_HINT, TrustedSigner, is_distinguished_name


class CertificateVerifier:
    """Accepts the signatures of certificates that lead to a pinned root.

    Raises:
        ConfigurationError: a file of the trusted signer cannot be read, or holds no certificate or no trusted root; or
            its subject or issuer is no name of RFC 4514.
    """

    method = SignatureMethod.CERTIFICATE

    def __init__(self, trusted: TrustedSigner) -> None:
        assert trusted.certificate_root is not None
        for name in (trusted.subject, trusted.issuer):
            if name and not is_distinguished_name(name):
                raise ConfigurationError(f"{trusted.origin}: {name!r} {NAME_HINT}")
        self._roots = load_trust(trusted.certificate_root, trusted.origin, load_certificates)
        self._times = load_time_sources(trusted)
        self._trusted = trusted
        self.origin = trusted.origin

    def verify(self, bundle: Bundle, now: datetime) -> Signer:
        """Return the subject of the certificate as the signer.

        Its certificates have to be valid at the time that a trusted source states, else ``now``.

        Raises:
            SignatureError: the signature, a certificate or the chain does not hold, or has other names than trusted.
        """
        try:
            return self._verify(bundle, now)
        except MALFORMED as error:  # parts of a certificate are parsed when they are used
            raise SignatureError(f"a certificate is malformed: {error}") from error

    def _verify(self, bundle: Bundle, now: datetime) -> Signer:
        """As ``verify``, but for malformed parts of certificates."""
        chain = parse_certificates(bundle.certificates)
        leaf = chain[0]
        try:
            key = require_curve(leaf.public_key())
        except SignatureError as error:
            raise SignatureError(f"the certificate of {name_subject(leaf)} {error}") from error
        check_signature(bundle.envelope, key)
        time = self._times.find_time(bundle)
        verify_chain(chain, self._roots, parse_time(time.time) if time else now)
        self._require_names(leaf)
        subject, issuer = leaf.subject.rfc4514_string(), leaf.issuer.rfc4514_string()
        return Signer(SignatureMethod.CERTIFICATE, subject, issuer, self._trusted.origin, time)

    def _require_names(self, leaf: x509.Certificate) -> None:
        """Raise ``SignatureError`` unless a certificate has the pinned subject and issuer."""
        trusted, origin = self._trusted, self._trusted.origin
        if trusted.subject not in ("", leaf.subject.rfc4514_string()):
            subject = shorten(trusted.subject)
            raise SignatureError(f"the certificate is that of {name_subject(leaf)}, and {origin} trusts {subject}")
        if trusted.issuer not in ("", leaf.issuer.rfc4514_string()):
            issuer = shorten(trusted.issuer)
            raise SignatureError(f"the certificate was issued by {name_issuer(leaf)}, and {origin} trusts {issuer}")
