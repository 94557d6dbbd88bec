"""eSpeak NG: compiled pronunciation dictionaries and the table of phonemes, which many voice models bring along."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("espeak", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),
    Declaration("espeak", read=f"{__name__}.phonemes:read", recognise=f"{__name__}.phonemes:recognises"),
)
