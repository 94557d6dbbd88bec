"""SARIF: its structure, GitHub's limits, places, suppressions, and that real readers list the same results."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reports.conftest import HOSTILE, build_crowded_report
from support.cases import check_each
from support.counterparts import SARIF_SCHEMA, run_sarif_multitool

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.report import Anchor, AuditReport
from modelaudit.model.structure import Location
from modelaudit.reports import render
from modelaudit.reports.results import Outcome, list_results
from modelaudit.reports.sarif import MAX_RESULTS, render_sarif, render_sarif_all

ACCEPTANCE = Acceptance(AcceptanceSource.DECISION, "decisions.yaml:3", "known", "ann", "bob", "2027-01-01")
EXAMPLES = ("fail", "pass", "incomplete", "allowed", "conflicting", "hostile", "crowded")
SCORES = {"critical": (9.1, 10.0), "high": (7.0, 8.9), "medium": (4.0, 6.9), "low": (0.1, 3.9), "info": (0.1, 3.9)}
"""The scores that GitHub shows as the severity; it has none below low."""


def parse_run(content: bytes) -> Any:
    """Return the one run of a file."""
    (run,) = json.loads(content)["runs"]
    return run


def list_results_of(report: AuditReport, render: Callable[[AuditReport], bytes] = render_sarif) -> list[Any]:
    """Render a report and return the results of the file."""
    return list(parse_run(render(report))["results"])


def check_limits_of_github(content: bytes) -> None:
    """Fail unless a file is within the limits of "SARIF support for code scanning", which GitHub refuses or cuts by."""
    run = parse_run(content)
    assert len(gzip.compress(content)) <= 10_000_000
    assert len(run["results"]) <= 25_000
    assert len(run["tool"]["driver"]["rules"]) <= 25_000
    for rule in run["tool"]["driver"]["rules"]:
        assert len(rule["id"]) <= 255
        assert 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert len(rule["properties"]["tags"]) <= 10
        assert 0 < float(rule["properties"]["security-severity"]) <= 10
        assert rule.get("helpUri", "https://").startswith("https://")
    for result in run["results"]:
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        low, high = SCORES[result["properties"]["severity"]]
        assert low <= float(rule["properties"]["security-severity"]) <= high
        assert result["message"]["text"]
        assert 1 <= len(result["locations"]) <= 1000
        assert re.fullmatch(r"[0-9a-f]{16}:[1-9][0-9]*", result["partialFingerprints"]["primaryLocationLineHash"])
        for location in result["locations"]:
            uri = location["physicalLocation"]["artifactLocation"]["uri"]
            # A relative reference without a scheme, a host, or a way out of the root.
            assert re.fullmatch(r"(?!/)[A-Za-z0-9._~%/-]+", uri)
            assert not {"", ".", ".."} & set(uri.split("/"))
            assert 1 <= location["physicalLocation"]["region"]["startLine"] < 2**31
    assert re.fullmatch(r"modelaudit/[A-Za-z0-9._/-]+/", run["automationDetails"]["id"])
    hashes = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]
    assert len(set(hashes)) == len(hashes)


@check_each("name", EXAMPLES)
@check_each("render", [render_sarif, render_sarif_all])
def test_file_is_within_the_limits_of_github(
    name: str, render: Callable[[AuditReport], bytes], examples: dict[str, Callable[[], AuditReport]]
) -> None:
    check_limits_of_github(render(examples[name]()))


@pytest.mark.slow
def test_results_that_exceed_the_limits_are_left_out_from_the_mildest_on_and_counted() -> None:
    report = build_crowded_report(MAX_RESULTS + 5)
    content = render_sarif(report)
    check_limits_of_github(content)
    run = parse_run(content)
    assert len(run["results"]) == MAX_RESULTS
    total = sum(each.outcome is not Outcome.ACCEPTED for each in list_results(report))
    notes = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert any(note.startswith(f"{total - MAX_RESULTS} less severe results left out") for note in notes)
    assert "info" not in {result["properties"]["severity"] for result in run["results"]}


@pytest.mark.slow
def test_results_that_do_not_compress_are_left_out_at_ten_megabytes(failing: AuditReport) -> None:
    letters = random.Random(13)
    texts = [bytes(letters.choices(range(0x4E, 0x7A), k=900)).decode() for _ in range(200)]

    def build_finding(number: int) -> Finding:
        evidence = tuple(letters.choice(texts)[letters.randrange(400) :] for _ in range(8))
        text = bytes(letters.choices(range(0x41, 0x7A), k=900)).decode()
        return Finding("x/y", Severity.LOW, CheckFamily.SECURITY, "a.bin", text, evidence=evidence, key=str(number))

    report = replace(failing, findings=tuple(map(build_finding, range(6_000))))
    content = render_sarif(report)
    check_limits_of_github(content)
    assert 2_000 < len(parse_run(content)["results"]) < 6_000
    assert len(gzip.compress(content)) > 8_000_000


@check_each("name", EXAMPLES)
@pytest.mark.counterpart
def test_file_fits_the_schema_of_the_standard(name: str, examples: dict[str, Callable[[], AuditReport]]) -> None:
    from jsonschema import Draft7Validator  # seconds to import

    validator = Draft7Validator(json.loads(SARIF_SCHEMA.read_text(encoding="utf-8-sig")))
    for format in ("sarif", "sarif-all"):
        errors = [error.message[:300] for error in validator.iter_errors(json.loads(render(examples[name](), format)))]
        assert not errors


@check_each("name", ["fail", "conflicting", "hostile", "pass"])
@pytest.mark.counterpart
def test_multitool_of_the_authors_finds_no_error(
    name: str, examples: dict[str, Callable[[], AuditReport]], tmp_path: Path
) -> None:
    file = tmp_path / f"{name}.sarif"
    file.write_bytes(render_sarif_all(examples[name]()))
    done = run_sarif_multitool("validate", file, "--rule-kind", "Sarif;Ghas", "--level", "Error;Warning")
    found = set(re.findall(r": (error|warning) ([A-Z]+[0-9]+)", done.stdout))
    # The program has no web page that informationUri could name.
    assert found <= {("warning", "SARIF2005")}, done.stdout[-2000:]
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@check_each("name", EXAMPLES)
@pytest.mark.counterpart
def test_sarif_tools_list_the_same_results(
    name: str, examples: dict[str, Callable[[], AuditReport]], tmp_path: Path
) -> None:
    from sarif import loader

    report = examples[name]()
    file = tmp_path / f"{name}.sarif"
    file.write_bytes(render_sarif_all(report))
    read = loader.load_sarif_file(str(file)).get_records()
    levels = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
    expected = sorted((levels[each.severity], each.location.line or 1) for each in list_results(report))
    assert sorted((each["Severity"], max(int(each["Line"]), 1)) for each in read) == expected
    if name != "hostile":
        assert sorted(each["Code"] for each in read) == sorted(each.rule for each in list_results(report))


def test_results_are_at_every_line_that_names_the_model(failing: AuditReport) -> None:
    anchors = tuple(Anchor(f"src/load {number}.py", number + 1) for number in range(1001))
    anchored = replace(failing, target=replace(failing.target, anchors=anchors))
    result = list_results_of(anchored)[1]
    assert len(result["locations"]) == 1000
    physical = result["locations"][1]["physicalLocation"]
    assert physical == {"artifactLocation": {"uri": "src/load%201.py"}, "region": {"startLine": 2}}
    names = {location["logicalLocations"][0]["fullyQualifiedName"] for location in result["locations"]}
    assert names == {"pytorch_model.bin!archive/data.pkl"}
    # The line that names the model may move without a new alert.
    assert result["partialFingerprints"] == list_results_of(failing)[1]["partialFingerprints"]


def test_result_without_an_anchor_is_at_the_file_in_the_model(failing: AuditReport) -> None:
    places = {
        result["ruleId"]: result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in list_results_of(failing)
    }
    assert places["pickle/dangerous-call"] == "pytorch_model.bin"
    assert places["license/contradiction"] == "acme/tiny-llama"


@check_each(
    "path, uri",
    [
        ("a b/ü.bin", "a%20b/%C3%BC.bin"), ("../../etc/passwd", "etc/passwd"), ("//host/x", "host/x"), (".", "model"),
        ("C:/x", "C%3A/x"), ("https://evil.example/x", "https%3A/evil.example/x"), ("we%21rd", "we%21rd"), ("a%20b", "a%2520b"),
    ],
)  # fmt: skip
def test_place_is_a_relative_reference_within_the_root(path: str, uri: str, failing: AuditReport) -> None:
    result = list_results_of(replace(failing, findings=(replace(failing.findings[0], artifact=path),)))[0]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_accepted_results_are_left_out_or_suppressed(failing: AuditReport) -> None:
    findings = (replace(failing.findings[0], acceptance=ACCEPTANCE), *failing.findings[1:])
    report = replace(failing, findings=findings)
    assert "pickle/dangerous-call" not in {result["ruleId"] for result in list_results_of(report)}
    notes = parse_run(render_sarif(report))["invocations"][0]["toolExecutionNotifications"]
    assert notes[-1]["message"]["text"].startswith("2 accepted results left out")
    suppressions = {result["ruleId"]: result["suppressions"] for result in list_results_of(report, render_sarif_all)}
    assert suppressions["pickle/unlisted-call"] == []
    (suppression,) = suppressions["pickle/dangerous-call"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert "ann, approved by bob, until 2027-01-01" in suppression["justification"]


def test_fingerprint_depends_on_neither_wording_nor_severity(failing: AuditReport) -> None:
    findings = tuple(replace(each, severity=Severity.LOW, message="other words") for each in failing.findings)
    hashes = [
        {result["partialFingerprints"]["primaryLocationLineHash"] for result in list_results_of(report)}
        for report in (failing, replace(failing, findings=findings))
    ]
    assert hashes[0] == hashes[1]


def test_open_absences_and_causes_are_results(incomplete: AuditReport, failing: AuditReport) -> None:
    assert {"coverage/no-reader", "coverage/damaged", "coverage/encrypted"} <= {
        result["ruleId"] for result in list_results_of(failing)
    }
    assert parse_run(render_sarif(incomplete))["properties"]["verdict"] == "incomplete"


def test_text_of_a_model_is_no_link(failing: AuditReport) -> None:
    text = "see [the fix](https://evil.example) and [1](2)"
    result = list_results_of(replace(failing, findings=(replace(failing.findings[0], message=text),)))[0]
    assert re.sub(r"\\.", "", result["message"]["text"]).count("](") == 0
    assert "\\[the fix\\](https://evil.example)" in result["message"]["text"]


def test_run_names_the_model_and_holds_no_local_path(failing: AuditReport) -> None:
    local = replace(
        failing.target, kind=RefKind.FOLDER, name="/home/ann/models/tiny", origin="/home/ann/models/tiny", commit=None
    )
    for format in ("sarif", "sarif-all", "junit", "markdown", "comment", "annotations", "csv"):
        content = render(replace(failing, target=local), format)
        assert b"/home/ann" not in content
        assert format == "csv" or b"tiny" in content
    assert parse_run(render_sarif(failing))["automationDetails"]["id"] == "modelaudit/acme/tiny-llama/"


def test_place_of_a_finding_in_a_long_file_is_its_line(failing: AuditReport) -> None:
    findings = (replace(failing.findings[0], location=Location(line=2**40)),)
    result = list_results_of(replace(failing, findings=findings))[0]
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 2**31 - 1
    assert result["properties"]["line"] == 2**40


def test_hostile_text_stays_within_its_strings(hostile: AuditReport) -> None:
    content = render_sarif_all(hostile)
    assert len(content) < 1_000_000
    assert HOSTILE[:40] in json.dumps(parse_run(content)["tool"]["driver"]["rules"])
