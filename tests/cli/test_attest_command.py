"""``modelaudit attest`` and ``verify --attestation``: each refusal with its own sentence and exit code."""

from __future__ import annotations

import base64
import json
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hub.server import LoopbackHub
from support.attested import TINY, AttestedModel, Json, encode_key, encode_line, make_attested, make_keys
from support.command import run_command
from support.signatures import sign_folder, write_public_key
from support.tampering import CHANGES as RANDOM_CHANGES

from modelaudit.attested import verify_attestation
from modelaudit.attesting import AttestationOptions
from modelaudit.cli.writing import show_notes
from modelaudit.integrity.conditions import Conditions
from modelaudit.integrity.signing import load_key_signer, load_private_key
from modelaudit.integrity.trusted import make_signer
from modelaudit.model.errors import ConfigurationError, SignatureError, SourceError
from modelaudit.pushing import attest_image

DAY: Final = 86_400


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> AttestedModel:
    """Return an attested model, which no test changes."""
    return make_attested(tmp_path_factory.mktemp("attested"))


@pytest.fixture
def attested(source: AttestedModel, tmp_path: Path) -> AttestedModel:
    """Return a copy of the attested model, which a test may change."""
    return source.copy(tmp_path / "place")


def refuse(attested: AttestedModel, *options: str | Path) -> str:
    """Verify a model that has to be refused with one line, and return the reason."""
    done = attested.verify(*options)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (1, "", 1), done
    place, _, reason = done.stdout.rstrip("\n").partition(": REFUSED: ")
    assert place == str(attested.model)
    return reason


def at(days: float) -> str:
    """Return the time some days from now, in seconds, as the clock of a scan."""
    return str(int((datetime.now(UTC) + timedelta(days=days)).timestamp()))


