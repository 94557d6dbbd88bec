"""When a signature was made: from time stamps and entries of a log, by the services of a trusted root alone."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from support.signatures import (
    KEY,
    SIGNER,
    Holder,
    encode,
    issue,
    list_entries,
    make_statement,
    sign,
    write_certificates,
    write_public_key,
)

from modelaudit.integrity.bundles import parse_bundle
from modelaudit.integrity.signers import load_verifier
from modelaudit.integrity.verifiers import find_signer
from modelaudit.model.errors import ConfigurationError, SignatureError
from modelaudit.model.signature import SignatureMethod, SignedTime, Signer
from modelaudit.model.trust import TrustedSigner

STATEMENT = make_statement(list_entries({"a": b"a"}))
LOG = ec.generate_private_key(ec.SECP256R1())
DAY = timedelta(days=1)
BEFORE = datetime.now(UTC) - 400 * DAY
ROOT = issue("root", start=BEFORE - 3000 * DAY, end=BEFORE + 5000 * DAY)
STAMPER = ROOT.issue(
    "stamper",
    extensions=((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),),
    start=BEFORE,
    end=BEFORE + 5000 * DAY,
)


def write_der(holder: Holder) -> str:
    """Return a certificate in DER, in Base64."""
    return encode(holder.certificate.public_bytes(serialization.Encoding.DER))


def make_trusted_root(stamper: Holder = STAMPER, **period: str) -> dict[str, Any]:
    """Make a trusted root with one log and one time stamping authority."""
    raw = LOG.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [{"publicKey": {"rawBytes": encode(raw), "validFor": {"start": "2020-01-01T00:00:00Z", **period}}}],
        "timestampAuthorities": [
            {
                "certChain": {"certificates": [{"rawBytes": write_der(each)} for each in (stamper, ROOT)]},
                "validFor": {"start": "2020-01-01T00:00:00Z", **period},
            }
        ],
    }


def add_entry(bundle: dict[str, Any], time: datetime, key: ec.EllipticCurvePrivateKey = LOG) -> dict[str, Any]:
    """Return a bundle with an entry of a log for its signature."""
    bundle = copy.deepcopy(bundle)
    envelope = bundle["dsseEnvelope"]
    payload_hash = hashlib.sha256(parse_bundle(json.dumps(bundle).encode()).envelope.payload).hexdigest()
    body = {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "payloadHash": {"algorithm": "sha256", "value": payload_hash},
            "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": ""}],
        },
    }
    raw = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    key_id, seconds, text = hashlib.sha256(raw).digest(), int(time.timestamp()), encode(json.dumps(body).encode())
    stated = {"body": text, "integratedTime": seconds, "logID": key_id.hex(), "logIndex": 7}
    signed = key.sign(json.dumps(stated, sort_keys=True, separators=(",", ":")).encode(), ec.ECDSA(hashes.SHA256()))
    entry = {
        "logIndex": "7",
        "logId": {"keyId": encode(key_id)},
        "integratedTime": str(seconds),
        "inclusionPromise": {"signedEntryTimestamp": encode(signed)},
        "canonicalizedBody": text,
    }
    bundle["verificationMaterial"]["tlogEntries"] = [entry]
    return bundle


@pytest.fixture(scope="module")
def stamp(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """A bundle of the key, and a time stamp of now for it, which openssl made."""
    bundle = sign(STATEMENT)
    return bundle, make_stamp(tmp_path_factory.mktemp("stamp"), bundle)


def make_stamp(folder: Path, bundle: dict[str, Any], stamper: Holder = STAMPER) -> str:
    """Stamp the signature of a bundle with the clock of now, in Base64."""
    envelope = parse_bundle(json.dumps(bundle).encode()).envelope
    (folder / "signature").write_bytes(envelope.signature)
    write_certificates(folder / "stamper.pem", stamper.certificate)
    private = stamper.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "stamper.key").write_bytes(private)
    (folder / "serial").write_text("01")
    (folder / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa = own\n[own]\nserial = serial\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\n"
        "digests = sha256\naccuracy = secs:1\n"
    )
    query = ["openssl", "ts", "-query", "-data", "signature", "-sha256", "-cert", "-out", "query"]
    reply = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-signer", "stamper.pem"]
    for command in (query, [*reply, "-inkey", "stamper.key", "-out", "reply"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return encode((folder / "reply").read_bytes())


def add_stamp(bundle: dict[str, Any], text: str) -> dict[str, Any]:
    """Return a bundle with a time stamp."""
    bundle = copy.deepcopy(bundle)
    bundle["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": text}]}
    return bundle


def accept(folder: Path, bundle: dict[str, Any], trusted_root: dict[str, Any] | None, **arguments: Any) -> Signer:
    """Return the signer of a bundle, with the key or the pinned root of this module and a trusted root."""
    path = folder / "trusted_root.json"
    path.write_text(json.dumps(trusted_root))
    given = path if trusted_root else None
    if "publicKey" in bundle["verificationMaterial"]:
        key = write_public_key(folder / "key.pub")
        trusted = TrustedSigner(SignatureMethod.KEY, "--public-key", public_key=key, trusted_root=given)
    else:
        pinned = write_certificates(folder / "pinned.pem", ROOT.certificate)
        trusted = TrustedSigner(SignatureMethod.CERTIFICATE, "root", certificate_root=pinned, trusted_root=given)
    signer = find_signer(parse_bundle(json.dumps(bundle).encode()), (load_verifier(trusted),), **arguments)
    assert signer is not None
    return signer


def test_time_of_a_log_is_proven_by_its_promise(tmp_path: Path) -> None:
    time = datetime(2025, 5, 1, 12, tzinfo=UTC)
    bundle = add_entry(sign(STATEMENT), time)
    assert accept(tmp_path, bundle, make_trusted_root()).time == SignedTime("2025-05-01T12:00:00Z", "log entry")
    assert accept(tmp_path, bundle, None).time is None


@pytest.mark.counterpart
def test_time_of_a_time_stamp_is_proven_by_its_authority(tmp_path: Path, stamp: tuple[dict[str, Any], str]) -> None:
    bundle = add_stamp(*stamp)
    proven = accept(tmp_path, bundle, make_trusted_root()).time
    assert proven is not None
    assert proven.source == "time stamp"
    assert datetime.fromisoformat(proven.time) <= datetime.now(UTC)
    assert accept(tmp_path, bundle, None).time is None


@pytest.mark.counterpart
def test_earliest_of_several_proven_times_counts(tmp_path: Path, stamp: tuple[dict[str, Any], str]) -> None:
    bundle = add_entry(add_stamp(*stamp), datetime(2025, 5, 1, tzinfo=UTC))
    time = accept(tmp_path, bundle, make_trusted_root()).time
    assert time == SignedTime("2025-05-01T00:00:00Z", "log entry")


def change_entry(**changes: Any) -> dict[str, Any]:
    """Return a bundle with an entry of a log that was changed afterwards."""
    bundle = add_entry(sign(STATEMENT), datetime(2025, 5, 1, tzinfo=UTC))
    bundle["verificationMaterial"]["tlogEntries"][0].update(changes)
    return bundle


def test_entry_that_no_log_of_the_trusted_root_has_signed_for_this_signature_proves_nothing(tmp_path: Path) -> None:
    time = datetime(2025, 5, 1, tzinfo=UTC)
    other = add_entry(sign(STATEMENT), time)["verificationMaterial"]
    unproven = {
        "another time": change_entry(integratedTime="1700000000"),
        "another index": change_entry(logIndex="8"),
        "no promise": change_entry(inclusionPromise=None),
        "an endless time": change_entry(integratedTime="9" * 5000),
        "a time past all calendars": change_entry(integratedTime="9" * 15),
        "no number": change_entry(integratedTime="soon"),
        "another log": add_entry(sign(STATEMENT), time, KEY),
        "the entry of another signature": sign(STATEMENT, tlogEntries=other["tlogEntries"]),
        "the entry of another statement": sign(
            make_statement(list_entries({"b": b"b"})), tlogEntries=other["tlogEntries"]
        ),
        "no object": sign(STATEMENT, tlogEntries=[1, None]),
    }
    for name, bundle in unproven.items():
        assert accept(tmp_path, bundle, make_trusted_root()).time is None, name
    ended = make_trusted_root(end="2025-04-30T00:00:00Z")
    assert accept(tmp_path, add_entry(sign(STATEMENT), time), ended).time is None


@pytest.mark.counterpart
def test_time_stamp_of_another_authority_or_for_another_signature_proves_nothing(
    tmp_path: Path, stamp: tuple[dict[str, Any], str]
) -> None:
    bundle, text = stamp
    stranger = ROOT.issue("stamper", extensions=SIGNER, start=BEFORE, end=BEFORE + 5000 * DAY)
    assert accept(tmp_path, add_stamp(bundle, text), make_trusted_root(stranger)).time is None
    assert accept(tmp_path, add_stamp(sign(STATEMENT), text), make_trusted_root()).time is None
    assert accept(tmp_path, add_stamp(bundle, encode(b"\x30\x03abc")), make_trusted_root()).time is None
    assert accept(tmp_path, add_stamp(bundle, ""), make_trusted_root()).time is None
    ended = make_trusted_root(end="2025-04-30T00:00:00Z")
    assert accept(tmp_path, add_stamp(bundle, text), ended).time is None


def test_expired_certificate_is_accepted_if_a_proven_time_lies_in_its_validity(tmp_path: Path) -> None:
    leaf = ROOT.issue("leaf", extensions=SIGNER, start=BEFORE, end=BEFORE + 30 * DAY)
    bundle = sign(STATEMENT, leaf.key, [leaf.certificate])
    during, after = (add_entry(bundle, BEFORE + days * DAY) for days in (10, 60))
    signer = accept(tmp_path, during, make_trusted_root())
    assert (signer.name, signer.time and signer.time.source) == ("CN=leaf", "log entry")
    for unproven, root in ((bundle, make_trusted_root()), (during, None), (after, make_trusted_root())):
        with pytest.raises(SignatureError, match="the certificate of 'CN=leaf' expired on"):
            accept(tmp_path, unproven, root)


def test_certificate_that_was_valid_at_no_proven_time_is_refused_although_it_is_valid_now(tmp_path: Path) -> None:
    leaf = ROOT.issue("leaf", extensions=SIGNER, start=datetime.now(UTC) - DAY, end=BEFORE + 5000 * DAY)
    bundle = sign(STATEMENT, leaf.key, [leaf.certificate])
    assert accept(tmp_path, bundle, make_trusted_root()).time is None
    with pytest.raises(SignatureError, match="the certificate of 'CN=leaf' is not valid before"):
        accept(tmp_path, add_entry(bundle, BEFORE), make_trusted_root())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mediaType": "text/plain"}, "its media type is another"),
        ({"tlogs": [1]}, "an entry of tlogs is not a JSON object"),
        ({"tlogs": [{}]}, "a log has no object 'publicKey'"),
        ({"timestampAuthorities": [{"certChain": {"certificates": [{}]}}]}, "has no string 'rawBytes'"),
        ({"tlogs": [{"publicKey": {"rawBytes": "", "validFor": {"start": "soon"}}}]}, None),
        ({"timestampAuthorities": [{"certChain": {}, "validFor": {"start": "soon"}}]}, "validFor holds no time"),
    ],
)
def test_file_that_is_no_trusted_root_is_a_wrong_option(
    tmp_path: Path, changes: dict[str, Any], sentence: str | None
) -> None:
    root = make_trusted_root() | changes
    if sentence is None:  # a log whose key is of another kind states no times that are read here
        assert accept(tmp_path, sign(STATEMENT), root).time is None
        return
    with pytest.raises(ConfigurationError) as refused:
        accept(tmp_path, sign(STATEMENT), root)
    assert "trusted_root.json is not the trusted root of a Sigstore instance: " in str(refused.value)
    assert sentence in str(refused.value)
