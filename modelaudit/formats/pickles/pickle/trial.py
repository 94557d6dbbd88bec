"""Distinguish a pickle from bytes that only begin like one, by the acts and the names that a trial execution finds."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.pickle import Act, Name

ACTING: Final = frozenset({Act.CALL, Act.CONSTRUCT, Act.SET_STATE, Act.SET_ITEM})
"""Acts that use an imported name."""

# Identifiers with dots between them, such as os.path.join.
_IMPORTABLE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_importable(name: Name) -> bool:
    """Whether this could be the name of a module and its attribute; a loader raises on any other name."""
    return _IMPORTABLE.fullmatch(str(name)) is not None
