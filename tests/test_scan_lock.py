"""A scan that takes a lock: claims on each file, findings on names, and the conditions that a policy may require."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from support.catalogue import load_shipped
from support.command import run_command
from support.tampering import NAMED_CHANGES, make_folder

import modelaudit
from modelaudit.integrity.lock_file import format_lock
from modelaudit.locking import lock_folder
from modelaudit.model.comparison import LockComparison
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.lock import Lock
from modelaudit.model.policy import Requirement
from modelaudit.model.report import ArtifactRecord, AuditReport, DigestState, Extent
from modelaudit.model.verdict import CauseKind, Verdict
from modelaudit.policy.requirements import find_unmet_conditions

POLICY = "extends: default\nrequire: [verified-bytes, pinned-revision, lock]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that ``model.lock`` beside it locks, with a link and a program."""
    root = tmp_path / "model"
    (root / "sub").mkdir(parents=True)
    (root / "config.json").write_text('{"model_type": "bert"}')
    (root / "sub/notes.txt").write_text("notes\n")
    (root / "link.json").symlink_to("config.json")
    (tmp_path / "model.lock").write_text(format_lock(Lock((lock_folder(root, tmp_path),))))
    (tmp_path / "policy.yaml").write_text(POLICY)
    return root


def scan(root: Path, *, policy: str | Path = "default", with_lock: bool = True) -> AuditReport:
    """Scan a folder with the lock beside it."""
    lock = root.parent / "model.lock" if with_lock else None
    return modelaudit.scan(root, lock=lock, policy=policy, second_opinion=False)


def list_differences(report: AuditReport) -> list[tuple[str, str]]:
    """List the path and the kind of each difference from the lock."""
    return [
        (finding.artifact, finding.message.split(": ")[1])
        for finding in report.findings
        if finding.rule == "integrity/lock-difference"
    ]


def test_scan_with_a_lock_verifies_every_file_by_it_under_each_name(folder: Path) -> None:
    report = scan(folder, policy=folder.parent / "policy.yaml")
    assert report.exit_code == 0
    assert {record.digest_state for record in report.coverage.artifacts} == {DigestState.MATCH}
    assert {claim.source for record in report.coverage.artifacts for claim in record.claims} == {ClaimSource.LOCK}
    assert (
        "; 3 of 3 verified by the lock;" in run_command("scan", folder, "--lock", folder.parent / "model.lock").stdout
    )
    assert "; no source states digests;" in run_command("scan", folder).stdout
    assert (
        "compared with model.lock (model): 0 differences of names, kinds or modes; a finding names each file with other bytes"
        in report.target.notes
    )


