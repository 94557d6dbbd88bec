"""Wapiti: models that label sequences, as patterns, labels, features and weights."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic

DECLARATIONS: Final = (Declaration("wapiti", read=f"{__name__}.reader:read", recognise=Magic((b"#mdl#",))),)