def test_attested_model_fits_wherever_it_lies_and_whenever_its_files_were_written(attested: AttestedModel) -> None:
    done = attested.verify()
    assert (done.returncode, done.stderr) == (0, "")
    [line] = done.stdout.splitlines()
    assert line.startswith(f"{attested.model}: PASSED by urn:modelaudit:verifier at 20")
    assert "; 9 entries fit; tree digest v1:" in line
    os.utime(attested.model / "config.json", (1, 1))
    assert attested.verify().returncode == 0
    quiet = attested.verify("-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    moved = attested.model.rename(attested.place / "elsewhere")
    shutil.copytree(moved, attested.model, symlinks=True)
    assert attested.verify().returncode == 0


def test_conditions_that_hold_are_accepted_as_attest_prints_them(attested: AttestedModel) -> None:
    done = attested.attest("--verifier-id", "https://acme.example/gate")
    assert done.returncode == 0
    passed, hint = done.stderr.splitlines()
    assert passed.startswith(f"modelaudit: note: {attested.attestation}: PASSED, 9 entries, tree v1:")
    options = hint.partition(" verify it with ")[2].split()
    assert options[::2] == ["--policy-digest", "--resource"]
    assert attested.verify(*options, "--verifier-id", "https://acme.example/gate").returncode == 0
    assert attested.verify("--policy-digest", f"sha256:{options[1].upper()}", "--not-older-than", "1d").returncode == 0


CHANGES: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    "changed": (lambda root: (root / "config.json").write_text("{}"), "changed: config.json: 2 bytes with SHA-256 "),
    "added": (lambda root: (root / "x.py").write_text(""), "added: x.py: a file that the attestation lacks"),
    "hidden": (lambda root: (root / ".x").write_text(""), "added: .x: a file that the attestation lacks"),
    "missing": (lambda root: (root / "README.md").unlink(), "missing: README.md: a file that is attested, and not there"),
    "renamed": (
        lambda root: (root / "label_map.pkl").rename(root / "other.pkl"),
        "renamed: other.pkl: 'label_map.pkl' is attested",
    ),
    "case": (
        lambda root: (root / "config.json").rename(root / "Config.json"),
        "case: Config.json: 'config.json' is attested",
    ),
    "form": (
        lambda root: (root / "caf\u00e9.txt").rename(root / unicodedata.normalize("NFD", "caf\u00e9.txt")),
        "case: cafe\u0301.txt: 'caf\\xe9.txt' is attested, and 'cafe\\u0301.txt' is there",
    ),
    "mode": (
        lambda root: (root / "config.json").chmod(0o755),
        "mode: config.json: it is executable, and was not",
    ),
    "kind": (
        lambda root: ((root / "README.md").unlink(), (root / "README.md").mkdir()),
        "kind: README.md: an empty folder in place of a file",
    ),
    "pipe": (
        lambda root: ((root / "README.md").unlink(), os.mkfifo(root / "README.md")),
        "kind: README.md: a special file in place of a file",
    ),
    "empty folder": (lambda root: (root / "n").mkdir(), "added: n: an empty folder that the attestation lacks"),
    "no empty folder": (lambda root: (root / "empty").rmdir(), "missing: empty: an empty folder that is attested, and not there"),
    "link": (
        lambda root: ((root / "link.json").unlink(), (root / "link.json").symlink_to("README.md")),
        "changed: link.json: the link leads to 'README.md', and 'config.json' is attested",
    ),
    "file to link": (
        lambda root: ((root / "README.md").rename(root.parent / "R"), (root / "README.md").symlink_to("../R")),
        "kind: README.md: a link to '../R' in place of a file",
    ),
    "two": (
        lambda root: ((root / "README.md").unlink(), (root / "empty").rmdir()),
        "missing: README.md: a file that is attested, and not there; and 1 more difference",
    ),
    "three": (
        lambda root: ((root / "README.md").unlink(), (root / "empty").rmdir(), (root / "n").write_text("")),
        "missing: README.md: a file that is attested, and not there; and 2 more differences",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_to_an_attested_model_is_named_and_ends_with_1(attested: AttestedModel, name: str) -> None:
    change, expected = CHANGES[name]
    change(attested.model)
    reason = refuse(attested)
    assert reason.startswith(expected)
    assert "lock" not in reason


def test_model_with_far_more_bytes_is_refused_before_they_are_hashed(attested: AttestedModel) -> None:
    with (attested.model / "config.json").open("r+b") as file:
        file.truncate(1 << 40)  # a hole, which takes no space
    reason = refuse(attested)
    assert reason == "1,099,511,627,776 bytes are not attested, the most of them in config.json; nothing was hashed"


@pytest.mark.parametrize("folder", [".git/", ".cache/huggingface/", "nested/.git/objects/pack/"])
def test_bytes_among_the_records_of_tools_are_refused_before_they_are_hashed(
    attested: AttestedModel, folder: str
) -> None:
    path = attested.model / folder / f"pack-{'a' * 40}.pack"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PACK\0\0\0\2")
    os.truncate(path, 1 << 40)
    if "objects" in folder:  # recognised as records, and files of the model all the same
        (attested.model / "nested/.git/HEAD").write_text("ref: refs/heads/main\n")
    assert refuse(attested).endswith(f"not attested, the most of them in {folder}{path.name}; nothing was hashed")


def test_random_changes_to_an_attested_model_are_all_found(source: AttestedModel, tmp_path: Path) -> None:
    generator = random.Random(15)
    silent = []
    signers = (make_signer(source.public),)
    copy = tmp_path / "copy"
    for _ in range(int(os.environ.get("MODELAUDIT_CHANGES", "300"))):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source.model, copy, symlinks=True)
        name = generator.choice(list(RANDOM_CHANGES))
        RANDOM_CHANGES[name](copy, generator)
        try:
            verify_attestation(str(copy), source.attestation, signers, Conditions())
        except (SignatureError, SourceError):
            continue
        silent.append(name)
    assert silent == []


def relabel(attested: AttestedModel) -> None:
    """State that a verdict passed which failed, and keep the signature."""
    attested.scan("--baseline", attested.report)
    attested.resign(lambda evidence, summary: fail(evidence, summary))
    first, second = attested.attestation.read_bytes().splitlines()
    payload = base64.b64decode(json.loads(second)["dsseEnvelope"]["payload"]).replace(b"FAILED", b"PASSED")
    attested.attestation.write_bytes(first + b"\n" + encode_line(payload, second) + b"\n")


def swap_evidence(attested: AttestedModel) -> None:
    """Put the evidence of another run on the same model before the summary."""
    _, second = attested.attestation.read_bytes().splitlines(keepends=True)
    assert attested.scan(SOURCE_DATE_EPOCH=at(-1)).returncode == 0
    assert attested.attest().returncode == 0
    first, _ = attested.attestation.read_bytes().splitlines(keepends=True)
    attested.attestation.write_bytes(first + second)


def change_lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[AttestedModel], None]:
    """Return a function that changes the lines of an attestation."""

    def apply(attested: AttestedModel) -> None:
        attested.attestation.write_bytes(b"".join(change(attested.attestation.read_bytes().splitlines(keepends=True))))

    return apply


def fail(evidence: Json, summary: Json) -> None:
    """State that the verdict failed."""
    evidence["predicate"]["causes"] = [{"kind": "unread", "question": "load", "verdict": "incomplete", "count": 1}]
    summary["predicate"] |= {"verificationResult": "FAILED", "verifiedLevels": ["FAILED"]}


UNSIGNED: Final[dict[str, tuple[Callable[[AttestedModel], None], str]]] = {
    "relabelled": (relabel, "the signature does not fit the statement and the key"),
    "evidence swapped": (swap_evidence, "the summary rests on other evidence than that of the same file"),
    "lines swapped": (
        change_lines(lambda lines: lines[::-1]),
        "it holds 'https://slsa.dev/verification_summary/v1' in the place of urn:modelaudit:evidence:v1",
    ),
    "one line": (change_lines(lambda lines: lines[:1]), "it has 1 lines, and needs two: the evidence and the summary"),
    "three lines": (
        change_lines(lambda lines: [*lines, lines[1]]),
        "it has 3 lines, and needs two: the evidence and the summary",
    ),
    "empty": (change_lines(lambda lines: []), "it has 0 lines, and needs two: the evidence and the summary"),
    "twice the summary": (
        change_lines(lambda lines: [lines[1], lines[1]]),
        "it holds 'https://slsa.dev/verification_summary/v1' in the place of urn:modelaudit:evidence:v1",
    ),
    "duplicate key": (
        change_lines(lambda lines: [b'{"mediaType":"x",' + lines[0][1:], lines[1]]),
        "the bundle is not sound JSON: the key 'mediaType' occurs twice in one object",
    ),
    "no JSON": (change_lines(lambda lines: [b"PK\x03\x04\n", lines[1]]), "the bundle is not sound JSON: "),
}


