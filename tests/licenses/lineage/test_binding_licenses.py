"""Licences inherited from base models, and duties of theirs that the repository does not meet."""

from __future__ import annotations

import pytest

from modelaudit.licenses.evidence.scope import PlacesApart
from modelaudit.licenses.lineage.binding_licenses import list_chains, list_unclear_components
from modelaudit.model.copies import replace
from modelaudit.model.license import ConclusionState, DatasetClaim, Origin, OriginState
from modelaudit.model.terms import Answer, Intent, Relation, Use

SALE = Intent(
    {Use.COMMERCIAL: True, Use.REDISTRIBUTE: True, Use.FINE_TUNE: True, Use.DISTILL: False, Use.TRAIN_ON_OUTPUTS: False,
     Use.HOSTED_SERVICE: False, Use.EMBED_ON_DEVICE: False},
    monthly_active_users=5e6, annual_revenue_usd=2e7, territories=("EU",), field="general",
)  # fmt: skip
LLAMA = "LicenseRef-Llama-3.1"


def list_conflict_kinds(conclusion):
    """List the kinds of the conflicts of a conclusion."""
    return [conflict.kind for conflict in conclusion.conflicts]


@pytest.mark.parametrize("relation", [Relation.FINETUNE, Relation.QUANTIZED, Relation.ADAPTER, Relation.MERGE])
def test_permissive_license_on_a_model_derived_from_llama_makes_a_conflict_and_needs_review(
    conclude_cards, fired, origin_of, relation
):
    origins = [origin_of("meta-llama/Llama-3.1-8B", LLAMA, relation=relation)]
    conclusion = conclude_cards(license="apache-2.0", texts={"LICENSE": "Apache-2.0"}, origins=origins, intent=SALE)
    assert conclusion.expression == f"Apache-2.0 AND {LLAMA}"
    assert conclusion.category == "conditional-commercial"
    assert conclusion.permission is Answer.REVIEW
    [conflict] = [each for each in conclusion.conflicts if each.kind == "declared-inherited"]
    assert conflict.drops == "restrictions"
    assert "number of users" in conflict.detail
    assert "license/declared-against-inherited" in fired(conclusion)
    assert {"missing-text", "missing-notice", "missing-naming"} <= set(list_conflict_kinds(conclusion))
    assert {duty.via for duty in conclusion.duties if duty.license == LLAMA} == {"meta-llama/Llama-3.1-8B"}


def test_llama_finetune_with_all_duties_met_has_no_conflict(conclude_cards, fired, origin_of, rules):
    [notice] = [clause for clause in rules.licenses[LLAMA].clauses if clause.kind == "keep-notices"]
    conclusion = conclude_cards(
        license="llama3.1",
        texts={"LICENSE": LLAMA},
        prose={"README.md": "# M\n\n**Built with Llama**", "NOTICE": "\n".join(notice.words)},
        origins=[origin_of("meta-llama/Llama-3.1-8B", LLAMA)],
        repository="acme/Llama-3.1-8B-acme",
        intent=SALE,
    )
    assert (conclusion.state, conclusion.expression, list_conflict_kinds(conclusion)) == (
        ConclusionState.CONCLUDED,
        LLAMA,
        [],
    )
    assert conclusion.permission is Answer.ALLOW
    assert set(fired(conclusion)) == {"license/commercial-conditions"}
    met = {duty.kind: duty.met for duty in conclusion.duties}
    assert (met["include-license-text"], met["keep-notices"]) == ("LICENSE", "NOTICE")


def test_derived_model_without_the_attribution_and_name_prefix_that_llama_requires_has_conflicts(
    conclude_cards, origin_of
):
    origins = [origin_of("meta-llama/Llama-3.1-8B", LLAMA)]
    fields = {"license": "llama3.1", "texts": {"LICENSE": LLAMA}, "origins": origins}
    bare = conclude_cards(**fields, prose={"README.md": "# Model"}, repository="acme/zephyr")
    details = [each.detail for each in bare.conflicts if each.kind == "missing-naming"]
    assert any("Built with Llama" in each for each in details)
    assert any("begin with “Llama”" in each for each in details)
    # The original model has no base model to name.
    original = conclude_cards(license="llama3.1", texts={"LICENSE": LLAMA}, repository="a/zephyr")
    assert "missing-naming" not in list_conflict_kinds(original)


