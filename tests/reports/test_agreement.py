"""One scan, every format: each is read back, and all state the same facts, as far as they can carry them."""

from __future__ import annotations

import csv
import functools
import html
import io
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports.conftest import REPORTS as EXAMPLES
from reports.conftest import build_fail_report
from support.cases import check_each
from support.command import run_command

import modelaudit
from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.address import file_of, read_file_path
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, Coverage, Extent
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.verdict import Verdict
from modelaudit.reports import REPORTS, render
from modelaudit.reports.json_report import parse_report
from modelaudit.reports.provenance_words import describe_provenance, list_provenance
from modelaudit.reports.results import Outcome, ResultKind, list_results
from modelaudit.reports.signature_words import describe_signature
from modelaudit.reports.text import escape_unprintable

ROOT = Path(__file__).resolve().parents[2]
REPOSITORIES = sorted(path.name for path in (ROOT / "fixtures/repositories").iterdir())
ACCEPTANCE = Acceptance(AcceptanceSource.DECISION, "decisions.yaml:3", "known", "ann", "bob", "2027-01-01")
SHOWN_CHARACTERS = 60
"""Of a rule or a path, before it is escaped: every format shows as many, however long the text is."""


class Fact(NamedTuple):
    """A result as a format states it: rule and path are escaped and cut, and ``line`` is empty without one."""

    fingerprint: str
    rule: str
    path: str
    line: str
    severity: str
    accepted: bool


def build_fact(fingerprint: str, rule: str, path: str, line: object, severity: str, accepted: bool) -> Fact:
    """Build a fact from texts that a format may cut at different lengths."""
    return Fact(fingerprint, _shorten(rule), _shorten(path), "" if line is None else str(line), severity, accepted)


def _shorten(text: str) -> str:
    """Return the beginning of a text, escaped as every format shows it."""
    return escape_unprintable(text)[:SHOWN_CHARACTERS]


def list_expected(report: AuditReport) -> set[Fact]:
    """List the facts of a report."""
    return {
        build_fact(
            each.fingerprint, each.rule, each.address, each.location.line, each.severity, each.acceptance is not None
        )
        for each in list_results(report)
    }


def read_sarif(content: bytes) -> set[Fact]:
    """Read the facts of SARIF; without suppressions, everything in it is open."""
    (run,) = json.loads(content)["runs"]
    return {
        build_fact(
            result["partialFingerprints"]["modelaudit/v1"],
            result["ruleId"],
            result["properties"]["address"],
            result["properties"].get("line"),
            result["properties"]["severity"],
            bool(result.get("suppressions")),
        )
        for result in run["results"]
    }


