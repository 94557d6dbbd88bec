"""By which name each object of a configuration is judged: Keras's own by its vocabulary, any other as Python's.

Keras imports ``module`` and takes ``class_name`` from it (CVE-2025-1550, CVE-2025-8747), or looks ``registered_name``
up among what its user registered.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.keras.code import code_of, named_function, refers_to_object
from modelaudit.formats.graphs.keras.objects import KerasObject
from modelaudit.languages.settings import Setting
from modelaudit.model.outline import PYTHON_NAMES, Mention

CLASSES: Final = "keras-classes"
SYMBOLS: Final = "tensorflow-symbols"
_KERAS: Final = frozenset({"keras", "tf_keras", "tensorflow", "keras_core", "keras_preprocessing", "tensorflow_addons"})
_KIN: Final = frozenset({"keras_hub", "keras_nlp", "keras_cv", "keras_tuner", "keras_rs", "bayesflow"})
_FAMILIES: Final = frozenset({
    "layers", "layers.experimental", "layers.experimental.preprocessing", "models", "optimizers", "optimizers.legacy",
    "optimizers.experimental", "optimizers.schedules", "losses", "metrics", "initializers", "regularizers",
    "constraints", "activations", "dtype_policies", "mixed_precision", "quantizers", "ops", "random",
})  # fmt: skip
_INSIDE: Final = frozenset({"__tensor__", "__numpy__", "__bytes__", "__slice__", "__keras_tensor__", "__ellipsis__"})
_LAMBDAS: Final = frozenset({"Lambda", "keras.layers.Lambda", "tf_keras.layers.Lambda"})
_NAME: Final = 200
_ANY: Final = (None,)


def mentions_of(each: KerasObject) -> Iterator[Mention]:
    """What one object names, and the code that it brings along."""
    if each.last == "Lambda":
        yield from _lambda(each)
    else:
        yield from _other(each)


def _other(each: KerasObject) -> Iterator[Mention]:
    if each.last in ("TFOpLambda", "SlicingOpLambda", "ClassMethod"):
        yield from _symbols(each)
    detail = code_of(each) if each.last == "__lambda__" else ""
    if not each.texts("class_name"):
        for imported in each.texts("module"):
            yield _named("class", imported, "?", each.first)
    for class_ in each.texts("class_name"):
        for module in each.texts("module") or _ANY:
            if class_ == "function":
                names = each.configured_texts("") + (each.texts("registered_name") if module != "builtins" else [])
                for name in dict.fromkeys(name for name in names if name != "function"):
                    yield _named("function", module, name, each.first)
            elif class_ == "__typespec__":
                for name in each.texts("spec_name"):
                    yield _named("class", module, name, each.first)
            else:
                yield from _classes(each, module, class_, detail)


def _classes(each: KerasObject, module: str | None, class_: str, detail: str) -> Iterator[Mention]:
    if class_ in _INSIDE:
        return
    registered = [name for name in each.texts("registered_name") if name != class_]
    custom = [name for name in registered if ">" in name]
    if not module and custom:
        for name in custom:
            yield _mention("custom-class", CLASSES, name, each.first, detail)
        return
    yield _named("class", module, class_, each.first, detail)
    # What is registered under a name of its own goes before the module, even one of Keras.
    for name in custom:
        if module and module.partition(".")[0] in _KERAS:
            yield _mention("custom-class", CLASSES, name, each.first, detail)
    # Keras 2 falls back on this name in the same module.
    for name in registered:
        if module and ">" not in name:
            yield _named("class", module, name, each.first)


def _lambda(each: KerasObject) -> Iterator[Mention]:
    """What a ``Lambda`` layer brings along; of one that only refers to a function, that function."""
    names = [f"{module}.{class_}" if module else class_
             for class_ in each.texts("class_name") for module in each.texts("module") or _ANY]  # fmt: skip
    if all(name in _LAMBDAS for name in names):
        if refers_to_object(each) and not each.configured_texts("output_shape_type"):
            return  # the object is judged by itself
        named = named_function(each)
        if named is not None:
            yield _named("function", None, named[0], named[1])
            return
    for name in names:
        yield _mention("code", CLASSES, name, each.first, code_of(each))
    if any(name.partition(".")[0] not in _KERAS | {"Lambda"} for name in names):
        yield from _other(each)


def _symbols(each: KerasObject) -> Iterator[Mention]:
    """The symbols of TensorFlow that a layer of Keras 2 looks up by name and calls."""
    for symbol in each.configured_texts("function"):
        yield _mention("function", SYMBOLS, symbol, each.first)
    for symbol in each.configured_texts("cls_symbol"):
        for method in each.configured_texts("method_name"):
            yield _mention("function", SYMBOLS, f"{symbol}.{method}", each.first)


def _named(use: str, module: str | None, name: str, where: Setting, detail: str = "") -> Mention:
    if not module or (module == "builtins" and use == "function" and not hasattr(builtins, name)):
        return _mention(use, CLASSES, name, where, detail)
    root, _, inner = module.partition(".")
    full = f"{module}.{name}"
    if root in _KIN:
        return _mention(use, CLASSES, full, where, detail)
    if root not in _KERAS:
        return _mention(use, PYTHON_NAMES, full, where, detail)
    public = root in ("keras", "tf_keras") and (not inner or inner in _FAMILIES)
    return _mention(use if public else "inner-name", CLASSES, full, where, detail)


def _mention(use: str, vocabulary: str, name: str, where: Setting, detail: str = "") -> Mention:
    return Mention(vocabulary, use, name[:_NAME], where.where, detail)
