"""Find pickles, archives and code objects that are constants of a pickle, as raw bytes or encoded as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct, field

from modelaudit.formats import embedded
from modelaudit.formats.pickles.pickle.code import begins_code, outline_marshalled_code
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.pickle import Embedded, PickleEvent, PlainValue, Value
from modelaudit.model.structure import CodeOutline, Location, Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES
from modelaudit.wire.codings import CHARACTER_CODINGS, CONTENT_STARTS, Coding, decode_character_bytes
from modelaudit.wire.windows import SubWindow, get_budget

__all__ = [
    "CHARACTER_CODINGS",
    "CONTENT_STARTS",
    "DIRECT_CODINGS",
    "Coding",
    "NestedConstant",
    "NestedConstants",
    "NestedContent",
    "detect_coding",
    "open_constants",
]

DIRECT_CODINGS: Final = CHARACTER_CODINGS | {Coding.RAW}
"""Codings of constants that a call receives as the bytes of the nested file, without decoding them first."""

_NESTED_KEPT: Final = 10_000  # constants of one program
_LONGEST_TEXT_PICKLE: Final = 64 * 1024  # bytes of a constant that is a pickle of protocol 0 or 1
_CODE_BYTES_READ: Final = MIB // 4  # bytes of a marshalled code object
_TAR_MAGIC_PLACE: Final = slice(257, 262)  # the magic in the header of a tar archive


class NestedConstant(Struct, frozen=True):
    """A constant that begins like a file: offset in the window, length in bytes, and how it encodes the file."""

    offset: int
    length: int
    coding: Coding


class NestedConstants:
    """The constants of one program that begin like a file.

    Attributes:
        found: the first of them, in order.
        dropped: number of those that exceeded the bound and are not in ``found``.
    """

    __slots__ = ("dropped", "found")

    def __init__(self) -> None:
        self.found: list[NestedConstant] = []
        self.dropped = 0

    def record_constant(self, data: bytes, offset: int, length: int, is_text: bool) -> Coding | None:
        """Record a constant of ``length`` bytes at ``offset`` if its first bytes, ``data``, begin like a file.

        ``is_text`` is whether the constant is text, whose characters may each represent a byte.

        Returns:
            The coding of the file; ``None`` for any other constant.
        """
        # Nearly all constants fail this test, the first of ``detect_coding``; millions of calls are saved.
        if CONTENT_STARTS.match(data) is None and len(data) < _TAR_MAGIC_PLACE.stop:
            return None
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
        length: length of the whole constant, in bytes.
        is_text: whether the constant is text, whose characters may each represent a byte.
    """
    # Most constants fail this cheap test.
    if CONTENT_STARTS.match(data) is None and data[_TAR_MAGIC_PLACE] != b"ustar":
        return None
    is_truncated = length > len(data)
    for code_coding, code_bytes in _decode_as_bytes(data, is_truncated, is_text).items():
        if begins_code(code_bytes):
            return code_coding
    coding = embedded.detect_coding(data, is_truncated, is_text)
    has_proto_opcode = data[0] == 0x80
    if coding is Coding.RAW and not has_proto_opcode and embedded.detect_format(data) == "pickle":
        # Words may begin like a pickle of protocol 0 or 1. Such a pickle is text, has lines, and ends with STOP.
        ends_with_stop = is_truncated or data.endswith(b".")
        is_text_pickle = length <= _LONGEST_TEXT_PICKLE and ends_with_stop and b"\n" in data
        return coding if is_text_pickle else None
    return coding


def _decode_as_bytes(data: bytes, is_truncated: bool, is_text: bool) -> dict[Coding, bytes]:
    """Return the bytes that a loader may get from a constant, by coding: its own, or those its characters represent.

    ``is_truncated`` is whether ``data`` are only the first bytes of the constant.
    """
    character_bytes = decode_character_bytes(data, is_truncated) if is_text else {}
    return character_bytes or {Coding.RAW: data}


