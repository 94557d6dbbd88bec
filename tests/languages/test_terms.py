"""Texts that may hold licence terms, and keys that state licence and base models."""

from __future__ import annotations

import html.parser
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.work import CountingPattern, count_work, find_growth_fault

from modelaudit.languages.terms.heads import extract_head_comment
from modelaudit.languages.terms.keys import DOCUMENT_KEYS
from modelaudit.languages.terms.prose import classify_file
from modelaudit.languages.terms.source_text import extract_source_text
from modelaudit.languages.terms.statements import extract_statements
from modelaudit.languages.terms.text_layers import extract_markup_text, extract_string_values
from modelaudit.model.evidence import Prose, ProseKind, Statements, Topic
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import ModelCard, UnreadReason

LICENSE, NOTICE, POLICY = ProseKind.LICENSE, ProseKind.NOTICE, ProseKind.POLICY
CARD, CODE = ProseKind.CARD, ProseKind.CODE


def list_statements(reading):
    """Return topic, field and value of every statement."""
    return [(each.topic, each.field, each.value) for each in _list_statement_objects(reading)]


def _list_statement_objects(reading):
    """Return every licence statement of a reading."""
    return [each for statements in reading.of(Statements) for each in statements.items]


def list_document_statements(read_bytes, name, value):
    """Read a value as the JSON document ``name``; return topic, field and value of every statement."""
    return list_statements(read_bytes(json.dumps(value).encode(), name))


@check_each(
    "path, kind",
    [
        ("LICENSE", LICENSE), ("LICENCE", LICENSE), ("license.txt", LICENSE), ("LICENSE.md", LICENSE), ("COPYING", LICENSE),
        ("COPYING.LESSER", LICENSE), ("UNLICENSE", LICENSE), ("LICENSE-2.0", LICENSE), ("LICENSE.MIT", LICENSE),
        ("LICENSES/Apache-2.0.txt", LICENSE), ("sub/licenses/other.txt", LICENSE), ("llama_license.txt", LICENSE),
        ("LICENSE-MODEL", LICENSE), ("EULA.html", LICENSE), ("TERMS.rst", LICENSE), ("MODEL_LICENSE", LICENSE),
        ("a.whl!pkg.dist-info/LICENSE", LICENSE), ("a.zip!LICENSES/x.txt", LICENSE), ("Notice.txt", NOTICE),
        ("THIRD_PARTY_NOTICES.md", NOTICE), ("ThirdPartyNotices.txt", NOTICE), ("third-party-licenses.txt", NOTICE),
        ("USE_POLICY.md", POLICY), ("acceptable_use.txt", POLICY), ("ACCEPTABLE-USE-POLICY.html", POLICY),
        ("gemma_prohibited_use_policy.md", POLICY), ("README.md", CARD), ("sub/README.md", CARD), ("README", CARD),
        ("README_zh.md", CARD), ("model_card.md", CARD), ("modeling.py", CODE), ("run.sh", CODE), ("Makefile", CODE),
        ("model.safetensors", None), ("LICENSE.safetensors", None), ("license.json", LICENSE), ("config.json", None),
        ("MODEL_LICENSE.yaml", LICENSE), ("LICENSE.xml", LICENSE), ("LICENSE.cfg", LICENSE), ("licence.toml", LICENSE),
        ("terms-of-use.json", LICENSE), ("licenses.json", None), ("licenses.txt", LICENSE), ("LICENSES/list.json", None),
        ("terms.csv", None), ("agreement.csv", None), ("permissions.json", None), ("license_plates.csv", None),
        ("NONCOMMERCIAL.md", CARD), ("non-commercial-use-only.txt", CARD), ("RESTRICTED_USE.txt", CARD),
        ("use_restrictions.md", CARD), ("noncommercial.json", LICENSE), ("commercial.md", None),
        ("LICENSE.png", LICENSE), ("LICENSE.wav", LICENSE), ("usage.mov", None), ("README.gif", None),
        ("notes.txt", None), ("licenses/logo.png", None), ("", None), ("LICENSE" + "x" * 300, None),
    ],
)  # fmt: skip
def test_file_name_decides_which_kind_of_licence_text_the_file_holds(path, kind):
    assert classify_file(path) is kind


