"""Licence expressions as alternatives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.licenses.evidence.alternatives import (
    combine_alternatives,
    format_expression,
    list_license_ids,
    parse_alternatives,
)
from modelaudit.licenses.evidence.statements import LicenseNames

RULES = load_shipped()
NAMES = LicenseNames(RULES.licenses, RULES.vague_licenses)
WORDS = st.sampled_from(["MIT", "apache-2.0", "GPL-3.0", "nonsense", "AND", "OR", "WITH", "(", ")", "other", ""])


def parse_with_shipped_names(text: str):
    """Parse an expression by the names of the shipped rule set."""
    return parse_alternatives(text, NAMES.resolve_name)


@check_each(
    "text, alternatives",
    [
        ("mit", (("MIT",),)),
        ("MIT OR MIT", (("MIT",),)),
        ("mit or apache-2.0", (("MIT",), ("Apache-2.0",))),
        ("MIT AND GPL-3.0 OR Apache-2.0", (("MIT", "GPL-3.0-only"), ("Apache-2.0",))),
        ("(MIT OR Apache-2.0) AND LicenseRef-Llama-3.1",
         (("MIT", "LicenseRef-Llama-3.1"), ("Apache-2.0", "LicenseRef-Llama-3.1"))),
        ("MIT OR nonsense", None),
        ("nonsense", None),
        ("", None),
    ],
)  # fmt: skip
def test_license_expression_is_parsed_to_alternatives_only_if_all_its_names_are_licenses(text, alternatives):
    assert parse_with_shipped_names(text) == alternatives


def test_a_million_alternatives_are_replaced_by_one_that_binds_to_all_their_licenses():
    names = sorted(RULES.licenses)[:40]
    # Twenty parts with a choice of two licences each have 2**20 combinations.
    choices = [((first,), (second,)) for first, second in zip(names[::2], names[1::2], strict=True)]
    (binding,) = combine_alternatives(*choices)
    assert set(binding) == set(names)


def test_sixty_parts_with_alternatives_bind_to_all_licenses_without_listing_combinations():
    parts = [((f"A{number}",), (f"B{number}",)) for number in range(60)]
    (binding,) = combine_alternatives(*parts)
    assert len(binding) == 120


def test_repeated_parts_of_an_expression_give_the_same_alternatives_as_one_part():
    part = (("MIT",), ("ISC",))
    assert combine_alternatives(*[part] * 60) == part


@given(st.lists(WORDS, max_size=12))
def test_formatted_alternatives_parse_back_to_the_same_alternatives(words):
    alternatives = parse_with_shipped_names(" ".join(words))
    if alternatives is not None:
        assert set(list_license_ids(alternatives)) <= set(RULES.licenses)
        parsed_back = parse_with_shipped_names(format_expression(alternatives))
        assert parsed_back is not None
        assert {frozenset(each) for each in parsed_back} == {frozenset(each) for each in alternatives}


def test_inherited_license_is_required_beside_every_alternative_of_the_expression():
    assert format_expression((("MIT",), ("Apache-2.0",)), ["GPL-3.0-only"]) == "(MIT OR Apache-2.0) AND GPL-3.0-only"
    assert format_expression((("MIT",),), ["MIT", "Apache-2.0"]) == "MIT AND Apache-2.0"


def test_sixteen_license_alternatives_remain_a_choice_and_of_seventeen_all_bind() -> None:
    choices = tuple((f"LicenseRef-{number}",) for number in range(17))
    assert combine_alternatives(choices[:16]) == choices[:16]
    (binding,) = combine_alternatives(choices)
    assert set(binding) == {each for choice in choices for each in choice}
    # Equal alternatives count once.
    assert combine_alternatives((*choices[:16], choices[0])) == choices[:16]
