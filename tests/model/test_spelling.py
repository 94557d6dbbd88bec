# ruff: noqa: RUF001 - the look-alike letters are the subject
"""Test that look-alike letters are replaced in mixed words, and in no others."""

from __future__ import annotations

import pytest

from modelaudit.model.spelling import normalize_appearance


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Licence", "licence"),
        ("liсenсe", "licence"),  # with two letters of Cyrillic
        ("é liсe", "é lice"),
        ("évасu", "évacu"),
        ("сила _сила 1сила", "сила _сила 1сила"),
        ("сила licence", "сила licence"),
        ("ＡΟb", "aob"),
        ("no\u2010n\u200bе", "no-ne"),
    ],
)
def test_lookalikes_become_letters_of_ascii_in_mixed_words_alone(text: str, expected: str) -> None:
    assert normalize_appearance(text) == expected
