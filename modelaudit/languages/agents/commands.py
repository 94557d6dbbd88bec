"""Judge the commands in files of agents and editors that no reader of settings parses, as it judges a script.

A command of Claude Code runs what stands between ``!`` and a backtick before the model reads the rest
(https://code.claude.com/docs/en/skills). Run configurations of JetBrains hold the text of a script, or its path and
options. Programs run the value of variables such as ``BROWSER``. A ``.reg`` file writes a command to the registry of
Windows, and ``.hta`` and ``.sct`` files are scripts.
"""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.languages.configurations.commands import collect_command_mentions
from modelaudit.languages.shell.expansions import COMMAND_VARIABLES
from modelaudit.languages.shell.vocabulary import VOCABULARY
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import Head, LimitReachedError, Reader, Reading
from modelaudit.wire.bounds import keep_first
from modelaudit.wire.text import decode_loosely, looks_like_text

_MOST_CHARACTERS: Final = 2 * MIB
_MOST_MENTIONS: Final = 2_000
_QUOTED: Final = 200
_ARGUMENT: Final = defer_pattern(r"<string>([^<]{0,8000})</string>")
# A link of a desktop to a program on another machine: it opens the program, and sends the user's name on the way.
_LINK: Final = defer_pattern(r"\.(?:url|website|webloc|inetloc)\Z", re.IGNORECASE)
_REMOTE_PROGRAM: Final = defer_pattern(
    r"(?:file:(?:/{2}(?!/|localhost)|/{4,5})|\\\\)[\w.-]{1,200}[\\/@][^\s<>\"]{1,1000}?"
    r"\.(?:hta|exe|bat|cmd|lnk|vbs?|jse?|wsf|scr|ps1|msi|com|cpl|pif|jar|command|app|terminal|pkg|dmg|sh)\b",
    re.IGNORECASE,
)


class _CommandFile(Struct, frozen=True):
    """Files of one tool.

    Attributes:
        path: the end of their paths.
        command: where they hold a command, its only group that matches.
        runs_by_itself: whether the tool runs the command without being asked to run it.
    """

    path: re.Pattern[str]
    command: re.Pattern[str]
    runs_by_itself: bool = False


_FILES: Final = (
    _CommandFile(
        defer_pattern(r"/\.(?:claude|agents?)/(?:.*/)?[^/]+\.md\Z|/skill\.md\Z", re.IGNORECASE),
        defer_pattern(
            r"(?<![`\w])!`(?P<command>[^`\n]{1,4000})`|^[ \t]*```!\s*\n(?P<block>[\s\S]{1,20000}?)^[ \t]*```",
            re.MULTILINE,
        ),
    ),
    _CommandFile(
        defer_pattern(
            r"/\.idea/.*\.xml\Z|\.(?:run\.xml|iml|run)\Z|/(?:external tools|watchertasks)\.xml\Z", re.IGNORECASE
        ),
        defer_pattern(
            r"\b(?:name|key)=\"(?:SCRIPT_TEXT|SCRIPT_OPTIONS|SCRIPT_PATH|INTERPRETER_OPTIONS|COMMAND|PARAMETERS|script"
            r"|arguments|program|command)\"\s+value=\"(?P<command>[^\"]{1,20000})\"",
            re.IGNORECASE,
        ),
    ),
    _CommandFile(
        defer_pattern(r"\.reg\Z", re.IGNORECASE),
        defer_pattern(r"^(?:@|\"[^\"\n]{0,200}\")=\"(?P<command>(?:[^\"\\\n]|\\.){1,4000})\"", re.MULTILINE),
    ),
    _CommandFile(
        defer_pattern(r"\.(?:terminal|plist|mobileconfig|workflow|wflow)\Z", re.IGNORECASE),
        defer_pattern(
            r"<key>\s{0,20}(?:CommandString|COMMAND_STRING|Program)\s{0,20}</key>\s{0,200}<string>(?P<command>[^<]{1,4000})</string>"
            r"|<key>\s{0,20}ProgramArguments\s{0,20}</key>\s{0,200}<array>(?P<arguments>[\s\S]{1,8000}?)</array>",
        ),
    ),
    _CommandFile(
        defer_pattern(r"\.(?:(?:cs|vb|fs|vcx)?proj|targets|props)\Z", re.IGNORECASE),
        defer_pattern(
            r"<(?:\w+:)?Exec\b[^>]{0,400}?\bCommand\s{0,9}=\s{0,9}(?:\"(?P<command>[^\"]{1,8000})\"|'(?P<quoted>[^']{1,8000})')"
            r"|<(?:\w+:)?(?:Command|(?:Pre|Post)BuildEvent)>(?P<text>[^<]{1,8000})<",
        ),
    ),
    _CommandFile(
        defer_pattern(r"/binding\.gyp\Z|\.gypi?\Z", re.IGNORECASE),
        defer_pattern(r"<!@?\((?P<command>[^\n]{1,2000}?)\)[\"']"),
        runs_by_itself=True,
    ),
    _CommandFile(
        defer_pattern(r"/\.[\w.-]{0,60}env(?:\.[\w-]{1,40}|_[\w-]{1,40})?\Z|\.env\Z", re.IGNORECASE),
        defer_pattern(
            rf"^[ \t]*(?:export[ \t]+)?(?:{'|'.join(sorted(COMMAND_VARIABLES))})[ \t]*=[ \t]*"
            r"(?P<command>[^\n]{1,4000})",
            re.MULTILINE,
        ),
        runs_by_itself=True,
    ),
    _CommandFile(
        defer_pattern(r"\.(?:hta|sct|wsf)\Z", re.IGNORECASE),
        defer_pattern(r"\.(?:run|exec|shellexecute)\s*\(?\s*\"(?P<command>[^\"\n]{1,4000})\"", re.IGNORECASE),
    ),
)


