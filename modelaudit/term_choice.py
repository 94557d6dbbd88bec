"""Choose how the files of a target are read for its licence: completely, as a text alone, or not at all.

A scan reads every file completely, with the same readers. The choice leaves out only what yields no claim, so that a
licence check and a scan come to one answer on the same files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from modelaudit.languages.terms.prose import is_looked_at, recognise_terms
from modelaudit.licenses.evidence.scope import explain_other_work, may_hold_weights
from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import UnopenedFile
from modelaudit.model.term_files import classify_text_file, may_be_text
from modelaudit.sources.small import is_small_file, may_hold_terms, may_state_terms
from modelaudit.wire.base import HEAD_BYTES, Head
from modelaudit.wire.sniff import is_tar, name_format

# Formats whose metadata may state a licence, and containers whose members may; name_format names them.
_FORMATS_WITH_STATEMENTS: Final = frozenset({
    "GGUF", "ONNX Runtime model", "ZIP", "tar", "gzip", "bzip2", "xz", "LZMA", "LZ4", "LZ4 (legacy frame)", "Zstandard",
    "7-Zip",
})  # fmt: skip
_SUFFIXES_WITH_STATEMENTS: Final = (".gguf", ".safetensors", ".onnx", ".ort", ".md", ".markdown")
_OTHER_BINARY: Final = defer_pattern(
    r"\.(?:pdf|docx?|xlsx?|pptx?|odt|rtf|ttf|otf|woff2?|eot|o|a|class|wasm|node|mo|db|sqlite3?|pack|idx|DS_Store)$",
    re.IGNORECASE,
)
_LARGEST_SMALL_BINARY: Final = 1024
_LENGTH_BYTES: Final = 8  # a safetensors file begins with the length of its header, a JSON object


class TermChoice(StrEnum):
    """How a file is read for the licence."""

    WHOLE = "whole"
    """With all readers of its format: a name of terms, a card, or a format that states or contains licences."""
    TEXT = "text"
    """As a text alone, by its words."""
    CLOSED = "closed"
    """Not at all: other data."""


def choose_term_files(snapshot: Snapshot) -> tuple[tuple[Artifact, ...], frozenset[str]]:
    """Choose the artifacts to read for the licence, and the paths of those that are read as texts alone."""
    choices = [(each, choose_reading(each)) for each in snapshot.artifacts]
    opened = tuple(each for each, choice in choices if choice is not TermChoice.CLOSED)
    return opened, frozenset(each.path for each, choice in choices if choice is TermChoice.TEXT)


def list_unopened(snapshot: Snapshot, opened: Sequence[Artifact]) -> tuple[UnopenedFile, ...]:
    """List the files of a snapshot that are not among ``opened``, sorted by path."""
    paths = {each.path for each in opened}
    rest = (UnopenedFile(each.path, each.size) for each in snapshot.artifacts if each.path not in paths)
    return tuple(sorted(rest, key=lambda each: each.path))


def choose_reading(artifact: Artifact) -> TermChoice:
    """Choose how a file is read, by its name, and by its first bytes if the name promises no terms.

    A file that cannot be opened is chosen if it may state terms, so that its absence is reported.
    """
    if artifact.open is None:
        return TermChoice.WHOLE if may_state_terms(artifact) else TermChoice.CLOSED
    if is_small_file(artifact.path) or may_hold_terms(artifact.path, artifact.size) or artifact.obstacle is not None:
        return TermChoice.WHOLE
    if artifact.path.lower().endswith(_SUFFIXES_WITH_STATEMENTS):
        return TermChoice.WHOLE
    try:
        with artifact.open() as window:
            head = Head(artifact.path, artifact.content, window.read(0, min(HEAD_BYTES, window.size)), window)
            if _may_hold_statements(head.data):
                return TermChoice.WHOLE
            is_text = recognise_terms(head) and is_looked_at(head, window.size)
            return TermChoice.TEXT if is_text else TermChoice.CLOSED
    except WindowError:  # the reading meets it again, and reports it
        return TermChoice.WHOLE


def list_unnamed_weights(snapshot: Snapshot) -> list[str]:
    """List the binary files in folders of other works that may be weights, whatever their names.

    Small files, texts, pictures and programs are none. A file that cannot be opened may be weights.
    """
    return [
        each.path
        for each in snapshot.artifacts
        if each.size > _LARGEST_SMALL_BINARY and explain_other_work(each.path) and _is_unnamed_binary(each)
    ]


def _is_unnamed_binary(artifact: Artifact) -> bool:
    """Whether a file holds bytes that are no text, or is closed, and its name gives no other purpose than a model."""
    packed = may_hold_weights(artifact.path)
    if packed or _OTHER_BINARY.search(artifact.path) or not may_be_text(artifact.path):
        return packed
    if artifact.open is None:
        return classify_text_file(artifact.path) is None
    try:
        with artifact.open() as window:
            data = window.read(0, min(HEAD_BYTES, window.size))
            head = Head(artifact.path, artifact.content, data, window)
            return b"\0" in data and not recognise_terms(head)
    except WindowError:
        return True


def _may_hold_statements(data: bytes) -> bool:
    """Whether the first bytes are those of a format that states or contains licences."""
    is_safetensors = data[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and data[:1] != b"{"
    return is_safetensors or is_tar(data) or name_format(data, "") in _FORMATS_WITH_STATEMENTS
