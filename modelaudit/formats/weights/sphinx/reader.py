"""Read the files of an acoustic model: parameters behind a header, phones with their states, and mixture weights.

Each file states all of its counts, so that its size follows from them. Sources: ``src/bio.c``, ``src/ms_gauden.c``,
``src/tmat.c``, ``src/bin_mdef.c`` and ``src/ptm_mgau.c`` of https://github.com/cmusphinx/pocketsphinx, version 5.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from typing import Final

from modelaudit.formats.weights.sphinx.language_model import LANGUAGE_MODEL, read_language_model
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.record_cursor import RecordCursor, outline_records

FORMAT: Final = "sphinx"
_MOST_LINES: Final = 100
_LONGEST_LINE: Final = 1024
_BYTE_ORDER: Final = 0x11223344
_DIMENSIONS: Final = struct.Struct("<3I")
_MOST_FEATURES: Final = 1024
_FLOAT_BYTES: Final = 4
_CHECKSUM: Final = defer_pattern(rb"\s*chksum0\s+yes\s*")
_END_OF_HEADER: Final = b"endhdr"
# The numbers of phones, states, matrices, sequences and nodes.
_COUNTS: Final = struct.Struct("<10I")
_NODE_BYTES: Final = 8
_PHONE_BYTES: Final = 12
_SEQUENCE_BYTES: Final = 2
_ALIGNMENT: Final = 4
_MOST_PHONES: Final = 4096
_LONGEST_PHONE: Final = 256
_FEATURES: Final = defer_pattern(rb"feature_count (\d{1,4})\0")
_CLUSTERS: Final = defer_pattern(rb"cluster_count (\d{1,4})\0")


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the numbers of parameters, phones, states or n-grams.

    Raises:
        DamagedError: the file is truncated, contradicts itself, or goes on after its last part.
        WindowError: the window could not return the requested bytes.
    """
    readers: dict[bytes, Callable[[RecordCursor, dict[str, str]], None]] = {
        b"s3\n": _read_parameters,
        b"BMD": _read_phones,
        LANGUAGE_MODEL[:3]: read_language_model,
    }
    yield from outline_records(window, FORMAT, readers.get(window.read(0, 3), _read_mixture_weights))


def _read_parameters(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read a matrix, or means or variances of several streams. Raises ``DamagedError``."""
    has_checksum = _read_header(cursor)
    if cursor.read_u32("the byte order") != _BYTE_ORDER:
        raise DamagedError("the mark of the byte order is another", cursor.offset - 4)
    first, second, third = cursor.read(_DIMENSIONS, "the dimensions")
    count = cursor.read_u32("the number of parameters")
    if count != first * second * third:  # ``third`` densities, of vectors with a length for each of ``second`` streams
        if not 0 < second <= _MOST_FEATURES:
            raise DamagedError(f"{first} x {second} x {third} are not {count} parameters", cursor.offset)
        lengths = [count, *(cursor.read_u32("the length of vectors") for _ in range(second - 1))]
        count = cursor.read_u32("the number of parameters")
        if count != first * third * sum(lengths):
            raise DamagedError(f"the dimensions do not give {count} parameters", cursor.offset)
    facts["parameters"] = str(count)
    cursor.skip_data(_FLOAT_BYTES * count, "the parameters")
    if has_checksum:
        cursor.read_u32("the checksum")
    cursor.require_end()


def _read_header(cursor: RecordCursor) -> bool:
    """Read the lines of the header, and return whether a checksum ends the file. Raises ``DamagedError``."""
    has_checksum = False
    for _ in range(_MOST_LINES):
        line = bytearray()
        while not line.endswith(b"\n"):
            if len(line) > _LONGEST_LINE:
                raise DamagedError("a line of the header has no end", cursor.offset)
            line += cursor.take(1, "the header")
        has_checksum = has_checksum or _CHECKSUM.fullmatch(line) is not None
        if line.strip() == _END_OF_HEADER:
            return has_checksum
    raise DamagedError("the header has no end", cursor.offset)


def _read_phones(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read the phones, the tree that finds them, and their sequences of states. Raises ``DamagedError``."""
    cursor.skip(_NODE_BYTES, "the version")
    cursor.skip(cursor.read_u32("the length of the description"), "the description")
    base, phones, states, _, _, _, sequences, _, nodes, _ = cursor.read(_COUNTS, "the counts")
    if base > _MOST_PHONES:
        raise DamagedError(f"{base} base phones are more than {_MOST_PHONES}", cursor.offset)
    start = cursor.offset
    for _ in range(base):
        if not cursor.read_text("the name of a phone", _LONGEST_PHONE):
            raise DamagedError("a phone has no name", cursor.offset)
    cursor.skip_zeros(-(cursor.offset - start) % _ALIGNMENT, "the padding behind the names")
    facts.update(phones=str(phones), sequences=str(sequences))
    cursor.skip_data(_NODE_BYTES * nodes, "the tree of phones")
    cursor.skip_data(_PHONE_BYTES * phones, "the phones")
    length = cursor.read_u32("the length of the sequences")
    if (states and length != states * sequences) or (length and not sequences):
        raise DamagedError(f"{sequences} sequences of {states} states are not {length} states", cursor.offset - 4)
    cursor.skip_data(_SEQUENCE_BYTES * length, "the sequences")
    if not states:
        cursor.skip_data(sequences, "the lengths of the sequences")
    cursor.require_end()


def _read_mixture_weights(cursor: RecordCursor, facts: dict[str, str]) -> None:
    """Read weights of 8 bits for each codeword, state and stream. Raises ``DamagedError``."""
    features = 0
    for _ in range(_MOST_LINES):
        length = cursor.read_u32("the length of a text")
        if not length:
            break
        if length > _LONGEST_LINE:
            raise DamagedError("a text of the header is too long", cursor.offset)
        text = cursor.take(length, "a text of the header")
        features = int(match[1]) if (match := _FEATURES.fullmatch(text)) else features
        if (match := _CLUSTERS.fullmatch(text)) and int(match[1]):
            raise DamagedError("weights in clusters are not read", cursor.offset)
    dimensions = (features, cursor.read_u32("the number of codewords"), cursor.read_u32("the number of states"))
    facts["weights"] = str(math.prod(dimensions))
    cursor.skip_data(math.prod(dimensions), "the weights")
    cursor.require_end()