def read_junit(content: bytes) -> set[Fact]:
    """Read the facts of JUnit."""
    facts = set()
    for case in ElementTree.fromstring(content).iter("testcase"):
        values = {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
        if values:
            texts = (values["fingerprint"], values["rule"], values.get("path", ""), values.get("line"))
            facts.add(build_fact(*texts, values["severity"], case.find("skipped") is not None))
    return facts


def read_markdown(content: bytes) -> tuple[set[Fact], dict[str, int]]:
    """Read the findings of Markdown as facts, and the number of the other open results of each rule."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(content.decode())
    rows: list[list[str]] = []
    for index, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "td_open":
            rows[-1].append("".join(child.content for child in tokens[index + 1].children or ()).replace("\\x7c", "|"))
    facts, counts = set(), Counter[str]()
    for cells in rows:
        if len(cells) == 5 and cells[0] in list(Severity):
            severity, rule, place, _, fingerprint = cells
            address, _, rest = place.partition(", line ")
            address = re.split(r", (?:byte|entry) ", address)[0]
            line = rest.split(",")[0].replace(",", "") if rest else None
            address = "" if address == "the model as a whole" else address
            facts.add(build_fact(fingerprint, rule, address, line, severity, False))
        elif len(cells) == 5:
            counts[_shorten(cells[1])] += int(cells[0].replace(",", ""))
    return facts, dict(counts)


def read_annotations(content: bytes) -> set[tuple[str, str, str]]:
    """Read fingerprint, rule and severity of each annotation."""
    lines = content.decode().splitlines()
    titles = (re.search(r"title=([^:,]*)::", line) for line in lines if line.startswith("::"))
    texts = (title[1].replace("%3A", ":").replace("%2C", ",").replace("%25", "%") for title in titles if title)
    matches = (re.fullmatch(r"(\w+): (.*) \(([0-9a-f]{16})\)", text) for text in texts)
    return {(match[3], match[2], match[1]) for match in matches if match}


def read_cyclonedx(content: bytes) -> set[Fact]:
    """Read the findings of the bill of materials; it states no acceptance."""
    facts = set()
    for each in json.loads(content).get("vulnerabilities", ()):
        values = {pair["name"].removeprefix("modelaudit:"): pair["value"] for pair in each["properties"]}
        severity = each["ratings"][0]["severity"]
        texts = (values["fingerprint"], each["id"], values.get("address", ""), values.get("line"))
        facts.add(build_fact(*texts, severity, False))
    return facts


def count_by_file(report: AuditReport) -> dict[str, tuple[int, ...]]:
    """Count the open findings of each file by severity, its open absences, and what is accepted, known and refused."""
    paths = [record.path for record in report.coverage.artifacts]
    counts: dict[str, list[int]] = {read_file_path(path): [0] * 9 for path in paths}
    worst_first, findings = list(reversed(Severity)), {each.fingerprint for each in report.findings}
    for result in list_results(report):
        file = file_of(result.address)
        cells = counts.setdefault(read_file_path(file) if file in paths else "", [0] * 9)
        if result.is_settled:
            cells[6 if result.outcome is Outcome.ACCEPTED else 7] += 1
        elif result.fingerprint in findings:
            cells[worst_first.index(result.severity)] += 1
        cells[8] += result.is_refused
    for record in report.coverage.artifacts:
        own = [each for _, each in record.absences if not each.unread.missing_file]
        counts[read_file_path(record.path)][5] = sum(each.acceptance is None for each in own)
    # A file that another one names and that is absent has a row of its own.
    for path, named in report.coverage.missing_files.items():
        counts[read_file_path(path)] = [0] * 9
        counts[read_file_path(path)][5] = sum(each.acceptance is None for _, each in named)
    return {path: tuple(cells) for path, cells in counts.items() if path or any(cells)}


def read_csv(content: bytes) -> dict[str, tuple[int, ...]]:
    """Read the counts of each file from the table; the row of the model may hold the planned use alone."""
    columns = ("critical", "high", "medium", "low", "info", "absences", "accepted", "known", "refused")
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
    counts = {row["path"].removeprefix("'"): tuple(int(row[column]) for column in columns) for row in rows}
    return {path: numbers for path, numbers in counts.items() if path or any(numbers)}


def check_agreement(report: AuditReport) -> None:
    """Render a report in every format, read each back, and fail unless the facts agree."""
    expected = list_expected(report)
    open_facts = {fact for fact in expected if not fact.accepted}
    findings = {
        build_fact(each.fingerprint, each.rule, each.artifact, each.location.line, each.severity, False)
        for each in parse_report(render(report, "json")).findings
    }
    assert findings <= {fact._replace(accepted=False) for fact in expected}
    assert read_sarif(render(report, "sarif-all")) == expected
    assert read_sarif(render(report, "sarif")) == open_facts
    assert read_junit(render(report, "junit")) == expected
    assert read_cyclonedx(render(report, "cyclonedx")) == findings
    assert read_cyclonedx(render(report, "cyclonedx-1.7")) == findings
    names = {fact.fingerprint for fact in findings}
    assert names == set(re.findall(r'id="finding-([0-9a-f]{16})', render(report, "html").decode()))
    results = [result for result in list_results(report) if not result.is_settled]
    shown = {fact.fingerprint for fact in findings if not fact.accepted}
    if any(each.rule in ("decision/licence-review", "decision/licence-denied") for each in results):
        # The annotation of the cause says it for these findings too.
        restating = ("license/undeclared", "license/use-for-review")
        results = [each for each in results if each.rule not in restating or each.outcome is not Outcome.NOTED]
    texts = {(each.fingerprint, each.severity.value) for each in results[:10]}
    assert {(name, severity) for name, _, severity in read_annotations(render(report, "annotations"))} == texts
    if len(report.coverage.artifacts) == len({_shorten(each.path) for each in report.coverage.artifacts}):
        expected_counts = {_shorten(path): counts for path, counts in count_by_file(report).items()}
        assert {_shorten(path): counts for path, counts in read_csv(render(report, "csv")).items()} == expected_counts
    assert shown <= {fact.fingerprint for fact in expected}


def check_markdown(report: AuditReport) -> None:
    """Fail unless both pages state the open findings, and the number of absences of each rule."""
    results = [each for each in list_results(report) if not each.is_settled]
    expected = {
        build_fact(each.fingerprint, each.rule, each.address, each.location.line, each.severity, False)
        for each in results
        if each.kind is ResultKind.FINDING
    }
    counts = Counter[str]()
    for each in results:
        if each.kind is ResultKind.ABSENCE:
            counts[_shorten(each.rule)] += each.parts
    for format in ("markdown", "comment"):
        content = render(report, format)
        facts, numbers = read_markdown(content)
        if b"more, in the JSON" in content:
            assert facts <= expected
        else:
            assert (facts, numbers) == (expected, dict(counts))


def list_provenance_properties(report: AuditReport) -> list[tuple[str, str]]:
    """List the properties of a bill of materials that state the repository itself."""
    properties = json.loads(render(report, "cyclonedx"))["metadata"]["component"]["properties"]
    prefix = "modelaudit:target:provenance:"
    pairs = [(each["name"], each["value"]) for each in properties]
    return sorted((name.removeprefix(prefix), value) for name, value in pairs if name.startswith(prefix))


def read_html_text(content: bytes) -> str:
    """Return the text of a page, with one space in place of all white space between two words."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", content.decode())).split())


