"""What lies packed in the texts and bytes of an HDF5 file: configurations of Keras, and pickles that loaders unpack.

PyTables, pandas and hickle keep Python objects as pickles in attributes and in datasets of bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.embedded import (
    DecodedWindow,
    decode_content,
    detect_format,
    make_content_artifact,
)
from modelaudit.formats.graphs.keras.reading import readings_of_text
from modelaudit.formats.weights.hdf5.attributes import Attribute, variable_values
from modelaudit.formats.weights.hdf5.datasets import CHUNKED, COMPACT, CONTIGUOUS, Dataset
from modelaudit.formats.weights.hdf5.datatypes import VARIABLE
from modelaudit.formats.weights.hdf5.source import Piece
from modelaudit.formats.weights.hdf5.walk import Walk
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Reading
from modelaudit.wire.windows import SubWindow, budget_of

_CONFIGURATIONS: Final = frozenset({"model_config", "training_config"})
_SHORTEST: Final = 7
_VALUES_TRIED: Final = 50_000
# Shorter ones hold no program in any coding.
_CODED: Final = 24
_LONGEST_VALUES: Final = 65_536


def contents_of(path: str, walk: Walk, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield configurations, and what texts and bytes hold, as artifacts.

    Raises:
        WindowError: from the window.
    """
    tried = [0]
    for place, attribute in walk.stock.attributes:
        if tried[0] > _VALUES_TRIED:
            yield Unread(UnreadReason.LIMIT, f"only the first {_VALUES_TRIED} values of attributes were looked at")
            break
        try:
            yield from _of_attribute(path, place, attribute, walk, window, limits, tried)
        except DamagedError as error:
            where = Location(error.offset, key=f"{place}@{attribute.name}"[:200])
            yield Unread(UnreadReason.DAMAGED, f"{place}@{attribute.name[:80]}: {error}", where)
    for place, dataset in walk.stock.datasets:
        yield from _of_dataset(path, place, dataset, walk, window, limits)


def _of_attribute(
    path: str, place: str, attribute: Attribute, walk: Walk, window: Window, limits: Limits, tried: list[int]
) -> Iterator[Reading]:
    known = place == "/" and attribute.name in _CONFIGURATIONS
    name = f"{place}@{attribute.name}"[:200]
    for value in attribute.values(walk.heaps, walk.source):
        tried[0] += 1
        if known or (b"class_name" in value and value.lstrip()[:1] in (b"{", b"[")):
            text = value.rstrip(b"\0").decode("utf-8", "backslashreplace")
            yield from readings_of_text(text, limits, name, known)
        elif len(value) >= _CODED or (len(value) >= _SHORTEST and detect_format(value)):
            yield from _packed(path, attribute.offset, DecodedWindow(value, budget_of(window, limits)), limits)


def _packed(path: str, offset: int, inner: DecodedWindow | SubWindow, limits: Limits) -> Iterator[Artifact]:
    content = decode_content(inner, limits)
    if content is not None:
        yield make_content_artifact(path, offset, inner, limits, content)


def _of_dataset(
    path: str, place: str, dataset: Dataset, walk: Walk, window: Window, limits: Limits
) -> Iterator[Reading]:
    type_ = dataset.type
    if type_ is None or dataset.elsewhere or not (type_.may_hold_bytes or type_.kind == VARIABLE):
        return
    if dataset.layout == CHUNKED and type_.kind == VARIABLE and type_.base == 1 and not type_.is_text:
        # So PyTables keeps objects of Python: each value is a pickle.
        detail = f"{place}: bytes of variable length in chunks, which some loaders unpickle, were not looked at"
        yield Unread(UnreadReason.NO_READER, detail, Location(key=place))
    stretch = _stretch(dataset, walk, window, limits)
    if stretch is None or stretch[1].size < _SHORTEST:
        return
    start, inner = stretch
    if type_.kind != VARIABLE:
        if detect_format(inner.read(0, HEAD_BYTES)) or type_.size > 1:
            yield from _packed(path, start, inner, limits)
        return
    count = dataset.space.count if dataset.space else 0
    piece = Piece(inner.read(0, min(inner.size, _LONGEST_VALUES)), start, walk.source.sizes)
    budget = budget_of(window, limits)
    try:
        for value in variable_values(piece, count, type_, walk.heaps):
            if len(value) >= _SHORTEST:
                yield from _packed(path, start + piece.at, DecodedWindow(value, budget), limits)
    except DamagedError as error:
        yield Unread(UnreadReason.DAMAGED, f"{place}: {error}", Location(error.offset, key=place))


def _stretch(
    dataset: Dataset, walk: Walk, window: Window, limits: Limits
) -> tuple[int, DecodedWindow | SubWindow] | None:
    """Where the elements begin in the artifact, and a window onto them, where they stand in one stretch."""
    budget = budget_of(window, limits)
    if dataset.layout == CONTIGUOUS and dataset.address is not None:
        start, length = walk.source.base + dataset.address, min(dataset.declared, dataset.size or dataset.declared)
        return start, SubWindow(window, start, length, budget)
    if dataset.layout == COMPACT:
        return dataset.offset, DecodedWindow(dataset.compact[: dataset.declared], budget)
    return None