def test_changed_bytes_contradict_the_lock(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    report = scan(folder)
    assert report.exit_code == 1
    mismatches = [each for each in report.findings if each.rule == "integrity/lock-mismatch"]
    assert [each.artifact for each in mismatches] == ["config.json", "link.json"]
    assert "the lock (model.lock)" in mismatches[0].message


@pytest.mark.parametrize("name", NAMED_CHANGES)
def test_each_change_that_verify_names_fails_a_scan_with_the_lock(tmp_path: Path, name: str) -> None:
    root = make_folder(tmp_path / "model")
    (tmp_path / "model.lock").write_text(format_lock(Lock((lock_folder(root, tmp_path),))))
    change, line = NAMED_CHANGES[name]
    change(root)
    kind, path = line.split(": ")[:2]
    report = scan(root)
    assert report.exit_code == 1
    found = {("changed", each.artifact) for each in report.findings if each.rule == "integrity/lock-mismatch"}
    found |= {(difference, artifact) for artifact, difference in list_differences(report)}
    # A scan compares the names before it hashes the files.
    assert (kind.replace("renamed", "added"), path) in found


def test_differences_of_names_and_modes_are_findings(folder: Path) -> None:
    (folder / "added.py").write_text("x = 1\n")
    (folder / "config.json").chmod(0o755)
    (folder / "sub/notes.txt").unlink()
    (folder / "sub/deep").mkdir()
    report = scan(folder)
    assert report.exit_code == 1
    shown = " ".join(run_command("scan", folder, "--lock", folder.parent / "model.lock").stdout.split())
    for reason in ("added: a file that the lock lacks", "missing: a file that is locked, and not there", "mode: it is"):
        assert f"The model differs from its lock: {reason}" in shown
    assert sorted(list_differences(report)) == [
        ("added.py", "added"),
        ("config.json", "mode"),
        ("sub/deep", "added"),
        ("sub/notes.txt", "missing"),
    ]
    missing = next(each for each in report.coverage.artifacts if each.path == "sub/notes.txt")
    assert [absence.unread.detail for _, absence in missing.absences] == ["the lock lists it, and it is not there"]


def test_policy_that_requires_lock_and_verified_bytes_is_incomplete_without_them(folder: Path) -> None:
    report = scan(folder, policy=folder.parent / "policy.yaml", with_lock=False)
    assert report.exit_code == 3
    reasons = {cause.kind: cause.reason for cause in report.decision.causes}
    assert reasons[CauseKind.LOCK] == "no lock was given, and the policy requires one: --lock FILE (policy.yaml:2)"
    assert reasons[CauseKind.UNVERIFIED_BYTES].startswith("3 files are not verified, and the policy requires verified")


def test_required_bytes_that_a_file_of_checksums_alone_confirms_have_a_next_step(folder: Path) -> None:
    digest = hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  config.json\n")
    report = scan(folder, policy=folder.parent / "policy.yaml", with_lock=False)
    [reason] = [each.reason for each in report.decision.causes if each.kind is CauseKind.UNVERIFIED_BYTES]
    assert "for which a file of checksums does not count; name a lock with --lock FILE" in reason


def test_policy_that_requires_a_lock_fails_on_a_difference_whatever_the_gates_are(folder: Path) -> None:
    policy = folder.parent / "never.yaml"
    policy.write_text(f"{POLICY}gates: {{integrity: never}}\n")
    (folder / "sub/notes.txt").write_text("other\n")
    (folder / "config.json").chmod(0o755)
    report = scan(folder, policy=policy)
    [cause] = [cause for cause in report.decision.causes if cause.kind is CauseKind.LOCK]
    assert (report.exit_code, cause.count) == (1, 2)
    assert cause.reason.startswith("2 differences from model.lock, and the policy requires that the model fits it")


def test_lock_of_a_repository_is_taken_by_a_scan_of_it_and_of_its_cache(hub: LoopbackHub, tmp_path: Path) -> None:
    repository = hub.add_repository("acme/tiny", {"README.md": "---\nlicense: mit\n---\n", "config.json": "{}"})
    lock = tmp_path / "modelaudit.lock"
    target = f"acme/tiny@{repository.sha}"
    assert run_command("lock", target, "-o", lock, "-q").returncode == 0
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    report = modelaudit.scan(target, lock=lock, policy=policy, second_opinion=False)
    assert report.exit_code == 0
    record = next(each for each in report.coverage.artifacts if each.path == "config.json")
    assert next(claim.source for claim in record.agreeing_claims) is ClaimSource.HUB
    assert ClaimSource.LOCK in {claim.source for claim in record.agreeing_claims}
    assert record.digest_state is DigestState.MATCH  # the Hub states a SHA-1 alone
    repository.commit({"modeling.py": "x = 1\n"})
    moved = modelaudit.scan("acme/tiny", lock=lock, second_opinion=False)
    assert (moved.exit_code, list_differences(moved)) == (1, [("modeling.py", "added")])
    assert any(note.startswith("this is commit ") for note in moved.target.notes)
    shown = " ".join(run_command("scan", "acme/tiny", "--lock", lock, "--no-second-opinion").stdout.split())
    commits = f"commit {target[-40:-28]}, and this is commit {repository.sha[:12]}"
    assert f"lock modelaudit.lock is of {commits}, so the files may differ for that" in shown


def test_bytes_that_a_lock_confirms_are_verified_although_a_listing_lacks_the_file(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    from huggingface_hub import snapshot_download

    hub.add_repository("acme/tiny", {"config.json": "{}"})
    folder = Path(snapshot_download("acme/tiny", local_dir=tmp_path / "model"))
    (folder / "notes.json").write_text("[]")
    (tmp_path / "model.lock").write_text(format_lock(Lock((lock_folder(folder, tmp_path),))))
    assert "notes.json" in {address for address, _ in scan(folder, with_lock=False).coverage.open_absences}
    report = scan(folder)
    assert not report.coverage.open_absences
    assert "integrity/unlisted-file" in {finding.rule for finding in report.findings}


def test_file_target_and_wrong_lock_are_refused(folder: Path) -> None:
    lock = folder.parent / "model.lock"
    with pytest.raises(ConfigurationError, match="is a file; --lock compares a whole model"):
        modelaudit.scan(folder / "config.json", lock=lock)
    done = run_command("scan", folder, "--lock", folder.parent / "none.lock", "--no-second-opinion")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    lock.write_text(lock.read_text().replace("file -", "<<<<<<< HEAD\nfile -", 1))
    done = run_command("scan", folder, "--lock", lock, "--no-second-opinion")
    assert done.returncode == 2
    assert f"{lock}:8: a merge left a conflict here" in done.stderr


def test_lock_without_the_check_that_compares_digests_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    done = run_command("scan", folder, "--lock", folder.parent / "model.lock", "--checks", "security")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--lock compares digests, and the check integrity is left out" in done.stderr


def test_pipe_that_the_policy_accepts_does_not_fit_the_required_lock(folder: Path) -> None:
    policy = folder.parent / "policy.yaml"
    accepted = "allow-unread: [{reasons: [not-a-regular-file], paths: '*', why: known}]"
    policy.write_text(f"extends: default\nrequire: [lock]\n{accepted}\n")
    assert scan(folder, policy=policy).exit_code == 0
    (folder / "sub/notes.txt").unlink()
    os.mkfifo(folder / "sub/notes.txt")
    report = scan(folder, policy=policy)
    assert report.exit_code == 1
    assert list_differences(report) == [("sub/notes.txt", "kind")]
    assert [each.kind for each in report.decision.causes if each.kind is CauseKind.LOCK] == [CauseKind.LOCK]


def test_locked_file_that_was_not_hashed_does_not_fit_the_required_lock() -> None:
    policy = replace(load_shipped().policies["default"], require=frozenset({Requirement.LOCK}))
    digest = Digest(DigestAlgorithm.SHA256, "a" * 64)
    hashed = ArtifactRecord("a", 1, Extent.EXAMINED, digests=(digest,), claims=(Claim(digest, ClaimSource.LOCK, "l"),))
    comparison = LockComparison("l", "model", ())
    assert not list(find_unmet_conditions(policy, (hashed,), "", comparison))
    ((cause, examples),) = find_unmet_conditions(policy, (replace(hashed, digests=()),), "", comparison)
    assert (cause.kind, cause.verdict) == (CauseKind.LOCK, Verdict.FAIL)
    assert examples == ("a: its bytes were not compared with the lock",)


def test_records_of_git_below_the_root_are_compared_with_the_lock(folder: Path) -> None:
    head = folder / "sub/.git/HEAD"
    head.parent.mkdir()
    head.write_text("ref: refs/heads/main\n")
    (folder.parent / "model.lock").write_text(format_lock(Lock((lock_folder(folder, folder.parent),))))
    assert scan(folder).exit_code == 0
    head.write_text("ref: refs/heads/other\n")
    report = scan(folder)
    assert report.exit_code == 1
    mismatches = [each.artifact for each in report.findings if each.rule == "integrity/lock-mismatch"]
    assert mismatches == ["sub/.git/HEAD"]
