"""Find the files that commands and settings name as a list of packages, a Dockerfile or a program, under any name.

``pip install -r deps.txt``, ``docker build -f image.txt`` and ``dockerfile: image.txt`` give a text its language. The
search rather names a file too many: a reference counts only if such a file is a part of the model and was read as data.

Sources: https://pip.pypa.io/en/stable/cli/pip_install/, https://docs.docker.com/reference/cli/docker/buildx/build/,
https://setuptools.pypa.io/en/latest/userguide/declarative_config.html, and the documentation of each tool below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import RUN_FILE, Reference, ReferenceKind, References
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError, Reader, Reading
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import iterate_chunks

REQUIREMENTS: Final = "requirements"
DOCKERFILE: Final = "dockerfile"
_PYTHON: Final = "python"
_ANY: Final = "program"

_OVERLAP: Final = 8192  # of two chunks, longer than a match of the patterns below
_MOST_REFERENCES: Final = 2_000
_WORD: Final = defer_pattern(r"[^\s\"'`;|&<>(){}\[\],\\]{1,300}")
# The rest of a command: up to the end of the line, or an operator of the shell.
_REST: Final = r"(?![\w.-])([^\n;|&]{0,2000})"


class _Command(Struct, frozen=True):
    """Commands that take a file by an option.

    Attributes:
        kind: of the file.
        marks: each match has one of these; looking for them is faster than the pattern.
        pattern: matches the program; its group contains the other words.
        subcommands: one of these words precedes the option; without any, the program always takes it.
        options: short and long ones; the value follows, or is joined by ``=``, to a short one also directly.
    """

    kind: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    subcommands: frozenset[str]
    options: tuple[str, ...]


_COMMANDS: Final = (
    _Command(
        REQUIREMENTS,
        ("pip", "uv", "session.install"),
        defer_pattern(rf"\b(?:pip[\d.]*|uv|pipenv|pip-sync|pip-compile|session\.install){_REST}"),
        frozenset(),
        ("-r", "-c", "--requirement", "--requirements", "--constraint", "--constraints", "--with-requirements"),
    ),
    _Command(
        DOCKERFILE,
        ("docker", "podman", "buildah", "nerdctl", "img"),
        defer_pattern(rf"\b(?:docker|podman|buildah|nerdctl|img){_REST}"),
        frozenset({"build", "bud"}),
        ("-f", "--file"),
    ),
)


class _Key(Struct, frozen=True):
    """Settings whose values name a file.

    Attributes:
        kind: of the file.
        names: ends of the names of the files with the settings, in lower case; empty for any text.
        pattern: its group contains the names.
        mark: each match has it; looking for it is faster than the pattern.
    """

    kind: str
    names: tuple[str, ...]
    pattern: re.Pattern[str]
    mark: str


def _declare_key(kind: str, names: tuple[str, ...], pattern: str, mark: str = "") -> _Key:
    """Return a row of the table of settings; ``^`` and ``$`` match at each line."""
    return _Key(kind, names, re.compile(pattern, re.MULTILINE), mark)


# What separates a key of JSON, YAML, TOML or Python from its value, which may be a list.
_IS: Final = r"[\"']?[ \t]*[:=][ \t]*"
_KEYS: Final = (
    _declare_key(DOCKERFILE, (), rf"\b[dD]ocker_?[fF]ile(?:_?[pP]ath|_name|_template)?{_IS}([^\n]{{1,300}})", "ocker"),
    _declare_key(
        REQUIREMENTS,
        (),
        rf"\b(?:python_)?requirements?_?(?:txt|file|files|path)?{_IS}([^\n=<>]{{1,300}})$",
        "requirement",
    ),
    _declare_key(REQUIREMENTS, (), r"requirements_txt\]\s{0,20}\nfiles[ \t]*=([^\n]{1,500})"),
    # ``dependencies = {file = ["x"]}`` of setuptools, and the same as a table of its own.
    _declare_key(REQUIREMENTS, (".toml",), r"\{[ \t]*file[ \t]*=([^}\n]{1,500})\}"),
    _declare_key(REQUIREMENTS, (".toml",), r"dependencies[\w.\"-]{0,100}\]\s{0,20}\nfile[ \t]*=([^\n]{1,500})"),
    _declare_key(
        REQUIREMENTS,
        ("setup.cfg",),
        r"^(?!(?:long_)?description|version|license|classifiers|keywords)[\w.-]{1,60}[ \t]*=\s{0,20}file:"
        r"([^\n]{1,300})",
    ),
    _declare_key(REQUIREMENTS, ("tox.ini", ".toml"), r"(?:^|[\s\"'=])-[rc][ \t]*([^\s\"',]{1,300})"),
    _declare_key(_PYTHON, ("readme.md",), r"^app_file:[ \t]*([^\n]{1,300})"),
    _declare_key(_ANY, (), rf"\bsetup_script{_IS}([^\n]{{1,300}})", "setup_script"),
    _declare_key(_ANY, (".yarnrc", ".yarnrc.yml"), r"^[ \t-]*(?:yarnPath|yarn-path|path)[: \t]([^\n]{1,300})"),
    _declare_key(_ANY, ("cargo.toml",), r"^build[ \t]*=([^\n]{1,300})"),
    _declare_key(
        _ANY,
        ("settings.json", ".code-workspace"),
        r"\"[\w.-]{1,100}(?:[pP]ath|[rR]untime|[eE]xecutable|[sS]erver|[iI]nterpreter|[bB]inary|[cC]ommand|[sS]hell)"
        r"(?:\.\w{1,20})?\"[ \t]*:([^\n]{1,300})",
    ),
)
# No tool takes a setting from a document, and prose has such words too: ``Hardware requirements: one GPU``.
_DOCUMENT: Final = defer_pattern(
    r"\.(?:md|markdown|mdc|mdx|myst|rst|rest|adoc|asciidoc|org|textile|html?)\Z"
    r"|\A(?:readme(?:\.txt)?|\.(?:cursor|windsurf|cline)rules)\Z"
)
_WORDS_OF_PROSE: Final = defer_pattern(r"[^\s,;\"'`\[\](){}][ \t]+(?!#)[^\s,;\"'`\[\](){}]")
# A setting names files by a pattern only as a path. ``**`` is emphasis.
_WILDCARD: Final = defer_pattern(r"[*?]")
_PART_OF_PATH: Final = defer_pattern(r"[./]")
# ``${workspaceFolder}/x`` and ``$PWD/x`` name a file of the folder.
_VARIABLE_FOLDER: Final = defer_pattern(r"\A\$?\w{0,60}/(?=\S)|\A\./")


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield references to the files that commands and settings name.

    Raises:
        LimitReachedError: behind the references, if there are more than are kept.
        WindowError: the window could not return the requested bytes.
    """
    name = get_file_name(artifact.path)
    found: dict[tuple[str, str], int] = {}
    before, line = "", 1
    for chunk in iterate_chunks(window, 0, min(window.size, limits.document_bytes)):
        text = before + chunk.replace(b"\0", b"").replace(b"\r", b"").decode("utf-8", "replace")
        for kind, word, offset in iterate_within_deadline(_find_names(name, text), items_per_check=16):
            if (kind, word) not in found and len(found) <= _MOST_REFERENCES:
                found[kind, word] = line + text.count("\n", 0, offset)
        before = text[-_OVERLAP:]
        line += text.count("\n", 0, len(text) - len(before))
    references = [
        Reference(ReferenceKind.CODE, word, kind, where=Location(line=number)) for (kind, word), number in found.items()
    ]
    if references:
        yield References(RUN_FILE, tuple(references[:_MOST_REFERENCES]))
    if len(references) > _MOST_REFERENCES:
        raise LimitReachedError(f"only the first {_MOST_REFERENCES} files that it names were compared")


