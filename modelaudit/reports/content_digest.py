"""Compute the digest of what a report judges, which a later report with the same judgement shares.

A sign-off binds two digests. That of the report (``json_report.compute_report_digest``) names one document with its
time, its tool and its words. This one names what the person answered for, so that a later run of a gate can compare
it: the model with the SHA-256 of every file, the examined and unexamined parts, every finding with its severity and
whether it is accepted, the licences with their answers for the planned use, and the policy. It leaves out what
differs between two runs over the same bytes: times, versions and wordings of modelaudit, the place of the model,
second opinions, and the verdict with its causes, which follows from the rest and from the sign-off itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from modelaudit.model.acceptance import Acceptance
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.finding import Finding
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.report import ArtifactRecord, AuditReport, Target
from modelaudit.reports.canonical_json import Json, encode_canonical
from modelaudit.reports.json_report import escape_surrogates

_FORMAT = "modelaudit/content/v1"


def compute_content_digest(report: AuditReport) -> str:
    """Compute the digest of what a report judges, as 64 lower-case hexadecimal digits."""
    policy = report.policy
    checks = sorted(policy.checks)
    return digest_content(
        report.target, policy.digest, checks, report.coverage.artifacts, report.findings, report.license
    )


def digest_content(
    target: Target,
    policy_digest: str,
    checks: Iterable[str],
    records: Iterable[ArtifactRecord],
    findings: Iterable[Finding],
    license_: LicenseConclusion,
) -> str:
    """Compute the digest of a judgement whose report is not built yet; ``AuditReport`` documents the arguments."""
    value: Json = {
        "format": _FORMAT,
        "model": {"kind": str(target.kind), "name": target.short_name},
        "policy": policy_digest,
        "checks": [str(each) for each in checks],
        "files": sorted((_describe_record(each) for each in records), key=str),
        "findings": sorted((_describe_finding(each) for each in findings), key=str),
        "licence": _describe_license(license_),
    }
    return hashlib.sha256(encode_canonical(value, escape_surrogates)).hexdigest()


def _describe_record(record: ArtifactRecord) -> Json:
    sha256 = next((each.value for each in record.digests if each.algorithm is DigestAlgorithm.SHA256), "")
    absences: list[Json] = [
        [absence.name_at(address), _describe_acceptance(absence.acceptance)] for address, absence in record.absences
    ]
    return [record.path, record.size, str(record.extent), sha256, sorted(absences, key=str)]


def _describe_finding(finding: Finding) -> Json:
    return [finding.fingerprint, finding.artifact, str(finding.severity), _describe_acceptance(finding.acceptance)]


def _describe_acceptance(acceptance: Acceptance | None) -> Json:
    """Name who accepts something; the place in a file and the reason may change without another decision."""
    return [str(acceptance.source), acceptance.by, acceptance.approved_by] if acceptance is not None else None


def _describe_license(license_: LicenseConclusion) -> Json:
    answers: list[Json] = [
        [str(each.answer), each.license, each.kind, each.section, each.via, _describe_acceptance(each.acceptance)]
        for each in license_.answers
    ]
    return {
        "state": str(license_.state),
        "expression": license_.expression,
        "use": str(license_.intent) if license_.intent is not None else "",
        "permission": str(license_.permission) if license_.permission is not None else "",
        "terms": license_.terms_digest,
        "answers": sorted(answers, key=str),
        "accepted": _describe_acceptance(license_.acceptance),
    }
