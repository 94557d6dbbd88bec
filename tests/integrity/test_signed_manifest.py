"""What a signature states: each way in which a bundle, a statement or a manifest is refused, in its own sentence."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.signatures import list_entries, list_shards, make_statement, sign

from modelaudit.integrity.bundles import MOST_BYTES, encode_payload, may_be_bundle, parse_bundle
from modelaudit.integrity.signed_manifest import SignedManifest, SignedPart, read_manifest
from modelaudit.integrity.statements import parse_statement
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.errors import SignatureError
from modelaudit.model.signature import SignatureMethod

FILES = {"a.txt": b"a", "sub/b.bin": b"bytes"}
HASH = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


def read(bundle: dict[str, Any] | bytes) -> SignedManifest:
    """Read the manifest of a bundle."""
    data = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
    return read_manifest(parse_statement(parse_bundle(data).envelope.payload))


def sign_names(*names: str) -> dict[str, Any]:
    """Sign a manifest of files with these names."""
    return sign(make_statement([{"name": each, "algorithm": "sha256", "digest": HASH} for each in names]))


def sign_ranges(*ranges: str, size: Any = 4) -> dict[str, Any]:
    """Sign a manifest of ranges with these names."""
    entries = [{"name": each, "algorithm": "sha256", "digest": HASH} for each in ranges]
    return sign(make_statement(entries, method="shards", shard_size=size))


def change(part: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return a bundle of which a function changed one part."""
    bundle = copy.deepcopy(sign(make_statement(list_entries(FILES))))
    part(bundle)
    return bundle