@pytest.mark.parametrize("name", UNSIGNED)
def test_changed_attestation_is_refused(attested: AttestedModel, name: str) -> None:
    change, expected = UNSIGNED[name]
    change(attested)
    assert refuse(attested).startswith(expected)


def set_predicate(**values: object) -> Callable[[Json, Json], object]:
    """Return a function that sets values of the summary."""
    return lambda _, summary: summary["predicate"].update(values)


SIGNED: Final[dict[str, tuple[Callable[[Json, Json], object], str]]] = {
    "failed": (fail, "the verdict is FAILED: 'unread (load)'"),
    "passed with a cause": (
        lambda evidence, _: evidence["predicate"].update(causes=[{"kind": "unread", "question": "load"}]),
        "the summary says PASSED, and the causes in the evidence say the opposite",
    ),
    "failed without a cause": (
        set_predicate(verificationResult="FAILED", verifiedLevels=["FAILED"]),
        "the summary says FAILED, and the causes in the evidence say the opposite",
    ),
    "levels": (set_predicate(verifiedLevels=["FAILED"]), "the result is PASSED, and the verified levels say the oppo"),
    "no causes": (lambda evidence, _: evidence["predicate"].pop("causes"), "the evidence has no list 'causes'"),
    "other subjects in the summary": (
        lambda _, summary: summary["subject"].pop(),
        "the evidence and the summary are about different files",
    ),
    "other subjects than entries": (
        lambda evidence, summary: (evidence["subject"].pop(), summary["subject"].pop()),
        "the subjects are not the files that the evidence lists",
    ),
    "subject twice": (
        lambda evidence, summary: [each["subject"].append(each["subject"][1]) for each in (evidence, summary)],
        "the subjects are not the files that the evidence lists",
    ),
    "two images": (
        lambda evidence, summary: [
            each["subject"].extend([{"digest": {"sha256": "0" * 64}}] * 2) for each in (evidence, summary)
        ],
        "a subject without a name is not one image",
    ),
    "entry outside": (
        lambda evidence, _: evidence["predicate"]["entries"][0].update(path="../x"),
        "the name '../x' leads out of the model",
    ),
    "entry twice": (
        lambda evidence, _: evidence["predicate"]["entries"].append(evidence["predicate"]["entries"][0]),
        "the entries have no tree digest: two entries have the path",
    ),
    "other input": (
        lambda _, summary: summary["predicate"]["inputAttestations"][0].update(digest={"sha256": "0" * 64}),
        "the summary rests on other evidence than that of the same file",
    ),
    "two inputs": (
        lambda _, summary: summary["predicate"]["inputAttestations"].append({}),
        "the summary names other than one piece of evidence",
    ),
    "other result": (set_predicate(verificationResult="passed"), "the result 'passed' is neither PASSED nor FAILED"),
    "no day": (set_predicate(timeVerified="2026-02-30T00:00:00Z"), "'2026-02-30T00:00:00Z' is not a time"),
    "local time": (set_predicate(timeVerified="2026-02-20 00:00"), "'2026-02-20 00:00' is not a time in UTC, such as"),
    "future": (
        set_predicate(timeVerified="2999-01-01T00:00:00Z"),
        "the verdict is of 2999-01-01T00:00:00Z, which lies in the future",
    ),
    "expired": (
        set_predicate(**{"urn:modelaudit:expires": "2020-01-01T00:00:00Z"}),
        "the verdict expired at 2020-01-01T00:00:00Z",
    ),
    "expiry of another type": (set_predicate(**{"urn:modelaudit:expires": None}), "the summary has no string 'urn:mod"),
    "kind of statement": (
        lambda _, summary: summary.update(predicateType="https://slsa.dev/verification_summary/v0.2"),
        "it holds 'https://slsa.dev/verification_summary/v0.2' in the place of https://slsa.dev/verification_summary/",
    ),
    "kind of evidence": (
        lambda evidence, _: evidence.update(predicateType="urn:modelaudit:evidence:v2"),
        "it holds 'urn:modelaudit:evidence:v2' in the place of urn:modelaudit:evidence:v1",
    ),
}


@pytest.mark.parametrize("name", SIGNED)
def test_wrong_statement_is_refused_although_the_right_key_signed_it(attested: AttestedModel, name: str) -> None:
    change, expected = SIGNED[name]
    attested.resign(change)
    assert refuse(attested).startswith(expected)