def test_license_file_is_yielded_verbatim(read_bytes):
    text = "\n  Terms of Acme\n\nAsk us first.\n"
    assert read_bytes(text.encode(), "LICENSE").of(Prose) == [Prose(LICENSE, text)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_mark_of_license_file_is_dropped(read_bytes, encoding):
    assert read_bytes("Terms of Acme\n".encode(encoding), "LICENSE").of(Prose) == [Prose(LICENSE, "Terms of Acme\n")]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Terms of Acm\xe9, and more of them that are text throughout\n", "Terms of Acm\xe9, and"),  # Windows-1252
        (b"Terms of Acm\xc3\xa9 and Acm\xe9, in two encodings in one file\n", "Terms of Acm\xe9 and Acm\ufffd, in"),
        ("中文".encode("gbk") + b" and a long line of text behind it, in English\n" * 2, "\ufffd"),
        ("Terms of Acme, which end within a character of UTF-8: é".encode()[:-1], "Terms of Acme"),
    ],
)
def test_bytes_of_license_file_beyond_utf_8_are_of_a_western_code_page_or_replaced(read_bytes, data, text):
    [prose] = read_bytes(data, "LICENSE").of(Prose)
    assert prose.text.startswith(text)
    assert ("\ufffd" in prose.text) is (b"throughout" not in data)


@pytest.mark.parametrize(
    ("text", "body", "line"),
    [
        ("---\nlicense: mit\n---\n# Title\nWords\n", "# Title\nWords\n", 4),
        ("\n---\nlicense: mit\n---\nWords\n", "Words\n", 5),
        ("Words\n", "Words\n", 1),
        ("---\nlicense: mit\nWords of a card\n", "---\nlicense: mit\nWords of a card\n", 1),
    ],
)
def test_card_text_excludes_closed_front_matter_and_has_the_number_of_its_first_line(read_bytes, text, body, line):
    reading = read_bytes(text.encode(), "README.md")
    assert reading.of(Prose) == [Prose(CARD, body, line)]
    assert text.splitlines()[line - 1] == body.splitlines()[0]


def test_card_without_body_yields_no_text(read_bytes):
    assert read_bytes(b"---\nlicense: mit\n---\n\n", "README.md").of(Prose) == []


@check_each(
    "text, head, line",
    [
        ("# Copyright\n# License\n\nimport os\n# more\n", "# Copyright\n# License", 1),
        ("#!/bin/sh\n\n# License: MIT\nls\n", "#!/bin/sh\n\n# License: MIT", 1),
        ("\n\n/*\n * License\n */\nint a;\n", "/*\n * License\n */", 3),
        ('"""License: MIT\n\nWords.\n"""\nimport os\n', '"""License: MIT\n\nWords.\n"""', 1),
        ('"""A model."""\n# License\nx = 1\n', '"""A model."""\n# License', 1),
        ("// License\n// More\nx()\n", "// License\n// More", 1),
        ("/* never closed: License\nmore\n", "/* never closed: License\nmore", 1),
        ("import os\n# License: MIT\n", "", 1),
        ("", "", 1),
    ],
)
def test_head_comment_of_source_file_is_extracted_with_its_line(text, head, line):
    assert extract_head_comment(text) == (head, line)


def test_head_comment_of_a_source_file_is_yielded_only_if_it_speaks_about_terms(read_bytes):
    assert read_bytes(b"# Copyright 2026 Acme\nx = 1\n", "a.py").of(Prose) == [Prose(CODE, "# Copyright 2026 Acme")]
    assert read_bytes(b"# A model of words.\nx = 1\n", "a.py").of(Prose) == []
    assert read_bytes(b"x = 1\n# A model of words.\n", "a.py").of(Prose) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1  # One.\ny = '# no comment'\n", "One."),
        ('"""A wave\nof water."""\n', "A wave\nof water."),
        ("int x; // One.\n/* Two\n * three. */\n", "One.\n Two\n three."),
        ("x = 'http://a.b/c'\n", ""),
        ("print('It is the sea.')  # It's blue.\n", ". It is the sea. . It's blue."),
        ('x = "It\'s a \\"blue\\" sea"\n', '. It\'s a \\"blue\\" sea'),
        ("fn f<'a>(x: &'a str) {} // One 'two\n", "One 'two"),
        ('"""An end is missing\nx = 1\n', "An end is missing"),
    ],
)
def test_comments_and_wordy_strings_are_taken_out_of_source_code(text, words):
    extracted = extract_source_text(text)
    assert " ".join(extracted.split()) == " ".join(words.split())
    assert extracted.count("\n") == text.count("\n")


@pytest.mark.parametrize("piece", ["'", '"', '\\"', "/*", '"""', "{#", "<!--", "'a\"", "#", "//"])
def test_hostile_source_is_searched_in_linear_work(piece):
    fault = find_growth_fault(lambda count: count_work(lambda: extract_source_text(piece * count)), 2000)
    assert fault == ""


