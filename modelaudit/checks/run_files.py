"""Report the files of a model that a command of another file runs as a program although they were read as data."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from modelaudit.model.address import file_of, write_file_address
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import TOOL, Reference, References
from modelaudit.model.report import ArtifactRecord, Extent
from modelaudit.model.structure import Unread, UnreadReason

_PROGRAM_FORMATS: Final = {
    "python": frozenset({"python", "notebook", "python-build"}),
    "shell": frozenset({"shell"}),
    "program": frozenset({"python", "notebook", "python-build", "shell"}),
    TOOL: frozenset({"python", "notebook", "python-build", "shell"}),
    "named": frozenset({"python", "notebook", "python-build", "shell"}),
    "instructed": frozenset({"python", "notebook", "python-build", "shell"}),
    "dockerfile": frozenset({"shell"}),
    # The values of a document, and the addresses of a lock file, are judged by other rules.
    "requirements": frozenset({"requirements", "json", "yaml"}),
}
# The kind of a program that a download may have written under a name that the script does not show.
_FETCHED: Final = "fetched"
# These kinds settle the language. The whole file is read in it, and only the absences of this reading remain.
_SETTLED: Final = frozenset({"dockerfile", "requirements"})
# Kinds of references that leave no absence, with the language in which the file is read: a script that executes unknown
# text names the file, or a document tells users to run it.
_WITHOUT_ABSENCE: Final = {"named": "shell", "instructed": "program"}
# Formats of text that may contain commands; a file with an open absence is not passed anyway.
_TEXT_FORMATS: Final = frozenset({"text", "json", "yaml", "toml", "table-text", "requirements", "template"})
# A script names documentation to read or to copy it, and shows commands there.
_DOCUMENTATION: Final = (".md", ".markdown", ".mdx", ".rst", ".html", ".htm")
# Of comparing files with wildcards; ten million take about ten seconds.
_MOST_STEPS: Final = 10_000_000
_CHARACTERS_PER_STEP: Final = 64
_CUT: Final = "its commands run files by more wildcards than are compared with the files of the model"
_SEPARATOR: Final = defer_pattern("/")
_MOST_BYTES_OF_NAMED: Final = 2 * 1024 * 1024  # a longer file is data, and takes long to read


class UnjudgedProgram(Struct, frozen=True):
    """A file that is run as a program and whose readers analysed no such program.

    Attributes:
        path: of the file.
        languages: those of the commands that run it, such as python, shell, or program for an unknown one.
        unread: the absence, which names the first command; ``None`` if nothing shows that one executes the file, or the
            commands settle its language.
        is_certain: whether a command executes or reads the file in this language, so that what stays unread counts.
    """

    path: str
    languages: frozenset[str]
    unread: Unread | None = None
    is_certain: bool = False

    def join(self, other: UnjudgedProgram) -> UnjudgedProgram:
        """Return the program with the languages of both, and the first absence."""
        return replace(
            self,
            languages=self.languages | other.languages,
            unread=self.unread or other.unread,
            is_certain=self.is_certain or other.is_certain,
        )


def find_unjudged_programs(
    references: Iterable[tuple[str, References]], records: Sequence[ArtifactRecord]
) -> list[UnjudgedProgram]:
    """List the files that are run as programs and whose readers analysed no such program.

    A file with a wildcard that is beyond the bound is listed too, with an absence and without a language.

    Args:
        references: those of the format ``RUN_FILE``, with the address of the file that contains the command.
        records: of all files.
    """
    files = _NamedFiles(records)
    found: dict[str, UnjudgedProgram] = {}
    for address, group in references:
        for reference in group.items:
            for path in files.list_targets(address, reference):
                record = files.records[path]
                language = reference.named_by
                if language == _FETCHED or path == file_of(address) or _is_judged(record, language):
                    continue
                if language in _WITHOUT_ABSENCE:
                    if path not in found and _may_be_commands(record):
                        found[path] = UnjudgedProgram(path, frozenset({_WITHOUT_ABSENCE[language]}))
                    continue
                program = UnjudgedProgram(path, frozenset({language}), _make_absence(address, reference), True)
                found[path] = found[path].join(program) if path in found else program
    cut = [UnjudgedProgram(path, frozenset(), Unread(UnreadReason.LIMIT, _CUT)) for path in files.cut]
    return [*cut, *found.values()]


def keep_settled(references: Iterable[tuple[str, References]]) -> list[tuple[str, References]]:
    """Return the references that settle the language of their files.

    A word in a text that may be a program hardly shows which further files it runs.
    """
    settled = (
        (address, replace(group, items=tuple(each for each in group.items if each.named_by in _SETTLED)))
        for address, group in references
    )
    return [(address, group) for address, group in settled if group.items]


def find_fetched_programs(
    references: Iterable[tuple[str, References]], records: Sequence[ArtifactRecord]
) -> list[tuple[str, Unread]]:
    """List an absence for each file with a command that runs a program which only a download can have written.

    Args:
        references: those of the format ``RUN_FILE``, with the address of the file that contains the command.
        records: of all files; the model contains a program if one of them has its path, or a path that ends with it,
            because commands copy folders.
    """
    fetched_runs = [
        (address, reference, _find_program_path(reference))
        for address, group in references
        if not file_of(address).lower().endswith(_DOCUMENTATION)
        for reference in group.items
        if reference.named_by == _FETCHED
    ]
    missing = _exclude_contained({path for _, _, path in fetched_runs}, records)
    absences: dict[str, tuple[str, Unread]] = {}
    for address, reference, path in fetched_runs:
        if path in missing and file_of(address) not in absences:
            line = f"line {reference.where.line} " if reference.where.line else "a command "
            detail = f"{line}runs {reference.target}, which a download may have written: it was not analysed"
            absences[file_of(address)] = (address, Unread(UnreadReason.PROGRAM, detail, reference.where))
    return list(absences.values())


def _find_program_path(reference: Reference) -> str:
    """Return the relative path of a program; an absolute path may lead to a copy, so that its name counts."""
    path = posixpath.normpath(write_file_address(reference.target))
    return posixpath.basename(path) if path.startswith(("/", "~")) else path


def _exclude_contained(paths: set[str], records: Sequence[ArtifactRecord]) -> set[str]:
    """Return those of ``paths`` that are neither the path of a file of the model nor the end of one.

    The ends of one path are compared at a time: together, those of all paths take memory by the square of the depth.
    """
    missing = set(paths)
    names = {posixpath.basename(path) for path in paths}
    for record in records:
        if posixpath.basename(record.path) not in names:
            continue
        missing.discard(record.path)
        for separator in _SEPARATOR.finditer(record.path):
            missing.discard(record.path[separator.end() :])
    return missing


def _make_absence(address: str, reference: Reference) -> Unread | None:
    """Return the absence of a file that a command in ``address`` runs; none if the command settles its language."""
    if reference.named_by in _SETTLED:
        return None
    line = f", line {reference.where.line}" if reference.where.line else ""
    detail = f"a command in {address}{line} may run it as a program: its text was read as data"
    return Unread(UnreadReason.PROGRAM, detail)


def _may_be_commands(record: ArtifactRecord) -> bool:
    """Whether a file that a script names may hold commands for it: a short text other than documentation."""
    is_text = bool(record.formats) and _TEXT_FORMATS.issuperset(record.formats) and record.extent is Extent.EXAMINED
    is_documentation = record.path.lower().endswith(_DOCUMENTATION)
    return is_text and record.size <= _MOST_BYTES_OF_NAMED and not is_documentation


class _NamedFiles:
    """The files of a model, which words of commands name.

    Attributes:
        records: of all files by their path.
        cut: the files with commands whose wildcards were not compared with the files, in order.
    """

    def __init__(self, records: Sequence[ArtifactRecord]) -> None:
        self.records = {record.path: record for record in records}
        self.cut: dict[str, None] = {}
        self._characters = sum(map(len, self.records))
        self._steps_left = _MOST_STEPS

    def list_targets(self, address: str, reference: Reference) -> list[str]:
        """List the files that a word may name: beside the file with the command, or below the folder of the model.

        An absolute path may lead to a copy of the model, so that its last part counts.
        """
        word = write_file_address(reference.target.replace("\\", "/"))
        folder = posixpath.dirname(file_of(address))
        bases = (folder, "", posixpath.dirname(folder))
        names = (word.lstrip("/"), posixpath.basename(word)) if word.startswith(("/", "~", "%")) else (word,)
        paths = {posixpath.normpath(posixpath.join(base, name)) for base in bases for name in names if name}
        if not any(mark in word for mark in "*?"):
            return sorted(path for path in paths if path in self.records)
        self._steps_left -= sum(map(self._count_steps, paths))
        if self._steps_left < 0:
            self.cut[file_of(address)] = None
            return []
        return [path for path in self.records for pattern in paths if fnmatchcase(path, pattern)]

    def _count_steps(self, pattern: str) -> int:
        """Return the work of comparing all files with a pattern: each ``*`` may search a whole path."""
        return len(self.records) + pattern.count("*") * self._characters // _CHARACTERS_PER_STEP


def _is_judged(record: ArtifactRecord, kind: str) -> bool:
    """Whether the readers of a file analysed such a program, or an absence states already that it was not."""
    if not _PROGRAM_FORMATS[kind].isdisjoint(record.formats):
        return True
    return any(absence.unread.reason is UnreadReason.PROGRAM for _, absence in record.absences)
