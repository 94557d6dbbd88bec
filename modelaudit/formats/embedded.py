"""Detect content embedded in other data: a pickle, an archive or a compressed stream, also in Base64 and similar text.

Bytes inside a constant or a text have no file name, and short magic numbers occur by chance. Detection therefore tries
the starts that formats declare, decodes and decompresses the beginning, and counts only what leads to a known format.
"""

from __future__ import annotations

import base64
import json
import pickletools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from modelaudit.formats.declaration import EmbeddedStart
from modelaudit.formats.registry import DECLARATIONS, find_reader, import_object
from modelaudit.model.address import join_embedded
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import HEAD_BYTES
from modelaudit.wire.codecs import BZIP2, CODECS, LZ4, XZ, ZSTD, Codec, DecodingError
from modelaudit.wire.codings import (
    CHARACTER_CODINGS,
    STARTS_IN_TEXT,
    Coding,
    decode_character_bytes,
    decode_codings,
    decode_letters,
)
from modelaudit.wire.reader import Head, Reader
from modelaudit.wire.text import looks_like_text
from modelaudit.wire.windows import Budget, SubWindow, get_budget, iterate_chunks, make_opener, read_all_bytes

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
# The first characters of machine programs in Base64 and in hexadecimal digits: those of Linux and Windows.
_PROGRAM_STARTS: Final = rb"f0VMR|7[fF]45[34][cC]46|TVqQAAMA|4[dD]5[aA]9000"
_STARTS: Final = rb"(?:" + STARTS_IN_TEXT + rb"|" + _PROGRAM_STARTS + rb")"
_LETTER: Final = rb"[A-Za-z0-9+/_-]"
# A character outside the alphabet, which decoders of Base64 skip; the escapes of JSON write some of them.
_SKIPPED: Final = rb"(?:[^A-Za-z0-9+/=\"\\\n]|\\u00[0-9a-fA-F]{2}|\\[nrtbf\\])"
# A string that becomes a pickle of protocol 2 or later without these characters.
_SKIPPED_RUN: Final = _SKIPPED + rb"{0,9}"
_SCATTERED_START: Final = rb"(?P<scattered>" + _SKIPPED_RUN + _SKIPPED_RUN.join((rb"g", rb"A", rb"[I-X]"))
# Prose hardly decodes to so many opcodes.
_FEWEST_OPCODES: Final = 6
# The start of a string that may be content: quoted, with an escape such as ``\u003d`` or without, or as a word.
_MARK: Final = re.compile(
    rb"\"(?=" + _STARTS + rb"|[A-Za-z0-9+/_-]{0,8}\\)[A-Za-z0-9+/=_\\-]{24}"
    rb"|(?<!" + _LETTER + rb")" + _STARTS + _LETTER + rb"{18}"
    rb"|\"" + _SCATTERED_START + rb")"
)
# No shorter string can hold a program. The letters may go on in lines that consist of them, as in a block of YAML.
_CODED_STRING: Final = re.compile(
    rb"\"(?P<quoted>(?=" + _STARTS + rb"|[A-Za-z0-9+/_-]{0,8}\\)[A-Za-z0-9+/=_\\-]{24,})\""
    rb"|(?<!" + _LETTER + rb")(?P<word>(?=" + _STARTS + rb")" + _LETTER + rb"{24,}+"
    rb"(?:[ \t\r]*+\n[ \t]*+" + _LETTER + rb"{2,}+(?==*+[ \t\r]*+(?:\n|\Z)))*+={0,2})"
    rb"|\"" + _SCATTERED_START + rb"(?:[^\"\\\n]|\\.){20,}+)\""
)
_OUTSIDE_ALPHABET: Final = re.compile(rb"[^A-Za-z0-9+/=]")
_PROGRAM_START: Final = re.compile(_PROGRAM_STARTS)
_MARK_OVERLAP: Final = 64  # bytes, more than a match of ``_MARK``
_MAX_STRINGS: Final = 10_000
_LONGEST_STRING: Final = 12 * MIB


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


@dataclass(frozen=True, slots=True)
class EmbeddedContent:
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


