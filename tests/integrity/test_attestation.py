"""The two statements of an attestation: their form, hostile ones, and other programs that verify them."""

from __future__ import annotations

import base64
import copy
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.attested import AttestedModel, Json, make_attested, make_keys

from modelaudit.integrity.attestation import (
    EVIDENCE,
    SUMMARY,
    Summary,
    build_payloads,
    read_attestation,
    split_attestation,
)
from modelaudit.integrity.bundles import MOST_BYTES
from modelaudit.integrity.keys import check_signature, load_public_key
from modelaudit.integrity.signing import KeySigner, load_private_key
from modelaudit.model.errors import SignatureError
from modelaudit.model.tree import EntryKind, TreeEntry

KEY: Final = ec.generate_private_key(ec.SECP256R1())
ENTRIES: Final = (
    TreeEntry("a b.bin", EntryKind.FILE, True, 3, "ab" * 32),
    TreeEntry("image", EntryKind.FILE, None, 0, "cd" * 32),
    TreeEntry("link", EntryKind.LINK, link_text="a b.bin"),
    TreeEntry("caf\u00e9", EntryKind.FOLDER),
)
VERDICT: Final = Summary(
    verifier="urn:acme:gate",
    versions={"modelaudit": "1"},
    time="2026-11-28T20:00:00Z",
    resource="pkg:huggingface/acme/tiny@1",
    policy="urn:modelaudit:policy:default",
    policy_digest="ef" * 32,
    evidence_digest="",
    result="PASSED",
    expires="2027-01-01T00:00:00Z",
)
PAYLOADS: Final = build_payloads({"causes": [], "verdict": {"gate": "pass"}}, ENTRIES, VERDICT, "12" * 32)
SLSA_FIELDS: Final = {
    *("verifier", "timeVerified", "resourceUri", "policy", "inputAttestations", "verificationResult"),
    *("verifiedLevels", "dependencyLevels", "slsaVersion"),
}
URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def sign(*payloads: bytes) -> bytes:
    """Sign payloads as the lines of an attestation."""
    return b"".join(KeySigner(KEY).sign(payload) + b"\n" for payload in payloads)


