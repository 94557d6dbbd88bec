from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from reports.conftest import build_fail_report
from support.cases import check_each

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.register import DecisionAnswer, DecisionSubject, RegisterEntry, SubjectKind
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, Coverage, Extent
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.policy.absences import accept_statements
from modelaudit.policy.baseline import Baseline, refuse_other_model
from modelaudit.policy.binding import ScannedModel
from modelaudit.policy.consent import Consent
from modelaudit.policy.decisions import Decisions

TODAY = date(2026, 1, 31)
COMMIT, FILE, BYTES, TREE = "c" * 40, "f" * 64, "b" * 64, "7" * 64
FINDING = Finding("pickle/unlisted-call", Severity.HIGH, CheckFamily.SECURITY, "a.zip!b.pkl", "It calls acme.restore.")
WHOLE = Finding("code/missing", Severity.HIGH, CheckFamily.SECURITY, "", "A file is missing.")
UNREAD = Absence(Unread(UnreadReason.NO_READER, "no reader for PNG"))
UNLISTED = Absence(Unread(UnreadReason.LIMIT, "too many files", further_files=9))
RECORDS = [
    ArtifactRecord("a.zip", 7, Extent.EXAMINED),
    ArtifactRecord("b.png", 1, Extent.NOT, absences=(("b.png", UNREAD), ("b.png", UNLISTED))),
]
MODEL = ScannedModel(
    "tiny", COMMIT, frozenset(), {"a.zip": FILE, "b.png": FILE, "": TREE}.get, {"a.zip": FILE, "b.png": BYTES, "": TREE}
)
ENTRY = RegisterEntry(
    "decisions.yaml:2",
    DecisionSubject(SubjectKind.FINDING, FINDING.fingerprint),
    f"sha256:{FILE}",
    DecisionAnswer.ACCEPT,
    "why",
    "Jane",
    "Max",
    "2026-01-01",
    "2026-12-31",
)


def claim_all(digests: tuple[Digest, ...]) -> tuple[Claim, ...]:
    """Return a claim of the Hub for each digest."""
    return tuple(Claim(digest, ClaimSource.HUB, "") for digest in digests)


def about(kind: SubjectKind, name: str, artifact: str = "", bound_to: str = ENTRY.bound_to) -> RegisterEntry:
    """Return the entry with another subject and binding."""
    return replace(ENTRY, subject=DecisionSubject(kind, name, artifact), bound_to=bound_to)


