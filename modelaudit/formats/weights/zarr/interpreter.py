"""Interpret Zarr metadata: list the codecs that a loader applies to each chunk, and the files that are chunks.

A loader looks up a codec by name in a registry that every installed package can extend. The codec ``pickle`` of
numcodecs unpickles a whole chunk to read a single item of it. Sources: ``numcodecs/registry.py``,
``numcodecs/pickles.py``, ``zarr/registry.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.formats.weights.zarr.nodes import FORMAT_KEY, KeyPath, ZarrNode, check_sizes, collect_nodes
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, References
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.members import DefectLog
from modelaudit.wire.text import get_file_name

FORMAT: Final = "zarr"
_METADATA_FILES: Final = frozenset({".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json"})
_CODEC_VOCABULARY: Final = "zarr-codecs"
_EXTENSION_VOCABULARY: Final = "zarr-extensions"
_CODEC_LISTS: Final = frozenset({"codecs", "index_codecs"})
_EXTENSION_POINTS: Final = {
    "data_type": "data type", "chunk_grid": "chunk grid", "chunk_key_encoding": "chunk key encoding",
    "storage_transformers": "storage transformer",
}  # fmt: skip
_MAX_SHOWN_LENGTH: Final = 200
_MAX_ITEMS: Final = 10_000


def read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the codecs, other extensions and defects of every array, and the files of its chunks.

    Raises:
        LimitReachedError: after the outline, if there are too many arrays or codecs.
    """
    log = DefectLog()
    mentions: dict[tuple[str, str], Mention] = {}
    arrays: list[ZarrNode] = []
    versions: dict[str, None] = {}  # a set in file order
    for node in collect_nodes(settings):
        versions[str(node.find_value(FORMAT_KEY))[:20]] = None
        for mention in _list_mentions(node):
            mentions.setdefault((mention.use, mention.name), mention)
        if node.is_array:
            arrays.append(node)
            check_sizes(node, limits, log)
    facts = (("version", ", ".join(versions)[:_MAX_SHOWN_LENGTH]), ("arrays", str(len(arrays))))
    yield Outline(FORMAT, tuple(mentions.values())[:_MAX_ITEMS], facts, log.defects())
    # Loaders look for metadata only in files of these names, so no other file can account for chunks.
    if get_file_name(path) in _METADATA_FILES:
        grids = [node.locate_chunks() for node in arrays[:_MAX_ITEMS]]
        yield References(FORMAT, (), tuple(grid for grid in grids if grid is not None))
    if len(arrays) > _MAX_ITEMS or len(mentions) > _MAX_ITEMS:
        raise LimitReachedError(f"only the first {_MAX_ITEMS} arrays and codecs of the metadata were read")


def _list_mentions(node: ZarrNode) -> Iterator[Mention]:
    """Yield the codecs of a node, and the extensions that it names for its data type, chunk grid and the like."""
    for key_path, setting in node.settings:
        if not isinstance(setting.value, str):
            continue
        name = setting.value[:_MAX_SHOWN_LENGTH]
        if _names_codec(key_path):
            yield Mention(_CODEC_VOCABULARY, "codec", name, setting.where)
        elif _names_extension(key_path):
            yield Mention(_EXTENSION_VOCABULARY, _EXTENSION_POINTS[key_path[0]], name, setting.where)


def _names_codec(key_path: KeyPath) -> bool:
    """Whether a key path names a codec: ``compressor.id``, ``filters.0.id``, ``codecs.0`` or ``codecs.0.name``.

    The codec for shards has lists of codecs in its configuration, so such a list counts at any depth.
    """
    if key_path[0] in ("compressor", "filters"):
        return key_path[-1] == "id"
    if key_path[0] not in _CODEC_LISTS:
        return False
    return _ends_in_codec(key_path) or (key_path[-1] == "name" and _ends_in_codec(key_path[:-1]))


def _ends_in_codec(key_path: KeyPath) -> bool:
    """Whether a key path ends with an item of a list of codecs, such as ``codecs.0``."""
    return len(key_path) > 1 and key_path[-2] in _CODEC_LISTS and key_path[-1].isdigit()


def _names_extension(key_path: KeyPath) -> bool:
    """Whether a key path names an extension: ``data_type``, ``chunk_grid.name`` or ``storage_transformers.0.name``."""
    if key_path[0] not in _EXTENSION_POINTS:
        return False
    if key_path[0] == "storage_transformers" and (len(key_path) == 2 or key_path[-1] == "name"):
        return True
    return len(key_path) == 1 or key_path[1:] == ("name",)


INTERPRETER: Final = Interpreter(frozenset({FORMAT_KEY}), read)
