"""Agreement and contradiction between texts, tags, metadata and cards of one repository."""

from __future__ import annotations

import pytest

from modelaudit.model.license import Basis, ClaimKind, ConclusionState, LicenseClaim
from modelaudit.model.structure import Location
from modelaudit.model.terms import Answer, Intent, Use

CONCLUDED, CONTRADICTORY = ConclusionState.CONCLUDED, ConclusionState.CONTRADICTORY
UNRECOGNISED, UNDECLARED = ConclusionState.UNRECOGNISED, ConclusionState.UNDECLARED
BUSINESS = Intent({Use.COMMERCIAL: True})


def build_declared_claim(artifact: str, field: str, value: str, entry: str | None) -> LicenseClaim:
    """Build a claim that a field of a file, of its metadata or of the Hub declares a licence."""
    return LicenseClaim(ClaimKind.DECLARED, artifact, field, value, entry, Location(key=field))


def list_conflict_kinds(conclusion):
    """List the kinds of the conflicts of a conclusion."""
    return [conflict.kind for conflict in conclusion.conflicts]


def test_license_text_without_a_declared_license_becomes_the_conclusion(conclude_cards):
    conclusion = conclude_cards(texts={"LICENSE": "Apache-2.0"})
    assert (conclusion.state, conclusion.expression, conclusion.own) == (CONCLUDED, "Apache-2.0", ("Apache-2.0",))
    assert "taken as its licence" in conclusion.reasoning[0]
    assert conclude_cards(cards={}, texts={"LICENSE": "MIT"}).expression == "MIT"


def test_text_that_another_license_incorporates_is_no_further_license(conclude_cards):
    texts = {"COPYING": "GPL-3.0-only", "COPYING.LESSER": "LGPL-3.0-only"}
    assert conclude_cards(cards={}, texts=texts).own == ("LGPL-3.0-only",)
    assert conclude_cards(license="lgpl-3.0", texts=texts).own == ("LGPL-3.0-only",)
    assert conclude_cards(license="gpl-3.0", texts=texts).own == ("GPL-3.0-only", "LGPL-3.0-only")
    older = {"COPYING": "GPL-2.0-only", "COPYING.LESSER": "LGPL-2.1-only"}
    assert conclude_cards(cards={}, texts=older).own == ("GPL-2.0-only", "LGPL-2.1-only")


@pytest.mark.parametrize("name", ["mit", "apache-2.0", "openmdw-1.0"])
@pytest.mark.parametrize("text", ["LicenseRef-Llama-3.1", "LicenseRef-FLUX.1-dev", "CC-BY-NC-4.0"])
def test_permissive_name_with_stricter_text_is_contradictory(conclude_cards, fired, name, text):
    conclusion = conclude_cards(license=name, texts={"LICENSE": text}, intent=BUSINESS)
    assert (conclusion.state, conclusion.expression) == (CONTRADICTORY, "")
    [conflict] = [each for each in conclusion.conflicts if each.kind == "declared-found"]
    assert conflict.drops == "restrictions"
    assert {f"README.md:2: license: {name}", "LICENSE:1: text: the first words"} <= set(conflict.evidence)
    assert conclusion.permission is not Answer.ALLOW
    assert "license/declared-against-text" in fired(conclusion)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"license": "other"}, "LicenseRef-Llama-3.1"),
        ({"license": "other", "license_name": "modified-mit"}, "LicenseRef-Kimi-K2-Modified-MIT"),
        ({"license": "openrail"}, "LicenseRef-CreativeML-OpenRAIL-M"),
        ({"license": "other", "license_name": "acme-house-licence", "license_link": "LICENSE"}, "LicenseRef-Llama-3.1"),
    ],
)
def test_license_text_determines_the_license_that_a_vague_name_means(conclude_cards, fields, text):
    conclusion = conclude_cards(texts={"LICENSE": text}, **fields)
    assert (conclusion.state, conclusion.expression) == (CONCLUDED, text)


