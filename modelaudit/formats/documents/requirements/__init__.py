"""Declare requirements files, the lists of packages that pip installs."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign

LIST_NAMES: Final = frozenset({"requirements", "req.txt"})
"""Names of lists of packages, beside those with a word for one."""

DECLARATIONS: Final = (
    Declaration(
        "requirements",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(path=("requirements", "constraints", *LIST_NAMES), is_text=True),),
        fallback=110,
        extensions=TEXT_EXTENSIONS,
    ),
)
