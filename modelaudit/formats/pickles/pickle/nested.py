"""What lies inside a pickle as data: pickles, archives and code objects, as raw bytes or coded as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from modelaudit.formats import embedded
from modelaudit.formats.pickles.pickle.code import begins_code, outlines_of_marshalled
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.pickle import Embedded, PickleEvent, Plain, Value
from modelaudit.model.structure import CodeOutline, Location, Unread, UnreadReason
from modelaudit.wire.codings import AS_TEXT, STARTS, Coding, bytes_as_text
from modelaudit.wire.windows import SubWindow, budget_of

__all__ = ["AS_TEXT", "OPENED", "STARTS", "Coding", "Inside", "Nested", "coding_of", "look_inside"]

OPENED: Final = AS_TEXT | {Coding.RAW}
"""Codings in which a call that takes the constant as bytes takes what lies in it."""

_OLD_LONGEST: Final = 64 * 1024
_CODE_READ: Final = MIB // 4
_USTAR: Final = slice(257, 262)


@dataclass(frozen=True, slots=True)
class Nested:
    """A constant that begins like something a loader would take: its place in the window, in bytes."""

    offset: int
    length: int
    coding: Coding


def coding_of(data: bytes, length: int, is_text: bool) -> Coding | None:
    """How the constant is coded that begins with ``data`` like something a loader would take; ``None`` for any other.

    Args:
        data: the first bytes of the constant.
        length: of the whole constant, in bytes.
        is_text: the constant is text, of which each character may stand for a byte.
    """
    if STARTS.match(data) is None and data[_USTAR] != b"ustar":
        return None
    cut = length > len(data)
    for code_in, inner in _as_bytes(data, cut, is_text).items():
        if begins_code(inner):
            return code_in
    coding = embedded.detect_coding(data, cut, is_text)
    if coding is Coding.RAW and embedded.detect_format(data) == "pickle" and data[0] != 0x80:
        # Words may begin so. A pickle of protocol 0 or 1 is text, has lines, and ends with STOP.
        whole = length <= _OLD_LONGEST and (cut or data.endswith(b"."))
        return coding if whole and b"\n" in data else None
    return coding


def _as_bytes(data: bytes, cut: bool, is_text: bool) -> dict[Coding, bytes]:
    """What a loader makes of a constant: its bytes, or those that its characters stand for."""
    return (bytes_as_text(data, cut) if is_text else {}) or {Coding.RAW: data}


@dataclass(slots=True)
class Inside:
    """What was found in the constants of a pickle.

    Attributes:
        children: each as an artifact ``model.pkl!pickle@27``.
        read: offsets of the constants that are such an artifact, byte for byte or as characters.
        code: marshalled code objects by the offset of the constant.
        unread: constants that could not be looked into.
    """

    children: list[Artifact] = field(default_factory=list)
    read: set[int] = field(default_factory=set)
    code: dict[int, bytes] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)

    def settle(self, event: PickleEvent) -> PickleEvent:
        """The event with plain data in place of every argument that is no artifact of its own after all."""
        if not any(isinstance(argument, Embedded) for argument in event.arguments):
            return event
        return replace(event, arguments=tuple(map(self._settled, event.arguments)))

    def _settled(self, argument: Value) -> Value:
        if isinstance(argument, Embedded) and argument.offset not in self.read:
            return Plain(f"<{argument.length} bytes at {argument.offset}>")
        return argument

    def outlines(self, event: PickleEvent) -> Iterable[CodeOutline]:
        """The marshalled code objects that the event is given."""
        for argument in event.arguments:
            if isinstance(argument, Embedded) and argument.offset in self.code:
                yield from outlines_of_marshalled(self.code[argument.offset], event.offset)


def look_inside(
    artifact: Artifact,
    window: Window,
    found: Iterable[Nested],
    limits: Limits,
    is_pickle: Callable[[Window], bool],
    dropped: int = 0,
) -> Inside:
    """Open each constant that begins like something a loader would take, and keep those that are.

    Tensors and words begin like a pickle by chance; few run through. Nothing is lost by passing over what does not:
    the loader of the outer pickle takes it for data, and only a call could unpickle it. ``is_pickle`` tells by trial
    whether a window holds a pickle from its first byte; ``dropped`` is how many constants there were beyond ``found``.
    """
    inside = Inside()
    if dropped:
        detail = f"{dropped} more pickles lie inside this one than are read"
        inside.unread.append(Unread(UnreadReason.LIMIT, detail))
    budget = budget_of(window, limits)
    for nested in found:
        stretch = SubWindow(window, nested.offset, nested.length, budget)
        try:
            _look(artifact, nested, stretch, limits, is_pickle, inside)
        except WindowError as error:
            detail = f"{nested.length} bytes that begin like a file of their own: {error}"
            inside.unread.append(Unread(error.reason, detail, Location(offset=nested.offset)))
    return inside


def _look(
    artifact: Artifact,
    nested: Nested,
    stretch: SubWindow,
    limits: Limits,
    is_pickle: Callable[[Window], bool],
    inside: Inside,
) -> None:
    if nested.coding in OPENED:
        data = stretch.read(0, _CODE_READ)
        data = _as_bytes(data, nested.length > len(data), nested.coding in AS_TEXT).get(nested.coding, b"")
        if begins_code(data):
            inside.code[nested.offset] = data
            return
    is_text = nested.coding in AS_TEXT
    content = embedded.decode_content(stretch, limits, is_text)
    if content is None or (content.format == "pickle" and not is_pickle(content.window)):
        return
    inside.children.append(
        embedded.make_content_artifact(artifact.path, nested.offset, stretch, limits, content, is_text)
    )
    if nested.coding is Coding.RAW or (is_text and content.layers == 1):
        inside.read.add(nested.offset)
