"""THULAC: the double arrays of words and of features, and the weights, of a segmenter of Chinese.

A table of its characters belongs to them.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "thulac",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign((b"\0\0",), offset=2),),
    ),
)
