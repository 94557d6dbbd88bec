"""Files and addresses that a configuration names and that Keras opens when it makes the layer (CVE-2025-12058)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.settings import Setting
from modelaudit.model.outline import Reference, ReferenceKind

# Read as a file whatever they look like, unless they are lists.
_FILES: Final = frozenset({"vocabulary", "merges", "filepath", "file_path", "vocabulary_path", "vocab_path"})
_MAYBE: Final = re.compile(r"(?:.*_)?(?:path|paths|file|filename|dir|directory|url|uri|origin|proto|vocab)")
_LEADS_OUT: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://|[/\\~]|[A-Za-z]:[\\/]|(?:.{0,1000}[/\\])?\.\.[/\\]")
_MOST: Final = 1000
_LENGTH: Final = 1000


def references_of(settings: Sequence[Setting]) -> tuple[Reference, ...]:
    """What the settings name of other files; bounded."""
    return tuple(_found(settings))


def _found(settings: Sequence[Setting]) -> Iterator[Reference]:
    count = 0
    for setting in settings:
        value, key = setting.value, setting.path[-1] if setting.path else ""
        if not isinstance(value, str) or not value or "\n" in value:
            continue
        if key in _FILES or (_MAYBE.fullmatch(key[:100]) and _LEADS_OUT.match(value)):
            count += 1
            if count > _MOST:
                return
            kind = ReferenceKind.MODEL if key == "filepath" else ReferenceKind.DATA
            yield Reference(kind, value[:_LENGTH], key, where=setting.where)
