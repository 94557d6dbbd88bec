"""Read GGML files: the preamble that ``layouts`` describes, then the tensors in a row.

Each tensor begins with its number of dimensions, the length of its name, its type, its shape and its name. The numbers
of tensors are not read. Sizes are computed exactly and compared with the file: where the product wraps in a loader, the
loader allocates less memory than it writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.weights.ggml.layouts import (
    MAGICS,
    UNVERSIONED_MAGIC,
    Layout,
    choose_block_sizes,
    list_layouts,
    read_preamble,
)
from modelaudit.formats.weights.gguf import TensorDefect
from modelaudit.formats.weights.gguf.cursor import GgufCursor
from modelaudit.formats.weights.gguf.tensors import align_offset, count_tensor_bytes
from modelaudit.formats.weights.gguf.types import BlockSizes
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.members import DefectLog

_ALIGNMENT: Final = 32
_MAX_DIMENSIONS: Final = 4
_MAX_NAME_BYTES: Final = 1024
_MAX_TENSORS: Final = 1_000_000
# The number of dimensions, the length of the name, and the type.
_ROW_HEAD_BYTES: Final = 12
# Far more types than GGML has. A larger number cannot be a type, so it does not begin a tensor.
_MAX_PLAUSIBLE_TYPES: Final = 256
_CONVERSION_HINT: Final = "convert it to GGUF with the program that it was made for, and scan the result"


class _ParsedFile(Struct):
    """The facts about one file, filled while it is parsed, so that damage does not lose what came before.

    Attributes:
        magic: the magic number as text, a value of ``MAGICS``.
        version: 0 if the format has none.
        layout: the first layout that fits; ``None`` until one does.
        numbers: the numbers of the preamble, by name.
        log: the defects.
        tensor_count: the number of complete tensors.
    """

    magic: str
    version: int = 0
    layout: Layout | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    log: DefectLog = field(default_factory=DefectLog)
    tensor_count: int = 0


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline.

    Raises:
        DamagedError: the file is truncated or contradicts itself.
        WindowError: the window could not return the requested bytes.
    """
    header = window.read(0, 8)
    magic = header[:4]
    state = _ParsedFile(MAGICS[magic])
    start = 4
    if magic != UNVERSIONED_MAGIC:
        start = 8
        state.version = int.from_bytes(header[4:8], "little")
    claim_parsed(window, 0, start)
    damage: DamagedError | None = None
    try:
        _parse_file(window, start, state)
    except DamagedError as error:
        damage = error
    yield Outline("ggml", (), tuple(_list_facts(state)), state.log.defects())
    if damage is not None:
        raise damage
    if state.layout is None:
        detail = f"a {state.magic} file of an unknown program or version: {_CONVERSION_HINT}"
        yield Unread(UnreadReason.NO_READER, detail, format="GGML")


def _list_facts(state: _ParsedFile) -> Iterator[tuple[str, str]]:
    """Yield (name, value) pairs about the file for the outline."""
    yield "magic", state.magic
    if state.version:
        yield "version", str(state.version)
    if state.layout is not None:
        yield "layout", state.layout.name
        yield from ((name, str(value)) for name, value in state.numbers.items())
        yield "tensors", str(state.tensor_count)


def _parse_file(window: Window, start: int, state: _ParsedFile) -> None:
    """Parse the file from ``start`` on in the first layout that fits, and fill ``state``.

    If no layout fits, ``state.layout`` stays ``None``.

    Raises:
        DamagedError: the file has only one possible layout and contradicts it, or a tensor is truncated or invalid.
    """
    layouts = list_layouts(state.magic, state.version)
    for layout in layouts:
        cursor = GgufCursor(window, start, "<", is_wide=False)
        try:
            numbers = read_preamble(cursor, layout)
        except DamagedError:
            if len(layouts) == 1:
                raise
            continue
        # Several layouts may skip a preamble without an error. Only the right one ends where a tensor begins.
        if len(layouts) > 1 and not _may_begin_tensor(cursor, layout):
            continue
        state.layout, state.numbers = layout, numbers
        try:
            _read_tensors(cursor, layout, choose_block_sizes(state.magic, state.version, numbers), state)
        finally:
            cursor.claim_consumed()
        needed = layout.count_tensors(numbers)
        if needed not in (None, state.tensor_count):
            raise DamagedError(
                f"the file has {state.tensor_count} tensors, its numbers ask for {needed}", cursor.offset
            )
        return


def _may_begin_tensor(cursor: GgufCursor, layout: Layout) -> bool:
    """Whether a tensor of the layout can begin at the cursor, which does not move."""
    row = cursor.window.read(cursor.offset, _ROW_HEAD_BYTES)
    if len(row) < _ROW_HEAD_BYTES:
        return False
    dimensions = int.from_bytes(row[:4], "little")
    name_length = int.from_bytes(row[4:8], "little")
    kind = int.from_bytes(row[8:], "little")
    least = 0 if layout.has_scalars else 1
    has_plausible_sizes = least <= dimensions <= _MAX_DIMENSIONS and 0 < name_length <= _MAX_NAME_BYTES
    return has_plausible_sizes and kind < _MAX_PLAUSIBLE_TYPES


def _read_tensors(cursor: GgufCursor, layout: Layout, block_sizes: BlockSizes, state: _ParsedFile) -> None:
    """Skip each tensor and count it in ``state``. Stop at bytes that cannot begin one, and record a defect for them.

    Raises:
        DamagedError: a tensor ends beyond the file, or its size is unknown.
        LimitReachedError: there are more than a million tensors.
    """
    seen: set[bytes] = set()
    size = cursor.window.size
    while cursor.offset < size:
        offset = cursor.offset
        if state.tensor_count >= _MAX_TENSORS:
            raise LimitReachedError(f"the file holds more than {_MAX_TENSORS} tensors", offset)
        if not _may_begin_tensor(cursor, layout):
            state.log.add(TensorDefect.TRAILING_DATA, f"{size - offset} bytes follow the last tensor", offset)
            return
        dimensions, name_length, kind = (cursor.read_u32("the row of a tensor") for _ in range(3))
        shape = tuple(cursor.read_u32("the shape of a tensor") for _ in range(dimensions))
        raw_name = cursor.take(name_length, "the name of a tensor")
        name = raw_name.decode("utf-8", "backslashreplace")[:200]
        if raw_name in seen:
            state.log.add(
                TensorDefect.DUPLICATE_TENSOR, f"the name {name!r} occurs twice among the tensors", offset, name
            )
        seen.add(raw_name)
        cursor.mark_name(raw_name)
        tensor_bytes = count_tensor_bytes(name, kind, shape, state.log, offset, block_sizes)
        if tensor_bytes is None:
            raise DamagedError(f"the size of {name!r} is unknown, so the rest of the file cannot be parsed", offset)
        if layout.aligns_tensors:
            cursor.leave_unclaimed(
                align_offset(cursor.offset, _ALIGNMENT) - cursor.offset, "the padding before a tensor"
            )
        cursor.skip_data(tensor_bytes, f"the tensor {name!r}")
        state.tensor_count += 1