@pytest.mark.parametrize(
    ("own_license", "base_license", "expression", "permission"),
    [
        ("mit", "Apache-2.0", "MIT AND Apache-2.0", Answer.ALLOW),
        ("apache-2.0", "MIT", "Apache-2.0 AND MIT", Answer.ALLOW),
        ("mit", "MIT", "MIT", Answer.ALLOW),
        ("mit", "CC-BY-NC-4.0", "MIT AND CC-BY-NC-4.0", Answer.DENY),
        ("mit", "GPL-3.0-only", "MIT AND GPL-3.0-only", Answer.REVIEW),
        ("cc-by-nc-4.0", "MIT", "CC-BY-NC-4.0 AND MIT", Answer.DENY),
        ("mit", "LicenseRef-Tencent-Hunyuan-Video-2024-12-03",
         "MIT AND LicenseRef-Tencent-Hunyuan-Video-2024-12-03", Answer.DENY),
    ],
)  # fmt: skip
def test_license_of_a_base_model_joins_the_expression_and_the_stricter_one_decides_the_answer(
    conclude_cards, origin_of, own_license, base_license, expression, permission
):
    conclusion = conclude_cards(license=own_license, origins=[origin_of("a/b", base_license)], intent=SALE)
    assert (conclusion.expression, conclusion.permission) == (expression, permission)
    is_base_permissive = base_license in ("MIT", "Apache-2.0")
    assert ("declared-inherited" in list_conflict_kinds(conclusion)) is not is_base_permissive


@pytest.mark.parametrize("look", [OriginState.MISSING, OriginState.GATED, OriginState.UNREACHED, OriginState.LIMIT])
def test_unread_base_model_with_a_hub_id_and_no_license_on_record_leaves_the_answer_for_review(
    conclude_cards, origin_of, look
):
    conclusion = conclude_cards(license="mit", origins=[origin_of("acme/nowhere", look=look)], intent=SALE)
    assert (conclusion.expression, conclusion.permission) == ("MIT", Answer.REVIEW)
    assert "origin-unknown" in list_conflict_kinds(conclusion)


@pytest.mark.parametrize("tags", [(), (LLAMA,)])
def test_license_on_record_for_a_gated_base_model_adds_restrictions_and_never_permission(
    conclude_cards, origin_of, tags
):
    gated = [origin_of("meta-llama/Llama-3.1-8B", *tags, look=OriginState.GATED)]
    conclusion = conclude_cards(license="mit", origins=gated, intent=SALE)
    assert conclusion.origins[0].look is OriginState.KNOWN
    assert (conclusion.expression, conclusion.permission) == (f"MIT AND {LLAMA}", Answer.REVIEW)
    agreeing = conclude_cards(license="llama3.1", texts={"LICENSE": LLAMA}, origins=gated, intent=SALE)
    assert agreeing.permission is Answer.ALLOW
    # The cap of Llama 3.1 is 700 million users.
    over_the_cap = replace(SALE, monthly_active_users=1e9)
    assert conclude_cards(license="mit", origins=gated, intent=over_the_cap).permission is Answer.DENY


def test_license_on_record_speaks_for_no_revision_of_a_base_model(conclude_cards, origin_of):
    missing = [origin_of("meta-llama/Llama-3.1-8B@v2", look=OriginState.MISSING)]
    conclusion = conclude_cards(license="llama3.1", texts={"LICENSE": LLAMA}, origins=missing, intent=SALE)
    assert (conclusion.origins[0].look, conclusion.permission) == (OriginState.KNOWN, Answer.REVIEW)


def test_license_on_record_and_tags_of_a_gated_base_model_bind_together(conclude_cards, origin_of):
    gated = [origin_of("meta-llama/Llama-3.1-8B", "MIT", look=OriginState.GATED)]
    conclusion = conclude_cards(license="mit", origins=gated, intent=SALE)
    assert (conclusion.expression, conclusion.permission) == (f"MIT AND {LLAMA}", Answer.REVIEW)


def test_base_model_without_license_leaves_answer_for_review(conclude_cards, origin_of):
    assert conclude_cards(license="mit", origins=[origin_of("a/b")], intent=SALE).permission is Answer.REVIEW


def test_base_model_at_a_local_path_makes_a_conflict_and_still_allows_permission(conclude_cards, origin_of):
    conclusion = conclude_cards(
        license="mit", origins=[origin_of("/data/run-7/checkpoint", look=OriginState.UNREACHED)], intent=SALE
    )
    assert "origin-local" in list_conflict_kinds(conclusion)
    assert conclusion.permission is Answer.ALLOW


def test_choice_of_licenses_of_a_model_does_not_remove_the_license_of_its_base_model(conclude_cards, origin_of):
    llama = [origin_of("meta-llama/Llama-3.1-8B", LLAMA)]
    conclusion = conclude_cards(license=f"mit OR {LLAMA}", origins=llama, intent=SALE)
    assert LLAMA in conclusion.expression
    assert conclusion.own == (LLAMA,)


