"""Answers of the licences of Meta, Google, Alibaba and other publishers, as read in their texts.

A wrong number, country or field of use in a rule file fails here.
"""

from __future__ import annotations

import pytest
from support.cases import check_each

from modelaudit.licenses.evidence.names import index_license_names, is_in_family
from modelaudit.licenses.obligations.answers import TERMS_NOT_VERIFIED, BindingLicense, answer_intended_use, list_duties
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.license import fold_license_name
from modelaudit.model.terms import Clause, Intent, LicenseCategory, Purpose, Use

# Answers to commercial use, as (answer, kind of clause).
RESEARCH = {("deny", "research-only"), ("deny", "no-commercial-use")}
RESEARCH_WITHOUT_PRODUCTION = {*RESEARCH, ("deny", "no-production-use")}
REGISTRATION = {("review", "commercial-agreement")}
# The answer of each licence to a small business in the United States in an ordinary field of use.
BUSINESS_ANSWERS = {
    "LicenseRef-LLaMA-1": RESEARCH_WITHOUT_PRODUCTION,
    "LicenseRef-Llama-2": set(),
    "LicenseRef-Llama-3": set(),
    "LicenseRef-Llama-3.1": set(),
    "LicenseRef-Llama-3.2": set(),
    "LicenseRef-Llama-3.3": set(),
    "LicenseRef-Llama-4": set(),
    "LicenseRef-Chameleon-Research": RESEARCH,
    "LicenseRef-OPT-175B": RESEARCH_WITHOUT_PRODUCTION,
    "LicenseRef-Seamless": RESEARCH,
    "LicenseRef-DINOv3": set(),
    "LicenseRef-SAM": set(),
    "LicenseRef-Gemma": set(),
    "LicenseRef-Gemma-2024-02-21": set(),
    "LicenseRef-Gemma-2024-04-01": set(),
    "LicenseRef-Tongyi-Qianwen": set(),
    "LicenseRef-Tongyi-Qianwen-Research": RESEARCH,
    "LicenseRef-Qwen": set(),
    "LicenseRef-Qwen-Research": RESEARCH,
    "LicenseRef-Qwen-Community-1.0": {("review", "business-limit")},
    "LicenseRef-Tencent-Hunyuan-3D-2.0": set(),
    "LicenseRef-Tencent-Hunyuan-Video-2024-12-03": set(),
    "LicenseRef-Tencent-Hunyuan-DiT-2024-05-14": set(),
    "LicenseRef-Kimi-K2-Modified-MIT": set(),
    "LicenseRef-Kimi-K2.5-Modified-MIT": set(),
    "LicenseRef-Kimi-K2.6-Modified-MIT": set(),
    "LicenseRef-Kimi-K3": set(),
    "LicenseRef-MiniMax-M2-Modified-MIT": set(),
    "LicenseRef-MiniMax-M2.1-Modified-MIT": set(),
    "LicenseRef-MiniMax-M2.5-Modified-MIT": set(),
    "LicenseRef-MiniMax-M2.5": set(),
    "LicenseRef-MiniMax-Model-2025-01-15": set(),
    "LicenseRef-MiniMax-M2.7-NC": {("deny", "no-commercial-use")},
    "LicenseRef-DeepSeek-1.0": set(),
    "LicenseRef-ChatGLM-6B": REGISTRATION,
    "LicenseRef-ChatGLM2-6B": REGISTRATION,
    "LicenseRef-ChatGLM3-6B": REGISTRATION,
    "LicenseRef-GLM-130B": RESEARCH,
    "LicenseRef-CogVLM": REGISTRATION,
    "LicenseRef-CogVideoX": REGISTRATION,
    "LicenseRef-GLM-5.3": set(),
    "LicenseRef-aiXcoder-7B": RESEARCH,
    "LicenseRef-Yi-1.0": {("deny", "no-commercial-use")},
    "LicenseRef-MiniCPM-1.0": REGISTRATION,
    "LicenseRef-Kolors": set(),
    "LicenseRef-bilibili-Model-2025-09-09": set(),
    "LicenseRef-OpenAtom-Model-1.0": set(),
    "LicenseRef-PhoGPT-Community": set(),
    "LicenseRef-Tencent-HY-Community": set(),
    "LicenseRef-Otter-MIT-NC": {("deny", "no-commercial-use")},
    "LicenseRef-Yi-2.0": REGISTRATION,
    "LicenseRef-NeuTTS-Open-1.0": set(),
    "LicenseRef-XVERSE": {("deny", "no-commercial-use")},
}
# Monthly active users up to which the user cap of each licence permits the use.
USER_CAPS = {
    "LicenseRef-Llama-2": 700e6,
    "LicenseRef-Llama-3": 700e6,
    "LicenseRef-Llama-3.1": 700e6,
    "LicenseRef-Llama-3.2": 700e6,
    "LicenseRef-Llama-3.3": 700e6,
    "LicenseRef-Llama-4": 700e6,
    "LicenseRef-Tongyi-Qianwen": 100e6,
    "LicenseRef-Qwen": 100e6,
    "LicenseRef-Tencent-Hunyuan-3D-2.0": 1e6,
    "LicenseRef-Tencent-Hunyuan-Video-2024-12-03": 100e6,
    "LicenseRef-Tencent-Hunyuan-Large": 100e6,
    "LicenseRef-Tencent-Hunyuan-A13B": 100e6,
    "LicenseRef-Tencent-Hunyuan-DiT-2024-05-14": 100e6,
    "LicenseRef-CogVideoX": 1e6,
    "LicenseRef-Kolors": 300e6,
    "LicenseRef-bilibili-Model-2025-09-09": 100e6,
    "LicenseRef-PhoGPT-Community": 1e6,
    "LicenseRef-Tencent-HY-Community": 100e6,
}
# Their caps count for commercial uses alone.
BUSINESS_CAPS = {"LicenseRef-Tongyi-Qianwen", "LicenseRef-Qwen", "LicenseRef-CogVideoX"}
# Cap on the yearly revenue in US dollars, its kind of clause, and the answers above it to commercial use without and with
# a hosted service.
REVENUE_CAPS = {
    "LicenseRef-Kimi-K3": (20e6, "service-revenue-cap", "review", "deny"),
    "LicenseRef-GLM-5.3": (10e9, "service-revenue-cap", "review", "deny"),
    "LicenseRef-bilibili-Model-2025-09-09": (13.5e6, "company-revenue-cap", "deny", "deny"),
    "LicenseRef-NeuTTS-Open-1.0": (4_999_999, "revenue-cap", "deny", "deny"),
}
EXCLUDED_COUNTRIES = {
    "LicenseRef-Tencent-Hunyuan-3D-2.0": {"DE", "GB", "KR"},
    "LicenseRef-Tencent-Hunyuan-Video-2024-12-03": {"DE", "GB", "KR"},
    "LicenseRef-Tencent-Hunyuan": {"DE", "GB", "KR"},
    "LicenseRef-Tencent-Hunyuan-Large": {"DE"},
    "LicenseRef-Tencent-Hunyuan-A13B": {"DE", "GB", "KR"},
    "LicenseRef-Tencent-HY-Community": {"DE", "GB", "KR"},
    "LicenseRef-MiniMax-H3-Community": {"DE", "GB", "KR", "US"},
    "LicenseRef-openPangu-1.0": {"DE"},
    "LicenseRef-openPangu-2.0": {"DE"},
    "LicenseRef-Sarashina-NC-2.0": {"DE"},
}
# Their use policies exclude multimodal models from the European Union.
MULTIMODAL = {"LicenseRef-Llama-3.2", "LicenseRef-Llama-3.3", "LicenseRef-Llama-4"}
# The answers to training other models on outputs; a licence that is not listed permits it.
ANSWERS_ON_OUTPUTS = {
    "LicenseRef-Llama-2": "deny",
    "LicenseRef-Llama-3": "deny",
    "LicenseRef-Tongyi-Qianwen": "deny",
    "LicenseRef-Tongyi-Qianwen-Research": "deny",
    "LicenseRef-Tencent-Hunyuan-3D-2.0": "deny",
    "LicenseRef-Tencent-Hunyuan-Video-2024-12-03": "deny",
    "LicenseRef-Tencent-Hunyuan-DiT-2024-05-14": "deny",
    "LicenseRef-MiniCPM-1.0": "deny",
    "LicenseRef-Kolors": "deny",
    "LicenseRef-PhoGPT-Community": "deny",
    "LicenseRef-Tencent-HY-Community": "deny",
}
# Licences whose texts were not read for the rule set.
UNREAD_LICENSES = {
    "LicenseRef-Tencent-Hunyuan",
    "LicenseRef-Baichuan-2-Community",
    "LicenseRef-InternLM",
    "LicenseRef-Qwen3.8-Max",
}


