"""Public keys of signers, and the check of a signature with one: ECDSA over the three curves of NIST.

Sources: OpenSSF Model Signing 1.0, ``algorithm-registry.md``; FIPS 186-5.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelaudit.integrity.bundles import Envelope
from modelaudit.model.errors import SignatureError

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
"""The hash of each curve, as Sigstore pairs them."""
_CURVES: Final = "an EC key of P-256, P-384 or P-521"


def load_public_key(data: bytes) -> ec.EllipticCurvePublicKey:
    """Load a public key from PEM.

    Raises:
        SignatureError: it is not PEM, a private key, or not an EC key of one of the three curves.
    """
    if b"PRIVATE KEY" in data:
        raise SignatureError(f"holds a private key; a signature is checked with {_CURVES}, as a public key in PEM")
    if data.count(b"-----BEGIN") > 1:
        raise SignatureError("holds more than one key; put each into a file of its own, and name each")
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError("holds no public key in PEM; write it with openssl pkey -pubout") from error
    return require_curve(key)


def require_curve(key: object) -> ec.EllipticCurvePublicKey:
    """Return a key if it is an EC key of one of the three curves; raise ``SignatureError`` for any other."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _HASHES:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey):
        kind = f"an EC key of the curve {key.curve.name}"
    else:
        algorithm = type(key).__name__.removesuffix("PublicKey")
        kind = f"an {algorithm} key" if algorithm[:1] in "AEIORX" else f"a {algorithm} key"
    raise SignatureError(f"holds {kind}; use {_CURVES}")


def fingerprint_key(key: ec.EllipticCurvePublicKey) -> str:
    """Return the SHA-256 of a public key in PEM, which the bundles of model-signing give as the hint."""
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()


def get_algorithm(key: ec.EllipticCurvePublicKey) -> ec.ECDSA:
    """Return the signature algorithm of a key of one of the three curves."""
    return ec.ECDSA(_HASHES[key.curve.name])


def check_signature(envelope: Envelope, key: ec.EllipticCurvePublicKey) -> None:
    """Check the signature of an envelope.

    Raises:
        SignatureError: it does not fit the payload and the key.
    """
    try:
        key.verify(envelope.signature, envelope.encode(), get_algorithm(key))
    except InvalidSignature:
        if _fits_old_encoding(envelope, key):
            raise SignatureError(
                "it has the encoding of model-signing before 1.0, which is not that of DSSE; sign the model again"
            ) from None
        raise SignatureError("the signature does not fit the statement and the key") from None


def _fits_old_encoding(envelope: Envelope, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether the signature was made by model-signing 0.2, which signed the Python literal of the payload."""
    kind = envelope.payload_type
    encoded = f"DSSEV1 {len(kind)} {kind} {len(envelope.payload)} {envelope.payload!r}".encode()
    try:
        key.verify(envelope.signature, encoded, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
