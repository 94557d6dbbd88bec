"""``modelaudit attest --seal`` and the check on the other side of an air gap: everything or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hub.server import LoopbackHub
from huggingface_hub import snapshot_download
from support.attested import ROOT, TINY, AttestedModel, encode_key, make_attested, make_keys
from support.command import run_command
from support.isolated import make_environment
from support.offline import run_without_network
from support.sealing import run_verifier as run_standalone
from support.sealing import seal, seal_again
from support.signatures import sign_folder, write_public_key
from support.tampering import CHANGES as RANDOM_CHANGES

from modelaudit.attesting import AttestationOptions
from modelaudit.cli.main import command as program
from modelaudit.cli.standalone import main as run_verifier
from modelaudit.integrity.bundles import parse_bundle
from modelaudit.integrity.conditions import Conditions
from modelaudit.integrity.hashing import HashingThreads, OpenedFile, PendingHash
from modelaudit.integrity.seal import ATTESTATION_NAME, PARTS
from modelaudit.integrity.signing import KeySigner, StatementSigner, load_private_key
from modelaudit.integrity.trusted import make_signer
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError, SignatureError, SourceError
from modelaudit.sealed import verify_seal
from modelaudit.sealing import seal as write_seal

DAYS_AGO: Final = 40
NO_MODULES: Final = "import importlib.util as i; print([n for n in ('modelaudit', 'yaml', 'click') if i.find_spec(n)])"
INTERFACES: Final = "import socket; print([name for _, name in socket.if_nameindex()])"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> AttestedModel:
    """Return an attested model, scanned some weeks ago, and beside it its sealed folder; no test changes them."""
    attested = make_attested(tmp_path_factory.mktemp("sealed"))
    scanned = datetime.now(UTC) - timedelta(days=DAYS_AGO)
    assert attested.scan(SOURCE_DATE_EPOCH=str(int(scanned.timestamp()))).returncode == 0
    done = seal(attested, attested.place / "sealed", "-o", attested.attestation)
    assert done.returncode == 0, done.stderr
    return attested


@pytest.fixture
def attested(source: AttestedModel, tmp_path: Path) -> AttestedModel:
    """Return a copy of everything, which a test may change."""
    return source.copy(tmp_path / "place")


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with ``cryptography`` alone."""
    return make_environment(tmp_path_factory.mktemp("bare") / "environment", "cryptography")


def verify(attested: AttestedModel, *options: str | Path, folder: str = "sealed") -> tuple[int, str]:
    """Verify the sealed folder with the command, and return the exit code and the answer."""
    done = run_command("verify", attested.place / folder, "--key", attested.public, *options)
    assert (done.stdout + done.stderr).count("\n") == 1, done
    return done.returncode, (done.stdout or done.stderr).rstrip("\n")


def change_byte(place: Path) -> None:
    """Change one byte of the weights."""
    path = place / "sealed/model/model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


WALKS: Final[dict[str, tuple[Callable[[Path], object], tuple[str, ...], str]]] = {
    "one byte": (change_byte, (), "REFUSED: changed: model/model.safetensors: its SHA-256 is "),
    "one file": (
        lambda place: (place / "sealed/x.py").write_text(""),
        (),
        "REFUSED: added: x.py: a file that the seal",
    ),
    "one key": (lambda place: make_keys(place), (), "REFUSED: it names the key '"),
    "one policy": (lambda place: None, ("--policy-digest", "0" * 64), "REFUSED: the policy is '"),
    "one date": (lambda place: None, ("--not-older-than", "30d"), ", which is older than allowed"),
}


@pytest.mark.parametrize("front", ["verify.pyz", "modelaudit"])
def test_air_gap_is_crossed_by_everything_or_nothing(
    source: AttestedModel, bare_python: Path, tmp_path: Path, front: str
) -> None:
    """Seal here, carry the folder, and verify it in a network namespace without interfaces."""
    assert run_without_network(bare_python, "-I", "-c", NO_MODULES).stdout == "[]\n"
    lines = run_without_network(bare_python, "-I", "-c", INTERFACES).stdout
    assert lines == "['lo']\n", "unshare gave no network namespace of its own, so this system cannot run the walk"
    program = {
        "verify.pyz": (bare_python, "sealed/verify.pyz"),
        "modelaudit": (sys.executable, "-I", "-m", "modelaudit", "verify"),
    }[front]
    answers = {}
    for name, (change, options, expected) in {"nothing": (lambda place: None, (), ""), **WALKS}.items():
        place = tmp_path / name
        shutil.copytree(source.place / "sealed", place / "sealed", symlinks=True)
        shutil.copy(source.public, place / "key.pub")
        change(place)
        start = [each.replace("sealed/", f"{place}/sealed/") for each in map(str, program)]
        done = run_without_network(*start, place / "sealed", "--key", place / "key.pub", *options)
        assert done.stderr == ""
        head, _, answer = done.stdout.rstrip("\n").partition(f"{place}/sealed: ")
        assert (head, done.returncode, expected in answer) == ("", int(name != "nothing"), True), (name, done)
        answers[name] = answer
    assert answers.pop("nothing").startswith("sealed, 16 entries; PASSED by urn:modelaudit:verifier at ")
    assert len(set(answers.values())) == len(WALKS)


