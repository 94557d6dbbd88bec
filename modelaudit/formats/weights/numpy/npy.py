"""Read ``.npy`` files: one or more arrays in a row, each of numbers or of objects in a pickle.

``numpy.load`` reads one array per call from an open file, so a program may load every array in a file, not just one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Final

from modelaudit.formats.nested_documents import may_act_on_loaders
from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.recognition import starts_pickle
from modelaudit.formats.value_trees import ValueTree
from modelaudit.formats.weights.numpy import NpyDefect
from modelaudit.formats.weights.numpy.header import MAGIC, ArrayHeader, locate_header, read_header
from modelaudit.model.address import join_embedded
from modelaudit.model.artifact import PICKLE, Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Defect, Location, TensorData
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.ledger import claim_data, claim_parsed, is_plain_text
from modelaudit.wire.numpy_types import count_array_bytes
from modelaudit.wire.windows import SubWindow, get_budget

_LONGEST_HEAD: Final = 12
"""The magic number, the version, and the length of the header in four bytes, or in two bytes in version 1."""
_MAX_ARRAYS: Final = 10_000
_LONGEST_TEXTS: Final = 4 * MIB  # bytes of an array of text


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the header of each array, and its numbers or its pickle.

    Raises:
        DamagedError: a header is invalid, or an array is truncated.
        LimitReachedError: there are more than ten thousand arrays.
        WindowError: the window could not return the requested bytes.
    """
    position = 0
    for _ in range(_MAX_ARRAYS):
        try:
            header = read_header(window, position, limits)
        except DamagedError:
            yield from _find_pickle_after_damage(artifact, window, position, limits)
            raise
        _claim_header(window, position, header.data_start)
        size = count_array_bytes(header.shape, header.dtype.item_size)
        yield _outline_header(header, position, size)
        start = header.data_start
        # Only an array without data may end with its header.
        if start >= window.size and (header.dtype.holds_objects or size):
            raise DamagedError("the file is truncated after the header of an array", start)
        # A dtype that is not understood may hold objects, so the data decide whether a loader could unpickle them.
        if header.dtype.holds_objects or (header.dtype.holds_objects is None and starts_pickle(window, start, limits)):
            position = _find_next_array(window, start, limits)
            claim_data(window, start, position)
            yield _make_member(artifact, window, start, position, limits, PICKLE)
        elif size is None:
            raise DamagedError(f"the size of an array of the dtype {header.descr!r} is unknown", start)
        else:
            claim_data(window, start, start + size)
            yield from _read_numbers(window, start, size)
            yield from _read_texts(artifact, window, header, size, limits)
            position = start + size
        if position >= window.size or window.read(position, len(MAGIC)) != MAGIC:
            return
    raise LimitReachedError(f"more than {_MAX_ARRAYS} arrays follow one another", position)


def _claim_header(window: Window, start: int, end: int) -> None:
    """Claim the header from ``start`` to ``end`` if it is plain text: names of fields could hold any other content."""
    head_end = start + _LONGEST_HEAD
    claim_parsed(window, start, min(head_end, end))
    if is_plain_text(window.read(head_end, max(0, end - head_end))):
        claim_parsed(window, head_end, end)


def _outline_header(header: ArrayHeader, start: int, size: int | None) -> Outline:
    """Return the facts and the defects of one header.

    Args:
        header: the header.
        start: its offset in the window.
        size: of the array in bytes; ``None`` if it is unknown.
    """
    where = Location(offset=start)
    defects = [
        Defect(NpyDefect.DUPLICATE_KEY, f"the header has the key {key!r} more than once", where)
        for key in header.repeated
    ]
    if any(length < 0 for length in header.shape):
        defects.append(Defect(NpyDefect.NEGATIVE_LENGTH, f"the shape {header.shape} has a negative length", where))
    elif size is None and header.dtype.item_size is not None:
        detail = f"the shape {header.shape} of items of {header.dtype.item_size} bytes is too large to count"
        defects.append(Defect(NpyDefect.SIZE_OVERFLOW, detail, where))
    facts = (
        ("version", f"{header.version[0]}.{header.version[1]}"),
        ("dtype", header.descr),
        ("shape", str(header.shape)[:200]),
        ("order", "Fortran" if header.fortran_order else "C"),
        ("item bytes", str(header.dtype.item_size or "unknown")),
        ("objects", _format_answer(header.dtype.holds_objects)),
    )
    return Outline("npy", facts=facts, defects=tuple(defects))


def _format_answer(holds_objects: bool | None) -> str:
    """Return ``yes``, ``no``, or ``unknown`` for ``None``."""
    if holds_objects is None:
        return "unknown"
    return "yes" if holds_objects else "no"


def _read_numbers(window: Window, start: int, size: int) -> Iterator[Reading]:
    """Yield how many bytes of numbers are present. Raises ``DamagedError`` if these are fewer than ``size``."""
    available = max(0, window.size - start)
    yield TensorData(min(size, available))
    if available < size:
        raise DamagedError(f"the file is truncated: it has {available} of {size} bytes of the array", window.size)


def _read_texts(
    artifact: Artifact, window: Window, header: ArrayHeader, size: int, limits: Limits
) -> Iterator[Reading]:
    """Yield what the texts of an array hold on which a loader may act; single bytes may be one text."""
    item_size, kind = header.dtype.item_size or 0, header.dtype.kind
    if size > _LONGEST_TEXTS or not item_size or (kind not in "SU" and item_size > 1):
        return
    data = window.read(header.data_start, size)
    if kind == "U":
        order = "be" if header.descr.startswith(">") else "le"
        text = data.decode(f"utf-32-{order}", "replace")
        items = [text[index : index + item_size // 4] for index in range(0, len(text), item_size // 4)]
        data = text.encode("utf-8", "replace")
    else:
        width = item_size if kind == "S" else size
        items = [data[index : index + width].decode("utf-8", "replace") for index in range(0, size, width or 1)]
    if not may_act_on_loaders(data):
        return
    tree = ValueTree()
    for index, item in enumerate(items):
        tree.add((str(index),), item.rstrip("\0"))
    tree.join_lines()
    yield from tree.interpret(artifact.path, limits)


def _find_next_array(window: Window, start: int, limits: Limits) -> int:
    """Return where the next array begins after the pickle at ``start``; the end of the file if none follows."""
    machine = Machine(window, start, limits, skips_plain_data=True)
    try:
        machine.execute()
    except DamagedError:
        return window.size  # the reader of the pickle reports the damage
    pickle_end = machine.source.offset
    return pickle_end if window.read(pickle_end, len(MAGIC)) == MAGIC else window.size


def _find_pickle_after_damage(artifact: Artifact, window: Window, position: int, limits: Limits) -> Iterator[Reading]:
    """Yield the pickle after a header that cannot be parsed here: a loader may be able to parse the header."""
    try:
        _, _, start = locate_header(window, position)
    except DamagedError:
        return
    if start < window.size and starts_pickle(window, start, limits):
        claim_data(window, start)
        yield _make_member(artifact, window, start, window.size, limits, PICKLE)


def _make_member(artifact: Artifact, window: Window, start: int, end: int, limits: Limits, content: str) -> Artifact:
    """Return the bytes from ``start`` to ``end`` as an artifact of the kind ``content``."""
    member = SubWindow(window, start, end - start, get_budget(window, limits))
    path = join_embedded(artifact.path, "data", start)
    return Artifact(path, member.size, lambda: nullcontext(member), content=content)
