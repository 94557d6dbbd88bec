"""RTen: graphs of operators of ONNX in a FlatBuffer, with the numbers of the constants behind it."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic

DECLARATIONS: Final = (
    Declaration(
        "rten",
        read=f"{__name__}.reader:read",
        # The second version of the format; the first one has no header.
        recognise=Magic((b"RTEN\2\0\0\0",)),
        extensions=(".rten",),
    ),
)
