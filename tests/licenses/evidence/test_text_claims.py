"""Claims from the text of licence files, notices, policies, cards and code heads."""

from __future__ import annotations

from importlib.metadata import distribution

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.claim_collector import ClaimCollector
from modelaudit.licenses.evidence.fields import LINEAGE_CLAIM_LIMIT, POLICY, RESTRICTION, TAG, TEXT
from modelaudit.licenses.evidence.plain_limits import find_plain_limits
from modelaudit.licenses.evidence.text_claims import drop_repeated_code_claims, extract_text_claims
from modelaudit.licenses.recognition.words import split_words
from modelaudit.model.copies import replace
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.fingerprint import Fingerprint, Fingerprints
from modelaudit.model.license import NAME_LIMIT, Basis, ClaimKind, LicenseClaim
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location
from modelaudit.model.terms import LicenseCategory, Relation

RULES = load_shipped()
DECLARED, FOUND = ClaimKind.DECLARED, ClaimKind.FOUND


@pytest.fixture(scope="module")
def mit() -> str:
    """The MIT text as a package of the test environment ships it."""
    files = [file for file in distribution("pytest").files or () if file.name == "LICENSE"]
    return files[0].read_text("utf-8")


def extract_from_text(text, kind=ProseKind.LICENSE, path="LICENSE", line=1):
    """Extract the claims of one text whose first line has the number ``line`` in its file."""
    return extract_text_claims(Prose(kind, text, line), path, RULES.licenses, load_fingerprints())


def test_claim_from_a_license_text_has_the_license_a_line_and_a_quotation(mit):
    [claim] = extract_from_text(f"\n\n{mit}", line=10)
    assert (claim.kind, claim.artifact, claim.field, claim.entry, claim.basis) == (
        FOUND, "LICENSE", TEXT, "MIT", Basis.TEXT,
    )  # fmt: skip
    assert claim.location.line is not None
    assert claim.location.line >= 10
    assert claim.quotation


def test_text_with_added_clause_is_a_variant_that_quotes_it(mit):
    more = f"{mit}\nIf the product has more than 100 million monthly active users, its name must be shown.\n"
    claims = extract_from_text(more)
    assert {(claim.entry, claim.basis) for claim in claims} == {("MIT", Basis.VARIANT)}
    assert any("million" in " ".join(claim.differs) for claim in claims)


def test_disclaimer_that_many_licenses_share_is_no_likeness_to_a_permissive_one(mit):
    disclaimer = mit[mit.index("THE SOFTWARE IS PROVIDED") :]
    terms = "The weights serve academic research only. Nothing of them may be given to others without our consent.\n"
    assert extract_from_text(f"{terms}\n{disclaimer}") == ()


def test_license_text_in_a_card_is_found(mit):
    claims = extract_from_text(
        f"# Model\n\nSome words on what it does.\n\n## License\n\n{mit}", ProseKind.CARD, "README.md", 5
    )
    assert {(claim.kind, claim.entry) for claim in claims} >= {(FOUND, "MIT")}


def test_license_named_in_the_text_of_a_card_gives_a_declared_claim_that_quotes_the_sentence():
    claims = extract_from_text("# M\n\nIt is released under the MIT License.\n", ProseKind.CARD, "README.md", 6)
    assert [(each.kind, each.field, each.entry, each.basis, each.location.line, each.quotation) for each in claims] == [
        (DECLARED, TEXT, "MIT", Basis.NAME, 8, "It is released under the MIT License.")
    ]


NO_CLAIM = "no claim"


@check_each(
    "sentence, entry",
    [
        ("It is licensed under the Apache License, Version 2.0.\nThe rest follows.", "Apache-2.0"),
        ("Llama is licensed under the Llama 3.1 Community License, Copyright © Meta.", "LicenseRef-Llama-3.1"),
        ("It is released under the MIT license. More of it stands below.", "MIT"),
        ("It is released under the MIT Research Community License.", None),
        ("It is released under the Frobnicate License.", None),
        ("It is not licensed under the MIT License.", NO_CLAIM),
        ("People at MIT and users of Apache liked it.", NO_CLAIM),
    ],
)
def test_license_name_in_a_sentence_resolves_only_if_the_whole_name_is_known(sentence, entry):
    claims = extract_from_text(sentence, ProseKind.CARD, "README.md")
    assert [claim.entry for claim in claims] == ([] if entry == NO_CLAIM else [entry])


