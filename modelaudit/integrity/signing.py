"""Sign statements as Sigstore bundles 0.3 (DSSE 1.0): the interface of every signer, and the one with an EC key.

Sources: DSSE 1.0 (``protocol.md``); Sigstore bundle format 0.3 (``sigstore_bundle.proto``).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelaudit.integrity.bundles import MEDIA_TYPE, STATEMENT_TYPE, encode_payload, parse_bundle
from modelaudit.integrity.keys import check_signature, fingerprint_key, get_algorithm, require_curve
from modelaudit.integrity.user_files import load_trust
from modelaudit.model.errors import ConfigurationError, SignatureError, SourceError


class StatementSigner(Protocol):
    """Signs statements: with a key, for an identity, or by a token or a program that keeps the key."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key in PEM; empty where the signature is that of an identity."""

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey | None:
        """The key that each signature is checked with; ``None`` for an identity, whose signer checks it."""

    @property
    def identity(self) -> str:
        """The identity of the signature, at the latest after the first one; empty with a key."""

    @property
    def issuer(self) -> str:
        """The service that vouches for the identity; empty with a key."""

    @property
    def files(self) -> Mapping[str, Path]:
        """The files that it signs with, by the option that names each; none of them may lie in a signed model."""

    def sign(self, payload: bytes) -> bytes:
        """Sign a statement, and return the bundle as one line of JSON without a line break.

        Raises:
            ConfigurationError: its key or identity cannot be used.
            SourceError: a server, a token or a program refuses or does not answer.
        """


class KeySigner:
    """Signs statements with an EC key.

    Args:
        key: of P-256, P-384 or P-521.
        files: the file of the key, by its option; empty for a key of memory.
    """

    identity = issuer = ""

    def __init__(self, key: ec.EllipticCurvePrivateKey, files: Mapping[str, Path] | None = None) -> None:
        self._key = key
        self.public_key = key.public_key()
        self.fingerprint = fingerprint_key(self.public_key)
        self.files: Mapping[str, Path] = files or {}

    def sign(self, payload: bytes) -> bytes:
        """Sign a statement, and return the bundle."""
        signature = self._key.sign(encode_payload(STATEMENT_TYPE, payload), _choose_algorithm(self.public_key))
        return build_bundle(payload, signature, self.fingerprint)


def sign_statement(signer: StatementSigner, payload: bytes) -> bytes:
    """Sign a statement, and check what the signer returns before anything is written.

    Raises:
        ConfigurationError: as the signer.
        SourceError: as the signer; it fails, or returns no signature of its key on this statement in one line.
    """
    try:
        data = signer.sign(payload)
    except OSError as error:
        raise SourceError(f"the signer failed: {error}; check the program or the token that signs") from error
    try:
        if b"\n" in data:
            raise SignatureError("it is more than one line")
        bundle = parse_bundle(data)
        if bundle.envelope.payload != payload:
            raise SignatureError("it holds another statement")
        if signer.public_key is not None:
            check_signature(bundle.envelope, signer.public_key)
    except SignatureError as error:
        raise SourceError(
            f"the signer returned something that no verifier would accept: {error}; check its key and its program"
        ) from error
    return data


class EncryptedKeyError(SignatureError):
    """The key is encrypted, and no passphrase or a wrong one was given."""


def load_key_signer(path: Path, passphrase: bytes | None = None) -> KeySigner:
    """Load the signer of ``--key``.

    Args:
        path: file with a private EC key in PEM.
        passphrase: of the key; ``None`` without one.

    Raises:
        ConfigurationError: the file cannot be read, or holds no such key, or another passphrase opens it.
    """
    return KeySigner(load_trust(path, "--key", lambda data: load_private_key(data, passphrase)), {"--key": path})


def load_identity_signer(trust_config: Path) -> StatementSigner:
    """Load the signer of ``--trust-config``, which signs for the identity of a token.

    Args:
        trust_config: file with the services and the trusted root of a Sigstore instance (``ClientTrustConfig``).

    Raises:
        ConfigurationError: the file or the token cannot be used, or the package sigstore is not installed.
        SourceError: the CI refuses a token.
    """
    try:
        from modelaudit.integrity.keyless_signing import KeylessSigner  # sigstore takes a while to load
    except ImportError as error:
        raise ConfigurationError(
            "--trust-config: an identity signs with the package sigstore; install modelaudit-gate[sigstore]"
        ) from error
    return KeylessSigner(trust_config)


def load_private_key(data: bytes, passphrase: bytes | None = None) -> ec.EllipticCurvePrivateKey:
    """Load a private key from PEM.

    Raises:
        EncryptedKeyError: the passphrase is missing or wrong.
        SignatureError: it is not a private key in PEM, or not an EC key of P-256, P-384 or P-521.
    """
    if b"SIGSTORE PRIVATE KEY" in data or b"COSIGN PRIVATE KEY" in data:
        raise SignatureError("is a key of cosign, which cosign alone can open; write one with openssl genpkey")
    if b"OPENSSH PRIVATE KEY" in data:
        raise SignatureError("is a key of OpenSSH; write one in PKCS#8 with openssl genpkey")
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


def build_bundle(payload: bytes, signature: bytes, fingerprint: str) -> bytes:
    """Build the bundle of a statement that a key signed, as one line of JSON without a line break.

    Args:
        payload: the statement.
        signature: over ``encode_payload(STATEMENT_TYPE, payload)``: ECDSA in DER, with the hash of the curve. A token
            of PKCS#11 returns r and s side by side; ``encode_dss_signature`` of ``cryptography`` makes DER of both.
        fingerprint: of the public key, as ``fingerprint_key`` returns it; a hint that proves nothing.
    """
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": fingerprint}, "tlogEntries": []},
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