@pytest.mark.parametrize(
    ("fields", "text", "state"),
    [
        ({"license": "openrail"}, "MIT", CONTRADICTORY),
        ({"license": "cc"}, "Apache-2.0", CONTRADICTORY),
        # The name may mean other terms than the file's, and the card does not link to the file.
        ({"license": "other", "license_name": "acme-house-licence"}, "MIT", UNRECOGNISED),
        ({"license": "acme-1.0"}, "MIT", UNRECOGNISED),
    ],
)
def test_unlinked_or_contradicting_license_text_does_not_decide_a_vague_or_unknown_name(
    conclude_cards, fields, text, state
):
    conclusion = conclude_cards(texts={"LICENSE": text}, intent=BUSINESS, **fields)
    assert (conclusion.state, conclusion.expression, conclusion.permission) == (state, "", Answer.REVIEW)


def test_license_text_determines_the_version_of_a_license_declared_without_one(conclude_cards):
    conclusion = conclude_cards(license="gemma", texts={"LICENSE": "LicenseRef-Gemma-2024-04-01"})
    assert (conclusion.expression, list_conflict_kinds(conclusion)) == ("LicenseRef-Gemma-2024-04-01", [])
    without_text = conclude_cards(license="gemma")
    assert "version-dependent" in list_conflict_kinds(without_text)
    assert "version-dependent" not in list_conflict_kinds(conclude_cards(license="mit"))


def test_variant_of_a_license_text_never_leads_to_a_conclusion(conclude_cards, fired, text_claim):
    variant = text_claim("LICENSE", "MIT", "above 100 users its name must be shown")
    for fields in ({"license": "mit"}, {"license": "other"}, {}):
        conclusion = conclude_cards(claims=[variant], intent=BUSINESS, **fields)
        assert (conclusion.state, conclusion.expression, conclusion.permission) == (UNRECOGNISED, "", Answer.REVIEW)
        [conflict] = [each for each in conclusion.conflicts if each.kind == "variant-text"]
        assert "above 100 users its name must be shown" in conflict.detail
    assert "license/variant-under-permissive-name" in fired(conclude_cards(claims=[variant], license="mit"))
    assert "license/variant-text" in fired(conclude_cards(claims=[variant], license="other"))


@pytest.mark.parametrize(
    ("differs", "is_doubtful"),
    [
        ("1 words of the licence are missing", False),
        ("DALINGS", False),
        ("upon", False),
        ("any use of it", True),
        ("students", True),
        ("禁止商用", True),
        ("20 cats", True),
        ("characters that do not show", True),
        ("and 4 more", True),
        ("its words were compared with a pattern of the licence, which has room for others", True),
        ("whales " * 20, True),
    ],
)
def test_misspelt_permissive_text_is_for_review_and_one_with_added_terms_is_a_finding(
    conclude_cards, fired, text_claim, differs, is_doubtful
):
    variant = text_claim("LICENSE", "MIT", differs)
    conclusion = conclude_cards(claims=[variant], intent=BUSINESS, license="mit")
    assert (conclusion.state, conclusion.permission) == (UNRECOGNISED, Answer.REVIEW)
    assert ("license/variant-under-permissive-name" in fired(conclusion)) is is_doubtful
    likely = text_claim("LICENSE", "LicenseRef-Llama-2", differs)
    assert "license/variant-under-permissive-name" in fired(conclude_cards(claims=[likely], license="mit"))


def test_use_policy_without_a_license_statement_leaves_the_license_undeclared(conclude_cards, text_claim):
    policy = text_claim("USE_POLICY.md", "LicenseRef-Llama-3.1", policy=True)
    assert conclude_cards(claims=[policy]).state is UNDECLARED
    assert conclude_cards(license="mit", claims=[policy]).expression == "MIT"


def test_second_license_text_joins_the_conclusion_and_contradicts_it_if_stricter(conclude_cards):
    both = conclude_cards(license="apache-2.0", texts={"LICENSE": "Apache-2.0", "LICENSE-MIT": "MIT"})
    assert (both.state, both.expression) == (CONCLUDED, "Apache-2.0 AND MIT")
    stricter = conclude_cards(license="apache-2.0", texts={"LICENSE": "Apache-2.0", "LICENSE-MODEL": "CC-BY-NC-4.0"})
    assert stricter.state is CONTRADICTORY


def test_texts_of_both_alternatives_agree_with_a_declared_or_expression(conclude_cards):
    conclusion = conclude_cards(
        license="mit OR apache-2.0", texts={"LICENSE-MIT": "MIT", "LICENSE-APACHE": "Apache-2.0"}
    )
    assert (conclusion.state, conclusion.expression) == (CONCLUDED, "MIT OR Apache-2.0")


