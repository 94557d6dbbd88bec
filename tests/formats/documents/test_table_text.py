"""Test the parsing of TOML and INI into single values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.documents.structured.tables import parse_table_settings
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import LimitReachedError


def parse_pairs(name, text):
    """Return the key path and the value of each setting in the text of a file called ``name``."""
    return [(setting.path, setting.value) for setting in parse_table_settings(name, text, Limits())]


def test_toml_values_are_read_with_their_key_paths():
    assert parse_pairs("a.toml", "[a.b]\nc = [1, {d = 'e'}]\n") == [
        (("a", "b", "c", "0"), 1),
        (("a", "b", "c", "1", "d"), "e"),
    ]


def test_invalid_toml_is_parsed_as_ini():
    assert parse_pairs("a.toml", "[a]\nb = c d\n") == [(("a", "b"), "c d")]


def test_indented_ini_line_continues_the_value_above_it():
    text = "[a]\n# no\nb =\n  c\n  d = e\nf: 'g'\nh = i \\\n j\n"
    assert parse_pairs("a.ini", text) == [
        (("a", "b"), ""), (("a", "b"), "c"), (("a", "b"), "d = e"), (("a", "f"), "g"), (("a", "h"), "i \\"), (("a", "h"), "j"),
        (("a", "h"), "i  j"),
    ]  # fmt: skip


def test_ini_line_indented_like_the_key_above_it_is_a_key():
    assert parse_pairs("a.ini", "[a]\n b = c\n d = e\n  f = g\nh = i\n") == [
        (("a", "b"), "c"), (("a", "d"), "e"), (("a", "d"), "f = g"), (("a", "h"), "i"),
    ]  # fmt: skip


def test_ini_line_after_a_line_with_a_final_backslash_is_read_both_alone_and_joined_to_it():
    assert parse_pairs("a.ini", "a = b\\\nc = d\ne = f\\\n") == [
        (("a",), "b\\"), (("c",), "d"), (("a",), "bc = d"), (("e",), "f\\"),
    ]  # fmt: skip
    # A comment ends with its line.
    assert parse_pairs("a.ini", "# a\\\nb = c\n") == [(("b",), "c")]


def test_settings_behind_the_part_that_is_searched_are_reported_as_unread(read_bytes):
    # The readers search text up to eight MiB.
    reading = read_bytes(b"# a comment\n" * 800_000 + b"[a]\nb = c\n", "app.conf")
    assert UnreadReason.LIMIT in reading.reasons()


def test_deeply_nested_toml_raises_a_limit_error():
    with pytest.raises(LimitReachedError):
        parse_table_settings("a.toml", "a = " + "[" * 5000 + "]" * 5000, Limits())


@given(st.text(alphabet="[]=:#; \n\\\"'ab", max_size=200))
def test_parser_of_toml_settings_yields_only_scalar_values_for_any_text(text):
    assert all(isinstance(value, str | int | float | bool) for _, value in parse_pairs("a.toml", text))


@pytest.mark.parametrize(
    "text",
    [
        "[tox]\nenvlist = py311\n[testenv]\ncommands = pytest -q {posargs}\n",
        "[program:a]\ncommand = /usr/bin/python serve.py --port 80\n",
        "[install]\nfind-links = ./wheels\n",
    ],
)
def test_ordinary_commands_and_paths_in_ini_settings_give_no_mentions_of_shell_commands(read_bytes, text):
    outlines = read_bytes(text.encode(), "tox.ini").of(Outline)
    assert [each for outline in outlines for each in outline.mentions if each.vocabulary == "shell-commands"] == []


@check_each(
    "text, detail",
    [
        ("a" + ".a" * 200 + " = 1", "a key has more than 200 parts"),
        ("a" + '."="' * 200 + " = 1", "a key has more than 200 parts"),
        ("[a" + " . a" * 200 + "]", "a key has more than 200 parts"),
        # The quotes before the key belong to no text.
        ('a = ["""x"""", {a' + ".a" * 200 + " = 1}]", "a key has more than 200 parts"),
        ("a = ['''it\"s''', {a" + ".a" * 200 + " = 1}]", "a key has more than 200 parts"),
        ("a = [" + "[]," * 70_000 + "]", "it has more than 200000 brackets, commas and equals signs"),
    ],
)
def test_toml_with_too_many_parts_in_a_key_or_too_many_values_raises_a_limit_error(text, detail):
    with pytest.raises(LimitReachedError, match=detail):
        parse_table_settings("a.toml", text, Limits())


@check_each(
    "text",
    [
        'a = "' + "x." * 1_000 + '"',
        'a = """' + "x.\n" * 1_000 + '"""',
        "a = 1 # " + "." * 1_000,
        "a = [" + "1.5," * 1_000 + "]",
        "a.b.c = 1",
    ],
)
def test_toml_with_many_dots_in_values_or_comments_is_parsed(text):
    assert parse_pairs("a.toml", text)
