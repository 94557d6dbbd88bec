"""Bind decisions to the bytes that a saved report states, and describe its model for the comparison with decisions."""

from __future__ import annotations

from modelaudit.catalogue import load_catalogue
from modelaudit.model.artifact import RefKind
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily
from modelaudit.model.register import DecisionSubject, SubjectKind
from modelaudit.model.report import Absence, AuditReport, DigestState
from modelaudit.options import list_families
from modelaudit.policy.binding import ScannedModel, digest_statement
from modelaudit.policy.subjects import LICENSE_KINDS, find_bound_files, match_parts
from modelaudit.reports.inventory import combine_digests


def bind_subject(subject: DecisionSubject, report: AuditReport) -> str:
    """Return the binding of a subject: the SHA-256 of its file; for a whole model that of its tree.

    On the Hub it is the commit too, because the Hub states that alone and may deliver other bytes for it. A decision on
    the licences binds all that states the terms, so that its comparison fetches no weights.

    Raises:
        ConfigurationError: the report states no digest of these bytes.
    """
    if subject.kind in LICENSE_KINDS and report.license.terms_digest:
        return f"terms:{report.license.terms_digest}"
    path = _find_bound_path(subject, report)
    digests = _list_digests(report)
    if path in digests:
        return f"sha256:{digests[path]}"
    commit = _read_commit(report)
    tree = _compute_tree(report) if not path else None
    if commit is not None:
        is_on_bytes = tree is not None and subject.kind not in LICENSE_KINDS
        return f"commit:{commit} sha256:{tree}" if is_on_bytes else f"commit:{commit}"
    if tree is None:
        raise _explain_unbound(path, report)
    return f"sha256:{tree}"


def _compute_tree(report: AuditReport) -> str | None:
    """Compute the digest of the tree, with the words on entries without bytes; ``None`` if another file has none."""
    if report.coverage.unopened:
        return None
    digests = _list_digests(report)
    return combine_digests({each.path: digests.get(each.path) for each in report.coverage.artifacts})


def _explain_unbound(path: str, report: AuditReport) -> ConfigurationError:
    """Explain which bytes no digest binds, and what to do about it."""
    digests = _list_digests(report)
    unbound = [each for each in report.coverage.artifacts if each.path not in digests and path in ("", each.path)]
    whole = f"the report states no SHA-256 of {path or 'the whole model'}, so nothing can bind the decision; "
    reasons = [absence.unread.detail for each in unbound for _, absence in each.absences]
    if CheckFamily.INTEGRITY not in report.policy.checks or not reasons:
        return ConfigurationError(f"{whole}scan the model with the check integrity, and decide on that report")
    return ConfigurationError(
        f"{whole}{unbound[0].path} was not read: {reasons[0]}; make it readable and scan again, or remove it"
    )


def _find_bound_path(subject: DecisionSubject, report: AuditReport) -> str:
    """Return the address of the file that a subject binds; empty for the whole model."""
    if subject.kind in (SubjectKind.MODEL, *LICENSE_KINDS):
        return ""
    return find_bound_files(match_parts(subject, report.findings, list_absence_pairs(report)), is_model=False)[0]


def _list_digests(report: AuditReport) -> dict[str, str]:
    """Return the SHA-256 of each file by its address; of an entry without bytes, that of the words on it."""
    stated = {
        each.path: digest
        for each in report.coverage.artifacts
        for address, absence in each.absences
        if address == each.path and (digest := digest_statement(absence.unread)) is not None
    }
    return stated | {
        record.path: digest.value
        for record in report.coverage.artifacts
        for digest in record.digests
        if digest.algorithm is DigestAlgorithm.SHA256
    }


def _read_commit(report: AuditReport) -> str | None:
    """Return the commit that the Hub resolved; the path of a local folder may state any."""
    return report.target.commit if report.target.kind in (RefKind.MODEL, RefKind.DATASET) else None


def describe_reported_model(report: AuditReport) -> ScannedModel:
    """Describe the model of a report for the comparison with decisions."""
    digests = _list_digests(report)
    tree = _compute_tree(report)
    return ScannedModel(
        report.target.short_name,
        _read_commit(report),
        frozenset(each.path for each in report.coverage.artifacts if each.digest_state is DigestState.MISMATCH),
        lambda path: digests.get(path) if path else tree,
        {**digests, **({"": tree} if tree else {})},
        list_families(load_catalogue()) <= set(report.policy.checks),
    )


def list_absence_pairs(report: AuditReport) -> list[tuple[str, Absence]]:
    """List (address, absence) of a report."""
    return [pair for record in report.coverage.artifacts for pair in record.absences]
