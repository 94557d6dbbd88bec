"""Declare tar archives."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, EmbeddedStart
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


DECLARATIONS: Final = (
    Declaration(
        "tar",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        embedded=EmbeddedStart(begins="modelaudit.wire.sniff:is_tar", is_weak=True),
        defects=(TarDefect, MemberDefect),
    ),
)
