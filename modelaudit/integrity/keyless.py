"""Check a signature that was made for an identity, with a certificate of a few minutes and an entry of a public log.

The library ``sigstore`` does it, with the keys of a Sigstore instance that the user supplies, so that nothing is
requested from a network. Import this module only where such a signature has to be checked: the library takes a while to
load.
"""

from __future__ import annotations

import logging
import warnings
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from sigstore.errors import CertValidationError, VerificationError
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle as SigstoreBundle
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from modelaudit.integrity.bundles import Bundle
from modelaudit.integrity.strict_json import shorten
from modelaudit.integrity.trusted_times import load_time_sources
from modelaudit.model.errors import ConfigurationError, SignatureError
from modelaudit.model.signature import SignatureMethod, Signer
from modelaudit.model.trust import TrustedSigner

REFUSALS: Final = (
    SigstoreError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OSError,  # of a time that the system cannot represent
    OverflowError,
    UnsupportedAlgorithm,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for a bundle or a certificate that is malformed: errors of its own and of its parsers."""
_ISSUER: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
"""The extension with the issuer that the library compares (Fulcio, ``oid-info.md``)."""
_SHOWN: Final = 160
# Each refusal says what a user needs; what the library logs beside it would reach stderr.
logging.getLogger("sigstore").addHandler(logging.NullHandler())


class KeylessVerifier:
    """Accepts the signatures of one identity for which one issuer vouches.

    Args:
        trusted: with identity, issuer and trusted root.

    Raises:
        ConfigurationError: the trusted root is missing or malformed, or holds no log or no authority for certificates.
    """

    method = SignatureMethod.SIGSTORE

    def __init__(self, trusted: TrustedSigner) -> None:
        assert trusted.trusted_root is not None
        self._trusted = trusted
        self.origin = trusted.origin
        self._root_name = trusted.trusted_root.name
        self._times = load_time_sources(trusted)  # it also bounds the size of the file
        try:
            root = TrustedRoot.from_file(str(trusted.trusted_root))
        except (ValueError, SigstoreError) as error:
            raise ConfigurationError(
                f"{trusted.root_origin}: {trusted.trusted_root} is not the trusted root of a Sigstore "
                "instance; name its trusted_root.json"
            ) from error
        try:
            self._verifier = Verifier(trusted_root=root)
        except (SigstoreError, ValueError) as error:
            raise ConfigurationError(
                f"{trusted.root_origin}: {trusted.trusted_root} is incomplete: {describe_error(error)}"
            ) from error

    def verify(self, bundle: Bundle, now: datetime) -> Signer:
        """Return the identity as the signer; ``now`` has no effect. Raises ``SignatureError``."""
        trusted = self._trusted
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a certificate that is malformed in a way that is read today
                parsed = SigstoreBundle.from_json(bundle.text)
                _, payload = self._verifier.verify_dsse(parsed, _Expected(trusted))
        except CertValidationError as error:
            cause = describe_error(error).rpartition("validation failed: ")[2]
            raise SignatureError(
                f"its certificate did not lead to {self._root_name} at the time of its log entry or time stamp: {cause}"
            ) from error
        except _OtherSignerError as error:
            raise SignatureError(str(error)) from error
        except REFUSALS as error:
            raise SignatureError(f"it does not hold by {self._root_name}: {describe_error(error)}") from error
        if payload != bundle.envelope.payload:
            raise SignatureError("two readings of the bundle give two statements")
        time = self._times.find_time(bundle)
        return Signer(SignatureMethod.SIGSTORE, trusted.identity, trusted.issuer, trusted.origin, time)


class _OtherSignerError(VerificationError):
    """The certificate is that of another identity, or of another issuer."""


class _Expected(Identity):
    """The rule that the certificate is that of the trusted identity, for which the trusted issuer vouches."""

    def __init__(self, trusted: TrustedSigner) -> None:
        super().__init__(identity=trusted.identity, issuer=trusted.issuer)
        self._trusted = trusted

    def verify(self, cert: x509.Certificate) -> None:
        """Raise ``_OtherSignerError`` for another identity or issuer."""
        try:
            super().verify(cert)
        except VerificationError as error:
            raise _OtherSignerError(
                f"it is of {_name_identity(cert)}, for whom {_name_issuer(cert)} vouches, and {self._trusted.origin} "
                f"trusts {self._trusted.identity!r} of {self._trusted.issuer!r}"
            ) from error


def _name_identity(certificate: x509.Certificate) -> str:
    """Return the identity in a certificate, for a message."""
    found = read_identity(certificate)
    return shorten(found) if found else "an identity of another kind"


def read_identity(certificate: x509.Certificate) -> str:
    """Return the identity in a certificate; empty if it is of another kind than an e-mail address or a URI."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    kinds = (x509.RFC822Name, x509.UniformResourceIdentifier)
    found: list[str] = [value for kind in kinds for value in names.get_values_for_type(kind)]
    return found[0] if found else ""


def _name_issuer(certificate: x509.Certificate) -> str:
    """Return the issuer that vouches for the identity in a certificate, for a message."""
    found = read_issuer(certificate)
    return shorten(found) if found else "no issuer"


def read_issuer(certificate: x509.Certificate) -> str:
    """Return the issuer that vouches for the identity in a certificate; empty without one."""
    try:
        value = certificate.extensions.get_extension_for_oid(_ISSUER).value
    except x509.ExtensionNotFound:
        return ""
    return value.public_bytes().decode(errors="replace")


def describe_error(error: Exception) -> str:
    """Return the message of a library as the end of one line."""
    text = " ".join(str(error).split()).partition(" [type=")[0]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
