"""A model with an attested verdict, and attestations that its key signs although they are wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from modelaudit.integrity.attestation import split_attestation
from modelaudit.integrity.signing import load_key_signer
from support.command import CommandResult, run_command

ROOT: Final = Path(__file__).resolve().parents[2]
TINY: Final = ROOT / "fixtures/repositories/acme-tiny"
Json = dict[str, Any]


@dataclass(frozen=True)
class AttestedModel:
    """A folder with a model, and beside it its report, its attestation and the keys."""

    place: Path

    @property
    def model(self) -> Path:
        """The folder of the model."""
        return self.place / "model"

    @property
    def attestation(self) -> Path:
        """The attestation."""
        return self.place / "model.att"

    @property
    def key(self) -> Path:
        """The private key."""
        return self.place / "key.pem"

    @property
    def public(self) -> Path:
        """The public key."""
        return self.place / "key.pub"

    @property
    def report(self) -> Path:
        """The report of the scan."""
        return self.place / "report.json"

    def copy(self, place: Path) -> AttestedModel:
        """Copy everything, so that a test can change it."""
        shutil.copytree(self.place, place, symlinks=True, dirs_exist_ok=True)
        return AttestedModel(place)

    def scan(self, *options: str | Path, **environment: str) -> CommandResult:
        """Scan the model, and replace the report."""
        saved = f"json={self.report}"
        return run_command("scan", self.model, "--no-second-opinion", "-q", "-o", saved, *options, **environment)

    def attest(self, *options: str | Path, **environment: str) -> CommandResult:
        """Attest the report, and replace the attestation; the options take the place of these."""
        usual = {"--report": self.report, "--key": self.key, "-o": self.attestation}
        further = [each for pair in usual.items() if pair[0] not in options for each in pair]
        return run_command("attest", self.model, *further, *options, **environment)

    def verify(self, *options: str | Path) -> CommandResult:
        """Verify the model against the attestation."""
        return run_command("verify", self.model, "--attestation", self.attestation, "--key", self.public, *options)

    def read_payloads(self) -> tuple[Json, Json]:
        """Read the statements of the attestation: that of the evidence, and the summary."""
        first, second = split_attestation(self.attestation.read_bytes())
        return json.loads(first.envelope.payload), json.loads(second.envelope.payload)

    def resign(self, change: Callable[[Json, Json], object]) -> None:
        """Change the statements, and sign them again with the right key. The summary still names the evidence."""
        evidence, summary = self.read_payloads()
        stated = summary["predicate"]["inputAttestations"][0]["digest"]
        before = dict(stated)
        change(evidence, summary)
        payload = json.dumps(evidence).encode()
        if stated == before:
            stated["sha256"] = hashlib.sha256(payload).hexdigest()
        self.sign(payload, json.dumps(summary).encode())

    def sign(self, *payloads: bytes) -> None:
        """Sign payloads as lines of the attestation."""
        signer = load_key_signer(self.key)
        self.attestation.write_bytes(b"".join(signer.sign(payload) + b"\n" for payload in payloads))


def make_keys(place: Path, name: str = "key", curve: ec.EllipticCurve | None = None) -> None:
    """Write a private and a public EC key, by default of P-256."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    (place / f"{name}.pem").write_bytes(encode_key(key))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (place / f"{name}.pub").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))


def encode_key(key: PrivateKeyTypes, passphrase: str = "") -> bytes:
    """Return a private key in PEM (PKCS #8), encrypted if there is a passphrase."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def make_attested(place: Path) -> AttestedModel:
    """Scan a model that passes, with a link, an empty folder, a program and a name beyond ASCII, and attest it."""
    attested = AttestedModel(place)
    shutil.copytree(TINY, attested.model)
    (attested.model / "sub/deep").mkdir(parents=True)
    (attested.model / "empty").mkdir()
    (attested.model / "sub/notes.txt").write_text("notes\n")
    (attested.model / "sub/notes.txt").chmod(0o755)
    (attested.model / "sub/deep/more.txt").write_text("more notes\n")
    (attested.model / "caf\u00e9.txt").write_text("coffee\n")
    (attested.model / "link.json").symlink_to("config.json")
    make_keys(place)
    scanned, done = attested.scan(), attested.attest()
    assert (scanned.returncode, done.returncode) == (0, 0), scanned.stderr + done.stderr
    return attested


def encode_line(payload: bytes, line: bytes) -> bytes:
    """Put another payload into a line, and keep its signature."""
    bundle = json.loads(line)
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    return json.dumps(bundle).encode()
