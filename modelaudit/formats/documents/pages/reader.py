"""Read HTML pages and SVG drawings: find the elements that run a script or fetch content when a browser opens them.

Source: https://html.spec.whatwg.org/multipage/ (scripts, event handlers, ``javascript:`` addresses), SVG 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import islice
from typing import Final

from modelaudit.formats.documents.markup.reader import read_xml
from modelaudit.formats.documents.pages import EXTENSIONS
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Document, Location
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.documents import TextPieces, check_text
from modelaudit.wire.text import get_file_name, looks_like_text

# ``<html``, ``<svg`` or ``<!doctype html`` at the beginning, after an optional byte order mark, XML declaration and
# comment.
_PAGE_START: Final = defer_pattern(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]{0,200}>\s*+)?(?:<!--.{0,400}?-->\s*+)?<(?:!doctype\s++)?(?:html|svg)\b",
    re.IGNORECASE | re.DOTALL,
)
# An XML name with any prefix, such as ``<a-b:script``.
_ELEMENT: Final = defer_pattern(
    r"<(?:[^\s<>/:=\"']{1,200}:)?(script|iframe|frame|object|embed|foreignobject|applet)[\s>/]", re.IGNORECASE
)
# An attribute such as ``onload=`` with a value, which may begin with any character: ``(f)()``, ``&#97;lert()``.
_EVENT_HANDLER: Final = defer_pattern(r"[\s\"'/]on[a-z]{3,24}+\s*+=\s*+[^\s=>]", re.IGNORECASE)
# An element that leads the browser to another page by itself: a refresh whose address has a scheme, a server, or a
# character reference, which may hide both.
_REFRESH: Final = defer_pattern(
    r"<meta\s(?=[^<>]{0,1000}?\bhttp-equiv\s*+=\s*+[\"']?\s*+refresh\b)[^<>]{0,1000}?[;,\s]\s*+(?:url\s*+=\s*+)?"
    r"[\"']?(?:[a-z0-9+.&#;-]{1,200}+:|[/\\]{2}|&)",
    re.IGNORECASE,
)
# A value such as ``="javascript:`` of any attribute, also behind the delay of a refresh or as one of several values of
# an animation, in a text that ``_normalize_addresses`` returned.
_SCRIPT_ADDRESS: Final = defer_pattern(r"=[\"']?(?:[^\"'<>=]{0,300};)?(?:url=)?[\"']?(?:java|vb)script:", re.IGNORECASE)
# White space and control characters, which a browser removes from an address or ignores around it
# (https://url.spec.whatwg.org/#url-parsing).
_IGNORED_IN_ADDRESSES: Final = defer_pattern(r"[\x00-\x20]+")
# A script element whose type is data, such as ``<script type="application/json"``: a browser does not run it.
_DATA_SCRIPT: Final = defer_pattern(
    r"<script\b[^>]{0,400}type\s{0,4}=\s{0,4}[\"']?(?:application/(?:ld\+)?json|text/plain)", re.IGNORECASE
)
# A directive of a server that runs a command, or puts a file or an address into the page that it sends.
# Source: https://httpd.apache.org/docs/2.4/mod/mod_include.html
_SERVER_DIRECTIVE: Final = defer_pattern(r"<!--#(exec|include)\s", re.IGNORECASE)
_MOST_ELEMENTS: Final = 20_000
_OVERLAP_CHARACTERS: Final = 1024  # more than a match of ``_SCRIPT_ADDRESS`` has
_LONGEST_REFERENCE: Final = 64  # characters of a reference such as ``&CounterClockwiseContourIntegral;``
_LEADING_ZEROS: Final = defer_pattern(r"\A#([xX]?)0+")
# A document that an XML parser accepts as well, which may fetch entities or be an XSLT program.
_XML_START: Final = defer_pattern(
    r"\ufeff?\s*+(?:<\?xml|<!doctype[^>\[]{0,400}\[|<svg|<html\s[^>]{0,1000}[\"']http://www\.w3\.org/1999/XSL/Transform)",
    re.IGNORECASE,
)


def recognises(head: Head) -> bool:
    """Whether this is text that begins like a page or a drawing, or has the extension of one."""
    has_extension = get_file_name(head.path).endswith(EXTENSIONS)
    return (has_extension or _PAGE_START.match(head.data) is not None) and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, one mention for each kind of active element, and the structures of XML if it may be XML.

    Raises:
        DamagedError: the file is not text to its end.
        WindowError: the file is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    text = check_text(window, limits)
    yield Document("text", "text", lines=text.scan.lines, defects=text.defects)
    mentions = tuple(_find_mentions(text))
    yield Outline("markup", mentions)
    if _XML_START.match(_read_start(text)):
        names = {mention.name for mention in mentions}
        for reading in read_xml(artifact, window, limits):
            if isinstance(reading, Outline):
                yield replace(reading, mentions=tuple(each for each in reading.mentions if each.name not in names))
            else:
                yield reading


def _read_start(text: TextPieces) -> str:
    """Return the start of the text from its first character that is not white space, one of UTF-8's mark included."""
    pieces = iter(text)
    start = next((each for each in (piece.lstrip() for piece in pieces) if each), "")
    return start + next(pieces, "")


