"""Read text with control characters, each as a blank: of a table of words each byte is known, of other text none."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.formats.embedded import DecodedWindow
from modelaudit.model.address import join_member, member_path
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import MARRED_TEXT
from modelaudit.wire.base import Reading
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.text import blank_controls, get_file_name, is_marred_table
from modelaudit.wire.windows import get_budget, make_opener, read_all_bytes


def read_marred_text(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text with blanks in place of control characters as an artifact of the same name, and an absence.

    No format of text allows control characters, and many loaders read over them.

    Raises:
        WindowError: the file is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    words = read_marred_table(artifact, window, limits)
    if words is None:
        yield MARRED_TEXT
        words = _blank_text(artifact, read_all_bytes(window, limits.document_bytes), window, limits)
    yield words


def read_marred_table(artifact: Artifact, window: Window, limits: Limits) -> Artifact | None:
    """Return a table of words with blanks in place of its few control characters; ``None`` for anything else.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    if window.size > limits.document_bytes:
        return None
    data = window.read(0, window.size)
    if not is_marred_table(get_file_name(artifact.path), data):
        return None
    claim_parsed(window)
    return _blank_text(artifact, data, window, limits)


def _blank_text(artifact: Artifact, data: bytes, window: Window, limits: Limits) -> Artifact:
    """Return a text with blanks in place of control characters, as an artifact of the same name."""
    budget = get_budget(window, limits)
    budget.spend(len(data))
    content = DecodedWindow(blank_controls(data), budget)
    path = join_member(artifact.path, member_path(artifact.path))
    return Artifact(path, content.size, make_opener(content), may_be_program=artifact.may_be_program)
