"""``modelaudit diff``: each kind of change, its direction, and its exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from reports.conftest import REPORTS, build_fail_report, build_pass_report
from support.cases import check_each
from support.command import run_command

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.copies import replace
from modelaudit.model.difference import Direction, Topic
from modelaudit.model.digest import Digest, DigestAlgorithm
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import ConclusionState, Origin, OriginState
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, Coverage, Extent
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.terms import Answer, LicenseCategory, Relation
from modelaudit.model.verdict import Ruling, Verdict
from modelaudit.policy.difference import compare_reports
from modelaudit.reports.difference import RENDERERS, render_text
from modelaudit.reports.json_report import render_json

DECIDED = Acceptance(AcceptanceSource.DECISION, "decisions.yaml:2", "why", "Jane", "Max", "2026-12-31")
BY_JANE = "accepted by Jane until 2026-12-31"
NEW_BY_JANE = f"new, {BY_JANE}: high"
HIGH = Finding("pickle/unlisted-call", Severity.HIGH, CheckFamily.SECURITY, "a.pkl", "It calls acme.restore.")
ORIGIN = Origin("acme/base", "", Relation.FINETUNE, 1, OriginState.READ, ConclusionState.CONCLUDED, ("MIT",))


def build(
    *findings: Finding, records: tuple[ArtifactRecord, ...] = (), load: Verdict = Verdict.PASS, **license_: object
) -> AuditReport:
    """Build a report with these findings, files, answer to load, and fields of the licence."""
    report = build_pass_report()
    coverage = Coverage((ArtifactRecord("README.md", 9, Extent.EXAMINED, ("markdown",)), *records))
    decision = replace(report.decision, coverage=coverage, load=Ruling(load, "Because."))
    return replace(report, findings=findings, decision=decision, license=replace(report.license, **license_))  # type: ignore[arg-type]


def build_refused(state: DecisionState, verdict: Verdict = Verdict.FAIL) -> AuditReport:
    """Build a report with a refusal of a state, and with a verdict."""
    report = build_fail_report() if verdict is Verdict.FAIL else build_pass_report()
    texts = ("finding 0123456789abcdef", f"sha256:{'a' * 64}", "refuse", "No loader", "Jane", "Max", "2026-12-31")
    refusal = RecordedDecision("decisions.yaml:2", *texts, state, "It refuses it.")
    return replace(report, decisions=(refusal,))


@check_each(
    "before, after, direction, words",
    [
        (build(), build_refused(DecisionState.HONOURED), Direction.WORSE, "new: Jane refused it until 2026-12-31"),
        (
            build_fail_report(),
            build_refused(DecisionState.HONOURED),
            Direction.CHANGED,
            "decisions.yaml:2): No loader.",
        ),
        (
            build_refused(DecisionState.HONOURED),
            build_refused(DecisionState.REOPENED),
            Direction.CHANGED,
            "honoured -> reopened: Jane",
        ),
        (
            build_refused(DecisionState.REOPENED, Verdict.PASS),
            build_refused(DecisionState.EXPIRED),
            Direction.WORSE,
            "reopened -> expired: Jane",
        ),
        (build_refused(DecisionState.HONOURED), build(), Direction.CHANGED, "gone: Jane"),
    ],
)
def test_refusal_of_another_state_is_a_change(
    before: AuditReport, after: AuditReport, direction: Direction, words: str
) -> None:
    changes = [each for each in compare_reports(before, after).changes if each.topic is Topic.REFUSAL]
    assert [(each.direction, each.name) for each in changes] == [(direction, "finding 0123456789abcdef")]
    assert words in changes[0].detail
    assert "Refusals" in render_text(compare_reports(before, after)).decode()


def build_file(path: str, letter: str, *formats: str) -> ArtifactRecord:
    """Build the record of a file with a digest of one letter."""
    return ArtifactRecord(path, 7, Extent.EXAMINED, formats, digests=(Digest(DigestAlgorithm.SHA256, letter * 64),))


def build_unread(acceptance: Acceptance | None) -> ArtifactRecord:
    """Build the record of a picture that was not read."""
    absence = Absence(Unread(UnreadReason.NO_READER, "no reader for PNG"), acceptance)
    return ArtifactRecord("b.png", 1, Extent.NOT, absences=(("b.png", absence),))


@check_each(
    "before, after, topic, direction, words",
    [
        (build(), build(HIGH), Topic.FINDING, Direction.WORSE, "new: high pickle/unlisted-call"),
        (build(), build(replace(HIGH, severity=Severity.INFO)), Topic.FINDING, Direction.CHANGED, "new: info"),
        (build(), build(replace(HIGH, acceptance=DECIDED)), Topic.FINDING, Direction.CHANGED, NEW_BY_JANE),
        (build(HIGH), build(), Topic.FINDING, Direction.BETTER, "gone: high"),
        (build(replace(HIGH, severity=Severity.LOW)), build(HIGH), Topic.FINDING, Direction.WORSE, "low -> high"),
        (build(HIGH), build(replace(HIGH, severity=Severity.LOW)), Topic.FINDING, Direction.BETTER, "high -> low"),
        (build(replace(HIGH, acceptance=DECIDED)), build(HIGH), Topic.FINDING, Direction.WORSE, "no longer accepted"),
        (build(HIGH), build(replace(HIGH, acceptance=DECIDED)), Topic.FINDING, Direction.CHANGED, BY_JANE),
        (build(load=Verdict.REVIEW), build(), Topic.VERDICT, Direction.BETTER, "review -> pass: Because."),
        (build(), build(load=Verdict.REVIEW), Topic.VERDICT, Direction.WORSE, "pass -> review"),
        (build(load=Verdict.FAIL), build(load=Verdict.INCOMPLETE), Topic.VERDICT, Direction.BETTER, "fail -> incomp"),
        (
            build(records=(build_file("a.bin", "1"),)),
            build(records=(build_file("a.bin", "2"),)),
            Topic.FILE,
            Direction.CHANGED,
            "changed, 7 -> 7 bytes",
        ),
        (build(), build(records=(build_file("a.py", "1", "python"),)), Topic.CODE, Direction.CHANGED, "added"),
        (build(records=(build_file("a.bin", "1"),)), build(), Topic.FILE, Direction.CHANGED, "removed, 7 bytes"),
        (build(), build(expression="MIT AND Zlib"), Topic.LICENCE, Direction.CHANGED, " -> MIT AND Zlib"),
        (
            build(),
            build(state=ConclusionState.CONTRADICTORY),
            Topic.LICENCE,
            Direction.WORSE,
            "concluded -> contradictory",
        ),
        (build(state=ConclusionState.VAGUE), build(), Topic.LICENCE, Direction.BETTER, "vague -> concluded"),
        (
            build(category=LicenseCategory.PERMISSIVE),
            build(category=LicenseCategory.NON_COMMERCIAL),
            Topic.LICENCE,
            Direction.WORSE,
            "permissive -> non-commercial",
        ),
        (
            build(permission=Answer.ALLOW),
            build(permission=Answer.DENY),
            Topic.LICENCE,
            Direction.WORSE,
            "allow -> deny",
        ),
        (
            build(permission=None),
            build(permission=Answer.DENY),
            Topic.LICENCE,
            Direction.CHANGED,
            "no use stated -> deny",
        ),
        (build(), build(state=ConclusionState.NOT_CHECKED), Topic.LICENCE, Direction.CHANGED, "not compared"),
        (build(), build(origins=(ORIGIN,)), Topic.LINEAGE, Direction.CHANGED, "new base model: finetune, MIT, read"),
        (build(origins=(ORIGIN,)), build(), Topic.LINEAGE, Direction.CHANGED, "no longer a base model"),
        (
            build(origins=(ORIGIN,)),
            build(origins=(replace(ORIGIN, look=OriginState.GATED),)),
            Topic.LINEAGE,
            Direction.CHANGED,
            "read -> finetune, MIT, gated",
        ),
        (
            build(records=(build_unread(DECIDED),)),
            build(),
            Topic.ABSENCE,
            Direction.BETTER,
            "gone: no-reader",
        ),
    ],
)
def test_change_has_its_topic_direction_and_words(
    before: AuditReport, after: AuditReport, topic: Topic, direction: Direction, words: str
) -> None:
    difference = compare_reports(before, after)
    matching = [each for each in difference.changes if each.topic is topic]
    assert [each.direction for each in matching] == [direction]
    assert words in matching[0].detail
    assert difference.is_worse is (direction is Direction.WORSE)


def test_new_absence_is_worse_and_an_accepted_one_only_changed() -> None:
    failing = build_fail_report()

    def build_absent(acceptance: Acceptance | None) -> AuditReport:
        coverage = Coverage((build_unread(acceptance),))
        return replace(failing, decision=replace(failing.decision, coverage=coverage))

    without = replace(failing, decision=replace(failing.decision, coverage=Coverage(())))
    for before, after, direction, words in (
        (without, build_absent(None), Direction.WORSE, "new: no-reader: no reader for PNG"),
        (build_absent(DECIDED), build_absent(None), Direction.WORSE, "no longer accepted by Jane: no-reader"),
        (build_absent(None), build_absent(DECIDED), Direction.CHANGED, f"{BY_JANE}: no-reader"),
    ):
        (change,) = [each for each in compare_reports(before, after).changes if each.topic is Topic.ABSENCE]
        assert (change.direction, change.detail.startswith(words)) == (direction, True), change


@check_each("name", REPORTS)
def test_equal_reports_do_not_differ(name: str) -> None:
    difference = compare_reports(REPORTS[name](), REPORTS[name]())
    assert (difference.changes, difference.is_worse) == ((), False)
    assert render_text(difference).startswith(b"NOTHING CHANGED")


def test_hostile_texts_are_inert_in_every_format_and_lines_fit_in_80_columns() -> None:
    difference = compare_reports(REPORTS["pass"](), REPORTS["hostile"]())
    assert difference.is_worse
    for name, render in RENDERERS.items():
        text = render(difference).decode()
        assert not [character for character in text if not character.isprintable() and character != "\n"], name
    assert max(map(len, render_text(difference).decode().splitlines())) <= 80


def test_names_and_details_of_a_markdown_difference_are_cells_of_code_without_mentions_or_links() -> None:
    detail = "It calls posix.system, @everyone, see #1 and http://a.example."
    finding = replace(HIGH, artifact="`a|b` x.pkl", message=detail)
    [row] = [
        line
        for line in RENDERERS["markdown"](compare_reports(build(), build(finding))).decode().splitlines()
        if "posix.system" in line
    ]
    outside = re.sub(r"(`+).+?\1", "", row)
    assert len(re.findall(r"(?<!\\)\|", row)) == 4
    assert not re.search(r"[@#<]|http", outside)


def test_no_line_of_a_difference_begins_with_a_command_of_a_pipeline() -> None:
    names = [f"{'a' * length} ::error::x" for length in range(40, 90)]
    found = [replace(HIGH, artifact=name, message=name) for name in names]
    text = render_text(compare_reports(build(), build(*found))).decode()
    assert not [line for line in text.splitlines() if line.strip().startswith("::")]


def test_command_compares_reports_and_targets_and_exits_with_1_if_anything_got_worse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "tiny"
    model.mkdir()
    (model / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    assert run_command("scan", "tiny", "-q", "--no-second-opinion", "-o", "json=old.json").returncode == 0
    assert run_command("diff", "old.json", "tiny", "-q").returncode == 0
    (model / "weights.pkl").write_bytes(b"cacme.tools\nrestore\n(tR.")
    done = run_command("diff", "old.json", "tiny", "-q", COLUMNS="80")
    assert done.returncode == 1
    assert done.stdout.startswith("WORSE") and "pickle/unlisted-call" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    done = run_command("diff", "tiny", "old.json", "-q", "--json")
    value = json.loads(done.stdout)
    assert (done.returncode, value["worse"], value["after"]) == (0, False, "tiny")
    assert run_command("diff", "old.json", "tiny", "-q", "-o", "markdown=diff.md").returncode == 1
    assert "| worse | `load` |" in Path("diff.md").read_text()


@check_each(
    "arguments, code, message",
    [
        (("old.json", "missing.json"), 2, "missing.json: there is no such file"),
        (("old.json", "newer.json"), 2, "'modelaudit/report/v2', and this version reads"),
        (("old.json", "cut.json"), 2, "if a newer modelaudit wrote it, install that version"),
        (("old.json", "./nowhere"), 4, "nowhere"),
        (("old.json", "old.json", "-o", "pdf"), 2, "use one of: table, json, markdown"),
        (("old.json", "old.json", "-o", "json=none/diff.json"), 2, "the folder does not exist"),
    ],
)
def test_wrong_side_of_a_comparison_gets_one_line(
    arguments: tuple[str, ...], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = render_json(build_pass_report())
    Path("old.json").write_bytes(report)
    Path("newer.json").write_bytes(report.replace(b"modelaudit/report/v1", b"modelaudit/report/v2"))
    Path("cut.json").write_bytes(report[:-20])
    done = run_command("diff", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert message in done.stderr
