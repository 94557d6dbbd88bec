"""Zemberek: compressed n-gram language models, weights of words and a lexicon for Turkish."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic, Sign

# Version 1, the large type, and the logarithm's base 10.0.
_LANGUAGE_MODEL: Final = b"\0\0\0\1\0\0\0\1\x40\x24\0\0\0\0\0\0\0\0\0"
_WEIGHTS: Final = b"\xca\xfe\xbe\xef"

DECLARATIONS: Final = (
    Declaration(
        "zemberek",
        read=f"{__name__}.reader:read",
        recognise=Magic((_LANGUAGE_MODEL, _WEIGHTS)),
        extensions=(".slm",),
    ),
    Declaration(
        "zemberek",
        read=f"{__name__}.lexicon:read",
        recognise=f"{__name__}.lexicon:recognises",
        signs=(Sign((b"2",)),),
    ),
)
