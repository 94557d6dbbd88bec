"""Decisions from the command to every output: recorded, honoured, due, expired, reopened, unused, refused."""

from __future__ import annotations

import contextlib
import csv
import html
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hub.gitstore import make_blob
from hub.server import LoopbackHub
from support.cases import check_each
from support.catalogue import load_shipped
from support.command import CommandResult, run_command

from modelaudit.decisions import read_today
from modelaudit.model.acceptance import DecisionState
from modelaudit.model.copies import replace
from modelaudit.model.register import LONGEST_DAYS
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Group, Intent, Purpose, Use
from modelaudit.policy.planned_use import compare_uses
from modelaudit.reports import REPORTS, render
from modelaudit.reports.decision_words import list_decided
from modelaudit.reports.json_report import load_report, parse_report
from modelaudit.reports.license_screen import render_license
from modelaudit.reports.notices import build_notices
from modelaudit.reports.results import Outcome, list_results
from modelaudit.reports.screen import render_screen

PAGE = Path(__file__).resolve().parents[1] / "docs/decisions.md"
UNLISTED = b"cacme.tools\nrestore\n(tR."
"""A pickle that calls an unlisted function, which is a finding of severity high."""
AGREEMENT_FORMATS = ("html", "markdown", "table", "cyclonedx", "sarif", "junit")
COUNTING_ONLY = {"csv", "elements", "elements-json"}
"""The formats that show no decision: a table of files, which counts the accepted ones, and lists of stated facts."""
DANGEROUS = b"cposix\nsystem\n(Vecho inert\ntR."
STATEMENT = ("--answer", "accept", "--reason", "read | twice", "--by", "Jane Roe", "--approved-by", "Max Muster")
REFERENCE = "C-2026-17"
RECORDED, LAST_DAY = "2026-01-31", "2026-12-31"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with one finding of severity high, in the working directory of the test."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    (folder / "weights.pkl").write_bytes(UNLISTED)
    return folder


def run(*arguments: str, day: str = RECORDED) -> CommandResult:
    """Run the command as if it were noon of a day."""
    noon = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
    return run_command(*arguments, SOURCE_DATE_EPOCH=str(int(noon.timestamp())))


def scan(*options: str, day: str = RECORDED) -> tuple[int, AuditReport]:
    """Scan the model of the fixture; return the exit code and the report."""
    done = run("scan", "tiny", "--no-second-opinion", "-q", "-o", "json=report.json", *options, day=day)
    assert done.returncode in (0, 1, 3), done.stderr
    return done.returncode, load_report(Path("report.json"))


def decide(subject: str, *options: str, day: str = RECORDED) -> CommandResult:
    """Accept a subject of the last report until the last day, unless the options say otherwise."""
    words = [*STATEMENT, "--expires", LAST_DAY]
    if subject.startswith("agreement:") and "--reference" not in options:
        options = (*options, "--reference", REFERENCE)
    default = [word for pair in zip(words[::2], words[1::2], strict=True) if pair[0] not in options for word in pair]
    return run("decide", subject, "--report", "report.json", *default, *options, day=day)


def find_fingerprint(report: AuditReport, rule: str) -> str:
    return next(each.fingerprint for each in report.findings if each.rule == rule)


def test_decision_lives_from_its_record_until_it_ends_and_every_format_shows_who_and_until_when(model: Path) -> None:
    code, report = scan()
    fingerprint = find_fingerprint(report, "pickle/unlisted-call")
    assert (code, report.decisions) == (1, ())

    assert decide(fingerprint).returncode == 0
    code, report = scan()
    assert code == 0
    (decision,) = report.decisions
    assert (decision.state, decision.fingerprints, decision.place) == (
        DecisionState.HONOURED,
        (fingerprint,),
        "decisions.yaml:4",
    )
    documents = {name: html.unescape(render(report, name).decode()) for name in REPORTS.keys() - COUNTING_ONLY}
    documents["csv"] = render(report, "csv").decode()
    for name, document in {**documents, "screen": render_screen(report, width=80).decode()}.items():
        missing = [words for words in ("Jane Roe", LAST_DAY) if words not in document]
        assert not missing, f"{name} does not show {missing}"
    assert parse_report(render(report, "json")) == report

    for day, state, expected in (
        ("2026-12-01", DecisionState.DUE, 0),
        (LAST_DAY, DecisionState.DUE, 0),
        ("2027-01-01", DecisionState.EXPIRED, 1),
    ):
        code, report = scan(day=day)
        assert (code, report.decisions[0].state) == (expected, state), day

    pickle = model / "weights.pkl"
    pickle.write_bytes(UNLISTED + b"\n")
    code, report = scan()
    assert (code, report.decisions[0].state) == (1, DecisionState.REOPENED)
    assert find_fingerprint(report, "pickle/unlisted-call") == fingerprint
    bound = decision.bound_to.removeprefix("sha256:")[:12]
    assert f"binds {bound}" in report.decisions[0].detail

    pickle.unlink()
    code, report = scan()
    assert (code, report.decisions[0].state) == (0, DecisionState.UNUSED)

    pickle.write_bytes(DANGEROUS)
    critical = find_fingerprint(scan()[1], "pickle/dangerous-call")
    before = Path("decisions.yaml").read_bytes()
    for subject in (critical, "pickle/dangerous-call:weights.pkl", "model"):
        refused = decide(subject)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "set accept-critical: true in modelaudit.yaml" in refused.stderr
    assert Path("decisions.yaml").read_bytes() == before
    Path("policy.yaml").write_text("name: own\ndescription: Own.\nextends: default\naccept-critical: true\n")
    assert decide(critical, "--policy", "policy.yaml").returncode == 0
    code, report = scan()
    assert (code, report.decisions[1].state) == (1, DecisionState.NOT_PERMITTED)
    assert "Not permitted" in run("decide", "--list", "--report", "report.json").stdout
    code, report = scan("--policy", "policy.yaml")
    assert (code, report.decisions[1].state) == (0, DecisionState.HONOURED)
    listing = run("decide", "--list", "--report", "report.json", "--policy", "policy.yaml").stdout
    assert "Honoured" in listing and "Not permitted" not in listing


