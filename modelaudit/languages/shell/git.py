"""Files of git in a repository: settings, submodules, attributes, and settings of Git LFS.

Sources: git-config(1), gitmodules(5), gitattributes(5), git-lfs-config(5); CVE-2017-1000117, CVE-2018-11235,
CVE-2018-17456 and CVE-2025-48384 for submodules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelaudit.languages.shell.meaning import mentions_of_script
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.members import escapes
from modelaudit.wire.text import file_name

VOCABULARY: Final = "shell-commands"
_DRIVERS: Final = "git-drivers"
_STORES: Final = "git-stores"
_SECTION: Final = re.compile(r"\[\s*([\w.-]+)(?:\s+\"((?:[^\"\\]|\\.)*)\")?\s*\]\s*(.*)")
_PAIR: Final = re.compile(r"\s*([\w.@/:-]+)\s*[=:]?\s*(.*)")
_PIECE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"?|\\(.)|([#;].*)|([^"\\#;]+)')
_ESCAPE: Final = re.compile(r"\\(.)")
_GIT_RUNS: Final = frozenset(
    {"core.fsmonitor", "core.sshcommand", "core.hookspath", "core.editor", "core.pager", "core.askpass",
     "core.gitproxy", "gpg.program", "diff.external", "sequence.editor", "ssh.variant", "remote.uploadpack",
     "remote.receivepack", "include.path", "credential.helper", "core.worktree", "uploadpack.packobjectshook"}
)  # fmt: skip
_GIT_DRIVER: Final = re.compile(r"smudge|cle[a]n|process|textconv|command|driver|cmd|program")
_GIT_HARMLESS: Final = frozenset(
    {"", "true", "false", "vim", "vi", "nano", "less", "cat", "store", "cache", "osxkeychain", "manager",
     "manager-core", "wincred", "libsecret", "code --wait", "less -fx", "delta"}
)  # fmt: skip
_GIT_SECTIONS: Final = frozenset({"filter", "diff", "merge", "difftool", "mergetool"})
_LFS: Final = re.compile(r"git[- ]lfs (?:smudge|cle[a]n|filter-process|merge-driver)\b[^;&|`$]*")
# Programs that Git LFS starts: those that carry files, and extensions that rewrite them.
_LFS_RUNS: Final = re.compile(r"(?:customtransfer\..*\.path|extension\..*\.(?:smudge|cle[a]n))", re.IGNORECASE)
_LFS_STORE: Final = frozenset({"lfs.url", "lfs.pushurl", "remote.lfsurl", "remote.lfspushurl"})
_HOST: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/@\s]*@)?([^/:\s]+)|(?:[^/@\s]+@)?([\w.-]+):(?!/)", re.IGNORECASE)
_OPTION: Final = re.compile(r"-|[a-z+]+://(?:[^/@\s]*@)?-", re.IGNORECASE)
_GIT_FOLDER: Final = re.compile(r"(?:\A|/)\.git(?:/|\Z)", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"(filter|diff|merge)=(\S{1,200})")
_LONGEST: Final = 5000
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key with its value; section and key have no case, the subsection has. ``stated`` has the comment as well."""

    section: str
    subsection: str
    key: str
    value: str
    stated: str
    line: int

    @property
    def whole(self) -> str:
        return f"{self.section}.{self.key}"

    def mention(self, use: str) -> Mention:
        return Mention(VOCABULARY, use, self.whole, Location(line=self.line), self.stated[:_SHOWN])


def _entries(text: str) -> Iterator[_Entry]:
    section = subsection = ""
    waiting, first = "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = waiting + raw.strip()[:_LONGEST]
        first = first if waiting else number
        waiting = ""
        if len(line) < _LONGEST and (len(line) - len(line.rstrip("\\"))) % 2:
            waiting = line[:-1]
            continue
        head = _SECTION.match(line)
        if head is not None:
            section, subsection, line = head[1].lower(), _ESCAPE.sub(r"\1", head[2] or ""), head[3]
        pair = _PAIR.match(line)
        if pair is not None and line and not line.startswith(("#", ";")):
            yield _Entry(section, subsection, pair[1].lower(), _plain(pair[2]), pair[2].strip().strip('"'), first)


