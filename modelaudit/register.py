"""Compose an entry of the register from a saved report, and list the states of all entries."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.agreements import check_agreements
from modelaudit.catalogue.register import fold_name
from modelaudit.decisions import read_today
from modelaudit.licenses.obligations.policy_lists import compare_with_lists
from modelaudit.model.acceptance import AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import OriginState
from modelaudit.model.policy import Policy
from modelaudit.model.register import (
    CONCLUSION,
    DUE_DAYS,
    LONGEST_DAYS,
    DecisionAnswer,
    DecisionSubject,
    OpenSubject,
    RegisterEntry,
    SubjectKind,
    join_licenses,
)
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Answer, Intent
from modelaudit.model.verdict import CauseKind
from modelaudit.policy.absences import apply_policy
from modelaudit.policy.consent import Consent
from modelaudit.policy.dates import find_active_state, find_date_state
from modelaudit.policy.decisions import Decisions
from modelaudit.policy.open_subjects import list_open_absences, list_open_findings, list_open_questions
from modelaudit.policy.recording import record_entry
from modelaudit.policy.subjects import LICENSE_KINDS, find_replacements, match_parts
from modelaudit.reported_model import bind_subject, describe_reported_model, list_absence_pairs
from modelaudit.reports.license_names import find_license_names
from modelaudit.reports.results import ResultKind, list_results
from modelaudit.signoffs import choose_signoff_end, record_approvals, refuse_partial_report, sign_report

_FINGERPRINT: Final = defer_pattern(r"[0-9a-f]{16}")
_FORMS: Final = "a fingerprint, rule/id:artifact, absence-reason:artifact, licence:ID, agreement:ID, or model"
_LICENSE_PREFIXES: Final = {
    "licence": SubjectKind.LICENCE,
    "license": SubjectKind.LICENCE,
    "agreement": SubjectKind.AGREEMENT,
}


class Statement(Struct, frozen=True):
    """What a person decides; ``RegisterEntry`` documents the fields.

    Attributes:
        reference: the number or name of the contract, for an agreement; of the review, for a sign-off.
        role: of the person who decides.
        approver_role: of the person who approved it.
        is_on_any_model: whether an agreement is on every model under its licences, and not on that of the report alone.
    """

    answer: str
    reason: str
    by: str
    approved_by: str
    expires: str
    reference: str = ""
    is_on_any_model: bool = False
    role: str = ""
    approver_role: str = ""

    def signs_off(self, subject: DecisionSubject) -> bool:
        """Whether it is a sign-off: the approval or the refusal of a whole model."""
        answers = (DecisionAnswer.APPROVE, DecisionAnswer.REFUSE)
        return subject.kind is SubjectKind.MODEL and self.answer in answers


def compose_entry(text: str, report: AuditReport, statement: Statement) -> RegisterEntry:
    """Compose the entry of a decision on a subject of a report, decided today, bound to the bytes of the report.

    Args:
        text: the subject, in one of the forms of ``modelaudit decide``.
        report: a saved report.
        statement: what the person decides.

    Raises:
        ConfigurationError: the report holds no such subject or no digest of its bytes, or the statement is incomplete
            or holds longer than a year.
    """
    subject = resolve_subject(text, report)
    today = read_today()
    is_signoff = statement.signs_off(subject)
    if statement.answer == DecisionAnswer.APPROVE and not is_signoff:
        raise ConfigurationError(f"--answer approve: signs off a whole model, and {text} is a part of it; write accept")
    texts = {"reason": statement.reason, "by": statement.by, "approved-by": statement.approved_by}
    texts = {name: " ".join(each.split()) for name, each in texts.items()}
    for name, each in texts.items():
        if not each and not (is_signoff and name == "approved-by"):
            raise ConfigurationError(f"--{name}: is empty; a decision without it cannot be checked later")
    answer = DecisionAnswer(statement.answer)
    if fold_name(texts["by"]) == fold_name(texts["approved-by"]):
        raise ConfigurationError("--approved-by: names the person of --by; another person must approve the decision")
    use = report.license.intent if subject.kind.has_use else None
    permits: tuple[str, ...] = ()
    if subject.kind is SubjectKind.AGREEMENT:
        subject, permits = _compose_agreement(subject, report, statement)
    else:
        _refuse_unfit_options(statement, is_signoff)
    if statement.approver_role and not texts["approved-by"]:
        raise ConfigurationError("--approver-role: is the role of who approved it; add --approved-by NAME")
    expires = statement.expires
    if is_signoff:
        refuse_partial_report(report)
        expires = choose_signoff_end(report, answer, expires, today)
    binding = "" if statement.is_on_any_model else bind_subject(subject, report)
    return RegisterEntry(
        "",
        subject,
        binding,
        answer,
        texts["reason"],
        texts["by"],
        texts["approved-by"],
        today.isoformat(),
        _parse_expiry(expires, today).isoformat(),
        "" if statement.is_on_any_model else report.target.short_name,
        use or Intent(),
        permits,
        sign_report(report, binding, statement.reference) if is_signoff else None,
        *(" ".join(each.split()) for each in (statement.role, statement.approver_role)),
    )


def _refuse_unfit_options(statement: Statement, is_signoff: bool) -> None:
    """Raise ``ConfigurationError`` for an option that belongs to an agreement or a sign-off alone."""
    if statement.is_on_any_model:
        raise ConfigurationError("--any-model: belongs to an agreement:LICENCE; leave it out")
    if statement.reference and not is_signoff:
        raise ConfigurationError(
            "--reference: belongs to an agreement:LICENCE or a sign-off, as in: decide model --answer approve; leave "
            "it out"
        )


def _compose_agreement(
    subject: DecisionSubject, report: AuditReport, statement: Statement
) -> tuple[DecisionSubject, tuple[str, ...]]:
    """Return the subject with the contract, and the kinds of clauses of the report that an agreement can lift.

    Raises:
        ConfigurationError: it has no reference, is refused, or no clause of the report can be lifted.
    """
    if statement.answer == DecisionAnswer.REFUSE:
        raise ConfigurationError("--answer refuse: an agreement is recorded or left out; refuse licence:ID instead")
    reference = " ".join(statement.reference.split())
    if not reference:
        raise ConfigurationError("--reference: is missing; name the contract, such as --reference C-2026-17")
    against = [
        each for each in report.license.answers if each.answer is not Answer.ALLOW and each.license in subject.licenses
    ]
    negotiable = load_catalogue().clauses.negotiable_kinds
    permits = tuple(dict.fromkeys(each.kind for each in against if each.kind in negotiable))
    if against and not permits:
        kinds = ", ".join(dict.fromkeys(each.kind for each in against))
        raise ConfigurationError(f"agreement:{subject.name}: no agreement lifts {kinds}; use licence:ID for a review")
    return replace(subject, reference=reference), permits


def _parse_expiry(text: str, today: date) -> date:
    """Parse ``--expires``: a day from today on, at most a year later. Raises ``ConfigurationError``."""
    last = today + timedelta(days=LONGEST_DAYS)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"--expires {text}: is not a date; write one such as {last}") from None
    if not today <= day <= last:
        raise ConfigurationError(f"--expires {day}: must lie between {today} and {last}, at most a year from today")
    return day


def resolve_subject(text: str, report: AuditReport) -> DecisionSubject:
    """Resolve the subject that a user names. Raises ``ConfigurationError`` if the report does not hold it."""
    if text == SubjectKind.MODEL:
        return DecisionSubject(SubjectKind.MODEL, report.target.short_name)
    if _FINGERPRINT.fullmatch(text):
        return _resolve_fingerprint(text, report)
    name, colon, artifact = text.partition(":")
    if name in _LICENSE_PREFIXES:
        kind, known = _LICENSE_PREFIXES[name], [each.id for each in report.license.entries]
        written = [each.strip() for each in artifact.split(",")] if kind is SubjectKind.AGREEMENT else [artifact]
        # Pages name licences without the prefix of their identifiers.
        identifiers = find_license_names(report.license).identifiers
        ids = [identifiers.get(each, each) for each in written]
        if kind is not SubjectKind.AGREEMENT:
            known.append(CONCLUSION)
        if not set(ids) <= set(known):
            raise ConfigurationError(f"{text}: the report has no such licence; choose one of: {', '.join(known)}")
        return DecisionSubject(kind, join_licenses(ids))
    is_absence = name in set(UnreadReason)
    if not colon or not (is_absence or "/" in name):
        raise ConfigurationError(f"{text!r} is not a subject; write {_FORMS}")
    if text not in _list_names(report):
        raise _explain_missing(text, report)
    return DecisionSubject(SubjectKind.ABSENCE if is_absence else SubjectKind.RULE, name, artifact)


def _resolve_fingerprint(text: str, report: AuditReport) -> DecisionSubject:
    """Resolve the fingerprint of a finding, or of a result for an absence. Raises ``ConfigurationError``."""
    if any(each.fingerprint == text for each in report.findings):
        return DecisionSubject(SubjectKind.FINDING, text)
    result = next((each for each in list_results(report) if each.fingerprint == text), None)
    if result is None:
        raise _explain_missing(text, report)
    if result.kind is ResultKind.CAUSE:
        raise ConfigurationError(
            f"{text}: is the result {result.rule}, which follows from others; `modelaudit decide --list --report FILE` "
            "lists what to decide on"
        )
    return DecisionSubject(SubjectKind.ABSENCE, result.rule.partition("/")[2], result.address)


def _list_names(report: AuditReport) -> list[str]:
    """List the names of all findings and absences of a report, as ``modelaudit decide`` takes them."""
    findings = [name for each in report.findings for name in (each.fingerprint, f"{each.rule}:{each.artifact}")]
    return findings + [absence.name_at(address) for address, absence in list_absence_pairs(report)]


def _explain_missing(text: str, report: AuditReport) -> ConfigurationError:
    """Explain that the report lacks a subject, and suggest the most similar one."""
    similar = difflib.get_close_matches(text, _list_names(report), 1)
    hint = f"did you mean {similar[0]}?" if similar else "`modelaudit decide --list --report FILE` lists what is open"
    return ConfigurationError(f"{text}: the report has nothing of this name; {hint}")


def refuse_repetition(entry: RegisterEntry, entries: Iterable[RegisterEntry]) -> None:
    """Refuse an entry that repeats one which still holds, or contradicts one of today; one that is due may be renewed.

    Raises:
        ConfigurationError: an entry of the register gives the same answer, or was decided today with the other one.
    """
    today, entries = read_today(), tuple(entries)
    replaced_by = find_replacements(entries, today)
    for each in entries:
        if entry.is_about_same(each) and entry.decided == each.decided and entry.answer is not each.answer:
            raise ConfigurationError(
                f"--answer {entry.answer}: {each.place} decided to {each.answer} it today; edit or remove that entry"
            )
        holds = date.fromisoformat(each.expires) - today > timedelta(days=DUE_DAYS)
        is_same = (each.identity, each.answer, each.use) == (entry.identity, entry.answer, entry.use)
        if is_same and entry.competes_with(each) and holds and each.place not in replaced_by:
            raise ConfigurationError(
                f"{each.place} gives this answer until {each.expires} already; edit that entry, or renew it in its "
                f"last {DUE_DAYS} days"
            )


def refuse_without_effect(
    entry: RegisterEntry, report: AuditReport, policy: Policy, entries: Iterable[RegisterEntry] = ()
) -> None:
    """Refuse an entry that no scan of the model of the report would honour, for the reason that the scan would state.

    Args:
        entry: as ``compose_entry`` returns it.
        report: a saved report.
        policy: states which decisions may accept what.
        entries: of the register; an agreement among them permits a denial.

    Raises:
        ConfigurationError: the policy or a licence does not let a decision accept it, or nothing is open.
    """
    if entry.answer is DecisionAnswer.APPROVE:
        return  # a sign-off is a record of the report, whatever its verdict
    # An agreement permits a denial, and a refusal overrules an acceptance.
    others = [
        each
        for each in entries
        if each != entry and (each.subject.kind is SubjectKind.AGREEMENT or each.answer is DecisionAnswer.REFUSE)
    ]
    judged = judge_entries([*others, entry], report, policy).decisions
    record = next((each for each in judged if each.place == entry.place), None)
    if record is None or record.state in (DecisionState.HONOURED, DecisionState.DUE):
        return
    findings = match_parts(entry.subject, report.findings, list_absence_pairs(report)).findings
    is_critical = any(each.severity is Severity.CRITICAL for each in findings) and not policy.accept_critical
    if is_critical and record.state is DecisionState.NOT_PERMITTED and entry.subject.kind not in LICENSE_KINDS:
        file = policy.files[0] if policy.files else "modelaudit.yaml"
        raise ConfigurationError(
            f"--answer accept: {entry.subject} includes a critical finding, and the policy {policy.name} lets no "
            f"decision accept one; set accept-critical: true in {file} first"
        )
    raise ConfigurationError(f"{entry.subject}: no scan would honour this decision. {record.detail}")


class RegisterState(Struct, frozen=True):
    """The decisions of a register with their states, and what they leave open of a report.

    Attributes:
        open: what keeps the report from a pass and may be decided; ``None`` without a report.
    """

    decisions: tuple[RecordedDecision, ...]
    open: tuple[OpenSubject, ...] | None = None


def judge_entries(entries: Sequence[RegisterEntry], report: AuditReport | None, policy: Policy) -> RegisterState:
    """Judge the entries today: by their dates alone, or beside a report.

    Args:
        entries: of the register.
        report: a saved report; ``None`` for none.
        policy: states which decisions may accept what.
    """
    today, rules = read_today(), load_catalogue()
    known = None if report is None else [*rules.licenses, *(each.id for each in report.license.entries)]
    check_agreements((each for each in entries if each.place), rules.clauses, known)
    if report is None:
        replaced_by = find_replacements(entries, today)
        return RegisterState(tuple(_judge_by_date(entry, today, replaced_by) for entry in entries))
    consent = Consent(policy.label, policy.accept_critical)
    decisions = Decisions(entries, describe_reported_model(report), consent, today)
    findings, records = decisions.accept_parts(
        map(_reopen_finding, report.findings),
        [_reopen_record(record, policy) for record in report.coverage.artifacts],
    )
    license_, findings = decisions.accept_license(
        replace(
            report.license,
            acceptance=None,
            answers=tuple(replace(each, acceptance=None, ended="") for each in report.license.answers),
        ),
        findings,
        compare_with_lists(report.license, policy),
        _list_failed_look_ups(report),
        rules.clauses,
    )
    refused = _list_refused(entries, decisions.recorded)
    recorded = (*decisions.recorded, *record_approvals(report, entries, today))
    if SubjectKind.MODEL in refused:
        return RegisterState(recorded, ())
    open_subjects = (
        *list_open_findings(findings, report.policy.gates, consent),
        *list_open_absences(records),
        *list_open_questions(license_, _list_failed_look_ups(report), rules.clauses.negotiable_kinds),
    )
    return RegisterState(recorded, tuple(each for each in open_subjects if each.subject not in refused))


def _list_refused(entries: Iterable[RegisterEntry], decisions: Iterable[RecordedDecision]) -> set[str]:
    """List the subjects that refusals in force settle, as ``modelaudit decide`` takes them."""
    subjects = {each.place: each.subject for each in entries}
    refused: set[str] = set()
    for each in decisions:
        if each.answer == DecisionAnswer.REFUSE and each.state in (DecisionState.HONOURED, DecisionState.DUE):
            subject = subjects[each.place]
            names = {f"{subject.kind}:{subject.name}", f"{subject.name}:{subject.artifact}"}
            refused |= {*each.fingerprints, *names, *([subject.kind] if subject.kind is SubjectKind.MODEL else [])}
    return refused


def _list_failed_look_ups(report: AuditReport) -> list[str]:
    """List a sentence if the report has base models that were not read and on which the licence depends."""
    causes = [each.reason for each in report.decision.causes if each.kind is CauseKind.BASE_MODEL_UNREAD]
    if causes or report.license.acceptance is None:
        return causes
    # An accepted one is no cause any more.
    unread = (OriginState.UNREACHED, OriginState.LIMIT)
    return [f"The base model {each.name} was not read." for each in report.license.origins if each.look in unread]


def _reopen_finding(finding: Finding) -> Finding:
    """Return a finding that is accepted by the policy alone, because the register may state another one by now."""
    is_by_policy = finding.acceptance is None or finding.acceptance.source is AcceptanceSource.POLICY
    return finding if is_by_policy else replace(finding, acceptance=None)


def _reopen_record(record: ArtifactRecord, policy: Policy) -> ArtifactRecord:
    """Return a record whose absences are accepted alone by the policy of the report, or by the policy in use now."""

    def reopen(address: str, absence: Absence) -> Absence:
        is_by_policy = absence.acceptance is not None and absence.acceptance.source is AcceptanceSource.POLICY
        return absence if is_by_policy else apply_policy(address, absence.unread, policy)

    return replace(record, absences=tuple((address, reopen(address, each)) for address, each in record.absences))


def _judge_by_date(entry: RegisterEntry, today: date, replaced_by: Mapping[str, str]) -> RecordedDecision:
    """Return an entry with the state that follows from its dates."""
    ended = find_date_state(entry, today, replaced_by)
    return record_entry(entry, *(ended or (find_active_state(entry, today),)))
