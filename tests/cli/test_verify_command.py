"""``modelaudit verify``: every kind of difference by name, what the records beside files state, and exit codes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support.command import run_command
from support.tampering import NAMED_CHANGES, change_folder, make_folder
from support.warm import find_warm_program

from modelaudit.integrity.comparison import compare_trees
from modelaudit.integrity.lock_file import format_lock
from modelaudit.locking import lock_folder
from modelaudit.model.lock import Lock
from modelaudit.model.tree import EntryKind, TreeEntry


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """Return a folder that ``model.lock`` beside it locks."""
    folder = make_folder(tmp_path / "model")
    (tmp_path / "model.lock").write_text(format_lock(Lock((lock_folder(folder, tmp_path),))))
    return folder


def verify(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """Return the exit code, and the lines on differences and unread entries."""
    done = run_command("verify", folder, "--lock", folder.parent / "model.lock", *arguments)
    assert not done.stderr
    return done.returncode, [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]


def test_unchanged_folder_fits_wherever_it_lies_and_whenever_its_files_were_written(locked: Path) -> None:
    assert verify(locked) == (0, [])
    os.utime(locked / "config.json", (1, 1))
    assert verify(locked) == (0, [])
    assert run_command("verify", "--lock", locked.parent / "model.lock").returncode == 0
    moved = locked.rename(locked.parent / "elsewhere")
    assert verify(moved) == (0, [])
    copied = Path(shutil.copytree(moved, locked, symlinks=True))
    assert verify(copied) == (0, [])


@pytest.mark.parametrize("name", NAMED_CHANGES)
def test_each_change_to_a_locked_folder_is_named_and_ends_with_1(locked: Path, name: str) -> None:
    change, expected = NAMED_CHANGES[name]
    change(locked)
    code, lines = verify(locked)
    assert code == 1
    differences = [line for line in lines if not line.startswith("not read: link.json: ")]  # its target may be gone
    assert [line.startswith(expected) for line in differences] == [True], lines


def test_lines_are_broken_at_the_width_of_a_terminal_and_no_path_is(locked: Path) -> None:
    (locked / "config.json").unlink()
    name = f"{locked}/{'long' * 20}.bin"
    Path(name).write_text("")
    controller, terminal = os.openpty()
    command = [find_warm_program(), "verify", locked, "--lock", locked.parent / "model.lock"]
    subprocess.run(command, env={**os.environ, "COLUMNS": "60"}, stdout=terminal, check=False)
    os.close(terminal)
    with os.fdopen(controller, "rb") as shown:
        lines = shown.read1(1 << 16).decode().splitlines()
    assert [line for line in lines if len(line) > 60 and " " in line.strip()] == []
    assert any(f"{'long' * 20}.bin" in line for line in lines)


def test_json_names_the_same_differences_and_the_digest_of_each_file(locked: Path) -> None:
    (locked / "config.json").write_text("{}")
    done = run_command("verify", locked, "--lock", locked.parent / "model.lock", "-o", "json")
    [model] = json.loads(done.stdout)["models"]
    assert (done.returncode, model["exit_code"]) == (1, 1)
    assert [(each["kind"], each["path"]) for each in model["differences"]] == [("changed", "config.json")]
    digests = {file["path"]: file["digests"] for file in model["files"]}
    assert digests["config.json"] == [f"sha256 {hashlib.sha256(b'{}').hexdigest()}"]


def test_link_to_nothing_is_not_locked(locked: Path) -> None:
    (locked / "dead").symlink_to("nowhere")
    refused = run_command("lock", locked, "-o", locked.parent / "model.lock")
    assert refused.returncode == 4
    assert "'dead' cannot be locked: the link leads to 'nowhere', where there is nothing" in refused.stderr


def test_file_that_cannot_be_read_is_incomplete_and_named() -> None:
    with tempfile.TemporaryDirectory() as name:  # other users may not enter the folders of pytest
        beside = Path(name).resolve()
        beside.chmod(0o755)
        folder = make_folder(beside / "model")
        (beside / "model.lock").write_text(format_lock(Lock((lock_folder(folder, beside),))))
        (folder / "config.json").chmod(0)
        user = os.geteuid()
        if user == 0:  # root may read every file
            os.seteuid(65534)
        try:
            answer = verify(folder)
        finally:
            os.seteuid(user)
    assert answer == (3, ["not read: config.json: permission to read the file is denied"])


def test_records_of_git_and_of_the_client_are_no_part_of_the_model_if_they_have_its_form(locked: Path) -> None:
    subprocess.run(["git", "init", "-q", locked], check=True)
    record = locked / ".cache/huggingface/.gitignore"
    record.parent.mkdir(parents=True)
    record.write_text("*")
    assert verify(locked) == (0, [])
    for name in (".git/hooks/pre-commit", ".git/x/y.pkl", ".cache/huggingface/z.py"):
        (locked / name).parent.mkdir(exist_ok=True)
        (locked / name).write_text("")
        assert verify(locked) == (1, [f"added: {name}: a file that the lock lacks"])
        (locked / name).unlink()
    (locked / ".git/HEAD").unlink()
    code, lines = verify(locked)
    assert (code, "added: .git/config: a file that the lock lacks" in lines) == (1, True)


def test_records_of_git_below_the_root_are_entries_like_any_other(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    subprocess.run(["git", "init", "-q", folder / "sub"], check=True)
    (tmp_path / "model.lock").write_text(format_lock(Lock((lock_folder(folder, tmp_path),))))
    assert verify(folder) == (0, [])
    (folder / "sub/.git/HEAD").write_text("ref: refs/heads/other\n")
    code, [line] = verify(folder)
    assert (code, line[:29]) == (1, "changed: sub/.git/HEAD: 22 by")


def test_checksums_beside_the_files_are_checked_without_a_lock(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"hello")
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(b'hello').hexdigest()} *a.bin\r\n")
    done = run_command("verify", folder)
    assert done.returncode == 0, done.stdout
    assert "  1 file: SHA-256, stated by a file of checksums" in done.stdout
    (folder / "other").write_text("x")
    assert run_command("verify", folder).returncode == 3
    (folder / "other").unlink()
    (folder / "a.bin").write_bytes(b"hullo")
    done = run_command("verify", folder)
    assert (done.returncode, "  contradicted: a.bin: SHA256SUMS states sha256 2cf24dba" in done.stdout) == (1, True)
    (folder / "a.bin").unlink()
    done = run_command("verify", folder)
    assert (done.returncode, "  missing: " in done.stdout) == (1, True), done.stdout


def test_file_of_another_size_than_recorded_is_named_as_changed_against_the_lock(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    for arguments in (("init", "-q"), ("add", "-A")):
        subprocess.run(["git", "-C", folder, *arguments], check=True)
    (tmp_path / "model.lock").write_text(format_lock(Lock((lock_folder(folder, tmp_path),))))
    assert verify(folder) == (0, ["1 file: SHA-1 only, stated by git"])
    (folder / "config.json").write_text("{ }")
    code, lines = verify(folder)
    assert code == 1
    assert [line.partition(",")[0] for line in lines if not line.startswith("1 file")] == [
        "changed: config.json: 3 bytes with SHA-256 " + hashlib.sha256(b"{ }").hexdigest(),
        "contradicted: config.json: .git/index states git-sha1 9e26dfeeb6e641a33dae4961196235bdb965b21b",
    ]


def test_folder_that_cannot_be_listed_is_not_read_and_its_files_are_not_missing() -> None:
    locked = (
        TreeEntry("a", EntryKind.FILE, False, 1, "0" * 64),
        TreeEntry("sub/b", EntryKind.FILE, False, 1, "1" * 64),
    )
    found = (locked[0], TreeEntry("sub", EntryKind.SPECIAL))
    assert compare_trees(locked, found, {"sub"}) == ()
    assert [each.path for each in compare_trees(locked, found)] == ["sub", "sub/b"]


def test_lock_inside_the_model_is_refused(locked: Path) -> None:
    inside = locked / "model.lock"
    shutil.copy(locked.parent / "model.lock", inside)
    for arguments in (("verify", locked, "--lock", inside), ("lock", locked, "-o", inside)):
        done = run_command(*arguments)
        assert (done.returncode, "the lock lies in the model that it locks" in done.stderr) == (2, True)


def test_usage_errors_are_one_line_and_exit_2(locked: Path, tmp_path: Path) -> None:
    lock = str(tmp_path / "model.lock")
    for arguments, message in (
        ((), "there is nothing to check: name a folder, or a lock with --lock FILE"),
        ((str(locked),), "offers nothing to check against"),
        ((str(locked), "--model", "x"), "--model names a model of a lock"),
        ((str(locked), "--lock", lock, "--model", "x"), "the lock has no model 'x'; it has 'model'"),
        ((str(locked), "--lock", str(tmp_path / "no.lock")), "the lock cannot be read"),
        ((str(locked), "--lock", lock, "-o", "xml"), "'xml' is not a format"),
        ((str(locked / "config.json"), "--lock", lock), "is a file; name the folder"),
    ):
        done = run_command("verify", *arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), arguments
        assert message in done.stderr
    (tmp_path / "model").rename(tmp_path / "elsewhere")
    done = run_command("verify", "model", "--lock", lock)
    assert (done.returncode, "the lock has this model: verify --model model --lock" in done.stderr) == (4, True)
    done = run_command("verify", tmp_path / "elsewhere", "--lock", lock)
    assert done.returncode == 0
    (tmp_path / "elsewhere/config.json").unlink()
    done = run_command("verify", tmp_path / "elsewhere", "--lock", lock)
    assert "1 missing; fetch the locked commit again, or find out who changed it\n" in done.stdout
    done = run_command("verify", tmp_path / "absent", "--lock", lock)
    assert (done.returncode, "does not exist; verify checks" in done.stderr) == (4, True)


def test_target_is_matched_with_the_model_of_a_lock_by_folder_and_by_name(locked: Path, tmp_path: Path) -> None:
    other = make_folder(tmp_path / "other")
    (other / "config.json").write_text("[]")
    lock = tmp_path / "model.lock"
    assert run_command("lock", other, "-o", lock).returncode == 0
    assert lock.read_text().count("\nfolder: ") == 2
    assert run_command("verify", "--lock", lock).returncode == 0
    assert run_command("verify", other, "--lock", lock).returncode == 0
    assert run_command("verify", other, "--lock", lock, "--model", "model").returncode == 1
    copied = shutil.copytree(other, tmp_path / "copies/other", symlinks=True)
    assert run_command("verify", copied, "--lock", lock).returncode == 0
    unknown = shutil.copytree(other, tmp_path / "unknown", symlinks=True)
    done = run_command("verify", unknown, "--lock", lock)
    assert (
        done.returncode,
        "does not say which of its models this is: 'model', 'other'; choose with modelaudit verify --model"
        in done.stderr,
    ) == (2, True)


def test_verify_imports_no_reader_and_nothing_that_takes_long(locked: Path) -> None:
    code = (
        "import sys; from modelaudit.__main__ import main\n"
        "try: main()\n"
        "finally: print(*sorted(sys.modules), file=sys.stderr)"
    )
    arguments = ["verify", str(locked), "--lock", str(locked.parent / "model.lock"), "-o", "json"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    modules = done.stderr.split()
    rooms = {name.split(".")[1] for name in modules if name.startswith("modelaudit.")}
    assert rooms == {"__main__", "cli", "integrity", "model", "reports", "signature_claims", "sources", "verifying"}
    assert "modelaudit.model.report" not in modules
    assert not {"huggingface_hub", "httpx2", "yaml", "pydantic", "rich", "jinja2"} & set(modules)


def test_random_changes_to_a_locked_folder_are_all_found(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "model")
    lock = Lock((lock_folder(source, tmp_path),))
    generator = random.Random(14)
    count = int(os.environ.get("MODELAUDIT_CHANGES", "300"))
    changes = (change_folder(source, tmp_path / "copy", lock, generator) for _ in range(count))
    assert [change for change in changes if change] == []