def test_string_without_an_end_is_left_out_and_searched_in_linear_work():
    fault = find_growth_fault(lambda count: count_work(lambda: extract_string_values('{"a": "' + '\\"' * count)), 1000)
    assert fault == ""
    assert extract_string_values('"b \\" c d e f\n"g h i j"') == ("g h i j", 2)


def test_tag_without_an_end_is_text_and_searched_in_linear_work(monkeypatch):
    # The parser is one of the standard library, so the steps of its pattern count only if the test asks for it.
    monkeypatch.setattr(
        html.parser, "locatestarttagend_tolerant", CountingPattern(html.parser.locatestarttagend_tolerant)
    )
    fault = find_growth_fault(lambda count: count_work(lambda: extract_markup_text("<p>" + "<a " * count)), 300)
    assert fault == ""
    assert extract_markup_text("<p>a &lt b<i>c <d e=f &amp; g </h") == " a < bc <d e=f & g </h"


def test_long_license_file_is_truncated_and_reported_as_unread(read_bytes):
    reading = read_bytes(b"word " * MIB, "LICENSE")
    [prose] = reading.of(Prose)
    assert len(prose.text) == 2 * MIB
    assert UnreadReason.LIMIT in reading.reasons()
    assert any("compared with the words of licences" in detail for detail in reading.details)
    long_head = read_bytes(b"# License: MIT\n" * 10_000, "a.py")
    assert len(long_head.of(Prose)[0].text) < 20_000
    assert UnreadReason.LIMIT not in long_head.reasons()


def test_all_license_texts_of_one_archive_together_are_bounded(read_bytes):
    import io
    import zipfile

    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        for number in range(20):
            archive.writestr(f"{number}/LICENSE", f"Terms {number} " * 100)
    reading = read_bytes(stored.getvalue(), "a.zip", limits=Limits(prose_bytes=5000))
    assert 0 < sum(len(prose.text) for prose in reading.of(Prose)) <= 5000
    assert any("characters of terms" in detail for detail in reading.details)
    assert len(read_bytes(stored.getvalue(), "a.zip").of(Prose)) == 20


def test_gguf_metadata_states_the_license_and_the_data_sets_and_the_base_model(read_fixture):
    reading = read_fixture("license-evidence/gguf/model.Q4_K_M.gguf")
    assert list_statements(reading) == [
        (Topic.LICENSE, "general.license", "llama3.1"),
        (Topic.LICENSE_NAME, "general.license.name", "Llama 3.1 Community License"),
        (Topic.LICENSE_LINK, "general.license.link", "LICENSE"),
        (Topic.DATASET, "general.datasets.0", "acme/rows"),
        (Topic.DATASET, "general.datasets.1", "acme/more"),
        (Topic.RELATION, "general.file_type", "quantized"),
        (Topic.BASE_MODEL, "general.base_model.0.repo_url", "https://huggingface.co/meta-llama/Llama-3.1-8B"),
    ]
    assert {each.where.key for each in _list_statement_objects(reading)} >= {"general.license", "general.datasets.1"}


@pytest.mark.parametrize(("value", "quantized"), [("0", False), ("1", False), ("32", False), ("2", True), ("x", False)])
def test_gguf_file_type_states_a_quantized_relation_only_for_quantized_weights(value, quantized):
    assert bool(list(extract_statements([("general.file_type", value)]))) is quantized


def test_gguf_base_model_without_address_gets_its_id_from_owner_and_name():
    [statements] = extract_statements(
        [("general.base_model.1.name", "Tiny 8B"), ("general.base_model.1.organization", "Acme")]
    )
    assert [(each.field, each.value) for each in statements.items] == [("general.base_model.1.name", "Acme/Tiny-8B")]


def test_licence_statements_are_extracted_from_safetensors_and_onnx_metadata(read_fixture):
    assert list_statements(read_fixture("license-evidence/metadata/model.safetensors")) == [
        (Topic.LICENSE, "modelspec.license", "CC-BY-NC-4.0"),
        (Topic.BASE_MODEL, "base_model", "acme/base"),
    ]
    assert list_statements(read_fixture("license-evidence/metadata/model.onnx")) == [
        (Topic.LICENSE, "license", "MIT"),
        (Topic.LICENSE, "doc_string: license", "Apache-2.0"),
    ]
    assert list_statements(read_fixture("license-evidence/adapter/adapter_model.safetensors")) == [
        (Topic.RELATION, "ss_network_module", "adapter")
    ]


