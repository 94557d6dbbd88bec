"""Parse and check the header of safetensors files by the rules of the ``safetensors`` library and two stricter ones.

Layout: the length of the header in 8 bytes, little-endian; a JSON header; the tensors, without gaps.
The library accepts a name that occurs twice and white space before the header; here both are defects, because other
parsers may read such a file differently.
Source: https://github.com/huggingface/safetensors#format and ``Metadata::validate`` in ``safetensors/src/tensor.rs``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

from msgspec import Struct

from modelaudit.formats.metadata_text import MetadataEntry, collect_mentions, read_metadata
from modelaudit.formats.value_trees import ValueTree
from modelaudit.formats.weights.safetensors import SafetensorsDefect
from modelaudit.languages.architectures.tensors import read_tensor_traits
from modelaudit.languages.stated_values import keep_values, make_values
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.model.stated import StoredTensor, TensorTable
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.json_structure import exceeds_depth, exceeds_nodes
from modelaudit.wire.json_text import has_lone_surrogate
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.members import DefectLog
from modelaudit.wire.sniff import name_format
from modelaudit.wire.windows import iterate_chunks

DTYPE_BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""Every element type of the format and its width in bits."""

_LENGTH_BYTES = 8
_MAX_UINT64 = 2**64 - 1
# The parser of the library, serde_json, refuses deeper nesting.
_MAX_DEPTH = 127
# Memory of the text of the header, in bytes. A character takes one, two or four bytes.
_MAX_TEXT_MEMORY = 32 * MIB
# A value takes about a hundred bytes of memory while the header is parsed. A tensor has seven values.
_MAX_VALUES = 800_000
_JSON_SPACE = b" \t\n\r"
_MAX_PLAUSIBLE_LENGTH = 2**48
_MAX_SHOWN_LENGTH = 200
# Rows of bytes that may be a text: bitsandbytes keeps its settings in some of a hundred bytes.
_BYTE_TYPES = frozenset({"U8", "I8"})
_LONGEST_TEXT = 256 * KIB
# Rows of numbers, and settings of quantized weights, of which a model has thousands.
_QUANTIZED = defer_pattern(r"absmax|quant_map|quant_state|\.(?:weight|bias|scales?|qzeros|qweight|zero_point)\Z")


def recognises(head: Head) -> bool:
    """Whether the bytes are a plausible header length and the start of a JSON object.

    A file named ``.safetensors`` counts as well unless its bytes are another known format, so that its damage is
    reported.
    """
    if head.content is not None or len(head.data) < _LENGTH_BYTES:
        return False
    length = int.from_bytes(head.data[:_LENGTH_BYTES], "little")
    if length < _MAX_PLAUSIBLE_LENGTH and head.data[_LENGTH_BYTES:].lstrip(_JSON_SPACE).startswith(b"{"):
        return True
    # A length has zero bytes, and the start of a text has none.
    has_zero_byte = b"\0" in head.data[:_LENGTH_BYTES]
    return head.path.lower().endswith(".safetensors") and name_format(head.data, "") is None and has_zero_byte


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline and the structures in the metadata.

    Raises:
        DamagedError: the header is truncated or not a JSON object.
        WindowError: the window could not return the requested bytes.
    """
    length, text = _read_header_text(window, limits)
    log = DefectLog()
    if not text.startswith("{"):
        log.add(SafetensorsDefect.HEADER_START, "white space precedes the opening brace of the header")
    metadata, tensors = _interpret_header(_parse_header(text, log), log)
    end = _check_offsets(tensors, log)
    data_start = _LENGTH_BYTES + length
    claim_parsed(window, 0, data_start)
    for tensor in tensors:
        claim_data(window, data_start + tensor.start, data_start + tensor.end)
    available = window.size - data_start
    if end > available:
        log.add(
            SafetensorsDefect.TRUNCATED, f"the tensors take {end} bytes, the file has {available}", offset=window.size
        )
    elif end < available:
        log.add(
            SafetensorsDefect.TRAILING_DATA, f"{available - end} bytes follow the last tensor", offset=data_start + end
        )
    entries = [MetadataEntry(key, value.encode("utf-8", "replace")) for key, value in metadata]
    facts = (("header bytes", str(length)), ("tensors", str(len(tensors))))
    mentions, absences = collect_mentions(entries)
    yield Outline("safetensors", mentions, facts, log.defects())
    yield from absences
    yield from keep_values("safetensors", make_values(metadata))
    stored = tuple(StoredTensor(each.name, each.dtype, each.shape) for each in tensors)
    yield TensorTable("safetensors", stored, is_complete=end <= available and not log.defects())
    yield from read_tensor_traits((each.name, each.dtype, each.shape) for each in tensors)
    yield from read_metadata(artifact, window, entries, limits)
    yield from _read_text_tensors(artifact.path, window, data_start, tensors, limits)
    if end > available:
        detail = f"the file is truncated: it has {available} of {end} bytes of tensors"
        yield Unread(UnreadReason.DAMAGED, detail, Location(offset=window.size))


def _read_text_tensors(
    path: str, window: Window, data_start: int, tensors: Sequence[TensorEntry], limits: Limits
) -> Iterator[Reading]:
    """Yield what interpreters find in rows of bytes that are text: programs keep settings so beside the tensors.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    tree = ValueTree()
    for tensor in tensors:
        is_row = tensor.dtype in _BYTE_TYPES and len(tensor.shape) == 1 and 0 < tensor.shape[0] <= _LONGEST_TEXT
        # Offsets that run backwards are a defect, which ``_check_offsets`` reports.
        if not is_row or tensor.end < tensor.start or _QUANTIZED.search(tensor.name):
            continue
        data = window.read(data_start + tensor.start, min(tensor.shape[0], tensor.end - tensor.start))
        with suppress(UnicodeDecodeError):
            tree.add((tensor.name,), data.rstrip(b"\0").decode("utf-8"))
    yield from tree.interpret(path, limits)


