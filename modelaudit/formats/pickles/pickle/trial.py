"""By what a trial tells a pickle from bytes that only begin like one: what it does, and to names that could exist."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.pickle import Act, Name

ACTING: Final = frozenset({Act.CALL, Act.CONSTRUCT, Act.SET_STATE, Act.SET_ITEM})
"""Acts that do something with what was imported."""

_IMPORTABLE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_importable(name: Name) -> bool:
    """Whether a module and an attribute could be called so: a loader raises on anything else."""
    return _IMPORTABLE.fullmatch(str(name)) is not None