def test_fields_that_are_not_known_are_ignored_as_slsa_asks(attested: AttestedModel) -> None:
    attested.resign(lambda evidence, summary: summary["predicate"].update({"https://acme.example/x": {"y": [1]}}))
    assert attested.verify().returncode == 0


def test_key_that_occurs_twice_in_a_signed_statement_is_refused(attested: AttestedModel) -> None:
    evidence, summary = (json.dumps(each).encode() for each in attested.read_payloads())
    attested.sign(evidence, b'{"predicateType":"x",' + summary[1:])
    assert refuse(attested) == "the statement is not sound JSON: the key 'predicateType' occurs twice in one object"


def test_conditions_that_the_verdict_does_not_fulfil_are_named(attested: AttestedModel) -> None:
    assert attested.scan(SOURCE_DATE_EPOCH=at(-40)).returncode == 0
    assert attested.attest().returncode == 0
    assert attested.verify("--not-older-than", "41d").returncode == 0
    for options, expected in (
        (("--verifier-id", "urn:x:y"), "the verifier is 'urn:modelaudit:verifier', and 'urn:x:y' is required"),
        (("--policy-digest", "0" * 64), "the policy is '"),
        (("--resource", "pkg:huggingface/acme/x"), "the model is 'urn:modelaudit:folder:model@v1:"),
        (("--not-older-than", "30d"), "the verdict is of 20"),
    ):
        assert refuse(attested, *options).startswith(expected)
    assert refuse(attested, "--not-older-than", "30d").endswith("which is older than allowed")


def test_other_key_is_refused_with_both_fingerprints(attested: AttestedModel) -> None:
    make_keys(attested.place, "other", ec.SECP384R1())
    done = run_command(
        "verify", attested.model, "--attestation", attested.attestation, "--key", attested.place / "other.pub"
    )
    assert (done.returncode, ": REFUSED: it names the key '" in done.stdout) == (1, True)
    assert "…, and --key is '" in done.stdout


def test_attestation_of_another_model_is_refused_for_its_files(attested: AttestedModel, tmp_path: Path) -> None:
    other = AttestedModel(tmp_path / "second")
    shutil.copytree(attested.place, other.place, symlinks=True)
    (other.model / "config.json").write_text('{"model_type": "other"}')
    assert refuse(other).startswith("changed: config.json: ")
    assert (other.scan().returncode, other.attest().returncode, other.verify().returncode) == (0, 0, 0)
    shutil.copy(attested.attestation, other.attestation)
    assert refuse(other).startswith("changed: config.json: ")


def test_verdict_other_than_a_pass_is_attested_as_failed_with_its_cause(attested: AttestedModel) -> None:
    for name, data, cause in (
        ("x.pkl", b"cposix\nsystem\n(Vecho inert\ntR.", "findings (load)"),
        ("x.unknown", b"\x00\x01\x02\x03" * 99, "unread (load)"),
    ):
        (attested.model / name).write_bytes(data)
        assert attested.scan().returncode in (1, 3)
        done = attested.attest()
        assert (done.returncode, ": FAILED (" in done.stderr) == (0, True), done.stderr
        evidence, summary = attested.read_payloads()
        causes = [f"{each['kind']} ({each['question']})" for each in evidence["predicate"]["causes"]]
        assert cause in causes
        assert summary["predicate"]["verifiedLevels"] == ["FAILED"]
        assert refuse(attested).startswith("the verdict is FAILED: ")
        (attested.model / name).unlink()


def test_required_pass_ends_with_1_and_one_line_and_attests_all_the_same(attested: AttestedModel) -> None:
    assert attested.attest("--require-pass").returncode == 0
    (attested.model / "x.pkl").write_bytes(b"cposix\nsystem\n(Vecho inert\ntR.")
    assert attested.scan().returncode == 1
    done = attested.attest("--require-pass", "-q")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "modelaudit: note: --require-pass: the verdict is FAILED: findings (load); it is attested all the same\n"
    )
    assert refuse(attested) == "the verdict is FAILED: 'findings (load)'"
    assert attested.attest("--require-pass").stderr.count("\n") == 3


def test_options_of_the_api_have_the_checks_of_the_command(attested: AttestedModel) -> None:
    signer = load_key_signer(attested.key)
    for values, expected in (
        ({"verifier": "me"}, "--verifier-id 'me': is not a URI"),
        ({"resource": "a model:"}, "--resource 'a model:': is not a URI"),
        ({"days": 0}, "--expires 0: is not a number of days from 1 to 99999"),
        ({"days": 10**9}, "is not a number of days from 1 to 99999"),
        ({"image": "sha256:12"}, "--image sha256:12: is not a SHA-256"),
    ):
        with pytest.raises(ConfigurationError, match=re.escape(expected)):
            AttestationOptions(attested.report, signer, **values)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="--push names the image itself"):
        attest_image(str(attested.model), "host/tiny:v1", AttestationOptions(attested.report, signer, image="ab" * 32))


