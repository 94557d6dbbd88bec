"""``modelaudit lock`` on a Hub, the same lock against every form of a download, and ``lock --check``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hub.access import Overview
from hub.repository import Repository
from hub.server import LoopbackHub
from support.command import CommandResult, run_command
from support.fixtures import FIXTURES

from modelaudit.sources import ownership

FILES = {
    "README.md": "---\nlicense: mit\n---\n",
    ".gitattributes": "*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
    "config.json": "{}",
    "sub/model.safetensors": bytes(2000),
}


@pytest.fixture
def repository(hub: LoopbackHub) -> Repository:
    """A repository of the organisation ``acme``."""
    return hub.add_repository("acme/tiny", FILES)


@pytest.fixture
def lock(repository: Repository, tmp_path: Path) -> Path:
    """The lock of ``acme/tiny`` at ``main``."""
    path = tmp_path / "modelaudit.lock"
    done = run_command("lock", "acme/tiny", "-o", path, SOURCE_DATE_EPOCH="1760000000")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"modelaudit: note: {path}: acme/tiny: 4 entries, tree v1:")
    return path


def test_lock_states_commit_owner_licence_and_each_file_on_a_line(lock: Path, repository: Repository) -> None:
    lines = lock.read_text("ascii").splitlines()
    assert lines[3:13] == [
        'model: "acme/tiny"',
        'revision: "main"',
        f"commit: {repository.sha}",
        "created: 2023-11-14T22:13:20.000Z",
        'owner: "acme"',
        "owner-kind: organization",
        'owner-id: "5e67bd5b1009063689407478"',
        "owner-created: 2020-03-10T16:19:23.000Z",
        'license: "MIT"',
        "locked: 2025-10-09T08:53:20Z",
    ]
    assert [line.split(" ")[0] for line in lines[13:]] == ["tree:", *["file"] * 4]
    assert all(line.startswith("file ? ") for line in lines[14:])


def test_locking_again_after_a_fact_changed_takes_the_time_of_the_new_lock(lock: Path, hub: LoopbackHub) -> None:
    before = lock.read_text()
    hub.access.overviews["acme"] = Overview("f" * 24)
    assert run_command("lock", "acme/tiny", "-o", lock, "-q", SOURCE_DATE_EPOCH="1770000000").returncode == 0
    after = dict(zip(before.splitlines(), lock.read_text().splitlines(), strict=True))
    assert {old.partition(":")[0] for old, new in after.items() if old != new} == {"owner-id", "locked"}


def test_locking_again_changes_no_line_and_keeps_other_models(lock: Path, hub: LoopbackHub) -> None:
    before = lock.read_text()
    assert run_command("lock", "acme/tiny", "-o", lock).returncode == 0
    assert lock.read_text() == before
    hub.add_repository("zeta/other", {"config.json": "[]"})
    assert run_command("lock", "zeta/other", "-o", lock, "-q").stderr == ""
    assert lock.read_text().startswith(before)
    assert 'model: "zeta/other"\n' in lock.read_text()


@pytest.mark.parametrize("by_name", [True, False])
def test_offline_lock_has_the_recorded_facts_and_leaves_others_unknown(
    lock: Path, tmp_path: Path, hub: LoopbackHub, by_name: bool
) -> None:
    requests = len(hub.requests)
    offline = tmp_path / "offline.lock"
    target = "acme/tiny" if by_name else find_snapshot(tmp_path)
    assert run_command("lock", target, "-o", offline, "--offline").returncode == 0
    assert (
        offline.read_text().split("locked: ")[0].split("commit: ")[1]
        == lock.read_text().split("locked: ")[0].split("commit: ")[1]
    )
    offline.unlink()
    (record,) = (find_snapshot(tmp_path).parents[1] / "trees").glob("*.description.json")
    record.unlink()
    assert run_command("lock", "acme/tiny", "-o", offline, "--offline").returncode == 0
    assert len(hub.requests) == requests
    text = offline.read_text()
    assert "\ncreated: unknown\nowner: unknown\nowner-kind: unknown\nowner-id: unknown\n" in text
    assert text.split("tree: ")[1] == lock.read_text().split("tree: ")[1]


def download(folder: Path) -> Path:
    """Download into a local folder with the client of the Hub."""
    from huggingface_hub import snapshot_download

    return Path(snapshot_download("acme/tiny", local_dir=folder))


def find_snapshot(_: Path) -> Path:
    """Return the snapshot in the Hub cache."""
    from huggingface_hub import snapshot_download

    return Path(snapshot_download("acme/tiny", local_files_only=True))


def clone(folder: Path) -> Path:
    """Commit the files to a git repository, large files as pointers, and clone it."""
    origin = folder.parent / "origin"
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for path, content in FILES.items():
        (origin / path).parent.mkdir(parents=True, exist_ok=True)
        (origin / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    for arguments in (
        ("init", "-q", str(origin)),
        ("-C", str(origin), "lfs", "install", "--local"),
        ("-C", str(origin), "add", "-A"),
        ("-C", str(origin), *identity, "commit", "-qm", "x"),
        ("clone", "-q", f"file://{origin}", str(folder)),
    ):
        subprocess.run(["git", *arguments], check=True, capture_output=True)
    lfs = ("-C", str(folder), "lfs")
    subprocess.run(["git", *lfs, "install", "--local"], check=True, capture_output=True)
    subprocess.run(["git", *lfs, "pull"], check=True, capture_output=True)
    return folder


PLACES: dict[str, Callable[[Path], Path]] = {"cache": find_snapshot, "local-dir": download, "clone": clone}


@pytest.mark.parametrize("place", PLACES)
def test_one_lock_fits_the_cache_a_download_and_a_clone_without_a_request(
    lock: Path, tmp_path: Path, hub: LoopbackHub, place: str
) -> None:
    folder = PLACES[place](tmp_path / "there")
    requests = len(hub.requests)
    done = run_command("verify", folder, "--lock", lock)
    assert done.returncode == 0, done.stdout
    tree = lock.read_text().split("tree: ")[1].split("\n")[0]
    assert done.stdout.splitlines()[-1] == f"{folder}: 4 entries fit; tree digest {tree}"
    assert run_command("verify", "--lock", lock).returncode == 0
    assert len(hub.requests) == requests
    target = folder / "config.json"
    target.unlink()
    target.write_text("[]")
    changed = run_command("verify", folder, "--lock", lock)
    assert changed.returncode == 1
    assert "  changed: config.json: its SHA-256 is 4f53cda18c2baa0c" in changed.stdout


def test_model_that_the_cache_lacks_is_named_and_keeps_no_other_from_its_check(lock: Path, hub: LoopbackHub) -> None:
    hub.add_repository("zeta/other", {"config.json": "[]"})
    assert run_command("lock", "zeta/other", "-o", lock, "-q").returncode == 0
    snapshot = find_snapshot(lock)
    shutil.rmtree(snapshot.parents[1])
    done = run_command("verify", "--lock", lock)
    assert done.returncode == 3
    assert (
        "  not read: .: the Hub cache does not hold it at this commit; run hf download acme/tiny --rev" in done.stdout
    )
    assert "acme/tiny: INCOMPLETE: 1 not read, 0 not verified; no difference in the rest\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("zeta/other: 1 entry fits; tree digest v1:")


def test_clone_without_the_content_of_large_files_is_named(lock: Path, tmp_path: Path) -> None:
    origin = clone(tmp_path / "full").parent / "origin"
    bare = tmp_path / "pointers"
    skip = {**os.environ, "GIT_LFS_SKIP_SMUDGE": "1"}
    subprocess.run(["git", "clone", "-q", f"file://{origin}", str(bare)], check=True, capture_output=True, env=skip)
    done = run_command("verify", bare, "--lock", lock)
    assert done.returncode == 1
    assert "  changed: sub/model.safetensors: " in done.stdout
    done = run_command("verify", bare)
    pointer = "sub/model.safetensors: it is a pointer of Git LFS, and its 2,000 bytes are absent; run git lfs pull"
    assert (done.returncode, f"  not read: {pointer}" in done.stdout) == (3, True)
    other = tmp_path / "bare.lock"
    done = run_command("lock", bare, "-o", other)
    assert (done.returncode, other.exists(), "is a pointer of Git LFS" in done.stderr) == (4, False, True)


def test_size_that_a_record_contradicts_is_a_difference_and_so_are_the_bytes_against_the_lock(
    lock: Path, tmp_path: Path
) -> None:
    folder = download(tmp_path / "there")
    (folder / "config.json").write_text("{ }")
    size = "  contradicted: config.json: it has 3 bytes, and its source lists it with 2"
    for arguments in ((), ("--lock", lock)):
        done = run_command("verify", folder, *arguments)
        assert (done.returncode, size in done.stdout, "not read:" in done.stdout) == (1, True, False), done.stdout
    assert "  changed: config.json: 3 bytes with SHA-256 " in done.stdout


@pytest.mark.parametrize("place", ["cache", "local-dir"])
def test_commit_without_a_listing_is_unverified_until_a_lock_takes_its_place(
    lock: Path, tmp_path: Path, place: str
) -> None:
    folder = PLACES[place](tmp_path / "there")
    root = folder.parents[1] if place == "cache" else folder / ".cache/huggingface"
    for record in (root / "trees").iterdir():
        record.unlink()
    done = run_command("verify", folder)
    assert (done.returncode, "has no listing of this commit" in done.stdout) == (3, True), done.stdout
    scan = ("scan", folder, "--offline", "--no-second-opinion")
    assert "has no listing of this commit" in run_command(*scan, COLUMNS="400").stdout
    assert run_command("verify", folder, "--lock", lock).returncode == 0
    done = run_command(*scan, "--lock", lock)
    assert ("no listing" in done.stdout, "unverified" in done.stdout) == (False, False), done.stdout
    other = tmp_path / "other.lock"
    done = run_command("lock", folder, "-o", other, "--offline")
    assert "has no listing of this commit" in done.stderr
    # Only a folder may be locked without the names that the commit has.
    assert (done.returncode, other.exists()) == ((4, False) if place == "cache" else (0, True))


def test_part_of_a_model_is_locked_on_request_and_the_lock_says_so(hub: LoopbackHub, tmp_path: Path) -> None:
    from huggingface_hub import snapshot_download

    hub.add_repository("acme/tiny", FILES)
    part = snapshot_download("acme/tiny", local_dir=tmp_path / "part", allow_patterns=["*.json"])
    cached = snapshot_download("acme/tiny", allow_patterns=["*.json"])
    lock = tmp_path / "part.lock"
    for folder, kind in ((part, "folder"), (cached, "model")):
        done = run_command("lock", folder, "-o", lock, "--offline")
        assert (done.returncode, lock.exists()) == (4, False)
        assert "(3: '.gitattributes', 'README.md', 'sub/model.safetensors'); fetch them, or lock" in done.stderr
        done = run_command("lock", folder, "-o", lock, "--offline", "--partial")
        assert (done.returncode, "not there, and not locked: 3: '.gitattributes'" in done.stderr) == (0, True)
        text = lock.read_text()
        assert (f'\n{kind}: "' in text, "\nabsent: 3\n" in text, text.count("\nfile ")) == (True, True, 1)
        done = run_command("verify", folder, "--lock", lock)
        assert (done.returncode, "; 3 of its files were absent and are not locked)" in done.stdout) == (0, True)
        lock.unlink()


def test_file_that_the_records_of_a_folder_lack_is_locked_with_a_remark(repository: Repository, tmp_path: Path) -> None:
    folder = download(tmp_path / "there")
    (folder / "modeling.py").write_text("x = 1\n")
    done = run_command("lock", folder, "-o", tmp_path / "x.lock")
    assert done.returncode == 0
    assert "files that the records of its download lack are locked too: 1: 'modeling.py'" in done.stderr


def test_lock_counts_what_differs_from_the_model_that_it_replaces(lock: Path, repository: Repository) -> None:
    before = repository.sha
    repository.commit({"config.json": "[1]", "new.json": "[2]"})
    done = run_command("lock", "acme/tiny", "-o", lock)
    assert f"acme/tiny: it takes the place of commit {before[:12]}: 1 added, 1 changed\n" in done.stderr
    assert "takes the place" not in run_command("lock", "acme/tiny", "-o", lock).stderr


def test_two_revisions_of_a_repository_are_refused(repository: Repository, hub: LoopbackHub, tmp_path: Path) -> None:
    repository.set_tag("v1")
    repository.commit({"config.json": "[1]"})
    repository.set_tag("v2")
    lock = tmp_path / "two.lock"
    done = run_command("lock", "acme/tiny@v1", "acme/tiny@v2", "-o", lock)
    assert (done.returncode, lock.exists(), done.stderr.count("\n")) == (2, False, 1)
    assert "a lock holds one revision of 'acme/tiny', and 'v1' and 'v2' are named" in done.stderr


def test_lock_of_a_repository_that_moved_has_a_remark(hub: LoopbackHub, repository: Repository, tmp_path: Path) -> None:
    move(hub, repository)
    done = run_command("lock", "acme/tiny", "-o", tmp_path / "x.lock")
    assert done.returncode == 0
    assert "acme/tiny: its owner on the Hub is 'mallory', so the repository moved" in done.stderr


def test_lock_of_another_repository_is_refused_and_a_download_is_found_by_its_commit(
    lock: Path, hub: LoopbackHub, repository: Repository, tmp_path: Path
) -> None:
    other = hub.add_repository("zeta/other", {"config.json": "[]"})
    both = tmp_path / "both.lock"
    assert run_command("lock", "zeta/other", "acme/tiny", "-o", both, "-q").returncode == 0
    snapshot, folder = find_snapshot(lock), download(tmp_path / "there")
    assert run_command("verify", folder, "--lock", both).returncode == 0
    # The safetensors file of the repository is not one.
    done = run_command("scan", folder, "--lock", both, "--no-second-opinion")
    assert (done.returncode, "compared with both.lock (acme/tiny@" in done.stdout) == (3, True)
    assert run_command("lock", "zeta/other", "-o", tmp_path / "zeta.lock", "-q").returncode == 0
    for command, target in (("verify", snapshot), ("scan", snapshot), ("scan", "acme/tiny")):
        done = run_command(command, target, "--lock", tmp_path / "zeta.lock")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        expected = f"zeta.lock is of 'zeta/other' at commit {other.sha[:12]}, and '{target}' is 'acme/tiny' at commit "
        assert expected + repository.sha[:12] in done.stderr
    plain = tmp_path / "plain"
    plain.mkdir()
    done = run_command("scan", plain, "--lock", both)
    assert (done.returncode, "or write a lock of this model alone" in done.stderr) == (2, True)


def test_missing_blob_and_added_file_of_the_cache_are_named(lock: Path) -> None:
    snapshot = find_snapshot(lock)
    (snapshot / "sub/model.safetensors").resolve().unlink()
    (snapshot / "modeling.py").write_text("")
    done = run_command("verify", "--lock", lock)
    assert done.returncode == 1
    assert "  added: modeling.py: a file that the lock lacks" in done.stdout
    assert "  kind: sub/model.safetensors: a link to '../../../blobs/" in done.stdout


def test_without_a_lock_the_records_of_the_cache_are_checked_and_named(lock: Path) -> None:
    snapshot = find_snapshot(lock)
    done = run_command("verify", snapshot)
    assert done.returncode == 0
    assert f"{snapshot}: checked against the records beside its files" in done.stdout
    assert ": SHA-256, stated by the records of the Hub cache\n" in done.stdout
    (snapshot / "config.json").resolve().write_text("[]")
    done = run_command("verify", snapshot)
    assert (done.returncode, "  contradicted: config.json: " in done.stdout) == (1, True)


def test_whole_cache_has_no_file_that_nothing_verifies(lock: Path) -> None:
    repository = find_snapshot(lock).parents[1]
    for folder in (repository, repository.parent):
        done = run_command("verify", folder)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("local-dir", "SHA-256, stated by the records of the download"),
        ("clone", "SHA-1 only, stated by git"),
        ("clone", "SHA-256, stated by git"),
    ],
)
def test_without_a_lock_the_records_of_a_download_and_of_a_clone_are_checked(
    repository: Repository, tmp_path: Path, place: str, source: str
) -> None:
    folder = PLACES[place](tmp_path / "there")
    done = run_command("verify", folder)
    assert done.returncode == 0, done.stdout
    assert f": {source}\n" in done.stdout
    (folder / "config.json").write_text("[]")
    done = run_command("verify", folder)
    assert (done.returncode, "  contradicted: config.json: " in done.stdout) == (1, True)


def test_lock_of_wrong_bytes_is_refused_and_nothing_is_written(lock: Path, tmp_path: Path) -> None:
    snapshot = find_snapshot(lock)
    (snapshot / "config.json").resolve().write_text("[]")
    other = tmp_path / "other.lock"
    done = run_command("lock", snapshot, "-o", other, "--offline")
    assert (done.returncode, other.exists()) == (4, False)
    assert "'config.json' is not what " in done.stderr


@pytest.mark.parametrize("by_name", [True, False])
def test_file_that_is_not_one_of_the_commit_is_not_locked(lock: Path, tmp_path: Path, by_name: bool) -> None:
    snapshot = find_snapshot(lock)
    (snapshot / "extra.py").write_text("x = 1\n")
    other = tmp_path / "other.lock"
    done = run_command("lock", "acme/tiny" if by_name else snapshot, "-o", other)
    assert (done.returncode, other.exists()) == (4, False)
    assert "'extra.py' is not a file of the commit: " in done.stderr


def test_cached_snapshot_and_repository_have_the_same_lock(lock: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.lock"
    assert run_command("lock", find_snapshot(lock), "-o", other, "--offline").returncode == 0
    assert 'model: "acme/tiny"' in other.read_text()
    assert other.read_text().split("tree: ")[1] == lock.read_text().split("tree: ")[1]


# ---- drift ----


def check(lock: Path) -> CommandResult:
    """Run ``lock --check``."""
    return run_command("lock", "--check", lock)


def test_unchanged_repository_has_no_drift_and_a_branch_that_went_on_is_a_note(
    lock: Path, repository: Repository
) -> None:
    name = f"acme/tiny@{repository.sha[:12]}"
    done = check(lock)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{name}: no drift\n", "")
    later = repository.commit({"config.json": '{"a": 1}'})
    done = check(lock)
    assert done.returncode == 0
    assert done.stdout == f"{name}: note: 'main' went on to commit {later}\n{name}: no drift\n"


def test_folder_of_a_lock_is_named_as_not_asked_for(lock: Path, tmp_path: Path, repository: Repository) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/config.json").write_text("{}")
    folders = tmp_path / "folders.lock"
    for path in (lock, folders):
        assert run_command("lock", tmp_path / "adapter", "-o", path, "-q").returncode == 0
        note = "adapter: note: it is a folder, so there is no repository to ask for\n"
        done = check(path)
        assert (done.returncode, note in done.stdout, "adapter: no drift" in done.stdout) == (0, True, False)
    done = run_command("lock", "--check", lock, "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    repository.commit({"README.md": "---\nlicense: apache-2.0\n---\n"})
    done = run_command("lock", "--check", lock, "-q")
    assert (done.returncode, done.stdout.count("\n"), ": license: " in done.stdout) == (1, 1, True)


def rewrite_history(hub: LoopbackHub, repository: Repository) -> None:
    """Replace the branch by a commit without the locked one among its ancestors, and keep the old commit."""
    other = Repository("acme/tiny")
    other.commit({**FILES, "config.json": "[1]"}, message="rewritten")
    repository.commits |= other.commits
    repository.branches["main"] = other.sha


def drop_commit(hub: LoopbackHub, repository: Repository) -> None:
    """Rewrite the history, and drop the old commit."""
    old = repository.sha
    rewrite_history(hub, repository)
    del repository.commits[old]


def recreate(hub: LoopbackHub, repository: Repository) -> None:
    """Let the repository be younger than the lock."""
    for commit in repository.commits.values():
        object.__setattr__(commit, "date", 1_790_000_000)


def change_owner(hub: LoopbackHub, repository: Repository) -> None:
    """Let somebody else have registered the name."""
    hub.access.overviews["acme"] = Overview("ffffffffffffffffffffffff", "2026-01-01T00:00:00.000Z", is_user=True)


def move(hub: LoopbackHub, repository: Repository) -> None:
    """Move the repository to another owner."""
    hub.rename_repository("acme/tiny", "mallory/tiny")


def change_license(hub: LoopbackHub, repository: Repository) -> None:
    """State another licence in a later commit."""
    repository.commit({"README.md": "---\nlicense: apache-2.0\n---\n"})


def remove(hub: LoopbackHub, repository: Repository) -> None:
    """Delete the repository."""
    del hub.access.repositories["model", "acme/tiny"]


DRIFTS = {
    "history": (rewrite_history, ["history-rewritten: the history of 'main' has no commit"]),
    "commit": (drop_commit, ["commit-gone: the Hub has no commit"]),
    "younger": (recreate, ["younger: it was created at 2026-09-21T14:13:20.000Z, and locked at 2025-10-09T08:53:20Z"]),
    "owner": (
        change_owner,
        [
            "owner: the kind of the owner is 'user', and 'organization' is locked",
            "owner: the id of the owner is 'ffffffffffffffffffffffff', and '5e67bd5b1009063689407478' is locked",
            "owner: the date of creation of the owner is '2026-01-01T00:00:00.000Z', and '2020-03-10T16:19:23.000Z' is",
        ],
    ),
    "moved": (
        move,
        ["moved: the Hub answers as 'mallory/tiny'", "owner: the name of the owner is 'mallory', and 'acme' is locked"],
    ),
    "license": (change_license, ["license: that of 'main' is Apache-2.0, and MIT is locked"]),
    "missing": (remove, ["missing: "]),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_each_drift_is_named_and_ends_with_1(lock: Path, hub: LoopbackHub, repository: Repository, name: str) -> None:
    drift, expected = DRIFTS[name]
    locked = repository.sha
    drift(hub, repository)
    done = check(lock)
    assert done.returncode == 1, done.stdout
    lines = [line.removeprefix(f"acme/tiny@{locked[:12]}: ") for line in done.stdout.splitlines()]
    named = [line for line in lines if not line.startswith("note: ")]
    assert len(named) == len(expected), named
    assert all(line.startswith(start) for line, start in zip(named, expected, strict=True)), named


def test_owner_that_is_a_user_is_locked_and_asked_for_again(
    hub: LoopbackHub, repository: Repository, tmp_path: Path
) -> None:
    hub.access.overviews["acme"] = Overview("a" * 24, "2021-01-01T00:00:00.000Z", is_user=True)
    lock = tmp_path / "modelaudit.lock"
    assert run_command("lock", "acme/tiny", "-o", lock, "-q").returncode == 0
    owner = f'\nowner: "acme"\nowner-kind: user\nowner-id: "{"a" * 24}"\nowner-created: 2021-01-01T00:00:00.000Z\n'
    assert owner in lock.read_text()
    assert (check(lock).returncode, check(lock).stdout.endswith(": no drift\n")) == (0, True)
    hub.access.overviews["acme"] = Overview("b" * 24, "2021-01-01T00:00:00.000Z", is_user=True)
    done = check(lock)
    assert done.returncode == 1
    assert [line.partition(": ")[2] for line in done.stdout.splitlines()] == [
        f"owner: the id of the owner is '{'b' * 24}', and '{'a' * 24}' is locked"
    ]
    hub.access.overviews["acme"] = None
    done = check(lock)
    assert (done.returncode, "not answered: the Hub does not state the id of the owner" in done.stdout) == (3, True)


def test_moved_tag_is_drift_and_a_tag_that_is_gone_too(
    hub: LoopbackHub, repository: Repository, tmp_path: Path
) -> None:
    repository.set_tag("v1")
    lock = tmp_path / "modelaudit.lock"
    assert run_command("lock", "acme/tiny@v1", "-o", lock).returncode == 0
    assert 'revision: "v1"' in lock.read_text()
    repository.commit({"config.json": "[1]"})
    assert check(lock).returncode == 0
    repository.set_tag("v1")
    done = check(lock)
    assert (done.returncode, "tag-moved: the tag 'v1' is commit " in done.stdout) == (1, True)
    del repository.tags["v1"]
    done = check(lock)
    assert (done.returncode, "revision-gone: the Hub has no revision 'v1'" in done.stdout) == (1, True)


def test_locked_commit_in_no_history_any_more_is_drift_although_it_was_the_requested_revision(
    hub: LoopbackHub, repository: Repository, tmp_path: Path
) -> None:
    lock = tmp_path / "modelaudit.lock"
    assert run_command("lock", f"acme/tiny@{repository.sha}", "-o", lock).returncode == 0
    assert check(lock).returncode == 0
    kept = repository.sha
    rewrite_history(hub, repository)
    done = check(lock)
    assert (done.returncode, "history-rewritten: no branch and no tag has commit" in done.stdout) == (1, True)
    repository.branches["kept"] = kept
    assert check(lock).returncode == 0


def test_branch_that_takes_the_name_of_a_tag_is_drift_where_programs_get_it(
    hub: LoopbackHub, repository: Repository, tmp_path: Path
) -> None:
    repository.set_tag("v1")
    lock = tmp_path / "modelaudit.lock"
    assert run_command("lock", "acme/tiny@v1", "-o", lock).returncode == 0
    old, new = repository.sha, repository.commit({"config.json": "[1]"})
    hub.inject_fault("/revision/v1", replace=(old.encode(), new.encode()))
    done = check(lock)
    assert (done.returncode, f"tag-moved: the tag 'v1' is commit {new} now" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("key", "named"), [("owner-id", "id of the owner"), ("owner-created", "date of"), ("created", "date of creation, ")]
)
def test_fact_that_the_lock_lacks_is_a_question_without_an_answer(lock: Path, key: str, named: str) -> None:
    assert check(lock).returncode == 0
    lock.write_text(re.sub(rf"^{key}: .*$", f"{key}: unknown", lock.read_text(), flags=re.MULTILINE))
    done = check(lock)
    assert (done.returncode, f"not answered: the lock lacks the {named}" in done.stdout) == (3, True)


def test_lock_without_an_owner_is_a_question_and_a_fact_that_neither_side_knows_is_a_note(
    lock: Path, hub: LoopbackHub
) -> None:
    text = lock.read_text()
    lock.write_text(re.sub(r"^owner-id: .*$", "owner-id: unknown", text, flags=re.MULTILINE))
    hub.access.overviews["acme"] = Overview(None)
    done = check(lock)
    line = "note: neither the lock nor the Hub states the id of the owner"
    assert (done.returncode, line in done.stdout) == (0, True)
    lock.write_text(re.sub(r"^(owner[a-z-]*): .*$", r"\1: unknown", text, flags=re.MULTILINE))
    done = check(lock)
    assert (done.returncode, "not answered: the lock has no owner" in done.stdout) == (3, True)


def test_repository_without_an_owner_in_its_id_has_no_question_about_one(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.add_repository("tiny", {"config.json": "{}"})
    lock = tmp_path / "modelaudit.lock"
    assert run_command("lock", "tiny", "-o", lock, "-q").returncode == 0
    assert "\nowner: unknown\n" in lock.read_text()
    assert (check(lock).returncode, check(lock).stdout.endswith(": no drift\n")) == (0, True)


@pytest.mark.parametrize("match", ["/overview", "/refs", "/commits/"])
def test_one_question_without_an_answer_leaves_the_others_to_be_asked(
    lock: Path, hub: LoopbackHub, repository: Repository, match: str
) -> None:
    rewrite_history(hub, repository)
    change_license(hub, repository)
    move(hub, repository)
    hub.inject_fault(match, status=403)
    done = check(lock)
    kinds = {line.split(": ")[1] for line in done.stdout.splitlines()}
    asked = {"moved", "owner", "history-rewritten", "license"}
    lost = {"owner" if match == "/overview" else "history-rewritten"}
    assert done.returncode == 1
    assert kinds - {"note"} == asked - lost | {"not answered"}, done.stdout


def test_creation_that_differs_or_that_the_hub_does_not_state_is_named(
    lock: Path, hub: LoopbackHub, repository: Repository
) -> None:
    text = lock.read_text()
    lock.write_text(text.replace("\ncreated: 2023-11-14", "\ncreated: 2023-11-13"))
    done = check(lock)
    line = "younger: it was created at 2023-11-14T22:13:20.000Z, and 2023-11-13T22:13:20.000Z is locked"
    assert (done.returncode, line in done.stdout) == (1, True)
    lock.write_text(text)
    hub.inject_fault("/api/models/acme/tiny", replace=(b'"createdAt"', b'"createdNot"'))
    done = check(lock)
    assert (done.returncode, "the Hub does not state when the repository was created" in done.stdout) == (3, True)


def test_history_that_is_too_long_is_a_question_without_an_answer(
    lock: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "_MOST_COMMITS", 2)
    for number in range(3):
        repository.commit({"config.json": f"[{number}]"})
    done = check(lock)
    line = "not answered: the history of 'main' is too long to look for the locked commit"
    assert (done.returncode, line in done.stdout) == (3, True)
    lock.write_text(lock.read_text().replace('revision: "main"', f'revision: "{repository.sha}"'))
    done = check(lock)
    line = "not answered: the histories are too long to look for the locked commit"
    assert (done.returncode, line in done.stdout) == (3, True)


def test_fact_that_the_hub_does_not_state_any_more_is_a_question_without_an_answer(
    lock: Path, hub: LoopbackHub
) -> None:
    hub.access.overviews["acme"] = Overview(None, None)
    done = check(lock)
    assert done.returncode == 3
    assert "not answered: the Hub does not state the id of the owner" in done.stdout


def test_check_without_a_hub_or_without_a_repository_is_one_line(lock: Path, hub: LoopbackHub, tmp_path: Path) -> None:
    hub.inject_fault("/api/", status=503)
    done = check(lock)
    assert (done.returncode, "not answered: " in done.stdout) == (3, True)
    for arguments, message in (
        (("--check", lock, "--offline"), "--check asks the Hub"),
        (("--check", lock, "x"), "--check takes the lock file alone"),
        (("--check", tmp_path / "none"), "the lock cannot be read"),
        (("acme/tiny", "-o", tmp_path / "none/x.lock"), "make its folder, or name another file"),
        ((), "name what to lock"),
    ):
        done = run_command("lock", *arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert message in done.stderr


def test_commands_of_the_page_on_integrity_run_as_they_are_written(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = hub.add_repository("org/model", FIXTURES / "repositories/acme-tiny")
    repository.set_tag("v1")
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs/integrity.md").read_text("utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    commands = [line.partition("#")[0].split()[1:] for line in block.splitlines()]
    assert [command[0] for command in commands] == ["lock", "verify", "scan", "lock"]
    for command in commands:
        assert run_command(*command).returncode == 0, command
