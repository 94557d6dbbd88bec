"""Read XML documents: detect them, parse them without fetching anything, and yield the findings of their dialect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.documents.markup.dialects import Dialect, DialectSelector
from modelaudit.languages.programs import report_unread_programs
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, References
from modelaudit.model.structure import Document
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.text import get_file_name
from modelaudit.wire.xml_encoding import detect_encoding
from modelaudit.wire.xml_parser import XmlParser

_XML_EXTENSIONS: Final = (
    ".xml",
    ".pmml",
    ".dae",
    ".urdf",
    ".xacro",
    ".sdf",
    ".rss",
    ".atom",
    ".xsl",
    ".xslt",
    ".xsd",
    ".rdf",
    ".wsdl",
    ".plist",
)
_PAGE_EXTENSIONS: Final = (".html", ".htm", ".md", ".markdown", ".mdx")
_XML_DECLARATION: Final = defer_pattern(r"\s*<\?xml[\s?]")
# The start of an element, a comment, a document type or a processing instruction.
_MARKUP_START: Final = defer_pattern(r"\s*<(?:[A-Za-z_]|!--|!DOCTYPE\s|\?)")
# The outermost element of a model or of an XSLT program, or a document type other than that of a page: its entities can
# fetch files.
_MODEL_START: Final = defer_pattern(
    r"\s*<(?:\w+:)?(?:PMML|net)[\s>/]|\s*<\w+:(?:stylesheet|transform)\s|\s*<!DOCTYPE\s+(?!html)", re.IGNORECASE
)
_ENCODING_BYTES: Final = 1024
_START_BYTES: Final = 512


def recognises(head: Head) -> bool:
    """Whether the text has an XML declaration, begins like a model, or has an XML extension and begins with markup."""
    if head.content is not None:
        return False
    encoding = detect_encoding(head.data[:_ENCODING_BYTES])
    text_bytes = head.data[encoding.mark_length :]
    start = text_bytes[:_START_BYTES].decode(encoding.codec or "latin-1", "ignore")
    name = get_file_name(head.path)
    if _XML_DECLARATION.match(start):
        return True
    if name.endswith(_PAGE_EXTENSIONS):
        return False
    expected_start = _MARKUP_START if name.endswith(_XML_EXTENSIONS) else _MODEL_START
    return expected_start.match(start) is not None


def read_xml(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, the names and files that its loader would use, and content encoded in its text.

    Raises:
        DamagedError: the document is not well-formed, not valid in its encoding, or reached a bound
            (``LimitReachedError``).
        WindowError: the document is over ``document_bytes``, or the window could not return the requested bytes.
    """
    selector = DialectSelector()
    markup = XmlParser(window, limits, selector)
    # An error, also of a bound, is raised only after the part before it was yielded.
    damage: DamagedError | WindowError | None = None
    try:
        markup.read()
    except (DamagedError, WindowError) as error:
        damage = error
    # A text that is damaged before its first element selects no dialect.
    dialect = selector.dialect or Dialect()
    dialect.finish(artifact.path)
    for target in dialect.inclusions:
        markup.record_target("xinclude", target)
    yield Document("xml", "text", lines=markup.lines)
    defects = (*markup.defects, *dialect.defects)
    mentions = (*(_mark_model_doctype(each, dialect) for each in markup.mentions), *dialect.mentions)
    yield Outline("xml", mentions, (("kind", dialect.kind), *dialect.facts), defects)
    references = (*markup.references, *dialect.references)
    if references:
        yield References("xml", references)
    yield from (*markup.unread, *dialect.unread)
    if damage is not None:
        raise damage


def _mark_model_doctype(mention: Mention, dialect: Dialect) -> Mention:
    """Change the use of a document type of a model format to ``model-doctype``, which is judged more severely.

    Many other formats name a grammar on the web that no parser fetches; model formats have no such grammar.
    """
    if dialect.is_model and mention.use == "doctype":
        return replace(mention, use="model-doctype")
    return mention


read = report_unread_programs(read_xml)
