"""Read requirements files: find the sources outside the default package index that ``pip install -r`` would use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Document, Location
from modelaudit.wire.base import Head, LimitReachedError, Reading
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.documents import check_text
from modelaudit.wire.requirement_lines import collect_requirement_mentions, join_requirement_lines
from modelaudit.wire.text import get_file_name, looks_like_text

# Names such as ``requirements.txt``, ``dev-requirements.in`` or ``constraints-3.11.txt``.
_LIST_WORD: Final = re.compile(r"(?:\A|[-_.])(?:requirements|constraints)[-_.]")
_LIST_EXTENSIONS: Final = (".txt", ".in", ".pip", ".lock")
_LIST_NAMES: Final = frozenset({"requirements", "req.txt"})
_MOST_LINES: Final = 20_000


def recognises(head: Head) -> bool:
    """Whether this is text named like ``requirements.txt``, or a ``.txt`` or ``.in`` file in ``requirements/``."""
    folders = head.path.lower().replace("\\", "/").split("/")[:-1]
    name = get_file_name(head.path)
    has_list_word = _LIST_WORD.search(name) is not None and name.endswith(_LIST_EXTENSIONS)
    is_in_folder = "requirements" in folders and name.endswith((".txt", ".in"))
    return (has_list_word or name in _LIST_NAMES or is_in_folder) and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, and the mentions of the options and addresses in its lines.

    Raises:
        DamagedError: the file is not text to its end.
        LimitReachedError: the file has more lines than are parsed, or the deadline passed.
        WindowError: the window could not return the requested bytes.
    """
    text = check_text(window, limits)
    yield Document("text", "text", lines=text.scan.lines, defects=text.defects)
    # A dictionary, because it keeps the order and each mention once.
    mentions: dict[Mention, None] = {}
    count = 0
    try:
        lines = iterate_within_deadline(join_requirement_lines(text), items_per_check=16)
        for count, (number, line) in enumerate(lines, 1):
            if count > _MOST_LINES:
                break
            mentions.update(dict.fromkeys(collect_requirement_mentions(line, Location(line=number))))
    finally:
        # After the deadline too, the mentions found so far are yielded.
        yield Outline("requirements", tuple(mentions))
    if count > _MOST_LINES:
        raise LimitReachedError(f"only the first {_MOST_LINES} lines were parsed")