@check_each(
    "line, expected",
    [
        ("- **License:** apache-2.0", ["Apache-2.0"]),
        ("- **License :** `cc-by-nc-4.0`", ["CC-BY-NC-4.0"]),
        ("License: mit", ["MIT"]),
        ("License: gemma", ["LicenseRef-Gemma"]),
        ("- **License:** [llama3.1](LICENSE)", ["LicenseRef-Llama-3.1"]),
        ("- **License:** [ours](https://opensource.org/licenses/MIT)", ["MIT"]),
        ("License: made up", []),
        ("- **License:** [More Information Needed]", []),
        ("- **License:** other", []),
        ("- **Finetuned from model :** acme/base-7b", ["acme/base-7b finetune"]),
        (
            "- **Finetuned from model [optional]:** [base](https://huggingface.co/acme/base-7b).",
            ["acme/base-7b finetune"],
        ),
        ("**Base model**: acme/one, acme/two", ["acme/one unstated", "acme/two unstated"]),
        ("- **Finetuned from model [optional]:** [More Information Needed]", []),
        ("Base model: ../secret and/or", []),
        ("It is finetuned from model: acme/base", []),
    ],
)
def test_license_and_base_model_lines_of_a_card_become_claims_if_they_name_a_license_or_hub_id(line, expected):
    claims = extract_from_text(f"# M\n\n{line}\n", ProseKind.CARD, "README.md")
    assert [each.entry or f"{each.quotation} {each.relation}" for each in claims] == expected
    assert all(each.location.line == 3 for each in claims)
    kinds = {DECLARED if each.entry else ClaimKind.INHERITED for each in claims}
    assert {each.kind for each in claims} == kinds


@pytest.mark.parametrize("name", ["cc-by-nc-4.0", "Apache 2.0", "**gemma**", "[MIT](LICENSE)"])
def test_license_name_below_a_license_heading_in_a_card_is_declared(name):
    [claim] = extract_from_text(f"# M\n\n## License\n\n{name}\n\n## More\n", ProseKind.CARD, "README.md")
    assert claim.entry is not None
    assert (claim.kind, claim.location.line) == (DECLARED, 5)


def test_card_with_a_license_name_and_a_license_text_makes_claims_for_both(mit):
    claims = extract_from_text(f"# M\n\nLicense: cc-by-nc-4.0\n\n{mit}", ProseKind.CARD, "README.md")
    assert {"CC-BY-NC-4.0", "MIT"} <= {claim.entry for claim in claims}


def test_license_in_the_head_of_a_source_file_makes_a_found_claim_not_a_declared_one():
    head = "# SPDX-License-Identifier: GPL-3.0-only\n# Licensed under the Apache License, Version 2.0.\n"
    claims = extract_from_text(head, ProseKind.CODE, "modeling.py")
    assert [(claim.kind, claim.field, claim.entry) for claim in claims] == [
        (FOUND, TAG, "GPL-3.0-only"),
        (FOUND, TEXT, "Apache-2.0"),
    ]


def test_spdx_tag_keeps_the_whole_expression():
    [claim] = extract_from_text("// SPDX-License-Identifier: MIT OR Apache-2.0\n", ProseKind.CODE, "a.js")
    assert (claim.entry, claim.quotation, claim.field) == (None, "MIT OR Apache-2.0", TAG)


def test_sixty_invented_license_names_in_a_text_do_not_hide_a_known_one():
    invented = "".join(f"Licensed under Acme License {number}.\n" for number in range(60))
    for kind, path in ((ProseKind.LICENSE, "LICENSE"), (ProseKind.CARD, "README.md")):
        claims = extract_from_text(invented + "Licensed under CC-BY-NC-4.0.\n", kind, path)
        assert "CC-BY-NC-4.0" in [claim.entry for claim in claims]
        assert len(claims) <= 60


def test_repeated_lines_of_a_card_hide_no_license_and_no_base_model():
    lines = "License: MIT\nIt is fine-tuned from acme/base-1.\n- **Finetuned from model:** acme/base-2\n" * 30
    last = "License: cc-by-nc-4.0\nIt is quantized from acme/base-3.\n- **Finetuned from model:** acme/base-4\n"
    claims = extract_from_text(lines + last, ProseKind.CARD, "README.md")
    assert {"MIT", "CC-BY-NC-4.0"} <= {claim.entry for claim in claims}
    base_models = [claim.quotation for claim in claims if claim.kind is ClaimKind.INHERITED]
    assert sorted(base_models) == [f"acme/base-{number}" for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("sentence", "relation"),
    [
        ("This is a quantised version of https://huggingface.co/acme/base-7b.", Relation.QUANTIZED),
        ("A fine-tuned version of <https://huggingface.co/acme/base-7b>", Relation.FINETUNE),
        ("Converted from https://hf.co/acme/base-7b/tree/main with a script.", Relation.UNSTATED),
        ("The weights were initialised from acme/base-7b.", Relation.UNSTATED),
        ("Training started from acme/base-7b.", Relation.UNSTATED),
    ],
)
def test_sentence_that_names_a_base_model_by_a_bare_address_or_id_makes_a_claim(sentence, relation):
    claims = extract_from_text(f"# M\n\n{sentence}\n", ProseKind.CARD, "README.md")
    assert [(claim.kind, claim.quotation, claim.relation, claim.location.line) for claim in claims] == [
        (ClaimKind.INHERITED, "acme/base-7b", relation, 3)
    ]


