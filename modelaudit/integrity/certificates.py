"""Check the certificate of a signer against pinned roots (RFC 5280, section 6), at the time of the signature or now.

The store of the system is never used: every server of the web has a certificate of it, and none of them signs models.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from modelaudit.integrity.strict_json import shorten
from modelaudit.model.errors import SignatureError

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
MALFORMED: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for a malformed certificate, when it is loaded or when a part of it is used."""
_STRONG: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_LEAST_BITS_OF_RSA: Final = 2048
_LEAST_BITS_OF_EC: Final = 256
_HANDLED: Final = frozenset(
    {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.ExtendedKeyUsage.oid,
        x509.SubjectAlternativeName.oid,
        x509.CertificatePolicies.oid,
    }
)
"""The extensions that may be critical: those that are checked here, and names and policies, which restrict nothing."""


def load_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Load the certificates of a PEM file. Raises ``SignatureError`` if there are none, or one is malformed."""
    try:
        return tuple(x509.load_pem_x509_certificates(data))
    except MALFORMED as error:
        raise SignatureError("holds no certificate in PEM") from error


def parse_certificates(chain: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Parse the certificates of a bundle. Raises ``SignatureError`` for one that is malformed."""
    try:
        return tuple(map(x509.load_der_x509_certificate, chain))
    except MALFORMED as error:
        raise SignatureError(f"a certificate is malformed: {error}") from error


def verify_chain(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], time: datetime) -> None:
    """Verify that a chain leads from the certificate of the signer to one of the pinned roots.

    Args:
        chain: that of the signer first; the others in any order.
        roots: the pinned certificates. One of them may be an intermediate.
        time: each certificate has to be valid then; with a time zone.

    Raises:
        SignatureError: it does not lead there, or a certificate is not valid at that time, may not be used so, or has
            a weak signature.
    """
    _check_signer(chain[0])
    waiting = deque([(chain[0], 0)])
    reached = {chain[0]}
    refusals = []
    while waiting:
        # The shortest way to each certificate comes first, so that one that is reached again is not looked at again.
        issued, level = waiting.popleft()
        try:
            _check_time(issued, time)
            if level:
                _check_authority(issued, level - 1)
            if issued in roots:
                return
            issuers = list(_find_issuers(issued, [*roots, *chain[1:]]))
        except SignatureError as error:
            refusals.append(error)
            continue
        waiting += [(each, level + 1) for each in issuers if each not in reached]
        reached.update(issuers)
    if not refusals:
        raise SignatureError(f"the certificates above {name_subject(chain[0])} issued each other, and lead to no root")
    raise refusals[0]


def name_subject(certificate: x509.Certificate) -> str:
    """Return the subject of a certificate for a message and for a comparison (RFC 4514)."""
    return _name(certificate.subject)


def name_issuer(certificate: x509.Certificate) -> str:
    """Return the issuer of a certificate (RFC 4514)."""
    return _name(certificate.issuer)


def _name(name: x509.Name) -> str:
    """Return a distinguished name as text (RFC 4514)."""
    return shorten(name.rfc4514_string())


def _find_issuers(issued: x509.Certificate, candidates: Sequence[x509.Certificate]) -> Iterator[x509.Certificate]:
    """Yield the certificates that have signed another one. Raises ``SignatureError`` if none has, or it is weak."""
    if not isinstance(issued.signature_hash_algorithm, _STRONG):
        raise SignatureError(f"the certificate of {name_subject(issued)} is not signed with SHA-2")
    named = [each for each in candidates if each.subject == issued.issuer and each != issued]
    signed = [each for each in named if _has_signed(each, issued)]
    if not signed:
        raise SignatureError(
            f"the certificate of {name_subject(issued)} was issued by {name_issuer(issued)}, which leads to none of "
            "the given roots"
        )
    yield from signed


def _has_signed(issuer: x509.Certificate, issued: x509.Certificate) -> bool:
    """Whether a certificate has signed another one. Raises ``SignatureError`` if its key is weak."""
    try:
        issued.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    key = issuer.public_key()
    least = _LEAST_BITS_OF_RSA if isinstance(key, rsa.RSAPublicKey) else _LEAST_BITS_OF_EC
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) and key.key_size < least:
        raise SignatureError(
            f"the certificate of {name_subject(issuer)} has a key of {key.key_size} bits; {least} are due"
        )
    return True


def _check_time(certificate: x509.Certificate, time: datetime) -> None:
    """Raise ``SignatureError`` if a certificate is not valid at a time."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= time <= end:
        word = "expired on" if time > end else "is not valid before"
        day = (end if time > end else start).strftime("%Y-%m-%d")
        raise SignatureError(f"the certificate of {name_subject(certificate)} {word} {day}")


def _check_signer(certificate: x509.Certificate) -> None:
    """Raise ``SignatureError`` unless a certificate may sign code or data."""
    extensions = _read_extensions(certificate)
    usage = _get(extensions, x509.KeyUsage)
    purposes = _get(extensions, x509.ExtendedKeyUsage)
    if usage is not None and not usage.digital_signature:
        raise SignatureError(f"the certificate of {name_subject(certificate)} may not sign data (its key usage)")
    if purposes is not None and ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise SignatureError(
            f"the certificate of {name_subject(certificate)} may not sign code (its extended key usage)"
        )
    if usage is None and purposes is None:
        raise SignatureError(f"the certificate of {name_subject(certificate)} does not state that it may sign")


def _check_authority(certificate: x509.Certificate, below: int) -> None:
    """Raise ``SignatureError`` unless a certificate may issue others, with ``below`` authorities under it."""
    extensions = _read_extensions(certificate)
    constraints, usage = _get(extensions, x509.BasicConstraints), _get(extensions, x509.KeyUsage)
    subject = name_subject(certificate)
    if constraints is None or not constraints.ca:
        raise SignatureError(f"the certificate of {subject} is not that of an authority, and issued another")
    if constraints.path_length is not None and below > constraints.path_length:
        raise SignatureError(f"the certificate of {subject} allows no authority below it at that depth")
    if usage is not None and not usage.key_cert_sign:
        raise SignatureError(f"the certificate of {subject} may not sign certificates (its key usage)")


def _read_extensions(certificate: x509.Certificate) -> x509.Extensions:
    """Return the extensions. Raises ``SignatureError`` for malformed ones, and for a critical one that is unknown."""
    try:
        extensions = certificate.extensions
    except MALFORMED as error:
        raise SignatureError(f"the certificate of {name_subject(certificate)} has malformed extensions") from error
    unknown = [each.oid.dotted_string for each in extensions if each.critical and each.oid not in _HANDLED]
    if unknown:
        subject = name_subject(certificate)
        raise SignatureError(f"the certificate of {subject} has the critical extension {unknown[0]}, which is unknown")
    return extensions


def _get(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    """Return the extension of a kind; ``None`` without one."""
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
