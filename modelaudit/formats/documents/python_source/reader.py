"""Files of Python source, told by their names or first line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.python import uses
from modelaudit.languages.python.analysis import SourceAnalysis, analyze_source
from modelaudit.languages.python.source import decode_source
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.text import file_name, looks_like_text
from modelaudit.wire.windows import read_whole

_ENDINGS: Final = (".py", ".pyw", ".pyi", ".py.txt", ".py3")
_AT_START: Final = ("sitecustomize.py", "usercustomize.py")
_SHEBANG: Final = re.compile(rb"#![^\n]{0,100}\bpython[0-9.]*\b")
_MOST_REFERENCES: Final = 200


def recognises(head: Head) -> bool:
    """Source by its name, whatever its bytes: a loader goes by the name, too. A path file counts where it imports."""
    if head.content is not None or not head.data:
        return False
    name = file_name(head.path)
    if name.endswith(_ENDINGS):
        return True
    if not looks_like_text(head):
        return False
    return name.endswith(".pth") or _SHEBANG.match(head.data) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what the source does, what other files it imports, and what of it could not be followed.

    Raises:
        WindowError: it is over ``document_bytes``, or from the window.
    """
    text, encoding = decode_source(read_whole(window, limits.document_bytes))
    if file_name(artifact.path).endswith(".pth"):
        # site.py runs the lines that begin so, and adds the others to the search path.
        text = "\n".join(line if line.startswith(("import ", "import\t")) else "" for line in text.splitlines())
    found = analyze_source(text, encoding)
    if file_name(artifact.path).endswith((".pth", *_AT_START)) and text.strip():
        line = next(number for number, each in enumerate(text.splitlines(), 1) if each.strip())
        start = Mention(
            uses.VOCABULARY, uses.TEXT, "(start-up of Python)", Location(line=line), file_name(artifact.path)
        )
        found.mentions = (*found.mentions, start)
    yield from readings(found)


def readings(found: SourceAnalysis, key: str = "") -> Iterator[Reading]:
    """A judgement as a reader yields it."""
    yield Outline("python", found.mentions, found.facts)
    items = [
        Reference(
            ReferenceKind.CODE, f"{name.replace('.', '/')}.py", "import", where=Location(line=line, key=key or None)
        )
        for (level, name), line in found.relative_imports.items()
        if level == 1 and name
    ]
    if items:
        yield References("python", tuple(items[:_MOST_REFERENCES]))
    for line, fault in found.damage:
        detail = f"line {line} does not parse as Python ({fault}); its names were judged, not what it does"
        yield Unread(UnreadReason.DAMAGED, detail, Location(line=line))
    for line, fault in found.bounds:
        yield Unread(UnreadReason.LIMIT, f"line {line}: {fault}; its names were judged", Location(line=line))
