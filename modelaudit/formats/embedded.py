"""Detect content embedded in other data: a pickle, an archive or a compressed stream, also in Base64 and similar text.

Bytes inside a constant or a text have no file name, and short magic numbers occur by chance. Detection therefore tries
the starts that formats declare, decodes and decompresses the beginning, and counts only what leads to a known format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from modelaudit.formats.declaration import EmbeddedStart
from modelaudit.formats.registry import DECLARATIONS, import_object
from modelaudit.model.address import join_embedded
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import HEAD_BYTES
from modelaudit.wire.codecs import BZIP2, CODECS, LZ4, XZ, ZSTD, Codec, DecodingError
from modelaudit.wire.codings import (
    CHARACTER_CODINGS,
    Coding,
    decode_character_bytes,
    decode_codings,
)
from modelaudit.wire.windows import Budget, get_budget, read_all_bytes

# A trial decompression stops after this much output.
_TRIAL_BYTES: Final = 600
# The first bytes are fed one by one, so that output before a later error is kept.
_SINGLE_BYTE_STEPS: Final = 64
_STEP: Final = 4096
_MAX_LAYERS: Final = 4
# The longest magic number has six bytes. Shorter data cannot hold content after it.
_MIN_LENGTH: Final = 7
# These codecs output nothing before a whole block has been read, so an empty result decides nothing.
_BLOCKWISE: Final = (BZIP2, XZ, LZ4, ZSTD)


def detect_format(data: bytes, layers: int = _MAX_LAYERS) -> str | None:
    """Return the format of ``data``, or ``None`` if it begins like no known format.

    Magic numbers of two bytes occur by chance. A compressed stream is therefore accepted only if it expands to content
    of a known format.

    Args:
        data: the first bytes, up to ``HEAD_BYTES``.
        layers: how many nested streams to expand. A stream nested deeper is accepted; the readers limit its depth.
    """
    return next((name for name, matches in _PROBES if matches(data, layers)), None)


def _make_probe(start: EmbeddedStart) -> Callable[[bytes, int], bool]:
    """Return the function that decides whether data begin as declared.

    Its arguments are the first bytes, and how many nested compressed streams to expand.
    """
    if start.codec:
        codec = CODECS[start.codec]
        return lambda data, layers: codec.begins_stream(data) and _expands_to_content(codec, data, layers)
    if start.begins:
        begins = import_object(start.begins)
        return lambda data, layers: begins(data)
    return lambda data, layers: len(data) >= _MIN_LENGTH and data.startswith(start.magic)


def _expands_to_content(codec: Codec, data: bytes, layers: int) -> bool:
    """Whether ``data`` expand to content, or to nothing yet under a codec that outputs whole blocks.

    Args:
        codec: the codec whose magic bytes the data have.
        data: the first bytes of the stream.
        layers: how many nested streams to expand; with 0, the magic bytes alone suffice.
    """
    if not layers:
        return True
    output = b""
    try:
        decoder = codec.make_decoder(b"", 0)
        position = 0
        while position < len(data) and len(output) < _TRIAL_BYTES and not decoder.eof:
            step = 1 if position < _SINGLE_BYTE_STEPS else _STEP
            output += decoder.decompress(data[position : position + step], _TRIAL_BYTES)
            position += step
    except DecodingError:
        # Output before the damage decides, because a loader would see it too.
        if not output:
            return False
    if not output:
        return codec in _BLOCKWISE
    return detect_format(output, layers - 1) is not None or bool(decode_codings(output, is_truncated=True))


# Pairs of a format and its probe. Try formats with weak starts last: their first bytes may belong to any other format.
_PROBES: Final = tuple(
    (each.name, _make_probe(each.embedded))
    for is_weak in (False, True)
    for each in DECLARATIONS
    if each.embedded is not None and each.embedded.is_weak is is_weak
)


def is_format_on_trial(name: str, window: Window, limits: Limits) -> bool:
    """Whether the trial that the format ``name`` declares finds it in ``window``, whatever the first bytes are.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    trials = [each.embedded.trial for each in DECLARATIONS if each.name == name and each.embedded is not None]
    return any(import_object(trial)(window, limits) for trial in trials if trial)


class DecodedWindow:
    """A window on bytes in memory, such as a decoded text."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        self._data = data
        self.budget = budget

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; fewer only at the end."""
        return self._data[offset : offset + length]


class EmbeddedContent(Struct, frozen=True):
    """Content inside a range of bytes, without the codings around it.

    Attributes:
        format: as ``detect_format`` returns it.
        window: the decoded bytes.
        layers: how many codings were removed.
    """

    format: str
    window: Window
    layers: int


def detect_coding(data: bytes, is_truncated: bool = False, is_text: bool = False) -> Coding | None:
    """Return the outermost coding of embedded content, ``RAW`` if it has none, or ``None`` if there is no content.

    Args:
        data: the first bytes, up to ``HEAD_BYTES``.
        is_truncated: more bytes follow.
        is_text: a loader reads the data as characters, and each character may represent a byte.
    """
    if is_text:
        for coding, inner in decode_character_bytes(data, is_truncated).items():
            if detect_format(inner) or decode_codings(inner, is_truncated):
                return coding
    if detect_format(data):
        return Coding.RAW
    for coding, inner in decode_codings(data, is_truncated).items():
        if detect_format(inner) or decode_codings(inner, is_truncated):
            return coding
    return None


def decode_content(window: Window, limits: Limits, is_text: bool = False) -> EmbeddedContent | None:
    """Return the content of ``window`` without its codings, at most four deep; ``None`` if there is none.

    A text is decoded completely, up to ``document_bytes``.

    Raises:
        WindowError: the window could not return the requested bytes, or, with reason ``limit-reached``, the text is
            longer.
    """
    budget = get_budget(window, limits)
    # Each pass removes one coding, until the content has none or too many were removed.
    for layers in range(_MAX_LAYERS + 1):
        head = window.read(0, HEAD_BYTES)
        coding = detect_coding(head, window.size > len(head), is_text)
        if coding is None:
            return None
        if coding is Coding.RAW:
            name = detect_format(window.read(0, MIB))
            return EmbeddedContent(name, window, layers) if name else None
        text = read_all_bytes(window, limits.document_bytes)
        budget.spend(len(text))
        decoded_by_coding = decode_character_bytes(text) if coding in CHARACTER_CODINGS else decode_codings(text)
        # The whole text can be invalid in a coding although its beginning is valid.
        if coding not in decoded_by_coding:
            return None
        window, is_text = DecodedWindow(decoded_by_coding[coding], budget), False
    return None


def make_content_artifact(
    path: str, offset: int, window: Window, limits: Limits, content: EmbeddedContent, is_text: bool = False
) -> Artifact:
    """Return embedded content as an artifact with an address such as ``model.pkl!pickle@27``.

    The artifact decodes the window again each time it is opened, so that many constants do not fill memory.

    Args:
        path: the path of the file around it.
        offset: the offset of the content in that file.
        window: the bytes of the content with its codings.
        limits: bounds on decoding.
        content: the result of ``decode_content`` for the window.
        is_text: as for ``decode_content``.
    """

    @contextmanager
    def open_content() -> Iterator[Window]:
        decoded = decode_content(window, limits, is_text)
        if decoded is None:
            raise WindowError("its encoding changed since the first reading", UnreadReason.CHANGED)
        yield decoded.window

    return Artifact(join_embedded(path, content.format, offset), content.window.size, open_content)
