"""Read configurations of the Triton inference server, which name libraries and files that the server loads."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("triton", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),
)
