"""Test spaCy pipelines: the names in their configuration, and the recognition of their MessagePack files."""

from __future__ import annotations

import pytest
from builders.spacy_files import CONFIG, build_thinc_model
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.catalogue import load_shipped

import modelaudit
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason


def list_names(reading) -> set[tuple[str, str]]:
    """Return the use and the name of each mention."""
    return {(mention.use, mention.name) for outline in reading.of(Outline) for mention in outline.mentions}


def test_each_function_factory_and_source_in_a_spacy_configuration_is_mentioned(read_bytes):
    text = CONFIG + (
        '\n[components.other]\nsource : "acme"\n[training.batcher]\n@batchers=spacy.x.v1\n'
        '[DEFAULT]\n@misc = "a.v1"\n[training.logger]\nvalue = {"a": [{"@loggers": "b.v1"}]}\n'
    )
    assert list_names(read_bytes(text.encode(), "config.cfg")) == {
        ("tokenizers", "spacy.Tokenizer.v1"), ("factory", "ner"), ("architectures", "spacy.TransitionBasedParser.v2"),
        ("source", "acme"), ("batchers", "spacy.x.v1"), ("misc", "a.v1"), ("loggers", "b.v1"), ("language", "en"),
    }  # fmt: skip


def test_names_in_an_indented_spacy_configuration_are_found(read_bytes):
    # All lines are indented alike, which ``configparser`` accepts.
    text = "".join(f"\t {line}\n" for line in CONFIG.splitlines())
    assert list_names(read_bytes(text.encode(), "config.cfg")) == list_names(read_bytes(CONFIG.encode(), "config.cfg"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # The last two refer to a missing setting and to a setting that refers to itself.
        ("${a.b}", "evil.v1"),
        ('"${a.b}"', "evil.v1"),
        ('"ev${a.c}"', "evil.v1"),
        ("${a.d}", "${a.d}"),
        ("${a.e}", "${a.e}"),
    ],
)
def test_spacy_variable_in_a_name_is_replaced_by_its_value_or_left_as_written(value, expected, read_bytes):
    text = f'[a]\nb = "evil.v1"\nc = "il.v1"\ne = "${{a.e}}"\n[nlp]\n@misc = {value}\n'
    assert list_names(read_bytes(text.encode(), "config.cfg")) == {("misc", expected)}


@pytest.mark.parametrize(
    ("name", "text", "format_"),
    [
        ("config.cfg", "[nlp]\nlang = 1\n", "spacy"),
        ("config.cfg", " [nlp]\n lang = 1\n", "spacy"),
        ("config.cfg", "#" * 5000 + "\n[nlp]\n@misc = 1\n", "spacy"),
        ("default.cfg", "[model]\n@layers = 1\n", "spacy"),
        ("vectors.cfg", '{"mode": "default"}', "json"),
        ("other.cfg", "[server]\nport = 1\n", "text"),
        ("config.txt", "[nlp]\n@misc = 1\n", "text"),
    ],
)
def test_spacy_configuration_is_recognised_by_name_and_sections(name, text, format_, read_bytes):
    assert read_bytes(text.encode(), name).formats[name] == [format_]


def test_config_cfg_without_spacy_sections_gives_no_mention_and_no_absence(read_bytes):
    reading = read_bytes(b"no section\n[server]\nport = 1\n", "config.cfg")
    assert (reading.unread, list_names(reading)) == ([], set())


def test_spacy_names_before_damage_are_mentioned(read_bytes):
    reading = read_bytes((CONFIG + "\n[broken\n").encode(), "config.cfg")
    assert ("factory", "ner") in list_names(reading)
    assert reading.reasons() == {UnreadReason.DAMAGED}