def test_digests_that_travel_apart_are_those_of_the_files_and_fit_80_columns(
    attested: AttestedModel, tmp_path: Path
) -> None:
    done = seal(attested, tmp_path / "again")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines if not line.startswith("#")) <= 80
    assert [line.split()[1] for line in lines if line.startswith("#")] == ["--policy-digest", "--resource"]
    shutil.copy(tmp_path / "again/verify.pyz", attested.place / "verify.pyz")
    compared = subprocess.run(
        ["sha256sum", "--check", "--strict"], input=done.stdout, cwd=attested.place, capture_output=True, text=True
    )
    assert (compared.returncode, compared.stdout) == (0, "verify.pyz: OK\nkey.pub: OK\n"), compared
    passed, conditions, sealed, carried = [line.removeprefix("modelaudit: note: ") for line in done.stderr.splitlines()]
    assert passed.startswith(f"{tmp_path}/again: PASSED, 9 entries, tree v1:")
    assert sealed == f"{tmp_path}/again: sealed, 16 entries with the model"
    assert len(carried) <= 80
    options = conditions.removeprefix("verify it with ").split()
    assert run_command("verify", tmp_path / "again", "--key", attested.public, *options).returncode == 0
    quiet = seal(attested, tmp_path / "quiet", "-q")
    assert (quiet.returncode, quiet.stderr, quiet.stdout) == (0, "", done.stdout)


def test_sealed_folder_holds_the_model_the_reports_the_lock_and_the_rules(source: AttestedModel) -> None:
    folder = source.place / "sealed"
    assert sorted(each.name for each in folder.iterdir()) == sorted([*PARTS, "model", "seal.json"])
    assert (folder / "report.json").read_bytes() == source.report.read_bytes()
    assert (folder / "attestation.jsonl").read_bytes() == source.attestation.read_bytes()
    assert json.loads((folder / "sbom.cdx.json").read_bytes())["bomFormat"] == "CycloneDX"
    assert run_command("verify", "--lock", folder / "modelaudit.lock").returncode == 0
    assert run_command("verify", folder / "model", "--lock", folder / "modelaudit.lock").returncode == 0
    lone = ("verify", folder / "model", "--attestation", folder / "attestation.jsonl", "--key", source.public)
    assert run_command(*lone).returncode == 0
    rules = ("--rules", folder / "rules.zip", "--rules-key", source.public)
    assert run_command("scan", folder / "model", "--no-second-opinion", "-q", *rules).returncode == 0


def replace_by_link(path: Path) -> None:
    """Put a link to an equal file or folder in the place of one."""
    outside = path.parents[len(path.parts) - path.parts.index("sealed") - 1] / "outside"
    path.rename(outside)
    path.symlink_to(outside)


def retarget(folder: Path) -> None:
    """Let the link of the model lead to a file with equal bytes."""
    (folder / "model/link.json").unlink()
    (folder / "model/link.json").symlink_to("./config.json")


