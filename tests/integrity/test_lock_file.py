"""The text of a lock: written and read back, and one line for each mistake in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command import run_command
from support.tampering import make_folder

from modelaudit.integrity.lock_file import MOST_BYTES, format_lock, parse_lock, read_lock
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.lock import Lock, LockedModel, Origin
from modelaudit.model.provenance import Owner, OwnerKind
from modelaudit.model.tree import EntryKind, TreeEntry

RELEASED = Path(__file__).with_name("version-1.lock")
HASH = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
NAME = os.fsdecode(b"caf\xe9 \xe6\x97\xa5.bin")
ENTRIES = (
    TreeEntry("a.txt", EntryKind.FILE, True, 5, HASH),
    TreeEntry("b/link", EntryKind.LINK, link_text="../a.txt"),
    TreeEntry(NAME, EntryKind.FILE, None, 5, HASH),
    TreeEntry("empty", EntryKind.FOLDER),
)


def build_model(*entries: TreeEntry, origin: Origin | None = None) -> LockedModel:
    """Return a locked folder, or a repository with an origin."""
    kind, name = (RefKind.MODEL, "org/m") if origin else (RefKind.FOLDER, "../m")
    in_order = tuple(sorted(entries, key=lambda entry: entry.order))
    digest = compute_tree_digest(entries)
    return LockedModel(kind, name, "2026-11-28T20:00:00Z", digest, in_order, origin, "MIT" if origin else None)


OWNER = Owner("org", OwnerKind.ORGANIZATION, "64a0", "2022-03-02T23:29:04.000Z")
REPOSITORY = build_model(*ENTRIES, origin=Origin("main", "a" * 40, "2023-01-01T00:00:00.000Z", OWNER))
PART = replace(REPOSITORY, absent=12)
UNKNOWN = build_model(*ENTRIES, origin=Origin("v1", "b" * 40))
TEXT = format_lock(Lock((build_model(*ENTRIES), REPOSITORY)))


def parse(text: str) -> Lock:
    """Parse the text of a lock, apart from the lines of its models."""
    return parse_lock(text.encode(), "x.lock")


@pytest.mark.parametrize("model", [build_model(*ENTRIES), build_model(), REPOSITORY, UNKNOWN, PART])
def test_lock_is_read_as_it_was_written_also_with_crlf_and_remarks(model: LockedModel) -> None:
    text = format_lock(Lock((model,)))
    assert text.isascii()
    for variant in (text, text.replace("\n", "\r\n"), text.replace("\n", "\n# remark\n\n"), text.rstrip()):
        [read] = parse(variant).models
        assert (read.key, read.origin, read.license, read.tree_digest) == (
            model.key,
            model.origin,
            model.license,
            model.tree_digest,
        )
        assert (read.entries, read.absent) == (model.entries, model.absent)


def test_released_lock_of_version_1_is_read_and_its_folder_fits(tmp_path: Path) -> None:
    """The file is never written anew: whoever changes the format keeps reading it."""
    lock = shutil.copy(RELEASED, tmp_path / "x.lock")
    folder, dataset, model = read_lock(lock).models
    assert (folder.key, folder.origin, folder.license, folder.absent) == ((RefKind.FOLDER, "model"), None, None, 0)
    assert (dataset.title, dataset.absent) == ("datasets/org/data", 2)
    commit = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
    assert dataset.origin == Origin("main", commit)
    owner = Owner("org", OwnerKind.ORGANIZATION, "5e67bd5b1009063689407478", "2020-03-10T16:19:23.000Z")
    assert model.origin == Origin("v1", commit, "2022-03-02T23:29:04.000Z", owner)
    assert (model.license, model.locked) == ("MIT", "2026-11-28T20:00:00Z")
    root = make_folder(tmp_path / "model")
    for code, change in ((0, ""), (1, "[]")):
        (root / "config.json").write_text(change or (root / "config.json").read_text())
        assert run_command("verify", root, "--lock", lock).returncode == code


def test_lock_sorts_models_and_files_so_that_the_order_of_targets_changes_nothing() -> None:
    assert format_lock(Lock((REPOSITORY, build_model(*reversed(ENTRIES))))) == TEXT
    moved = "\n".join(
        reversed([line for line in TEXT.splitlines() if line.startswith(("file", "link", "folder "))][:4])
    )
    first = TEXT.split("tree: ")[1].split("\n", 1)
    reordered = TEXT.replace("\n".join(first[1].splitlines()[:4]), moved, 1)
    assert parse(reordered).models[0].entries == parse(TEXT).models[0].entries


FILE_LINE = f'file x 5 {HASH} "a.txt"'
MISTAKES = [
    ("", 1, "a lock begins with 'modelaudit lock, version 1'"),
    ("# remark only\n", 2, "a lock begins with"),
    (TEXT.replace("version 1", "version 2", 1), 1, "the lock has version 2, and this modelaudit reads 1; upgrade"),
    (TEXT.replace(FILE_LINE, f"<<<<<<< HEAD\n{FILE_LINE}", 1), 8, "a merge left a conflict here"),
    (TEXT.replace(FILE_LINE, f"{FILE_LINE}\n=======", 1), 9, "a merge left a conflict here"),
    (TEXT + ">>>>>>> branch\n", TEXT.count("\n") + 1, "a merge left a conflict here"),
    (TEXT.replace("a.txt", "../a.txt", 1), 8, "the name '../a.txt' leads out of the model"),
    (TEXT.replace("a.txt", "/etc/a.txt", 1), 8, "the name '/etc/a.txt' is absolute"),
    (TEXT.replace("a.txt", "a//b", 1), 8, "the name 'a//b' is not in its simplest form"),
    (TEXT.replace("a.txt", "./a", 1), 8, "the name './a' is not in its simplest form"),
    (TEXT.replace("a.txt", "a/../../b", 1), 8, "leads out of the model"),
    (TEXT.replace("a.txt", "a" * 1025, 1), 8, "' is too long for a file system"),
    (TEXT.replace("a.txt", "", 1), 8, "the name '' is empty or holds a zero byte"),
    (TEXT.replace("a.txt", "a\\u0000b", 1), 8, "is empty or holds a zero byte"),
    (TEXT.replace("a.txt", "a\\ud800", 1), 8, "half of a character"),
    (TEXT.replace("a.txt", "a\\u002etxt", 1), 8, "is not a JSON string as modelaudit lock writes it"),
    (TEXT.replace("a.txt", "\u00e9.txt", 1), 8, "a lock holds ASCII alone"),
    (TEXT.replace(FILE_LINE, f"{FILE_LINE}\n{FILE_LINE}", 1), 9, "'a.txt' is listed at line 8 already"),
    (TEXT.replace('"empty"', '"a.txt/x"', 1), 11, "cannot both exist"),
    (TEXT.replace(" 5 ", " 05 ", 1), 8, "is not an entry of a lock"),
    (TEXT.replace(HASH, HASH.upper(), 1), 8, "is not an entry of a lock"),
    (TEXT.replace(HASH, HASH[::-1], 1), 7, "the tree digest does not fit the entries below it"),
    (TEXT.replace("file x", "file -", 1), 7, "the tree digest does not fit the entries below it"),
    (TEXT.replace("locked: 2026", "locked: soon", 1), 6, "is not a value for locked"),
    (TEXT.replace("license: unknown\n", "", 1), 5, "a line 'license: …' is expected here"),
    (TEXT.replace("commit: aaaa", "commit: zzzz", 1), 15, "is not a value for commit"),
    (TEXT + TEXT.split("\n\n", 1)[1], 28, "'../m' is locked at line 4 already"),
    (TEXT.replace("folder: ", "space: ", 1), 4, "a model, dataset or folder begins here"),
    ("\x7fELF" + "\0" * 50, 1, "a lock begins with"),
    ("<" * 7 + " HEAD\n" + TEXT, 1, "a merge left a conflict here"),
    (format_lock(Lock((PART,))).replace("absent: 12", "absent: 0"), 13, "'0' is not a value for absent"),
]


@pytest.mark.parametrize(("text", "line", "message"), MISTAKES)
def test_mistake_in_a_lock_is_one_line_with_its_number(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_lock(text.encode(), "x.lock")
    assert str(caught.value).startswith(f"x.lock:{line}: ")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 500


def test_name_below_many_folders_takes_no_more_time_than_its_length() -> None:
    deep = build_model(*(TreeEntry("a/" * 400_000 + name, EntryKind.FILE, None, 5, HASH) for name in ("x", "y")))
    assert parse(format_lock(Lock((deep,)))).models == (replace(deep, line=4),)


def test_two_names_that_differ_in_their_unicode_form_alone_are_refused() -> None:
    twins = build_model(*(TreeEntry(name, EntryKind.FILE, None, 5, HASH) for name in ("\u00e9", "e\u0301")))
    with pytest.raises(ConfigurationError, match=r"x\.lock:9: .* differ in their Unicode form alone \(NFC and NFD\)"):
        parse(format_lock(Lock((twins,))))


def test_lock_that_is_too_large_no_file_or_missing_is_one_line(tmp_path: Path) -> None:
    huge = tmp_path / "huge.lock"
    with huge.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    os.mkfifo(tmp_path / "pipe")
    for path, message in ((huge, "is larger than"), (tmp_path / "pipe", "is not a file"), (tmp_path, "is not a file")):
        with pytest.raises(ConfigurationError, match=message):
            read_lock(path)
    with pytest.raises(ConfigurationError, match="cannot be read: No such file or directory"):
        read_lock(tmp_path / "absent")


@given(st.binary(max_size=8), st.integers(0, len(TEXT)), st.integers(0, 8))
def test_changed_lock_is_refused_or_reads_differently(insertion: bytes, start: int, length: int) -> None:
    data = TEXT.encode()
    changed = data[:start] + insertion + data[start + length :]
    try:
        lock = parse_lock(changed, "x.lock")
    except ConfigurationError as error:
        assert str(error).startswith("x.lock:")
    else:
        # No change to an entry fits the tree digest; whatever else changed is read.
        entries = {model.tree_digest: model.entries for model in parse(TEXT).models}
        assert all(model.entries == entries[model.tree_digest] for model in lock.models)
        assert list_stated_lines(format_lock(lock)) == list_stated_lines(changed.decode("ascii", "replace"))


def list_stated_lines(text: str) -> list[str]:
    """List the lines of a lock but for remarks and empty ones, in any order."""
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return sorted(line for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("text", [text for text, _, _ in MISTAKES if "tree" in text])
def test_no_mistake_sends_a_person_to_lock_the_bytes_that_are_there(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert "run modelaudit lock again" not in str(caught.value)
