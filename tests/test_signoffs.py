"""Sign-offs from the command to the gate: recorded, valid, expired, of another report, replaced, and forged."""

from __future__ import annotations

import html
import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from support.cases import check_each
from support.command import CommandResult, run_command
from support.fixtures import fixture_path

from modelaudit.model.copies import replace
from modelaudit.model.report import AuditReport
from modelaudit.model.signoff import SignOffState
from modelaudit.model.verdict import CauseKind, Verdict
from modelaudit.reports import render as render_format
from modelaudit.reports.content_digest import compute_content_digest
from modelaudit.reports.json_report import compute_report_digest, load_report, render_json
from modelaudit.reports.officer_steps import list_steps
from modelaudit.reports.screen import render_screen

SIGNED, LATER, LAST_DAY = "2026-01-31", "2026-02-15", "2026-12-31"
ANSWER = ("--answer", "approve", "--reason", "read, and fit for the pilot", "--by", "Jane Roe", "--role", "CISO")
REGISTER = Path("decisions.yaml")
EMPTY_WEIGHTS = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"
"""A safetensors file without tensors."""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a model that passes but for the sign-off that the policy of the working directory requires."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "tiny"
    shutil.copytree(fixture_path("gguf/benign"), folder)
    Path("modelaudit.yaml").write_text("organization: Acme GmbH\nrequire: [signoff]\n")
    return folder


def run(*arguments: str, day: str = SIGNED) -> CommandResult:
    """Run the command as if it were noon of a day."""
    noon = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
    return run_command(*arguments, SOURCE_DATE_EPOCH=str(int(noon.timestamp())))


def scan(*options: str, day: str = SIGNED) -> tuple[int, AuditReport]:
    """Scan the model of the fixture; return the exit code and the report."""
    done = run("scan", "tiny", "--no-second-opinion", "-q", "-o", "json=report.json", *options, day=day)
    assert done.returncode in (0, 1, 3), done.stderr
    return done.returncode, load_report(Path("report.json"))


def sign(*options: str, day: str = SIGNED) -> CommandResult:
    """Sign off the last report; an option for the role replaces the one of ``ANSWER``."""
    answer = ANSWER[:-2] if "--role" in options else ANSWER
    return run("decide", "model", "--report", "report.json", *answer, *options, day=day)


def render(*options: str, day: str = SIGNED) -> tuple[AuditReport, str]:
    """Render the last report as JSON; return it with what the command says beside it."""
    done = run("render", "report.json", "-o", "json=shown.json", *options, day=day)
    assert done.returncode == 0, done.stderr
    return load_report(Path("shown.json")), done.stderr


def list_states(report: AuditReport) -> list[SignOffState]:
    return [each.state for each in report.signoffs]


def test_required_sign_off_is_named_with_the_command_that_records_it_and_a_later_run_honours_it(model: Path) -> None:
    code, report = scan()
    assert (report.policy.organization, report.policy.reviewer) == ("Acme GmbH", "")
    [cause] = report.decision.causes
    assert (code, cause.kind, cause.verdict) == (3, CauseKind.SIGNOFF, Verdict.REVIEW)
    assert cause.reason == "the policy requires a sign-off, and none is recorded (modelaudit.yaml:2)"
    [step] = [each for each in list_steps(report) if each.person == "Read the report, and sign it or refuse."]
    assert "modelaudit decide model --report report.json --answer approve" in step.engineer
    assert "--answer refuse" in step.engineer
    page = render_format(report, "html").decode()
    assert '<span class="unbroken">--answer</span>' in page and "white-space: nowrap" in page

    done = sign("--reference", "AI-2026-17")
    assert (done.returncode, done.stderr.count("note: the verdict")) == (0, 0), done.stderr
    code, later = scan(day=LATER)
    [sign_off] = later.signoffs
    assert (code, sign_off.state, later.decisions) == (0, SignOffState.VALID, ())
    assert (sign_off.by, sign_off.role, sign_off.reference) == ("Jane Roe", "CISO", "AI-2026-17")
    assert (sign_off.report, sign_off.content) == (compute_report_digest(report), compute_content_digest(report))
    assert later.created != report.created
    assert compute_report_digest(later) != compute_report_digest(report)
    for document in (render_format(later, "markdown").decode(), render_screen(later, width=100).decode()):
        assert "approved by Jane Roe" in " ".join(document.split())
    signed = [each for control in later.controls for each in control.signed]
    assert any("approved by Jane Roe (CISO)" in each for each in signed)


