"""GGML: the weight files of llama.cpp, whisper.cpp and related programs before GGUF."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic
from modelaudit.formats.weights.gguf import TensorDefect

DECLARATIONS: Final = (
    Declaration(
        "ggml",
        read=f"{__name__}.reader:read",
        recognise=Magic((b"lmgg", b"fmgg", b"tjgg", b"algg")),
        extensions=(".ggml", ".ggjt"),
        defects=(TensorDefect,),
    ),
)