def test_answer_as_json_has_the_verdict_the_refusals_and_counts(attested: AttestedModel) -> None:
    done = attested.verify("-o", "json")
    document = json.loads(done.stdout)
    attested_fields = document.pop("attested")
    assert (done.returncode, done.stderr, document) == (
        0,
        "",
        {
            "schema": "modelaudit/verdict/v1",
            "path": str(attested.model),
            "verdict": "accepted",
            "exit_code": 0,
            "refusals": [],
            "refusal_count": 0,
        },
    )
    counts = [attested_fields[key] for key in ("entries", "files", "links", "folders", "sealed", "signatures")]
    assert counts == [9, 7, 1, 1, None, []]
    assert (attested_fields["result"], attested_fields["verifier"]) == ("PASSED", "urn:modelaudit:verifier")
    (attested.model / "config.json").write_text("{}")
    (attested.model / "\u202e\x1b.py").write_text("")
    file = attested.place / "answer.json"
    file.write_text("an older answer")
    done = attested.verify("-o", f"json={file}")
    document = json.loads(file.read_bytes())
    assert (done.returncode, done.stdout, document["verdict"], document["refusal_count"]) == (1, "", "refused", 2)
    assert [(each["kind"], each["path"]) for each in document["refusals"]] == [
        ("changed", "config.json"),
        ("added", "\\u202e\\x1b.py"),
    ]
    assert document["refusals"][1]["text"] == "added: \\u202e\\x1b.py: a file that the attestation lacks"
    assert (document["attested"], document["exit_code"], file.read_bytes().isascii()) == (None, 1, True)
    conditions = ("--resource", "urn:x", "--policy-digest", "0" * 64)
    document = json.loads(attested.verify("-o", "json", *conditions).stdout)
    assert [each["kind"] for each in document["refusals"]] == ["policy", "model"]
    # A program that reads the file after an error does not find an older answer.
    attested.attestation.unlink()
    assert (attested.verify("-o", f"json={file}").returncode, file.exists()) == (4, False)


def test_answer_on_names_that_are_not_utf8_is_valid_json_without_raw_characters(attested: AttestedModel) -> None:
    (attested.model / os.fsdecode(b"\xff\xfe")).write_text("")
    (attested.model / "config.json: a\nb\u202e").write_text("")
    document = json.loads(attested.verify("-o", "json").stdout)
    paths = [each["path"] for each in document["refusals"]]
    assert paths == ["config.json: a\\nb\\u202e", "\\udcff\\udcfe"]
    document["refusals"][1]["text"].encode()  # no lone surrogate
    assert all(each["text"].isprintable() for each in document["refusals"])
    (attested.model / "config.json").write_text("{}")
    (attested.model / "README.md").chmod(0o755)
    assert "REFUSED: changed: config.json" in attested.verify().stdout  # not the mode, which sorts before it


def test_notes_break_at_the_width_of_a_terminal_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = f"verify it with --policy-digest {'a' * 64} --resource {'b' * 90}"
    monkeypatch.setenv("COLUMNS", "80")
    for is_terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda is_terminal=is_terminal: is_terminal)
        show_notes([note])
        lines = capsys.readouterr().err.splitlines()
        assert (" ".join(" ".join(lines).split()), len(lines) > 1) == (f"modelaudit: note: {note}", is_terminal)


SIGNED_BY = {
    "nobody": ([], "the model has no signature"),
    "not stated": (None, "the evidence does not say who signed the model"),
    "not checked": ([{"state": "unchecked"}], "the model has 1 signature, and none was verified"),
    "a long hostile name": (
        [
            {"state": "verified", "method": "key", "signer": f"key {'ab' * 32}", "trust": "--public-key"},
            {"state": "verified", "method": "certificate", "signer": "CN=\n\x1b[31m" + "x" * 500, "trust": "p.yaml:3"},
        ],
        f"model signed by key {'ab' * 8}… (method key, trusted by --public-key) and 1 more",
    ),
    "two lines": (
        [{"state": "verified", "method": "certificate", "signer": "CN=\n\x1b[31m" + "x" * 500}],
        f"model signed by CN=\\n\\x1b[31m{'x' * 51}… (method certificate)",
    ),
}


@pytest.mark.parametrize("name", SIGNED_BY)
def test_accepted_line_names_who_signed_the_model(attested: AttestedModel, name: str) -> None:
    signatures, expected = SIGNED_BY[name]

    def change(evidence: Json, _: Json) -> None:
        evidence["predicate"].pop("signatures")
        if signatures is not None:
            evidence["predicate"]["signatures"] = signatures

    attested.resign(change)
    done = attested.verify()
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done
    assert done.stdout.endswith(f"; {expected}\n")


def test_evidence_carries_the_signer_and_who_trusts_it(attested: AttestedModel) -> None:
    sign_folder(attested.model)
    public = write_public_key(attested.place / "publisher.pub")
    assert attested.scan("--public-key", public).returncode == 0
    assert attested.attest().returncode == 0
    [signature] = json.loads(attested.verify("-o", "json").stdout)["attested"]["signatures"]
    assert (signature["state"], signature["method"], signature["trust"]) == ("verified", "key", "--public-key")
    assert "; model signed by key " in attested.verify().stdout


