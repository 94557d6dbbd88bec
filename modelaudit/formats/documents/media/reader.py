"""Read media files: recognise images, audio, video, fonts, documents and tables, and search for content hidden in them.

A viewer shows an image even if other bytes follow its end. Those bytes may be a program or a pickle that an attacker
extracts by its offset, so the reader examines them. If the end of the format is unknown, it searches the whole file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from modelaudit.formats.documents.executables.reader import detect_program
from modelaudit.formats.documents.media import containers, pictures
from modelaudit.formats.documents.media.pdf import find_actions
from modelaudit.formats.embedded import detect_format
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.model.address import join_range
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Head, Reading
from modelaudit.wire.protobuf import is_whole_message
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

EndFinder = Callable[[Window], int | None]


@dataclass(frozen=True, slots=True)
class _MediaKind:
    """One kind of media file.

    Attributes:
        name: as the report shows it.
        begins: whether the first bytes are of this kind.
        end: returns the offset after the last byte, or ``None`` if the format does not state it.
    """

    name: str
    begins: Callable[[bytes], bool]
    end: EndFinder


def _find_no_end(window: Window) -> int | None:
    """Return ``None``: the format states no end."""
    return None


def _match_magic(*starts: bytes) -> Callable[[bytes], bool]:
    """Return a test for data that begin with one of ``starts``."""
    return lambda data: data.startswith(starts)


def _match_riff(form: bytes) -> Callable[[bytes], bool]:
    """Return a test for RIFF data of the form ``form``."""
    return lambda data: data[:4] == b"RIFF" and data[8:12] == form


def _is_rifx_or_rf64(data: bytes) -> bool:
    """Whether this is WAV audio in big-endian order (RIFX), or over 4 GiB (RF64)."""
    return data[:4] in (b"RIFX", b"RF64") and data[8:12] == b"WAVE"


def _is_mp3(data: bytes) -> bool:
    """Whether the data begin with an ID3 tag, or with two consecutive frames of MPEG layer III."""
    if data[:3] == b"ID3":
        return len(data) > 10 and 2 <= data[3] <= 4 and not any(byte & 0x80 for byte in data[6:10])
    # A frame of layer III with a valid rate, and a second frame with the same start at the computed distance.
    if len(data) < 4 or data[0] != 0xFF or data[1] not in (0xFB, 0xFA, 0xF3, 0xF2) or data[2] >> 4 in (0, 15):
        return False
    first = data[2] & 0x0C
    rates = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    low = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    is_first = data[1] & 0x08 != 0
    rate = (rates if is_first else low)[(data[2] >> 4) - 1]
    frequency = {0: 44100, 4: 48000, 8: 32000}.get(first, 0) // (1 if is_first else 2)
    length = (144 if is_first else 72) * rate * 1000 // frequency + (data[2] >> 1 & 1) if frequency else 0
    return length > 0 and data[length : length + 2] == data[:2]


_MEDIA_KINDS: Final = (
    _MediaKind("PNG image", _match_magic(b"\x89PNG\r\n\x1a\n"), pictures.find_png_end),
    _MediaKind("JPEG image", _match_magic(b"\xff\xd8\xff"), pictures.find_jpeg_end),
    _MediaKind("GIF image", _match_magic(b"GIF87a", b"GIF89a"), pictures.find_gif_end),
    _MediaKind("WebP image", _match_riff(b"WEBP"), containers.find_riff_end),
    _MediaKind("BMP image", pictures.is_bmp, pictures.find_bmp_end),
    _MediaKind("icon", pictures.is_ico, pictures.find_ico_end),
    _MediaKind("TIFF image", _match_magic(b"II*\0", b"MM\0*"), _find_no_end),
    _MediaKind("WAV audio", _match_riff(b"WAVE"), containers.find_riff_end),
    _MediaKind("WAV audio", _is_rifx_or_rf64, _find_no_end),
    _MediaKind("AVI film", _match_riff(b"AVI "), containers.find_riff_end),
    _MediaKind("MP3 audio", _is_mp3, _find_no_end),
    _MediaKind("FLAC audio", _match_magic(b"fLaC\0\0\0\x22"), _find_no_end),
    _MediaKind("Ogg media", _match_magic(b"OggS\0"), containers.find_ogg_end),
    _MediaKind("MP4 media", containers.is_iso, containers.find_iso_end),
    _MediaKind("Matroska media", _match_magic(b"\x1a\x45\xdf\xa3"), _find_no_end),
    _MediaKind("PDF document", _match_magic(b"%PDF-"), _find_no_end),
    _MediaKind("typeface", containers.is_font, containers.find_font_end),
    _MediaKind("collection of typefaces", _match_magic(b"ttcf\0\1\0\0", b"ttcf\0\2\0\0"), _find_no_end),
    _MediaKind("WOFF typeface", _match_magic(b"wOFF", b"wOF2"), containers.find_woff_end),
    _MediaKind("Parquet table", _match_magic(b"PAR1"), containers.find_parquet_end),
    _MediaKind("Arrow table", _match_magic(b"ARROW1\0\0"), containers.find_arrow_end),
    _MediaKind("SQLite database", _match_magic(b"SQLite format 3\0"), containers.find_sqlite_end),
    _MediaKind("folder settings of macOS", _match_magic(b"\0\0\0\1Bud1"), _find_no_end),
)
_PDF: Final = "PDF document"


def _detect_kind(data: bytes) -> _MediaKind | None:
    """Return the kind of media that begins with ``data``."""
    return next((kind for kind in _MEDIA_KINDS if kind.begins(data)), None)


def recognises(head: Head) -> bool:
    """Whether the bytes begin a known kind of media."""
    return head.content is None and _detect_kind(head.data) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the kind and its actions, and trailing programs, archives or pickles.

    Raises:
        DamagedError: the file is truncated or contradicts its format.
        WindowError: the window could not return the requested bytes.
    """
    kind = _detect_kind(window.read(0, HEAD_BYTES))
    if kind is None:
        return
    damage: DamagedError | WindowError | None = None
    end: int | None = None
    try:
        end = kind.end(window)
        if end is not None and end > window.size:
            raise DamagedError(f"the {kind.name} is truncated: {window.size} of {end} bytes are present", window.size)
    except (DamagedError, WindowError) as error:
        # Without a trusted end, the whole file is searched.
        damage, end = error, None
    mentions = find_actions(window) if kind.name == _PDF else ()
    yield Outline("media", mentions, (("kind", kind.name),))
    yield from _read_trailing_data(artifact, window, end or 0, limits)
    if is_whole_message(window):
        # The header of a bitmap can be one field of a protocol buffer, such as an ONNX model.
        detail = "the whole file is a valid protocol buffer too, which another loader could read as a model"
        yield Unread(UnreadReason.NO_READER, detail, format="protocol buffer")
    if damage is not None:
        raise damage


def _read_trailing_data(artifact: Artifact, window: Window, end: int, limits: Limits) -> Iterator[Reading]:
    """Yield the bytes from ``end`` on as an artifact if they begin a known format, or else the pickles in them."""
    if end >= window.size:
        return
    head = window.read(end, HEAD_BYTES)
    start = end + len(head) - len(head.lstrip(b"\0\r\n \t")) if end else 0
    head = window.read(start, HEAD_BYTES)
    stretch = SubWindow(window, start, window.size - start, get_budget(window, limits))
    if end and (detect_format(head) is not None or detect_program(head, stretch) is not None):
        yield Artifact(join_range(artifact.path, start, window.size), stretch.size, make_opener(stretch))
    else:
        yield from find_pickles(artifact, window, start, limits)
