"""GGUF, versions 1 to 3 in either byte order. The bytes of tensors are not read: no value of theirs makes a loader act.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelaudit.formats.metadata_text import MetadataEntry, collect_mentions, read_metadata
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.formats.weights.gguf import TensorDefect
from modelaudit.formats.weights.gguf.cursor import GgufCursor
from modelaudit.formats.weights.gguf.metadata import Metadata
from modelaudit.formats.weights.gguf.tensors import Tensor, judge_extents, padded, read_table
from modelaudit.languages.terms.keys import FILE_TYPE
from modelaudit.model.artifact import JINJA, Artifact, Window
from modelaudit.model.limits import KIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.cursor import BeyondError
from modelaudit.wire.members import DefectLog, MemberPaths
from modelaudit.wire.windows import SubWindow, budget_of, opener

_MAGIC: Final = b"GGUF"
_HEADER: Final = 8
_VERSIONS: Final = (1, 2, 3)
# No list that memory holds has more entries, and no file a longer text.
_ABSURD_COUNT: Final = 2**31
_ABSURD_SIZE: Final = 2**40
_FACT: Final = 300
_MOST_FACTS: Final = 100
_MOST_TOLD: Final = 20
_TOLD: Final = ("general.", "split.")
_STATED: Final = frozenset({FILE_TYPE})
_CODE_SEARCHED: Final = 64 * KIB


@dataclass(slots=True)
class _State:
    log: DefectLog
    metadata: Metadata
    version: int = 0
    order: str = "<"
    counts: tuple[int, int] | None = None
    tensors: list[Tensor] = field(default_factory=list)
    data_start: int = 0
    end: int | None = None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, each chat template and document of the metadata, and what stands behind the tensors.

    Raises:
        DamagedError: the file breaks off, or is of a version that does not exist.
        WindowError: from the window.
    """
    log = DefectLog()
    state = _State(log, Metadata(log, limits))
    damage: DamagedError | None = None
    try:
        _follow(window, state)
    except DamagedError as error:
        if isinstance(error, BeyondError) and error.wanted >= _ABSURD_SIZE:
            log.add(TensorDefect.SIZE_OVERFLOW, str(error), error.offset)
        damage = error
    entries = [MetadataEntry(text.key, text.data) for text in state.metadata.texts if not _is_template(text.key)]
    mentions = collect_mentions(entries)
    yield Outline("gguf", mentions, tuple(_facts(state)), log.defects())
    yield from _templates(artifact, window, state, limits)
    numbers = [
        MetadataEntry(key, str(value).encode()) for key, value in state.metadata.scalars.items() if key in _STATED
    ]
    yield from read_metadata(artifact, window, [*entries, *numbers], limits)
    cut = [text for text in state.metadata.texts if len(text.data) < text.length and not _is_template(text.key)]
    for text in cut[:_MOST_TOLD]:
        detail = f"{text.key[:_FACT]}: only the first {len(text.data)} of {text.length} bytes were looked at"
        yield Unread(UnreadReason.LIMIT, detail, Location(offset=text.start, key=text.key[:_FACT]))
    if damage is not None:
        yield from find_pickles(artifact, window, damage.offset or 0, limits)
        raise damage
    yield from _behind(artifact, window, state, limits)


def _follow(window: Window, state: _State) -> None:
    first = window.read(0, _HEADER)
    if len(first) < _HEADER:
        raise DamagedError("the header breaks off", len(first))
    for order in ("little", "big"):
        version = int.from_bytes(first[4:], "little" if order == "little" else "big")
        if version in _VERSIONS:
            state.version, state.order = version, order
            break
    else:
        raise DamagedError(f"version {int.from_bytes(first[4:], 'little')} does not exist", 4)
    cursor = GgufCursor(window, _HEADER, "<" if state.order == "little" else ">", state.version > 1)
    state.counts = tensors, pairs = cursor.length("the number of tensors"), cursor.length("the number of pairs")
    for count, what in ((tensors, "tensors"), (pairs, "pairs of metadata")):
        if count >= _ABSURD_COUNT:
            state.log.add(
                TensorDefect.SIZE_OVERFLOW, f"the header states {count} {what}, more than any file can hold", _HEADER
            )
    state.metadata.read(cursor, pairs)
    read_table(cursor, tensors, state.log, state.tensors)
    alignment = state.metadata.alignment
    state.data_start = padded(cursor.offset, alignment)
    state.end = judge_extents(state.tensors, alignment, state.log)


def _is_template(key: str) -> bool:
    """Whether a runtime may take the text for a template; each knows keys of its own, of which all hold the word."""
    return "chat_template" in key.lower()


def _facts(state: _State) -> Iterator[tuple[str, str]]:
    yield "version", f"{state.version}, {state.order}-endian"
    if state.counts is not None:
        yield "tensors", str(state.counts[0])
    told = 0
    for text in state.metadata.texts:
        if text.key.startswith(_TOLD) and told < _MOST_FACTS:
            told += 1
            yield text.key[:_FACT], " ".join(text.data.decode("utf-8", "backslashreplace").split())[:_FACT]
    for key, value in state.metadata.scalars.items():
        if key.startswith(_TOLD) and told < _MOST_FACTS:
            told += 1
            yield key[:_FACT], str(value)


def _templates(artifact: Artifact, window: Window, state: _State, limits: Limits) -> Iterator[Reading]:
    """Every chat template. The list of templates holds their names; an entry with a brace in it is no name."""
    paths = MemberPaths(artifact.path)
    for text in state.metadata.texts:
        if not _is_template(text.key) or (text.is_of_list and b"{" not in text.data):
            continue
        stretch = SubWindow(window, text.start, text.length, budget_of(window, limits))
        yield Artifact(paths.of(text.key[:_FACT]), stretch.size, opener(stretch), content=JINJA)


def _behind(artifact: Artifact, window: Window, state: _State, limits: Limits) -> Iterator[Reading]:
    """What stands behind the last tensor, or that the tensors are cut off."""
    if state.end is None:
        return
    alignment = state.metadata.alignment
    end = state.data_start + state.end
    if state.tensors and end > window.size:
        detail = f"the file breaks off: {window.size} of {end} bytes are there"
        yield Unread(UnreadReason.DAMAGED, detail, Location(offset=window.size))
        return
    start = max(min(padded(end, alignment), window.size), 0)
    if start >= window.size:
        return
    log = DefectLog()
    log.add(TensorDefect.TRAILING_DATA, f"{window.size - start} bytes follow the last tensor", start)
    yield Outline("gguf", defects=log.defects())
    stretch = SubWindow(window, start, window.size - start, budget_of(window, limits))
    yield Artifact(MemberPaths(artifact.path).of_stretch(start, window.size), stretch.size, opener(stretch))
