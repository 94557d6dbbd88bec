"""Find the files and addresses in a configuration that Keras opens when it creates a layer (CVE-2025-12058)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.settings import Setting
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Reference, ReferenceKind

# Keys whose value is a file whenever it is a text.
_FILE_KEYS: Final = frozenset({"vocabulary", "merges", "filepath", "file_path", "vocabulary_path", "vocab_path"})
# Keys whose value is a file only when it also leads out of the model: an address or a path with a root or parent.
_PATH_KEY: Final = defer_pattern(r"(?:.*_)?(?:path|paths|file|filename|dir|directory|url|uri|origin|proto|vocab)")
# An address (https://…), an absolute path (/, \, ~ or C:\ at the start), or a path with a parent folder (../).
_OUTSIDE_PATH: Final = defer_pattern(
    r"[A-Za-z][A-Za-z0-9+.-]{1,20}://|[/\\~]|[A-Za-z]:[\\/]|(?:.{0,1000}[/\\])?\.\.[/\\]"
)
MOST_REFERENCES: Final = 1000
"""Files and addresses of one configuration that are listed."""
_PATH_LENGTH: Final = 1000


def list_references(settings: Sequence[Setting]) -> Iterator[Reference]:
    """Yield a reference for each setting whose value Keras opens as a file or address."""
    for setting in settings:
        value, key = setting.value, setting.path[-1] if setting.path else ""
        if not isinstance(value, str) or not value or "\n" in value:
            continue
        if key in _FILE_KEYS or (_PATH_KEY.fullmatch(key[:100]) and _OUTSIDE_PATH.match(value)):
            kind = ReferenceKind.MODEL if key == "filepath" else ReferenceKind.DATA
            yield Reference(kind, value[:_PATH_LENGTH], key, where=setting.where)
