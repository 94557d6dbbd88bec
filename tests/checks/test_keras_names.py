"""The vocabularies of Keras: trusted classes, and no list that trusts a dangerous name of another."""

from __future__ import annotations

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.model.catalogue import Standing

CLASSES = load_shipped().vocabularies["keras-classes"]
SYMBOLS = load_shipped().vocabularies["tensorflow-symbols"]


@check_each("name", [
    "Dense", "keras.layers.Dense", "keras.src.models.functional.Functional", "tf_keras.src.engine.functional.Functional",
    "keras.src.engine.functional.Functional", "keras.engine.functional.Functional", "keras.optimizers.legacy.RMSprop",
    "Custom>Adam", "relu", "keras.src.ops.numpy.GetItem", "keras.dtype_policies.DTypePolicy", "__tuple__",
])  # fmt: skip
def test_name_that_keras_saves_is_trusted_in_the_spellings_of_several_releases(name: str) -> None:
    assert CLASSES[name].standing is Standing.TRUSTED


@check_each("last_part", ["Lambda", "TFSMLayer", "TorchModuleWrapper", "get_file", "load_model",
                                  "enable_unsafe_deserialization", "__lambda__", "func_load"])  # fmt: skip
def test_every_listed_spelling_of_a_dangerous_keras_name_is_dangerous(last_part: str) -> None:
    standings = {entry.standing for name, entry in CLASSES.items() if name.rpartition(".")[2] == last_part}
    assert standings == {Standing.DANGEROUS}


@pytest.mark.parametrize(
    "last_part", ["JaxLayer", "FlaxLayer", "ModuleWrapper", "deserialize", "while_loop", "custom_gradient"]
)
def test_keras_name_that_calls_code_from_outside_keras_is_on_no_list(last_part: str) -> None:
    assert not [name for name in CLASSES if name.rpartition(".")[2] == last_part]


@check_each("module", ["io", "raw_ops", "saved_model", "data", "train", "summary", "distribute", "py_function"])
def test_tensorflow_symbol_in_a_module_that_reaches_outside_the_model_is_not_trusted(module: str) -> None:
    assert not [name for name, entry in SYMBOLS.items()
                if module in name.split(".") and entry.standing is Standing.TRUSTED]  # fmt: skip


def test_mathematical_tensorflow_symbol_is_trusted() -> None:
    assert {SYMBOLS[name].standing for name in ("math.add", "nn.relu", "concat", "__operators__.getitem")} == {
        Standing.TRUSTED
    }
