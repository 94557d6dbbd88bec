"""Voices of the HTS engine: decision trees over the sounds of a sentence, and the numbers at their leaves."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic

DECLARATIONS: Final = (
    Declaration(
        "htsvoice",
        read=f"{__name__}.reader:read",
        recognise=Magic((b"[GLOBAL]\nHTS_VOICE_VERSION:",)),
        extensions=(".htsvoice",),
    ),
)