def test_formats_agree_on_the_provenance(hostile: AuditReport) -> None:
    report = build_fail_report()
    facts = list_provenance(report.target.provenance)
    keys = ["asked", "answered", "revision-kind", "created", "owner", "owner-kind", "owner-id", "owner-created"]
    assert [fact.key for fact in facts] == [*keys, "recorded", "unanswered"]
    assert parse_report(render(report, "json")).target.provenance == report.target.provenance
    assert list_provenance_properties(report) == sorted((fact.key, fact.text) for fact in facts)
    page = read_html_text(render(report, "html"))
    terminal = " ".join(render(report, "table").decode().split())
    for fact in facts:
        assert f"{fact.label.capitalize()} {fact.text}" in page
        assert f"{fact.label}: {fact.text}" in terminal
    for format in ("markdown", "comment"):
        (line,) = [each for each in render(report, format).decode().splitlines() if each.startswith("- Provenance: ")]
        assert line.replace("`", "") == f"- Provenance: {'; '.join(describe_provenance(report.target.provenance))}"
    hostile_facts = list_provenance(hostile.target.provenance)
    expected = sorted((fact.key, escape_unprintable(fact.text)) for fact in hostile_facts)
    assert list_provenance_properties(hostile) == expected
    local = replace(report, target=replace(report.target, provenance=None))
    for format in ("html", "table", "markdown", "cyclonedx"):
        assert b"Owner created" not in render(local, format), format
        # The page lists the check by its name, and no fact of it.
        assert format == "html" or b"rovenance:" not in render(local, format), format
    local_page = read_html_text(render(local, "html"))
    assert not [fact.key for fact in facts if f"{fact.label.capitalize()} {fact.text}" in local_page]


def test_formats_agree_on_the_signatures(hostile: AuditReport) -> None:
    report = build_fail_report()
    signed, refused = report.target.signatures
    statements = [describe_signature(each) for each in (signed, refused)]
    assert statements == [
        "model.sig: signed by CN=models,O=Acme, 2026-11-20T08:00:00Z by a time stamp; covers 5 files, does NOT cover "
        "1 file, leaves out 1 file under its ignored paths; method certificate, issued by CN=Acme Signing, trusted by "
        "modelaudit.yaml:7",
        "old.sig: REFUSED: the signature does not fit the statement and the key",
    ]
    assert parse_report(render(report, "json")).target.signatures == report.target.signatures
    page, terminal = read_html_text(render(report, "html")), " ".join(render(report, "table").decode().split())
    properties = json.loads(render(report, "cyclonedx"))["metadata"]["component"]["properties"]
    for statement in statements:
        assert f"Signature {statement}" in page
        assert f"signed {statement}" in terminal
        assert {"name": "modelaudit:target:signature", "value": statement} in properties
        for format in ("markdown", "comment"):
            assert f"- Signature: {statement}" in render(report, format).decode().replace("`", "").replace("\\", ""), (
                format
            )
    assert "Not signed training_args.bin" in page
    assert "Left out by the signature .gitattributes" in page
    assert parse_report(render(hostile, "json")).target.signatures == hostile.target.signatures
    unsigned = replace(report, target=replace(report.target, signatures=()))
    for format in ("table", "markdown", "cyclonedx"):
        assert b"model.sig" not in render(unsigned, format), format
    assert "Signature none lies beside the files" in read_html_text(render(unsigned, "html"))