CHANGES: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    **{
        f"{name} changed": (
            lambda folder, name=name: (folder / name).open("ab").write(b" "),  # type: ignore[misc]
            f"changed: {name}: ",
        )
        for name in (*PARTS, "model/config.json")
    },
    **{
        f"{name} removed": (
            lambda folder, name=name: (folder / name).unlink(),  # type: ignore[misc]
            f"missing: {name}: a file that is sealed, and not there",
        )
        for name in PARTS
    },
    "file in the model": (lambda folder: (folder / "model/x.py").write_text(""), "added: model/x.py: a file that the"),
    "file in a new folder": (lambda folder: write(folder / "new/x"), "added: new/x: a file that the seal lacks"),
    "record of git": (lambda folder: write(folder / ".git/HEAD"), "added: .git/HEAD: a file that the seal lacks"),
    "record in the model": (lambda folder: write(folder / "model/.git/HEAD"), "added: model/.git/HEAD: a file that"),
    "record of the client": (
        lambda folder: write(folder / ".cache/huggingface/.gitignore"),
        "added: .cache/huggingface/.gitignore: a file that the seal lacks",
    ),
    "empty .git": (lambda folder: (folder / ".git").mkdir(), "added: .git: an empty folder that the seal lacks"),
    "empty .cache": (
        lambda folder: (folder / ".cache/huggingface").mkdir(parents=True),
        "added: .cache/huggingface: an empty folder that the seal lacks",
    ),
    "empty folder removed": (lambda folder: (folder / "model/empty").rmdir(), "missing: model/empty: an empty folder"),
    "file removed": (lambda folder: (folder / "model/sub/notes.txt").unlink(), "missing: model/sub/notes.txt: a file"),
    "file renamed": (
        lambda folder: (folder / "model/config.json").rename(folder / "model/x.py"),
        "renamed: model/x.py: 'model/config.json' is sealed",
    ),
    "bit set": (
        lambda folder: (folder / "model/config.json").chmod(0o755),
        "mode: model/config.json: it is executable",
    ),
    "bit removed": (lambda folder: (folder / "model/sub/notes.txt").chmod(0o644), "mode: model/sub/notes.txt: it is "),
    "bit of the verifier": (lambda folder: (folder / "verify.pyz").chmod(0o755), "mode: verify.pyz: it is executable"),
    "link": (retarget, "changed: model/link.json: the link leads to './config.json', and 'config.json' is sealed"),
    "link for a file": (lambda folder: replace_by_link(folder / "model/config.json"), "kind: model/config.json: a lin"),
    "link for the model": (lambda folder: replace_by_link(folder / "model"), "added: model: a link that the seal lack"),
    "pipe": (lambda folder: os.mkfifo(folder / "model/pipe"), "added: model/pipe: a special file that the seal lacks"),
    "terabyte": (
        lambda folder: (write(folder / ".git/HEAD"), os.truncate(folder / ".git/HEAD", 1 << 40)),
        "1,099,511,627,776 bytes are not sealed, the most of them in .git/HEAD; nothing was hashed",
    ),
    "no seal": (lambda folder: (folder / "seal.json").unlink(), "it holds no seal.json, so it is not sealed"),
    "pipe for the seal": (
        lambda folder: ((folder / "seal.json").unlink(), os.mkfifo(folder / "seal.json")),
        "it holds no seal.json, so it is not sealed",
    ),
    "empty seal": (lambda folder: (folder / "seal.json").write_text(""), "the bundle is not sound JSON: "),
    "attestation for a seal": (
        lambda folder: (folder / "seal.json").write_bytes((folder / "attestation.jsonl").read_bytes().splitlines()[1]),
        "it holds 'https://slsa.dev/verification_summary/v1' in the place of urn:modelaudit:seal:v1",
    ),
}


