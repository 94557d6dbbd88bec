"""The reader of XML, whatever it is a model of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from modelaudit.formats.documents.markup.dialects import Dialect, Root
from modelaudit.formats.embedded import find_encoded_strings
from modelaudit.languages.programs import report_unread_programs
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, References
from modelaudit.model.structure import Document
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.text import get_file_name
from modelaudit.wire.xml_encoding import detect_encoding
from modelaudit.wire.xml_parser import Markup

_NAMES: Final = (
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
_PAGES: Final = (".html", ".htm", ".md", ".markdown", ".mdx")
_DECLARED: Final = re.compile(r"\s*<\?xml[\s?]")
_ELEMENT: Final = re.compile(r"\s*<(?:[A-Za-z_]|!--|!DOCTYPE\s|\?)")
_MODEL: Final = re.compile(r"\s*<(?:\w+:)?(?:PMML|net)[\s>/]|\s*<!DOCTYPE\s+(?!html)", re.IGNORECASE)
_LOOKED_AT: Final = 512


def recognises(head: Head) -> bool:
    """Text that declares itself, that begins as a model does, or that is called XML and begins as markup."""
    if head.content is not None:
        return False
    encoding = detect_encoding(head.data[:1024])
    start = head.data[encoding.skip :][:_LOOKED_AT].decode(encoding.codec or "latin-1", "ignore")
    name = get_file_name(head.path)
    if _DECLARED.match(start):
        return True
    if name.endswith(_PAGES):
        return False
    return (_MODEL if not name.endswith(_NAMES) else _ELEMENT).match(start) is not None


def read_xml(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, what its loader would run or fetch, and what lies coded in its attributes.

    Raises:
        DamagedError: it is not well-formed, or not in its encoding.
        LimitReachedError: a bound was reached.
        WindowError: from the window.
    """
    root = Root()
    markup = Markup(window, limits, root)
    damage: DamagedError | WindowError | None = None
    try:
        markup.read()
    except (DamagedError, WindowError) as error:
        damage = error
    dialect = root.dialect or Dialect()
    dialect.finish(artifact.path)
    for target in dialect.inclusions:
        markup.record_target("xinclude", target)
    yield Document("xml", "text", lines=markup.lines)
    defects = (*markup.defects, *dialect.defects)
    mentions = (*(_of_model(each, dialect) for each in markup.mentions), *dialect.mentions)
    yield Outline("xml", mentions, (("kind", dialect.kind), *dialect.facts), defects)
    references = (*markup.references, *dialect.references)
    if references:
        yield References("xml", references)
    yield from dialect.unread
    if damage is not None:
        raise damage
    if window.size <= limits.document_bytes:
        yield from find_encoded_strings(artifact.path, window, limits)


def _of_model(mention: Mention, dialect: Dialect) -> Mention:
    """Many a format has its grammar on the web, and no parser fetches it; a format of models has none."""
    return replace(mention, use="model-doctype") if dialect.is_model and mention.use == "doctype" else mention


read = report_unread_programs(read_xml)
