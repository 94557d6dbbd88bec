"""Distinguish text from binary data, detect its encoding, and decode it."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from functools import lru_cache

from modelaudit.model.address import is_member, member_path
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Head

# All control characters except tab, line feed, form feed, carriage return, escape and delete. JSON may hold delete
# (RFC 8259, section 7), and the vocabularies of Llama 2 and Gemma do; ELF files begin with it.
_CONTROL = defer_pattern(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]|\A\x7fELF")
_ELF = b"\x7fELF"
_CONTROL_CHARACTER = defer_pattern("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_CONTROLS = bytes(each for each in range(0x80) if _CONTROL.match(bytes((each,))))
_BLANKS = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_MOST_CONTROL_SHARE = 0.1  # of the bytes of a text with control characters
_MOST_HIGH_SHARE = 0.1  # of the bytes of a text in an 8-bit encoding
# ISO 8859, TIS-620, EUC and GB 2312 have no character here, and the code pages of Windows hardly any. Of the bytes of
# other data, an eighth is of this range.
_EIGHT_BIT_CONTROLS = bytes(range(0x80, 0xA0))
_MOST_EIGHT_BIT_CONTROLS = 0.001  # of the bytes of a text of mostly high bytes
_LONGEST_LINE = 1000  # bytes on average, of a text of mostly high bytes
_FEWEST_BYTES = 64  # of such a text: fewer can be binary data by chance
_FEW_CONTROLS = 8
_MOST_CONTROLS_IN_TABLE = 0.0001  # of the bytes of a table of words
# Tables of words and of their numbers; a list of packages does not count.
_WORD_TABLE = defer_pattern(
    r"(?!.*(?:requirements|constraints)).+\.(?:txt|csv|tsv|tab|psv|dict|dic|vocab|vocabulary|voc|words|wordlist|lex"
    r"|lexicon|lst|list|bpe|merges|codes|vec|conll|conllu)"
)
# A control character alone between two tabs.
_CONTROL_COLUMN = defer_pattern(rb"(?<=\t)[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f](?=\t)")
_MOST_COLUMNS = 64
_MODEL_ENDINGS = (".model", ".bin", ".pt", ".tok", ".tokenizer")
_ORDINAL = defer_pattern(r"#\d+\Z")

HIGH_BYTES = bytes(range(0x80, 0x100))
"""The bytes outside ASCII."""
UTF_8 = "utf-8"
EIGHT_BIT = "8-bit"


class TextScan:
    """Checks chunk by chunk whether bytes are text: UTF-8, UTF-16 with a byte order mark, or an 8-bit encoding.

    An 8-bit encoding is accepted only while nearly all bytes are ASCII, or while the text has lines and hardly any of
    the bytes that encodings such as ISO 8859 leave to control characters.

    Attributes:
        encoding: the encoding that fits the bytes so far.
        lines: number of line breaks so far, and one more if the text does not end in one.
    """

    def __init__(self) -> None:
        self.encoding = UTF_8
        self._decoder: codecs.IncrementalDecoder | None = None
        self._total = 0
        self._high_bytes = 0
        self._high_controls = 0
        self._breaks = 0
        self._ends_in_break = True

    @property
    def lines(self) -> int:
        """Number of lines; the last one may lack its line break."""
        return self._breaks if self._ends_in_break else self._breaks + 1

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes.

        Raises:
            DamagedError: they are not text; ``offset`` is the place of the first bad byte or its chunk.
        """
        if self._decoder is None:
            self._decoder = self._choose_decoder(chunk)
        if self.encoding not in (UTF_8, EIGHT_BIT):
            self._feed_utf_16(self._decoder, chunk)
        else:
            # Dropping the characters is much faster than searching for one, and hardly a text has any.
            is_plain = len(chunk.translate(None, _CONTROLS)) == len(chunk) and not chunk.startswith(_ELF)
            control = None if is_plain else _CONTROL.search(chunk)
            if control is not None:
                raise _make_not_text_error(self._total + control.start())
            self._breaks += chunk.count(b"\n")
            self._feed_utf_8_or_8_bit(self._decoder, chunk)
            self._ends_in_break = chunk.endswith(b"\n")
        self._total += len(chunk)

    def finish(self) -> None:
        """Check the end of the text, after the last chunk. Text that ends within a character of UTF-8 is 8-bit text.

        Raises:
            DamagedError: the text ends within a character of UTF-16.
        """
        if self._decoder is not None and self.encoding != EIGHT_BIT:
            try:
                self._decoder.decode(b"", True)
            except UnicodeDecodeError:
                if self.encoding != UTF_8:
                    raise _make_not_text_error(self._total) from None
                self.encoding = EIGHT_BIT

    def _choose_decoder(self, start: bytes) -> codecs.IncrementalDecoder:
        """Set the encoding by the byte order mark at ``start``, and return its decoder."""
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self.encoding = "utf-16"
        return codecs.getincrementaldecoder(self.encoding)()

    def _feed_utf_16(self, decoder: codecs.IncrementalDecoder, chunk: bytes) -> None:
        """Check the next bytes as UTF-16, and count its line breaks."""
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise _make_not_text_error(self._total + error.start) from error
        if _CONTROL_CHARACTER.search(text):
            raise _make_not_text_error(self._total)
        self._breaks += text.count("\n")
        self._ends_in_break = text.endswith("\n")

    def _feed_utf_8_or_8_bit(self, decoder: codecs.IncrementalDecoder, chunk: bytes) -> None:
        """Check the next bytes as UTF-8, and from the first invalid byte on as text in an 8-bit encoding."""
        high_bytes = len(chunk) - len(chunk.translate(None, HIGH_BYTES))
        if self.encoding == UTF_8:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                self.encoding = EIGHT_BIT
                self._high_controls = self._high_bytes  # those before were not counted
        self._high_bytes += high_bytes
        if self.encoding != EIGHT_BIT:
            return
        # In an 8-bit encoding every byte is valid, so the share of high bytes has to distinguish text from other data.
        self._high_controls += len(chunk) - len(chunk.translate(None, _EIGHT_BIT_CONTROLS))
        total = self._total + len(chunk)
        is_plain = total >= _FEWEST_BYTES and self._high_controls <= _MOST_EIGHT_BIT_CONTROLS * total
        is_lines = is_plain and self._breaks * _LONGEST_LINE >= total
        if self._high_bytes > _MOST_HIGH_SHARE * total and not is_lines:
            raise _make_not_text_error(self._total)


