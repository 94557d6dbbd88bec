"""Find pickles, archives and code objects that are constants of a pickle, as raw bytes or encoded as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from modelaudit.formats import embedded
from modelaudit.formats.pickles.pickle.code import begins_code, outline_marshalled_code
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.pickle import Embedded, PickleEvent, PlainValue, Value
from modelaudit.model.structure import CodeOutline, Location, Unread, UnreadReason
from modelaudit.wire.codings import CHARACTER_CODINGS, CONTENT_STARTS, Coding, decode_character_bytes
from modelaudit.wire.windows import SubWindow, get_budget

__all__ = [
    "CHARACTER_CODINGS",
    "CONTENT_STARTS",
    "OPENED",
    "Coding",
    "NestedConstant",
    "NestedConstants",
    "NestedContent",
    "detect_coding",
    "open_constants",
]

OPENED: Final = CHARACTER_CODINGS | {Coding.RAW}
"""Codings that a call gets rid of when it takes the constant as bytes: it then gets the nested file itself."""

_NESTED_KEPT: Final = 10_000
_OLD_LONGEST: Final = 64 * 1024
_CODE_READ: Final = MIB // 4
_USTAR: Final = slice(257, 262)


@dataclass(frozen=True, slots=True)
class NestedConstant:
    """A constant that begins like a file: its offset in the window and its length in bytes."""

    offset: int
    length: int
    coding: Coding


class NestedConstants:
    """The constants of one program that begin like a file.

    Attributes:
        found: a bounded number of them, in order.
        dropped: how many more there were.
    """

    __slots__ = ("dropped", "found")

    def __init__(self) -> None:
        self.found: list[NestedConstant] = []
        self.dropped = 0

    def record_constant(self, data: bytes, offset: int, length: int, is_text: bool) -> Coding | None:
        """Record a constant of ``length`` bytes at ``offset`` if its first bytes, ``data``, begin like a file.

        Returns:
            The coding of the file; ``None`` for any other constant.
        """
        coding = detect_coding(data, length, is_text)
        if coding is not None:
            if len(self.found) < _NESTED_KEPT:
                self.found.append(NestedConstant(offset, length, coding))
            else:
                self.dropped += 1
        return coding


def detect_coding(data: bytes, length: int, is_text: bool) -> Coding | None:
    """Return the coding of a constant that begins with ``data`` like a file; ``None`` for any other.

    Args:
        data: the first bytes of the constant.
        length: of the whole constant, in bytes.
        is_text: the constant is text, whose characters may each represent a byte.
    """
    if CONTENT_STARTS.match(data) is None and data[_USTAR] != b"ustar":
        return None
    cut = length > len(data)
    for coding_of_code, inner in _decode_as_bytes(data, cut, is_text).items():
        if begins_code(inner):
            return coding_of_code
    coding = embedded.detect_coding(data, cut, is_text)
    if coding is Coding.RAW and embedded.detect_format(data) == "pickle" and data[0] != 0x80:
        # Words may begin so. A pickle of protocol 0 or 1 is text, has lines, and ends with STOP.
        whole = length <= _OLD_LONGEST and (cut or data.endswith(b"."))
        return coding if whole and b"\n" in data else None
    return coding


def _decode_as_bytes(data: bytes, cut: bool, is_text: bool) -> dict[Coding, bytes]:
    """Return the bytes that a loader may get from a constant, by coding: its own, or those its characters represent."""
    return (decode_character_bytes(data, cut) if is_text else {}) or {Coding.RAW: data}


@dataclass(slots=True)
class NestedContent:
    """The files and code objects in the constants of a pickle.

    Attributes:
        children: each file as an artifact such as ``model.pkl!pickle@27``.
        read: offsets of the constants that are such an artifact, byte for byte or as characters.
        code: marshalled code objects by the offset of the constant.
        unread: constants that could not be opened.
    """

    children: list[Artifact] = field(default_factory=list)
    read: set[int] = field(default_factory=set)
    code: dict[int, bytes] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)

    def resolve_arguments(self, event: PickleEvent) -> PickleEvent:
        """Return the event with plain data in place of every argument that turned out to be no file."""
        if not any(isinstance(argument, Embedded) for argument in event.arguments):
            return event
        return replace(event, arguments=tuple(map(self._resolve_argument, event.arguments)))

    def _resolve_argument(self, argument: Value) -> Value:
        if isinstance(argument, Embedded) and argument.offset not in self.read:
            return PlainValue(f"<{argument.length} bytes at {argument.offset}>")
        return argument

    def outline_code(self, event: PickleEvent) -> Iterable[CodeOutline]:
        """Yield outlines of the marshalled code objects among the arguments of an event."""
        for argument in event.arguments:
            if isinstance(argument, Embedded) and argument.offset in self.code:
                yield from outline_marshalled_code(self.code[argument.offset], event.offset)


def open_constants(
    artifact: Artifact,
    window: Window,
    found: Iterable[NestedConstant],
    limits: Limits,
    is_pickle: Callable[[Window], bool],
    dropped: int = 0,
) -> NestedContent:
    """Open each constant that begins like a file, and keep those that are one.

    Tensors and words begin like a pickle by chance; few execute to their end. Skipping the others loses nothing: the
    loader of the outer pickle takes them for data, and only a call could unpickle them.

    Args:
        artifact: the pickle.
        window: its bytes.
        found: constants that begin like a file.
        limits: bounds for reading them.
        is_pickle: decides by trial whether a window holds a pickle from its first byte.
        dropped: how many constants there were beyond ``found``.
    """
    content = NestedContent()
    if dropped:
        detail = f"{dropped} more constants begin like a file than are opened"
        content.unread.append(Unread(UnreadReason.LIMIT, detail))
    budget = get_budget(window, limits)
    for nested in found:
        stretch = SubWindow(window, nested.offset, nested.length, budget)
        try:
            _open_constant(artifact, nested, stretch, limits, is_pickle, content)
        except WindowError as error:
            detail = f"a constant of {nested.length} bytes that begins like a file could not be read: {error}"
            content.unread.append(Unread(error.reason, detail, Location(offset=nested.offset)))
    return content


def _open_constant(
    artifact: Artifact,
    nested: NestedConstant,
    stretch: SubWindow,
    limits: Limits,
    is_pickle: Callable[[Window], bool],
    found: NestedContent,
) -> None:
    if nested.coding in OPENED:
        data = stretch.read(0, _CODE_READ)
        data = _decode_as_bytes(data, nested.length > len(data), nested.coding in CHARACTER_CODINGS).get(
            nested.coding, b""
        )
        if begins_code(data):
            found.code[nested.offset] = data
            return
    is_text = nested.coding in CHARACTER_CODINGS
    content = embedded.decode_content(stretch, limits, is_text)
    if content is None or (content.format == "pickle" and not is_pickle(content.window)):
        return
    found.children.append(
        embedded.make_content_artifact(artifact.path, nested.offset, stretch, limits, content, is_text)
    )
    if nested.coding is Coding.RAW or (is_text and content.layers == 1):
        found.read.add(nested.offset)