@check_each(
    "entry, model, state, detail",
    [
        (ENTRY, MODEL, DecisionState.HONOURED, "It accepts 1 finding."),
        (replace(ENTRY, expires="2026-03-02"), MODEL, DecisionState.DUE, "It accepts 1 finding."),
        (replace(ENTRY, expires="2026-03-03"), MODEL, DecisionState.HONOURED, "It accepts 1 finding."),
        (replace(ENTRY, expires="2026-01-31"), MODEL, DecisionState.DUE, "It accepts 1 finding."),
        (replace(ENTRY, expires="2026-01-30"), MODEL, DecisionState.EXPIRED, "It expired on 2026-01-30"),
        (
            replace(ENTRY, bound_to=f"sha256:{TREE}"),
            MODEL,
            DecisionState.REOPENED,
            "The SHA-256 of a.zip is ffffffffffff…",
        ),
        (replace(ENTRY, bound_to=f"commit:{COMMIT}"), MODEL, DecisionState.HONOURED, "It accepts 1 finding."),
        (
            replace(ENTRY, bound_to=f"commit:{'d' * 40}"),
            MODEL,
            DecisionState.REOPENED,
            "The model is at commit cccccccccccc, and the decision binds dddddddddddd.",
        ),
        (
            replace(ENTRY, bound_to=f"commit:{COMMIT}"),
            replace(MODEL, altered=frozenset({"a.zip"})),
            DecisionState.REOPENED,
            "The bytes of a.zip are not those of the commit.",
        ),
        (
            about(SubjectKind.MODEL, "tiny", bound_to=f"commit:{COMMIT} sha256:{TREE}"),
            MODEL,
            DecisionState.HONOURED,
            "It accepts 2 findings and 2 absences.",
        ),
        (
            about(SubjectKind.MODEL, "tiny", bound_to=f"commit:{COMMIT} sha256:{FILE}"),
            MODEL,
            DecisionState.REOPENED,
            "The SHA-256 of the model is 777",
        ),
        (
            about(SubjectKind.MODEL, "tiny", bound_to=f"commit:{'d' * 40} sha256:{TREE}"),
            MODEL,
            DecisionState.REOPENED,
            "The model is at commit cccccccccccc",
        ),
        (
            replace(ENTRY, bound_to=f"commit:{COMMIT}"),
            replace(MODEL, commit=None),
            DecisionState.REOPENED,
            "local bytes have none",
        ),
        (ENTRY, replace(MODEL, compute_digest=lambda _: None), DecisionState.REOPENED, "could not be computed"),
        (about(SubjectKind.FINDING, "0" * 16), MODEL, DecisionState.UNUSED, "Nothing in this report matches it."),
        (about(SubjectKind.FINDING, "0" * 16), replace(MODEL, is_checked_completely=False), None, ""),
        (about(SubjectKind.RULE, FINDING.rule, FINDING.artifact), MODEL, DecisionState.HONOURED, "1 finding"),
        (about(SubjectKind.RULE, FINDING.rule, "a.zip"), MODEL, DecisionState.UNUSED, "Nothing"),
        (about(SubjectKind.RULE, WHOLE.rule, ""), MODEL, DecisionState.REOPENED, "The SHA-256 of the model is 777"),
        (about(SubjectKind.RULE, WHOLE.rule, "", f"sha256:{TREE}"), MODEL, DecisionState.HONOURED, "1 finding"),
        (about(SubjectKind.ABSENCE, "no-reader", "b.png"), MODEL, DecisionState.HONOURED, "It accepts 1 absence."),
        # The bytes of files that are counted and not listed are bound by the commit or the tree alone.
        (about(SubjectKind.ABSENCE, "limit-reached", "b.png"), MODEL, DecisionState.REOPENED, "of the model is 777"),
        (
            about(SubjectKind.MODEL, "tiny", bound_to=f"sha256:{TREE}"),
            MODEL,
            DecisionState.HONOURED,
            "It accepts 2 findings and 2 absences.",
        ),
        (replace(ENTRY, model="tiny"), MODEL, DecisionState.HONOURED, "It accepts 1 finding."),
        (replace(ENTRY, model="other"), MODEL, None, ""),
        (replace(ENTRY, decided="2026-02-01"), MODEL, DecisionState.UNUSED, "after the day of this scan, 2026-01-31"),
        (
            replace(ENTRY, answer=DecisionAnswer.REFUSE),
            MODEL,
            DecisionState.HONOURED,
            "It refuses pickle/unlisted-call in a.zip!b.pkl",
        ),
    ],
)
def test_decision_has_the_state_that_its_subject_dates_and_bytes_give(
    entry: RegisterEntry, model: ScannedModel, state: DecisionState | None, detail: str
) -> None:
    decisions = Decisions([entry], model, Consent("default"), TODAY)
    findings, records = decisions.accept_parts([FINDING, WHOLE], RECORDS)
    assert [each.state for each in decisions.recorded] == ([state] if state else [])
    assert all(detail in each.detail for each in decisions.recorded)
    accepted = [each for each in findings if each.acceptance] + [
        each for record in records for _, each in record.absences if each.acceptance
    ]
    is_accepting = state in (DecisionState.HONOURED, DecisionState.DUE) and entry.answer is DecisionAnswer.ACCEPT
    assert bool(accepted) is is_accepting
    assert bool(decisions.refusals) is (entry.answer is DecisionAnswer.REFUSE)


