"""Detect names that one library imports from one key: beside another key, in one file, or under a key of its own.

Sources: ``haystack/core/pipeline/base.py`` (``type`` beside ``init_parameters``), ``pyannote/audio/core/pipeline.py``
(``name`` beside ``params``), ``gluonts/core/serde/_base.py`` (``class`` beside ``__kind__``),
``sentence_transformers/models/Dense.py``, ``Router.py``, ``WordEmbeddings.py`` and ``cross_encoder/CrossEncoder.py``
(``import_from_string``), ``mmengine/config/config.py`` (``custom_imports``), ``rasa/engine/graph.py`` (``uses`` beside
``constructor_name``), ``pyspark/ml/util.py`` (``class`` beside ``sparkVersion``), ``JsonTypeInfo`` of Jackson
(``@class``), ``ts/model_loader.py`` of TorchServe (``handler``).
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
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading
from modelaudit.wire.text import get_file_name

# Keys whose value is imported if the other key is beside them.
_KEYS_WITH_COMPANION: Final = {
    "type": "init_parameters",
    "name": "params",
    "class": "__kind__",
    "uses": "constructor_name",
}
# Spark takes the class of a stage from the metadata that it writes beside ``sparkVersion``: a class of Java, or of
# Python for a stage that is written in it. Jackson takes the class of an object from ``@class``.
_SPARK_KEY: Final = "class"
_SPARK_COMPANION: Final = "sparkVersion"
_JACKSON_KEY: Final = "@class"
_JAVA_CLASSES: Final = "java-classes"
_IMPORTED_KEYS: Final = frozenset(
    {"activation_function", "sbert_ce_default_activation_function", "activation_fn", "tokenizer_class"}
)
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
    for setting in settings:
        key, value = setting.key, setting.value
        if file == _MANIFEST and setting.path == _HANDLER_PATH:
            yield from _mention_handler(setting)
        elif setting.get_steps_below(_IMPORTS_KEY) and key in ("imports", _IMPORTS_KEY) and is_module_name(value):
            yield make_python_mention("module", str(value), setting)
        elif key == _JACKSON_KEY or (key == _SPARK_KEY and _SPARK_COMPANION in companions.get(setting.path[:-1], ())):
            if isinstance(value, str) and value:
                yield Mention(_JAVA_CLASSES, "class", value[:_MAX_CLASS_LENGTH], setting.where)
        elif is_dotted_name(value):
            is_type = file in _TYPES_FILES and len(setting.path) == 2 and setting.path[0] == _TYPES_KEY
            has_companion = _KEYS_WITH_COMPANION.get(key, "") in companions.get(setting.path[:-1], ())
            if is_type or has_companion or key in _IMPORTED_KEYS:
                yield make_python_mention("target", str(value), setting)


def _mention_handler(setting: Setting) -> Iterator[Mention]:
    """Yield the module of a TorchServe handler, unless it is built in. A handler that is a file is judged by itself."""
    module = str(setting.value).partition(":")[0]
    if module and module not in _BUILT_IN_HANDLERS and not module.endswith(".py"):
        yield make_python_mention("module", str(setting.value), setting)


def _find_companion_keys(settings: Sequence[Setting]) -> dict[tuple[str, ...], set[str]]:
    """Return the companion keys of each mapping, such as ``init_parameters``, by the path of the mapping."""
    companions: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    companion_keys = {*_KEYS_WITH_COMPANION.values(), _SPARK_COMPANION}
    for setting in settings:
        # Components nest, so that a path can have companion keys at several steps.
        for index, step in enumerate(setting.path):
            if step in companion_keys:
                companions[setting.path[:index]].add(step)
    return companions


LIBRARY_KEYS = Interpreter(
    frozenset(_KEYS_WITH_COMPANION.values())
    | _IMPORTED_KEYS
    | {_IMPORTS_KEY, _TYPES_KEY, _SPARK_COMPANION, _JACKSON_KEY},
    read_library_keys,
    frozenset({_MANIFEST}),
)
