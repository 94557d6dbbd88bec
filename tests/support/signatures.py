"""Sign folders as OpenSSF Model Signing 1.0 lays it out, with any part changed, and make keys and certificates."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from modelaudit.integrity.bundles import MEDIA_TYPE, STATEMENT_TYPE, encode_payload
from modelaudit.integrity.keys import fingerprint_key, get_algorithm
from modelaudit.integrity.signed_manifest import PREDICATE
from modelaudit.integrity.statements import STATEMENT

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def list_entries(files: Mapping[str, bytes], algorithm: str = "sha256") -> list[dict[str, Any]]:
    """List the entries of a manifest of whole files, in their order."""
    return [
        {"name": name, "algorithm": algorithm, "digest": hashlib.new(algorithm, files[name]).hexdigest()}
        for name in sorted(files)
    ]


def list_shards(files: Mapping[str, bytes], size: int) -> list[dict[str, Any]]:
    """List the entries of a manifest of ranges, in their order."""
    ranges = {
        f"{name}:{start}:{min(start + size, len(data))}": data[start : start + size]
        for name, data in files.items()
        for start in range(0, len(data), size)
    }
    return list_entries(ranges)


def make_statement(entries: Sequence[Mapping[str, Any]], **serialization: Any) -> dict[str, Any]:
    """Make a statement with the root digest of its entries; a keyword of ``None`` leaves a field out."""
    fields = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, **serialization}
    root = hashlib.sha256(b"".join(bytes.fromhex(each["digest"]) for each in entries)).hexdigest()
    return {
        "_type": STATEMENT,
        "subject": [{"name": "model", "digest": {"sha256": root}}],
        "predicateType": PREDICATE,
        "predicate": {
            "resources": list(entries),
            "serialization": {key: value for key, value in fields.items() if value is not None},
        },
    }


def sign(
    statement: Mapping[str, Any] | bytes,
    key: ec.EllipticCurvePrivateKey = KEY,
    certificates: Sequence[x509.Certificate] = (),
    **material: Any,
) -> dict[str, Any]:
    """Sign a statement with a key, or with that of the first certificate."""
    payload = statement if isinstance(statement, bytes) else json.dumps(statement).encode()
    signature = key.sign(encode_payload(STATEMENT_TYPE, payload), get_algorithm(key.public_key()))
    chain = [{"rawBytes": encode(each.public_bytes(serialization.Encoding.DER))} for each in certificates]
    own = (
        {"x509CertificateChain": {"certificates": chain}}
        if chain
        else {"publicKey": {"hint": fingerprint_key(key.public_key())}}
    )
    return {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {**own, "tlogEntries": [], **material},
        "dsseEnvelope": {
            "payload": encode(payload),
            "payloadType": STATEMENT_TYPE,
            "signatures": [{"sig": encode(signature), "keyid": ""}],
        },
    }


def encode(data: bytes) -> str:
    """Return Base64."""
    return base64.b64encode(data).decode("ascii")


def read_folder(root: Path) -> dict[str, bytes]:
    """Read every file of a folder but ``model.sig``, by its path."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != "model.sig"
    }


def sign_folder(root: Path, key: ec.EllipticCurvePrivateKey = KEY, **serialization: Any) -> None:
    """Sign each file of a folder, and write ``model.sig`` into it."""
    statement = make_statement(list_entries(read_folder(root)), **serialization)
    (root / "model.sig").write_text(json.dumps(sign(statement, key)))


def write_public_key(path: Path, key: PrivateKey | Any = KEY) -> Path:
    """Write a public key in PEM, and return its path."""
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path.write_bytes(pem)
    return path


def write_certificates(path: Path, *certificates: x509.Certificate) -> Path:
    """Write certificates in PEM, and return the path."""
    path.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates))
    return path


@dataclass
class Holder:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: Any

    def issue(self, name: str, **arguments: Any) -> Holder:
        """Issue a certificate for another name."""
        return issue(name, self, **arguments)


AUTHORITY = (
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True),
)
SIGNER = (
    (x509.KeyUsage(True, False, False, False, False, False, False, False, False), True),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
)
Extensions = Sequence[tuple[x509.ExtensionType, bool]]


def issue(
    name: str,
    issuer: Holder | None = None,
    *,
    extensions: Extensions = AUTHORITY,
    start: datetime = NOW - timedelta(days=365),
    end: datetime = NOW + timedelta(days=365),
    key: Any = None,
    digest: Any = None,
) -> Holder:
    """Issue a certificate, signed by another holder or by itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, is_critical)
    return Holder(builder.sign((issuer.key if issuer else key), digest or hashes.SHA256()), key)