def _find_mentions(text: TextPieces) -> Iterator[Mention]:
    """Yield one mention for each kind of active element, with its first line."""
    first_lines: dict[str, int] = {}
    element_count = 0
    for piece, lines_before in text.iterate_searched():
        first_offsets, count = _find_active_elements(piece, _MOST_ELEMENTS - element_count)
        element_count += count
        for name, offset in first_offsets.items():
            if name not in first_lines:
                first_lines[name] = lines_before + piece.count("\n", 0, offset) + 1
    line = _find_script_address(text)
    if line:
        first_lines["javascript"] = line
    for name, line in first_lines.items():
        yield Mention("markup", "element", name, Location(line=line))


def _find_active_elements(text: str, most: int) -> tuple[dict[str, int], int]:
    """Return the first offset of each kind of active element, and the number of elements that were looked at.

    At most ``most`` elements are looked at. The last of them counts as active in any case, because those after it are
    not examined.
    """
    first_offsets: dict[str, int] = {}
    count = 0
    for count, element in enumerate(islice(_ELEMENT.finditer(text), most), 1):
        if count == most or _DATA_SCRIPT.match(text, element.start()) is None:
            first_offsets.setdefault(element[1].lower(), element.start())
    handler = _EVENT_HANDLER.search(text)
    if handler is not None:
        first_offsets.setdefault("event-handler", handler.start())
    directive = _SERVER_DIRECTIVE.search(text)
    if directive is not None:
        first_offsets.setdefault("server-directive", directive.start())
    refresh = _REFRESH.search(text)
    if refresh is not None:
        first_offsets.setdefault("refresh", refresh.start())
    return first_offsets, count


def _find_script_address(text: TextPieces) -> int:
    """Return 0 if no address runs a script, otherwise the line of the first ``script:`` so far, or else 1.

    A character reference may hide that word.
    """
    normalized = pending = ""
    lines_before = first_line = 0
    for piece in text:
        offset = piece.lower().find("script:") if not first_line else -1
        if offset >= 0:
            first_line = lines_before + piece.count("\n", 0, offset) + 1
        lines_before += piece.count("\n")
        complete, pending = _split_unfinished_reference(pending + piece)
        normalized = normalized[-_OVERLAP_CHARACTERS:] + _normalize_addresses(complete)
        if _SCRIPT_ADDRESS.search(normalized):
            return first_line or 1
    return (first_line or 1) if _SCRIPT_ADDRESS.search(normalized + _normalize_addresses(pending)) else 0


def _split_unfinished_reference(text: str) -> tuple[str, str]:
    """Split off a character reference at the end that may go on in the next piece, without its leading zeros."""
    complete, mark, reference = text.rpartition("&")
    shortened = _LEADING_ZEROS.sub(r"#\1", reference, count=1)
    if not mark or len(shortened) > _LONGEST_REFERENCE:
        return text, ""
    return complete, mark + shortened


def _normalize_addresses(text: str) -> str:
    """Return the text as a browser reads addresses in it: with character references resolved and without white space.

    ``java&#115;cript:`` and a line break in ``java script:`` lead to the same script as ``javascript:``.
    """
    return _IGNORED_IN_ADDRESSES.sub("", unescape(text))
