"""Lower findings in strings of texts that read as a pickle, where nothing in the model unpickles them.

A vector, a picture or a note in Base64 is data. Loading the file that holds it runs no pickle. Only code that decodes
and unpickles it would, and the model has none that was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelaudit.model.address import STRING_PICKLE
from modelaudit.model.catalogue import Subject
from modelaudit.model.copies import replace
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.lazy_pattern import defer_pattern

_IN_STRING: Final = defer_pattern(rf"!{STRING_PICKLE}@(\d+)")
_FAMILY: Final = "pickle/"
_SUBJECT_OF_MESSAGE: Final = "Loading this file "


def may_unpickle(subject: Subject) -> bool:
    """Whether a subject shows that code of the model unpickles something."""
    return subject.kind == "mention" and subject.fields["effect"] == "deserialise"


def lower_strings(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings; those on pickles in strings of texts are at most medium, and say where the string is."""
    return [_lower_finding(finding) for finding in findings]


_METADATA: Final = "!metadata"


def _lower_finding(finding: Finding) -> Finding:
    place = _IN_STRING.search(finding.artifact)
    if place is None or not finding.rule.startswith(_FAMILY) or finding.severity.rank <= Severity.MEDIUM.rank:
        return finding
    holder = finding.artifact[: place.start()]
    if _METADATA in holder:
        # No program writes a pickle into the metadata of weights, and some loaders read them in ways of their own.
        return finding
    said = finding.message
    if said.startswith(_SUBJECT_OF_MESSAGE):
        said = f"Unpickling this string {said.removeprefix(_SUBJECT_OF_MESSAGE)}"
    message = f"{said} It is a string at byte {place[1]} of {holder}, which nothing in this model unpickles."
    return replace(finding, severity=Severity.MEDIUM, message=message)
