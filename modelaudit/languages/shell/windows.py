"""Detect dangerous commands in PowerShell and command prompt scripts, one line at a time.

Neither language is parsed. Patterns match without regard to case, after the carets, backticks and quotes that both
languages ignore inside a word are removed: ``po^wershell`` and ``i`ex`` are common obfuscations.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.windows_variables import WindowsVariables
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.text_addresses import find_address

# A caret or backtick within a word, an empty pair of quotes within a word, two texts joined by ``+``, or a caret before
# a word.
_NOISE: Final = re.compile(r"(?<=\w)[`^](?=\w)|(?<=\w)(?:''|\"\")(?=\w)|['\"]\s?\+\s?['\"]|\^(?=\w)")
_POWERSHELL: Final = re.compile(r"powershell|pwsh", re.IGNORECASE)
# PowerShell accepts any unambiguous prefix of ``-EncodedCommand``.
_ENCODED_COMMAND: Final = re.compile(r"\s[-/](?:e|ec|en|enc\w{0,12})\s{1,5}['\"]?([A-Za-z0-9+/=]{16,})", re.IGNORECASE)
_FETCH: Final = (
    r"(?:downloadstring|downloadfile|downloaddata|invoke-webrequest|invoke-restmethod|\biwr\b|\birm\b|\bcurl\b|\bwget\b"
    r"|net\.webclient|start-bitstransfer"
    r"|net\.http\.httpclient|getstringasync|\.load\(['\"]?https?:)"
)
_RUN: Final = (
    r"(?:\biex\b|invoke-expression|invoke-command|\[scriptblock\]::create|reflection\.assembly\]::load|\.invoke\("
    r"|invokescript\(|\|\s*(?:cmd|powershell)(?:\.exe)?\b|\bin\s*\(\s*['\"]curl\b)"
)
_SENDS: Final = r"(?:-method\s+['\"]?post|-infile|uploadstring|uploadfile)"
_PRIVATE: Final = r"(?:\benv:(?!\w)|\.ssh\\|\.aws\\|login data)"
_USE_PATTERNS: Final = tuple(
    (use, re.compile(pattern, re.IGNORECASE))
    for use, pattern in (
        ("download-and-run", rf"{_RUN}.{{0,400}}?{_FETCH}|{_FETCH}.{{0,400}}?{_RUN}"),
        ("download-and-run", r"\bmshta(?:\.exe)?\s.{0,40}?(?:https?:|javascript:|vbscript:)"),
        ("download-and-run", r"\bregsvr32\b.{0,80}?/i:\s?https?:|\brundll32\b.{0,80}?javascript:"
                             r"|\bmsiexec\b.{0,80}?https?:"),
        ("download-and-run", r"\bcertutil\b.{0,120}?-(?:urlcache|verifyctl)"
                             r"|\bbitsadmin\b.{0,120}?/(?:transfer|addfile)"),
        ("decode-and-run", r"\bcertutil\b.{0,80}?-decode|frombase64string.{0,300}?(?:\biex\b|invoke-expression)"),
        ("decode-and-run", r"(?:\biex\b|invoke-expression).{0,300}?frombase64string"),
        ("reverse-shell", r"net\.sockets\.tcpclient"),
        ("persistence", r"currentversion\\run|\bschtasks\b.{0,40}?/create|new-scheduledtask|\bsc(?:\.exe)?\s+create\b"
                        r"|new-service\b|\\startup\\|wmic\b.{0,80}?process\s+call\s+create"),
        ("send-private", rf"{_SENDS}.{{0,300}}?{_PRIVATE}|{_PRIVATE}.{{0,300}}?{_SENDS}"),
        ("persistence", r"\bnet1?\s+(?:localgroup|user)\b.{0,80}?/add|win32_process.{0,80}?\bcreate\b"),
        ("download-and-run", r"^[&\s]{0,4}\\\\[\w.-]{1,200}\\[^\s]{1,200}\.(?:exe|bat|cmd|ps1|vbs|dll)\b"),
        ("disarm", r"add-mppreference|set-mppreference|\bnetsh\b.{0,60}?firewall|disable-?windowsdefender|amsiutils"),
        ("destroy", r"\bvssadmin\b.{0,40}?delete|\bformat\s+[a-z]:|\b(?:del|erase|rd|rmdir)\b(?:\s+/\w+){1,4}\s+"
                    r"\"?(?:c:\\|%systemdrive%|%userprofile%)\"?\s*(?:\*|$)"
                    r"|remove-item\b.{0,80}?(?:c:\\|\$home|\$env:userprofile)['\"]?(?:\s|$)"),
    )
)  # fmt: skip
_PIECE_LENGTH: Final = 20_000  # characters of a line that are searched at once, which bounds the time
_PIECE_OVERLAP: Final = 1000  # characters, more than any pattern of a use spans
# Base64 of UTF-16 makes a command more than twice as long, so no file nests as many without variables.
_MAX_DEPTH: Final = 30


def collect_windows_mentions(text: str, line: int = 1, depth: int = 0) -> Iterator[Mention]:
    """Yield the dangerous commands of the lines.

    Args:
        text: the script.
        line: the number of its first line in the file, from 1.
        depth: how many encoded commands enclose it.

    Raises:
        LimitReachedError: encoded commands nest too deep, or a line is too long with the values of its variables.
    """
    variables = WindowsVariables()
    for number, raw_line in iterate_within_deadline(_join_continued_lines(text, line), items_per_check=16):
        stripped = raw_line.strip()
        if not stripped or stripped.startswith(("#", "::")) or stripped[:4].lower() in ("rem ", "rem\t"):
            continue
        # Substitute known variables, so that a download on one line and its execution on another match together.
        command = variables.substitute_values(_NOISE.sub("", stripped))
        location = Location(line=number)
        for start in range(0, max(1, len(command) - _PIECE_OVERLAP), _PIECE_LENGTH - _PIECE_OVERLAP):
            yield from _search_piece(command[start : start + _PIECE_LENGTH], variables, location)
        yield from _decode_encoded_commands(command, location, depth)


def _search_piece(piece: str, variables: WindowsVariables, location: Location) -> Iterator[Mention]:
    """Yield the first use that matches in a command line, or in a piece of a long one, or else the download it runs."""
    for use, pattern in _USE_PATTERNS:
        match = pattern.search(piece)
        if match is not None:
            name = find_address(piece.split()) or " ".join(match[0].split())[:100]
            yield Mention("shell-commands", use, name[:200], location, piece[:200])
            return
    downloaded_file = variables.follow_downloads(piece)
    if downloaded_file is not None:
        yield Mention("shell-commands", "download-then-run", downloaded_file[:200], location, piece[:200])


def _join_continued_lines(text: str, line: int) -> Iterator[tuple[int, str]]:
    """Yield each command line with its number: a backtick or a caret at the end continues it on the next line.

    Args:
        text: the script.
        line: the number of its first line in the file, from 1.
    """
    parts: list[str] = []
    first_line = line
    for number, part in enumerate(text.split("\n"), line):
        parts.append(part)
        content = part.removesuffix("\r")
        if content.endswith(("`", "^")):
            parts[-1] = content[:-1]
            continue
        yield first_line, " ".join(parts)
        parts, first_line = [], number + 1
    if parts:
        yield first_line, " ".join(parts)


def _decode_encoded_commands(command: str, location: Location, depth: int) -> Iterator[Mention]:
    """Yield a mention of each ``powershell -EncodedCommand``, and the mentions of the commands in its base64 argument.

    Raises:
        LimitReachedError: encoded commands nest too deep.
    """
    if not _POWERSHELL.search(command):
        return
    for match in _ENCODED_COMMAND.finditer(command):
        yield Mention("shell-commands", "decode-and-run", "powershell -EncodedCommand", location)
        if depth == _MAX_DEPTH:
            raise LimitReachedError(f"encoded commands nest deeper than {_MAX_DEPTH}; the rest was not analysed")
        try:
            encoded_command = base64.b64decode(match[1]).decode("utf-16-le", "replace")
        except (ValueError, binascii.Error):
            continue
        yield from collect_windows_mentions(encoded_command, location.line or 1, depth + 1)
