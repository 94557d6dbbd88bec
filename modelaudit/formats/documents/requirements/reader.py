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
from modelaudit.wire.deadline import iterate_in_time
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.requirement_lines import collect_requirement_mentions, join_requirement_lines
from modelaudit.wire.text import get_file_name, looks_like_text

_LIST_NAME: Final = re.compile(
    r"(?:.*[-_.])?(?:requirements|constraints)(?:[-_.].*)?\.(?:txt|in|pip)|requirements|req\.txt"
)
_MOST_LINES: Final = 20_000


def recognises(head: Head) -> bool:
    """Whether this is text named like ``requirements.txt``, or a ``.txt`` or ``.in`` file in ``requirements/``."""
    folders = head.path.lower().replace("\\", "/").split("/")[:-1]
    name = get_file_name(head.path)
    named = _LIST_NAME.fullmatch(name) is not None or ("requirements" in folders and name.endswith((".txt", ".in")))
    return named and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, and the mentions of the options and addresses in its lines.

    Raises:
        DamagedError: the file is not text to its end.
        LimitReachedError: the file has more lines than are parsed.
        WindowError: the window could not return the requested bytes.
    """
    text, scan, defects = read_whole_text(window, limits)
    yield Document("text", "text", lines=scan.lines, defects=defects)
    found: dict[Mention, None] = {}
    count = 0
    try:
        for count, (number, line) in enumerate(iterate_in_time(join_requirement_lines(text), 16), 1):
            if count > _MOST_LINES:
                break
            found.update((mention, None) for mention in collect_requirement_mentions(line, Location(line=number)))
    finally:
        yield Outline("requirements", tuple(found))
    if count > _MOST_LINES:
        raise LimitReachedError(f"only the first {_MOST_LINES} lines were parsed")
