"""Files of settings in which programs find commands to run: git's, those of a desktop, of systemd, of pip and npm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.model.outline import Mention, Reference, ReferenceKind, References
from modelaudit.model.structure import Location
from modelaudit.readers.deadline import in_time
from modelaudit.readers.requirement_lines import mentions_of_requirement
from modelaudit.readers.shell.meaning import mentions_of_script

VOCABULARY: Final = "shell-commands"
_SECTION: Final = re.compile(r"\[\s*([\w.-]+)(?:\s+\"(.*?)\")?\s*\]\s*(.*)")
_PAIR: Final = re.compile(r"\s*([\w.@/:-]+)\s*[=:]?\s*(.*)")
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
_COMMANDS: Final = re.compile(
    r"(?:exec|execstart|execstartpre|execstartpost|execreload|execstop|tryexec)", re.IGNORECASE
)
_LONGEST: Final = 5000
_MOST_FILES: Final = 1000


def mentions_of_git(text: str) -> Iterator[Mention]:
    """What git runs for whoever works in a folder with this configuration. Keys have no case.

    Source: https://git-scm.com/docs/git-config
    """
    section = ""
    for number, line in _lines(text):
        head = _SECTION.match(line)
        if head is not None:
            section, line = head[1].lower(), head[3]
        pair = _PAIR.match(line)
        if pair is None or not line or line.startswith(("#", ";")):
            continue
        key, value = pair[1].lower(), pair[2].strip().strip('"')
        whole = f"{section}.{key}"
        where = Location(line=number)
        is_driver = section in _GIT_SECTIONS and _GIT_DRIVER.fullmatch(key) is not None
        runs = whole in _GIT_RUNS or is_driver
        if "ext::" in value or (section == "submodule" and key == "update" and value.startswith("!")):
            yield Mention(VOCABULARY, "git-command", whole, where, value[:200])
        elif (section == "alias" and value.startswith("!")) or whole == "core.editor" or whole == "core.pager":
            yield from _moved(value.lstrip("!"), number)
        elif (runs and value.lower() not in _GIT_HARMLESS and not _LFS.fullmatch(value)) or (
            section == "url" and "ext::" in line
        ):
            yield Mention(VOCABULARY, "git-command", whole, where, value[:200])


def mentions_of_unit(text: str) -> Iterator[Mention]:
    """The commands of a ``.desktop`` file or a unit of systemd."""
    for number, line in _lines(text):
        key, _, value = line.partition("=")
        if _COMMANDS.fullmatch(key.strip()):
            yield Mention(VOCABULARY, "on-open", key.strip(), Location(line=number), value.strip()[:200])
            yield from _moved(value.strip(), number)


def files_of_modelfile(text: str) -> Iterator[References]:
    """The files that Ollama takes a model from; a name of its own library is none.

    Source: https://docs.ollama.com/modelfile
    """
    found: list[Reference] = []
    for number, line in _lines(text):
        word, _, value = line.partition(" ")
        value = value.strip().strip('"')
        if word.upper() in ("FROM", "ADAPTER") and value.startswith((".", "/", "~", "\\")) and len(found) < _MOST_FILES:
            found.append(Reference(ReferenceKind.MODEL, value[:1000], word.upper(), where=Location(line=number)))
    if found:
        yield References("configuration", tuple(found))


def mentions_of_index(text: str) -> Iterator[Mention]:
    """Where ``pip.conf``, ``.pypirc`` and ``.npmrc`` send installers for packages."""
    for number, line in _lines(text):
        key, _, value = line.partition("=")
        name, address = key.strip().lower(), value.strip()
        where = Location(line=number)
        if name in ("index-url", "extra-index-url", "find-links", "global.index-url") and address:
            yield from mentions_of_requirement(f"--{name.removeprefix('global.')} {address}", where)
        elif name == "trusted-host" and address:
            yield from mentions_of_requirement(f"--trusted-host {address}", where)
        elif name.endswith("registry") and address and "://registry.npmjs.org" not in address:
            yield from mentions_of_requirement(f"--index-url {address}", where)
        elif name in ("strict-ssl", "verify") and address.lower() in ("false", "0"):
            yield Mention("requirements", "unverified", f"{name}={address}"[:100], where)
        elif name in ("script-shell", "node-options", "shell", "git", "init-module", "onload-script") and address:
            yield Mention(VOCABULARY, "git-command", f"npm {name}", where, address[:200])


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in in_time(enumerate(text.splitlines(), 1)):
        yield number, line.strip()[:_LONGEST]


def _moved(command: str, line: int) -> Iterator[Mention]:
    yield from mentions_of_script(command, line)
