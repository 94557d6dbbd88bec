"""Whose signature counts: keys of three curves, chains of certificates, and the files that name them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.signatures import (
    AUTHORITY,
    KEY,
    NOW,
    OTHER_KEY,
    SIGNER,
    Extensions,
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
from modelaudit.integrity.places import lies_in
from modelaudit.integrity.signers import load_verifier
from modelaudit.integrity.verifiers import find_signer
from modelaudit.model.errors import ConfigurationError, SignatureError
from modelaudit.model.signature import SignatureMethod, Signer
from modelaudit.model.trust import TrustedSigner

STATEMENT = make_statement(list_entries({"a": b"a"}))
DAY = timedelta(days=1)


def trust_key(path: Path) -> TrustedSigner:
    """Trust the key in a file."""
    return TrustedSigner(SignatureMethod.KEY, "--public-key", public_key=path)


def accept(bundle: dict[str, Any], *trusted: TrustedSigner, now: datetime = NOW) -> Signer | None:
    """Return the signer that is found for a bundle."""
    return find_signer(parse_bundle(json.dumps(bundle).encode()), tuple(map(load_verifier, trusted)), now)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_key_of_each_curve_is_accepted_and_named_by_its_fingerprint(curve: ec.EllipticCurve, tmp_path: Path) -> None:
    key = ec.generate_private_key(curve)
    bundle = sign(STATEMENT, key)
    trusted = [trust_key(write_public_key(tmp_path / f"{n}.pub", each)) for n, each in enumerate((OTHER_KEY, key))]
    signer = accept(bundle, *trusted)
    assert signer is not None
    assert signer.name == f"key {bundle['verificationMaterial']['publicKey']['hint']}"
    assert (signer.method, signer.time, signer.trust) == (SignatureMethod.KEY, None, "--public-key")
    assert accept(bundle) is None


def test_signature_of_another_key_or_another_payload_is_refused(tmp_path: Path) -> None:
    own = trust_key(write_public_key(tmp_path / "own.pub"))
    with pytest.raises(SignatureError, match=r"it names the key '[0-9a-f]{16}'…, and --public-key is '[0-9a-f]{16}'…"):
        accept(sign(STATEMENT, OTHER_KEY), own)
    lying = sign(STATEMENT, OTHER_KEY)
    lying["verificationMaterial"] = sign(STATEMENT)["verificationMaterial"]
    edited = sign(STATEMENT)
    edited["dsseEnvelope"]["payload"] = encode(json.dumps(STATEMENT).encode() + b" ")
    for signature in (b"", b"\0" * 64, b"\x30\x06\x02\x01\x00\x02\x01\x00"):
        bundle = sign(STATEMENT)
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = encode(signature)
        with pytest.raises(SignatureError, match="the signature does not fit the statement and the key"):
            accept(bundle, own)
    for bundle in (lying, edited):
        with pytest.raises(SignatureError, match="the signature does not fit the statement and the key"):
            accept(bundle, own)


def test_signature_of_the_first_versions_is_refused_by_its_encoding(tmp_path: Path) -> None:
    payload = json.dumps(STATEMENT).encode()
    kind = "application/vnd.in-toto+json"
    bundle = sign(STATEMENT)
    old = KEY.sign(f"DSSEV1 {len(kind)} {kind} {len(payload)} {payload!r}".encode(), ec.ECDSA(hashes.SHA256()))
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = encode(old)
    with pytest.raises(SignatureError, match=r"the encoding of model-signing before 1\.0"):
        accept(bundle, trust_key(write_public_key(tmp_path / "own.pub")))


FOREIGN_KEYS = {
    "an RSA key": rsa.generate_private_key(65537, 2048),
    "an Ed25519 key": ed25519.Ed25519PrivateKey.generate(),
    "a DSA key": dsa.generate_private_key(1024),
    "an EC key of the curve secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "an EC key of the curve secp224r1": ec.generate_private_key(ec.SECP224R1()),
}


@pytest.mark.parametrize("kind", FOREIGN_KEYS)
def test_other_kinds_of_keys_are_a_wrong_option_in_one_sentence(kind: str, tmp_path: Path) -> None:
    path = write_public_key(tmp_path / "key.pub", FOREIGN_KEYS[kind])
    with pytest.raises(ConfigurationError) as refused:
        load_verifier(trust_key(path))
    assert str(refused.value) == (f"--public-key: {path} holds {kind}; use an EC key of P-256, P-384 or P-521")


def test_files_of_trust_that_hold_something_else_are_named_with_the_next_step(tmp_path: Path) -> None:
    private = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files = {
        "private": (private, "holds a private key"),
        "text": (b"hello", "holds no public key in PEM; write it with openssl pkey -pubout"),
        "large": (b"x" * (5 << 20), "is larger than 4,194,304 bytes"),
    }
    for name, (data, sentence) in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ConfigurationError, match=sentence):
            load_verifier(trust_key(tmp_path / name))
    with pytest.raises(ConfigurationError, match="absent cannot be read: No such file or directory; check the path"):
        load_verifier(trust_key(tmp_path / "absent"))
    with pytest.raises(ConfigurationError, match=r"--certificate-root: .* holds no certificate in PEM"):
        load_verifier(trust_root(tmp_path / "text"))


def trust_root(path: Path, subject: str = "", issuer: str = "") -> TrustedSigner:
    """Trust the certificates in a file."""
    return TrustedSigner(
        SignatureMethod.CERTIFICATE, "--certificate-root", certificate_root=path, subject=subject, issuer=issuer
    )


ROOT = issue("root")
INTERMEDIATE = ROOT.issue("intermediate")
LEAF = INTERMEDIATE.issue("leaf", extensions=SIGNER)


def accept_chain(
    tmp_path: Path,
    chain: Sequence[Holder],
    roots: Sequence[Holder] = (ROOT,),
    now: datetime = NOW,
    **names: str,
) -> Signer | None:
    """Sign with the first holder of a chain, and return the signer that is found for pinned roots."""
    path = write_certificates(tmp_path / "roots.pem", *(each.certificate for each in roots))
    bundle = sign(STATEMENT, chain[0].key, [each.certificate for each in chain])
    return accept(bundle, trust_root(path, **names), now=now)


def test_chain_to_a_pinned_root_is_accepted_and_named_by_its_subject(tmp_path: Path) -> None:
    signer = accept_chain(tmp_path, [LEAF, INTERMEDIATE, ROOT])
    assert signer == Signer(SignatureMethod.CERTIFICATE, "CN=leaf", "CN=intermediate", "--certificate-root")
    # The root may be left out, other certificates may stand between, and any certificate may be pinned.
    other = issue("other")
    for chain, roots in (
        ([LEAF, INTERMEDIATE], [ROOT]),
        ([LEAF, other, ROOT, INTERMEDIATE], [other, ROOT]),
        ([LEAF], [INTERMEDIATE]),
        ([LEAF], [LEAF]),
        ([ROOT.issue("leaf", extensions=SIGNER)], [ROOT]),
    ):
        assert accept_chain(tmp_path, chain, roots) is not None
    assert accept_chain(tmp_path, [LEAF, INTERMEDIATE], subject="CN=leaf", issuer="CN=intermediate") == signer


def test_a_way_to_a_root_is_found_past_a_certificate_that_leads_nowhere(tmp_path: Path) -> None:
    for start, end, issuer in (
        (NOW - 300 * DAY, NOW - DAY, ROOT),  # the same authority, certified again after a first certificate expired
        (NOW - 300 * DAY, NOW + DAY, issue("elsewhere")),
    ):
        first = issuer.issue("intermediate", key=INTERMEDIATE.key, start=start, end=end)
        assert accept_chain(tmp_path, [LEAF, first, INTERMEDIATE]) is not None


def test_signer_with_the_name_of_its_authority_is_accepted(tmp_path: Path) -> None:
    # The certificate vector of the specification is one, and an authority by itself as well.
    leaf = INTERMEDIATE.issue("intermediate", extensions=(*AUTHORITY[:1], *SIGNER))
    assert accept_chain(tmp_path, [leaf, INTERMEDIATE]) is not None


def usage(sign_data: bool = False, sign_certificates: bool = False) -> tuple[x509.ExtensionType, bool]:
    """Return a key usage."""
    return x509.KeyUsage(sign_data, False, False, False, False, sign_certificates, False, False, False), True


def purpose(identifier: ObjectIdentifier) -> tuple[x509.ExtensionType, bool]:
    """Return an extended key usage."""
    return x509.ExtendedKeyUsage([identifier]), False


def leaf_with(*extensions: tuple[x509.ExtensionType, bool], **arguments: Any) -> list[Holder]:
    """Return a chain whose signer has certain extensions."""
    return [INTERMEDIATE.issue("leaf", extensions=extensions or SIGNER, **arguments), INTERMEDIATE]


def below(extensions: Extensions = AUTHORITY, issuer: Holder = ROOT, **arguments: Any) -> list[Holder]:
    """Return a chain whose intermediate has certain extensions."""
    intermediate = issuer.issue("intermediate", extensions=extensions, **arguments)
    return [intermediate.issue("leaf", extensions=SIGNER), intermediate]


UNKNOWN = (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4.5"), b"\x05\x00"), True)
NAMES = (x509.NameConstraints([x509.DNSName("example.org")], None), True)
LIMITED = ROOT.issue("limited", extensions=((x509.BasicConstraints(ca=True, path_length=0), True), AUTHORITY[1]))
CIRCLE = issue("circle")
CIRCLE_TWO = CIRCLE.issue("two")
CIRCLE_ONE = CIRCLE_TWO.issue("circle", key=CIRCLE.key)

REFUSED_CHAINS: dict[str, tuple[Sequence[Holder], str]] = {
    "an expired signer": (
        leaf_with(start=NOW - 3000 * DAY, end=NOW - 2900 * DAY),
        "the certificate of 'CN=leaf' expired on 2018-06-23",
    ),
    "a signer that is not valid yet": (
        leaf_with(start=NOW + DAY),
        "the certificate of 'CN=leaf' is not valid before 2026-06-02",
    ),
    "an expired intermediate": (
        below(start=NOW - 30 * DAY, end=NOW - DAY),
        "the certificate of 'CN=intermediate' expired on 2026-05-31",
    ),
    "another root": (
        below(issuer=issue("stranger")),
        "the certificate of 'CN=intermediate' was issued by 'CN=stranger', which leads to none of the given roots",
    ),
    "another root of the same name": (below(issuer=issue("root")), "which leads to none of the given roots"),
    "a missing intermediate": ([LEAF], "issued by 'CN=intermediate', which leads to none of the given roots"),
    "a self-signed signer": ([issue("leaf", extensions=SIGNER)], "issued by 'CN=leaf', which leads to none"),
    "authorities in a circle": (
        [CIRCLE_ONE.issue("leaf", extensions=SIGNER), CIRCLE_ONE, CIRCLE_TWO],
        "issued each other, and lead to no root",
    ),
    "a key usage without signatures": (
        leaf_with(usage(sign_certificates=True)),
        "the certificate of 'CN=leaf' may not sign data (its key usage)",
    ),
    "an extended key usage for servers": (
        leaf_with(usage(sign_data=True), purpose(ExtendedKeyUsageOID.SERVER_AUTH)),
        "the certificate of 'CN=leaf' may not sign code (its extended key usage)",
    ),
    "no usage at all": (
        leaf_with((x509.BasicConstraints(False, None), True)),
        "the certificate of 'CN=leaf' does not state that it may sign",
    ),
    "an intermediate that is no authority": (
        below(SIGNER),
        "the certificate of 'CN=intermediate' is not that of an authority, and issued another",
    ),
    "an intermediate without constraints": (below(()), "is not that of an authority, and issued another"),
    "an intermediate that may not issue": (
        below((AUTHORITY[0], usage(sign_data=True))),
        "the certificate of 'CN=intermediate' may not sign certificates (its key usage)",
    ),
    "a path that is too long": (
        [*below(issuer=LIMITED), LIMITED],
        "the certificate of 'CN=limited' allows no authority below it at that depth",
    ),
    "an unknown critical extension of the signer": (
        leaf_with(*SIGNER, UNKNOWN),
        "the certificate of 'CN=leaf' has the critical extension 1.2.3.4.5, which is unknown",
    ),
    "an unknown critical extension of an authority": (
        below((*AUTHORITY, UNKNOWN)),
        "the certificate of 'CN=intermediate' has the critical extension 1.2.3.4.5",
    ),
    "constraints of names, which are not evaluated": (
        below((*AUTHORITY, NAMES)),
        "the certificate of 'CN=intermediate' has the critical extension 2.5.29.30",
    ),
    "a weak key of an authority": (
        below(key=rsa.generate_private_key(65537, 1024)),
        "the certificate of 'CN=intermediate' has a key of 1024 bits; 2048 are due",
    ),
    "an RSA key of the signer": (
        leaf_with(key=FOREIGN_KEYS["an RSA key"]),
        "the certificate of 'CN=leaf' holds an RSA key; use an EC key",
    ),
}


@pytest.mark.parametrize("name", REFUSED_CHAINS)
def test_each_fault_of_a_chain_is_refused_with_its_own_sentence(name: str, tmp_path: Path) -> None:
    chain, sentence = REFUSED_CHAINS[name]
    path = write_certificates(tmp_path / "roots.pem", ROOT.certificate)
    key = chain[0].key if isinstance(chain[0].key, ec.EllipticCurvePrivateKey) else KEY
    bundle = sign(STATEMENT, key, [each.certificate for each in chain])
    with pytest.raises(SignatureError) as refused:
        accept(bundle, trust_root(path))
    assert sentence in str(refused.value)


def test_certificate_that_is_signed_with_sha1_is_refused(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    root = issue("root", key=key)
    leaf = root.issue("leaf", extensions=SIGNER)
    # No builder signs with SHA-1 any more, so the algorithm is exchanged and the content signed again.
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    content = leaf.certificate.tbs_certificate_bytes.replace(sha256, sha1)
    signature = key.sign(content, padding.PKCS1v15(), hashes.SHA1())
    der = leaf.certificate.public_bytes(serialization.Encoding.DER)
    weak = x509.load_der_x509_certificate(der.replace(sha256, sha1).replace(leaf.certificate.signature, signature))
    assert accept_chain(tmp_path, [leaf], [root]) is not None
    with pytest.raises(SignatureError, match="the certificate of 'CN=leaf' is not signed with SHA-2"):
        accept_chain(tmp_path, [Holder(weak, leaf.key)], [root])


def test_signer_with_another_subject_or_issuer_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="is that of 'CN=leaf', and --certificate-root trusts 'CN=other'"):
        accept_chain(tmp_path, [LEAF, INTERMEDIATE], subject="CN=other")
    with pytest.raises(SignatureError, match="issued by 'CN=intermediate', and --certificate-root trusts 'CN=root'"):
        accept_chain(tmp_path, [LEAF, INTERMEDIATE], issuer="CN=root")


def test_certificate_of_another_key_than_the_one_that_signed_is_refused(tmp_path: Path) -> None:
    path = write_certificates(tmp_path / "roots.pem", ROOT.certificate)
    with pytest.raises(SignatureError, match="the signature does not fit the statement and the key"):
        accept(sign(STATEMENT, OTHER_KEY, [LEAF.certificate, INTERMEDIATE.certificate]), trust_root(path))


def test_a_key_that_is_trusted_does_not_accept_a_certificate_of_it(tmp_path: Path) -> None:
    own = trust_key(write_public_key(tmp_path / "leaf.pub", LEAF.key))
    assert accept(sign(STATEMENT, LEAF.key, [LEAF.certificate]), own) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(12, b"\x01", 0)  # a version that does not exist
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3), st.sampled_from([0, 1]))
def test_a_chain_with_any_bytes_replaced_is_accepted_or_refused(
    tmp_path: Path, place: int, data: bytes, which: int
) -> None:
    bundle = sign(STATEMENT, LEAF.key, [LEAF.certificate, INTERMEDIATE.certificate])
    listed = bundle["verificationMaterial"]["x509CertificateChain"]["certificates"]
    der = bytearray((LEAF, INTERMEDIATE)[which].certificate.public_bytes(serialization.Encoding.DER))
    before = bytes(der)
    place %= len(der)
    der[place : place + len(data)] = data
    listed[which]["rawBytes"] = encode(bytes(der))
    path = write_certificates(tmp_path / "roots.pem", ROOT.certificate)
    try:
        accept(bundle, trust_root(path))
    except SignatureError:
        assert bytes(der) != before
    else:
        assert bytes(der) == before


def test_a_path_through_a_link_of_the_model_lies_in_it_wherever_the_link_leads(tmp_path: Path) -> None:
    model, key = tmp_path / "model", write_public_key(tmp_path / "own.pub")
    (model / "sub").mkdir(parents=True)
    (model / "key.pub").symlink_to(key)
    (model / "outside").symlink_to(tmp_path)
    (tmp_path / "alias").symlink_to(model)
    (tmp_path / "inner.pub").symlink_to(model / "inner.pub")
    inside = ("model/key.pub", "model/outside/own.pub", "alias/key.pub", "inner.pub", "model/sub/../key.pub")
    assert all(lies_in(tmp_path / path, model) for path in inside)
    assert not any(lies_in(tmp_path / path, model) for path in ("own.pub", "model/../own.pub", "modelkey"))
