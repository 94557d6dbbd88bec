"""Read configurations of the Triton inference server, which name libraries and files that the server loads."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Sign

EXTENSIONS: Final = (".pbtxt", ".pb.txt", ".prototxt", ".textproto")
"""Extensions of protocol buffers in text form."""

DECLARATIONS: Final = (
    Declaration(
        "triton",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(path=EXTENSIONS, is_text=True),),
    ),
)
