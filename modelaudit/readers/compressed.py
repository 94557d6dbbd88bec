"""Files that are one compressed content: gzip, bzip2, xz, LZMA, zlib, LZ4 and Zstandard, by one mechanism.

They are told by their bytes, whatever they are called. The content is a child artifact, which is read like any other
file; what follows the compressed data is another. Sources: RFC 1950, RFC 1952, RFC 8878, the .xz and .lzma file formats
of XZ Utils, the LZ4 frame format 1.6.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import CompressedStream, Defect, Location, Unread, UnreadReason
from modelaudit.readers.base import Head, Reader, Reading
from modelaudit.readers.codecs import BZIP2, GZIP, LZ4, LZMA, XZ, ZLIB, ZSTD, Codec, DecodingError
from modelaudit.readers.decompression import Follows
from modelaudit.readers.sniff import strong_magic
from modelaudit.readers.windows import DecompressedWindow, SubWindow, TimedWindow, budget_of, chunks, opener

_TRIAL_BYTES: Final = 512
_PICKLE_START: Final = re.compile(rb"\x80[\x00-\x0f]")
_SKIPPABLE_HEADER: Final = 8
_LZMA_START: Final = b"\x5d\x00"
_PICKY_SIZE: Final = 1 << 38
# Expanding must leave time to read what was expanded.
_TIME_TO_EXPAND: Final = 0.5


def _decodes(codec: Codec, data: bytes) -> bool:
    """Whether ``data`` decompress in fact: enough of them, or all there are, or to what begins like something known.

    Two bytes of zlib and five of LZMA are no sign by themselves; text and numbers break off within a few symbols.
    A stream whose end is missing counts: loaders hand out its content before they look for more.
    """
    out = b""
    try:
        decoder = codec.start(b"", 0)
        for at in range(len(data)):
            out += decoder.decompress(data[at : at + 1], _TRIAL_BYTES)
            if out and (at >= _TRIAL_BYTES or decoder.eof):
                return True
    except DecodingError as error:
        if error.reason is UnreadReason.LIMIT:
            return codec is LZMA and _is_plausible_lzma(data)
        return strong_magic(out) is not None or _PICKLE_START.match(out) is not None
    return bool(out)


def _begins_zlib(data: bytes) -> bool:
    is_header = len(data) > 2 and data[0] & 0x8F == 0x08 and (data[0] << 8 | data[1]) % 31 == 0 and not data[1] & 0x20
    return is_header and _decodes(ZLIB, data)


def _is_plausible_lzma(data: bytes) -> bool:
    """Whether the dictionary and size are such as ``xz`` takes for those of a ``.lzma`` file (``alone_decoder.c``)."""
    dictionary, size = int.from_bytes(data[1:5], "little"), int.from_bytes(data[5:13], "little")
    bits = dictionary.bit_count()
    is_usual = bits == 1 or (bits == 2 and dictionary & dictionary << 1 != 0)
    return dictionary >= 4096 and is_usual and (size == (1 << 64) - 1 or 0 < size < _PICKY_SIZE)


def _begins_lzma(data: bytes) -> bool:
    """A ``.lzma`` file, by the header that nearly every writer makes or by one that makes sense."""
    if len(data) < 14 or data[0] >= 9 * 5 * 5 or data[13] != 0:
        return False
    return (data.startswith(_LZMA_START) or _is_plausible_lzma(data)) and _decodes(LZMA, data)


def _begins_frame(magic: bytes, data: bytes) -> bool:
    """An LZ4 or Zstandard frame, after any number of frames that either passes over.

    Where a skippable frame is longer than the bytes at hand, what follows it may be either.
    """
    while len(data) >= _SKIPPABLE_HEADER and data[0] & 0xF0 == 0x50 and data[1:4] == b"\x2a\x4d\x18":
        length = _SKIPPABLE_HEADER + int.from_bytes(data[4:8], "little")
        if length >= len(data):
            return True
        data = data[length:]
    return data.startswith(magic)


def _matches(pattern: bytes) -> Callable[[bytes], bool]:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda data: compiled.match(data) is not None


@dataclass(frozen=True, slots=True)
class _Format:
    """A codec as a file format.

    Attributes:
        begins: whether bytes begin a stream of it.
        suffix: what its tools append to the name of the content.
        joins: whether loaders read a further stream as more of the same content.
    """

    codec: Codec
    begins: Callable[[bytes], bool]
    suffix: str
    joins: bool = True


_FORMATS: Final = (
    _Format(GZIP, _matches(rb"\x1f\x8b\x08"), ".gz"),
    _Format(BZIP2, _matches(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), ".bz2"),
    _Format(XZ, _matches(rb"\xfd7zXZ\x00"), ".xz"),
    _Format(LZMA, _begins_lzma, ".lzma"),
    _Format(ZLIB, _begins_zlib, ".z", joins=False),
    _Format(LZ4, partial(_begins_frame, b"\x04\x22\x4d\x18"), ".lz4"),
    _Format(ZSTD, partial(_begins_frame, b"\x28\xb5\x2f\xfd"), ".zst"),
)


FOLLOWS: Final[dict[str, Follows]] = {form.codec.name: form.begins for form in _FORMATS if form.joins}
"""By codec: whether a further stream begins, which loaders read as more of the same content."""


def _recognises(form: _Format, head: Head) -> bool:
    # In the numbers of a tensor, only what the reader of tensors leaves to others counts.
    return form.begins(head.data) and (head.content != TENSOR_STORAGE or strong_magic(head.data) is not None)


def _read(form: _Format, artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what was found out about the streams, then the content, then what follows them, as artifacts.

    Raises:
        WindowError: from the window.
    """
    budget = budget_of(window, limits)
    timed = TimedWindow(window, time.monotonic() + limits.artifact_seconds * _TIME_TO_EXPAND)
    stored = SubWindow(timed, 0, window.size, budget)
    with DecompressedWindow(stored, form.codec, 0, limits, FOLLOWS.get(form.codec.name)) as content:
        failure = content.expand()
        expansion = content.expansion
        end = expansion.consumed
        rest = _after(window, end) if failure is None else None
        defects: list[Defect] = []
        if content.overflowed:
            detail = f"the content is more than {content.size} bytes, from {window.size} stored"
            defects.append(Defect("expansion-ratio", detail))
        elif failure is not None and failure.reason is UnreadReason.DAMAGED:
            defects.append(Defect("damaged-content", str(failure), Location(offset=end)))
        if rest is not None:
            detail = f"{window.size - rest} bytes follow the compressed data"
            defects.append(Defect("trailing-data", detail, Location(offset=rest)))
        yield CompressedStream(form.codec.name, expansion.streams, end, content.size, tuple(defects))
        if failure is not None:
            yield Unread(failure.reason, str(failure), Location(offset=end))
        if content.size:
            yield Artifact(f"{artifact.path}!{_content_name(artifact.path, form)}", content.size, opener(content))
    if rest is not None:
        path = f"{artifact.path}![bytes {rest}-{window.size}]"
        stretch = SubWindow(window, rest, window.size - rest, budget)
        yield Artifact(path, stretch.size, opener(stretch))


def _after(window: Window, end: int) -> int | None:
    """Where something stands after ``end``; tools pad with zero bytes, which are nothing."""
    for piece in chunks(window, end):
        kept = piece.lstrip(b"\0")
        if kept:
            return end + len(piece) - len(kept)
        end += len(piece)
    return None


def _content_name(path: str, form: _Format) -> str:
    """``weights.pkl`` for ``weights.pkl.gz``, which keeps what a name tells of the content; else ``content``."""
    name = path.rpartition("!")[2].rpartition("/")[2]
    stem = name[: -len(form.suffix)] if name.lower().endswith(form.suffix) else ""
    return stem or "content"


READERS: Final = tuple(Reader(form.codec.name, partial(_recognises, form), partial(_read, form)) for form in _FORMATS)
"""One reader for each format."""
