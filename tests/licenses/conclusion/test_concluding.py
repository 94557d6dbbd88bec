from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.catalogue import load_shipped

from modelaudit.licenses import build_subjects, conclude, extract_claims
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.model.license import ClaimKind, ConclusionState
from modelaudit.model.structure import CardField, Defect, Location, ModelCard
from modelaudit.model.terms import LicenseCategory

CONCLUDED, CONTRADICTORY = ConclusionState.CONCLUDED, ConclusionState.CONTRADICTORY
VAGUE, UNRECOGNISED, UNDECLARED = ConclusionState.VAGUE, ConclusionState.UNRECOGNISED, ConclusionState.UNDECLARED


@pytest.mark.parametrize(
    ("stated", "entry", "category"),
    [
        ("apache-2.0", "Apache-2.0", "permissive"),
        ("Apache-2.0", "Apache-2.0", "permissive"),
        ("APACHE 2.0", "Apache-2.0", "permissive"),
        ("mit*", None, None),
        ("!mit", None, None),
        ("Apache License, Version 2.0", "Apache-2.0", "permissive"),
        ("  mit\n", "MIT", "permissive"),
        ("cc0-1.0", "CC0-1.0", "public-domain"),
        ("mpl-2.0", "MPL-2.0", "weak-copyleft"),
        ("gpl-3.0", "GPL-3.0-only", "copyleft"),
        ("GPL-3.0-or-later", "GPL-3.0-or-later", "copyleft"),
        ("gpl-2.0+", "GPL-2.0-or-later", "copyleft"),
        ("gpl-4.0+", None, None),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0", "non-commercial"),
        ("llama2", "LicenseRef-Llama-2", "conditional-commercial"),
        ("llama3", "LicenseRef-Llama-3", "conditional-commercial"),
        ("llama3.1", "LicenseRef-Llama-3.1", "conditional-commercial"),
        ("llama3.2", "LicenseRef-Llama-3.2", "conditional-commercial"),
        ("llama3.3", "LicenseRef-Llama-3.3", "conditional-commercial"),
        ("llama4", "LicenseRef-Llama-4", "conditional-commercial"),
        ("gemma", "LicenseRef-Gemma", "use-restricted"),
        ("creativeml-openrail-m", "LicenseRef-CreativeML-OpenRAIL-M", "use-restricted"),
        ("openrail++", "LicenseRef-OpenRAIL-plus-plus-M", "use-restricted"),
        ("apple-amlr", "LicenseRef-Apple-AMLR", "research-only"),
    ],
)
def test_declared_identifier_resolves_to_one_license_or_is_unrecognised(conclude_cards, stated, entry, category):
    conclusion = conclude_cards(license=stated)
    if entry is None:
        assert (conclusion.state, conclusion.category) == (UNRECOGNISED, LicenseCategory.UNKNOWN)
    else:
        assert [found.id for found in conclusion.entries] == [entry]
        assert (conclusion.state, conclusion.category) == (CONCLUDED, category)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("llama3", "LicenseRef-Llama-3"),
        ("flux-1-dev-non-commercial-license", "LicenseRef-FLUX.1-dev"),
        ("qwen", "LicenseRef-Qwen"),
        ("qwen-research", "LicenseRef-Qwen-Research"),
        ("tongyi-qianwen", "LicenseRef-Tongyi-Qianwen"),
        ("deepseek", "LicenseRef-DeepSeek-1.0"),
        ("stabilityai-ai-community", "LicenseRef-Stability-AI-Community"),
        ("tencent-hunyuan-a13b", "LicenseRef-Tencent-Hunyuan-A13B"),
        ("nvidia-open-model-license", "LicenseRef-NVIDIA-Open-Model"),
        ("openmdw-1.0", "OpenMDW-1.0"),
        ("MRL", "LicenseRef-Mistral-MRL"),
    ],
)
@pytest.mark.parametrize("stated", ["other", "Other", None])
def test_license_name_field_determines_the_license_if_the_license_field_is_other_or_missing(
    conclude_cards, stated, name, entry
):
    fields = {"license_name": name} | ({"license": stated} if stated else {})
    conclusion = conclude_cards(**fields)
    assert conclusion.state is CONCLUDED
    assert [found.id for found in conclusion.entries] == [entry]


def test_license_link_to_the_address_of_a_license_determines_it_if_the_card_has_no_license_name(conclude_cards):
    link = "http://ai.google.dev/gemma/terms/"
    conclusion = conclude_cards(license="other", license_link=link)
    assert [found.id for found in conclusion.entries] == ["LicenseRef-Gemma"]
    # Another query may lead to other terms, and the file LICENSE is missing here.
    assert conclude_cards(license="other", license_link=link + "?x=1").state is VAGUE
    assert conclude_cards(license="other", license_link="LICENSE").state is VAGUE


