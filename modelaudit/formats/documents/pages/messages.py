"""Read MIME messages, such as pages that a browser saved as MHTML: each part is an artifact of its own.

Source: RFC 2045 and RFC 2046 for the parts and their encodings, RFC 2557 for MHTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.feedparser import BytesFeedParser
from email.headerregistry import HeaderRegistry
from email.message import Message
from typing import Final

from modelaudit.formats.documents.pages import MESSAGE_EXTENSIONS
from modelaudit.formats.documents.pages.reader import read as read_page
from modelaudit.formats.embedded import DecodedWindow
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.bounds import report_bound
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import get_budget, iterate_chunks, make_opener

# A header field that every MIME message has (RFC 2045, section 4), possibly behind other fields. Each line of them has
# one reading, its carriage return included: two would make the time exponential in the number of lines.
_MESSAGE_START: Final = defer_pattern(
    rb"(?:[\w-]{1,80}:[^\n]{0,999}+\n(?:[ \t][^\n]{0,999}+\n)*+)*?MIME-Version:", re.I
)
_LONGEST_MESSAGE: Final = 16 * MIB
_PIECE_BYTES: Final = 64 * KIB
_MOST_PARTS: Final = 2000
_LONGEST_HEADER: Final = 200  # characters of a field that states the encoding of a part
_LONGEST_NAME: Final = 100  # characters
_ENCODING: Final = "content-transfer-encoding"
_MAKE_HEADER: Final = HeaderRegistry()
# Browsers choose how to read a part by its type, whatever its name is.
_ENDINGS: Final = {
    "text/html": ".html", "application/xhtml+xml": ".xhtml", "image/svg+xml": ".svg", "text/xml": ".xml",
    "application/xml": ".xml", "text/javascript": ".js", "application/javascript": ".js",
}  # fmt: skip
_WIDE_CHARSETS: Final = frozenset({"utf-7", "utf-16", "utf-16le", "utf-16be", "utf-16-le", "utf-16-be", "utf-32"})


def recognises(head: Head) -> bool:
    """Whether this is text with the name of a saved message, or with the header of one."""
    has_extension = get_file_name(head.path).endswith(MESSAGE_EXTENSIONS)
    return (has_extension or _MESSAGE_START.match(head.data) is not None) and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what the reader of pages finds in the text, and each part without its encoding as an artifact.

    Raises:
        DamagedError: the file is not text to its end.
        LimitReachedError: the deadline passed.
        WindowError: the file is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    yield from read_page(artifact, window, limits)
    if window.size > _LONGEST_MESSAGE:
        yield Unread(UnreadReason.LIMIT, f"the parts of a message of more than {_LONGEST_MESSAGE} bytes were not read")
        return
    parser = BytesFeedParser()
    budget = get_budget(window, limits)
    part_count = 0
    try:
        for chunk in iterate_chunks(window, length=_PIECE_BYTES):
            check_deadline()
            parser.feed(chunk)
        for part in parser.close().walk():
            if part.is_multipart():
                continue
            part_count += 1
            if part_count > _MOST_PARTS:
                yield report_bound(_MOST_PARTS, "parts of the message")
                return
            data = _decode_part(part)
            budget.spend(len(data))
            content = DecodedWindow(data, budget)
            name = join_member(artifact.path, f"part-{part_count}{_name_part(part)}")
            yield Artifact(name, content.size, make_opener(content))
    except RecursionError:
        yield Unread(UnreadReason.LIMIT, "its parts nest too deep to be read")


def _decode_part(part: Message) -> bytes:
    """Return the bytes of a part without its transfer encoding, in UTF-8 if its character set is a wide one."""
    encoding = str(part.get(_ENCODING, ""))[:_LONGEST_HEADER]
    if encoding:  # the parsed value has no comments and no blanks around it
        part.replace_header(_ENCODING, getattr(_MAKE_HEADER(_ENCODING, encoding), "cte", encoding))
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    charset = str(part.get_content_charset("")).lower()
    return data.decode(charset, "replace").encode() if charset in _WIDE_CHARSETS else data


def _name_part(part: Message) -> str:
    """Return the end of the address of a part, by which a reader recognises it: from its type and its file name."""
    file_name = (part.get_filename("") or "").rpartition("/")[2][-_LONGEST_NAME:]
    ending = _ENDINGS.get(part.get_content_type(), "")
    if not file_name:
        return ending or ".txt"
    return f"/{file_name}" if file_name.lower().endswith(ending) else f"/{file_name}{ending}"
