"""Files of settings in which programs find commands to run: those of a desktop, of systemd, of pip and npm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.meaning import mentions_of_script
from modelaudit.model.outline import Mention, Reference, ReferenceKind, References
from modelaudit.model.structure import Location
from modelaudit.wire.deadline import in_time
from modelaudit.wire.requirement_lines import mentions_of_requirement

VOCABULARY: Final = "shell-commands"
_COMMANDS: Final = re.compile(
    r"(?:exec|execstart|execstartpre|execstartpost|execreload|execstop|tryexec)", re.IGNORECASE
)
_LONGEST: Final = 5000
_MOST_FILES: Final = 1000


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
