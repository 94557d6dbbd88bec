"""Parse the metadata of GGUF: pairs of a key and a typed value."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from modelaudit.formats.weights.gguf import GgufDefect
from modelaudit.formats.weights.gguf.cursor import GgufCursor
from modelaudit.formats.weights.gguf.types import ARRAY, BOOL, STRING, VALUE_WIDTHS
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.lineage import VocabularyFact
from modelaudit.model.structure import Unread
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.bounds import report_bound
from modelaudit.wire.members import DefectLog

TEMPLATE_KEY: Final = "tokenizer.chat_template"
ALIGNMENT_KEY: Final = "general.alignment"
_MAX_KEY_BYTES: Final = 64 * KIB
# Each pair takes some hundred bytes of memory. Files have some hundred pairs.
_MAX_PAIRS: Final = 200_000
_MAX_TEXT_BYTES: Final = 256 * KIB
_MAX_RECORDED_BYTES: Final = 16 * MIB
_MAX_ARRAY_DEPTH: Final = 8
# The number of the value type for unsigned 32-bit numbers.
_UINT32: Final = 4
_DEFAULT_ALIGNMENT: Final = 32
# An empty array takes its type and its length: 8 bytes in version 1, 12 from version 2 on.
_MIN_ARRAY_BYTES: Final = 8
_MAX_TEMPLATES: Final = 1024
_TOKENS_KEY: Final = "tokenizer.ggml.tokens"
DATASETS_KEY: Final = "general.datasets"
_MAX_DATASETS: Final = 2000
_RECORDED_LISTS: Final = {DATASETS_KEY: _MAX_DATASETS, "general.tags": 100, "general.languages": 100}
"""Lists of short texts, and the number of their first items that are recorded."""


class TextValue(Struct, frozen=True):
    """A text of the metadata.

    Attributes:
        key: with the index of the item if the text is an item of an array.
        data: its first bytes.
        start: offset of the text in the file, in bytes.
        length: of the whole text, in bytes.
        is_of_list: the text is an item of an array.
    """

    key: str
    data: bytes
    start: int
    length: int
    is_of_list: bool = False


class Metadata(Struct):
    """The pairs of key and value that were read so far.

    Attributes:
        log: receives the defects.
        limits: bounds the number of array items.
        scalars: values that are neither text nor array, by key.
        texts: in file order. Of lists of texts, only templates and the first items of ``_RECORDED_LISTS``.
        alignment: of the tensors, in bytes.
        absences: of data sets beyond a bound.
        vocabulary: digests of the tokens; ``None`` until they were read, and for a layout that has no digests.
    """

    log: DefectLog
    limits: Limits
    scalars: dict[str, int | float | bool] = field(default_factory=dict)
    texts: list[TextValue] = field(default_factory=list)
    alignment: int = _DEFAULT_ALIGNMENT
    absences: list[Unread] = field(default_factory=list)
    vocabulary: VocabularyFact | None = None
    _recorded_bytes: int = 0
    _item_count: int = 0

    def read(self, cursor: GgufCursor, count: int) -> None:
        """Read ``count`` pairs.

        Raises:
            DamagedError: the file is truncated, or a value has a type that does not exist.
            LimitReachedError: there are too many pairs or array items.
        """
        seen: set[bytes] = set()
        for number in range(count):
            if number >= _MAX_PAIRS:
                raise LimitReachedError(f"the file holds more than {_MAX_PAIRS} pairs of metadata", cursor.offset)
            offset = cursor.offset
            raw_key, _, length = cursor.read_text(f"the key of pair {number}", _MAX_KEY_BYTES)
            if length > _MAX_KEY_BYTES:
                detail = f"the key of pair {number} takes {length} bytes, more than {_MAX_KEY_BYTES}"
                raise DamagedError(detail, offset)
            cursor.mark_name(raw_key)
            key = raw_key.decode("utf-8", "backslashreplace")
            # Compare bytes, not decoded text: keys that differ only in invalid UTF-8 are different to a loader.
            if raw_key in seen:
                self.log.add(
                    GgufDefect.DUPLICATE_KEY, f"the key {key[:200]!r} occurs twice in the metadata", offset, key[:200]
                )
            seen.add(raw_key)
            self._read_value(cursor, key, cursor.read_u32(f"the type of {key[:200]!r}"))

    def _read_value(self, cursor: GgufCursor, key: str, kind: int) -> None:
        """Read the value of type ``kind``: record a scalar or text, and read or skip an array.

        Raises:
            DamagedError: the value is truncated, or the type does not exist.
            LimitReachedError: there are too many array items.
        """
        what = f"the value of {key[:200]!r}"
        offset = cursor.offset
        # A loader refuses the file if one of these keys has another type than it expects.
        must_be_text = key == TEMPLATE_KEY or key.startswith((TEMPLATE_KEY + ".", "general.name", "general.license"))
        if (key == ALIGNMENT_KEY and kind != _UINT32) or (must_be_text and kind != STRING):
            shown = key[:200]
            self.log.add(GgufDefect.METADATA_TYPE, f"{shown!r} has type {kind}, which loaders refuse", offset, shown)
        if kind == STRING:
            self._read_text(cursor, key, what)
        elif kind == ARRAY:
            self._read_array(cursor, key, what)
        elif kind in VALUE_WIDTHS:
            value = cursor.read_value(kind, what)
            self.scalars[key] = bool(value) if kind == BOOL else value
            if key == ALIGNMENT_KEY and kind == _UINT32:
                self._set_alignment(int(value), offset)
        else:
            raise DamagedError(f"{what} has type {kind}, which does not exist", offset)

    def _set_alignment(self, value: int, offset: int) -> None:
        """Set the alignment of the tensors; record a defect at ``offset`` if it is invalid."""
        is_power_of_two = value >= 1 and value & (value - 1) == 0
        if not is_power_of_two:
            self.log.add(
                GgufDefect.ALIGNMENT_INVALID, f"the alignment is {value}, not a power of two", offset, ALIGNMENT_KEY
            )
        else:
            self.alignment = value

    def _read_text(self, cursor: GgufCursor, key: str, what: str, is_of_list: bool = False) -> None:
        """Record a text with its first bytes. Texts share one budget of bytes, and the reader reports the cut ones."""
        left_bytes = max(0, _MAX_RECORDED_BYTES - self._recorded_bytes)
        data, start, length = cursor.read_text(what, min(_MAX_TEXT_BYTES, left_bytes))
        if len(data) == length:
            cursor.mark_name(data)
        else:
            cursor.mark_data(length)  # a text that is cut is reported
        self._recorded_bytes += len(data)
        self.texts.append(TextValue(key, data, start, length, is_of_list))

    def _read_array(self, cursor: GgufCursor, key: str, what: str) -> None:
        """Skip an array and the arrays in it, but record the texts of templates and of ``_RECORDED_LISTS``.

        llama.cpp refuses arrays of arrays, so each is a defect.
        """
        # How many arrays remain to be read at each depth, the innermost last.
        arrays_left = [1]
        while arrays_left:
            if not arrays_left[-1]:
                arrays_left.pop()
                continue
            arrays_left[-1] -= 1
            offset = cursor.offset
            kind = cursor.read_u32(f"the type of the items of {key[:200]!r}")
            count = cursor.read_length(f"the number of items of {key[:200]!r}")
            if kind == STRING:
                # Each text takes at least the bytes of its length field, so a forged count is refused before the loop.
                cursor.require_bytes(count * (8 if cursor.is_wide else 4), what)
                self._count_items(count, cursor)
                self._read_text_array(cursor, key, count, what)
            elif kind == ARRAY:
                self.log.add(GgufDefect.NESTED_ARRAY, f"{what} is an array of arrays", offset, key[:200])
                cursor.require_bytes(count * _MIN_ARRAY_BYTES, what)
                self._count_items(count, cursor)
                arrays_left.append(count)
                if len(arrays_left) > _MAX_ARRAY_DEPTH:
                    raise LimitReachedError(f"{what} nests deeper than {_MAX_ARRAY_DEPTH} arrays", offset)
            elif kind in VALUE_WIDTHS:
                cursor.skip_data(count * VALUE_WIDTHS[kind], what)
            else:
                raise DamagedError(f"{what} has items of type {kind}, which does not exist", offset)

    def _read_text_array(self, cursor: GgufCursor, key: str, count: int, what: str) -> None:
        """Record all texts of a list of templates, and the first ones of ``_RECORDED_LISTS``; skip other texts."""
        if "chat_template" in key.lower():
            if count > _MAX_TEMPLATES:
                raise LimitReachedError(f"{what} holds more than {_MAX_TEMPLATES} templates", cursor.offset)
            for index in range(count):
                self._read_text(cursor, f"{key}.{index}", what, is_of_list=True)
            return
        if key == _TOKENS_KEY:
            self.vocabulary = cursor.hash_texts(count, what, key)
            return
        recorded = min(count, _RECORDED_LISTS.get(key, 0))
        for index in range(recorded):
            self._read_text(cursor, f"{key}.{index}", what)
        if key == DATASETS_KEY and count > recorded and not self.absences:
            self.absences.append(report_bound(_MAX_DATASETS, "data sets of the metadata"))
        cursor.skip_texts(count - recorded, what)

    def _count_items(self, count: int, cursor: GgufCursor) -> None:
        """Count ``count`` more array items. Raises ``LimitReachedError`` if all arrays together have too many."""
        self._item_count += count
        if self._item_count > self.limits.document_nodes:
            raise LimitReachedError(f"the metadata hold over {self.limits.document_nodes} array items", cursor.offset)