def test_accepted_critical_finding_is_first_on_the_screen_and_the_page_and_no_output_drops_a_decision(
    model: Path,
) -> None:
    (model / "more.pkl").write_bytes(DANGEROUS)
    (model / "viewer.js").write_text("document.title = 'tiny';\n")
    Path("policy.yaml").write_text("name: own\ndescription: Own.\nextends: default\naccept-critical: true\n")
    _, report = scan("--policy", "policy.yaml")
    subjects = ["program-not-judged:viewer.js", find_fingerprint(report, "pickle/unlisted-call")]
    for subject in (*subjects, find_fingerprint(report, "pickle/dangerous-call")):
        assert decide(subject, "--policy", "policy.yaml").returncode == 0
    code, report = scan("--policy", "policy.yaml")
    assert code == 0
    assert report.decision.load.reason.startswith("Accepted by Jane Roe: 2 findings (1 critical), 1 part not examined.")
    screen = " ".join(render_screen(report, width=80).decode().split())
    assert f"accepted by Jane Roe until {LAST_DAY}: critical pickle/danger" in screen
    # The reason of an answer may take all the lines of the screen.
    use = replace(report.decision.use, reason="It permits the planned use. " * 20)
    long = render_screen(replace(report, decision=replace(report.decision, use=use)), width=80).decode()
    assert f"decided 1 of 3, accepted by Jane Roe until {LAST_DAY}: critical" in long
    head = html.unescape(render(report, "html").decode().partition('<p class="exit">')[0])
    assert "with 3 findings in 3 files accepted by Jane Roe</h2>" in head
    assert head.index("ritical pickle/dangerous-call in more.pkl") < head.index("igh pickle/unlisted-call in weights")
    notes = json.loads(render(report, "sarif"))["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    annotations = render(report, "annotations").decode().splitlines()
    for lines in ([each["message"]["text"] for each in notes], annotations):
        assert sum(f"ccepted by Jane Roe until {LAST_DAY}" in line for line in lines) == 3
    refusing = replace(report, decisions=(replace(report.decisions[0], answer="refuse"), *report.decisions[1:]))
    verbs = [line.partition(":")[0].partition(" ")[0] for line in list_decided(refusing)]
    assert verbs == ["accepted", "refused", "accepted"] and "critical" in list_decided(refusing)[0]
    many = replace(report, decisions=report.decisions * 4)
    assert "the summary of the job names 12 decisions" in render(many, "annotations").decode()


def test_decision_on_a_model_of_the_hub_binds_its_commit_and_its_tree_and_one_on_a_file_its_bytes(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"README.md": "---\nlicense: mit\n---\n# Tiny\n", "viewer.js": "document.title = 'tiny';\n"}
    repository = hub.add_repository("acme/tiny", files={**files, "weights.pkl": UNLISTED})

    def scan_hub() -> tuple[int, list[DecisionState]]:
        done = run("scan", "acme/tiny", "--no-second-opinion", "-q", "-o", "json=report.json")
        return done.returncode, [each.state for each in load_report(Path("report.json")).decisions]

    assert scan_hub() == (1, [])
    assert decide("pickle/unlisted-call:weights.pkl").returncode == 0
    assert re.search(rf"commit:{repository.sha} sha256:[0-9a-f]{{64}}", decide("model").stdout)
    assert scan_hub() == (0, [DecisionState.HONOURED, DecisionState.HONOURED])
    # A hostile Hub delivers other bytes, with claims that fit them, as the commit that was accepted.
    honest = repository.commits[repository.sha]
    notes = make_blob("NOTES.txt", b"other\n", repository.lfs)
    repository.commits[repository.sha] = replace(honest, files={**honest.files, "NOTES.txt": notes})
    assert scan_hub()[1] == [DecisionState.HONOURED, DecisionState.REOPENED]
    repository.commits[repository.sha] = honest
    repository.commit({**files, "weights.pkl": UNLISTED, "NOTES.txt": "later\n"})
    assert scan_hub() == (3, [DecisionState.HONOURED, DecisionState.REOPENED])


def refuse(subject: str, *options: str, day: str = RECORDED) -> CommandResult:
    """Refuse a subject of the last report until the last day."""
    return run(
        *("decide", subject, "--report", "report.json", *STATEMENT[2:], "--answer", "refuse", "--expires", LAST_DAY),
        *options,
        day=day,
    )


def test_refused_finding_is_marked_in_every_output_and_no_acceptance_or_baseline_covers_it(model: Path) -> None:
    (model / "viewer.js").write_text("document.title = 'tiny';\n")
    _, report = scan()
    Path("report.json").rename("old.json")
    scan()
    fingerprint = find_fingerprint(report, "pickle/unlisted-call")
    assert refuse(fingerprint).returncode == refuse("program-not-judged:viewer.js").returncode == 0
    assert decide("model").returncode == 0
    overruled = decide("pickle/unlisted-call:weights.pkl")
    assert (overruled.returncode, "The refusal decisions.yaml:4 overrules it." in overruled.stderr) == (2, True)
    code, report = scan("--baseline", "old.json")
    states = [(each.state, each.fingerprints) for each in report.decisions]
    assert code == 1 and states[0] == (DecisionState.HONOURED, (fingerprint,))
    finding = next(each for each in report.findings if each.fingerprint == fingerprint)
    assert finding.acceptance is None
    assert [address for address, _ in report.coverage.open_absences] == ["viewer.js"]
    assert "Jane Roe refused pickle/unlisted-call in weights.pkl (decisions.yaml:4)" in report.decision.load.reason
    refused = {each.rule: each for each in list_results(report) if each.outcome is Outcome.FAILS}
    assert {"pickle/unlisted-call", "coverage/program-not-judged"} <= set(refused)
    for name in ("sarif", "sarif-all", "junit", "markdown", "annotations", "html", "cyclonedx", "table"):
        document = " ".join(html.unescape(render(report, name).decode()).replace("`", "").split())
        assert f"efused by Jane Roe, approved by Max Muster, until {LAST_DAY} (decisions.yaml:4): read" in document, (
            name
        )
    # The absence that the second refusal names is marked as its finding is.
    for name in ("sarif-all", "junit", "markdown", "html", "table"):
        document = " ".join(html.unescape(render(report, name).decode()).replace("`", "").split())
        assert f"until {LAST_DAY} ({report.decisions[1].place})" in document, name
    assert f"(refused by Jane Roe until {LAST_DAY})" in " ".join(render_screen(report).decode().split())
    assert next(line for line in render(report, "annotations").decode().splitlines()[1:]).count("decision/refused")
    assert f"refused {fingerprint}" in render_screen(report, width=80).decode()
    rows = {row["path"]: row for row in csv.DictReader(io.StringIO(render(report, "csv").decode()))}
    assert (rows["weights.pkl"]["refused"], rows["viewer.js"]["refused"]) == ("1", "1")
    listing = run("decide", "--list", "--report", "report.json").stdout
    assert "Open:" not in listing and "Honoured" in listing


def test_decision_on_a_link_to_nowhere_or_a_pipe_ends_when_the_link_changes(model: Path) -> None:
    (model / "link").symlink_to("nowhere")
    (model / "outside").symlink_to("/etc/hostname")
    os.mkfifo(model / "pipe")
    code, report = scan()
    assert code == 1
    subjects = ("dangling-link:link", "link-outside-root:outside", "not-a-regular-file:pipe", "model")
    for subject in subjects:
        assert decide(subject).returncode == 0, subject
    code, report = scan()
    assert (code, {each.state for each in report.decisions}) == (0, {DecisionState.HONOURED})
    (model / "link").unlink()
    (model / "link").symlink_to("elsewhere")
    code, report = scan()
    assert [each.state for each in report.decisions] == [
        DecisionState.REOPENED,
        *[DecisionState.HONOURED] * 2,
        DecisionState.REOPENED,
    ]
    (model / "link").unlink()
    (model / "secret.bin").write_bytes(b"secret")
    (model / "secret.bin").chmod(0)
    if os.geteuid():
        scan()
        refused = decide("model")
        assert refused.returncode == 2 and "secret.bin was not read" in refused.stderr


def move(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / "weights.pkl").rename(folder / name)


def pack(folder: Path) -> None:
    with zipfile.ZipFile(folder / "m.zip", "w") as archive:
        archive.write(folder / "weights.pkl", "weights.pkl")
    (folder / "weights.pkl").unlink()


@check_each(
    "change, day, expected, cause",
    [
        (lambda folder: move(folder, "c2.pkl"), RECORDED, 1, "refused"),
        (lambda folder: move(folder, "sub/weights.pkl"), RECORDED, 1, "refused"),
        (lambda folder: shutil.copy(folder / "weights.pkl", folder / "copy.bin"), RECORDED, 1, "refused"),
        (pack, RECORDED, 3, "refusal-reopened"),
        (lambda folder: (folder / "weights.pkl").write_bytes(UNLISTED + b"\n"), RECORDED, 3, "refusal-reopened"),
        (lambda folder: (folder / "weights.pkl").unlink(), RECORDED, 3, "refusal-reopened"),
        (lambda folder: None, "2027-01-01", 3, "refusal-reopened"),
    ],
)
def test_refusal_below_the_gate_is_not_undone_by_another_name_other_bytes_time_or_a_baseline(
    change: Callable[[Path], object], day: str, expected: int, cause: str, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    for path in (folder, tmp_path / "decisions.yaml"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    folder.mkdir()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    (folder / "weights.pkl").write_bytes(UNLISTED)
    with contextlib.chdir(tmp_path):
        fingerprint = find_fingerprint(scan("--fail-on", "never")[1], "pickle/unlisted-call")
        assert refuse(fingerprint).returncode == 0
        assert scan("--fail-on", "never")[0] == 1
        Path("report.json").rename("old.json")
        change(folder)
        for options in ((), ("--baseline", "old.json")):
            code, report = scan("--fail-on", "never", *options, day=day)
            assert code == expected and cause in {each.kind for each in report.decision.causes}
            for name in REPORTS.keys() - COUNTING_ONLY:
                document = " ".join(html.unescape(render(report, name).decode()).replace("`", "").split())
                assert "Jane Roe" in document and "read" in document, name
            assert "Jane Roe refused" in render_screen(report).decode()
        # Without the register, the earlier report alone does not make what it refused known.
        Path("decisions.yaml").unlink()
        assert scan("--baseline", "old.json")[0] != 0 or not list(folder.rglob("weights.pkl"))
        Path("report.json").unlink()


def test_refusal_needs_a_new_decision_when_the_bytes_change(model: Path) -> None:
    model_bytes = model / "weights.pkl"
    fingerprint = find_fingerprint(scan()[1], "pickle/unlisted-call")
    policy = ("--fail-on", "never")
    assert refuse(fingerprint).returncode == refuse("model").returncode == 0
    model_bytes.write_bytes(UNLISTED + b"\n")
    code, report = scan(*policy)
    assert code == 3
    assert {(cause.kind, cause.question, cause.count) for cause in report.decision.causes} >= {
        ("refusal-reopened", "load", 2),
        ("refusal-reopened", "use", 1),
    }
    assert "Jane Roe refused" in report.decision.load.reason
    assert "2 refusals among them" in " ".join(render_screen(report).decode().split())
    # A decision on the new bytes takes the place of the refusal.
    assert decide(fingerprint).returncode == decide("model").returncode == 0
    assert scan(*policy)[0] == 0
    model_bytes.unlink()
    Path("decisions.yaml").unlink()
    scan(*policy)
    assert refuse("licence:MIT").returncode == 0
    assert scan(*policy)[0] == 1
    (model / "README.md").write_text("---\nlicense: mit\n---\n# Tiny, again\n")
    code, report = scan(*policy)
    assert code == 3 and "Jane Roe refused the licence MIT" in report.decision.use.reason


def test_decisions_with_and_without_a_model_contradict_or_replace_each_other(model: Path) -> None:
    fingerprint = find_fingerprint(scan()[1], "pickle/unlisted-call")
    assert decide(fingerprint).returncode == 0
    text = Path("decisions.yaml").read_text()
    general = text.partition("decisions:\n")[2].replace('    model: "tiny"\n', "").replace("accept", "refuse", 1)
    Path("decisions.yaml").write_text(text + general)
    done = run("scan", "tiny", "-q")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "decisions.yaml:13: decisions.1: contradicts decisions.yaml:4" in done.stderr
    Path("decisions.yaml").write_text(text + general.replace(RECORDED, "2026-02-01"))
    code, report = scan(day="2026-02-02")
    assert (code, [each.state for each in report.decisions]) == (1, [DecisionState.UNUSED, DecisionState.HONOURED])
    listed = json.loads(run("decide", "--list", "--json", day="2026-02-02").stdout)
    assert [each["state"] for each in listed["decisions"]] == ["unused", "honoured"]


def test_one_decision_settles_a_finding_and_its_absence_under_any_gate(model: Path) -> None:
    (model / "weights.pkl").write_bytes(b"cacme.tools\nThing\n)\x81.")
    (model / "viewer.js").write_text("document.title = 'tiny';\n")
    strict = ("--fail-on", "medium")
    _, report = scan(*strict)
    stated = {each.rule for each in report.findings if each.severity == "medium"}
    assert stated == {"pickle/unverified-type", "coverage/program-not-judged"}
    for subject in ("unverified-type:weights.pkl", "coverage/program-not-judged:viewer.js"):
        assert decide(subject).returncode == 0
    assert scan(*strict)[0] == 0
    Path("decisions.yaml").unlink()
    Path("policy.yaml").write_text(
        "name: own\ndescription: Own.\nextends: default\ngates: {security: medium}\nallow-unread:\n"
        '  - {reasons: [unverified-type, program-not-judged], paths: "*", why: reviewed}\n'
    )
    code, report = scan("--policy", "policy.yaml")
    assert code == 0, report.decision.reasons
    accepted = {each.rule for each in report.findings if each.acceptance}
    assert stated <= accepted
    assert all(each.is_settled for each in list_results(report) if each.rule in stated or "coverage/" in each.rule)


@check_each(
    "arguments, message",
    [
        (("licence:MIT",), "The licences leave nothing of it open."),
        (("agreement:MIT",), "The licences leave nothing of it open."),
        (("model", "--approved-by", "jane  ROE"), "another person must approve the decision"),
        (("licence:MIT", "--policy", "deny.yaml"), "The policy denies MIT (deny.yaml:4)."),
        (("agreement:MIT", "--policy", "deny.yaml"), "The policy denies MIT (deny.yaml:4)."),
        (("empty:empty.txt",), "The policy accepts it already."),
        (("model", "--decisions", "/dev/null"), "--decisions /dev/null: is not a regular file"),
        (("model", "--decisions", "pipe"), "--decisions pipe: is not a regular file"),
        (("model", "--decisions", "folder"), "--decisions folder: is a folder"),
        (("model", "--decisions", "newer.yaml"), "install that version"),
    ],
)
def test_decision_without_effect_is_refused_and_writes_nothing(
    model: Path, arguments: tuple[str, ...], message: str
) -> None:
    (model / "empty.txt").touch()
    Path("policy.yaml").write_text(
        "name: own\ndescription: Own.\nextends: default\nallow-unread:\n"
        '  - {reasons: [empty], paths: "empty.txt", why: empty on purpose}\n'
    )
    Path("deny.yaml").write_text("name: own\ndescription: Own.\nextends: default\nlicenses: {deny: [MIT]}\n")
    Path("newer.yaml").write_text("version: 2\ndecisions: []\n")
    if not Path("pipe").exists():
        os.mkfifo("pipe")
    Path("folder").mkdir(exist_ok=True)
    scan("--policy", "policy.yaml")
    names = sorted(path.name for path in Path().iterdir())
    done = decide(*arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
    assert message in done.stderr
    assert sorted(path.name for path in Path().iterdir()) == names


def test_other_answer_of_the_same_day_is_refused_with_the_line_that_is_there(model: Path) -> None:
    scan()
    assert decide("model").returncode == 0
    done = refuse("model")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "decisions.yaml:4 decided to accept it today; edit or remove that entry" in done.stderr


def test_list_and_report_give_every_decision_the_same_state(model: Path) -> None:
    (model / "viewer.js").write_text("document.title = 'tiny';\n")
    _, report = scan()
    for subject in (find_fingerprint(report, "pickle/unlisted-call"), "program-not-judged:viewer.js", "model"):
        assert decide(subject).returncode == 0
    assert refuse("licence:MIT").returncode == 0
    text = Path("decisions.yaml").read_text()
    for number, (old, new) in enumerate(
        (("", ""), ("viewer.js", "gone.js"), ("bound-to: sha256:", "bound-to: sha256:0"))
    ):
        changed = re.sub("(sha256:0.{63}).", r"\1", text.replace(old, new) if old else text)
        Path("decisions.yaml").write_text(changed)
        _, report = scan()
        listed = json.loads(run("decide", "--list", "--report", "report.json", "--json").stdout)["decisions"]
        expected = [(each.place, each.state, each.detail) for each in report.decisions]
        assert [(each["place"], each["state"], each["detail"]) for each in listed] == expected, number


def test_decision_on_the_conclusion_accepts_a_base_model_that_was_not_read(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hub.add_repository("acme/base", {"README.md": "---\nlicense: cc-by-nc-4.0\n---\n", "config.json": "{}"})
    hub.add_repository("acme/tuned", {"README.md": "---\nlicense: mit\nbase_model: acme/base\n---\n"})
    hub.inject_fault("/api/models/acme/base/revision/", content=b"<html>")

    def scan_hub(*options: str) -> tuple[int, AuditReport]:
        done = run("scan", "acme/tuned", "--no-second-opinion", "-q", "-o", "json=report.json", *options)
        return done.returncode, load_report(Path("report.json"))

    for options in ((), ("--use", "commercial")):
        code, report = scan_hub(*options)
        assert (code, {each.kind for each in report.decision.causes} >= {"base-model-unread"}) == (3, True)
        listed = json.loads(run("decide", "--list", "--report", "report.json", "--json").stdout)
        assert [each["subject"] for each in listed["open"]] == ["licence:conclusion"]
        assert decide("licence:conclusion").returncode == 0
        code, report = scan_hub(*options)
        assert (code, report.decisions[0].state) == (0, DecisionState.HONOURED), options
        listed = json.loads(run("decide", "--list", "--report", "report.json", "--json").stdout)
        assert (listed["open"], [each["state"] for each in listed["decisions"]]) == ([], ["honoured"])
        Path("decisions.yaml").unlink()


def test_refusal_of_a_person_fails_the_gate_although_no_finding_does(model: Path) -> None:
    (model / "weights.pkl").unlink()
    assert scan()[0] == 0
    done = run(
        "decide", "model", "--report", "report.json", *STATEMENT[2:], "--answer", "refuse", "--expires", LAST_DAY
    )
    assert done.returncode == 0
    code, report = scan()
    assert code == 1
    assert {(cause.kind, cause.question) for cause in report.decision.causes} == {
        ("refused", "load"),
        ("refused", "use"),
    }
    assert "Jane Roe refused the model" in report.decision.load.reason


def test_accepted_model_covers_its_findings_and_absences_until_any_byte_of_it_changes(model: Path) -> None:
    (model / "viewer.js").write_text("document.title = 'tiny';\n")
    assert scan()[0] == 1
    assert decide("model").returncode == 0
    code, report = scan()
    assert (code, report.coverage.open_absences) == (0, ())
    (model / "README.md").write_text("---\nlicense: mit\n---\n# Tiny, again\n")
    code, report = scan()
    assert (code, report.decisions[0].state) == (1, DecisionState.REOPENED)


def test_decided_licence_review_passes_in_scan_and_license_and_a_denial_needs_an_agreement(model: Path) -> None:
    (model / "weights.pkl").unlink()
    card = model / "README.md"
    card.write_text("---\nlicense: gemma\n---\n# Tiny\n")
    use = ("--use", "commercial", "--territory", "DE")
    code, report = scan(*use)
    open_licenses = {each.license for each in report.license.answers if each.answer == "review"}
    assert (code, report.decision.use.verdict, open_licenses) == (3, "review", {"LicenseRef-Gemma"})
    assert decide("licence:LicenseRef-Gemma").returncode == 0
    assert scan(*use)[0] == 0
    done = run("license", "tiny", "-q", *use, "-o", "json=license.json")
    decided = load_report(Path("license.json"))
    assert (done.returncode, decided.license.acceptance and decided.license.acceptance.by) == (0, "Jane Roe")
    assert run("license", "tiny", "-q", *use, day="2027-01-01").returncode == 3

    card.write_text("---\nlicense: cc-by-nc-4.0\n---\n# Tiny\n")
    assert scan(*use)[1].decision.use.verdict == "fail"
    for subject in ("licence:conclusion", "licence:CC-BY-NC-4.0"):
        done = decide(subject)
        assert done.returncode == 2 and "record it as agreement:CC-BY-NC-4.0" in done.stderr
    assert decide("agreement:CC-BY-NC-4.0").returncode == 0
    code, report = scan(*use)
    assert (code, report.decision.use.verdict) == (0, "pass")
    assert "agreement" in report.decision.use.reason


SAAS = ("--use", "commercial", "--use", "hosted-service", "--territory", "DE")


def answer(*use: str, day: str = RECORDED) -> tuple[int, AuditReport]:
    """Scan the model for a use; ``license`` gives the same answer and the same code, and names the same decisions."""
    code, report = scan(*use, day=day)
    done = run("license", "tiny", "-q", *use, "-o", "json=license.json", day=day)
    alone = load_report(Path("license.json"))
    assert report.decision.use == alone.decision.use
    assert code == done.returncode or report.decision.load.verdict != "pass"
    assert [each.state for each in report.decisions] == [each.state for each in alone.decisions]
    of_licences = [[each.detail for each in part.decisions if "model " not in each.subject] for part in (report, alone)]
    assert of_licences[0] == of_licences[1]
    assert report.license.terms_digest == alone.license.terms_digest
    return code, report


def test_licence_decision_answers_for_the_planned_use_that_it_states_and_for_a_narrower_one(model: Path) -> None:
    (model / "weights.pkl").unlink()
    (model / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    (model / "README.md").write_text("---\nlicense: gemma\n---\n# Tiny\n")
    wide = ("--use", "commercial", "--use", "hosted-service", "--territory", "EU", "--mau", "5e6", "--revenue", "100")
    assert answer(*wide)[0] == 3
    assert decide("licence:LicenseRef-Gemma").returncode == 0
    entry = yaml.safe_load(Path("decisions.yaml").read_text())["decisions"][0]
    assert entry["use"] == {
        **{"commercial": True, "hosted-service": True, "territories": ["EU"]},
        **{"monthly-active-users": 5_000_000, "annual-revenue-usd": 100},
    }
    assert answer(*wide)[0] == 0
    for narrower in (
        ("--use", "commercial", "--territory", "DE", "--mau", "4", "--revenue", "0"),
        (*wide, "--use", "redistribute=no"),
    ):
        assert answer(*narrower)[0] == 0, narrower
    for wider, said in (
        ((*wide, "--use", "redistribute"), "includes redistribute."),
        ((*wide, "--territory", "US"), "includes the territory US."),
        ((*wide[:4], *wide[6:], "--territory", "WORLD"), "includes the territory WORLD."),
        ((*wide[:6], "--mau", "5000001", *wide[8:]), "includes 5,000,001 monthly active users."),
        ((*wide[:8], "--revenue", "101"), "includes 101 USD of annual revenue."),
        (wide[:8], "includes a number of USD of annual revenue that is not stated."),
        ((*wide, "--field", "medical-advice"), "includes the field medical-advice."),
    ):
        code, report = answer(*wider)
        assert (code, report.decision.use.verdict) == (3, "review"), wider
        assert report.decisions[0].state is DecisionState.REOPENED
        assert report.decisions[0].detail == f"The planned use now {said}"
    # The decision for a further use stays beside the first one.
    assert decide("licence:LicenseRef-Gemma").returncode == 0
    for use in (wide, (*wide, "--field", "medical-advice")):
        code, report = answer(*use)
        assert (code, sorted(each.state for each in report.decisions)) == (0, ["honoured", "unused"])
    assert "It answers another use; decisions.yaml:4 answers the planned one." in answer(*wide)[1].decisions[1].detail
    # Weights state no terms, and a card does.
    (model / "model.safetensors").write_bytes(b"\x03\0\0\0\0\0\0\0{} ")
    assert answer(*wide)[0] == 0
    (model / "README.md").write_text("---\nlicense: gemma\n---\n# Tiny, again\n")
    code, report = answer(*wide)
    assert (code, report.decisions[0].state) == (3, DecisionState.REOPENED)
    assert "The SHA-256 of the terms is" in report.decisions[0].detail


@check_each(
    "decided, planned, detail",
    [
        ({"research": True}, {}, "The planned use now includes a purpose that is not stated."),
        ({"research": True}, {"research": False}, "The planned use now includes a purpose other than research."),
        ({}, {"research": False}, "The planned use now includes a purpose other than research."),
        ({}, {"research": True}, ""),
        ({"research": False}, {}, ""),
    ],
)
def test_purpose_that_is_not_research_alone_is_a_wider_use(
    decided: dict[str, bool], planned: dict[str, bool], detail: str
) -> None:
    purposes = {True: Purpose.RESEARCH, False: Purpose.OTHER, None: None}
    before, now = (
        Intent({Use.COMMERCIAL: False}, purpose=purposes[each.get("research")]) for each in (decided, planned)
    )
    assert compare_uses(before, now, {}) == detail


def test_accepted_model_covers_its_licences_for_the_planned_use_alone(model: Path) -> None:
    (model / "README.md").write_text("---\nlicense: gemma\n---\n# Tiny\n")
    assert answer(*SAAS)[0] == 1
    assert decide("model").returncode == 0
    assert answer(*SAAS)[0] == 0
    code, report = answer(*SAAS, "--use", "distill")
    assert (code, report.decision.load.verdict, report.decision.use.verdict) == (3, "pass", "review")
    assert "Not for the licences: The planned use now includes distill." in report.decisions[0].detail
    # The licence command reads no weights, and it hashes them for a decision that binds them.
    (model / "weights.pkl").write_bytes(UNLISTED + b"\n")
    assert answer(*SAAS)[1].decisions[0].state is DecisionState.REOPENED
    Path("decisions.yaml").unlink()
    scan(*SAAS)
    assert refuse("model").returncode == 0
    code, report = answer(*SAAS)
    assert (code, report.decision.use.verdict) == (1, "fail")
    assert "Jane Roe refused the model" in report.decision.use.reason


def test_agreement_permits_the_clauses_that_it_names_and_a_further_denial_stays_one(model: Path) -> None:
    (model / "weights.pkl").unlink()
    (model / "README.md").write_text("---\nlicense: llama3.2\npipeline_tag: image-text-to-text\n---\n# Tiny\n")
    stated = ("--field", "general", "--mau", "1000", *SAAS)
    code, report = answer(*stated)
    assert (code, [each.kind for each in report.license.open_answers]) == (1, ["territory-limit"])
    assert decide("agreement:LicenseRef-Llama-3.2").returncode == 0
    entry = yaml.safe_load(Path("decisions.yaml").read_text())["decisions"][0]
    assert entry["permits"] == ["territory-limit"]
    code, report = answer(*stated)
    assert (code, report.decision.use.reason) == (
        0,
        f"Allowed under agreement {REFERENCE} until {LAST_DAY}, recorded by Jane Roe, approved by Max Muster.",
    )
    check_words_of_pass(report)
    Path("report.json").rename("agreed.json")
    # As if the contract had been read for another clause, and the rule set or the use now brings in this one.
    text = Path("decisions.yaml").read_text()
    Path("decisions.yaml").write_text(text.replace("[territory-limit]", "[user-cap]"))
    code, report = answer(*stated)
    assert (code, report.decisions[0].state) == (1, DecisionState.UNUSED)
    Path("decisions.yaml").write_text(text)
    code, report = answer(*stated[:2], "--mau", "1e9", *SAAS)
    assert (code, report.decision.use.verdict) == (1, "fail")
    done = run("diff", "agreed.json", "report.json")
    assert done.returncode == 1 and "license/use-denied" in done.stdout
    # What the licence leaves open beside the denial needs a decision of its own.
    use = ("--mau", "1000", *SAAS)
    Path("decisions.yaml").unlink()
    assert answer(*use)[0] == 1
    assert decide("agreement:LicenseRef-Llama-3.2").returncode == 0
    code, report = answer(*use)
    assert (code, report.decision.use.verdict) == (3, "review")
    assert {each.kind for each in report.license.open_answers} == {"use-policy", "use-condition"}
    assert decide("licence:LicenseRef-Llama-3.2").returncode == 0
    code, report = answer(*use)
    assert (code, [each.state for each in report.decisions]) == (0, [DecisionState.HONOURED] * 2)
    check_words_of_pass(report)


def test_agreement_lifts_denied_and_reviewed_clauses_and_says_so_until_it_expires(model: Path) -> None:
    (model / "weights.pkl").unlink()
    (model / "README.md").write_text("---\nlicense: other\nlicense_name: mrl\n---\n# Tiny\n")
    use = ("--field", "general", *SAAS)
    code, report = answer(*use)
    open_kinds = {each.kind: each.answer for each in report.license.open_answers}
    assert code == 1
    assert {"no-commercial-use": "deny", "commercial-agreement": "review"}.items() <= open_kinds.items()
    assert decide("agreement:LicenseRef-Mistral-MRL").returncode == 0
    entry = yaml.safe_load(Path("decisions.yaml").read_text())["decisions"][0]
    assert entry["subject"] == {"agreement": ["LicenseRef-Mistral-MRL"], "reference": REFERENCE}
    assert set(entry["permits"]) == set(open_kinds) - {"use-policy", "use-condition", "conclusion"}
    code, report = answer(*use)
    assert {each.acceptance.reference for each in report.license.answers if each.acceptance} == {REFERENCE}
    # A renewal under the same number takes the place of the first, and another contract stands beside it.
    agreed = f"nder agreement {REFERENCE} until {LAST_DAY}, recorded by Jane Roe, approved by Max Muster"
    shown = {name: " ".join(html.unescape(render(report, name).decode()).split()) for name in AGREEMENT_FORMATS}
    shown["license"] = " ".join(render_license(report, width=100).decode().split())
    assert not {name for name, text in shown.items() if agreed not in text.replace("`", "")}
    code, report = answer(*use, day="2027-01-01")
    assert (code, report.decisions[0].state, report.decision.use.verdict) == (1, DecisionState.EXPIRED, "fail")
    ended = f"The agreement {REFERENCE} on LicenseRef-Mistral-MRL (decisions.yaml:4) permits it no more: it expired on"
    assert {each.ended.startswith(ended) for each in report.license.answers if each.kind in entry["permits"]} == {True}
    for text in (render_license(report, width=100), *(render(report, name) for name in ("html", "cyclonedx"))):
        # A page names each licence by its short name.
        words = " ".join(html.unescape(text.decode()).split()).replace("LicenseRef-", "")
        assert f"{ended} {LAST_DAY}".replace("LicenseRef-", "") in words
    assert not any(each.acceptance for each in report.license.answers)


def test_agreement_on_any_model_and_use_covers_each_model_under_the_licence_and_no_other_clause(model: Path) -> None:
    (model / "weights.pkl").unlink()
    card = model / "README.md"
    card.write_text("---\nlicense: llama3.1\n---\n# Tiny\n")
    use = ("--field", "general", "--mau", "1e9", *SAAS)
    assert answer(*use)[0] == 1
    assert decide("agreement:LicenseRef-Llama-3.1", "--any-model").returncode == 0
    register = Path("decisions.yaml")
    entry = yaml.safe_load(register.read_text())["decisions"][0]
    assert (entry.get("bound-to"), entry.get("model"), entry["permits"]) == (None, None, ["user-cap"])
    # Without a use, the contract is on every use.
    register.write_text(re.sub(r"\n    use: .*", "", register.read_text()))
    card.write_text("---\nlicense: llama3.1\n---\n# Another\n")
    wider = ("--field", "general", "--mau", "2e9", "--use", "redistribute", *SAAS)
    code, report = answer(*wider)
    assert (code, report.decisions[0].use) == (0, "every use")
    assert answer("--field", "military", *wider[2:])[0] == 1
    done = decide("licence:LicenseRef-Llama-3.1")
    assert (done.returncode, "No decision and no agreement accepts it." in done.stderr) == (2, True)
    listed = run("decide", "--list", "--report", "report.json").stdout
    assert "No decision and no agreement accepts it." in " ".join(listed.split())
    register.write_text(register.read_text().replace("[user-cap]", "[use-policy]"))
    for done in (run("license", "tiny"), run("scan", "tiny"), run("decide", "--list")):
        assert (done.returncode, done.stderr.count("modelaudit: error")) == (2, 1)
        assert "decisions.yaml:4: permits: no agreement lifts use-policy" in done.stderr


def test_decisions_page_lists_the_clauses_that_an_agreement_lifts() -> None:
    text = PAGE.read_text()
    lifted, never = (text.partition(f"<!-- {name} -->")[2].partition("\n\n")[0] for name in ("lifted", "never"))
    vocabulary = load_shipped().clauses
    limits = {kind.id for kind in vocabulary.kinds.values() if kind.group is Group.LIMIT}
    assert set(re.findall(r"`([a-z-]+)`", lifted)) == set(vocabulary.negotiable_kinds)
    assert set(re.findall(r"`([a-z-]+)`", never)) == limits - set(vocabulary.negotiable_kinds)


def check_words_of_pass(report: AuditReport) -> None:
    """Check that a pass by decisions shows who decided, why and for what, and denies nothing beside it."""
    alone = load_report(Path("license.json"))
    documents = {name: html.unescape(render(report, name).decode()) for name in ("html", "markdown", "table", "csv")}
    documents["license"] = render_license(alone, width=100).decode()
    documents["checklist"] = build_notices(alone)["CHECKLIST.md"].decode()
    for name, document in documents.items():
        words = " ".join(re.sub(r"<[^>]*>", " ", document).replace("`", "").replace("\\", "").split())
        wanted = ["Jane Roe", "Max Muster", "read | twice", LAST_DAY]
        missing = [each for each in wanted if each not in words and each.replace("|", "\\|") not in words]
        assert not missing, (name, missing)
        assert name in ("checklist", "csv") or "hosting as a service" in words, name
        for denial in ("DENIED", "use is not allowed", "If the use were allowed", "To resolve first"):
            assert denial not in words, (name, denial)
    head = html.unescape(render(report, "html").decode().partition('<p class="exit">')[0])
    assert all(each in head for each in ("Max Muster", "read | twice", "hosting as a service")), head


def test_expired_and_reopened_licence_decisions_are_named_in_every_output(model: Path) -> None:
    (model / "weights.pkl").unlink()
    (model / "README.md").write_text("---\nlicense: gemma\n---\n# Tiny\n")
    answer(*SAAS)
    assert decide("licence:LicenseRef-Gemma").returncode == 0
    for use, day, state in ((SAAS, "2027-01-01", "expired"), ((*SAAS, "--use", "distill"), RECORDED, "reopened")):
        _, report = answer(*use, day=day)
        documents = {
            name: html.unescape(render(report, name).decode()) for name in ("html", "markdown", "table", "csv")
        }
        documents["license"] = render_license(load_report(Path("license.json")), width=100).decode()
        documents["screen"] = render_screen(report, width=80).decode()
        for name, document in documents.items():
            words = " ".join(document.replace("`", "").split())
            # What people read names each licence by its short name.
            named = "icence LicenseRef-Gemma" if name == "csv" else "icence Gemma"
            assert state in words.casefold() and named in words and "decisions.yaml:4" in words, name
            assert name == "screen" or "Max Muster" in words, name


def test_counts_of_findings_agree_and_the_words_to_ship_follow_their_duty(model: Path) -> None:
    (model / "weights.pkl").unlink()
    (model / "README.md").write_text("---\nlicense: gemma\n---\n# Tiny\n")
    use = (*SAAS, "--use", "redistribute")
    answer(*use)
    assert decide("licence:LicenseRef-Gemma").returncode == 0
    _, report = answer(*use)
    accepted = sum(each.acceptance is not None for each in report.findings)
    markdown, page = render(report, "markdown").decode(), html.unescape(render(report, "html").decode())
    assert f"### Findings: {len(report.findings) - accepted} open of {len(report.findings)}" in markdown
    assert f"### Accepted: {accepted}\n" in markdown and f"{accepted} finding" in page
    sentence = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
    assert f"Exact words: `{sentence}`" in markdown
    assert page.count(sentence) == 1


def test_baseline_gates_on_new_findings_alone_and_never_says_that_a_person_accepted_them(model: Path) -> None:
    assert scan()[0] == 1
    Path("report.json").rename("old.json")
    code, report = scan("--baseline", "old.json")
    assert (code, report.baseline) == (0, "old.json")
    documents = {name: html.unescape(render(report, name).decode()) for name in REPORTS.keys() - COUNTING_ONLY}
    for name, document in {**documents, "screen": render_screen(report, width=80).decode()}.items():
        assert "old.json" in document, name
        assert not re.search(r"accepted by (?!the policy)", document, re.IGNORECASE), name
        assert "### Accepted" not in document and 'value="accepted"' not in document, name
    assert "### Known from the baseline: " in documents["markdown"]
    assert 'name="outcome" value="known"' in documents["junit"]
    assert (
        "Accepted" not in report.decision.load.reason
        and "Known from the baseline: 1 finding." in report.decision.load.reason
    )
    words = {
        "annotations": "2 results known from the baseline, not shown here",
        "sarif": "2 results known from the baseline left out",
        "sarif-all": '"outcome": "known"',
    }
    for name, expected in words.items():
        assert expected in documents[name], name
    assert '"status": "accepted"' not in documents["sarif-all"]
    (row,) = [
        each for each in csv.DictReader(io.StringIO(render(report, "csv").decode())) if each["path"] == "weights.pkl"
    ]
    assert (row["accepted"], row["known"]) == ("0", "1")
    screen = render_screen(report, width=80).decode()
    assert " known   2 findings known from the baseline old.json" in screen and " decided " not in screen
    for name in ("screen", *documents):
        document = screen if name == "screen" else documents[name]
        assert not re.search(r"[1-9]\d* accepted result|Accepted by|, with \d+ finding", document), name
    (model / "more.pkl").write_bytes(UNLISTED)
    assert scan("--baseline", "old.json")[0] == 1
    (model / "more.pkl").unlink()

    # New bytes may hold another attack with the fingerprint of a known critical finding.
    (model / "weights.pkl").write_bytes(DANGEROUS)
    assert scan()[0] == 1
    Path("report.json").replace("old.json")
    assert scan("--baseline", "old.json")[0] == 0
    (model / "weights.pkl").write_bytes(DANGEROUS + b"\n")
    assert scan("--baseline", "old.json")[0] == 1


def test_baseline_and_decision_keep_two_secrets_of_one_shape_apart(model: Path) -> None:
    pickle = model / "weights.pkl"
    names = [f"ghp_{letter * 20}" for letter in "ab"]
    pickle.write_bytes("".join(f"clib\n{name}\n(tR0" for name in names).encode() + b"N.")
    report = scan()[1]
    calls = [each for each in report.findings if each.rule == "pickle/unlisted-call"]
    assert len({each.fingerprint for each in calls}) == len(calls) == 2
    assert not any(name in render(report, "json").decode() for name in names)


def test_expired_decision_is_not_hidden_by_a_baseline_that_it_was_accepted_in(model: Path) -> None:
    assert decide(find_fingerprint(scan()[1], "pickle/unlisted-call")).returncode == 0
    assert scan()[0] == 0
    Path("report.json").rename("old.json")
    assert scan("--baseline", "old.json", day="2027-01-01")[0] == 1


def test_register_and_baseline_in_the_target_are_refused_and_a_found_one_is_left_out_with_a_note(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert decide(find_fingerprint(scan()[1], "pickle/unlisted-call")).returncode == 0
    for option, name in (("--decisions", "decisions.yaml"), ("--baseline", "report.json")):
        Path(name).rename(model / name)
        done = run("scan", "tiny", "-q", option, f"tiny/{name}")
        assert done.returncode == 2
        assert "lies in the target tiny" in done.stderr and option in done.stderr
    monkeypatch.chdir(model)
    done = run("scan", ".", "-q", "--no-second-opinion", "-o", "json=../report.json")
    report = load_report(Path("../report.json"))
    assert (done.returncode, report.decisions) == (1, ())
    assert any(note.startswith("decisions.yaml: not used") for note in report.target.notes)


def test_decision_of_a_later_day_is_not_in_force_and_replaces_none_and_an_old_report_can_be_made_again(
    model: Path,
) -> None:
    subject = find_fingerprint(scan()[1], "pickle/unlisted-call")
    assert decide(subject).returncode == 0
    entry = Path("decisions.yaml").read_text().partition("decisions:\n")[2]
    with Path("decisions.yaml").open("a") as register:
        register.write(entry.replace("accept", "refuse", 1).replace(RECORDED, "2026-03-03"))
    code, report = scan()
    assert code == 0
    assert [each.state for each in report.decisions] == [DecisionState.HONOURED, DecisionState.UNUSED]
    assert report.decisions[1].detail == (
        "It is not in force yet: it was decided on 2026-03-03, after the day of this scan, 2026-01-31 in UTC."
    )
    listed = json.loads(run("decide", "--list", "--json").stdout)
    assert [each["state"] for each in listed["decisions"]] == ["honoured", "unused"]
    code, report = scan(day="2026-03-03")
    assert code == 1
    assert [each.state for each in report.decisions] == [DecisionState.UNUSED, DecisionState.HONOURED]
    # Before the first of both, neither accepts nor refuses, and the scan runs all the same.
    code, report = scan(day="2026-01-02")
    assert (code, {each.state for each in report.decisions}) == (1, {DecisionState.UNUSED})


def test_register_that_is_given_twice_or_is_no_file_is_refused_in_one_line(model: Path) -> None:
    scan()
    Path("a.yaml").write_text("decisions: []\n")
    for command in (("scan", "tiny"), ("license", "tiny"), ("decide", "--list")):
        done = run(*command, "--decisions", "missing.yaml", "--decisions", "a.yaml")
        assert done.returncode == 2, command
        assert "--decisions is given 2 times; give it once" in done.stderr
    for name, fault in ((".", "is a folder"), ("/dev/null", "is not a regular file"), ("no", "there is no such file")):
        done = run("scan", "tiny", "--decisions", name)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"--decisions {name}: {fault}; name an existing file" in done.stderr
    Path("a.yaml").write_text("#" * 5_000_000)
    assert "remove entries that no longer apply" in run("scan", "tiny", "--decisions", "a.yaml").stderr


def test_decide_names_a_register_that_no_scan_of_the_model_uses(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan()
    report = Path("report.json").absolute()
    assert "note:" not in run("decide", "--list", "--report", str(report)).stderr
    (model / "decisions.yaml").write_text("decisions: []\n")
    monkeypatch.chdir(model)
    before = Path("decisions.yaml").read_bytes()
    for options in (
        ("--list",),
        ("model", *STATEMENT, "--expires", LAST_DAY),
        ("--list", "--decisions", "decisions.yaml"),
    ):
        done = run("decide", *options, "--report", str(report))
        assert (done.returncode, done.stderr.count("modelaudit: error")) == (2, 1)
        assert f"name a register outside of it, such as --decisions {model.parent}/decisions.yaml" in done.stderr
    assert Path("decisions.yaml").read_bytes() == before
    # Another model of the name, whose files differ.
    (model / "README.md").write_text("# Another\n")
    (model / "weights.pkl").write_bytes(UNLISTED * 2)
    (model / "decisions.yaml").unlink()
    done = run("decide", "--list", "--report", str(report))
    assert done.returncode == 0
    assert "decisions.yaml: no scan finds it, because its folder holds a model ('weights.pkl')" in done.stderr
    assert "lies in a folder with the name of the model; a scan of that folder does not use it" in done.stderr


@check_each(
    "arguments, message",
    [
        (("0123456789abcdef",), "nothing of this name"),
        (("pickle/unlisted-cal:weights.pkl",), "did you mean pickle/unlisted-call:weights.pkl?"),
        (("weights.pkl",), "is not a subject; write a fingerprint"),
        (("licence:GPL",), "choose one of: MIT, conclusion"),
        (("model", "--expires", "2027-02-02"), "at most a year from today"),
        (("model", "--expires", "2026-01-30"), "must lie between"),
        (("model", "--expires", "soon"), "is not a date"),
        (("model", "--by", " "), "--by: is empty"),
        (("agreement:MIT", "--answer", "refuse"), "refuse licence:ID instead"),
        (("agreement:MIT", "--reference", " "), "--reference: is missing; name the contract"),
        (("agreement:MIT,GPL",), "choose one of: MIT"),
        (("agreement:conclusion",), "choose one of: MIT"),
        (("licence:MIT", "--reference", "C-1"), "--reference: belongs to an agreement:LICENCE"),
        (("model", "--any-model"), "--any-model: belongs to an agreement:LICENCE"),
        (("model", "--decisions", "missing/decisions.yaml"), "cannot be written"),
        (("model", "--decisions", "tiny/decisions.yaml"), "lies in the target"),
    ],
)
def test_wrong_decision_is_refused_in_one_line_and_writes_nothing(
    model: Path, arguments: tuple[str, ...], message: str
) -> None:
    scan()
    done = decide(*arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr
    assert sorted(path.name for path in model.parent.iterdir()) == ["report.json", "tiny"]


def test_decide_keeps_the_file_as_it_is_and_refuses_a_repetition_until_the_decision_is_due(model: Path) -> None:
    scan()
    text = "# ours\r\n\ndecisions:   # in order\n"
    Path("decisions.yaml").write_bytes(text.encode())
    assert decide("model").returncode == 0
    assert Path("decisions.yaml").read_bytes().startswith(text.encode())
    before = Path("decisions.yaml").read_bytes()
    done = decide("model")
    assert done.returncode == 2 and "decisions.yaml:4 gives this answer until 2026-12-31" in done.stderr
    assert Path("decisions.yaml").read_bytes() == before
    assert decide("model", "--expires", "2027-06-30", day="2026-12-15").returncode == 0
    _, report = scan(day="2026-12-15")
    states = [(each.state, each.expires) for each in report.decisions]
    assert states == [(DecisionState.UNUSED, LAST_DAY), (DecisionState.HONOURED, "2027-06-30")]
    assert "decisions.yaml:12 replaces it" in report.decisions[0].detail


def test_decisions_recorded_at_once_are_all_kept(model: Path) -> None:
    for number in range(4):
        (model / f"more{number}.pkl").write_bytes(UNLISTED)
    fingerprints = {each.fingerprint for each in scan()[1].findings if each.rule == "pickle/unlisted-call"}
    assert len(fingerprints) == 5
    arguments = (sys.executable, "-m", "modelaudit", "decide", "--report", "report.json", *STATEMENT)
    expires = read_today() + timedelta(days=60)
    runs = [subprocess.Popen([*arguments, "--expires", str(expires), each]) for each in fingerprints]
    assert [each.wait() for each in runs] == [0] * 5
    assert fingerprints <= set(re.findall(r"[0-9a-f]{16}", Path("decisions.yaml").read_text()))


def test_list_shows_what_is_open_and_each_state_as_text_and_as_json(model: Path) -> None:
    _, report = scan()
    fingerprint = find_fingerprint(report, "pickle/unlisted-call")
    listing = run("decide", "--list", "--report", "report.json").stdout
    assert "Open: 1 subject without a decision" in listing and f"{fingerprint}  high" in listing
    decide(fingerprint)
    for day, heading in ((RECORDED, "Honoured"), ("2026-12-15", "Due: "), ("2027-01-01", "Expired: ")):
        listing = run("decide", "--list", "--report", "report.json", day=day).stdout
        assert heading in listing and ("Open: 1" in listing) is (heading == "Expired: "), listing
        assert max(map(len, listing.splitlines())) <= 100
    (model / "weights.pkl").write_bytes(UNLISTED + b"\n")
    scan()
    value = json.loads(run("decide", "--list", "--report", "report.json", "--json").stdout)
    assert [each["state"] for each in value["decisions"]] == ["reopened"]
    assert [each["subject"] for each in value["open"]] == [fingerprint]
    assert json.loads(run("decide", "--list", "--json").stdout)["open"] is None
    assert run("decide", "--list", "--reason", "x").returncode == 2
    assert run("decide").returncode == run("decide", "model", "--report", "report.json").returncode == 2


def test_console_examples_of_the_page_run_and_its_register_is_the_one_that_they_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny").mkdir()
    Path("tiny/README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    Path("tiny/viewer.js").write_text('document.title = "tiny";\n')
    page = PAGE.read_text()
    lines = [
        line.removeprefix("$ modelaudit ")
        for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)
        for line in block.splitlines()
    ]
    # The day on which the page decides.
    day = re.findall(r"decided: (\S+)", page)[0]
    codes = [run(*shlex.split(line), day=day).returncode for line in lines]
    assert codes == [3, 0, 0, 0, 0, 0], list(zip(lines, codes, strict=True))
    example, agreement, sign_off = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert yaml.safe_load(example) == yaml.safe_load(Path("decisions.yaml").read_text())
    # A sign-off that names no last day has the last that ``decide`` allows, as the other examples.
    days = [yaml.safe_load(each)["decisions"][0] for each in (example, agreement, sign_off)]
    assert len({(each["decided"], each["expires"]) for each in days}) == 1
    assert days[0]["expires"] - days[0]["decided"] == timedelta(days=LONGEST_DAYS)
    Path("decisions.yaml").write_text(agreement)
    assert run("license", "tiny", "-q", day=day).returncode == 0


def test_report_on_the_licence_alone_is_no_baseline_of_a_scan(model: Path) -> None:
    assert run("license", "tiny", "--offline", "-q", "-o", "json=license.json").returncode in (0, 3)
    done = run("scan", "tiny", "--offline", "--no-second-opinion", "--baseline", "license.json")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "license.json: a report without the check security" in done.stderr


def test_no_line_of_explain_or_of_the_list_of_decisions_begins_with_a_command_of_a_pipeline(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    commands = " ".join(f"::add-mask::{'e' * length} ::error::made" for length in range(1, 40))
    (folder / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": f"o/m--{'y' * 30} {commands}"}}))
    saved = tmp_path / "report.json"
    run_command("scan", str(folder), "--offline", "--no-second-opinion", "-o", f"json={saved}")
    report = json.loads(saved.read_text())
    [finding] = [each for each in report["findings"] if "made" in each["message"]]
    texts = [run_command("explain", finding["fingerprint"], "--report", str(saved), COLUMNS="80").stdout]
    texts += [run_command("decide", "--list", "--report", str(saved), COLUMNS=str(width)).stdout for width in (60, 80)]
    assert "error" in texts[0]
    assert not [line for text in texts for line in text.splitlines() if line.strip().startswith("::")]
