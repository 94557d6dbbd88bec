"""Accept bundles by certificates that lead to a pinned root."""

from __future__ import annotations

from datetime import datetime

from modelaudit.integrity.bundles import Bundle
from modelaudit.integrity.certificates import (
    load_certificates,
    name_issuer,
    name_subject,
    parse_certificates,
    verify_chain,
)
from modelaudit.integrity.keys import check_signature, require_curve
from modelaudit.integrity.strict_json import shorten
from modelaudit.integrity.trust_files import load_trust
from modelaudit.model.errors import SignatureError
from modelaudit.model.signature import SignatureMethod, Signer
from modelaudit.model.trust import TrustedSigner


class CertificateVerifier:
    """Accepts the signatures of certificates that lead to a pinned root."""

    method = SignatureMethod.CERTIFICATE

    def __init__(self, trusted: TrustedSigner) -> None:
        assert trusted.certificate_root is not None
        loaded = load_trust(trusted.certificate_root, trusted.origin, load_certificates)
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