def list_places(value: object, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of each value in a document."""
    if place:
        yield place
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from list_places(value[key], (*place, key))


def test_entries_image_and_verdict_are_read_as_they_were_written() -> None:
    bundles = split_attestation(sign(*PAYLOADS))
    attestation = read_attestation(*bundles)
    assert sorted(attestation.entries, key=lambda each: each.path) == sorted(ENTRIES, key=lambda each: each.path)
    assert attestation.image == "12" * 32
    assert attestation.summary == Summary(
        **{name: getattr(VERDICT, name) for name in Summary.__slots__ if name != "evidence_digest"},
        evidence_digest=attestation.summary.evidence_digest,
    )
    for bundle in bundles:
        check_signature(bundle.envelope, KEY.public_key())


def test_summary_has_the_fields_of_slsa_and_uris_as_further_keys() -> None:
    _, summary = map(json.loads, PAYLOADS)
    predicate = summary["predicate"]
    assert summary["predicateType"] == SUMMARY == "https://slsa.dev/verification_summary/v1"
    assert {key for key in predicate if not URI.fullmatch(key)} <= SLSA_FIELDS
    assert predicate["verifiedLevels"] == ["SLSA_BUILD_LEVEL_UNEVALUATED"]
    for uri in (predicate["verifier"]["id"], predicate["resourceUri"], predicate["policy"]["uri"], EVIDENCE):
        assert URI.fullmatch(uri)
    for each in (*summary["subject"], predicate["policy"], *predicate["inputAttestations"]):
        assert all(re.fullmatch("[0-9a-f]{64}", value) for value in each["digest"].values())
    names = [each["name"] for each in summary["subject"] if "name" in each]
    assert len(names) == len(set(names)) == len(summary["subject"]) - 1  # the image has none


def test_entry_that_a_statement_cannot_name_is_not_attested() -> None:
    for entry in (
        TreeEntry("\udcff", EntryKind.FILE, None, 1, "ab" * 32),
        TreeEntry("x", EntryKind.LINK, link_text="\udcff"),
        TreeEntry("x", EntryKind.SPECIAL),
        TreeEntry("x", EntryKind.FILE, None, None, None),
    ):
        with pytest.raises(ValueError, match=r"is not UTF-8|no tree digest covers"):
            build_payloads({"causes": []}, [entry], VERDICT)


@given(
    data=st.binary(max_size=200) | st.tuples(st.sampled_from([b"{", b"[", b'{"mediaType":']), st.binary()).map(b"".join)
)
def test_bytes_are_refused_and_raise_nothing_else(data: bytes) -> None:
    for text in (data, sign(PAYLOADS[0]) + data, sign(PAYLOADS[0], data), sign(data, PAYLOADS[1])):
        try:
            read_attestation(*split_attestation(text))
        except SignatureError:
            continue
        assert not data.strip(), "no further line"


@settings(max_examples=300)
@given(choice=st.data())
def test_statement_with_one_value_replaced_is_refused_or_says_what_it_holds(choice: st.DataObject) -> None:
    documents: list[Json] = [json.loads(payload) for payload in PAYLOADS]
    index = choice.draw(st.integers(0, 1))
    *path, last = choice.draw(st.sampled_from(list(list_places(documents[index]))))
    parent: Any = documents[index]
    for key in path:
        parent = parent[key]
    before = parent[last]
    parent[last] = choice.draw(JSON)
    text = sign(*(json.dumps(document).encode("utf-8", "surrogatepass") for document in documents))
    try:
        attestation = read_attestation(*split_attestation(text))
    except SignatureError as error:
        assert "\n" not in str(error)
        return
    # The evidence is bound by its digest; of the summary, what is compared with conditions may differ.
    assert index == 1 or parent[last] == before
    assert {entry.path for entry in attestation.entries} == {entry.path for entry in ENTRIES}


@settings(max_examples=200)
@given(place=st.integers(min_value=0), bit=st.integers(0, 7), line=st.integers(0, 1))
def test_flipped_bit_of_a_payload_or_signature_fits_no_key(place: int, bit: int, line: int) -> None:
    bundles = split_attestation(sign(*PAYLOADS))
    envelope = bundles[line].envelope
    payload, signature = bytearray(envelope.payload), bytearray(envelope.signature)
    target = payload if place % 2 else signature
    target[place % len(target)] ^= 1 << bit
    changed = type(envelope)(bytes(payload), envelope.payload_type, bytes(signature))
    with pytest.raises(SignatureError):
        check_signature(changed, KEY.public_key())


def test_attestation_beyond_the_bound_is_not_read() -> None:
    with pytest.raises(SignatureError, match=r"^it is larger than 134,217,728 bytes, so it is not read$"):
        split_attestation(b" " * (2 * MOST_BYTES + 1))


def test_nested_statement_is_refused() -> None:
    deep = b'{"a":' * 100_000
    with pytest.raises(SignatureError, match=r"nested too deeply|not sound JSON"):
        read_attestation(*split_attestation(sign(deep, deep)))


@pytest.fixture(scope="module")
def attested(tmp_path_factory: pytest.TempPathFactory) -> AttestedModel:
    """Return an attested model."""
    return make_attested(tmp_path_factory.mktemp("attested"))


def extract(attested: AttestedModel) -> Iterator[tuple[str, Path]]:
    """Yield the kind of each statement, and a file with its envelope, as ``jq .dsseEnvelope`` writes it."""
    for kind, line in zip((EVIDENCE, SUMMARY), attested.attestation.read_bytes().splitlines(), strict=True):
        path = attested.place / f"{kind.rpartition('/')[2]}.dsse.json"
        path.write_text(json.dumps(json.loads(line)["dsseEnvelope"]))
        yield kind, path


def run_cosign(key: Path, kind: str, envelope: Path, file: Path) -> subprocess.CompletedProcess[str]:
    """Verify one file of a model with an envelope."""
    command = ["cosign", "verify-blob-attestation", "--key", key, "--insecure-ignore-tlog", "--type", kind]
    return subprocess.run([*command, "--signature", envelope, file], capture_output=True, text=True, check=False)


@pytest.mark.counterpart
def test_cosign_accepts_each_envelope_for_each_file_and_no_other(attested: AttestedModel) -> None:
    make_keys(attested.place, "stranger")
    for kind, envelope in extract(attested):
        for name in ("config.json", "sub/deep/more.txt", "caf\u00e9.txt"):
            done = run_cosign(attested.public, kind, envelope, attested.model / name)
            assert (done.returncode, "Verified OK" in done.stderr) == (0, True), done.stderr
        for key, other_kind, file, message in (
            (attested.public, kind, attested.report, "no matching subject digest found"),
            (attested.place / "stranger.pub", kind, attested.model / "config.json", "do not match threshold"),
            (attested.public, "https://slsa.dev/provenance/v1", attested.model / "config.json", "predicate"),
        ):
            done = run_cosign(key, other_kind, envelope, file)
            assert (done.returncode != 0, message in done.stderr) == (True, True), done.stderr


@pytest.mark.counterpart
@pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1])
def test_securesystemslib_verifies_each_envelope(curve: Callable[[], ec.EllipticCurve]) -> None:
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    key = ec.generate_private_key(curve())
    read = SSlibKey.from_crypto(key.public_key())
    trusted = SSlibKey("", read.keytype, read.scheme, read.keyval)  # the envelopes name no key
    for payload in PAYLOADS:
        envelope = json.loads(KeySigner(key).sign(payload))["dsseEnvelope"]
        assert list(Envelope.from_dict(copy.deepcopy(envelope)).verify([trusted], 1)) == [""]  # it empties its argument
        envelope["payload"] = base64.b64encode(payload.replace(b"acme", b"evil") + b" ").decode()
        with pytest.raises(VerificationError):
            Envelope.from_dict(envelope).verify([trusted], 1)


@pytest.mark.counterpart
def test_keys_that_openssl_writes_are_read(tmp_path: Path) -> None:
    for curve in ("P-256", "P-384", "P-521"):
        private, public = tmp_path / f"{curve}.pem", tmp_path / f"{curve}.pub"
        options = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-aes-256-cbc", "-pass", "pass:x y"]
        subprocess.run(["openssl", "genpkey", *options, "-out", private], check=True)
        subprocess.run(
            ["openssl", "pkey", "-in", private, "-passin", "pass:x y", "-pubout", "-out", public], check=True
        )
        key = load_private_key(private.read_bytes(), b"x y")
        read = load_public_key(public.read_bytes())
        for bundle in split_attestation(b"".join(KeySigner(key).sign(payload) + b"\n" for payload in PAYLOADS)):
            check_signature(bundle.envelope, read)