def read_editions(report: AuditReport) -> dict[str, str]:
    """Read the edition of the rules back from each format that names the tool."""
    tool = f"{report.tool.name} {report.tool.version}"
    page, terminal = read_html_text(render(report, "html")), " ".join(render(report, "table").decode().split())
    bills = {name: json.loads(render(report, name)) for name in ("cyclonedx", "cyclonedx-1.7")}
    tools = {name: bill["metadata"]["tools"]["components"][0]["properties"] for name, bill in bills.items()}
    suite = ElementTree.fromstring(render(report, "junit"))[0]
    properties = {each.attrib["name"]: each.attrib["value"] for each in suite.iterfind("properties/property")}
    assert properties["tool"] == tool
    found = {
        "json": parse_report(render(report, "json")).tool.edition,
        "html": page.partition(f"Tool {tool} ")[2].partition(", digest ")[0].replace("Rules", "rules"),
        "table": terminal.partition(f" tool {tool}, ")[2].partition(f", {report.created}")[0],
        "junit": properties["rules"],
    }
    for format, pairs in tools.items():
        (found[format],) = (each["value"] for each in pairs if each["name"].endswith("rules:edition"))
    (program,) = [each for each in json.loads(render(report, "spdx"))["@graph"] if each["type"] == "Tool"]
    assert program["name"] == tool
    found["spdx"] = program["description"].partition(",")[0]
    for format in ("sarif", "sarif-all"):
        found[format] = json.loads(render(report, format))["runs"][0]["properties"]["rules"]
    for format in ("markdown", "comment"):
        (line,) = [each for each in render(report, format).decode().splitlines() if each.startswith("- Tool: ")]
        found[format] = line.replace("`", "").removeprefix(f"- Tool: {tool}, ")
    return found


def test_formats_that_name_the_tool_state_the_edition_of_the_rules() -> None:
    report = build_fail_report()
    assert set(read_editions(report).values()) == {"rules 7 of 2026-11-20"}
    assert len(read_editions(report)) == len(REPORTS) - 4, "annotations, elements and the table of files name no tool"
    without = replace(report, tool=replace(report.tool, rules_number=0, rules_date=""))
    assert set(read_editions(without).values()) == {"rules without an edition"}
    # Reports of earlier versions state no edition.
    older = json.loads(render(report, "json"))
    del older["tool"]["rules_number"], older["tool"]["rules_date"]
    assert parse_report(json.dumps(older).encode()).tool == without.tool


@functools.cache
def scan_repository(name: str) -> AuditReport:
    """Scan a repository of the fixtures."""
    return modelaudit.scan(ROOT / "fixtures/repositories" / name, second_opinion=False, offline=True)


@check_each("name", [name for name in EXAMPLES if name != "hostile"])
def test_formats_agree_on_the_examples(name: str) -> None:
    check_agreement(EXAMPLES[name]())


@pytest.mark.counterpart
@check_each("name", [name for name in EXAMPLES if name != "hostile"])
def test_markdown_agrees_on_the_examples(name: str) -> None:
    check_markdown(EXAMPLES[name]())


def test_formats_agree_on_hostile_texts(hostile: AuditReport) -> None:
    check_agreement(hostile)


@pytest.mark.slow
@check_each("name", REPOSITORIES)
def test_formats_agree_on_the_repositories(name: str) -> None:
    check_agreement(scan_repository(name))


@pytest.mark.slow
@pytest.mark.counterpart
@check_each("name", REPOSITORIES)
def test_markdown_agrees_on_the_repositories(name: str) -> None:
    check_markdown(scan_repository(name))


