"""List what a report leaves open, as ``modelaudit decide`` takes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.register import CONCLUSION, OpenSubject, SubjectKind
from modelaudit.model.report import ArtifactRecord
from modelaudit.model.terms import Answer
from modelaudit.policy.consent import Consent
from modelaudit.policy.subjects import Matches


def list_open_findings(
    findings: Iterable[Finding], gates: Mapping[CheckFamily, Severity | None], consent: Consent
) -> Iterator[OpenSubject]:
    """Yield each finding that breaks a gate and that nothing accepts; ``consent`` states which a decision may."""
    for each in findings:
        gate = gates.get(each.check)
        if each.acceptance is None and gate is not None and each.severity.rank >= gate.rank:
            is_acceptable = not consent.explain_obstacle(Matches([each]), is_model=False)
            ending = "" if is_acceptable else " No decision may accept it."
            detail = f"{each.artifact or 'the model'}: {each.message}{ending}"
            yield OpenSubject(each.fingerprint, each.severity, detail, is_acceptable)


def list_open_absences(records: Iterable[ArtifactRecord]) -> Iterator[OpenSubject]:
    """Yield each absence that nothing accepts."""
    for record in records:
        for address, absence in record.absences:
            if absence.acceptance is None:
                yield OpenSubject(absence.name_at(address), "", absence.unread.detail)


def list_open_questions(
    license_: LicenseConclusion, failed_look_ups: Iterable[str], negotiable: Collection[str]
) -> Iterator[OpenSubject]:
    """Yield each licence that leaves the planned use open or denies it, once, and base models that were not read.

    Args:
        license_: the conclusion.
        failed_look_ups: a sentence for each base model that was not read.
        negotiable: the kinds of clauses that an agreement can lift.
    """
    questions: dict[str, OpenSubject] = {}
    for answer in license_.open_answers:
        kind = SubjectKind.AGREEMENT if answer.answer is Answer.DENY else SubjectKind.LICENCE
        subject = f"{kind}:{answer.license or CONCLUSION}"
        is_final = answer.answer is Answer.DENY and answer.kind not in negotiable
        detail = f"{answer.because} No decision and no agreement accepts it." if is_final else answer.because
        questions.setdefault(subject, OpenSubject(subject, "", detail))
    for sentence in failed_look_ups if license_.acceptance is None else ():
        subject = f"{SubjectKind.LICENCE}:{CONCLUSION}"
        questions.setdefault(subject, OpenSubject(subject, "", sentence))
    yield from questions.values()
