"""A small model folder, and random changes to a copy of it that ``verify`` has to find."""

from __future__ import annotations

import os
import random
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

from modelaudit.integrity.comparison import compare_trees
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.model.limits import Limits
from modelaudit.model.lock import Lock
from modelaudit.sources import resolve_target
from modelaudit.sources.hashed import hash_model

Change = Callable[[Path, random.Random], object]


def make_folder(root: Path) -> Path:
    """Write a folder with files, a link, an empty folder, a program and a name beyond ASCII."""
    (root / "sub/deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "config.json").write_text('{"model_type": "tiny"}')
    (root / "weights.bin").write_bytes(b"weights" * 99)
    (root / "sub/run.sh").write_text("echo\n")
    (root / "sub/run.sh").chmod(0o755)
    (root / "sub/deep/none").write_bytes(b"")
    (root / "caf\u00e9.txt").write_text("x")
    (root / "link.json").symlink_to("config.json")
    return root


def _list_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def _list_entries(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_symlink() or path.is_file())


def change_byte(root: Path, generator: random.Random) -> None:
    """Change, insert or remove one byte of a file."""
    path = generator.choice(_list_files(root))
    data = bytearray(path.read_bytes())
    place = generator.randrange(len(data) + 1)
    if place < len(data) and generator.random() < 0.6:
        data[place] ^= 1 << generator.randrange(8)
    elif place < len(data) and generator.random() < 0.5:
        del data[place]
    else:
        data.insert(place, generator.randrange(256))
    path.write_bytes(data)


def change_name(root: Path, generator: random.Random) -> None:
    """Rename an entry, in its folder or into another one."""
    path = generator.choice(_list_entries(root))
    folders = [root, *sorted(each for each in root.rglob("*") if each.is_dir() and not each.is_symlink())]
    name = "".join(generator.choices("abcxyz._- \u00e9\n\udcff", k=generator.randrange(1, 9))).strip(".") or "n"
    path.rename(generator.choice(folders) / name)


def change_case(root: Path, generator: random.Random) -> None:
    """Swap the case of one letter of a name."""
    path = generator.choice([each for each in root.rglob("*") if any(map(str.isalpha, each.name))])
    letters = [index for index, character in enumerate(path.name) if character.swapcase() != character]
    index = generator.choice(letters)
    name = path.name[:index] + path.name[index].swapcase() + path.name[index + 1 :]
    path.rename(path.with_name(name))


def change_mode(root: Path, generator: random.Random) -> None:
    """Turn the executable bit of a file over."""
    path = generator.choice(_list_files(root))
    path.chmod(path.stat().st_mode ^ 0o100)


def change_link(root: Path, generator: random.Random) -> None:
    """Retarget the link, put a copy of its target in its place, or put a link in the place of a file."""
    link, file = root / "link.json", generator.choice(_list_files(root))
    kind = generator.randrange(3)
    if kind == 0:
        link.unlink()
        link.symlink_to(generator.choice(["weights.bin", "./config.json", "sub", "/etc/passwd", "nowhere"]))
    elif kind == 1:
        data = link.read_bytes()
        link.unlink()
        link.write_bytes(data)
    else:
        moved = root.parent / "moved"
        moved.unlink(missing_ok=True)
        file.rename(moved)
        file.symlink_to(moved)


def change_order(root: Path, generator: random.Random) -> None:
    """Swap two files of different content, so that all digests stay and belong to other names."""
    first, second = generator.sample(_list_files(root), 2)
    held = first.with_name("held")
    first.rename(held)
    second.rename(first)
    held.rename(second)


def change_entries(root: Path, generator: random.Random) -> None:
    """Add or remove a file or an empty folder."""
    kind = generator.randrange(4)
    if kind == 0:
        generator.choice(_list_entries(root)).unlink()
    elif kind == 1:
        (root / generator.choice(["new.py", ".new", "sub/new", "NEW"])).write_bytes(generator.randbytes(3))
    elif kind == 2:
        (root / "empty").rmdir()
    else:
        (root / generator.choice(["new", "sub/new"])).mkdir()


CHANGES: dict[str, Change] = {
    "byte": change_byte,
    "name": change_name,
    "case": change_case,
    "mode": change_mode,
    "link": change_link,
    "order": change_order,
    "entries": change_entries,
}


def change_folder(source: Path, copy: Path, lock: Lock, generator: random.Random) -> str:
    """Change a copy of a locked folder at random, and verify it.

    Returns:
        The name of the change if it was not found, or if the folder itself does not fit; empty if all is right.
    """
    if copy.exists():
        shutil.rmtree(copy)
    shutil.copytree(source, copy, symlinks=True)
    [model] = lock.models
    name = generator.choice(list(CHANGES))
    CHANGES[name](copy, generator)
    hashed = hash_model(resolve_target(os.fspath(copy)), Limits())
    unread = dict(hashed.unread)
    is_found = bool(compare_trees(model.entries, hashed.entries, unread.keys())) or bool(unread)
    try:
        is_other = compute_tree_digest(hashed.entries) != model.tree_digest
    except ValueError:
        is_other = True
    return "" if is_found and is_other else name


def swap_link(root: Path) -> None:
    """Let a link lead to another file."""
    (root / "link.json").unlink()
    (root / "link.json").symlink_to("weights.bin")


def replace_by_link(root: Path) -> None:
    """Put a link to an equal file in the place of a file."""
    (root / "weights.bin").rename(root.parent / "outside.bin")
    (root / "weights.bin").symlink_to(root.parent / "outside.bin")


def replace_by_pipe(root: Path) -> None:
    """Put a pipe in the place of a file."""
    (root / "weights.bin").unlink()
    os.mkfifo(root / "weights.bin")


def replace_by_folder(root: Path) -> None:
    """Put a folder in the place of a file."""
    (root / "weights.bin").unlink()
    (root / "weights.bin").mkdir()


def link_to_bookkeeping(root: Path) -> None:
    """Add a link to a file that is not part of the model."""
    (root / ".git").mkdir()
    (root / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (root / "added.py").symlink_to(".git/HEAD")


NAMED_CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "byte": (lambda root: (root / "weights.bin").write_bytes(b"WEIGHTS" * 99), "changed: weights.bin: "),
    "size": (lambda root: (root / "config.json").write_text("{}"), "changed: config.json: 2 bytes"),
    "added": (lambda root: (root / "sub/x.py").write_text(""), "added: sub/x.py: a file that the lock lacks"),
    "added folder": (lambda root: (root / "n").mkdir(), "added: n: an empty folder that the lock lacks"),
    "missing": (
        lambda root: (root / "config.json").unlink(),
        "missing: config.json: a file that is locked, and not there",
    ),
    "missing folder": (
        lambda root: (root / "empty").rmdir(),
        "missing: empty: an empty folder that is locked, and not there",
    ),
    "renamed": (
        lambda root: (root / "weights.bin").rename(root / "modeling.py"),
        "renamed: modeling.py: 'weights.bin' is locked",
    ),
    "case": (
        lambda root: (root / "config.json").rename(root / "Config.json"),
        "case: Config.json: 'config.json' is locked",
    ),
    "form": (
        lambda root: (root / "caf\u00e9.txt").rename(root / unicodedata.normalize("NFD", "caf\u00e9.txt")),
        "case: cafe\u0301.txt: 'caf\\xe9.txt' is locked, and 'cafe\\u0301.txt' is there",
    ),
    "mode": (lambda root: (root / "config.json").chmod(0o755), "mode: config.json: it is executable"),
    "mode off": (lambda root: (root / "sub/run.sh").chmod(0o644), "mode: sub/run.sh: it is not executable"),
    "link": (swap_link, "changed: link.json: the link leads to 'weights.bin', and 'config.json' is locked"),
    "file to link": (replace_by_link, "kind: weights.bin: a link to "),
    "file to pipe": (replace_by_pipe, "kind: weights.bin: a special file in place of a file"),
    "file to folder": (replace_by_folder, "kind: weights.bin: an empty folder in place of a file"),
    "link to bookkeeping": (link_to_bookkeeping, "added: added.py: a link that the lock lacks"),
    "hidden": (lambda root: (root / ".hidden").write_text(""), "added: .hidden: a file that the lock lacks"),
    "ignored names": (
        lambda root: (root / ".gitattributes").write_text(""),
        "added: .gitattributes: a file that the lock lacks",
    ),
}
"""Changes to the folder of ``make_folder``, each with the beginning of the line that names it."""