def build_intent(
    *uses: Use, users: float = 1e5, revenue: float = 1e5, territory: str = "US", field: str = "general"
) -> Intent:
    """Build an intended use that rules out every use but ``uses``."""
    return Intent({use: use in uses for use in Use}, users, revenue, (territory,), field)


def answer_license(
    rules: Catalogue, licence: str, intent: Intent, *, multimodal: bool | None = False
) -> set[tuple[str, str]]:
    """Return (answer, kind of clause) for each clause of a licence that answers the use."""
    bound = [BindingLicense(rules.licenses[licence], multimodal=multimodal)]
    return {(each.answer.value, each.kind) for each in answer_intended_use(intent, bound, rules.clauses)}


def list_clauses(rules: Catalogue, licence: str, kind: str) -> list[Clause]:
    """List the clauses of one kind of a licence."""
    return [clause for clause in rules.licenses[licence].clauses if clause.kind == kind]


@check_each("licence", BUSINESS_ANSWERS)
def test_answer_of_a_community_license_to_a_small_business_is_the_reviewed_one(rules: Catalogue, licence: str) -> None:
    assert answer_license(rules, licence, build_intent(Use.COMMERCIAL)) == BUSINESS_ANSWERS[licence]


@check_each("licence", BUSINESS_ANSWERS)
def test_reviewed_community_license_permits_non_commercial_research_with_few_users(
    rules: Catalogue, licence: str
) -> None:
    is_for_research = bool(list_clauses(rules, licence, "research-only"))
    answers = answer_license(rules, licence, replace(build_intent(), purpose=Purpose.RESEARCH))
    assert answers == ({("allow", "research-only")} if is_for_research else set())
    # A purpose that is not stated may be another.
    unstated = answer_license(rules, licence, build_intent())
    assert unstated == ({("review", "research-only")} if is_for_research else set())


