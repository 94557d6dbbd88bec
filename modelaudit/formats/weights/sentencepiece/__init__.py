"""SentencePiece: tokenizer models, which are lists of pieces of words with scores, and rules of normalisation."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "sentencepiece",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\n",)),),
        fallback=10,
    ),
    # Few bytes show what it is, so the readers of all other formats are asked first.
    Declaration(
        "sentencepiece",
        read=f"{__name__}.normalizer:read",
        recognise=f"{__name__}.normalizer:recognises",
        signs=(Sign((b"\0",), unit=1),),
        fallback=11,
    ),
)
