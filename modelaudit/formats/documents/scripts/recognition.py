"""Recognise scripts and other files with commands by their names and first lines."""

from __future__ import annotations

from typing import Final

from modelaudit.languages.shell.git_paths import is_git_attributes, is_git_settings
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import Head
from modelaudit.wire.text import get_file_name, looks_like_text

_SCRIPT_EXTENSIONS: Final = (".sh", ".bash", ".zsh", ".ksh", ".csh", ".fish", ".command", ".envrc", ".sbatch", ".slurm",
                   ".bashrc", ".bash_profile", ".profile", ".zshrc", ".zshenv", ".crontab", ".bash_aliases",
                   ".bash_login", ".bash_logout", ".zprofile", ".zlogin", ".zlogout", ".xprofile", ".xinitrc",
                   ".xsession", ".cshrc", ".tcshrc", ".kshrc", ".mkshrc", ".huskyrc", ".autoenv")  # fmt: skip
_WINDOWS_EXTENSIONS: Final = (".bat", ".cmd", ".ps1", ".psm1")
_UNIT_EXTENSIONS: Final = (".desktop", ".service", ".timer")
_EXTENSION_KINDS: Final = (
    (_SCRIPT_EXTENSIONS, "script"),
    (_WINDOWS_EXTENSIONS, "windows"),
    (_UNIT_EXTENSIONS, "unit"),
    (("justfile", ".just"), "justfile"),
)
_INDEX_FILES: Final = frozenset({"pip.conf", "pip.ini", ".npmrc", ".pypirc", ".yarnrc", "uv.toml"})
_HOOK_NAMES: Final = frozenset(
    {"applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg",
     "commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-receive", "update",
     "post-receive", "post-update", "push-to-checkout", "pre-auto-gc", "post-rewrite", "fsmonitor-watchman"}
)  # fmt: skip
# Git reads these settings in any folder that looks like a bare repository: gitrepository-layout(5). A comment or a
# section comes first.
_BARE_SETTINGS: Final = ("config", "config.worktree")
_SETTINGS_START: Final = defer_pattern(rb"(?:\xef\xbb\xbf)?\s{0,150}(?:[#;]|\[\s{0,20}[A-Za-z][\w.-]*(?:\s|\]))")
# The first line of a script for a shell, such as ``#!/bin/sh`` or ``#!/usr/bin/env -S bash -e``.
_SHEBANG: Final = defer_pattern(rb"#!\s*\S*?(?:/|\benv\s+(?:-S\s+)?)(?:ba|z|da|k|a|fi|c|tc)?sh\b[^\n]*")
START_BYTES: Final = 200
"""The first bytes of a file that, with its path, decide the kind of its commands."""

SCRIPT_KINDS: Final = frozenset({"script", "dockerfile", "makefile", "justfile", "procfile"})
"""The kinds of files that consist of commands for a shell."""


def detect_kind(path: str, start: bytes) -> str:
    """Detect the kind of commands in a file from its name, its folder and its first bytes; empty for none."""
    name = get_file_name(path)
    if name.startswith(("dockerfile", "containerfile")) and not name.endswith((".py", ".md", ".json", ".yaml", ".yml")):
        return "dockerfile"
    if name.endswith((".dockerfile", ".containerfile")):
        return "dockerfile"
    if name in ("modelfile", "procfile") or name.endswith(".modelfile"):
        return "procfile" if name == "procfile" else "modelfile"
    if name in ("makefile", "gnumakefile", "bsdmakefile") or name.endswith(".mk"):
        return "makefile"
    if is_git_settings(path) or (name in _BARE_SETTINGS and _SETTINGS_START.match(start)):
        return "git"
    if name in _INDEX_FILES:
        return "index"
    for extensions, kind in _EXTENSION_KINDS:
        if name.endswith(extensions):
            return kind
    if _SHEBANG.match(start) or is_hook(path):
        return "script"
    return ""


def is_hook(path: str) -> bool:
    """Whether the path is that of a Git hook."""
    folder = path.replace("\\", "/").rpartition("/")[0].rpartition("/")[2].lower()
    return get_file_name(path) in _HOOK_NAMES and folder in ("hooks", ".githooks", ".husky", "githooks")


def recognises(head: Head) -> bool:
    """Whether this is text with the name or the first line of a file with commands.

    A script for a shell may also contain other bytes, because shells run its lines nevertheless.
    """
    kind = detect_kind(head.path, head.data[:START_BYTES])
    if not kind or head.content is not None or _has_other_interpreter(head.data):
        return False
    return looks_like_text(head) or (kind == "script" and _may_be_run(head.data))


def is_run_by_name(head: Head) -> bool:
    """Whether a tool runs the file because of its name or first line, whatever other format its bytes have.

    ``%PDF-1.4``, a header of a mail and ``PAR1=1`` are lines that do not stop a shell, or are rules of make.
    """
    kind = detect_kind(head.path, head.data[:START_BYTES])
    is_run = kind in SCRIPT_KINDS or kind == "windows"
    return is_run and head.content is None and not _has_other_interpreter(head.data) and _may_be_run(head.data)


def _may_be_run(start: bytes) -> bool:
    """Whether a shell runs the file although it is not text: its first line has no zero byte.

    Source: ``check_binary_file`` in ``general.c`` of Bash.
    """
    first_line, line_break, _ = start.partition(b"\n")
    return bool(line_break) and b"\0" not in first_line


def _has_other_interpreter(start: bytes) -> bool:
    """Whether the first line names an interpreter that is not a shell; hooks may be in any language."""
    return start.startswith(b"#!") and _SHEBANG.match(start) is None


def recognises_attributes(head: Head) -> bool:
    """Whether this is the ``.gitattributes`` file of a Git repository, or its equivalent in ``.git/info``."""
    return is_git_attributes(head.path) and looks_like_text(head)
