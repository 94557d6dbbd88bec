"""Analyse the free text in the metadata of a file: embedded documents, code, commands, markup and callback addresses.

Tensor formats accept any text as metadata. Loaders ignore it, but other tools evaluate it, show it as a web page or
call its addresses. Code and commands count only if the whole text is a program or a command line, so that prose which
mentions them gives no findings. Markup counts if an element runs a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.formats.embedded import DecodedWindow, detect_coding
from modelaudit.formats.interpreters import INTERPRETERS
from modelaudit.languages.code_text import find_dangerous_programs, find_python_calls
from modelaudit.languages.jinja import documents as templates
from modelaudit.languages.programs import report_program_keys
from modelaudit.languages.settings import Setting, interpret_settings
from modelaudit.languages.terms.prose import read_metadata_texts
from modelaudit.languages.terms.statements import extract_statements
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, Limits
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES, LimitReachedError, Reading
from modelaudit.wire.bounds import report_bound
from modelaudit.wire.members import MemberPaths
from modelaudit.wire.windows import get_budget, make_opener

_MAX_KEY_LENGTH: Final = 200
_MAX_QUOTED_CHARACTERS: Final = 200
_MAX_SEARCHED_BYTES: Final = 256 * KIB
_MAX_DOCUMENTS: Final = 2000
_MAX_ABSENCES: Final = 20
# The start of a JSON object or list that is not prose in braces or brackets.
_JSON: Final = defer_pattern(rb"\s*+(?:\{\s*+[\"}]|\[\s*+[\[{\"\]])")
# Keys and tags that make loaders of YAML import code.
_YAML: Final = defer_pattern(
    rb"(?:^|[\s{,])(?:-\s++)?+[\"']?+(?:_target_|auto_map|__class__|__reduce__)[\"']?+\s*+:|!!?python/"
)
_MIN_ENCODED_LENGTH: Final = 24
# Elements and attributes that run scripts or load pages: <script>, javascript: or <img … onerror=.
_MARKUP: Final = defer_pattern(
    r"<(script|iframe|object|embed)[\s>/]|(javascript):|<[a-z][^<>]{0,500}\s(on[a-z]{3,20})\s*=", re.IGNORECASE
)
_ADDRESS: Final = defer_pattern(r"\s*+https?://\S++\s*+\Z", re.IGNORECASE)
# Keys of addresses that programs report to. Other keys hold links for people.
_CALLBACK_KEY: Final = defer_pattern(r"(?:\A|[._\-])(callback|webhook|beacon|exfil)(?:[._\-]|\Z)", re.IGNORECASE)


class MetadataEntry(Struct, frozen=True):
    """One text of the metadata: its key, and its bytes in UTF-8."""

    key: str
    data: bytes


def collect_mentions(entries: Sequence[MetadataEntry]) -> tuple[tuple[Mention, ...], tuple[Unread, ...]]:
    """Return the code, commands, markup and callback addresses in the texts, each name once for each key.

    Returns:
        The mentions, and an absence for the first few texts that were not searched to their end.
    """
    mentions: dict[tuple[str, str, str], Mention] = {}
    absences: list[Unread] = []
    for entry in entries:
        for found in _collect_entry_mentions(entry):
            if isinstance(found, Mention):
                mentions.setdefault((found.vocabulary, found.name, entry.key), found)
            elif len(absences) < _MAX_ABSENCES:  # more of the same absence add nothing to the verdict
                absences.append(found)
    return tuple(mentions.values()), tuple(absences)


def _collect_entry_mentions(entry: MetadataEntry) -> Iterator[Mention | Unread]:
    """Yield the code, commands, markup and callback address in one text, and absences; see ``collect_mentions``."""
    text = entry.data.strip()[:_MAX_SEARCHED_BYTES].decode("utf-8", "replace")
    where = Location(key=entry.key[:_MAX_KEY_LENGTH])
    markup_names: set[str] = set()
    try:
        for name in find_python_calls(text):
            yield Mention("python-names", "metadata-code", name, where, _shorten_text(text))
    except LimitReachedError as error:
        yield Unread(UnreadReason.LIMIT, f"{where.key}: {error}", where)
    for name in find_dangerous_programs(text):
        yield Mention("metadata-texts", "command", name, where, _shorten_text(text))
    for match in _MARKUP.finditer(text):
        element, script_address, handler = match.groups()
        name = "event-handler" if handler else (element or script_address).lower()
        if name in markup_names:
            continue
        markup_names.add(name)
        yield Mention("metadata-texts", "markup", name, where, _shorten_text(match[0]))
    callback = _CALLBACK_KEY.search(entry.key)
    if callback is not None and _ADDRESS.match(text):
        yield Mention("metadata-texts", "address", callback[1].lower(), where, _shorten_text(text))


def _shorten_text(text: str) -> str:
    """Return the text in one line of at most 200 characters."""
    return " ".join(text.split())[:_MAX_QUOTED_CHARACTERS]


def read_metadata(
    artifact: Artifact, window: Window, entries: Sequence[MetadataEntry], limits: Limits
) -> Iterator[Reading]:
    """Yield the structures in the metadata of a file, and an artifact for each document or encoded text in it.

    Args:
        artifact: the file.
        window: the window that the file is read through, for its budget.
        entries: the metadata; each entry is passed to interpreters as a setting with its key.
        limits: bounds on documents and decoding.
    """
    keys = {entry.key for entry in entries}
    yield from report_program_keys(keys)
    yield from extract_statements(
        (entry.key, entry.data[:_MAX_SEARCHED_BYTES].decode("utf-8", "replace")) for entry in entries
    )
    settings = [Setting((entry.key,), entry.data.decode("utf-8", "replace")) for entry in entries]
    texts = [setting.value for setting in settings if isinstance(setting.value, str)]
    yield from read_metadata_texts(
        (entry.key, setting.value[:_MAX_SEARCHED_BYTES])
        for entry, setting in zip(entries, settings, strict=True)
        if isinstance(setting.value, str)
    )
    # A text under any key may be a template, as in a document. Other marks occur in prose as well.
    has_template = any(map(templates.MARKS.search, texts))
    interpreters = [
        each for each in INTERPRETERS if each.keys & keys or (has_template and each is templates.INTERPRETER)
    ]
    yield from interpret_settings(interpreters, artifact.path, settings, limits)
    paths = MemberPaths(join_member(artifact.path, "metadata"))
    budget = get_budget(window, limits)
    document_count = 0
    for entry in entries:
        ending = _choose_ending(entry.data)
        if ending is None and len(entry.data.strip()) > _MAX_SEARCHED_BYTES:
            detail = f"{entry.key[:_MAX_KEY_LENGTH]}: only the first {_MAX_SEARCHED_BYTES} bytes were searched"
            yield Unread(UnreadReason.LIMIT, detail, Location(key=entry.key[:_MAX_KEY_LENGTH]))
        if ending is None:
            continue
        document_count += 1
        if document_count > _MAX_DOCUMENTS:
            continue
        budget.spend(len(entry.data))
        document = DecodedWindow(entry.data, budget)
        path = paths.name_member(entry.key[:_MAX_KEY_LENGTH] + ending)
        yield Artifact(path, document.size, make_opener(document), may_be_program=False)
    if document_count > _MAX_DOCUMENTS:
        yield report_bound(_MAX_DOCUMENTS, "documents in the metadata")


def _choose_ending(data: bytes) -> str | None:
    """Return the ending that the name of a text needs so that a reader recognises it; ``None`` for plain text.

    Returns:
        ``""`` for JSON and encoded content, which readers recognise under any name; ``".yaml"`` for YAML that imports.
    """
    if _JSON.match(data):
        return ""
    if _YAML.search(data):
        return ".yaml"
    if len(data) >= _MIN_ENCODED_LENGTH and detect_coding(data[:HEAD_BYTES], len(data) > HEAD_BYTES) is not None:
        return ""
    return None
