"""Declare ZIP archives, which the reader parses leniently enough to find the members that any loader would see.

Python's ``zipfile`` and the C reader inside torch disagree about damaged and forged archives: where the directory is,
which of two members of one name counts, whether a checksum or a flag matters. The reader covers both views and
reports each disagreement as a defect. Source of the format: PKWARE APPNOTE.TXT 6.3.10.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, EmbeddedStart
from modelaudit.model.defect_kind import DefectKind
from modelaudit.wire.defects import MemberDefect


class ZipDefect(DefectKind):
    """Defects of a ZIP archive."""

    CASE_DUPLICATE_MEMBER = "case-duplicate-member"
    CRC_MISMATCH = "crc-mismatch"
    DAMAGED_CONTENT = "damaged-content"
    DATA_AFTER_STREAM = "data-after-stream"
    DIRECTORY_AMBIGUOUS = "directory-ambiguous"
    DIRECTORY_DAMAGED = "directory-damaged"
    DIRECTORY_MISSING = "directory-missing"
    DIRECTORY_WITH_DATA = "directory-with-data"
    DUPLICATE_MEMBER = "duplicate-member"
    ENCRYPTED_FLAG_MISMATCH = "encrypted-flag-mismatch"
    ENCRYPTED_MEMBER = "encrypted-member", "reported as encrypted content that was not read"
    ENTRY_COUNT_MISMATCH = "entry-count-mismatch"
    EXPANSION_RATIO = "expansion-ratio"
    FALSE_ENCRYPTION_FLAG = "false-encryption-flag"
    LINK_MEMBER = "link-member"
    LOCAL_HEADER_MISSING = "local-header-missing"
    LOCAL_MEMBER_NOT_IN_DIRECTORY = "local-member-not-in-directory"
    LOCAL_NAME_MISMATCH = "local-name-mismatch"
    METHOD_MISMATCH = "method-mismatch"
    OVERLAPPING_MEMBERS = "overlapping-members"
    PATCH_FLAG = "patch-flag"
    PREFIX_DATA = "prefix-data"
    SIZE_MISMATCH = "size-mismatch"
    STORED_SIZE_MISMATCH = "stored-size-mismatch"
    TRAILING_DATA = "trailing-data"
    TRUNCATED_MEMBER = "truncated-member"
    UNICODE_PATH_MISMATCH = "unicode-path-mismatch"
    UNKNOWN_COMPRESSION = "unknown-compression"
    UNLISTED_DATA = "unlisted-data"


DECLARATIONS: Final = (
    Declaration(
        "zip",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.recognition:recognises",
        extensions=(".npz",),
        embedded=EmbeddedStart(magic=(b"PK\x03\x04", b"PK\x05\x06")),
        defects=(ZipDefect, MemberDefect),
    ),
)
