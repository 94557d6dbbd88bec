"""Mark the files that no loader of a model runs by itself: a person starts them, or follows what they say."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from modelaudit.model.address import file_of, is_member
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.format_promises import Formats
from modelaudit.model.outline import References
from modelaudit.model.report import ArtifactRecord

_PYTHON: Final = "python"


_WILDCARDS: Final = frozenset("*?[{")
_ANY: Final = "*"
"""The name of a command that may run files of any name."""


def collect_commanded_names(group: References) -> Iterable[str]:
    """Return the names of the files that the commands of a file run, without their folders; ``*`` with a wildcard."""
    names = (posixpath.basename(each.target.replace("\\", "/")) for each in group.items)
    return (_ANY if _WILDCARDS.intersection(name) else name for name in names)


def mark_started_files(
    records: Sequence[ArtifactRecord],
    findings: Iterable[Finding],
    formats: Formats,
    find_beside: Callable[[], Mapping[str, str]],
    commanded: Mapping[str, Collection[str]],
) -> list[ArtifactRecord]:
    """Return the records; those of files that a person starts are marked.

    A file that a command of another kind of file runs keeps its record, because a loader may run that command.

    Args:
        records: of all files.
        findings: so far; without one that is high, no Python file is looked at.
        formats: which formats no loader runs by itself.
        find_beside: returns the Python files that are not loaded with the model.
        commanded: the files with commands that run a file of this name, by the name.
    """
    by_hand = {each.path for each in records if _is_by_hand(each, formats)}
    graves = {
        file_of(each.artifact)
        for each in findings
        if each.check is CheckFamily.SECURITY and each.severity.rank >= Severity.HIGH.rank
        if not is_member(each.artifact)
    }
    if any(each.path in graves and each.formats[:1] == (_PYTHON,) for each in records):
        by_hand |= find_beside().keys()
    is_any_commanded = not by_hand.issuperset(commanded.get(_ANY, ()))
    return [
        replace(record, is_by_hand=True)
        if record.path in by_hand
        and not is_any_commanded
        and by_hand.issuperset(commanded.get(posixpath.basename(record.path), ()))
        else record
        for record in records
    ]


def _is_by_hand(record: ArtifactRecord, formats: Formats) -> bool:
    """Whether a file is of a format that no loader runs by itself, and of none that one runs."""
    return bool(formats.by_hand.intersection(record.formats[:1])) and not formats.runs_code.keys() & set(record.formats)