def _find_names(name: str, text: str) -> Iterator[tuple[str, str, int]]:
    """Yield the kind of each file that the text of the file ``name`` names, its path, and the offset of the mention."""
    # Of equal length, so that offsets remain: a continued line is one command, and ``\n`` in JSON ends one.
    text = text.replace("\\\n", "  ").replace("\\n", " \n")
    for command in _COMMANDS:
        if not any(mark in text for mark in command.marks):
            continue
        for match in command.pattern.finditer(text):
            for word in list_option_values(_WORD.findall(match[1]), command.options, command.subcommands):
                yield command.kind, word, match.start()
    is_document = _DOCUMENT.search(name) is not None
    for key in _KEYS:
        if key.mark in text and (not key.names or name.endswith(key.names)):
            yield from _find_names_of_setting(key, text, is_document and not key.names)


def _find_names_of_setting(key: _Key, text: str, shows_only: bool) -> Iterator[tuple[str, str, int]]:
    """Yield the kind of each file that one setting names, its path, and the offset of the mention.

    Args:
        key: the setting.
        text: of the file with settings.
        shows_only: whether it is a document, in which several words in a row are prose.
    """
    for match in key.pattern.finditer(text):
        if shows_only and _WORDS_OF_PROSE.search(match[1]):
            continue
        for word in _WORD.findall(match[1]):
            if _WILDCARD.search(word) and not _PART_OF_PATH.search(word):
                continue
            yield key.kind, word, match.start()
            if _VARIABLE_FOLDER.match(word):
                yield key.kind, _VARIABLE_FOLDER.sub("", word), match.start()


def list_option_values(words: list[str], options: tuple[str, ...], subcommands: frozenset[str]) -> Iterator[str]:
    """Yield the value of each of the options that follows one of the subcommands, or is anywhere if there are none."""
    is_taken = not subcommands
    for index, word in enumerate(words):
        is_taken = is_taken or word in subcommands
        if not is_taken:
            continue
        option, has_value, value = word.partition("=")
        if word in options:
            yield from words[index + 1 : index + 2]
        elif has_value and option in options:
            yield value
        elif word[:2] in options and not word.startswith("--"):
            yield word[2:]


NAMED_FILES: Final = Reader("text", looks_like_text, _read)
"""Searches every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""
