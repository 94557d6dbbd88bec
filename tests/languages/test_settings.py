from __future__ import annotations

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.languages import document_settings
from modelaudit.languages.configurations.commands import COMMAND_MARKS
from modelaudit.languages.document_settings import collect_json_settings, parse_json_settings, parse_yaml_settings
from modelaudit.languages.settings import ListedWords
from modelaudit.model.limits import Limits
from modelaudit.wire import json_stream
from modelaudit.wire.base import LimitReachedError

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


def flatten_settings(tree, path=()):
    """Return the path and the value of each scalar and each empty mapping of a tree, in the order of the document."""
    if tree == {}:
        return [(path, None)]
    if isinstance(tree, dict):
        return [each for key, inner in tree.items() for each in flatten_settings(inner, (*path, key))]
    if isinstance(tree, list):
        return [each for index, inner in enumerate(tree) for each in flatten_settings(inner, (*path, str(index)))]
    return [(path, tree)]


@given(TREES)
def test_json_document_yields_a_setting_with_path_for_every_scalar_and_empty_mapping(tree):
    assert [(each.path, each.value) for each in parse_json_settings(json.dumps(tree), Limits())] == flatten_settings(
        tree
    )


@given(TREES.filter(lambda tree: isinstance(tree, dict | list)))
def test_yaml_document_yields_a_setting_with_path_for_every_scalar_and_empty_mapping(tree):
    settings, bound = parse_yaml_settings([yaml.safe_dump(tree, sort_keys=False)], Limits())
    assert bound is None
    assert [each.path for each in settings] == [path for path, _ in flatten_settings(tree)]


def cut_pieces(text: str, length: int) -> list[str]:
    """Cut a text into pieces of ``length`` characters."""
    return [text[start : start + length] for start in range(0, len(text), length)]


@given(TREES, st.integers(1, 30), st.sampled_from([None, 0, 3]))
def test_json_document_cut_into_pieces_gives_the_settings_of_the_whole_document(tree, length, indent):
    text = json.dumps(tree, indent=indent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_WHOLE_VALUE", 16)
        settings, bound = collect_json_settings(cut_pieces(text, length), Limits())
    assert bound is None
    assert [(each.path, each.value) for each in settings] == flatten_settings(tree)


@given(st.lists(TREES, min_size=2, max_size=4), st.integers(1, 30))
def test_json_lines_cut_into_pieces_give_the_settings_of_every_row(trees, length):
    text = "\n".join(map(json.dumps, trees))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_WHOLE_VALUE", 16)
        settings, _ = collect_json_settings(cut_pieces(text, length), Limits(), has_rows=True)
    expected = [flatten_settings(tree, (str(number),)) for number, tree in enumerate(trees)]
    assert [(each.path, each.value) for each in settings] == [each for row in expected for each in row]


@given(st.text(st.sampled_from('"\\u0e{}[],:1-.n \n'), max_size=40), st.integers(1, 10))
def test_text_in_pieces_is_json_exactly_if_python_parses_it(text, length):
    try:
        json.loads(text)
        message = ""
    except ValueError as error:
        message = str(error)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_WHOLE_VALUE", 4)
        try:
            collect_json_settings(cut_pieces(text, length), Limits())
            is_json = True
        except ValueError:
            is_json = False
    assert is_json == (not message)
    if message:
        with pytest.raises(ValueError, match=re.escape(message)):
            collect_json_settings(cut_pieces(text, length), Limits())


@given(
    st.dictionaries(
        st.text("abc", min_size=1), st.integers() | st.floats(0, 1) | st.booleans() | st.text("xy"), min_size=1
    )
)
def test_behind_many_settings_only_numbers_under_keys_without_a_reader_are_left_out(row):
    keys = frozenset({"trust_remote_code", "num"})
    text = json.dumps([row, {"x.trust-remote-code": 1, "--num": 2.5}])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document_settings, "_MOST_BEFORE_DATA", 0)
        settings, _ = collect_json_settings([text], Limits(), keys=keys)
        every, _ = collect_json_settings([text], Limits())
    kept = [(("0", key), value) for key, value in row.items() if isinstance(value, bool | str)]
    read = [(("1", "x.trust-remote-code"), 1), (("1", "--num"), 2.5)]
    assert [(each.path, each.value) for each in settings] == kept + read
    assert len(every) == len(row) + 2


def test_json_and_yaml_settings_before_the_memory_bound_are_returned_with_a_limit_error():
    value = "v" * 1000
    for settings, bound in (
        collect_json_settings(["[", *[f'"{value}",'] * 200_000, "0]"], Limits()),
        parse_yaml_settings([f"- {value}\n"] * 140_000, Limits()),
    ):
        assert isinstance(bound, LimitReachedError)
        # The bound is 128 MiB, and each value takes a little more than 1,000 bytes.
        assert 100_000 < len(settings) < 140_000


def test_json_settings_before_a_string_over_the_size_bound_are_returned():
    # A string of 80 MiB, in pieces of 1 MiB.
    settings, bound = collect_json_settings(
        iter(['{"auto_map": "a.B", "b": "', *["x" * (1 << 20)] * 80, '"}']), Limits()
    )
    assert [each.value for each in settings] == ["a.B"]
    assert "the string in line 1 takes more than" in str(bound)


def test_yaml_settings_before_a_scalar_over_the_size_bound_are_returned():
    settings, bound = parse_yaml_settings(iter(["auto_map: a.B\nb: ", *["x" * (1 << 20)] * 20, "\n"]), Limits())
    assert settings[0].value == "a.B"
    assert "the value or comment that begins in line 2 or later takes more than" in str(bound)


def test_duplicate_json_key_gives_two_settings():
    assert [each.value for each in parse_json_settings('{"a": 1, "a": 2}', Limits())] == [1, 2]