def test_adapter_config_states_base_model_and_relation(read_fixture):
    assert list_statements(read_fixture("license-evidence/adapter/adapter_config.json")) == [
        (Topic.RELATION, "peft_type", "adapter"),
        (Topic.BASE_MODEL, "base_model_name_or_path", "acme/base"),
        (Topic.RELATION, "base_model_name_or_path", "adapter"),
    ]


def test_merge_config_states_its_models_and_relation(read_fixture):
    statements = list_statements(read_fixture("license-evidence/merge/mergekit_config.yml"))
    models = {value for topic, _, value in statements if topic is Topic.BASE_MODEL}
    assert models == {"acme/one", "acme/two", "acme/two-adapter"}
    assert {value for topic, _, value in statements if topic is Topic.RELATION} == {"merge"}
    assert list_statements(read_fixture("license-evidence/merge/config.json")) == [
        (Topic.MODALITY, "architectures", "text"),
        (Topic.BASE_MODEL, "_name_or_path", "acme/one"),
    ]


def test_slices_and_experts_of_a_merge_yield_its_base_models(read_bytes):
    text = """\
slices:
- sources:
  - model: acme/one
    layer_range: [0, 16]
  - model: {model: {path: acme/two}, lora: acme/lora}
experts:
- source_model: acme/three
"""
    statements = list_statements(read_bytes(text.encode(), "mergekit_config.yaml"))
    assert {value for topic, _, value in statements if topic is Topic.BASE_MODEL} == {
        "acme/one", "acme/two", "acme/lora", "acme/three",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("CITATION.cff", [("license", "MIT OR Apache-2.0")]),
        ("package.json", [("license", "ISC")]),
        ("pyproject.toml", [("project.license", "MIT")]),
    ],
)
def test_package_metadata_states_its_license(read_fixture, path, expected):
    statements = list_statements(read_fixture(f"license-evidence/packaged/{path}"))
    assert statements == [(Topic.LICENSE, field, value) for field, value in expected]


def test_setup_cfg_states_a_license_and_mlmodel_a_base_model_too(read_bytes):
    assert list_statements(read_bytes(b"[metadata]\nname = a\nlicense = MIT\n", "setup.cfg")) == [
        (Topic.LICENSE, "metadata.license", "MIT")
    ]
    mlmodel = b"flavors:\n  transformers:\n    source_model_name: acme/base\nmetadata:\n  license: mit\n"
    assert list_statements(read_bytes(mlmodel, "MLmodel")) == [
        (Topic.BASE_MODEL, "flavors.transformers.source_model_name", "acme/base"),
        (Topic.LICENSE, "metadata.license", "mit"),
    ]


@check_each(
    "value, modalities",
    [
        ({"architectures": ["LlamaForCausalLM"]}, {"text"}),
        ({"architectures": ["MllamaForConditionalGeneration"]}, {"multimodal"}),
        ({"architectures": ["Llama4ForConditionalGeneration"]}, {"multimodal"}),
        ({"architectures": ["Qwen2VLForConditionalGeneration"]}, {"multimodal"}),
        ({"architectures": ["Phi4MMForCausalLM"]}, {"multimodal"}),
        ({"architectures": ["LlavaLlamaForCausalLM"]}, {"multimodal"}),
        ({"architectures": ["UnheardOfForCausalLM"]}, set()),
        ({"architectures": ["LlamaForCausalLM"], "vision_config": {"hidden_size": 8}}, {"text", "multimodal"}),
        ({"architectures": [], "audio_config": {}}, set()),
        ({"image_token_index": 3}, {"multimodal"}),
        ({"vision_config": None}, set()),
    ],
)
def test_configuration_states_a_modality_only_for_listed_architectures_and_multimodal_keys(
    read_bytes, value, modalities
):
    statements = list_document_statements(read_bytes, "config.json", value)
    assert {each for topic, _, each in statements if topic is Topic.MODALITY} == modalities


def test_quantization_config_states_relation_and_base_model(read_bytes):
    statements = list_document_statements(
        read_bytes, "config.json", {"quantization_config": {"bits": 4, "quant_method": "gptq"}}
    )
    assert {(topic, value) for topic, _, value in statements} == {(Topic.RELATION, "quantized")}
    assert list_document_statements(
        read_bytes, "quantize_config.json", {"bits": 4, "model_name_or_path": "acme/base"}
    ) == [
        (Topic.RELATION, "bits", "quantized"),
        (Topic.BASE_MODEL, "model_name_or_path", "acme/base"),
    ]