def test_use_that_needs_a_review_is_attested_as_failed(attested: AttestedModel) -> None:
    (attested.model / "README.md").write_text("---\nlicense: other\n---\n# Tiny\n")
    assert attested.scan("--use", "commercial").returncode == 3
    assert attested.attest().returncode == 0
    assert "(use)" in refuse(attested)


def test_findings_that_a_baseline_knows_do_not_pass(attested: AttestedModel) -> None:
    (attested.model / "x.pkl").write_bytes(b"cposix\nsystem\n(Vecho inert\ntR.")
    assert attested.scan().returncode == 1
    baseline = attested.report.rename(attested.place / "baseline.json")
    assert attested.scan("--baseline", baseline).returncode == 0
    assert attested.attest().returncode == 0
    assert refuse(attested) == "the verdict is FAILED: 'baseline (load)'"


def test_options_that_lower_the_gate_change_the_digest_of_the_policy(attested: AttestedModel) -> None:
    _, before = attested.read_payloads()
    digest = before["predicate"]["policy"]["digest"]["sha256"]
    (attested.model / "x.pkl").write_bytes(b"cposix\nsystem\n.")
    assert attested.scan("--fail-on", "critical").returncode == 0
    assert attested.attest().returncode == 0
    assert refuse(attested, "--policy-digest", digest).startswith("the policy is '")


def test_scan_that_no_finding_can_fail_is_no_pass(attested: AttestedModel) -> None:
    (attested.model / "x.pkl").write_bytes(b"cposix\nsystem\n(Vecho inert\ntR.")
    assert attested.scan("--fail-on", "never").returncode == 0
    assert attested.attest().returncode == 0
    assert refuse(attested) == "the verdict is FAILED: 'gate (load)'"


def test_verdict_holds_no_longer_than_a_decision_behind_it(attested: AttestedModel) -> None:
    (attested.model / "x.pkl").write_bytes(b"cacme.tools\nrestore\n(tR.")
    assert attested.scan().returncode in (1, 3)
    report = json.loads(attested.report.read_text())
    register = attested.place / "decisions.yaml"
    day = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    for finding in [each for each in report["findings"] if each["location"] and "x.pkl" in each["artifact"]]:
        done = run_command(
            "decide", finding["fingerprint"], "--report", attested.report, "--decisions", register, "--answer",
            "accept", "--reason", "read", "--by", "Jane Roe", "--approved-by", "Max Muster", "--expires", day,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert attested.scan("--decisions", register).returncode == 0
    assert attested.attest().returncode == 0
    evidence, summary = attested.read_payloads()
    last = datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(days=1)
    assert summary["predicate"]["urn:modelaudit:expires"] == last.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert evidence["predicate"]["accepted"]["decision"] > 0
    assert attested.verify().returncode == 0


def test_reports_that_cannot_be_attested_are_refused_with_one_line(attested: AttestedModel) -> None:
    def rescan(*options: str, **environment: str) -> None:
        done = attested.scan(*options, **environment)
        assert done.returncode in (0, 1, 3), done.stderr

    def save_license() -> None:
        saved = f"json={attested.report}"
        assert run_command("license", attested.model, "-q", "-o", saved).returncode in (0, 1, 3)

    def cut() -> None:
        attested.report.write_bytes(attested.report.read_bytes()[:-100])

    for change, expected in (
        (lambda: rescan("--checks", "license,security"), "the report is without the check integrity, so it does not"),
        (lambda: rescan("--checks", "provenance"), "the report is without the check security and integrity, so it doe"),
        (save_license, "the report is without the check security and integrity, so it does not answer whether to load"),
        (lambda: rescan(SOURCE_DATE_EPOCH=at(-100)), ", and its verdict holds until 20"),
        (cut, "The file is not a valid report"),
    ):
        change()
        done = attested.attest()
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert expected in done.stderr


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda root: (root / "config.json").write_text("{}"), "the report is of other bytes of 'config.json'"),
        (lambda root: (root / "x.txt").write_text("x"), "the report states no SHA-256 of 'x.txt'"),
        (lambda root: (root / "caf\u00e9.txt").unlink(), "the report has 'caf\u00e9.txt', and the model has not"),
        (lambda root: (root / "x.py").symlink_to("caf\u00e9.txt"), "the report states no SHA-256 of 'x.py'"),
        (
            lambda root: ((root / "link.json").unlink(), (root / "link.json").symlink_to("label_map.pkl")),
            "the report is of other bytes of 'link.json'",
        ),
    ],
)
def test_report_of_other_files_is_not_attested(
    attested: AttestedModel, change: Callable[[Path], object], expected: str
) -> None:
    change(attested.model)
    before = attested.attestation.read_bytes()
    done = attested.attest()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{expected}" in done.stderr
    assert "scan the model again" in done.stderr
    assert attested.attestation.read_bytes() == before


