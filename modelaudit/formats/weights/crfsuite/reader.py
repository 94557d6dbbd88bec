"""Read models of CRFsuite: features with weights, two dictionaries of names, and references from names to features.

The parts follow each other without a gap, so that every offset and size in the file can be compared with what was read.
Source: ``lib/crf/src/crf1d_model.c`` of https://github.com/chokkan/crfsuite, version 0.12.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from modelaudit.formats.weights.crfsuite.quarks import read_quarks
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.record_cursor import RecordCursor

FORMAT: Final = "crfsuite"
_HEADER: Final = struct.Struct("<4sI4s9I")
_MODEL_TYPE: Final = b"FOMC"  # a first-order Markov chain, the only type that CRFsuite writes
_VERSION: Final = 100
_CHUNK: Final = struct.Struct("<4sII")
# The kind, the source, the label and the weight of a feature.
_FEATURE: Final = struct.Struct("<IIId")
_STATE, _TRANSITION = 0, 1
_REFERENCE: Final = struct.Struct("<I")
_ALIGNMENT: Final = 4
# Labels before the first and after the last item of a sequence.
_EXTRA_LABELS: Final = 2
_DEADLINE_STEP: Final = 1024


class _Header(NamedTuple):
    """The header. Sizes and offsets are in bytes."""

    magic: bytes
    size: int
    type: bytes
    version: int
    features: int
    labels: int
    attributes: int
    features_offset: int
    labels_offset: int
    attributes_offset: int
    label_references_offset: int
    attribute_references_offset: int


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the numbers of features, labels and attributes.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    cursor = RecordCursor(window)
    facts: dict[str, int] = {}
    damage: DamagedError | None = None
    try:
        _read_model(cursor, facts)
    except DamagedError as error:
        damage = error
    cursor.claim_consumed()
    yield Outline(FORMAT, facts=tuple((name, str(value)) for name, value in facts.items()))
    if damage is not None:
        raise damage


def _read_model(cursor: RecordCursor, facts: dict[str, int]) -> None:
    """Read the whole file, and record its numbers in ``facts``. Raises ``DamagedError``."""
    header = _Header(*cursor.read(_HEADER, "the header"))
    if header.type != _MODEL_TYPE or header.version != _VERSION:
        raise DamagedError(f"{header.type!r} of version {header.version} is not a model that CRFsuite writes", 8)
    if header.size != cursor.window.size:
        raise DamagedError(f"the header states {header.size} bytes, the file has {cursor.window.size}", 4)
    facts["labels"], facts["attributes"] = header.labels, header.attributes
    facts["features"] = _read_features(cursor, header)
    _require_offset(cursor, header.labels_offset, "the labels")
    read_quarks(cursor, header.labels, "labels")
    _require_offset(cursor, header.attributes_offset, "the attributes")
    read_quarks(cursor, header.attributes, "attributes")
    for magic, offset, count in (
        (b"LFRF", header.label_references_offset, header.labels + _EXTRA_LABELS),
        (b"AFRF", header.attribute_references_offset, header.attributes),
    ):
        cursor.skip_zeros(-cursor.offset % _ALIGNMENT, "the padding before references")
        _require_offset(cursor, offset, "the references")
        _read_references(cursor, magic, count, facts["features"])
    cursor.require_end()


def _require_offset(cursor: RecordCursor, offset: int, what: str) -> None:
    """Raise ``DamagedError`` unless a part begins where the one before it ended."""
    if offset != cursor.offset:
        raise DamagedError(f"{what} are stated to begin at {offset}, the part before ends elsewhere", cursor.offset)


def _read_chunk(cursor: RecordCursor, magic: bytes) -> tuple[int, int]:
    """Read the head of a part, and return where the part ends and how many items it has. Raises ``DamagedError``."""
    start = cursor.offset
    found, size, count = cursor.read(_CHUNK, "the head of a part")
    if found != magic:
        raise DamagedError(f"{found!r} begins the part in the place of {magic!r}", start)
    return start + size, count


def _require_chunk_end(cursor: RecordCursor, end: int) -> None:
    """Raise ``DamagedError`` unless the part ends where its head states."""
    if cursor.offset != end:
        raise DamagedError(f"a part is stated to end at {end}", cursor.offset)


def _read_features(cursor: RecordCursor, header: _Header) -> int:
    """Read the features, and return their number.

    Raises:
        DamagedError: the part ends elsewhere, or a feature refers to a label or an attribute that does not exist.
    """
    _require_offset(cursor, header.features_offset, "the features")
    end, count = _read_chunk(cursor, b"FEAT")
    # CRFsuite itself leaves the number in the header zero.
    if header.features not in (0, count):
        raise DamagedError(f"the header states {header.features} features, their part {count}", 16)
    sources = {_STATE: header.attributes, _TRANSITION: header.labels + _EXTRA_LABELS}
    for kind, source, label, _ in cursor.read_rows(_FEATURE, count, "the features"):
        if source >= sources.get(kind, 0) or label >= header.labels + _EXTRA_LABELS:
            raise DamagedError("a feature refers to a label or an attribute that does not exist", cursor.offset)
    _require_chunk_end(cursor, end)
    return count


def _read_references(cursor: RecordCursor, magic: bytes, count: int, features: int) -> None:
    """Read lists of references to features: an offset for each list, then the lists in the same order.

    Raises:
        DamagedError: the part ends elsewhere, a list is not at its offset, or a reference has no feature.
    """
    end, stated_count = _read_chunk(cursor, magic)
    if stated_count != count:
        raise DamagedError(f"a part states {stated_count} lists of references in the place of {count}", cursor.offset)
    offsets = [offset for (offset,) in cursor.read_rows(_REFERENCE, count, "the offsets of references")]
    for index, offset in enumerate(offsets):
        if index % _DEADLINE_STEP == 0:
            check_deadline()
        # The two extra labels may have no list.
        if not offset:
            continue
        _require_offset(cursor, offset, "references")
        length = cursor.read_u32("the number of references")
        for (feature,) in cursor.read_rows(_REFERENCE, length, "references"):
            if feature >= features:
                raise DamagedError(f"a reference leads to the feature {feature} of {features}", cursor.offset)
    _require_chunk_end(cursor, end)