def test_page_rendered_after_an_approval_states_it_and_asks_for_a_new_scan(model: Path) -> None:
    scan()
    assert "none is recorded" in render_format(render()[0], "markdown").decode()
    assert sign().returncode == 0
    shown, _ = render()
    assert shown.decision.causes[0].reason.endswith("none is recorded (modelaudit.yaml:2)")  # the data are the scan's
    for format in ("html", "table", "markdown", "cyclonedx", "sarif", "junit", "annotations"):
        words = " ".join(re.sub("<[^>]*>|`", " ", html.unescape(render_format(shown, format).decode())).split())
        assert "none is recorded" not in words, format
        assert re.search(r"Jane Roe approved since \(\s?decisions.yaml:4\s?\)", words), (format, words)
    assert [each.person for each in list_steps(shown)][:2] == [
        "Do not load this model before a new scan passes.",
        "Scan again: Jane Roe approved since, and the new report has the answer.",
    ]
    page = " ".join(re.sub("<[^>]*>", " ", render_format(shown, "html").decode()).split())
    assert "Review, signed off since" in page and "not signed off" not in page
    assert "It came after the scan, and a new scan takes it into the verdict." in page


def test_role_of_the_approver_is_recorded_and_shown_beside_the_name(model: Path) -> None:
    _, report = scan()
    assert "--approver-role: is the role of who approved it" in sign("--approver-role", "CFO").stderr
    assert sign("--approved-by", "Max Muster", "--approver-role", "CFO").returncode == 0
    assert 'approver-role: "CFO"' in Path("decisions.yaml").read_text()
    [sign_off] = render()[0].signoffs
    assert sign_off.approver_role == "CFO"
    people = "Jane Roe (CISO), approved by Max Muster (CFO)"
    shown = render()[0]
    for format in ("markdown", "html", "table"):
        assert people in " ".join(render_format(shown, format).decode().split()), format
    assert any(people in each for control in shown.controls for each in control.signed)
    # Each other decision may state the roles too.
    fingerprint = report.findings[0].fingerprint
    decided = run(
        *("decide", fingerprint, "--report", "report.json", "--answer", "accept", "--reason", "read", "--by", "A"),
        *("--approved-by", "B", "--approver-role", "CFO", "--expires", LAST_DAY),
    )
    assert decided.returncode == 0, decided.stderr
    [decision] = scan()[1].decisions
    assert (decision.role, decision.approver_role) == ("", "CFO")
    page = " ".join(render_format(scan()[1], "html").decode().split())
    assert "Accepted by A (role not recorded)" in page and "B (CFO)" in page


def test_approval_ends_at_the_latest_with_the_acceptance_behind_the_verdict(model: Path) -> None:
    _, report = scan()
    accept = ("--answer", "accept", "--reason", "ok", "--by", "A", "--approved-by", "B", "--expires", LAST_DAY)
    assert run("decide", report.findings[0].fingerprint, "--report", "report.json", *accept).returncode == 0
    scan()
    late = sign("--expires", "2027-01-15")
    assert (late.returncode, late.stderr.count(f"state {LAST_DAY} at the latest")) == (2, 1), late.stderr
    assert sign().returncode == 0
    assert f"expires: {LAST_DAY}" in REGISTER.read_text().partition("approve")[2]
    # A register that was edited by hand moves no end.
    text = REGISTER.read_text()
    REGISTER.write_text(text[::-1].replace(LAST_DAY[::-1], "2027-01-20"[::-1], 1)[::-1])
    [signed] = scan(day=LATER)[1].signoffs
    assert (signed.expires, signed.state) == (LAST_DAY, SignOffState.VALID)
    page = " ".join(render_format(scan(day=LATER)[1], "html").decode().split())
    assert "It ends with the acceptance that the verdict rests on" in page and "2027-01-20" not in page
    # A refusal rests on no acceptance.
    REGISTER.write_text(text.partition("- subject: {model")[0])
    scan()
    refusal = ("--answer", "refuse", "--reason", "no", "--by", "A", "--expires", "2027-01-15")
    assert run("decide", "model", "--report", "report.json", *refusal).returncode == 0


