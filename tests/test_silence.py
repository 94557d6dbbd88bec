"""Scans of the Hub, of its cache and of folders name each file whose bytes nothing verifies, and each missing part."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.model.report import AuditReport

WEIGHTS = next((FIXTURES / "safetensors/benign").glob("*.safetensors")).read_bytes()
FILES: dict[str, bytes] = {
    "README.md": b"---\nlicense: apache-2.0\n---\n# Tiny\n",
    "config.json": b'{"model_type": "tiny"}',
    "model.safetensors": WEIGHTS,
    "modeling_tiny.py": b"WIDTH = 4\n",
}


@pytest.fixture
def cached_snapshot(hub: LoopbackHub, hub_home: Path) -> Path:
    """The folder of a snapshot that a scan has fetched."""
    hub.add_repository("acme/tiny", files=FILES)
    report = scan("acme/tiny")
    assert report.exit_code == 0, report.decision.reasons
    return next(hub_home.rglob(f"snapshots/{report.target.commit}"))


def scan(target: str | Path, offline: bool = False, policy: str | Path = "default") -> AuditReport:
    """Scan without a second opinion."""
    return modelaudit.scan(str(target), second_opinion=False, offline=offline, policy=str(policy))


def list_rules(report: AuditReport) -> set[tuple[str, str]]:
    """Return the rules of integrity that fired, each with its file."""
    found = (each for each in report.findings if each.rule.startswith("integrity/"))
    return {(each.rule.partition("/")[2], each.artifact) for each in found}


def add_blob(snapshot: Path, name: str, content: bytes) -> None:
    """Add a file as the client does: a blob with its own digest for a name, and a link to it."""
    blob = snapshot.parents[1] / "blobs" / hashlib.sha256(content).hexdigest()
    blob.write_bytes(content)
    (snapshot / name).symlink_to(os.path.relpath(blob, snapshot))


@pytest.mark.parametrize("way", ["hub", "offline", "folder"])
@pytest.mark.parametrize(
    ("name", "content", "rule", "code"),
    [
        ("modeling_evil.py", b"WIDTH = 5\n", "unlisted-code", 1),
        ("run.sh", b"#!/bin/sh\necho\n", "unlisted-code", 1),
        ("cells.ipynb", b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "unlisted-code", 1),
        ("pytorch_model.bin", b"\x80\x04N.", "unlisted-code", 1),
        ("data", b"\x80\x04N.", "unlisted-code", 1),
        ("generation_config.json", b"{}", "unlisted-file", 3),
    ],
)
def test_file_that_no_listing_names_is_a_finding_and_unverified(
    cached_snapshot: Path, way: str, name: str, content: bytes, rule: str, code: int
) -> None:
    add_blob(cached_snapshot, name, content)
    report = scan(cached_snapshot if way == "folder" else "acme/tiny", offline=way == "offline")
    assert list_rules(report) == {(rule, name)}
    assert report.exit_code == code
    assert "unverified-bytes" in {cause.kind for cause in report.decision.causes}


def test_file_that_only_the_cached_listing_names_is_unlisted_while_the_hub_is_asked(cached_snapshot: Path) -> None:
    content = b"WIDTH = 5\n"
    add_blob(cached_snapshot, "modeling_evil.py", content)
    record = cached_snapshot.parents[1] / f"trees/{cached_snapshot.name}.json"
    tree = json.loads(record.read_text())
    git_id = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    tree["files"]["modeling_evil.py"] = {"size": len(content), "blob_id": git_id}
    record.write_text(json.dumps(tree))
    assert list_rules(scan("acme/tiny")) == {("unlisted-code", "modeling_evil.py")}


def remove_listing(snapshot: Path) -> None:
    """Remove the record of the listing of the commit."""
    (snapshot.parents[1] / f"trees/{snapshot.name}.json").unlink()


@pytest.mark.parametrize("way", ["offline", "folder", "file"])
def test_commit_without_a_listing_is_incomplete_and_named(cached_snapshot: Path, way: str) -> None:
    remove_listing(cached_snapshot)
    targets = {"folder": cached_snapshot, "file": cached_snapshot / "config.json"}
    report = scan(targets.get(way, "acme/tiny"), offline=True)
    assert report.exit_code == 3
    assert [cause.kind for cause in report.decision.causes] == ["unverified-bytes"]
    (address,) = {address for address, _ in report.coverage.open_absences}
    assert address.endswith(f"trees/{cached_snapshot.name}.json")


def test_scan_that_asks_the_hub_restores_the_listing(cached_snapshot: Path) -> None:
    remove_listing(cached_snapshot)
    assert scan("acme/tiny").exit_code == 0
    assert scan("acme/tiny", offline=True).exit_code == 0


def replace_code(snapshot: Path) -> None:
    """Replace a code file by a plain one."""
    (snapshot / "modeling_tiny.py").unlink()
    (snapshot / "modeling_tiny.py").write_bytes(b"WIDTH = 5\n")


def retarget_link(snapshot: Path) -> None:
    """Make the link of a code file lead to a blob with another content, which has its own digest."""
    (snapshot / "modeling_tiny.py").unlink()
    add_blob(snapshot, "modeling_tiny.py", b"WIDTH = 5\n")


def remove_file(snapshot: Path) -> None:
    """Remove a file."""
    (snapshot / "modeling_tiny.py").unlink()


@pytest.mark.parametrize("change", [replace_code, retarget_link, remove_file])
@pytest.mark.parametrize("has_listing", [True, False])
def test_change_of_the_cache_never_passes(
    cached_snapshot: Path, change: Callable[[Path], None], has_listing: bool
) -> None:
    if not has_listing:
        remove_listing(cached_snapshot)
    change(cached_snapshot)
    report = scan("acme/tiny", offline=True)
    is_named = ("digest-mismatch", "modeling_tiny.py") in list_rules(report)
    absences = {address for address, _ in report.coverage.open_absences}
    if has_listing:
        assert report.exit_code == (3 if change is remove_file else 1)
        assert "modeling_tiny.py" in absences or is_named
    else:
        # Nothing shows the change any more but the absence of the listing.
        assert (report.exit_code, any("trees/" in address for address in absences)) == (3, True)


def test_policy_accepts_an_unverified_file_and_a_missing_listing(cached_snapshot: Path, tmp_path: Path) -> None:
    add_blob(cached_snapshot, "notes.json", b"{}")
    policy = tmp_path / "policy.yaml"
    entries = [{"reasons": ["unverified-bytes"], "paths": path, "why": "ours"} for path in ("notes.json", "*trees/*")]
    policy.write_text(json.dumps({"name": "ours", "extends": "default", "allow-unread": entries}))
    assert scan("acme/tiny", offline=True, policy=policy).exit_code == 0
    remove_listing(cached_snapshot)
    assert scan("acme/tiny", offline=True, policy=policy).exit_code == 0


def test_copied_and_moved_caches_pass(cached_snapshot: Path, tmp_path: Path) -> None:
    cache = cached_snapshot.parents[2]
    below = cached_snapshot.relative_to(cache)
    shutil.copytree(cache, tmp_path / "copy", symlinks=True)
    assert scan(tmp_path / "copy" / below).exit_code == 0
    shutil.copytree(cache, tmp_path / "without-links")
    report = scan(tmp_path / "without-links" / below)
    assert (report.exit_code, list_rules(report)) == (0, set())
    cache.rename(tmp_path / "moved")
    assert scan(tmp_path / "moved" / below).exit_code == 0


def test_folder_of_a_repository_of_the_cache_passes_and_its_blobs_are_verified(cached_snapshot: Path) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    with pytest.raises(EntryNotFoundError):
        hf_hub_download("acme/tiny", "absent.txt")  # the client records that there is no such file
    repository = cached_snapshot.parents[1]
    for folder in (repository, repository.parent):
        report = scan(folder)
        assert report.exit_code == 0, report.decision.reasons
        paths = {record.path for record in report.coverage.artifacts}
        assert not {path for path in paths if "no_exist" in path or ".lock" in path or "trees" in path}
        assert {record.digest_state for record in report.coverage.artifacts} <= {"match", "match-sha1"}
    (repository / "refs/evil").write_bytes(b"\x80\x04cos\nsystem\n(S'id'\ntR.")
    assert scan(repository).exit_code == 1


@pytest.mark.parametrize(
    ("index", "names"),
    [
        ("model.safetensors.index.json", "model-0000{}-of-00002.safetensors"),
        ("diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model-0000{}-of-00002.safetensors"),
        ("sub/model.fp16.safetensors.index.json", "sub/model.fp16-0000{}-of-00002.safetensors"),
    ],
)
def test_shard_that_is_absent_or_in_no_index_is_a_finding(tmp_path: Path, index: str, names: str) -> None:
    (tmp_path / "sub").mkdir()
    first, second = (tmp_path / names.format(number) for number in (1, 2))
    first.write_bytes(WEIGHTS)
    second.write_bytes(WEIGHTS)
    weight_map = {"a": first.name, "b": second.name}
    (tmp_path / index).write_text(json.dumps({"metadata": {"total_size": 8}, "weight_map": weight_map}))
    assert (scan(tmp_path).exit_code, list_rules(scan(tmp_path))) == (0, set())
    second.unlink()
    report = scan(tmp_path)
    assert (report.exit_code, list_rules(report)) == (3, {("shard-absent", index)})
    second.write_bytes(WEIGHTS)
    (tmp_path / index).write_text(json.dumps({"weight_map": {"a": first.name}}))
    assert list_rules(scan(tmp_path)) == {("shard-unlisted", names.format(2))}


def test_name_of_an_object_of_git_in_a_text_is_a_finding_in_a_checkout_alone(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/modeling.py").write_text('PATH = "../.git/objects/ab/cdef"\nOTHER = ".git/objects/ab/cdef"\n')
    assert list_rules(scan(tmp_path)) == set()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main\n")
    report = scan(tmp_path)
    assert (report.exit_code, list_rules(report)) == (1, {("reference-into-records", "sub/modeling.py")})