@check_each("is_first", [True, False])
def test_decision_accepts_a_fingerprint_in_the_file_that_it_binds_alone(is_first: bool) -> None:
    other = replace(FINDING, artifact="other.py", message="It runs a command.")
    # Names that a publisher searched for give two findings one fingerprint; here it is set.
    object.__setattr__(other, "fingerprint", FINDING.fingerprint)
    digests = {"a.zip": FILE, "other.py": TREE}
    decisions = Decisions([ENTRY], replace(MODEL, compute_digest=digests.get), Consent("default"), TODAY)
    findings, _ = decisions.accept_parts([FINDING, other] if is_first else [other, FINDING], [])
    assert decisions.recorded[0].detail == "It accepts 1 finding."
    assert [each.artifact for each in findings if each.acceptance] == ["a.zip!b.pkl"]


DAMAGED = Absence(Unread(UnreadReason.DAMAGED, "cut at byte 7"))
DAMAGE = Finding("coverage/damaged", Severity.MEDIUM, CheckFamily.SECURITY, "b.png", "Not examined: cut at byte 7.")
UNVERIFIED = Absence(Unread(UnreadReason.UNVERIFIED, "It names acme"))
UNVERIFIED_NAME = Finding("coverage/unverified-name", Severity.MEDIUM, CheckFamily.SECURITY, "b.png", "It names acme.")


@check_each(
    "kind, name, stated, statement",
    [
        (SubjectKind.FINDING, DAMAGE.fingerprint, DAMAGED, DAMAGE),
        (SubjectKind.RULE, "coverage/damaged", DAMAGED, DAMAGE),
        (SubjectKind.ABSENCE, "damaged", DAMAGED, DAMAGE),
        (SubjectKind.FINDING, UNVERIFIED_NAME.fingerprint, UNVERIFIED, UNVERIFIED_NAME),
        (SubjectKind.ABSENCE, "unverified-type", UNVERIFIED, UNVERIFIED_NAME),
    ],
)
def test_absence_and_the_finding_that_states_it_are_accepted_together(
    kind: SubjectKind, name: str, stated: Absence, statement: Finding
) -> None:
    entry = about(kind, name, "" if kind is SubjectKind.FINDING else "b.png")
    absences = (("b.png", DAMAGED), ("b.png", UNVERIFIED), ("a.zip", stated))
    record = ArtifactRecord("b.png", 1, Extent.PARTLY, absences=absences)
    decisions = Decisions([entry], MODEL, Consent("default"), TODAY)
    findings, records = decisions.accept_parts([DAMAGE, UNVERIFIED_NAME], [record])
    assert decisions.recorded[0].detail == "It accepts 1 finding and 1 absence."
    assert [each.rule for each in findings if each.acceptance] == [statement.rule]
    accepted = [(address, each.unread) for address, each in records[0].absences if each.acceptance]
    assert accepted == [("b.png", stated.unread)], "an absence of another file or reason stays open"


@check_each(
    "severity, accepted, is_accepted",
    [
        (Severity.MEDIUM, (True, True), True),
        (Severity.HIGH, (True,), True),
        (Severity.MEDIUM, (True, False), False),
        (Severity.CRITICAL, (True,), False),
        (Severity.MEDIUM, (), False),
    ],
)
def test_finding_is_accepted_with_all_absences_that_it_states(
    severity: Severity, accepted: tuple[bool, ...], is_accepted: bool
) -> None:
    acceptance = Acceptance(AcceptanceSource.POLICY, "policy.yaml:7", "reviewed")
    absences = tuple(("b.png", replace(DAMAGED, acceptance=acceptance if each else None)) for each in accepted)
    records = [ArtifactRecord("b.png", 1, Extent.PARTLY, absences=absences)]
    finding, other = accept_statements([replace(DAMAGE, severity=severity), FINDING], records)
    assert finding.acceptance == (acceptance if is_accepted else None)
    assert other.acceptance is None


REFUSAL = replace(ENTRY, answer=DecisionAnswer.REFUSE, model="tiny")
GONE = DecisionSubject(SubjectKind.FINDING, "0" * 16)
ELSEWHERE = f"sha256:{BYTES}"
HOLDS, REVIEW, NOTHING = [False], [True], list[bool]()


