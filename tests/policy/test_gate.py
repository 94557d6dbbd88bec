from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.cases import check_each
from support.decisions import build_decision

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.policy import AllowedAbsence, LicenseListing, Policy, Requirement
from modelaudit.model.report import Absence, ArtifactRecord, Coverage, Extent
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.terms import Answer, LicenseCategory
from modelaudit.model.verdict import CauseKind, Question, Verdict
from modelaudit.policy.absences import apply_policy
from modelaudit.policy.gate import Evidence, decide_verdict

HIGH = dict.fromkeys(CheckFamily, Severity.HIGH)
NEVER = dict.fromkeys(CheckFamily, None)
POLICY = Policy("test", "", HIGH, tuple(CheckFamily))
UNREAD = Unread(UnreadReason.NO_READER, "no reader for PNG")
READ = ArtifactRecord("a.json", 1, Extent.EXAMINED)
NOT_READ = ArtifactRecord("b.png", 1, Extent.NOT, absences=(("b.png", Absence(UNREAD)),))
# Not read either, and the policy accepts it.
ACCEPTED = ArtifactRecord(
    "b.png",
    1,
    Extent.NOT,
    absences=(("b.png", Absence(UNREAD, Acceptance(AcceptanceSource.POLICY, "policy", "a picture"))),),
)


def make_finding(severity: Severity) -> Finding:
    """Return a security finding of this severity in the file ``a``."""
    return Finding("pickle/dangerous-call", severity, CheckFamily.SECURITY, "a", "message")


def make_evidence(coverage: Coverage, findings: Sequence[Finding] = (), policy: Policy = POLICY) -> Evidence:
    """Return evidence without a licence; no planned use is stated."""
    nothing = LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN)
    return Evidence(coverage, Coverage(()), findings, nothing, policy)


def make_coverage(*records: ArtifactRecord) -> Coverage:
    return Coverage(records)


@check_each(
    "records, severities, verdict",
    [
        ((READ,), (), Verdict.PASS),
        ((READ,), (Severity.MEDIUM,), Verdict.PASS),
        ((READ,), (Severity.HIGH,), Verdict.FAIL),
        ((READ, NOT_READ), (), Verdict.INCOMPLETE),
        ((READ, NOT_READ), (Severity.CRITICAL,), Verdict.FAIL),
        ((READ, ACCEPTED), (), Verdict.PASS),
        ((ACCEPTED,), (), Verdict.INCOMPLETE),
        ((), (), Verdict.INCOMPLETE),
    ],
)
def test_verdict_follows_from_coverage_and_severities(
    records: tuple[ArtifactRecord, ...], severities: tuple[Severity, ...], verdict: Verdict
) -> None:
    decision = decide_verdict(make_evidence(make_coverage(*records), [make_finding(each) for each in severities]))
    assert decision.verdict is verdict
    assert decision.reasons


def test_reasons_name_the_worst_findings_and_the_first_absences() -> None:
    failing = [replace(make_finding(Severity.CRITICAL), artifact=name) for name in "abcde"]
    reasons = decide_verdict(make_evidence(make_coverage(READ, NOT_READ), failing)).reasons
    assert reasons[0] == "5 findings at or above high: 5 critical"
    assert reasons[1:4] == ("a: message", "b: message", "c: message")
    assert reasons[4:] == ("1 part not examined: 1 in a format without a reader", "b.png: no reader for PNG")


def test_reason_for_an_unverified_name_does_not_call_the_part_unexamined() -> None:
    unread = Unread(UnreadReason.UNVERIFIED, "imports acme.Config")
    record = ArtifactRecord("a.pkl", 9, Extent.PARTLY, absences=(("a.pkl", Absence(unread)),))
    reasons = decide_verdict(make_evidence(make_coverage(READ, record))).reasons
    assert reasons[0] == "1 part with an unverified name"


def test_reasons_of_a_decision_name_the_checks_that_did_not_run() -> None:
    license_policy = Policy("p", "", HIGH, (CheckFamily.LICENSE,))
    evidence = make_evidence(make_coverage(READ), policy=license_policy)
    reasons = decide_verdict(replace(evidence, families={CheckFamily.LICENSE, CheckFamily.SECURITY})).reasons
    assert reasons[-1] == "checked for license only; not for security"


def test_answer_to_load_counts_what_was_accepted() -> None:
    decided = Acceptance(AcceptanceSource.POLICY, "policy", "reason")
    findings = [replace(make_finding(level), acceptance=decided) for level in (Severity.HIGH, Severity.LOW)]
    answer = decide_verdict(make_evidence(make_coverage(READ, ACCEPTED), findings)).load
    # The finding of low severity would not gate, accepted or not.
    assert answer.reason == "Accepted by the policy: 1 finding, 1 part not examined. Nothing else breaks the policy."
    known = replace(findings[0], artifact="b", acceptance=Acceptance(AcceptanceSource.BASELINE, "old.json", ""))
    reason = decide_verdict(make_evidence(make_coverage(READ, ACCEPTED), [known])).load.reason
    assert reason.startswith("Accepted by the policy: 1 part not examined. Known from the baseline: 1 finding. ")


