"""Track the variables and downloaded files of a PowerShell or command prompt script.

Only assignments on one line are tracked: ``$a = …``, ``set a=…``. Format strings and character codes are evaluated,
because they are the usual way to hide a name. Sources: "about_Operators" of PowerShell (``-f``), ``set /?`` of the
command prompt (``%x:~2,4%``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from modelaudit.wire.base import LimitReachedError

# ``$name = value`` of PowerShell, or ``set "name=value"`` of the command prompt.
_ASSIGNMENT: Final = re.compile(
    r"\$(\w{1,60})\s*=\s*(.{1,2000})|(?:@?set)\s+\"?(\w{1,60})=([^\r\n\"&|]{0,2000})", re.IGNORECASE
)
# ``$name`` or ``${name}``, or ``%name:~start,length%``.
_VARIABLE: Final = re.compile(r"\$\{?(\w{1,60})\}?(?!\s*=)|%(\w{1,60})(?::~(-?\d{1,4})(?:,(-?\d{1,4}))?)?%")
# ``'{1}{0}' -f 'ex', 'i'``.
_FORMAT: Final = re.compile(
    r"[\"']((?:\{\d\}){2,20})[\"']\s*-f\s*((?:[\"'][^\"']{0,50}[\"']\s*,?\s*){2,20})", re.IGNORECASE
)
# ``[char]0x69 + [char]101``.
_CODES: Final = re.compile(r"(?:\[char\]\s*(?:0x[0-9a-f]{2}|\d{2,3})\s*\+?\s*){2,200}", re.IGNORECASE)
_CODE: Final = re.compile(r"0x([0-9a-f]{2})|(\d{2,3})", re.IGNORECASE)
# ``curl … -o file``, ``Invoke-WebRequest … -OutFile file`` or ``DownloadFile(address, 'file')``; a group is the file.
_DOWNLOAD: Final = re.compile(
    r"(?:curl(?:\.exe)?|wget|iwr|irm|invoke-webrequest|invoke-restmethod|start-bitstransfer)\b[^;&|]{0,400}?"
    r"(?:\s-o(?:utfile|utput)?\s+|\s-outf\w*\s+|\s-destination\s+)['\"]?([^\s'\";&|]{2,200})"
    r"|downloadfile\([^,)]{1,300},\s*['\"]?([^\s'\")]{2,200})",
    re.IGNORECASE,
)
# The beginning of a command or a program such as ``start``, before a file (the group): ``cmd /c .\\file.exe``.
_RUN: Final = re.compile(
    r"(?:^|[;&|]|\b(?:call|start(?:-process)?|invoke-item|ii|python\d?|cmd(?:\.exe)?\s+/c|powershell(?:\.exe)?(?:\s+-file)?"
    r"|pwsh|msiexec\s+/i|rundll32|regsvr32|wscript|cscript)\s)(?=\s*&?\s*['\"]?((?:\.[\\/])?[^\s'\";&|()]{2,200}))",
    re.IGNORECASE,
)
_MAX_VALUE_LENGTH: Final = 4000
_MAX_EXPANDED_LENGTH: Final = 4_000_000  # of a line with the values of its variables


@dataclass(slots=True)
class WindowsVariables:
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
            (match[1] for match in _RUN.finditer(without_downloads) if _normalize_path(match[1]) in self.downloaded),
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
