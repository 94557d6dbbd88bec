"""Track the files and variables that hold downloaded content while a script is analysed.

``curl -o x; chmod +x x; ./x`` is as dangerous as ``curl | sh``. The tracker links the commands of such a sequence.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from modelaudit.languages.shell.command import OUTPUT_MARK, Command
from modelaudit.languages.shell.expansions import POSITIONAL_PARAMETERS
from modelaudit.languages.shell.lexer import parse_commands
from modelaudit.languages.shell.program_names import (
    FETCHERS,
    FETCHERS_BY_SUBCOMMAND,
    INTERPRETERS,
    normalize_program_name,
    unwrap_command,
)
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.text_addresses import find_address

_OUTPUT_OPTIONS: Final = frozenset({"-o", "-O", "--output", "--output-document"})
_FOLDER_OPTIONS: Final = frozenset({"-P", "--directory-prefix", "--output-dir", "-d", "--dir", "--local-dir"})
_NAMES_FILE_BY_ADDRESS: Final = frozenset({"wget", "wget2", "aria2c", "axel", "fetch", "lwp-download"})
_COPIES_CONTENT: Final = frozenset(
    {"base64", "xxd", "gunzip", "gzip", "openssl", "tar", "unzip", "install", "cp", "mv", "ln", "dd", "unxz", "bunzip2",
     "xz", "bzip2", "zstd", "unzstd"}
)  # fmt: skip
_UNPACKERS: Final = frozenset({"gunzip", "gzip", "unxz", "xz", "bunzip2", "bzip2", "unzstd", "zstd"})
_MODEL_DOWNLOADERS: Final = frozenset({"hf", "huggingface-cli"})
_REMOTE_SHELLS: Final = frozenset({"ssh", "mosh", "plink", "autossh"})
_SSH_OPTIONS_WITH_VALUE: Final = "BbcDEeFIiJLlmOopQRSWw"  # ssh(1)
_REMOTE_COPIERS: Final = frozenset({"scp", "rsync"})
# ``user@host:file``, ``host::module/file`` or ``rsync://host/module/file``.
_REMOTE_FILE: Final = re.compile(r"[\w.@-]{1,200}::?|rsync://[^/]{1,200}/")
_GLOB_CHARACTER: Final = re.compile(r"[*?\[]")
# These targets are not files: standard output, duplicated descriptors, unknown variables.
_NO_FILES: Final = ("-", "${…}", "1", "2", "3", "4", "5", "/dev/null", "/dev/stdout", "/dev/stderr")
_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_]\w*|[\d@])")
_MAX_SUBSTITUTION: Final = 200_000
_MAX_TEXT_LENGTH: Final = 200_000
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
    if name in _REMOTE_SHELLS:
        return _runs_remote_command(words[1:])
    if name == "rsync":
        return bool(_list_remote_copies(words))
    return name in INTERPRETERS and any(
        mark in word for word in words[1:] for mark in ("urlopen", "requests.get", "LWP::")
    )


def _runs_remote_command(arguments: list[str]) -> bool:
    """Whether the arguments of ssh have a host and a command, whose output ssh prints here."""
    operands = 0
    is_option_value = False
    for word in arguments:
        if is_option_value:
            is_option_value = False
        elif operands or not word.startswith("-"):  # behind the host, all words are the command
            operands += 1
        else:
            is_option_value = len(word) == 2 and word[1] in _SSH_OPTIONS_WITH_VALUE
    return operands > 1


def find_download_address(commands: Iterable[Command]) -> str | None:
    """Return the address of the first download among the commands, or its program name if it has no address.

    Raises:
        LimitReachedError: a substitution among them is longer than is parsed.
    """
    for command in commands:
        if is_download(unwrap_command(command.words)):
            return find_address(command.words) or command.words[0]
        if not command.words:  # the redirection of a group: ``done < <(curl …)``
            texts = (*command.input_substitutions, *command.substitutions)
            if any(len(text) > _MAX_SUBSTITUTION for text in texts):
                raise LimitReachedError(f"a substitution of more than {_MAX_SUBSTITUTION} characters was not parsed")
            nested_commands = [each for text in texts for each in parse_commands(text) if each.words]
            address = find_download_address(nested_commands)
            if address is not None:
                return address
    return None


@dataclass(slots=True)
class DownloadTracker:
    """The downloaded content of one script.

    Attributes:
        files: the address of the content by normalised path.
        variables: the address of the content by variable name.
        has_cut_text: whether a text that the script writes was cut.
        texts: the constant texts that the script writes to files, by normalised path.
        input_address: the address of the content that ``exec < …`` makes the input of all commands; or ``None``.
    """

    files: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    input_address: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    has_cut_text: bool = False
    _names_below_variable: dict[str, str] = field(default_factory=dict)

    def find_stored_address(self, words: Iterable[str]) -> str | None:
        """Return the address of the downloaded file or variable that a word names, or ``None``."""
        for word in words:
            file_address = self._find_file(_normalize_path(word))
            if file_address is not None:
                return file_address
            if "$" in word and self.variables:
                names = (match[1] for match in _VARIABLE.finditer(word))
                variable_address = next((self.variables[name] for name in names if name in self.variables), None)
                if variable_address is not None:
                    return variable_address
        return None

    def find_executed_address(self, words: Iterable[str]) -> str | None:
        """Return the address of downloaded content that a word names or, as a pattern such as ``*.sh``, matches."""
        for word in words:
            address = self.find_stored_address([word])
            if address is None and _GLOB_CHARACTER.search(word) and "$" not in word:
                pattern = _normalize_path(word)
                files = iterate_within_deadline(self.files.items(), items_per_check=16)
                address = next((each for path, each in files if fnmatchcase(path, pattern)), None)
            if address is not None:
                return address
        return None

    def take_text(self, words: Iterable[str]) -> str | None:
        """Return, and forget, the constant text of the first file that a word names; ``None`` if there is none."""
        return next((self.texts.pop(path) for path in map(_normalize_path, words) if path in self.texts), None)

    def record_pipeline(self, commands: list[Command], text: str | None) -> None:
        """Record the files that a pipeline fills with a download or with a constant.

        Args:
            commands: those of the pipeline and of the groups in front of it, in order.
            text: the constant that the pipeline prints; ``None`` if its output is unknown.
        """
        targets = [_normalize_path(each) for command in commands[-1:] for each in _list_targets(command)]
        if not targets:
            return
        address: str | None = None
        if len(commands) > 1:  # the download of a single command is recorded with the command
            address = find_download_address(commands)
            if address is None:
                read_words = (word for each in commands[:-1] for word in (*each.words[1:], *each.input_files))
                address = self.find_stored_address(read_words)
        if text is None:  # one that is too long to be evaluated is unknown too
            texts = ((each.input_text or "", *each.words) for each in commands)
            self.has_cut_text = self.has_cut_text or any(sum(map(len, each)) > _MAX_TEXT_LENGTH for each in texts)
        for target in targets:
            if address is not None and target not in _NO_FILES:
                self.files[target] = address
            elif text is not None:
                whole_text = f"{self.texts.get(target, '')}\n{text}"
                self.texts[target] = whole_text[:_MAX_TEXT_LENGTH]
                self.has_cut_text = self.has_cut_text or len(whole_text) > _MAX_TEXT_LENGTH

    def _find_file(self, path: str) -> str | None:
        """Return the address of the downloaded file with this path, or with its name if a folder is unknown."""
        address = self.files.get(path)
        folder, _, name = path.rpartition("/")
        if address is None and name and "$" not in name:
            # ``curl -o f`` and ``sh $PWD/f``, or ``cd $D; curl -o f`` and ``sh $D/f``
            address = self.files.get(name) if "$" in folder else self._names_below_variable.get(path)
        return address

    def _record_file(self, path: str, address: str) -> None:
        """Record that a file has content from ``address``."""
        path = _normalize_path(path)
        if path in _NO_FILES:
            return
        self.files[path] = address
        folder, _, name = path.rpartition("/")
        if "$" in folder:
            self._names_below_variable[name] = address

    def _record_descriptor(self, command: Command, address: str | None) -> None:
        """Record ``exec 3< <(curl …)`` and ``exec < file``: the later commands can read the descriptor."""
        if address is not None and command.descriptor in ("", "0"):
            self.input_address = address
        elif address is not None:
            self.files[command.descriptor] = self.files[f"/dev/fd/{command.descriptor}"] = address

    def record_command(self, command: Command, words: list[str], outputs: list[Command]) -> None:
        """Record the files and variables that the command downloads, copies or unpacks.

        Args:
            command: as it is written.
            words: its words without wrappers such as ``sudo``.
            outputs: the commands of its substitutions, whose output it can store.
        """
        read_words = (word for each in outputs for word in (*each.words[1:], *each.input_files))
        address = find_download_address(outputs) or self.find_stored_address(read_words)
        if address is not None:
            self._record_outputs(command, words, address)
        if command.words[-1:] == ["exec"]:
            self._record_descriptor(command, address or self.find_stored_address(command.input_files))
        if not words:
            return
        name = normalize_program_name(words[0])
        if is_download(words):
            self._record_files(command, words, name)
            if not outputs:  # a variable gets the output of the command itself: ``coproc curl …``
                self._record_outputs(command, words, find_address(words) or words[0])
        elif name in _COPIES_CONTENT or name in ("cat", "tee"):
            # ``dd if=source of=target``
            arguments = [word.partition("=")[2] if name == "dd" else word for word in words[1:]]
            address = self.find_stored_address([*arguments, *command.input_files])
            if address is not None:
                for target in (*command.output_files, *arguments[-1:]):
                    self._record_file(target, address)
                    if name in _UNPACKERS:  # ``gunzip x.gz`` writes ``x``
                        self._record_file(posixpath.splitext(target)[0], address)

    def record_read(self, words: list[str], address: str) -> None:
        """Record that ``read`` or ``mapfile`` stores content from ``address`` in its variables."""
        for word in words[1:]:
            if not word.startswith("-") and word.isidentifier():
                self.variables[word] = address

    def _record_outputs(self, command: Command, words: list[str], address: str) -> None:
        """Record the variables that get the output of a download: ``name=$(curl …)``, ``set -- $(curl …)``."""
        names = [name for name, value in command.assignments if OUTPUT_MARK in value]
        if words[:2] == ["set", "--"]:
            names += POSITIONAL_PARAMETERS
        elif words[:2] == ["printf", "-v"]:
            names += words[2:3]
        self.variables.update(dict.fromkeys(names, address))

    def _record_files(self, command: Command, words: list[str], name: str) -> None:
        """Record the files that a download writes: from its options, redirections, or the end of the address.

        Args:
            command: as it is written.
            words: its words without wrappers such as ``sudo``.
            name: its program.
        """
        address = find_address(words) or words[0]
        folder = ""
        named_files: list[str] = []
        for index, word in enumerate(words[1:], 1):
            next_word = words[index + 1] if index + 1 < len(words) else ""
            if next_word and _is_output_option(name, word):
                named_files.append(next_word)
            elif word.startswith(("--output=", "--output-document=")):
                named_files.append(word.partition("=")[2])
            elif word.startswith("-O") and len(word) > 2 and name == "wget":  # ``-Ofile``
                named_files.append(word[2:])
            elif word in _FOLDER_OPTIONS and (name != "curl" or word == "--output-dir"):
                folder = next_word
            elif word.startswith(("--directory-prefix=", "--dir=", "--local-dir=")):
                folder = word.partition("=")[2]
        # Whether the folder holds for a named file differs by program, so both places count.
        in_folder = [posixpath.join(folder, file) for file in named_files if folder]
        in_folder += [posixpath.join(folder, each) for each in _list_remote_files(words, name)]
        for target in (*named_files, *in_folder, *command.output_files):
            self._record_file(target, address)
        # ``wget`` and ``curl -O`` name the file like the end of the address.
        last_segment = address.partition("?")[0].rpartition("/")[2] if "/" in address else ""
        uses_remote_name = name == "curl" and any(
            re.fullmatch(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name", word) for word in words[1:]
        )
        if last_segment and (name in _NAMES_FILE_BY_ADDRESS or uses_remote_name):
            self.files.setdefault(_normalize_path(posixpath.join(folder, last_segment)), address)


def _list_remote_files(words: list[str], name: str) -> list[str]:
    """List the files that ``hf download repository file`` or a copy from another machine writes."""
    if name in _MODEL_DOWNLOADERS:
        return [each for each in words[3:] if not each.startswith("-")]
    return _list_remote_copies(words) if name in _REMOTE_COPIERS else []


def _list_remote_copies(words: list[str]) -> list[str]:
    """List the files that ``scp host:file target`` or ``rsync host::file target`` can write."""
    *sources, target = [word for word in words[1:] if not word.startswith("-")] or [""]
    file_names = [posixpath.basename(each[match.end() :]) for each in sources if (match := _REMOTE_FILE.match(each))]
    in_folder = [posixpath.normpath(posixpath.join(target, each)) for each in file_names if each]
    return in_folder if target in ("", ".") or target.endswith("/") or not file_names else [*in_folder, target]


def _list_targets(command: Command) -> list[str]:
    """List the files that a command writes its input to: those of its redirections, and the arguments of ``tee``."""
    words = unwrap_command(command.words)
    is_tee = bool(words) and normalize_program_name(words[0]) == "tee"
    return [*command.output_files, *(word for word in words[1:] if is_tee and not word.startswith("-"))]


def _is_output_option(program: str, option: str) -> bool:
    """Whether the option takes an output file: ``-o`` of curl, ``-qO`` of wget."""
    if option in _OUTPUT_OPTIONS:
        return program != "curl" or option != "-O"
    # Of joined options, curl takes a file for ``o``, wget for ``O``.
    return re.fullmatch(r"-[a-zA-Z]*[oO]", option) is not None and (program == "curl") == option.endswith("o")


def _normalize_path(path: str) -> str:
    """Return the path that identifies a file here: ``./x`` and ``x`` are one file."""
    return path.removeprefix("./")