def test_sentence_that_names_a_data_set_or_a_path_makes_no_claim_of_a_base_model():
    text = "Fine-tuned on https://huggingface.co/datasets/acme/data-1. It started from input/output.\n"
    assert extract_from_text(text, ProseKind.CARD, "README.md") == ()


def test_unknown_license_file_makes_no_text_claim():
    assert extract_from_text("All of it is mine, and nobody may use it without asking.\n") == ()
    assert extract_from_text("It is released under the Frobnicate License.\n") == ()


def test_license_file_that_only_names_a_license_makes_a_claim_on_the_basis_of_the_name():
    [claim] = extract_from_text("This model is licensed under the MIT License.\n")
    assert (claim.kind, claim.entry, claim.basis) == (FOUND, "MIT", Basis.NAME)


def test_unknown_use_policy_makes_a_policy_claim_that_resolves_to_no_license():
    [claim] = extract_from_text(
        "\n# Acme use policy\n\nNot for harm. It is released under the MIT License.", ProseKind.POLICY, "USE_POLICY.md"
    )
    assert (claim.kind, claim.field, claim.entry, claim.quotation, claim.location.line) == (
        FOUND, POLICY, None, "# Acme use policy", 2,
    )  # fmt: skip


@pytest.mark.parametrize("kind", list(ProseKind))
def test_empty_text_makes_a_claim_only_if_it_is_a_use_policy(kind):
    assert [claim.field for claim in extract_from_text(" \n\n", kind)] == ([POLICY] if kind is ProseKind.POLICY else [])


def test_equal_claims_of_a_license_file_without_extension_are_all_kept():
    claims = [LicenseClaim(FOUND, "LICENSE", TEXT, "w", "Apache-2.0", Location(line=line)) for line in range(1, 11)]
    assert drop_repeated_code_claims(claims) == tuple(claims)


def test_at_most_five_equal_license_claims_of_source_files_are_kept():
    claims = [LicenseClaim(FOUND, f"src/{number}.py", TEXT, f"words {number}", "Apache-2.0") for number in range(1000)]
    texts = [LicenseClaim(FOUND, f"{number}/LICENSE.txt", TEXT, "w", "Apache-2.0") for number in range(10)]
    other = LicenseClaim(FOUND, "src/last.py", TEXT, "words", "GPL-3.0-only")
    card = LicenseClaim(DECLARED, "README.md", "license", "mit", "MIT")
    kept = drop_repeated_code_claims([card, *claims, other, *texts])
    assert kept == (card, *claims[:5], other, *texts)


@given(st.text(max_size=300), st.sampled_from(list(ProseKind)))
def test_claims_from_any_text_have_bounded_quotations_and_known_licenses(text, kind):
    for claim in extract_from_text(text, kind):
        assert claim.entry is None or claim.entry in RULES.licenses
        # A note of the full length may follow the quoted part.
        assert len(claim.quotation) <= NAME_LIMIT + 40