def test_spacy_configuration_over_a_bound_is_reported_as_unread(read_bytes):
    long_text = read_bytes(CONFIG.encode() + b"# x\n" * 300_000, "config.cfg")
    functions = "".join(f"@a{number} = 1{number}x\n" for number in range(10_001))
    many_functions = read_bytes((CONFIG + functions).encode(), "config.cfg")
    assert long_text.reasons() == many_functions.reasons() == {UnreadReason.LIMIT}
    assert len(list_names(many_functions)) == 10_000


def test_spacy_functions_that_load_other_models_are_not_trusted():
    trusted = load_shipped().vocabularies["spacy-registry"]
    assert {"spacy.Tok2Vec.v2", "spacy.Tok2Vec.v1", "spacy-legacy.Tok2Vec.v1", "Adam.v1"} <= trusted.keys()
    assert not [name for name in trusted if "Wrapper" in name or "base_model" in name or "transformers" in name]


@check_each(
    "name, data, is_msgpack",
    [
        # A map counts by the name of a spaCy file, or by its first forty items, with a first key of over two letters.
        ("ner/model", build_thinc_model(), True),
        ("ner/model", build_thinc_model()[:-1], True),
        ("vocab/key2row", b"\x80", True),
        ("vocab/key2row", b"\x81\x01\x02", True),
        ("vocab/lookups.bin", b"\x80", True),
        ("weights", b"\x80", False),
        ("weights", b"\x81\x01\x02", False),
        ("moves", b"\x82\xa5moves\xa3abc\xa3cfg\xc0", True),
        ("weights", b"\x82\xa5moves\xa3abc\xa3cfg\xc0\xff", False),
        ("weights", b"\x82\xa5moves\xa3abc\xa3cf", False),
        ("weights", b"\x82\xa1m\xa3abc\xa3cfg\xc0", False),
    ],
)
def test_msgpack_map_is_recognised_under_a_spacy_file_name_or_if_complete_with_a_word_as_key(
    name, data, is_msgpack, read_bytes
):
    assert ("msgpack" in read_bytes(data, name).formats[name]) is is_msgpack


def test_pickle_in_a_spacy_layer_is_read(read_bytes, read_fixture):
    assert read_fixture("spacy/malicious/model").evaluates
    assert not read_bytes(build_thinc_model(), "model").unread


def test_scan_of_a_spacy_pipeline_with_an_unlisted_factory_is_incomplete(tmp_path):
    (tmp_path / "config.cfg").write_text(CONFIG)
    (tmp_path / "ner").mkdir()
    (tmp_path / "ner/model").write_bytes(build_thinc_model())
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 0
    # The same pipeline with the factory ``llm``, which is on no list.
    unlisted = CONFIG.replace('"ner"\n\n[components.ner.model]', '"llm"\n\n[components.ner.model]')
    (tmp_path / "config.cfg").write_text(unlisted)
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert report.exit_code == 3
    assert [each.rule for each in report.findings if each.rule.startswith("spacy/")] == ["spacy/unverified-function"]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(CONFIG)), st.text(alphabet='[]{}"$@.=:\n \\ab', max_size=12))
def test_spacy_configuration_of_any_text_is_parsed_or_reported_as_unread(read_bytes, position, replaced):
    # Any error that the reader does not report as damage or as a limit fails the test.
    read_bytes((CONFIG[:position] + replaced + CONFIG[position + len(replaced) :]).encode(), "config.cfg")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(build_thinc_model())), st.binary(max_size=8))
def test_mutated_thinc_models_never_crash_the_reader(read_bytes, position, replaced):
    # Any error that the reader does not report as damage or as a limit fails the test.
    data = build_thinc_model()
    read_bytes(data[:position] + replaced + data[position + len(replaced) :], "model")


def test_scan_of_a_spacy_configuration_with_an_unlisted_language_is_incomplete(tmp_path):
    (tmp_path / "config.cfg").write_text(CONFIG.replace('lang = "en"', 'lang = "acme"'))
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert report.exit_code == 3
    assert any("names the language acme" in finding.message for finding in report.findings)
