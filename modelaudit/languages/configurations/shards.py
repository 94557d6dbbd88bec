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
    yield from build_references(FORMAT, _iterate_files(settings), _MAX_FILES)


def _iterate_files(settings: Sequence[Setting]) -> Iterator[Reference]:
    """Yield a reference to each file, once, at the place of its first tensor."""
    seen_targets: set[str] = set()
    for setting in settings:
        target = setting.value
        if setting.path[:1] != (_WEIGHT_MAP_KEY,) or not isinstance(target, str) or not target:
            continue
        if target not in seen_targets:
            seen_targets.add(target)
            path = target[:_MAX_PATH_LENGTH]
            yield Reference(ReferenceKind.MODEL, path, _WEIGHT_MAP_KEY, where=setting.where)


SHARDS: Final = Interpreter(frozenset({_WEIGHT_MAP_KEY}), _read_index)
