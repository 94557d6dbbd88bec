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

from msgspec import Struct, field

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.text_addresses import find_address

# A caret or backtick within a word, an empty pair of quotes within a word, two texts joined by ``+``, or a caret before
# a word.
_NOISE: Final = defer_pattern(r"(?<=\w)[`^](?=\w)|(?<=\w)(?:''|\"\")(?=\w)|['\"]\s?\+\s?['\"]|\^(?=\w)")
_POWERSHELL: Final = defer_pattern(r"powershell|pwsh", re.IGNORECASE)
# PowerShell accepts any unambiguous prefix of ``-EncodedCommand``.
_ENCODED_COMMAND: Final = defer_pattern(
    r"\s[-/](?:e|ec|en|enc\w{0,12})\s{1,5}['\"]?([A-Za-z0-9+/=]{16,})", re.IGNORECASE
)
_FETCH: Final = (
    r"(?:downloadstring|downloadfile|downloaddata|invoke-webrequest|invoke-restmethod|\biwr\b|\birm\b|\bcurl\b|\bwget\b"
    r"|net\.webclient|start-bitstransfer"
    r"|net\.http\.httpclient|getstringasync|xmlhttp|winhttprequest|internetexplorer\.application|net\.webrequest|\.load\(['\"]?https?:)"
)
_RUN: Final = (
    r"(?:\biex\b|invoke-expression|invoke-command|\[scriptblock\]::create|reflection\.assembly\]::load|\.invoke\("
    r"|invokescript\(|\|\s*(?:cmd|powershell)(?:\.exe)?\b|\bin\s*\(\s*['\"]curl\b)"
)
_SENDS: Final = r"(?:-method\s+['\"]?post|-infile|uploadstring|uploadfile)"
_PRIVATE: Final = r"(?:\benv:(?!\w)|\.ssh\\|\.aws\\|login data)"
_USE_PATTERNS: Final = tuple(
    (use, defer_pattern(pattern, re.IGNORECASE))
    for use, pattern in (
        ("download-and-run", rf"{_RUN}.{{0,400}}?{_FETCH}|{_FETCH}.{{0,400}}?{_RUN}"),
        ("download-and-run", r"\bmshta(?:\.exe)?\s.{0,40}?(?:https?:|javascript:|vbscript:)"),
        ("download-and-run", r"\bregsvr32\b.{0,80}?/i:\s?https?:|\brundll32\b.{0,80}?javascript:"
                             r"|\bmsiexec\b.{0,80}?https?:"),
        # A program or library on the share of another machine.
        ("download-and-run", r"\b(?:rundll32|regsvr32|mshta|msiexec|wscript|cscript|start|call|powershell|pwsh)"
                             r"(?:\.exe)?\s(?:[-/]\w+\s+){0,4}[\"']?\\\\[\w.-]{1,200}\\"),
        ("download-and-run", r"\bcertutil\b.{0,120}?-(?:urlcache|verifyctl)"
                             r"|\bbitsadmin\b.{0,120}?/(?:transfer|addfile)"),
        ("decode-and-run", r"\bcertutil\b.{0,80}?-decode|frombase64string.{0,300}?(?:\biex\b|invoke-expression)"),
        ("decode-and-run", r"(?:\biex\b|invoke-expression).{0,300}?frombase64string"),
        # ``for /f %i in (list.txt) do %i`` runs each line of a file or of the output of a command.
        ("unresolved-run", r"\bfor\s+/f\b.{0,200}?%%?(\w)\s+in\s*\(.{0,300}?\)"
                           r"\s*do\s+(?:call\s+|@)?[\"']?%%?~?\1(?:\s|\Z|[\"'])"),
        ("unresolved-run", r"\b(?:start-process|start)\s.{0,100}?/c['\"]?\s*,?\s*\(?\s*\(?(?:gc|get-content|type)\s"),
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
# ``$name = value`` of PowerShell, or ``set "name=value"`` of the command prompt.
_ASSIGNMENT: Final = defer_pattern(
    r"\$(\w{1,60})\s*=\s*(.{1,2000})|(?:@?set)\s+\"?(\w{1,60})=([^\r\n\"&|]{0,2000})", re.IGNORECASE
)
# ``$name`` or ``${name}``, or ``%name:~start,length%``.
_VARIABLE: Final = defer_pattern(r"\$\{?(\w{1,60})\}?(?!\s*=)|%(\w{1,60})(?::~(-?\d{1,4})(?:,(-?\d{1,4}))?)?%")
# ``'{1}{0}' -f 'ex', 'i'``.
_FORMAT: Final = defer_pattern(
    r"[\"']((?:\{\d\}){2,20})[\"']\s*-f\s*((?:[\"'][^\"']{0,50}[\"']\s*,?\s*){2,20})", re.IGNORECASE
)
# ``[char]0x69 + [char]101``.
_CODES: Final = defer_pattern(r"(?:\[char\]\s*(?:0x[0-9a-f]{2}|\d{2,3})\s*\+?\s*){2,200}", re.IGNORECASE)
_CODE: Final = defer_pattern(r"0x([0-9a-f]{2})|(\d{2,3})", re.IGNORECASE)
# ``curl … -o file``, ``Invoke-WebRequest … -OutFile file`` or ``DownloadFile(address, 'file')``; a group is the file.
_DOWNLOAD: Final = defer_pattern(
    r"(?:curl(?:\.exe)?|wget|iwr|irm|invoke-webrequest|invoke-restmethod|start-bitstransfer)\b[^;&|]{0,400}?"
    r"(?:\s-o(?:utfile|utput)?\s+|\s-outf\w*\s+|\s-destination\s+)['\"]?([^\s'\";&|]{2,200})"
    r"|downloadfile\([^,)]{1,300},\s*['\"]?([^\s'\")]{2,200})",
    re.IGNORECASE,
)
# The beginning of a command or a program such as ``start``, before a file (the group): ``cmd /c .\\file.exe``.
_RUN_OF_FILE: Final = defer_pattern(
    r"(?:^|[;&|]|\b(?:call|start(?:-process)?|invoke-item|ii|python\d?|cmd(?:\.exe)?\s+/c|powershell(?:\.exe)?(?:\s+-file)?"
    r"|pwsh|msiexec\s+/i|rundll32|regsvr32|wscript|cscript)\s)(?=\s*+(?:&\s*+)?['\"]?((?:\.[\\/])?[^\s'\";&|()]{1,200}))",
    re.IGNORECASE,
)
_PROGRAM_EXTENSIONS: Final = ("", ".exe", ".bat", ".cmd", ".com", ".ps1")
_MAX_VALUE_LENGTH: Final = 4000
_MAX_EXPANDED_LENGTH: Final = 4_000_000  # of a line with the values of its variables


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


class WindowsVariables(Struct):
    """The constants known after the lines read so far.

    Attributes:
        variables: values by variable name, in lower case.
        downloaded: normalised paths of files that a download wrote.
    """

    variables: dict[str, str] = field(default_factory=dict)
    downloaded: set[str] = field(default_factory=set)

    def substitute_values(self, line: str) -> str:
        """Replace known variables, format strings and character codes in the line; record its assignments.

        Raises:
            LimitReachedError: the result is too long to be searched.
        """
        line = _CODES.sub(_decode_character_codes, _FORMAT.sub(_fill_format, line))
        substituted = _VARIABLE.sub(self._look_up_value, line) if self.variables else line
        if len(substituted) > _MAX_EXPANDED_LENGTH:
            detail = f"a line has more than {_MAX_EXPANDED_LENGTH} characters with the values of its variables"
            raise LimitReachedError(detail)
        for match in _ASSIGNMENT.finditer(substituted):
            value = (match[2] or match[4] or "").strip()
            self.variables[(match[1] or match[3]).lower()] = value[:_MAX_VALUE_LENGTH]
        return substituted

    def follow_downloads(self, line: str) -> str | None:
        """Record the files that a line downloads; return the file that it runs, if it is among those downloaded so far.

        Returns:
            The file as the line spells it, or ``None``.
        """
        output_files = [_normalize_path(match[1] or match[2]) for match in _DOWNLOAD.finditer(line)]
        self.downloaded.update(output_files)
        if not self.downloaded:
            return None
        # Remove the download itself: its output file is not an execution.
        without_downloads = _DOWNLOAD.sub(" ", line)
        return next(
            (
                match[1]
                for match in _RUN_OF_FILE.finditer(without_downloads)
                if any(_normalize_path(match[1]) + each in self.downloaded for each in _PROGRAM_EXTENSIONS)
            ),
            None,
        )

    def _look_up_value(self, match: re.Match[str]) -> str:
        """Return the value of a variable, or the part ``%name:~start,length%`` of it; unchanged if it is unknown."""
        value = self.variables.get((match[1] or match[2]).lower())
        if value is None:
            return match[0]
        if match[3] is None:
            return value
        suffix = value[int(match[3]) :]
        return suffix if match[4] is None else suffix[: int(match[4])]


def _normalize_path(path: str) -> str:
    r"""Return the path that identifies a file here: ``.\X`` and ``x`` are one file."""
    return path.lower().replace("/", "\\").removeprefix(".\\")


def _fill_format(match: re.Match[str]) -> str:
    """Return the text of a format string and its values: ``'{1}{0}' -f 'ex', 'i'`` is ``iex``."""
    values = re.findall(r"[\"']([^\"']{0,50})[\"']", match[2])
    positions = [int(digit) for digit in re.findall(r"\d", match[1])]
    return "".join(values[position] for position in positions if position < len(values))


def _decode_character_codes(match: re.Match[str]) -> str:
    """Return the text of character codes: ``[char]0x69 + [char]101`` is ``ie``."""
    return "".join(chr(int(code[0], 16) if code[0] else int(code[1])) for code in _CODE.findall(match[0]))
