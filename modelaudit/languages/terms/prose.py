"""Read texts that may hold licence terms: licences, notices, use policies, cards, and heads of source files.

File names decide which texts are read (``modelaudit.model.term_files``). ``modelaudit.licenses`` interprets them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.card import iter_free_fields, split_front_matter
from modelaudit.languages.terms.heads import extract_head_comment
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.term_files import classify_text_file
from modelaudit.wire.base import Head, Reader, Reading
from modelaudit.wire.text import get_file_name, looks_like_text

_MAX_TEXT: Final = 2 * MIB
_MAX_CODE_HEAD: Final = 16 * KIB
_CODE_SUFFIXES: Final = (
    ".py", ".pyi", ".sh", ".bash", ".js", ".mjs", ".ts", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".rs", ".go",
    ".java", ".jinja", ".cmake", "makefile", "dockerfile",
)  # fmt: skip
_LICENSE_WORDS: Final = re.compile(
    r"licen[cs]e|spdx|copyright|all rights reserved|public domain|permission is hereby", re.IGNORECASE
)


def classify_file(path: str) -> ProseKind | None:
    """Classify a file by its name or its folder; ``None`` if it holds no terms."""
    name = get_file_name(path)
    kind = classify_text_file(path, name)
    return ProseKind.CODE if kind is None and name.endswith(_CODE_SUFFIXES) else kind


def _recognises_prose(head: Head) -> bool:
    """Whether a file is text, and its name is one of those that hold terms, such as ``LICENSE`` or ``README.md``."""
    return classify_file(head.path) is not None and looks_like_text(head)


def _read_prose(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text, without the front matter of a card, and an absence if the text is over the limit.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    kind = classify_file(artifact.path)
    if kind is None:
        return
    max_bytes = min(_MAX_CODE_HEAD if kind is ProseKind.CODE else _MAX_TEXT, limits.document_bytes, limits.read_bytes)
    whole_text = text = _decode_text(window.read(0, max_bytes))
    first_line = 1
    if kind is ProseKind.CODE:
        text, first_line = extract_head_comment(text)
        if not _LICENSE_WORDS.search(text):
            return
    elif kind is ProseKind.CARD:
        text, first_line = _split_card_body(text)
    if text.strip():
        yield Prose(kind, text, first_line)
    front_matter = split_front_matter((whole_text,)) if kind is ProseKind.CARD else None
    for field_text, line in iter_free_fields(front_matter) if front_matter is not None else ():
        yield Prose(kind, field_text, line)
    if window.size > max_bytes and kind is not ProseKind.CODE:
        detail = f"only its first {max_bytes} bytes were compared with the words of licences"
        yield Unread(UnreadReason.LIMIT, detail)


def _decode_text(data: bytes) -> str:
    """Decode UTF-16 with a byte order mark, otherwise UTF-8; other bytes become replacement characters."""
    is_utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf_16 else "utf-8-sig", "replace")


def _split_card_body(text: str) -> tuple[str, int]:
    """Split off the body of a card, with the number of its first line; all is body if the front matter never ends."""
    front_matter = split_front_matter((text,))
    if front_matter is None or not front_matter.closed:
        return text, 1
    lines = text.splitlines(keepends=True)
    second_fence = front_matter.first_line + front_matter.line_count  # the line of the second fence, from 1
    return "".join(lines[second_fence:]), second_fence + 1


TERMS: Final = Reader("text", _recognises_prose, _read_prose)
"""Runs in addition to the reader of the file's format. It is not among ``READERS``, because it reads nothing else."""
