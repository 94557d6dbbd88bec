"""The sentences of a licence text that state its clauses."""

from __future__ import annotations

import pytest

from modelaudit.licenses.obligations.original_words import quote_clauses
from modelaudit.licenses.recognition.sections import parse_sections, split_sentences
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.terms import Clause, LicenseCategory, LicenseEntry

PLAIN = """THE ACME MODEL TERMS

1. Grant. You may use the model for any purpose, also commercially.
2. Duties.
a. You must give a copy of these terms to every recipient of the model.
b. If your products have more than 500 million monthly active users, you
   need a separate permission from Acme.
3. End. These terms terminate when you breach them.
"""
MARKDOWN = """# Terms

## 1. Grant
You may use the model for any purpose, also commercially.

## 2. Duties
* (a) You **must** give a copy of these terms to every recipient of the model.
* (b) If your products have more than 500 million monthly active users, you need a separate permission from Acme.

## 3. End
These terms terminate when you breach them.
"""
UNNUMBERED = "\n\n".join(line.lstrip("123ab. ") for line in MARKDOWN.replace("*", "").replace("#", "").splitlines())
CLAUSES = (
    Clause("user-cap", "Above 500 million monthly users, products need a separate permission.", "section 2.b", 5e8),
    Clause("include-license-text", "Give a copy of these terms to every recipient.", "section 2(a)"),
    Clause("patent-grant", "Patents are licensed.", "section 1"),
)
USERS = "products have more than 500 million monthly active users"


def quote(text: str, rules, kind: ProseKind = ProseKind.LICENSE, clauses=CLAUSES):
    entry = LicenseEntry("LicenseRef-Acme", "Acme", LicenseCategory.CONDITIONAL, (), (), url="", clauses=clauses)
    texts = {entry.id: [("LICENSE", Prose(kind, text, 1))]}
    return {each.kind: each for each in quote_clauses([entry], texts, rules.clauses)}


@pytest.mark.parametrize("text", [PLAIN, MARKDOWN, UNNUMBERED], ids=["plain", "markdown", "unnumbered"])
def test_clause_is_quoted_with_its_line_from_any_layout(text, rules):
    found = quote(text, rules)
    assert found.keys() == {"user-cap", "include-license-text"}
    assert USERS in found["user-cap"].text
    assert "active users" in text.splitlines()[found["user-cap"].line - 1]
    assert "copy of these terms" in found["include-license-text"].text


def test_clause_that_no_sentence_states_is_not_quoted(rules):
    assert "patent-grant" not in quote(PLAIN, rules)
    assert quote("You may use the model.\n", rules) == {}


def test_clause_of_the_use_policy_is_quoted_from_that_alone(rules):
    clause = Clause("guardrails", "Safety filters may not be removed or bypassed.", "acceptable use policy, 2")
    text = "2. You will not bypass or remove the safety filters of the model.\n"
    assert quote(text, rules, clauses=(clause,)) == {}
    assert quote(text, rules, ProseKind.POLICY, (clause,)).keys() == {"guardrails"}


def test_quotation_is_one_bounded_line(rules):
    condition = "if your product\n has " * 60
    text = f"2. Users: {condition} more than 500 million monthly active users, ask us.\n"
    (found,) = quote(text, rules, clauses=CLAUSES[:1]).values()
    assert len(found.text) <= 400
    assert "\n" not in found.text


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("section 1.b.i", (("1", "b", "i"),)),
        ("sections 4(c) and 4(d)", (("4", "c"), ("4", "d"))),
        ("section 3(a)(1)(A)", (("3", "a", "1", "a"),)),
        ("Exhibit A", ()),
    ],
)
def test_sections_of_a_reference_are_parsed(reference, expected):
    assert parse_sections(reference) == expected


def test_numbers_of_nested_lists_become_sections():
    text = "Section 3 -- Terms\n\n  a. First.\n     1. If you share, you must:\n        A. keep the notice\n  b. Second.\n4.2 Last one here."
    sections = [each.section for each in split_sentences(text)]
    assert sections == [("3",), ("3", "a"), ("3", "a", "1"), ("3", "a", "1", "a"), ("3", "b"), ("4", "2")]


def test_hostile_text_is_split_in_bounded_work():
    for text in ("e.g. " * 40_000, "a. " * 60_000, "1.\n" * 60_000, "(" * 200_000, "x" * 300_000):
        assert len(split_sentences(text)) <= 4000