ACCEPTANCES = st.sampled_from([None, ACCEPTANCE, Acceptance(AcceptanceSource.BASELINE, "old.json", "")])
LOCATIONS = st.builds(
    Location,
    st.none() | st.integers(0, 2**40),
    st.none() | st.integers(1, 999),
    st.none() | st.sampled_from(["k", "a.b"]),
)
PATHS = ("config.json", "a b.bin", "we%21rd", "deep/er/model.pt", "=1+1")
FINDINGS = st.builds(
    Finding,
    st.sampled_from(["pickle/dangerous-call", "coverage/damaged", "coverage/no-reader", "license/vague"]),
    st.sampled_from(Severity),
    st.sampled_from(CheckFamily),
    st.sampled_from(["", *PATHS, *(f"{path}!m/x.pkl" for path in PATHS)]),
    st.sampled_from(["a message", "no reader", "the file | is `cut`"]),
    LOCATIONS,
    st.sampled_from([(), ("no reader",), ("cut short",)]),
    st.sampled_from("abcde"),
    acceptance=ACCEPTANCES,
)
ABSENCES = st.builds(
    Absence,
    st.builds(Unread, st.sampled_from(UnreadReason), st.sampled_from(["no reader", "cut short"]), LOCATIONS),
    ACCEPTANCES,
)


REFUSAL = RecordedDecision(
    "decisions.yaml:3",
    "finding",
    f"sha256:{'a' * 64}",
    "refuse",
    "not ours",
    *("Jane Roe", "Max Muster", "2026-12-31"),
    DecisionState.HONOURED,
)


@st.composite
def build_reports(draw: st.DrawFn) -> AuditReport:
    """Build the failing report with other findings and absences, each accepted or not."""
    records = []
    for path in PATHS:
        addresses = st.sampled_from([path, f"{path}!m/x.pkl"])
        absences = tuple(draw(st.lists(st.tuples(addresses, ABSENCES), max_size=3)))
        records.append(ArtifactRecord(path, 1, Extent.PARTLY if absences else Extent.EXAMINED, absences=absences))
    plain = build_fail_report()
    unique = {(each.fingerprint): each for each in draw(st.lists(FINDINGS, max_size=8))}
    findings = tuple(sorted(unique.values(), key=lambda finding: finding.order))
    decision = replace(plain.decision, coverage=Coverage(tuple(records)), verdict=Verdict.FAIL)
    refused = draw(st.lists(st.sampled_from(findings), max_size=2)) if findings else []
    refusals = tuple(replace(REFUSAL, fingerprints=(each.fingerprint,)) for each in refused)
    return replace(plain, findings=findings, decision=decision, decisions=refusals)


@given(build_reports())
def test_formats_agree_on_any_report(report: AuditReport) -> None:
    check_agreement(report)


@pytest.mark.counterpart
@given(build_reports())
def test_markdown_agrees_on_any_report(report: AuditReport) -> None:
    check_markdown(report)


@given(build_reports())
def test_every_absence_is_a_result_in_its_state(report: AuditReport) -> None:
    results = {(each.rule, each.address, each.outcome) for each in list_results(report)}
    for record in report.coverage.artifacts:
        for address, absence in record.absences:
            stating = {each.rule for each in report.findings if absence.is_stated_by(each, address)}
            rules = {f"coverage/{absence.unread.reason}", *stating}
            states = {outcome for rule, place, outcome in results if rule in rules and place == address}
            # A finding on the absence may fail, or be accepted itself.
            assert states, "an absence is no result"
            if absence.acceptance is None and not stating and not any(each.rule in rules for each in report.findings):
                assert Outcome.OPEN in states


@pytest.mark.slow
def test_two_scans_from_two_folders_write_the_same_bytes(tmp_path: Path) -> None:
    written: list[dict[str, bytes]] = []
    for number, folder in enumerate((tmp_path / "first/home/ann", tmp_path / "second")):
        shutil.copytree(ROOT / "fixtures/repositories/acme-tiny", folder / "acme-tiny")
        (folder / "acme-tiny/cut.pkl").write_bytes(b"\x80\x04cos\nsystem\n")
        out = tmp_path / f"out{number}"
        out.mkdir()
        outputs = [word for name in REPORTS for word in ("-o", f"{name}={out}/r{REPORTS[name].endings[0]}")]
        arguments = ("--no-second-opinion", "--offline", "-q", *outputs)
        done = run_command("scan", folder / "acme-tiny", *arguments, SOURCE_DATE_EPOCH="1764000000")
        assert done.returncode == 1, done.stderr
        written.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert len(written[0]) == len(REPORTS)
    assert written[0].keys() == written[1].keys()
    for name, content in written[0].items():
        assert str(tmp_path).encode() not in content, name
        assert content == written[1][name], name