def write(path: Path) -> None:
    """Write a file, and the folders around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("ref: refs/heads/main\n")


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_to_a_sealed_folder_is_named_by_both_fronts_and_ends_with_1(
    attested: AttestedModel, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = attested.place / "sealed"
    change, expected = CHANGES[name]
    change(folder)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # the verifier replaces it
    code = run_verifier([str(folder), "--key", str(attested.public)])
    out, err = capfdbinary.readouterr()
    answer = out.decode().rstrip("\n")
    assert (code, err, answer.startswith(f"{folder}: REFUSED: {expected}")) == (1, b"", True), answer
    assert not {"lock", "locked", "attested"} & set(answer.split())
    if (folder / "seal.json").is_file():
        assert verify(attested) == (1, answer)
    else:  # without a seal, the command takes the folder for a model, and names both
        assert verify(attested)[0] == 2


def test_no_random_change_to_the_model_of_a_sealed_folder_is_silent(source: AttestedModel, tmp_path: Path) -> None:
    generator = random.Random(15)
    key, folder = (make_signer(source.public),), tmp_path / "sealed"
    changes = list(RANDOM_CHANGES)
    for number in range(int(os.environ.get("MODELAUDIT_CHANGES", "70"))):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source.place / "sealed", folder, symlinks=True)
        name = changes[number % len(changes)]
        RANDOM_CHANGES[name](folder / "model", generator)
        with pytest.raises((SignatureError, SourceError)):
            verify_seal(str(folder), key, Conditions())
            pytest.fail(f"change {number}, {name}, was not found")


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_keys_of_other_curves_with_a_passphrase_seal(
    attested: AttestedModel, monkeypatch: pytest.MonkeyPatch, curve: ec.EllipticCurve
) -> None:
    key = ec.generate_private_key(curve)
    (attested.place / "secret.pem").write_bytes(encode_key(key, "caf\u00e9 9"))
    write_public_key(attested.place / "secret.pub", key)
    monkeypatch.setenv("MODELAUDIT_KEY_PASSPHRASE", "caf\u00e9 9")
    done = seal(attested, attested.place / "again", "--key", attested.place / "secret.pem")
    assert (done.returncode, done.stdout.split()[3]) == (0, "secret.pub"), done.stderr
    done = run_command("verify", attested.place / "again", "--key", attested.place / "secret.pub")
    assert done.returncode == 0, done.stdout


def test_seal_of_another_folder_is_refused(attested: AttestedModel, tmp_path: Path) -> None:
    (attested.model / "more.txt").write_text("more\n")
    assert attested.scan().returncode == 0
    assert seal(attested, tmp_path / "other").returncode == 0
    shutil.copy(tmp_path / "other/seal.json", attested.place / "sealed/seal.json")
    code, answer = verify(attested)
    assert (code, "REFUSED: changed: attestation.jsonl: " in answer) == (1, True), answer
    shutil.copy(tmp_path / "other/attestation.jsonl", attested.place / "sealed/attestation.jsonl")
    seal_again(attested, attested.place / "sealed")
    code, answer = verify(attested)
    assert (code, "REFUSED: missing: more.txt: a file that is attested, and not there" in answer) == (1, True), answer


RESEALED: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    **{
        f"without {name}": (
            lambda folder, name=name: (folder / name).unlink(),  # type: ignore[misc]
            f"the seal covers no file {name}, so the folder is incomplete",
        )
        for name in PARTS
    },
    "other model": (
        lambda folder: (folder / "model/x.py").write_text(""),
        "added: x.py: a file that the attestation lacks",
    ),
    "other report": (
        lambda folder: (folder / "report.json").open("ab").write(b" "),
        "report.json is not the report on which the verdict rests",
    ),
    "other lock": (
        lambda folder: (folder / "modelaudit.lock").write_text("modelaudit lock, version 1\n"),
        "modelaudit.lock is not the lock of the attested model alone",
    ),
    "no lock": (lambda folder: (folder / "modelaudit.lock").write_text("{}"), "modelaudit.lock:1: a lock begins with"),
    "no attestation": (
        lambda folder: (folder / "attestation.jsonl").write_text(""),
        "it has 0 lines, and needs two: the evidence and the summary",
    ),
}


@pytest.mark.parametrize("name", RESEALED)
def test_folder_whose_parts_do_not_belong_together_is_refused_although_the_right_key_sealed_it(
    attested: AttestedModel, name: str
) -> None:
    change, expected = RESEALED[name]
    change(attested.place / "sealed")
    seal_again(attested, attested.place / "sealed")
    code, answer = verify(attested)
    assert (code, expected in answer) == (1, True), answer


def test_verdict_of_another_key_is_refused_in_a_seal_of_the_right_one(attested: AttestedModel) -> None:
    make_keys(attested.place, "other")
    assert attested.attest("--key", attested.place / "other.pem").returncode == 0
    shutil.copy(attested.attestation, attested.place / "sealed/attestation.jsonl")
    seal_again(attested, attested.place / "sealed")
    code, answer = verify(attested)
    assert (code, "REFUSED: it names the key '" in answer) == (1, True), answer


def test_failed_verdict_is_sealed_with_a_remark_and_refused(attested: AttestedModel, tmp_path: Path) -> None:
    hostile = next((TINY.parents[1] / "pickle/malicious").glob("os-system*.pkl"))
    shutil.copy(hostile, attested.model / "hostile.pkl")
    assert attested.scan().returncode == 1
    done = seal(attested, attested.place / "failed")
    assert (done.returncode, "the verdict is FAILED, so the other side refuses the folder" in done.stderr) == (0, True)
    code, answer = verify(attested, folder="failed")
    assert (code, "REFUSED: the verdict is FAILED: 'findings (load)'" in answer) == (1, True), answer


def test_signature_outside_of_the_model_is_carried_and_listed(
    attested: AttestedModel, bare_python: Path, tmp_path: Path
) -> None:
    sign_folder(attested.model)
    detached = (attested.model / "model.sig").rename(tmp_path / "publisher.sig")
    publisher = write_public_key(tmp_path / "publisher.pub")
    assert attested.scan("--public-key", publisher, "--signature", detached).returncode == 0
    folder = attested.place / "signed"
    other = shutil.copy(detached, tmp_path / "other.sig")
    (tmp_path / "elsewhere").mkdir()
    changed = tmp_path / "elsewhere/publisher.sig"
    changed.write_bytes(detached.read_bytes() + b" ")
    capitals = shutil.copy(detached, tmp_path / "PUBLISHER.sig")
    for options, expected in (
        (("--signature", changed), "publisher.sig has other bytes than the signature of "),
        (("--signature", detached, "--signature", capitals), "'PUBLISHER.sig' are one name on some systems"),
        ((), "it rests on the signature 'publisher.sig', which does not lie in the model; name its file with"),
        (("--signature", other), "names no signature 'other.sig' outside of the model; add"),
        (("--signature", detached, "--signature", detached), "two files are named publisher.sig"),
    ):
        refused = seal(attested, folder, *options)
        assert (refused.returncode, refused.stderr.count("\n"), folder.exists()) == (2, 1, False), refused
        assert expected in refused.stderr
    done = seal(attested, folder, "--signature", detached)
    assert (done.returncode, "signatures/publisher.sig: carried beside the model" in done.stderr) == (0, True), done
    verified = run_command(
        "verify", folder / "model", "--public-key", publisher, "--signature", folder / "signatures/publisher.sig"
    )
    assert verified.returncode == 0, verified
    answer = run_standalone(bare_python, folder / "verify.pyz", folder, "--key", attested.public, "-o", "json")
    document = json.loads(answer.stdout)
    assert (answer.returncode, document["verdict"]) == (0, "accepted")
    assert [each["record"] for each in document["attested"]["signatures"]] == ["publisher.sig"]
    assert document["attested"]["sealed"] == document["attested"]["entries"] + 8
    (folder / "signatures/publisher.sig").write_text("{}")
    code, line = verify(attested, folder="signed")
    assert (code, "REFUSED: changed: signatures/publisher.sig" in line) == (1, True), line


def test_detached_signature_is_told_from_one_of_its_name_in_the_model_and_carried_unchecked_too(
    attested: AttestedModel, tmp_path: Path
) -> None:
    sign_folder(attested.model)
    detached = Path(shutil.copy(attested.model / "model.sig", tmp_path / "model.sig"))
    for options in ((), ("--public-key", write_public_key(tmp_path / "publisher.pub"))):
        assert attested.scan(*options, "--signature", detached).returncode == 0
        refused = seal(attested, attested.place / "signed")
        assert (refused.returncode, "it rests on the signature 'model.sig', which" in refused.stderr) == (2, True)
    done = seal(attested, attested.place / "signed", "--signature", detached)
    assert done.returncode == 0, done
    answer = run_command("verify", attested.place / "signed", "--key", attested.public, "-o", "json")
    stated = [(each["detached"], each["sha256"]) for each in json.loads(answer.stdout)["attested"]["signatures"]]
    digest = hashlib.sha256(detached.read_bytes()).hexdigest()
    assert stated == [(False, digest), (True, digest)]


def test_folder_fits_wherever_it_lies_and_whenever_its_files_were_written(attested: AttestedModel) -> None:
    moved = (attested.place / "sealed").rename(attested.place / "stick")
    for path in moved.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    assert verify(attested, folder="stick")[0] == 0
    (attested.place / "sealed").symlink_to(moved)
    assert verify(attested)[0] == 0


def write_names(attested: AttestedModel, *names: str) -> None:
    """Write a model with files of some names, and a link to a folder."""
    shutil.copytree(TINY, attested.model)
    for name in names:
        write(attested.model / name)
    (attested.model / "folder").symlink_to("sub/deep")
    make_keys(attested.place)


def test_model_with_odd_names_is_sealed(tmp_path: Path) -> None:
    attested = AttestedModel(tmp_path)
    names = ("-rf.txt", "a b.txt", 'quote"\\.txt', "*?[.txt", "=1+1.txt", "model/model.txt", "sub/deep/model.txt")
    write_names(attested, *names)
    assert attested.scan().returncode == 0
    done = seal(attested, tmp_path / "-sealed, \u00e9")
    assert done.returncode == 0, done.stderr
    sealed = list_names(tmp_path / "-sealed, \u00e9/model")
    assert sealed >= {*names, "folder"}
    assert verify(attested, folder="-sealed, \u00e9")[0] == 0


def test_records_of_git_are_not_carried(tmp_path: Path) -> None:
    attested = AttestedModel(tmp_path)
    write_names(attested, "line\nbreak.txt", "sub/deep/\u202etxt")  # so its verdict is no pass
    subprocess.run(["git", "init", "-q", "--template=", attested.model], check=True)
    assert attested.scan().returncode == 1
    done = seal(attested, tmp_path / "sealed")
    assert done.returncode == 0, done.stderr
    sealed = list_names(tmp_path / "sealed/model")
    assert sealed == {*(each.name for each in TINY.iterdir()), "folder", "line\nbreak.txt", "sub/deep/\u202etxt"}
    code, answer = verify(attested)
    assert (code, "REFUSED: the verdict is FAILED: " in answer) == (1, True), answer


def list_names(root: Path) -> set[str]:
    """List the files and links below a folder."""
    return {each.relative_to(root).as_posix() for each in root.rglob("*") if each.is_symlink() or each.is_file()}


def test_repository_of_the_hub_cache_is_sealed_as_plain_files(
    hub: LoopbackHub, source: AttestedModel, tmp_path: Path
) -> None:
    repository = hub.add_repository("acme/tiny", TINY)
    saved = f"json={tmp_path / 'report.json'}"
    assert run_command("scan", "acme/tiny", "--no-second-opinion", "-q", "-o", saved).returncode == 0
    requests = len(hub.requests)
    usual = ("--report", tmp_path / "report.json", "--key", source.key, "--seal", tmp_path / "sealed")
    done = run_command("attest", "acme/tiny", *usual)
    assert (done.returncode, len(hub.requests)) == (0, requests), done.stderr
    model = tmp_path / "sealed/model"
    for path in TINY.iterdir():
        assert not (model / path.name).is_symlink()
        assert (model / path.name).read_bytes() == path.read_bytes()
    options = ("--key", source.public, "--resource", f"pkg:huggingface/acme/tiny@{repository.sha}")
    assert run_command("verify", tmp_path / "sealed", *options).returncode == 0
    assert run_command("verify", model, "--lock", tmp_path / "sealed/modelaudit.lock").returncode == 0
    (model / "config.json").chmod(0o755)
    done = run_command("verify", tmp_path / "sealed", *options)
    assert (done.returncode, "REFUSED: mode: model/config.json: it is executable" in done.stdout) == (1, True)


def test_records_of_a_download_are_not_carried(hub: LoopbackHub, source: AttestedModel, tmp_path: Path) -> None:
    hub.add_repository("acme/tiny", TINY)
    downloaded = AttestedModel(tmp_path)
    snapshot_download("acme/tiny", local_dir=downloaded.model)
    shutil.copy(source.key, downloaded.key)
    shutil.copy(source.public, downloaded.public)
    assert (downloaded.model / ".cache/huggingface").is_dir()
    assert downloaded.scan().returncode == 0
    done = seal(downloaded, tmp_path / "sealed")
    assert done.returncode == 0, done.stderr
    assert list_names(tmp_path / "sealed/model") == {each.name for each in TINY.iterdir()}
    assert verify(downloaded)[0] == 0


def swap(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Let something happen before a function of the sealing runs."""
    import modelaudit.sealing

    original = getattr(modelaudit.sealing, name)

    def run(*arguments: object) -> object:
        act()
        return original(*arguments)

    monkeypatch.setattr(modelaudit.sealing, name, run)


