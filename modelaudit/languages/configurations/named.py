"""Names that one library looks for under one key: beside another key, in one file, or under a key of its own.

Sources: ``haystack/core/pipeline/base.py`` (``type`` beside ``init_parameters``), ``pyannote/audio/core/pipeline.py``
(``name`` beside ``params``), ``gluonts/core/serde/_base.py`` (``class`` beside ``__kind__``),
``sentence_transformers/models/Dense.py``, ``Router.py``, ``WordEmbeddings.py`` and ``cross_encoder/CrossEncoder.py``
(``import_from_string``), ``mmengine/config/config.py`` (``custom_imports``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.names import is_dotted, is_module, python_name, told
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading
from modelaudit.wire.text import file_name

_BESIDE: Final = {"type": "init_parameters", "name": "params", "class": "__kind__"}
_ALONE: Final = frozenset(
    {"activation_function", "sbert_ce_default_activation_function", "activation_fn", "tokenizer_class"}
)
_TYPES: Final = ("types", frozenset({"router_config.json", "config.json"}))
_IMPORTS: Final = "custom_imports"


def read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield every name that is imported and called."""
    yield from told(_named(file_name(path), settings))


def _named(file: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    companions = _companions(settings)
    for setting in settings:
        key, value = setting.key, setting.value
        if setting.below(_IMPORTS) and key in ("imports", _IMPORTS) and is_module(value):
            yield python_name("module", str(value), setting)
        elif is_dotted(value):
            is_type = file in _TYPES[1] and len(setting.path) == 2 and setting.path[0] == _TYPES[0]
            if is_type or key in _ALONE or _BESIDE.get(key, "") in companions.get(setting.path[:-1], ()):
                yield python_name("target", str(value), setting)


def _companions(settings: Sequence[Setting]) -> dict[tuple[str, ...], set[str]]:
    """For each mapping, those of the keys in it that give a meaning to another."""
    found: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for key in _BESIDE.values():
        for setting in settings:
            if key in setting.path:
                found[setting.path[: setting.path.index(key)]].add(key)
    return found


NAMED = Interpreter(frozenset(_BESIDE.values()) | _ALONE | {_IMPORTS, _TYPES[0]}, read)
