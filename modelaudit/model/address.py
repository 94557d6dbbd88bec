"""Addresses of artifacts: the path of a file in the snapshot, then ``!`` and a member or a byte range of it.

===============================  ====================================================
``model.zip!data.pkl``           a member of an archive, by its name
``model.bin![bytes 100-2000]``   a byte range that no entry of the container names
``model.onnx!pickle@96``         content of a recognised format, found at an offset
``config.json!pickle-in-string@9``  a pickle that a string of a text holds in a coding such as Base64
``model.pkl.gz!content``         the decompressed content of a file that is one stream
``we%21rd/data.pkl``             the file ``we!rd/data.pkl``
``a%5Cxff.pkl``                  the file whose name has a backslash, ``x``, ``f``, ``f``
===============================  ====================================================

Containers nest, so that ``a.tar!b.zip!c.pkl`` is an address too. The name of a file or member may hold the mark as
well, so it is escaped there as in a URL, and a ``!`` in an address always separates. So is a backslash in front of what
would read as the escape of an invisible character (``reports.text``): two names never look equal where they are shown.
Every address is written and taken apart here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

_MARK: Final = "!"
LIKE_ESCAPE: Final = defer_pattern(r"\\(?=[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
"""A backslash that begins what reads as the escape of an invisible character."""
# A name may hold "%21" itself, which is written "%2521"; so that no two names have one address, "%2521" is "%252521".
_ESCAPED: Final = defer_pattern(rf"!|{LIKE_ESCAPE.pattern}|%(?=(?:25)*(?:21|5C))")
_ESCAPE: Final = defer_pattern(r"%21|%5C|%25(?=(?:25)*(?:21|5C))")
_RANGE: Final = r"\[bytes \d+-\d+\]"
_CONTENT: Final = "content"
# The steps at the end of an address that name no member: "!content", "![bytes 100-2000]".
_CONTENT_AND_RANGES: Final = defer_pattern(rf"(?:!{_CONTENT}|!{_RANGE})*+\Z")


def write_file_address(path: str) -> str:
    """Return the address of the file at ``path`` of the snapshot: the path, with misleading characters escaped."""
    return _escape_name(path)


def read_file_path(address: str) -> str:
    """Return the path of the file at ``address``, as the source spells it."""
    return _unescape_name(address)


def _escape_name(name: str) -> str:
    """Escape each ``!`` and each misleading backslash of a name, and each ``%`` that would read as a part of that."""
    return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", name)


def _unescape_name(name: str) -> str:
    r"""Undo ``_escape_name``: ``%21`` becomes ``!``, ``%5C`` a backslash, and a ``%25`` in front of them ``%``."""
    return _ESCAPE.sub(lambda escape: chr(int(escape[0][1:], 16)), name)


def join_member(container: str, name: str) -> str:
    """Return the address of the member ``name`` of ``container``; a ``!`` in the name is escaped."""
    return f"{container}{_MARK}{_escape_name(name)}"


def join_content(container: str) -> str:
    """Return the address of the decompressed content of ``container``."""
    return join_member(container, _CONTENT)


def join_range(container: str, start: int, end: int) -> str:
    """Return the address of the bytes from ``start`` up to, not including, ``end``, both offsets in ``container``."""
    return join_member(container, f"[bytes {start}-{end}]")


STRING_PICKLE: Final = "pickle-in-string"
"""The word for a pickle in a string of a text, in place of its format."""


def join_embedded(container: str, format_: str, offset: int) -> str:
    """Return the address of content of the format ``format_`` that begins at ``offset`` in ``container``."""
    return join_member(container, f"{format_}@{offset}")


def is_member(address: str) -> bool:
    """Whether the address lies within a container."""
    return _MARK in address


def file_of(address: str) -> str:
    """Return the address of the file of the snapshot that holds the address."""
    return address.partition(_MARK)[0]


@lru_cache(maxsize=256)
def split_member(address: str) -> tuple[str, str]:
    """Return the address of the innermost container, empty where there is none, and the path within it, unescaped."""
    container, _, name = address.rpartition(_MARK)
    return container, _unescape_name(name)


def container_of(address: str) -> str:
    """Return the address of the innermost container, or an empty string for a file that lies in no container."""
    return split_member(address)[0]


def member_path(address: str) -> str:
    """Return the path within the innermost container, or the path of the file where there is none, unescaped."""
    return split_member(address)[1]


def lies_within(address: str, container: str) -> bool:
    """Whether ``address`` is a member of ``container``, at any depth."""
    return address.startswith(container + _MARK)


def strip_content_and_ranges(address: str) -> str:
    """Return ``address`` without the steps ``!content`` and ``![bytes …]`` at its end."""
    return _CONTENT_AND_RANGES.sub("", address)