def test_answer_to_load_does_not_deny_a_finding_on_the_licences_that_fails() -> None:
    finding = replace(make_finding(Severity.HIGH), check=CheckFamily.LICENSE)
    decision = decide_verdict(make_evidence(make_coverage(READ), [finding]))
    assert (decision.verdict, decision.load.verdict) == (Verdict.FAIL, Verdict.PASS)
    assert decision.load.reason.endswith("examined, and no finding that concerns loading breaks the policy.")
    assert decide_verdict(make_evidence(make_coverage(READ))).load.reason.endswith("and no finding breaks the policy.")


def test_policy_without_a_failing_severity_ignores_findings_but_reports_incomplete_scans() -> None:
    never = Policy("never", "", NEVER, tuple(CheckFamily))
    findings = [make_finding(Severity.CRITICAL)]
    assert decide_verdict(make_evidence(make_coverage(READ), findings, never)).verdict is Verdict.PASS
    assert decide_verdict(make_evidence(make_coverage(NOT_READ), findings, never)).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(
    ("paths", "is_accepted"),
    [("*", True), ("data/*", True), ("data/a*", False), ("data/9.bin", False), ("data/?*", False), ("other/*", False)],
)
def test_absence_of_further_unnamed_files_is_accepted_only_by_a_pattern_for_their_whole_folder(
    paths: str, is_accepted: bool
) -> None:
    unread = Unread(UnreadReason.LINK_DANGLING, "", further_files=7)
    entry = AllowedAbsence((UnreadReason.LINK_DANGLING,), paths, "known")
    absence = apply_policy("data/9.bin", unread, replace(POLICY, allow_unread=(entry,)))
    assert (absence.acceptance is not None) is is_accepted


def test_verdict_reason_and_file_count_include_files_that_an_absence_counts_without_their_names() -> None:
    unread = Unread(UnreadReason.LINK_DANGLING, "nowhere", further_files=7)
    coverage = Coverage((ArtifactRecord("a", 0, Extent.NOT, absences=(("a", Absence(unread)),)),))
    decision = decide_verdict(make_evidence(coverage))
    assert "8 parts not examined: 8 behind a link to nowhere" in decision.reasons
    assert (coverage.count(Extent.NOT), coverage.file_count) == (8, 8)


@pytest.mark.parametrize("records", [(), (NOT_READ,), (READ, NOT_READ), (ACCEPTED,)])
def test_constructor_refuses_a_pass_decision_if_parts_are_unexamined_or_no_file_is_examined(
    records: tuple[ArtifactRecord, ...],
) -> None:
    with pytest.raises(ValueError, match="pass"):
        build_decision(Verdict.PASS, (), make_coverage(*records))


def test_constructor_refuses_a_completely_examined_record_with_absences() -> None:
    with pytest.raises(ValueError, match="not read"):
        ArtifactRecord("a", 1, Extent.EXAMINED, absences=(("a", Absence(UNREAD)),))


def test_policy_entry_with_a_format_accepts_an_absence_only_if_the_recognised_format_matches() -> None:
    policy = Policy(
        "p", "", NEVER, (), (AllowedAbsence((UnreadReason.NO_READER,), "*.png", "pictures", ("PNG image",)),)
    )
    assert apply_policy("a.png", Unread(UnreadReason.NO_READER, "", format="PNG image"), policy).acceptance
    assert not apply_policy("a.png", Unread(UnreadReason.NO_READER, "", format="Windows executable"), policy).acceptance
    assert not apply_policy("a.png", Unread(UnreadReason.NO_READER, ""), policy).acceptance


@pytest.mark.parametrize(
    ("path", "reason", "is_accepted"),
    [
        ("pictures/logo.png", UnreadReason.NO_READER, True),
        ("logo.png", UnreadReason.DAMAGED, False),
        ("logo.jpg", UnreadReason.NO_READER, False),
        ("logo.PNG", UnreadReason.NO_READER, False),
    ],
)
def test_policy_can_accept_unread_files_by_reason_and_path(path: str, reason: UnreadReason, is_accepted: bool) -> None:
    policy = Policy("p", "", NEVER, (), (AllowedAbsence((UnreadReason.NO_READER,), "*.png", "pictures"),))
    absence = apply_policy(path, Unread(reason, ""), policy)
    assert absence.acceptance == (Acceptance(AcceptanceSource.POLICY, "p", "pictures") if is_accepted else None)


@pytest.mark.parametrize(
    ("path", "format_", "byte_count", "is_accepted"),
    [
        ("a.tflite", "tflite", 64, True),
        ("a.tflite", "tflite", 65, False),
        ("a.tflite", "onnx", 1, False),
        ("b/a.onnx", "tflite", 1, False),
    ],
)
def test_policy_accepts_unclaimed_bytes_only_if_path_and_format_match_and_up_to_a_byte_limit(
    path: str, format_: str, byte_count: int, is_accepted: bool
) -> None:
    entry = AllowedAbsence((UnreadReason.UNCLAIMED,), "*.tflite", "metadata", ("tflite",), most_bytes=64)
    unread = Unread(UnreadReason.UNCLAIMED, "", format=format_, unclaimed_bytes=byte_count)
    absence = apply_policy(path, unread, Policy("p", "", NEVER, (), (entry,)))
    assert absence.acceptance == (Acceptance(AcceptanceSource.POLICY, "p", "metadata") if is_accepted else None)


