"""Find the pickles of extension types in the schemas of Arrow and Parquet tables, which pyarrow loads with the table.

The metadata of a field names the type ``arrow.py_extension_type`` and holds its pickle. Arrow has the schema in its
first message and in its footer; Parquet has it in Base64 under the key ``ARROW:schema`` of its footer.

Sources: ``pyarrow/types.pxi`` (``PyExtensionType``; CVE-2023-47248), ``Schema.fbs`` and ``Message.fbs`` of Arrow,
``FileMetaData`` in ``parquet.thrift``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Final

from modelaudit.formats.embedded import DecodedWindow
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import Reading
from modelaudit.wire.windows import get_budget, make_opener

_PICKLED_TYPE: Final = b"arrow.py_extension_type"
_MOST_SCHEMA_BYTES: Final = 32 * MIB
_ARROW_MAGIC: Final = b"ARROW1"
_PARQUET_MAGIC: Final = b"PAR1"
_ARROW_START: Final = 8  # bytes of the magic number with its padding
_CONTINUATION: Final = b"\xff\xff\xff\xff"  # before the length of a message
# A schema with the metadata of a field has hundreds of letters.
_BASE64: Final = defer_pattern(rb"[A-Za-z0-9+/]{100,}={0,2}")

FindSchemas = Callable[[Window], Iterator[tuple[int, bytes]]]


def find_pickled_types(
    artifact: Artifact, window: Window, limits: Limits, find_schemas: FindSchemas
) -> Iterator[Reading]:
    """Yield the pickle of each extension type in the schemas of a table, and an absence where none is found.

    Args:
        artifact: the table.
        window: its bytes.
        limits: the bounds of the scan.
        find_schemas: yields the offset and the bytes of each schema in the window.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    for offset, schema in find_schemas(window):
        if len(schema) >= _MOST_SCHEMA_BYTES:
            detail = f"only the first {_MOST_SCHEMA_BYTES} bytes of the schema were searched for types of Python"
            yield Unread(UnreadReason.LIMIT, detail, Location(offset=offset))
        if _PICKLED_TYPE not in schema:
            continue
        schema_window = DecodedWindow(schema, get_budget(window, limits))
        inner = Artifact(join_member(artifact.path, f"schema@{offset}"), schema_window.size, make_opener(schema_window))
        has_pickle = False
        for reading in find_pickles(inner, schema_window, 0, limits):
            has_pickle = has_pickle or isinstance(reading, Artifact)
            yield reading
        if not has_pickle:
            detail = f"the schema has a type {_PICKLED_TYPE.decode()}, whose pickle was not found"
            yield Unread(UnreadReason.NO_READER, detail, Location(offset=offset), format="pickle")


def find_arrow_schemas(window: Window) -> Iterator[tuple[int, bytes]]:
    """Yield the first message and the footer of an Arrow file, each with its offset."""
    head = window.read(_ARROW_START, 8)
    # Before Arrow 0.15, the length of a message followed without the mark of its continuation.
    length_bytes = head[4:8] if head[:4] == _CONTINUATION else head[:4]
    length = min(int.from_bytes(length_bytes, "little"), _MOST_SCHEMA_BYTES)
    yield _ARROW_START, window.read(_ARROW_START, length + 8)
    yield from _read_footer(window, _ARROW_MAGIC)


def find_parquet_schemas(window: Window) -> Iterator[tuple[int, bytes]]:
    """Yield each text in Base64 of the footer of a Parquet file, decoded, with the offset of the text."""
    for start, footer in _read_footer(window, _PARQUET_MAGIC):
        for match in _BASE64.finditer(footer):
            letters = match[0].rstrip(b"=")
            # The tags of the fields around a text may be letters too, so the text may begin a little later.
            for shift in range(4):
                decoded = base64.b64decode(letters[shift : len(letters) - (len(letters) - shift) % 4])
                if _PICKLED_TYPE in decoded:
                    yield start + match.start() + shift, decoded


def _read_footer(window: Window, magic: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the footer of a file that ends with the length of the footer and ``magic``, with its offset."""
    length_offset = window.size - len(magic) - 4
    if length_offset < 0:
        return
    length = int.from_bytes(window.read(length_offset, 4), "little")
    start = max(0, length_offset - length)
    yield start, window.read(start, min(length_offset - start, _MOST_SCHEMA_BYTES))
