"""The reader of GGML: the front as ``layouts`` has it, then one tensor behind the other, each with its row before it.

A row is the number of dimensions, the length of the name, the type, the dimensions and the name. Products are exact,
and held against the file: where they wrap in a loader, it allots less than it writes. Bytes of tensors are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.formats.weights.ggml.layouts import MAGICS, UNVERSIONED, Layout, blocks_of, layouts_of, read_front
from modelaudit.formats.weights.gguf import TensorDefect
from modelaudit.formats.weights.gguf.cursor import GgufCursor
from modelaudit.formats.weights.gguf.tensors import padded, size_of
from modelaudit.formats.weights.gguf.types import Blocks
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.members import DefectLog, MemberPaths
from modelaudit.wire.windows import SubWindow, budget_of, opener

_ALIGNMENT: Final = 32
_MOST_DIMENSIONS: Final = 4
_MOST_NAME: Final = 1024
_MOST_TENSORS: Final = 1_000_000
_NEXT: Final = "convert it to GGUF with the program that it was made for, and scan that"


@dataclass(slots=True)
class _State:
    magic: str
    version: int = 0
    layout: Layout | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    log: DefectLog = field(default_factory=DefectLog)
    tensors: int = 0
    end: int = 0


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, and what stands behind the tensors.

    Raises:
        DamagedError: the file breaks off or contradicts itself.
        WindowError: from the window.
    """
    first = window.read(0, 8)
    state = _State(MAGICS[first[:4]])
    start = 4 if first[:4] == UNVERSIONED else 8
    state.version = 0 if start == 4 else int.from_bytes(first[4:8], "little")
    damage: DamagedError | None = None
    try:
        _follow(window, start, state)
    except DamagedError as error:
        damage = error
    yield Outline("ggml", (), tuple(_facts(state)), state.log.defects())
    if damage is not None:
        yield from find_pickles(artifact, window, damage.offset or 0, limits)
        raise damage
    if state.layout is None:
        detail = f"no reader for the files of this program that begin with {state.magic}: {_NEXT}"
        yield from find_pickles(artifact, window, start, limits)
        yield Unread(UnreadReason.NO_READER, detail, format="GGML")
    elif state.end < window.size:
        stretch = SubWindow(window, state.end, window.size - state.end, budget_of(window, limits))
        yield Artifact(MemberPaths(artifact.path).of_stretch(state.end, window.size), stretch.size, opener(stretch))


def _facts(state: _State) -> Iterator[tuple[str, str]]:
    yield "magic", state.magic
    if state.version:
        yield "version", str(state.version)
    if state.layout is not None:
        yield "layout", state.layout.name
        yield from ((name, str(value)) for name, value in state.numbers.items())
        yield "tensors", str(state.tensors)


def _follow(window: Window, start: int, state: _State) -> None:
    layouts = layouts_of(state.magic, state.version)
    for layout in layouts:
        cursor = GgufCursor(window, start, "<", wide=False)
        try:
            numbers = read_front(cursor, layout)
        except DamagedError:
            if len(layouts) == 1:
                raise
            continue
        if len(layouts) > 1 and not _is_row(cursor):
            continue
        state.layout, state.numbers = layout, numbers
        _tensors(cursor, layout, blocks_of(state.magic, state.version, numbers), state)
        return


def _is_row(cursor: GgufCursor) -> bool:
    """Whether what follows can be the row of a tensor; the cursor stays where it is."""
    row = cursor.window.read(cursor.offset, 12)
    dimensions, length, kind = (int.from_bytes(row[at : at + 4], "little") for at in (0, 4, 8))
    return len(row) == 12 and 0 < dimensions <= _MOST_DIMENSIONS and 0 < length <= _MOST_NAME and kind < 256


def _tensors(cursor: GgufCursor, layout: Layout, blocks: Blocks, state: _State) -> None:
    """Pass each tensor; stops where what follows is none, and notes that."""
    seen: set[bytes] = set()
    size = cursor.window.size
    state.end = cursor.offset
    while cursor.offset < size:
        offset = cursor.offset
        if state.tensors >= _MOST_TENSORS:
            raise LimitReachedError(f"it holds more than {_MOST_TENSORS} tensors", offset)
        if not _is_row(cursor):
            state.log.add(TensorDefect.TRAILING_DATA, f"{size - offset} bytes follow the last tensor", offset)
            return
        dimensions, length, kind = (cursor.u32("the row of a tensor") for _ in range(3))
        shape = tuple(cursor.u32("the shape of a tensor") for _ in range(dimensions))
        cursor.need(length, "the name of a tensor")
        raw = cursor.window.read(cursor.offset, length)
        cursor.skip(length, "the name of a tensor")
        name = raw.decode("utf-8", "backslashreplace")[:200]
        if raw in seen:
            state.log.add(
                TensorDefect.DUPLICATE_TENSOR, f"the name {name!r} occurs twice among the tensors", offset, name
            )
        seen.add(raw)
        taken = size_of(name, kind, shape, state.log, offset, blocks)
        if taken is None:
            raise DamagedError(f"the size of {name!r} is not known, so that nothing after it can be told", offset)
        if layout.aligned:
            cursor.skip(padded(cursor.offset, _ALIGNMENT) - cursor.offset, "the room before a tensor")
        cursor.skip(taken, f"the tensor {name!r}")
        state.tensors += 1
        state.end = cursor.offset
