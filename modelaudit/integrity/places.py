"""Where keys, locks and attestations may lie: never in the model for which they vouch."""

from __future__ import annotations

import os
from pathlib import Path


def lies_in(path: str | Path, folder: str | Path | None) -> bool:
    """Whether a file lies below a folder, wherever links lead; false without a folder."""
    return folder is not None and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
