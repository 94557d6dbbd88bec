"""Recognise JSON and YAML: by their names, and JSON by its first characters too."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.documents.structured import JSON_NAMES, YAML_FILES, YAML_NAMES
from modelaudit.wire.base import Head
from modelaudit.wire.text import get_file_name, looks_like_text

# White space and the bytes of a byte order mark.
_LEADING_SPACE: Final = b"\xef\xbb\xbf \t\r\n"


def recognises_json(head: Head) -> bool:
    """Whether the text has a JSON extension, or begins like a JSON object or array in a way that prose hardly does."""
    if not looks_like_text(head):
        return False
    if get_file_name(head.path).endswith(JSON_NAMES):
        return True
    start = head.data.lstrip(_LEADING_SPACE)
    bracket, after_bracket = start[:1], start[1:].lstrip(_LEADING_SPACE)
    return bracket + after_bracket[:1] in (b'{"', b"{}", b"[{", b"[[", b'["', b"[]")


def recognises_yaml(head: Head) -> bool:
    """Whether this is text with the name or extension of YAML; the bytes do not differ from other text."""
    return is_yaml_name(get_file_name(head.path)) and looks_like_text(head)


def is_yaml_name(name: str) -> bool:
    """Whether a file of this name is YAML."""
    return name.endswith(YAML_NAMES) or name in YAML_FILES