def _plain(value: str) -> str:
    """A value as git has it: without its quotes, escapes and comment."""
    parts: list[str] = []
    for quoted, escaped, comment, bare in _PIECE.findall(value):
        if comment:
            break
        parts.append(_ESCAPE.sub(r"\1", quoted) or escaped or bare)
    return "".join(parts).strip(" \t")


def mentions_of_git(text: str) -> Iterator[Mention]:
    """What git runs or fetches for whoever works in a folder with this configuration, and what leads out of it."""
    for entry in _entries(text):
        if entry.section == "submodule":
            yield from _of_submodule(entry)
        elif entry.section == "lfs" or entry.whole in _LFS_STORE:
            yield from _of_lfs(entry)
        else:
            yield from _of_settings(entry)


def _of_settings(entry: _Entry) -> Iterator[Mention]:
    value = entry.value
    is_driver = entry.section in _GIT_SECTIONS and _GIT_DRIVER.fullmatch(entry.key) is not None
    runs = entry.whole in _GIT_RUNS or is_driver
    if "ext::" in value or (entry.section == "url" and "ext::" in entry.subsection):
        yield entry.mention("git-command")
    elif (entry.section == "alias" and value.startswith("!")) or entry.whole in ("core.editor", "core.pager"):
        yield from mentions_of_script(value.lstrip("!"), entry.line)
    elif runs and entry.stated.lower() not in _GIT_HARMLESS and not _LFS.fullmatch(entry.stated):
        yield entry.mention("git-command")


def _of_submodule(entry: _Entry) -> Iterator[Mention]:
    value = entry.value
    is_option = entry.key in ("url", "path", "branch") and _OPTION.match(value) is not None
    if is_option or "ext::" in value or (entry.key == "update" and value.startswith("!")):
        yield entry.mention("git-command")
    elif entry.key == "path" and ("\r" in value or escapes(value) or _GIT_FOLDER.search(value.replace("\\", "/"))):
        yield entry.mention("git-outside")
    if escapes(entry.subsection):
        where = Location(line=entry.line)
        yield Mention(VOCABULARY, "git-outside", "submodule.name", where, entry.subsection[:_SHOWN])


def _of_lfs(entry: _Entry) -> Iterator[Mention]:
    below = f"{entry.subsection}.{entry.key}"
    if (_LFS_RUNS.fullmatch(below) or _LFS_RUNS.fullmatch(entry.key)) and not _LFS.fullmatch(entry.value):
        yield entry.mention("git-command")
    elif entry.whole in _LFS_STORE and entry.value:
        host = _HOST.match(entry.value)
        name = ((host[1] or host[2]) if host else entry.value).lower()
        # The address itself may hold a password.
        yield Mention(_STORES, "store", name[:_SHOWN], Location(line=entry.line), entry.whole)


def mentions_of_attributes(text: str) -> Iterator[Mention]:
    """The drivers that git hands files to, each once; what a driver runs stands in the settings of the machine."""
    told: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip()[:_LONGEST].split()
        for word in words[1:] if words and not words[0].startswith("#") else ():
            found = _ATTRIBUTE.fullmatch(word)
            if found is not None and word not in told:
                told.add(word)
                yield Mention(_DRIVERS, found[1], f"{found[1]}={found[2]}"[:_SHOWN], Location(line=number))


_GIT: Final = frozenset({".gitconfig", ".gitmodules", ".lfsconfig"})


def is_settings(path: str) -> bool:
    """Whether git or Git LFS reads settings from a file at ``path``."""
    return file_name(path) in _GIT or path.replace("\\", "/").lower().endswith(".git/config")


def is_attributes(path: str) -> bool:
    """Whether git reads attributes from a file at ``path``."""
    return file_name(path) == ".gitattributes" or path.replace("\\", "/").lower().endswith(".git/info/attributes")
