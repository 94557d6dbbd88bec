"""Find content in Base64 or hexadecimal digits in the strings and words of a text: pickles, archives, programs.

stable-baselines3 stores pickles so (``stable_baselines3/common/save_util.py``), and decodes them with
``base64.b64decode``, which skips characters outside the alphabet.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Final

from modelaudit.formats.embedded import (
    DecodedWindow,
    EmbeddedContent,
    decode_content,
    is_format_on_trial,
    make_content_artifact,
)
from modelaudit.formats.registry import find_reader
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.address import STRING_PICKLE, join_embedded
from modelaudit.model.artifact import PICKLE, Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import Reading
from modelaudit.wire.codings import STARTS_IN_TEXT, decode_letters
from modelaudit.wire.pickle_start import NEWEST_PROTOCOL, begins_with_protocol_and_opcode, can_begin_program
from modelaudit.wire.reader import Head, Reader
from modelaudit.wire.text import looks_like_text
from modelaudit.wire.windows import Budget, SubWindow, get_budget, iterate_chunks, make_opener, read_all_bytes

# The first characters of machine programs in Base64 and in hexadecimal digits: those of Linux and Windows.
_PROGRAM_STARTS: Final = rb"f0VMR|7[fF]45[34][cC]46|TVqQAAMA|4[dD]5[aA]9000"
_STARTS: Final = rb"(?:" + STARTS_IN_TEXT + rb"|" + _PROGRAM_STARTS + rb")"
_LETTER: Final = rb"[A-Za-z0-9+/_-]"
# A character outside the alphabet, which decoders of Base64 skip; the escapes of JSON write some of them.
_SKIPPED: Final = rb"(?:[^A-Za-z0-9+/=\"\\\n]|\\u00[0-9a-fA-F]{2}|\\[nrtbf\\])"
# A string that becomes a pickle of protocol 2 or later without these characters.
_SKIPPED_RUN: Final = _SKIPPED + rb"{0,9}"
_SCATTERED_START: Final = rb"(?P<scattered>" + _SKIPPED_RUN + _SKIPPED_RUN.join((rb"g", rb"A", rb"[I-X]"))
# A string that becomes a pickle of protocol 0 or 1 without these characters: a mark, an empty container or GLOBAL.
_OLD_PICKLE_START: Final = (
    rb"(?P<old>"
    + _SKIPPED_RUN
    + rb"(?:"
    + rb"|".join(
        _SKIPPED_RUN.join(letters) for letters in ((rb"K", rb"[FG]"), (rb"Y", rb"[1-3]"), (rb"[Xf]", rb"[XS]"))
    )
    + rb")"
)
# The start of a string that may be content: quoted, with an escape such as ``\u003d`` or without, or as a word.
_QUOTED_MARK: Final = defer_pattern(
    rb"\"(?:(?=" + _STARTS + rb"|[A-Za-z0-9+/_-]{0,8}\\)[A-Za-z0-9+/=_\\-]{24}"
    rb"|" + _SCATTERED_START + rb")"
    rb"|" + _OLD_PICKLE_START + rb"))"
)
_WORD_MARK: Final = defer_pattern(_STARTS + _LETTER + rb"{18}")
# Every start consists of letters, so a word has at least so many of them. Few texts have such words.
_LONG_WORD: Final = defer_pattern(rb"(?<!" + _LETTER + rb")" + _LETTER + rb"{18}")
# No shorter string can hold a program. The letters may go on in lines that consist of them, as in a block of YAML.
_CODED_STRING: Final = defer_pattern(
    rb"\"(?P<quoted>(?=" + _STARTS + rb"|[A-Za-z0-9+/_-]{0,8}\\)[A-Za-z0-9+/=_\\-]{24,})\""
    rb"|(?<!" + _LETTER + rb")(?P<word>(?=" + _STARTS + rb")" + _LETTER + rb"{24,}+"
    rb"(?:[ \t\r]*+\n[ \t]*+" + _LETTER + rb"{2,}+(?==*+[ \t\r]*+(?:\n|\Z)))*+={0,2})"
    rb"|\"" + _SCATTERED_START + rb"(?:[^\"\\\n]|\\.){20,}+)\""
    rb"|\"" + _OLD_PICKLE_START + rb"(?:[^\"\\\n]|\\.){20,}+)\""
)
_OUTSIDE_ALPHABET: Final = defer_pattern(rb"[^A-Za-z0-9+/=]")
# An escape for a character that is not in ASCII.
_OTHER_ESCAPE: Final = defer_pattern(rb"\\u(?!00)")
_PLAIN_BASE64: Final = defer_pattern(rb"[A-Za-z0-9+/]{24,}={0,2}")
_PROGRAM_START: Final = defer_pattern(_PROGRAM_STARTS)
_MARK_OVERLAP: Final = 512  # bytes, more than a match of a mark
_SERIALIZED_KEY: Final = ":serialized:"
_MAX_STRINGS: Final = 10_000
_LONGEST_STRING: Final = 12 * MIB


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
    kind = "pickle" if _SERIALIZED_KEY.encode() in data else STRING_PICKLE
    for match, is_in_alphabet in _iterate_strings(data):
        start, end = match.span(match.lastgroup or 0)
        pickle = _open_pickle(path, start, match, limits, budget, kind)
        if pickle is not None:
            yield pickle
            continue
        if not is_in_alphabet:
            continue  # a word of a vocabulary in another script, which no decoder takes
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
        if content is not None and content.layers and _is_content(content, limits):
            found = make_content_artifact(path, start, string_window, limits, content)
            is_pickle = content.format == PICKLE
            yield replace(found, path=join_embedded(path, kind, start)) if is_pickle else found
        elif content is None:
            yield from _open_program(path, start, match[match.lastgroup or 0], budget)
    if has_long_string:
        raise WindowError(f"an encoded string of more than {_LONGEST_STRING} bytes was not decoded", UnreadReason.LIMIT)


def _is_content(content: EmbeddedContent, limits: Limits) -> bool:
    """Whether decoded content is what its first bytes say: a pickle imports a name, or has more than a few opcodes.

    Sequences of nucleotides are letters of Base64 too, and some begin with the bytes of PROTO.
    """
    return content.format != PICKLE or is_format_on_trial(PICKLE, content.window, limits)


def _iterate_strings(data: bytes) -> Iterator[tuple[re.Match[bytes], bool]]:
    """Yield the strings that may be content, and whether each is in letters of a coding.

    Raises:
        WindowError: more than ``_MAX_STRINGS`` are in letters of a coding.
    """
    count = 0
    for match in _CODED_STRING.finditer(data):
        is_in_alphabet = _may_be_in_alphabet(match)
        count += is_in_alphabet
        if count > _MAX_STRINGS:
            raise WindowError(f"only the first {_MAX_STRINGS} encoded strings were decoded", UnreadReason.LIMIT)
        yield match, is_in_alphabet


def _may_be_in_alphabet(match: re.Match[bytes]) -> bool:
    """Whether a string is in letters of a coding, unless its escapes encode other characters."""
    return match.start("quoted") < 0 or _OTHER_ESCAPE.search(match["quoted"]) is None


def _open_string(window: Window, match: re.Match[bytes], budget: Budget) -> Window | None:
    """Return the letters of an encoded string; ``None`` if it is too long to remove its escapes or other characters."""
    start, end = match.span(match.lastgroup or 0)
    is_scattered = match.start("scattered") >= 0 or match.start("old") >= 0
    if not is_scattered and not _has_escape(match):
        return SubWindow(window, start, end - start, budget)
    if end - start > _LONGEST_STRING:
        return None
    return DecodedWindow(b"" if is_scattered else _decode_json_escapes(match[0]), budget)


def _open_pickle(
    path: str, offset: int, match: re.Match[bytes], limits: Limits, budget: Budget, kind: str
) -> Artifact | None:
    """Return the pickle that a quoted string with other characters or with escapes holds in Base64; else ``None``.

    ``kind`` is the word of its address. The pickle imports a name, or begins with a few opcodes that do not contradict
    each other.
    """
    may_be_pickle = match.start("old") >= 0 or match.start("scattered") >= 0 or _has_escape(match)
    if not may_be_pickle or match.end() - match.start() > _LONGEST_STRING:
        return None
    data = _decode_base64(_decode_json_escapes(match[0]))
    # A vocabulary has hundreds of thousands of such strings, and a trial of each costs half a minute.
    if not can_begin_program(data, 0):
        return None
    pickle = DecodedWindow(data, budget)
    if not is_format_on_trial("pickle", pickle, limits):
        return None
    budget.spend(pickle.size)
    return Artifact(join_embedded(path, kind, offset), pickle.size, make_opener(pickle))


def _has_escape(match: re.Match[bytes]) -> bool:
    """Whether a quoted string has an escape; the string may be as long as the text, so that it is not copied."""
    start, end = match.span("quoted")
    return match.string.find(b"\\", start, end) >= 0 if start >= 0 else False


def _decode_base64(text: bytes) -> bytes:
    """Return what ``base64.b64decode`` returns, which skips other characters; nothing if it raises with any padding."""
    for padding in (b"", b"=", b"=="):
        try:
            return base64.b64decode(text + padding)
        except binascii.Error:
            continue
    # One letter more than whole groups have, which no padding completes.
    letters = _OUTSIDE_ALPHABET.sub(b"", text).rstrip(b"=")
    try:
        return base64.b64decode(letters[:-1] + b"==")
    except binascii.Error:
        return b""


def _read_serialized_values(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the pickle in each value that stable-baselines3 decodes and unpickles, if no search of the text finds it.

    A pickle of protocol 0 or 1 may begin with any opcode, and only the key says that the value is one.
    """
    for number, setting in enumerate(settings):
        if setting.key != _SERIALIZED_KEY or not isinstance(setting.value, str):
            continue
        text = setting.value.encode("ascii", "ignore")
        data = _decode_base64(text)
        if data and not _search_finds(text, data, limits):
            pickle = DecodedWindow(data, Budget(limits, len(data)))
            yield Artifact(join_embedded(path, "pickle", number), pickle.size, make_opener(pickle), content=PICKLE)