class TensorEntry(Struct, frozen=True):
    """The entry of one tensor in the header.

    Attributes:
        name: for defects, at most 200 characters.
        start: where its numbers begin in the data section, in bytes.
        end: where they end, in bytes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def _read_header_text(window: Window, limits: Limits) -> tuple[int, str]:
    """Return the stated length of the header in bytes, and its text.

    Raises:
        DamagedError: the header is truncated or not UTF-8.
        LimitReachedError: the header is too long or holds too many values.
        WindowError: the window could not return the requested bytes.
    """
    length_bytes = window.read(0, _LENGTH_BYTES)
    length = int.from_bytes(length_bytes, "little")
    if len(length_bytes) < _LENGTH_BYTES:
        raise DamagedError(f"the file ends within the {_LENGTH_BYTES} bytes that state the length of its header", 0)
    if _LENGTH_BYTES + length > window.size:
        raise DamagedError(f"the header is stated to take {length} bytes, more than the file has", 0)
    if length > limits.header_bytes:
        raise LimitReachedError(f"the header takes {length} bytes, more than the limit of {limits.header_bytes}", 0)
    if length > _MAX_TEXT_MEMORY:
        raise LimitReachedError(
            f"the header was not parsed: it takes {length} bytes, more than the limit of {_MAX_TEXT_MEMORY}",
            _LENGTH_BYTES,
        )
    data = b"".join(iterate_chunks(window, _LENGTH_BYTES, _LENGTH_BYTES + length))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedError("the header is not UTF-8", _LENGTH_BYTES + error.start) from error
    if sys.getsizeof(text) > _MAX_TEXT_MEMORY:
        raise LimitReachedError(
            f"the header was not parsed: its text takes more than {_MAX_TEXT_MEMORY} bytes of memory", _LENGTH_BYTES
        )
    most_values = min(_MAX_VALUES, limits.document_nodes)
    if exceeds_nodes(text, most_values):
        raise LimitReachedError(f"the header has commas and brackets for more than {most_values} values", _LENGTH_BYTES)
    return length, text


class _JsonObject(tuple[tuple[str, object], ...]):
    """A JSON object as pairs in file order, with repeated keys."""

    __slots__ = ()


def _parse_integer(digits: str) -> int | float:
    """Return an integer, or a float for what the library reads as one: ``-0`` and more digits than 64 bits can have.

    A number of that many digits stays an integer even if it exceeds 64 bits: the checks of each field refuse it.
    """
    may_fit = len(digits) <= len(str(_MAX_UINT64))
    return int(digits) if may_fit and digits != "-0" else _parse_float(digits)


def _parse_float(digits: str) -> float:
    """Return -1.0 for every number: no field of a header may be a fraction, and the check of each field refuses -1.0.

    Raises:
        ValueError: the number is out of range, so that the parser of the library fails.
    """
    if float(digits) in (float("inf"), float("-inf")):
        raise ValueError(f"{digits[:40]} is out of range")
    return -1.0


def _refuse_constant(name: str) -> object:
    """Raise ``ValueError`` for ``NaN`` and ``Infinity``, which the parser of Python accepts by default."""
    raise ValueError(f"{name} is not JSON")


def _parse_header(text: str, log: DefectLog) -> _JsonObject:
    """Parse the JSON object of the header, and record a defect for each repeated key at any depth.

    Raises:
        DamagedError: the parser of the library would refuse the text.
    """

    def collect_pairs(pairs: list[tuple[str, object]]) -> _JsonObject:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                shown = key[:_MAX_SHOWN_LENGTH]
                log.add(SafetensorsDefect.DUPLICATE_KEY, f"the key {shown!r} occurs twice in one object", key=shown)
            seen.add(key)
        return _JsonObject(pairs)

    if exceeds_depth(text, _MAX_DEPTH) or has_lone_surrogate(text):
        raise DamagedError("the header nests too deep or has half of a surrogate pair", _LENGTH_BYTES)
    try:
        value: object = json.loads(
            text,
            parse_int=_parse_integer,
            parse_float=_parse_float,
            parse_constant=_refuse_constant,
            object_pairs_hook=collect_pairs,
        )
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"the header is not JSON: {error}", _LENGTH_BYTES) from error
    if not isinstance(value, _JsonObject):
        raise DamagedError("the header is not a JSON object", _LENGTH_BYTES)
    return value


def _interpret_header(pairs: _JsonObject, log: DefectLog) -> tuple[tuple[tuple[str, str], ...], list[TensorEntry]]:
    """Return the texts in the metadata by key, and the valid tensors in the order of their offsets."""
    metadata: list[tuple[str, str]] = []
    tensors: list[TensorEntry] = []
    for key, value in pairs:
        if key != "__metadata__":
            entry = _parse_tensor(key[:_MAX_SHOWN_LENGTH], value, log)
            if entry is not None:
                tensors.append(entry)
        elif isinstance(value, _JsonObject):
            texts = [(name, text) for name, text in value if isinstance(text, str)]
            metadata += texts
            if len(texts) < len(value):
                log.add(SafetensorsDefect.METADATA_TYPE, "a value in __metadata__ is not a string", key=key)
        # The library accepts null: the field is optional.
        elif value is not None:
            log.add(SafetensorsDefect.METADATA_TYPE, "__metadata__ is not an object", key=key)
    # The header lists tensors in any order. Gaps and overlaps show only in the order of their offsets.
    tensors.sort(key=lambda tensor: (tensor.start, tensor.end))
    return tuple(metadata), tensors


def _parse_tensor(name: str, value: object, log: DefectLog) -> TensorEntry | None:
    """Parse the entry of one tensor; record a defect and return ``None`` if a field is missing or invalid.

    A tensor of an unknown dtype is a defect as well, but is returned.
    """
    fields = dict(value) if isinstance(value, _JsonObject) else {}
    dtype = fields.get("dtype")
    shape = _parse_sizes(fields.get("shape"))
    offsets = _parse_sizes(fields.get("data_offsets"))
    if not isinstance(dtype, str) or shape is None or offsets is None or len(offsets) != 2:
        log.add(SafetensorsDefect.MALFORMED_TENSOR, f"{name!r} lacks a valid dtype, shape or data_offsets", key=name)
        return None
    if dtype not in DTYPE_BITS:
        log.add(
            SafetensorsDefect.UNKNOWN_DTYPE, f"{name!r} has the unknown dtype {dtype[:_MAX_SHOWN_LENGTH]!r}", key=name
        )
    start, end = offsets
    return TensorEntry(name, dtype, shape, start, end)


def _parse_sizes(value: object) -> tuple[int, ...] | None:
    """Return ``value`` as a tuple, or ``None`` if it is not a list of unsigned 64-bit numbers."""
    if not isinstance(value, list):
        return None
    # The type is compared, because ``True`` is an instance of ``int`` as well.
    numbers = tuple(item for item in value if type(item) is int and 0 <= item <= _MAX_UINT64)
    return numbers if len(numbers) == len(value) else None


def _check_offsets(tensors: list[TensorEntry], log: DefectLog) -> int:
    """Record contradictions in the offsets and sizes of the tensors, and return the offset where the last one ends.

    The tensors must be in the order of their offsets, which count from the start of the data section.
    """
    end = 0
    for tensor in tensors:
        name = tensor.name
        if tensor.end < tensor.start:
            log.add(
                SafetensorsDefect.REVERSED_OFFSETS,
                f"{name!r} ends at {tensor.end}, before it starts at {tensor.start}",
                key=name,
            )
        if tensor.start < end:
            log.add(
                SafetensorsDefect.OVERLAPPING_TENSORS,
                f"{name!r} starts at {tensor.start}, inside earlier data that end at {end}",
                key=name,
            )
        elif tensor.start > end:
            log.add(
                SafetensorsDefect.HOLE_BETWEEN_TENSORS,
                f"the bytes {end} to {tensor.start} before {name!r} belong to no tensor",
                key=name,
            )
        _check_size(tensor, log)
        end = max(end, tensor.end)
    return end


def _check_size(tensor: TensorEntry, log: DefectLog) -> None:
    """Record a defect if a tensor takes another number of bytes by its shape and dtype than by its offsets."""
    bits_per_number = DTYPE_BITS.get(tensor.dtype)
    if bits_per_number is None:
        return
    # Stop at the first product beyond 64 bits: the library multiplies with checks and refuses such a shape.
    bits = 1
    for factor in (*tensor.shape, bits_per_number):
        bits *= factor
        if bits > _MAX_UINT64:
            log.add(
                SafetensorsDefect.SIZE_OVERFLOW, f"the size of {tensor.name!r} does not fit 64 bits", key=tensor.name
            )
            return
    stored_bytes = tensor.end - tensor.start
    if bits % 8:
        log.add(
            SafetensorsDefect.MISALIGNED_TENSOR, f"{tensor.name!r} takes {bits} bits, not whole bytes", key=tensor.name
        )
    # Reversed offsets, which give a negative size, are a defect already.
    elif bits // 8 != stored_bytes and stored_bytes >= 0:
        detail = f"{tensor.name!r} takes {bits // 8} bytes by its shape and dtype, {stored_bytes} by its offsets"
        log.add(SafetensorsDefect.SIZE_MISMATCH, detail, key=tensor.name)
