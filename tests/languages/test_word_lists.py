"""Test the distinction between lists of words or names and running text."""

from __future__ import annotations

import pytest

from modelaudit.languages.terms.word_lists import is_list, keep_sentences

NAMES = [f"Genus{number:03} species_Common name of it" for number in range(200)]
PROSE = [
    "The weights in this folder",
    "may be used by anybody for",
    "research, and by companies",
    "after they have asked us",
]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["word"] * 50, True),
        (["word"] * 49, False),
        (NAMES, True),
        ([*NAMES[:60], "Aardvark of the first day", *NAMES[60:]], True),
        (NAMES[::-1], False),
        ([NAMES[0]] * 100, False),
        ([*NAMES, *PROSE * 3], False),
        ([*NAMES[:100], *PROSE * 3, *NAMES[100:]], False),
        (PROSE * 20, False),
        ([f"{number:03} a sorted line of so many words is a sentence" for number in range(100)], False),
    ],
)
def test_sorted_names_are_a_list_and_running_text_is_none(lines: list[str], expected: bool) -> None:
    assert is_list("\n".join(lines)) is expected
    assert is_list("\n\n".join(lines)) is expected


def test_lines_that_may_be_sentences_are_kept() -> None:
    kept = keep_sentences(
        "word\nnot for profit\nnot for birds\nno use for any company\n商用目的での使用を禁止\nresearch"
    )
    assert kept.split("\n") == ["", "not for profit", "", "no use for any company", "商用目的での使用を禁止", ""]
