"""Resolve the objects of a Keras configuration to the names that Keras would import or look up.

Keras imports ``module`` and takes ``class_name`` from it (CVE-2025-1550, CVE-2025-8747), or looks up
``registered_name`` among the classes that the application registered. Names of Keras are reviewed by its vocabulary,
all others as Python names.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.formats.graphs.keras.code import describe_code, find_named_function, refers_to_object
from modelaudit.formats.graphs.keras.objects import KerasObject
from modelaudit.languages.settings import Setting
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import PYTHON_NAMES, Mention

CLASSES: Final = "keras-classes"
SYMBOLS: Final = "tensorflow-symbols"
_KERAS_PACKAGES: Final = frozenset(
    {"keras", "tf_keras", "tensorflow", "keras_core", "keras_preprocessing", "tensorflow_addons"}
)
_RELATED_PACKAGES: Final = frozenset({"keras_hub", "keras_nlp", "keras_cv", "keras_tuner", "keras_rs", "bayesflow"})
_PUBLIC_MODULES: Final = frozenset({
    "layers", "layers.experimental", "layers.experimental.preprocessing", "models", "optimizers", "optimizers.legacy",
    "optimizers.experimental", "optimizers.schedules", "losses", "metrics", "initializers", "regularizers",
    "constraints", "activations", "dtype_policies", "mixed_precision", "quantizers", "ops", "random",
})  # fmt: skip
# Class names that mark serialized values in Keras, such as tensors and slices, which create no object of a class.
_BUILT_IN_VALUES: Final = frozenset(
    {"__tensor__", "__numpy__", "__bytes__", "__slice__", "__keras_tensor__", "__ellipsis__"}
)
_LAMBDAS: Final = frozenset({"Lambda", "keras.layers.Lambda", "tf_keras.layers.Lambda"})
# A name under which an application registered a class or function: ``package>name``. Keras resolves such a text
# wherever it takes an activation, initializer, loss or metric by name (``keras/src/saving/object_registration.py``).
_REGISTERED_NAME: Final = defer_pattern(r"[\w.-]{1,200}>[\w.-]{1,200}")
_CLASS_KEYS: Final = frozenset({"class_name", "registered_name"})
_NAME_LENGTH: Final = 200
_NO_MODULE: Final = (None,)


def list_mentions(instance: KerasObject) -> Iterator[Mention]:
    """Yield the classes and functions that one object names, and the code in it."""
    if instance.short_class_name == "Lambda":
        yield from _iter_lambda_mentions(instance)
    else:
        yield from _iter_object_mentions(instance)


def list_registered_names(settings: Iterable[Setting]) -> Iterator[Mention]:
    """Yield each registered name, ``package>name``, that is the plain value of a setting, such as of an activation.

    Names under the keys that select the class of an object are left out: ``list_mentions`` yields those.
    """
    for setting in settings:
        value = setting.value
        if isinstance(value, str) and setting.key not in _CLASS_KEYS and _REGISTERED_NAME.fullmatch(value):
            yield _make_mention("custom-class", CLASSES, value, setting)


def _iter_object_mentions(instance: KerasObject) -> Iterator[Mention]:
    """Yield the mentions of an object that is not a ``Lambda`` layer."""
    if instance.short_class_name in ("TFOpLambda", "SlicingOpLambda", "ClassMethod"):
        yield from _iter_symbol_mentions(instance)
    detail = describe_code(instance) if instance.short_class_name == "__lambda__" else ""
    # Keras imports the module before it looks for the class, so a module without a valid class name is a mention too,
    # with a question mark for the class.
    if not instance.get_texts("class_name"):
        for imported in instance.get_texts("module"):
            yield _resolve_name("class", imported, "?", instance.first)
    for class_ in instance.get_texts("class_name"):
        for module in instance.get_texts("module") or _NO_MODULE:
            if class_ == "function":
                for name in _list_function_names(instance, module):
                    yield _resolve_name("function", module, name, instance.first)
            elif class_ == "__typespec__":
                for name in instance.get_texts("spec_name"):
                    yield _resolve_name("class", module, name, instance.first)
            else:
                yield from _iter_class_mentions(instance, module, class_, detail)


def _list_function_names(instance: KerasObject, module: str | None) -> list[str]:
    """Return the names of an object of the class ``function``: its config, and outside builtins its registered name."""
    names = instance.get_config_texts("")
    if module != "builtins":
        names += instance.get_texts("registered_name")
    return [name for name in dict.fromkeys(names) if name != "function"]


def _iter_class_mentions(instance: KerasObject, module: str | None, class_: str, detail: str) -> Iterator[Mention]:
    """Yield a mention of every class that a version of Keras may resolve the object to."""
    if class_ in _BUILT_IN_VALUES:
        return
    registered_names = [name for name in instance.get_texts("registered_name") if name != class_]
    # A name that the application registered has the form package>class.
    custom_names = [name for name in registered_names if ">" in name]
    if not module and custom_names:
        for name in custom_names:
            yield _make_mention("custom-class", CLASSES, name, instance.first, detail)
        return
    yield _resolve_name("class", module, class_, instance.first, detail)
    # Keras looks up the registered name before it imports the module, even a module of Keras.
    for name in custom_names:
        if module and module.partition(".")[0] in _KERAS_PACKAGES:
            yield _make_mention("custom-class", CLASSES, name, instance.first, detail)
    # Keras falls back on the registered name in the same module.
    for name in registered_names:
        if module and ">" not in name:
            yield _resolve_name("class", module, name, instance.first)


def _iter_lambda_mentions(instance: KerasObject) -> Iterator[Mention]:
    """Yield the code of a ``Lambda`` layer, or the function that it refers to by name."""
    classes, modules = instance.get_texts("class_name"), instance.get_texts("module") or _NO_MODULE
    names = [f"{module}.{class_}" if module else class_ for class_ in classes for module in modules]
    # Only the Lambda layers of Keras itself are known to call a named function and run nothing else.
    if all(name in _LAMBDAS for name in names):
        if refers_to_object(instance) and not instance.get_config_texts("output_shape_type"):
            return  # the object has mentions of its own
        named = find_named_function(instance)
        if named is not None:
            yield _resolve_name("function", None, named[0], named[1])
            return
    for name in names:
        yield _make_mention("code", CLASSES, name, instance.first, describe_code(instance))
    # A class Lambda of another package is also imported from there; "Lambda" without a package is that of Keras.
    if any(name.partition(".")[0] not in _KERAS_PACKAGES | {"Lambda"} for name in names):
        yield from _iter_object_mentions(instance)


def _iter_symbol_mentions(instance: KerasObject) -> Iterator[Mention]:
    """Yield the TensorFlow symbols that a Keras 2 layer looks up by name and calls."""
    for symbol in instance.get_config_texts("function"):
        yield _make_mention("function", SYMBOLS, symbol, instance.first)
    for symbol in instance.get_config_texts("cls_symbol"):
        for method in instance.get_config_texts("method_name"):
            yield _make_mention("function", SYMBOLS, f"{symbol}.{method}", instance.first)


def _resolve_name(use: str, module: str | None, name: str, setting: Setting, detail: str = "") -> Mention:
    """Return the mention of a name; its vocabulary and use depend on the module: Keras, inside Keras, or another."""
    # Keras writes the module builtins for its own functions too, such as relu.
    if not module or (module == "builtins" and use == "function" and not hasattr(builtins, name)):
        return _make_mention(use, CLASSES, name, setting, detail)
    package, _, submodule = module.partition(".")
    full_name = f"{module}.{name}"
    if package in _RELATED_PACKAGES:
        return _make_mention(use, CLASSES, full_name, setting, detail)
    if package not in _KERAS_PACKAGES:
        return _make_mention(use, PYTHON_NAMES, full_name, setting, detail)
    is_public = package in ("keras", "tf_keras") and (not submodule or submodule in _PUBLIC_MODULES)
    return _make_mention(use if is_public else "inner-name", CLASSES, full_name, setting, detail)


def _make_mention(use: str, vocabulary: str, name: str, setting: Setting, detail: str = "") -> Mention:
    """Return a mention at the location of a setting, with at most 200 characters of the name."""
    return Mention(vocabulary, use, name[:_NAME_LENGTH], setting.where, detail)
