"""Sentences that forbid the planned use itself are found in use policies and unknown texts, and each fact is said once."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import pytest
from support.catalogue import load_shipped

import modelaudit
from modelaudit.licenses.conclusion.key_wordings import restore_first_wording
from modelaudit.licenses.evidence.prohibitions import find_prohibitions
from modelaudit.model.license import Basis, LicenseConclusion
from modelaudit.model.verdict import Question
from modelaudit.reports import front_page, render
from modelaudit.reports.answers import describe_conclusion, list_reasons_on_use
from modelaudit.reports.clause_rows import list_terms
from modelaudit.reports.license_names import find_license_names, introduce_licenses
from modelaudit.reports.license_view import find_place, list_limits, list_unsaid_conflicts
from modelaudit.reports.license_words import describe_answer, quote_claim
from modelaudit.reports.lineage_picture import draw_lineage

APACHE = next(file.read_text("utf-8") for file in distribution("huggingface_hub").files or () if file.name == "LICENSE")
USES = dict.fromkeys(("commercial", "hosted-service", "fine-tune"), True)
INSURER = {"uses": USES, "territories": ["EU", "CH"], "field": "credit-and-insurance", "offline": True}
CARD = "---\nlicense: {}\n---\n# Model\n"
POLICY = (
    "# Use policy\n\nYou agree that you will not use the model to:\n\n- deceive people\n- make credit decisions\n"
    "- build weapons\n- share or sell personal data\n"
)


def check(folder: Path, files: dict[str, str], **intent: object) -> LicenseConclusion:
    for name, text in files.items():
        folder.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)
    report = modelaudit.license(folder, **{**INSURER, **intent})  # type: ignore[arg-type]
    return report.license


def test_sentence_of_a_use_policy_that_forbids_the_field_is_the_first_reason(tmp_path: Path) -> None:
    files = {"README.md": CARD.format("apache-2.0"), "USE_POLICY.md": POLICY}
    license_ = check(tmp_path, files)
    first, *others = [each.because for each in license_.answers]
    assert first == (
        "USE_POLICY.md says at line 6 “You agree that you will not use the model to: […] make credit decisions”, and your"
        " planned use is in the field credit and insurance: probably denied."
    )
    # The other sentences of the list are one pointer.
    assert others == ["USE_POLICY.md holds a use policy, and no binding licence refers to one."]
    assert [each.quotation for each in license_.claims if each.field == "prohibition"] == [
        "You agree that you will not use the model to: […] make credit decisions"
    ]


@pytest.mark.parametrize("field", ["general", "medical-advice"])
def test_use_policy_that_forbids_other_fields_denies_nothing(tmp_path: Path, field: str) -> None:
    license_ = check(tmp_path, {"README.md": CARD.format("apache-2.0"), "USE_POLICY.md": POLICY}, field=field)
    assert [each.because for each in license_.answers] == [
        "USE_POLICY.md holds a use policy, and no binding licence refers to one."
    ]


def test_prohibition_behind_the_first_ten_restrictions_of_a_card_is_found(tmp_path: Path) -> None:
    limits = "".join(f"You may not sell the weights to group {number}.\n" for number in range(12))
    card = f"{CARD.format('apache-2.0')}\n{limits}\nThe model must not be used in underwriting.\n"
    license_ = check(tmp_path, {"README.md": card}, uses={"fine-tune": True})
    assert "underwriting" in license_.answers[0].because


def test_sentence_of_a_kind_that_the_licence_limits_counts_where_the_licence_denies_nothing(tmp_path: Path) -> None:
    card = f"{CARD.format('gemma')}\nThe model must not be used for gambling.\n"
    license_ = check(tmp_path, {"README.md": card}, field="gambling")
    assert any(each.because.endswith("is in the field gambling: probably denied.") for each in license_.answers)


def test_sentence_that_forbids_the_use_is_one_reason_with_its_place(tmp_path: Path) -> None:
    terms = '# Acme terms\n\nYou may not use the model in the European Union.\nYou must show "Powered by Acme".\n'
    license_ = check(tmp_path, {"README.md": CARD.format("other"), "TERMS.md": terms}, field="general")
    about_line = [each.because for each in license_.answers if "European Union" in each.because]
    assert len(about_line) == 1
    [conflict] = [each for each in license_.conflicts if "European Union" in each.detail]
    assert [find_place(license_, each) for each in license_.answers if "holds no licence text" in each.because] == [
        "TERMS.md"
    ]
    assert (conflict.artifact, conflict.location.line, conflict.detail) == ("TERMS.md", 3, about_line[0])
    assert 'TERMS.md states at line 4 “You must show "Powered by Acme".”, which may limit the use.' in {
        each.because for each in license_.answers
    }


@pytest.mark.parametrize(
    ("sentence", "acts"),
    [
        ("You may not use outputs to train other models.", "training on outputs"),
        ("You may not redistribute the weights.", "giving copies to others"),
        ("You may not redistribute the weights or use the model at work.", ""),
        ("You may not redistribute the weights, nor run them in products.", ""),
        ("You may not fine-tune the model.", ""),
        ("You may not use it commercially.", ""),
    ],
)
def test_limit_of_an_act_that_is_not_planned_is_listed_and_leaves_nothing_open(
    tmp_path: Path, sentence: str, acts: str
) -> None:
    unplanned = {"redistribute": False, "train-on-outputs": False}
    files = {"README.md": f"{CARD.format('apache-2.0')}\n{sentence}\n", "LICENSE": APACHE}
    license_ = check(tmp_path / "a", files, uses={**USES, **unplanned}, field="general")
    details = [each.detail for each in license_.conflicts if each.kind == "unplanned-prose"]
    assert details == ([f"README.md states at line 6 “{sentence}”, and {acts} is not planned."] if acts else [])
    assert (license_.permission == "allow") is bool(acts)
    # Nothing is settled where the use does not state the act.
    unstated = check(tmp_path / "b", files, field="general")
    assert unstated.permission == "review" or "commercially" in sentence


def test_contradiction_of_a_name_and_a_text_is_one_reason(tmp_path: Path) -> None:
    license_ = check(tmp_path, {"README.md": CARD.format("cc-by-nc-4.0"), "LICENSE": APACHE}, field="general")
    assert sum("holds the text of Apache License 2.0" in each.because for each in license_.answers) == 1
    assert [each.kind for each in list_unsaid_conflicts(license_) if each.kind == "declared-found"] == []


@pytest.mark.parametrize(("text", "basis"), [("Acme terms. Ask us.\n", Basis.NO_MATCH), ("", Basis.FILE_NAME)])
def test_text_that_was_compared_is_told_from_one_that_gave_no_text(tmp_path: Path, text: str, basis: Basis) -> None:
    license_ = check(tmp_path, {"README.md": CARD.format("other"), "LICENSE": text})
    assert [each.basis for each in license_.claims if each.field == "file-name"] == [basis]
    is_read = any(each.startswith("LICENSE holds no licence text of the rule set") for each in license_.reasoning)
    assert is_read is (basis is Basis.NO_MATCH)


def test_headings_open_sentences_and_lines_give_prohibitions_their_words_and_places() -> None:
    text = (
        "# Terms\n\n## Prohibited uses\n\nThe list:\n\n1. Military use\n2. Cooking\n\n## Permitted uses\n\n- Insurance\n\n"
        "It must not be used for\ngambling.\n"
    )
    rules = load_shipped().restrictions
    found = [(each.location.line, each.location.key, each.quotation) for each in find_prohibitions(text, 1, "a", rules)]
    assert found == [
        (7, "listed", "Prohibited uses […] Military use"),
        (14, "purpose-limit", "It must not be used for gambling."),
    ]
    many = "- military use\n" * 300
    assert len(list(find_prohibitions(f"Do not use it for:\n{many}", 1, "a", rules))) == 100


ADAPTER = {
    "README.md": "---\nlicense: mit\nbase_model: meta-llama/Llama-3.1-8B-Instruct\n---\n# Adapter\n",
    "adapter_config.json": '{"base_model_name_or_path": "meta-llama/Llama-3.1-8B-Instruct", "peft_type": "LORA"}',
}


def test_page_1_names_unknown_licences_and_marks_assumed_ones(tmp_path: Path) -> None:
    card = "---\nlicense: other\nlicense_name: acme-open\nlicense_link: LICENSE.txt\n---\n"
    unknown = check(tmp_path / "unknown", {"README.md": card})
    assert introduce_licenses(unknown, find_license_names(unknown)) == "Licence named: “acme-open” (not on record)"
    adapter = check(tmp_path / "adapter", ADAPTER)
    assert introduce_licenses(adapter, find_license_names(adapter)) == (
        "Licences: MIT License (MIT) and Llama 3.1 Community License Agreement (Llama-3.1, assumed for a base model that "
        "was not read)"
    )


def test_conclusion_says_which_licence_is_stated_where(tmp_path: Path) -> None:
    assert describe_conclusion(check(tmp_path, ADAPTER)).startswith(
        "MIT AND LicenseRef-Llama-3.1: MIT, stated in README.md:2; LicenseRef-Llama-3.1, on record for the base model "
        "meta-llama/Llama-3.1-8B-Instruct; for base models"
    )


def test_limit_that_a_stated_figure_meets_is_a_comparison(tmp_path: Path) -> None:
    license_ = check(tmp_path, ADAPTER, monthly_active_users=3e5)
    limits = list_limits(license_)
    assert (
        "Your 300,000 users a month are not above the limit of 700 million (Llama-3.1, section 2 and 1.b.ii)." in limits
    )
    assert not any("number of users" in each for each in limits)


def test_reasons_hold_no_options(tmp_path: Path) -> None:
    license_ = check(tmp_path, {"README.md": CARD.format("gemma")}, field=None)
    reasons = [each.because for each in license_.answers]
    assert "Forbidden uses of LicenseRef-Gemma: your field of use is not stated." in reasons
    assert not any("--" in each or "modelaudit" in each for each in reasons)
    first = restore_first_wording(reasons[0])
    assert first.startswith(
        "Forbidden uses of LicenseRef-Gemma: your field of use is not stated; state it with --field"
    )


def test_lineage_names_no_licence_for_a_model_without_a_conclusion(tmp_path: Path) -> None:
    licence = {"LICENSE": APACHE, "README.md": "---\nlicense: cc-by-nc-4.0\nbase_model: acme/base\n---\n"}
    picture = draw_lineage(check(tmp_path, licence), "model")
    assert picture is not None
    assert picture.boxes[0].note == "no licence determined"


def test_words_on_a_text_that_was_not_searched_are_no_quotation(tmp_path: Path) -> None:
    license_ = check(tmp_path, {"README.md": CARD.format("mit"), "NOTICE.md": "plain words. " * 40_000})
    [unsearched] = [each for each in license_.claims if each.location.key == "not-compared"]
    assert quote_claim(unsearched).startswith("only its first 400000 characters")


def test_denial_leads_the_answer_before_a_contradiction_with_its_licence(tmp_path: Path) -> None:
    files = {"README.md": ADAPTER["README.md"].replace("mit", "cc-by-nc-4.0"), **{"a.json": "{}"}}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    report = modelaudit.license(tmp_path, policy="commercial-product", offline=True)
    assert report.decision.use.reason.startswith("Creative Commons Attribution Non Commercial 4.0 International (")
    assert "does not permit the planned use" in report.decision.use.reason


def test_fact_that_fails_the_policy_is_for_no_review(tmp_path: Path) -> None:
    for name, text in ADAPTER.items():
        (tmp_path / name).write_text(text)
    report = modelaudit.license(tmp_path, policy="commercial-saas", offline=True, field="credit-and-insurance")
    first, *others = list_reasons_on_use(report)
    assert first.answer.because.startswith("MIT License is declared, but the base model")
    assert describe_answer(first.answer) == "FAILS THE POLICY"
    assert {describe_answer(each.answer) for each in others} == {"FOR REVIEW"}
    assert "FAILS THE POLICY" in render(report, "html").decode()


def test_changed_licence_text_is_one_reason_of_the_first_page(tmp_path: Path) -> None:
    changed = APACHE.replace("no-charge", "no-charge, except for military purposes", 1)
    for name, text in {"README.md": CARD.format("apache-2.0"), "LICENSE": changed}.items():
        (tmp_path / name).write_text(text)
    report = modelaudit.license(tmp_path, policy="commercial-saas", offline=True)
    assert report.decision.use.reason.startswith(
        "LICENSE resembles the text of Apache License 2.0 but differs from it."
    )
    reasons = front_page.list_reasons(report, Question.USE)
    assert not any("resembles" in each for each in reasons.lines)
    # The words of the known licence itself are no reasons: only those that differ are.
    assert not any("LICENSE states" in each for each in reasons.lines)
    assert report.license.answers[0].because.startswith("No licence could be determined")


def test_first_page_counts_the_reasons_that_only_the_annex_lists(tmp_path: Path) -> None:
    sentences = "".join(
        f"You may not {act} the weights.\n" for act in ("sell", "host", "redistribute", "quantize", "merge")
    )
    for name, text in {"README.md": f"{CARD.format('apache-2.0')}{sentences}"}.items():
        (tmp_path / name).write_text(text)
    report = modelaudit.license(tmp_path, policy="commercial-saas", offline=True)
    reasons = front_page.list_reasons(report, Question.USE)
    shown = " ".join((report.decision.use.reason, *reasons.lines))
    listed = [each.answer.because for each in list_reasons_on_use(report)]
    assert len(listed) > 3
    assert reasons.more == sum(each not in shown for each in listed) > 0


@pytest.mark.parametrize(
    ("policy", "plan"),
    [
        ("Companies with more than 10 million USD of annual revenue need a licence.", "is above that size"),
        ("The model is offered in Japan only.", "includes EU, CH"),
        ("The model is for research purposes only.", "is commercial"),
        ("For non-commercial use only.", "is commercial"),
        ("You may use the model for insurance.", ""),
        ("Profit from human trafficking is forbidden.", ""),
        ("Any gain from the exploitation of children is forbidden.", ""),
        ("Profit from the weights is forbidden, and so is human trafficking.", "is commercial"),
        ("Commercial use and fraud are forbidden.", "is commercial"),
        ("You agree not to modify the weights for:\n\n- weapons\n", ""),
    ],
)
def test_use_policy_may_forbid_every_part_of_a_planned_use(tmp_path: Path, policy: str, plan: str) -> None:
    files = {"README.md": CARD.format("apache-2.0"), "USE_POLICY.md": f"# Policy\n\n{policy}\n"}
    denials = [
        each.because for each in check(tmp_path, files, annual_revenue_usd=2e7).answers if "denied" in each.because
    ]
    assert len(denials) == bool(plan)
    assert all(f"your planned use {plan}" in each for each in denials)


def test_item_below_a_heading_of_a_card_that_forbids_is_found(tmp_path: Path) -> None:
    card = f"{CARD.format('apache-2.0')}\n## Prohibited uses\n\n- Underwriting of policies\n\n## Uses\n\n- Loans\n"
    license_ = check(tmp_path, {"README.md": card})
    assert [each.because for each in license_.answers] == [
        "The model card says at line 8 “Prohibited uses […] Underwriting of policies”, and your planned use is in the field"
        " credit and insurance: probably denied."
    ]


def test_list_of_fields_binds_although_the_stated_field_is_none_of_them(tmp_path: Path) -> None:
    [terms] = [each for each in list_terms(check(tmp_path, ADAPTER)) if each.entry.id == "LicenseRef-Llama-3.1"]
    effects = {row.title: row.effect for _, rows in terms.groups for row in rows}
    assert (
        effects["Forbidden uses"]
        == "It binds you; your field of use is none of these by name, and subject to conditions (acceptable use policy, 1)."
    )