@check_each("licence", sorted({*BUSINESS_ANSWERS, *UNREAD_LICENSES, *EXCLUDED_COUNTRIES}))
def test_user_cap_of_a_license_denies_use_only_above_the_stated_number_of_users(rules: Catalogue, licence: str) -> None:
    caps = {clause.number for clause in list_clauses(rules, licence, "user-cap")}
    if licence in UNREAD_LICENSES:
        # None has a cap, except agreements of Tencent: the rule set gives them the one that most of its agreements state.
        assert caps <= {100e6}
        return
    assert caps == ({USER_CAPS[licence]} if licence in USER_CAPS else set())
    if licence in USER_CAPS:
        denial = ("deny", "user-cap")
        assert denial not in answer_license(rules, licence, build_intent(users=USER_CAPS[licence]))
        uses = [Use.COMMERCIAL] if licence in BUSINESS_CAPS else []
        assert denial in answer_license(rules, licence, build_intent(*uses, users=USER_CAPS[licence] + 1))
        if uses:
            assert denial not in answer_license(rules, licence, build_intent(users=USER_CAPS[licence] + 1))


@check_each("licence", BUSINESS_ANSWERS)
def test_revenue_above_the_cap_of_a_license_adds_the_reviewed_answer(rules: Catalogue, licence: str) -> None:
    at_high_revenue = answer_license(rules, licence, build_intent(Use.COMMERCIAL, revenue=1e12))
    added = at_high_revenue - BUSINESS_ANSWERS[licence]
    if licence not in REVENUE_CAPS:
        assert added == set()
        return
    cap, kind, answer, answer_to_service = REVENUE_CAPS[licence]
    assert added == {(answer, kind)}
    at_the_cap = answer_license(rules, licence, build_intent(Use.COMMERCIAL, revenue=cap))
    assert kind not in {kind_of_answer for _, kind_of_answer in at_the_cap}
    hosted = answer_license(rules, licence, build_intent(Use.COMMERCIAL, Use.HOSTED_SERVICE, revenue=cap + 1))
    assert (answer_to_service, kind) in hosted


