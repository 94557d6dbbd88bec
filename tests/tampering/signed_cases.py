"""What is done to a signed model, to an attested one and to a sealed folder, and what names it.

The expectations were written from the documents before the first run. A commit that changes one says why.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

from support.attested import AttestedModel, encode_line
from support.signatures import OTHER_KEY, SIGNER, Holder, issue, write_certificates, write_public_key
from tampering.cases import (
    CODE,
    CONFIG,
    EVIL,
    FIRST,
    SECOND,
    Case,
    Change,
    commit,
    flip,
    overwrite,
    relink,
    swap,
    write,
)
from tampering.places import FILES, OLD_FILES, Place, write_files
from tampering.signing import edit_payload, flip_signature, seal_again, sign_model

from modelaudit.integrity.rule_pack import build_statement, write_pack
from modelaudit.integrity.signing import KeySigner, load_private_key
from modelaudit.packs import read_rule_files

SIGNATURE = "model.sig"
HOOK = "#!/bin/sh\necho\n"
POLICY = """\
extends: default
require: [signer]
trusted-signers:
  - public-key: own.pub
"""


def trust(place: Place, name: str = "own") -> None:
    """Trust a key that lies beside the model, and nobody else."""
    place.options = ["--public-key", str(place.beside / f"{name}.pub")]


def require_signer(place: Place) -> None:
    """Require the signature of the publisher by a policy."""
    policy = place.beside / "policy.yaml"
    policy.write_text(POLICY)
    place.options = ["--policy", str(policy)]


def shift(days: float) -> datetime:
    """Return the time some days from now."""
    return datetime.now(UTC) + timedelta(days=days)


@cache
def make_authority(owner: str) -> Holder:
    """Make the root of certificates of an owner, which holds for a year in both directions; all have one name."""
    return issue("root", start=shift(-365), end=shift(365))


def certify(place: Place, until: float = 9, owner: str = "publisher") -> None:
    """Sign by a certificate, and trust the root of the publisher.

    Args:
        place: The signed model.
        until: When the certificate expires, in days from now.
        owner: Whose root issues it.
    """
    leaf = make_authority(owner).issue("models", extensions=SIGNER, start=shift(-99), end=shift(until))
    sign_model(place.root, leaf.key, [leaf.certificate])
    path = write_certificates(place.beside / "root.pem", make_authority("publisher").certificate)
    place.options = ["--certificate-root", str(path)]


def sign_checkout(place: Place) -> None:
    """Commit the signature of a checkout with Git LFS, as publishers do whose users clone."""
    commit(place, SIGNATURE, sign_model(place.root).read_text())
    place.options = ["--public-key", str(write_public_key(place.beside / "own.pub"))]


def take_signature(place: Place, files: dict[str, bytes]) -> None:
    """Replace the signature by the one that the publisher made for other files."""
    other = write_files(place.beside / "second", files)
    shutil.copy(sign_model(other), place.root)


def plant_key(place: Place) -> None:
    """Change code, put a public key into the model, and sign all of it with that key."""
    overwrite(place.root / CODE, EVIL)
    write_public_key(place.root / "publisher.pub", OTHER_KEY)
    sign_model(place.root, OTHER_KEY)


def widen(place: Place) -> None:
    """Let the publisher sign without the tokenizer, and change that."""
    sign_model(place.root, ignore_paths=["tokenizer"])
    overwrite(place.root / "tokenizer/vocab.txt", b"x\ny\nz\n")


def sign_ranges(place: Place) -> None:
    """Let the publisher sign ranges of 50 bytes."""
    sign_model(place.root, shard_size=50)


def shorten_range(place: Place) -> None:
    """Let the manifest end before the last byte of a shard, as the holder of the key can."""
    data = (place.root / FIRST).read_bytes()
    overwrite(place.root / FIRST, data[:-1])
    sign_ranges(place)
    overwrite(place.root / FIRST, data)


def hide_behind_link(place: Place) -> None:
    """Move code to where the signature does not look, change it there, and leave a link."""
    write(place.root / ".github/code.py", EVIL)
    relink(place.root / CODE, ".github/code.py")


SIGNED = [
    Case("signed", "change a shard", lambda at: flip(at.root / FIRST), 1, f"  contradicted: {FIRST}: {SIGNATURE}"),
    Case("signed", "replace code", lambda at: overwrite(at.root / CODE, EVIL), 1, f"  contradicted: {CODE}"),
    Case(
        *("signed", "swap two shards"),
        lambda at: swap(at.root / FIRST, at.root / SECOND),
        *(1, f"  contradicted: {SECOND}"),
    ),
    Case("signed", "add code", lambda at: write(at.root / "x.py", EVIL), 1, f"  added: x.py: {SIGNATURE} covers 7"),
    Case("signed", "add hidden data", lambda at: write(at.root / ".x", "x"), 1, "  added: .x"),
    Case("signed", "add a link to code", lambda at: relink(at.root / "x.py", CODE), 1, "  added: x.py"),
    Case(
        *("signed", "add a link to a folder"),
        lambda at: relink(at.root / "tokens", "tokenizer"),
        *(1, f"  added: tokens: {SIGNATURE} covers 7 files and no link"),
    ),
    Case("signed", "remove code", lambda at: (at.root / CODE).unlink(), 1, f"  missing: {CODE}"),
    Case("signed", "rename code", lambda at: (at.root / CODE).rename(at.root / "json.py"), 1, "  added: json.py"),
    Case(
        *("signed", "rename to capitals"),
        lambda at: (at.root / CONFIG).rename(at.root / "Config.json"),
        *(1, "  added: Config.json"),
    ),
    Case(
        *("signed", "put a link to equal bytes elsewhere in place of code"),
        lambda at: (write(at.beside / "x", FILES[CODE]), relink(at.root / CODE, at.beside / "x")),
        *(1, f"  *: {CODE}"),
    ),
    Case("signed", "put a link to code that is left out in place of code", hide_behind_link, 1, f"  *: {CODE}"),
    Case(
        *("signed", "add code below .github"),
        lambda at: write(at.root / ".github/setup.py", EVIL),
        *(1, f"  added: .github/setup.py: {SIGNATURE} ignores it"),
    ),
    Case(
        *("signed", "add code below another path that is left out"),
        lambda at: (
            sign_model(at.root, ignore_paths=["__pycache__"]),
            write(at.root / "__pycache__/modeling_tiny.cpython-312.pyc", EVIL),
        ),
        *(1, "  added: __pycache__/modeling_tiny.cpython-312.pyc"),
    ),
    Case("signed", "add code below .git", lambda at: write(at.root / ".git/x.py", EVIL), 1, "  added: .git/x.py"),
    Case(
        *("signed", "add a hook of git"),
        lambda at: write(at.root / ".git/hooks/post-checkout", HOOK, 0o755),
        *(1, "  added: .git/hooks/post-checkout"),
    ),
    Case(
        *("git", "add a hook to a signed checkout"),
        lambda at: (sign_checkout(at), write(at.root / ".git/hooks/pre-commit", HOOK, 0o755)),
        *(1, "  added: .git/hooks/pre-commit"),
    ),
    Case(
        *("git", "replace code of a signed checkout, and the index"),
        lambda at: (sign_checkout(at), overwrite(at.root / CODE, EVIL), at.git("add", CODE)),
        *(1, f"  contradicted: {CODE}: {SIGNATURE}"),
    ),
    Case(
        *("signed", "widen what is left out, and let the publisher sign it"),
        widen,
        *(1, f"  signature: {SIGNATURE}: it leaves out 'tokenizer'"),
    ),
    Case(
        *("signed", "sign by another key"),
        lambda at: sign_model(at.root, OTHER_KEY),
        *(1, f"  signature: {SIGNATURE}: it names the key "),
    ),
    Case(
        *("signed", "trust another key"),
        lambda at: trust(at, "other"),
        *(1, f"  signature: {SIGNATURE}: it names the key "),
    ),
    Case("signed", "sign with a planted key", plant_key, 1, f"  signature: {SIGNATURE}: it names the key "),
    Case(
        *("signed", "sign by an expired certificate"),
        lambda at: certify(at, until=-9),
        *(1, f"  signature: {SIGNATURE}: the certificate of 'CN=models' expired on "),
    ),
    Case(
        *("signed", "sign by a certificate of another root of the same name"),
        lambda at: certify(at, owner="attacker"),
        *(1, f"  signature: {SIGNATURE}: the certificate of 'CN=models' was issued by 'CN=root', which leads to"),
    ),
    Case(
        *("signed", "take the signature of the previous version"),
        lambda at: take_signature(at, OLD_FILES),
        *(1, f"  contradicted: {CONFIG}"),
    ),
    Case(
        *("signed", "take the signature of another model"),
        lambda at: take_signature(at, {"weights.bin": b"x"}),
        *(1, f"  added: {CODE}: {SIGNATURE} covers 1 file"),
    ),
    Case(
        *("signed", "edit the statement"),
        lambda at: edit_payload(at.root / SIGNATURE, CODE.encode(), b"x.py"),
        *(1, f"  signature: {SIGNATURE}: the signature does not fit the statement"),
    ),
    Case(
        *("signed", "edit the bytes of the signature"),
        lambda at: flip_signature(at.root / SIGNATURE),
        *(1, f"  signature: {SIGNATURE}: the signature does not fit the statement"),
    ),
    Case(
        *("signed", "break the signature off"),
        lambda at: write(at.root / SIGNATURE, (at.root / SIGNATURE).read_bytes()[:500]),
        *(1, f"  signature: {SIGNATURE}: the bundle is not sound JSON"),
    ),
    Case(
        *("signed", "empty the signature"),
        lambda at: write(at.root / SIGNATURE, b""),
        *(1, f"  signature: {SIGNATURE}: it is empty"),
    ),
    Case(
        *("signed", "remove the signature"),
        lambda at: (at.root / SIGNATURE).unlink(),
        *(1, "  signature: .: the model has no signature"),
    ),
    Case(
        *("signed", "change code and add a signature by another key"),
        lambda at: (overwrite(at.root / CODE, EVIL), sign_model(at.root, OTHER_KEY, record="second.sig")),
        *(1, f"  contradicted: {CODE}: {SIGNATURE}"),
    ),
    Case(
        *("signed", "change a signed range"),
        lambda at: (sign_ranges(at), flip(at.root / FIRST)),
        *(1, f"  contradicted: {FIRST}: {SIGNATURE} states another digest of bytes 100 to "),
    ),
    Case("signed", "state a shorter last range", shorten_range, 1, f"  contradicted: {FIRST}"),
    Case(
        *("signed", "state ranges of another size"),
        lambda at: (sign_ranges(at), edit_payload(at.root / SIGNATURE, b'"shard_size": 50', b'"shard_size": 60')),
        *(1, f"  signature: {SIGNATURE}: "),
    ),
    Case(
        *("signed", "add a file without bytes to signed ranges"),
        lambda at: (sign_ranges(at), write(at.root / "tokenizer/__init__.py", b"")),
        *(1, f"  added: tokenizer/__init__.py: {SIGNATURE} signs ranges of bytes"),
    ),
]
SIGNED = [Case(c.place, c.operation, c.change, c.code, c.named, "verify") for c in SIGNED]
SIGNED += [
    Case(
        *("signed", "replace code before a scan"),
        lambda at: overwrite(at.root / CODE, EVIL),
        *(1, f"*/digest-mismatch {CODE}"),
    ),
    Case(
        *("signed", "add a link to a folder before a scan"),
        lambda at: relink(at.root / "tokens", "tokenizer"),
        *(1, "*/file-not-signed tokens"),
    ),
    Case("signed", "add data before a scan", lambda at: write(at.root / "a.json", "{}"), 1, "*/file-not-signed a.json"),
    Case(
        *("signed", "add code below .github before a scan"),
        lambda at: write(at.root / ".github/setup.py", EVIL),
        *(1, "*/code-left-out .github/setup.py"),
    ),
    Case(
        *("signed", "add a hook of git before a scan"),
        lambda at: write(at.root / ".git/hooks/post-checkout", HOOK, 0o755),
        *(1, "*/code-left-out .git/hooks/post-checkout"),
    ),
    Case(
        *("signed", "change a signed range before a scan"),
        lambda at: (sign_ranges(at), flip(at.root / FIRST)),
        *(1, f"*/signed-range-differs {FIRST}"),
    ),
    Case(
        *("signed", "remove the signature that a policy requires"),
        lambda at: (require_signer(at), (at.root / SIGNATURE).unlink()),
        *(3, "signer ?o signature of a trusted signer was verified*"),
    ),
    Case(
        *("signed", "sign by another key than a policy requires"),
        lambda at: (require_signer(at), sign_model(at.root, OTHER_KEY)),
        *(1, f"*/signature-refused {SIGNATURE}"),
    ),
]


def find_attested(place: Place) -> AttestedModel:
    """Return the attested model of a place."""
    return AttestedModel(place.beside)


def attest_again(place: Place, days: float = 0) -> None:
    """Scan the model as it is now, and attest the verdict; ``days`` is when, from now."""
    attested = find_attested(place)
    scanned = attested.scan(SOURCE_DATE_EPOCH=str(int(shift(days).timestamp())))
    done = attested.attest()
    assert done.returncode == 0, scanned.stderr + done.stderr


def keep_attestation(place: Place, change: Callable[[AttestedModel], object]) -> None:
    """Change a model, and keep the attestation of before beside a new report."""
    attested = find_attested(place)
    change(attested)
    assert attested.scan().returncode == 0


def state(**values: object) -> Change:
    """Return a change that lets the holder of the key state other values of the summary."""
    return lambda at: find_attested(at).resign(lambda _, summary: summary["predicate"].update(values))


def relabel(place: Place) -> None:
    """Let a verdict that failed say that it passed, without the key."""
    attested = find_attested(place)
    state(verificationResult="FAILED", verifiedLevels=["FAILED"])(place)
    first, second = attested.attestation.read_bytes().splitlines()
    payload = json.dumps(attested.read_payloads()[1]).encode()
    assert b"FAILED" in payload
    attested.attestation.write_bytes(first + b"\n" + encode_line(payload.replace(b"FAILED", b"PASSED"), second) + b"\n")


def fail_verdict(place: Place) -> None:
    """Attest a verdict that failed."""
    write(place.root / "x.pkl", b"cposix\nsystem\n(Vecho inert\ntR.")
    attest_again(place)


def swap_evidence(place: Place) -> None:
    """Put the evidence of a later scan before the summary."""
    attested = find_attested(place)
    _, second = attested.attestation.read_bytes().splitlines(keepends=True)
    attest_again(place, days=-1)
    first, _ = attested.attestation.read_bytes().splitlines(keepends=True)
    attested.attestation.write_bytes(first + second)


def drop_subjects(place: Place) -> None:
    """Let the summary be about one file less, without the key."""
    attested = find_attested(place)
    _, summary = attested.read_payloads()
    summary["subject"].pop()
    first, second = attested.attestation.read_bytes().splitlines()
    attested.attestation.write_bytes(first + b"\n" + encode_line(json.dumps(summary).encode(), second) + b"\n")


def replace_model(place: Place) -> None:
    """Put another model in the place of the attested one."""
    shutil.rmtree(place.root)
    write_files(place.root, FILES)


REFUSED = "*: REFUSED: "
ATTESTED = [
    Case(
        *("attested", "change a configuration"),
        lambda at: write(at.root / CONFIG, "{}"),
        *(1, f"changed: {CONFIG}: 2 bytes with SHA-256 "),
    ),
    Case("attested", "add code", lambda at: write(at.root / "x.py", EVIL), 1, "added: x.py: a file that the attest"),
    Case(
        *("attested", "add code below .github"),
        lambda at: write(at.root / ".github/x.py", EVIL),
        *(1, "added: .github/x.py"),
    ),
    Case("attested", "add code below .git", lambda at: write(at.root / ".git/x.py", EVIL), 1, "added: .git/x.py"),
    Case("attested", "remove a file", lambda at: (at.root / CONFIG).unlink(), 1, f"missing: {CONFIG}"),
    Case(
        *("attested", "rename a file"),
        lambda at: (at.root / "label_map.pkl").rename(at.root / "json.py"),
        *(1, "renamed: json.py: 'label_map.pkl' is attested"),
    ),
    Case("attested", "make a file executable", lambda at: (at.root / CONFIG).chmod(0o755), 1, f"mode: {CONFIG}"),
    Case("attested", "remove an empty folder", lambda at: (at.root / "empty").rmdir(), 1, "missing: empty"),
    Case(
        *("attested", "put a link to equal bytes in place of a file"),
        lambda at: (shutil.copy(at.root / CONFIG, at.beside / "x"), relink(at.root / CONFIG, at.beside / "x")),
        *(1, f"kind: {CONFIG}"),
    ),
    Case("attested", "replay for another model", replace_model, 1, "changed: README.md"),
    Case(
        *("attested", "replay where another model is required"),
        lambda at: at.options.extend(["--resource", "pkg:huggingface/acme/other"]),
        *(1, "the model is 'urn:modelaudit:folder:model@v1:"),
    ),
    Case(
        *("attested", "replay where another policy is required"),
        lambda at: at.options.extend(["--policy-digest", "0" * 64]),
        *(1, "the policy is '"),
    ),
    Case(
        *("attested", "replay where another verifier is required"),
        lambda at: at.options.extend(["--verifier-id", "https://acme.example/gate"]),
        *(1, "the verifier is 'urn:modelaudit:verifier', and 'https://acme.example/gate' is required"),
    ),
    Case(
        *("attested", "replay an old verdict"),
        lambda at: (attest_again(at, days=-40), at.options.extend(["--not-older-than", "30d"])),
        *(1, "the verdict is of 20*, which is older than allowed"),
    ),
    Case(
        *("attested", "replay an expired verdict"),
        state(**{"urn:modelaudit:expires": "2020-01-01T00:00:00Z"}),
        *(1, "the verdict expired at 2020-01-01"),
    ),
    Case(
        *("attested", "replay the verdict of an earlier scan"),
        lambda at: keep_attestation(at, lambda model: write(model.model / CONFIG, '{"model_type": "gpt2"}')),
        *(1, f"changed: {CONFIG}"),
    ),
    Case("attested", "relabel a verdict that failed", relabel, 1, "the signature does not fit the statement"),
    Case("attested", "deploy a verdict that failed", fail_verdict, 1, "the verdict is FAILED: 'findings (load)'"),
    Case(
        *("attested", "let the summary of the signer contradict the evidence"),
        state(verificationResult="FAILED", verifiedLevels=["FAILED"]),
        *(1, "the summary says FAILED, and the causes in the evidence say the opposite"),
    ),
    Case("attested", "swap the evidence", swap_evidence, 1, "the summary rests on other evidence"),
    Case("attested", "drop a subject", drop_subjects, 1, "the signature does not fit the statement"),
    Case(
        *("attested", "drop a subject and sign it"),
        lambda at: find_attested(at).resign(lambda _, summary: summary["subject"].pop()),
        *(1, "the evidence and the summary are about different files"),
    ),
    Case(
        *("attested", "attest by another key"),
        lambda at: find_attested(at).attest("--key", at.beside / "other.pem"),
        *(1, "it names the key "),
    ),
    Case(
        *("attested", "remove the evidence"),
        lambda at: find_attested(at).attestation.write_bytes(
            find_attested(at).attestation.read_bytes().splitlines(keepends=True)[1]
        ),
        *(1, "it has 1 lines, and needs two"),
    ),
    Case(
        *("attested", "give the signature of the model for a verdict"),
        lambda at: (
            sign_model(at.root),
            (at.root / SIGNATURE).rename(find_attested(at).attestation),
        ),
        *(1, "it has 1 lines, and needs two"),
    ),
]
ATTESTED = [Case(c.place, c.operation, c.change, c.code, REFUSED + c.named, "verify") for c in ATTESTED]


def seal_old_verdict(place: Place) -> None:
    """Seal a verdict that is older than allowed."""
    attest_again(place, days=-40)
    place.root = place.beside / "second"
    done = find_attested(place).attest("--seal", place.root)
    assert done.returncode == 0, done.stderr
    place.options.extend(["--not-older-than", "30d"])


def take_seal(place: Place) -> None:
    """Replace the seal by that of another folder, which the same key sealed."""
    attested = find_attested(place)
    write(attested.model / CONFIG, '{"model_type": "gpt2"}')
    attest_again(place)
    done = attested.attest("--seal", place.beside / "second")
    assert done.returncode == 0, done.stderr
    shutil.copy(place.beside / "second/seal.json", place.root)


def pack_rules(place: Place, key: str, change: Callable[[dict[str, bytes]], object] = len) -> None:
    """Replace the pack of rules by one that a key signed."""
    files = dict(read_rule_files())
    change(files)
    private = load_private_key((place.beside / f"{key}.pem").read_bytes())
    write(place.root / "rules.zip", write_pack(files, KeySigner(private).sign(build_statement(files))))


def lower_rule(files: dict[str, bytes]) -> None:
    """Lower the severity of a rule."""
    name = "findings/pickle/dangerous-call.yaml"
    assert b"severity: critical" in files[name]
    files[name] = files[name].replace(b"severity: critical", b"severity: low")


def carry_without_modes(place: Place) -> None:
    """Carry the folder in an archive of Python's module, which follows links and drops modes."""
    for arguments in (("-c", "carried.zip", "sealed"), ("-e", "carried.zip", "carried")):
        subprocess.run([sys.executable, "-m", "zipfile", *arguments], cwd=place.beside, check=True)
    place.root = place.beside / "carried/sealed"


