"""Read GGML files: the preamble that ``layouts`` describes, then the tensors in a row.

Each tensor begins with its number of dimensions, the length of its name, its type, its shape and its name. The numbers
of tensors are not read. Sizes are computed exactly and compared with the file: where the product wraps in a loader, the
loader allocates less memory than it writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.formats.weights.ggml.layouts import (
    MAGICS,
    UNVERSIONED,
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
from modelaudit.wire.members import DefectLog, MemberPaths
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

_ALIGNMENT: Final = 32
_MAX_DIMENSIONS: Final = 4
_MAX_NAME_BYTES: Final = 1024
_MAX_TENSORS: Final = 1_000_000
_CONVERSION_HINT: Final = "convert it to GGUF with the program that it was made for, and scan the result"


@dataclass(slots=True)
class _ParsedFile:
    """The facts about one file, filled while it is parsed, so that damage does not lose what came before.

    Attributes:
        layout: the first layout that fits; ``None`` until one does.
        end: where the last complete tensor ends, in bytes.
    """

    magic: str
    version: int = 0
    layout: Layout | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    log: DefectLog = field(default_factory=DefectLog)
    tensors: int = 0
    end: int = 0


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, and the bytes after the tensors as an artifact.

    Raises:
        DamagedError: the file is truncated or contradicts itself.
        WindowError: the window could not return the requested bytes.
    """
    first = window.read(0, 8)
    state = _ParsedFile(MAGICS[first[:4]])
    start = 4 if first[:4] == UNVERSIONED else 8
    state.version = 0 if start == 4 else int.from_bytes(first[4:8], "little")
    damage: DamagedError | None = None
    try:
        _parse_file(window, start, state)
    except DamagedError as error:
        damage = error
    yield Outline("ggml", (), tuple(_list_facts(state)), state.log.defects())
    if damage is not None:
        # Damage may be deliberate, to hide a pickle from a reader that stops at it.
        yield from find_pickles(artifact, window, damage.offset or 0, limits)
        raise damage
    if state.layout is None:
        detail = f"a {state.magic} file of an unknown program or version: {_CONVERSION_HINT}"
        yield from find_pickles(artifact, window, start, limits)
        yield Unread(UnreadReason.NO_READER, detail, format="GGML")
    elif state.end < window.size:
        stretch = SubWindow(window, state.end, window.size - state.end, get_budget(window, limits))
        yield Artifact(
            MemberPaths(artifact.path).name_range(state.end, window.size), stretch.size, make_opener(stretch)
        )


def _list_facts(state: _ParsedFile) -> Iterator[tuple[str, str]]:
    yield "magic", state.magic
    if state.version:
        yield "version", str(state.version)
    if state.layout is not None:
        yield "layout", state.layout.name
        yield from ((name, str(value)) for name, value in state.numbers.items())
        yield "tensors", str(state.tensors)


def _parse_file(window: Window, start: int, state: _ParsedFile) -> None:
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
        if len(layouts) > 1 and not _is_tensor_row(cursor):
            continue
        state.layout, state.numbers = layout, numbers
        _read_tensors(cursor, layout, choose_block_sizes(state.magic, state.version, numbers), state)
        return


def _is_tensor_row(cursor: GgufCursor) -> bool:
    """Whether a tensor can begin at the cursor, which does not move."""
    row = cursor.window.read(cursor.offset, 12)
    dimensions, length, kind = (int.from_bytes(row[at : at + 4], "little") for at in (0, 4, 8))
    return len(row) == 12 and 0 < dimensions <= _MAX_DIMENSIONS and 0 < length <= _MAX_NAME_BYTES and kind < 256


def _read_tensors(cursor: GgufCursor, layout: Layout, blocks: BlockSizes, state: _ParsedFile) -> None:
    """Skip each tensor. Stop at bytes that cannot be one, and record them as trailing data."""
    seen: set[bytes] = set()
    size = cursor.window.size
    state.end = cursor.offset
    while cursor.offset < size:
        offset = cursor.offset
        if state.tensors >= _MAX_TENSORS:
            raise LimitReachedError(f"the file holds more than {_MAX_TENSORS} tensors", offset)
        if not _is_tensor_row(cursor):
            state.log.add(TensorDefect.TRAILING_DATA, f"{size - offset} bytes follow the last tensor", offset)
            return
        dimensions, length, kind = (cursor.read_u32("the row of a tensor") for _ in range(3))
        shape = tuple(cursor.read_u32("the shape of a tensor") for _ in range(dimensions))
        cursor.require_bytes(length, "the name of a tensor")
        raw = cursor.window.read(cursor.offset, length)
        cursor.skip(length, "the name of a tensor")
        name = raw.decode("utf-8", "backslashreplace")[:200]
        if raw in seen:
            state.log.add(
                TensorDefect.DUPLICATE_TENSOR, f"the name {name!r} occurs twice among the tensors", offset, name
            )
        seen.add(raw)
        taken = count_tensor_bytes(name, kind, shape, state.log, offset, blocks)
        if taken is None:
            raise DamagedError(f"the size of {name!r} is unknown, so the rest of the file cannot be parsed", offset)
        if layout.aligns_tensors:
            cursor.skip(align_offset(cursor.offset, _ALIGNMENT) - cursor.offset, "the padding before a tensor")
        cursor.skip(taken, f"the tensor {name!r}")
        state.tensors += 1
        state.end = cursor.offset
