"""The index of weights in parts, which says in which file each tensor stands.

Whoever loads a model from a folder joins each name to the path of that folder, so that an absolute one, or one that
climbs, has files of the machine read, and those of torch unpickled. Source: ``transformers/utils/hub.py``
(``get_checkpoint_shard_files``), ``diffusers/utils/hub_utils.py`` (``_get_checkpoint_shard_files``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Reference, ReferenceKind, References
from modelaudit.wire.base import Reading

FORMAT: Final = "shard-index"
_KEY: Final = "weight_map"
_MAX_FILES: Final = 20_000
_MAX_PATH_LENGTH: Final = 1000


def _read_index(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the files, each with the first tensor that stands in it."""
    found: dict[str, Reference] = {}
    for each in settings:
        target = each.value
        if each.path[:1] == (_KEY,) and isinstance(target, str) and target and len(found) < _MAX_FILES:
            found.setdefault(target, Reference(ReferenceKind.MODEL, target[:_MAX_PATH_LENGTH], _KEY, where=each.where))
    if found:
        yield References(FORMAT, tuple(found.values()))


SHARDS: Final = Interpreter(frozenset({_KEY}), _read_index)
