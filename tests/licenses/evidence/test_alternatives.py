"""Expressions as what one may choose between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.catalogue import load_catalogue
from modelaudit.licenses.evidence.alternatives import alternatives_of, expression_of, ids_of, joined
from modelaudit.licenses.evidence.statements import Names

RULES = load_catalogue()
NAMES = Names(RULES.licenses, RULES.vague_licenses)
WORDS = st.sampled_from(["MIT", "apache-2.0", "GPL-3.0", "nonsense", "AND", "OR", "WITH", "(", ")", "other", ""])


def read(text: str):
    return alternatives_of(text, NAMES.resolve)


@pytest.mark.parametrize(
    ("text", "found"),
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
def test_an_expression_is_laid_out(text, found):
    assert read(text) == found


def test_where_there_is_too_much_to_choose_from_everything_binds():
    names = sorted(RULES.licenses)[:40]
    many = joined(*(((a,), (b,)) for a, b in zip(names[::2], names[1::2], strict=True)))
    assert len(many) == 1
    assert set(ids_of(many)) == set(names)


@given(st.lists(WORDS, max_size=12))
def test_whatever_the_words_what_is_found_is_written_and_read_again(words):
    found = read(" ".join(words))
    if found is not None:
        assert set(ids_of(found)) <= set(RULES.licenses)
        again = read(expression_of(found))
        assert again is not None
        assert {frozenset(each) for each in again} == {frozenset(each) for each in found}


def test_what_flows_in_is_joined_to_all_alternatives():
    assert expression_of((("MIT",), ("Apache-2.0",)), ["GPL-3.0-only"]) == "(MIT OR Apache-2.0) AND GPL-3.0-only"
    assert expression_of((("MIT",),), ["MIT", "Apache-2.0"]) == "MIT AND Apache-2.0"
