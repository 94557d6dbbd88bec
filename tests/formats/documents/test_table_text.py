"""TOML and INI, value by value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.formats.documents.structured.tables import parse_table_settings
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import LimitReachedError


def flat(name, text):
    return [(each.path, each.value) for each in parse_table_settings(name, text, Limits())]


def test_toml_is_told_with_the_way_to_each_value():
    assert flat("a.toml", "[a.b]\nc = [1, {d = 'e'}]\n") == [
        (("a", "b", "c", "0"), 1),
        (("a", "b", "c", "1", "d"), "e"),
    ]


def test_what_is_no_toml_is_followed_by_lines():
    assert flat("a.toml", "[a]\nb = c d\n") == [(("a", "b"), "c d")]


def test_lines_further_right_belong_to_the_value_before():
    text = "[a]\n# no\nb =\n  c\n  d = e\nf: 'g'\nh = i \\\n j\n"
    assert flat("a.ini", text) == [
        (("a", "b"), ""), (("a", "b"), "c"), (("a", "b"), "d = e"), (("a", "f"), "g"), (("a", "h"), "i  j"),
    ]  # fmt: skip


def test_depth_is_bounded():
    with pytest.raises(LimitReachedError):
        parse_table_settings("a.toml", "a = " + "[" * 5000 + "]" * 5000, Limits())


@given(st.text(alphabet="[]=:#; \n\\\"'ab", max_size=200))
def test_whatever_the_text_it_ends(text):
    assert all(isinstance(value, str | int | float | bool) for _, value in flat("a.toml", text))


@pytest.mark.parametrize(
    "text",
    [
        "[tox]\nenvlist = py311\n[testenv]\ncommands = pytest -q {posargs}\n",
        "[program:a]\ncommand = /usr/bin/python serve.py --port 80\n",
        "[install]\nfind-links = ./wheels\n",
    ],
)
def test_ordinary_commands_are_quiet(read_bytes, text):
    outlines = read_bytes(text.encode(), "tox.ini").of(Outline)
    assert [each for outline in outlines for each in outline.mentions if each.vocabulary == "shell-commands"] == []