@pytest.mark.parametrize(
    "filler", ["released under the X License 1.\n", "License: MIT\n", "(" * 50, "\u200b. ", "#" * 80]
)
def test_card_of_five_megabytes_makes_a_bounded_number_of_claims(filler):
    text = filler * (5_000_000 // len(filler))
    assert len(extract_from_text(text, ProseKind.CARD, "README.md")) <= 200


def test_complete_mit_text_in_a_card_is_recognised(mit):
    found = extract_from_text(f"# M\n\n{mit}", ProseKind.CARD, "README.md")
    assert any(claim.entry == "MIT" and claim.basis is not Basis.NAME for claim in found)


def find_base_models(text):
    """Return the base models that a card with this text names."""
    claims = extract_from_text(text, ProseKind.CARD, "README.md")
    return [claim.quotation for claim in claims if claim.kind is ClaimKind.INHERITED]


def test_every_base_model_of_a_line_and_of_each_merge_list_is_found():
    models = [f"acme/base-{number}" for number in range(8)]
    assert find_base_models(f"- **Finetuned from model:** {', '.join(models)}") == models
    lists = "".join(f"The following models were included in the merge:\n* {model}\n\nWords.\n" for model in models)
    assert find_base_models(lists) == models


def test_card_text_yields_more_base_model_claims_than_the_lineage_looks_up():
    names = ", ".join(f"acme/base-{number}" for number in range(20))
    lines = "".join(f"- **Base model:** {names.replace('base', f'b{line}')}\n" for line in range(20))
    assert len(find_base_models(lines)) == LINEAGE_CLAIM_LIMIT > Limits().origins


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("You may use it. It is for non-commercial use.\nNot for you.", ["no-commercial-use"]),
        ("THIS AGREEMENT DOES NOT APPLY IN THE EUROPEAN UNION.", ["territory-limit"]),
        ("Use is granted in all territories, excluding the territory of the European Union.", ["territory-limit"]),
        ("Use the Model solely for academic research. Never for a commercial purpose.", [
            "research-only", "no-commercial-use",
        ]),
        ("本协议不适用于欧盟。不得用于任何商业目的。仅供研究使用。", ["territory-limit", "no-commercial-use", "research-only"]),
        ('You must show "Acme" in your product. You must name Acme on your site.', ["attribution-duty"]),
        ("You may not use outputs to train other models. You may not redistribute the weights.", [
            "output-limit", "no-redistribution",
        ]),
        ("The courts of California decide. Commercial use is permitted in the European Union. No warranty.", []),
    ],
)  # fmt: skip
def test_plain_limits_of_an_unknown_licence_text_are_quoted_once_for_each_kind(text: str, kinds: list[str]) -> None:
    claims = list(find_plain_limits(f"{text} {text}", 1, "LICENSE", RULES.restrictions))
    assert [claim.location.key for claim in claims] == kinds
    assert all(claim.field == RESTRICTION and claim.quotation in text.replace("\n", " ") for claim in claims)


PERMIT = """Gull Permit

Anybody may feed, watch, draw and follow the gulls of this shore, alone or in company, but never for gain, as long as
this permit stays nailed to the post where everybody can read it and the keeper of the shore has not taken it down.

THE GULLS ARE AS THEY ARE. THE KEEPER OF THE SHORE PROMISES NOTHING ABOUT THEM, NEITHER THAT THEY COME NOR THAT THEY
STAY, AND ANSWERS FOR NO BREAD THAT IS LOST, FOR NO HAT THAT IS SPOILT AND FOR NO NAP THAT IS CUT SHORT.
"""
PREFACE = "Noss is a network for pictures of gulls by the crew of the lighthouse, who thank the bakers of the pier.\n\n"


def collect_from_permit(category, text, kind=ProseKind.LICENSE):
    """Collect the claims of a text by a rule set that has the permit as a licence of one category."""
    permit = Fingerprint("gull", "LicenseRef-Gull", False, split_words(PERMIT).triples, titles=("gull permit",))
    entry = replace(RULES.licenses["CC-BY-NC-4.0"], id="LicenseRef-Gull", category=category)
    collector = ClaimCollector(replace(RULES, licenses={**RULES.licenses, entry.id: entry}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("modelaudit.catalogue.fingerprints.load_fingerprints", lambda **_: Fingerprints((permit,)))
        collector.collect_claims("LICENSE", Prose(kind, text, 1))
    return [claim for claim in collector.claims if claim.entry == entry.id or claim.field == RESTRICTION]


@check_each(
    "category, basis",
    [
        (LicenseCategory.NON_COMMERCIAL, Basis.TEXT),
        (LicenseCategory.RESEARCH_ONLY, Basis.TEXT),
        (LicenseCategory.PERMISSIVE, Basis.VARIANT),
        (LicenseCategory.CONDITIONAL, Basis.VARIANT),
    ],
)
def test_whole_text_with_a_preface_is_the_licence_if_it_forbids_commercial_use(category, basis):
    [claim, *_] = collect_from_permit(category, PREFACE + PERMIT)
    assert (claim.entry, claim.basis) == ("LicenseRef-Gull", basis)
    assert claim.differs


def test_preface_is_judged_by_its_sentences_and_each_one_that_restricts_is_quoted_with_its_line():
    restricting = "The model must not be used in the European Union.\n"
    claims = collect_from_permit(LicenseCategory.NON_COMMERCIAL, f"{PREFACE}{PERMIT}\n{restricting}")
    assert [(claim.quotation, claim.location.line) for claim in claims if claim.field == RESTRICTION] == [
        (restricting.strip(), 11)
    ]
    assert not any(
        claim.field == RESTRICTION for claim in collect_from_permit(LicenseCategory.NON_COMMERCIAL, PREFACE + PERMIT)
    )


def test_preface_longer_than_a_third_of_the_text_or_a_changed_word_leaves_a_variant():
    for text in (PREFACE * 4 + PERMIT, PREFACE + PERMIT.replace("never for gain", "never for great gain")):
        assert {claim.basis for claim in collect_from_permit(LicenseCategory.NON_COMMERCIAL, text) if claim.entry} == {
            Basis.VARIANT
        }
