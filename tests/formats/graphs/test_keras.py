"""Test how the objects of Keras configurations are resolved to names, code and files."""

from __future__ import annotations

import base64
import json
import marshal

import pytest
from builders.hdf5_files import CODE, build_keras2_config, build_keras2_lambda
from builders.keras_files import (
    build_keras3_config,
    build_keras3_function,
    build_keras3_lambda,
    build_keras3_layer,
    build_keras3_model,
    build_keras_archive,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason


def list_keras_mentions(reading):
    """Return the mentions in the outlines of Keras, without those of other formats."""
    outlines = [outline for outline in reading.of(Outline) if outline.format == "keras"]
    return [mention for outline in outlines for mention in outline.mentions]


def list_names(reading) -> set[tuple[str, str, str]]:
    """Return the vocabulary, use and name of each mention of a Keras configuration."""
    return {(each.vocabulary, each.use, each.name) for each in list_keras_mentions(reading)}


def read_json(read_bytes, config, path="model.json"):
    """Read a Keras configuration as the JSON file ``path``."""
    return read_bytes(json.dumps(config).encode(), path)


@check_each(
    "config, expected",
    [
        (build_keras3_layer("Dense", units=1), ("keras-classes", "class", "keras.layers.Dense")),
        ({"class_name": "Dense", "config": {"units": 1}}, ("keras-classes", "class", "Dense")),
        (build_keras3_function("os", "system"), ("python-names", "function", "os.system")),
        (build_keras3_function("builtins", "relu"), ("keras-classes", "function", "relu")),
        (build_keras3_function("builtins", "eval"), ("python-names", "function", "builtins.eval")),
        (build_keras3_config("subprocess", "Popen", {"args": "true"}), ("python-names", "class", "subprocess.Popen")),
        (build_keras3_function("keras.utils", "get_file"), ("keras-classes", "inner-name", "keras.utils.get_file")),
        (build_keras3_function("kerasx", "run"), ("python-names", "function", "kerasx.run")),
        # The last argument is the registered name. Keras uses it if the module is missing or lacks the class.
        (build_keras3_config(None, "Mixer", {"a": 1}, "acme>Mixer"), ("keras-classes", "custom-class", "acme>Mixer")),
        (build_keras3_config("os", "none", {"a": 1}, "system"), ("python-names", "class", "os.system")),
        (build_keras3_config("evil.pkg", "Lambda", {"function": build_keras3_function("builtins", "relu")}), ("python-names", "class", "evil.pkg.Lambda")),
        ({"class_name": "TFOpLambda", "config": {"function": "io.write_file"}},
         ("tensorflow-symbols", "function", "io.write_file")),
    ],
)  # fmt: skip
def test_object_in_a_keras_configuration_is_mentioned_by_the_name_that_keras_looks_up(config, expected, read_bytes):
    assert expected in list_names(read_json(read_bytes, build_keras3_model(config)))


def test_repeated_class_name_key_in_a_keras_configuration_is_mentioned_by_first_and_last_value(read_bytes):
    # Most JSON readers take the last value of a repeated key, and some take the first.
    text = '{"class_name": "Dense", "class_name": "A", "class_name": "B", "class_name": "C", "class_name": "Lambda", '
    reading = read_bytes((text + '"config": {"units": 1}}').encode(), "model.json")
    assert {name for _, _, name in list_names(reading)} >= {"Dense", "Lambda"}


@pytest.mark.parametrize("config", [
    {"function": [CODE, None, None], "function_type": "lambda"},
    {"function": CODE, "function_type": "lambda"},
    {"function": "relu"},  # no type shows that the text is a name
    {"function": "relu", "function_type": "function", "output_shape": CODE, "output_shape_type": "lambda"},
    {"function": "lambda x: x", "function_type": "function"},  # not an identifier
    {},
])  # fmt: skip
def test_keras_lambda_layer_that_may_contain_code_is_mentioned_as_code(config, read_bytes):
    reading = read_json(read_bytes, build_keras2_config({"class_name": "Lambda", "config": config}))
    assert ("keras-classes", "code", "Lambda") in list_names(reading)


def test_keras_lambda_layer_that_only_names_a_function_is_mentioned_by_that_function(read_bytes):
    keras2_layer = {
        "class_name": "Lambda",
        "config": {"function": "relu", "function_type": "function", "output_shape": None},
    }
    keras3_layer = build_keras3_layer("Lambda", function=build_keras3_function("keras.ops", "abs"))
    reading = read_json(read_bytes, build_keras2_config(keras2_layer, keras3_layer))
    assert {name for _, _, name in list_names(reading)} == {"Sequential", "relu", "keras.ops.abs"}


def test_mention_of_keras_lambda_code_lists_the_names_in_its_bytecode(read_bytes):
    code = base64.b64encode(marshal.dumps(compile("__import__('os').system('true')", "m", "eval"))).decode()
    mentions = list_keras_mentions(read_json(read_bytes, build_keras2_config(build_keras2_lambda(code))))
    assert "system" in next(each.detail for each in mentions if each.use == "code")


@pytest.mark.parametrize("config", [
    build_keras3_model(build_keras3_lambda()),
    build_keras3_model(build_keras3_layer("TimeDistributed", layer=build_keras3_layer("Bidirectional", layer=build_keras3_lambda()))),
    {**build_keras3_model(), "compile_config": {"loss": build_keras3_lambda()}},
    {**build_keras3_model(), "build_config": {"input_shape": build_keras3_lambda()}},
    # The configuration of another model as a JSON text.
    build_keras3_model(build_keras3_layer("Dense", units=1, config=json.dumps(build_keras3_model(build_keras3_lambda())))),
    [[build_keras3_model(build_keras3_lambda())]],
])  # fmt: skip
def test_keras_lambda_in_nested_layers_compile_or_build_settings_or_json_text_is_mentioned(config, read_bytes):
    assert "__lambda__" in {name for _, _, name in list_names(read_json(read_bytes, config))}


def wrap_in_texts(config, count):
    """Wrap a configuration ``count`` times: as a JSON text in a layer of another configuration."""
    for _ in range(count):
        config = build_keras3_model(build_keras3_layer("Dense", units=1, config=json.dumps(config)))
    return config


def test_keras_configuration_nested_in_more_texts_than_the_bound_is_reported_as_unread(read_bytes):
    inner = build_keras3_model(build_keras3_lambda())
    most_texts = 4
    deepest, too_deep = (read_json(read_bytes, wrap_in_texts(inner, count)) for count in (most_texts, most_texts + 1))
    assert "__lambda__" in {name for _, _, name in list_names(deepest)}
    assert UnreadReason.LIMIT not in deepest.reasons()
    assert UnreadReason.LIMIT in too_deep.reasons()


def test_keras_configuration_in_a_text_deeper_than_the_document_bound_is_reported_as_unread(read_bytes):
    deep = '{"class_name": "Lambda", "config": ' + "[" * 3000 + "]" * 3000 + "}"
    config = build_keras3_model(build_keras3_layer("Dense", units=1, config=deep))
    assert UnreadReason.LIMIT in read_json(read_bytes, config).reasons()


def test_absence_states_the_bound_if_a_keras_configuration_has_more_names(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.keras.reader._MOST_MENTIONS", 2)
    config = build_keras3_model(*(build_keras3_layer(f"Layer{number}", units=1) for number in range(3)))
    assert "only the first 2 names of the configuration were read" in read_json(read_bytes, config).details


@pytest.mark.parametrize(
    "bound, what", [("_MOST_OBJECTS", "objects"), ("_MOST_CONFIG_VALUES", "values of the objects")]
)
def test_absence_states_the_bound_on_objects_and_values_and_names_before_it_stay(
    read_bytes, monkeypatch, bound: str, what: str
) -> None:
    monkeypatch.setattr(f"modelaudit.formats.graphs.keras.objects.{bound}", 2)
    config = build_keras3_model(*(build_keras3_layer(f"Layer{number}", units=1, name="a") for number in range(3)))
    result = read_json(read_bytes, config)
    assert f"only the first 2 {what} of the configuration were read" in result.details
    assert any(name.endswith("Layer0") for _, _, name in list_names(result))


def test_config_json_in_a_keras_archive_is_read_as_configuration_even_without_layers(read_bytes):
    archive = build_keras_archive({"class_name": "system", "module": "os", "config": {}})
    assert ("python-names", "class", "os.system") in list_names(read_bytes(archive, "model.keras"))


@pytest.mark.parametrize("document", [
    [{"class_name": "cat"}], {"class_name": "os", "module": "system"}, {"model_type": "bert"}, {"labels": ["class_name"]},
])  # fmt: skip
def test_json_with_neither_config_nor_registered_name_gives_no_keras_mentions(document, read_bytes):
    assert list_keras_mentions(read_json(read_bytes, document, "labels.json")) == []


@check_each("config, target", [
    ({"vocabulary": "/etc/passwd"}, "/etc/passwd"),
    ({"vocabulary": "words.txt"}, "words.txt"),
    ({"weights_path": "../../secret"}, "../../secret"),
    ({"image_url": "https://example.invalid/a"}, "https://example.invalid/a"),
    ({"vocabulary": ["a", "b"]}, None),  # the words themselves
    ({"weights_path": "inside"}, None),  # neither a path nor a file name
    ({"name": "/device"}, None),  # a key under which no layer opens a file
])  # fmt: skip
def test_file_that_a_keras_layer_opens_gives_a_reference(config, target, read_bytes):
    reading = read_json(read_bytes, build_keras3_model(build_keras3_layer("StringLookup", **config)))
    targets = [each.target for group in reading.of(References) for each in group.items]
    assert targets == ([target] if target else [])


# Random JSON documents whose keys and texts are those of Keras configurations.
_DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["Lambda", "function", "os", CODE]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["class_name", "config", "module", "registered_name", "function", "function_type", "vocabulary"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(_DOCUMENTS)
def test_keras_archive_with_a_random_configuration_yields_structures(read_bytes, document):
    reading = read_bytes(build_keras_archive(document), "model.keras")
    assert reading.structures


def test_keras_class_is_mentioned_as_revived_class_only_in_a_saved_model(read_bytes):
    text = b'{"class_name": "Mine", "config": {"name": "mine", "trainable": true}}'
    for path, use in (("saved_model.pb!layer-0.json", "revived-class"), ("x.keras!config.json", "class")):
        assert {each.use for each in list_keras_mentions(read_bytes(text, path))} == {use}


def test_function_symbol_of_a_keras_slicing_layer_is_mentioned(read_bytes):
    config = build_keras3_model(build_keras3_config("keras", "SlicingOpLambda", {"function": "io.write_file"}))
    assert ("tensorflow-symbols", "function", "io.write_file") in list_names(read_json(read_bytes, config))


@pytest.mark.parametrize("name", [5, None, ["function"]])
def test_keras_module_is_mentioned_even_if_the_class_name_is_invalid(name, read_bytes):
    config = build_keras3_model({"module": "antigravity", "class_name": name, "config": {}, "registered_name": None})
    assert ("python-names", "class", "antigravity.?") in list_names(read_json(read_bytes, config))


def test_registered_name_of_a_keras_class_is_mentioned_as_a_custom_class(read_bytes):
    config = build_keras3_model(build_keras3_config("keras.layers", "Dense", {}, "acme>Dense"))
    assert ("keras-classes", "custom-class", "acme>Dense") in list_names(read_json(read_bytes, config))


def test_files_over_the_bound_that_keras_layers_open_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.keras.reader.MOST_REFERENCES", 2)
    for count in (2, 3):
        layers = [build_keras3_layer("StringLookup", vocabulary=f"/srv/{n}") for n in range(count)]
        reading = read_json(read_bytes, build_keras3_model(*layers))
        assert len([each for group in reading.of(References) for each in group.items]) == 2
        assert (UnreadReason.LIMIT in reading.reasons()) == (count > 2)


@pytest.mark.parametrize("key", ["activation", "kernel_initializer", "bias_regularizer"])
def test_function_that_a_keras_setting_names_by_its_registered_name_is_mentioned(read_bytes, key):
    config = build_keras3_model(build_keras3_config("keras.layers", "Dense", {"units": 2, key: "acme>run"}))
    assert ("keras-classes", "custom-class", "acme>run") in list_names(read_json(read_bytes, config))
