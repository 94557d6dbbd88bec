"""Detect names that one library imports from one key: beside another key, in one file, or under a key of its own.

Sources: ``haystack/core/pipeline/base.py`` (``type`` beside ``init_parameters``), ``pyannote/audio/core/pipeline.py``
(``name`` beside ``params``), ``gluonts/core/serde/_base.py`` (``class`` beside ``__kind__``),
``sentence_transformers/models/Dense.py``, ``Router.py``, ``WordEmbeddings.py`` and ``cross_encoder/CrossEncoder.py``
(``import_from_string``), ``mmengine/config/config.py`` (``custom_imports``).
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

_KEYS_WITH_COMPANION: Final = {"type": "init_parameters", "name": "params", "class": "__kind__"}
_IMPORTED_KEYS: Final = frozenset(
    {"activation_function", "sbert_ce_default_activation_function", "activation_fn", "tokenizer_class"}
)
# In ``router_config.json``, the table ``types`` maps each module to its class.
_TYPE_TABLE: Final = ("types", frozenset({"router_config.json", "config.json"}))
_IMPORTS_KEY: Final = "custom_imports"


def read_library_keys(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the names that a library imports and calls."""
    yield from build_outlines(_collect_names(get_file_name(path), settings))


def _collect_names(file: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each imported name; ``file`` is the file name in lower case."""
    # ``type`` and ``name`` are common keys: they import something only beside the key that the library requires.
    companions = _find_companion_keys(settings)
    for setting in settings:
        key, value = setting.key, setting.value
        if setting.get_steps_below(_IMPORTS_KEY) and key in ("imports", _IMPORTS_KEY) and is_module_name(value):
            yield make_python_mention("module", str(value), setting)
        elif is_dotted_name(value):
            is_type = file in _TYPE_TABLE[1] and len(setting.path) == 2 and setting.path[0] == _TYPE_TABLE[0]
            has_companion = _KEYS_WITH_COMPANION.get(key, "") in companions.get(setting.path[:-1], ())
            if is_type or has_companion or key in _IMPORTED_KEYS:
                yield make_python_mention("target", str(value), setting)


def _find_companion_keys(settings: Sequence[Setting]) -> dict[tuple[str, ...], set[str]]:
    """Return, for each mapping, its keys that make another key of the mapping an import."""
    companions: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for key in _KEYS_WITH_COMPANION.values():
        for setting in settings:
            if key in setting.path:
                companions[setting.path[: setting.path.index(key)]].add(key)
    return companions


LIBRARY_KEYS = Interpreter(
    frozenset(_KEYS_WITH_COMPANION.values()) | _IMPORTED_KEYS | {_IMPORTS_KEY, _TYPE_TABLE[0]}, read_library_keys
)