class NestedContent(Struct):
    """The files and code objects in the constants of a pickle.

    Attributes:
        children: each file as an artifact such as ``model.pkl!pickle@27``.
        file_offsets: offsets of the constants that are such a file themselves, as bytes or as characters that represent
            bytes.
        formats: the format of each constant that a loader gets as this very file, by offset: bytes as they are, or a
            text with one byte in each character.
        code: marshalled code objects by the offset of the constant.
        unread: constants that could not be opened.
    """

    children: list[Artifact] = field(default_factory=list)
    file_offsets: set[int] = field(default_factory=set)
    formats: dict[int, str] = field(default_factory=dict)
    code: dict[int, bytes] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)

    def resolve_arguments(self, event: PickleEvent) -> PickleEvent:
        """Return the event with plain data in place of each argument that only begins like a file."""
        if not any(isinstance(argument, Embedded) for argument in event.arguments):
            return event
        return replace(event, arguments=tuple(map(self._describe_argument, event.arguments)))

    def _describe_argument(self, argument: Value) -> Value:
        """Return a text that describes an embedded constant, unless the constant is a file; others stay as they are."""
        if isinstance(argument, Embedded) and argument.offset not in self.file_offsets:
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
    constants: Iterable[NestedConstant],
    limits: Limits,
    is_pickle: Callable[[Window], bool],
    dropped: int = 0,
) -> NestedContent:
    """Open each constant that begins like a file, and keep those that are one.

    Tensors and words begin like a pickle by chance; few execute to their end. Ignoring the others loses nothing: the
    loader of the outer pickle takes them for data, and a call that unpickles them fails before it acts, as the trial
    does.

    Args:
        artifact: the pickle.
        window: its bytes.
        constants: constants that begin like a file.
        limits: bounds for reading them.
        is_pickle: decides by trial whether a window holds a pickle from its first byte.
        dropped: number of such constants that are not in ``constants`` because of a bound.
    """
    content = NestedContent()
    if dropped:
        detail = f"{dropped} constants that begin like a file were not opened: only the first {_NESTED_KEPT} are"
        content.unread.append(Unread(UnreadReason.LIMIT, detail))
    budget = get_budget(window, limits)
    for nested in constants:
        constant_window = SubWindow(window, nested.offset, nested.length, budget)
        try:
            _open_constant(artifact, nested, constant_window, limits, is_pickle, content)
        except WindowError as error:
            detail = f"a constant of {nested.length} bytes that begins like a file could not be read: {error}"
            content.unread.append(Unread(error.reason, detail, Location(offset=nested.offset)))
    return content


def _open_constant(
    artifact: Artifact,
    nested: NestedConstant,
    constant_window: SubWindow,
    limits: Limits,
    is_pickle: Callable[[Window], bool],
    nested_content: NestedContent,
) -> None:
    """Add the code object or the file in one constant to ``nested_content``, if it holds one."""
    is_text = nested.coding in CHARACTER_CODINGS
    # ``marshal.loads`` takes the bytes of a code object as they are.
    if nested.coding in DIRECT_CODINGS:
        stored = constant_window.read(0, _CODE_BYTES_READ)
        decoded = _decode_as_bytes(stored, nested.length > len(stored), is_text)
        code_bytes = decoded.get(nested.coding, b"")
        if begins_code(code_bytes):
            nested_content.code[nested.offset] = code_bytes
            return
    content = embedded.decode_content(constant_window, limits, is_text)
    if content is None or (content.format == "pickle" and not is_pickle(content.window)):
        return
    nested_content.children.append(
        embedded.make_content_artifact(artifact.path, nested.offset, constant_window, limits, content, is_text)
    )
    # A call that takes the constant then receives the file itself, without decoding it first.
    is_file_itself = nested.coding is Coding.RAW or (is_text and content.layers == 1)
    if is_file_itself:
        nested_content.file_offsets.add(nested.offset)
    if is_file_itself and content.layers == int(is_text) and nested.coding is not Coding.ESCAPED:
        head = constant_window.read(0, HEAD_BYTES)
        # The coding of a text is found from its first bytes, again for each reading.
        if embedded.detect_coding(head, nested.length > len(head), is_text) is nested.coding:
            nested_content.formats[nested.offset] = content.format
