"""What the first two pages say: the next steps, the reasons and the duties follow from the data, and nothing differs."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import pytest
from reports.conftest import REPORTS as EXAMPLES
from reports.license_examples import build_plain_conclusion
from reports.test_html import parse_page
from support.cases import check_each
from support.catalogue import load_shipped
from support.command import run_command
from support.scans import scan_fixture

import modelaudit
from modelaudit.cli.explain import explain_result
from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.copies import replace
from modelaudit.model.description import Confidence, Contradiction, Fact, ModelDescription, Topic
from modelaudit.model.digest import Claim, ClaimSource
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.license import Component, Conflict, OriginState, UseAnswer
from modelaudit.model.report import Absence, AuditReport, DigestState, Extent, UnopenedFile
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.terms import Answer, Use
from modelaudit.model.verdict import CauseKind, Question, Verdict
from modelaudit.policy.accepted import describe_accepted
from modelaudit.register import resolve_subject
from modelaudit.reports import answers, duty_summary, front_page, render, view
from modelaudit.reports.check_rows import list_check_rows, list_unverified
from modelaudit.reports.decision_words import is_acceptable
from modelaudit.reports.fact_rows import list_absent_parts
from modelaudit.reports.file_folders import list_folders
from modelaudit.reports.finding_groups import Need, group_by_need
from modelaudit.reports.json_report import compute_report_digest
from modelaudit.reports.license_names import name_licenses
from modelaudit.reports.license_view import group_tasks
from modelaudit.reports.license_words import STATEMENTS, join_fields
from modelaudit.reports.officer_steps import list_steps
from modelaudit.reports.openness_words import describe_openness
from modelaudit.reports.questions import list_license_questions, list_questions
from modelaudit.reports.wording import SENTENCE_KINDS


class PlannedUse(TypedDict):
    """What the planned use of all reports states."""

    uses: Mapping[str, bool]
    territories: Sequence[str]
    field: str


USE: PlannedUse = {"uses": {"commercial": True}, "territories": ("DE",), "field": "general"}
WHOLE = "every file was examined completely"
PUBLISHER = "the publisher of the model (not named in its files)"


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
        "README.md": write_card(
            "apache-2.0",
            "You must write to us before you use the weights in a product.\n"
            "The model may not be used by companies that offer credit.",
        ),
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
        "b/model.safetensors": build_weights()[:-1] + b"\x01",
        "b/config.json": b'{"model_type": "bert"}',
    },
    "shared": {
        "a/README.md": write_card("mit"),
        "a/model.safetensors": build_weights(),
        "b/README.md": write_card("cc-by-nc-4.0"),
        "b/model.safetensors": build_weights(),
    },
    "letters": {"README.md": write_card("cc-by-4.0"), "data/train.csv": b"text,label\nhello,1\n"},
    "undeclared": {"model.safetensors": build_weights()},
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
    steps = {each.person: each.engineer for each in list_steps(replace(EXAMPLES["allowed"](), license=license_))}
    assert steps[f"State {words}."] == f"repeat modelaudit scan tiny with {option} added."
    assert option.split()[0] in run_command("license", "--help").stdout
    denied = replace(answer, answer=Answer.DENY, unstated=())
    without = replace(license_, permission=Answer.DENY, answers=(denied, answer))
    assert not any(each.startswith("State ") for each in list_persons(replace(EXAMPLES["allowed"](), license=without)))


def test_report_on_the_licence_alone_names_the_number_of_users_the_base_model_and_the_check_to_run(
    reports: Mapping[str, AuditReport], tmp_path: Path
) -> None:
    report = reports["licence-alone"]
    persons = list_persons(report)
    # How the users are counted is in the words of the clause.
    [figure] = [
        each
        for each in persons
        if each.startswith(
            "State your number of monthly active users, counted as Llama-3.1 does (section 2 and 1.b.ii):"
        )
    ]
    assert "its products and those of its affiliates had more than 700 million users in the month before" in figure
    assert figure.count("700 million") == 1
    (field,) = [each for each in persons if "Your stated field is general. State a field in its place if yours" in each]
    assert "medical advice" in field and "(Llama-3.1, acceptable use policy, 1)" in field
    # Its licence on record counts, and no answer is open because of it.
    assert not any(each.startswith("Look up") for each in persons)
    assert list_steps(report)[0].person == "Do not use this model before the answer on the use is Pass."
    second = list_steps(report)[1]
    assert (second.person, second.engineer) == (
        "Run the security check before anyone loads it.",
        "modelaudit scan based",
    )
    (tmp_path / "README.md").write_bytes(REPOSITORIES["based"]["README.md"])
    stated = modelaudit.license(tmp_path, offline=True, monthly_active_users=10, **USE)
    assert not any(each.startswith("State your number") for each in list_persons(stated))


def test_files_that_are_damaged_or_cut_are_downloaded_again(reports: Mapping[str, AuditReport]) -> None:
    steps = list_persons(reports["damaged"])
    words = (
        "Download the files again: model.safetensors. If a new copy is damaged too, do not load the model unless a "
        "person accepts it."
    )
    assert words in steps
    cut = reports["checkpoint-cut"]
    # The index is whole: the rule of the format names the files to fetch. No source states a digest to compare with.
    assert any(
        each.startswith("Download the index of the checkpoint and its data files again. If")
        for each in list_persons(cut)
    )
    assert not any("digest" in f"{step.person} {step.engineer}" for step in list_steps(cut))
    assert cut.decision.load.verdict is Verdict.INCOMPLETE
    reasons = " ".join(front_page.list_reasons(cut, Question.LOAD).lines)
    assert "has 20 bytes, and 24 are needed" in reasons and "link" not in reasons


def test_base_model_whose_licence_is_not_known_is_looked_up(reports: Mapping[str, AuditReport]) -> None:
    steps = {step.person: step.engineer for step in list_steps(reports["unknown-base"])}
    person = "Look up the licence of the base model acme/not-there, and whether your use is permitted."
    assert "modelaudit decide licence:" in steps[person]
    assert not any(each.startswith("Look up") for each in list_persons(reports["allowed"]))


def test_sentence_that_demands_a_permission_is_a_step_before_the_reading(reports: Mapping[str, AuditReport]) -> None:
    persons = list_persons(reports["terms"])
    demand = "Contact the publisher as README.md:5 demands, before you use it."
    reading = "Read README.md:5 and 6, and decide whether these terms permit your use."
    assert persons.index(demand) < persons.index(reading)
    words = "The model may not be used by companies that offer credit."
    question = f"Is “{words}” a limit of our use, or a description (README.md:6)?"
    # The step names the place, so that no question repeats it.
    assert question in list_license_questions(reports["terms"].license)
    assert not [each for each in list_questions(reports["terms"]) if each.startswith("Is “")]
    text = parse_page(reports["terms"]).text
    assert "no-commercial-use" not in text and "entry license" in text


def test_kinds_of_sentences_are_those_of_the_rules() -> None:
    restrictions = load_shipped().restrictions
    kinds = {each.id for each in restrictions.signs} | {each.kind for each in restrictions.cues.combinations}
    assert kinds <= SENTENCE_KINDS


def test_parts_with_equal_weights_under_different_answers_are_for_a_person(reports: Mapping[str, AuditReport]) -> None:
    lines = front_page.list_reasons(reports["shared"], Question.USE).lines
    assert "For a person to decide: a (MIT)." in lines
    words = (
        "a: it holds the same files as b (model.safetensors), whose terms (CC-BY-NC-4.0) do not permit the planned use"
    )
    assert sum(line.startswith(words) for line in lines) == 1
    # One part is denied and the other is for review: there is a step for each.
    persons = list_persons(reports["shared"])
    assert persons == [
        f"Do not use b as planned: ask {PUBLISHER} for an agreement, or leave it out.",
        f"Ask {PUBLISHER} which licence covers a/model.safetensors, which also lies under other terms, and do not use "
        "it before.",
    ]
    assert (
        "which licence covers weights that lie under several is open"
        in dict(list_check_rows(reports["shared"]))["licence"]
    )
    # An equal configuration shows no more than an equal kind of model.
    assert "same files" not in read_front(reports["several"])


def test_verdict_names_each_question_whose_check_did_not_run(reports: Mapping[str, AuditReport]) -> None:
    alone = reports["licence-alone"]
    assert answers.describe_verdict(alone) == "Review by the terms alone, not searched for attacks"
    assert answers.describe_exit_code(alone).startswith(
        "Exit code 3, review by the terms alone, not searched for attacks: licence-review"
    )
    permitted = replace(reports["allowed"], policy=replace(reports["allowed"].policy, checks=(CheckFamily.SECURITY,)))
    assert answers.describe_verdict(permitted) == "Pass, use not checked"


def test_fields_under_conditions_are_a_question_unless_the_planned_field_is_stated(
    reports: Mapping[str, AuditReport],
) -> None:
    license_ = reports["based"].license
    start = "Is our use one of these, and do we meet the conditions: biometric identification, "
    (question,) = [each for each in list_license_questions(license_) if each.startswith("Is our use ")]
    assert question.startswith(start) and question.endswith("(Llama-3.1, acceptable use policy, 1)?")
    assert license_.intent is not None
    stated = replace(license_, intent=replace(license_.intent, field="spam"))
    assert not any(each.startswith("Is our use ") for each in list_license_questions(stated))


def test_field_that_is_limited_without_a_consent_or_a_right_says_so() -> None:
    fields = load_shipped().clauses.fields
    for field, meaning in dict(fields).items():
        if re.search(r"without (?:\w+ )?(?:consent|the right)", meaning):
            assert " without " in join_fields([field]), field


def test_missing_licence_is_no_permission_on_the_first_page(reports: Mapping[str, AuditReport]) -> None:
    report = reports["undeclared"]
    assert report.decision.use.reason.startswith("No licence is declared, so there is no permission to use it: ask")
    step = f"Do not use this model before {PUBLISHER} states a licence in writing, or choose another."
    assert list_persons(report) == [step]
    assert list_questions(report)[-1] == (
        f"To {PUBLISHER}: under which licence is the model released, and may we use it as planned?"
    )


def test_change_that_binds_only_who_passes_it_on_says_so(reports: Mapping[str, AuditReport], tmp_path: Path) -> None:
    license_ = reports["allowed"].license
    # The head of the page names a single licence.
    marks = "Mark what you changed if you change it, and pass it on or build it into devices (section 4(b))."
    assert marks in duty_summary.summarize_duties(license_).lines
    assert license_.intent is not None
    task = next(task for _, tasks in group_tasks(license_) for task in tasks if task.kind == "state-changes")
    shared = replace(license_.intent, uses={Use.REDISTRIBUTE: True})
    assert task.describe_open(shared) == "if you change it"
    both = replace(shared, uses={Use.REDISTRIBUTE: True, Use.FINE_TUNE: True})
    assert task.describe_open(both) == "" and task.depends_on(both) == ()
    (tmp_path / "README.md").write_bytes(REPOSITORIES["allowed"]["README.md"])
    inside = modelaudit.license(
        tmp_path, offline=True, uses={"fine-tune": True, "redistribute": False, "embed-on-device": False}
    )
    assert not any(duty.kind == "state-changes" for duty in inside.license.duties)


def test_finding_on_a_missing_item_is_no_part_of_the_answer_to_decide(reports: Mapping[str, AuditReport]) -> None:
    groups = {group.need: [rule.rule_id for rule in group.rules] for group in group_by_need(reports["unknown-base"])}
    assert "license/permissive-over-base-model" in groups[Need.ANSWERED]
    assert "license/text-missing" in groups[Need.NOTED] and "license/base-model-not-followed" in groups[Need.NOTED]


def test_report_on_the_licence_alone_says_what_it_computed_and_left_unopened(
    reports: Mapping[str, AuditReport],
) -> None:
    alone = reports["licence-alone"]
    text = parse_page(alone).text
    assert "No tree digest, because these checks compute no digests" in text
    assert "Its completeness was not judged, because the checks that ran compute no digests." in text
    assert WHOLE not in text and "Read, and not checked for attacks" in text
    paths = ("w/1.bin", "w/2.bin", "x.txt")
    coverage = replace(alone.coverage, unopened=3, unopened_files=tuple(UnopenedFile(each, 1) for each in paths))
    unopened = replace(alone, decision=replace(alone.decision, coverage=coverage))
    assert "Left unopened: 2 .bin files in w; x.txt." in parse_page(unopened).text


def test_each_of_several_parts_has_its_own_answer_step_and_duties(reports: Mapping[str, AuditReport]) -> None:
    report = reports["several"]
    lines = front_page.list_reasons(report, Question.USE).lines
    assert "May be used by its licence: a (MIT)." in lines and "May not be used as planned: b (CC-BY-NC-4.0)." in lines
    assert list_persons(report)[0].startswith("Do not use b as planned: ")
    assert list_persons(report)[0].endswith(" You may use a (MIT).")
    duties = duty_summary.summarize_duties(report.license)
    assert duties.lead.startswith("Your planned use of b is not allowed: its duties apply if ")
    assert any(line.endswith("(MIT, second paragraph), for a; the repository lacks it.") for line in duties.lines)
    assert "Non-commercial use only" not in parse_page(report).text.partition("The parts of the repository")[0]


def test_parts_that_were_read_and_not_verified_are_not_called_unexamined(reports: Mapping[str, AuditReport]) -> None:
    report = reports["unverified"]
    text = parse_page(report).text
    assert "Not verified 1 part not verified." in text and "including the parts that were not verified" in text
    assert "not examined" not in text.partition("Annex A")[0].lower()
    [step] = [each for each in list_steps(report) if "unverified name" in each.person]
    assert step.person.startswith("Ask an engineer what the unverified name in encoder.pkl does")
    [record] = [each for each in report.coverage.artifacts if each.path == "encoder.pkl"]
    assert record.extent is Extent.EXAMINED and not record.is_complete and not report.coverage.is_complete
    assert view.describe_extent(record, report) == "read completely; a name in it is not verified"


@pytest.mark.parametrize(
    ("uses", "lead"),
    [
        ({}, "Each under its condition; you did not state whether you pass it on"),
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
    duties = duty_summary.summarize_duties(replace(license_, intent=intent))
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
    catalogue = load_shipped()
    assert explain_result(report, critical.fingerprint, catalogue).endswith("--answer refuse")
    saved = tmp_path / "report.json"
    saved.write_bytes(render(report, "json"))
    listed = " ".join(run_command("decide", "--list", "--report", str(saved)).stdout.split())
    assert "No decision may accept it." in listed and listed.rstrip().endswith("--answer refuse")
    assert "modelaudit decide" not in render(report, "table").decode().partition("More:")[2]
    lenient = replace(report, policy=replace(report.policy, accept_critical=True))
    assert list_persons(lenient)[0].startswith("Do not load") and "As an exception" in list_persons(lenient)[0]
    assert "As an exception" in group_by_need(lenient)[0].advice
    # A person who refused the model leaves no exception to offer.
    refusal = SignOff(
        *("a" * 64, SignOffAnswer.REFUSE, "it runs a command", "Jane Roe", "counsel", "Max Muster"),
        *("2026-11-24", "2027-05-01", SignOffState.VALID, "decisions.yaml:4", ""),
    )
    assert "As an exception" not in " ".join(list_persons(replace(lenient, signoffs=(refusal,))))
    assert explain_result(lenient, critical.fingerprint, catalogue).endswith("--answer accept|refuse")


def test_sign_off_beside_an_open_verdict_states_which_prevails(reports: Mapping[str, AuditReport]) -> None:
    signoff = SignOff(
        *("a" * 64, SignOffAnswer.APPROVE, "we read it", "Ann", "counsel", ""),
        *("2026-11-20", "2027-11-20", SignOffState.VALID, "decisions.yaml:4"),
    )
    page = parse_page(replace(reports["terms"], signoffs=(signoff,))).text
    assert f"licences, planned use and policy (data with the SHA-256 {'a' * 64}); it counts here too." in page
    own = replace(signoff, report=compute_report_digest(reports["terms"]))
    page = parse_page(replace(reports["terms"], signoffs=(own,))).text
    assert f"Answers this report, the data with the SHA-256 {own.report}." in page
    assert (
        "The use that this report judges: commercial use; in DE; field general (stated as none that licences forbid)."
        in page
    )
    front = read_front(replace(reports["terms"], signoffs=(signoff,)))
    assert "Approved on 2026-11-20 by Ann (counsel) until 2027-11-20." in front
    assert (
        "It confirms this report as it is and settles no open point: the verdict Review prevails, and nothing is released"
        in front
    )
    assert "prevails" not in read_front(replace(reports["allowed"], signoffs=(signoff,)))
    refused = replace(signoff, answer=SignOffAnswer.REFUSE)
    assert "The refusal prevails over the verdict Pass" in read_front(replace(reports["allowed"], signoffs=(refused,)))


@pytest.mark.parametrize("format_", ["html", "markdown", "table", "annotations"])
def test_every_output_words_the_verdict_alike(format_: str, reports: Mapping[str, AuditReport]) -> None:
    text = render(reports["acme-tiny"], format_).decode()
    assert answers.describe_verdict(reports["acme-tiny"]) == "Pass, use not judged"
    assert "pass, use not judged" in text.lower()
    assert not re.search(r"(?:modelaudit: |is <strong>|✔ )pass(?!, use)\b(?! +\S)", text.lower())


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
    assert parts == (["evaluation data (acme/letters)"], [])
    part, fact = replace(part, id="evaluation-results", title="Evaluation results"), replace(fact, topic=Topic.METRIC)
    parts = list_absent_parts(replace(openness, components=(part,)), ModelDescription((fact,)))
    assert parts == (["evaluation results (stated in the card, without a file of their own)"], [])
    named = {each.id: each.elsewhere for each in openness.components if each.present}
    assert named["training-data"] is True and named["model-card"] is False
    assert "; 2 of 15 parts found" in describe_openness(reports["unknown-base"].license)


def test_data_set_is_not_called_a_model(reports: Mapping[str, AuditReport]) -> None:
    front = read_front(reports["letters"])
    assert "Data set audit report" in front and "decide on the data set “letters”" in front
    assert not re.search(r"\b(?:this|the) model\b", front.lower())
    text = parse_page(reports["letters"]).text
    assert "Not rated: the Model Openness Framework rates models" in text and "Personal data in the entries" in text
    assert "that the model may have learned" not in text and "What the model is" not in text
    assert view.name_subject(reports["allowed"]) == "model"


def test_reason_for_a_failure_explains_the_worst_finding_and_counts_what_it_leaves_out(
    reports: Mapping[str, AuditReport],
) -> None:
    report = reports["auto-map-reverse-shell"]
    reasons = front_page.list_reasons(report, Question.LOAD)
    rejected = [each for each in report.findings if report.policy.rejects(each) and each.check is CheckFamily.SECURITY]
    assert len(reasons.lines) - 1 + reasons.more == len(rejected)
    assert "The other side can then run commands" in reasons.lines[-1]
    # Machines that may be under control of others are no question of removing a file.
    questions = " ".join(list_questions(report))
    assert "Which machines have loaded the files that fail" in questions and "removed or replaced" not in questions


def test_comparison_without_anything_to_compare_is_no_result(reports: Mapping[str, AuditReport]) -> None:
    report = reports["allowed"]
    rows = dict(list_check_rows(report))
    assert rows["integrity"] == "no stated digest"
    assert rows["provenance"] == "no stated version"
    assert list_unverified(report) == ("origin", "signature", "digests")
    assert "Not confirmed Origin, signature and digests (no outside source)." in read_front(report)
    [*others, record] = report.coverage.artifacts
    claim = Claim(record.digests[0], ClaimSource.HUB, "https://hub.example")
    compared = replace(record, claims=(claim,), digest_state=DigestState.MATCH)
    coverage = replace(report.coverage, artifacts=(*others, compared))
    from_hub = replace(report, decision=replace(report.decision, coverage=coverage))
    assert dict(list_check_rows(from_hub))["integrity"].startswith("no findings; 1 of ")
    assert list_unverified(from_hub) == ("signature",)


def test_controls_are_printed_with_their_evidence_and_none_rests_on_a_check_that_did_not_run(
    reports: Mapping[str, AuditReport],
) -> None:
    text = parse_page(reports["allowed"]).text
    assert "SR-4(2): digests of the bytes" in text and "evidence towards" in text
    for each in reports["licence-alone"].controls:
        assert not any("security check" in line.lower() for line in each.sentences), each.id


def test_duties_without_a_planned_use_begin_with_the_acts_that_the_annex_names(
    reports: Mapping[str, AuditReport],
) -> None:
    duties = duty_summary.summarize_duties(reports["acme-tiny"].license)
    own = [line for line in duties.lines if "section 4" in line]
    assert own and all(" if you " in line for line in own) and "any use" not in duties.lead
    assert any(line.endswith("; the repository lacks it.") for line in own)


def test_terms_that_fail_are_no_part_to_remove_and_a_decided_answer_is_not_to_be_decided(
    reports: Mapping[str, AuditReport],
) -> None:
    denied = {group.title: group.advice for group in group_by_need(reports["denied"])}
    assert denied["They fail the policy"].startswith("The model does not pass while a scan finds them.")
    assert "repeat or explain the answer" in denied["They concern the licence"]
    dangerous = {group.title: group.advice for group in group_by_need(reports["dangerous"])}
    assert dangerous["They fail the policy"].startswith(
        "The model does not pass while a scan finds them. Page 1 states the steps"
    )
    is_read = {group.title: group.advice for group in group_by_need(reports["unverified"])}
    assert "A refusal of one fails the model." in is_read["Open, for a person to decide"]


def test_conclusion_names_its_place_before_its_reach_and_a_folder_keeps_its_case(
    reports: Mapping[str, AuditReport],
) -> None:
    words = answers.describe_conclusion(reports["unknown-base"].license)
    assert words == ("Apache-2.0, stated in README.md:2, for the model alone, because not every base model was read.")
    text = parse_page(reports["several"]).text
    assert "a: The model card names MIT in" in text and not re.search(r"\b[AB]: (?:The|MIT|Creative)", text)


def test_text_that_was_not_searched_is_read_for_any_terms_and_the_column_says_so(
    reports: Mapping[str, AuditReport],
) -> None:
    report = reports["terms"]
    conflict = next(each for each in report.license.conflicts if each.kind == "declared-prose")
    unsearched = replace(conflict, location=Location(key="not-compared"))
    license_ = replace(report.license, conflicts=(unsearched,))
    [reading] = [each for each in list_persons(replace(report, license=license_)) if each.startswith("Read ")]
    assert "whether any terms in it permit your use" in reading


NAMES = [*REPOSITORIES, "licence-alone", "acme-tiny", "auto-map-reverse-shell", "checkpoint-cut"]


@check_each("name", NAMES)
def test_no_two_sentences_of_the_first_pages_contradict_each_other(
    name: str, reports: Mapping[str, AuditReport]
) -> None:
    report = reports[name]
    persons, text, decision = list_persons(report), parse_page(report).text, report.decision
    front = read_front(report)
    # Names that are quoted in the sentence to sign, and no word that a lawyer reads as a signed contract.
    assert f"“ {view.get_heading(report.target)} ”" in front.replace("“", "“ ").replace("”", " ”").replace("  ", " ")
    assert ", identified by the SHA-256" in front and not re.search(r"\bconcluded\b", text)
    assert ("Not confirmed" in front) or not list_unverified(report)
    is_denied = any(each.kind is CauseKind.LICENCE_DENIED for each in decision.causes)
    is_forbidden = decision.load.verdict is Verdict.FAIL
    is_open = decision.load.verdict is not Verdict.PASS and CheckFamily.SECURITY in report.policy.checks
    is_without = "states a licence in writing" in persons[0]
    is_planned = report.license.intent is not None and report.license.intent.is_stated
    is_postponed = decision.use.verdict in (Verdict.REVIEW, Verdict.INCOMPLETE) and is_planned
    assert not is_postponed or any(re.search("(?i)do not (use|load) th", each) for each in persons)
    is_first = persons[0] == "Do not use this model before the answer on the use is Pass."
    assert is_postponed or not is_first
    # What is forbidden comes first, and nothing else invites to it.
    assert persons[0].startswith("Do not ") is (is_forbidden or is_denied or is_open or is_without or is_first)
    assert not (is_forbidden and "You may use" in front)
    kept = [each for each in persons if each.startswith("Keep this report")]
    assert not kept or (persons[-1:] == kept and decision.verdict is Verdict.PASS)
    rejected = [each for each in report.findings if each.acceptance is None and report.policy.rejects(each)]
    may_accept = any(is_acceptable(each, report.policy) for each in rejected)
    assert may_accept or "As an exception" not in text
    # What was examined, searched and verified.
    apart = "Terms in further texts" in front
    is_whole = report.coverage.is_complete and bool(report.coverage.artifacts)
    assert (WHOLE in front) is (is_whole and CheckFamily.SECURITY in report.policy.checks)
    assert WHOLE not in front or apart or not sum(folder.unread for folder in list_folders(report))
    assert CheckFamily.SECURITY in report.policy.checks or "Run the security check before anyone loads it." in persons
    unread = [each for each in report.license.origins if each.look not in (OriginState.READ, OriginState.KNOWN)]
    assert bool(unread) <= (is_denied or any(each.startswith("Look up") for each in persons))
    # The duties, the planned use and the steps agree on what is stated.
    duties = duty_summary.summarize_duties(report.license)
    assert duties.lead != "The duties of your planned use." or not any(" if you " in each for each in duties.lines)
    unstated = front.partition("Not stated: ")[2].partition(".")[0]
    assert "--mau N" not in front or "number of users" in unstated
    assert "--revenue USD" not in front or "revenue" in unstated
    # Relations and verdicts have one wording.
    assert not any(f"made from {each.name}" in text for each in report.license.origins)
    words = answers.describe_verdict(report)
    assert re.search(f"is {re.escape(words[:1].lower() + words[1:])}[:.]", text) and text.startswith(f"{words}: ")
    assert f"verdict: {words[:1].lower()}{words[1:]}" not in text


MORE: Mapping[str, Mapping[str, bytes]] = {
    # Equal weights under two licences that both permit the use: which of them covers the weights?
    "two-names": {
        "a/README.md": write_card("mit"),
        "a/model.safetensors": build_weights(),
        "b/README.md": write_card("apache-2.0"),
        "b/model.safetensors": build_weights(),
    },
    "many-texts": {
        "README.md": write_card("apache-2.0"),
        **{f"part{n // 1500}/x.safetensors": build_weights() for n in range(0, 4500, 1500)},
        **{f"part{n // 1500}/t{n:04}.txt": f"Line {n} of a list.\n".encode() for n in range(4500)},
    },
}


def test_equal_weights_under_two_licences_are_a_point_without_a_planned_use_too(
    reports: Mapping[str, AuditReport], tmp_path: Path
) -> None:
    write_files(tmp_path / "shared", REPOSITORIES["shared"])
    unstated = modelaudit.scan(tmp_path / "shared", offline=True, second_opinion=False)
    words = "a: It holds the same files as b (model.safetensors), which has other terms (CC-BY-NC-4.0)"
    assert [each.rule for each in unstated.findings if each.message.startswith(words)] == ["license/shared-weights"]
    front = read_front(unstated)
    assert words in front and f"Ask {PUBLISHER} which licence covers a/model.safetensors" in front
    write_files(tmp_path / "two", MORE["two-names"])
    both = modelaudit.scan(tmp_path / "two", offline=True, second_opinion=False, **USE)
    assert both.decision.use.verdict is Verdict.PASS
    assert any("which licence covers a/model.safetensors" in each for each in list_persons(both))
    # Equal terms raise nothing.
    assert not [each for each in reports["several"].findings if each.rule == "license/shared-weights"]


def test_texts_behind_the_limit_are_counted_and_keep_the_whole_open(tmp_path: Path) -> None:
    write_files(tmp_path, MORE["many-texts"])
    report = modelaudit.license(tmp_path, offline=True, **USE)
    [sentence] = view.list_over_limit(report)
    assert re.search(r"; [\d,]+ texts were not searched, the last of them part2/t4499\.txt\.$", sentence)
    # No folder counts as searched that is not, and none is a part of its own because of it.
    assert not report.license.models and report.decision.use.verdict is Verdict.REVIEW
    [step] = [each for each in list_steps(report) if "texts that were not searched" in each.person]
    assert step.engineer.startswith("scan their folders one by one")
    assert "Not completely examined or searched" not in parse_page(report).text


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@check_each("name", ["based", "several", "allowed", "denied", "licence-alone"])
def test_each_licence_has_one_name_after_its_title(name: str, reports: Mapping[str, AuditReport]) -> None:
    report = reports[name]
    text = parse_page(report).text
    for entry in report.license.entries:
        short = entry.id.removeprefix("LicenseRef-")
        assert text.count(f"{entry.name} ({short})") == 1 and text.count(entry.name) == 1
        # The identifier of SPDX is in its section of the annex.
        assert text.count("LicenseRef-") == sum(each.id.startswith("LicenseRef-") for each in report.license.entries)


def test_words_of_others_keep_their_names_of_licences(reports: Mapping[str, AuditReport]) -> None:
    quoted = "“Under the MIT License, and LicenseRef-Llama-3.1.”"
    license_ = reports["based"].license
    conflict = Conflict("declared-prose", f"a.md states {quoted}, and LicenseRef-Llama-3.1 does not.")
    named = name_licenses(replace(reports["based"], license=replace(license_, conflicts=(conflict,))))
    assert named.license.conflicts[0].detail == f"a.md states {quoted}, and Llama-3.1 does not."
    assert resolve_subject("licence:Llama-3.1", reports["based"]).name == "LicenseRef-Llama-3.1"


def test_first_page_points_to_what_no_scan_covers(reports: Mapping[str, AuditReport]) -> None:
    for name in NAMES:
        front, page = read_front(reports[name]), parse_page(reports[name]).text
        letter = re.search(r"Never covered: [a-z, ]+ \( ?annex ([A-Z]) ?\)\.", front)
        assert letter and f"Annex {letter[1]} Origin, method and limits" in page, name


def test_question_is_raised_where_a_reason_names_another_file(reports: Mapping[str, AuditReport]) -> None:
    report = reports["unverified"]
    [finding] = [each for each in report.findings if each.artifact == "encoder.pkl"]
    people = ("J. Lind", "M. Weber", "2027-05-31", DecisionState.HONOURED)
    subject = f"finding {finding.fingerprint}"
    decision = RecordedDecision("d.yaml:4", subject, "", "accept", "Our README.md, read by us.", *people)
    decision = replace(decision, fingerprints=(finding.fingerprint,))
    question = "J. Lind decided on encoder.pkl for a reason that names README.md: does it cover both?"
    assert question in list_questions(replace(report, decisions=(decision,)))
    own = replace(decision, reason="We wrote encoder.pkl.")
    assert not any("does it cover both" in each for each in list_questions(replace(report, decisions=(own,))))


def test_steps_name_the_place_to_read_and_the_machines_that_loaded_a_critical_file(
    reports: Mapping[str, AuditReport],
) -> None:
    assert "compromised" in list_persons(reports["dangerous"])[0]
    assert list_persons(reports["auto-map-reverse-shell"])[0].count("compromised") == 1
    assert list_persons(reports["damaged"])[0].startswith("Do not load this model before ")


def test_accepted_part_that_was_read_is_not_called_unexamined() -> None:
    absence = Absence(
        Unread(UnreadReason.UNVERIFIED, "x"), Acceptance(AcceptanceSource.DECISION, "d.yaml:4", "we read it", "J. Lind")
    )
    record = replace(EXAMPLES["allowed"]().coverage.artifacts[0], extent=Extent.PARTLY, absences=(("a.pkl", absence),))
    assert describe_accepted((), replace(EXAMPLES["allowed"]().coverage, artifacts=(record,))) == [
        "Accepted by J. Lind: 1 part not verified."
    ]