@check_each(
    "entries, state, expected",
    [
        # The bytes are those of b.png, under any name that the refusal knew.
        ([replace(REFUSAL, subject=GONE, bound_to=ELSEWHERE)], DecisionState.HONOURED, HOLDS),
        ([replace(REFUSAL, bound_to=ELSEWHERE)], DecisionState.HONOURED, HOLDS),
        ([replace(REFUSAL, subject=GONE, bound_to=ELSEWHERE, model="")], DecisionState.HONOURED, HOLDS),
        ([replace(REFUSAL, subject=GONE, bound_to=ELSEWHERE, expires="2026-01-30")], DecisionState.EXPIRED, REVIEW),
        ([replace(REFUSAL, subject=GONE, bound_to=ELSEWHERE, model="other")], DecisionState.REOPENED, REVIEW),
        ([replace(REFUSAL, model="other", bound_to=f"sha256:{'0' * 64}")], None, NOTHING),
        # The subject has other bytes, or is gone with its bytes.
        ([replace(REFUSAL, bound_to=f"sha256:{TREE}")], DecisionState.HONOURED, HOLDS),
        ([replace(REFUSAL, bound_to=f"sha256:{'0' * 64}")], DecisionState.REOPENED, REVIEW),
        ([replace(REFUSAL, subject=GONE, bound_to=f"sha256:{'0' * 64}")], DecisionState.REOPENED, REVIEW),
        ([replace(REFUSAL, subject=GONE, bound_to=f"sha256:{'0' * 64}", model="")], DecisionState.UNUSED, NOTHING),
        ([replace(REFUSAL, expires="2026-01-30")], DecisionState.EXPIRED, REVIEW),
        # A person decided again: on the subject, on its findings, or on the whole model.
        (
            [replace(REFUSAL, bound_to=f"sha256:{'0' * 64}"), replace(ENTRY, place="decisions.yaml:12")],
            DecisionState.UNUSED,
            NOTHING,
        ),
        (
            [
                replace(REFUSAL, bound_to=f"sha256:{'0' * 64}"),
                replace(about(SubjectKind.RULE, FINDING.rule, FINDING.artifact), place="decisions.yaml:12"),
            ],
            DecisionState.UNUSED,
            NOTHING,
        ),
        (
            [
                replace(REFUSAL, subject=GONE, bound_to=f"sha256:{'0' * 64}"),
                replace(about(SubjectKind.MODEL, "tiny", bound_to=f"sha256:{TREE}"), place="decisions.yaml:12"),
            ],
            DecisionState.UNUSED,
            NOTHING,
        ),
        # An acceptance that the refusal overruled until it ended is not an answer to it, and neither is one that ended.
        (
            [
                replace(REFUSAL, expires="2026-01-30", decided="2026-01-02"),
                replace(about(SubjectKind.RULE, FINDING.rule, FINDING.artifact), place="decisions.yaml:12"),
            ],
            DecisionState.EXPIRED,
            REVIEW,
        ),
        (
            [REFUSAL, replace(ENTRY, place="decisions.yaml:12", decided="2026-01-02", expires="2026-01-30")],
            DecisionState.HONOURED,
            HOLDS,
        ),
        (
            [REFUSAL, replace(ENTRY, place="decisions.yaml:12", decided="2026-01-02")],
            DecisionState.UNUSED,
            NOTHING,
        ),
    ],
)
def test_refusal_ends_by_a_person_alone(
    entries: list[RegisterEntry], state: DecisionState | None, expected: list[bool]
) -> None:
    decisions = Decisions(entries, MODEL, Consent("default"), TODAY)
    decisions.accept_parts([FINDING], RECORDS)
    assert [each.state for each in decisions.recorded[:1]] == ([state] if state else [])
    assert [each.is_reopened for each in decisions.refusals] == expected
    assert all("Jane refused" in each.reason and "why" in each.reason for each in decisions.refusals)


def test_refusal_marks_the_findings_of_the_same_rule_in_a_copy() -> None:
    copy = replace(FINDING, artifact="b.png")
    other = replace(FINDING, rule="pickle/other", artifact="b.png")
    model = replace(MODEL, digests={"a.zip": FILE, "b.png": FILE, "": TREE})
    decisions = Decisions([REFUSAL], model, Consent("default"), TODAY)
    decisions.accept_parts([FINDING, copy, other], RECORDS)
    assert decisions.recorded[0].fingerprints == (FINDING.fingerprint, copy.fingerprint)
    # Where the subject is gone, all of the file is refused.
    decisions = Decisions([replace(REFUSAL, subject=GONE)], model, Consent("default"), TODAY)
    decisions.accept_parts([copy, other], RECORDS)
    assert decisions.recorded[0].fingerprints == (copy.fingerprint, other.fingerprint)
    assert decisions.recorded[0].absences == ("no-reader:b.png", "limit-reached:b.png")


