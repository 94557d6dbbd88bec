"""Questions of a compliance officer on licences: whom to ask, which limit, which duty, under which answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from reports.test_html import parse_page
from reports.test_officer import join_words, read_part, read_sheets
from support.cases import check_each
from support.officer_kinds import Kind, build_gguf, build_weights, scan_kinds, write_card

import modelaudit
from modelaudit.model.report import AuditReport
from modelaudit.model.written_language import name_foreign_language
from modelaudit.reports import render
from modelaudit.reports.answers import describe_verdict
from modelaudit.reports.clause_words import describe_counted_month
from modelaudit.reports.officer_steps import list_steps
from modelaudit.reports.questions import group_questions

_WEIGHTS = {"model.safetensors": build_weights()}
_PRODUCT = {"commercial": True, "redistribute": True, "fine-tune": True, "embed-on-device": True}
_ALL_STATED = {
    **{"commercial": True, "hosted-service": True, "fine-tune": True},
    **dict.fromkeys(("redistribute", "embed-on-device", "distill", "train-on-outputs"), False),
}
_CHINESE = "模型权重仅供学术研究使用\uff0c商业使用请联系 sales@acme.example 获得授权。"
KINDS = {
    "contact": Kind(
        {"README.md": write_card("cc-by-nc-4.0", "Contact sales@acme.example for commercial use."), **_WEIGHTS}
    ),
    "form": Kind(
        {
            "README.md": write_card("cc-by-nc-4.0", "Apply for a licence at https://acme.example/license-form."),
            **_WEIGHTS,
        }
    ),
    "two-contacts": Kind(
        {
            "README.md": write_card(
                "cc-by-nc-4.0",
                "## Contact\nann@acme.example\n## Terms\nAsk legal@acme.example for a commercial licence.",
            ),
            **_WEIGHTS,
        }
    ),
    "notice-contact": Kind(
        {
            "README.md": write_card("cc-by-nc-4.0"),
            "NOTICE": b"Companies must buy a commercial licence; write to legal@acme.example.\n",
            **_WEIGHTS,
        }
    ),
    "chinese": Kind({"README.md": write_card("apache-2.0", _CHINESE), **_WEIGHTS}),
    "two-languages": Kind(
        {
            "README.md": write_card("apache-2.0", f"Only for research purposes.\n\n{_CHINESE}"),
            **_WEIGHTS,
        }
    ),
    "medical": Kind(
        {
            "README.md": write_card("llama3.2", "Built with Llama.", "library_name: peft\n"),
            "adapter_config.json": json.dumps(
                {"base_model_name_or_path": "meta-llama/Llama-3.2-1B", "peft_type": "LORA", "r": 8}
            ).encode(),
            "adapter_model.safetensors": build_weights(),
        },
        field="medical-advice",
    ),
    "service": Kind({"README.md": write_card("agpl-3.0"), **_WEIGHTS}, uses=_ALL_STATED),
    "choice": Kind(
        {
            "README.md": write_card("[mit, apache-2.0]", "Licensed under either of MIT or Apache-2.0 at your option."),
            "LICENSE-MIT": b"",
            **_WEIGHTS,
        },
        uses=_PRODUCT,
    ),
    "rivals": Kind({"README.md": write_card("apache-2.0"), "model.gguf": build_gguf("cc-by-nc-4.0")}, uses=_PRODUCT),
    "nc-base": Kind(
        {"README.md": write_card("mit", fields="base_model: facebook/nllb-200-distilled-600M\n"), **_WEIGHTS}
    ),
    "versions": Kind(
        {
            "README.md": write_card(
                "other",
                fields="license_name: nvidia-open-model-license\nlicense_link: https://www.nvidia.com/en-us/agreements/"
                "enterprise-software/nvidia-open-model-license/\n",
            ),
            **_WEIGHTS,
        },
        uses=_PRODUCT,
    ),
    "code-apart": Kind(
        {
            "README.md": write_card("apache-2.0"),
            "modeling_a.py": b"# SPDX-License-Identifier: GPL-3.0-only\nimport torch\n",
            **_WEIGHTS,
        }
    ),
    "card-only": Kind({"README.md": write_card("mit", "Weights will follow.")}, uses=_ALL_STATED),
}
_POLICY = (
    "name: shop\nextends: commercial-product\ndescription: x\nfield: general\nterritories: [EU]\nrequire: [signoff]\n"
)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, AuditReport]:
    """Scan every kind once."""
    return scan_kinds(tmp_path_factory.mktemp("terms"), KINDS)


def join_persons(report: AuditReport) -> str:
    return " ".join(each.person for each in list_steps(report))


@check_each(
    "name, contact",
    [
        ("contact", "sales@acme.example, as README.md:5 states"),
        ("form", "https://acme.example/license-form, as README.md:5 states"),
        ("two-contacts", "legal@acme.example, as README.md:8 states"),
        ("notice-contact", "legal@acme.example, as NOTICE:1 states"),
        ("chinese", "sales@acme.example, as README.md:5 states"),
    ],
)
def test_contact_of_a_sentence_on_licences_is_asked(
    name: str, contact: str, reports: Mapping[str, AuditReport]
) -> None:
    persons = join_persons(reports[name])
    assert f"sk the publisher of the model ({contact}, not confirmed)" in persons
    assert "not named in its files" not in persons


def test_limit_in_another_language_is_named_by_language_and_kind(reports: Mapping[str, AuditReport]) -> None:
    report = reports["chinese"]
    reason = report.decision.use.reason
    assert f"states at line 5, in Chinese, “{_CHINESE}”, which may limit the use beyond the licence." in reason
    assert "By its words, commercial use is forbidden, or needs a permission; it is for research, study or" in reason
    persons = join_persons(report)
    assert "Have README.md:5 translated from Chinese, and decide whether these terms permit your use." in persons
    assert "in Chinese, and until then use this model for nothing that they may forbid." in persons
    # English sentences are read as they are.
    both = join_persons(reports["two-languages"])
    assert "Read README.md:5 and have README.md:7 translated from Chinese, and decide" in both


@check_each(
    "sentence, language",
    [
        ("For research only.", ""),
        ("Commercial use is not allowed.", ""),
        ("MIT", ""),
        ("本モデルは研究目的のみに使用できます。", "Japanese"),
        ("연구 목적으로만 사용할 수 있습니다.", "Korean"),
        ("Acme-7B 模型仅供研究", "Chinese"),
        ("Nur für Forschung; die kommerzielle Nutzung ist nicht gestattet.", "German"),
        ("L'usage commercial est interdit sans licence.", "French"),
        ("Uso commerciale vietato.", "Italian"),
        ("Uso comercial prohibido.", "Spanish"),
        ("Это только для исследований.", "Russian"),
        ("Лише для досліджень.", "Ukrainian"),
        ("Само за науку.", "a language in Cyrillic letters"),
    ],
)
def test_languages_of_sentences(sentence: str, language: str) -> None:
    assert name_foreign_language(sentence) == language


def test_list_of_forbidden_uses_without_the_stated_field_is_no_reason(reports: Mapping[str, AuditReport]) -> None:
    page = join_words(parse_page(reports["medical"]).text)
    use = page.partition("May it be used as planned?")[2].partition(" Next ")[0]
    assert "Forbidden uses" not in use and "allowed under conditions only" in use
    assert "your field of use is none of these by name, and subject to conditions (acceptable use policy, 1)." in page


def test_clause_on_other_models_has_no_finding(reports: Mapping[str, AuditReport]) -> None:
    report = reports["medical"]
    assert report.license.multimodal is False
    assert not [each for each in report.findings if each.rule == "license/territory-limit"]


def test_step_states_the_counted_month_and_the_whole_command(reports: Mapping[str, AuditReport]) -> None:
    [step] = [each for each in list_steps(reports["medical"]) if "monthly active users" in each.person]
    assert step.person.endswith("(the release was on 2024-09-25, so that month is August 2024).")
    assert step.engineer == "repeat modelaudit scan medical with --mau N added."


@check_each(
    "version, sentence",
    [
        ("2024-01-18", "The release was on 2024-01-18, so that month is December 2023."),
        ("Version Release Date: March 27, 2024", "The release was on 2024-03-27, so that month is February 2024."),
        ("2025", "The date of that release is not on record here: look it up."),
    ],
)
def test_counted_month(version: str, sentence: str) -> None:
    assert describe_counted_month("It had a million users in the month before the release.", version) == sentence
    assert not describe_counted_month("It had a million users a month.", version)


def test_step_to_read_a_clause_says_where_its_words_are(reports: Mapping[str, AuditReport]) -> None:
    persons = join_persons(reports["medical"])
    assert "The annex on the licence sums it up; its words are at https://www.llama.com/llama3_2/use-policy." in persons


def test_duty_that_gives_copies_brings_their_duties(reports: Mapping[str, AuditReport]) -> None:
    page = join_words(parse_page(reports["service"]).text)
    assert "The planned use does not trigger it, except for copies that you give under section 13." in page
    assert "The planned use does not trigger it." not in page
    assert "the duties of sections 4 to 6 come with it" in page
    assert "users of the service (section 13); this gives copies, and brings the duties on copies." in page
    persons = join_persons(reports["service"])
    assert (
        persons
        == "Meet the duties of your use, as stated under Duties: offer the source to users of the service (section 13), "
        "and 2 more."
    )


def test_alternative_that_is_not_taken_asks_for_nothing(reports: Mapping[str, AuditReport]) -> None:
    page = join_words(parse_page(reports["choice"]).text)
    assert "Licences: MIT License (MIT) or Apache License 2.0 (Apache-2.0)" in page
    assert page.count("Not needed if you take MIT.") == 3
    assert "The planned use does not trigger it" not in page


def test_duties_of_rivals_are_denied_only_under_the_licence_that_denies(reports: Mapping[str, AuditReport]) -> None:
    part = read_part(read_sheets(reports["rivals"]), "Duties", "Accepted risks")
    assert part.startswith(
        "The duties depend on which of Apache-2.0 and CC-BY-NC-4.0 applies. If Apache-2.0 applies: ship"
    )
    assert (
        "If CC-BY-NC-4.0 applies: your planned use is not allowed; under an agreement with the licensor, ship" in part
    )
    [denied] = [each for each in reports["rivals"].findings if each.rule == "license/use-denied"]
    assert denied.artifact == "model.gguf"


def test_pass_of_files_without_a_model_says_so(reports: Mapping[str, AuditReport]) -> None:
    front = read_sheets(reports["card-only"])
    assert "no finding breaks the policy. It holds no model: the pass is for this file alone." in front
    assert join_persons(reports["card-only"]).startswith("Scan again once weights are added")
    assert "Keep this report with the model" not in front
    assert "It holds no model" not in read_sheets(reports["service"])


def test_missing_text_is_for_copies_and_questions_say_what_waits(reports: Mapping[str, AuditReport]) -> None:
    assert "Only if you pass it on: AGPL-3.0-only demands a copy of its text" in read_sheets(reports["service"])
    assert "For the duties of your use: NVIDIA-Open-Model demands a copy of" in read_sheets(reports["versions"])
    groups = {name: [need for need, _ in group_questions(report)] for name, report in reports.items()}
    assert groups["service"] == ["Before loading"]
    assert groups["medical"] == ["Before loading", "Before use"]
    assert "Ask first Before loading: Who fetched" in read_sheets(reports["service"])


@check_each("command", ["scan", "license"])
def test_policy_that_requires_a_sign_off_says_so_in_each_verdict(command: str, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir(exist_ok=True)
    (tmp_path / "m" / "README.md").write_bytes(write_card("mit"))
    (tmp_path / "m" / "model.safetensors").write_bytes(build_weights())
    policy = tmp_path / "shop.yaml"
    policy.write_text(_POLICY)
    run = modelaudit.scan if command == "scan" else modelaudit.license
    report = run(tmp_path / "m", offline=True, policy=policy)
    assert describe_verdict(report).endswith("not signed off")
    assert "Signed off Not yet; the policy requires a sign-off." in read_sheets(report)
    assert any("sign" in each.person for each in list_steps(report))
    assert json.loads(render(report, "json"))["policy"]["require"] == ["signoff"]


def test_licensor_of_an_inherited_licence_is_the_publisher_of_the_base_model(
    reports: Mapping[str, AuditReport],
) -> None:
    report = reports["nc-base"]
    assert "ask the publisher of the base model facebook/nllb-200-distilled-600M for an agreement" in join_persons(
        report
    )
    assert "by way of facebook/nllb-200-distilled-600M, does not permit" in report.decision.use.reason


def test_point_that_a_permission_leaves_open_is_stated_once_and_has_a_step(reports: Mapping[str, AuditReport]) -> None:
    report = reports["versions"]
    assert read_sheets(report).count("fits 2 versions of NVIDIA-Open-Model") == 1
    assert (
        "before the use which version of NVIDIA Open Model License Agreement (https://www.nvidia.com/en-us/agreements/"
    ) in join_persons(report)


def test_licence_of_a_file_that_no_answer_covers_is_a_question(reports: Mapping[str, AuditReport]) -> None:
    questions = dict(group_questions(reports["code-apart"]))
    assert questions["Before use"] == (
        "No answer here covers modeling_a.py:1 (GPL-3.0-only): do we run it, or pass it on?",
    )
