"""Decide whether a setting that takes a guard away has code, or another repository, at hand that the guard kept out.

The setting may be read before the file that it concerns, so that it is judged when all files were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Final

from msgspec import Struct

from modelaudit.model.catalogue import Subject
from modelaudit.model.copies import replace
from modelaudit.model.report import ArtifactRecord

_VOCABULARY: Final = "switches"
_REMOTE_CODE: Final = "trust_remote_code=true"
_VARIABLE: Final = "variable"
_SOURCES: Final = "weight-sources"
_WITH_CODE: Final = "-with-code"
_PYTHON: Final = "python"


class GuardedCode(Struct, frozen=True):
    """The code that a guard of a loader keeps out until the user allows it.

    Attributes:
        named: the files that configurations name as code, whether or not they lie in the model.
        records: of all files.
        find_beside: returns the Python files that are not loaded with the model; called only where that matters.
        strangers: other repositories and addresses that configurations name for weights.
    """

    named: Set[str]
    records: Iterable[ArtifactRecord]
    find_beside: Callable[[], Mapping[str, str]]
    strangers: tuple[str, ...] = ()

    def describe_for(self, use: str) -> str:
        """Return the code, or the other repository, that a guard of this use concerns; empty without any."""
        present = [each.path for each in self.records if _PYTHON in each.formats]
        named = sorted(self.named & set(present)) or sorted(self.named)
        if named or use != _VARIABLE:
            return named[0] if named else ""
        loaded = [path for path in present if path not in self.find_beside()] if present else []
        # A script that sets the variable may run any of them.
        return next(iter((*sorted(loaded), *self.strangers, *sorted(present))), "")


def depends_on_code(subject: Subject) -> bool:
    """Whether the severity of the subject depends on the code in the model: it takes a guard against code away."""
    fields = subject.fields
    return (
        subject.kind == "mention"
        and fields["vocabulary"] == _VOCABULARY
        and (fields["use"] == _VARIABLE or (fields["use"] == "switch" and fields["name"] == _REMOTE_CODE))
    )


def find_stranger(subject: Subject) -> str:
    """Return the repository or address that a subject names as a source of weights; empty for other subjects."""
    is_source = subject.kind == "mention" and subject.fields["vocabulary"] == _SOURCES
    return str(subject.fields["name"]) if is_source else ""


def mark_guards(subjects: Iterable[Subject], code: GuardedCode) -> Iterator[Subject]:
    """Yield ``subjects``; those with code at hand get the use ``switch-with-code`` or ``variable-with-code``.

    Args:
        subjects: subjects for which ``depends_on_code`` holds.
        code: of the model.
    """
    described: dict[str, str] = {}
    for subject in subjects:
        use = str(subject.fields["use"])
        if use not in described:
            described[use] = code.describe_for(use)
        if described[use]:
            fields = {**subject.fields, "use": use + _WITH_CODE, "detail": described[use]}
            yield replace(subject, fields=fields)
        else:
            yield subject