def test_refusal_names_the_finding_and_its_file() -> None:
    decisions = Decisions([replace(ENTRY, answer=DecisionAnswer.REFUSE)], MODEL, Consent("default"), TODAY)
    decisions.accept_parts([FINDING], RECORDS)
    (refusal,) = decisions.refusals
    assert refusal.reason == "Jane refused pickle/unlisted-call in a.zip!b.pkl (decisions.yaml:2): why"


def test_later_decision_replaces_an_earlier_one_on_the_same_subject_and_bytes() -> None:
    later = replace(ENTRY, place="decisions.yaml:11", decided="2026-01-02", answer=DecisionAnswer.REFUSE)
    decisions = Decisions([later, ENTRY], MODEL, Consent("default"), TODAY)
    findings, _ = decisions.accept_parts([FINDING], [])
    assert findings == [FINDING]
    assert {each.place: each.state for each in decisions.recorded} == {
        "decisions.yaml:11": DecisionState.HONOURED,
        "decisions.yaml:2": DecisionState.UNUSED,
    }


@check_each("accept_critical, state", [(False, DecisionState.NOT_PERMITTED), (True, DecisionState.HONOURED)])
def test_critical_finding_needs_the_consent_of_the_policy_whatever_names_it(
    accept_critical: bool, state: DecisionState
) -> None:
    critical = replace(FINDING, severity=Severity.CRITICAL)
    for entry in (
        ENTRY,
        about(SubjectKind.RULE, FINDING.rule, FINDING.artifact),
        about(SubjectKind.MODEL, "tiny", bound_to=f"commit:{COMMIT}"),
    ):
        decisions = Decisions([entry], MODEL, Consent("default", accept_critical), TODAY)
        findings, _ = decisions.accept_parts([critical, WHOLE], RECORDS)
        assert decisions.recorded[0].state is state
        assert (findings[0].acceptance is not None) is accept_critical


def build_baseline(
    finding: Finding = FINDING, record: ArtifactRecord = RECORDS[0], version: str = "0.1.0", name: str = "tiny"
) -> AuditReport:
    """Build an earlier report with one finding and one file, of a version on a model."""
    report = build_fail_report()
    target = replace(report.target, kind=RefKind.FOLDER, name=name)
    decision = replace(report.decision, coverage=Coverage((record,)))
    tool = replace(report.tool, version=version)
    return replace(report, findings=(finding,), target=target, tool=tool, decision=decision)