def test_report_with_its_sign_offs_has_the_digest_of_the_one_without(model: Path) -> None:
    _, report = scan()
    sign()
    shown, _ = render()
    assert list_states(shown) == [SignOffState.VALID]
    assert any(each.signed for each in shown.controls)
    assert compute_report_digest(shown) == compute_report_digest(report) == shown.signoffs[0].report
    assert compute_content_digest(shown) == compute_content_digest(report)
    assert render_json(shown) != render_json(report)


@pytest.mark.parametrize("change", ["bytes", "gate", "policy", "decision"])
def test_sign_off_ends_with_what_the_report_judges(model: Path, change: str) -> None:
    scan()
    sign()
    if change == "bytes":
        (model / "notes.txt").write_text("hello\n")
    elif change == "policy":
        Path("modelaudit.yaml").write_text("organization: Acme GmbH\nrequire: [signoff]\nuse: {commercial: true}\n")
    options = ("--fail-on", "critical") if change == "gate" else ()
    if change == "decision":
        text = json.loads(Path("report.json").read_text())
        fingerprint = text["findings"][0]["fingerprint"]
        accept = ("--answer", "accept", "--reason", "ok", "--by", "A", "--approved-by", "B", "--expires", LAST_DAY)
        assert run("decide", fingerprint, "--report", "report.json", *accept).returncode == 0
    code, report = scan(*options, day=LATER)
    assert list_states(report) == [SignOffState.OTHER_REPORT]
    [cause] = [each for each in report.decision.causes if each.kind is CauseKind.SIGNOFF]
    assert code == 3
    assert "approval of Jane Roe (decisions.yaml:4) is of another report" in cause.reason


def test_sign_off_ends_on_its_last_day_which_is_a_year_ahead_by_default(model: Path) -> None:
    scan()
    assert sign("--expires", LAST_DAY).returncode == 0
    assert scan(day=LAST_DAY)[0] == 0
    code, report = scan(day="2027-01-01")
    assert (code, list_states(report)) == (3, [SignOffState.EXPIRED])
    assert f"expired on {LAST_DAY}" in report.decision.causes[0].reason
    REGISTER.unlink()
    assert sign().returncode == 0
    assert "expires: 2027-02-01" in REGISTER.read_text()
    repeated = sign(day=LATER)
    assert (repeated.returncode, repeated.stderr.splitlines()[-1].count("gives this answer until")) == (2, 1)
    assert sign(day="2027-01-15").returncode == 0
    assert [each.state for each in scan(day="2027-01-15")[1].signoffs] == [SignOffState.REPLACED, SignOffState.VALID]


def test_refusal_fails_the_gate_until_a_later_approval_replaces_it(model: Path) -> None:
    scan()
    refusal = ("--answer", "refuse", "--reason", "not for us", "--by", "Max Muster")
    assert run("decide", "model", "--report", "report.json", *refusal).returncode == 0
    code, report = scan(day=LATER)
    assert (code, [each.kind for each in report.decision.causes]) == (1, [CauseKind.REFUSED] * 2)
    assert "Max Muster refused the model" in report.decision.causes[0].reason
    assert list_states(report) == [SignOffState.VALID]
    assert sign(day=LATER).returncode == 0
    code, report = scan(day="2026-02-16")
    assert (code, list_states(report)) == (0, [SignOffState.REPLACED, SignOffState.VALID])
    assert run("decide", "model", "--report", "report.json", *refusal, day="2026-02-20").returncode == 0
    assert scan(day="2026-02-21")[0] == 1


def test_approval_decides_again_on_a_refusal_that_ended_with_its_bytes(model: Path) -> None:
    scan()
    refusal = ("--answer", "refuse", "--reason", "not for us", "--by", "Max Muster")
    assert run("decide", "model", "--report", "report.json", *refusal).returncode == 0
    (model / "notes.txt").write_text("hello\n")
    code, report = scan(day=LATER)
    assert (code, {each.kind for each in report.decision.causes}) == (
        3, {CauseKind.REFUSAL_REOPENED, CauseKind.SIGNOFF},
    )  # fmt: skip
    assert sign(day=LATER).returncode == 0
    code, report = scan(day=LATER)
    assert (code, list_states(report)) == (0, [SignOffState.OTHER_REPORT, SignOffState.VALID])