@pytest.mark.parametrize(
    "stated",
    ["other", "unknown", "openrail", "cc", "CC", "gpl", "lgpl", "bsd", "gfdl", "odbl", "odc-by", "modified-mit"],
)
def test_card_that_states_only_a_license_family_or_placeholder_gets_no_concluded_license(conclude_cards, stated):
    conclusion = conclude_cards(license=stated)
    assert (conclusion.state, conclusion.category, conclusion.entries) == (VAGUE, LicenseCategory.UNKNOWN, ())
    assert stated in conclusion.reasoning[0]


def test_license_name_field_determines_which_license_of_a_family_is_meant(conclude_cards):
    assert conclude_cards(license="openrail", license_name="creativeml-openrail-m").state is CONCLUDED
    assert conclude_cards(license="gpl", license_name="GPL-3.0").state is CONCLUDED
    kimi = "https://huggingface.co/moonshotai/Kimi-K2-Instruct/blob/main/LICENSE"
    modified = conclude_cards(license="other", license_name="modified-mit", license_link=kimi)
    assert [entry.id for entry in modified.entries] == ["LicenseRef-Kimi-K2-Modified-MIT"]
    assert modified.category is LicenseCategory.CONDITIONAL


def test_license_name_outside_its_family_is_contradictory(conclude_cards):
    conclusion = conclude_cards(license="gpl", license_name="MIT")
    assert (conclusion.state, conclusion.category) == (CONTRADICTORY, LicenseCategory.UNKNOWN)


@pytest.mark.parametrize(
    "stated", ["my-own-1.0", "5", "2.0", "True", "apache-2.1", "mit?", "mitt", "not-mit", "free", "none"]
)
def test_unknown_license_name_is_never_permissive(conclude_cards, stated):
    conclusion = conclude_cards(license=stated)
    assert conclusion.state is UNRECOGNISED
    assert conclusion.category is LicenseCategory.UNKNOWN
    assert conclusion.entries == ()


@pytest.mark.parametrize(
    "stated",
    [
        "m\u0456t",  # a Cyrillic i
        "\uff2d\uff29\uff34",  # MIT in full-width letters
        "m\u200bit",  # a zero-width space
        "apache\u20112.0",  # a non-breaking hyphen
        "\u212aimi-k2-modified-mit",  # the Kelvin sign as K
    ],
)
def test_license_name_with_look_alike_letters_does_not_resolve(conclude_cards, stated):
    conclusion = conclude_cards(license=stated)
    assert conclusion.state is UNRECOGNISED
    assert "U+" in conclusion.reasoning[0]


@pytest.mark.parametrize("stated", ["", "  ", "~", "null", []])
def test_empty_license_field_leaves_the_license_undeclared(conclude_cards, stated):
    conclusion = conclude_cards(license=stated)
    assert (conclusion.state, conclusion.category) == (UNDECLARED, LicenseCategory.UNKNOWN)


def test_reasoning_distinguishes_a_missing_card_from_a_card_without_a_license(conclude_cards):
    assert "no model card" in conclude_cards(cards={}).reasoning[0]
    assert "states no licence" in conclude_cards(pipeline_tag="text-generation").reasoning[0]


def test_license_field_that_lists_several_licenses_is_contradictory(conclude_cards):
    conclusion = conclude_cards(license=["mit", "gpl-3.0"])
    assert (conclusion.state, conclusion.category) == (CONTRADICTORY, LicenseCategory.UNKNOWN)
    assert {entry.id for entry in conclusion.entries} == {"MIT", "GPL-3.0-only"}
    assert conclude_cards(license=["mit", "my-own-1.0"]).state is CONTRADICTORY
    assert conclude_cards(license=["a", "b"]).state is CONTRADICTORY


def test_license_field_that_lists_permissive_licenses_binds_to_all_of_them(conclude_cards):
    conclusion = conclude_cards(license=["mit", "apache-2.0"])
    assert (conclusion.state, conclusion.expression) == (CONCLUDED, "MIT AND Apache-2.0")


def test_license_field_that_lists_one_license_is_concluded_as_that_license(conclude_cards):
    assert conclude_cards(license=["mit"]).state is CONCLUDED
    assert conclude_cards(license=["mit", "MIT", "MIT License"]).state is CONCLUDED


@pytest.mark.parametrize(
    ("stated", "expression", "category"),
    [
        ("apache-2.0 OR cc-by-nc-4.0", "Apache-2.0 OR CC-BY-NC-4.0", "permissive"),
        ("(MIT and Apache-2.0)", "MIT AND Apache-2.0", "permissive"),
        ("MIT AND CC-BY-NC-4.0", "MIT AND CC-BY-NC-4.0", "non-commercial"),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", "(MIT AND Apache-2.0) OR (MIT AND GPL-3.0-only)", "permissive"),
    ],
)
def test_license_expression_with_or_offers_a_choice_but_one_with_and_binds_to_all_its_licenses(
    conclude_cards, stated, expression, category
):
    conclusion = conclude_cards(license=stated)
    assert (conclusion.state, conclusion.expression, conclusion.category) == (CONCLUDED, expression, category)


