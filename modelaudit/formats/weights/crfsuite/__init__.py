"""CRFsuite: conditional random fields, which are features with weights and the names of labels and attributes."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, Magic

DECLARATIONS: Final = (
    Declaration("crfsuite", read=f"{__name__}.reader:read", recognise=Magic((b"lCRF",)), extensions=(".crfsuite",)),
)
