"""Answers of vendor licences to common uses; each row is a fact of the text, worked out by hand."""

from __future__ import annotations

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.licenses.obligations.answers import BindingLicense, answer_intended_use, list_duties
from modelaudit.model.terms import Answer, Clause, Intent, LicenseCategory, Use

RULES = load_shipped()


def build_intent(*uses: Use, field: str = "general", users: float = 1000, revenue: float = 100_000) -> Intent:
    """Build the intended use of a small organization in Germany, which rules out every use but ``uses``."""
    return Intent({use: use in uses for use in Use}, users, revenue, ("DE",), field)


STUDY = build_intent()
SAAS = build_intent(Use.COMMERCIAL, Use.HOSTED_SERVICE, Use.FINE_TUNE)
PRODUCT = build_intent(Use.COMMERCIAL, Use.REDISTRIBUTE, Use.EMBED_ON_DEVICE, Use.FINE_TUNE)
SHARE = build_intent(Use.REDISTRIBUTE, Use.FINE_TUNE)
TRAIN_ON_OUTPUTS = build_intent(Use.TRAIN_ON_OUTPUTS)


def build_license_ref(name: str) -> str:
    """Return the id of a licence that SPDX lacks."""
    return f"LicenseRef-{name}"


def answer_license(license_id: str, intent: Intent) -> dict[str, set[str]]:
    """Return under ``deny`` and ``review`` the kinds of clauses that give this answer to the intended use."""
    answers = answer_intended_use(intent, [BindingLicense(RULES.licenses[license_id], multimodal=False)], RULES.clauses)
    return {
        str(answer): {each.kind for each in answers if each.answer is answer} for answer in (Answer.DENY, Answer.REVIEW)
    }


ALLOWED: set[str] = set()
NC = {"no-commercial-use"}