def test_wrong_options_are_one_line_and_exit_2(attested: AttestedModel) -> None:
    model, attestation, public = attested.model, attested.attestation, attested.public
    shutil.copy(attestation, model / "a.att")
    shutil.copy(public, model / "a.pub")
    base = ("verify", model, "--attestation", attestation)
    for arguments, expected in (
        (base, "--attestation needs the key of a trusted attester: --key FILE"),
        ((*base, "--key", attested.key), "key.pem holds a private key; a signature is checked with an EC key of"),
        ((*base, "--key", attested.place / "no.pub"), "cannot be read: No such file or directory; check the path"),
        ((*base, "--key", model / "a.pub"), "lies in the model, and a model must not name who signs it; move it out"),
        ((*base, "--key", public, "--lock", "x"), "an attestation is checked alone"),
        ((*base, "--key", public, "-o", "jsn"), "-o jsn: 'jsn' is not a format; use one of: text, json"),
        ((*base, "--key", public, "-o", "json="), "-o json=: names no file; write -o json=FILE, or leave the = out"),
        ((*base, "--key", public, "-o", f"json={model}/x"), "which it would change; name a file outside"),
        ((*base, "--key", public, "--policy-digest", "abc"), "--policy-digest abc: is not a SHA-256; write it such as"),
        ((*base, "--key", public, "--not-older-than", "30"), "--not-older-than 30: is not a number of days"),
        ((*base, "--key", public, "--not-older-than", "never"), "--not-older-than never: is not a number of days"),
        (("verify", model, "--key", public), "--key concerns an attestation or a sealed folder; add --attestation"),
        (("verify", "--attestation", attestation, "--key", public), "--attestation needs the folder of the model"),
        (("verify", model / "config.json", *base[2:], "--key", public), "is a file; name the folder of the model"),
        (("verify", model, "--attestation", model / "a.att", "--key", public), "the attestation lies in the model"),
    ):
        done = run_command(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
        assert expected in done.stderr
    for options, expected in (
        (("--verifier-id", "me"), "--verifier-id 'me': is not a URI"),
        (("--resource", "a model:"), "--resource 'a model:': is not a URI"),
        (("--image", "sha256:12"), "--image sha256:12: is not a SHA-256"),
        (("--expires", "soon"), "--expires soon: is not a number of days"),
        (("-o", model / "new.att"), "lies in the model, which it would change; name a file outside"),
        (("--key", attested.place / "no.pem"), "cannot be read: No such file or directory; check the path"),
        (("--key", public), "key.pub holds no private key in PEM"),
        (("--report", attested.place / "no.json"), "cannot be read: No such file or directory"),
    ):
        done = attested.attest(*options)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
        assert expected in done.stderr


def test_what_cannot_be_read_ends_with_4(attested: AttestedModel) -> None:
    for arguments, expected in (
        ((attested.place / "absent", "--attestation", attested.attestation), "does not exist; verify checks models on"),
        ((attested.model, "--attestation", attested.place / "no.att"), "cannot be read: No such file or directory"),
        ((attested.model, "--attestation", attested.place), "cannot be read: Is a directory; check the path"),
    ):
        done = run_command("verify", *arguments, "--key", attested.public)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1), done
        assert expected in done.stderr


def test_file_that_may_not_be_read_ends_with_4(attested: AttestedModel) -> None:
    (attested.model / "config.json").chmod(0)
    command = [sys.executable, "-m", "modelaudit", "verify", str(attested.model)]
    command += ["--attestation", str(attested.attestation), "--key", str(attested.public)]
    if os.geteuid() == 0:  # root reads every file unless it gives that right away
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, ""), done
    assert "config.json cannot be read: permission to read the file is denied" in done.stderr


def test_encrypted_key_opens_with_its_passphrase_alone(attested: AttestedModel) -> None:
    locked = attested.place / "locked.pem"
    locked.write_bytes(encode_key(load_private_key(attested.key.read_bytes()), "caf\u00e9 9"))
    for passphrase, expected in (
        ("caf\u00e9 9", (0, ": PASSED, ")),
        ("cafe 9", (2, "locked.pem does not open with this passphrase")),
        ("", (2, "locked.pem is encrypted, and no passphrase was given")),
    ):
        done = attested.attest("--key", locked, MODELAUDIT_KEY_PASSPHRASE=passphrase)
        assert (done.returncode, expected[1] in done.stderr) == (expected[0], True), done.stderr
    done = attested.attest("--key", locked)
    assert (done.returncode, "is encrypted; set MODELAUDIT_KEY_PASSPHRASE" in done.stderr) == (2, True)
    assert attested.attest(MODELAUDIT_KEY_PASSPHRASE="unused").returncode == 0
    assert attested.verify().returncode == 0