@check_each("licence", sorted({*BUSINESS_ANSWERS, *UNREAD_LICENSES, *EXCLUDED_COUNTRIES}))
@check_each("country", ["DE", "GB", "KR", "US", "CH", "CN"])
def test_license_denies_use_in_its_excluded_territories(rules: Catalogue, licence: str, country: str) -> None:
    answers = answer_license(rules, licence, build_intent(Use.COMMERCIAL, territory=country))
    assert (("deny", "territory-limit") in answers) == (country in EXCLUDED_COUNTRIES.get(licence, set()))


@pytest.mark.parametrize("licence", [name for name in BUSINESS_ANSWERS if "Llama-" in name])
def test_llama_license_denies_multimodal_models_in_the_european_union_only_from_version_3_2_on(
    rules: Catalogue, licence: str
) -> None:
    intent = build_intent(Use.COMMERCIAL, territory="FR")
    for multimodal, answer in ((True, "deny"), (None, "review")):
        answers = answer_license(rules, licence, intent, multimodal=multimodal)
        assert answers == ({(answer, "territory-limit")} if licence in MULTIMODAL else set())
    assert answer_license(rules, licence, build_intent(Use.COMMERCIAL, territory="GB"), multimodal=True) == set()


@check_each("licence", ["LicenseRef-bilibili-Model-2025-09-09", "LicenseRef-LTX-2.x-Community"])
def test_training_on_outputs_that_is_forbidden_to_a_business_is_allowed_to_others(
    rules: Catalogue, licence: str
) -> None:
    denial = ("deny", "no-output-training")
    business = answer_license(rules, licence, build_intent(Use.TRAIN_ON_OUTPUTS, Use.COMMERCIAL))
    assert (denial in business, answer_license(rules, licence, build_intent(Use.TRAIN_ON_OUTPUTS))) == (True, set())


@check_each("licence", BUSINESS_ANSWERS)
@check_each("use", [Use.TRAIN_ON_OUTPUTS, Use.DISTILL])
def test_community_license_gives_the_reviewed_answer_for_training_on_outputs(
    rules: Catalogue, licence: str, use: Use
) -> None:
    kinds = {"no-output-training", "output-competition-limit"}
    answers = {answer for answer, kind in answer_license(rules, licence, build_intent(use)) if kind in kinds}
    assert answers == ({ANSWERS_ON_OUTPUTS[licence]} if licence in ANSWERS_ON_OUTPUTS else set())


