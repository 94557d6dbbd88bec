"""List and read the files of a code base within limits, and hand each to the reader of its kind."""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.discovery.code_file import CodeFile
from modelaudit.discovery.documents import DocumentReader
from modelaudit.discovery.local_paths import LocalPaths
from modelaudit.discovery.modules import ModuleIndex
from modelaudit.discovery.names import NameReader, is_hub_name
from modelaudit.discovery.notebooks import NotebookReader
from modelaudit.discovery.python_uses import PythonReader
from modelaudit.discovery.scripts import ScriptReader
from modelaudit.discovery.tracked_files import read_tracked_files
from modelaudit.languages.python.source_encoding import decode_source
from modelaudit.model.artifact import Window
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.discovery import HUGGING_FACE, LOCAL, Discovery, DiscoveryRules, FileAbsence, ModelUse
from modelaudit.model.errors import ConfigurationError, SourceError, WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.sources.walk import Entry, make_entry, walk_folder
from modelaudit.sources.windows import LocalFile
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import apply_deadline, start_deadline
from modelaudit.wire.text import decode_loosely

_SHEBANG: Final = defer_pattern(
    rb"(?:\xef\xbb\xbf)?#![^\n]{0,200}?(?:\b(?:(ba|z|da|k)?sh|((?:python|pypy)[\d.]*))\b|\b(uv)[ \t]+run\b)"
)
_LONGEST_SHEBANG: Final = 256
_ENVIRONMENT: Final = ({"pyvenv.cfg"}, {"bin", "Scripts"}, {"lib", "Lib", "lib64"})
"""A virtual environment has one name of each set."""
_MOST_OTHER_KINDS: Final = 20
_FROM_HUB: Final = "is not a path of the code base, so where nothing makes it, the library takes it from the Hub"


class _File(Struct, frozen=True):
    """A regular file below the root, with the way in which it is read; empty for a kind that is not read."""

    path: str
    kind: str
    size: int
    open: LocalFile


def discover(path: str, limits: Limits, catalogue: Catalogue) -> Discovery:
    """Find the models that the code in a folder or file loads.

    Args:
        path: the folder or file, as the user typed it; the files of the result begin with it.
        limits: bounds on files, depth, bytes and time; reaching one is an absence.
        catalogue: its ``discovery`` lists the calls, commands and keys.

    Raises:
        ConfigurationError: the path does not exist.
        SourceError: the folder cannot be listed.
    """
    return _CodeBase(path, limits, catalogue.discovery).search()