@pytest.mark.parametrize(
    "stated",
    [
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "MIT OR my-own",
        "MIT OR",
        "OR MIT",
        "(MIT OR Apache-2.0",
        "MIT OR other",
        "MIT OR " * 500 + "MIT",
        "(" * 500 + "MIT OR Apache-2.0" + ")" * 500,
    ],
)
def test_invalid_or_unknown_license_expression_is_unrecognised(conclude_cards, stated):
    conclusion = conclude_cards(license=stated)
    assert (conclusion.state, conclusion.category) == (UNRECOGNISED, LicenseCategory.UNKNOWN)


@pytest.mark.parametrize(
    "fields",
    [
        {"license": "mit", "license_name": "llama3"},
        {"license": "mit", "license_link": "https://ai.google.dev/gemma/terms"},
        {"license_name": "qwen", "license_link": "https://ai.google.dev/gemma/terms"},
    ],
)
def test_disagreeing_license_fields_are_contradictory(conclude_cards, fields):
    conclusion = conclude_cards(**fields)
    assert (conclusion.state, conclusion.category) == (CONTRADICTORY, LicenseCategory.UNKNOWN)


def test_unknown_name_beside_known_identifier_prevents_conclusion(conclude_cards):
    conclusion = conclude_cards(license="mit", license_name="Proprietary Research Licence")
    assert (conclusion.state, conclusion.category) == (UNRECOGNISED, LicenseCategory.UNKNOWN)
    assert [entry.id for entry in conclusion.entries] == ["MIT"]


def test_agreeing_license_fields_lead_to_a_conclusion(conclude_cards):
    conclusion = conclude_cards(license="llama3.1", license_name="Llama 3.1 Community License", license_link="LICENSE")
    assert conclusion.state is CONCLUDED
    assert "license and license_name" in conclusion.reasoning[0]


def test_claim_from_a_card_quotes_the_value_with_its_line_number(conclude_cards):
    claim = conclude_cards(pipeline_tag="x", license="MIT").claims[0]
    assert (claim.kind, claim.artifact, claim.field, claim.quotation) == (
        ClaimKind.DECLARED,
        "README.md",
        "license",
        "MIT",
    )
    assert (claim.entry, claim.location) == ("MIT", Location(line=3, key="license"))


class TestSeveralCards:
    def test_root_card_states_the_license_of_the_model(self, conclude_cards):
        conclusion = conclude_cards(cards={"onnx/README.md": {}, "README.md": {"license": "mit"}})
        assert (conclusion.state, conclusion.category) == (CONCLUDED, "permissive")

    def test_stricter_license_in_a_subfolder_makes_the_category_of_the_model_stricter(self, conclude_cards):
        conclusion = conclude_cards(cards={"a/README.md": {"license": "cc-by-nc-4.0"}, "README.md": {"license": "mit"}})
        assert (conclusion.state, conclusion.category) == (CONCLUDED, "non-commercial")
        assert [entry.id for entry in conclusion.entries] == ["MIT", "CC-BY-NC-4.0"]

    def test_license_in_a_subfolder_never_makes_the_category_of_the_model_more_permissive(self, conclude_cards):
        conclusion = conclude_cards(cards={"a/README.md": {"license": "mit"}, "README.md": {"license": "cc-by-nc-4.0"}})
        assert conclusion.category is LicenseCategory.NON_COMMERCIAL

    def test_license_in_the_card_of_a_subfolder_leaves_the_license_of_the_model_undeclared(self, conclude_cards):
        conclusion = conclude_cards(cards={"a/README.md": {"license": "mit"}})
        assert (conclusion.state, conclusion.category) == (UNDECLARED, LicenseCategory.UNKNOWN)
        assert [claim.artifact for claim in conclusion.claims] == ["a/README.md"]

    @pytest.mark.parametrize(
        ("stated", "state"), [("my-own", UNRECOGNISED), ("other", VAGUE), (["mit", "gpl-3.0"], CONTRADICTORY)]
    )
    def test_doubtful_license_in_a_subfolder_prevents_a_conclusion(self, conclude_cards, stated, state):
        conclusion = conclude_cards(cards={"README.md": {"license": "mit"}, "a/README.md": {"license": stated}})
        assert (conclusion.state, conclusion.category) == (state, LicenseCategory.UNKNOWN)
        assert any(sentence.startswith("a/README.md: ") for sentence in conclusion.reasoning)