def _search_finds(text: bytes, data: bytes, limits: Limits) -> bool:
    """Whether the search of a document finds ``data`` as a pickle, however the document writes ``text`` in JSON.

    Where other characters are between the letters, that depends on the escapes; such a value does not count.
    """
    if _PLAIN_BASE64.fullmatch(text) is None or not begins_with_protocol_and_opcode(data, NEWEST_PROTOCOL):
        return False
    quoted = DecodedWindow(b'"' + text + b'"', Budget(limits, len(text)))
    try:
        for found in find_encoded_strings("", quoted, limits):
            with found.open() if found.open is not None else nullcontext(quoted) as window:
                return window.size == len(data) and window.read(0, window.size) == data
    except WindowError:
        return False
    return False


def _has_coded_string(window: Window, limits: Limits) -> bool:
    """Whether a string of the text begins like encoded content; most texts have none and need not be kept."""
    before = b""
    end = max(limits.document_bytes, limits.table_bytes)
    for chunk in iterate_chunks(window, 0, min(window.size, end + 1)):
        data = before + chunk
        if _has_mark(data):
            return True
        before = data[-_MARK_OVERLAP:]
    return window.size > end


def _has_mark(data: bytes) -> bool:
    """Whether a string begins that may be content, in quotes or as a word."""
    if _QUOTED_MARK.search(data) is not None:
        return True
    return any(_WORD_MARK.match(data, word.start()) for word in _LONG_WORD.finditer(data))


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

SERIALIZED_VALUES: Final = Interpreter(frozenset({_SERIALIZED_KEY}), _read_serialized_values)