class _CodeBase:
    """One run over a code base."""

    def __init__(self, path: str, limits: Limits, rules: DiscoveryRules) -> None:
        self._typed = path
        self._limits = limits
        self._rules = rules
        self._absences: list[FileAbsence] = []
        self._skipped: Counter[str] = Counter()
        self._others: Counter[str] = Counter()
        self._texts: dict[str, str | None] = {}
        self._hub_forms = {
            each.id
            for each in rules.calls.values()
            if each.name_form.source == HUGGING_FACE and each.name_form.takes_paths and not each.name_form.prefixes
        }
        self._tracked = read_tracked_files(os.path.realpath(path))

    def search(self) -> Discovery:
        """Read every file and return all that was found."""
        files, paths = self._list_files()
        by_path = {file.path: file for file in files}
        names = NameReader(self._rules, paths)
        sources = [file.path for file in files if file.kind == "python"]
        modules = ModuleIndex(sources, lambda path: self._read_quietly(by_path[path]))
        python = PythonReader(self._rules, names, modules)
        paths_on_disk = self._make_local_paths()
        uses: dict[ModelUse, None] = {}
        read = 0
        for file in files:
            if not file.kind:
                continue
            read += 1
            for found in self._read_file(file, names, python):
                if isinstance(found, ModelUse):
                    uses.update(dict.fromkeys(self._resolve_path(found, file.path, paths_on_disk)))
                else:
                    self._absences.append(FileAbsence(self._spell(file.path), found))
        others = self._others.most_common(_MOST_OTHER_KINDS)
        return Discovery(
            root=self._typed,
            uses=tuple(sorted(_drop_repeated(uses), key=_order_use)),
            absences=tuple(sorted(self._absences, key=lambda each: (each.file, each.unread.where.line or 0))),
            files_read=read,
            files_of_other_kinds=tuple(sorted(others, key=lambda each: (-each[1], each[0]))),
            skipped_folders=tuple(sorted(self._skipped.items())),
        )

    def _make_local_paths(self) -> LocalPaths:
        """Return the paths of the code base; that of a single file is the folder around it."""
        root = os.path.realpath(self._typed)
        if Path(root).is_dir():
            return LocalPaths(root, "" if self._typed in (".", "./") else self._typed)
        return LocalPaths(root.rpartition("/")[0] or "/", self._typed.rpartition("/")[0])

    def _resolve_path(self, use: ModelUse, file: str, paths: LocalPaths) -> Iterator[ModelUse]:
        """Yield the files and folders that the path of a use may mean; any other use stays as it is."""
        if use.source != LOCAL or use.name is None:
            yield use
            return
        found, absences = paths.resolve(use, file.rpartition("/")[0])
        yield from found
        # The library takes a name from the Hub where the working directory of the program has no such path.
        if use.form in self._hub_forms and is_hub_name(use.name):
            owner = use.name.partition("/")[0].lower()
            if all(each.path is None for each in found):
                absences.append(Unread(UnreadReason.CONTENT_ABSENT, f"{use.name} {_FROM_HUB}"))
            elif use.name not in {each.name for each in found} and owner not in self._rules.local_folders:
                yield replace(use, source=HUGGING_FACE, detail="the code base holds a folder of this name too")
        for absence in absences:
            place = Location(line=use.line)
            self._absences.append(FileAbsence(self._spell(file), replace(absence, where=place)))

    # ---- listing ----

    def _list_files(self) -> tuple[list[_File], frozenset[str]]:
        """Return the regular files, and the paths of all files and folders below the root.

        Raises:
            ConfigurationError: the path does not exist.
            SourceError: the folder cannot be listed.
        """
        root = os.path.realpath(self._typed)
        try:
            status = Path(root).lstat()
            if not Path(root).is_dir():
                folder, _, name = root.rpartition("/")
                entry = make_entry(name, status, os.access(root, os.R_OK))
                return list(self._select_files([entry], folder or "/")), frozenset()
            entries = sorted(walk_folder(root, self._limits, self._wants_folder), key=lambda entry: entry.path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ConfigurationError(f"{self._typed!r} does not exist; name a folder or file of a code base") from error
        except OSError as error:
            raise SourceError(f"{self._typed!r} cannot be searched: {error.strerror}; check its permissions") from error
        paths = {entry.path for entry in entries}
        paths |= {parent for path in tuple(paths) for parent in _list_parents(path)}
        return list(self._select_files(entries, root)), frozenset(paths)

    def _wants_folder(self, path: str, names: Sequence[str]) -> bool:
        """Whether a folder may hold code of the project; one that may not is counted."""
        name = path.rpartition("/")[2]
        reason = name if name.lower() in self._rules.skipped_folders else ""
        reason = reason or ("virtual environment" if _is_environment(names) else "")
        # What git tracks is code of the project, whatever the folder is named and whoever made it.
        if not reason or self._tracked.holds_folder(path):
            return True
        self._skipped[reason] += 1
        return False

    def _select_files(self, entries: Iterable[Entry], root: str) -> Iterator[_File]:
        """Yield the regular files; an entry that cannot be read is an absence if its name is that of code."""
        for entry in entries:
            kind = self._find_kind(entry.path)
            if entry.link or entry.state is None or entry.obstacle is not None:
                self._report_obstacle(entry, kind)
                continue
            file = LocalFile(root, entry.path, entry.state, self._limits.read_bytes)
            kind = kind or self._find_kind_by_start(entry, file)
            if not kind:
                self._others[_get_ending(entry.path)] += 1
            elif entry.state.size > self._limits.prose_bytes:
                detail = f"it has {entry.state.size} bytes, more than the {self._limits.prose_bytes} that are read"
                self._absences.append(FileAbsence(self._spell(entry.path), Unread(UnreadReason.LIMIT, detail)))
                continue
            yield _File(entry.path, kind, entry.state.size, file)

    def _report_obstacle(self, entry: Entry, kind: str) -> None:
        """Report an entry that is not read; a link is none, because its target is read under its own path if inside."""
        if entry.link:
            target = os.path.realpath(f"{os.path.realpath(self._typed)}/{entry.path}")
            root = os.path.realpath(self._typed)
            if not kind or target.startswith(root.rstrip("/") + "/"):
                return
            unread = Unread(UnreadReason.LINK_OUTSIDE, "the link leads out of the folder, or to nothing")
            self._absences.append(FileAbsence(self._spell(entry.path), unread))
        elif entry.obstacle is not None and (kind or entry.state is None):
            self._absences.append(FileAbsence(self._spell(entry.path), entry.obstacle))

    def _find_kind(self, path: str) -> str:
        """Return the kind that the name of a file shows; empty if it shows none."""
        name = path.rpartition("/")[2].lower()
        for kind, rule in self._rules.files.items():
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in rule.names):
                # ``Dockerfile*`` does not name a script beside it, such as ``dockerfile_parse.py``.
                by_ending = next(
                    (each for each, other in self._rules.files.items() if name.endswith(other.endings)), ""
                )
                return by_ending if by_ending == "python" else kind
        return next((kind for kind, rule in self._rules.files.items() if name.endswith(rule.endings)), "")

    def _find_kind_by_start(self, entry: Entry, file: LocalFile) -> str:
        """Return the kind that the first line of a file shows whose name shows none."""
        if entry.state is None or not entry.state.size > 2:
            return ""
        try:
            with file() as window:
                match = _SHEBANG.match(window.read(0, min(window.size, _LONGEST_SHEBANG)))
        except WindowError:
            return ""
        return "" if match is None else "python" if match[2] or match[3] else "shell"

    # ---- reading ----

    def _read_quietly(self, file: _File) -> str | None:
        """Return the text of a file, which is kept; ``None`` if it cannot be read, which is reported elsewhere."""
        if file.path not in self._texts:
            try:
                with file.open() as window:
                    text = self._decode_python(file, window) if file.kind == "python" else self._decode(window)
                self._texts[file.path] = text.replace("\r\n", "\n").replace("\r", "\n")
            except WindowError:
                self._texts[file.path] = None
        return self._texts[file.path]

    def _decode(self, window: Window) -> str:
        """Return the text of a file that declares no encoding. Raises ``WindowError``."""
        size = min(window.size, self._limits.prose_bytes)
        step = self._limits.read_bytes
        return decode_loosely(b"".join(window.read(start, min(step, size - start)) for start in range(0, size, step)))

    def _decode_python(self, file: _File, window: Window) -> str:
        """Return the text of a source, and report an encoding that is not known. Raises ``WindowError``."""
        source = decode_source(window, None, self._limits.prose_bytes)
        if source.encoding:
            detail = f"it declares the encoding {source.encoding}, which may hide calls"
            self._absences.append(FileAbsence(self._spell(file.path), Unread(UnreadReason.DAMAGED, detail)))
        if source.cut_after is not None:
            detail = f"only its first {source.cut_after:,} characters are read"
            self._absences.append(FileAbsence(self._spell(file.path), Unread(UnreadReason.LIMIT, detail)))
        return source.text.replace("\0", "")

    def _read_file(self, file: _File, names: NameReader, python: PythonReader) -> Iterator[ModelUse | Unread]:
        """Yield the uses in a file, and the absences of what was not read."""
        text = self._read_quietly(file)
        if file.kind != "python":
            self._texts.pop(file.path, None)
        if text is None:
            yield Unread(UnreadReason.UNREADABLE, "it could not be read, or changed while it was read")
            return
        with apply_deadline(start_deadline(self._limits, file.size)):
            try:
                yield from self._read_text(file, text, names, python)
            except LimitReachedError as error:
                yield Unread(UnreadReason.LIMIT, str(error))
            except DamagedError as error:
                yield Unread(UnreadReason.DAMAGED, str(error))

    def _read_text(
        self, file: _File, text: str, names: NameReader, python: PythonReader
    ) -> Iterator[ModelUse | Unread]:
        """Yield what the reader of the kind of a file finds in its text."""
        spelt, folder = self._spell(file.path), file.path.rpartition("/")[0]
        if file.kind == "python":
            result = python.read_source(text, file.path, spelt)
            yield from result.uses
            yield from result.absences
            return
        if not python.may_load(text):
            return
        code_file = CodeFile(
            spelt, folder, names, self._rules, lambda source: python.read_command(source, file.path, spelt)
        )
        if file.kind == "notebook":
            notebooks = NotebookReader(self._rules, names, python, self._limits)
            yield from notebooks.read_notebook(text, file.path, spelt)
        elif file.kind in ("yaml", "json", "policy"):
            documents = DocumentReader(code_file, self._limits)
            yield from documents.read_policy(text) if file.kind == "policy" else documents.read_text(text)
        else:
            scripts = ScriptReader(code_file)
            name = file.path.rpartition("/")[2].lower()
            readers = {
                "docker": scripts.read_dockerfile,
                "make": scripts.read_makefile,
                "modelfile": scripts.read_modelfile,
                "lines": scripts.read_lines,
            }
            yield from readers[file.kind](text) if file.kind in readers else scripts.read_shell(text, name)

    def _spell(self, path: str) -> str:
        """Return a path below the root as the user would type it."""
        if not Path(self._typed).is_dir():
            return self._typed
        prefix = "" if self._typed in (".", "./") else self._typed.rstrip("/") or "/"
        return f"{prefix.rstrip('/')}/{path}" if prefix else path


def _is_environment(names: Sequence[str]) -> bool:
    """Whether the names in a folder are those of a virtual environment of Python."""
    return all(not each.isdisjoint(names) for each in _ENVIRONMENT)


def _list_parents(path: str) -> Iterator[str]:
    """Yield each folder around a path."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _get_ending(path: str) -> str:
    """Return the ending of the name of a file in lower case; ``(none)`` for a name without one."""
    return os.path.splitext(path)[1].lower() or "(none)"  # noqa: PTH122 (a hostile name need not be a path)


def _order_use(use: ModelUse) -> tuple[str, int, str, str, str]:
    """Return the key by which uses are sorted."""
    return use.file, use.line, use.form, use.name or "", use.revision or ""


def _drop_repeated(uses: Iterable[ModelUse]) -> Iterator[ModelUse]:
    """Yield each name once for a line: the first form that found it says most."""
    seen: set[tuple[str, int, str | None, str | None]] = set()
    for use in uses:
        key = (use.file, use.line, use.name, use.revision)
        if key not in seen:
            seen.add(key)
            yield use
