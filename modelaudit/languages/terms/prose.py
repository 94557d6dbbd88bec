"""Read texts that may hold licence terms: licences, notices, use policies, cards, heads of source files, and any other.

File names decide the kind of a text (``modelaudit.model.term_files``). A text with any other name is read as well if it
holds words of terms, and ``modelaudit.licenses`` decides if it reads like them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from modelaudit.languages.agents.files import holds_instructions
from modelaudit.languages.card import iter_free_fields, split_front_matter
from modelaudit.languages.terms.decoding import decode_text, find_wide_codec
from modelaudit.languages.terms.heads import extract_head_comment
from modelaudit.languages.terms.pdf_text import LARGEST_PDF, extract_pdf_text
from modelaudit.languages.terms.picture_text import PNG_MAGIC, iter_picture_texts
from modelaudit.languages.terms.source_text import extract_source_text
from modelaudit.languages.terms.text_layers import extract_markup_text, extract_string_values, names_terms
from modelaudit.languages.terms.training_bases import LARGEST_TRAINING_FILE, find_training_bases, may_name_base
from modelaudit.languages.terms.word_lists import is_list, keep_sentences, may_limit
from modelaudit.languages.terms.word_text import OFFICE_MAGIC, iter_office_texts
from modelaudit.model.address import member_path, split_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.spelling import normalize_appearance
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.term_files import classify_text_file
from modelaudit.wire.base import Head, Reader, Reading
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.text import get_file_name, looks_like_text, resembles_text

LARGEST_UNNAMED_TEXT: Final = 256 * KIB
"""The largest text without a name of terms that is looked at as a whole, in bytes; data are mostly larger."""
_SETTINGS_NAME: Final = defer_pattern(r"(?:^|[._-])(?:config(?:uration)?|index|metadata|args|params)\.(?:json|ya?ml)$")
_LARGEST_SETTINGS: Final = 16 * MIB
"""Settings of a model are no data, whatever their size; the largest lists of tensors take 10 MiB."""
_LARGEST_SHORT_TEXT: Final = 32 * KIB
_MAX_TEXT: Final = 2 * MIB
_MAX_CODE_HEAD: Final = 16 * KIB
_CODE_SUFFIXES: Final = (
    ".py", ".pyi", ".sh", ".bash", ".js", ".mjs", ".ts", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".rs", ".go",
    ".java", ".jinja", ".cmake", "makefile", "dockerfile",
)  # fmt: skip
_LICENSE_WORDS: Final = defer_pattern(
    r"licen[cs]e|spdx|copyright|all rights reserved|public domain|permission is hereby", re.IGNORECASE
)
# Stems of the words of terms, in the languages of published models. A text without any of them states none.
_ASCII_STEMS: Final = (
    "licenc", "licens", "licenz", "lizenz", "permit", "permis", "warrant", "liab", "grant", "distribut", "copyright",
    "prohibit", "forbid", "restrict", "allowed", "unlawful", "rights", "commerc", "comerc", "kommerz", "consent",
    "agrees", "agreed", "agreement", "resale", "resell", "terms", "conditions", "nutzung", "untersagt", "interdi",
    "prohib", "utilisation",
)  # fmt: skip
_STEMS: Final = (
    *_ASCII_STEMS,
    *("licenç", "лиценз", "запре", "коммерч", "许可", "許可", "授权", "授權", "协议", "協議", "条款", "條款", "禁止"),
    *("不得", "商用", "商业", "商業", "利用規約", "契約", "販売", "販賣", "销售", "倒卖", "盈利", "营利", "再配布"),
    *("라이선스", "라이센스", "약관", "금지", "상업"),
)
_TERM_STEMS: Final = defer_pattern("|".join(_STEMS).replace("rights", r"\brights\b"), re.IGNORECASE)
_MARKUP_SUFFIXES: Final = (".html", ".htm", ".xhtml", ".xml", ".svg")
_RUNNING_TEXT_SUFFIXES: Final = (
    "", ".txt", ".text", ".md", ".mdx", ".markdown", ".rst", ".adoc", ".asciidoc", ".org", ".textile", ".rtf", ".tex",
    ".html", ".htm", ".xhtml",
)  # fmt: skip
"""Suffixes of texts for people, whose single sentences count. The strings of other files may be anything."""
_OFFICE_TEXT: Final = defer_pattern(r"(?:^|[!/])word/(?:document|header|footer|footnotes|endnotes|comments)\d*\.xml$")
"""A part of a document of Word with text for people (ECMA-376, part 1, 11.3)."""
_STRING_SUFFIXES: Final = (".json", ".jsonl", ".json5", ".ndjson", ".ipynb", ".webmanifest")
_PACKAGE_FILES: Final = ("pyproject.toml", "setup.cfg", "setup.py", "package.json", "cargo.toml", "meta.yaml")
_MIN_TEXT_SPACES: Final = 2
"""The least white space in a text of metadata that may be a sentence; shorter ones are names."""
_PART_CHARACTERS: Final = 16_000
_PART_OVERLAP: Final = 2_000
_MIN_PART_STEMS: Final = 4
_LARGEST_LIST: Final = 32 * MIB
_LIST_PART: Final = 256 * KIB
_PROSE_SHARE: Final = 0.85
"""The least share of letters and white space in running prose; a table or a list of merges has less."""
_MOST_PARTS: Final = 10
_SPDX_LINE: Final = defer_pattern(r"SPDX-License-Identifier:[^\r\n]{1,200}")
_STATED_LICENSE: Final = defer_pattern(
    r"^[ \t]{0,8}__licen[cs]e__[ \t]{0,3}=[ \t]{0,3}[\"'](?P<value>[^\"'\r\n]{2,200})[\"']", re.MULTILINE
)
_MOST_TAGS: Final = 20
_PDF_MAGIC: Final = b"%PDF-"
_PDF_START_BYTES: Final = 1024  # readers accept some bytes before the magic number


def classify_file(path: str) -> ProseKind | None:
    """Classify a file by its name or its folder; ``None`` if neither shows that it holds terms."""
    name = get_file_name(path)
    kind = classify_text_file(path, name)
    return ProseKind.CODE if kind is None and name.endswith(_CODE_SUFFIXES) else kind


def recognise_terms(head: Head) -> bool:
    """Whether a file is text that may hold terms, by its first bytes: any text, PDF or PNG, whatever its name."""
    container, member = split_member(head.path)
    # A text with control characters is read as it is, and once more without them as a member of itself.
    if head.content is not None or (container and member == member_path(container)):
        return False
    if looks_like_text(head) or _has_text_layer(head):
        return True
    is_other = detect_strong_magic(head.data) is not None
    return not is_other and (resembles_text(head) or find_wide_codec(head.data) is not None)


def is_looked_at(head: Head, size: int) -> bool:
    """Whether a text of ``size`` bytes is looked at: a large one only if named as terms, or if it is code or prose."""
    is_named = classify_file(head.path) is not None or _has_text_layer(head)
    return is_named or size <= _get_largest_size(head.path) or _get_suffix(head.path) in _RUNNING_TEXT_SUFFIXES


def _has_text_layer(head: Head) -> bool:
    """Whether a file is a PDF, an old Office file, or a PNG picture with a text in its metadata."""
    if head.data.startswith(OFFICE_MAGIC):
        return True
    if head.data.startswith(PNG_MAGIC):
        return next(iter_picture_texts(head.window), None) is not None
    return _PDF_MAGIC in head.data[:_PDF_START_BYTES]


def _get_largest_size(path: str) -> int:
    """Return the largest size in bytes at which a text without a name of terms is looked at as a whole."""
    return _LARGEST_SETTINGS if _SETTINGS_NAME.search(get_file_name(path)) else LARGEST_UNNAMED_TEXT


def _get_suffix(path: str) -> str:
    """Return the suffix of a file name, with its dot; empty for a name without one, and for a hidden file."""
    name = get_file_name(path)
    return name[name.rfind(".") :] if "." in name[1:] else ""


def _read_terms(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text, without the front matter of a card, and an absence if the text of a named file is over the limit.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    kind = classify_file(artifact.path)
    start = window.read(0, min(window.size, _PDF_START_BYTES))
    if start.startswith((PNG_MAGIC, OFFICE_MAGIC)) or _PDF_MAGIC in start:
        yield from _read_text_layer(kind, start, window, limits)
        return
    if kind in (None, ProseKind.CODE) and may_name_base(artifact.path):
        beginning = window.read(0, min(window.size, LARGEST_TRAINING_FILE))
        yield from find_training_bases(artifact.path, decode_text(beginning))
    if kind is None:
        yield from _read_unnamed(artifact.path, window)
        return
    max_bytes = min(_MAX_CODE_HEAD if kind is ProseKind.CODE else _MAX_TEXT, limits.document_bytes, limits.read_bytes)
    whole_text = text = decode_text(window.read(0, max_bytes))
    first_line = 1
    if kind is ProseKind.CODE:
        yield from _read_code(window, text)
        return
    if kind is ProseKind.CARD:
        text, first_line = _split_card_body(text)
    if get_file_name(artifact.path).endswith(_MARKUP_SUFFIXES):
        text = extract_markup_text(text)
    if text.strip():
        yield Prose(kind, text, first_line)
    front_matter = split_front_matter((whole_text,)) if kind is ProseKind.CARD else None
    for field_text, line in iter_free_fields(front_matter) if front_matter is not None else ():
        yield Prose(kind, field_text, line)
    if window.size > max_bytes:
        detail = f"only its first {max_bytes} bytes were compared with the words of licences"
        yield Unread(UnreadReason.LIMIT, detail)


def _read_text_layer(kind: ProseKind | None, start: bytes, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text in a file that is none: of a PDF, in the metadata of a picture, in an old Office file.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    if start.startswith(PNG_MAGIC):
        yield from read_metadata_texts(iter_picture_texts(window))
    elif start.startswith(OFFICE_MAGIC):
        yield from read_metadata_texts(iter_office_texts(window.read(0, min(window.size, _MAX_TEXT))))
        if window.size > _MAX_TEXT:
            yield Prose(ProseKind.STRINGS, "", 1, f"only its first {_MAX_TEXT} bytes were looked at")
    else:
        yield from _read_pdf(kind, window, limits)


def _read_unnamed(path: str, window: Window) -> Iterator[Reading]:
    """Yield the text of a file whose name promises no terms, if it holds any of their words."""
    suffix = _get_suffix(path)
    is_running_text = suffix in _RUNNING_TEXT_SUFFIXES or _OFFICE_TEXT.search(path) is not None
    if window.size > _get_largest_size(path):
        if is_running_text:
            yield from _read_dense_parts(window)
        return
    text, first_line = decode_text(window.read(0, window.size)), 1
    if get_file_name(path) in _PACKAGE_FILES:
        # Other lines of a package's metadata are settings of tools; blank ones keep the numbers of the lines.
        lines = (line if _LICENSE_WORDS.search(line) else "" for line in text.splitlines())
        text, is_running_text = "\n".join(lines), True
    if suffix in _MARKUP_SUFFIXES:
        text = extract_markup_text(text)
    elif suffix in _STRING_SUFFIXES and not is_running_text:
        text, first_line = extract_string_values(text)
    holds_words = is_list(text)
    is_prose = is_running_text and not holds_words
    if holds_words:
        text = keep_sentences(text)
    # A short text for people may restrict in words that are no stems of terms.
    if may_limit(text) or _has_term_stem(text) or (is_prose and window.size <= _LARGEST_SHORT_TEXT):
        yield Prose(_classify_unnamed(path) if is_prose else ProseKind.STRINGS, text, first_line)


def _classify_unnamed(path: str) -> ProseKind:
    """Classify the running text of a file whose name promises no terms."""
    return ProseKind.INSTRUCTIONS if holds_instructions(path) else ProseKind.DOCUMENT


def _has_term_stem(text: str) -> bool:
    """Whether a text holds a stem of a word of terms."""
    folded = text if text.isascii() else normalize_appearance(text)
    return _may_have_stems(folded, 1) and _TERM_STEMS.search(folded) is not None


def _may_have_stems(text: str, count: int) -> bool:
    """Whether ``_TERM_STEMS`` may find ``count`` different texts.

    Searching for literals takes a fraction of the time of the pattern.
    """
    if text.isascii():
        lowered = text.lower()
        return sum(stem in lowered for stem in _ASCII_STEMS) >= count
    # To ``re``, a dotless "i" is an "i" as well.
    lowered = text.casefold().replace("\u0131", "i")
    return any(stem in lowered for stem in _STEMS)


def _read_dense_parts(window: Window) -> Iterator[Reading]:
    """Yield the parts of a large text that hold many words of terms; vocabularies and data are mostly as large."""
    size = min(window.size, _MAX_TEXT)
    text = decode_text(window.read(0, size))
    unread = f"only parts of its first {size} bytes were looked at"
    parts = 0
    for start in range(0, len(text), _PART_CHARACTERS):
        part = text[start : start + _PART_CHARACTERS + _PART_OVERLAP]
        folded = part.lower() if part.isascii() else normalize_appearance(part)
        if not _may_have_stems(folded, _MIN_PART_STEMS):
            continue
        if len({stem[0] for stem in _TERM_STEMS.finditer(folded)}) < _MIN_PART_STEMS or is_list(part):
            continue
        yield Prose(ProseKind.DOCUMENT, part, text.count("\n", 0, start) + 1, unread)
        parts += 1
        if parts == _MOST_PARTS:
            break
    if any(
        _is_running_prose(text[start : start + _PART_CHARACTERS]) for start in range(0, len(text), _PART_CHARACTERS)
    ):
        # Any sentence of the rest may restrict the use.
        yield Prose(ProseKind.DOCUMENT, "", 1, unread)
    else:
        yield from _read_long_list(window)


def _read_long_list(window: Window) -> Iterator[Reading]:
    """Yield the sentences of terms among the lines of a list of any length, such as a vocabulary."""
    size = min(window.size, _LARGEST_LIST)
    first_line = 1
    for start in range(0, size, _LIST_PART):
        # A line that goes on in the next part is read again there, with its beginning.
        data = window.read(start, min(_LIST_PART + _PART_OVERLAP, size - start))
        text = decode_text(data)
        kept = keep_sentences(text) if may_limit(text) else ""
        if may_limit(kept):
            yield Prose(ProseKind.STRINGS, kept.rstrip(), first_line)
        first_line += data.count(b"\n", 0, _LIST_PART)
    if window.size > size:
        yield Prose(ProseKind.DOCUMENT, "", 1, f"only its first {size} bytes were looked at")


def _is_running_prose(text: str) -> bool:
    """Whether a text consists of words in lines, and is neither a list of words nor a table of numbers or marks."""
    words = sum(1 for letter in text if letter.isalpha() or letter.isspace())
    return not is_list(text) and words >= _PROSE_SHARE * len(text)


def _read_code(window: Window, start: str) -> Iterator[Reading]:
    """Yield the comment at the head of a source file, and the comments and strings behind it, if they may state terms.

    A tag of SPDX counts on any line. ``start`` is the beginning of the file.
    """
    head, first_line = extract_head_comment(start)
    head_lines = first_line + head.count("\n") if head else 0
    if head.strip() and (_LICENSE_WORDS.search(head) or _has_term_stem(head)):
        yield Prose(ProseKind.CODE, head, first_line)
    size = min(window.size, _MAX_TEXT)
    lines = decode_text(window.read(0, size)).split("\n", head_lines)
    body = lines[-1] if len(lines) > head_lines else ""
    if window.size > size:
        yield Prose(ProseKind.STRINGS, "", 1, f"only its first {size} bytes were looked at")
    if not may_limit(body):
        return
    text = extract_source_text(body)
    for tag in islice(_SPDX_LINE.finditer(text), _MOST_TAGS):
        yield Prose(ProseKind.CODE, tag[0], head_lines + 1 + text.count("\n", 0, tag.start()))
    for stated in islice(_STATED_LICENSE.finditer(body), _MOST_TAGS):
        line = head_lines + 1 + body.count("\n", 0, stated.start())
        yield Prose(ProseKind.STRINGS, f"license: {stated['value']}", line)
    if may_limit(text):
        yield Prose(ProseKind.STRINGS, text, head_lines + 1)


def read_metadata_texts(texts: Iterable[str | tuple[str, str]]) -> Iterator[Prose]:
    """Yield the texts in the metadata of a model file that may state terms, as one text without lines of the file.

    Args:
        texts: the texts, or pairs of a key and its text. Below a key that names terms each text counts, with the key.
    """
    kept = []
    for each in texts:
        key, text = ("", each) if isinstance(each, str) else each
        if names_terms(key):
            kept.append(f"{key}: {text}")
        elif text.count(" ") >= _MIN_TEXT_SPACES and may_limit(text):
            kept.append(text)
    if kept:
        yield Prose(ProseKind.STRINGS, "\n\n".join(kept), 0)


def _read_pdf(kind: ProseKind | None, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text layer of a PDF, or the reason why it could not be extracted."""
    kind = ProseKind.STRINGS if kind in (None, ProseKind.CODE) else kind
    largest = min(LARGEST_PDF, limits.document_bytes, limits.read_bytes)
    if window.size > largest:
        yield Prose(kind, "", 1, f"it takes {window.size} bytes, and the text of a PDF is read up to {largest}")
        return
    extracted = extract_pdf_text(window.read(0, window.size))
    yield Prose(kind, extracted.text, 1, extracted.unread)


def _split_card_body(text: str) -> tuple[str, int]:
    """Split off the body of a card, with the number of its first line; all is body if the front matter never ends."""
    front_matter = split_front_matter((text,))
    if front_matter is None or not front_matter.closed:
        return text, 1
    lines = text.splitlines(keepends=True)
    second_fence = front_matter.first_line + front_matter.line_count  # the line of the second fence, from 1
    return "".join(lines[second_fence:]), second_fence + 1


TERMS: Final = Reader("text", recognise_terms, _read_terms)
"""Runs in addition to the reader of the file's format. It is not among ``READERS``, because it reads nothing else."""
