"""Parse the table of tensors of GGUF and check it as llama.cpp does (``ggml/src/gguf.cpp``).

Products and sums are exact here and compared with 64 bits. Where they wrap in a loader, the loader allocates less
memory than it writes (CVE-2026-33298); unchecked counts have the same effect (CVE-2024-21802).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.gguf import GgufDefect, TensorDefect
from modelaudit.formats.weights.gguf.cursor import GgufCursor
from modelaudit.formats.weights.gguf.types import BLOCK_SIZES, BlockSizes
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.members import DefectLog

# Each row takes some hundred bytes of memory. Files have some thousand tensors.
_MAX_TENSORS: Final = 200_000
_MAX_DIMENSIONS: Final = 4
_MAX_NAME_BYTES: Final = 1024
_MAX_INT64: Final = 2**63 - 1


class Tensor(Struct, frozen=True):
    """One row of the table.

    Attributes:
        kind: the number of its type, a key of ``BLOCK_SIZES`` where the type is known.
        start: offset in the data section, in bytes.
        size: in bytes; ``None`` where type or shape are invalid.
        shape: the length of a row first.
    """

    name: str
    kind: int
    start: int
    size: int | None
    shape: tuple[int, ...] = ()


def read_tensor_table(cursor: GgufCursor, count: int, log: DefectLog, tensors: list[Tensor]) -> None:
    """Parse ``count`` rows and append them to ``tensors``, which keeps the rows before any damage.

    A row has the name of a tensor, the number of its dimensions, its shape, its type and its offset.

    Raises:
        DamagedError: the table is truncated, or a name or a number of dimensions is too large to go on.
        LimitReachedError: there are more than ``_MAX_TENSORS`` rows.
    """
    seen: set[bytes] = set()
    for number in range(count):
        if number >= _MAX_TENSORS:
            raise LimitReachedError(f"the file holds more than {_MAX_TENSORS} tensors", cursor.offset)
        offset = cursor.offset
        raw_name, _, length = cursor.read_text(f"the name of tensor {number}", _MAX_NAME_BYTES)
        name = raw_name.decode("utf-8", "backslashreplace")[:200]
        if length > _MAX_NAME_BYTES:
            detail = f"the name of tensor {number} takes {length} bytes, more than {_MAX_NAME_BYTES}"
            raise DamagedError(detail, offset)
        if raw_name in seen:
            log.add(TensorDefect.DUPLICATE_TENSOR, f"the name {name!r} occurs twice among the tensors", offset, name)
        seen.add(raw_name)
        cursor.mark_name(raw_name)
        dimensions = cursor.read_u32(f"the dimensions of {name!r}")
        if dimensions > _MAX_DIMENSIONS:
            log.add(
                TensorDefect.MALFORMED_TENSOR,
                f"{name!r} has {dimensions} dimensions, more than {_MAX_DIMENSIONS}",
                offset,
                name,
            )
            raise DamagedError(
                f"{name!r} has {dimensions} dimensions, so the tensors after it cannot be parsed", offset
            )
        shape = tuple(cursor.read_length(f"the shape of {name!r}") for _ in range(dimensions))
        kind = cursor.read_u32(f"the type of {name!r}")
        start = cursor.read_u64(f"the offset of {name!r}")
        tensors.append(Tensor(name, kind, start, count_tensor_bytes(name, kind, shape, log, offset), shape))


def count_tensor_bytes(
    name: str, kind: int, shape: tuple[int, ...], log: DefectLog, offset: int, block_sizes: BlockSizes = BLOCK_SIZES
) -> int | None:
    """Return the size of a tensor in bytes; record a defect and return ``None`` where type or shape are invalid.

    Args:
        name: of the tensor, for the defect.
        kind: the number of its type, a key of ``block_sizes`` if it is known.
        shape: its dimensions.
        log: receives the defect.
        offset: of its row in the file, in bytes, for the defect.
        block_sizes: the sizes that hold for the version of the file.
    """
    number_count = 1
    for dimension in shape:
        number_count *= dimension
        if dimension > _MAX_INT64 or number_count > _MAX_INT64:
            log.add(TensorDefect.SIZE_OVERFLOW, f"the size of {name!r} does not fit 64 bits", offset, name)
            return None
    if kind not in block_sizes:
        log.add(TensorDefect.UNKNOWN_DTYPE, f"{name!r} is of type {kind}, whose size is unknown", offset, name)
        return None
    type_name, numbers_per_block, bytes_per_block = block_sizes[kind]
    # Blocks never cross rows, and the first dimension is the length of a row.
    row_length = shape[0] if shape else 1
    if row_length % numbers_per_block:
        log.add(
            TensorDefect.MALFORMED_TENSOR,
            f"{name!r} has rows of {row_length} numbers; {type_name} needs a multiple of {numbers_per_block}",
            offset,
            name,
        )
        return None
    size = number_count // numbers_per_block * bytes_per_block
    if size > _MAX_INT64:
        log.add(TensorDefect.SIZE_OVERFLOW, f"the size of {name!r} does not fit 64 bits", offset, name)
        return None
    return size


def check_extents(tensors: list[Tensor], alignment: int, log: DefectLog) -> int | None:
    """Record overlaps, holes and misaligned tensors, and return the offset where the last tensor ends.

    Offsets count from the start of the data section. The result is ``None`` if the size of the last tensor is unknown,
    or its end does not fit 64 bits.
    """
    # After a tensor of unknown size neither an overlap nor a hole can be found, so ``end`` is ``None`` until the next
    # tensor of known size.
    end: int | None = 0
    # The table may list tensors in any order.
    for tensor in sorted(tensors, key=lambda tensor: (tensor.start, tensor.size or 0)):
        name = tensor.name
        if tensor.start % alignment:
            log.add(
                GgufDefect.MISALIGNED_TENSOR,
                f"{name!r} starts at {tensor.start}, not a multiple of {alignment}",
                key=name,
            )
        if end is not None and tensor.start < end:
            log.add(
                GgufDefect.OVERLAPPING_TENSORS,
                f"{name!r} starts at {tensor.start}, inside earlier data that end at {end}",
                key=name,
            )
        elif end is not None and tensor.start > align_offset(end, alignment):
            hole = f"the bytes {end} to {tensor.start} before {name!r} belong to no tensor"
            log.add(GgufDefect.HOLE_BETWEEN_TENSORS, hole, key=name)
        if tensor.start + (tensor.size or 0) > _MAX_INT64:
            log.add(TensorDefect.SIZE_OVERFLOW, f"the end of {name!r} does not fit 64 bits", key=name)
            return None
        end = None if tensor.size is None else max(end or 0, tensor.start + tensor.size)
    return end


def align_offset(end: int, alignment: int) -> int:
    """Return ``end``, rounded up to a multiple of ``alignment``."""
    return (end + alignment - 1) // alignment * alignment