@check_each(
    "report, message",
    [
        (build_baseline(version="0.2.0"), "old.json: written by modelaudit 0.2.0, newer than this 0.1.0"),
        (build_baseline(version="0.1.1.dev3"), "newer than this 0.1.0"),
        (build_baseline(name="other"), "old.json: a report on 'other', not on 'tiny'"),
    ],
)
def test_baseline_of_a_newer_version_or_another_model_is_refused(report: AuditReport, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        refuse_other_model(report, "tiny", "0.1.0", "old.json")
    assert message in str(raised.value)
    refuse_other_model(build_baseline(version="0.0.9"), "tiny", "0.1.0", "old.json")


SHOWN = replace(FINDING, evidence=("line 3: call acme.restore('a')", "> restore('a')"))
MOVED = replace(SHOWN, evidence=("line 9: call acme.restore('a')", "> restore('a')"))
AMONG_OTHERS = replace(SHOWN, evidence=(SHOWN.evidence[0], "| try:", ">     restore('a')", "| except OSError…"))
BESIDE_NONE = replace(SHOWN, evidence=(SHOWN.evidence[0], "| try:", "line 4: call", SHOWN.evidence[1]))
OTHER_WORDS = replace(SHOWN, evidence=("line 3: call acme.restore('b')", "> restore('b')"))
SAME_FILE, OTHER_FILE = (
    ArtifactRecord("a.zip", 7, Extent.EXAMINED, digests=(Digest(DigestAlgorithm.SHA256, each * 64),)) for each in "fe"
)


@check_each(
    "earlier, finding, record, is_known",
    [
        (FINDING, replace(FINDING, severity=Severity.MEDIUM), SAME_FILE, True),
        (FINDING, FINDING, SAME_FILE, True),
        (FINDING, replace(FINDING, severity=Severity.CRITICAL), SAME_FILE, False),
        # In new bytes, what the finding shows must be the same, and all there is.
        (SHOWN, MOVED, OTHER_FILE, True),
        # The lines beside the quoted one may differ, and an earlier version quoted none.
        (SHOWN, AMONG_OTHERS, OTHER_FILE, True),
        (SHOWN, BESIDE_NONE, OTHER_FILE, False),
        (SHOWN, OTHER_WORDS, OTHER_FILE, False),
        (SHOWN, replace(SHOWN, message="Another."), OTHER_FILE, False),
        (SHOWN, OTHER_WORDS, SAME_FILE, True),
        (FINDING, FINDING, OTHER_FILE, False),
        *(
            (replace(SHOWN, evidence=cut), replace(SHOWN, evidence=cut), OTHER_FILE, False)
            for cut in (("> restore('a…",), ("> restore('a')", "and 3 more"), ("2 more code objects are inside it",))
        ),
        *((replace(each, severity=Severity.CRITICAL),) * 2 + (OTHER_FILE, False) for each in (SHOWN, WHOLE)),
        (WHOLE, WHOLE, OTHER_FILE, True),
        (WHOLE, replace(WHOLE, evidence=("x.py",)), OTHER_FILE, False),
    ],
)
def test_baseline_knows_a_finding_in_the_same_bytes_or_with_all_its_words(
    earlier: Finding, finding: Finding, record: ArtifactRecord, is_known: bool
) -> None:
    (found,) = Baseline(build_baseline(earlier, SAME_FILE), "old.json").accept_findings([finding], [record])
    assert (found.acceptance is not None) is is_known


def test_baseline_leaves_a_finding_open_with_the_absence_that_it_states() -> None:
    stated = Absence(Unread(UnreadReason.UNVERIFIED, "It names acme"))
    finding = replace(UNVERIFIED_NAME, evidence=("byte 2: acme",))
    old, new = (
        replace(each, path="b.png", extent=Extent.PARTLY, absences=(("b.png", stated),))
        for each in (SAME_FILE, OTHER_FILE)
    )
    for record, is_known in ((old, True), (new, False)):
        baseline = Baseline(build_baseline(finding, old), "old.json")
        (accepted,) = baseline.accept_absences([record])
        (found,) = baseline.accept_findings([finding], [accepted])
        assert (accepted.absences[0][1].acceptance is not None, found.acceptance is not None) == (is_known, is_known)


@check_each(
    "changes, absence, is_known",
    [
        ({}, UNREAD, True),
        ({"digests": OTHER_FILE.digests}, UNREAD, False),
        ({}, Absence(Unread(UnreadReason.NO_READER, "no reader for JPEG")), False),
        ({}, UNLISTED, False),
        ({"digests": ()}, UNREAD, False),
        ({"digests": (), "claims": claim_all(SAME_FILE.digests)}, UNREAD, True),
        ({"digests": (), "claims": claim_all(OTHER_FILE.digests)}, UNREAD, False),
    ],
)
def test_baseline_knows_an_absence_of_the_same_bytes_alone(
    changes: dict[str, Any], absence: Absence, is_known: bool
) -> None:
    old = replace(SAME_FILE, extent=Extent.PARTLY, absences=(("a.zip", UNREAD), ("a.zip", UNLISTED)))
    new = replace(old, absences=(("a.zip", absence),), **changes)
    (record,) = Baseline(build_baseline(FINDING, old), "old.json").accept_absences([new])
    assert (record.absences[0][1].acceptance is not None) is is_known
