"""Relaxed JSON, with comments and the spellings of JSON5, is converted to strict JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.wire.relaxed_json import accepts_relaxed_json, convert_to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{// a\n'b': 1,}", {"b": 1}),
        ('/* a\n * b */ {"c": "// no comment", }', {"c": "// no comment"}),
        ("{a: +1, b: 0x1F, c: [1, 2, /* d */],}", {"a": 1, "b": 31, "c": [1, 2]}),
        ("{'a\\\nb': 'it\\'s', \"c\": \"\\x41\"}", {"ab": "it's", "c": "A"}),
        ('{"a": "x,]", "b": true}', {"a": "x,]", "b": True}),
    ],
)
def test_json5_spellings_are_converted_to_json(text, value):
    assert json.loads(convert_to_json(text)) == value


@given(VALUES)
def test_conversion_of_strict_json_does_not_change_its_values(value):
    assert json.loads(convert_to_json(json.dumps(value, indent=1))) == value


@given(st.text(alphabet="{}[],:'\"/*\\\n a0x+", max_size=80))
def test_conversion_of_relaxed_json_never_adds_lines(text):
    assert convert_to_json(text).count("\n") <= text.count("\n")


@pytest.mark.parametrize(
    ("path", "is_accepted"), [(".vscode/tasks.json", True), ("a.json5", True), ("config.json", False)]
)
def test_file_name_or_folder_decides_whether_relaxed_json_is_accepted(path, is_accepted):
    assert accepts_relaxed_json(path.rpartition("/")[2], path) is is_accepted


def test_relaxed_json_with_an_unclosed_string_is_converted_in_one_pass():
    # If each quote were tried as a beginning, this would take hours.
    for text in ('{"a": "' + '\\"' * 300_000, "{'a': '" + "\\'" * 300_000):
        assert len(convert_to_json(text)) == len(text)
