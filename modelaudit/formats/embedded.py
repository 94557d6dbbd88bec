"""Recognise formats that begin inside other data: a pickle, an archive, a compressed stream, encoded or not.

Formats declare how they begin there; this module tries the declared starts and takes off the codings around them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from modelaudit.formats.declaration import EmbeddedStart
from modelaudit.formats.registry import DECLARATIONS, resolve
from modelaudit.model.address import join_found
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import HEAD_BYTES
from modelaudit.wire.codecs import BZIP2, CODECS, LZ4, XZ, ZSTD, Codec, DecodingError
from modelaudit.wire.codings import AS_TEXT, Coding, bytes_as_text, codings_of
from modelaudit.wire.windows import Budget, SubWindow, budget_of, read_whole

_TRIAL_BYTES: Final = 600
_SINGLE_BYTE_STEPS: Final = 64
_STEP: Final = 4096
_MAX_LAYERS: Final = 4
# A bare magic number, the longest of which has six bytes, holds nothing.
_MIN_LENGTH: Final = 7
_BLOCKWISE: Final = (BZIP2, XZ, LZ4, ZSTD)
# Shorter ones hold no program in any coding.
_CODED_STRING: Final = re.compile(rb"\"([A-Za-z0-9+/=_\\n-]{24,})\"")
_MAX_STRINGS: Final = 10_000


def detect_format(data: bytes, layers: int = _MAX_LAYERS) -> str | None:
    """What ``data``, the first bytes of something up to ``HEAD_BYTES``, begin as; ``None`` for anything else.

    Magic numbers of two bytes occur by chance, so a compressed stream counts only if it expands to something that would
    count itself, and to whoever took the whole for data, what it expands to is data too. Streams in streams are
    followed for ``layers``; what is packed more often counts, and is left to the readers and their bound on depth.
    """
    return next((name for name, begins in _STARTS if begins(data, layers)), None)


def _make_probe(start: EmbeddedStart) -> Callable[[bytes, int], bool]:
    """The function that decides whether data begin as declared."""
    if start.codec:
        codec = CODECS[start.codec]
        return lambda data, layers: codec.begins(data) and _expands_to_content(codec, data, layers)
    if start.begins:
        begins = resolve(start.begins)
        return lambda data, layers: begins(data)
    return lambda data, layers: len(data) >= _MIN_LENGTH and data.startswith(start.magic)


def _expands_to_content(codec: Codec, data: bytes, layers: int) -> bool:
    """Whether ``data`` expand to something that counts, or to nothing yet under a codec that gives out whole blocks."""
    if not layers:
        return True
    out = b""
    try:
        decoder = codec.start(b"", 0)
        at = 0
        while at < len(data) and len(out) < _TRIAL_BYTES and not decoder.eof:
            step = 1 if at < _SINGLE_BYTE_STEPS else _STEP
            out += decoder.decompress(data[at : at + step], _TRIAL_BYTES)
            at += step
    except DecodingError:
        if not out:
            return False
    if not out:
        return codec in _BLOCKWISE
    return detect_format(out, layers - 1) is not None or bool(codings_of(out, cut=True))


# A format whose first bytes may belong to any other is asked for last.
_STARTS: Final = tuple(
    (each.name, _make_probe(each.embedded))
    for is_weak in (False, True)
    for each in DECLARATIONS
    if each.embedded is not None and each.embedded.is_weak is is_weak
)


class DecodedWindow:
    """Bytes that were decoded from a text, whole."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        self._data = data
        self.budget = budget

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from ``offset``; fewer than ``length`` only at the end."""
        return self._data[offset : offset + length]


@dataclass(frozen=True, slots=True)
class EmbeddedContent:
    """What lies in a stretch of bytes once the codings around it are taken off.

    Attributes:
        format: as ``detect_format`` gives it.
        layers: how many codings there were.
    """

    format: str
    window: Window
    layers: int


def detect_coding(data: bytes, cut: bool = False, is_text: bool = False) -> Coding | None:
    """The outermost coding of what begins like something worth opening; ``RAW`` where there is none around it.

    Args:
        data: its first bytes, up to ``HEAD_BYTES``.
        cut: more follows.
        is_text: a loader takes it for characters, each of which may stand for a byte.
    """
    if is_text:
        for coding, inner in bytes_as_text(data, cut).items():
            if detect_format(inner) or codings_of(inner, cut):
                return coding
    if detect_format(data):
        return Coding.RAW
    for coding, inner in codings_of(data, cut).items():
        if detect_format(inner) or codings_of(inner, cut):
            return coding
    return None


def decode_content(window: Window, limits: Limits, is_text: bool = False) -> EmbeddedContent | None:
    """What lies in ``window``: the bytes themselves, or what they decode to, at most four codings deep.

    A text is decoded whole, up to ``document_bytes``.

    Raises:
        WindowError: from the window, or with reason ``limit-reached`` for a text that is longer.
    """
    budget = budget_of(window, limits)
    for layers in range(_MAX_LAYERS + 1):
        head = window.read(0, HEAD_BYTES)
        coding = detect_coding(head, window.size > len(head), is_text)
        if coding is None:
            return None
        if coding is Coding.RAW:
            name = detect_format(window.read(0, MIB))
            return EmbeddedContent(name, window, layers) if name else None
        text = read_whole(window, limits.document_bytes)
        budget.spend(len(text))
        decoded = bytes_as_text(text) if coding in AS_TEXT else codings_of(text)
        if coding not in decoded:
            return None
        window, is_text = DecodedWindow(decoded[coding], budget), False
    return None


def find_encoded_strings(path: str, window: Window, limits: Limits) -> Iterator[Artifact]:
    """What lies coded in the quoted strings of a text, as the loaders of some policies keep pickles in JSON.

    A string counts that is in one coding from quote to quote; what it decodes to is judged like any other artifact.

    Raises:
        WindowError: from the window, or with reason ``limit-reached`` for a text that is over ``document_bytes``.
    """
    budget = budget_of(window, limits)
    for count, match in enumerate(_CODED_STRING.finditer(read_whole(window, limits.document_bytes))):
        if count >= _MAX_STRINGS:
            raise WindowError(f"only the first {_MAX_STRINGS} coded strings were tried", UnreadReason.LIMIT)
        begin, end = match.span(1)
        stretch = SubWindow(window, begin, end - begin, budget)
        content = decode_content(stretch, limits)
        if content is not None and content.layers:
            yield make_content_artifact(path, begin, stretch, limits, content)


def make_content_artifact(
    path: str, offset: int, window: Window, limits: Limits, content: EmbeddedContent, is_text: bool = False
) -> Artifact:
    """The ``content`` that ``decode_content`` found in ``window``, as the artifact ``model.pkl!pickle@27``.

    It is decoded anew each time it is opened: of many constants, none is kept decoded meanwhile.
    """

    @contextmanager
    def opened() -> Iterator[Window]:
        again = decode_content(window, limits, is_text)
        if again is None:
            raise WindowError("it no longer is in the coding that it was in", UnreadReason.CHANGED)
        yield again.window

    return Artifact(join_found(path, content.format, offset), content.window.size, opened)
