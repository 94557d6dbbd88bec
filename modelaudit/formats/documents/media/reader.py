"""Read media files: recognise images, audio, video, fonts, documents and tables, and search for content hidden in them.

A viewer shows an image even if other bytes follow its end. Those bytes may be a program or a pickle that an attacker
extracts by its offset, so the reader examines them. If the end of the format is unknown, it searches the whole file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from modelaudit.formats.documents.media import containers, pictures
from modelaudit.formats.documents.media.pdf import find_actions, find_pdf_end
from modelaudit.formats.documents.media.picture_texts import interpret_texts
from modelaudit.formats.documents.media.sqlite_values import search_values
from modelaudit.formats.documents.media.table_types import (
    FindSchemas,
    find_arrow_schemas,
    find_parquet_schemas,
    find_pickled_types,
)
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Head, Read, Reading
from modelaudit.wire.ledger import claim_data
from modelaudit.wire.protobuf_recognition import is_whole_message
from modelaudit.wire.windows import SubWindow, get_budget

# Bit rates in kbit/s by the index in the header of a frame, from 1 (ISO/IEC 11172-3, 2.4.2.3; 13818-3).
_MPEG_1_RATES: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2_RATES: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
# Sampling frequencies of MPEG 1 in Hz, by the two bits of the header; those of MPEG 2 are half of them.
_MPEG_1_FREQUENCIES: Final = {0x00: 44100, 0x04: 48000, 0x08: 32000}

EndFinder = Callable[[Window], int | None]


class _MediaKind(Struct, frozen=True):
    """One kind of media file.

    Attributes:
        name: as the report shows it.
        matches: returns whether the first bytes of a file are of this kind.
        find_end: returns the offset after the last byte of the format, or ``None`` if the format does not state it:
            its data then extend to the end of the file.
        has_gaps: bytes between its parts may belong to no part, so that ``find_end`` claims each part.
        is_searched: pickles are searched inside it, because its parts are not followed.
        find_schemas: of a table, yields the schemas, which may hold types of Python.
        search_parts: yields the content of parts: values put together from several places, documents in texts.
    """

    name: str
    matches: Callable[[bytes], bool]
    find_end: EndFinder
    has_gaps: bool = False
    is_searched: bool = False
    find_schemas: FindSchemas | None = None
    search_parts: Read | None = None


def _find_no_end(window: Window) -> int | None:
    """Return ``None``: the format states no end."""
    return None


def _make_magic_test(*starts: bytes) -> Callable[[bytes], bool]:
    """Return a test for data that begin with one of ``starts``."""
    return lambda data: data.startswith(starts)


def _make_riff_test(form: bytes) -> Callable[[bytes], bool]:
    """Return a test for RIFF data of the form ``form``."""
    return lambda data: data[:4] == b"RIFF" and data[8:12] == form


def _is_rifx_or_rf64(data: bytes) -> bool:
    """Whether this is WAV audio in big-endian order (RIFX), or over 4 GiB (RF64)."""
    return data[:4] in (b"RIFX", b"RF64") and data[8:12] == b"WAVE"


def _is_mp3(data: bytes) -> bool:
    """Whether the data begin with an ID3 tag, or with two consecutive frames of MPEG layer III."""
    # Version 2 to 4 at 3; four bytes at 6 state the size of the tag, in seven bits each.
    if data[:3] == b"ID3":
        return len(data) > 10 and 2 <= data[3] <= 4 and not any(byte & 0x80 for byte in data[6:10])
    # The second byte completes the synchronisation bits and states MPEG 1 or 2, layer III, with or without a checksum.
    # The third byte begins with the index of the bit rate; 0 and 15 are not a rate.
    if len(data) < 4 or data[0] != 0xFF or data[1] not in (0xFB, 0xFA, 0xF3, 0xF2) or data[2] >> 4 in (0, 15):
        return False
    frequency = _MPEG_1_FREQUENCIES.get(data[2] & 0x0C)
    if frequency is None:
        return False
    padding_bytes = data[2] >> 1 & 1
    rate_index = data[2] >> 4
    is_mpeg_1 = data[1] & 0x08 != 0
    # A frame of MPEG 1 has 1152 samples, of MPEG 2 576; divided by 8 bits, that is the factor 144 or 72.
    if is_mpeg_1:
        frame_bytes = 144 * 1000 * _MPEG_1_RATES[rate_index - 1] // frequency + padding_bytes
    else:
        frame_bytes = 72 * 1000 * _MPEG_2_RATES[rate_index - 1] // (frequency // 2) + padding_bytes
    # Two bytes occur by chance, so a second frame with the same start has to follow the first one.
    return data[frame_bytes : frame_bytes + 2] == data[:2]


_MEDIA_KINDS: Final = (
    _MediaKind(
        "PNG image",
        _make_magic_test(b"\x89PNG\r\n\x1a\n"),
        pictures.find_png_end,
        search_parts=interpret_texts,
    ),
    _MediaKind("JPEG image", _make_magic_test(b"\xff\xd8\xff"), pictures.find_jpeg_end, search_parts=interpret_texts),
    _MediaKind("GIF image", _make_magic_test(b"GIF87a", b"GIF89a"), pictures.find_gif_end),
    _MediaKind("WebP image", _make_riff_test(b"WEBP"), containers.find_riff_end, search_parts=interpret_texts),
    _MediaKind("BMP image", pictures.is_bmp, pictures.find_bmp_end),
    _MediaKind("icon", pictures.is_ico, pictures.find_ico_end, has_gaps=True),
    _MediaKind("TIFF image", _make_magic_test(b"II*\0", b"MM\0*"), _find_no_end),
    _MediaKind("WAV audio", _make_riff_test(b"WAVE"), containers.find_riff_end),
    _MediaKind("WAV audio", _is_rifx_or_rf64, containers.find_riff_end, is_searched=True),
    _MediaKind("AVI film", _make_riff_test(b"AVI "), containers.find_riff_end),
    _MediaKind("MP3 audio", _is_mp3, _find_no_end),
    _MediaKind("FLAC audio", _make_magic_test(b"fLaC\0\0\0\x22"), _find_no_end),
    _MediaKind("Ogg media", _make_magic_test(b"OggS\0"), containers.find_ogg_end),
    _MediaKind("MP4 media", containers.is_iso, containers.find_iso_end),
    _MediaKind("Matroska media", _make_magic_test(b"\x1a\x45\xdf\xa3"), _find_no_end),
    _MediaKind("PDF document", _make_magic_test(b"%PDF-"), find_pdf_end, is_searched=True),
    _MediaKind("typeface", containers.is_font, containers.find_font_end, has_gaps=True),
    _MediaKind("collection of typefaces", _make_magic_test(b"ttcf\0\1\0\0", b"ttcf\0\2\0\0"), _find_no_end),
    _MediaKind("WOFF typeface", _make_magic_test(b"wOFF", b"wOF2"), containers.find_woff_end),
    _MediaKind(
        "Parquet table", _make_magic_test(b"PAR1"), containers.find_parquet_end, find_schemas=find_parquet_schemas
    ),
    _MediaKind(
        "Arrow table", _make_magic_test(b"ARROW1\0\0"), containers.find_arrow_end, find_schemas=find_arrow_schemas
    ),
    # Tables of sqlitedict, diskcache and shelve hold pickles.
    _MediaKind(
        "SQLite database",
        _make_magic_test(b"SQLite format 3\0"),
        containers.find_sqlite_end,
        is_searched=True,
        search_parts=search_values,
    ),
    _MediaKind("typeface of Pillow", containers.is_pillow_font, containers.find_pillow_font_end, is_searched=True),
    _MediaKind("folder settings of macOS", _make_magic_test(b"\0\0\0\1Bud1"), _find_no_end),
)
_PDF: Final = "PDF document"
_LONGEST_NOTE: Final = 1024
_NOTE: Final = defer_pattern(rb"[\t\r\n\x20-\x7e]*")


def _detect_kind(data: bytes) -> _MediaKind | None:
    """Return the kind of a media file that begins with ``data``; ``None`` if it is none."""
    return next((kind for kind in _MEDIA_KINDS if kind.matches(data)), None)


def recognises(head: Head) -> bool:
    """Whether the bytes begin a known kind of media."""
    return head.content is None and _detect_kind(head.data) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the kind of the file, the actions of a PDF document, and pickles inside media that are searched for them.

    Searched are the kinds whose end is unknown, because their parts are not parsed, and those with ``is_searched``.
    Bytes after the end have no claim, except a short line of text.

    Raises:
        DamagedError: the file is truncated or contradicts its format.
        WindowError: the window could not return the requested bytes.
    """
    kind = _detect_kind(window.read(0, HEAD_BYTES))
    if kind is None:
        return
    # The error is raised only after the parts read are yielded. A damaged file has no claims, so all of it is searched.
    damage: DamagedError | WindowError | None = None
    end: int | None = None
    try:
        end = kind.find_end(window)
        if end is not None and end > window.size:
            raise DamagedError(f"the {kind.name} is truncated: {window.size} of {end} bytes are present", window.size)
    except (DamagedError, WindowError) as error:
        damage = error
    else:
        # A file whose end is unknown is data as a whole and is searched below. In a kind with gaps, ``find_end`` has
        # claimed the parts, so that the gaps between them stay without a claim.
        if end is None or not kind.has_gaps:
            claim_data(window, 0, end)
        if end is not None and _is_note(artifact, window, end, limits):
            claim_data(window, end)
    mentions, absences = find_actions(window) if kind.name == _PDF else ((), ())
    yield Outline("media", mentions, (("kind", kind.name),))
    yield from absences
    if damage is None:
        yield from _search_inside(kind, artifact, window, end, limits)
    if is_whole_message(window):
        # The header of a bitmap can be one field of a protocol buffer, such as an ONNX model.
        detail = "the whole file is a valid protocol buffer too, which another loader could read as a model"
        yield Unread(UnreadReason.NO_READER, detail, format="protocol buffer")
    if damage is not None:
        raise damage


def _search_inside(
    kind: _MediaKind, artifact: Artifact, window: Window, end: int | None, limits: Limits
) -> Iterator[Reading]:
    """Yield the pickles inside a file whose ``end`` is unknown or that is searched, those in schemas, and its parts.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    if kind.is_searched or end is None:
        searched = window.size if end is None else end
        yield from find_pickles(artifact, SubWindow(window, 0, searched, get_budget(window, limits)), 0, limits)
    if kind.find_schemas is not None:
        yield from find_pickled_types(artifact, window, limits, kind.find_schemas)
    if kind.search_parts is not None:
        yield from kind.search_parts(artifact, window, limits)


def _is_note(artifact: Artifact, window: Window, start: int, limits: Limits) -> bool:
    """Whether the bytes from ``start`` on are a few lines of ASCII that hold no pickle; some cameras append such notes.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    note = window.read(start, _LONGEST_NOTE + 1)
    if len(note) > _LONGEST_NOTE or _NOTE.fullmatch(note) is None:
        return False
    return next(find_pickles(artifact, window, start, limits), None) is None