def recognises(head: Head) -> bool:
    """Whether this is a text in which a tool finds commands."""
    is_named = _find_kind(head.path) is not None or _LINK.search(head.path) is not None
    return is_named and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the dangerous actions of the commands.

    Raises:
        LimitReachedError: behind it, if a bound on the analysis was reached.
        WindowError: the window could not return the requested bytes.
    """
    kind = _find_kind(artifact.path)
    data = window.read(0, min(window.size, _MOST_CHARACTERS, limits.document_bytes))
    text = decode_loosely(data.replace(b"\0", b""))  # UTF-16, which Windows writes, puts zeros between the letters
    distinct: dict[Mention, None] = {}
    reached: LimitReachedError | None = None
    for match in kind.command.finditer(text) if kind is not None else ():
        where = Location(line=1 + text.count("\n", 0, match.start()))
        command = next(group for group in match.groups() if group is not None)
        # Each text of an array is one argument, whatever spaces and signs it has.
        arguments = _ARGUMENT.findall(command)
        command = shlex.join(map(html.unescape, arguments)) if arguments else html.unescape(command)
        try:
            for mention in _judge(command.replace('\\"', '"'), kind is not None and kind.runs_by_itself):
                distinct[replace(mention, where=where)] = None
        except LimitReachedError as error:
            reached = error
    if _LINK.search(artifact.path):
        for link in _REMOTE_PROGRAM.finditer(text):
            where = Location(line=1 + text.count("\n", 0, link.start()))
            distinct[Mention(VOCABULARY, "download-and-run", "link", where, link[0][:_QUOTED])] = None
    kept, absences = keep_first(distinct, _MOST_MENTIONS, "commands of tools")
    if kept:
        yield Outline("text", kept)
    yield from absences
    if reached is not None:
        raise reached


def _judge(command: str, runs_by_itself: bool) -> Iterator[Mention]:
    """Yield the dangerous actions of a command; of one that runs by itself, also what it writes elsewhere.

    Raises:
        LimitReachedError: a bound on the analysis was reached.
    """
    from modelaudit.languages.shell.outside_writes import collect_outside_writes

    yield from collect_command_mentions(command)
    if runs_by_itself:
        yield from collect_outside_writes(command)


def _find_kind(path: str) -> _CommandFile | None:
    """Return the kind of the file; ``None`` if no tool finds commands in it."""
    return next((each for each in _FILES if each.path.search(f"/{path}")), None)


AGENT_COMMANDS: Final = Reader("text", recognises, read)
"""Searches texts, in addition to the reader of their format; therefore it is not one of ``READERS``."""