@pytest.mark.parametrize(("typed", "code"), [(b"secret\n", 0), (b"wrong\n", 2), (b"\x03", 130)])
def test_passphrase_is_asked_for_in_a_terminal_and_not_shown(attested: AttestedModel, typed: bytes, code: int) -> None:
    locked = attested.place / "locked.pem"
    locked.write_bytes(encode_key(load_private_key(attested.key.read_bytes()), "secret"))
    command = [sys.executable, "-m", "modelaudit", "attest", str(attested.model), "--report", str(attested.report)]
    command += ["--key", str(locked), "-o", str(attested.attestation)]
    child, terminal = pty.fork()
    if child == 0:
        # A shell that runs the suite in the background has its children ignore the signal of Ctrl-C.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(command[0], command)
    shown = b""
    while b"Passphrase of " not in shown:
        shown += os.read(terminal, 4096)
    # What is typed before the program turns the echo off is dropped with it.
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        time.sleep(0.01)
    os.write(terminal, typed)
    try:
        while data := os.read(terminal, 4096):
            shown += data
    except OSError:
        pass  # the terminal ends with its program
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code, shown
    assert b"secret" not in shown
    assert b"wrong" not in shown


def test_keys_of_other_kinds_are_refused(attested: AttestedModel) -> None:
    other = attested.place / "other.pem"
    for key, expected in (
        (rsa.generate_private_key(65537, 2048), "holds an RSA key; use an EC key of P-256"),
        (ec.generate_private_key(ec.SECP256K1()), "holds an EC key of the curve secp256k1; use an EC key"),
        (ed25519.Ed25519PrivateKey.generate(), "holds an Ed25519 key"),
    ):
        other.write_bytes(encode_key(key))
        done = attested.attest("--key", other)
        assert (done.returncode, expected in done.stderr) == (2, True), done.stderr
    other.write_text(
        "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAA==\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----"
    )
    done = attested.attest("--key", other, MODELAUDIT_KEY_PASSPHRASE="x")
    assert (done.returncode, "is a key of cosign, which cosign alone can open" in done.stderr) == (2, True)


def test_key_inside_the_model_is_not_used(attested: AttestedModel) -> None:
    shutil.copy(attested.key, attested.model / "key.pem")
    done = attested.attest("--key", attested.model / "key.pem")
    assert (done.returncode, "key.pem lies in the model; move it out" in done.stderr) == (2, True)


def test_image_is_a_subject_beside_a_file_of_that_name(attested: AttestedModel) -> None:
    (attested.model / "image").write_text("{}")
    assert attested.scan("--fail-on", "never").returncode in (0, 3)
    assert attested.attest("--image", f"sha256:{'ab' * 32}").returncode == 0
    evidence, summary = attested.read_payloads()
    media_type = "application/vnd.oci.image.manifest.v1+json"
    assert {"mediaType": media_type, "digest": {"sha256": "ab" * 32}} in summary["subject"]
    assert [each["name"] for each in evidence["subject"] if each.get("name") == "image"] == ["image"]


def test_verify_imports_no_reader_no_report_and_no_certificates(attested: AttestedModel) -> None:
    code = (
        "import sys; from modelaudit.__main__ import main\n"
        "try: main()\n"
        "finally: print(*sorted(sys.modules), file=sys.stderr)"
    )
    arguments = ["verify", attested.model, "--attestation", attested.attestation, "--key", attested.public]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules = done.stderr.split()
    rooms = {name.split(".")[1] for name in modules if name.startswith("modelaudit.")}
    assert rooms == {"__main__", "cli", "integrity", "model", "sources", "answering", "attested"}
    assert not {"modelaudit.model.report", "modelaudit.integrity.certificates", "modelaudit.integrity.lock_file"} & set(
        modules
    )
    assert not {"huggingface_hub", "httpx2", "yaml", "pydantic", "rich", "jinja2", "cryptography.x509"} & set(modules)


def test_repository_is_attested_from_the_cache_and_verified_wherever_it_was_downloaded(
    hub: LoopbackHub, source: AttestedModel, tmp_path: Path
) -> None:
    repository = hub.add_repository("acme/tiny", TINY)
    report, attestation = tmp_path / "report.json", tmp_path / "tiny.att"
    done = run_command("scan", "acme/tiny", "--no-second-opinion", "-q", "-o", f"json={report}")
    assert done.returncode == 0, done.stderr
    requests = len(hub.requests)
    done = run_command("attest", "acme/tiny", "--report", report, "--key", source.key, "-o", attestation)
    assert (done.returncode, len(hub.requests)) == (0, requests), done.stderr
    resource = f"pkg:huggingface/acme/tiny@{repository.sha}"
    assert done.stderr.rstrip().endswith(f" --resource {resource}")
    base = ("--attestation", attestation, "--key", source.public, "--resource", resource)
    [snapshot] = Path(os.environ["HF_HUB_CACHE"]).glob("models--acme--tiny/snapshots/*")
    plain = shutil.copytree(snapshot, tmp_path / "plain")
    (plain / "config.json").chmod(0o755)  # the Hub records no modes, so none is compared
    for folder in (snapshot, plain):
        done = run_command("verify", folder, *base)
        assert (done.returncode, f"{folder}: PASSED by " in done.stdout) == (0, True), done
    (plain / "x.py").write_text("")
    assert run_command("verify", plain, *base).returncode == 1
    assert run_command("verify", snapshot, *base[:-1], resource.replace("tiny@", "tiny-2@")).returncode == 1
