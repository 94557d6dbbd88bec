"""What the first two pages say: the next steps, the reasons and the duties follow from the data, and nothing differs."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

import pytest
from reports.conftest import REPORTS as EXAMPLES
from reports.license_examples import build_plain_conclusion
from reports.test_html import parse_page
from support.cases import check_each
from support.command import run_command
from support.scans import scan_fixture

import modelaudit
from modelaudit.cli.explain import explain_result
from modelaudit.model.description import Confidence, Contradiction, Fact, ModelDescription, Topic
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.license import Component, Conflict, OriginState, UseAnswer
from modelaudit.model.report import AuditReport
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState
from modelaudit.model.structure import Location
from modelaudit.model.terms import Answer, Use
from modelaudit.model.verdict import CauseKind, Question, Verdict
from modelaudit.reports import answers, front_page, render, view
from modelaudit.reports.decision_words import is_acceptable
from modelaudit.reports.fact_rows import list_absent_parts
from modelaudit.reports.file_folders import list_folders
from modelaudit.reports.finding_groups import group_by_need
from modelaudit.reports.license_words import STATEMENTS
from modelaudit.reports.officer_steps import list_steps
from modelaudit.reports.questions import list_questions


class PlannedUse(TypedDict):
    """What the planned use of all reports states."""

    uses: Mapping[str, bool]
    territories: Sequence[str]
    field: str


USE: PlannedUse = {"uses": {"commercial": True}, "territories": ("DE",), "field": "general"}
WHOLE = "every file was examined completely"


def build_weights(size: int = 16) -> bytes:
    """Build a file of safetensors with one tensor of four numbers, and ``size`` bytes of data."""
    header = json.dumps({"embed": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + bytes(size)


def write_card(license_: str, words: str = "", fields: str = "") -> bytes:
    return f"---\nlicense: {license_}\n{fields}---\n# Card\n{words}\n".encode()


REPOSITORIES: Mapping[str, Mapping[str, bytes]] = {
    "allowed": {"README.md": write_card("apache-2.0"), "model.safetensors": build_weights()},
    "denied": {"README.md": write_card("cc-by-nc-4.0"), "model.safetensors": build_weights()},
    "terms": {
        "README.md": write_card("apache-2.0", "You must write to us before you use the weights in a product."),
        "model.safetensors": build_weights(),
    },
    "damaged": {"README.md": write_card("apache-2.0"), "model.safetensors": build_weights(6)},
    "unverified": {
        "README.md": write_card("apache-2.0"),
        "encoder.pkl": b"cacme.training\nEncoder\n)\x81}b.",
    },
    "based": {
        "README.md": write_card("llama3.1", fields="base_model: meta-llama/Llama-3.1-8B\n"),
        "model.safetensors": build_weights(),
    },
    "unknown-base": {
        "README.md": write_card("apache-2.0", fields="base_model: acme/not-there\ndatasets: [acme/letters]\n"),
        "model.safetensors": build_weights(),
    },
    "several": {
        "README.md": b"# Two\n",
        "a/README.md": write_card("mit"),
        "a/model.safetensors": build_weights(),
        "a/config.json": b'{"model_type": "bert"}',
        "b/README.md": write_card("cc-by-nc-4.0"),
        "b/model.safetensors": build_weights(),
        "b/config.json": b'{"model_type": "bert"}',
    },
    "letters": {"README.md": write_card("cc-by-4.0"), "data/train.csv": b"text,label\nhello,1\n"},
    "dangerous": {"README.md": write_card("mit"), "model.pkl": b"cos\nsystem\n(S'true'\ntR."},
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, AuditReport]:
    """Scan each repository for one planned use, one of them for its licence alone, and fixtures for none."""
    root = tmp_path_factory.mktemp("models")
    scanned = {}
    for name, files in REPOSITORIES.items():
        for path, content in files.items():
            place = root / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        scanned[name] = modelaudit.scan(root / name, offline=True, second_opinion=False, **USE)
    scanned["licence-alone"] = modelaudit.license(root / "based", offline=True, **USE)
    for name in ("acme-tiny", "auto-map-reverse-shell", "checkpoint-cut"):
        scanned[name] = scan_fixture(f"repositories/{name}")
    return scanned


def list_persons(report: AuditReport) -> list[str]:
    """List what the person does next."""
    return [step.person for step in list_steps(report)]


def read_front(report: AuditReport) -> str:
    """Return the text of the page before its annexes."""
    return parse_page(report).text.partition("Annex A")[0]


@check_each("fact", list(STATEMENTS))
def test_each_fact_that_the_planned_use_lacks_has_a_step_of_its_own_with_an_option(fact: str) -> None:
    because = "It is not stated."
    answer = UseAnswer(Answer.REVIEW, "Apache-2.0", "user-cap", because, unstated=(fact,))
    license_ = replace(build_plain_conclusion(), permission=Answer.REVIEW, answers=(answer,), acceptance=None)
    words, option = STATEMENTS[fact]
    assert f"State {words} ({option})." in list_persons(replace(EXAMPLES["allowed"](), license=license_))
    assert option.split()[0] in run_command("license", "--help").stdout
    denied = replace(answer, answer=Answer.DENY, unstated=())
    without = replace(license_, permission=Answer.DENY, answers=(denied, answer))
    assert not any(each.startswith("State ") for each in list_persons(replace(EXAMPLES["allowed"](), license=without)))


def test_report_on_the_licence_alone_names_the_number_of_users_the_base_model_and_the_check_to_run(
    reports: Mapping[str, AuditReport], tmp_path: Path
) -> None:
    report = reports["licence-alone"]
    persons = list_persons(report)
    assert "State your number of monthly active users (--mau N)." in persons
    assert any(each.startswith("Look up the licence of the base model meta-llama/Llama-3.1-8B") for each in persons)
    first = list_steps(report)[0]
    assert (first.person, first.engineer) == ("Run the security check before anyone loads it.", "modelaudit scan based")
    (tmp_path / "README.md").write_bytes(REPOSITORIES["based"]["README.md"])
    stated = modelaudit.license(tmp_path, offline=True, monthly_active_users=10, **USE)
    assert not any(each.startswith("State ") for each in list_persons(stated))


def test_files_that_are_damaged_or_cut_are_downloaded_again(reports: Mapping[str, AuditReport]) -> None:
    assert "Download the files again: model.safetensors." in list_persons(reports["damaged"])
    cut = reports["checkpoint-cut"]
    assert "Download the files again and compare their digests." in list_persons(cut)
    reasons = " ".join(front_page.list_reasons(cut, Question.LOAD).lines)
    assert "permits loading with what is below its threshold" in reasons
    assert "has 20 bytes, and 24 are needed" in reasons and "link" not in reasons


def test_base_model_whose_licence_is_not_known_is_looked_up(reports: Mapping[str, AuditReport]) -> None:
    steps = {step.person: step.engineer for step in list_steps(reports["unknown-base"])}
    person = "Look up the licence of the base model acme/not-there, and whether your use is permitted."
    assert "modelaudit decide licence:" in steps[person]
    assert not any(each.startswith("Look up") for each in list_persons(reports["allowed"]))


def test_sentence_that_demands_a_permission_is_a_step_before_the_reading(reports: Mapping[str, AuditReport]) -> None:
    persons = list_persons(reports["terms"])
    demand = "Ask the publisher for the permission that README.md:5 demands before you use it."
    assert persons.index(demand) < persons.index("Read README.md:5, and decide whether these terms permit your use.")


def test_each_of_several_parts_has_its_own_answer_step_and_duties(reports: Mapping[str, AuditReport]) -> None:
    report = reports["several"]
    lines = front_page.list_reasons(report, Question.USE).lines
    assert "May be used by its licence: a (MIT)." in lines and "May not be used as planned: b (CC-BY-NC-4.0)." in lines
    assert list_persons(report)[0].startswith("Do not use b as planned: ")
    assert list_persons(report)[0].endswith(" You may use a (MIT).")
    duties = front_page.summarize_duties(report.license)
    assert duties.lead.startswith("Your planned use of b is not allowed: its duties apply if ")
    assert any(line.endswith("(MIT, second paragraph), for a.") for line in duties.lines)
    assert "Non-commercial use only" not in parse_page(report).text.partition("The parts of the repository")[0]


def test_parts_that_were_read_and_not_verified_are_not_called_unexamined(reports: Mapping[str, AuditReport]) -> None:
    report = reports["unverified"]
    text = parse_page(report).text
    assert "Not verified 1 part not verified." in text and "including the parts that were not verified" in text
    assert "not examined" not in text.partition("Annex A")[0].lower()
    assert "Do we need the parts that were not verified (encoder.pkl)" in text


@pytest.mark.parametrize(
    ("uses", "lead"),
    [
        ({}, "Each only if you do what it says; you did not state whether you pass it on"),
        ({Use.REDISTRIBUTE: True}, "The duties of your planned use, then those with an “if”; you did not state"),
        (dict.fromkeys(Use, True), "The duties of your planned use."),
    ],
)
def test_duties_are_headed_by_what_is_stated(
    uses: Mapping[Use, bool], lead: str, reports: Mapping[str, AuditReport]
) -> None:
    license_ = reports["allowed"].license
    assert license_.intent is not None
    intent = replace(license_.intent, uses={Use.COMMERCIAL: True, **uses})
    duties = front_page.summarize_duties(replace(license_, intent=intent))
    assert duties.lead.startswith(lead)
    assert any(" if you " in line for line in duties.lines) is (duties.lead != "The duties of your planned use.")
    own = [line for line in duties.lines if "(Apache-2.0" in line]
    assert [" if you " in line for line in own] == sorted(" if you " in line for line in own)


def test_first_page_names_limited_fields_missing_texts_and_contradictions(reports: Mapping[str, AuditReport]) -> None:
    lines = front_page.list_reasons(reports["based"], Question.USE).lines
    assert any(line.startswith("Uses under conditions: ") and "credit and insurance" in line for line in lines)
    assert any("demands a copy of its text, which is not in the repository" in line for line in lines)
    fact = Fact(Topic.PARAMETERS, "7", Confidence.DECLARED)
    contradiction = Contradiction(fact, fact, "The card states 7, but the files have 4.")
    described = replace(reports["allowed"], description=ModelDescription((fact,), (contradiction,)))
    assert "Which is right? The card states 7, but the files have 4." in list_questions(described)


def test_acceptance_is_offered_only_where_the_gate_would_honour_it(
    reports: Mapping[str, AuditReport], tmp_path: Path
) -> None:
    report = reports["dangerous"]
    strict = group_by_need(report)[0].advice
    assert "accept" not in " ".join(list_persons(report)) + strict
    critical = next(each for each in report.findings if each.severity is Severity.CRITICAL)
    catalogue = modelaudit.catalogue.load_catalogue()
    assert explain_result(report, critical.fingerprint, catalogue).endswith("--answer refuse")
    saved = tmp_path / "report.json"
    saved.write_bytes(render(report, "json"))
    listed = run_command("decide", "--list", "--report", str(saved)).stdout
    assert "No decision may accept it." in listed and listed.rstrip().endswith("--answer refuse")
    assert "modelaudit decide" not in render(report, "table").decode().partition("More:")[2]
    lenient = replace(report, policy=replace(report.policy, accept_critical=True))
    assert list_persons(lenient)[0].startswith("Do not load") and "As an exception" in list_persons(lenient)[0]
    assert "As an exception" in group_by_need(lenient)[0].advice
    assert explain_result(lenient, critical.fingerprint, catalogue).endswith("--answer accept|refuse")


def test_sign_off_beside_an_open_verdict_states_which_prevails(reports: Mapping[str, AuditReport]) -> None:
    signoff = SignOff(
        *("a" * 64, SignOffAnswer.APPROVE, "we read it", "Ann", "counsel", ""),
        *("2026-11-20", "2027-11-20", SignOffState.VALID, "decisions.yaml:4"),
    )
    front = read_front(replace(reports["terms"], signoffs=(signoff,)))
    assert "It approves this report as it is and settles no open point: the verdict Review prevails" in front
    assert "prevails" not in read_front(replace(reports["allowed"], signoffs=(signoff,)))
    refused = replace(signoff, answer=SignOffAnswer.REFUSE)
    assert "The refusal prevails over the verdict Pass" in read_front(replace(reports["allowed"], signoffs=(refused,)))


@pytest.mark.parametrize("format_", ["html", "markdown", "table", "annotations"])
def test_every_output_words_the_verdict_alike(format_: str, reports: Mapping[str, AuditReport]) -> None:
    text = render(reports["acme-tiny"], format_).decode()
    assert answers.describe_verdict(reports["acme-tiny"]) == "Pass, with an open answer"
    assert "pass, with an open answer" in text.lower()
    assert not re.search(r"(?:modelaudit: |is <strong>|✔ )pass(?!, with)\b(?! +\S)", text.lower())


def test_text_that_was_not_searched_counts_as_not_examined(reports: Mapping[str, AuditReport]) -> None:
    report = reports["allowed"]
    where = Location(key="not-compared")
    conflict = Conflict("declared-prose", "README.md was not searched for terms.", (), "README.md", where)
    unsearched = replace(report, license=replace(report.license, conflicts=(conflict,)))
    assert sum(folder.unread for folder in list_folders(unsearched)) == 1
    assert sum(folder.unread for folder in list_folders(report)) == 0


def test_data_set_that_is_named_is_not_called_absent_without_a_word(reports: Mapping[str, AuditReport]) -> None:
    openness = reports["unknown-base"].license.openness
    assert openness is not None
    fact = Fact(Topic.DATASET, "acme/letters", Confidence.DECLARED, qualifiers=(("use", "evaluation"),))
    part = Component("evaluation-data", "Evaluation data", present=False)
    parts = list_absent_parts(replace(openness, components=(part,)), ModelDescription((fact,)))
    assert parts == ["Evaluation data (named, not included: acme/letters)"]
    part, fact = replace(part, id="evaluation-results", title="Evaluation results"), replace(fact, topic=Topic.METRIC)
    parts = list_absent_parts(replace(openness, components=(part,)), ModelDescription((fact,)))
    assert parts == ["Evaluation results (stated in the card alone)"]


def test_data_set_is_not_called_a_model(reports: Mapping[str, AuditReport]) -> None:
    front = read_front(reports["letters"])
    assert "Data set audit report" in front and "a risk of this data set" in front
    assert not re.search(r"\b(?:this|the) model\b", front.lower())
    assert view.name_subject(reports["allowed"]) == "model"


NAMES = [*REPOSITORIES, "licence-alone", "acme-tiny", "auto-map-reverse-shell", "checkpoint-cut"]


@check_each("name", NAMES)
def test_no_two_sentences_of_the_first_pages_contradict_each_other(
    name: str, reports: Mapping[str, AuditReport]
) -> None:
    report = reports[name]
    persons, text, decision = list_persons(report), parse_page(report).text, report.decision
    front = read_front(report)
    is_denied = any(each.kind is CauseKind.LICENCE_DENIED for each in decision.causes)
    is_forbidden = decision.load.verdict is Verdict.FAIL
    # What is forbidden comes first, and nothing else invites to it.
    assert persons[0].startswith("Do not ") is (is_forbidden or is_denied)
    assert not (is_forbidden and "You may use" in front)
    kept = [each for each in persons if each.startswith("Keep this report")]
    assert not kept or (persons == kept and decision.verdict is Verdict.PASS)
    rejected = [each for each in report.findings if each.acceptance is None and report.policy.rejects(each)]
    may_accept = any(is_acceptable(each, report.policy) for each in rejected)
    assert may_accept or "As an exception" not in text
    # What was examined, searched and verified.
    apart = "Terms in further texts" in front
    assert (WHOLE in front) is (report.coverage.is_complete and bool(report.coverage.artifacts))
    assert WHOLE not in front or apart or not sum(folder.unread for folder in list_folders(report))
    assert CheckFamily.SECURITY in report.policy.checks or "Run the security check before anyone loads it." in persons
    unread = [each for each in report.license.origins if each.look is not OriginState.READ]
    assert bool(unread) <= (is_denied or any(each.startswith("Look up") for each in persons))
    # The duties, the planned use and the steps agree on what is stated.
    duties = front_page.summarize_duties(report.license)
    assert duties.lead != "The duties of your planned use." or not any(" if you " in each for each in duties.lines)
    unstated = front.partition("Not stated: ")[2].partition(".")[0]
    assert "(--mau N)" not in front or "number of users" in unstated
    assert "(--revenue USD)" not in front or "revenue" in unstated
    # Relations and verdicts have one wording.
    assert not any(f"made from {each.name}" in text for each in report.license.origins)
    words = answers.describe_verdict(report)
    assert text.startswith(f"{words}: ") and f"is {words[:1].lower()}{words[1:]}:" in text
    assert f"verdict: {words[:1].lower()}{words[1:]}" not in text
