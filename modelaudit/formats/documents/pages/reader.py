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
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Document, Location
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.text import get_file_name, looks_like_text

_EXTENSIONS: Final = (".html", ".htm", ".xhtml", ".svg")
# ``<html``, ``<svg`` or ``<!doctype html`` at the beginning, after an optional byte order mark, XML declaration and
# comment.
_PAGE_START: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]{0,200}>\s*+)?(?:<!--.{0,400}?-->\s*+)?<(?:!doctype\s++)?(?:html|svg)\b",
    re.IGNORECASE | re.DOTALL,
)
_ELEMENT: Final = re.compile(r"<(?:\w{1,20}:)?(script|iframe|object|embed|foreignobject|applet)[\s>/]", re.IGNORECASE)
# An attribute such as ``onload="``.
_EVENT_HANDLER: Final = re.compile(r"[\s\"'/]on[a-z]{3,24}\s{0,4}=\s{0,4}[\"'a-z]", re.IGNORECASE)
# A value such as ``="javascript:`` of any attribute, also behind the delay of a refresh or as one of several values of
# an animation, in a text that ``_normalize_addresses`` returned.
_SCRIPT_ADDRESS: Final = re.compile(r"=[\"']?(?:[^\"'<>=]{0,300};)?(?:url=)?[\"']?(?:java|vb)script:", re.IGNORECASE)
# White space and control characters, which a browser removes from an address or ignores around it
# (https://url.spec.whatwg.org/#url-parsing).
_IGNORED_IN_ADDRESSES: Final = re.compile(r"[\x00-\x20]+")
# A script element whose type is data, such as ``<script type="application/json"``: a browser does not run it.
_DATA_SCRIPT: Final = re.compile(
    r"<script\b[^>]{0,400}type\s{0,4}=\s{0,4}[\"']?(?:application/(?:ld\+)?json|text/plain)", re.IGNORECASE
)
_MOST_ELEMENTS: Final = 20_000
# A document that an XML parser accepts as well, which may fetch entities.
_XML_START: Final = re.compile(r"\ufeff?\s*+(?:<\?xml|<!doctype[^>\[]{0,400}\[|<svg)", re.IGNORECASE)


def recognises(head: Head) -> bool:
    """Whether this is text that begins like a page or a drawing, or has the extension of one."""
    has_extension = get_file_name(head.path).endswith(_EXTENSIONS)
    return (has_extension or _PAGE_START.match(head.data) is not None) and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, one mention for each kind of active element, and the structures of XML if it may be XML.

    Raises:
        DamagedError: the file is not text to its end.
        WindowError: the file is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    text, scan, defects = read_whole_text(window, limits)
    yield Document("text", "text", lines=scan.lines, defects=defects)
    yield Outline("markup", tuple(_find_mentions(text)))
    if _XML_START.match(text):
        yield from read_xml(artifact, window, limits)


def _find_mentions(text: str) -> Iterator[Mention]:
    """Yield one mention for each kind of active element, with its first line."""
    first_offsets: dict[str, int] = {}
    # The last element looked at counts as active in any case, because those after it are not examined.
    for count, element in enumerate(islice(_ELEMENT.finditer(text), _MOST_ELEMENTS)):
        if count == _MOST_ELEMENTS - 1 or _DATA_SCRIPT.match(text, element.start()) is None:
            first_offsets.setdefault(element[1].lower(), element.start())
    handler = _EVENT_HANDLER.search(text)
    if handler is not None:
        first_offsets.setdefault("event-handler", handler.start())
    if _SCRIPT_ADDRESS.search(_normalize_addresses(text)):
        first_offsets.setdefault("javascript", max(0, text.lower().find("script:")))
    for name, offset in first_offsets.items():
        line = text.count("\n", 0, offset) + 1
        yield Mention("markup", "element", name, Location(line=line))


def _normalize_addresses(text: str) -> str:
    """Return the text as a browser reads addresses in it: with character references resolved and without white space.

    ``java&#115;cript:`` and a line break in ``java script:`` lead to the same script as ``javascript:``.
    """
    return _IGNORED_IN_ADDRESSES.sub("", unescape(text))
