"""What a script fetched: into which files, and into which variables."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.shell.lexer import OUTPUT, Command, commands_of
from modelaudit.languages.shell.words import FETCHERS, FETCHES_BY_WORDS, INTERPRETERS, base_name, unwrapped
from modelaudit.wire.text_addresses import address_in

_OUTPUT: Final = frozenset({"-o", "-O", "--output", "--output-document"})
_FOLDER: Final = frozenset({"-P", "--directory-prefix", "--output-dir", "-d", "--dir"})
_BY_ADDRESS: Final = frozenset({"wget", "wget2", "aria2c", "axel", "fetch", "lwp-download"})
_DECODING: Final = frozenset(
    {"base64", "xxd", "gunzip", "gzip", "openssl", "tar", "unzip", "install", "cp", "mv", "ln"}
)
_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_]\w*)")
READS_INTO: Final = frozenset({"read", "mapfile", "readarray"})
_MOST: Final = 5000


def fetches(words: list[str]) -> bool:
    """Whether these words print or store what another machine gives."""
    if not words:
        return False
    name = base_name(words[0])
    if name in FETCHERS or not FETCHES_BY_WORDS.get(name, frozenset()).isdisjoint(words[1:]):
        return True
    if name in ("nc", "ncat", "netcat"):
        return len(words) > 2 and not any(word.startswith("-") and "l" in word for word in words[1:])
    if name == "openssl":
        return "s_client" in words
    return name in INTERPRETERS and any(
        mark in word for word in words[1:] for mark in ("urlopen", "requests.get", "LWP::")
    )


@dataclass(slots=True)
class Fetched:
    """Files and variables by what they hold: the address that it came from."""

    files: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def held_in(self, words: Iterable[str]) -> str | None:
        """The address of what one of the words names."""
        for word in words:
            found = self.files.get(_plain(word))
            if found is not None:
                return found
            if "$" in word and self.variables:
                names = (match[1] for match in _VARIABLE.finditer(word))
                held = next((self.variables[name] for name in names if name in self.variables), None)
                if held is not None:
                    return held
        return None

    def note(self, command: Command, words: list[str]) -> None:
        """Take in what the command fetches, copies or unpacks."""
        if command.assigns and command.inner:
            self._variables(command)
        if not words or len(self.files) > _MOST:
            return
        name = base_name(words[0])
        if fetches(words):
            self._files(command, words, name)
        elif name in _DECODING or name in ("cat", "tee"):
            held = self.held_in([*words[1:], *command.sources])
            if held is not None:
                for target in (*command.writes, *words[-1:]):
                    self.files[_plain(target)] = held

    def read_into(self, words: list[str], address: str) -> None:
        """Take in that ``read`` or ``mapfile`` keeps in variables what came from ``address``."""
        for word in words[1:]:
            if not word.startswith("-") and word.isidentifier():
                self.variables[word] = address

    def _variables(self, command: Command) -> None:
        for inner in command.inner:
            source = next((each for each in commands_of(inner[:5000]) if fetches(unwrapped(each.words))), None)
            if source is not None:
                for name, value in command.assigns:
                    if OUTPUT in value:
                        self.variables[name] = address_in(source.words) or source.words[0]

    def _files(self, command: Command, words: list[str], name: str) -> None:
        address = address_in(words) or words[0]
        folder = ""
        for at, word in enumerate(words[1:], 1):
            following = words[at + 1] if at + 1 < len(words) else ""
            if following and _names_output(name, word):
                self.files[_plain(following)] = address
            elif word.startswith(("--output=", "--output-document=")):
                self.files[_plain(word.partition("=")[2])] = address
            elif word.startswith("-O") and len(word) > 2 and name == "wget":
                self.files[_plain(word[2:])] = address
            elif word in _FOLDER and name != "curl":
                folder = following
            elif word.startswith("--directory-prefix="):
                folder = word.partition("=")[2]
        for target in command.writes:
            self.files[_plain(target)] = address
        for nowhere in ("-", "${…}", "1", "2", "3", "4", "5", "/dev/null", "/dev/stdout", "/dev/stderr"):
            self.files.pop(nowhere, None)
        last = address.partition("?")[0].rpartition("/")[2] if "/" in address else ""
        remote = name == "curl" and any(re.fullmatch(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name", word) for word in words[1:])
        if last and (name in _BY_ADDRESS or remote):
            self.files.setdefault(_plain(posixpath.join(folder, last)), address)


def _names_output(program: str, option: str) -> bool:
    """Whether the word that follows the option is the file to write: ``-o`` of curl, ``-qO`` of wget."""
    if option in _OUTPUT:
        return program != "curl" or option != "-O"
    return re.fullmatch(r"-[a-zA-Z]*[oO]", option) is not None and (program == "curl") == option.endswith("o")


def _plain(path: str) -> str:
    return path.removeprefix("./")