@check_each(
    "licence, field, answer",
    [
        ("LicenseRef-Llama-3.1", "military", "deny"),
        ("LicenseRef-Llama-3.1", "critical-infrastructure", "deny"),
        ("LicenseRef-Llama-3.1", "employment-decisions", "review"),
        ("LicenseRef-Llama-3.1", "gambling", None),
        ("LicenseRef-LLaMA-1", "surveillance", "deny"),
        ("LicenseRef-LLaMA-1", "biometric-identification", "deny"),
        ("LicenseRef-OPT-175B", "critical-infrastructure", "review"),
        ("LicenseRef-Chameleon-Research", "gambling", "review"),
        ("LicenseRef-Seamless", "gambling", "review"),
        ("LicenseRef-SAM", "military", "deny"),
        ("LicenseRef-DINOv3", "surveillance", "deny"),
        ("LicenseRef-DINOv3", "medical-advice", None),
        ("LicenseRef-Gemma", "automated-decisions", "deny"),
        ("LicenseRef-Gemma", "sexual-content", "deny"),
        ("LicenseRef-Gemma", "military", None),
        ("LicenseRef-Gemma", "medical-advice", "review"),
        ("LicenseRef-Tencent-Hunyuan-Video-2024-12-03", "military", "deny"),
        ("LicenseRef-Tencent-Hunyuan-Video-2024-12-03", "critical-infrastructure", "deny"),
        ("LicenseRef-DeepSeek-1.0", "military", "deny"),
        ("LicenseRef-DeepSeek-1.0", "automated-decisions", "deny"),
        ("LicenseRef-DeepSeek-1.0", "medical-advice", None),
        ("LicenseRef-MiniMax-M2.5", "military", "deny"),
        ("LicenseRef-MiniMax-Model-2025-01-15", "automated-decisions", "deny"),
        ("LicenseRef-MiniMax-M2.5-Modified-MIT", "military", None),
        ("LicenseRef-MiniMax-M2.7-NC", "military", "deny"),
        ("LicenseRef-Kimi-K2-Modified-MIT", "military", None),
        ("LicenseRef-ChatGLM-6B", "military", "deny"),
        ("LicenseRef-Yi-1.0", "sexual-content", "deny"),
        ("LicenseRef-MiniCPM-1.0", "military", "deny"),
        ("LicenseRef-Kolors", "gambling", "review"),
        ("LicenseRef-bilibili-Model-2025-09-09", "military", "review"),
        ("LicenseRef-bilibili-Model-2025-09-09", "medical-advice", "review"),
        ("LicenseRef-OpenAtom-Model-1.0", "military", None),
    ],
)
def test_community_license_gives_the_reviewed_answer_on_forbidden_and_other_fields_of_use(
    rules: Catalogue, licence: str, field: str, answer: str | None
) -> None:
    answers = {
        each for each, kind in answer_license(rules, licence, build_intent(field=field)) if kind.startswith("use-")
    }
    assert answers == ({answer} if answer else set())


@check_each(
    "licence, kind, words",
    [
        ("LicenseRef-Llama-2", "keep-notices", "Llama 2 is licensed under the LLAMA 2 Community License, "),
        ("LicenseRef-Llama-3", "attribution-naming", "Built with Meta Llama 3"),
        ("LicenseRef-Llama-3", "derivative-naming", "Llama 3"),
        ("LicenseRef-Llama-3.3", "attribution-naming", "Built with Llama"),
        ("LicenseRef-Llama-4", "derivative-naming", "Llama"),
        ("LicenseRef-Llama-4", "keep-notices", "Llama 4 is licensed under the Llama 4 Community License, "),
        ("LicenseRef-Gemma", "keep-notices", "Gemma is provided under and subject to the Gemma Terms of Use found at "),
        ("LicenseRef-Qwen", "derivative-naming", "Built with Qwen"),
        ("LicenseRef-Qwen-Research", "keep-notices", "Qwen is licensed under the Qwen RESEARCH LICENSE AGREEMENT, "),
        ("LicenseRef-Kimi-K2-Modified-MIT", "threshold-display", "Kimi K2"),
        ("LicenseRef-Kimi-K2.6-Modified-MIT", "threshold-display", "Kimi K2.6"),
        ("LicenseRef-MiniMax-M2-Modified-MIT", "threshold-display", "MiniMax M2"),
        ("LicenseRef-MiniMax-M2.1-Modified-MIT", "commercial-display", "MiniMax M2.1"),
        ("LicenseRef-MiniMax-M2.7-NC", "commercial-display", "Built with MiniMax M2.7"),
        ("LicenseRef-MiniCPM-1.0", "attribution-naming", "Built with 面壁MiniCPM"),
        (
            "LicenseRef-Tencent-Hunyuan-3D-2.0",
            "keep-notices",
            "Tencent Hunyuan 3D 2.0 is licensed under the Tencent Hunyuan 3D 2.0 Community License Agreement, ",
        ),
    ],
)
def test_duty_quotes_the_words_that_the_license_prescribes(
    rules: Catalogue, licence: str, kind: str, words: str
) -> None:
    duties = list_duties(Intent(), [BindingLicense(rules.licenses[licence])], rules.clauses)
    (duty,) = [each for each in duties if each.kind == kind]
    # Words that end in a space are only the beginning of what the licence prescribes.
    if words.endswith(" "):
        assert any(prescribed.startswith(words) for prescribed in duty.words)
    else:
        assert words in duty.words


