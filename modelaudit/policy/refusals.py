"""Find what a refusal concerns: the bytes that it binds, under any path of the model, and decisions that follow it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from modelaudit.model.acceptance import DecisionState, RecordedDecision
from modelaudit.model.address import file_of
from modelaudit.model.finding import CheckFamily, Finding
from modelaudit.model.register import DecisionSubject, RegisterEntry, SubjectKind
from modelaudit.model.report import Absence
from modelaudit.model.verdict import Question
from modelaudit.policy.subjects import Matches

ACTIVE: Final = (DecisionState.HONOURED, DecisionState.DUE)
ENDED: Final = (DecisionState.EXPIRED, DecisionState.REOPENED)
GONE: Final = "Neither its subject nor the bytes that it binds are in this model under a name of their own."
_EMPTY: Final = hashlib.sha256(b"").hexdigest()
"""Of files without bytes: they are equal without being copies."""


def find_copies(entry: RegisterEntry, digests: Mapping[str, str]) -> tuple[str, ...]:
    """Find the files that hold the bytes which a refusal binds, under any path of the model, sorted.

    Args:
        entry: a refusal.
        digests: the SHA-256 of each file by its path, and of the tree under the empty one.
    """
    bound = {each.removeprefix("sha256:") for each in entry.bound_to.split()} - {_EMPTY}
    return tuple(sorted(path for path, digest in digests.items() if digest in bound))


def match_copies(
    subject: DecisionSubject,
    named: Matches,
    findings: Iterable[Finding],
    absences: Iterable[tuple[str, Absence]],
    copies: Sequence[str],
) -> Matches:
    """Find what a refusal concerns in the files that hold its bytes.

    It concerns the findings of the same rules and the absences of the same reasons, and all of them where nothing
    names these any more.

    Args:
        subject: of the refusal.
        named: the names in the subject.
        findings: of the scan.
        absences: of the scan, with their addresses.
        copies: of ``find_copies``.
    """
    rules = {each.rule for each in named.findings}
    reasons = {str(absence.unread.reason) for _, absence in named.absences}
    rules |= {subject.name} if subject.kind is SubjectKind.RULE else set()
    reasons |= {subject.name} if subject.kind is SubjectKind.ABSENCE else set()
    is_any = not (rules or reasons)
    paths = set(copies) - {""}
    return Matches(
        [each for each in findings if file_of(each.artifact) in paths and (is_any or each.rule in rules)],
        [
            (address, absence)
            for address, absence in absences
            if file_of(address) in paths and (is_any or absence.unread.reason in reasons)
        ],
    )


def combine_matches(first: Matches, second: Matches) -> Matches:
    """Return the findings and absences of both, each once."""
    fingerprints = {each.fingerprint for each in first.findings}
    return Matches(
        [*first.findings, *(each for each in second.findings if each.fingerprint not in fingerprints)],
        [*first.absences, *(pair for pair in second.absences if pair not in first.absences)],
    )


def find_successor(
    entry: RegisterEntry, entries: Sequence[RegisterEntry], records: Mapping[str, RecordedDecision]
) -> str:
    """Return the place of the decision that decides again on the subject of one that ended; empty without one.

    It is one in force on the same subject, or later ones on the whole model or on each finding and absence.

    Args:
        entry: it expired, or its bytes changed or are gone.
        entries: of the register.
        records: their states by their places.
    """
    record = records[entry.place]
    active = [each for each in entries if each.place in records and records[each.place].state in ACTIVE]
    later = [each for each in active if each.decided >= entry.decided]
    whole = [each for each in active if each.subject == entry.subject]
    whole += [each for each in later if each.subject.kind is SubjectKind.MODEL]
    if whole:
        return whole[0].place
    places = {key: each.place for each in later for key in _list_keys(records[each.place])}
    keys = _list_keys(record)
    return places[keys[0]] if keys and all(key in places for key in keys) else ""


def _list_keys(record: RecordedDecision) -> tuple[str, ...]:
    return (*record.fingerprints, *record.absences)


def find_questions(matches: Matches, is_model: bool) -> tuple[Question, ...]:
    """Return the questions that a refusal of parts, or of the model, answers."""
    are_of_license = all(each.check is CheckFamily.LICENSE for each in matches.findings) and not matches.absences
    if is_model:
        return Question.LOAD, Question.USE
    return (Question.USE,) if are_of_license and matches else (Question.LOAD,)