MEANWHILE: Final[dict[str, tuple[str, Callable[[AttestedModel], object], str]]] = {
    "changed": (
        "build_verifier",
        lambda attested: (attested.model / "config.json").write_text("{}"),
        "it changed while it was sealed: changed: config.json",
    ),
    "removed": (
        "build_verifier",
        lambda attested: (attested.model / "config.json").unlink(),
        "config.json cannot be read: No such file or directory; seal the model again",
    ),
    "other report": (
        "attest",
        lambda attested: attested.scan(SOURCE_DATE_EPOCH=str(int(datetime.now(UTC).timestamp()) - 99)),
        "it changed while it was sealed: report.json is not the report on which the verdict rests",
    ),
}


@pytest.mark.parametrize("name", MEANWHILE)
def test_model_or_report_that_changes_meanwhile_is_not_sealed(
    attested: AttestedModel, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    point, act, expected = MEANWHILE[name]
    swap(monkeypatch, point, lambda: act(attested))
    before = sorted(attested.place.iterdir())
    done = seal(attested, attested.place / "again")
    assert (done.returncode, done.stdout, done.stderr.count("\n"), expected in done.stderr) == (4, "", 1, True), done
    assert sorted(attested.place.iterdir()) == before


TOKEN: Final = """
import sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = serialization.load_pem_private_key(open(sys.argv[1], "rb").read(), None)
sys.stdout.buffer.write(key.sign(sys.stdin.buffer.read(), ec.ECDSA(hashes.SHA256())))
"""
"""A program that keeps the key of a signer."""


def make_program_signer(attested: AttestedModel, key: Path) -> StatementSigner:
    """Make the signer that the guide on extensions shows."""
    guide = (ROOT / "docs/extending.md").read_text("utf-8").partition("## A signer\n")[2]
    names: dict[str, Any] = {"__name__": "program_signer"}
    exec(guide.partition("```text\n")[2].partition("```\n")[0], names)
    signer: StatementSigner = names["ProgramSigner"]([sys.executable, "-c", TOKEN, str(key)], attested.public)
    return signer


def test_signer_that_keeps_its_key_elsewhere_seals_and_attests(attested: AttestedModel) -> None:
    options = AttestationOptions(attested.report, make_program_signer(attested, attested.key))
    folder = attested.place / "again"
    assert write_seal(str(attested.model), folder, options).key_digest == options.signer.fingerprint
    done = run_command("verify", folder, "--key", attested.public)
    assert (done.returncode, done.stderr) == (0, "")
    (folder / ATTESTATION_NAME).replace(attested.attestation)
    assert attested.verify().returncode == 0
    options = replace(options, signer=make_program_signer(attested, attested.place / "none.pem"))
    with pytest.raises(SourceError, match="refuses to sign"):
        write_seal(str(attested.model), attested.place / "third", options)
    assert not (attested.place / "third").exists()


def test_program_signer_seals_by_the_command_and_its_digests_are_printed(
    attested: AttestedModel, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    signer = make_program_signer(attested, attested.key)
    monkeypatch.setattr("modelaudit.cli.attest._load_signer", lambda *_: signer)
    arguments = [
        "attest",
        attested.model,
        "--report",
        attested.report,
        "--key",
        "x",
        "--seal",
        attested.place / "again",
    ]
    assert program.main([*map(str, arguments)], standalone_mode=False) == 0
    out = capfdbinary.readouterr().out.decode().splitlines()
    assert out[1] == f"{signer.fingerprint}  key.pub"
    assert verify(attested, folder="again")[0] == 0


class WrongSigner(KeySigner):
    """Signs with the key of the gate, and returns something else."""

    def __init__(self, key: Path, change: Callable[[bytes], bytes]) -> None:
        private = load_private_key(key.read_bytes())
        super().__init__(private)
        self._change = change

    def sign(self, payload: bytes) -> bytes:
        """Return what the change makes of the bundle."""
        return self._change(super().sign(payload))


def fail_to_start(_: bytes) -> bytes:
    """Raise the error of a program that is not there."""
    raise FileNotFoundError(2, "No such file or directory", "token")


WRONG_SIGNERS: Final[dict[str, tuple[Callable[[bytes], bytes], str]]] = {
    "nothing": (lambda _: b"", "is not sound JSON"),
    "text": (lambda _: b"hello", "is not sound JSON"),
    "line break": (lambda bundle: bundle + b"\n", "it is more than one line"),
    "other statement": (lambda _: KeySigner(ec.generate_private_key(ec.SECP256R1())).sign(b"{}"), "another statement"),
    "other key": (
        lambda bundle: KeySigner(ec.generate_private_key(ec.SECP256R1())).sign(parse_bundle(bundle).envelope.payload),
        "the signature does not fit the statement and the key",
    ),
    "no program": (fail_to_start, "the signer failed: "),
}


@pytest.mark.parametrize("name", WRONG_SIGNERS)
def test_wrong_signer_is_refused_before_anything_is_written(attested: AttestedModel, name: str) -> None:
    change, expected = WRONG_SIGNERS[name]
    options = AttestationOptions(attested.report, WrongSigner(attested.key, change))
    with pytest.raises(SourceError, match=expected):
        write_seal(str(attested.model), attested.place / "again", options)
    assert not (attested.place / "again").exists()


def test_names_that_no_digest_list_can_hold_are_not_printed(attested: AttestedModel) -> None:
    for name in (b"a\nb.pem", b"\x1b[31m.pem", b"\xff.pem"):
        key = attested.place / os.fsdecode(name)
        shutil.copy(attested.key, key)
        done = seal(attested, attested.place / f"by-{len(name)}-{name[0]}", "--key", key)
        assert (done.returncode, done.stdout.splitlines()[1][64:]) == (0, "  key.pub"), done


def test_signature_with_a_name_that_is_not_utf8_is_refused_before_anything_is_written(attested: AttestedModel) -> None:
    sign_folder(attested.model)
    detached = (attested.model / "model.sig").rename(attested.place / os.fsdecode(b"\xff.sig"))
    assert attested.scan("--signature", detached).returncode == 0
    done = seal(attested, attested.place / "again", "--signature", detached)
    assert (done.returncode, done.stderr.count("\n"), (attested.place / "again").exists()) == (2, 1, False)
    assert "is not UTF-8; rename it, and scan with it" in done.stderr


def test_signer_without_a_key_of_its_own_seals_nothing(attested: AttestedModel) -> None:
    class IdentitySigner(KeySigner):
        def __init__(self) -> None:
            super().__init__(ec.generate_private_key(ec.SECP256R1()))
            self.fingerprint = ""

    with pytest.raises(ConfigurationError, match="the verifier in it takes a key alone"):
        write_seal(str(attested.model), attested.place / "again", AttestationOptions(attested.report, IdentitySigner()))


def test_each_file_of_the_model_is_hashed_once_and_its_copy_once(
    attested: AttestedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[OpenedFile] = []
    begin = HashingThreads.begin

    def count(self: HashingThreads, file: OpenedFile) -> PendingHash:
        begun.append(file)
        return begin(self, file)

    monkeypatch.setattr(HashingThreads, "begin", count)
    assert seal(attested, attested.place / "again").returncode == 0
    files = [path for path in attested.model.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(begun) == 2 * len(files) + len(PARTS)


def test_file_that_is_added_while_the_model_is_sealed_is_not_carried(
    attested: AttestedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap(monkeypatch, "build_verifier", lambda: (attested.model / "x.py").write_text(""))
    folder = attested.place / "again"
    assert seal(attested, folder).returncode == 0
    assert not (folder / "model/x.py").exists()
    done = run_command("verify", folder, "--key", attested.public)
    assert (done.returncode, done.stderr) == (0, "")


def link(attested: AttestedModel, text: str | Path) -> None:
    """Add a link to a file of the model to it, and scan it again."""
    (attested.model / "further.json").unlink(missing_ok=True)
    (attested.model / "further.json").symlink_to(text)
    assert attested.scan().returncode == 0


def test_link_that_leads_out_of_the_copy_is_not_sealed(attested: AttestedModel) -> None:
    folder = attested.place / "again"
    for text in (attested.model / "config.json", f"../../{attested.place.name}/model/config.json"):
        link(attested, text)
        done = seal(attested, folder)
        assert (done.returncode, done.stderr.count("\n"), folder.exists()) == (2, 1, False)
        assert "outside of the sealed model; make it a relative link within the model" in done.stderr
    link(attested, "config.json")
    assert seal(attested, folder).returncode == 0
    assert verify(attested, folder="again")[0] == 0


def test_sealed_link_that_leads_out_is_refused_although_the_right_key_sealed_it(attested: AttestedModel) -> None:
    folder = attested.place / "again"
    link(attested, "config.json")
    assert seal(attested, folder).returncode == 0
    place = folder / "model/further.json"
    place.unlink()
    place.symlink_to("../report.json")
    seal_again(attested, folder)
    code, line = verify(attested, folder="again")
    assert (code, "the link model/further.json leads to '../report.json', outside" in line) == (1, True)


def test_folder_that_exists_or_lies_in_the_model_or_has_no_place_is_refused(attested: AttestedModel) -> None:
    (attested.place / "empty").mkdir()
    (attested.place / "dangling").symlink_to("nowhere")
    before = sorted(attested.place.iterdir())
    for folder, expected in (
        ("sealed", "it exists already; name a new folder"),
        ("empty", "it exists already; name a new folder"),
        ("key.pub", "it exists already; name a new folder"),
        ("dangling", "it exists already; name a new folder"),
        ("model/sealed", "lies in the model, which it would change; name a folder outside"),
        ("none/sealed", "cannot be written: No such file or directory; name another folder"),
    ):
        done = seal(attested, attested.place / folder)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
        assert f"--seal {attested.place / folder}: {expected}" in done.stderr
    assert sorted(attested.place.iterdir()) == before
    assert not (attested.model / "sealed").exists()


def test_report_of_other_rules_is_refused_because_the_folder_would_carry_these(
    attested: AttestedModel, tmp_path: Path
) -> None:
    text = attested.report.read_text()
    digest = json.loads(text)["tool"]["rules_digest"]
    attested.report.write_text(text.replace(digest, hashlib.sha256(b"other").hexdigest()))
    done = seal(attested, tmp_path / "again")
    assert (done.returncode, "it was made with other rules than those of this install" in done.stderr) == (2, True)


START: Final = (
    "import os, signal, modelaudit.sealing as sealing; from modelaudit.cli.main import main;"
    "sealing.sign_rules = lambda signer: os.kill(os.getpid(), signal.{name}); main()"
)


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
def test_signal_while_sealing_leaves_nothing(attested: AttestedModel, name: str, code: int) -> None:
    before = sorted(attested.place.iterdir())
    usual = ["attest", attested.model, "--report", attested.report, "--key", attested.key]
    done = subprocess.run(
        [sys.executable, "-c", START.format(name=name), *usual, "--seal", attested.place / "again"],
        preexec_fn=lambda: signal.signal(getattr(signal, name), signal.SIG_DFL), capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done
    assert f"stopped by {name}" in done.stderr
    assert sorted(attested.place.iterdir()) == before


def test_full_disk_while_sealing_leaves_nothing(attested: AttestedModel) -> None:
    before = sorted(attested.place.iterdir())
    usual = ["attest", attested.model, "--report", attested.report, "--key", attested.key]
    # A bound on the size of files, in units of 1,024 bytes, stands for a disk that is full after as many.
    command = ["bash", "-c", 'ulimit -f 500; exec "$@"', "bash", sys.executable, "-m", "modelaudit", *usual]
    done = subprocess.run([*command, "--seal", attested.place / "again"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1), done
    assert f"--seal {attested.place / 'again'}: cannot be written: File too large; free space" in done.stderr
    assert sorted(attested.place.iterdir()) == before


def test_sealed_folder_needs_a_key_from_outside_and_no_further_check(attested: AttestedModel) -> None:
    folder = attested.place / "sealed"
    inside = shutil.copy(attested.public, folder / "key.pub")
    for arguments, code, expected in (
        ((folder,), 2, "a sealed folder needs the key of a trusted signer: --key FILE"),
        ((folder, "--key", inside), 2, "lies in the model, and a model must not name who signs it; move it out"),
        ((folder, "--key", attested.place / "none"), 2, "cannot be read: No such file or directory"),
        ((folder, "--key", attested.key), 2, "holds a private key"),
        ((folder, "--key", attested.public, "--model", "x"), 2, "a sealed folder is checked alone"),
        ((folder, "--key", attested.public, "--not-older-than", "never"), 2, "is not a number of days"),
    ):
        done = run_command("verify", *arguments)
        assert (done.returncode, done.stdout, expected in done.stderr) == (code, "", True), done


def test_file_of_a_model_with_the_name_of_a_seal_makes_no_sealed_folder_of_it(attested: AttestedModel) -> None:
    named = attested.model / "seal.json"
    for text in ("{}", attested.attestation.read_text().splitlines()[0]):
        named.write_text(text)
        done = run_command("verify", attested.model)
        assert (done.returncode, "nothing to check against: no record" in done.stderr) == (2, True), done
        done = run_command("verify", attested.model, "--key", attested.public)
        assert (done.returncode, "REFUSED: " in done.stdout) == (1, True), done
    shutil.copy(attested.place / "sealed/seal.json", named)
    done = run_command("verify", attested.model)
    assert (done.returncode, "a sealed folder needs the key of a trusted signer" in done.stderr) == (2, True)


def test_attestation_is_not_written_into_the_sealed_folder(attested: AttestedModel) -> None:
    for output in ("again", "again/model.att"):
        done = seal(attested, attested.place / "again", "-o", attested.place / output)
        assert (done.returncode, "lies in the folder of --seal" in done.stderr) == (2, True), done
    assert not (attested.place / "again").exists()
