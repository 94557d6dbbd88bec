"""Read serialised Java objects, as Weka and others save models: list the classes that Java loads for them.

The stream is searched for class descriptions, whether or not it can be parsed: the search finds every class that Java
would load; a text that looks like a class description counts as one. The parser claims the bytes, and adds what the
search does not find: classes with unusual names, and the further interfaces of a proxy.
Source: Java Object Serialization Specification, chapter 6, grammar of ``newClassDesc``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.weights.java_objects.stream import StreamParser
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading

VOCABULARY: Final = "java-classes"
_MAGIC: Final = b"\xac\xed\x00\x05"  # with the version
# After the magic number and the version, an object takes its code and at least one more byte.
_MIN_STREAM_BYTES: Final = len(_MAGIC) + 2
_MAX_NAME_BYTES: Final = 400
_MAX_CLASSES: Final = 5_000
# ``r`` for a class, or ``}`` and the number of interfaces (up to 64) for a proxy; then the length of a name below 512,
# and the first letter of the name.
_DESCRIPTION: Final = defer_pattern(rb"(?:r|\}\x00\x00\x00([\x01-\x40]))([\x00\x01].)(?=[A-Za-z_$\[])", re.DOTALL)
_NAME: Final = defer_pattern(rb"[\w$./;\[<>-]+", re.ASCII)
# The name of an array class, such as ``[Ljava.lang.String;`` or ``[[D``. The group is the class of its elements.
_ARRAY: Final = defer_pattern(r"\[+(?:L(.+);|[BCDFIJSZ])")
# The codes TC_NULL to TC_ENUM that may begin an object.
_CONTENT_CODES: Final = frozenset(b"psrtuvwz{|}~")
_PROXY: Final = "java.lang.reflect.Proxy"


def recognises(head: Head) -> bool:
    """Whether the bytes have the magic number, the version, and if they go on, the code of a content."""
    return head.data.startswith(_MAGIC) and (len(head.data) < 5 or head.data[4] in _CONTENT_CODES)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the classes that the stream names.

    Raises:
        DamagedError: the stream ends before its first object or within a content, or contradicts the grammar.
        LimitReachedError: behind the outline, if the stream names too many classes, has too many contents, or nests too
            deep.
        WindowError: the window could not return the requested bytes.
    """
    mentions: dict[str, Mention] = {}
    # The classes found before the error are reported.
    first_error: DamagedError | LimitReachedError | None = None
    try:
        for offset, use, name in _find_class_descriptions(window):
            _add_class(mentions, Mention(VOCABULARY, use, name, Location(offset=offset)))
    except (DamagedError, LimitReachedError) as error:
        first_error = error
    parser = StreamParser(window)
    try:
        parser.parse()
    except (DamagedError, LimitReachedError) as error:
        first_error = first_error or error
    try:
        for described_name, offset in parser.classes.items():
            name = _get_element_class(described_name)[:_MAX_NAME_BYTES]
            if name:
                _add_class(mentions, Mention(VOCABULARY, "class", name, Location(offset=offset)))
    except LimitReachedError as error:
        first_error = first_error or error
    yield Outline("java-object", tuple(mentions.values()))
    if first_error is not None:
        raise first_error
    if window.size < _MIN_STREAM_BYTES:
        raise DamagedError("the stream is truncated before its first object", len(_MAGIC))


def _add_class(mentions: dict[str, Mention], mention: Mention) -> None:
    """Add the first mention of a class.

    Raises:
        LimitReachedError: the class is one too many.
    """
    if len(mentions) == _MAX_CLASSES and mention.name not in mentions:
        raise LimitReachedError(
            f"only the first {_MAX_CLASSES} classes of the stream were compared", mention.where.offset
        )
    mentions.setdefault(mention.name, mention)


def _find_class_descriptions(window: Window) -> Iterator[tuple[int, str, str]]:
    """Yield the offset, the use (``class`` or ``proxy``) and the name of each class that the stream describes.

    An array of objects counts as its element class. Arrays of numbers are left out. A proxy counts as ``_PROXY`` and as
    its first interface. Other interfaces and names beyond ``_MAX_NAME_BYTES`` are left to the ``StreamParser``.

    Raises:
        DamagedError: the stream ends within the name of a class.
        WindowError: the window could not return the requested bytes.
    """
    position = len(_MAGIC)
    while position < window.size:
        # Blocks overlap by more than the longest description, so that none is lost at the edge of a block.
        block = window.read(position, MIB + 2 * _MAX_NAME_BYTES)
        is_last_block = position + len(block) >= window.size
        for match in _DESCRIPTION.finditer(block):
            if match.start() >= MIB:
                # It begins in the overlap, so the next block contains it.
                break
            offset = position + match.start()
            name_length = int.from_bytes(match[2], "big")
            name_bytes = block[match.end() : match.end() + name_length]
            if _NAME.fullmatch(name_bytes) is None:
                continue
            if len(name_bytes) < name_length and is_last_block:
                raise DamagedError("the stream is truncated within the name of a class", offset)
            if name_length <= _MAX_NAME_BYTES and len(name_bytes) == name_length:
                is_proxy = match[1] is not None
                if is_proxy:
                    yield offset, "proxy", _PROXY
                name = _get_element_class(name_bytes.decode())
                if name:
                    yield offset, "class", name
        position += MIB


def _get_element_class(name: str) -> str:
    """Return the name of the class of the elements if ``name`` is an array class; any other name unchanged.

    The result is empty for an array of numbers.
    """
    array = _ARRAY.fullmatch(name)
    return name if array is None else array[1] or ""
