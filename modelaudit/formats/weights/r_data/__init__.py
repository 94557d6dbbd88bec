"""Serialised R objects: ``.rds``, ``.rda`` and ``.RData``."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (Declaration("rds", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),)