def change_statement(part: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return a bundle over a statement of which a function changed one part."""
    statement = make_statement(list_entries(FILES))
    part(statement)
    return sign(statement)


def test_manifest_of_files_and_of_ranges_is_read_as_it_was_signed() -> None:
    whole = read(sign(make_statement(list_entries(FILES), ignore_paths=["cache", ".git"])))
    assert (whole.algorithm, sorted(whole.files), whole.in_shards) == (DigestAlgorithm.SHA256, sorted(FILES), False)
    assert whole.files["a.txt"] == (SignedPart(0, None, HASH),)
    assert [
        each for each in ("cache", "cache/x", "cached", "sub/cache", ".github/w.yml") if whole.leaves_out(each)
    ] == [
        "cache",
        "cache/x",
        ".github/w.yml",
    ]
    for size in (2, "2", 2.0):
        parts = read(sign(make_statement(list_shards(FILES, 2), method="shards", shard_size=size))).files
        assert [(each.start, each.end) for each in parts["sub/b.bin"]] == [(0, 2), (2, 4), (4, 5)]
    [name] = read(sign_ranges("a:1:2:0:4")).files  # the last two numbers are the range
    assert name == "a:1:2"


def test_names_of_ranges_are_sorted_as_text_and_joined_as_numbers() -> None:
    data = bytes(range(250)) * 5
    entries = list_shards({"w.bin": data}, 100)
    assert [each["name"] for each in entries] != sorted(
        (each["name"] for each in entries), key=lambda name: int(name.split(":")[1])
    )
    parts = read(sign(make_statement(entries, method="shards", shard_size=100))).files["w.bin"]
    assert [each.start for each in parts] == list(range(0, 1250, 100))


def test_variants_of_earlier_versions_and_other_implementations_are_read() -> None:
    for part in (
        lambda bundle: bundle["verificationMaterial"].pop("tlogEntries"),
        lambda bundle: bundle["verificationMaterial"].update(publicKey={"rawBytes": "AAAA", "keyDetails": "x"}),
        lambda bundle: bundle["dsseEnvelope"]["signatures"][0].update(keyid=None),
        lambda bundle: bundle["dsseEnvelope"]["signatures"][0].pop("keyid"),
        lambda bundle: bundle.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.3"),
    ):
        assert sorted(read(change(part)).files) == sorted(FILES)
    old = list_entries(FILES)
    for each in old:
        each["algorithm"] = "sha256-sharded-4"
        each["name"] += ":0:1"
    assert read(sign(make_statement(old, method="shards", shard_size=4))).in_shards


ENTRY = {"name": "a.txt", "algorithm": "sha256", "digest": HASH}
REFUSED: dict[str, tuple[dict[str, Any] | bytes, str]] = {
    # the container
    "a bundle of 100 MB": (b" " * (100 << 20), f"it is larger than {MOST_BYTES:,} bytes"),
    "no JSON": (b"{", "the bundle is not sound JSON"),
    "no UTF-8": (b'{"mediaType": "\xff"}', "the bundle is not sound JSON"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "the bundle is not sound JSON"),
    "a list": (b"[]", "the bundle is not a JSON object"),
    "an empty object": (b"{}", "the bundle has no string 'mediaType'"),
    "deep nesting": (b'{"a":' * 100_000, "the bundle is nested too deeply"),
    "millions of values": (b'{"a":[' + b"1," * 2_000_001 + b"1]}", "the bundle has more than 2,000,000 values"),
    "NaN": (b'{"mediaType": NaN}', "NaN is not a JSON value"),
    "a key twice": (b'{"mediaType": "a", "mediaType": "b"}', "the key 'mediaType' occurs twice in one object"),
    # A search in quadratic time would take days.
    "the last of a million keys twice": (
        b"{" + b",".join(b'"%d":0' % number for number in range(1_000_000)) + b',"999999":0}',
        "the key '999999' occurs twice in one object",
    ),
    "an unknown media type": (
        change(lambda bundle: bundle.update(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json")),
        "the media type 'application/vnd.dev.sigstore.bundle.v0.4+json' is not that of a Sigstore bundle 0.3",
    ),
    "no material": (
        change(lambda bundle: bundle.pop("verificationMaterial")),
        "the bundle has no object 'verificationMaterial'",
    ),
    "an unknown material": (
        change(lambda bundle: bundle["verificationMaterial"].pop("publicKey")),
        "it holds none of publicKey, x509CertificateChain and certificate, and needs one",
    ),
    "two materials": (
        change(lambda bundle: bundle["verificationMaterial"].update(certificate={"rawBytes": "AAAA"})),
        "it holds publicKey and certificate of publicKey",
    ),
    "keyless without a log entry": (
        change(lambda bundle: bundle.update(verificationMaterial={"certificate": {"rawBytes": ""}, "tlogEntries": []})),
        "it was made for an identity and holds no entry of a log",
    ),
    "an empty chain": (
        change(lambda bundle: bundle.update(verificationMaterial={"x509CertificateChain": {"certificates": []}})),
        "the certificate chain has 0 certificates, and needs 1 to 10",
    ),
    "11 certificates": (
        change(
            lambda bundle: bundle.update(
                verificationMaterial={"x509CertificateChain": {"certificates": [{"rawBytes": ""}] * 11}}
            )
        ),
        "the certificate chain has 11 certificates",
    ),
    "no envelope": (change(lambda bundle: bundle.pop("dsseEnvelope")), "the bundle has no object 'dsseEnvelope'"),
    "a signature of bytes": (
        change(lambda bundle: bundle.update(messageSignature={})),
        "it signs the bytes of one file, and not a statement on a model",
    ),
    "no signature": (
        change(lambda bundle: bundle["dsseEnvelope"].update(signatures=[])),
        "it holds 0 signatures, and needs one",
    ),
    "two signatures": (
        change(lambda bundle: bundle["dsseEnvelope"].update(signatures=bundle["dsseEnvelope"]["signatures"] * 2)),
        "it holds 2 signatures, and needs one",
    ),
    "another payload type": (
        change(lambda bundle: bundle["dsseEnvelope"].update(payloadType="text/plain")),
        "the payload is 'text/plain', and not an in-toto statement",
    ),
    "Base64 with spaces": (
        change(lambda bundle: bundle["dsseEnvelope"].update(payload="AAAA AAAA")),
        "the payload is not Base64",
    ),
    # the statement
    "a statement with a key twice": (sign(b'{"_type": "a", "_type": "b"}'), "the key '_type' occurs twice"),
    "deep nesting in the statement": (sign(b"[" * 100_000), "the statement is nested too deeply"),
    "another statement": (
        change_statement(lambda statement: statement.update(_type="https://in-toto.io/Statement/v0.1")),
        "the statement has the type 'https://in-toto.io/Statement/v0.1'",
    ),
    "another predicate version": (
        change_statement(lambda statement: statement.update(predicateType="https://model_signing/signature/v1.1")),
        "the statement is 'https://model_signing/signature/v1.1', and this version reads "
        "https://model_signing/signature/v1.0",
    ),
    "the predicate of version 0.2": (
        change_statement(lambda statement: statement.update(predicateType="https://model_signing/Digests/v0.1")),
        "the statement is 'https://model_signing/Digests/v0.1'",
    ),
    "no subject": (change_statement(lambda statement: statement.update(subject=[])), "the statement has no subject"),
    "two subjects": (
        change_statement(lambda statement: statement.update(subject=statement["subject"] * 2)),
        "the statement has 2 subjects, and needs one",
    ),
    "another root digest": (
        change_statement(lambda statement: statement["subject"][0]["digest"].update(sha256=HASH)),
        "the digest of the subject is not that of the entries of the manifest",
    ),
    # the manifest
    "SHA-1": (sign(make_statement([ENTRY], hash_type="sha1")), "the digests are 'sha1'; sha256, blake2b and blake3"),
    "MD5": (sign(make_statement([ENTRY], hash_type="md5")), "the digests are 'md5'"),
    "mixed digests": (
        sign(make_statement([ENTRY, ENTRY | {"name": "b", "algorithm": "sha1"}])),
        "'b' has a digest of 'sha1' in a manifest of sha256",
    ),
    "the name of another digest": (
        sign(make_statement([ENTRY | {"algorithm": "sha512"}], hash_type="sha256")),
        "'a.txt' has a digest of 'sha512' in a manifest of sha256",
    ),
    "a digest cut short": (
        sign(make_statement([ENTRY | {"digest": HASH[:32]}])),
        "the digest of 'a.txt' is not one of sha256",
    ),
    "a digest in capitals": (
        sign(make_statement([ENTRY | {"digest": HASH.upper()}])),
        "the digest of 'a.txt' is not one of sha256 in lower-case hexadecimal",
    ),
    "no entries": (sign(make_statement([])), "the manifest has 0 entries"),
    "a name twice": (sign_names("a", "b", "a"), "the manifest names 'a' twice"),
    "two slashes": (sign_names("a//b"), "the name 'a//b' is not in its simplest form"),
    "a dot": (sign_names("./a"), "the name './a' is not in its simplest form"),
    "an inner dot": (sign_names("a/./b"), "the name 'a/./b' is not in its simplest form"),
    "a slash at the end": (sign_names("a/"), "the name 'a/' is not in its simplest form"),
    "two dots": (sign_names("a/../../b"), "the name 'a/../../b' leads out of the model"),
    "an absolute name": (sign_names("/etc/passwd"), "the name '/etc/passwd' is absolute"),
    "a file without a name": (sign_names("."), "the manifest signs one file without its name, and not the files"),
    "an empty name": (sign_names(""), "the name '' is empty"),
    "a zero byte": (sign_names("a\0b"), "holds a zero byte"),
    "half a character": (sign_names("a\udcff"), "the name 'a\\udcff' holds a lone surrogate"),
    "NFC and NFD": (sign_names("caf\xe9", "cafe\u0301"), "differ in their Unicode form alone (NFC and NFD)"),
    "a file that is a folder": (sign_names("a", "a/b"), "'a' and 'a/b' cannot both exist"),
    "another method": (
        sign(make_statement([ENTRY], method="chunks")),
        "the method 'chunks' is neither files nor shards",
    ),
    "links as a word": (sign(make_statement([ENTRY], allow_symlinks="yes")), "allow_symlinks is not a boolean"),
    "a size of shards beside files": (
        sign(make_statement([ENTRY], shard_size=4)),
        "a manifest of whole files has a shard_size",
    ),
    "no size of shards": (sign_ranges("a:0:4", size=None), "a manifest of shards has no shard_size above 0"),
    "a size of 0": (sign_ranges("a:0:4", size=0), "a manifest of shards has no shard_size above 0"),
    "a size of half a byte": (sign_ranges("a:0:4", size=0.5), "a manifest of shards has no shard_size above 0"),
    "an endless size": (sign(b'{"_type": Infinity}'), "Infinity is not a JSON value"),
    "a size that is a boolean": (sign_ranges("a:0:1", size=True), "a manifest of shards has no shard_size above 0"),
    "a whole file in shards": (sign_ranges("a"), "'a' names no range of bytes in a manifest of shards"),
    "a hole": (sign_ranges("a:0:4", "a:8:12"), "the ranges of 'a' have a gap at byte 4"),
    "a late beginning": (sign_ranges("a:4:8"), "the ranges of 'a' have a gap at byte 0"),
    "an overlap": (sign_ranges("a:0:4", "a:2:6"), "the ranges of 'a' have an overlap at byte 2"),
    "an empty range": (sign_ranges("a:0:0"), "a range of 'a' has 0 bytes, and shards have 4"),
    "a range backwards": (sign_ranges("a:0:4", "a:4:2"), "a range of 'a' has -2 bytes"),
    "a long range": (sign_ranges("a:0:5"), "a range of 'a' has 5 bytes, and shards have 4"),
    "a short range in the middle": (sign_ranges("a:0:3", "a:3:6"), "a range of 'a' has 3 bytes, and shards have 4"),
    "a number with a zero": (sign_ranges("a:00:4"), "names no range of bytes"),
    "a pattern that is ignored": (sign(make_statement([ENTRY], ignore_paths=["*.py"])), "'*.py' is a pattern"),
    "an ignored path outside": (sign(make_statement([ENTRY], ignore_paths=["../x"])), "'../x' leads out of the model"),
    "an ignored root": (sign(make_statement([ENTRY], ignore_paths=["."])), "'.' is not in its simplest form"),
    "an ignored number": (sign(make_statement([ENTRY], ignore_paths=[1])), "an ignored path is not a string"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_fault_is_refused_with_its_own_sentence(name: str) -> None:
    bundle, sentence = REFUSED[name]
    with pytest.raises(SignatureError) as refused:
        read(bundle)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_refusals_quote_at_most_80_characters_of_a_foreign_text_on_one_line() -> None:
    with pytest.raises(SignatureError) as refused:
        read(sign_names("../" + "\n\x1b[31m" * 10_000))
    assert len(str(refused.value)) < 500
    assert str(refused.value).isprintable()


def test_encoding_of_the_payload_is_that_of_dsse() -> None:
    # The example of DSSE 1.0, protocol.md.
    assert encode_payload("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_base64_of_the_url_alphabet_is_read() -> None:
    bundle = sign(make_statement(list_entries({"\xff\xfe?>": b"?" * 99})))
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    bundle["dsseEnvelope"]["payload"] = base64.urlsafe_b64encode(payload).decode()
    assert read(bundle).files


def test_a_file_may_be_a_bundle_unless_it_clearly_is_another_kind() -> None:
    assert all(map(may_be_bundle, (b"", b"{", b" \n{", b" " * 4096)))
    assert not any(map(may_be_bundle, (b"-----BEGIN PGP SIGNATURE-----", b"\x89\x02", b"untrusted comment")))
    assert not may_be_bundle(b'{"text": "a claim"}', is_dataset_name=True)
    assert may_be_bundle(json.dumps(sign_names("a")).encode(), is_dataset_name=True)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["sha256", "a:0:4"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def walk(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the path of each part of a document."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(each for key in keys for each in walk(value[key], (*path, key)))]


def replace_part(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document with another value at one path."""
    if not path:
        return value
    document = copy.deepcopy(document)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return document


BUNDLE = sign(make_statement(list_entries(FILES), ignore_paths=["cache"]))
SHARDS = make_statement(list_shards(FILES, 2), method="shards", shard_size=2, ignore_paths=["cache"])


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(SignatureError):
        read(data)
    with pytest.raises(SignatureError):
        parse_statement(data)


@given(st.sampled_from(walk(BUNDLE)), JSON)
def test_a_bundle_with_any_part_replaced_is_read_or_refused(path: tuple[Any, ...], value: Any) -> None:
    try:
        bundle = parse_bundle(json.dumps(replace_part(BUNDLE, path, value)).encode())
        read_manifest(parse_statement(bundle.envelope.payload))
    except SignatureError:
        return
    assert bundle.method in SignatureMethod


@given(st.sampled_from(walk(SHARDS)), JSON)
def test_a_statement_with_any_part_replaced_is_read_or_refused(path: tuple[Any, ...], value: Any) -> None:
    try:
        manifest = read_manifest(parse_statement(json.dumps(replace_part(SHARDS, path, value)).encode()))
    except SignatureError:
        return
    for parts in manifest.files.values():
        assert [each.start for each in parts[1:]] == [each.end for each in parts[:-1]]
