"""The reader of scripts and of files in which tools find commands: shells, PowerShell, Dockerfiles, Makefiles, git.

It tells what the commands do that a model has no need of; it follows no loop and runs nothing. Programs of Python in a
script are artifacts of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from modelaudit.formats.documents.structured.tables import meanings_of_table
from modelaudit.formats.embedded import DecodedWindow
from modelaudit.languages.shell import git, recipes, settings_files
from modelaudit.languages.shell.inline_python import extract_python_programs
from modelaudit.languages.shell.script import VOCABULARY, collect_script_mentions
from modelaudit.languages.shell.windows import collect_windows_mentions
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import NOWHERE, Document
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import get_budget, make_opener

FORMAT: Final = "shell"
_SCRIPTS: Final = (".sh", ".bash", ".zsh", ".ksh", ".csh", ".fish", ".command", ".envrc", ".sbatch", ".slurm",
                   ".bashrc", ".bash_profile", ".profile", ".zshrc", ".zshenv", ".crontab")  # fmt: skip
_WINDOWS: Final = (".bat", ".cmd", ".ps1", ".psm1")
_UNITS: Final = (".desktop", ".service", ".timer")
_INDEXES: Final = frozenset({"pip.conf", "pip.ini", ".npmrc", ".pypirc", ".yarnrc", "uv.toml"})
_HOOKS: Final = frozenset(
    {"applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg",
     "commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-receive", "update",
     "post-receive", "post-update", "push-to-checkout", "pre-auto-gc", "post-rewrite", "fsmonitor-watchman"}
)  # fmt: skip
_SHEBANG: Final = re.compile(rb"#!\s*\S*?(?:/|\benv\s+(?:-S\s+)?)(?:ba|z|da|k|a|fi|c|tc)?sh\b[^\n]*")
_LONGEST: Final = 2 * MIB
_PROGRAMS: Final = 200


def _kind(path: str, start: bytes) -> str:
    """Which of its languages a file is in; empty where it is in none."""
    name = get_file_name(path)
    if name.startswith(("dockerfile", "containerfile")) and not name.endswith((".py", ".md", ".json", ".yaml", ".yml")):
        return "dockerfile"
    if name.endswith((".dockerfile", ".containerfile")):
        return "dockerfile"
    if name == "modelfile" or name.endswith(".modelfile"):
        return "modelfile"
    if name in ("makefile", "gnumakefile", "bsdmakefile") or name.endswith(".mk"):
        return "makefile"
    if git.is_git_settings(path):
        return "git"
    if name in _INDEXES:
        return "index"
    for endings, kind in ((_SCRIPTS, "script"), (_WINDOWS, "windows"), (_UNITS, "unit")):
        if name.endswith(endings):
            return kind
    if _SHEBANG.match(start) or _is_hook(path):
        return "script"
    return ""


def _is_hook(path: str) -> bool:
    folder = path.replace("\\", "/").rpartition("/")[0].rpartition("/")[2].lower()
    return get_file_name(path) in _HOOKS and folder in ("hooks", ".githooks", ".husky", "githooks")


def recognises(head: Head) -> bool:
    """Text whose name, or whose first line, says that commands are read from it."""
    kind = _kind(head.path, head.data[:200])
    return bool(kind) and not _other_program(head.data) and looks_like_text(head)


def _other_program(start: bytes) -> bool:
    """A hook or a script may be in any language: its first line says so."""
    return start.startswith(b"#!") and _SHEBANG.match(start) is None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text's extent, what its commands do, and the programs of Python in it.

    Raises:
        DamagedError: it is not text throughout.
        LimitReachedError: it is longer than is followed.
        WindowError: from the window.
    """
    damage: DamagedError | None = None
    try:
        text, scan, defects = read_whole_text(window, limits)
        yield Document("text", "text", lines=scan.lines, defects=defects)
    except DamagedError as error:
        # A shell runs what stands before the bytes that are no text.
        damage, text = error, window.read(0, min(window.size, _LONGEST)).decode("utf-8", "replace")
    kind = _kind(artifact.path, text[:200].encode("utf-8", "replace"))
    gathered: dict[Mention, None] = {}
    try:
        gathered.update((mention, None) for mention in _by_name(artifact.path))
        for mention in _FOLLOWED[kind](text[:_LONGEST]):
            gathered[mention] = None
    finally:
        yield Outline(FORMAT, tuple(gathered), (("kind", kind),))
    if kind == "index":
        yield from meanings_of_table(artifact.path, get_file_name(artifact.path), text[:_LONGEST], limits)
    if kind == "modelfile":
        yield from settings_files.collect_modelfile_references(text[:_LONGEST])
    if kind in ("script", "dockerfile", "makefile"):
        script = _AS_SCRIPT[kind](text[:_LONGEST])
        for number, (line, program) in enumerate(extract_python_programs(script)):
            if number >= _PROGRAMS:
                break
            inner = DecodedWindow(program.encode("utf-8", "replace"), get_budget(window, limits))
            yield Artifact(join_member(artifact.path, f"line-{line}.py"), inner.size, make_opener(inner))
    if damage is not None:
        raise damage
    if len(text) > _LONGEST:
        raise LimitReachedError(f"only the first {_LONGEST} characters of its commands were followed")


def _by_name(path: str) -> Iterator[Mention]:
    """What a tool runs on its own accord because the file is called what it is."""
    if _is_hook(path):
        yield Mention(VOCABULARY, "on-open", f"git hook {get_file_name(path)}", NOWHERE)
    elif get_file_name(path) == ".envrc":
        yield Mention(VOCABULARY, "on-open", ".envrc", NOWHERE)


def _as_is(text: str) -> str:
    return text


_AS_SCRIPT: Final[dict[str, Callable[[str], str]]] = {
    "script": _as_is,
    "dockerfile": recipes.convert_dockerfile,
    "makefile": recipes.convert_makefile,
}


def _of_script(text: str) -> Iterator[Mention]:
    yield from collect_script_mentions(text)
    if "powershell" in text.lower() or "pwsh" in text.lower():
        yield from collect_windows_mentions(text)


_FOLLOWED: Final[dict[str, Callable[[str], Iterator[Mention]]]] = {
    "script": _of_script,
    "dockerfile": lambda text: _of_script(recipes.convert_dockerfile(text)),
    "makefile": lambda text: _of_script(recipes.convert_makefile(text)),
    "windows": collect_windows_mentions,
    "git": git.collect_git_mentions,
    "unit": settings_files.collect_unit_mentions,
    "index": settings_files.collect_index_mentions,
    "modelfile": lambda text: iter(()),
}


def has_attributes(head: Head) -> bool:
    """Whether the file holds the attributes of a Git repository."""
    return git.is_git_attributes(head.path) and looks_like_text(head)


def read_attributes(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text's extent, and the drivers that it hands files to."""
    text, scan, defects = read_whole_text(window, limits)
    yield Document("text", "text", lines=scan.lines, defects=defects)
    yield Outline("text", tuple(git.collect_attribute_mentions(text[:_LONGEST])))
    if len(text) > _LONGEST:
        raise LimitReachedError(f"only the first {_LONGEST} characters of its attributes were followed")
