"""Collect the files of a shard index, which maps each tensor to the file that contains it.

Loaders join each file name to the model folder. An absolute path, or one with ``..``, makes them read other files
of the machine, and unpickle those of torch. Source: ``transformers/utils/hub.py`` (``get_checkpoint_shard_files``),
``diffusers/utils/hub_utils.py`` (``_get_checkpoint_shard_files``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Reference, ReferenceKind
from modelaudit.wire.base import Reading
from modelaudit.wire.bounds import build_references

FORMAT: Final = "shard-index"
_WEIGHT_MAP_KEY: Final = "weight_map"
_MAX_FILES: Final = 20_000
_MAX_PATH_LENGTH: Final = 1000


def _read_index(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield a reference to each file, at the place of its first tensor, and an absence if there are too many files."""
    references: dict[str, Reference] = {}
    for setting in settings:
        target = setting.value
        if setting.path[:1] == (_WEIGHT_MAP_KEY,) and isinstance(target, str) and target:
            reference = Reference(ReferenceKind.MODEL, target[:_MAX_PATH_LENGTH], _WEIGHT_MAP_KEY, where=setting.where)
            references.setdefault(target, reference)
    yield from build_references(FORMAT, references.values(), _MAX_FILES)


SHARDS: Final = Interpreter(frozenset({_WEIGHT_MAP_KEY}), _read_index)
