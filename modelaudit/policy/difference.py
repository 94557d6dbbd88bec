"""Compare two reports: new, gone and worse results."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import chain
from typing import Final, TypeVar

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.difference import Change, Difference, Direction, Topic
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.license import ConclusionState, Origin
from modelaudit.model.register import DecisionAnswer
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, Target
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Answer, LicenseCategory
from modelaudit.model.verdict import Ruling, Verdict

_VERDICTS: Final = (Verdict.PASS, Verdict.REVIEW, Verdict.INCOMPLETE, Verdict.FAIL)
_ANSWERS: Final = (Answer.ALLOW, Answer.REVIEW, Answer.DENY)
_CATEGORIES: Final = tuple(LicenseCategory)
_CODE_FORMATS: Final = frozenset(
    {
        *("executable", "java-object", "jinja", "joblib", "notebook", "pickle", "python", "python-build", "shell"),
        *("torch-bytecode", "torchscript"),
    }
)
"""The formats whose content is a program."""
_COMMIT_DIGITS: Final = 12

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


def compare_reports(before: AuditReport, after: AuditReport) -> Difference:
    """Compare a report with a later one.

    Worse are: a verdict, a new open finding above info, a higher severity, an acceptance that ended, a new open
    absence, a use that is no longer allowed, a licence that is stricter or no longer concluded, and a refusal whose
    state differs if the verdict is worse. All else only changed.
    """
    changes = chain(
        _compare_verdicts(before, after),
        _compare_refusals(before, after),
        _compare_findings(before, after),
        _compare_absences(before, after),
        _compare_licenses(before, after),
        _compare_lineage(before, after),
        _compare_files(before, after),
    )
    topics, directions = tuple(Topic), tuple(Direction)
    ordered = sorted(
        changes, key=lambda each: (topics.index(each.topic), directions.index(each.direction), each.name, each.detail)
    )
    return Difference(_name_target(before.target), _name_target(after.target), tuple(ordered))


def _name_target(target: Target) -> str:
    """Name a target by its short name and its commit or revision."""
    revision = target.commit[:_COMMIT_DIGITS] if target.commit else target.revision
    return f"{target.short_name}@{revision}" if revision else target.short_name


def _compare_verdicts(before: AuditReport, after: AuditReport) -> Iterator[Change]:
    """Yield a change for each question with another answer."""
    pairs: tuple[tuple[str, Ruling, Ruling], ...] = (
        ("load", before.decision.load, after.decision.load),
        ("use", before.decision.use, after.decision.use),
    )
    for name, old, new in pairs:
        if old.verdict is not new.verdict:
            direction = _compare_ranks(_VERDICTS.index(old.verdict), _VERDICTS.index(new.verdict))
            yield Change(Topic.VERDICT, direction, name, f"{old.verdict} -> {new.verdict}: {new.reason}")


def _compare_refusals(before: AuditReport, after: AuditReport) -> Iterator[Change]:
    """Yield a change for each refusal that is new, gone, or of another state; worse where the verdict is."""
    is_worse = _VERDICTS.index(after.decision.verdict) > _VERDICTS.index(before.decision.verdict)
    direction = Direction.WORSE if is_worse else Direction.CHANGED
    for (subject, _), (old, new) in _pair(_index_refusals(before), _index_refusals(after)):
        if new is None and old is not None:
            yield Change(Topic.REFUSAL, direction, subject, f"gone: {_describe_refusal(old)}")
        elif new is not None and (old is None or old.state is not new.state):
            event = "new" if old is None else f"{old.state} -> {new.state}"
            yield Change(Topic.REFUSAL, direction, subject, f"{event}: {_describe_refusal(new)}")


def _index_refusals(report: AuditReport) -> dict[tuple[str, str], RecordedDecision]:
    """Return the refusals by their subject and the bytes that they bind; one that holds counts before others."""
    refusals = [each for each in report.decisions if each.answer == DecisionAnswer.REFUSE]
    order = {state: place for place, state in enumerate(DecisionState)}
    ordered = sorted(refusals, key=lambda each: order[each.state], reverse=True)
    return {(each.subject, each.bound_to): each for each in ordered}


def _describe_refusal(refusal: RecordedDecision) -> str:
    words = f"{refusal.by} refused it until {refusal.expires} ({refusal.place}): {refusal.reason}"
    return f"{words.rstrip('.')}. {refusal.detail}".rstrip()


def _compare_findings(before: AuditReport, after: AuditReport) -> Iterator[Change]:
    """Yield a change for each finding that is new, gone, of another severity, or no longer accepted alike."""
    old_by_fingerprint = {each.fingerprint: each for each in before.findings}
    new_by_fingerprint = {each.fingerprint: each for each in after.findings}
    for fingerprint, (old, new) in _pair(old_by_fingerprint, new_by_fingerprint):
        if old is None and new is not None:
            is_open = new.acceptance is None or new.key.startswith(f"{Answer.DENY}:")
            is_worse = is_open and new.severity is not Severity.INFO
            yield _describe_finding(
                Direction.WORSE if is_worse else Direction.CHANGED, _name_event(new.acceptance), new
            )
        elif new is None and old is not None:
            yield _describe_finding(Direction.BETTER, "gone", old)
        elif old is not None and new is not None and old.severity is not new.severity:
            direction = _compare_ranks(old.severity.rank, new.severity.rank)
            yield Change(Topic.FINDING, direction, fingerprint, f"{old.severity} -> {new.severity}: {_place(new)}")
        elif old is not None and new is not None and (old.acceptance is None) is not (new.acceptance is None):
            has_ended = new.acceptance is None
            direction = Direction.WORSE if has_ended else Direction.CHANGED
            yield _describe_finding(direction, _name_settlement(old.acceptance, new.acceptance), new)


def _name_settlement(old: Acceptance | None, new: Acceptance | None) -> str:
    """Name the change between an open subject and one that is accepted or that a baseline holds."""
    settled = new or old
    words = _describe_settlement(settled) if settled is not None else ""
    return words if new is not None else f"no longer {words.partition(' until ')[0]}"


def _name_event(acceptance: Acceptance | None) -> str:
    """Name that a subject is new, and who accepts it."""
    return f"new, {_describe_settlement(acceptance)}" if acceptance is not None else "new"


def _describe_settlement(acceptance: Acceptance) -> str:
    """Describe what settles a subject: a person until a day, the policy, the stated stack, or a baseline."""
    if acceptance.source is AcceptanceSource.BASELINE:
        return "known from the baseline"
    until = f" until {acceptance.expires}" if acceptance.expires else ""
    return f"accepted by {acceptance.by}{until}" if acceptance.by else "accepted"


def _describe_finding(direction: Direction, event: str, finding: Finding) -> Change:
    detail = f"{event}: {finding.severity} {finding.rule}, {_place(finding)}"
    return Change(Topic.FINDING, direction, finding.fingerprint, detail)


def _place(finding: Finding) -> str:
    return f"{finding.artifact or 'the model'}: {finding.message}"


def _compare_absences(before: AuditReport, after: AuditReport) -> Iterator[Change]:
    """Yield a change for each absence that is new, gone, or no longer accepted alike."""
    for (address, reason), (old, new) in _pair(_index_absences(before), _index_absences(after)):
        if new is None:
            yield Change(Topic.ABSENCE, Direction.BETTER, address, f"gone: {reason}")
        elif old is None or (old.acceptance is None) is not (new.acceptance is None):
            direction = Direction.WORSE if new.acceptance is None else Direction.CHANGED
            event = _name_settlement(old.acceptance, new.acceptance) if old is not None else _name_event(new.acceptance)
            yield Change(Topic.ABSENCE, direction, address, f"{event}: {reason}: {new.unread.detail}")


def _index_absences(report: AuditReport) -> dict[tuple[str, UnreadReason], Absence]:
    """Return the absences by address and reason; an open one counts before an accepted one."""
    pairs = [pair for record in report.coverage.artifacts for pair in record.absences]
    ordered = sorted(pairs, key=lambda pair: pair[1].acceptance is None)
    return {(address, absence.unread.reason): absence for address, absence in ordered}


def _compare_licenses(before: AuditReport, after: AuditReport) -> Iterator[Change]:
    """Yield a change of the conclusion, of its category and of the answer to the planned use."""
    old, new = before.license, after.license
    if ConclusionState.NOT_CHECKED in (old.state, new.state):
        if old.state is not new.state:
            detail = "not compared: the licence was checked in one of the two reports only"
            yield Change(Topic.LICENCE, Direction.CHANGED, "conclusion", detail)
        return
    if (old.state, old.expression) != (new.state, new.expression):
        was, is_ = old.state is ConclusionState.CONCLUDED, new.state is ConclusionState.CONCLUDED
        direction = Direction.CHANGED if was is is_ else Direction.BETTER if is_ else Direction.WORSE
        detail = f"{old.expression or old.state} -> {new.expression or new.state}"
        yield Change(Topic.LICENCE, direction, "conclusion", detail)
    if old.category is not new.category:
        direction = _compare_ranks(_CATEGORIES.index(old.category), _CATEGORIES.index(new.category))
        yield Change(Topic.LICENCE, direction, "category", f"{old.category} -> {new.category}")
    if old.permission is not new.permission:
        is_comparable = old.permission is not None and new.permission is not None and old.intent == new.intent
        direction = Direction.CHANGED
        if is_comparable and old.permission is not None and new.permission is not None:
            direction = _compare_ranks(_ANSWERS.index(old.permission), _ANSWERS.index(new.permission))
        words = [str(each) if each is not None else "no use stated" for each in (old.permission, new.permission)]
        yield Change(Topic.LICENCE, direction, "planned use", " -> ".join(words))


def _compare_lineage(before: AuditReport, after: AuditReport) -> Iterator[Change]:
    """Yield a change for each base model that is new, gone, or of another licence or state."""
    old_by_name = {each.name: each for each in before.license.origins}
    new_by_name = {each.name: each for each in after.license.origins}
    for name, (old, new) in _pair(old_by_name, new_by_name):
        if old is None and new is not None:
            yield Change(Topic.LINEAGE, Direction.CHANGED, name, f"new base model: {_describe_origin(new)}")
        elif new is None and old is not None:
            yield Change(Topic.LINEAGE, Direction.CHANGED, name, f"no longer a base model: {_describe_origin(old)}")
        elif old is not None and new is not None and _describe_origin(old) != _describe_origin(new):
            yield Change(Topic.LINEAGE, Direction.CHANGED, name, f"{_describe_origin(old)} -> {_describe_origin(new)}")


def _describe_origin(origin: Origin) -> str:
    """Describe a base model by its relation, licences and look-up."""
    return f"{origin.relation}, {', '.join(origin.entries) or 'no licence'}, {origin.look}"


def _compare_files(before: AuditReport, after: AuditReport) -> Iterator[Change]:
    """Yield a change for each file that is added, removed or of other bytes; code has its own topic."""
    old_by_path = {each.path: each for each in before.coverage.artifacts}
    new_by_path = {each.path: each for each in after.coverage.artifacts}
    for path, (old, new) in _pair(old_by_path, new_by_path):
        if old is None and new is not None:
            event, shown = f"added, {new.size:,} bytes", new
        elif new is None and old is not None:
            event, shown = f"removed, {old.size:,} bytes", old
        elif old is not None and new is not None and _differ(old, new):
            event, shown = f"changed, {old.size:,} -> {new.size:,} bytes", new
        else:
            continue
        topic = Topic.CODE if _CODE_FORMATS & set(shown.formats) else Topic.FILE
        yield Change(topic, Direction.CHANGED, path, event)


def _differ(old: ArtifactRecord, new: ArtifactRecord) -> bool:
    """Whether two files have other bytes: by their digests of one algorithm, else by their sizes alone."""
    old_digests = {each.algorithm: each.value for each in (*old.claimed, *old.digests)}
    new_digests = {each.algorithm: each.value for each in (*new.claimed, *new.digests)}
    shared = [each for each in DigestAlgorithm if each in old_digests and each in new_digests]
    if shared:
        return any(old_digests[each] != new_digests[each] for each in shared)
    return old.size != new.size


def _pair(
    old: Mapping[_Key, _Value], new: Mapping[_Key, _Value]
) -> Iterator[tuple[_Key, tuple[_Value | None, _Value | None]]]:
    """Yield each key with its old and its new value; ``None`` where one is missing."""
    for key in dict.fromkeys((*old, *new)):
        yield key, (old.get(key), new.get(key))


def _compare_ranks(old: int, new: int) -> Direction:
    """Return the direction from one rank to another; a higher rank is worse."""
    return Direction.WORSE if new > old else Direction.BETTER if new < old else Direction.CHANGED