def test_stricter_or_unread_data_set_license_makes_a_conflict_and_does_not_bind(conclude_cards, fired):
    data = [
        DatasetClaim("a/news", OriginState.READ, ("CC-BY-NC-4.0",)),
        DatasetClaim("b/gone", OriginState.MISSING, (), "it is not on the Hub"),
        DatasetClaim("c/open", OriginState.READ, ("CC0-1.0",)),
    ]
    conclusion = conclude_cards(license="mit", evidence={"datasets": data}, intent=SALE)
    assert (conclusion.expression, conclusion.permission) == ("MIT", Answer.ALLOW)
    assert [each for each in list_conflict_kinds(conclusion) if each.startswith("dataset")] == [
        "dataset-stricter",
        "dataset-unknown",
    ]
    assert {"license/dataset-stricter", "license/base-model-not-followed"} <= set(fired(conclusion))


def test_use_of_undeclared_model_is_for_review(conclude_cards):
    conclusion = conclude_cards(intent=SALE)
    assert (conclusion.permission, conclusion.answers[0].kind) == (Answer.REVIEW, "conclusion")
    assert conclude_cards().permission is None


@pytest.mark.parametrize(
    ("own_multimodal", "base_multimodal", "relation", "permission"),
    [
        (True, None, Relation.FINETUNE, Answer.DENY),
        (None, True, Relation.ADAPTER, Answer.DENY),
        (None, True, Relation.FINETUNE, Answer.DENY),
        (None, None, Relation.ADAPTER, Answer.REVIEW),
        (None, False, Relation.FINETUNE, Answer.REVIEW),
        (None, False, Relation.QUANTIZED, Answer.ALLOW),
        (False, None, Relation.FINETUNE, Answer.ALLOW),
    ],
)
def test_multimodal_clause_denies_multimodal_models_and_needs_review_for_unknown_modality(
    conclude_cards, origin_of, own_multimodal, base_multimodal, relation, permission
):
    # None: whether the model is multimodal is not known.
    evidence = {
        "multimodal": own_multimodal,
        "modalities": {} if base_multimodal is None else {"acme/base": base_multimodal},
    }
    origins = [origin_of("acme/base", "LicenseRef-Llama-3.2", relation=relation)]
    texts = {"LICENSE": "LicenseRef-Llama-3.2"}
    conclusion = conclude_cards(license="llama3.2", texts=texts, origins=origins, intent=SALE, evidence=evidence)
    assert conclusion.permission is permission


def test_variant_of_a_license_text_is_an_unclear_component_only_in_the_folder_of_a_component(text_claim, rules):
    of_model, of_component = (text_claim(path, "MIT", "more words") for path in ("LICENSE", "parts/foo/LICENSE"))
    assert list_unclear_components([of_model, of_component], rules.licenses, PlacesApart()) == [of_component]


def build_origin(name, made, relation):
    """Build a base model that was read, without licences."""
    return Origin(name, made, relation, 1 if not made else 2, OriginState.READ, ConclusionState.CONCLUDED)


def test_chains_of_a_base_model_are_those_that_no_chain_with_fewer_relations_makes_needless():
    tune, distil, merge = Relation.FINETUNE, Relation.DISTILLED, Relation.MERGE
    origins = [
        build_origin("a/decoy", "", tune),
        build_origin("a/base", "", tune),
        build_origin("A/Middle", "a/decoy", distil),
        build_origin("a/middle", "a/base", merge),
        build_origin("a/root", "A/Middle", tune),
    ]
    assert list_chains(origins) == [
        ((tune,),),
        ((tune,),),
        ((distil, tune),),
        ((merge, tune),),
        ((tune, distil, tune), (tune, merge, tune)),
    ]
    origins.append(build_origin("a/middle", "", tune))
    assert list_chains(origins)[4] == ((tune, tune),)


def test_chain_through_a_base_model_that_closes_a_cycle_counts():
    tune, distil = Relation.FINETUNE, Relation.DISTILLED
    cycle = replace(build_origin("a/one", "a/two", tune), look=OriginState.CYCLE)
    origins = [build_origin("a/one", "", distil), build_origin("a/two", "", tune), build_origin("a/two", "a/one", tune)]
    assert list_chains([*origins, build_origin("a/root", "a/one", tune), cycle])[3] == ((tune, tune, tune),)


def test_ladder_of_diamonds_has_as_few_chains_as_sets_of_relations():
    origins = [build_origin("a/0", "", Relation.FINETUNE)]
    for rung in range(40):
        for side, relation in enumerate((Relation.MERGE, Relation.DISTILLED, Relation.ADAPTER)):
            origins.append(build_origin(f"a/{rung}-{side}", f"a/{rung}", relation))
            origins.append(build_origin(f"a/{rung + 1}", f"a/{rung}-{side}", relation))
    assert max(map(len, list_chains(origins))) <= 3
