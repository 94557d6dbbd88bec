"""Detect names that one library imports from one key: beside another key, in one file, or under a key of its own.

Sources: ``haystack/core/pipeline/base.py`` (``type`` beside ``init_parameters``), ``pyannote/audio/core/pipeline.py``
(``name`` of ``pipeline``, or beside ``params``), ``gluonts/core/serde/_base.py`` (``class`` beside ``__kind__``),
``sentence_transformers/models/Dense.py``, ``Router.py``, ``WordEmbeddings.py`` and ``cross_encoder/CrossEncoder.py``
(``import_from_string``), ``mmengine/config/config.py`` (``custom_imports``), ``rasa/engine/graph.py`` (``uses`` beside
``constructor_name``), ``pyspark/ml/util.py`` (``class`` beside ``sparkVersion``), ``JsonTypeInfo`` of Jackson
(``@class``), ``monty/json.py`` (``@class`` beside ``@module``), ``ts/model_loader.py`` of TorchServe (``handler``),
``autogen_core/_component_config.py`` (``provider`` beside ``component_type`` or ``component_version``),
``nnunetv2/utilities/get_network_from_plans.py``
(``network_class_name``, ``_kw_requires_import``), ``parlai/core/loader.py`` (``module:Class`` in ``model.opt``),
``mlserver/settings.py`` (``implementation``), ``deepspeed/runtime/compiler.py`` (``backend`` of ``compile``),
``lerobot/processor/pipeline.py`` (``class`` of ``steps``), ``axolotl/integrations/base.py`` (``plugins``),
``distilabel/utils/serialization.py`` (``type_info``), ``fiddle/_src/experimental/serialization.py`` (``module``
and ``name`` beside the type ``pyref``; NeMo 2 stores its configurations so).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import (
    build_outlines,
    is_dotted_name,
    is_module_name,
    make_python_mention,
)
from modelaudit.languages.settings import Interpreter, Scalar, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading
from modelaudit.wire.text import get_file_name

# Keys whose value is imported if one of the other keys is beside them.
_KEYS_WITH_COMPANION: Final = {
    "type": ("init_parameters",),
    "name": ("params",),
    "class": ("__kind__",),
    "uses": ("constructor_name",),
    "provider": ("component_type", "component_version"),
}
_CONFIGURATION_KEY: Final = "config"
_COMPANION_KEYS: Final = frozenset(key for keys in _KEYS_WITH_COMPANION.values() for key in keys)
# Spark takes the class of a stage from the metadata that it writes beside ``sparkVersion``: a class of Java, or of
# Python for a stage that is written in it. Jackson takes the class of an object from ``@class``.
_SPARK_KEY: Final = "class"
_SPARK_COMPANION: Final = "sparkVersion"
_JACKSON_KEY: Final = "@class"
# Monty, with which pymatgen stores its objects, imports the class ``@class`` of the module ``@module`` beside it.
_MONTY_MODULE: Final = "@module"
_JAVA_CLASSES: Final = "java-classes"
_IMPORTED_KEYS: Final = frozenset(
    {"activation_function", "sbert_ce_default_activation_function", "activation_fn", "tokenizer_class",
     "network_class_name"}
)  # fmt: skip
# Keys whose value, ``module.Class`` or ``module:Class``, is imported in the files of one name.
_KEYS_BY_FILE: Final = {
    "model.opt": frozenset({"model", "dict_class", "task", "agent"}),
    "model-settings.json": frozenset({"implementation"}),
    "settings.json": frozenset({"extensions"}),
}
# Last steps of paths whose value is imported, whatever is beside it: of pyannote, Haystack and DeepSpeed. ``*`` stands
# for any step.
_IMPORTED_PATHS: Final = (("pipeline", "name"), ("components", "*", "type"), ("compile", "backend"))
# nnU-Net imports the values of ``arch_kwargs`` under the keys that this list beside it names.
_IMPORTED_ARGUMENTS_KEY: Final = "_kw_requires_import"
_ARGUMENTS_KEY: Final = "arch_kwargs"
# A mapping of fiddle with this type names an object by its module and by its path inside the module.
_PYTHON_REFERENCE: Final = "pyref"
# The mapping by which distilabel finds the class of a step.
_TYPE_INFORMATION: Final = "type_info"
# Axolotl imports the classes of this list beside a base model. Its own are known.
_PLUGINS_KEY: Final = "plugins"
_PLUGIN_COMPANION: Final = "base_model"
_OWN_PLUGINS: Final = "axolotl.integrations."
# In these files, the table ``types`` maps each module to its class.
_TYPES_KEY: Final = "types"
_TYPES_FILES: Final = frozenset({"router_config.json", "config.json"})
_IMPORTS_KEY: Final = "custom_imports"
# TorchServe imports the handler of its manifest, and looks for a module of its own if there is none of that name.
_MANIFEST: Final = "manifest.json"
_HANDLER_PATH: Final = ("model", "handler")
_BUILT_IN_HANDLERS: Final = frozenset(
    {"image_classifier", "image_segmenter", "object_detector", "text_classifier", "base_handler"}
)
_MAX_CLASS_LENGTH: Final = 200


def read_library_keys(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the names that a library imports and calls."""
    yield from build_outlines(_collect_names(get_file_name(path), settings))