@check_each(
    "value, expected",
    [
        ({"license": "mit"}, ["mit"]), ({"license": ["mit", "isc"]}, ["mit", "isc"]), ({"license": {"name": "mit"}}, ["mit"]),
        ({"license": 5}, ["5"]), ({"license": None}, []), ({"license": ""}, []), ({"licence": "mit"}, ["mit"]),
        ({"vocab": {"license": 3}}, []), ({"model": {"license": "mit"}}, []), ({"license": "x" * 5000}, ["x" * 1000]),
    ],
)  # fmt: skip
def test_top_level_license_of_a_configuration_yields_its_texts_and_one_below_another_key_none(
    read_bytes, value, expected
):
    statements = list_document_statements(read_bytes, "config.json", value)
    assert [each for topic, _, each in statements if topic is Topic.LICENSE] == expected


def test_json_files_named_rows_and_vocab_yield_no_licence_statements(read_bytes):
    assert list_document_statements(read_bytes, "rows.json", {"license": "mit", "base_model": "a/b"}) == []
    assert list_document_statements(read_bytes, "vocab.json", {"license": "mit"}) == []


def test_one_file_yields_at_most_2000_licence_statements_and_an_absence_for_more(read_bytes):
    statements_of_file = list_document_statements(
        read_bytes, "config.json", {"license": [f"own {number}" for number in range(5000)]}
    )
    assert len(statements_of_file) == 2000
    statements, absence = extract_statements([("license", f"own {number}") for number in range(5000)])
    assert len(statements.items) == 2000
    assert absence.reason is UnreadReason.LIMIT


def test_misspelled_card_field_is_read_under_its_correct_name_and_reported_as_a_defect(read_fixture):
    [card] = read_fixture("license-evidence/misspelt/README.md").of(ModelCard)
    assert [(each.key, each.values, each.line) for each in card.fields] == [
        ("license", ("MIT",), 2),
        ("base_model", ("acme/base",), 3),
    ]
    assert [(each.kind, each.where.key) for each in card.defects] == [
        ("front-matter-spelling", "license"),
        ("front-matter-spelling", "base_model"),
    ]


@check_each(
    "front_matter, values, kinds",
    [
        ("License: mit", ("mit",), {"front-matter-spelling"}),
        ("LICENSE: mit", ("mit",), {"front-matter-spelling"}),
        ("licence: mit", ("mit",), {"front-matter-spelling"}),
        ("licenses:\n- mit", ("mit",), {"front-matter-spelling"}),
        ("license: {name: mit, link: LICENSE}", ("mit",), {"front-matter-type"}),
        ("license: {id: mit}", ("mit",), {"front-matter-type"}),
        ("license:\n- {name: mit}\n- isc", ("mit", "isc"), {"front-matter-type"}),
        ("license: [[mit]]", ("mit",), {"front-matter-type"}),
        ("license: {odd: mit}", (), {"front-matter-type"}),
        ("a: &a [*a]\nlicense: *a", (), {"front-matter-type"}),
        ("LicenseX: mit", (), set()),
    ],
)
def test_misspelled_or_structured_card_license_is_a_defect_and_yields_the_names_under_usual_keys(
    read_bytes, front_matter, values, kinds
):
    [card] = read_bytes(f"---\n{front_matter}\n---\n".encode(), "README.md").of(ModelCard)
    assert card.values("license") == values
    assert {defect.kind for defect in card.defects} >= kinds
    assert kinds or not card.defects


def test_nested_yaml_aliases_in_a_card_license_yield_a_bounded_number_of_values(read_bytes):
    # Each line repeats the line before 60 times.
    aliases = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 60)}]\n" for n in range(1, 5))
    [card] = read_bytes(f"---\na0: &a0 [mit]\n{aliases}license: *a4\n---\n".encode(), "README.md").of(ModelCard)
    assert len(card.values("license")) < 100_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["LICENSE", "README.md", "a.py", "a.js", "USE_POLICY.html"]))
def test_text_of_any_bytes_is_read_without_error(read_bytes, data, name):
    read_bytes(data, name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["license", "name", "base_model", "models", "model", "path", "x"]), inner, max_size=4
            )
        ),
        max_leaves=20,
    ),
    st.sampled_from(sorted(name for name in DOCUMENT_KEYS if name.endswith((".json", ".yml", ".cff")))),
)
def test_statements_of_any_document_have_bounded_fields(read_bytes, value, name):
    for topic, field, _ in list_statements(read_bytes(json.dumps(value).encode(), name)):
        assert topic in Topic
        assert len(field) <= 200