def find_encoded_strings(path: str, window: Window, limits: Limits) -> Iterator[Artifact]:
    """Yield the content encoded in strings and words of a text as artifacts, machine programs included.

    stable-baselines3 stores pickles in this way. A string counts only if it is in one coding from its start to its end.

    Raises:
        WindowError: the window could not return the requested bytes, or, with reason ``limit-reached``, the text is
            longer than ``document_bytes``.
    """
    budget = get_budget(window, limits)
    data = read_all_bytes(window, limits.document_bytes)
    # The text of the document, of the string and of its content are in memory at once.
    string_limits = replace(limits, document_bytes=min(limits.document_bytes, _LONGEST_STRING))
    has_long_string = False
    for count, match in enumerate(_CODED_STRING.finditer(data)):
        if count >= _MAX_STRINGS:
            raise WindowError(f"only the first {_MAX_STRINGS} encoded strings were decoded", UnreadReason.LIMIT)
        start, end = match.span(match.lastgroup or 0)
        string_window = _open_string(window, match, budget)
        if string_window is None:
            has_long_string = True
            continue
        try:
            content = decode_content(string_window, string_limits)
        except WindowError as error:
            # A short string reaches only the bound of the whole file, which ends the search.
            if error.reason is not UnreadReason.LIMIT or end - start <= _LONGEST_STRING:
                raise
            has_long_string = True
            continue
        if content is not None and content.layers:
            yield make_content_artifact(path, start, string_window, limits, content)
        elif content is None:
            yield from _open_program(path, start, match[match.lastgroup or 0], budget)
    if has_long_string:
        raise WindowError(f"an encoded string of more than {_LONGEST_STRING} bytes was not decoded", UnreadReason.LIMIT)


def _open_string(window: Window, match: re.Match[bytes], budget: Budget) -> Window | None:
    """Return the letters of an encoded string; ``None`` if it is too long to remove its escapes or other characters."""
    start, end = match.span(match.lastgroup or 0)
    if match["word"] is not None or (match["scattered"] is None and b"\\" not in match["quoted"]):
        return SubWindow(window, start, end - start, budget)
    if end - start > _LONGEST_STRING:
        return None
    string = _decode_json_escapes(match[0])
    letters = _OUTSIDE_ALPHABET.sub(b"", string)
    if _begins_pickle(letters):
        return DecodedWindow(letters, budget)
    return DecodedWindow(string if match["scattered"] is None else b"", budget)


def _begins_pickle(letters: bytes) -> bool:
    """Whether Base64 letters decode to the first opcodes of a pickle; nothing is executed."""
    head = letters[: _STEP - _STEP % 4]
    try:
        data = base64.b64decode(head + b"=" * (-len(head) % 4))
        return sum(1 for _ in islice(pickletools.genops(data), _FEWEST_OPCODES)) == _FEWEST_OPCODES
    except (ValueError, IndexError, OverflowError):
        return False


def _has_coded_string(window: Window, limits: Limits) -> bool:
    """Whether a string of the text begins like encoded content; most texts have none and need not be kept."""
    before = b""
    for chunk in iterate_chunks(window, 0, min(window.size, limits.document_bytes + 1)):
        data = before + chunk
        if _MARK.search(data) is not None:
            return True
        before = data[-_MARK_OVERLAP:]
    return window.size > limits.document_bytes


def _open_program(path: str, offset: int, text: bytes, budget: Budget) -> Iterator[Artifact]:
    """Yield the machine program that a text encodes, if it does."""
    if _PROGRAM_START.match(text) is None:
        return
    try:
        program = DecodedWindow(decode_letters(text), budget)
    except ValueError:
        return
    budget.spend(program.size)
    yield Artifact(join_embedded(path, "executable", offset), program.size, make_opener(program))


def _decode_json_escapes(string: bytes) -> bytes:
    """Return the text of a JSON string; if it is not JSON or not ASCII, the bytes between its quotes."""
    try:
        return str(json.loads(string)).encode("ascii")
    except ValueError:
        return string[1:-1]


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


_DECODING_READERS: Final = ("python", "encoded-text")


def _recognises_text(head: Head) -> bool:
    """Whether this is text that no reader decodes: those of Python source and of one encoded file do."""
    return looks_like_text(head) and not any(find_reader(name).recognises(head) for name in _DECODING_READERS)


def _read_strings(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Artifact]:
    """Yield what ``find_encoded_strings`` yields, with the same errors, and read most texts only once."""
    if _has_coded_string(window, limits):
        yield from find_encoded_strings(artifact.path, window, limits)


ENCODED_STRINGS: Final = Reader(
    "text",
    _recognises_text,
    _read_strings,
)
"""Searches every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""
