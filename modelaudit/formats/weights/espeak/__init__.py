"""eSpeak NG: compiled pronunciation dictionaries and the table of phonemes, which many voice models bring along."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "espeak",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\0\4\0\0",)),),
    ),
    Declaration(
        "espeak",
        read=f"{__name__}.phonemes:read",
        recognise=f"{__name__}.phonemes:recognises",
        signs=(Sign(path=("phontab",)),),
    ),
)