def _make_not_text_error(offset: int) -> DamagedError:
    return DamagedError("it begins as text and continues as other data", offset)


def looks_like_text(head: Head) -> bool:
    """Whether the first bytes are text and the container declares no other content."""
    return head.content is None and bool(head.data) and _is_text(head.data)


@lru_cache(maxsize=2)
def _is_text(data: bytes) -> bool:
    """Whether the first bytes of an artifact are text; the last answers are kept, because each reader asks."""
    scan = TextScan()
    try:
        scan.feed(data)
        # A head of full length may be cut within a character of UTF-16. A shorter one is the whole artifact.
        if len(data) < HEAD_BYTES:
            scan.finish()
    except DamagedError:
        return False
    return True


def resembles_text(head: Head) -> bool:
    """Whether the first bytes are text but for some control characters, which many loaders of text read over."""
    controls = len(head.data) - len(head.data.translate(None, _CONTROLS))
    if not 0 < controls <= _MOST_CONTROL_SHARE * len(head.data):
        return False
    return looks_like_text(replace(head, data=blank_controls(head.data)))


def is_marred_table(name: str, data: bytes) -> bool:
    """Whether a table of words is UTF-8 but for a few control characters, each of them one character of a word.

    Words that people typed hold such characters. The tools that read these tables split them at line feeds and columns.
    A vocabulary of bytes has each control character in a column of its own; a tokenizer may have it as its model.

    Args:
        name: of the file, in lower case.
        data: the whole file.
    """
    controls = len(data) - len(data.translate(None, _CONTROLS))
    if not controls or data.startswith(_ELF):
        return False
    is_word_table = _WORD_TABLE.fullmatch(name) is not None
    are_columns = controls <= _MOST_COLUMNS and len(_CONTROL_COLUMN.findall(data)) == controls
    if not are_columns or not (is_word_table or name.endswith(_MODEL_ENDINGS)):
        if not is_word_table or b"\0" in data:
            return False
        if controls > max(_FEW_CONTROLS, _MOST_CONTROLS_IN_TABLE * len(data)):
            return False
    scan = TextScan()
    try:
        scan.feed(blank_controls(data))
        scan.finish()
    except DamagedError:
        return False
    return scan.encoding == UTF_8


def blank_controls(data: bytes) -> bytes:
    """Return ``data`` with a space in place of each control character that text does not have."""
    return data.translate(_BLANKS)


def decode_text(data: bytes | bytearray, scan: TextScan) -> str:
    """Decode ``data``, which ``scan`` has checked to the end, and drop the byte order mark."""
    return data.decode(get_codec_name(scan))


def get_codec_name(scan: TextScan) -> str:
    """Return the name of the codec that decodes the bytes of ``scan`` and drops the byte order mark."""
    return {UTF_8: "utf-8-sig", EIGHT_BIT: "latin-1"}.get(scan.encoding, scan.encoding)


# Of these, the longer marks come first, because that of UTF-32 begins with that of UTF-16.
_ENCODINGS_BY_MARK = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_loosely(data: bytes) -> str:
    """Decode bytes that need not be text: those without a character become U+FFFD, and zero bytes are left out.

    Without a byte order mark, UTF-16 and UTF-32 therefore keep their ASCII characters.
    """
    encoding = next((name for mark, name in _ENCODINGS_BY_MARK if data.startswith(mark)), None)
    if encoding is None:
        data, encoding = data.replace(b"\0", b""), "utf-8-sig"
    return data.decode(encoding, "replace")


def cut_at_memory(pieces: Iterable[str], most_characters: int, most_memory: int) -> tuple[str, bool]:
    """Join the first pieces of a text, up to a number of characters and of bytes of memory.

    A single character takes as many bytes as the widest one of a text: one, two or four.

    Returns:
        The start of the text, and whether something was cut off.
    """
    parts: list[str] = []
    length, width = 0, 1
    for piece in filter(None, pieces):
        highest = "" if piece.isascii() else max(piece)
        width = max(width, 1 if highest <= "\xff" else 2 if highest <= "\uffff" else 4)
        room = max(0, min(most_characters, most_memory // width) - length)
        parts.append(piece[:room])
        length += len(parts[-1])
        if room < len(piece):
            return "".join(parts), True
    return "".join(parts), False


@lru_cache(maxsize=256)
def get_file_name(path: str) -> str:
    """Return the last part of an artifact's path in lower case, without the ordinal of a repeated member name."""
    name = member_path(path).replace("\\", "/").rpartition("/")[2].lower()
    return _ORDINAL.sub("", name) if is_member(path) else name