def reseal(change: Change, key: str = "key") -> Change:
    """Return a change after which a key seals the folder as it is then."""
    return lambda at: (change(at), seal_again(at.root, at.beside / f"{key}.pem"))


def edit_report(place: Place) -> None:
    """Replace the report by one of the same model that says something else."""
    attest_again(place, days=-1)
    shutil.copy(find_attested(place).report, place.root / "report.json")


def empty_lock(place: Place) -> None:
    """Replace the lock by that of another model."""
    other = write_files(place.beside / "third", FILES)
    place.target = str(other)
    place.make_lock()
    shutil.copy(place.lock, place.root)


def remove(name: str) -> Change:
    """Return a change that removes a file of the folder."""
    return lambda at: (at.root / name).unlink()


SEALED = [
    Case(
        *("sealed", "change a file of the model"),
        lambda at: flip(at.root / "model/label_map.pkl"),
        *(1, "changed: model/label_map.pkl"),
    ),
    Case("sealed", "add a file beside the model", lambda at: write(at.root / "x", "x"), 1, "added: x: a file that the"),
    Case(
        *("sealed", "add code to the model"),
        lambda at: write(at.root / "model/.github/x.py", EVIL),
        *(1, "added: model/.github/x.py"),
    ),
    Case("sealed", "remove the bill of materials", remove("sbom.cdx.json"), 1, "missing: sbom.cdx.json"),
    Case("sealed", "take the seal of another folder", take_seal, 1, "changed: attestation.jsonl"),
    Case("sealed", "seal by another key", reseal(lambda at: None, "other"), 1, "it names the key "),
    Case("sealed", "edit the bytes of the seal", lambda at: flip_signature(at.root / "seal.json"), 1, "the signature"),
    Case("sealed", "replace the report", edit_report, 1, "changed: report.json"),
    Case(
        *("sealed", "replace the report and seal again"),
        reseal(edit_report),
        *(1, "report.json is not the report on which the verdict rests"),
    ),
    Case(
        *("sealed", "replace the verifier"),
        lambda at: write(at.root / "verify.pyz", "print('PASSED')\n"),
        *(1, "changed: verify.pyz"),
    ),
    Case(
        *("sealed", "remove the verifier and seal again"),
        reseal(remove("verify.pyz")),
        *(1, "the seal covers no file verify.pyz"),
    ),
    Case("sealed", "replace the lock", empty_lock, 1, "changed: modelaudit.lock"),
    Case(
        *("sealed", "replace the lock and seal again"),
        reseal(empty_lock),
        *(1, "modelaudit.lock is not the lock of the attested model alone"),
    ),
    Case(
        *("sealed", "change the model and seal again"),
        reseal(lambda at: flip(at.root / "model/label_map.pkl")),
        *(1, "changed: label_map.pkl"),
    ),
    Case("sealed", "lower a rule of the pack", lambda at: pack_rules(at, "key", lower_rule), 1, "changed: rules.zip"),
    Case("sealed", "replace the pack by that of another key", lambda at: pack_rules(at, "other"), 1, "changed: rules"),
    Case(
        *("sealed", "seal an old verdict"),
        seal_old_verdict,
        *(1, "the verdict is of 20*, which is older than allowed"),
    ),
    Case(
        *("sealed", "carry it without links and modes"),
        carry_without_modes,
        *(1, "kind: model/link.json: a file in place of a link"),
    ),
]
SEALED = [Case(c.place, c.operation, c.change, c.code, REFUSED + c.named, "verify") for c in SEALED]
SIGNED_CASES = [*SIGNED, *ATTESTED, *SEALED]