class TestHostileCards:
    def test_huge_license_value_is_quoted_truncated_and_resolves_to_no_license(self, conclude_cards):
        conclusion = conclude_cards(license="mit" + " " * 5_000_000, license_name="x" * 5_000_000)
        assert conclusion.state is UNRECOGNISED
        assert all(len(claim.quotation) < 400 for claim in conclusion.claims)
        assert all(len(sentence) < 500 for sentence in conclusion.reasoning)

    def test_license_after_a_thousand_other_values_of_its_field_is_still_found(self, conclude_cards):
        repeated = conclude_cards(license=["mit"] * 10_000 + ["cc-by-nc-4.0"])
        assert repeated.state is CONTRADICTORY
        assert {entry.id for entry in repeated.entries} == {"MIT", "CC-BY-NC-4.0"}
        unknown_links = [f"https://example.org/{number}" for number in range(1000)]
        linked = conclude_cards(license="mit", license_link=[*unknown_links, "https://ai.google.dev/gemma/terms"])
        assert linked.state is CONTRADICTORY
        # At most CLAIM_LIMIT (50) claims of unknown links, and those of the two known licences.
        assert len(linked.claims) < 60

    def test_repeated_license_field_with_another_value_is_contradictory(self, rules):
        twice = ModelCard((CardField("license", ("mit",), 2), CardField("license", ("cc-by-nc-4.0",), 3)))
        assert conclude_card(twice, rules).state is CONTRADICTORY

    @pytest.mark.parametrize("key", [None, "license", "license_name"])
    def test_front_matter_damage_without_a_field_or_in_a_license_field_prevents_a_conclusion(self, rules, key):
        defect = Defect("front-matter-type", "is neither text nor a list of texts", Location(line=2, key=key))
        conclusion = conclude_card(ModelCard((CardField("license", ("mit",), 2),), (defect,)), rules)
        assert (conclusion.state, conclusion.category) == (UNRECOGNISED, LicenseCategory.UNKNOWN)

    def test_license_text_does_not_replace_damaged_front_matter(self, conclude_cards, rules):
        defect = Defect("front-matter-invalid", "it is not YAML", Location(line=2))
        damaged = extract_claims(ModelCard((), (defect,)), "README.md", rules.licenses, rules.vague_licenses)
        conclusion = conclude_cards(claims=damaged, texts={"LICENSE": "MIT"})
        assert (conclusion.state, conclusion.expression) == (UNRECOGNISED, "")

    def test_damage_in_the_tags_field_of_a_card_does_not_prevent_a_conclusion(self, rules):
        defect = Defect("front-matter-type", "is neither text nor a list of texts", Location(line=9, key="tags"))
        damaged = ModelCard((CardField("license", ("mit",), 2),), (defect,))
        assert conclude_card(damaged, rules).state is CONCLUDED


def conclude_card(card, rules):
    """Conclude on one card, in a repository that holds nothing else."""
    claims = extract_claims(card, "README.md", rules.licenses, rules.vague_licenses)
    return conclude(Evidence(claims, ["README.md"]), rules)


RULES = load_shipped()
WORDS = st.one_of(
    st.text(max_size=40),
    st.sampled_from([name for entry in RULES.licenses.values() for name in (entry.id, *entry.hub_ids, *entry.aliases)]),
    st.sampled_from(sorted(RULES.vague_licenses)),
)
FIELD = st.builds(
    CardField,
    st.sampled_from(["license", "license_name", "license_link", "base_model", "datasets", "tags"]),
    st.lists(WORDS, max_size=4).map(tuple),
    st.integers(1, 99),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["README.md", "a/README.md"]), st.lists(FIELD, max_size=5)), max_size=3),
    st.booleans(),
)
def test_generated_cards_give_an_expression_and_a_category_only_if_a_license_is_concluded(cards, has_unknown_text):
    claims = [
        claim
        for path, fields in cards
        for claim in extract_claims(ModelCard(tuple(fields)), path, RULES.licenses, RULES.vague_licenses)
    ]
    # The member of an archive is not a licence file of the snapshot.
    paths = ["README.md", "x!LICENSE", *(["LICENSE"] if has_unknown_text else [])]
    conclusion = conclude(Evidence(claims, paths), RULES)
    if has_unknown_text:
        assert conclusion.state is not CONCLUDED
    assert (conclusion.category is LicenseCategory.UNKNOWN) or conclusion.state is CONCLUDED
    assert conclusion.reasoning
    if conclusion.state is CONCLUDED:
        assert conclusion.entries
        from_permissive_to_strict = list(LicenseCategory)
        own_entries = [entry for entry in conclusion.entries if entry.id in conclusion.own]
        strictest = max((entry.category for entry in own_entries), key=from_permissive_to_strict.index)
        assert conclusion.category == strictest
        assert conclusion.expression
    else:
        assert not conclusion.expression
    for subject in build_subjects(conclusion):
        assert all("\n" not in str(value) for value in subject.fields.values())
