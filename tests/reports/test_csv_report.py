"""The table of files in CSV: its cells, the counts, and that no cell is a formula."""

from __future__ import annotations

import csv
import io

from reports.conftest import HOSTILE
from support.cases import check_each

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.report import ArtifactRecord, AuditReport, Coverage, Extent
from modelaudit.reports.csv_report import render_csv


def read_rows(report: AuditReport) -> list[dict[str, str]]:
    """Render and parse the table."""
    return list(csv.DictReader(io.StringIO(render_csv(report).decode(), newline=""), strict=True))


def replace_files(report: AuditReport, *paths: str, findings: tuple[Finding, ...] = ()) -> AuditReport:
    """Return the report with other files and findings."""
    records = tuple(ArtifactRecord(path, 1, Extent.EXAMINED) for path in paths)
    return replace(report, findings=findings, decision=replace(report.decision, coverage=Coverage(records)))


def test_row_of_a_file_counts_its_findings_and_its_absences(failing: AuditReport) -> None:
    rows = {row["path"]: row for row in read_rows(failing)}
    assert rows["pytorch_model.bin"] == {
        **{"path": "pytorch_model.bin", "size": "497807197", "sha256": "a" * 64, "verified": "match"},
        **{"formats": "zip pickle tensor-storage", "extent": "partly-examined"},
        **{"critical": "1", "high": "0", "medium": "0", "low": "0", "info": "0", "worst": "critical"},
        **{"absences": "2", "accepted": "0", "accepted_by": "", "accepted_until": ""},
        **{"known": "0", "refused": "0", "approved_by": "", "reason": "", "planned_use": "", "decisions": ""},
    }
    assert rows["docs/architecture.png"]["accepted"] == "1"
    assert rows[""]["medium"] == "1", "a finding on the model as a whole is counted in the row without a path"


def test_accepted_finding_is_counted_apart(failing: AuditReport) -> None:
    acceptance = Acceptance(AcceptanceSource.DECISION, "decisions.yaml:3", "known", "ann", "bob", "2027-01-01")
    findings = tuple(replace(each, acceptance=acceptance) for each in failing.findings)
    rows = {row["path"]: row for row in read_rows(replace(failing, findings=findings))}
    assert (rows["training_args.bin"]["high"], rows["training_args.bin"]["worst"]) == ("0", "")
    row = rows["training_args.bin"]
    assert (row["accepted"], row["accepted_by"], row["accepted_until"]) == ("1", "ann", "2027-01-01")
    assert (row["approved_by"], row["reason"]) == ("bob", "known")
    assert rows["docs/architecture.png"]["accepted_by"] == "", "the policy is no person"


def test_finding_in_a_member_is_counted_for_its_file(failing: AuditReport) -> None:
    finding = Finding("x/y", Severity.LOW, CheckFamily.SECURITY, "we%21rd!a.zip!b.pkl", "m")
    (row,) = read_rows(replace_files(failing, "we%21rd", findings=(finding,)))
    assert (row["path"], row["low"]) == ("we!rd", "1")


@check_each(
    "name",
    [
        '=HYPERLINK("https://evil.example")',
        "+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "\uff1d1",
        "a;=1",
        "a,=1",
        '"=1',
    ],
)
def test_no_cell_begins_with_the_mark_of_a_formula(name: str, failing: AuditReport) -> None:
    text = render_csv(replace_files(failing, name)).decode()
    for separator in (",", ";"):
        # A spreadsheet may separate cells by ";" as well; then quotes still keep a cell together.
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            assert not any(cell.strip().startswith(("=", "+", "-", "@", "\uff1d")) for cell in row)


def test_rows_end_and_cells_are_quoted_as_the_standard_says(failing: AuditReport) -> None:
    content = render_csv(replace_files(failing, HOSTILE, 'a"b,c\nd', "C" * 1_000_000))
    lines = content.decode().split("\r\n")
    assert len(lines) == 5
    assert lines[-1] == ""
    assert "\n" not in "".join(lines)
    assert lines[2].startswith('"a""b,c\\nd",1,')
    assert len(lines[3]) < 5000
