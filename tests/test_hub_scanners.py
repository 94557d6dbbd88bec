"""The answers of the Hub's own scanners: asked for once, kept with the commit, and shown beside the findings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hub.access import RefusedError
from hub.exchange import Body, Request, Response
from hub.repository import Repository
from hub.server import LoopbackHub
from hypothesis import given
from hypothesis import strategies as st
from support.command import run_command
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.model.hub_scans import HubScans
from modelaudit.model.report import AuditReport
from modelaudit.reports import render
from modelaudit.reports.hub_scanners import describe_scanners
from modelaudit.reports.json_report import parse_report, render_json
from modelaudit.sources.scan_answers import AnswerCollector, add_summary, format_scans, parse_scans, parse_summary

FILES: dict[str, bytes | str | Path] = {
    "README.md": "---\nlicense: mit\n---\n",
    "config.json": '{"model_type": "x"}',
    "weights/a.pkl": (FIXTURES / "pickle/benign/data-protocol4.pkl").read_bytes(),
}
SAFE = {"status": "safe"}
RULE = "provenance/hub-scanner-alarm"


def scan(target: str, **options: object) -> AuditReport:
    """Scan a repository without a second opinion."""
    return modelaudit.scan(target, **{"second_opinion": False, **options})  # type: ignore[arg-type]


def get_scans(report: AuditReport) -> HubScans:
    """Return the answers that a report of a repository of the Hub has."""
    assert report.target.provenance is not None and report.target.provenance.scans is not None
    return report.target.provenance.scans


def list_answers(report: AuditReport) -> dict[str, dict[str, str]]:
    """Return the status of each file by scanner, but for those that were not scanned."""
    answers: dict[str, dict[str, str]] = {}
    for each in get_scans(report).answers:
        if each.status != "unscanned":
            answers.setdefault(each.scanner, {}).update(dict.fromkeys(each.files, each.status))
    return answers


def list_unanswered(report: AuditReport) -> tuple[str, ...]:
    """Return the lines on what the Hub did not answer."""
    assert report.target.provenance is not None
    return report.target.provenance.unanswered


def list_alarms(report: AuditReport) -> dict[str, str]:
    """Return the message of each finding that a scanner of the Hub led to, by file."""
    return {each.artifact: each.message for each in report.findings if each.rule == RULE}


def list_paths(hub: LoopbackHub) -> list[str]:
    """List the paths of the requests for listings since the last call."""
    paths = [request.path for request in hub.requests if request.flag("expand")]
    hub.requests.clear()
    return paths


@pytest.fixture
def tiny(hub: LoopbackHub) -> Repository:
    """Return a repository that a scan passes."""
    return hub.add_repository("acme/tiny", FILES)


def test_answers_are_asked_for_with_one_request_and_kept_with_the_commit(hub: LoopbackHub, tiny: Repository) -> None:
    tiny.set_scan("weights/a.pkl", "safe", imports=[("collections", "OrderedDict", "innocuous")])
    report = scan("acme/tiny")
    assert list_answers(report) == {
        "avScan": dict.fromkeys(["README.md", "config.json"], "safe"),
        "pickleImportScan": {"weights/a.pkl": "safe"},
        "protectAiScan": dict.fromkeys(["README.md", "config.json", "weights/a.pkl"], "safe"),
    }
    scans = get_scans(report)
    assert (scans.is_done, scans.origin, scans.remarks, scans.file_count) == (True, hub.endpoint, (), 3)
    assert (report.exit_code, list_alarms(report)) == (0, {})
    assert parse_report(render_json(report)) == report
    assert list_paths(hub) == [f"/api/models/acme/tiny/tree/{tiny.sha}"]
    assert get_scans(scan("acme/tiny")) == scans
    assert len(hub.requests) == 1
    offline = scan("acme/tiny", offline=True)
    assert get_scans(offline) == scans
    assert len(hub.requests) == 1


def test_alarm_where_this_scan_found_nothing_is_one_medium_finding_for_each_file(
    hub: LoopbackHub, tiny: Repository
) -> None:
    virus = {"status": "suspicious", "message": "3/76 engines detect it as malicious.\n\x1b[2J"}
    tiny.set_scan("config.json", "unsafe", message="hidden \u202e payload", answers={"virusTotalScan": virus})
    tiny.set_scan(
        "weights/a.pkl", "unsafe", imports=[("posix", "system", "dangerous")], answers={"protectAiScan": SAFE}
    )
    tiny.set_scan("README.md", "caution", message="look")
    report = scan("acme/tiny")
    alarms = list_alarms(report)
    assert alarms.keys() == {"config.json", "weights/a.pkl"}
    assert 'protectAiScan states "unsafe" (hidden \\u202e payload)' in alarms["config.json"]
    assert (
        'virusTotalScan states "suspicious" (3/76 engines detect it as malicious.\\n\\x1b[2J)' in alarms["config.json"]
    )
    assert alarms["weights/a.pkl"].endswith('pickleImportScan states "unsafe" (imports posix.system (dangerous)).')
    (finding, _) = [each for each in report.findings if each.rule == RULE]
    assert (finding.severity, finding.check, report.exit_code) == ("medium", "security", 0)
    assert list_alarms(scan("acme/tiny", offline=True)) == alarms
    assert list_alarms(scan("acme/tiny", policy="strict")) == alarms
    assert list_alarms(scan("acme/tiny", checks=["integrity"])) == {}
    snapshot = str(next(find_folder(report).glob("snapshots/*")))
    assert list_alarms(scan(snapshot)) == alarms
    assert list_alarms(scan(f"{snapshot}/weights")) == {"a.pkl": alarms["weights/a.pkl"]}


def find_folder(report: AuditReport) -> Path:
    """Return the folder of the repository in the cache."""
    return Path(os.environ["HF_HOME"], "hub", f"models--{report.target.name.replace('/', '--')}")


def test_alarm_about_a_file_with_a_finding_and_an_answer_without_alarm_change_no_finding(
    hub: LoopbackHub, tiny: Repository
) -> None:
    evil = (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()
    tiny.commit({"b.pkl": evil, "c.pkl": evil})
    tiny.set_scan("c.pkl", "unsafe", imports=[("posix", "system", "dangerous")])
    report = scan("acme/tiny")
    other = hub.add_repository("acme/other", {**FILES, "b.pkl": evil, "c.pkl": evil})
    other.scans_done = False
    unscanned = scan("acme/other")
    for each in (report, unscanned):
        assert {one.artifact for one in each.findings if one.severity == "critical"} == {"b.pkl", "c.pkl"}
        assert (each.exit_code, list_alarms(each)) == (1, {})
    for name in ("html", "table"):
        assert b"b.pkl" in render(report, name)
    text = render(report, "table").decode()
    assert "no alarm about b.pkl, unlike this report" in " ".join(text.split())
    assert "no alarm about" not in render(unscanned, "table").decode()
    assert "They disagree" in render(report, "html").decode()
    assert "They disagree" not in render(unscanned, "html").decode()


def test_terminal_has_one_line_with_the_words_of_the_scanners_and_their_date(
    hub: LoopbackHub, tiny: Repository
) -> None:
    tiny.set_scan("config.json", "unsafe", message="payload", answers={"avScan": {"status": "queued"}})
    done = run_command("scan", "acme/tiny", "--no-second-opinion", COLUMNS="120")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(" hub")]
    date = get_scans(scan("acme/tiny", offline=True)).date[:10]
    assert (
        line.split("hub", 1)[1]
        .strip()
        .startswith(f'{date}: protectAiScan "unsafe" in 1 of 3; avScan "safe" in 2 of 3;')
    )
    assert len(line) <= 120
    report = scan("acme/tiny")
    text = " ".join(render(report, "table").decode().split())
    assert f"The Hub's own scanners on {date}: " in text
    assert "jFrogScan, pickleImportScan, virusTotalScan not scanned." in text
    properties = json.loads(render(report, "cyclonedx"))["metadata"]["component"]["properties"]
    words = {each["name"].rpartition(":")[2]: each["value"] for each in properties if "hub-scanner" in each["name"]}
    assert words["protectAiScan"].startswith('"unsafe" in 1 of 3 (20')
    assert words["jFrogScan"].startswith("not scanned (20")
    assert '<td data-label="Message">payload</td>' in render(report, "html").decode()


def test_expanded_listing_is_read_page_by_page(hub: LoopbackHub) -> None:
    many = hub.add_repository("acme/many", {f"{number % 3}/{number:03}.txt": f"{number}" for number in range(120)})
    many.set_scan("2/119.txt", "suspicious", message="last page")
    report = scan("acme/many")
    assert list_alarms(report).keys() == {"2/119.txt"}
    assert get_scans(report).file_count == 120
    assert len(list_paths(hub)) == 3


STATUSES = ["unscanned", "queued", "error", "clean", "SAFE", "", None, 7, ["safe"], {"safe": True}, True]


@pytest.mark.parametrize("status", STATUSES)
def test_status_without_a_result_or_of_an_unknown_form_never_counts_as_a_result(
    hub: LoopbackHub, tiny: Repository, status: object
) -> None:
    answer = {"status": status, "message": ["x"], "version": {}}
    names = ("avScan", "pickleImportScan", "protectAiScan", "jFrogScan", "virusTotalScan")
    for path in FILES:
        tiny.set_scan(path, "safe", answers=dict.fromkeys(names, answer))
    report = scan("acme/tiny")
    assert {each.status for each in get_scans(report).answers} <= {"unscanned", "queued", "error", "unknown"}
    assert all("not scanned" in line for line in describe_scanners(report).split("; "))
    assert "safe" not in describe_scanners(report)
    assert get_scans(report).remarks == ("15 values have a form that the Hub does not document",)
    assert (report.exit_code, list_alarms(report)) == (0, {})
    assert get_scans(scan("acme/tiny", offline=True)) == get_scans(report)


def test_scanner_that_the_hub_adds_counts_and_other_fields_do_not(hub: LoopbackHub, tiny: Repository) -> None:
    unsafe = {"status": "unsafe", "message": "x" * 5000, "version": "1"}
    odd = {"ciscoScan": unsafe, "x": unsafe, "\x1b[2JScan": unsafe, "a" * 80 + "Scan": unsafe, "avScan": None}
    tiny.set_scan("config.json", "safe", answers={**odd, "protectAiScan": "unsafe", "jFrogScan": ["unsafe"]})
    report = scan("acme/tiny")
    (message,) = list_alarms(report).values()
    assert 'ciscoScan states "unsafe" (xxx' in message and len(message) < 500
    assert [each.scanner for each in get_scans(report).answers if each.status == "unknown"] == [
        "jFrogScan",
        "protectAiScan",
    ]


SHAPES: list[object] = [
    {"error": "x"},
    "text",
    [None, 5, "x", [], {}],
    [{"type": "file", "path": ["config.json"], "securityFileStatus": {"avScan": {"status": "safe"}}}],
    [{"type": "file", "path": "../../etc/passwd", "securityFileStatus": {"avScan": {"status": "unsafe"}}}],
    [{"type": "file", "path": "config.json", "securityFileStatus": None}],
    [{"type": "file", "path": "config.json", "securityFileStatus": ["safe"]}],
    [{"type": "file", "path": "config.json", "securityFileStatus": "unsafe"}],
    [{"type": "file", "path": "config.json", "securityFileStatus": {}}],
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: json.dumps(shape)[:40])
def test_listing_of_another_shape_gives_no_answer_and_changes_nothing_else(
    hub: LoopbackHub, tiny: Repository, shape: object
) -> None:
    replace_expanded(hub, json.dumps(shape).encode())
    report = scan("acme/tiny")
    assert report.exit_code == 0
    assert report.target.provenance is not None and report.target.provenance.scans is None
    (line,) = report.target.provenance.unanswered
    assert line.startswith("the Hub's own scanners gave no answer")
    assert describe_scanners(report) == ""


def replace_expanded(hub: LoopbackHub, content: bytes) -> None:
    """Let the Hub answer each request for the expanded listing with other bytes."""
    answer = hub.api._list_folder

    def answer_expanded(request: Request, repository: Repository, rest: list[str]) -> Response:
        if not request.flag("expand"):
            return answer(request, repository, rest)
        return Response(200, {"Content-Type": "application/json"}, Body.of_content(content))

    hub.api._list_folder = answer_expanded  # type: ignore[method-assign]


def refuse_expanded(hub: LoopbackHub, status: int) -> None:
    """Let the Hub refuse each request for the expanded listing."""
    answer = hub.api._list_folder

    def refuse(request: Request, repository: Repository, rest: list[str]) -> Response:
        if request.flag("expand"):
            raise RefusedError(status, "no")
        return answer(request, repository, rest)

    hub.api._list_folder = refuse  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("status", "asked"), [(404, [1, 0]), (400, [1, 0]), (501, [1, 0]), (403, [1, 1]), (503, [2, 2])]
)
def test_mirror_that_refuses_the_expanded_listing_is_asked_again_only_if_that_may_pass(
    hub: LoopbackHub, tiny: Repository, status: int, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelaudit.sources.retries.FIRST_WAIT", 0.0)
    refuse_expanded(hub, status)
    counts = []
    for _ in asked:
        report = scan("acme/tiny")
        assert report.exit_code == 0
        assert [each for each in list_unanswered(report) if "the Hub's own scanners gave no answer: " in each]
        counts.append(len(list_paths(hub)))
    assert counts == asked


def test_mirror_that_sends_the_plain_listing_is_left_after_its_first_page(hub: LoopbackHub) -> None:
    hub.add_repository("acme/many", {f"{number:03}.txt": f"{number}" for number in range(200)})
    answer = hub.api._list_folder

    def ignore_expand(request: Request, repository: Repository, rest: list[str]) -> Response:
        response = answer(request, repository, rest)
        if request.flag("expand"):
            entries = json.loads(b"".join(response.body.read_pieces()))
            plain = [{key: each[key] for key in ("type", "oid", "size", "path")} for each in entries]
            response.body = Body.of_content(json.dumps(plain).encode())
        return response

    hub.api._list_folder = ignore_expand  # type: ignore[method-assign]
    assert "the Hub's own scanners gave no answer" in list_unanswered(scan("acme/many"))
    assert len(list_paths(hub)) == 1
    assert "the Hub's own scanners gave no answer" in list_unanswered(scan("acme/many"))
    assert len(hub.requests) == 1


def test_changed_summary_of_the_hub_asks_again_and_is_itself_an_answer(hub: LoopbackHub, tiny: Repository) -> None:
    tiny.scans_done = False
    report = scan("acme/tiny")
    assert (get_scans(report).is_done, describe_scanners(report)[12:]) == (
        False,
        "avScan, jFrogScan, pickleImportScan, protectAiScan, virusTotalScan not scanned",
    )
    list_paths(hub)
    scan("acme/tiny")
    assert list_paths(hub) == []
    tiny.scans_done = True
    tiny.set_scan("config.json", "unsafe", message="found later")
    assert "found later" in list_alarms(scan("acme/tiny"))["config.json"]
    assert len(list_paths(hub)) == 1
    tiny.set_scan("README.md", "suspicious", message="found last")
    refuse_expanded(hub, 403)
    report = scan("acme/tiny")
    assert "found later" in list_alarms(report)["config.json"]
    assert 'the Hub states "suspicious"' in list_alarms(report)["README.md"]
    assert any("denies" in each or "forbids" in each for each in get_scans(report).remarks)


def test_data_set_and_one_answered_file_of_many(hub: LoopbackHub) -> None:
    rows = hub.add_repository("acme/rows", {"rows.json": "[1]", "b.json": "[2]"}, kind="dataset")
    rows.set_scan("rows.json", "unsafe", message="bad")
    assert list_alarms(scan("datasets/acme/rows")).keys() == {"rows.json"}
    content = [{"type": "file", "path": "b.json", "securityFileStatus": {"status": "safe", "avScan": SAFE}}]
    replace_expanded(hub, json.dumps(content).encode())
    rows.set_scan("b.json", "unsafe")
    report = scan("datasets/acme/rows")
    assert get_scans(report).remarks == ("the Hub states nothing about 1 of 2 files",)
    assert list_alarms(report).keys() == {"rows.json", "b.json"}


RECORDS = [
    "",
    "[]",
    "{}",
    "[" * 10_000,
    '{"format_version": 1}',
    '{"format_version": 1, "scans": {"answers": 5}}',
    "damage",
]


@pytest.mark.parametrize("text", RECORDS, ids=lambda text: text[:40])
def test_damaged_record_is_asked_for_again_and_offline_gives_no_answer(
    hub: LoopbackHub, tiny: Repository, text: str
) -> None:
    first = scan("acme/tiny")
    (record,) = find_folder(first).glob("trees/*.scans.json")
    sound = json.loads(record.read_text())
    if text == "damage":
        sound["scans"]["answers"][0][1] = "perfect"
        text = json.dumps(sound)
    record.write_text(text)
    offline = scan("acme/tiny", offline=True)
    assert (offline.exit_code, describe_scanners(offline)) == (0, "")
    assert list_unanswered(offline) == ("the cache has no answers of the Hub's own scanners about this commit",)
    list_paths(hub)
    assert get_scans(scan("acme/tiny")).answers == get_scans(first).answers
    assert len(list_paths(hub)) == 1
    folder = scan(str(find_folder(first)))
    assert (folder.exit_code, [each.path for each in folder.coverage.artifacts if "trees" in each.path]) == (0, [])


def test_answers_of_another_server_do_not_hold(
    hub: LoopbackHub, tiny: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = scan("acme/tiny")
    (record,) = find_folder(first).glob("trees/*.scans.json")
    record.write_text(record.read_text().replace(hub.endpoint, "https://mirror.example"))
    tiny.set_scan("config.json", "unsafe", message="bad", answers={})
    assert get_scans(scan("acme/tiny")).origin == hub.endpoint


def test_mirror_that_never_answers_the_expanded_listing_is_asked_once(
    hub: LoopbackHub, tiny: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelaudit.sources.session._USUAL_TIMEOUT", 0.2)
    hub.inject_fault("/revision/", replace=(b"securityRepoStatus", b"other"))
    answer = hub.api._list_folder

    def delay_expanded(request: Request, repository: Repository, rest: list[str]) -> Response:
        response = answer(request, repository, rest)
        response.delay = 1.0 if request.flag("expand") else 0.0
        return response

    hub.api._list_folder = delay_expanded  # type: ignore[method-assign]
    for expected in (1, 0):
        report = scan("acme/tiny")
        assert report.exit_code == 0
        assert [each for each in list_unanswered(report) if "gave no answer: There was no answer in time" in each]
        assert len(list_paths(hub)) == expected


def test_record_that_hides_an_alarm_of_the_summary_hides_nothing(hub: LoopbackHub, tiny: Repository) -> None:
    tiny.set_scan("config.json", "unsafe", message="bad")
    report = scan("acme/tiny")
    (record,) = find_folder(report).glob("trees/*.scans.json")
    sound = json.loads(record.read_text())
    sound["scans"]["answers"] = [["avScan", "safe", "", "", list(FILES)]]
    record.write_text(json.dumps(sound))
    assert list_alarms(scan("acme/tiny"))["config.json"].endswith('the Hub states "unsafe".')


WORDS = st.sampled_from(
    ["safe", "unsafe", "SAFE", "status", "avScan", "securityFileStatus", "path", "a.bin", "x" * 400]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, VALUES, VALUES)
def test_no_value_breaks_the_parser_and_only_the_exact_status_of_a_scanner_counts(
    entry: object, about: object, answer: object
) -> None:
    collector = AnswerCollector({"a.bin"})
    entries = (entry, {"path": "a.bin", "securityFileStatus": about})
    for each in (*entries, {"path": "a.bin", "securityFileStatus": {"avScan": answer, "status": answer}}):
        collector.add_entry(each)
    stated = json.dumps([*entries, answer])
    answers = collector.list_answers()
    assert '"status": "safe"' in stated or not [each for each in answers if each.status == "safe"]
    scans = HubScans("2026-01-01T00:00:00Z", "https://hub.example", None, answers)
    assert parse_scans(json.loads(json.dumps(format_scans(scans)))) == scans
    assert add_summary(scans, parse_summary(answer, 10), {"a.bin"}).date == scans.date
    parse_scans(entry)
