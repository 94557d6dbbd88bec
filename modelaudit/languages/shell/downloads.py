"""Track the files and variables that hold downloaded content while a script is analysed.

``curl -o x; chmod +x x; ./x`` is as dangerous as ``curl | sh``. The tracker links the commands of such a sequence.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.shell.command import OUTPUT_MARK, Command
from modelaudit.languages.shell.lexer import parse_commands
from modelaudit.languages.shell.program_names import (
    FETCHERS,
    FETCHERS_BY_SUBCOMMAND,
    INTERPRETERS,
    normalize_program_name,
    unwrap_command,
)
from modelaudit.wire.text_addresses import find_address

_OUTPUT_OPTIONS: Final = frozenset({"-o", "-O", "--output", "--output-document"})
_FOLDER_OPTIONS: Final = frozenset({"-P", "--directory-prefix", "--output-dir", "-d", "--dir"})
_NAMES_FILE_BY_ADDRESS: Final = frozenset({"wget", "wget2", "aria2c", "axel", "fetch", "lwp-download"})
_COPIES_CONTENT: Final = frozenset(
    {"base64", "xxd", "gunzip", "gzip", "openssl", "tar", "unzip", "install", "cp", "mv", "ln"}
)
_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_]\w*)")
READ_BUILTINS: Final = frozenset({"read", "mapfile", "readarray"})


def is_download(words: list[str]) -> bool:
    """Whether the command prints or stores content from another machine."""
    if not words:
        return False
    name = normalize_program_name(words[0])
    if name in FETCHERS or not FETCHERS_BY_SUBCOMMAND.get(name, frozenset()).isdisjoint(words[1:]):
        return True
    if name in ("nc", "ncat", "netcat"):
        # With a host and a port it connects; with ``-l`` it listens.
        return len(words) > 2 and not any(word.startswith("-") and "l" in word for word in words[1:])
    if name == "openssl":
        return "s_client" in words
    return name in INTERPRETERS and any(
        mark in word for word in words[1:] for mark in ("urlopen", "requests.get", "LWP::")
    )


def find_download_address(commands: Iterable[Command]) -> str | None:
    """Return the address of the first download among the commands, or its program name if it has no address."""
    for command in commands:
        if is_download(unwrap_command(command.words)):
            return find_address(command.words) or command.words[0]
    return None


@dataclass(slots=True)
class DownloadTracker:
    """The downloaded content of one script.

    Attributes:
        files: the address of the content by normalised path.
        variables: the address of the content by variable name.
    """

    files: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def find_address(self, words: Iterable[str]) -> str | None:
        """Return the address of the downloaded file or variable that a word names, or ``None``."""
        for word in words:
            file_address = self.files.get(_normalize_path(word))
            if file_address is not None:
                return file_address
            if "$" in word and self.variables:
                names = (match[1] for match in _VARIABLE.finditer(word))
                variable_address = next((self.variables[name] for name in names if name in self.variables), None)
                if variable_address is not None:
                    return variable_address
        return None

    def record_command(self, command: Command, words: list[str]) -> None:
        """Record the files and variables that the command downloads, copies or unpacks."""
        if command.assignments and command.substitutions:
            self._record_variables(command)
        if not words:
            return
        name = normalize_program_name(words[0])
        if is_download(words):
            self._record_files(command, words, name)
        elif name in _COPIES_CONTENT or name in ("cat", "tee"):
            address = self.find_address([*words[1:], *command.input_files])
            if address is not None:
                for target in (*command.output_files, *words[-1:]):
                    self.files[_normalize_path(target)] = address

    def record_read(self, words: list[str], address: str) -> None:
        """Record that ``read`` or ``mapfile`` stores content from ``address`` in its variables."""
        for word in words[1:]:
            if not word.startswith("-") and word.isidentifier():
                self.variables[word] = address

    def _record_variables(self, command: Command) -> None:
        """Record ``name=$(curl …)``: each variable that gets the output of a download."""
        for substitution in command.substitutions:
            address = find_download_address(parse_commands(substitution[:5000]))
            if address is not None:
                for name, value in command.assignments:
                    if OUTPUT_MARK in value:
                        self.variables[name] = address

    def _record_files(self, command: Command, words: list[str], name: str) -> None:
        """Record the files that a download writes: from its options, redirections, or the end of the address.

        Args:
            command: as it is written.
            words: its words without wrappers such as ``sudo``.
            name: its program.
        """
        address = find_address(words) or words[0]
        folder = ""
        for index, word in enumerate(words[1:], 1):
            next_word = words[index + 1] if index + 1 < len(words) else ""
            if next_word and _is_output_option(name, word):
                self.files[_normalize_path(next_word)] = address
            elif word.startswith(("--output=", "--output-document=")):
                self.files[_normalize_path(word.partition("=")[2])] = address
            elif word.startswith("-O") and len(word) > 2 and name == "wget":
                self.files[_normalize_path(word[2:])] = address
            elif word in _FOLDER_OPTIONS and name != "curl":
                folder = next_word
            elif word.startswith("--directory-prefix="):
                folder = word.partition("=")[2]
        for target in command.output_files:
            self.files[_normalize_path(target)] = address
        # These targets are not files: standard output, duplicated descriptors, unknown variables.
        for target in ("-", "${…}", "1", "2", "3", "4", "5", "/dev/null", "/dev/stdout", "/dev/stderr"):
            self.files.pop(target, None)
        # ``wget`` and ``curl -O`` name the file like the end of the address.
        last_segment = address.partition("?")[0].rpartition("/")[2] if "/" in address else ""
        uses_remote_name = name == "curl" and any(
            re.fullmatch(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name", word) for word in words[1:]
        )
        if last_segment and (name in _NAMES_FILE_BY_ADDRESS or uses_remote_name):
            self.files.setdefault(_normalize_path(posixpath.join(folder, last_segment)), address)


def _is_output_option(program: str, option: str) -> bool:
    """Whether the option takes an output file: ``-o`` of curl, ``-qO`` of wget."""
    if option in _OUTPUT_OPTIONS:
        return program != "curl" or option != "-O"
    # Of joined options, curl takes a file for ``o``, wget for ``O``.
    return re.fullmatch(r"-[a-zA-Z]*[oO]", option) is not None and (program == "curl") == option.endswith("o")


def _normalize_path(path: str) -> str:
    """Return the path by which a file is known here: ``./x`` and ``x`` are one file."""
    return path.removeprefix("./")
