"""Sentences that ask an officer for an act: each says what to do, which point it settles, and where to read on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from reports.test_html import parse_page
from reports.test_officer import join_words, read_part, read_sheets
from support.officer_kinds import KINDS as OFFICER_KINDS
from support.officer_kinds import Kind, build_weights, scan_kinds, write_card
from support.signatures import write_public_key
from support.work import count_lines, find_growth_fault

import modelaudit
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.report import AuditReport, Coverage
from modelaudit.model.terms import GENERAL_FIELD
from modelaudit.model.verdict import Verdict
from modelaudit.reports import render
from modelaudit.reports.duty_summary import summarize_duties
from modelaudit.reports.officer_steps import find_forbidding, list_steps
from modelaudit.reports.questions import group_questions

_WEIGHTS = {"model.safetensors": build_weights()}
_ALL = dict.fromkeys(("commercial", "hosted-service", "redistribute", "fine-tune", "embed-on-device"), True)
_DATA = "datasets: [acme/letters]\n"
KINDS = {
    "gemma": Kind({"README.md": write_card("gemma"), **_WEIGHTS}, uses=_ALL),
    "llama": Kind({"README.md": write_card("llama3.1"), **_WEIGHTS}, uses=_ALL),
    "rail": Kind({"README.md": write_card("creativeml-openrail-m"), **_WEIGHTS}, uses=_ALL),
    "hook": OFFICER_KINDS["hook-and-pickle"],
    "data": Kind({"README.md": write_card("mit", fields=_DATA), **_WEIGHTS}),
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, AuditReport]:
    return scan_kinds(tmp_path_factory.mktemp("acts"), KINDS)


def read_duties(report: AuditReport) -> str:
    return read_part(read_sheets(report), "Duties", "Accepted risks")


def test_duty_on_names_states_the_rule_and_its_exact_words(reports: Mapping[str, AuditReport]) -> None:
    duties = read_duties(reports["llama"])
    assert "Name what you make from it: a model that is made, trained or improved with this one" in duties
    assert "has a name that begins with this word (section 1.b.i; exact words: “Llama”)." in duties
    assert "Show where it comes from (section 1.b.i; exact words: “Built with Llama”)" in duties
    # The line of a notice is too long for a list.
    assert "Ship the notices (section 1.b.iii)." in duties


def test_duty_to_pass_limits_on_says_how_and_where_the_limits_are(reports: Mapping[str, AuditReport]) -> None:
    assert (
        "Pass the limits on: put the use limits into every agreement under which the model or something made from it is "
        "used or passed on, as terms that can be enforced, and notify recipients that it is subject to them "
        "(section 3.1; the limits: section 3.2 and prohibited use policy)."
    ) in read_duties(reports["gemma"])
    assert "the limits: paragraph 5 and Attachment A" in read_duties(reports["rail"])


def test_service_is_a_duty_with_an_act(reports: Mapping[str, AuditReport]) -> None:
    assert "For a service, meet the duties for passing it on (section 1.1(b) and 3.1)." in read_duties(reports["gemma"])


def test_points_to_watch_are_named_with_their_annex(reports: Mapping[str, AuditReport]) -> None:
    duties = read_duties(reports["llama"])
    assert "To watch (annex on the licence): use names and marks only as licensed; " in duties
    assert "; the licence can end." in duties


def test_step_names_the_versions_that_fit_and_settles_which(reports: Mapping[str, AuditReport]) -> None:
    report = reports["gemma"]
    assert (
        "“gemma” fits 3 versions of Gemma Terms of Use (2024-02-21; 2024-04-01; 2025-03-24); the current one, "
        "2025-03-24, is assumed"
    ) in report.decision.use.reason
    persons = [each.person for each in list_steps(report)]
    assert any(
        "before the use which version of Gemma Terms of Use (https://ai.google.dev/gemma/terms) covers this model, and "
        "put the text of that version beside the files: the next scan then goes by it." in each
        for each in persons
    )


def test_step_names_the_data_set_to_look_up_and_no_question_repeats_it(reports: Mapping[str, AuditReport]) -> None:
    report = reports["data"]
    assert (
        "Look up the licence of the data set acme/letters before the use. If it forbids your use or is not found, do "
        "not use the model."
    ) in [each.person for each in list_steps(report)]
    questions = " ".join(text for _, texts in group_questions(report) for text in texts)
    assert "data sets" not in questions


@pytest.fixture(scope="module")
def signer_report(tmp_path_factory: pytest.TempPathFactory) -> AuditReport:
    root = tmp_path_factory.mktemp("signer")
    (root / "m").mkdir()
    (root / "m" / "README.md").write_bytes(write_card("mit"))
    (root / "m" / "model.safetensors").write_bytes(build_weights())
    write_public_key(root / "key.pub")
    policy = "name: signed\nextends: commercial-saas\nrequire: [signer]\ntrusted-signers: [{public-key: key.pub}]\n"
    (root / "signed.yaml").write_text(policy)
    return modelaudit.scan(root / "m", offline=True, policy=root / "signed.yaml")


def test_signature_that_the_policy_requires_is_named_where_it_is_missing(signer_report: AuditReport) -> None:
    page = join_words(parse_page(signer_report).text)
    assert "Not confirmed Origin, signature and digests (no outside source). The policy requires the signature." in page
    assert "It requires the signature of a trusted signer (absent)." in page
    assert "Integrity: no stated digest; the signature of a trusted signer, which the policy requires, is absent." in (
        page
    )


def test_policy_row_and_first_page_name_the_same_states(
    reports: Mapping[str, AuditReport], signer_report: AuditReport
) -> None:
    page = join_words(parse_page(reports["data"]).text)
    kept = "A part not examined or not verified must be removed or accepted before the model passes"
    assert f"{kept}; a fact not confirmed may stay so." in page
    assert "It requires" not in page
    signed = join_words(parse_page(signer_report).text)
    assert f"{kept}; a fact not confirmed (origin or digests) may stay so." in signed


def test_first_page_says_whether_a_person_signed_in_every_report(
    reports: Mapping[str, AuditReport], signer_report: AuditReport
) -> None:
    for report in (reports["data"], signer_report):
        assert "Signed off No." in read_sheets(report)


def test_general_field_names_the_uses_that_the_licence_forbids(reports: Mapping[str, AuditReport]) -> None:
    assert "Not permitted (annex on the licence): surveillance without consent" in read_duties(reports["gemma"])
    license_ = reports["gemma"].license
    assert license_.intent is not None
    assert license_.intent.field == GENERAL_FIELD
    (line,) = [each for each in summarize_duties(license_).lines if each.startswith("Not permitted")]
    assert line.endswith("and 11 more (Gemma, section 3.2 and prohibited use policy).")
    field = replace(license_, intent=replace(license_.intent, field="education"))
    assert not any("Not permitted" in each for each in summarize_duties(field).lines)


def test_open_answer_on_the_use_forbids_the_use_until_it_is_settled(reports: Mapping[str, AuditReport]) -> None:
    report = reports["llama"]
    words = [each.person for each in list_steps(report)]
    assert report.decision.use.verdict is Verdict.REVIEW
    assert words[0] == "Do not use this model before the answer on the use is Pass."
    unstated = replace(report, license=replace(report.license, intent=None))
    assert words[0] not in [each.person for each in list_steps(unstated)]


def test_unverified_part_leaves_the_rest_examined(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(write_card("mit"))
    (tmp_path / "a.pkl").write_bytes(b"cacme.training\nEncoder\n)\x81}b.")
    part = read_part(read_sheets(modelaudit.scan(tmp_path, offline=True)), "Not verified", "Not confirmed")
    assert part.startswith("1 part not verified. Everything else in the files was examined.")
    only_license = read_sheets(modelaudit.license(tmp_path, offline=True))
    assert "Everything else" not in only_license


def test_next_states_the_first_act_for_each_critical_rule(reports: Mapping[str, AuditReport]) -> None:
    report = reports["hook"]
    findings = {each.rule: each.artifact for each in reversed(find_forbidding(report))}
    assert len(findings) > 1
    persons = [each.person for each in list_steps(report)]
    # The first rule has its fix in the first step alone.
    assert sum("for a release in safetensors alone, and why" in each for each in persons) == 1
    first = find_forbidding(report)[0].rule
    for rule, file in findings.items():
        assert rule == first or any(each.startswith(f"{file}: ") for each in persons), (rule, persons)


def test_steps_of_many_critical_findings_take_linear_work(reports: Mapping[str, AuditReport]) -> None:
    report = reports["hook"]
    (record, finding) = report.coverage.artifacts[0], find_forbidding(report)[0]

    def count(size: int) -> int:
        records = tuple(replace(record, path=f"part-{number}.pkl") for number in range(size))
        findings = tuple(replace(finding, artifact=each.path) for each in records)
        decision = replace(report.decision, coverage=Coverage(records))
        return count_lines(lambda: list_steps(replace(report, decision=decision, findings=findings)))

    assert find_growth_fault(count, 400) == ""


def test_formats_that_the_check_judged_by_their_content_are_listed(reports: Mapping[str, AuditReport]) -> None:
    page = join_words(parse_page(reports["data"]).text)
    assert (
        "markdown: its content decides whether anything runs. The security check judged it in 1 file: no finding."
        in (page)
    )


def test_long_address_of_an_image_breaks_between_its_parts(reports: Mapping[str, AuditReport]) -> None:
    name = f"registry.example:5000/team/models/letters@sha256:{'ab' * 32}"
    report = replace(reports["data"], target=replace(reports["data"].target, name=name, kind=RefKind.MODEL))
    page = render(report, "html").decode()
    head = page.partition("<h1")[2].partition("</h1>")[0]
    assert head.startswith(' class="long">registry.example:<wbr>5000/<wbr>team/<wbr>')
    assert name in join_words(parse_page(report).text).replace(" ", "")
