"""Signatures in a scan and in ``verify``: who signed, what is covered and what not, and what a policy may require."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from huggingface_hub import snapshot_download
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.catalogue import load_shipped
from support.command import CommandResult, run_command
from support.signatures import (
    OTHER_KEY,
    SIGNER,
    issue,
    list_entries,
    list_shards,
    make_statement,
    read_folder,
    sign,
    sign_folder,
    write_certificates,
    write_public_key,
)

import modelaudit
from modelaudit.catalogue import load_policy
from modelaudit.integrity.keys import fingerprint_key, load_public_key
from modelaudit.integrity.signers import load_verifier
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport
from modelaudit.model.signature import SignatureMethod, SignatureState
from modelaudit.model.trust import TrustedSigner
from modelaudit.model.verdict import CauseKind, Verdict
from modelaudit.reports.html import render_html
from modelaudit.reports.markdown import render_comment, render_markdown

TRUSTED_ROOT = Path(__file__).parent / "integrity/keyless/trusted_root.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A signed folder, beside the public keys of its signer and of somebody else."""
    root = tmp_path / "model"
    (root / "sub").mkdir(parents=True)
    (root / "config.json").write_text('{"model_type": "bert"}')
    (root / "sub/notes.txt").write_text("notes\n")
    (root / ".gitattributes").write_text("*.bin filter=lfs\n")
    sign_folder(root)
    write_public_key(tmp_path / "own.pub")
    write_public_key(tmp_path / "other.pub", OTHER_KEY)
    return root


def scan(root: Path, *keys: str, policy: str | Path = "default", signatures: Sequence[Path] = ()) -> AuditReport:
    """Scan a folder with keys that lie beside it."""
    signers = [TrustedSigner(SignatureMethod.KEY, "--public-key", public_key=root.parent / key) for key in keys]
    return modelaudit.scan(root, signers=signers, signatures=signatures, policy=policy, second_opinion=False)


def verify(root: Path, *arguments: str | Path) -> CommandResult:
    """Verify a folder with the key of its signer."""
    return run_command("verify", root, "--public-key", root.parent / "own.pub", *arguments)


def list_findings(report: AuditReport) -> dict[str, tuple[str, str]]:
    """Return severity and message of each finding on integrity, by rule and path."""
    return {
        f"{each.rule} {each.artifact}": (str(each.severity), each.message)
        for each in report.findings
        if each.rule.startswith("integrity/")
    }


def test_verified_signature_states_who_how_when_and_which_files(folder: Path) -> None:
    report = scan(folder, "own.pub")
    assert report.exit_code == 0
    [signature] = report.target.signatures
    assert signature.signer is not None
    assert (signature.state, signature.record, signature.covered) == (SignatureState.VERIFIED, "model.sig", 3)
    assert (signature.uncovered, signature.left_out) == ((), ())
    assert signature.ignored_paths == (".git", ".gitattributes", ".github", ".gitignore")
    assert signature.signer.time is None
    assert not list_findings(report)


def test_a_file_that_every_signature_leaves_out_is_named_and_no_alarm(folder: Path) -> None:
    statement = make_statement(list_entries({k: v for k, v in read_folder(folder).items() if k[0] != "."}))
    (folder / "model.sig").write_text(json.dumps(sign(statement)))
    report = scan(folder, "own.pub")
    [signature] = report.target.signatures
    assert (report.exit_code, signature.left_out) == (0, (".gitattributes",))
    done = verify(folder)
    assert done.returncode == 0
    assert "left out: .gitattributes: signatures of models leave it out, so anybody may change it" in done.stdout
    assert "3 entries fit, 1 left out by the signature" in done.stdout


@pytest.mark.parametrize(("target", "code"), [("sub", 0), (".github", 1), (".", 1)])
def test_link_to_a_folder_that_no_signature_covers_is_named_although_the_signer_followed_links(
    folder: Path, target: str, code: int
) -> None:
    sign_folder(folder, allow_symlinks=True)
    (folder / ".github").mkdir()
    (folder / ".github/config.json").write_text("{}")
    (folder / "onnx").symlink_to(target)
    done = verify(folder)
    assert done.returncode == code, done.stdout
    assert ("added: onnx: model.sig covers" in done.stdout) is bool(code)