def _collect_names(file: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each imported name; ``file`` is the file name in lower case."""
    # ``type`` and ``name`` are common keys: they import something only beside the key that the library requires.
    companions = _find_companion_keys(settings)
    yield from _mention_python_references(settings)
    yield from _mention_imported_arguments(settings)
    yield from _mention_plugins(settings)
    for setting in settings:
        key, value = setting.key, setting.value
        if file == _MANIFEST and setting.path == _HANDLER_PATH:
            yield from _mention_handler(setting)
        elif setting.get_steps_below(_IMPORTS_KEY) and key in ("imports", _IMPORTS_KEY) and is_module_name(value):
            yield make_python_mention("module", str(value), setting)
        elif key == _JACKSON_KEY or (key == _SPARK_KEY and _SPARK_COMPANION in companions.get(setting.path[:-1], ())):
            # A class of Java beside a module of Python has the name of a package, as every known chain.
            is_python = _MONTY_MODULE in companions.get(setting.path[:-1], ()) and "." not in str(value)
            if isinstance(value, str) and value and not is_python:
                yield Mention(_JAVA_CLASSES, "class", value[:_MAX_CLASS_LENGTH], setting.where)
        elif key in _KEYS_BY_FILE.get(file, ()):
            if isinstance(value, str) and is_dotted_name(value.replace(":", ".")):
                yield make_python_mention("target", value, setting)
        elif is_dotted_name(value):
            is_type = file in _TYPES_FILES and len(setting.path) == 2 and setting.path[0] == _TYPES_KEY
            beside = companions.get(setting.path[:-1], set())
            has_companion = not beside.isdisjoint(_KEYS_WITH_COMPANION.get(key, ()))
            is_imported = has_companion or _is_component(setting, beside) or _has_imported_path(setting)
            if is_type or is_imported or key in _IMPORTED_KEYS:
                yield make_python_mention("target", str(value), setting)


def _is_component(setting: Setting, beside: set[str]) -> bool:
    """Whether the setting is the class of a component beside its ``config``: of AutoGen, or a step of LeRobot."""
    is_class = str(setting.value).rpartition(".")[2][:1].isupper()
    is_named = setting.key == "provider" or (setting.key == "class" and "steps" in setting.path)
    return is_named and is_class and _CONFIGURATION_KEY in beside


def _has_imported_path(setting: Setting) -> bool:
    """Whether the last steps of the path are one of ``_IMPORTED_PATHS``."""
    for path in _IMPORTED_PATHS:
        own = setting.path[-len(path) :]
        if len(own) == len(path) and all(step in ("*", own_step) for step, own_step in zip(path, own, strict=True)):
            return True
    return False


def _mention_python_references(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield each object that a mapping of fiddle, distilabel or Monty makes its reader import by module and name."""
    values: dict[tuple[str, ...], Scalar] = {setting.path: setting.value for setting in settings}
    for setting in settings:
        mapping = setting.path[:-1]
        if setting.key == _JACKSON_KEY and (module := values.get((*mapping, _MONTY_MODULE))):
            yield make_python_mention("target", f"{module}.{setting.value}", setting)
        is_reference = values.get((*mapping, "type")) == _PYTHON_REFERENCE or mapping[-1:] == (_TYPE_INFORMATION,)
        if setting.key != "name" or not is_reference:
            continue
        module = values.get((*mapping, "module"))
        # An object without a module has a dotted name of its own, which the reader looks up in ``builtins``.
        name = f"{module}.{setting.value}" if module else str(setting.value)
        yield make_python_mention("target", name, setting)


def _mention_imported_arguments(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield the arguments of a network of nnU-Net that ``_kw_requires_import`` beside them makes it import."""
    imported = {
        (*setting.path[: setting.path.index(_IMPORTED_ARGUMENTS_KEY)], _ARGUMENTS_KEY, str(setting.value))
        for setting in settings
        if _IMPORTED_ARGUMENTS_KEY in setting.path
    }
    for setting in settings if imported else ():
        if setting.path in imported and is_dotted_name(setting.value):
            yield make_python_mention("target", str(setting.value), setting)


def _mention_plugins(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield each class of the list of plug-ins that Axolotl imports from elsewhere than its own package."""
    if not any(setting.path == (_PLUGIN_COMPANION,) for setting in settings):
        return
    for setting in settings:
        value = setting.value
        if setting.path[:1] == (_PLUGINS_KEY,) and is_dotted_name(value) and not str(value).startswith(_OWN_PLUGINS):
            yield make_python_mention("target", str(value), setting)


def _mention_handler(setting: Setting) -> Iterator[Mention]:
    """Yield the module of a TorchServe handler, unless it is built in. A handler that is a file is judged by itself."""
    module = str(setting.value).partition(":")[0]
    if module and module not in _BUILT_IN_HANDLERS and not module.endswith(".py"):
        yield make_python_mention("module", str(setting.value), setting)


def _find_companion_keys(settings: Sequence[Setting]) -> dict[tuple[str, ...], set[str]]:
    """Return the companion keys of each mapping, such as ``init_parameters``, by the path of the mapping."""
    companions: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    companion_keys = _COMPANION_KEYS | {_SPARK_COMPANION, _CONFIGURATION_KEY, _MONTY_MODULE}
    for setting in settings:
        # Components nest, so that a path can have companion keys at several steps.
        for index, step in enumerate(setting.path):
            if step in companion_keys:
                companions[setting.path[:index]].add(step)
    return companions


LIBRARY_KEYS = Interpreter(
    _COMPANION_KEYS
    | _IMPORTED_KEYS
    | {
        _IMPORTS_KEY,
        _TYPES_KEY,
        _SPARK_COMPANION,
        _JACKSON_KEY,
        _IMPORTED_ARGUMENTS_KEY,
        _PLUGIN_COMPANION,
        _TYPE_INFORMATION,
        *("compile", "components", "module", "pipeline", "provider", "steps"),
    },
    read_library_keys,
    frozenset({_MANIFEST, *_KEYS_BY_FILE}),
)
