"""Pages and drawings in HTML and SVG: whether whoever opens one runs a script or fetches further content.

Source: https://html.spec.whatwg.org/multipage/ (scripts, event handlers, ``javascript:`` addresses), SVG 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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

_ENDINGS: Final = (".html", ".htm", ".xhtml", ".svg")
_START: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]{0,200}>\s*+)?(?:<!--.{0,400}?-->\s*+)?<(?:!doctype\s++)?(?:html|svg)\b",
    re.IGNORECASE | re.DOTALL,
)
_ELEMENT: Final = re.compile(r"<(?:\w{1,20}:)?(script|iframe|object|embed|foreignobject|applet)[\s>/]", re.IGNORECASE)
_HANDLER: Final = re.compile(r"[\s\"'/]on[a-z]{3,24}\s{0,4}=\s{0,4}[\"'a-z]", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(?:href|src|action|data)\s{0,4}=\s{0,4}[\"']?\s{0,4}javascript:", re.IGNORECASE)
_DATA: Final = re.compile(
    r"<script\b[^>]{0,400}type\s{0,4}=\s{0,4}[\"']?(?:application/(?:ld\+)?json|text/plain)", re.IGNORECASE
)
_MOST_ELEMENTS: Final = 20_000
# What a parser of XML takes, too, and may fetch entities for.
_IS_XML: Final = re.compile(r"\ufeff?\s*+(?:<\?xml|<!doctype[^>\[]{0,400}\[|<svg)", re.IGNORECASE)


def recognises(head: Head) -> bool:
    """Text that begins as a page or a drawing, or is called one."""
    is_called = get_file_name(head.path).endswith(_ENDINGS)
    return (is_called or _START.match(head.data) is not None) and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield its lines, and once each what it runs or fetches.

    Raises:
        DamagedError: it is not text throughout.
        WindowError: it is over ``document_bytes``, or from the window.
    """
    text, scan, defects = read_whole_text(window, limits)
    yield Document("text", "text", lines=scan.lines, defects=defects)
    yield Outline("markup", tuple(_mentions(text)))
    if _IS_XML.match(text):
        yield from read_xml(artifact, window, limits)


def _mentions(text: str) -> Iterator[Mention]:
    found: dict[str, int] = {}
    # What follows so many blocks of data is not looked at, and taken for no data.
    for count, match in enumerate(islice(_ELEMENT.finditer(text), _MOST_ELEMENTS)):
        if count == _MOST_ELEMENTS - 1 or _DATA.match(text, match.start()) is None:
            found.setdefault(match[1].lower(), match.start())
    for pattern, name in ((_HANDLER, "event-handler"), (_ADDRESS, "javascript")):
        first = pattern.search(text)
        if first is not None:
            found.setdefault(name, first.start())
    for name, place in found.items():
        line = text.count("\n", 0, place) + 1
        yield Mention("markup", "element", name, Location(line=line))
