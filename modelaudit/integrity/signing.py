"""Sign statements with an EC key, as Sigstore bundles 0.3 (DSSE 1.0)."""

from __future__ import annotations

import base64
import json

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelaudit.integrity.bundles import MEDIA_TYPE, STATEMENT_TYPE, encode_payload
from modelaudit.integrity.keys import fingerprint_key, get_algorithm, require_curve
from modelaudit.model.errors import SignatureError


class EncryptedKeyError(SignatureError):
    """The key is encrypted, and no passphrase or a wrong one was given."""


def load_private_key(data: bytes, passphrase: bytes | None = None) -> ec.EllipticCurvePrivateKey:
    """Load a private key from PEM.

    Raises:
        EncryptedKeyError: the passphrase is missing or wrong.
        SignatureError: it is not a private key in PEM, or not an EC key of P-256, P-384 or P-521.
    """
    if b"SIGSTORE PRIVATE KEY" in data or b"COSIGN PRIVATE KEY" in data:
        raise SignatureError("is a key of cosign, which cosign alone can open; write one with openssl genpkey")
    try:
        key = serialization.load_pem_private_key(data, passphrase or None)
    except TypeError as error:
        if not passphrase:
            raise EncryptedKeyError("is encrypted, and no passphrase was given") from error
        key = serialization.load_pem_private_key(data, None)  # a passphrase for a key that has none does no harm
    except (ValueError, UnsupportedAlgorithm) as error:
        if passphrase is not None and b"ENCRYPTED" in data:
            raise EncryptedKeyError("does not open with this passphrase") from error
        raise SignatureError("holds no private key in PEM") from error
    require_curve(key.public_key())
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SignatureError("holds no EC key")
    return key


def sign_statement(payload: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Sign a statement, and return the bundle as one line of JSON without a line break."""
    public = key.public_key()
    signature = key.sign(encode_payload(STATEMENT_TYPE, payload), _choose_algorithm(public))
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": fingerprint_key(public)}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": STATEMENT_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode("ascii"), "keyid": ""}],
        },
    }
    return json.dumps(bundle, sort_keys=True, separators=(",", ":")).encode("ascii")


def _choose_algorithm(key: ec.EllipticCurvePublicKey) -> ec.ECDSA:
    """Return the algorithm to sign with: deterministic (RFC 6979), so that equal statements have equal signatures.

    OpenSSL before 3.2 cannot do so, and signs with random numbers.
    """
    algorithm = get_algorithm(key)
    try:
        return ec.ECDSA(algorithm.algorithm, deterministic_signing=True)
    except UnsupportedAlgorithm:
        return algorithm
