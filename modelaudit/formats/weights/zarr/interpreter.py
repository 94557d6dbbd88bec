"""What metadata of Zarr mean to a loader: the codecs that it runs over each chunk, and the files that are chunks.

A codec is looked up by its name, in a registry that every installed package may add to. ``pickle`` of numcodecs
unpickles each chunk, and with it whoever reads one item. Sources: ``numcodecs/registry.py``, ``numcodecs/pickles.py``,
``zarr/registry.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.formats.weights.zarr.nodes import FORMAT_KEY, Node, Way, judge_sizes, nodes_of
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, References
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.members import DefectLog
from modelaudit.wire.text import file_name

FORMAT: Final = "zarr"
_FILES: Final = frozenset({".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json"})
_CODECS: Final = "zarr-codecs"
_EXTENSIONS: Final = "zarr-extensions"
_LISTS: Final = frozenset({"codecs", "index_codecs"})
_POINTS: Final = {
    "data_type": "data type", "chunk_grid": "chunk grid", "chunk_key_encoding": "chunk key encoding",
    "storage_transformers": "storage transformer",
}  # fmt: skip
_SHOWN: Final = 200
_MOST: Final = 10_000


def read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the codecs of every array that the document describes, its faults, and where its chunks lie.

    Raises:
        LimitReachedError: after the outline, where there are more arrays than are kept.
    """
    log = DefectLog()
    mentions: dict[tuple[str, str], Mention] = {}
    arrays: list[Node] = []
    versions: dict[str, None] = {}
    for node in nodes_of(settings):
        versions[str(node.value(FORMAT_KEY))[:20]] = None
        for mention in _named(node):
            mentions.setdefault((mention.use, mention.name), mention)
        if node.is_array:
            arrays.append(node)
            judge_sizes(node, limits, log)
    kept = tuple(mentions.values())[:_MOST]
    facts = (("version", ", ".join(versions)[:_SHOWN]), ("arrays", str(len(arrays))))
    yield Outline(FORMAT, kept, facts, log.defects())
    # No loader looks for metadata in a file of another name.
    if file_name(path) in _FILES:
        grids = tuple(grid for node in arrays[:_MOST] if (grid := node.grid()) is not None)
        yield References(FORMAT, (), grids)
    if len(arrays) > _MOST or len(mentions) > _MOST:
        raise LimitReachedError(f"only the first {_MOST} arrays and codecs of the metadata are followed")


def _named(node: Node) -> Iterator[Mention]:
    for way, setting in node.settings:
        if not isinstance(setting.value, str):
            continue
        if _names_codec(way):
            yield Mention(_CODECS, "codec", setting.value[:_SHOWN], setting.where)
        elif way[0] in _POINTS and (len(way) == 1 or way[1:] == ("name",) or _is_item(way)):
            yield Mention(_EXTENSIONS, _POINTS[way[0]], setting.value[:_SHOWN], setting.where)


def _names_codec(way: Way) -> bool:
    """``compressor.id``, ``filters.0.id``; ``codecs.0.name`` or ``codecs.0``, in the codec of shards too."""
    if way[0] in ("compressor", "filters"):
        return way[-1] == "id"
    if way[0] not in _LISTS:
        return False
    return _ends_in_item(way) or (way[-1] == "name" and _ends_in_item(way[:-1]))


def _ends_in_item(way: Way) -> bool:
    return len(way) > 1 and way[-2] in _LISTS and way[-1].isdigit()


def _is_item(way: Way) -> bool:
    return way[0] == "storage_transformers" and (len(way) == 2 or way[-1] == "name")


INTERPRETER: Final = Interpreter(frozenset({FORMAT_KEY}), read)
