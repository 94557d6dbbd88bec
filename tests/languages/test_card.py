from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.languages.card import split_front_matter
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Document, ModelCard
from modelaudit.wire.yaml_text import compose_document


def _get_card(reading) -> ModelCard:
    """Return the only model card of a reading."""
    (card,) = reading.of(ModelCard)
    return card


def _read_card(front_matter: str, read_bytes) -> ModelCard:
    """Read a ``README.md`` with this front matter."""
    return _get_card(read_bytes(f"---\n{front_matter}\n---\n# Title\n".encode(), "README.md"))


def test_fields_of_an_ordinary_model_card_are_extracted_with_values_and_line_numbers(read_fixture):
    card = _get_card(read_fixture("markdown/benign/README.md"))
    assert [(field.key, field.values, field.line) for field in card.fields] == [
        ("license", ("apache-2.0",), 2),
        ("base_model", ("acme/base", "acme/other"), 3),
        ("datasets", ("acme/corpus",), 6),
        ("language", ("en",), 7),
        ("library_name", ("transformers",), 8),
        ("tags", ("text-generation",), 9),
    ]
    assert card.defects == ()


@check_each(
    "front_matter, values",
    [
        ("license: mit", ("mit",)),
        ("license: [mit, apache-2.0]", ("mit", "apache-2.0")),
        ("license:\n- mit\n- other", ("mit", "other")),
        ("license:", ()),
        ("license: ~", ()),
        ("license: ''", ("",)),
        ("license: 'null'", ("null",)),
        ("license: no", ("no",)),
        ("license: 3", ("3",)),
        ("license: !!str mit", ("mit",)),
        ("x: &l mit\nlicense: *l", ("mit",)),
        ("x: &l [mit, bsd]\nlicense: *l", ("mit", "bsd")),
        ("license: &l mit  # why", ("mit",)),
        ("'license': mit", ("mit",)),
        ("other: 1", ()),
        ("<<: {<<: {license: mit}}", ("mit",)),
        ("<<: [{<<: {license: mit}}, {x: 1}]", ("mit",)),
    ],
)
def test_license_field_of_a_card_yields_its_values_as_texts(front_matter, values, read_bytes):
    card = _read_card(front_matter, read_bytes)
    assert card.values("license") == values
    assert card.defects == ()


@check_each(
    "front_matter, kind, line",
    [
        ("license: {name: mit}", "front-matter-type", 2),
        ("license: [[mit]]", "front-matter-type", 2),
        ("- license", "front-matter-type", 2),
        ("just words", "front-matter-type", 2),
        ("license: mit\nlicense: other", "duplicate-key", 3),
        ("tags:\n- a\nx: 1\nx: 2", "duplicate-key", 5),
        ("license: mit\n  bad: [", "front-matter-invalid", 3),
        ("license: *unknown", "front-matter-invalid", 2),
        ("a: &a [*a]\nlicense: *a", "front-matter-type", 3),
        ("license: @mit", "front-matter-invalid", 2),
    ],
)
def test_malformed_front_matter_is_a_defect_at_its_line(front_matter, kind, line, read_bytes):
    defects = _read_card(front_matter, read_bytes).defects
    assert {(defect.kind, defect.where.line) for defect in defects} == {(kind, line)}


@check_each(
    "front_matter",
    [
        "base_model: [[[[[acme/base]]]]]",
        f"base_model: [[{'acme/other, ' * 1_001}acme/base]]",
        "<<: {<<: {<<: {<<: {base_model: acme/base}}}}",
    ],
)
def test_card_value_beyond_a_bound_is_dropped_with_a_defect_that_names_no_field(front_matter, read_bytes):
    card = _read_card(front_matter, read_bytes)
    assert "acme/base" not in card.values("base_model")
    assert ("front-matter-type", None) in {(defect.kind, defect.where.key) for defect in card.defects}


def test_results_of_a_model_index_are_mappings_and_no_defect(read_bytes):
    card = _read_card("license: mit\nmodel-index:\n- name: x\n  results: [{task: {type: t}}]", read_bytes)
    assert (card.values("license"), card.defects) == (("mit",), ())


def test_card_fields_before_a_syntax_error_are_still_read(read_bytes):
    card = _read_card("license: mit\nbase_model: [a/b", read_bytes)
    assert card.values("license") == ("mit",)
    assert [defect.kind for defect in card.defects] == ["front-matter-invalid"]


def test_unclosed_front_matter_of_a_card_is_a_defect_and_its_fields_are_read(read_fixture):
    card = _get_card(read_fixture("markdown/truncated/README.md"))
    assert card.values("license") == ("apache-2.0",)
    assert [defect.kind for defect in card.defects] == ["front-matter-invalid"]


def test_readme_without_front_matter_is_an_empty_card(read_bytes):
    assert _get_card(read_bytes(b"# Title\n", "README.md")) == ModelCard(())


def test_front_matter_makes_a_model_card_only_in_a_file_named_readme(read_bytes):
    assert read_bytes(b"---\nlicense: mit\n---\n", "docs/notes.md").of(ModelCard) == []
    assert read_bytes(b"---\nlicense: mit\n---\n", "sub/README.md").of(ModelCard) != []


@pytest.mark.parametrize("start", ["\ufeff", "\n\n", "\r\n", "  \n"])
def test_front_matter_may_follow_byte_order_mark_and_blank_lines(start, read_bytes):
    card = _get_card(read_bytes(f"{start}---\nlicense: mit\n---\n".encode(), "README.md"))
    assert card.values("license") == ("mit",)


def test_windows_line_endings_are_parsed(read_bytes):
    card = _get_card(read_bytes(b"---\r\nlicense: mit\r\n---\r\n", "README.md"))
    assert (card.values("license"), card.defects) == (("mit",), ())


def test_python_yaml_tag_in_front_matter_is_listed_with_its_line(read_fixture):
    (document,) = read_fixture("markdown/malicious/README.md").of(Document)
    assert document.tags == (("!!python/name:os.system", 3),)


def test_alias_bomb_in_front_matter_is_reported_as_a_type_defect(read_fixture):
    card = _get_card(read_fixture("markdown/bomb/README.md"))
    assert {defect.kind for defect in card.defects} == {"front-matter-type"}


@settings(max_examples=300, deadline=None)
@given(front_matter=st.text(st.sampled_from("licensetag: -[]{}&*!|>'\"\n~")))
def test_any_front_matter_is_parsed_without_error(front_matter, read_bytes):
    _read_card(front_matter, read_bytes)


def test_front_matter_over_one_mebibyte_is_cut_and_its_closing_line_is_found():
    matter = split_front_matter(["---\n", "a: 1\n" * 300_000, "---\n", "text"])
    assert matter is not None
    assert matter.is_too_long
    assert matter.closed
    assert matter.line_count == 300_000
    assert len(matter.text) == MIB + 1


def test_alias_in_front_matter_is_the_node_of_its_anchor_and_an_error_if_there_is_none() -> None:
    top, error = compose_document("- &a x\n- *a\n- *b\n", Limits())
    assert str(error) == "line 3: the alias 'b' names nothing"
    assert top is not None
    first, second = top.items
    assert first is second
