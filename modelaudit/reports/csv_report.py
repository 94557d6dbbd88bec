"""Render the files of the model as a table in CSV (RFC 4180), for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from modelaudit.model.acceptance import AcceptanceSource
from modelaudit.model.address import file_of, read_file_path
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.report import Absence, AuditReport
from modelaudit.reports.decision_words import describe_state, list_refusals, list_use_decisions
from modelaudit.reports.license_words import describe_planned_use
from modelaudit.reports.results import Outcome, Result, ResultKind, list_results
from modelaudit.reports.text import escape_name, escape_unprintable
from modelaudit.reports.view import SEVERITIES_WORST_FIRST
from modelaudit.reports.wording import describe_decision

_COLUMNS: Final = (
    *("path", "size", "sha256", "verified", "formats", "extent"),
    *(severity.value for severity in SEVERITIES_WORST_FIRST),
    *("worst", "absences", "accepted", "accepted_by", "accepted_until", "known", "refused"),
    *("approved_by", "reason", "planned_use", "decisions"),
)
_UNOPENED: Final = "unopened"
"""In the column ``extent``, for a file that was left unopened."""
_MISSING: Final = "missing"
"""In the column ``extent``, for a file that another names and that was not delivered."""
_NOTHING: Final[Sequence[str | int]] = (*(0 for _ in SEVERITIES_WORST_FIRST), "", 0, 0, "", "", 0, 0, "", "")
"""The cells of ``_count`` for a file without results and absences."""
_FORMULA_STARTS: Final = tuple("=+-@\t\r＝＋－＠")  # noqa: RUF001 - spreadsheets read the wide forms too
_MAX_CELL_CHARACTERS: Final = 4_000
"""Of a text before it is escaped; a cell of a spreadsheet holds 32,767."""


def render_csv(report: AuditReport) -> bytes:
    """Render one row for each file, and one for the findings on the model as a whole.

    A file that another names and that is absent has a row too. The path of the last row, on the model, is empty.

    The columns ``critical`` to ``info`` count the findings that nothing settles, ``worst`` is the worst of them,
    ``absences`` counts the open absences, and ``accepted`` the accepted findings and absences.
    ``accepted_by`` and ``accepted_until`` name the people whose decisions these are, in the same order. ``known``
    counts the results that only the baseline holds, and ``refused`` the findings and absences that a person refused.
    ``approved_by`` and ``reason`` belong to ``accepted_by``. The last row also states the planned use, and each
    decision on licences or the model with its state; it is left out if it has nothing to state.
    """
    out = io.BytesIO()
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    # Every text is quoted: a spreadsheet that separates cells by ";" would read a formula behind one in a name.
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(_COLUMNS)
    writer.writerows(_build_rows(report))
    return out.getvalue()


def _build_rows(report: AuditReport) -> Iterator[list[str | int]]:
    """Yield the cells of each file, then of the model as a whole if a finding concerns it."""
    paths = {record.path for record in report.coverage.artifacts}
    findings = {finding.fingerprint for finding in report.findings}
    results: defaultdict[str, list[Result]] = defaultdict(list)
    for result in list_results(report):
        path = result.address if result.address in paths else file_of(result.address)
        results[path if path in paths else ""].append(result)
    for record in report.coverage.artifacts:
        sha256 = next((each.value for each in record.digests if each.algorithm is DigestAlgorithm.SHA256), "")
        facts = (
            escape_name(read_file_path(record.path)),
            record.size,
            sha256,
            record.digest_state.value,
            " ".join(record.formats),
            record.extent.value,
        )
        own = [each for each in record.absences if not each[1].unread.missing_file]
        yield _escape_cells([*facts, *_count(results[record.path], findings, own), "", ""])
    for name, named in sorted(report.coverage.missing_files.items()):
        path = escape_name(read_file_path(name))
        yield _escape_cells([path, "", "", "", "", _MISSING, *_count([], findings, named), "", ""])
    for each in report.coverage.unopened_files:
        path = escape_name(read_file_path(each.path))
        yield _escape_cells([path, each.size, "", "", "", _UNOPENED, *_count([], findings, ()), "", ""])
    use, decided = describe_planned_use(report.license.intent), list_use_decisions(report)
    of_model = [each for each in results[""] if each.kind is not ResultKind.CAUSE]
    if (of_model or use or decided) and "" not in paths:
        words = " ".join(
            f"{each.subject} ({each.place}), {describe_state(each.state)}, until {each.expires}. "
            f"{describe_decision(each)}"
            for each in decided
        )
        refused = sum(each.subject in list_refusals(report) for each in decided)
        yield _escape_cells(["", "", "", "", "", "", *_count(of_model, findings, (), refused), use, words])


def _count(
    results: Sequence[Result],
    findings: Collection[str],
    absences: Sequence[tuple[str, Absence]],
    further_refused: int = 0,
) -> list[str | int]:
    """Count the findings of each severity, the open absences, and the accepted (by whom), known and refused results.

    Args:
        results: of one file, or of the model as a whole.
        findings: the fingerprints of findings; the other results are absences.
        absences: of the file.
        further_refused: other subjects that a person refused.
    """
    if not results and not absences:
        return [*_NOTHING[:10], further_refused, *_NOTHING[11:]]
    open_severities = Counter(each.severity for each in results if each.fingerprint in findings and not each.is_settled)
    worst = next((severity.value for severity in SEVERITIES_WORST_FIRST if open_severities[severity]), "")
    acceptances = [each.acceptance for each in results if each.acceptance is not None]
    people = dict.fromkeys(
        (each.by, each.expires, each.approved_by, each.reason)
        for each in acceptances
        if each.source is AcceptanceSource.DECISION
    )
    by, until, approved_by, reason = ("; ".join(each[index] for each in people) for index in range(4))
    outcomes = Counter(each.outcome for each in results)
    return [
        *(open_severities[severity] for severity in SEVERITIES_WORST_FIRST),
        worst,
        sum(absence.acceptance is None for _, absence in absences),
        outcomes[Outcome.ACCEPTED],
        by,
        until,
        outcomes[Outcome.KNOWN],
        sum(each.is_refused for each in results) + further_refused,
        approved_by,
        reason,
    ]


def _escape_cells(cells: Sequence[str | int]) -> list[str | int]:
    """Escape each text."""
    return [_escape_cell(cell) if cell and isinstance(cell, str) else cell for cell in cells]


def _escape_cell(text: str) -> str:
    """Escape a text. An apostrophe, which a spreadsheet does not show, precedes what it would take for a formula."""
    shown = escape_unprintable(text, _MAX_CELL_CHARACTERS)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA_STARTS) else shown
