"""Mark calls of code that unpickle a file of the same model, which this scan read without a finding.

The call itself is known then, and so is the program that it runs. Where the code may fetch another file, or the path is
known in part, the call stays as severe as that of any file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from modelaudit.model.address import file_of
from modelaudit.model.catalogue import Subject
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Outline
from modelaudit.model.reading import Structure
from modelaudit.model.report import ArtifactRecord, Extent

_DESERIALISE: Final = "deserialise"
_EXECUTE: Final = "builtins.exec"
_CALLS: Final = frozenset({"call", "call-at-import"})
_MARKED: Final = "call-of-read-file"
# Code that fetches files or starts programs may load another file than the one of the model under the same name.
_FETCHING: Final = frozenset({"network", "command"})
_FETCHING_NAME: Final = defer_pattern(
    r"download|retrieve|wget|snapshot|cached|fetch|filesystem|copy|\A(?:move|rename|replace)s?\Z|link|unpack|extract"
    r"|chdir|temp|write",
    re.IGNORECASE,
)
_PICKLES: Final = frozenset({"pickle", "joblib", "torch-zip", "torch", "npy", "npz"})
_SOURCES: Final = frozenset({"python"})
_UNKNOWN_FOLDER: Final = "…/"


def loads_known_file(subject: Subject) -> bool:
    """Whether a subject is a call of code that unpickles a file whose path the source shows."""
    fields = subject.fields
    if subject.kind != "mention" or fields["use"] not in _CALLS or not fields["file"]:
        return False
    return fields["effect"] == _DESERIALISE or fields["name"] == _EXECUTE


def may_fetch(subject: Subject) -> bool:
    """Whether a subject shows that its file fetches other files or starts programs."""
    return subject.kind == "mention" and subject.fields["effect"] in _FETCHING


def names_download(structure: Structure) -> bool:
    """Whether a structure of code uses a function that is called like a download, reviewed or not."""
    if not isinstance(structure, Outline) or structure.format not in ("python", "notebook"):
        return False
    return any(_FETCHING_NAME.search(each.name.rpartition(".")[2]) for each in structure.mentions)


def mark_read_files(
    subjects: Iterable[Subject],
    fetching: frozenset[str],
    records: Sequence[ArtifactRecord],
    findings: Sequence[Finding],
) -> Iterator[Subject]:
    """Yield ``subjects``; those whose file was read without a finding get the use ``call-of-read-file``.

    Args:
        subjects: subjects for which ``loads_known_file`` holds.
        fetching: the files for which ``may_fetch`` or ``names_download`` holds.
        records: of all files.
        findings: on all files.
    """
    found = {file_of(each.artifact) for each in findings if each.check is not CheckFamily.LICENSE}
    formats = {each.path: frozenset(each.formats) for each in records}
    states = {
        each.path: each.extent is Extent.EXAMINED
        and not each.absences
        and not each.contradicting_claims
        and each.path not in found
        for each in records
    }
    for subject in subjects:
        paths = [] if file_of(subject.artifact) in fetching else _list_files(subject, states)
        wanted = _SOURCES if subject.fields["name"] == _EXECUTE else _PICKLES
        if paths and all(states[path] and not wanted.isdisjoint(formats[path]) for path in paths):
            yield replace(subject, fields={**subject.fields, "use": _MARKED, "file": ", ".join(paths)})
        else:
            yield subject


def _list_files(subject: Subject, paths: Collection[str]) -> list[str]:
    """List the files of the model that the path of a call may mean."""
    return list_named_files(str(subject.fields["file"]), file_of(subject.artifact), paths)


def list_named_files(path: str, source: str, paths: Collection[str]) -> list[str]:
    """List the files of the model that a path in a source may mean, those beside the source first.

    Args:
        path: as the source writes it, with ``…/`` for a folder that it does not show.
        source: the path of the source.
        paths: of all files.
    """
    folder = posixpath.dirname(source)
    if path.startswith(_UNKNOWN_FOLDER):
        end = path.removeprefix(_UNKNOWN_FOLDER)
        found = [each for each in paths if each == end or each.endswith(f"/{end}")]
        return sorted(found, key=lambda each: posixpath.dirname(each) != folder)
    possible = (posixpath.normpath(posixpath.join(folder, path)), posixpath.normpath(path))
    return [each for each in dict.fromkeys(possible) if each in paths]