def test_unsigned_model_is_no_finding_and_unchecked_signature_is_said_in_the_first_lines(folder: Path) -> None:
    report = scan(folder)
    assert report.exit_code == 0
    assert list_findings(report) == {
        "integrity/signature-unchecked model.sig": (
            "info",
            "The signature was not checked: no key was given: --public-key FILE.",
        )
    }
    first = run_command("scan", folder, "--offline", "--no-second-opinion").stdout.splitlines()[:5]
    assert " signed  model.sig: NOT CHECKED: no key was given: --public-key FILE" in first
    for render in (render_markdown, render_comment):
        head = render(report).decode().partition("###")[0]
        assert "\nSignature: `model.sig`: NOT CHECKED: no key was given: `--public-key` FILE\n" in head
    head = render_html(report).decode().partition("<nav")[0]
    assert "<p>Signature: model.sig: NOT CHECKED: no key was given: --public-key FILE.</p>" in head
    for render in (render_markdown, render_html):
        assert "NOT CHECKED" not in render(scan(folder, "own.pub")).decode()
    (folder / "model.sig").unlink()
    assert scan(folder).exit_code == 0
    # Whoever names a signer means it: an attacker removes the signature with the change.
    report = scan(folder, "own.pub")
    assert (report.exit_code, report.target.signatures, list_findings(report)) == (3, (), {})
    assert [(cause.kind, cause.reason) for cause in report.decision.causes] == [
        ("signer", "no signature of a trusted signer was verified, and one is required (--public-key)")
    ]


def test_screen_states_the_signer_the_time_and_the_extent_of_a_signature(folder: Path) -> None:
    arguments = ("--offline", "--no-second-opinion", "--public-key", folder.parent / "own.pub")
    lines = run_command("scan", folder, *arguments, COLUMNS="80").stdout.splitlines()
    (signed,) = [line for line in lines if line.startswith(" signed ")]
    assert re.fullmatch(r" signed  model\.sig: by key \w+…, time not proven; covers \d+ files?", signed)
    assert max(map(len, lines)) <= 80


def test_signature_that_does_not_hold_is_critical(folder: Path) -> None:
    report = scan(folder, "other.pub")
    assert report.exit_code == 1
    [(key, (severity, message))] = list_findings(report).items()
    assert (key, severity) == ("integrity/signature-refused model.sig", "critical")
    assert message.startswith("The signature is refused: it names the key ")
    assert scan(folder, "other.pub", "own.pub").exit_code == 0


