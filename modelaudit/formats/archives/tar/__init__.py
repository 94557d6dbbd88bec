"""Declare tar archives."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import ANY_CONTENT, Declaration, EmbeddedStart, Sign
from modelaudit.model.defect_kind import DefectKind
from modelaudit.wire.defects import MemberDefect


class TarDefect(DefectKind):
    """Defects of a tar archive."""

    DATA_WITHOUT_FILE = "data-without-file"
    DUPLICATE_MEMBER = "duplicate-member"
    EXPANSION_RATIO = "expansion-ratio"
    HEADER_DAMAGED = "header-damaged"
    LINK_MEMBER = "link-member"
    MEMBER_AFTER_END = "member-after-end"
    NAMES_CONTRADICT = "names-contradict"
    PAX_HEADER_INVALID = "pax-header-invalid"
    PAX_SIZE_MISMATCH = "pax-size-mismatch"
    SPARSE_MAP_INVALID = "sparse-map-invalid"
    SPECIAL_MEMBER = "special-member"
    TRAILING_DATA = "trailing-data"
    TRUNCATED_MEMBER = "truncated-member"
    UNLISTED_DATA = "unlisted-data"


# The field of the checksum begins with blanks, a sign, octal digits and their marks, a zero byte, or a binary number.
_CHECKSUM_STARTS: Final = b"\0\t\n\v\f\r\x1c\x1d\x1e\x1f +-01234567_oO\x80\xff"


DECLARATIONS: Final = (
    Declaration(
        "tar",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.recognition:recognises",
        signs=(
            Sign((b"ustar",), offset=257, contents=ANY_CONTENT),
            Sign(among=_CHECKSUM_STARTS, offset=148, contents=ANY_CONTENT),
        ),
        embedded=EmbeddedStart(begins="modelaudit.wire.sniff:is_tar", is_weak=True),
        defects=(TarDefect, MemberDefect),
    ),
)