@pytest.mark.parametrize(
    ("claim", "state"),
    [
        (build_declared_claim("model.gguf", "general.license", "mit", "MIT"), CONCLUDED),
        (build_declared_claim("model.gguf", "general.license", "other", None), CONCLUDED),
        (build_declared_claim("model.gguf", "general.license", "llama3.1", "LicenseRef-Llama-3.1"), CONTRADICTORY),
        (build_declared_claim("model.gguf", "general.license", "acme-1.0", None), UNRECOGNISED),
        (build_declared_claim("", "Hub tag", "mit", "MIT"), CONCLUDED),
        (build_declared_claim("", "Hub tag", "cc-by-nc-4.0", "CC-BY-NC-4.0"), CONTRADICTORY),
        (build_declared_claim("", "Hub card data", "acme-1.0", None), UNRECOGNISED),
        # Code has a licence of its own.
        (build_declared_claim("pyproject.toml", "license", "cc-by-nc-4.0", "CC-BY-NC-4.0"), CONCLUDED),
    ],
)
def test_model_metadata_or_hub_license_prevents_a_conclusion_if_unknown_or_contradicting_the_card(
    conclude_cards, claim, state
):
    assert conclude_cards(license="mit", claims=[claim]).state is state


def test_license_in_model_metadata_is_concluded_at_the_root_but_not_in_a_subfolder(conclude_cards):
    claim = build_declared_claim("model.gguf", "general.license", "apache-2.0", "Apache-2.0")
    assert conclude_cards(cards={}, claims=[claim]).expression == "Apache-2.0"
    in_subfolder = build_declared_claim("q4/model.gguf", "general.license", "apache-2.0", "Apache-2.0")
    assert conclude_cards(cards={}, claims=[in_subfolder]).state is UNDECLARED


def test_license_name_in_running_text_is_a_conflict_only_if_stricter_than_the_conclusion(conclude_cards, fired):
    mention = LicenseClaim(ClaimKind.DECLARED, "README.md", "text", "under CC BY-NC 4.0", "CC-BY-NC-4.0")
    assert conclude_cards(claims=[mention]).state is UNDECLARED
    conclusion = conclude_cards(license="mit", claims=[mention], intent=BUSINESS)
    assert (conclusion.state, conclusion.permission) == (CONCLUDED, Answer.REVIEW)
    assert "license/stricter-in-prose" in fired(conclusion)
    permissive = LicenseClaim(ClaimKind.DECLARED, "README.md", "text", "the MIT License", "MIT")
    without_conflict = conclude_cards(license="apache-2.0", claims=[permissive], texts={"LICENSE": "Apache-2.0"})
    assert list_conflict_kinds(without_conflict) == []


def test_component_license_decides_the_answer_but_stays_out_of_the_model_expression(conclude_cards):
    texts = {"LICENSE": "MIT", "vae/LICENSE": "CC-BY-NC-4.0", "LICENSE-CODE": "Apache-2.0"}
    conclusion = conclude_cards(license="mit", texts=texts, intent=BUSINESS)
    assert (conclusion.expression, conclusion.own) == ("MIT", ("MIT",))
    assert conclusion.permission is Answer.DENY
    assert [answer.via for answer in conclusion.answers] == ["vae/LICENSE"]
    assert any("vae/LICENSE is under" in sentence for sentence in conclusion.reasoning)


def test_license_file_that_only_names_the_license_is_unrecognised(conclude_cards):
    named = LicenseClaim(ClaimKind.FOUND, "LICENSE", "text", "the MIT License", "MIT", basis=Basis.NAME)
    conclusion = conclude_cards(license="mit", claims=[named], intent=BUSINESS)
    assert (conclusion.state, conclusion.permission) == (UNRECOGNISED, Answer.REVIEW)


def test_license_named_in_the_prose_of_a_subfolder_card_makes_no_conflict(conclude_cards):
    mention = LicenseClaim(ClaimKind.DECLARED, "part/README.md", "text", "under CC BY-NC 4.0", "CC-BY-NC-4.0")
    conclusion = conclude_cards(license="mit", claims=[mention], intent=BUSINESS)
    assert "declared-prose" not in {conflict.kind for conflict in conclusion.conflicts}