def test_changed_added_and_removed_files_are_found(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    (folder / "added.json").write_text("{}")
    (folder / "sub/notes.txt").unlink()
    report = scan(folder, "own.pub")
    assert report.exit_code == 1
    found = list_findings(report)
    assert found["integrity/digest-mismatch config.json"][0] == "critical"
    assert found["integrity/file-not-signed added.json"] == (
        "high",
        "The signature does not cover this file: model.sig covers 3 files.",
    )
    missing = next(each for each in report.coverage.artifacts if each.path == "sub/notes.txt")
    assert [absence.unread.detail for _, absence in missing.absences] == [
        "the signature covers it, and it is not there"
    ]
    done = verify(folder)
    assert done.returncode == 1
    lines = {line.strip().partition(":")[0]: line for line in done.stdout.splitlines()}
    assert "config.json" in lines["contradicted"]
    assert "added.json" in lines["added"]
    assert "sub/notes.txt" in lines["missing"]


def test_code_under_an_ignored_path_is_a_finding_and_other_files_are_named(folder: Path) -> None:
    (folder / ".github").mkdir()
    (folder / ".github/setup.py").write_text("print(1)\n")
    (folder / ".github/notes.md").write_text("notes\n")
    report = scan(folder, "own.pub")
    assert report.exit_code == 1
    assert list_findings(report) == {
        "integrity/code-left-out .github/setup.py": (
            "high",
            "The signature leaves this code out: model.sig ignores it.",
        )
    }
    assert report.target.signatures[0].left_out == (".github/notes.md", ".github/setup.py")
    assert verify(folder).returncode == 1


def test_code_under_an_ignored_path_is_found_by_its_bytes_in_a_scan(folder: Path) -> None:
    (folder / ".github").mkdir()
    (folder / ".github/data").write_bytes(b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00K\x01.")
    assert "integrity/code-left-out .github/data" in list_findings(scan(folder, "own.pub"))


def test_ranges_are_hashed_and_each_that_differs_is_named(folder: Path) -> None:
    (folder / "weights.txt").write_bytes(b"0123456789" * 10)
    (folder / "sub/__init__.py").touch()
    files = read_folder(folder)
    (folder / "model.sig").write_text(
        json.dumps(sign(make_statement(list_shards(files, 16), method="shards", shard_size=16)))
    )
    found = list_findings(scan(folder, "own.pub"))
    assert found == {
        "integrity/file-not-signed sub/__init__.py": (
            "high",
            "The signature does not cover this file: model.sig signs ranges of bytes, and so no file without bytes.",
        )
    }
    (folder / "sub/__init__.py").unlink()
    assert scan(folder, "own.pub").exit_code == 0
    (folder / "weights.txt").write_bytes(b"0123456789" * 9 + b"012345678X")
    found = list_findings(scan(folder, "own.pub"))
    assert found["integrity/signed-range-differs weights.txt"] == (
        "critical",
        "The file is not the one that was signed: model.sig states another digest of bytes 96 to 100.",
    )
    (folder / "weights.txt").write_bytes(b"0123456789" * 11)
    message = list_findings(scan(folder, "own.pub"))["integrity/signed-range-differs weights.txt"][1]
    assert "its 100 bytes, and it has 110" in message
    assert verify(folder).returncode == 1


def test_ignore_list_that_is_wider_than_the_policy_allows_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "cache").mkdir()
    (folder / "cache/x.txt").write_text("x")
    sign_folder(folder, ignore_paths=["cache", ".github/workflows", ".gitmodules"])
    report = scan(folder, "own.pub")
    assert report.exit_code == 1
    sentence = "it leaves out 'cache', which is not allowed (allowed-signature-gaps of a policy, --allowed-signature-gap of verify)"
    assert report.target.signatures[0].reason == sentence
    assert sentence in verify(folder).stdout
    statement = make_statement(list_entries({"config.json": b"{}"}), ignore_paths=["cache", "sub"])
    (folder / "config.json").write_text("{}")
    (folder / "model.sig").write_text(json.dumps(sign(statement)))
    done = verify(folder, "--allowed-signature-gap", "cache/", "--allowed-signature-gap", "sub")
    assert (done.returncode, "left out: cache/x.txt" in done.stdout) == (0, True)
    assert verify(folder, "--allowed-signature-gap", "cache").returncode == 1
    sign_folder(folder, ignore_paths=["cache", ".github/workflows", ".gitmodules"])
    policy = tmp_path / "policy.yaml"
    policy.write_text("extends: default\nallowed-signature-gaps: [cache/]\n")
    assert scan(folder, "own.pub", policy=policy).exit_code == 0


def test_only_a_bundle_is_no_file_that_a_signature_has_to_cover(folder: Path) -> None:
    (folder / "evil.sig").write_bytes(b"\x80\x04K\x01.")
    report = scan(folder, "own.pub")
    assert report.exit_code == 1
    found = list_findings(report)
    assert "integrity/file-not-signed evil.sig" in found
    assert found["integrity/signature-unchecked evil.sig"][1] == (
        "The signature was not checked: it is not a Sigstore bundle, and no other kind is checked."
    )
    for text in ("", "   ", "{}", " " * 5000 + "{"):
        (folder / "evil.sig").write_text(text)
        assert "integrity/signature-refused evil.sig" in list_findings(scan(folder, "own.pub")), text


def test_further_signatures_and_attestations_beside_the_files_are_read(folder: Path, tmp_path: Path) -> None:
    statement = make_statement(list_entries(read_folder(folder)))
    other = json.dumps(sign(statement, OTHER_KEY))
    slsa = json.dumps(sign(statement | {"predicateType": "https://slsa.dev/provenance/v1"}))
    (folder / "claims.jsonl").write_text(f"{other}\n{slsa}\n\n")
    (folder / "skill.sigstore.json").write_text(other)
    report = scan(folder, "own.pub", "other.pub")
    assert report.exit_code == 0
    states = [(each.record, each.state, each.reason) for each in report.target.signatures]
    assert sorted(states) == [
        (
            "claims.jsonl",
            "unchecked",
            "it is an attestation of 'https://slsa.dev/provenance/v1', and no signature of a model",
        ),
        ("claims.jsonl", "verified", ""),
        ("model.sig", "verified", ""),
        ("skill.sigstore.json", "verified", ""),
    ]
    # A set of data of that name is a file like any other.
    (folder / "claims.jsonl").write_text('{"text": "the earth is flat"}\n')
    assert "integrity/file-not-signed claims.jsonl" in list_findings(scan(folder, "own.pub"))


def test_many_signatures_are_refused_by_their_number(folder: Path) -> None:
    line = (folder / "model.sig").read_text()
    (folder / "claims.jsonl").write_text(f"{line}\n" * 21)
    [refused] = [each for each in scan(folder, "own.pub").target.signatures if each.record == "claims.jsonl"]
    assert refused.reason == "it holds 21 bundles, and at most 20 are read"
    (folder / "claims.jsonl").unlink()
    for number in range(21):
        (folder / f"{number}.sig").write_text(line)
    reasons = {each.reason for each in scan(folder, "own.pub").target.signatures}
    assert "the model has 22 files of signatures; 20 are read" in reasons


def test_signature_may_lie_outside_of_the_model_and_a_key_may_not_lie_inside(folder: Path, tmp_path: Path) -> None:
    moved = shutil.move(folder / "model.sig", tmp_path / "model.oms.sig")
    assert scan(folder, "own.pub", signatures=[Path(moved)]).target.signatures[0].state is SignatureState.VERIFIED
    assert verify(folder, "--signature", moved).returncode == 0
    done = verify(folder, "--signature", tmp_path / "absent.sig")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "absent.sig cannot be read: No such file or directory; check the path" in done.stderr
    inside = write_public_key(folder / "key.pub")
    for command in ("scan", "verify"):
        done = run_command(command, folder, "--public-key", inside)
        assert done.returncode == 2
        assert "lies in the model, and a model must not name who signs it; move it out" in done.stderr
    link = tmp_path / "link.pub"
    link.symlink_to(inside)
    assert run_command("verify", folder, "--public-key", link).returncode == 2


POLICY = """\
extends: default
require: [signer]
trusted-signers:
  - public-key: own.pub
  - certificate-root: root.pem
    subject: CN=models
"""


def test_policy_that_requires_a_signer_names_who_counts(folder: Path, tmp_path: Path) -> None:
    root = issue("root")
    write_certificates(tmp_path / "root.pem", root.certificate)
    policy = tmp_path / "modelaudit.yaml"
    policy.write_text(POLICY)
    report = scan(folder, policy=policy)
    assert report.exit_code == 0
    signer = report.target.signatures[0].signer
    assert signer is not None
    assert signer.trust == "modelaudit.yaml:4"
    assert run_command("policy", "check", policy).returncode == 0

    for name, is_accepted in (("models", True), ("other", False)):
        leaf = root.issue(name, extensions=SIGNER, start=root.certificate.not_valid_before_utc)
        statement = make_statement(list_entries(read_folder(folder)))
        (folder / "model.sig").write_text(json.dumps(sign(statement, leaf.key, [leaf.certificate])))
        report = scan(folder, policy=policy)
        assert (report.target.signatures[0].state is SignatureState.VERIFIED) is is_accepted

    for change, verdict in (
        (lambda: (folder / "model.sig").unlink(), Verdict.INCOMPLETE),
        (lambda: sign_folder(folder, OTHER_KEY), Verdict.FAIL),
        (lambda: [sign_folder(folder), (folder / "added.txt").write_text("x")], Verdict.FAIL),
    ):
        change()
        report = scan(folder, policy=policy)
        assert report.decision.verdict is verdict
        assert [each.kind for each in report.decision.causes if each.kind is CauseKind.SIGNER]
    (folder / "added.txt").unlink()
    # A signer of the command line is none of the policy.
    sign_folder(folder, OTHER_KEY)
    report = scan(folder, "other.pub", policy=policy)
    [cause] = [each for each in report.decision.causes if each.kind is CauseKind.SIGNER]
    assert cause.reason == ("no signature of a trusted signer was verified, and one is required (modelaudit.yaml:2)")
    assert report.exit_code == 3


def test_effective_policy_shows_signers_and_gaps_as_a_policy_file(folder: Path, tmp_path: Path) -> None:
    for name in ("root.pem", "trusted_root.json"):
        (tmp_path / name).touch()
    policy = tmp_path / "modelaudit.yaml"
    signers = """\
  - identity: me@example.org
    issuer: https://example.org
    trusted-root: trusted_root.json
allowed-signature-gaps: [cache/]
"""
    policy.write_text(POLICY + signers)
    shown = run_command("policy", "show", policy).stdout
    effective = tmp_path / "effective.yaml"
    effective.write_text(shown)
    first, second = (load_policy(each, load_shipped()) for each in (policy, effective))
    assert [replace(each, origin="") for each in first.trusted_signers] == [
        replace(each, origin="") for each in second.trusted_signers
    ]
    assert second.allowed_signature_gaps == ("cache",)
    assert "# modelaudit.yaml:4" in shown
    assert re.search(r"^  - cache +# modelaudit.yaml:10$", shown, re.MULTILINE)


WRONG_POLICIES = {
    "- public-key: absent.pub": "the file absent.pub does not exist beside this policy; check the path",
    "- subject: CN=x": "name one of public-key, certificate-root and identity for each signer",
    "- {public-key: own.pub, identity: me@example.org}": "name one of public-key, certificate-root and identity",
    "- {identity: me@example.org, issuer: 'https://example.org'}": "a signer with identity also needs trusted-root",
    "- {public-key: own.pub, subject: CN=x}": "has no effect beside public-key; remove it",
    "- {public_key: own.pub}": "is not a known key; did you mean public-key?",
    "- {certificate-root: own.pub, subject: 'CN=x, O=Acme'}": "'CN=x, O=Acme' is not a name as RFC 4514 writes it",
    "- {certificate-root: own.pub, issuer: /O=Acme/CN=x}": "write it such as CN=models,O=Acme: no blank",
}


@pytest.mark.parametrize("entry", WRONG_POLICIES)
def test_wrong_signer_of_a_policy_is_one_line_with_its_place(entry: str, folder: Path, tmp_path: Path) -> None:
    policy = tmp_path / "wrong.yaml"
    policy.write_text(f"extends: default\ntrusted-signers:\n  {entry}\n")
    done = run_command("policy", "check", policy)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert WRONG_POLICIES[entry] in done.stderr
    assert "wrong.yaml:3" in done.stderr


def test_rules_and_cause_of_signatures_are_explained() -> None:
    for rule in (
        "signature-refused",
        "signature-unchecked",
        "file-not-signed",
        "code-left-out",
        "signed-range-differs",
    ):
        assert run_command("explain", f"integrity/{rule}").returncode == 0


def test_json_of_verify_states_the_signature(folder: Path) -> None:
    document = json.loads(verify(folder, "-o", "json").stdout)
    [model] = document["models"]
    [signature] = model["signatures"]
    assert (signature["state"], signature["method"], signature["covered"]) == ("verified", "key", 3)
    assert (signature["time"], signature["not_covered"], model["left_out"]) == (None, [], [])


def test_verify_needs_a_signature_of_a_given_signer_and_names_what_to_give(folder: Path) -> None:
    done = run_command("verify", folder)
    assert done.returncode == 2
    assert "of model.sig, no key was given: --public-key FILE" in done.stderr
    root = write_certificates(folder.parent / "root.pem", issue("root").certificate)
    done = run_command("verify", folder, "--certificate-root", root)
    assert done.returncode == 1
    assert "no signature was verified: of model.sig, not among those of --certificate-root: they are" in done.stdout
    (folder / "model.sig").unlink()
    done = verify(folder)
    assert done.returncode == 1
    assert "the model has no signature" in done.stdout


ENTRIES = {
    "key": "public-key: own.pub",
    "certificate": "certificate-root: root.pem",
    "sigstore": f"identity: a@acme.example, issuer: 'https://issuer.example', trusted-root: {TRUSTED_ROOT}",
}
OPTIONS = {
    "key": ("--public-key", "own.pub"),
    "certificate": ("--certificate-root", "root.pem"),
    "sigstore": (
        *("--identity", "a@acme.example", "--issuer", "https://issuer.example", "--trusted-root", str(TRUSTED_ROOT)),
    ),
}
MATERIALS = {
    "key": {"publicKey": {"hint": "x"}},
    "certificate": {"x509CertificateChain": {"certificates": [{"rawBytes": "AA=="}]}},
    "sigstore": {"certificate": {"rawBytes": "AA=="}, "tlogEntries": [{}]},
}
PLURALS = {"key": "keys", "certificate": "roots of certificates", "sigstore": "identities"}


@pytest.mark.parametrize(("method", "trusted"), list(itertools.permutations(MATERIALS, 2)))
def test_signature_of_a_method_that_nobody_trusted_uses_is_of_no_trusted_signer(
    folder: Path, monkeypatch: pytest.MonkeyPatch, method: str, trusted: str
) -> None:
    bundle = sign(make_statement(list_entries(read_folder(folder)))) | {"verificationMaterial": MATERIALS[method]}
    (folder / "model.sig").write_text(json.dumps(bundle))
    write_certificates(folder.parent / "root.pem", issue("root").certificate)
    monkeypatch.chdir(folder.parent)
    Path("gate.yaml").write_text(f"extends: default\ntrusted-signers:\n  - {{{ENTRIES[trusted]}}}\n")
    by_policy = run_command("scan", folder, "--policy", "gate.yaml", "--no-second-opinion", "-o", "json")
    by_option = run_command("verify", folder, *OPTIONS[trusted])
    start = "not among"  # first, because a screen cuts the end
    end = f"they are {PLURALS[trusted]}, and its signer uses the method {method}; if it counts, "
    [signature] = json.loads(by_policy.stdout)["target"]["signatures"]
    key = {"key": "public-key", "certificate": "certificate-root", "sigstore": "identity, issuer and trusted-root"}
    assert (by_policy.returncode, signature["state"]) == (0, "unchecked")
    hint = f"add an entry with {key[method]} to gate.yaml"
    assert signature["reason"] == f"{start} the trusted-signers: {end}{hint}"
    said = " ".join(by_option.stdout.split())
    assert (by_option.returncode, f"{start} those of {OPTIONS[trusted][0]}: {end}name it with --" in said) == (1, True)


def test_identity_issuer_and_trusted_root_belong_together(folder: Path) -> None:
    for arguments, missing in (
        (("--identity", "me@example.org"), "--issuer and --trusted-root"),
        (("--issuer", "https://example.org"), "--identity and --trusted-root"),
        (("--trusted-root", "root.json"), "--identity and --issuer"),
    ):
        done = run_command("verify", folder, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"belong together; add {missing}" in done.stderr


def test_verify_by_a_key_loads_no_reader_no_x509_and_nothing_that_takes_long(folder: Path) -> None:
    code = (
        "import sys; from modelaudit.__main__ import main\n"
        "try: main()\n"
        "finally: print(*sorted(sys.modules), file=sys.stderr)"
    )
    arguments = ["verify", str(folder), "--public-key", str(folder.parent / "own.pub"), "-q"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    modules = set(done.stderr.split())
    assert "cryptography.hazmat.primitives.asymmetric.ec" in modules
    assert not {"cryptography.x509", "sigstore", "rfc3161_client", "huggingface_hub", "yaml", "pydantic"} & modules
    assert "modelaudit.formats" not in modules
    (folder / "model.sig").unlink()
    (folder / "SHA256SUMS").write_text("")
    done = subprocess.run([sys.executable, "-c", code, "verify", str(folder), "-q"], capture_output=True, text=True)
    assert not {name for name in done.stderr.split() if name.startswith("cryptography")}


def test_signed_repository_is_verified_through_the_hub_in_its_cache_and_in_a_download(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    files = {"README.md": "---\nlicense: mit\n---\n", "config.json": "{}", "weights.txt": "0" * 100}
    statement = make_statement(list_entries({name: text.encode() for name, text in files.items()}))
    repository = hub.add_repository("acme/signed", files | {"model.sig": json.dumps(sign(statement))})
    key = write_public_key(tmp_path / "own.pub")
    other = write_public_key(tmp_path / "other.pub", OTHER_KEY)
    target = f"acme/signed@{repository.sha}"
    signer = TrustedSigner(SignatureMethod.KEY, "--public-key", public_key=key)
    report = modelaudit.scan(target, signers=[signer], second_opinion=False)
    assert report.exit_code == 0
    assert [each.state for each in report.target.signatures] == [SignatureState.VERIFIED]
    record = next(each for each in report.coverage.artifacts if each.path == "weights.txt")
    assert "signature" in {claim.source.value for claim in record.claims}
    cached = Path(snapshot_download("acme/signed", revision=repository.sha, endpoint=hub.endpoint))
    assert (cached / "model.sig").is_symlink()
    local = tmp_path / "local"
    snapshot_download("acme/signed", revision=repository.sha, endpoint=hub.endpoint, local_dir=local)
    assert (local / ".cache/huggingface").is_dir()
    for place in (cached, local):
        assert run_command("verify", place, "--public-key", key).returncode == 0
        assert run_command("verify", place, "--public-key", other).returncode == 1
        scanned = modelaudit.scan(place, signers=[signer], second_opinion=False)
        assert (scanned.exit_code, scanned.target.signatures[0].uncovered) == (0, ())
    (local / "added.py").write_text("x = 1\n")
    assert run_command("verify", local, "--public-key", key).returncode == 1


def test_commands_of_the_document_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "docs/signatures.md").read_text()
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)).splitlines()
    printing = [each for each in commands if each.startswith("openssl ")]
    commands = [each for each in commands if each.startswith("modelaudit ")]
    assert (len(printing), len(commands)) == (2, 4)
    (policy,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    root = issue("root")
    leaf = root.issue("models", extensions=SIGNER, end=root.certificate.not_valid_after_utc)
    for name in ("model", "ngc-model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        statement = make_statement(list_entries(read_folder(tmp_path / name)))
        chain = sign(statement, leaf.key, [leaf.certificate])
        place = tmp_path / "model/chain.sig" if name == "model" else tmp_path / "ngc-model.sig"
        place.write_text(json.dumps(chain))
    (tmp_path / "model/model.sig").write_text(json.dumps(sign(statement)))
    (tmp_path / "keys").mkdir()
    for name in ("acme.pub", "keys/acme.pub"):
        write_public_key(tmp_path / name)
    for name in ("acme-root.pem", "nvidia-root.pem"):
        write_certificates(tmp_path / name, root.certificate)
    write_certificates(tmp_path / "acme-models.pem", leaf.certificate)
    (tmp_path / "policy.yaml").write_text(policy)
    monkeypatch.chdir(tmp_path)
    shown = subprocess.run(["bash", "-eu", "-c", "\n".join(printing)], capture_output=True, text=True, check=True)
    fingerprint, subject, _ = shown.stdout.splitlines()
    assert fingerprint.split()[0] == fingerprint_key(load_public_key((tmp_path / "acme.pub").read_bytes()))
    assert subject == f"subject={leaf.certificate.subject.rfc4514_string()}"
    for command in [*commands, "modelaudit scan ./model --policy policy.yaml"]:
        done = run_command(*command.split()[1:])
        assert (done.returncode, done.stderr) == (0, ""), command
        assert re.search(r": (signed )?by (key|CN=)", done.stdout), command


def test_digests_that_the_environment_cannot_compute_are_not_checked_and_say_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [{"name": name, "algorithm": "blake3", "digest": "0" * 64} for name in sorted(read_folder(folder))]
    (folder / "model.sig").write_text(json.dumps(sign(make_statement(entries, hash_type="blake3"))))
    monkeypatch.setitem(sys.modules, "blake3", None)
    [signature] = scan(folder, "own.pub").target.signatures
    assert (signature.state, signature.reason) == (
        SignatureState.UNCHECKED,
        "its digests are blake3; install the package blake3",
    )


def test_time_stamp_that_the_environment_cannot_read_leaves_a_signature_unchecked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaf = issue("stranger", extensions=SIGNER)
    stamps = {"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]}
    statement = make_statement(list_entries(read_folder(folder)))
    bundle = sign(statement, leaf.key, [leaf.certificate], timestampVerificationData=stamps)
    (folder / "model.sig").write_text(json.dumps(bundle))
    root = write_certificates(folder.parent / "root.pem", issue("root").certificate)
    policy = folder.parent / "gate.yaml"
    entry = f"trusted-signers:\n  - certificate-root: {root.name}\n    trusted-root: {TRUSTED_ROOT}\n"
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    # A test before this one may have imported it.
    monkeypatch.delitem(sys.modules, "modelaudit.integrity.time_stamps", raising=False)
    for require, code in (("", 0), ("require: [signer]\n", 3)):
        policy.write_text(f"extends: default\n{require}{entry}")
        report = scan(folder, policy=policy)
        [signature] = report.target.signatures
        assert (report.exit_code, signature.state, signature.reason) == (
            code,
            SignatureState.UNCHECKED,
            "its time stamp is checked with the package rfc3161-client; install modelaudit-gate[sigstore]",
        )
        assert list_findings(report)["integrity/signature-unchecked model.sig"][0] == "info"


@pytest.fixture
def moved(folder: Path) -> bytes:
    """The signature of the folder, which is taken out of it."""
    signature = (folder / "model.sig").read_bytes()
    (folder / "model.sig").unlink()
    return signature


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 5000), st.binary(max_size=4), st.sampled_from(["model.sig", "claims.jsonl", "x.sigstore.json"]))
def test_signature_with_any_bytes_replaced_verifies_nothing_that_was_not_signed(
    folder: Path, moved: bytes, place: int, data: bytes, name: str
) -> None:
    place %= len(moved)
    changed = moved[:place] + data + moved[place + len(data) :]
    (folder / name).write_bytes(changed)
    done = verify(folder)
    (folder / name).unlink()
    assert done.returncode in (0, 1)
    if done.returncode == 0:
        assert json.loads(changed)["dsseEnvelope"]["payload"] == json.loads(moved)["dsseEnvelope"]["payload"]


def test_required_signature_in_ranges_fails_for_other_bytes_although_no_finding_does(folder: Path) -> None:
    files = {path: data for path, data in read_folder(folder).items() if not path.startswith(".")}
    signed = sign(make_statement(list_shards(files, 16), method="shards", shard_size=16))
    (folder / "model.sig").write_text(json.dumps(signed))
    policy = folder.parent / "modelaudit.yaml"
    policy.write_text(
        "extends: default\ngates: {security: never, integrity: never}\nrequire: [signer]\n"
        "trusted-signers:\n  - public-key: own.pub\n"
    )
    assert scan(folder, policy=policy).exit_code == 0
    (folder / "sub/notes.txt").write_text("other\n")
    report = scan(folder, policy=policy)
    assert (report.exit_code, [each.kind for each in report.decision.causes]) == (1, [CauseKind.SIGNER])
    assert report.target.signatures[0].differing == ("sub/notes.txt",)


def test_countersignature_of_another_key_changes_no_answer_and_alone_is_refused(folder: Path) -> None:
    statement = make_statement(list_entries(read_folder(folder)))
    (folder / "second.sig").write_text(json.dumps(sign(statement, OTHER_KEY)))
    report = scan(folder, "own.pub")
    states = {each.record: each.state for each in report.target.signatures}
    assert (report.exit_code, states) == (
        0,
        {"model.sig": SignatureState.VERIFIED, "second.sig": SignatureState.UNCHECKED},
    )
    assert "it is of no trusted signer: it names the key" in report.target.signatures[1].reason
    done = verify(folder)
    assert (done.returncode, "signature second.sig: NOT CHECKED: it is of no trusted signer" in done.stdout) == (
        0,
        True,
    )
    (folder / "model.sig").unlink()
    assert scan(folder, "own.pub").exit_code == 1
    assert verify(folder).returncode == 1


def test_signature_that_was_moved_out_of_the_model_may_ignore_its_former_place(folder: Path, tmp_path: Path) -> None:
    statement = make_statement(list_entries(read_folder(folder)), ignore_paths=["model.sig"])
    (folder / "model.sig").unlink()
    moved = tmp_path / "moved.sig"
    moved.write_text(json.dumps(sign(statement)))
    assert verify(folder, "--signature", moved).returncode == 0
    (folder / "model.sig").write_text("something else")
    done = verify(folder, "--signature", moved)
    assert (done.returncode, "it leaves out 'model.sig', which is not allowed" in done.stdout) == (1, True)
    (folder / "model.sig").unlink()
    (folder / "model.sig").mkdir()
    (folder / "model.sig/config.json").write_text("{}")
    assert verify(folder, "--signature", moved).returncode == 1


def test_signed_file_that_is_missing_differs_also_beside_a_lock_and_in_shards(folder: Path, tmp_path: Path) -> None:
    (folder / "config.json").rename(tmp_path / "config.json")
    lock = tmp_path / "model.lock"
    assert run_command("lock", folder, "-o", lock).returncode == 0
    done = verify(folder, "--lock", lock)
    assert (done.returncode, "missing: config.json: the signature covers it" in done.stdout) == (1, True)
    (tmp_path / "config.json").rename(folder / "config.json")
    statement = make_statement(list_shards(read_folder(folder), 5), method="shards", shard_size=5)
    (folder / "model.sig").write_text(json.dumps(sign(statement)))
    assert verify(folder).returncode == 0
    (folder / "sub/notes.txt").unlink()
    done = verify(folder)
    assert (done.returncode, "sub/notes.txt: model.sig signs it, and it is not there" in done.stdout) == (1, True)
    report = scan(folder, "own.pub")
    assert report.exit_code == 1
    assert "signer" in {str(cause.kind) for cause in report.decision.causes}


def test_signer_without_an_issuer_is_refused() -> None:
    signer = TrustedSigner(SignatureMethod.SIGSTORE, "own", identity="a@b.c", trusted_root=Path("root.json"))
    with pytest.raises(ConfigurationError, match="lacks a file, an identity or an issuer"):
        load_verifier(signer)
