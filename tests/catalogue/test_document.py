from __future__ import annotations

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.catalogue.document import Document, parse_scalar, parse_text
from modelaudit.model.errors import ConfigurationError


@check_each(
    "text, value",
    [
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-1.5", -1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("e3", "e3"),
        ("0.1.0", "0.1.0"),
        ("2026-01-31", "2026-01-31"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".", "."),
        ("9" * 19, "9" * 19),  # an integer has at most 18 digits
    ],
)
def test_unquoted_yaml_scalar_is_text_unless_null_boolean_or_decimal_number_of_up_to_18_digits(
    text: str, value: object
) -> None:
    found = parse_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_quoted_yaml_scalars_are_parsed_as_text() -> None:
    assert parse_text("a: \"1\"\nb: 'true'\nc: |\n  1\n", "x") == {"a": "1", "b": "true", "c": "1\n"}


def test_line_of_a_missing_value_is_that_of_its_nearest_existing_parent() -> None:
    document = Document("x", "a:\n  b:\n    - c\n    - d: 1\n", None)
    existing = {(): 1, ("a", "b"): 2, ("a", "b", 1, "d"): 4}
    missing = {("a", "b", 7, "d"): 2, ("nothing",): 1}
    assert {path: document.line_of(path) for path in existing} == existing
    assert {path: document.line_of(path) for path in missing} == missing


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(
    st.dictionaries(st.text(max_size=6), st.text(max_size=8) | st.lists(st.text(max_size=4), max_size=3), max_size=4)
)
def test_double_quoted_yaml_dump_is_parsed_to_the_same_data(data: dict[str, str | list[str]]) -> None:
    text = yaml.dump(data, Dumper=yaml.SafeDumper, default_style='"', allow_unicode=False)
    assert parse_text(text, "x") == data


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_text_is_parsed_or_refused_with_a_configuration_error(raw: bytes | str) -> None:
    text = raw.decode("latin-1") if isinstance(raw, bytes) else raw
    try:
        parse_text(text, "x")
    except ConfigurationError as error:
        assert str(error).startswith("x:")
