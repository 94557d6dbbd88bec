"""Words of dictionaries and of binary data that look like commands."""

from __future__ import annotations

import pytest

from modelaudit.languages.shell.execution import names_program_by_pattern
from modelaudit.languages.shell.harm import detect_harm
from modelaudit.languages.shell.script import Command


@pytest.mark.parametrize(
    ("word", "is_hidden"),
    [("c?rl", True), ("/???/c?t", True), ("w?et", True), ("A?M", False), ("0?", False), ("token?:", False)],
)
def test_pattern_names_a_program_if_it_could_match_one(word: str, is_hidden: bool) -> None:
    assert names_program_by_pattern(word) is is_hidden


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("minerd M IH N ER D", []),
        ("minerd", ["mine"]),
        ("minerd -o pool.acme.invalid:3333", ["mine"]),
        ("minerd pool.acme.invalid:3333 acme", ["mine"]),
        ("minerd $POOL", ["mine"]),
    ],
)
def test_miner_starts_with_options_or_an_address(text: str, uses: list[str]) -> None:
    words = text.split()
    assert [use for use, _, _ in detect_harm(Command(1, words), words)] == uses
