"""A Sigstore instance on loopback: a Fulcio that certifies identities, and a Rekor of version 1 with one entry a tree.

It checks what it receives as far as the real ones do: the token by its issuer's key, the request for a certificate by its
signature, and the entry by the key of its certificate.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Json = dict[str, Any]
ISSUER: Final = "https://issuer.example/oauth"
FULCIO: Final = "/api/v2/signingCert"
REKOR: Final = "/api/v1/log/entries"
_SHA256: Final = ec.ECDSA(hashes.SHA256())
_START: Final = datetime(2020, 1, 1, tzinfo=UTC)
_STAMPS: Final = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def encode(data: bytes) -> str:
    """Return Base64."""
    return base64.b64encode(data).decode()


def encode_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public key in DER."""
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def hash_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the identifier of a log."""
    return hashlib.sha256(encode_key(key)).digest()


class SigstoreInstance:
    """Keys, trust configuration and answers of an instance.

    Attributes:
        answers: by path, a function that replaces the answer; it takes the request and returns status and document. The
            one of ``GET`` is that of a CI with tokens.
        requests: the paths that were requested.
        logged: the bodies in the log.
    """

    def __init__(self) -> None:
        self._authority, self._stamps, self._log, self._issuer = (
            ec.generate_private_key(ec.SECP256R1()) for _ in range(4)
        )
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme authority")])
        self._root = (
            self._build(name, name, self._authority, days=3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._authority.public_key()), critical=False)
            .add_extension(x509.KeyUsage(*[False] * 5, True, True, False, False), critical=True)
            .sign(self._authority, hashes.SHA256())
        )
        self.answers: dict[str, Callable[[Json], tuple[int, object]]] = {}
        self.requests: list[str] = []
        self.logged: list[Json] = []
        self.url = ""

    @staticmethod
    def _build(
        subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey | Any, days: float
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC) - timedelta(minutes=1)
        public = key.public_key()
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + timedelta(days=days))
        )  # fmt: skip

    def make_token(self, identity: str = "releases@acme.example", lasts: int = 600, **claims: object) -> str:
        """Return an identity token of this issuer."""
        now = int(time.time())
        usual = {"aud": "sigstore", "iss": ISSUER, "sub": identity, "iat": now - 1200, "exp": now + lasts}
        return jwt.encode({**usual, **claims}, self._issuer, "ES256")

    def describe(self) -> Json:
        """Return the trust configuration."""
        period = {"start": "2020-01-01T00:00:00Z"}
        service = {"url": self.url, "majorApiVersion": 1, "validFor": period, "operator": "acme.example"}

        def describe_log(key: ec.EllipticCurvePrivateKey) -> Json:
            public = {"rawBytes": encode(encode_key(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": period}
            identifier = {"keyId": encode(hash_key(key))}
            return {"baseUrl": self.url, "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": identifier}

        authority = {
            "subject": {"organization": "acme", "commonName": "acme authority"},
            "uri": self.url,
            "certChain": {"certificates": [{"rawBytes": encode(self._root.public_bytes(serialization.Encoding.DER))}]},
            "validFor": period,
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [describe_log(self._log)],
                "certificateAuthorities": [authority],
                "ctlogs": [describe_log(self._stamps)],
                "timestampAuthorities": [],
            },
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": [service],
                "rekorTlogUrls": [service],
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaConfig": {"selector": "ANY"},
            },
        }

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the trust configuration and its trusted root, and return both paths."""
        described = self.describe()
        config, root = folder / "trust_config.json", folder / "trusted_root.json"
        config.write_text(json.dumps(described))
        root.write_text(json.dumps(described["trustedRoot"]))
        return config, root

    def answer(self, path: str, body: bytes, headers: Json) -> tuple[int, object]:
        """Answer a request."""
        self.requests.append(path)
        request = {**json.loads(body), "token": headers.get("Authorization", "").removeprefix("Bearer ")}
        if path in self.answers:
            return self.answers[path](request)
        return {FULCIO: self.certify, REKOR: self.log}[path](request)

    def certify(self, request: Json) -> tuple[int, object]:
        """Certify the key of a request for the identity of a token (Fulcio, ``certificate-specification.md``)."""
        try:
            claims = jwt.decode(request["token"], self._issuer.public_key(), ["ES256"], audience="sigstore")
        except jwt.InvalidTokenError:
            return 401, {"code": 16, "message": "There was an error processing the identity token"}
        asked = x509.load_pem_x509_csr(base64.b64decode(request["certificateSigningRequest"]))
        assert asked.is_signature_valid
        identity = claims["sub"]
        name = x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)
        builder = (
            self._build(x509.Name([]), self._root.subject, asked, days=10 / 1440)
            .add_extension(x509.KeyUsage(True, *[False] * 8), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority.public_key()), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(
                x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.57264.1.1"), claims["iss"].encode()),
                critical=False,
            )
        )
        draft = builder.sign(self._authority, hashes.SHA256())
        final = builder.add_extension(self._stamp(draft.tbs_certificate_bytes), critical=False)
        chain = [final.sign(self._authority, hashes.SHA256()), self._root]
        pems = [each.public_bytes(serialization.Encoding.PEM).decode() for each in chain]
        return 200, {"signedCertificateEmbeddedSct": {"chain": {"certificates": pems}}}

    def _stamp(self, certificate: bytes) -> x509.UnrecognizedExtension:
        """Return the extension with the stamp of the log of certificates (RFC 6962, sections 3.2 and 3.3)."""
        moment = int(time.time() * 1000)
        issuer = hash_key(self._authority)
        entry = (
            struct.pack("!BBQH", 0, 0, moment, 1) + issuer + len(certificate).to_bytes(3, "big") + certificate + b"\0\0"
        )
        signature = self._stamps.sign(entry, _SHA256)
        stamp = (
            b"\0"
            + hash_key(self._stamps)
            + struct.pack("!QH", moment, 0)
            + b"\4\3"
            + struct.pack("!H", len(signature))
            + signature
        )
        listed = struct.pack("!HH", len(stamp) + 2, len(stamp)) + stamp
        assert len(listed) < 256
        header = bytes([4, len(listed)]) if len(listed) < 128 else bytes([4, 0x81, len(listed)])
        return x509.UnrecognizedExtension(_STAMPS, header + listed)

    def log(self, request: Json) -> tuple[int, object]:
        """Log the hashes and the signature of an envelope (Rekor, ``pkg/types/dsse``)."""
        proposed = request["spec"]["proposedContent"]
        envelope, [verifier] = json.loads(proposed["envelope"]), proposed["verifiers"]
        payload, [signature] = base64.b64decode(envelope["payload"]), envelope["signatures"]
        certificate = x509.load_pem_x509_certificate(base64.b64decode(verifier))
        kind = envelope["payloadType"]
        signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
        certificate.public_key().verify(base64.b64decode(signature["sig"]), signed, _SHA256)  # type: ignore[union-attr, call-arg, arg-type]
        digests = [
            {"algorithm": "sha256", "value": hashlib.sha256(each).hexdigest()}
            for each in (proposed["envelope"].encode(), payload)
        ]
        spec = {
            "envelopeHash": digests[0],
            "payloadHash": digests[1],
            "signatures": [{"signature": signature["sig"], "verifier": verifier}],
        }
        stored = canonicalize({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})
        self.logged.append({"request": request, "stored": stored})
        root = hashlib.sha256(b"\0" + stored).digest()
        note = f"rekor.acme.example - 1\n1\n{encode(root)}\n"
        sign = self._log.sign(note.encode(), _SHA256)
        checkpoint = f"{note}\n\u2014 rekor.acme.example {encode(hash_key(self._log)[:4] + sign)}\n"
        entry = {
            "body": encode(stored),
            "integratedTime": int(time.time()),
            "logID": hash_key(self._log).hex(),
            "logIndex": 7,
        }
        verification = {
            "signedEntryTimestamp": encode(self._log.sign(canonicalize(entry), _SHA256)),
            "inclusionProof": {
                "checkpoint": checkpoint,
                "hashes": [],
                "logIndex": 0,
                "rootHash": root.hex(),
                "treeSize": 1,
            },
        }
        return 201, {root.hex(): {**entry, "verification": verification}}


def canonicalize(document: Json) -> bytes:
    """Return canonical JSON (RFC 8785) of ASCII texts and whole numbers."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@contextmanager
def run_instance() -> Iterator[SigstoreInstance]:
    """Run an instance on loopback."""
    instance = SigstoreInstance()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, document = instance.answer(self.path, body, dict(self.headers))
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("Location", instance.url + FULCIO)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(OSError):  # a client that gave up
                self.wfile.write(data)

        def do_GET(self) -> None:
            instance.requests.append(self.path.partition("?")[0])
            status, document = instance.answers["GET"]({"path": self.path, **dict(self.headers)})
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    instance.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield instance
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
