"""Decompress a file that is one compressed content: gzip, bzip2, xz, LZMA, zlib, LZ4 or Zstandard.

The reader recognises each codec by its bytes; the name of the file does not matter. It yields the content as a child
artifact, which is read like any other file. Sources: RFC 1950, RFC 1952, RFC 8878, the .xz and .lzma file formats of XZ
Utils, the LZ4 frame format 1.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from msgspec import Struct

from modelaudit.formats.archives.compressed import CompressedDefect
from modelaudit.formats.archives.compressed.claims import StreamClaims
from modelaudit.model.address import join_member, member_path
from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Defect, Location, Unread, UnreadReason
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.codecs import BZIP2, GZIP, LZ4, LZMA, XZ, ZLIB, ZSTD, Codec, DecodingError, is_usual_lzma
from modelaudit.wire.deadline import Deadline
from modelaudit.wire.decompression import BeginsNextStream
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.pickle_start import HIGHEST_FUTURE_PROTOCOL, begins_with_protocol
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.streams import outline_stream
from modelaudit.wire.windows import DecompressedWindow, SubWindow, TimedWindow, get_budget, iterate_chunks, make_opener

_TRIAL_BYTES: Final = 512  # of the compressed data; each of them may yield as many bytes of content
# Two bytes of zlib and five of LZMA occur by chance, so a header of these counts only if the data decompress.
_CODECS_TO_TRY: Final = (ZLIB, LZMA)
# The readers of the content need the other half of the CPU time that the limits allow for an artifact.
_EXPANSION_TIME_SHARE: Final = 0.5


def _is_decodable(codec: Codec, data: bytes) -> bool:
    """Whether the first ``_TRIAL_BYTES`` of ``data`` decompress, or all of a shorter stream.

    Text or numbers make a decoder fail within a few symbols. If it fails, the data still count if the output so far
    begins a known format or a pickle. A truncated stream counts, because loaders return its content before they fail.
    """
    content = b""
    try:
        decoder = codec.make_decoder(b"", 0)
        # One byte at a time, so that the output before the byte that fails is kept.
        for offset in range(len(data)):
            content += decoder.decompress(data[offset : offset + 1], _TRIAL_BYTES)
            if content and (offset >= _TRIAL_BYTES or decoder.eof):
                return True
    except DecodingError as error:
        # A dictionary over our bound stops the trial before any output; xz itself would still load such a file.
        if error.reason is UnreadReason.LIMIT:
            return codec is LZMA and is_usual_lzma(data)
        return detect_strong_magic(content) is not None or begins_with_protocol(content, HIGHEST_FUTURE_PROTOCOL)
    return bool(content)


def _begins_stream(codec: Codec, data: bytes) -> bool:
    """Whether ``data`` begin a stream of the codec; weak magic bytes are confirmed by decompression."""
    return codec.begins_stream(data) and (codec not in _CODECS_TO_TRY or _is_decodable(codec, data))


class CompressedFormat(Struct, frozen=True):
    """A codec as a file format.

    Attributes:
        codec: decodes the stream.
        suffix: the file extension that its tools append to the name of the content.
        allows_concatenation: whether loaders treat a second stream as a continuation of the same content.
    """

    codec: Codec
    suffix: str
    allows_concatenation: bool = True

    def recognises(self, head: Head) -> bool:
        """Whether the bytes begin a stream of the codec."""
        # The numbers of a tensor contain short magic bytes by chance, so in a tensor only long ones count.
        has_enough_magic = head.content != TENSOR_STORAGE or detect_strong_magic(head.data) is not None
        return _begins_stream(self.codec, head.data) and has_enough_magic

    def read(self, artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
        """Yield the outline of the streams, then their content as an artifact.

        Raises:
            LimitReachedError: the claims on the streams lie in too many separate ranges.
            WindowError: the window could not return the requested bytes.
        """
        budget = get_budget(window, limits)
        timed = TimedWindow(window, Deadline(limits.artifact_cpu_seconds * _EXPANSION_TIME_SHARE))
        stored = SubWindow(timed, 0, window.size, budget)
        with DecompressedWindow(stored, self.codec, 0, limits, STREAM_CONTINUATIONS.get(self.codec.name)) as content:
            expansion = content.expansion
            claims = StreamClaims(window, self.codec)
            expansion.on_stream_end = claims.claim_stream
            failure = content.expand()
            end = expansion.consumed
            if failure is not None and failure.reason is UnreadReason.DAMAGED:
                claims.claim_stream(expansion.stream_start, end)
            elif failure is not None:
                # Behind a bound, even one more read may take too long.
                claim_data(window, expansion.stream_start, end)
            # After damage the end of the stream is unknown, so no byte can be called trailing.
            trailing_start = None
            if failure is None:
                trailing_start = _find_trailing_data(window, end)
                # ``None`` claims all zeros up to the end of the file.
                claim_parsed(window, end, trailing_start)
            defects: list[Defect] = []
            if content.overflowed:
                detail = f"the content expands to more than {content.size} bytes from {window.size} stored bytes"
                defects.append(Defect(CompressedDefect.EXPANSION_RATIO, detail))
            elif failure is not None and failure.reason is UnreadReason.DAMAGED:
                defects.append(Defect(CompressedDefect.DAMAGED_CONTENT, str(failure), Location(offset=end)))
            if trailing_start is not None:
                detail = f"{window.size - trailing_start} bytes follow the compressed data"
                defects.append(Defect(CompressedDefect.TRAILING_DATA, detail, Location(offset=trailing_start)))
            yield outline_stream(self.codec.name, expansion.streams, end, content.size, defects)
            if failure is not None:
                yield Unread(failure.reason, str(failure), Location(offset=end))
            if content.size:
                path = join_member(artifact.path, _derive_content_name(artifact.path, self.suffix))
                yield Artifact(path, content.size, make_opener(content))


def _find_trailing_data(window: Window, end: int) -> int | None:
    """Return the offset of the first non-zero byte from ``end`` on; ``None`` if only zero bytes follow, the padding."""
    offset = end
    for piece in iterate_chunks(window, end):
        after_zeros = piece.lstrip(b"\0")
        if after_zeros:
            return offset + len(piece) - len(after_zeros)
        offset += len(piece)
    return None


def _derive_content_name(path: str, suffix: str) -> str:
    """Return the name of the content: ``weights.pkl`` for ``weights.pkl.gz``; ``content`` if the suffix is missing.

    The extension of the content matters, because formats are also recognised by it.
    """
    name = member_path(path).rpartition("/")[2]
    stem = name[: -len(suffix)] if name.lower().endswith(suffix) else ""
    return stem or "content"


GZIP_FILE: Final = CompressedFormat(GZIP, ".gz")
BZIP2_FILE: Final = CompressedFormat(BZIP2, ".bz2")
XZ_FILE: Final = CompressedFormat(XZ, ".xz")
LZMA_FILE: Final = CompressedFormat(LZMA, ".lzma")
ZLIB_FILE: Final = CompressedFormat(ZLIB, ".z", allows_concatenation=False)
LZ4_FILE: Final = CompressedFormat(LZ4, ".lz4")
ZSTD_FILE: Final = CompressedFormat(ZSTD, ".zst")
_FORMATS: Final = (GZIP_FILE, BZIP2_FILE, XZ_FILE, LZMA_FILE, ZLIB_FILE, LZ4_FILE, ZSTD_FILE)

STREAM_CONTINUATIONS: Final[dict[str, BeginsNextStream]] = {
    form.codec.name: partial(_begins_stream, form.codec) for form in _FORMATS if form.allows_concatenation
}
"""By name of the codec: whether given bytes begin another stream, which loaders append to the content of the first."""