def test_two_persons_sign_off_and_a_bare_acceptance_of_the_model_is_no_sign_off(model: Path) -> None:
    scan()
    accept = ("--answer", "accept", "--reason", "ok", "--by", "A", "--approved-by", "B", "--expires", LAST_DAY)
    assert run("decide", "model", "--report", "report.json", *accept).returncode == 0
    code, report = scan()
    assert (code, report.signoffs, [each.kind for each in report.decision.causes]) == (3, (), [CauseKind.SIGNOFF])
    assert sign().returncode == 0
    assert run("decide", "model", "--report", "report.json", "--answer", "approve", "--reason", "legal", "--by", "Law"
               ).returncode == 0  # fmt: skip
    code, report = scan(day=LATER)
    assert (code, list_states(report)) == (0, [SignOffState.VALID, SignOffState.VALID])
    listed = run("decide", "--list", "--report", "report.json", day=LATER)
    assert listed.stdout.count("Approved by") == 2, listed.stdout


def test_sign_off_in_the_report_alone_is_left_out_with_a_note(model: Path) -> None:
    scan()
    sign()
    scan(day=LATER)
    REGISTER.rename("elsewhere.yaml")
    shown, notes = render()
    assert (shown.signoffs, notes.count("no register here holds")) == ((), 1)
    assert not any(each.signed for each in shown.controls)
    shown, notes = render("--decisions", "elsewhere.yaml", day=LATER)
    assert (list_states(shown), notes.count("no register here holds")) == ([SignOffState.VALID], 1)
    forged = replace(shown, signoffs=(replace(shown.signoffs[0], by="Mallory", place="x.yaml:9"),))
    Path("report.json").write_bytes(render_json(forged))
    shown, notes = render("--decisions", "elsewhere.yaml", day=LATER)
    assert [each.by for each in shown.signoffs] == ["Jane Roe"]
    assert "Mallory" in notes


def test_entry_of_a_later_day_or_with_another_digest_counts_for_nothing_and_says_so(model: Path) -> None:
    scan()
    sign(day=LATER)
    code, report = scan()
    assert (code, report.signoffs) == (3, ())
    assert any("decisions.yaml:4" in each and "not in force yet" in each for each in report.target.notes)
    listed = run("decide", "--list", "--report", "report.json")
    assert "not in force yet" in " ".join(listed.stdout.split())

    REGISTER.unlink()
    scan()
    sign()
    content = compute_content_digest(load_report(Path("report.json")))
    REGISTER.write_text(REGISTER.read_text().replace(content, "0" * 64))
    shown, notes = render()
    assert list_states(shown) == [SignOffState.OTHER_REPORT]
    assert notes.count("'content' is not that of the report") == 1
    assert scan(day=LATER)[0] == 3


def test_approval_of_a_failing_report_is_recorded_with_a_note_and_lifts_no_other_cause(model: Path) -> None:
    (model / "weights.pkl").write_bytes(b"cposix\nsystem\n(Vecho inert\ntR.")
    assert scan()[0] == 1
    done = sign()
    assert (done.returncode, done.stderr.count("the verdict of the report is fail")) == (0, 1)
    code, report = scan(day=LATER)
    assert (code, CauseKind.SIGNOFF in {each.kind for each in report.decision.causes}) == (1, False)


@check_each(
    "options, words",
    [
        (("--approved-by", "jane  roe"), "--approved-by: names the person of --by"),
        (("--expires", "2030-01-01"), "--expires 2030-01-01: must lie between"),
        (("--approved-by", "A", "--expires", "tomorrow"), "--expires tomorrow: is not a date"),
        (("--any-model",), "--any-model: belongs to an agreement"),
    ],
)
def test_wrong_sign_off_is_refused_in_one_line_and_writes_nothing(
    model: Path, options: tuple[str, ...], words: str
) -> None:
    scan()
    done = sign(*options)
    assert (done.returncode, done.stderr.count("error: ")) == (2, 1)
    assert words in done.stderr
    assert not REGISTER.exists()


FOUR_EYES = "require:\n  - signoff: {approved: true, roles: [CISO, Compliance Officer]}\n"