COMMERCIAL = [
    # licence; clauses that deny a service, clauses that ask for review of it; the same for a shipped product
    ("Stability-AI-Community", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("Stability-AI-NC-Research", NC | {"no-production-use"}, {"hosting-limit"}, NC | {"no-production-use"}, ALLOWED),
    ("Stable-Video-Diffusion-NC-2023-11-21", NC | {"no-production-use"}, ALLOWED, NC | {"no-production-use"}, ALLOWED),
    (
        "SDXL-0.9-Research",
        NC | {"research-only", "no-production-use"},
        ALLOWED,
        NC | {"research-only", "no-production-use"},
        ALLOWED,
    ),
    (
        "DeepFloyd-IF",
        NC | {"research-only", "no-production-use"},
        ALLOWED,
        NC | {"research-only", "no-production-use"},
        ALLOWED,
    ),
    ("CreativeML-OpenRAIL-M", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("OpenRAIL-plus-plus-M", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("BigScience-OpenRAIL-M", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("BigScience-BLOOM-RAIL-1.0", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("BigCode-OpenRAIL-M", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    (
        "AI-Pubs-OpenRAIL-M-Surya",
        ALLOWED,
        {"commercial-agreement", "business-limit"},
        ALLOWED,
        {"commercial-agreement", "business-limit"},
    ),
    ("FLUX.1-dev", NC | {"no-production-use"}, ALLOWED, NC | {"no-production-use"}, ALLOWED),
    ("FLUX.1-dev-1.0", NC | {"no-production-use"}, ALLOWED, NC | {"no-production-use"}, ALLOWED),
    ("FLUX.1-dev-Tools", NC | {"no-production-use"}, ALLOWED, NC | {"no-production-use"}, ALLOWED),
    ("FLUX-dev-2.0", NC | {"no-production-use"}, ALLOWED, NC | {"no-production-use"}, ALLOWED),
    (
        "Mistral-MNPL",
        NC | {"no-production-use"},
        {"hosting-limit", "commercial-agreement"},
        NC | {"no-production-use"},
        {"commercial-agreement"},
    ),
    (
        "Mistral-MRL",
        NC | {"research-only"},
        {"hosting-limit", "commercial-agreement"},
        NC | {"research-only"},
        {"commercial-agreement"},
    ),
    ("Mistral-Medium-3.5-Modified-MIT", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("Grok-2-Community", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("Falcon-180B", ALLOWED, {"hosting-limit"}, ALLOWED, ALLOWED),
    ("Falcon-2-11B", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("Falcon-3", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("NVIDIA-Open-Model", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("NVIDIA-Open-Model-Agreement-2026-04-02", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    (
        "NVIDIA-Data-Model-Training",
        ALLOWED,
        {"no-derivatives"},
        {"no-redistribution", "no-derivatives"},
        ALLOWED,
    ),
    ("Apple-AMLR", NC | {"research-only"}, ALLOWED, NC | {"research-only"}, ALLOWED),
    ("Apple-EPFL-Sample-Code-1.1", NC, ALLOWED, NC, ALLOWED),
    ("Apple-Sample-Code", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    (
        "Microsoft-Research",
        NC | {"research-only"},
        {"hosting-limit", "no-derivatives"},
        NC | {"research-only", "no-redistribution", "no-derivatives"},
        ALLOWED,
    ),
    ("Databricks-Open-Model", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("EXAONE-NC", NC | {"research-only"}, ALLOWED, NC | {"research-only"}, ALLOWED),
    ("EXAONEPath-1.0-NC", NC | {"research-only"}, ALLOWED, NC | {"research-only"}, ALLOWED),
    ("HyperCLOVA-X-SEED", ALLOWED, {"business-limit"}, ALLOWED, {"business-limit"}),
    ("LFM-Open-1.0", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("OpenMDW-1.1", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("Coqui-CPML", NC, ALLOWED, NC, ALLOWED),
    ("Fair-AI-Public-1.0", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("Fair-AI-Public-1.0-SD", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("Playground-v2-Community", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("LTXV-Open-Weights-2025-04-17", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("LTXV-Open-Weights-2025-05-05", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("Fish-Audio-Research", NC, ALLOWED, NC, ALLOWED),
    ("S-Lab-1.0", NC, ALLOWED, NC, ALLOWED),
    ("HFOIL-1.0", ALLOWED, {"hosting-limit"}, ALLOWED, ALLOWED),
    (
        "MAX-Mojo-Community",
        ALLOWED,
        {"business-limit", "hosting-limit", "no-derivatives", "use-agreement"},
        {"no-redistribution", "no-derivatives"},
        {"business-limit", "use-agreement"},
    ),
    (
        "OCTL-0.21",
        ALLOWED,
        {"use-agreement", "commercial-agreement"},
        ALLOWED,
        {"use-agreement", "commercial-agreement"},
    ),
    ("Open-Aleph-1.0", NC, ALLOWED, NC, ALLOWED),
    ("Open-Weights-Permissive-1.0.0", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("SOML-1.0", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("Cohere-C4AI", NC, ALLOWED, NC, ALLOWED),
    ("Prior-Labs", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("HAI-DEF", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    ("Nexusflow-NexusRaven-V2", ALLOWED, ALLOWED, ALLOWED, ALLOWED),
]


@check_each("name, denied, unsure, denied_shipped, unsure_shipped", COMMERCIAL)
def test_vendor_license_gives_the_reviewed_answer_on_commercial_use(
    name: str, denied: set[str], unsure: set[str], denied_shipped: set[str], unsure_shipped: set[str]
) -> None:
    assert answer_license(build_license_ref(name), SAAS) == {"deny": denied, "review": unsure}
    assert answer_license(build_license_ref(name), PRODUCT) == {"deny": denied_shipped, "review": unsure_shipped}


@check_each("name", [row[0] for row in COMMERCIAL])
def test_vendor_license_does_not_deny_non_commercial_use_by_a_small_organization(name: str) -> None:
    assert answer_license(build_license_ref(name), STUDY)["deny"] == set()


@pytest.mark.parametrize(
    ("name", "highest_permitted", "lowest_denied"),
    [
        ("Stability-AI-Community", 1_000_000, 1_000_001),
        ("AI-Pubs-OpenRAIL-M-Surya", 5_000_000, 5_000_001),
        ("LFM-Open-1.0", 9_999_999, 10_000_000),
        ("LTXV-Open-Weights-2025-04-17", 9_999_999, 10_000_000),
        ("LTXV-Open-Weights-2025-05-05", 9_999_999, 10_000_000),
    ],
)
def test_revenue_cap_clause_denies_commercial_use_over_the_cap_but_not_non_commercial_use(
    name: str, highest_permitted: float, lowest_denied: float
) -> None:
    def list_denials(*uses: Use, revenue: float) -> set[str]:
        return answer_license(build_license_ref(name), build_intent(*uses, revenue=revenue))["deny"]

    assert "revenue-cap" not in list_denials(Use.COMMERCIAL, revenue=highest_permitted)
    assert "revenue-cap" in list_denials(Use.COMMERCIAL, revenue=lowest_denied)
    assert "revenue-cap" not in list_denials(revenue=lowest_denied)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("Databricks-Open-Model", 700_000_000),
        ("HyperCLOVA-X-SEED", 10_000_000),
        ("Playground-v2-Community", 1_000_000),
        ("Nexusflow-NexusRaven-V2", 50_000_000),
    ],
)
def test_user_cap_denies_commercial_use_above_the_stated_number_of_users(name: str, number: float) -> None:
    assert "user-cap" not in answer_license(build_license_ref(name), build_intent(Use.COMMERCIAL, users=number))["deny"]
    assert "user-cap" in answer_license(build_license_ref(name), build_intent(Use.COMMERCIAL, users=number + 1))["deny"]


@pytest.mark.parametrize(
    ("yearly_revenue", "is_denied", "needs_review"),
    [(20_000_000, False, False), (20_000_001, False, True), (240_000_000, False, True), (240_000_001, True, True)],
)
def test_yearly_revenue_that_may_exceed_a_monthly_cap_needs_review_and_a_certain_excess_is_denied(
    yearly_revenue: float, is_denied: bool, needs_review: bool
) -> None:
    # The cap is 20 million in one month: twelve such months are surely above it.
    intent = build_intent(revenue=yearly_revenue)
    assert answer_license(build_license_ref("Mistral-Medium-3.5-Modified-MIT"), intent) == {
        "deny": {"company-revenue-cap"} if is_denied else set(),
        "review": {"monthly-revenue-cap"} if needs_review else set(),
    }


OUTPUTS = [
    ("Stability-AI-Community", "review", "output-competition-limit"),
    ("CreativeML-OpenRAIL-M", None, ""),
    ("BigCode-OpenRAIL-M", None, ""),
    ("FLUX.1-dev", "review", "output-competition-limit"),
    ("FLUX-dev-2.0", "review", "output-competition-limit"),
    ("Mistral-MNPL", None, ""),
    ("Mistral-MRL", "review", "output-competition-limit"),
    ("Grok-2-Community", "review", "output-competition-limit"),
    ("NVIDIA-Open-Model", None, ""),
    ("Databricks-Open-Model", "deny", "no-output-training"),
    ("EXAONE-NC", "deny", "no-output-training"),
    ("EXAONEPath-1.0-NC", "review", "output-competition-limit"),
    ("HyperCLOVA-X-SEED", None, ""),
    ("LFM-Open-1.0", None, ""),
    ("OpenMDW-1.0", None, ""),
    ("Coqui-CPML", "review", "output-competition-limit"),
    ("Playground-v2-Community", "deny", "no-output-training"),
    ("Nexusflow-NexusRaven-V2", "deny", "no-output-training"),
    ("Fish-Audio-Research", "review", "output-competition-limit"),
    ("Cohere-C4AI", "review", "output-competition-limit"),
]


@check_each("name, answer, kind", OUTPUTS)
def test_vendor_license_gives_the_reviewed_answer_on_training_on_outputs(
    name: str, answer: str | None, kind: str
) -> None:
    entry = name if name in RULES.licenses else build_license_ref(name)
    kinds_on_outputs = {
        given: kinds & {"output-competition-limit", "no-output-training"}
        for given, kinds in answer_license(entry, TRAIN_ON_OUTPUTS).items()
    }
    expected: dict[str, set[str]] = {"deny": set(), "review": set()}
    if answer:
        expected[answer] = {kind}
    assert kinds_on_outputs == expected


RAIL = [
    "exploitation-of-minors",
    "disinformation",
    "personal-data",
    "harassment",
    "automated-decisions",
    "discrimination",
    "medical-advice",
    "legal-decisions",
]
FIELDS = [
    ("CreativeML-OpenRAIL-M", RAIL, ["military", "gambling", "impersonation"]),
    ("OpenRAIL-plus-plus-M", RAIL, ["military", "impersonation"]),
    ("BigScience-OpenRAIL-M", [*RAIL, "impersonation"], ["military"]),
    ("BigScience-BLOOM-RAIL-1.0", [*RAIL, "impersonation"], ["military"]),
    ("BigCode-OpenRAIL-M", [*RAIL, "impersonation", "malware"], ["military"]),
    ("Fair-AI-Public-1.0-SD", RAIL, ["military"]),
    ("Playground-v2-Community", RAIL, ["military"]),
    (
        "LTXV-Open-Weights-2025-05-05",
        [*RAIL, "impersonation", "malware", "employment-decisions", "credit-and-insurance"],
        ["military"],
    ),
    ("Databricks-Open-Model", [*RAIL, "impersonation", "malware"], ["military"]),
    ("FLUX.1-dev-1.0", ["military", "surveillance", "biometric-identification"], ["medical-advice"]),
    ("FLUX.1-dev", ["military", "surveillance", "biometric-identification", "impersonation"], ["medical-advice"]),
    ("FLUX-dev-2.0", ["military", "surveillance", "biometric-identification", "impersonation"], ["medical-advice"]),
    ("SDXL-0.9-Research", ["military", "critical-infrastructure", "surveillance"], ["medical-advice"]),
    ("DeepFloyd-IF", ["military", "critical-infrastructure", "biometric-identification"], ["medical-advice"]),
    ("Falcon-2-11B", ["exploitation-of-minors", "disinformation", "harassment"], ["medical-advice"]),
    ("HyperCLOVA-X-SEED", ["surveillance", "biometric-identification", "harassment"], ["medical-advice"]),
    ("EXAONE-NC", ["disinformation", "discrimination", "harassment", "malware"], ["medical-advice"]),
    ("Open-Aleph-1.0", ["public-administration", "legal-decisions", "discrimination"], ["medical-advice"]),
    ("Cohere-C4AI", ["self-harm", "spam", "impersonation", "personal-data"], ["medical-advice"]),
    ("AI-Pubs-OpenRAIL-M-Surya", ["malware"], ["medical-advice"]),
]


@check_each("name, forbidden, free", FIELDS)
def test_use_policy_denies_fields_of_use_that_it_forbids_and_does_not_affect_a_field_it_omits(
    name: str, forbidden: list[str], free: list[str]
) -> None:
    for field in forbidden:
        assert "use-policy" in answer_license(build_license_ref(name), build_intent(field=field))["deny"], field
    for field in free:
        answers = answer_license(build_license_ref(name), build_intent(field=field))
        assert "use-policy" not in answers["deny"] | answers["review"], field


def test_medical_use_of_google_health_models_is_for_review() -> None:
    found = answer_license(build_license_ref("HAI-DEF"), build_intent(Use.COMMERCIAL, field="medical-advice"))
    assert found == {"deny": set(), "review": {"use-condition", "use-policy"}}


@pytest.mark.parametrize(
    "name", ["Stability-AI-Community", "Grok-2-Community", "Falcon-180B", "Falcon-3", "NVIDIA-Open-Model"]
)
def test_use_policy_without_listed_fields_leaves_military_gambling_and_medical_use_for_review(name: str) -> None:
    for field in ("military", "gambling", "medical-advice"):
        assert "use-policy" in answer_license(build_license_ref(name), build_intent(field=field))["review"]


WORDS = [
    ("Stability-AI-Community", "attribution-naming", "Powered by Stability AI"),
    ("Grok-2-Community", "attribution-naming", "Powered by xAI"),
    ("HyperCLOVA-X-SEED", "attribution-naming", "Powered by HyperCLOVA X"),
    ("HyperCLOVA-X-SEED", "derivative-naming", "HyperCLOVA X"),
    ("Fish-Audio-Research", "attribution-naming", "Built with Fish Audio"),
    ("EXAONE-NC", "derivative-naming", "EXAONE"),
    ("EXAONEPath-1.0-NC", "derivative-naming", "EXAONEPath"),
    ("NVIDIA-Open-Model", "keep-notices", "Licensed by NVIDIA Corporation under the NVIDIA Open Model License"),
    ("NVIDIA-Open-Model", "attribution-naming", "Built on NVIDIA Cosmos"),
    (
        "Falcon-3",
        "attribution-naming",
        "is built using artificial intelligence technology from the Technology Innovation Institute",
    ),
    (
        "Falcon-2-11B",
        "attribution-naming",
        "is built using Falcon LLM technology from the Technology Innovation Institute",
    ),
    ("Prior-Labs", "attribution-naming", "Built with PriorLabs-TabPFN"),
    ("Prior-Labs", "derivative-naming", "TabPFN"),
    ("Mistral-MRL", "keep-notices", "Licensed by Mistral AI under the Mistral AI Research License"),
    ("Playground-v2-Community", "keep-notices", "Playground v2 is licensed under the Playground v2 Community License."),
    (
        "DeepFloyd-IF",
        "keep-notices",
        "DeepFloyd is licensed under the DeepFloyd License, Copyright (c) Stability AI Ltd. All Rights Reserved.",
    ),
]


@check_each("name, kind, words", WORDS)
def test_clause_holds_the_words_that_the_license_prescribes(name: str, kind: str, words: str) -> None:
    assert (words,) in [
        clause.words for clause in RULES.licenses[build_license_ref(name)].clauses if clause.kind == kind
    ]


@check_each(
    "name, intent, kinds",
    [
        # The later texts of FLUX ask for filters and for openness about outputs, the first one does not.
        ("FLUX.1-dev", SHARE, {"content-filter"}),
        ("FLUX.1-dev", SAAS, {"content-filter", "output-disclosure"}),
        ("CreativeML-OpenRAIL-M", SHARE, {"pass-on-use-limits", "state-changes", "include-license-text"}),
        ("CreativeML-OpenRAIL-M", SAAS, {"pass-on-use-limits", "include-license-text", "update-duty"}),
        ("BigScience-OpenRAIL-M", SAAS, {"output-disclosure", "update-duty"}),
        ("Fair-AI-Public-1.0", SHARE, {"source-disclosure", "share-alike"}),
        ("Fair-AI-Public-1.0", SAAS, {"network-source-disclosure"}),
        ("Open-Aleph-1.0", SHARE, {"source-disclosure", "share-alike"}),
        ("SOML-1.0", STUDY, {"publish-models"}),
        ("Apple-AMLR", SHARE, {"include-license-text", "keep-notices", "state-changes"}),
    ],
)
def test_planned_use_under_a_vendor_license_triggers_the_reviewed_duties(
    name: str, intent: Intent, kinds: set[str]
) -> None:
    assert kinds <= {
        duty.kind
        for duty in list_duties(intent, [BindingLicense(RULES.licenses[build_license_ref(name)])], RULES.clauses)
    }


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("FLUX.1-dev-1.0", {"content-filter", "output-disclosure"}),
        ("OpenRAIL-plus-plus-M", {"update-duty"}),
        ("BigCode-OpenRAIL-M", {"update-duty"}),
        ("OpenMDW-1.0", {"use-policy", "output-competition-limit", "pass-on-use-limits"}),
        ("NVIDIA-Open-Model-Agreement-2026-04-02", {"use-policy", "guardrails", "attribution-naming"}),
        ("EXAONEPath-1.0-NC", {"no-output-training"}),
    ],
)
def test_vendor_license_lacks_the_clauses_that_its_text_does_not_contain(name: str, kinds: set[str]) -> None:
    entry = RULES.licenses.get(name) or RULES.licenses[build_license_ref(name)]
    assert not kinds & {clause.kind for clause in entry.clauses}


def test_only_the_naming_clauses_of_the_nvidia_open_model_license_have_a_limited_scope() -> None:
    limited = [clause for clause in RULES.licenses[build_license_ref("NVIDIA-Open-Model")].clauses if clause.scope]
    assert {clause.kind for clause in limited} == {"attribution-naming", "derivative-naming"}


def test_only_vendor_licenses_reviewed_as_open_are_marked_open() -> None:
    reviewed_as_open = {
        "OpenMDW-1.0",
        build_license_ref("OpenMDW-1.1"),
        build_license_ref("Open-Weights-Permissive-1.0.0"),
    }
    for name in (*reviewed_as_open, *(build_license_ref(row[0]) for row in COMMERCIAL)):
        assert RULES.licenses[name].open is (name in reviewed_as_open), name


@check_each(
    "name, category",
    [
        ("Stability-AI-Community", LicenseCategory.CONDITIONAL),
        ("Stability-AI-NC-Research", LicenseCategory.NON_COMMERCIAL),
        ("SDXL-0.9-Research", LicenseCategory.RESEARCH_ONLY),
        ("FLUX.1-dev", LicenseCategory.NON_COMMERCIAL),
        ("Mistral-MRL", LicenseCategory.RESEARCH_ONLY),
        ("Falcon-180B", LicenseCategory.CONDITIONAL),
        ("Falcon-3", LicenseCategory.USE_RESTRICTED),
        ("LFM-Open-1.0", LicenseCategory.CONDITIONAL),
        ("Fair-AI-Public-1.0-SD", LicenseCategory.USE_RESTRICTED),
        ("Mistral-Medium-3.5-Modified-MIT", LicenseCategory.CONDITIONAL),
    ],
)
def test_category_of_a_vendor_license_is_the_reviewed_one(name: str, category: LicenseCategory) -> None:
    assert RULES.licenses[build_license_ref(name)].category is category


@check_each(
    "name",
    [
        "Falcon-Mamba-7B",
        "TabPFN-2.5",
        "Jamba-Open-Model",
        "LTX-Video-Open-Weights-0.X",
        "NVIDIA-Nemotron-Open-Model",
        "TII-Falcon-LLM",
    ],
)
def test_use_under_a_vendor_license_with_unverified_terms_gets_a_review_answer(name: str) -> None:
    entry = RULES.licenses[build_license_ref(name)]
    assert not entry.read and not entry.open
    assert "terms-not-verified" in answer_license(build_license_ref(name), STUDY)["review"]
    assert not any(clause.section for clause in entry.clauses)


def test_use_policy_clause_of_a_vendor_license_states_its_fields_or_its_url() -> None:
    for row in COMMERCIAL:
        entry = RULES.licenses[build_license_ref(row[0])]
        silent: list[Clause] = [
            clause for clause in entry.clauses if clause.kind == "use-policy" and not (clause.fields or clause.url)
        ]
        assert silent == [], entry.id
