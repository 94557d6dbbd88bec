"""Declare 7-Zip archives."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, EmbeddedStart, Magic
from modelaudit.model.defect_kind import DefectKind
from modelaudit.wire.defects import MemberDefect


class SevenZipDefect(DefectKind):
    """Defects of a 7-Zip archive."""

    CRC_MISMATCH = "crc-mismatch"
    DAMAGED_CONTENT = "damaged-content"
    DIRECTORY_DAMAGED = "directory-damaged"
    DUPLICATE_MEMBER = "duplicate-member"
    ENCRYPTED_MEMBER = "encrypted-member", "reported as encrypted content that was not read"
    ENTRY_COUNT_MISMATCH = "entry-count-mismatch"
    EXPANSION_RATIO = "expansion-ratio"
    LINK_MEMBER = "link-member"
    SIZE_MISMATCH = "size-mismatch"
    TRAILING_DATA = "trailing-data"
    UNKNOWN_COMPRESSION = "unknown-compression"
    UNLISTED_DATA = "unlisted-data"


SIGNATURE: Final = b"7z\xbc\xaf\x27\x1c"

DECLARATIONS: Final = (
    Declaration(
        "7z",
        read=f"{__name__}.reader:read",
        recognise=Magic((SIGNATURE,), in_containers=True),
        embedded=EmbeddedStart(magic=(SIGNATURE,)),
        defects=(SevenZipDefect, MemberDefect),
    ),
)
