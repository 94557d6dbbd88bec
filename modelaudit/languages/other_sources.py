"""Find calls that start programs, or send secrets away, in sources of C, C++, CUDA, Rust, Go, Java and JavaScript.

Extensions are compiled and loaded by ``torch.utils.cpp_extension``, ``setup.py`` or a package manager, so that their
calls run beside the Python of the model. Comments and texts are left out, and the rest of such a file stays an absence:
the reader does not analyse its code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.languages.script_acts import find_sent_places
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import Head, Reader, Reading
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.text import decode_loosely, looks_like_text

_VOCABULARY: Final = "python-code"
_MOST_BYTES: Final = 4 * MIB
_MOST_MENTIONS: Final = 100
_QUOTED: Final = 200
# Commands that clear or hold a console.
_CONSOLE: Final = frozenset({"cls", "clear", "pause", "reset", "chcp 65001"})
_SKIPPED: Final = r"(?P<skipped>//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.){0,4000}')"
_ARGUMENT: Final = r"\s*\(\s*(?:\"(?P<text>(?:[^\"\\\n]|\\.)*)\")?"


class _Language(Struct, frozen=True):
    """The sources of one language.

    Attributes:
        path: the end of their paths.
        call: matches a comment or a text as ``skipped``, or a call of a function that starts programs as ``name``.
    """

    path: re.Pattern[str]
    call: re.Pattern[str]


_LANGUAGES: Final = (
    _Language(
        defer_pattern(r"\.(?:c|cc|cpp|cxx|c\+\+|cu|cuh|h|hh|hpp|hxx|inl|m|mm)\Z", re.IGNORECASE),
        defer_pattern(
            rf"{_SKIPPED}|(?<![\w.>:~])(?:std::|::)?(?P<name>system|_wsystem|popen|_popen|execl|execlp|execle|execv|execvp"
            rf"|execve|execvpe|posix_spawnp?|WinExec|ShellExecute(?:Ex)?[AW]?|CreateProcess[AW]?|URLDownloadToFile[AW]?)"
            rf"{_ARGUMENT}"
        ),
    ),
    _Language(defer_pattern(r"\.rs\Z"), defer_pattern(rf"{_SKIPPED}|\b(?P<name>Command::new){_ARGUMENT}")),
    _Language(defer_pattern(r"\.go\Z"), defer_pattern(rf"{_SKIPPED}|\b(?P<name>exec\.Command(?:Context)?){_ARGUMENT}")),
    _Language(
        defer_pattern(r"\.(?:java|kt|scala|groovy)\Z"),
        defer_pattern(rf"{_SKIPPED}|\b(?P<name>getRuntime\s*\(\s*\)\s*\.\s*exec|new\s+ProcessBuilder){_ARGUMENT}"),
    ),
)
_SCRIPT: Final = defer_pattern(r"\.(?:js|mjs|cjs|ts|mts|cts)\Z", re.IGNORECASE)
_DECLARATION: Final = defer_pattern(r"\b(?:int|void|FILE\s*\*|extern|static|inline|bool)\s+\*?\Z")


def recognises(head: Head) -> bool:
    """Whether this is a text in one of the languages, by its name."""
    is_named = _SCRIPT.search(head.path) is not None or _find_language(head.path) is not None
    return is_named and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the calls.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    text = decode_loosely(window.read(0, min(window.size, _MOST_BYTES, limits.document_bytes)))
    language = _find_language(artifact.path)
    mentions = _find_calls(text, language) if language is not None else _find_sent_files(text)
    kept = tuple(mention for mention, _ in zip(mentions, range(_MOST_MENTIONS), strict=False))
    if kept:
        yield Outline("text", kept)


def _find_language(path: str) -> _Language | None:
    """Return the compiled language of a source; ``None`` for any other file."""
    return next((each for each in _LANGUAGES if each.path.search(path)), None)


def _find_calls(text: str, language: _Language) -> Iterator[Mention]:
    """Yield a mention of each call that starts a program, but not of a declaration or of a command for the console."""
    for match in iterate_within_deadline(language.call.finditer(text), items_per_check=256):
        if match["skipped"] is not None or (match["text"] or "").strip() in _CONSOLE:
            continue
        if _DECLARATION.search(text[max(0, match.start() - 40) : match.start()]) is not None:
            continue
        name = " ".join(match["name"].split()).replace("( )", "()")
        where = Location(line=1 + text.count("\n", 0, match.start()))
        yield Mention(_VOCABULARY, "call", f"native:{name}", where, (match["text"] or "")[:_QUOTED])


def _find_sent_files(text: str) -> Iterator[Mention]:
    """Yield a mention if a script reads files, names one of secrets, and sends something over the network."""
    for position, name, place in find_sent_places(text):
        yield Mention(_VOCABULARY, "sends-secret", name, Location(line=1 + text.count("\n", 0, position)), place)


OTHER_SOURCES: Final = Reader("text", recognises, read)
"""Searches texts, in addition to the reader of their format; therefore it is not one of ``READERS``."""
