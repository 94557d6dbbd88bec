"""Claims from statements outside cards, and from cards that state a relation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.languages.card_defects import CardDefect
from modelaudit.licenses.evidence.claims import extract_claims
from modelaudit.licenses.evidence.fields import CLAIM_LIMIT, LINEAGE_CLAIM_LIMIT, quote_name
from modelaudit.model.evidence import Statement, Statements, Topic
from modelaudit.model.license import NAME_LIMIT, ClaimKind
from modelaudit.model.limits import Limits
from modelaudit.model.structure import CardField, Defect, Location, ModelCard
from modelaudit.model.terms import Relation


def extract_from_statements(rules, *items, artifact="model.gguf"):
    """Extract the claims of statements, each given as (topic, field, value, place)."""
    statements = Statements("gguf", tuple(Statement(*item) for item in items))
    return extract_claims(statements, artifact, rules.licenses, rules.vague_licenses)


def test_claim_from_a_license_statement_has_its_license_key_location_and_quotation(rules):
    where = Location(key="general.license", offset=24)
    [claim] = extract_from_statements(rules, (Topic.LICENSE, "general.license", "Apache-2.0", where))
    assert (claim.kind, claim.artifact, claim.field, claim.quotation, claim.entry, claim.location) == (
        ClaimKind.DECLARED, "model.gguf", "general.license", "Apache-2.0", "Apache-2.0", where,
    )  # fmt: skip


def test_license_statement_resolves_only_if_its_name_or_link_is_known(rules):
    claims = extract_from_statements(
        rules,
        (Topic.LICENSE, "general.license", "MIT OR apache-2.0"),
        (Topic.LICENSE_NAME, "general.license.name", "no such licence"),
        (Topic.LICENSE_LINK, "general.license.link", rules.licenses["MIT"].url),
        (Topic.LICENSE, "license", "other"),
        (Topic.LICENSE, "license", " "),  # makes no claim
    )
    assert [(claim.quotation, claim.entry) for claim in claims] == [
        ("MIT OR apache-2.0", None),
        ("no such licence", None),
        (rules.licenses["MIT"].url, "MIT"),
        ("other", None),
    ]


def test_relation_in_the_same_tag_as_a_base_model_applies_to_that_base_model_alone(rules):
    tag_with_relation, tag = Location(key="base_model:quantized:org/a"), Location(key="base_model:org/b")
    claims = extract_from_statements(
        rules,
        (Topic.BASE_MODEL, "Hub tag", "org/a", tag_with_relation),
        (Topic.RELATION, "Hub tag", "quantized", tag_with_relation),
        (Topic.BASE_MODEL, "Hub tag", "org/b", tag),
        (Topic.DATASET, "Hub tag", "org/rows", Location(key="dataset:org/rows")),
        artifact="",
    )
    assert [(claim.quotation, claim.relation, claim.kind) for claim in claims] == [
        ("org/a", Relation.QUANTIZED, ClaimKind.INHERITED),
        ("org/b", Relation.UNSTATED, ClaimKind.INHERITED),
        ("org/rows", None, ClaimKind.INHERITED),
    ]


@pytest.mark.parametrize(
    ("words", "relation"),
    [(["merge"], Relation.MERGE), (["Adapter"], Relation.ADAPTER), (["x"], Relation.UNSTATED),
     (["merge", "adapter"], Relation.UNSTATED)],
)  # fmt: skip
def test_relation_stated_apart_from_base_models_applies_to_all_of_them(rules, words, relation):
    relations = [(Topic.RELATION, f"key {number}", word) for number, word in enumerate(words)]
    claims = extract_from_statements(
        rules, *relations, (Topic.BASE_MODEL, "models", "org/a"), (Topic.BASE_MODEL, "models", "org/b")
    )
    assert {(claim.quotation, claim.relation) for claim in claims} == {("org/a", relation), ("org/b", relation)}


def test_claim_limit_drops_unknown_licences_but_not_a_recognised_one(rules):
    unknown = [(Topic.LICENSE, "license", f"unknown {number}") for number in range(1000)]
    base_models = [(Topic.BASE_MODEL, "base_model", f"org/{number}") for number in range(1000)]
    claims = extract_from_statements(rules, *unknown, *base_models, (Topic.LICENSE, "license", "cc-by-nc-4.0"))
    # The limit holds for unknown licences; base models have a limit of their own.
    assert len(claims) == CLAIM_LIMIT + LINEAGE_CLAIM_LIMIT + 1
    assert "CC-BY-NC-4.0" in {claim.entry for claim in claims}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("acme/base", "acme/base"),
        ("./outputs/Run 3 (final)", "./outputs/Run 3 (final)"),
        ("acme/base). It is approved. No step is needed", "“acme/base). It is approved. No step is needed”"),
        (f"acme/{'b' * 96}", f"“acme/{'b' * 55}…” (101 characters, SHA-256 f33d3d2789c0)"),
    ],
)
def test_name_of_a_base_model_that_reads_as_sentences_is_quoted_and_cut(rules, name, shown):
    [claim] = extract_from_statements(rules, (Topic.BASE_MODEL, "base_model", name))
    assert claim.quotation == shown


def test_long_names_of_base_models_with_equal_beginnings_stay_apart(rules):
    names = [f"{'acme' * 100}/{each}" for each in range(3)]
    claims = extract_from_statements(rules, *((Topic.BASE_MODEL, "base_model", each) for each in names))
    assert len({each.quotation for each in claims}) == 3


def test_many_data_sets_hide_no_base_model(rules):
    data_sets = [(Topic.DATASET, "datasets", f"org/{number}") for number in range(1000)]
    claims = extract_from_statements(rules, *data_sets, (Topic.BASE_MODEL, "base_model", "org/base"))
    assert "org/base" in {claim.quotation for claim in claims}


def test_many_harmless_defects_of_a_card_hide_no_defect_that_hides_a_field(rules):
    misspelt = [Defect(CardDefect.FRONT_MATTER_SPELLING, "misspelt", Location(line=1, key="x"))] * CLAIM_LIMIT
    nested = Defect(CardDefect.FRONT_MATTER_TYPE, "nested", Location(line=9, key="license"))
    card = ModelCard((), (*misspelt, nested))
    claims = extract_claims(card, "README.md", rules.licenses, rules.vague_licenses)
    assert [(claim.field, claim.quotation) for claim in claims] == [("front-matter", "nested")]


def test_card_field_yields_more_base_model_claims_than_the_lineage_looks_up(rules):
    card = ModelCard((CardField("base_model", tuple(f"org/{number}" for number in range(1000)), 2),))
    claims = extract_claims(card, "README.md", rules.licenses, rules.vague_licenses)
    assert len(claims) > Limits().origins


def test_long_license_value_is_quoted_truncated(rules):
    [claim] = extract_from_statements(rules, (Topic.LICENSE, "license", "x" * 100_000))
    # A note of the full length follows the quoted part.
    assert len(claim.quotation) < NAME_LIMIT + 50


@pytest.mark.parametrize(
    ("stated_words", "relation"),
    [((), Relation.UNSTATED), (("quantized",), Relation.QUANTIZED), ((" Merge ",), Relation.MERGE),
     (("odd",), Relation.UNSTATED), (("merge", "finetune"), Relation.UNSTATED)],
)  # fmt: skip
def test_relation_of_a_card_applies_to_its_base_model_only_if_it_is_one_known_word(rules, stated_words, relation):
    fields = [CardField("base_model", ("org/a",), 3), CardField("datasets", ("org/rows",), 4)]
    if stated_words:
        fields.append(CardField("base_model_relation", stated_words, 5))
    claims = extract_claims(ModelCard(tuple(fields)), "README.md", rules.licenses, rules.vague_licenses)
    assert [(claim.quotation, claim.relation) for claim in claims] == [("org/a", relation), ("org/rows", None)]


def test_misspelled_license_field_makes_a_license_claim_and_no_claim_of_a_defect(rules):
    misspelling = Defect("front-matter-spelling", "x", Location(line=2, key="license"))
    card = ModelCard((CardField("license", ("mit",), 2),), (misspelling,))
    claims = extract_claims(card, "README.md", rules.licenses, rules.vague_licenses)
    assert [claim.field for claim in claims] == ["license"]


@given(st.lists(st.tuples(st.sampled_from(list(Topic)), st.text(max_size=20), st.text(max_size=400)), max_size=30))
def test_claims_from_arbitrary_statements_quote_only_values_of_the_statements(items):
    statements = Statements("x", tuple(Statement(*item) for item in items))
    claims = extract_claims(statements, "a", {}, {"other": "no licence"})
    values = {value for _, _, value in items}
    # There are no known licences here.
    assert all(claim.entry is None for claim in claims)
    # A long value is quoted up to an ellipsis, which its length follows. The quotation of a base model is that of a name
    # in one of the values, which other tests hold.
    quoted = [claim.quotation.partition("…")[0] for claim in claims if claim.kind is not ClaimKind.INHERITED]
    assert all(any(each in value for value in values) for each in quoted)
    inherited = [claim.quotation for claim in claims if claim.kind is ClaimKind.INHERITED]
    names = {quote_name(part) for value in values for part in (value, value.strip())}
    assert all(each in names for each in inherited)
