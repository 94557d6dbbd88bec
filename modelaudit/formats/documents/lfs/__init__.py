"""Declare Git LFS pointers, small texts in place of content that is missing."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic
from modelaudit.model.defect_kind import DefectKind


class LfsDefect(DefectKind):
    """Defects of a Git LFS pointer."""

    TRAILING_DATA = "trailing-data"


DECLARATIONS: Final = (
    Declaration(
        "git-lfs-pointer",
        fixtures="text",
        read=f"{__name__}.reader:read",
        recognise=Magic((b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")),
        defects=(LfsDefect,),
    ),
)