@check_each(
    "licence, kinds",
    [
        ("LicenseRef-Gemma", {"hosting-is-distribution", "distillation-is-derivative", "remote-restriction"}),
        ("LicenseRef-Gemma-2024-02-21", {"update-duty", "remote-restriction"}),
        ("LicenseRef-DeepSeek-1.0", {"hosting-is-distribution", "distillation-is-derivative", "patent-grant"}),
        ("LicenseRef-Yi-1.0", {"hosting-is-distribution", "distillation-is-derivative", "no-sublicensing"}),
        ("LicenseRef-Tencent-Hunyuan-DiT-2024-05-14", {"distillation-is-derivative", "output-disclosure"}),
        ("LicenseRef-SAM", {"share-alike", "mutable-terms", "patent-termination"}),
        ("LicenseRef-Llama-3.2", {"guardrails", "mutable-terms", "patent-termination", "indemnity"}),
        ("LicenseRef-OpenAtom-Model-1.0", {"hosting-is-distribution", "patent-grant", "output-ownership"}),
    ],
)
def test_community_license_has_the_clause_kinds_that_its_review_found(
    rules: Catalogue, licence: str, kinds: set[str]
) -> None:
    assert kinds <= {clause.kind for clause in rules.licenses[licence].clauses}


def test_first_gemma_terms_are_the_only_gemma_terms_with_an_update_duty(rules: Catalogue) -> None:
    asking = [name for name in rules.licenses if "Gemma" in name and list_clauses(rules, name, "update-duty")]
    assert asking == ["LicenseRef-Gemma-2024-02-21"]


@check_each("licence", sorted(UNREAD_LICENSES))
def test_community_license_with_unverified_terms_gets_a_review_answer_even_for_non_commercial_use(
    rules: Catalogue, licence: str
) -> None:
    assert ("review", TERMS_NOT_VERIFIED) in answer_license(rules, licence, build_intent())


@pytest.mark.parametrize(
    ("name", "link", "licence"),
    [
        (
            "tencent-hunyuan-community",
            "https://huggingface.co/Tencent-Hunyuan/HunyuanDiT/blob/main/LICENSE.txt",
            "LicenseRef-Tencent-Hunyuan-DiT-2024-05-14",
        ),
        (
            "tencent-hunyuan-community",
            "https://huggingface.co/tencent/HunyuanVideo/blob/main/LICENSE",
            "LicenseRef-Tencent-Hunyuan-Video-2024-12-03",
        ),
        (
            "tencent-hunyuan-community",
            "https://huggingface.co/tencent/Hunyuan3D-2/blob/main/LICENSE.txt",
            "LicenseRef-Tencent-Hunyuan-3D-2.0",
        ),
        (
            "minimax-model-license",
            "https://huggingface.co/MiniMaxAI/MiniMax-Text-01/blob/main/LICENSE",
            "LicenseRef-MiniMax-Model-2025-01-15",
        ),
        (
            "modified-mit",
            "https://github.com/MiniMax-AI/MiniMax-M2.5/blob/main/LICENSE",
            "LicenseRef-MiniMax-M2.5-Modified-MIT",
        ),
        ("modified-mit", "https://huggingface.co/moonshotai/Kimi-K3/blob/main/LICENSE", "LicenseRef-Kimi-K3"),
    ],
)
def test_license_name_of_several_texts_is_vague_unless_a_link_determines_the_text(
    rules: Catalogue, name: str, link: str, licence: str
) -> None:
    assert name in rules.vague_licenses
    assert index_license_names(rules.licenses)[fold_license_name(link)] == licence
    assert is_in_family(rules.licenses[licence], fold_license_name(name))


def test_no_community_license_counts_as_open(rules: Catalogue) -> None:
    for licence in {*BUSINESS_ANSWERS, *UNREAD_LICENSES}:
        entry = rules.licenses[licence]
        assert not entry.open
        assert entry.category is not LicenseCategory.UNKNOWN
        assert entry.category is not LicenseCategory.PERMISSIVE or licence == "LicenseRef-OpenAtom-Model-1.0"
