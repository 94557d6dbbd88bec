"""Read settings files that start programs or select package indexes: desktop entries, systemd units, pip and npm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.configurations.weight_sources import is_ollama_source, make_source_mention
from modelaudit.languages.shell.script import collect_script_mentions
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention, Reference, ReferenceKind
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reading
from modelaudit.wire.bounds import build_references
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.requirement_lines import collect_requirement_mentions

VOCABULARY: Final = "shell-commands"
_COMMAND_KEY: Final = defer_pattern(r"(?:exec|execstart|execstartpre|execstartpost|execreload|execstop)", re.IGNORECASE)
_DEFAULT_REGISTRY: Final = defer_pattern(r"https?://registry\.npmjs\.org(?:/|\Z)", re.IGNORECASE)
_MAX_FILES: Final = 1000


def collect_unit_mentions(text: str) -> Iterator[Mention]:
    """Yield the commands of a ``.desktop`` file or a systemd unit."""
    for number, line in _number_lines(text):
        key, _, value = line.partition("=")
        if _COMMAND_KEY.fullmatch(key.strip()):
            yield Mention(VOCABULARY, "on-open", key.strip(), Location(line=number), value.strip()[:200])
            yield from collect_script_mentions(value.strip(), number)


def collect_modelfile_references(text: str) -> Iterator[Reading]:
    """Yield references to the local files of an Ollama Modelfile, and an outline of its sources elsewhere.

    Names of the Ollama library are neither.

    Source: https://docs.ollama.com/modelfile
    """
    references: list[Reference] = []
    sources: list[Mention] = []
    for number, line in _number_lines(text):
        instruction, value = [*line.split(maxsplit=1), "", ""][:2]
        value = value.strip('"')
        name, where = instruction.upper(), Location(line=number)
        if name not in ("FROM", "ADAPTER"):
            continue
        if value.startswith((".", "/", "~", "\\")):
            references.append(Reference(ReferenceKind.MODEL, value[:1000], name, where=where))
        elif is_ollama_source(value):
            sources.append(make_source_mention(value, name, where))
    yield from build_references("configuration", references, _MAX_FILES)
    yield from build_outlines(sources)


def collect_index_mentions(text: str) -> Iterator[Mention]:
    """Yield the package indexes, disabled checks and programs that ``pip.conf``, ``.pypirc`` and ``.npmrc`` set."""
    for number, line in _number_lines(text):
        key, _, value = line.partition("=")
        # pip ignores the difference between a dash and an underscore, and that of letters of either case.
        name, address = key.strip().lower().replace("_", "-"), value.strip()
        where = Location(line=number)
        if name in ("index-url", "extra-index-url", "find-links", "global.index-url") and address:
            yield from collect_requirement_mentions(f"--{name.removeprefix('global.')} {address}", where)
        elif name == "trusted-host" and address:
            yield from collect_requirement_mentions(f"--trusted-host {address}", where)
        elif name.endswith("registry") and address and not _DEFAULT_REGISTRY.match(address):
            yield from collect_requirement_mentions(f"--index-url {address}", where)
        elif name in ("strict-ssl", "verify") and address.lower() in ("false", "0"):
            yield Mention("requirements", "unverified", f"{name}={address}"[:100], where)
        elif name in ("script-shell", "node-options", "shell", "git", "init-module", "onload-script") and address:
            # Rules know this use as "a setting that starts a program", for npm as for git.
            yield Mention(VOCABULARY, "git-command", f"npm {name}", where, address[:200])


def _number_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number of each line, from 1, and its text without spaces around it."""
    for number, line in iterate_within_deadline(enumerate(text.splitlines(), 1)):
        yield number, line.strip()
