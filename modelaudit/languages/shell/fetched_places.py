"""Know the folders in which a script leaves downloaded files whose names it does not show, such as those of an archive.

A program that the script runs from such a folder may be one of them. Whether the model contains the program is known
only when all its files are read, so that the script yields a reference of the kind ``FETCHED``.

Sources: the manuals of curl, wget, aria2, rsync, tar, unzip, 7-Zip, the AWS command line and the Hugging Face hub.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise, takewhile
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import RUN_FILE, Reference, ReferenceKind
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reading
from modelaudit.wire.bounds import build_references
from modelaudit.wire.deadline import iterate_within_deadline

FETCHED: Final = "fetched"
"""The kind of a file that a script runs and that a download may have written, unless the model contains it."""

UNPACKERS: Final = frozenset(
    {"tar", "bsdtar", "gtar", "unzip", "7z", "7za", "7zr", "7zz", "unrar", "unar", "cpio", "pax", "jar", "ar", "funzip"}
)
"""Programs that write the files of an archive."""
LONGEST_FOLDER: Final = 4_096
"""``PATH_MAX`` of Linux: no command can name a file by a longer path."""

_MOST_REFERENCES: Final = 1_000
_LONGEST_PATH: Final = 300
_SEPARATOR: Final = defer_pattern("/")
_PATCHERS: Final = (("patch",), ("git", "apply"), ("git", "am"))
_FOLDER_OPTIONS: Final = frozenset(
    {"-C", "--directory", "-d", "-P", "--directory-prefix", "--output-dir", "--local-dir", "--dir", "-D"}
)
_JOINED_FOLDER: Final = defer_pattern(
    r"--(?:directory|directory-prefix|output-dir|local-dir|dir)=(.+)|-o([^\s-].*)|-C(\S+)"
)
# Options by which the server, a list or a pattern chooses the names of the files.
_CURL_UNNAMED: Final = defer_pattern(r"-[a-zA-Z]*[KJ]|--config|--remote-header-name|--remote-name-all|[^\s]*#\d.*")
_WGET_UNNAMED: Final = defer_pattern(
    r"-(?!n)[a-zA-Z]*[rmix]|--(?:input-file|recursive|mirror|content-disposition|force-directories|trust-server-names)\b.*"
)
_ARIA_UNNAMED: Final = defer_pattern(r"-[a-zA-Z]*i|--input-file\b.*|.*\.(?:torrent|meta4|metalink)|magnet:.*")
_UNNAMED_OPTIONS: Final = {
    "curl": _CURL_UNNAMED,
    "wget": _WGET_UNNAMED,
    "wget2": _WGET_UNNAMED,
    "aria2c": _ARIA_UNNAMED,
}
_CHOOSES_NAMES: Final = frozenset(
    {"lftp", "lftpget", "ncftp", "ncftpget", "httrack", "yt-dlp", "youtube-dl", "gdown", "ftp", "tftp", "sftp"}
)
_FOLDER_COPIERS: Final = frozenset({"aws", "gsutil", "gcloud", "az", "rclone", "mc", "rsync", "scp"})
_COPIES_FOLDERS: Final = defer_pattern(r"sync|mirror|copy|--recursive|-[a-zA-Z]*[ra][a-zA-Z]*")
_IMPORT: Final = defer_pattern(r"\b(?:import|from)\s+([\w., ]+)")
_LETTER: Final = defer_pattern(r"[A-Za-z_]")
_NAME: Final = defer_pattern(r"\w+")
_PROGRAM_FOLDER: Final = defer_pattern(r"(?:^|/)s?bin\Z|/\.local/bin\Z")
# Folders that other tools fill: of virtual environments and of Node.
_MADE_BY_TOOLS: Final = defer_pattern(r"(?:^|/)(?:node_modules|\.?v?env[\w.-]*|\.tox|\.nox|target|build|dist)/")
# Scripts by which the source code of a project is built, as ``make`` does; installations from source are ordinary.
_BUILD_SCRIPTS: Final = frozenset(
    {"configure", "Configure", "config", "bootstrap", "bootstrap.sh", "autogen.sh", "buildconf", "setup.py", "waf",
     "b2", "gradlew", "mvnw", "Makefile", "makefile", "GNUmakefile"}
)  # fmt: skip


def refer_to_fetched_runs(fetched_runs: Mapping[str, Location]) -> Iterator[Reading]:
    """Yield references to files that commands run and that a download may have written, given with their places."""
    references = (
        Reference(ReferenceKind.CODE, path[:_LONGEST_PATH], FETCHED, where=where)
        for path, where in fetched_runs.items()
    )
    yield from build_references(RUN_FILE, references, _MOST_REFERENCES)


def applies_patch(words: list[str]) -> bool:
    """Whether the command changes files as a patch demands."""
    return any(tuple(words[: len(each)]) == each for each in _PATCHERS)


def find_target_folder(words: list[str]) -> str:
    """Return the folder that an option of a command names for its files; empty for the current one."""
    for option, value in pairwise((*words[1:], "")):
        joined = _JOINED_FOLDER.fullmatch(option)
        if joined is not None and (joined[2] is None or words[0].startswith("7z")):
            return _normalize_folder(joined[1] or joined[2] or joined[3])
        if option in _FOLDER_OPTIONS:
            return _normalize_folder(value)
    return ""


def find_unnamed_folder(name: str, words: list[str]) -> str | None:
    """Return the folder into which a download writes files whose names the command does not show; ``None`` for none.

    Args:
        name: of the program, which downloads.
        words: the command, without wrappers.
    """
    pattern = _UNNAMED_OPTIONS.get(name)
    if pattern is not None:
        return find_target_folder(words) if any(map(pattern.fullmatch, words[1:])) else None
    if name in ("hf", "huggingface-cli"):  # without a folder, it writes to its cache
        has_folder = any(word.startswith("--local-dir") for word in words)
        return find_target_folder(words) if has_folder else None
    if name in _FOLDER_COPIERS:
        target = [word for word in words[1:] if not word.startswith("-")][-1:]
        copies_folder = any(map(_COPIES_FOLDERS.fullmatch, words[1:]))
        return _normalize_folder(target[0]) if copies_folder and target and "://" not in target[0] else None
    is_module = words[1:3] == ["-m", "wget"]
    return "" if name in _CHOOSES_NAMES or is_module else None


def _normalize_folder(path: str) -> str:
    """Return a folder without a slash at its end; empty for the current one."""
    folder = posixpath.normpath(path) if path else ""
    return "" if folder == "." else folder


class FetchedPlaces:
    """The places of one script in which downloaded files of unknown names may be."""

    def __init__(self) -> None:
        self._folders: set[str] = set()
        self._programs: dict[str, str] = {}  # paths by name, of programs in folders where a shell looks for them
        self._modules: dict[str, None] = {}  # paths of Python files
        # The modules that were not yet yielded: for a program that imports them by name, and for a script that may
        # import any of them. Each is yielded once, so that many programs with many modules take no quadratic work.
        self._modules_by_name: dict[str, dict[str, None]] = {}
        self._unreported_modules: dict[str, None] = {}
        self._written: set[str] = set()

    def add_folder(self, folder: str) -> None:
        """Record a folder that gets downloaded files of unknown names."""
        self._folders.add(folder)

    def add_file(self, path: str) -> None:
        """Record a file that a download writes, which a command can run by its name alone, or import."""
        folder, _, name = path.rpartition("/")
        if _PROGRAM_FOLDER.search(folder):
            self._programs[name] = path
        if name.endswith((".py", ".pth")):
            self._modules[path] = self._unreported_modules[path] = None
            self._modules_by_name.setdefault(name.partition(".")[0], {})[path] = None

    def add_written(self, paths: Iterable[str]) -> None:
        """Record files that the script writes itself."""
        self._written.update(posixpath.normpath(path) for path in paths if path)

    def list_possible_programs(self, words: Iterable[str], program: str, is_python: bool) -> Iterator[str]:
        """Yield the paths among words that a command executes, and that a download may have written.

        Args:
            words: the executed ones.
            program: the first word of the command, which is a path only with a slash.
            is_python: whether Python runs them, which may import any downloaded module. Each of these is yielded for
                the first such command.
        """
        if not (self._folders or self._programs or self._modules):
            return
        runs_script = False
        for word in iterate_within_deadline(words, items_per_check=16):
            if word in self._modules:
                yield word
            elif word in self._programs:
                yield self._programs[word]
            elif (word != program or "/" in word) and self._may_be_fetched(word):
                yield word
            runs_script = runs_script or word.endswith(".py")
        if is_python and runs_script:
            unreported, self._unreported_modules = self._unreported_modules, {}
            yield from iterate_within_deadline(unreported)

    def list_imported_modules(self, program: str) -> Iterator[str]:
        """Yield the downloaded files that a program of Python imports as modules, each for the first such program."""
        imported = {name for line in _IMPORT.findall(program) for name in _NAME.findall(line)}
        for name in sorted(imported):
            yield from iterate_within_deadline(self._modules_by_name.pop(name, ()))

    def _may_be_fetched(self, word: str) -> bool:
        """Whether a path lies in a folder that gets downloaded files of unknown names."""
        path = posixpath.normpath(word) if word else ""
        if word.endswith("/"):  # a folder of modules
            return path in self._folders
        is_path = ("/" in word or "." in word.strip(".")) and _LETTER.search(posixpath.basename(path)) is not None
        is_known = path in self._written or posixpath.basename(path) in _BUILD_SCRIPTS or _MADE_BY_TOOLS.search(path)
        if not is_path or is_known or word.startswith(("-", "$")) or any(mark in word for mark in "$*?{[ =:"):
            return False
        if "" in self._folders and not path.startswith(("/", "~")):
            return True
        separators = takewhile(lambda end: end <= LONGEST_FOLDER, (each.start() for each in _SEPARATOR.finditer(path)))
        return path in self._folders or any(end > 0 and path[:end] in self._folders for end in separators)
