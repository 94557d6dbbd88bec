"""Read files of dlib: predictors of shapes, which are forests of regression trees, and networks.

Source: ``dlib/image_processing/shape_predictor.h`` of https://github.com/davisking/dlib, version 19.24. ``networks``
reads networks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.weights.dlib.networks import UnknownLayerError, read_network
from modelaudit.formats.weights.dlib.values import ValueCursor
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.deadline import check_deadline

FORMAT: Final = "dlib"
# The version 1, the rows of the first shape, one column, and the start of a number.
_PREDICTOR_START: Final = defer_pattern(rb"\x01\x01(?:\x81.|\x82..)\x81\x01[\x01-\x08\x81-\x88]", re.DOTALL)
# The version 1, and the length and the start of the name of a loss layer.
_NETWORK_START: Final = defer_pattern(rb"\x01\x01\x01[\x06-\x40]loss_")
_PREDICTOR_VERSION: Final = 1
_COORDINATES: Final = 2


def recognises(head: Head) -> bool:
    """Whether the file begins with the shape of a predictor, or with the name of a loss layer."""
    starts = _PREDICTOR_START.match(head.data), _NETWORK_START.match(head.data)
    return head.content is None and starts != (None, None)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the kind of the model, and an absence for a layer that is not known.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    cursor = ValueCursor(window)
    facts: dict[str, str] = {}
    damage: DamagedError | UnknownLayerError | None = None
    try:
        if _NETWORK_START.match(cursor.peek(64)):
            read_network(cursor, facts)
        else:
            _read_predictor(cursor, facts)
        cursor.require_end()
    except (DamagedError, UnknownLayerError) as error:
        damage = error
    cursor.claim_consumed()
    yield Outline(FORMAT, facts=tuple(facts.items()))
    if isinstance(damage, UnknownLayerError):
        yield Unread(UnreadReason.NO_READER, str(damage), Location(offset=damage.offset), format="dlib")
    elif damage is not None:
        raise damage


def _read_predictor(cursor: ValueCursor, facts: dict[str, str]) -> None:
    """Read a predictor: the first shape, forests of trees, and the pixels that the trees compare.

    Raises:
        DamagedError: a part is truncated, or has another number of items than the others ask for.
    """
    version = cursor.read_integer("the version")
    rows, columns = cursor.read_matrix("the first shape")
    if version != _PREDICTOR_VERSION or columns != 1 or rows % _COORDINATES:
        raise DamagedError(f"the first shape has {rows} rows and {columns} columns", 0)
    facts.update({"kind": "shape predictor", "landmarks": str(rows // _COORDINATES)})
    cascades = cursor.read_count("cascades")
    facts["cascades"] = str(cascades)
    for _ in range(cascades):
        for _ in range(cursor.read_count("trees")):
            check_deadline()
            _read_tree(cursor, rows)
    # The nearest landmark of each pixel, then its distance.
    pixels: list[int] = []
    for integers in (1, 2 * _COORDINATES):
        if cursor.read_count("lists of pixels") != cascades:
            raise DamagedError("there are more or fewer lists of pixels than cascades", cursor.offset)
        counts = []
        for _ in range(cascades):
            counts.append(cursor.read_count("pixels"))
            cursor.skip_integers(counts[-1] * integers, "pixels")
        if pixels and pixels != counts:
            raise DamagedError("the lists of pixels have different lengths", cursor.offset)
        pixels = counts


def _read_tree(cursor: ValueCursor, rows: int) -> None:
    """Read a tree: splits, each of two pixels and a threshold, and a shape in each leaf.

    Raises:
        DamagedError: there is not one leaf more than splits, or a leaf has another shape.
    """
    splits = cursor.read_count("splits")
    cursor.skip_integers(4 * splits, "splits")
    leaves = cursor.read_count("leaves")
    if leaves != splits + 1:
        raise DamagedError(f"a tree has {splits} splits and {leaves} leaves", cursor.offset)
    for _ in range(leaves):
        if cursor.read_matrix("a leaf") != (rows, 1):
            raise DamagedError("a leaf has another shape than the first shape", cursor.offset)
