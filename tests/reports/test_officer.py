"""Questions of a compliance officer: the first sheets answer each as the data does, and no two outputs differ."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from reports.test_html import parse_page
from support.cases import check_each
from support.officer_kinds import KINDS
from support.rendered import render_once

import modelaudit
from modelaudit.model.finding import CheckFamily
from modelaudit.model.report import AuditReport
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.reports import render
from modelaudit.reports.finding_groups import group_by_need
from modelaudit.reports.html import render_html
from modelaudit.reports.license_names import name_licenses
from modelaudit.reports.officer_steps import list_steps, tells_to_load
from modelaudit.reports.questions import list_questions
from modelaudit.reports.wording import format_sentence

WHOLE = "every file was examined completely"
READ = {"unverified-type", "unverified-bytes"}
"""The reasons for which a part was read and is not verified."""
NO_DUTY = "Your planned use triggers no duty."
EXCLUSIVE = (
    ("The stated licence", "Understood as MIT"),
    ("no permission can be shown", "licences leave open the planned use"),
    ("there is no permission to use it", "licences leave open the planned use"),
    ("no permission", "leaves open whether the planned use"),
    ("imports this file. The call", "This file is not loaded with the model"),
    ("not a part that you could remove", "or leave it out"),
    ("Nothing; every file was examined", "absent, so its terms were not read"),
    ("could not be read and may state", "Partly examined"),
    ("of the model for a person to read", "They do not change the verdict. Medium A file for agents"),
    ("Keep this report", "before anyone loads the model"),
    ("Loading alone", "have loaded the files that fail"),
    ("Loading alone", "machines that loaded"),
    ("Download the files again: model.pt.", "the extra bytes in model.pt"),
    ("Do not load this model. ", "record that you accept or refuse"),
    ("training on outputs is not planned", "training on outputs, building into devices. Not planned"),
    ("not read to its end, and may state other terms", "FOR REVIEW"),
    ("not read to its end, and may state other terms", "licences leave open the planned use"),
    ("could not be looked up", "model.safetensors, open licence"),
    ("not read to its end, and may state other terms", "safetensors, open licence"),
    ("the licence is determined;", "the current one"),
    ("the licence is determined.", "is stated, and further terms are open"),
    ("Report the mirror", "the lock ("),
    ("refused this model until", "As an exception, the policy lets a person"),
    ("refused this model until", "Signed off"),
    ("stated as none that licences forbid", "State your field of use"),
    ("with bytes that no reader parses. 1 further reason", "No reader of modelaudit supports"),
    ("the licence of each of 3 parts is determined.", "hold the same weights under different terms"),
)
"""Pairs of sentences of which a report holds one at most."""


pytestmark = pytest.mark.xdist_group("kinds of reports")


@render_once
def read_data(report: AuditReport) -> dict[str, Any]:
    """Read the JSON output, with the short names of licences as a page has them."""
    data: dict[str, Any] = json.loads(render(name_licenses(report), "json"))
    return data


@render_once
def read_page(report: AuditReport) -> str:
    """Return the text of the whole page."""
    return join_words(parse_page(report).text)


def read_sheets(report: AuditReport) -> str:
    """Return the text of the page before its annexes, which the first two sheets hold."""
    return read_page(report).partition("Annex A")[0].rstrip()


def read_part(front: str, title: str, end: str) -> str:
    """Return what stands below a title of the first page."""
    return front.partition(f" {title} ")[2].partition(f" {end} ")[0]


def join_words(text: str) -> str:
    return " ".join(text.split())


@check_each("name", list(KINDS))
def test_first_sheets_answer_whether_it_may_be_loaded_and_used_and_why(
    name: str, reports: Mapping[str, AuditReport]
) -> None:
    front, data = read_sheets(reports[name]), read_data(reports[name])
    checks = data["policy"]["checks"]
    questions = {"load": ("May it be loaded?", "security"), "use": ("May it be used as planned?", "license")}
    for question, (words, family) in questions.items():
        ruling = data["decision"][question]
        answer = ruling["verdict"].capitalize() if family in checks else "Not checked"
        assert f"{words} {answer}. {join_words(ruling['reason'])}" in front
    # Each failing finding is a reason, or is counted as a further one.
    failing = {each["message"] for each in data["findings"] if each["severity"] == "critical"}
    assert not failing or any(join_words(each) in front for each in failing)


@check_each("name", list(KINDS))
def test_first_sheets_answer_which_duties_apply(name: str, reports: Mapping[str, AuditReport]) -> None:
    report = reports[name]
    front, license_ = read_sheets(report), read_data(report)["license"]
    duties = [each for each in license_["duties"] if each["group"] != "watch"]
    part = read_part(front, "Duties", "Accepted risks")
    if not license_["entries"]:
        assert part.startswith("No obligations can be listed") and NO_DUTY not in front
    elif license_["state"] == "contradictory":
        assert part.startswith("The duties depend on which of ") or "The duties depend on which of " in part
        assert all(f"If {each['id']} applies: " in part for each in license_["entries"])
    elif not license_["models"]:
        assert (NO_DUTY in part or "It would trigger no duty." in part) is (not duties)
        is_open = "whether further terms bind is open" in join_words(parse_page(report).text)
        assert not is_open or "may bring further duties" in part or "demands: " in part
        # Every duty is named with its section.
        assert all(each["section"] in part for each in duties)


@check_each("name", list(KINDS))
def test_first_sheets_answer_what_was_not_checked(name: str, reports: Mapping[str, AuditReport]) -> None:
    report = reports[name]
    front, data = read_sheets(report), read_data(report)
    coverage = data["decision"]["coverage"]
    absences = [(address, each) for record in coverage["artifacts"] for address, each in record["absences"]]
    part = read_part(front, "Not verified", "Not confirmed") or read_part(front, "Not examined", "Not confirmed")
    assert (WHOLE in front) is (report.coverage.is_complete and "security" in data["policy"]["checks"])
    reasons = [each["unread"]["reason"] for _, each in absences]
    unclaimed, unverified = reasons.count("unclaimed-bytes"), sum(each in READ for each in reasons)
    counts = {"not examined": len(reasons) - unclaimed - unverified, "not verified": unverified}
    counts["with bytes that no reader parses"] = unclaimed
    for words, number in counts.items():
        assert not number or re.search(rf"\b{number} (?:parts? )?{words}", part), (number, words)
    for address, absence in absences:
        missing = absence["unread"]["missing_file"]
        assert (f"{missing} (named in {address})" if missing else address) in part or " more." in part
        # The step, the table, Markdown and CSV name the same file.
        if missing:
            assert f": {address}" not in part
            assert all(missing in render(report, format).decode() for format in ("table", "markdown", "junit", "csv"))
            assert any(missing in each.person for each in list_steps(report))
    unread = set(reasons) - READ
    assert unread or "parts that were not examined" not in front
    assert ("the items that were not read" not in front) or "Nothing of the " in part
    is_on_record = any(each["look"] == "known-by-name" for each in data["license"]["origins"])
    assert ("on record for a base model" in part) is (is_on_record and "Not read: " in part)


@check_each("name", list(KINDS))
def test_first_sheets_answer_who_accepted_what(name: str, reports: Mapping[str, AuditReport]) -> None:
    front, data = read_sheets(reports[name]), read_data(reports[name])
    for each in data["decisions"]:
        assert all(each[key] in front for key in ("by", "approved_by", "expires", "reason"))
    valid = [each for each in data["signoffs"] if each["state"] == "valid"]
    assert bool(valid) is bool(KINDS[name].signs)
    assert ("Signed off No." in front or "Signed off Not yet; the policy" in front) is not bool(valid)
    for each in valid:
        verb = {"approve": "Approved", "refuse": "Refused"}[each["answer"]]
        people = "Ann Lee (Compliance officer)"
        people += "" if KINDS[name].is_alone else ", approved by Bo Berg (Head of risk)"
        assert f" {'Refused' if each['answer'] == 'refuse' else 'Signed off'} {verb} on " in front
        assert f"{verb} on {each['date']} by {people} until {each['expires']}." in front
    assert ("Accepted risks None." in front) is (not data["decisions"])


@check_each("name", list(KINDS))
def test_first_sheets_answer_what_to_do_next_and_no_question_repeats_it(
    name: str, reports: Mapping[str, AuditReport]
) -> None:
    report = name_licenses(reports[name])
    front, steps, verdict = read_sheets(report), list_steps(report), report.decision.verdict
    assert all(join_words(each.person) in front and join_words(each.engineer) in front for each in steps)
    commands = [each.engineer for each in steps if each.engineer]
    assert len(commands) == len(set(commands)), "one line for equal options"
    assert (steps[0].person == "Keep this report with the model.") <= (verdict == "pass")
    named = [re.findall(r"\(([\w./-]+(?:, [\w./-]+)*)\)\?$", each) for each in list_questions(report)]
    persons = " ".join(each.person for each in steps)
    assert not any(names and names[0].startswith("acme/") and names[0] in persons for names in named)
    # Whoever is asked is named once with an address, or as unknown.
    assert not re.search(r"\b(?:ask|of|before) (?:the licensor|the author(?! of)|its author)\b", persons, re.IGNORECASE)


@check_each("name", list(KINDS))
def test_approval_is_named_by_what_it_leaves_open(name: str, reports: Mapping[str, AuditReport]) -> None:
    report = reports[name]
    front, verdict = read_sheets(report), report.decision.verdict
    is_without = report.license.lacks_permission and CheckFamily.LICENSE in report.policy.checks
    open_box = f"Approved although {'no permission can be shown' if is_without else 'points are open'}"
    box = {"fail": "Approved against the verdict", "pass": "Approved for the planned use"}
    signing = front.partition(" for which the verdict of the policy ")[2]
    assert f" {box.get(verdict, open_box)} Approved under conditions Refused" in signing
    for cause in report.decision.causes:
        if cause.kind != "findings":
            assert cause.reason.partition(": ")[0].rstrip(".").casefold() in signing.partition("Approved")[0].casefold()


@check_each("name", list(KINDS))
def test_failing_findings_have_one_count_in_each_place(name: str, reports: Mapping[str, AuditReport]) -> None:
    report = reports[name]
    number = sum(each.acceptance is None and report.policy.rejects(each) for each in report.findings)
    page = read_page(report)
    signing = page.partition(" for which the verdict of the policy ")[2].partition("Approved")[0]
    counted = re.findall(r"(\d+) findings? at or above", signing)
    # The finding that repeats a denial is the denial itself, which the statement names.
    denials = sum(each.rule == "license/use-denied" and report.policy.rejects(each) for each in report.findings)
    repeated = denials if "licences do not permit the planned use" in signing else 0
    assert [int(each) for each in counted] == ([number - repeated] if number > repeated else [])
    assert not number or f" findings {number}" in page.partition("Exit code Exit code ")[2]
    assert not number or f"They fail the policy {number} " in page


@check_each("name", list(KINDS))
def test_sentences_that_exclude_each_other_never_meet(name: str, reports: Mapping[str, AuditReport]) -> None:
    page = read_page(reports[name])
    for first, second in EXCLUSIVE:
        assert not (first in page and second in page), (first, second)
    report, front = reports[name], read_sheets(reports[name])
    passes = report.decision.use.verdict == "pass"
    is_on_terms_alone = passes and report.decision.load.verdict != "pass"
    assert ("This answer is on the terms alone." in front) is is_on_terms_alone
    reasons = read_part(front, "May it be used as planned?", "Planned use")
    assert "stated as none that licences forbid" not in page or "Forbidden uses: " not in reasons


@check_each("name", list(KINDS))
def test_parts_that_were_not_examined_have_one_count(name: str, reports: Mapping[str, AuditReport]) -> None:
    page = join_words(parse_page(reports[name]).text)
    for state in ("not examined", "not verified", "with bytes that no reader parses"):
        counts = set(re.findall(rf"(\d+) (?:parts? )?{state}", page))
        assert len(counts) <= 1, (state, counts)


@check_each("name", list(KINDS))
def test_fix_that_tells_to_load_waits_for_page_1(name: str, reports: Mapping[str, AuditReport]) -> None:
    report = reports[name]
    page = join_words(parse_page(report).text)
    waiting = "Until page 1 permits it, load and run nothing of this "
    may_load = report.decision.load.verdict == "pass"
    for rule in report.rules:
        if tells_to_load(rule.fix) and rule.check is not CheckFamily.LICENSE:
            assert (f"{join_words(rule.fix)} {waiting}" in page) is not may_load or join_words(rule.fix) not in page


def test_fix_that_tells_to_load_occurs_beside_a_file_that_must_not_be_loaded(
    reports: Mapping[str, AuditReport],
) -> None:
    page = join_words(parse_page(reports["forbidden-beside"]).text)
    assert "Install from the default index" in page and "load and run nothing of this model" in page


@check_each("name", list(KINDS))
def test_place_of_a_point_to_decide_is_no_place_for_information(name: str, reports: Mapping[str, AuditReport]) -> None:
    places: dict[str, set[tuple[str, Location]]] = {}
    for group in group_by_need(reports[name]):
        rows = [row for rule in group.rules if rule.check is not CheckFamily.LICENSE for row in rule.shown]
        places.setdefault(group.need, set()).update(
            (each.address, each.location) for row in rows for each in row.results if each.location != NOWHERE
        )
    deciding = places.get("fails", set()) | places.get("open", set())
    assert deciding.isdisjoint(places.get("noted", set()))


def test_damage_is_stated_once_as_open_and_never_as_information(reports: Mapping[str, AuditReport]) -> None:
    needs = {(rule.rule_id, group.need) for group in group_by_need(reports["damaged-archives"]) for rule in group.rules}
    assert ("archive/inconsistent", "repeated") in needs and ("archive/inconsistent", "noted") not in needs
    page = join_words(parse_page(reports["damaged-archives"]).text)
    assert "Its code was not analysed, because the reader found no valid part in the file." in page
    assert "208 bytes belong to no part of the 7z format: bytes 0-207." in page


def test_refusal_comes_first_with_what_ends_it_and_what_its_findings_expose(reports: Mapping[str, AuditReport]) -> None:
    report = reports["refused-secrets"]
    persons = [each.person for each in list_steps(report)]
    assert persons[0].startswith("Ann Lee (Compliance officer) refused this model until ")
    assert persons[0].endswith(": do not use it. Only a new answer of a person changes that.")
    assert "If a machine with a network loaded it, replace every secret that the process could read." in persons[1]
    asked = "Which machines have loaded the files that fail (modeling_own.py), and which secrets could they read?"
    assert asked in list_questions(report)


def test_second_person_has_a_column_where_an_answer_has_one(reports: Mapping[str, AuditReport]) -> None:
    alone, confirmed = (parse_page(reports[name]).text for name in ("refused-secrets", "pass-signed"))
    assert "Recorded answers" in alone and "Approved by" not in alone
    assert "Approved by" in confirmed and "Bo Berg (Head of risk)" in confirmed
    assert not any("Second person" in page for page in (alone, confirmed))


def test_bytes_that_differ_from_a_lock_alone_name_who_states_the_version(reports: Mapping[str, AuditReport]) -> None:
    front = read_sheets(reports["lock-differs"])
    assert "Ask who wrote the lock which version was reviewed, and who changed the file since." in front
    assert "compromised" not in front and "trusted connection" not in front


def test_leftover_of_an_interrupted_download_is_removed_and_not_downloaded_again(
    reports: Mapping[str, AuditReport],
) -> None:
    persons = [each.person for each in list_steps(reports["interrupted"])]
    leftover = ".cache/huggingface/download/part-2.safetensors.5f1a.incomplete"
    words = "because an interrupted download left it behind, and fetch the whole model."
    assert f"Remove {leftover}, {words}" in persons
    assert not any(each.startswith("Download") and leftover in each for each in persons)
    [unconfirmed] = [each for each in persons if "for which no source states a digest" in each]
    assert "README.md" in unconfirmed and leftover not in unconfirmed


def test_question_on_machines_follows_from_what_the_findings_expose(reports: Mapping[str, AuditReport]) -> None:
    for name in ("signature-refused", "lock-differs"):
        assert "Which machines have loaded this model?" in " ".join(list_questions(reports[name]))
        assert not any("compromised" in each.person for each in list_steps(reports[name]))
    asked = " ".join(list_questions(reports["hook-and-pickle"]))
    assert "Which machines have loaded or run the files that fail (.git/hooks/post-checkout, old/model.pkl)" in asked
    assert "and who examines them?" in asked


def test_sign_off_ends_with_the_acceptance_behind_the_verdict(reports: Mapping[str, AuditReport]) -> None:
    front = read_sheets(reports["accepted-signed"])
    assert "until 2027-06-30. It ends with the acceptance that the verdict rests on" in front
    assert "It ends with the acceptance" not in read_sheets(reports["pass-signed"])


def test_step_names_the_day_after_which_an_accepted_finding_counts_again(reports: Mapping[str, AuditReport]) -> None:
    words = "Keep this report with the model, and scan again after 2027-06-30, when an acceptance ends."
    assert [each.person for each in list_steps(reports["accepted-signed"])] == [words]
    assert [each.person for each in list_steps(reports["pass-signed"])] == ["Keep this report with the model."]


def test_parts_without_a_check_lack_no_source(reports: Mapping[str, AuditReport]) -> None:
    assert "(no check of them ran)" in read_sheets(reports["contradiction-alone"])
    assert "(no outside source)" in read_sheets(reports["contradiction"])


def test_absent_terms_are_named_on_page_1_and_asked_for(reports: Mapping[str, AuditReport]) -> None:
    report = reports["absent-terms"]
    front = read_sheets(report)
    assert "Nothing of the model itself; every file was examined completely. Absent: LICENSE.txt (named in" in front
    assert any("for LICENSE.txt (named in README.md:" in each.person for each in list_steps(report))
    assert "A file that is absent" in read_page(report)


def test_changed_licence_text_names_the_line_of_its_first_difference(reports: Mapping[str, AuditReport]) -> None:
    report = reports["changed-text"]
    claim = next(each for each in report.license.claims if each.changes)
    line = claim.changes[0].line
    assert line != claim.location.line
    assert any(f"on its licence (LICENSE:{line})" in each.person for each in list_steps(report))
    reasons = read_page(report).partition("Reasons against your planned use")[2]
    assert f"LICENSE:{line} " in reasons.partition("LICENSE beside MIT")[0]


def test_file_that_was_read_in_part_verifies_nothing(reports: Mapping[str, AuditReport]) -> None:
    def list_trust(name: str) -> set[str]:
        facts = reports[name].description.facts
        return {each.confidence for each in facts if each.artifact.endswith(".safetensors")}

    assert list_trust("pass") == {"verified"}
    assert list_trust("incomplete") == {"found"}


@check_each("name", list(KINDS))
def test_outputs_agree_in_their_words(name: str, reports: Mapping[str, AuditReport]) -> None:
    report = reports[name]
    data = read_data(report)
    page = read_page(report)
    texts = {format: join_words(render(report, format).decode()) for format in ("table", "markdown", "junit")}
    for question in ("load", "use"):
        ruling = data["decision"][question]
        assert f"| {question} | {ruling['verdict']} |" in texts["markdown"]
        assert f"{ruling['verdict']}: " in texts["junit"]
        assert re.search(rf"\b{question} +\S? ?{ruling['verdict']} ", texts["table"])
    for format, text in texts.items():
        # Every output has one name for a licence.
        assert "LicenseRef-" not in text, format
    assert (WHOLE in texts["table"]) is (WHOLE in page)
    assert "May not be used" in page or " permits the planned use" not in page or report.license.answers == ()
    # Each clause says what it means for the planned use.
    assert 'data-label="For your use"></td>' not in render_html(report).decode()
    # Sentences of the annexes against those of page 1.
    if data["decision"]["use"]["verdict"] == "pass":
        assert "DENIED" not in page and "do not permit the planned use" not in page
    if NO_DUTY in page:
        assert "To do if" not in page.partition("Annex A")[2] or report.license.models
    assert page.count(format_sentence("Keep this report with the model")) <= (report.decision.verdict == "pass")


def test_steps_of_contradicting_licences_ask_first_which_of_them_applies(reports: Mapping[str, AuditReport]) -> None:
    persons = [each.person for each in list_steps(reports["contradiction"])]
    assert (
        persons[0].startswith("Ask the publisher of the model") and "which of Apache-2.0 and MIT applies" in persons[0]
    )
    fixes = " ".join(rule.fix for rule in reports["contradiction"].rules)
    assert "Ask the publisher which one applies before you use the model." in fixes
    denied = [each.person for each in list_steps(reports["denied-contradiction"])]
    asking = [each for each in denied if "which of" in each]
    assert len(asking) == 1 and not any("Meet the conditions of both" in each for each in denied)


def test_file_to_fetch_again_asks_for_no_decision_on_the_licence(reports: Mapping[str, AuditReport]) -> None:
    for name in ("incomplete", "absent"):
        steps = list_steps(reports[name])
        assert not any("permit your use" in each.person for each in steps)
        assert not any("licence:conclusion" in each.engineer for each in steps)
    [step] = [each for each in list_steps(reports["incomplete"]) if each.person.startswith("Download")]
    assert "part-1.safetensors and part-2.safetensors" in step.person
    [step] = [each for each in list_steps(reports["incomplete"]) if "works without" in each.person]
    assert "runtime.bin" in step.person and "part-" not in step.person


def test_licensor_of_a_licence_is_named_with_the_address_of_its_text(reports: Mapping[str, AuditReport]) -> None:
    assert CheckFamily.LICENSE in reports["pass"].policy.checks
    [entry] = reports["review"].license.entries
    assert entry.licensor == "Google"
    persons = " ".join(each.person for each in list_steps(reports["denied"]))
    assert "ask the publisher of the model (not named in its files) for an agreement" in persons


@check_each("count, is_named", [(4, False), (6, True)])
def test_step_for_many_parts_names_the_outputs_that_list_all_of_them(
    count: int, is_named: bool, tmp_path: Path
) -> None:
    for number in range(count):
        pickle = b"\x80\x02cacmesearch.state\nTrial\n)\x81K" + bytes([number]) + b"b."
        (tmp_path / f"s{number}.pkl").write_bytes(pickle)
    report = modelaudit.scan(tmp_path, second_opinion=False, offline=True)
    [step] = [each for each in list_steps(report) if "and so for each" in each.engineer]
    assert f"each of the {count} in the annex on findings" in step.engineer
    assert ("its folded rows and the JSON output list all, the CSV output their files" in step.engineer) is is_named
