"""What people look at, listen to or count in: recognised by its bytes, followed to its end, and otherwise inert.

A picture that goes on behind its end is shown all the same, and what stands there may be a program or a pickle that
somebody takes out by its offset; so that stretch is looked at. Where the end is not known, the whole is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from modelaudit.formats.documents.executables.reader import program_of
from modelaudit.formats.documents.media import containers, pictures
from modelaudit.formats.documents.media.pdf import actions_of
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

End = Callable[[Window], int | None]


@dataclass(frozen=True, slots=True)
class _Kind:
    """``end`` gives the byte after the last, or ``None`` where the format does not tell it."""

    name: str
    begins: Callable[[bytes], bool]
    end: End


def _unknown(window: Window) -> int | None:
    return None


def _magic(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(starts)


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda data: data[:4] == b"RIFF" and data[8:12] == form


def _wav_of_another_kind(data: bytes) -> bool:
    """In the other byte order, or larger than the size in its header can say."""
    return data[:4] in (b"RIFX", b"RF64") and data[8:12] == b"WAVE"


def _mp3(data: bytes) -> bool:
    if data[:3] == b"ID3":
        return len(data) > 10 and 2 <= data[3] <= 4 and not any(byte & 0x80 for byte in data[6:10])
    # A frame of layer III with a rate that exists, and another one that begins as it does where it has to.
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


_KINDS: Final = (
    _Kind("PNG image", _magic(b"\x89PNG\r\n\x1a\n"), pictures.png_end),
    _Kind("JPEG image", _magic(b"\xff\xd8\xff"), pictures.jpeg_end),
    _Kind("GIF image", _magic(b"GIF87a", b"GIF89a"), pictures.gif_end),
    _Kind("WebP image", _riff(b"WEBP"), containers.riff_end),
    _Kind("BMP image", pictures.is_bmp, pictures.bmp_end),
    _Kind("icon", pictures.is_ico, pictures.ico_end),
    _Kind("TIFF image", _magic(b"II*\0", b"MM\0*"), _unknown),
    _Kind("WAV audio", _riff(b"WAVE"), containers.riff_end),
    _Kind("WAV audio", _wav_of_another_kind, _unknown),
    _Kind("AVI film", _riff(b"AVI "), containers.riff_end),
    _Kind("MP3 audio", _mp3, _unknown),
    _Kind("FLAC audio", _magic(b"fLaC\0\0\0\x22"), _unknown),
    _Kind("Ogg media", _magic(b"OggS\0"), containers.ogg_end),
    _Kind("MP4 media", containers.is_iso, containers.iso_end),
    _Kind("Matroska media", _magic(b"\x1a\x45\xdf\xa3"), _unknown),
    _Kind("PDF document", _magic(b"%PDF-"), _unknown),
    _Kind("typeface", containers.is_font, containers.font_end),
    _Kind("collection of typefaces", _magic(b"ttcf\0\1\0\0", b"ttcf\0\2\0\0"), _unknown),
    _Kind("WOFF typeface", _magic(b"wOFF", b"wOF2"), containers.woff_end),
    _Kind("Parquet table", _magic(b"PAR1"), containers.parquet_end),
    _Kind("Arrow table", _magic(b"ARROW1\0\0"), containers.arrow_end),
    _Kind("SQLite database", _magic(b"SQLite format 3\0"), containers.sqlite_end),
    _Kind("folder settings of macOS", _magic(b"\0\0\0\1Bud1"), _unknown),
)
_PDF: Final = "PDF document"


def _kind_of(data: bytes) -> _Kind | None:
    return next((kind for kind in _KINDS if kind.begins(data)), None)


def recognises(head: Head) -> bool:
    """The magic number of a picture, a sound, a film, a typeface, a document or a table."""
    return head.content is None and _kind_of(head.data) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what it is, and what stands behind its end.

    Raises:
        DamagedError: it breaks off or contradicts its format.
        WindowError: from the window.
    """
    kind = _kind_of(window.read(0, HEAD_BYTES))
    if kind is None:
        return
    damage: DamagedError | WindowError | None = None
    end: int | None = None
    try:
        end = kind.end(window)
        if end is not None and end > window.size:
            raise DamagedError(f"the {kind.name} breaks off: {window.size} of {end} bytes are there", window.size)
    except (DamagedError, WindowError) as error:
        damage, end = error, None
    mentions = actions_of(window) if kind.name == _PDF else ()
    yield Outline("media", mentions, (("kind", kind.name),))
    yield from _behind(artifact, window, end or 0, limits)
    if is_whole_message(window):
        # As of a picture whose header is one of these fields, and which says itself where it ends.
        detail = "the bytes are a protocol buffer too, from the first to the last: what else loads them is not known"
        yield Unread(UnreadReason.NO_READER, detail, format="protocol buffer")
    if damage is not None:
        raise damage


def _behind(artifact: Artifact, window: Window, end: int, limits: Limits) -> Iterator[Reading]:
    """What stands from ``end`` on, if it begins as something that runs, and the pickles amid it otherwise."""
    if end >= window.size:
        return
    head = window.read(end, HEAD_BYTES)
    start = end + len(head) - len(head.lstrip(b"\0\r\n \t")) if end else 0
    head = window.read(start, HEAD_BYTES)
    stretch = SubWindow(window, start, window.size - start, get_budget(window, limits))
    if end and (detect_format(head) is not None or program_of(head, stretch) is not None):
        yield Artifact(join_range(artifact.path, start, window.size), stretch.size, make_opener(stretch))
    else:
        yield from find_pickles(artifact, window, start, limits)
