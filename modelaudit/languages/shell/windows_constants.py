"""What variables of PowerShell and of the command prompt hold, and which files a script has downloaded.

Only what one line assigns is kept: ``$a = …``, ``set a=…``. Formats and character codes are put together. Sources:
"about_Operators" of PowerShell (``-f``), ``set /?`` of the command prompt (``%x:~2,4%``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_ASSIGNED: Final = re.compile(
    r"\$(\w{1,60})\s*=\s*(.{1,2000})|(?:@?set)\s+\"?(\w{1,60})=([^\r\n\"&|]{0,2000})", re.IGNORECASE
)
_USED: Final = re.compile(r"\$\{?(\w{1,60})\}?(?!\s*=)|%(\w{1,60})(?::~(-?\d{1,4})(?:,(-?\d{1,4}))?)?%")
_FORMAT: Final = re.compile(
    r"[\"']((?:\{\d\}){2,20})[\"']\s*-f\s*((?:[\"'][^\"']{0,50}[\"']\s*,?\s*){2,20})", re.IGNORECASE
)
_CODES: Final = re.compile(r"(?:\[char\]\s*(?:0x[0-9a-f]{2}|\d{2,3})\s*\+?\s*){2,200}", re.IGNORECASE)
_CODE: Final = re.compile(r"0x([0-9a-f]{2})|(\d{2,3})", re.IGNORECASE)
_STORED: Final = re.compile(
    r"(?:curl(?:\.exe)?|wget|iwr|irm|invoke-webrequest|invoke-restmethod|start-bitstransfer)\b[^;&|]{0,400}?"
    r"(?:\s-o(?:utfile|utput)?\s+|\s-outf\w*\s+|\s-destination\s+)['\"]?([^\s'\";&|]{2,200})"
    r"|downloadfile\([^,)]{1,300},\s*['\"]?([^\s'\")]{2,200})",
    re.IGNORECASE,
)
_RUN: Final = re.compile(
    r"(?:^|[;&|]|\b(?:call|start(?:-process)?|invoke-item|ii|python\d?|cmd(?:\.exe)?\s+/c|powershell(?:\.exe)?(?:\s+-file)?"
    r"|pwsh|msiexec\s+/i|rundll32|regsvr32|wscript|cscript)\s)(?=\s*&?\s*['\"]?((?:\.[\\/])?[^\s'\";&|()]{2,200}))",
    re.IGNORECASE,
)
_LONGEST: Final = 4000
_MOST: Final = 500


@dataclass(slots=True)
class Constants:
    """What is known after the lines so far."""

    variables: dict[str, str] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)

    def put_in(self, line: str) -> str:
        """The line with what is known in the place of variables, formats and codes; what it assigns is kept."""
        line = _CODES.sub(_of_codes, _FORMAT.sub(_formatted, line))
        whole = _USED.sub(self._value, line)[:_LONGEST] if self.variables else line
        for match in _ASSIGNED.finditer(whole):
            if len(self.variables) < _MOST:
                self.variables[(match[1] or match[3]).lower()] = (match[2] or match[4] or "").strip()[:_LONGEST]
        return whole

    def runs_stored(self, line: str) -> str | None:
        """The file that was downloaded, here or before, and that the line runs."""
        found = [_plain(match[1] or match[2]) for match in _STORED.finditer(line)]
        self.stored |= set(found[:_MOST]) if len(self.stored) < _MOST else set()
        if not self.stored:
            return None
        rest = _STORED.sub(" ", line)
        return next((match[1] for match in _RUN.finditer(rest) if _plain(match[1]) in self.stored), None)

    def _value(self, match: re.Match[str]) -> str:
        value = self.variables.get((match[1] or match[2]).lower())
        if value is None:
            return match[0]
        if match[3] is None:
            return value
        rest = value[int(match[3]) :]
        return rest if match[4] is None else rest[: int(match[4])]


def _plain(path: str) -> str:
    return path.lower().replace("/", "\\").removeprefix(".\\")


def _formatted(match: re.Match[str]) -> str:
    given = re.findall(r"[\"']([^\"']{0,50})[\"']", match[2])
    return "".join(given[int(at)] if int(at) < len(given) else "" for at in re.findall(r"\d", match[1]))


def _of_codes(match: re.Match[str]) -> str:
    return "".join(chr(int(code[0], 16) if code[0] else int(code[1])) for code in _CODE.findall(match[0]))
