"""Honest models in all forms that programs and people give them pass, without a finding of integrity."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError
from support.command import run_command
from tampering.cases import CONFIG, FIRST, add_submodule, add_work_tree, commit, edit, lock_from_hub, write, write_sums
from tampering.places import FILES, SHARDS, Originals, Place, list_false_alarms, run_scan
from tampering.signed_cases import SIGNATURE, certify, sign_checkout, sign_ranges


@dataclass(frozen=True, slots=True)
class Variation:
    """A form of an honest model.

    Args:
        place: Where it lies.
        name: What is different.
        change: Makes the difference.
        command: ``scan``, ``verify`` (without a lock), ``verify --lock``, ``scan --lock`` or ``lock --check``.
        options: Further options of the command.
    """

    place: str
    name: str
    change: Callable[[Place, Originals], object]
    command: str = "scan"
    options: tuple[str, ...] = ()


def leave(place: Place, originals: Originals) -> None:
    """Change nothing."""


def move_cache(place: Place, originals: Originals) -> None:
    """Move the whole cache, and scan a snapshot in it."""
    moved = (place.home / "hub").rename(place.beside / "elsewhere")
    place.target = str(moved / place.root.relative_to(place.home / "hub"))


def set_times(place: Place, originals: Originals) -> None:
    """Give every file another time."""
    top = place.home if place.name == "cache" else place.root
    for path in top.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)


def move_blobs(place: Place, originals: Originals) -> None:
    """Keep the blobs on another disk, through a link."""
    blobs = place.root.parents[1] / "blobs"
    shutil.copytree(blobs, place.beside / "disk")
    shutil.rmtree(blobs)
    blobs.symlink_to(place.beside / "disk")


def make_read_only(place: Place, originals: Originals) -> None:
    """Take the right to write from the whole cache."""
    for path in [*place.home.rglob("*"), place.home]:
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)


def fetch_one_file(place: Place, originals: Originals) -> None:
    """Let the client fetch one file only."""
    hf_hub_download("acme/tiny", CONFIG)


def ask_for_an_absent_file(place: Place, originals: Originals) -> None:
    """Let the client ask for a file that the repository lacks, and scan the folder of the repository."""
    with suppress(EntryNotFoundError):
        hf_hub_download("acme/tiny", "adapter_config.json")
    assert list((place.root.parents[1] / ".no_exist").rglob("adapter_config.json"))
    place.target = str(place.root.parents[1])


def link_to_snapshot(place: Place, originals: Originals) -> None:
    """Scan a snapshot through a link to it."""
    (place.beside / "link").symlink_to(place.root)
    place.target = str(place.beside / "link")


def scan_first(place: Place, originals: Originals) -> None:
    """Scan once before."""
    assert run_scan(place)[0].returncode == 0


def fail_once(place: Place, originals: Originals) -> None:
    """Fail one request of each kind once, one of them within the bytes of a shard."""
    place.hub.inject_fault("/api/", status=503, times=1)
    place.hub.inject_rate_limit(CONFIG)
    place.hub.inject_fault(FIRST, origin="cdn", drop_after=100, times=1)


def share_blobs(place: Place, originals: Originals) -> None:
    """Hold the same bytes under two names."""
    same = {f"checkpoint/{name}": FILES[name] for name in (*SHARDS, "model.safetensors.index.json", CONFIG)}
    place.target = originals.hub.add_repository(f"{place.beside.name}/twice", {**FILES, **same}).id


def download_again(place: Place, originals: Originals) -> None:
    """Download into the same folder once more."""
    originals.download("--local-dir", place.root, home=place.home)


def download_old_then_new(place: Place, originals: Originals) -> None:
    """Download the older commit into a folder, and then the newer one over it."""
    place.target = str(place.beside / "both")
    place.root = place.beside / "both"
    originals.download("--revision", originals.old_commit, "--local-dir", place.root, home=place.home)
    originals.download("--local-dir", place.root, home=place.home)


def clone_with(*options: str, has_lfs: bool = True) -> Callable[[Place, Originals], None]:
    """Return a change that clones with options of git."""
    name = "-".join(["clone", *(option.strip("-").replace("=", "-") for option in options), str(has_lfs)])

    def change(place: Place, originals: Originals) -> None:
        place.target = str(originals.clone(name, *options, has_lfs=has_lfs))

    return change


def lock_and_add_work_tree(place: Place, originals: Originals) -> None:
    """Lock the repository on the Hub, and check the commit out a second time."""
    lock_from_hub(place)
    add_work_tree(place)


def commit_more(place: Place, originals: Originals) -> None:
    """Commit a further file on a branch, tag it, and pack the objects."""
    write(place.root / "NOTES.txt", "text\n")
    place.git("checkout", "--quiet", "-b", "side")
    place.git("add", "NOTES.txt")
    place.git("commit", "--quiet", "--message", "two")
    place.git("tag", "--annotate", "--message", "v1", "v1")
    place.git("gc", "--quiet")


def lock_and_maintain(place: Place, originals: Originals) -> None:
    """Lock the repository on the Hub, and let git and Git LFS do all that they do without a change of the files."""
    lock_from_hub(place)
    place.git("commit", "--quiet", "--allow-empty", "--message", "An empty one, with a text of its own")
    place.git("tag", "--annotate", "--message", "v1", "v1")
    for command in (
        *("fetch --quiet --all --tags", "stash list", "lfs fetch --all", "lfs install --local", "lfs prune"),
        *("gc --quiet", "repack -a -d -q --write-midx --write-bitmap-index", "commit-graph write", "pack-refs --all"),
        *(
            "update-index --index-version 4",
            "reflog expire --all",
            "lfs checkout",
            "worktree add -q --detach ../second",
        ),
    ):
        place.git(*command.split())


def lock_and_configure(place: Place, originals: Originals) -> None:
    """Lock the repository on the Hub, and set what people set for a checkout of their own."""
    lock_from_hub(place)
    for key, value in {"user.name": "Zoë O'Neil", "user.email": "z@example.org", "pull.rebase": "true"}.items():
        place.git("config", key, value)
    place.git("remote", "add", "fork", "git@github.example:zoe/tiny.git")
    place.git("config", "branch.main.remote", "fork")


def commit_links(place: Place, originals: Originals) -> None:
    """Commit a link to a file and one to a folder."""
    commit(place, "link.json", CONFIG, is_link=True)
    commit(place, "words", "tokenizer", is_link=True)


def ignore_modes(place: Place, originals: Originals) -> None:
    """Make every file executable, as on a disk that keeps no such bit."""
    place.git("config", "core.fileMode", "false")
    for name in FILES:
        (place.root / name).chmod(0o755)


def run_sha256sum(place: Place, originals: Originals) -> None:
    """Let the program write the checksums of all files, those in folders included."""
    done = subprocess.run(["sha256sum", "--", *sorted(FILES)], cwd=place.root, capture_output=True, check=True)
    write(place.root / "SHA256SUMS", done.stdout)


def move_with_lock(place: Place, originals: Originals) -> None:
    """Move the folder and its lock together."""
    (place.beside / "new").mkdir()
    place.root = place.root.rename(place.beside / "new/model")
    write(place.beside / "new/modelaudit.lock", place.lock.read_bytes())
    place.beside = place.beside / "new"


def lock_and_make_executable(place: Place, originals: Originals) -> None:
    """Lock the repository on the Hub, and make every file of the download executable."""
    lock_from_hub(place)
    for name in FILES:
        (place.root / name).chmod(0o755)


def sign_twice(place: Place, originals: Originals) -> None:
    """Keep the signature beside itself in the list of claims, too."""
    (place.root / "claims.jsonl").write_text((place.root / SIGNATURE).read_text() + "\n")


def keep_signature_outside(place: Place, originals: Originals) -> None:
    """Move the signature out of the folder of the model."""
    (place.root / SIGNATURE).rename(place.beside / "tiny.sig")
    place.options.extend(["--signature", str(place.beside / "tiny.sig")])


def write_windows_lines(place: Place, originals: Originals) -> None:
    """Write the bundle in many lines, with the line ends of another system."""
    text = json.dumps(json.loads((place.root / SIGNATURE).read_text()), indent=2)
    (place.root / SIGNATURE).write_bytes(text.replace("\n", "\r\n").encode())


def publish(place: Place, originals: Originals) -> str:
    """Publish the signed files on the Hub, and return the name of the repository."""
    files = {path.relative_to(place.root).as_posix(): path for path in place.root.rglob("*") if path.is_file()}
    content = {name: path.read_bytes() for name, path in files.items()}
    return originals.hub.add_repository(f"{place.beside.name}/signed", content).id


def fetch_into_cache(place: Place, originals: Originals) -> None:
    """Let the client fetch the signed model into its cache."""
    place.root = Path(snapshot_download(publish(place, originals)))
    place.target = str(place.root)


def fetch_into_folder(place: Place, originals: Originals) -> None:
    """Let the client download the signed model into a folder."""
    place.root = Path(snapshot_download(publish(place, originals), local_dir=place.beside / "here"))
    place.target = str(place.root)


def move_checkout(place: Place, originals: Originals) -> None:
    """Check a signed model out of git, and copy the folder with its records of git."""
    sign_checkout(place)
    place.root = Path(shutil.copytree(place.root, place.beside / "copied", symlinks=True))


def carry(*commands: str) -> Callable[[Place, Originals], None]:
    """Return a change that carries the folder to ``there``; in a command, {0} is its name."""

    def change(place: Place, originals: Originals) -> None:
        (place.beside / "there").mkdir()
        for command in commands:
            subprocess.run(command.format(place.root.name).split(), cwd=place.beside, check=True)
        name = place.root.name
        place.root.rename(place.beside / "gone")
        place.root = place.beside / "there" / name

    return change


def verify_by_file(place: Place, originals: Originals) -> None:
    """Verify the model of a sealed folder by its attestation alone."""
    attestation = shutil.copy(place.root / "attestation.jsonl", place.beside)
    place.root /= "model"
    place.options.extend(["--attestation", str(attestation)])


TAR = carry("tar -cf model.tar {0}", "tar -xf model.tar -C there")
COPY = carry("cp -r {0} there")


VARIATIONS = [
    Variation("cache", "copied", leave, options=("--offline",)),
    Variation("cache", "copied, checked by verify", leave, "verify"),
    Variation("cache", "moved", move_cache),
    Variation("cache", "other times", set_times, options=("--offline",)),
    Variation("cache", "blobs on another disk through a link", move_blobs, options=("--offline",)),
    Variation("cache", "read-only", make_read_only, options=("--offline",)),
    Variation("cache", "two commits share blobs", lambda at, of: setattr(at, "target", f"acme/tiny@{of.old_commit}")),
    Variation("cache", "the whole cache", lambda at, of: setattr(at, "target", str(at.home / "hub"))),
    Variation("cache", "a file that the client did not find", ask_for_an_absent_file),
    Variation("cache", "a snapshot through a link", link_to_snapshot),
    Variation("wire", "first scan", leave),
    Variation("wire", "second scan", scan_first),
    Variation("wire", "partial cache", fetch_one_file),
    Variation("wire", "faults that pass", fail_once),
    Variation("wire", "shared blobs", share_blobs),
    Variation("wire", "a listing in pages", lambda at, of: setattr(at.hub, "page_size", 2)),
    Variation("local-dir", "copied", leave),
    Variation("local-dir", "checked by verify", leave, "verify"),
    Variation("local-dir", "other times", set_times),
    Variation("local-dir", "second download", download_again),
    Variation("local-dir", "a newer commit over an older one", download_old_then_new),
    Variation("local-dir", "executable bits, and the lock of the Hub", lock_and_make_executable, "verify --lock"),
    Variation("git", "clone with Git LFS, copied", leave),
    Variation("git", "clone checked by verify", leave, "verify"),
    Variation("git", "fetched and packed after the lock", lock_and_maintain, "verify --lock"),
    Variation("git", "settings of a person after the lock", lock_and_configure, "verify --lock"),
    Variation("git", "clone without Git LFS", clone_with(has_lfs=False)),
    Variation("git", "shallow clone", clone_with("--depth=1")),
    Variation("git", "line ends of another system", clone_with("--config=core.autocrlf=true", has_lfs=False)),
    Variation("git", "a second work tree", lambda at, of: add_work_tree(at)),
    Variation("git", "a second work tree checked by verify", lambda at, of: add_work_tree(at), "verify"),
    Variation("git", "a second work tree, and the lock of the Hub", lock_and_add_work_tree, "verify --lock"),
    Variation("git", "a submodule", lambda at, of: add_submodule(at)),
    Variation("git", "a submodule alone", lambda at, of: setattr(at, "target", str(add_submodule(at)))),
    Variation("git", "a submodule checked by verify", lambda at, of: add_submodule(at), "verify"),
    Variation("git", "further commits, packed", commit_more),
    Variation("git", "links to a file and to a folder", commit_links),
    Variation("git", "a disk without executable bits", ignore_modes),
    Variation("git", "other times", set_times),
    Variation("sidecars", "written by sha256sum", run_sha256sum),
    Variation("sidecars", "marks of binary files", lambda at, of: write_sums(at, form="{digest} *{name}\n")),
    Variation("sidecars", "CRLF and ./", lambda at, of: write_sums(at, form="{digest}  ./{name}\r\n")),
    Variation("sidecars", "form of BSD", lambda at, of: write_sums(at, form="SHA256 ({name}) = {digest}\n")),
    Variation("sidecars", "upper case", lambda at, of: write_sums(at, form="{capitals}  {name}\n")),
    Variation("sidecars", "checked by verify", lambda at, of: write_sums(at, extra="# comment\n\n"), "verify"),
    Variation("lock", "empty folder and link", leave, "verify --lock"),
    Variation("lock", "scan with the lock", leave, "scan --lock"),
    Variation(
        *("lock", "CRLF"),
        lambda at, of: at.lock.write_bytes(at.lock.read_bytes().replace(b"\n", b"\r\n")),
        "verify --lock",
    ),
    Variation("lock", "comments", lambda at, of: edit(at.lock, "\nfolder:", "\n# a note\n\nfolder:"), "verify --lock"),
    Variation("lock", "other times", set_times, "verify --lock"),
    Variation("lock", "moved together", move_with_lock, "verify --lock"),
    Variation("signed", "by a key", leave, "verify"),
    Variation("signed", "by a key, and scanned", leave),
    Variation("signed", "by a certificate", lambda at, of: certify(at), "verify"),
    Variation("signed", "by a certificate, and scanned", lambda at, of: certify(at)),
    Variation("signed", "in ranges", lambda at, of: sign_ranges(at), "verify"),
    Variation("signed", "in ranges, and scanned", lambda at, of: sign_ranges(at)),
    Variation("signed", "other times", set_times, "verify"),
    Variation("signed", "carried by tar", TAR, "verify"),
    Variation("signed", "copied", COPY, "verify"),
    Variation("signed", "among its claims too", sign_twice, "verify"),
    Variation("signed", "signature outside of the folder", keep_signature_outside, "verify"),
    Variation("signed", "signature outside of the folder, and scanned", keep_signature_outside),
    Variation("signed", "line ends of another system in the signature", write_windows_lines, "verify"),
    Variation("signed", "in a snapshot of the cache", fetch_into_cache, "verify"),
    Variation("signed", "in a snapshot of the cache, and scanned", fetch_into_cache, options=("--offline",)),
    Variation("signed", "in a download", fetch_into_folder, "verify"),
    Variation("signed", "in a download, and scanned", fetch_into_folder),
    Variation("git", "signed", lambda at, of: sign_checkout(at), "verify"),
    Variation("git", "signed, and scanned", lambda at, of: sign_checkout(at)),
    Variation("git", "signed and copied", move_checkout, "verify"),
    Variation("attested", "unchanged", leave, "verify"),
    Variation("attested", "other times", set_times, "verify"),
    Variation("attested", "carried by tar", TAR, "verify"),
    Variation("attested", "copied", COPY, "verify"),
    Variation("sealed", "unchanged", leave, "verify"),
    Variation("sealed", "other times", set_times, "verify"),
    Variation("sealed", "carried by tar", TAR, "verify"),
    Variation("sealed", "copied", COPY, "verify"),
    Variation("sealed", "the model in it with the attestation", verify_by_file, "verify"),
    Variation("hub", "unchanged", leave, "lock --check"),
    Variation("hub", "the branch went on", lambda at, of: at.repository.commit({CONFIG: b"{}"}), "lock --check"),
]


def group(variation: Variation) -> object:
    """Return a variation as a parameter; a worker takes all of a place, and makes the model there once."""
    name = f"{variation.place}: {variation.name}"
    return pytest.param(variation, id=name, marks=pytest.mark.xdist_group(f"tampering {variation.place}"))


@pytest.mark.parametrize("variation", [*map(group, VARIATIONS)])
def test_honest_model_passes_without_a_false_alarm(
    variation: Variation, copy_place: Callable[[str], Place], originals: Originals
) -> None:
    place = copy_place(variation.place)
    place.options.extend(variation.options)
    variation.change(place, originals)
    if variation.command.startswith("scan"):
        if variation.command == "scan --lock":
            place.options.extend(["--lock", str(place.lock)])
        done, _ = run_scan(place)
        assert done.returncode == 0, done.stdout + done.stderr
        assert list_false_alarms(place) == []
        return
    root: Path = place.root
    arguments = {
        "verify": ("verify", root),
        "verify --lock": ("verify", root, "--lock", place.lock),
        "lock --check": ("lock", "--check", place.lock),
    }
    done = run_command(*arguments[variation.command], *place.options)
    assert done.returncode == 0, done.stdout + done.stderr


def test_at_least_twenty_variations_have_names_of_their_own() -> None:
    assert len({(each.place, each.name) for each in VARIATIONS}) == len(VARIATIONS) >= 20
