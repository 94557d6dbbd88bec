"""Licence names in running text, and SPDX expressions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each
from support.work import count_work, find_growth_fault

from modelaudit.licenses.evidence.expressions import ExpressionError, Operator, parse_expression
from modelaudit.licenses.recognition import find_references


@check_each(
    "text, name, url",
    [
        (
            '# Licensed under the Apache License,\n# Version 2.0 (the "License");\n# see https://example.org/LICENSE-2.0.',
            "Apache License, Version 2.0",
            "https://example.org/LICENSE-2.0",
        ),
        (
            "This model is released under the [Llama 3.1 Community License](LICENSE).",
            "Llama 3.1 Community License",
            "LICENSE",
        ),
        ("The weights are released under the CC-BY-NC-4.0 license.", "CC-BY-NC-4.0 license", ""),
        ("The code is available under the terms of the MIT license - see LICENSE.", "MIT license", ""),
        ("Distributed under the Gemma Terms of Use found at ai.google.dev.", "Gemma Terms of Use", ""),
        ("licensed under the GNU General Public License v3.0 or later", "GNU General Public License v3.0 or later", ""),
        ("Licensed under GPL version 2, or (at your option) any later version", "GPL version 2 or later", ""),
        ("Licensed under either of Apache-2.0 or MIT license at your option.", "Apache-2.0 or MIT license", ""),
        ("It is licensed under MIT and CC-BY-NC-4.0, each for a part.", "MIT and CC-BY-NC-4.0", ""),
        ("**License:** Apache 2.0", "Apache 2.0", ""),
        ("// SPDX-License-Identifier: MIT OR Apache-2.0\n", "MIT OR Apache-2.0", ""),
    ],
)
def test_license_statement_yields_a_reference_with_name_address_and_line(text: str, name: str, url: str) -> None:
    two_lines = "one line\n\n"
    (found,) = find_references(two_lines + text)
    assert (found.name, found.url, found.line) == (name, url, 3)
    assert found.tag is ("SPDX" in text)
    assert found.quotation in text.splitlines()


@check_each(
    "text",
    [
        "It is not licensed under the MIT License.",
        "This was never released under the Apache License 2.0.",
        "The MIT License is short.",
        "Available under Windows and Linux.",
        "Provided by Google, covered by the press.",
        "See the license.",
        "licensed under",
        "",
    ],
)
def test_mentioned_or_negated_license_names_are_not_statements(text: str) -> None:
    assert find_references(text) == ()


def test_thousands_of_equal_license_statements_hide_no_later_statement() -> None:
    found = find_references("Licensed under the MIT License.\n" * 3000 + "\nLicense: CC-BY-NC-4.0\n")
    assert [(each.name, each.line) for each in found] == [("MIT License", 1), ("CC-BY-NC-4.0", 3002)]


def test_two_hundred_different_license_names_are_all_found() -> None:
    text = "".join(f"Licensed under MIT {number}.\n" for number in range(200))
    assert len(find_references(text)) == 200


@check_each("words", ["licensed under the ", "License: ", "licensed ", "[", "\n "])
def test_search_for_license_statements_in_hostile_text_takes_linear_work(words: str) -> None:
    def search(characters: int) -> None:
        assert len(find_references(words * (characters // len(words)))) <= 1

    assert find_growth_fault(lambda characters: count_work(lambda: search(characters)), 1500) == ""


def test_license_statements_are_searched_only_in_the_first_400_000_characters() -> None:
    statement = "\nLicense: MIT\n"
    assert len(find_references(" " * 399_000 + statement)) == 1
    assert find_references(" " * 400_000 + statement) == ()


@given(st.text(max_size=300))
def test_license_reference_in_random_text_has_a_name_and_an_existing_line(text: str) -> None:
    for found in find_references(f"Licensed under {text}"):
        assert found.name
        assert 1 <= found.line <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("text", "wanted", "ids"),
    [
        ("mit", "MIT", ("MIT",)),
        ("apache-2.0 or MIT", "Apache-2.0 OR MIT", ("Apache-2.0", "MIT")),
        ("GPL-2.0", "GPL-2.0-only", ("GPL-2.0-only",)),
        ("GPL-2.0+", "GPL-2.0-or-later", ("GPL-2.0-or-later",)),
        # The normal form of these is the text itself.
        ("MIT OR (Apache-2.0 AND LicenseRef-Llama-3.1)",) * 2 + (("MIT", "Apache-2.0", "LicenseRef-Llama-3.1"),),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0",) * 2 + (("GPL-2.0-or-later",),),
    ],
)
def test_license_expression_is_parsed_and_normalised(text: str, wanted: str, ids: tuple[str, ...]) -> None:
    expression = parse_expression(text)
    assert (str(expression), expression.ids, expression.unknown_names, expression.known) == (wanted, ids, (), True)
    assert parse_expression(str(expression)) == expression


def test_license_ref_that_contains_a_standard_name_keeps_its_own_identifier() -> None:
    assert parse_expression("LicenseRef-MIT-TC").ids == ("LicenseRef-MIT-TC",)
    assert parse_expression("LicenseRef-Apache-2.0").ids == ("LicenseRef-Apache-2.0",)


def test_expression_keeps_the_structure_of_its_brackets() -> None:
    expression = parse_expression("(MIT OR ISC) AND Zlib")
    assert expression.operator is Operator.AND
    assert [part.operator for part in expression.parts] == [Operator.OR, None]


def test_expression_lists_its_names_that_are_not_licenses_as_unknown() -> None:
    assert parse_expression("Classpath-exception-2.0").unknown_names == ("Classpath-exception-2.0",)
    assert parse_expression("MIT OR Nonsense-1.0").unknown_names == ("Nonsense-1.0",)


@check_each(
    "text",
    [
        "",
        "  ",
        "MIT and",
        "(MIT",
        "MIT*",
        "AND",
        "MIT NOT ISC",
        "M\u0406T",  # a Cyrillic I
        "(" * 60 + "MIT" + ")" * 60,
        "MIT OR " * 400 + "MIT",
    ],
)
def test_invalid_license_expression_raises_an_error_with_a_message_of_one_line(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_license_expression_is_parsed_up_to_1000_characters_and_40_brackets_within_one_another() -> None:
    assert parse_expression("MIT" + " " * 997).id == "MIT"
    with pytest.raises(ExpressionError, match="has 1001 characters, more than 1000"):
        parse_expression("MIT" + " " * 998)
    assert parse_expression("(" * 40 + "MIT" + ")" * 40).id == "MIT"
    with pytest.raises(ExpressionError, match="more than 40 brackets"):
        parse_expression("(" * 41 + "MIT" + ")" * 41)


@given(st.text(alphabet="MIT ()ANDORWITH+-.:LicenseRef\n\x00\u0131", max_size=80))
def test_parser_of_license_expressions_returns_licenses_or_raises_an_expression_error(text: str) -> None:
    try:
        expression = parse_expression(text)
    except ExpressionError:
        return
    assert expression.ids
