"""The evidence of an attested verdict: what a report rests on, and every cause for which it does not pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from modelaudit.model.acceptance import AcceptanceSource, DecisionState
from modelaudit.model.finding import CheckFamily
from modelaudit.model.report import AuditReport, Extent
from modelaudit.model.signature import Signature
from modelaudit.model.verdict import Question, Ruling, Verdict
from modelaudit.reports.json_report import compute_report_digest
from modelaudit.reports.text import escape_unprintable

_MOST_PARTS: Final = 1000
_ACTIVE: Final = frozenset({DecisionState.HONOURED, DecisionState.DUE})


def list_obstacles(report: AuditReport) -> list[dict[str, object]]:
    """List the causes for which a verdict is attested as FAILED; none for one that passed.

    These are the causes of the verdict, and three that change no exit code of a scan: an answer that the policy only
    reports, a check of security or integrity that no finding can fail, and findings or absences that are open and were
    left out because an earlier report has them too. A use that no policy states leaves the answer to *use* for review,
    and is not a cause.
    """
    decision = report.decision
    causes: list[dict[str, object]] = [
        {"kind": each.kind, "question": each.question, "verdict": each.verdict, "count": each.count}
        for each in decision.causes
    ]
    if not causes:
        causes += _list_reported_answers(Question.LOAD, decision.load, frozenset({Verdict.PASS}))
        causes += _list_reported_answers(Question.USE, decision.use, frozenset({Verdict.PASS, Verdict.REVIEW}))
    ungated = sum(report.policy.gates.get(each) is None for each in (CheckFamily.SECURITY, CheckFamily.INTEGRITY))
    if ungated:
        causes.append({"kind": "gate", "question": Question.LOAD, "verdict": Verdict.REVIEW, "count": ungated})
    known = _count_acceptances(report)[AcceptanceSource.BASELINE]
    if known:
        causes.append({"kind": "baseline", "question": Question.LOAD, "verdict": Verdict.REVIEW, "count": known})
    return causes


def _list_reported_answers(
    question: Question, ruling: Ruling, passing: frozenset[Verdict]
) -> Iterator[dict[str, object]]:
    """Yield a cause for an answer that does not pass and changes no exit code."""
    if ruling.verdict not in passing:
        yield {"kind": "answer", "question": question, "verdict": ruling.verdict, "count": 1}


def _count_acceptances(report: AuditReport) -> Counter[AcceptanceSource]:
    """Count the accepted findings and absences by the origin of the acceptance."""
    accepted = [each.acceptance for each in report.findings]
    accepted += [absence.acceptance for record in report.coverage.artifacts for _, absence in record.absences]
    return Counter(each.source for each in accepted if each is not None)


def find_first_expiry(report: AuditReport) -> str:
    """Find the first ISO date at which a decision ends that the verdict needs; empty without one."""
    needed = (each.expires for each in report.decisions if each.state in _ACTIVE and each.expires)
    return min(needed, default="")


def describe_evidence(report: AuditReport) -> dict[str, object]:
    """Describe the facts behind a verdict: findings by rule, and every part that was not examined."""
    decision, coverage, policy = report.decision, report.coverage, report.policy
    counts = Counter((each.rule, each.severity, each.acceptance is not None) for each in report.findings)
    parts = [
        {"path": escape_unprintable(address), "reason": absence.unread.reason, "accepted": bool(absence.acceptance)}
        for record in coverage.artifacts
        for address, absence in record.absences
    ]
    return {
        "created": report.created,
        "tool": {"name": report.tool.name, "version": report.tool.version},
        "ruleSet": {
            "sha256": report.tool.rules_digest, "number": report.tool.rules_number or None,
            "date": report.tool.rules_date or None,
        },
        "report": {"sha256": compute_report_digest(report)},
        "signatures": list(map(_describe_signature, report.target.signatures)),
        "target": {"kind": report.target.kind, "name": report.target.short_name, "commit": report.target.commit},
        "policy": {
            "name": policy.name,
            "sha256": policy.digest,
            "checks": list(policy.checks),
            "gates": dict(policy.gates),
            "gateUse": policy.gate_use,
            "require": list(policy.require),
        },
        "verdict": {
            "gate": decision.verdict, "load": decision.load.verdict, "use": decision.use.verdict,
            "exitCode": report.exit_code,
        },
        "causes": list_obstacles(report),
        "findings": [
            {"rule": rule, "severity": severity, "accepted": accepted, "count": count}
            for (rule, severity, accepted), count in sorted(counts.items())
        ],
        "accepted": {each.value: _count_acceptances(report)[each] for each in AcceptanceSource},
        "coverage": {
            "files": coverage.file_count,
            **{extent.value: coverage.count(extent) for extent in Extent},
            "complete": coverage.is_complete,
        },
        "notExamined": parts[:_MOST_PARTS],
        "notExaminedCount": len(parts),
        "license": report.license.expression or None,
        "decisions": len(report.decisions),
        "baseline": report.baseline or None,
    }  # fmt: skip


def _describe_signature(signature: Signature) -> dict[str, object]:
    """Describe the result for one signature of the model."""
    signer = signature.signer
    return {
        "record": escape_unprintable(signature.record),
        "sha256": signature.sha256 or None,
        "detached": signature.detached,
        "state": signature.state,
        "method": signature.method,
        "signer": signer and escape_unprintable(signer.name),
        "issuer": (signer and escape_unprintable(signer.issuer)) or None,
        "trust": (signer and escape_unprintable(signer.trust)) or None,
        "time": signer.time.time if signer and signer.time else None,
        "covered": signature.covered,
        "notCovered": len(signature.uncovered),
        "leftOut": len(signature.left_out),
    }