def test_no_policy_accepts_the_failure_of_a_reader() -> None:
    policy = Policy("p", "", NEVER, (), (AllowedAbsence(tuple(UnreadReason), "*", "anything"),))
    assert apply_policy("a", Unread(UnreadReason.READER_FAILED, ""), policy).acceptance is None


def test_each_family_of_checks_has_a_gate_of_its_own() -> None:
    gates = {**HIGH, CheckFamily.SECURITY: Severity.MEDIUM, CheckFamily.INTEGRITY: None}
    policy = replace(POLICY, gates=gates)
    security, critical = make_finding(Severity.MEDIUM), make_finding(Severity.CRITICAL)
    altered = replace(critical, rule="integrity/digest-mismatch", check=CheckFamily.INTEGRITY)
    license_ = replace(security, rule="license/x", check=CheckFamily.LICENSE)
    for findings, verdict in (([security], Verdict.FAIL), ([altered], Verdict.PASS), ([license_], Verdict.PASS)):
        assert decide_verdict(make_evidence(make_coverage(READ), findings, policy)).verdict is verdict
    denied = replace(license_, severity=Severity.HIGH)
    decision = decide_verdict(make_evidence(make_coverage(READ), [security, denied], policy))
    assert [(cause.kind, cause.question) for cause in decision.causes] == [
        (CauseKind.FINDINGS, Question.LOAD),
        (CauseKind.FINDINGS, Question.USE),
    ]
    assert decision.reasons[0] == "1 finding at or above medium: 1 medium"


@check_each(
    "require, gate_use, permission, causes",
    [
        ((), True, None, []),
        ((Requirement.STATED_USE,), True, None, [CauseKind.USE_NOT_STATED]),
        ((), True, Answer.ALLOW, []),
        ((), True, Answer.REVIEW, [CauseKind.LICENCE_REVIEW]),
        ((), True, Answer.DENY, [CauseKind.LICENCE_DENIED]),
        ((), False, Answer.DENY, []),
    ],
)
def test_unstated_use_gates_only_if_it_is_required_and_a_stated_one_unless_it_is_only_reported(
    require: tuple[Requirement, ...], gate_use: bool, permission: Answer | None, causes: list[CauseKind]
) -> None:
    policy = replace(POLICY, require=frozenset(require), gate_use=gate_use)
    evidence = make_evidence(make_coverage(READ), policy=policy)
    decision = decide_verdict(replace(evidence, license=replace(evidence.license, permission=permission)))
    assert [cause.kind for cause in decision.causes] == causes
    # The answer to the use is given whether it gates or not.
    assert (decision.use.verdict is Verdict.PASS) is (permission is Answer.ALLOW)


@check_each(
    "listing, gate_use, kind, verdict",
    [
        (LicenseListing(("The policy denies GPL-3.0-only (modelaudit.yaml:12).",)), True, "licence-denied", "fail"),
        (LicenseListing(("The policy denies GPL-3.0-only (modelaudit.yaml:12).",)), False, None, "pass"),
        (LicenseListing((), ("MIT is not on the list (modelaudit.yaml:9).",)), True, "licence-review", "review"),
    ],
)
def test_denied_license_fails_the_use_and_one_that_is_not_allowed_is_for_review(
    listing: LicenseListing, gate_use: bool, kind: str | None, verdict: str
) -> None:
    evidence = make_evidence(make_coverage(READ), policy=replace(POLICY, gate_use=gate_use))
    license_ = replace(evidence.license, permission=Answer.ALLOW)
    decision = decide_verdict(replace(evidence, license=license_, listing=listing))
    assert decision.verdict == verdict
    assert [cause.kind for cause in decision.causes] == ([kind] if kind else [])
    assert decision.use.reason == (*listing.denials, *listing.objections)[0]


def test_branch_or_tag_is_for_review_if_the_policy_requires_a_commit() -> None:
    policy = replace(
        POLICY,
        require=frozenset({Requirement.PINNED_REVISIONS}),
        origins={"require.pinned-revisions": "modelaudit.yaml:3"},
    )
    evidence = replace(make_evidence(make_coverage(READ), policy=policy), moving_revision="main")
    decision = decide_verdict(evidence)
    assert [(cause.kind, cause.verdict) for cause in decision.causes] == [(CauseKind.UNPINNED, Verdict.REVIEW)]
    assert decision.load.reason == "The revision main can move, and the policy requires a commit (modelaudit.yaml:3)."
    assert decide_verdict(replace(evidence, moving_revision="")).verdict is Verdict.PASS
    assert decide_verdict(replace(evidence, policy=POLICY)).verdict is Verdict.PASS