def test_settings_of_json_lines_begin_with_their_row_number():
    settings, _ = collect_json_settings(['{"a": 1}\n\n{"a": 2}\n'], Limits(), has_rows=True)
    assert [(each.path, each.value) for each in settings] == [(("0", "a"), 1), (("1", "a"), 2)]


def test_yaml_tag_is_recorded_on_the_setting_of_a_scalar_or_collection():
    settings, _ = parse_yaml_settings(
        "a: !!python/object/apply:os.system [ls]\nb: !!python/name:os.system\nc: !x {}\n", Limits()
    )
    assert [(each.key, each.tag, each.line) for each in settings] == [
        ("a", "!!python/object/apply:os.system", 1),
        ("b", "!!python/name:os.system", 2),
        ("c", "!x", None),
    ]


def test_alias_of_a_yaml_scalar_gives_a_setting_with_its_value():
    settings, _ = parse_yaml_settings(["a: &x os.system\n_target_: *x\n"], Limits())
    assert [each.value for each in settings] == ["os.system", "os.system"]


@check_each(
    "text, paths",
    [
        ("a: &x {b: 1}\nc: *x\n", ["a.b", "c.b"]),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}\n", ["a.b", "c.b", "c.d"]),
        ("a: &x {b: 1}\nc: {<<: [*x, {e: 1}]}\n", ["a.b", "c.b", "c.e"]),
        ("a: &x {b: &y {c: 1}}\nd: [*x, *y]\n", ["a.b.c", "d.0.b.c", "d.1.c"]),
        ("a: &x [*x, 1]\n", ["a.1"]),
        ("a: &x {b: 1}\nc: &x 2\nd: *x\n", ["a.b", "c", "d"]),
        ("a: {}\n", ["a"]),
        ("? [k]\n: v\n_target_: x\n", [".0", "", "_target_"]),  # a key that is not text becomes an empty step
    ],
)
def test_paths_of_yaml_settings_follow_aliases_merge_keys_and_keys_that_are_not_text(text, paths):
    assert [".".join(each.path) for each in parse_yaml_settings([text], Limits())[0]] == paths


def test_yaml_alias_of_a_null_value_gives_a_null_setting():
    settings, _ = parse_yaml_settings(["a: &x ~\nb: *x\n"], Limits())
    assert [(each.path, each.value) for each in settings] == [(("a",), None), (("b",), None)]


def test_settings_of_rows_before_a_row_that_exceeds_a_limit_are_returned():
    deep_row = "[" * 5000 + "]" * 5000
    settings, error = collect_json_settings([f'{{"a": 1}}\n{deep_row}\n'], Limits(), has_rows=True)
    assert [each.path for each in settings] == [("0", "a")]
    assert isinstance(error, LimitReachedError)


def test_yaml_document_with_nested_aliases_is_truncated_with_a_limit_error():
    # Each line repeats the line before ten times: ten lines ask for ten thousand million values.
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    settings, error = parse_yaml_settings(["\n".join(rows)], Limits())
    assert isinstance(error, LimitReachedError)
    assert len(settings) < 600_100


def test_too_many_values_make_a_json_document_refused_and_a_yaml_document_truncated():
    with pytest.raises(LimitReachedError):
        parse_json_settings(json.dumps([0] * 600_001), Limits())
    settings, error = parse_yaml_settings(["[" + "0, " * 600_002 + "0]"], Limits())
    assert isinstance(error, LimitReachedError)
    assert settings


def test_setting_below_a_key_returns_the_part_of_its_path_after_that_key():
    (setting,) = parse_json_settings('{"auto_map": {"AutoModel": "a.A"}}', Limits())
    assert setting.get_steps_below("auto_map") == ("AutoModel",)
    assert setting.get_steps_below("chat_template") is None
    assert setting.where.key == "auto_map.AutoModel"


def test_number_with_too_many_digits_is_parsed_as_infinity():
    (size,) = parse_json_settings('{"vocab_size": 1' + "0" * 5000 + "}", Limits())
    assert size.value == float("inf")
    (size,) = parse_json_settings('{"vocab_size": ' + "1" * 4000 + "}", Limits())
    assert isinstance(size.value, int)


@pytest.mark.parametrize(
    "text",
    [
        "curl -s https://host.example | sh",
        "Invoke-WebRequest https://host.example",
        "zsh -lc x",
        "netcat -e",
        "PowerShell.exe x",
        "rm -rf x",
        "\\u0063url",
        "pipe:cat",
    ],
)
def test_mark_of_a_command_is_found(text: str) -> None:
    assert COMMAND_MARKS.search(f"a: {text}")


@pytest.mark.parametrize("text", ["crash -c x", "func -x", "farm -rf", "xsocat x", "apipe:x", "curl is a program"])
def test_literal_of_a_mark_inside_of_another_word_or_alone_is_no_mark(text: str) -> None:
    assert not COMMAND_MARKS.search(text)


@pytest.mark.parametrize("count", [2, 100])
def test_listed_words_are_found_as_the_pattern_finds_them(count: int) -> None:
    # With many words, the pattern is searched for; with few, the words are.
    words = frozenset({"exec", "eval", *(f"other{number}" for number in range(count))})
    listed = ListedWords(re.compile(r"\b(\w++)(?=\s{0,4}\()"), words)
    for text in (
        "",
        "exec",
        "my_exec (1)",
        "exec2(1)",
        "exec exec(1) eval(2)",
        "eval(1); exec(2)",
        "é exec  (",
        "retrieval(eval(1))",
    ):
        expected = next((found for found in listed.pattern.finditer(text) if found[1] in words), None)
        found = listed.search(text)
        assert (found and found.span()) == (expected and expected.span())
