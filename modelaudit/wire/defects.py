"""Define the defect kinds that several formats share: of archive members, of XML, of text."""

from __future__ import annotations

from modelaudit.model.defect_kind import DefectKind


class MemberDefect(DefectKind):
    """Defects in the name or link target of an archive member."""

    BACKSLASH_NAME = "backslash-name"
    NUL_IN_NAME = "nul-in-name"
    PATH_ESCAPE = "path-escape"


class XmlDefect(DefectKind):
    """Defects of an XML document, whatever it describes."""

    ENTITY_EXPANSION = "entity-expansion"
    UNUSUAL_ENCODING = "unusual-encoding"


class TextDefect(DefectKind):
    """Defects of a text, whatever its format."""

    NOT_UTF_8 = "not-utf-8", "text in an 8-bit encoding is old, and is read whole"
