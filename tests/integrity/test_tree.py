"""The tree digest against the test vectors of its document, and the trees that folders and caches have."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

from modelaudit.integrity.comparison import compare_trees
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.model.limits import Limits
from modelaudit.model.tree import EntryKind, TreeEntry
from modelaudit.sources import resolve_target
from modelaudit.sources.entries import list_tree

DOCUMENT = Path(__file__).parents[2] / "docs/tree-digest.md"
_FILE = re.compile(r"file (?P<bit>[x?-]) (?P<size>\d+) (?P<sha256>[0-9a-f]{64}) (?P<path>.*)\0", re.DOTALL)
_BITS = {"x": True, "-": False, "?": None}


def parse_record(record: str) -> TreeEntry:
    """Return the entry of a quoted record of the document."""
    text = os.fsdecode(record.encode().decode("unicode_escape").encode("latin-1"))
    if match := _FILE.fullmatch(text):
        executable, size = _BITS[match["bit"]], int(match["size"])
        return TreeEntry(match["path"], EntryKind.FILE, executable, size, match["sha256"])
    kind, _, rest = text.partition(" ")
    path, *link_text, _ = rest.split("\0")
    return TreeEntry(path, EntryKind(kind), link_text=link_text[0] if link_text else None)


VECTORS = [
    ([parse_record(each) for each in re.findall(r"`([^`]+)`", records)], digest)
    for records, digest in re.findall(r"^\| (none|`.*`) \| `([0-9a-f]{64})` \|$", DOCUMENT.read_text(), re.MULTILINE)
]


@pytest.mark.parametrize(("entries", "digest"), VECTORS)
def test_tree_digest_is_that_of_the_test_vectors_in_any_order(entries: list[TreeEntry], digest: str) -> None:
    assert compute_tree_digest(entries) == digest
    assert compute_tree_digest(reversed(entries)) == digest


def test_test_vectors_all_differ_and_cover_every_kind_and_bit() -> None:
    assert len({digest for _, digest in VECTORS}) == len(VECTORS) == 13
    covered = [entry for entries, _ in VECTORS for entry in entries]
    assert {entry.kind for entry in covered} == {EntryKind.FILE, EntryKind.LINK, EntryKind.FOLDER}
    assert {entry.executable for entry in covered} == {True, False, None}


SHA256 = hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([TreeEntry("a", EntryKind.FOLDER), TreeEntry("a", EntryKind.FILE, False, 0, SHA256)], "two entries have the"),
        ([TreeEntry("a", EntryKind.FILE, False)], "no tree digest covers 'a'"),
        ([TreeEntry("a", EntryKind.LINK)], "no tree digest covers 'a'"),
        ([TreeEntry("a", EntryKind.SPECIAL)], "no tree digest covers 'a'"),
        ([TreeEntry("", EntryKind.FOLDER)], "'' is empty or holds a zero byte"),
        ([TreeEntry("a\0b", EntryKind.FOLDER)], "is empty or holds a zero byte"),
        ([TreeEntry("\ud800", EntryKind.FOLDER)], "surrogates not allowed"),
    ],
)
def test_entry_that_no_digest_can_cover_raises_value_error(entries: list[TreeEntry], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compute_tree_digest(entries)


def make_file(path: str, content: bytes, executable: bool = False) -> TreeEntry:
    """Return the entry of a file."""
    return TreeEntry(path, EntryKind.FILE, executable, len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("locked", "found", "kinds"),
    [
        (make_file("a.bin", b"x"), make_file("A.bin", b"x"), ["case"]),
        (make_file("a.bin", b"x"), make_file("A.bin", b"y"), ["case", "changed"]),
        (make_file("a.bin", b"x"), make_file("A.bin", b"y", True), ["case", "changed", "mode"]),
        (make_file("a.bin", b"x"), make_file("b.py", b"x", True), ["mode", "renamed"]),
        (make_file("a.bin", b""), make_file("b.py", b""), ["missing", "added"]),
        (make_file("a", b"x"), TreeEntry("A", EntryKind.LINK, link_text="b"), ["case", "kind"]),
    ],
)
def test_entry_under_another_name_is_compared_further(locked: TreeEntry, found: TreeEntry, kinds: list[str]) -> None:
    assert sorted(each.kind for each in compare_trees([locked], [found])) == sorted(kinds)


def describe(root: Path) -> dict[str, TreeEntry]:
    """Return the tree of a folder by path."""
    return {entry.path: entry for entry in list_tree(resolve_target(str(root)), Limits())}


def test_tree_of_a_folder_has_files_modes_links_with_their_text_and_empty_folders(tmp_path: Path) -> None:
    (tmp_path / "sub/empty").mkdir(parents=True)
    (tmp_path / "sub/run.sh").write_text("")
    (tmp_path / "sub/run.sh").chmod(0o744)
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "out").symlink_to("/nowhere/at all")
    (tmp_path / "folder").symlink_to("sub")
    (tmp_path / os.fsdecode(b"\xff")).write_text("")
    os.mkfifo(tmp_path / "pipe")
    assert describe(tmp_path) == {
        ".hidden": TreeEntry(".hidden", EntryKind.FILE, False),
        "folder": TreeEntry("folder", EntryKind.LINK, link_text="sub"),
        "out": TreeEntry("out", EntryKind.LINK, link_text="/nowhere/at all"),
        "pipe": TreeEntry("pipe", EntryKind.SPECIAL),
        "sub/empty": TreeEntry("sub/empty", EntryKind.FOLDER),
        "sub/run.sh": TreeEntry("sub/run.sh", EntryKind.FILE, True),
        "\udcff": TreeEntry("\udcff", EntryKind.FILE, False),
    }


def test_tree_leaves_out_bookkeeping_at_the_root_alone_and_keeps_links_of_its_names(tmp_path: Path) -> None:
    for folder in (".git/hooks", ".cache/huggingface/download", "sub/.git", "sub/.cache/huggingface"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git/config").write_text("[core]\n\tbare = false\n")
    assert list(describe(tmp_path)) == ["sub/.cache/huggingface", "sub/.git"]
    (tmp_path / ".git/hooks/pre-commit").write_text("")
    (tmp_path / ".cache/huggingface/x.py").write_text("")
    assert list(describe(tmp_path))[:2] == [".cache/huggingface/x.py", ".git/hooks/pre-commit"]
    (tmp_path / ".git/hooks/pre-commit").unlink()
    (tmp_path / ".cache/huggingface/x.py").unlink()
    (tmp_path / ".cache/other").mkdir()
    assert ".cache/other" in describe(tmp_path)
    linked = tmp_path / "sub"
    (linked / ".git").rmdir()
    (linked / ".git").symlink_to("elsewhere")
    assert describe(linked)[".git"].link_text == "elsewhere"


def test_empty_folder_named_like_the_one_around_bookkeeping_is_an_entry(tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    assert list(describe(tmp_path)) == [".cache"]
