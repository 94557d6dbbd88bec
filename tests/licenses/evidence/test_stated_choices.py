"""Sentences of a card that offer its licences as a choice."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.licenses.evidence.stated_choices import find_offered_choice
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim
from modelaudit.model.structure import Location

_IDS = {"mit": "MIT", "apache-2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0", "isc": "ISC"}
BOTH = frozenset({"MIT", "Apache-2.0"})


def build_sentence(words: str, artifact: str = "README.md") -> LicenseClaim:
    """Build the claim for a sentence of a card that names licences."""
    return LicenseClaim(ClaimKind.DECLARED, artifact, "text", words, None, Location(line=6))


@check_each(
    "sentence, expected",
    [
        ("Licensed under either of MIT or Apache-2.0 at your option.", BOTH),
        ("This model is dual-licensed under the MIT license or the Apache License 2.0, at your option.", BOTH),
        ("**Under Apache-2.0 OR MIT (at your choice).**", BOTH),
        ("Licensed under [MIT](https://a.example), ISC or [Apache-2.0](b.md).", BOTH | {"ISC"}),
        ("Licensed under MIT and Apache-2.0.", frozenset()),
        ("Licensed under MIT or Apache-2.0 for research.", frozenset()),
        ("Licensed under MIT or another licence at your option.", frozenset()),
        # The line is a part of the sentence.
        ("Licensed under MIT or Apache-2.0", frozenset()),
        ("licensed under MIT or Apache-2.0.", frozenset()),
        # It is about another work than the model.
        ("The tokenizer is licensed under MIT or Apache-2.0.", frozenset()),
        ("Licensed under MIT or Apache-2.0." + " " * 400 + "x", frozenset()),
    ],
)
def test_choice_is_found_in_whole_sentences_without_any_other_word(sentence: str, expected: frozenset[str]) -> None:
    assert find_offered_choice(sentence, lambda name: _IDS.get(name.lower())) == expected


def test_card_that_lists_two_licences_and_offers_them_as_a_choice_concludes_on_the_choice(conclude_cards) -> None:
    sentence = build_sentence("Licensed under either of MIT or Apache-2.0 at your option.")
    listed = {"license": ("mit", "apache-2.0")}
    texts = {"LICENSE-MIT": "MIT", "LICENSE-APACHE": "Apache-2.0"}
    chosen = conclude_cards(cards={"README.md": listed}, texts=texts, claims=[sentence])
    assert (chosen.state, chosen.expression) == (ConclusionState.CONCLUDED, "MIT OR Apache-2.0")
    assert conclude_cards(cards={"README.md": listed}, texts=texts).expression == "MIT AND Apache-2.0"


@check_each(
    "claim",
    [
        build_sentence("Licensed under MIT or ISC."),
        build_sentence("Licensed under MIT and Apache-2.0."),
        build_sentence("Licensed under either of MIT or Apache-2.0 at your option.", "sub/README.md"),
    ],
)
def test_sentence_on_other_licences_or_of_another_card_leaves_both_licences_binding(claim, conclude_cards) -> None:
    conclusion = conclude_cards(cards={"README.md": {"license": ("mit", "apache-2.0")}}, claims=[claim])
    assert conclusion.expression == "MIT AND Apache-2.0"
