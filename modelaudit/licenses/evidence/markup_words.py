"""Read what the markup of a text says beside its words: addresses of links and pictures, and texts of attributes.

A card may name its licence by a badge, a button of Creative Commons or a link alone. Source of the badges' spelling:
https://shields.io/badges (``-`` parts label, message and colour, ``--`` is a hyphen, ``_`` a space).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

from modelaudit.model.lazy_pattern import defer_pattern

_TAG = defer_pattern(r"<[a-z][^<>]{0,2000}>", re.IGNORECASE)
_ATTRIBUTE = defer_pattern(
    r"\s(?P<name>alt|title|content|aria-label|href|src)\s{0,3}=\s{0,3}"
    r"(?:\"(?P<double>[^\"]{1,1000})\"|'(?P<single>[^']{1,1000})'|(?P<bare>[^\s\"'<>]{1,500}))",
    re.IGNORECASE,
)
_ADDRESS_NAMES = frozenset({"href", "src"})
_MARKDOWN_TARGET = defer_pattern(r"\]\(\s{0,3}<?(?P<address>[^\s()<>]{1,500})")
_BADGE = defer_pattern(r"https?://(?:img\.)?shields\.io/badge/(?P<words>[^?#\s]{1,300})", re.IGNORECASE)
_BADGE_PART = defer_pattern(r"(?<!-)-(?!-)")
_CREATIVE_COMMONS_NAME = defer_pattern(r"\W{0,3}cc[\s-]?by\b", re.IGNORECASE)


def iter_attribute_texts(markup: str) -> Iterator[str]:
    """Yield the texts that attributes of HTML tags show: in place of a picture, and beside what is pointed at."""
    for name, value in _iter_attributes(markup):
        if name not in _ADDRESS_NAMES and value.strip():
            yield f"License: {value}" if _CREATIVE_COMMONS_NAME.match(value) else value


def iter_addresses(markup: str) -> Iterator[str]:
    """Yield the addresses that links and pictures of Markdown and HTML lead to."""
    yield from (target["address"] for target in _MARKDOWN_TARGET.finditer(markup))
    yield from (value for name, value in _iter_attributes(markup) if name in _ADDRESS_NAMES)


def spell_address(address: str) -> str:
    """Spell an address as words: a badge as its label and message, any other one decoded."""
    badge = _BADGE.match(address)
    if badge is None:
        return unquote(address)
    label, *rest = _BADGE_PART.split(unquote(badge["words"]))
    message = rest[0] if rest else ""
    return f"{label}: {message}".replace("--", "-").replace("_", " ")


def _iter_attributes(markup: str) -> Iterator[tuple[str, str]]:
    """Yield the name, in lower case, and the decoded value of each attribute of interest."""
    for tag in _TAG.finditer(markup):
        for each in _ATTRIBUTE.finditer(tag[0]):
            yield each["name"].lower(), html.unescape(each["double"] or each["single"] or each["bare"] or "")