def test_policy_asks_for_a_second_person_and_a_role(model: Path) -> None:
    Path("modelaudit.yaml").write_text(FOUR_EYES)
    code, report = scan()
    assert (code, [each.kind for each in report.decision.causes]) == (3, [CauseKind.SIGNOFF])
    asked = "a sign-off by a person with the role CISO or Compliance Officer and confirmed by a second person"
    assert f"the policy requires {asked}, and none is recorded" in report.decision.causes[0].reason
    for options, words in (
        ((), "--approved-by: the approval has no second person, as modelaudit.yaml:2 requires"),
        (("--approved-by", "Max Muster", "--role", "intern"), "--role: the approval has the role intern, not CISO or"),
        (("--approved-by", "JANE \u00a0Roe."), "--approved-by: names the person of --by"),
    ):
        done = sign(*options)
        assert (done.returncode, done.stderr.count("error: "), words in done.stderr) == (2, 1, True), done.stderr
    assert not REGISTER.exists()
    assert sign("--role", "compliance officer", "--approved-by", "Max Muster").returncode == 0
    assert scan(day=LATER)[0] == 0


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        ("    approved-by:", "the approval of Jane Roe (decisions.yaml:4) has no second person"),
        ("    role:", "has no role, not CISO or Compliance Officer"),
    ],
)
def test_approval_without_what_the_policy_asks_for_leaves_the_gate_closed(model: Path, taken: str, words: str) -> None:
    Path("modelaudit.yaml").write_text(FOUR_EYES)
    scan()
    assert sign("--approved-by", "Max Muster").returncode == 0
    kept = [line for line in REGISTER.read_text().splitlines(keepends=True) if not line.startswith(taken)]
    REGISTER.write_text("".join(kept))
    code, report = scan(day=LATER)
    assert (code, list_states(report)) == (3, [SignOffState.VALID])
    assert words in report.decision.causes[0].reason


def test_terms_of_a_sign_off_add_up_over_the_policies_that_a_file_extends(model: Path) -> None:
    Path("base.yaml").write_text("require:\n  - signoff: {approved: true, roles: [CISO]}\n")
    Path("modelaudit.yaml").write_text("extends: base.yaml\nrequire:\n  - signoff: {roles: [Counsel]}\n")
    scan()
    assert "--role: the approval has the role CISO, not Counsel" in sign("--approved-by", "Max Muster").stderr
    assert "--approved-by: the approval has no second person" in sign("--role", "Counsel").stderr
    shown = run("policy", "show", "modelaudit.yaml")
    assert "approved: true" in shown.stdout and "roles: [Counsel]" in shown.stdout, shown.stdout + shown.stderr


def test_answer_on_licences_is_no_report_to_sign_off_and_names_what_to_do(model: Path) -> None:
    assert run("license", "tiny", "--offline", "-q", "-o", "json=report.json").returncode in (0, 3)
    done = sign()
    assert (done.returncode, done.stderr.count("error: ")) == (2, 1), done.stderr
    assert "binds no weights" in done.stderr and "decide licence:conclusion" in done.stderr
    assert not REGISTER.exists()


def test_model_of_the_hub_is_signed_off_at_its_commit_and_a_new_commit_needs_a_new_answer(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("modelaudit.yaml").write_text(FOUR_EYES)
    files = {"README.md": "---\nlicense: mit\n---\n# M\n", "model.safetensors": EMPTY_WEIGHTS}
    repository = hub.add_repository("acme/tiny", files)
    options = ("scan", "acme/tiny", "--no-second-opinion", "-q", "-o", "json=report.json")
    assert run(*options).returncode == 3
    assert sign("--approved-by", "Max Muster").returncode == 0
    assert f"bound-to: commit:{repository.sha} sha256:" in REGISTER.read_text()
    assert run(*options, day=LATER).returncode == 0
    assert list_states(load_report(Path("report.json"))) == [SignOffState.VALID]
    repository.commit({**files, "notes.txt": "hello\n"})
    assert run(*options, day=LATER).returncode == 3
    report = load_report(Path("report.json"))
    assert list_states(report) == [SignOffState.OTHER_REPORT]
    assert "is of another report" in report.decision.causes[0].reason


def test_sign_off_needs_a_whole_report_and_a_whole_model(model: Path) -> None:
    _, report = scan()
    fingerprint = report.findings[0].fingerprint
    part = run("decide", fingerprint, "--report", "report.json", *ANSWER, "--approved-by", "B", "--expires", LAST_DAY)
    assert (part.returncode, part.stderr.count("signs off a whole model")) == (2, 1)
    for options in (("--checks", "integrity"), ("--checks", "security")):
        Path("modelaudit.yaml").unlink(missing_ok=True)
        scan(*options)
        done = sign()
        assert (done.returncode, done.stderr.count("scan the model with")) == (2, 1), done.stderr
    assert not REGISTER.exists()
