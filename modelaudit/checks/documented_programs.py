"""Decide which uses of names count in a program that a document tells people to run, and that no loader imports.

Whoever follows the card runs ``python inference.py``. The ordinary acts of such programs are medium as in any code
beside the model: they start ffmpeg or git, load a pickle of the model, import what a configuration names. The rest is
judged as in loaded code: a command that no ordinary tool is, a text that is evaluated, bytes that are unpickled where
no file is loaded, a function that runs commands as a value, libraries of unknown path, another address for the Hub.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from msgspec import Struct

from modelaudit.checks.callables import Judgement
from modelaudit.checks.loaded_code import CodeImports
from modelaudit.checks.mentions import build_mention_subject
from modelaudit.model.address import file_of
from modelaudit.model.catalogue import CallableEntry, Catalogue, Scalar, Standing, Subject
from modelaudit.model.finding import Finding
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import DOCUMENTED_PROGRAM, IMPORTED, TOOL, Mention, Reference, References
from modelaudit.model.report import ArtifactRecord

_CODE: Final = "python-code"
_AGENT_TEXTS: Final = "agent-texts"
_NAMED: Final = Judgement(Standing.UNLISTED)
_COMMANDS: Final = "documented-programs"
_PROGRAMS: Final = frozenset({"python", "notebook", "shell"})
_MOST_USES: Final = 100_000
_MOST_REFERENCES: Final = 20_000
_CALLS: Final = frozenset({"call", "call-at-import", "hidden"})
_REFERENCE: Final = "reference"
# A document shows commands of others, and a Python file names data.
_DOCUMENT: Final = defer_pattern(r"\.(?:md|markdown|rst|mdx|txt|html?|ipynb)\Z", re.IGNORECASE)
_PYTHON_FILE: Final = defer_pattern(r"\.pyw?\Z", re.IGNORECASE)
# A command in the option of a tool can be anything.
_PROGRAM_TEXT: Final = defer_pattern(
    r"\A(?:(?:python[\d.]*|node)\b.*\s(?:-\w*[cep]\b|--eval)|git\b.*\s(?:-c\b|--upload-pack|--receive-pack)"
    r"|find\b.*\s-(?:exec|ok)|tar\b.*\s(?:--to-command|--checkpoint-action|-I\b|--use-compress-program)"
    r"|g?awk\b.*\bsystem\(|rsync\b.*\s-e\b|make\b.*\s-f\b|(?:vim?|nano)\b.*\s[-+])"
)
_SUBSTITUTION: Final = defer_pattern(r"`|\$\(|[<>]\(")
_SEPARATOR: Final = defer_pattern(r"&&|\|\||[;|&\n]")
_SETTINGS_BEFORE: Final = defer_pattern(r"\A(?:\w+=\S*\s+)+")
_UNKNOWN: Final = "…"
# Functions that take a command as their first argument. Commands in calls of other functions are not searched.
_TAKING_COMMANDS: Final = ("os.", "subprocess.", "asyncio.", "*.", "IPython.", "commands.")


class DocumentedPrograms:
    """The files that documents and commands have people run so far, and the uses of names in code that count there."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._references: list[tuple[str, Reference, bool]] = []
        self._keys: defaultdict[str, set[str]] = defaultdict(set)
        self._uses_left = _MOST_USES

    @cached_property
    def _ordinary(self) -> Mapping[str, CallableEntry]:
        """The listed commands."""
        return self._catalogue.vocabularies.get(_COMMANDS, {})

    def collect_references(self, address: str, group: References) -> None:
        """Keep the programs that a document, a script or a setting names."""
        path = file_of(address)
        is_documented = group.format == DOCUMENTED_PROGRAM
        if not is_documented and (_DOCUMENT.search(path) or _PYTHON_FILE.search(path)):
            return
        room = _MOST_REFERENCES - len(self._references)
        self._references += ((path, each, is_documented) for each in group.items[: max(room, 0)])

    def collect_use(self, subject: Subject) -> None:
        """Keep a use of a name that counts in a program that people run."""
        fields = subject.fields
        if subject.kind != "mention" or fields["vocabulary"] != _CODE or self._uses_left <= 0:
            return
        if self._counts(fields):
            self._uses_left -= 1
            self._keys[file_of(subject.artifact)].add(subject.key)

    def _counts(self, fields: Mapping[str, Scalar]) -> bool:
        """Whether a use of a name is more than what ordinary programs do."""
        use, name, effect, detail = (str(fields[key]) for key in ("use", "name", "effect", "detail"))
        if name in self._ordinary:
            return self._ordinary[name].standing is Standing.DANGEROUS
        if effect == "command":
            if use == _REFERENCE:
                return detail != IMPORTED
            is_shown = detail != "" or name.startswith(_TAKING_COMMANDS)
            return use in _CALLS and not (is_shown and self._is_ordinary_command(detail))
        if effect == "code":
            return use in _CALLS
        if effect == "deserialise":
            is_of_bytes = name.rpartition(".")[2] == "loads"
            return is_of_bytes and (use == _REFERENCE or use in _CALLS)
        if effect == "native":
            return use in _CALLS and not detail
        return use in ("computed-name", "of-decoded", "of-download", "of-model-data")

    def _is_ordinary_command(self, detail: str) -> bool:
        """Whether a command is one of a tool that programs ordinarily start, or shows nothing."""
        if _SUBSTITUTION.search(detail):
            return False
        return all(map(self._is_ordinary_tool, _SEPARATOR.split(detail.strip("'\""))))

    def _is_ordinary_tool(self, command: str) -> bool:
        """Whether one command of a list starts a tool that programs ordinarily start, or shows nothing."""
        text = _SETTINGS_BEFORE.sub("", command.strip(" '\"()"))
        if not text or text.startswith((_UNKNOWN, "cd ")):
            return True
        if _PROGRAM_TEXT.search(text):
            return False
        try:
            words = shlex.split(text)
        except ValueError:
            words = text.split()
        entry = self._ordinary.get(posixpath.basename(words[0])) if words else None
        return entry is not None and entry.standing is Standing.TRUSTED

    def build_subjects(self, records: Sequence[ArtifactRecord], catalogue: Catalogue) -> Iterator[Subject]:
        """Yield a subject for each file of the model that an editor runs in the place of a tool."""
        paths = {each.path for each in records}
        for source, reference, _ in self._references:
            target = posixpath.normpath(reference.target)
            if reference.named_by == TOOL and target in paths:
                mention = Mention(_AGENT_TEXTS, "program-of-folder", target, reference.where, source)
                yield build_mention_subject(source, "json", mention, _NAMED, catalogue.declarations)

    def list_runners(self, records: Sequence[ArtifactRecord], imports: CodeImports) -> Runners:
        """Return the files that people run, each with the first file that names it, and what these files import."""
        programs = [each.path for each in records if not _PROGRAMS.isdisjoint(each.formats)]
        by_name: defaultdict[str, list[str]] = defaultdict(list)
        for path in programs:
            by_name[posixpath.basename(path)].append(path)
        runners: dict[str, str] = {}
        for source, reference, _ in self._references:
            for path in _list_targets(source, reference.target, by_name):
                if path != source:
                    runners.setdefault(path, source)
        python_files = [path for path in programs if _PYTHON_FILE.search(path)]
        for path in [each for each in runners if _PYTHON_FILE.search(each)]:
            for imported in imports.follow_imports({path}, python_files):
                runners.setdefault(imported, runners[path])
        return Runners(runners, self._keys)


class Runners(Struct, frozen=True):
    """The programs that people run, and the uses that count in them.

    Attributes:
        sources: the file that names each program, by the path of the program.
        keys: the keys of the uses that count, by file.
    """

    sources: Mapping[str, str]
    keys: Mapping[str, set[str]]

    def find_runner(self, finding: Finding) -> str:
        """Return the file that has people run the program of a finding, if its use counts there."""
        counts = finding.key in self.keys.get(finding.artifact, ())
        return self.sources.get(finding.artifact, "") if counts else ""


def _list_targets(source: str, target: str, by_name: Mapping[str, Iterable[str]]) -> list[str]:
    """List the programs that a word of a command may name: by its path, or by the end of one, as folders change."""
    word = posixpath.normpath(target.replace("\\", "/")).lstrip("/~.")
    candidates = by_name.get(posixpath.basename(word), ())
    folder = posixpath.dirname(source)
    beside = posixpath.normpath(posixpath.join(folder, target))
    exact = [path for path in candidates if path in (word, beside)]
    return exact or [path for path in candidates if path.endswith(f"/{word}") or word.endswith(f"/{path}")]
