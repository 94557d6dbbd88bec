"""Track the files and variables that hold downloaded content while a script is analysed.

``curl -o x; chmod +x x; ./x`` is as dangerous as ``curl | sh``. The tracker links the commands of such a sequence.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.shell.command import OUTPUT_MARK, Command
from modelaudit.languages.shell.download_commands import (
    find_download_address,
    is_download,
    is_output_option,
    list_new_names,
    list_remote_files,
)
from modelaudit.languages.shell.expansions import POSITIONAL_PARAMETERS
from modelaudit.languages.shell.fetched_places import (
    LONGEST_FOLDER,
    UNPACKERS,
    FetchedPlaces,
    find_target_folder,
    find_unnamed_folder,
)
from modelaudit.languages.shell.installers import installs_content
from modelaudit.languages.shell.path_index import GLOB_CHARACTER, PathIndex
from modelaudit.languages.shell.program_names import (
    normalize_program_name,
    unwrap_command,
)
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.requirement_lines import collect_requirement_mentions
from modelaudit.wire.text_addresses import find_address

_REMOTE_NAME_OPTION: Final = defer_pattern(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name")
_FOLDER_OPTIONS: Final = frozenset({"-P", "--directory-prefix", "--output-dir", "-d", "--dir", "--local-dir"})
_NAMES_FILE_BY_ADDRESS: Final = frozenset({"wget", "wget2", "aria2c", "axel", "fetch", "lwp-download"})
_COPIES_CONTENT: Final = frozenset(
    {"base64", "xxd", "gunzip", "gzip", "openssl", "tar", "unzip", "install", "cp", "mv", "ln", "dd", "unxz", "bunzip2",
     "xz", "bzip2", "zstd", "unzstd"}
)  # fmt: skip
_UNPACKERS: Final = frozenset({"gunzip", "gzip", "unxz", "xz", "bunzip2", "bzip2", "unzstd", "zstd"})
# These targets are not files: standard output, duplicated descriptors, unknown variables.
_NO_FILES: Final = ("-", "${…}", "1", "2", "3", "4", "5", "/dev/null", "/dev/stdout", "/dev/stderr")
_VARIABLE: Final = defer_pattern(r"\$\{?([A-Za-z_]\w*|[\d@])")
_MOVERS: Final = frozenset({"mv", "cp", "ln", "install"})
# Programs that write files of names that their words do not show.
_WRITES_BY_ITSELF: Final = UNPACKERS | {"split"}
_SED_OUTPUT: Final = defer_pattern(r"(?:^|[;/\dgIp])\s*w\s+([^\s;]+)")
_MOST_FILES: Final = 20_000  # copies of folders into each other multiply them
_LONGEST_SUFFIX: Final = 6  # of the name of a part of ``split``
_MOST_FOLDERS: Final = 20  # that a script enters
_MAX_TEXT_LENGTH: Final = 200_000
READ_BUILTINS: Final = frozenset({"read", "mapfile", "readarray"})


@dataclass(slots=True)
class DownloadTracker:
    """The downloaded content of one script.

    Attributes:
        files: the address of the content by normalised path.
        variables: the address of the content by variable name.
        is_cut: whether a text that the script writes was cut, or one of very many downloaded files left out.
        texts: the constant texts that the script writes to files, by normalised path.
        input_address: the address of the content that ``exec < …`` makes the input of all commands; or ``None``.
        places: where downloaded files of unknown names may be.
    """

    files: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    input_address: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    places: FetchedPlaces = field(default_factory=FetchedPlaces)
    _names_below_variable: dict[str, str] = field(default_factory=dict)
    _prefixes: dict[str, str] = field(default_factory=dict)  # of the names that ``split`` writes
    _entered_folders: dict[str, None] = field(default_factory=dict)
    _folder: str = ""  # the current one; empty for the one in which the script starts
    _index: PathIndex = field(init=False)

    def __post_init__(self) -> None:
        self._index = PathIndex(self.files)

    @property
    def is_partial(self) -> bool:
        """Whether something was not followed because of a bound."""
        return self.is_cut or self._index.is_cut

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
            if address is None and GLOB_CHARACTER.search(word) and "$" not in word:
                path = self._index.find_match(_normalize_path(word))
                address = None if path is None else self.files[path]
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
        last_words = unwrap_command(commands[-1].words) if commands else []
        writes_by_itself = bool(last_words) and normalize_program_name(last_words[0]) in _WRITES_BY_ITSELF
        if not targets and not writes_by_itself:
            return
        # The download of a single command is recorded with the command.
        address = self._find_piped_address(commands) if len(commands) > 1 else None
        if address is not None and writes_by_itself:
            self._record_unnamed(last_words, address)
        if text is None:  # one that is too long to be evaluated is unknown too
            texts = ((each.input_text or "", *each.words) for each in commands)
            self.is_cut = self.is_cut or any(sum(map(len, each)) > _MAX_TEXT_LENGTH for each in texts)
        for target in targets:
            if address is not None and target not in _NO_FILES:
                self.files[target] = address
            elif text is not None:
                whole_text = f"{self.texts.get(target, '')}\n{text}"
                self.texts[target] = whole_text[:_MAX_TEXT_LENGTH]
                self.is_cut = self.is_cut or len(whole_text) > _MAX_TEXT_LENGTH

    def _find_piped_address(self, commands: list[Command]) -> str | None:
        """Return the address of the content that the commands of a pipeline download, or read from a file."""
        address = find_download_address(commands)
        if address is not None:
            return address
        read_words = (word for each in commands[:-1] for word in (*each.words[1:], *each.input_files))
        return self.find_stored_address(read_words)

    def _record_unnamed(self, words: list[str], address: str) -> None:
        """Record the files that a command makes of a download and whose names it does not show.

        Args:
            words: of ``tar``, ``unzip``, ``split`` or ``patch``.
            address: of the download.
        """
        name = normalize_program_name(words[0])
        if name in UNPACKERS:
            self.places.add_folder(find_target_folder(words))
        elif name == "split":
            operands = [word for word in words[1:] if not word.startswith("-") and not word[:1].isdigit()]
            self._prefixes[_normalize_path(operands[-1]) if operands else "x"] = address

    def follow_folder(self, words: list[str]) -> None:
        """Record the folder that ``cd`` enters, in which later commands read and write files."""
        target = next((word for word in words[1:] if not word.startswith("-")), "")
        if not target or "$" in target or target == "~":
            self._folder = ""
        else:
            folder = posixpath.normpath(posixpath.join(self._folder, target))
            self._folder = folder if len(folder) < LONGEST_FOLDER else ""
        if self._folder and len(self._entered_folders) < _MOST_FOLDERS:
            self._entered_folders[self._folder] = None

    def _list_spellings(self, path: str) -> Iterator[str]:
        """Yield a path, and the paths that it means in the folders that the script has entered."""
        yield path
        if not path.startswith(("/", "~", "$")):
            yield from (posixpath.normpath(posixpath.join(folder, path)) for folder in self._entered_folders)

    def _find_file(self, path: str) -> str | None:
        """Return the address of the downloaded file with this path, or with its name if a folder is unknown."""
        if not self.files and not self._prefixes:
            return None
        address = next((self.files[each] for each in self._list_spellings(path) if each in self.files), None)
        if address is None and self._prefixes:
            prefixes = (path[:-length] for length in range(1, min(_LONGEST_SUFFIX, len(path)) + 1))
            address = next((self._prefixes[prefix] for prefix in prefixes if prefix in self._prefixes), None)
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
        if len(self.files) >= _MOST_FILES and path not in self.files:
            self.is_cut = True
            return
        self.files[path] = address
        self.places.add_file(path)
        if self._folder and not path.startswith(("/", "~", "$")):
            self.files[posixpath.normpath(posixpath.join(self._folder, path))] = address
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
            unnamed_folder = find_unnamed_folder(name, words)
            if unnamed_folder is not None:
                self.places.add_folder(unnamed_folder)
            if not outputs:  # a variable gets the output of the command itself: ``coproc curl …``
                self._record_outputs(command, words, find_address(words) or words[0])
        elif words[:2] == ["git", "pull"] and find_address(words[2:]) is not None:
            self.places.add_folder("")
        elif name in ("cd", "pushd"):
            self.follow_folder(words)
        elif self.files:
            self._record_copies(command, words, name)

    def _record_copies(self, command: Command, words: list[str], name: str) -> None:
        """Record the files that a command makes of downloaded ones.

        Args:
            command: as it is written.
            words: its words without wrappers such as ``sudo``.
            name: its program.
        """
        # ``dd if=source of=target``
        arguments = [word.partition("=")[2] if name == "dd" else word for word in words[1:]]
        if name in _MOVERS:
            self._move_folders([word for word in arguments if not word.startswith("-")])
        address = self.find_stored_address([*arguments, *command.input_files])
        if address is None:
            return
        if name in _WRITES_BY_ITSELF:
            self._record_unnamed(words, address)
        targets = [
            *command.output_files,
            *(arguments[-1:] if name in _COPIES_CONTENT or name in ("cat", "tee") else ()),
        ]
        if name in _MOVERS:  # into a folder
            targets += (posixpath.join(arguments[-1], posixpath.basename(each)) for each in arguments[:-1])
        if name == "sed":  # the command ``w file``, alone or behind ``s/a/b/``
            targets += (match[1] for word in arguments for match in _SED_OUTPUT.finditer(word))
        if name == "rename":
            targets += list_new_names(arguments)
        for target in targets:
            self._record_file(target, address)
            if name in _UNPACKERS:  # ``gunzip x.gz`` writes ``x``
                self._record_file(posixpath.splitext(target)[0], address)

    def _move_folders(self, operands: list[str]) -> None:
        """Record the files of the folders that are moved or copied; the last operand is the target."""
        if len(operands) < 2:
            return
        target = _normalize_path(operands[-1])
        sources = [f"{_normalize_path(each)}/" for each in operands[:-1]]
        below = [(path, source) for source in sources for path in self._index.list_below(source)]
        source_of = dict(reversed(below))  # the first source of each path counts
        for path in iterate_within_deadline(self._index.sort(source_of), items_per_check=16):
            address, source = self.files[path], source_of[path]
            rest = path[len(source) :]
            self._record_file(posixpath.join(target, rest), address)
            self._record_file(posixpath.join(target, posixpath.basename(source[:-1]), rest), address)

    def list_installed_sources(self, words: list[str]) -> Iterator[Mention]:
        """Yield a mention of the address of a downloaded package, patch or image that a command installs.

        Args:
            words: the command, without wrappers.
        """
        if self.files and installs_content(words):
            yield from _mention_source(self.find_stored_address(words[1:]))

    def list_piped_sources(self, commands: list[Command]) -> Iterator[Mention]:
        """Yield a mention of the address of what a pipeline downloads if its last command installs it.

        Args:
            commands: those of the pipeline, in order.
        """
        if len(commands) > 1 and installs_content(unwrap_command(commands[-1].words)):
            yield from _mention_source(self._find_piped_address(commands))

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
            if next_word and is_output_option(name, word):
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
        in_folder += [posixpath.join(folder, each) for each in list_remote_files(words, name)]
        for target in (*named_files, *in_folder, *command.output_files):
            self._record_file(target, address)
        uses_remote_name = name == "curl" and any(map(_REMOTE_NAME_OPTION.fullmatch, words[1:]))
        if "/" in address and (name in _NAMES_FILE_BY_ADDRESS or uses_remote_name):
            self._record_named_by_address(address, folder)

    def _record_named_by_address(self, address: str, folder: str) -> None:
        """Record the file that ``wget`` or ``curl -O`` names like the end of the address, in a folder."""
        last_segment = address.partition("?")[0].rpartition("/")[2]
        target = _normalize_path(posixpath.join(folder, last_segment))
        if target in _NO_FILES:  # the name is unknown, as that of what runs may be
            self.files.setdefault(target, address)
        elif last_segment and target not in self.files:
            self._record_file(target, address)


def _list_targets(command: Command) -> list[str]:
    """List the files that a command writes its input to: those of its redirections, and the arguments of ``tee``."""
    words = unwrap_command(command.words)
    is_tee = bool(words) and normalize_program_name(words[0]) == "tee"
    return [*command.output_files, *(word for word in words[1:] if is_tee and not word.startswith("-"))]


def _mention_source(address: str | None) -> Iterator[Mention]:
    """Yield a mention of the address of something that is installed, if it is one.

    The scheme counts less than for an installer that fetches by itself: a script can verify what it has downloaded.
    """
    if address is not None and "://" in address:
        yield from collect_requirement_mentions(f"https://{address.partition('://')[2]}")


def _normalize_path(path: str) -> str:
    """Return the path that identifies a file here: ``./x`` and ``x`` are one file."""
    return posixpath.normpath(path) if "/" in path and "$" not in path else path
